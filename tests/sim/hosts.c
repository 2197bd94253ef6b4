/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "hosts.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "chance.h"
#include "verdict.h"

#define DELAY_NS 600000000U

enum manner {
    HOST_ANSWERS,
    HOST_REFUSES,
    HOST_UNREACHABLE,
    HOST_SILENT,
    HOST_MANNERS,
};

/* The echo at the other end of one connection. */
struct echo {
    struct echo *next;
    struct socket *socket;
    struct event step;
    uint64_t pace_ns;
    uint64_t break_at;
    uint64_t passed;
    uint8_t bytes[4096]; /* read, and not yet sent back */
    uint32_t first, end;
    bool ended;
};

static struct {
    enum manner manners[HOSTS];
    struct echo *echoes;
    bool quiet;
} hosts;

void hosts_reset(void)
{
    memset(&hosts, 0, sizeof hosts);
    for (int host = 0; host < HOSTS; host++)
        hosts.manners[host] = (enum manner)chance_below(HOST_MANNERS);
    hosts.manners[chance_below(HOSTS)] = HOST_ANSWERS;
}

static void step(struct event *event);

static void hurry(struct echo *echo)
{
    if (!event_started(&echo->step))
        event_start(&echo->step, chance_between(0, hosts.quiet ? 1000 : echo->pace_ns), step);
}

static void changed(struct file *file)
{
    hurry(socket_of(file)->owner);
}

static void echo_end(struct echo *echo)
{
    struct echo **link = &hosts.echoes;

    while (*link != echo)
        link = &(*link)->next;
    *link = echo->next;
    event_stop(&echo->step);
    echo->socket->file.watcher = NULL;
    file_drop(&echo->socket->file);
    free(echo);
}

static void echo_break(struct echo *echo)
{
    socket_abort(echo->socket);
    echo_end(echo);
}

/* Moves bytes one step on. False when nothing moved. */
static bool echo_move(struct echo *echo, int *result)
{
    bool moved = false;

    *result = 0;
    if (echo->first == echo->end && !echo->ended) {
        *result = socket_read(echo->socket, echo->bytes, sizeof echo->bytes);
        echo->ended = *result == 0;
        echo->first = 0;
        echo->end = *result > 0 ? (uint32_t)*result : 0;
        moved = *result >= 0;
    }
    if (echo->first != echo->end) {
        *result = socket_write(echo->socket, echo->bytes + echo->first, echo->end - echo->first);
        if (*result > 0) {
            echo->first += (uint32_t)*result;
            echo->passed += (uint32_t)*result;
            moved = true;
        }
    }
    return moved;
}

static void step(struct event *event)
{
    struct echo *echo = (void *)((char *)event - offsetof(struct echo, step));
    int result;
    bool moved;

    if (!hosts.quiet && echo->passed >= echo->break_at) {
        echo_break(echo);
        return;
    }
    moved = echo_move(echo, &result);
    if (result < 0 && result != -EAGAIN) {
        echo_end(echo);
        return;
    }
    if (echo->ended && echo->first == echo->end) {
        echo_end(echo);
        return;
    }
    if (moved)
        hurry(echo);
}

static void answer(struct socket *socket)
{
    struct echo *echo = calloc(1, sizeof *echo);
    uint64_t delay_ns;
    uint32_t capacity;

    assert(echo != NULL);
    echo->socket = socket_make(socket->family);
    echo->socket->owner = echo;
    echo->socket->file.watcher = changed;
    echo->pace_ns = chance_magnitude(100, 10000000);
    echo->break_at = chance_one_in(8) ? chance_magnitude(0, 100000) : UINT64_MAX;
    echo->next = hosts.echoes;
    hosts.echoes = echo;
    capacity = (uint32_t)chance_magnitude(64, 65536);
    delay_ns = chance_magnitude(0, 5000000);
    socket_join(socket, echo->socket, capacity, delay_ns);
    hurry(echo);
}

static void answered(struct event *event)
{
    struct socket *socket = (void *)((char *)event - offsetof(struct socket, progress));

    answer(socket);
    file_changed(&socket->file, POLLOUT);
}

static void refused(struct event *event)
{
    struct socket *socket = (void *)((char *)event - offsetof(struct socket, progress));

    socket->error = ECONNREFUSED;
    file_changed(&socket->file, POLLOUT | POLLERR | POLLHUP);
}

int hosts_connect(struct socket *socket, const struct sockaddr *address)
{
    const struct sockaddr_in *internet = (const void *)address;
    unsigned host = ntohs(internet->sin_port) - HOST_PORT;
    enum manner manner;

    EXPECT(host < HOSTS, "connect to a port that nobody has");
    manner = hosts.quiet ? HOST_ANSWERS : hosts.manners[host];
    if (manner == HOST_UNREACHABLE)
        return -ENETUNREACH;
    socket->state = SOCKET_CONNECTING;
    if (manner == HOST_SILENT)
        return 0;
    event_start(&socket->progress, hosts.quiet ? 0 : chance_magnitude(0, DELAY_NS),
                manner == HOST_ANSWERS ? answered : refused);
    return 0;
}

void hosts_quiet(void)
{
    hosts.quiet = true;
    for (struct echo *echo = hosts.echoes; echo != NULL; echo = echo->next)
        hurry(echo);
}

void hosts_stop(void)
{
    while (hosts.echoes != NULL)
        echo_end(hosts.echoes);
}
