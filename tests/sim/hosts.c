/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "hosts.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DELAY_NS 600000000U

/* The echo at the other end of one connection. */
struct echo {
    struct kevy_sim_peer peer;
    struct echo *next;
    uint64_t break_at;
    uint64_t passed;
    uint8_t bytes[4096]; /* read, and not yet sent back */
    uint32_t first, end;
    bool ended;
};

static struct {
    struct kevy_sim_host all[HOSTS];
    struct echo *echoes;
    bool quiet;
} hosts;

/* Takes it out of the list, and ends its connection. */
static void echo_end(struct echo *echo, void (*end)(struct kevy_sim_peer *peer))
{
    struct echo **link = &hosts.echoes;

    while (*link != echo)
        link = &(*link)->next;
    *link = echo->next;
    end(&echo->peer);
    free(echo);
}

/* Moves bytes one step on. False when nothing moved. */
static bool echo_move(struct echo *echo, int *result)
{
    bool moved = false;

    *result = 0;
    if (echo->first == echo->end && !echo->ended) {
        *result = kevy_sim_peer_read(&echo->peer, echo->bytes, sizeof echo->bytes);
        echo->ended = *result == 0;
        echo->first = 0;
        echo->end = *result > 0 ? (uint32_t)*result : 0;
        moved = *result >= 0;
    }
    if (echo->first != echo->end) {
        *result =
            kevy_sim_peer_write(&echo->peer, echo->bytes + echo->first, echo->end - echo->first);
        if (*result > 0) {
            echo->first += (uint32_t)*result;
            echo->passed += (uint32_t)*result;
            moved = true;
        }
    }
    return moved;
}

static void ready(struct kevy_sim_peer *peer)
{
    struct echo *echo = KEVY_CONTAINER_OF(peer, struct echo, peer);
    int result;
    bool moved;

    if (!hosts.quiet && echo->passed >= echo->break_at) {
        echo_end(echo, kevy_sim_peer_reset);
        return;
    }
    moved = echo_move(echo, &result);
    if ((result < 0 && result != -EAGAIN) || (echo->ended && echo->first == echo->end)) {
        echo_end(echo, kevy_sim_peer_close);
        return;
    }
    if (moved)
        kevy_sim_peer_wake(peer);
}

static struct kevy_sim_peer *accepted(struct kevy_sim_host *host)
{
    struct echo *echo = calloc(1, sizeof *echo);

    (void)host;
    assert(echo != NULL);
    echo->peer.ready = ready;
    echo->peer.pace_ns = kevy_sim_magnitude(world, 100, 10000000);
    echo->break_at = kevy_sim_one_in(world, 8) ? kevy_sim_magnitude(world, 0, 100000) : UINT64_MAX;
    echo->next = hosts.echoes;
    hosts.echoes = echo;
    return &echo->peer;
}

void hosts_open(void)
{
    memset(&hosts, 0, sizeof hosts);
    for (uint16_t number = 0; number < HOSTS; number++) {
        struct kevy_sim_host *host = &hosts.all[number];

        host->port = (uint16_t)(HOST_PORT + number);
        host->answer = (enum kevy_sim_answer)kevy_sim_below(world, KEVY_SIM_HOST_SILENT + 1);
        host->delay_ns = kevy_sim_magnitude(world, 0, DELAY_NS);
        host->accept = accepted;
        kevy_sim_host_open(world, host);
    }
    hosts.all[kevy_sim_below(world, HOSTS)].answer = KEVY_SIM_HOST_ACCEPTS;
}

void hosts_quiet(void)
{
    hosts.quiet = true;
    for (int number = 0; number < HOSTS; number++) {
        hosts.all[number].answer = KEVY_SIM_HOST_ACCEPTS;
        hosts.all[number].delay_ns = 0;
    }
    for (struct echo *echo = hosts.echoes; echo != NULL; echo = echo->next)
        kevy_sim_peer_wake(&echo->peer);
}

void hosts_stop(void)
{
    while (hosts.echoes != NULL)
        echo_end(hosts.echoes, kevy_sim_peer_close);
}
