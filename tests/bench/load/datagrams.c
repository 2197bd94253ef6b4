/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "datagrams.h"
#include "clock.h"
#include "pattern.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS_MAX 64
#define ROOM       65536U
#define LOST_NS    100000000U
#define SILENT_MAX 50 /* times LOST_NS: the server is gone */

struct peer {
    int fd;
    size_t received; /* bytes of the answer */
    uint64_t begun_ns;
};

struct datagrams {
    const struct settings *settings;
    struct tally *tally;
    uint8_t *message;
    size_t length;
    struct peer *all;
    int epoll;
    uint64_t deadline_ns;
    uint64_t looked_ns; /* for what is lost */
    uint32_t waiting;
};

static int peer_open(struct datagrams *datagrams, struct peer *peer)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(datagrams->settings->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = peer};
    const int size = (int)datagrams->settings->size, on = 1;

    peer->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (peer->fd < 0 || connect(peer->fd, (struct sockaddr *)&address, sizeof address) < 0)
        return -errno;
    if (datagrams->settings->segments > 1 &&
        (setsockopt(peer->fd, SOL_UDP, UDP_SEGMENT, &size, sizeof size) < 0 ||
         setsockopt(peer->fd, SOL_UDP, UDP_GRO, &on, sizeof on) < 0))
        return -errno;
    return epoll_ctl(datagrams->epoll, EPOLL_CTL_ADD, peer->fd, &event) < 0 ? -errno : 0;
}

static int peer_send(struct datagrams *datagrams, struct peer *peer)
{
    peer->begun_ns = now_ns();
    peer->received = 0;
    return send(peer->fd, datagrams->message, datagrams->length, 0) < 0 ? -errno : 0;
}

static void peer_rest(struct datagrams *datagrams, struct peer *peer)
{
    peer->received = datagrams->length;
    datagrams->waiting--;
}

static int peer_receive(struct datagrams *datagrams, struct peer *peer)
{
    static uint8_t received[ROOM];
    size_t size = datagrams->settings->size;
    ssize_t count = recv(peer->fd, received, sizeof received, 0);

    if (count < 0)
        return errno == EAGAIN ? 0 : -errno;
    for (size_t at = 0; at < (size_t)count; at += size)
        if ((size_t)count - at < size || memcmp(received + at, datagrams->message, size) != 0)
            return -EBADMSG;
    if (peer->received == datagrams->length)
        return 0; /* what had been given up */
    peer->received += (size_t)count;
    datagrams->tally->messages += (size_t)count / size;
    if (peer->received < datagrams->length)
        return 0;
    peer->received = datagrams->length;
    histogram_add(&datagrams->tally->latency, now_ns() - peer->begun_ns);
    if (now_ns() < datagrams->deadline_ns)
        return peer_send(datagrams, peer);
    peer_rest(datagrams, peer);
    return 0;
}

/* A socket that has waited for so long has lost something: it sends again, or rests at the end. */
static int send_again(struct datagrams *datagrams, uint64_t at_ns)
{
    int error = 0;

    datagrams->looked_ns = at_ns;
    for (uint32_t i = 0; i < datagrams->settings->connections && error >= 0; i++) {
        struct peer *peer = &datagrams->all[i];

        if (peer->received == datagrams->length || at_ns - peer->begun_ns < LOST_NS)
            continue;
        if (at_ns < datagrams->deadline_ns)
            error = peer_send(datagrams, peer);
        else
            peer_rest(datagrams, peer);
    }
    return error;
}

static int phase(struct datagrams *datagrams, double seconds)
{
    int error = 0, silent = 0;

    datagrams->looked_ns = now_ns();
    datagrams->deadline_ns = datagrams->looked_ns + (uint64_t)(seconds * SECOND_NS);
    datagrams->waiting = datagrams->settings->connections;
    for (uint32_t i = 0; i < datagrams->settings->connections && error >= 0; i++)
        error = peer_send(datagrams, &datagrams->all[i]);
    while (error >= 0 && datagrams->waiting > 0) {
        struct epoll_event events[EVENTS_MAX];
        int count = epoll_wait(datagrams->epoll, events, EVENTS_MAX, LOST_NS / 1000000);

        silent = count == 0 ? silent + 1 : 0;
        if (silent == SILENT_MAX)
            return -ETIMEDOUT;
        for (int i = 0; i < count && error >= 0; i++)
            error = peer_receive(datagrams, events[i].data.ptr);
        if (error >= 0 && now_ns() - datagrams->looked_ns >= LOST_NS)
            error = send_again(datagrams, now_ns());
    }
    return error;
}

/* Each segment begins with the pattern's first byte, so that any of them may be lost. */
static int message_prepare(struct datagrams *datagrams)
{
    size_t size = datagrams->settings->size;

    datagrams->length = size * datagrams->settings->segments;
    datagrams->message = datagrams->length <= ROOM ? malloc(datagrams->length) : NULL;
    if (datagrams->message == NULL)
        return -ENOMEM;
    for (size_t at = 0; at < datagrams->length; at += size)
        pattern_fill(datagrams->message + at, size);
    return 0;
}

int datagrams_run(const struct settings *settings, struct tally *tally)
{
    struct datagrams datagrams = {.settings = settings, .tally = tally};
    int error = message_prepare(&datagrams);

    datagrams.all = calloc(settings->connections, sizeof *datagrams.all);
    datagrams.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (datagrams.all == NULL || datagrams.epoll < 0)
        error = -ENOMEM;
    tally_open(tally, &settings->servers, settings->connections);
    for (uint32_t i = 0; i < settings->connections && error >= 0; i++)
        error = peer_open(&datagrams, &datagrams.all[i]);
    if (error >= 0 && settings->warm_up > 0)
        error = phase(&datagrams, settings->warm_up);
    tally_begin(tally);
    if (error >= 0)
        error = phase(&datagrams, settings->seconds);
    tally_end(tally, now_ns());
    return error;
}
