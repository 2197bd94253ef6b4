/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef CONNECT_TEST_H
#define CONNECT_TEST_H

/*
 * What the tests of connecting have in common: a list of addresses that listen, refuse or say
 * nothing, one race for them, and what it reports.
 */

#include "reactor_test.h"

#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/un.h>

enum {
    ADDRESSES = 16,
    HOLE_CLIENTS = 4,
};

/* An address of the list, and what the test holds at the other end. */
struct place {
    struct sockaddr_storage storage;
    int listener;
    int clients[HOLE_CLIENTS];
};

struct attempt {
    uint32_t index;
    int error;
};

static struct place places[ADDRESSES];
static struct kevy_address list[ADDRESSES];
static uint32_t count;
static struct kevy_connector connecting;
static struct kevy_connector_options options;
static struct probe probe;
static unsigned reports;
static int result;
static struct attempt failures[ADDRESSES];
static unsigned failure_count;
static void (*then)(void);          /* in `done` */
static void (*then_on_error)(void); /* in `attempt` */

static inline void done(struct kevy_connector *connect, int outcome)
{
    ck_assert_ptr_eq(connect, &connecting);
    ck_assert_uint_eq(quiet_depth, 0);
    ck_assert_ptr_eq(probe.log_end, probe.log); /* the stream opens afterwards */
    reports++;
    result = outcome;
    if (then != NULL)
        then();
}

static inline void failed(struct kevy_connector *connect, uint32_t index, int error)
{
    ck_assert_ptr_eq(connect, &connecting);
    ck_assert_uint_eq(quiet_depth, 0);
    ck_assert_uint_eq(reports, 0);
    ck_assert_uint_lt(failure_count, ADDRESSES);
    failures[failure_count++] = (struct attempt){index, error};
    if (then_on_error != NULL)
        then_on_error();
}

static inline void setup(void)
{
    reactor_setup();
    probe_init(&probe, &probe_events);
    for (unsigned index = 0; index < ADDRESSES; index++) {
        places[index].listener = -1;
        for (unsigned client = 0; client < HOLE_CLIENTS; client++)
            places[index].clients[client] = -1;
    }
    options = (struct kevy_connector_options){
        .stream = &probe.stream,
        .addresses = list,
        .attempt_delay_ns = KEVY_SECONDS(3600),
        .timeout_ns = KEVY_SECONDS(7200),
        .attempt = failed,
        .done = done,
    };
}

static inline void places_close(void)
{
    for (unsigned index = 0; index < count; index++) {
        if (places[index].listener >= 0)
            close(places[index].listener);
        for (unsigned client = 0; client < HOLE_CLIENTS; client++)
            if (places[index].clients[client] >= 0)
                close(places[index].clients[client]);
    }
    count = 0;
}

static inline void teardown(void)
{
    places_close();
    if (result == 0 && reports > 0 && !probe.closed) {
        kevy_stream_abort(&probe.stream);
        probe_finish(&probe);
    }
    reactor_teardown();
}

static inline struct place *place_add(socklen_t length)
{
    struct place *place = &places[count];

    ck_assert_uint_lt(count, ADDRESSES);
    list[count++] = (struct kevy_address){(struct sockaddr *)&place->storage, length};
    return place;
}

/* A port that takes connections. */
static inline struct place *add_listening(void)
{
    struct place *place = place_add(sizeof(struct sockaddr_in));

    place->listener = plain_listen((struct sockaddr_in *)&place->storage);
    return place;
}

/* A port that is taken, and listened to by nobody. */
static inline void add_refusing(void)
{
    struct place *place = place_add(sizeof(struct sockaddr_in));
    struct sockaddr_in *address = (struct sockaddr_in *)&place->storage;
    socklen_t length = sizeof *address;

    address->sin_family = AF_INET;
    address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    place->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(place->listener, (struct sockaddr *)address, sizeof *address), 0);
    ck_assert_int_eq(getsockname(place->listener, (struct sockaddr *)address, &length), 0);
}

/* The name of a Unix socket that nobody has: refused, by another family. */
static inline void add_refusing_unix(void)
{
    struct place *place = place_add(0);
    struct sockaddr_un *address = (struct sockaddr_un *)&place->storage;

    address->sun_family = AF_UNIX;
    snprintf(address->sun_path + 1, sizeof address->sun_path - 1, "kevy-nobody-%d", (int)getpid());
    list[count - 1].length = (socklen_t)(sizeof(sa_family_t) + 1 + strlen(address->sun_path + 1));
}

static inline bool connected(int fd)
{
    struct tcp_info info;
    socklen_t length = sizeof info;

    ck_assert_int_eq(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length), 0);
    return info.tcpi_state == TCP_ESTABLISHED;
}

/* A port that answers nothing: with a full accept queue the kernel drops what asks for more. */
static inline void add_hole(void)
{
    struct place *place = add_listening();
    struct sockaddr_in *address = (struct sockaddr_in *)&place->storage;

    ck_assert_int_eq(listen(place->listener, 0), 0);
    for (unsigned client = 0; client < HOLE_CLIENTS; client++) {
        place->clients[client] = plain_connect(ntohs(address->sin_port));
        if (!connected(place->clients[client]))
            return;
    }
    ck_abort_msg("the accept queue is never full");
}

/* A Unix socket whose backlog is full. */
static inline struct place *add_full_unix(void)
{
    struct place *place = place_add(0);
    struct sockaddr_un *address = (struct sockaddr_un *)&place->storage;
    socklen_t length = sizeof *address;

    address->sun_family = AF_UNIX;
    place->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(place->listener, (struct sockaddr *)address, sizeof address->sun_family),
                     0);
    ck_assert_int_eq(getsockname(place->listener, (struct sockaddr *)address, &length), 0);
    ck_assert_int_eq(listen(place->listener, 0), 0);
    place->clients[0] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(connect(place->clients[0], (struct sockaddr *)address, length), 0);
    list[count - 1].length = length;
    return place;
}

static inline int try_start(void)
{
    int outcome;

    options.count = count;
    QUIETLY(outcome = kevy_connector_start(&connecting, reactor, &options));
    return outcome;
}

static inline void start(void)
{
    ck_assert_int_eq(try_start(), 0);
}

static inline void cancel(void)
{
    QUIETLY(kevy_connector_cancel(&connecting));
}

static inline void check_end(int outcome)
{
    TURN_UNTIL(reports);
    ck_assert_uint_eq(reports, 1);
    ck_assert_int_eq(result, outcome);
    ck_assert_uint_eq(stats_now().objects, outcome == 0);
    turns(3);
    ck_assert_uint_eq(reports, 1);
}

static inline void check_failure(unsigned number, uint32_t index, int error)
{
    ck_assert_uint_lt(number, failure_count);
    ck_assert_uint_eq(failures[number].index, index);
    ck_assert_int_eq(failures[number].error, error);
}

/* The stream is connected to this address, and carries bytes. */
static inline void check_connected_to(const struct place *place)
{
    struct sockaddr_storage peer;
    socklen_t length = sizeof peer;
    int on = 0;
    socklen_t on_length = sizeof on;

    TURN_UNTIL(probe.log_end > probe.log);
    ck_assert_str_eq(probe.log, "o");
    ck_assert_int_eq(kevy_stream_peer_address(&probe.stream, (struct sockaddr *)&peer, &length), 0);
    ck_assert_mem_eq(&peer, &place->storage, length);
    ck_assert_int_eq(
        getsockopt(kevy_stream_fd(&probe.stream), IPPROTO_TCP, TCP_NODELAY, &on, &on_length), 0);
    ck_assert_int_eq(on, 1);
    probe.peer = accept4(place->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    ck_assert_int_ge(probe.peer, 0);
    peer_write_text(probe.peer, "hello");
    TURN_UNTIL(probe.count == 5);
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, "world", 5), 0));
    peer_expect_text(probe.peer, "world");
}

#endif
