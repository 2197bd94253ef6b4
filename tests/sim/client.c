/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "client.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pattern.h"
#include "world.h"

enum {
    CLIENTS_MAX = 256,
    PORTION_MAX = 32768,
};

/* How long the next client of a place waits at most, and one that found the backlog full. */
#define BIRTH_NS 20000000U
/* After so long the network reports one that has vanished, at the latest. */
#define DEATH_NS 200000000000U

static struct {
    struct client all[CLIENTS_MAX];
    uint32_t count;
    uint64_t plan_most;
    uint64_t stories;
    bool echo;
    bool quiet;
    bool warned;
} clients;

struct story *story_hold(struct story *story)
{
    story->references++;
    return story;
}

void story_drop(struct story *story)
{
    if (--story->references == 0)
        free(story);
}

static void birth(struct kevy_sim_event *event);

/* The connection is over for the client; its place is free. */
static void leave(struct client *client, void (*end)(struct kevy_sim_peer *peer))
{
    TRACE("client %d leaves, %" PRIu64 " of %" PRIu64 " answered", (int)(client - clients.all),
          client->story->answers, client->story->sent);
    story_drop(client->story);
    client->story = NULL;
    kevy_sim_event_stop(world, &client->birth);
    end(&client->peer);
    if (!clients.quiet)
        kevy_sim_event_start(world, &client->birth, kevy_sim_below(world, BIRTH_NS), birth);
}

static void reset(struct client *client)
{
    client->story->broken = true;
    client->vanished = false;
    kevy_sim_peer_part(&client->peer, false);
    leave(client, kevy_sim_peer_reset);
}

static struct story *story_make(void)
{
    struct story *story = calloc(1, sizeof *story);

    assert(story != NULL);
    story->references = 1;
    story->seed = ++clients.stories;
    story->echo = clients.echo;
    story->answer_seed = clients.echo ? story->seed : ~story->seed;
    return story;
}

static void ready(struct kevy_sim_peer *peer);

static void birth(struct kevy_sim_event *event)
{
    struct client *client = KEVY_CONTAINER_OF(event, struct client, birth);

    if (client->vanished) {
        reset(client);
        return;
    }
    client->peer.ready = ready;
    client->peer.pace_ns = kevy_sim_magnitude(world, 100, 20000000);
    if (kevy_sim_peer_connect(world, &client->peer, client->port) < 0) {
        kevy_sim_event_start(world, event, kevy_sim_below(world, BIRTH_NS), birth);
        return;
    }
    client->story = story_make();
    client->plan = kevy_sim_magnitude(world, 0, clients.plan_most);
    client->break_at =
        kevy_sim_one_in(world, 4) ? kevy_sim_below(world, client->plan + 1) : UINT64_MAX;
    client->vanishes = kevy_sim_one_in(world, 4);
    client->half_closes = !clients.echo || kevy_sim_one_in(world, 2);
    client->appetite = (uint32_t)kevy_sim_magnitude(world, 1, PORTION_MAX);
    client->portion = (uint32_t)kevy_sim_magnitude(world, 1, PORTION_MAX);
}

/* Reads and compares. Returns as kevy_sim_peer_read(). */
static int take(struct client *client)
{
    static uint8_t bytes[PORTION_MAX];
    struct story *story = client->story;
    int count =
        kevy_sim_peer_read(&client->peer, bytes, clients.quiet ? PORTION_MAX : client->appetite);

    if (count <= 0)
        return count;
    pattern_check(bytes, (size_t)count, story->answer_seed, story->answers, "client");
    story->answers += (uint64_t)count;
    EXPECT(story->answers <= (story->echo ? story->sent : story->promised), "too much comes back");
    return count;
}

/* Sends the next portion. Returns as kevy_sim_peer_write(), 0 when all is sent. */
static int give(struct client *client)
{
    static uint8_t bytes[PORTION_MAX];
    struct story *story = client->story;
    uint64_t left = client->plan - story->sent;
    uint32_t length = left < client->portion ? (uint32_t)left : client->portion;
    int count;

    if (length == 0)
        return 0;
    pattern_fill(bytes, length, story->seed, story->sent);
    count = kevy_sim_peer_write(&client->peer, bytes, length);
    if (count > 0)
        story->sent += (uint64_t)count;
    return count;
}

/* What is cut short because memory is missing is reset. */
static void reset_owed_check(const struct story *story)
{
    if (story->closed && story->seen_short)
        EXPECT(story->reason != -ENOMEM && story->reason != -ENOBUFS,
               "a stream ends with %d, and its client takes it for complete", story->reason);
}

void story_ends(struct story *story)
{
    story->ends = true;
}

/* The other side has ended. */
static void ended(struct client *client)
{
    struct story *story = client->story;
    uint64_t owed = story->echo ? story->sent : story->promised;

    /* A server that drains answers no more, and sends what it has promised. */
    if (!story->broken)
        EXPECT(!story->told || story->ends || clients.warned,
               "the client is told of an end that the server has not made");
    story->seen_short = !story->broken && story->answers != owed;
    reset_owed_check(story);
    if (!story->broken && (!story->echo || (story->finished && !clients.warned)))
        EXPECT(story->answers == owed, "the end came after %" PRIu64 " of %" PRIu64 " bytes",
               story->answers, owed);
    if (!story->finished)
        story->broken = true;
    leave(client, kevy_sim_peer_close);
}

/* A server resets what it ends with an error, and who goes on sending after it has closed. */
static void reset_explain(const struct story *story)
{
    EXPECT(!story->reset || clients.warned || story->reason != 0 || !story->finished,
           "a client is reset for no reason");
}

void story_close(struct story *story, int reason)
{
    story->closed = true;
    story->reason = reason;
    story->ends |= reason == 0;
    reset_explain(story);
    reset_owed_check(story);
}

/* The connection was reset. */
static void failed(struct client *client)
{
    struct story *story = client->story;

    story->reset = !story->broken && !story->cut && !clients.warned;
    if (story->closed)
        reset_explain(story);
    leave(client, kevy_sim_peer_close);
}

/* Has it sent so much that it breaks the connection? */
static bool broken(struct client *client)
{
    if (clients.quiet || client->story->sent < client->break_at)
        return false;
    if (!client->vanishes) {
        reset(client);
        return true;
    }
    client->story->broken = true;
    client->vanished = true;
    kevy_sim_peer_part(&client->peer, true);
    kevy_sim_event_start(world, &client->birth, kevy_sim_magnitude(world, BIRTH_NS, DEATH_NS),
                         birth);
    return true;
}

static void ready(struct kevy_sim_peer *peer)
{
    struct client *client = KEVY_CONTAINER_OF(peer, struct client, peer);
    struct story *story = client->story;
    int got, gave;

    story->cut |= kevy_sim_peer_was_cut(peer);
    if (client->vanished || broken(client))
        return;
    if (kevy_sim_fault(world, KEVY_SIM_NETWORK_RESETS)) {
        story->cut = true;
        kevy_sim_peer_cut(peer);
    }
    got = take(client);
    if (got == 0) {
        ended(client);
        return;
    }
    gave = got < 0 && got != -EAGAIN ? got : give(client);
    if ((got < 0 && got != -EAGAIN) || (gave < 0 && gave != -EAGAIN)) {
        failed(client);
        return;
    }
    if (story->sent == client->plan && !story->finished &&
        (client->half_closes || story->answers == story->sent)) {
        story->finished = true;
        kevy_sim_peer_shutdown(peer);
    }
    if (got > 0 || gave > 0)
        kevy_sim_peer_wake(peer);
}

void clients_start(uint32_t count, uint16_t port, uint64_t plan_most, bool echo)
{
    memset(&clients, 0, sizeof clients);
    clients.count = count < CLIENTS_MAX ? count : CLIENTS_MAX;
    clients.plan_most = plan_most;
    clients.echo = echo;
    for (uint32_t i = 0; i < clients.count; i++) {
        clients.all[i].port = port;
        kevy_sim_event_start(world, &clients.all[i].birth, kevy_sim_below(world, BIRTH_NS), birth);
    }
}

bool clients_over(void)
{
    for (uint32_t i = 0; i < clients.count; i++)
        if (clients.all[i].story != NULL)
            return false;
    return true;
}

void clients_describe(void)
{
    for (uint32_t i = 0; i < clients.count; i++) {
        const struct client *client = &clients.all[i];

        if (client->story != NULL)
            printf("  client %u: sent %" PRIu64 " of %" PRIu64 ", %" PRIu64 " came back%s%s\n", i,
                   client->story->sent, client->plan, client->story->answers,
                   client->story->finished ? ", finished" : "",
                   client->vanished ? ", vanished" : "");
    }
}

void clients_quiet(void)
{
    clients.quiet = true;
    for (uint32_t i = 0; i < clients.count; i++) {
        struct client *client = &clients.all[i];

        if (client->story == NULL)
            kevy_sim_event_stop(world, &client->birth);
        else if (client->vanished)
            reset(client);
        else
            kevy_sim_peer_wake(&client->peer);
    }
}

void clients_warn(void)
{
    clients.warned = true;
}

void clients_stop(void)
{
    clients.quiet = true;
    for (uint32_t i = 0; i < clients.count; i++) {
        kevy_sim_event_stop(world, &clients.all[i].birth);
        if (clients.all[i].story != NULL)
            reset(&clients.all[i]);
    }
}

struct story *story_of(int fd)
{
    struct kevy_sim_peer *peer = kevy_sim_peer_at(world, fd);

    return peer != NULL ? KEVY_CONTAINER_OF(peer, struct client, peer)->story : NULL;
}
