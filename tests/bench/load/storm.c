/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "storm.h"
#include "clock.h"
#include "connection.h"
#include "pattern.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS_MAX    64
#define SILENT_MAX_MS 30000
#define SOURCES       60000U /* addresses from 127.0.1.1 on */
#define SOURCE_FIRST  0x7F000101U

struct visitor {
    int fd;
    size_t received;
    uint64_t begun_ns;
};

struct storm {
    const struct settings *settings;
    struct tally *tally;
    uint8_t *message;
    struct visitor *all;
    uint32_t source;
    uint32_t alive;
    int epoll;
    uint64_t deadline_ns;
};

static int visitor_socket(struct storm *storm)
{
    struct sockaddr_in source = {.sin_family = AF_INET};
    const int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    source.sin_addr.s_addr = htonl(SOURCE_FIRST + storm->source++ % SOURCES);
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&source, sizeof source) == 0)
        return fd;
    close(fd);
    return -errno;
}

static int visit(struct storm *storm, struct visitor *visitor)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(storm->settings->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event event = {.events = EPOLLOUT, .data.ptr = visitor};

    visitor->begun_ns = now_ns();
    visitor->received = 0;
    visitor->fd = visitor_socket(storm);
    if (visitor->fd < 0)
        return visitor->fd;
    storm->alive++;
    if (connect(visitor->fd, (struct sockaddr *)&address, sizeof address) < 0 &&
        errno != EINPROGRESS)
        return -errno;
    return epoll_ctl(storm->epoll, EPOLL_CTL_ADD, visitor->fd, &event) < 0 ? -errno : 0;
}

static int speak(struct storm *storm, struct visitor *visitor)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = visitor};
    size_t size = storm->settings->size;

    if (send(visitor->fd, storm->message, size, MSG_NOSIGNAL) != (ssize_t)size)
        return errno != 0 ? -errno : -EPROTO;
    return epoll_ctl(storm->epoll, EPOLL_CTL_MOD, visitor->fd, &event) < 0 ? -errno : 0;
}

static int leave(struct storm *storm, struct visitor *visitor)
{
    uint64_t at_ns = now_ns();

    close(visitor->fd);
    storm->alive--;
    storm->tally->messages++;
    histogram_add(&storm->tally->latency, at_ns - visitor->begun_ns);
    return at_ns < storm->deadline_ns ? visit(storm, visitor) : 0;
}

static int listen_to(struct storm *storm, struct visitor *visitor)
{
    static uint8_t received[CONNECTION_PIECE_MAX];
    ssize_t count = recv(visitor->fd, received, sizeof received, 0);

    if (count <= 0)
        return count == 0 ? -ECONNRESET : -errno;
    if (visitor->received + (size_t)count > storm->settings->size ||
        memcmp(received, storm->message + visitor->received, (size_t)count) != 0)
        return -EBADMSG;
    visitor->received += (size_t)count;
    return visitor->received == storm->settings->size ? leave(storm, visitor) : 0;
}

static int phase(struct storm *storm, double seconds)
{
    int error = 0;

    storm->deadline_ns = now_ns() + (uint64_t)(seconds * SECOND_NS);
    for (uint32_t i = 0; i < storm->settings->connections && error >= 0; i++)
        error = visit(storm, &storm->all[i]);
    while (error >= 0 && storm->alive > 0) {
        struct epoll_event events[EVENTS_MAX];
        int count = epoll_wait(storm->epoll, events, EVENTS_MAX, SILENT_MAX_MS);

        if (count == 0)
            return -ETIMEDOUT;
        for (int i = 0; i < count && error >= 0; i++) {
            struct visitor *visitor = events[i].data.ptr;

            error =
                (events[i].events & EPOLLOUT) ? speak(storm, visitor) : listen_to(storm, visitor);
        }
    }
    return error;
}

int storm_run(const struct settings *settings, struct tally *tally)
{
    struct storm storm = {.settings = settings, .tally = tally};
    int error = 0;

    storm.message = malloc(settings->size);
    storm.all = calloc(settings->connections, sizeof *storm.all);
    storm.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (storm.message == NULL || storm.all == NULL || storm.epoll < 0)
        return -ENOMEM;
    pattern_fill(storm.message, settings->size);
    tally_open(tally, &settings->servers, settings->connections);
    if (settings->warm_up > 0)
        error = phase(&storm, settings->warm_up);
    tally_begin(tally);
    if (error >= 0)
        error = phase(&storm, settings->seconds);
    tally_end(tally, now_ns());
    return error;
}
