/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef DATAGRAM_TEST_H
#define DATAGRAM_TEST_H

/*
 * What the tests of datagram sockets have in common: a socket that writes down what happens to it,
 * and plain sockets as its peers, driven between the turns.
 */

#include "reactor_test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <sys/un.h>

/* A socket that writes down what happens to it; `address` is where it can be reached. */
struct post {
    struct kevy_datagram datagram; /* overwritten after close */
    struct sockaddr_in address;
    unsigned reads, drains, finishes, errors, closes;
    int error; /* the last */
    bool error_has_peer;
    char text[64]; /* the last datagram */
    uint32_t length, whole_length;
    uint16_t segment_size;
    bool control_truncated;
    struct sockaddr_storage peer;
    socklen_t peer_length;
    bool echo, check_order, close_on_event;
    struct kevy_buffer kept[64];
    unsigned keep, kept_count;
    void (*on_read)(struct post *post, struct kevy_datagram_message *message);
    void (*on_drain)(struct post *post);
};

/* The counters of a socket. */
static inline struct kevy_datagram_stats stats_of(const struct post *at)
{
    struct kevy_datagram_stats stats;

    kevy_datagram_stats(&at->datagram, &stats);
    return stats;
}

static inline struct post *post_of(struct kevy_datagram *datagram)
{
    return KEVY_CONTAINER_OF(datagram, struct post, datagram);
}

static inline void post_event(struct post *at)
{
    ck_assert_uint_eq(quiet_depth, 0);
    ck_assert_uint_eq(at->closes, 0);
    if (at->close_on_event) {
        QUIETLY(kevy_datagram_close(&at->datagram));
        QUIETLY(kevy_datagram_close(&at->datagram));
    }
}

static inline void post_read(struct kevy_datagram *datagram, struct kevy_datagram_message *message)
{
    struct post *at = post_of(datagram);
    uint32_t shown = message->buffer->length;

    at->length = message->buffer->length;
    at->whole_length = message->whole_length;
    at->segment_size = message->segment_size;
    at->control_truncated = message->control_truncated;
    at->peer_length = message->peer_length;
    memcpy(&at->peer, message->peer, message->peer_length);
    if (shown >= sizeof at->text)
        shown = sizeof at->text - 1;
    memcpy(at->text, message->buffer->data, shown);
    at->text[shown] = 0;
    if (at->check_order)
        ck_assert_uint_eq((unsigned)atoi(at->text), at->reads);
    at->reads++;
    if (at->on_read != NULL)
        at->on_read(at, message);
    if (at->kept_count < at->keep)
        ck_assert_int_eq(kevy_buffer_retain(message->buffer, &at->kept[at->kept_count++]), 0);
    if (at->echo)
        QUIETLY(ck_assert_int_eq(kevy_datagram_send(datagram, message->buffer->data,
                                                    message->buffer->length, message->peer,
                                                    message->peer_length),
                                 0));
    post_event(at);
}

static inline void post_error(struct kevy_datagram *datagram, int error,
                              const struct sockaddr *peer)
{
    struct post *at = post_of(datagram);

    at->errors++;
    at->error = error;
    at->error_has_peer = peer != NULL;
    post_event(at);
}

static inline void post_drain(struct kevy_datagram *datagram)
{
    struct post *at = post_of(datagram);

    at->drains++;
    if (at->on_drain != NULL)
        at->on_drain(at);
    post_event(at);
}

static inline void post_finish(struct kevy_datagram *datagram)
{
    post_of(datagram)->finishes++;
    post_event(post_of(datagram));
}

static inline void post_close(struct kevy_datagram *datagram)
{
    struct post *at = post_of(datagram);

    ck_assert_uint_eq(quiet_depth, 0);
    at->closes++;
    ck_assert_uint_eq(at->closes, 1);
    memset(datagram, 0xA5, sizeof *datagram);
}

static inline struct kevy_datagram_options local_options(void)
{
    return (struct kevy_datagram_options){.address = "127.0.0.1",
                                          .read = post_read,
                                          .error = post_error,
                                          .drain = post_drain,
                                          .close = post_close};
}

static inline void post_open_with(struct post *at, const struct kevy_datagram_options *options)
{
    socklen_t length = sizeof at->address;

    memset(at, 0, sizeof *at);
    QUIETLY(ck_assert_int_eq(kevy_datagram_open(&at->datagram, reactor, options), 0));
    (void)getsockname(kevy_datagram_fd(&at->datagram), (struct sockaddr *)&at->address, &length);
}

static inline void post_open(struct post *at)
{
    struct kevy_datagram_options options = local_options();

    post_open_with(at, &options);
    ck_assert_uint_eq(kevy_datagram_port(&at->datagram), ntohs(at->address.sin_port));
    ck_assert_uint_ne(kevy_datagram_port(&at->datagram), 0);
}

static inline void post_end(struct post *at)
{
    if (at->closes == 0)
        QUIETLY(kevy_datagram_close(&at->datagram));
    TURN_UNTIL(at->closes);
}

/* A plain socket on 127.0.0.1, the other end of the tests. */
static inline int plain_socket(struct sockaddr_in *address)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    socklen_t length = sizeof *address;

    memset(address, 0, sizeof *address);
    address->sin_family = AF_INET;
    address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)address, sizeof *address), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)address, &length), 0);
    return fd;
}

static inline void plain_send(int fd, const struct post *to, const void *data, size_t length)
{
    ck_assert_int_eq(
        sendto(fd, data, length, 0, (const struct sockaddr *)&to->address, sizeof to->address),
        (ssize_t)length);
}

static inline void plain_send_numbers(int fd, const struct post *to, unsigned first, unsigned count)
{
    char text[16];

    for (unsigned number = first; number < first + count; number++)
        plain_send(fd, to, text, (size_t)snprintf(text, sizeof text, "%u", number));
}

static inline int send_to(struct post *from, const void *data, size_t length,
                          const struct sockaddr_in *to)
{
    int result = 0;

    QUIETLY(result = kevy_datagram_send(&from->datagram, data, length, (const struct sockaddr *)to,
                                        to != NULL ? sizeof *to : 0));
    return result;
}

static inline ssize_t plain_receive(int fd, void *data, size_t size)
{
    for (unsigned count = 0; count < TURNS_MAX; count++) {
        ssize_t result = recv(fd, data, size, 0);

        if (result >= 0 || errno != EAGAIN)
            return result;
        turn();
    }
    ck_abort_msg("no datagram comes");
    return -1;
}

/* A socket connected to a receiver that takes no more than net.unix.max_dgram_qlen at once. */
static inline int unix_receiver(struct post *at)
{
    struct kevy_datagram_options options = local_options();
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    socklen_t length = sizeof name;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    ck_assert_int_eq(bind(fd, (struct sockaddr *)&name, sizeof name.sun_family), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&name, &length), 0);
    options.address = NULL;
    options.peer = (struct sockaddr *)&name;
    options.peer_length = length;
    post_open_with(at, &options);
    ck_assert_uint_eq(kevy_datagram_port(&at->datagram), 0);
    return fd;
}

#endif
