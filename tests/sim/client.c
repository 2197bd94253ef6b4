/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "client.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chance.h"
#include "pattern.h"
#include "verdict.h"

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

static struct client *by_step(struct event *event)
{
    return (void *)((char *)event - offsetof(struct client, step));
}

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

static void step(struct event *event);

static void hurry(struct client *client)
{
    if (!event_started(&client->step))
        event_start(&client->step, chance_between(0, clients.quiet ? 1000 : client->pace_ns), step);
}

static void changed(struct file *file)
{
    hurry(socket_of(file)->owner);
}

/* The connection is over for the client; its place is free. */
static void leave(struct client *client)
{
    struct socket *socket = client->socket;

    TRACE("client %d leaves, %" PRIu64 " of %" PRIu64 " answered", (int)(client - clients.all),
          client->story->answers, client->story->sent);
    socket->file.watcher = NULL;
    client->socket = NULL;
    story_drop(client->story);
    client->story = NULL;
    event_stop(&client->step);
    file_drop(&socket->file);
    if (!clients.quiet)
        event_start(&client->step, chance_below(BIRTH_NS), step);
}

static void reset(struct client *client)
{
    client->story->broken = true;
    client->socket->deaf = false;
    socket_abort(client->socket);
    leave(client);
}

static void arrive(struct client *client)
{
    struct socket *socket;
    struct story *story;

    if (clients.quiet)
        return;
    socket = socket_make(AF_INET);
    if (socket_reach(socket, client->port) < 0) {
        file_drop(&socket->file);
        event_start(&client->step, chance_below(BIRTH_NS), step);
        return;
    }
    story = calloc(1, sizeof *story);
    assert(story != NULL);
    story->references = 1;
    story->seed = ++clients.stories;
    story->echo = clients.echo;
    story->answer_seed = clients.echo ? story->seed : ~story->seed;
    socket->owner = client;
    socket->story = story;
    socket->file.watcher = changed;
    client->socket = socket;
    client->story = story;
    client->plan = chance_magnitude(0, clients.plan_most);
    client->break_at = chance_one_in(4) ? chance_below(client->plan + 1) : UINT64_MAX;
    client->vanishes = chance_one_in(4);
    client->vanished = false;
    client->half_closes = !clients.echo || chance_one_in(2);
    client->pace_ns = chance_magnitude(100, 20000000);
    client->appetite = (uint32_t)chance_magnitude(1, PORTION_MAX);
    client->portion = (uint32_t)chance_magnitude(1, PORTION_MAX);
    hurry(client);
}

/* Reads and compares. Returns as socket_read(). */
static int take(struct client *client)
{
    static uint8_t bytes[PORTION_MAX];
    struct story *story = client->story;
    int count = socket_read(client->socket, bytes, clients.quiet ? PORTION_MAX : client->appetite);

    if (count <= 0)
        return count;
    pattern_check(bytes, (size_t)count, story->answer_seed, story->answers, "client");
    story->answers += (uint64_t)count;
    EXPECT(story->answers <= (story->echo ? story->sent : story->promised), "too much comes back");
    return count;
}

/* Sends the next portion. Returns as socket_write(), 0 when all is sent. */
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
    count = socket_write(client->socket, bytes, length);
    if (count > 0)
        story->sent += (uint64_t)count;
    return count;
}

/* The other side has ended. */
static void ended(struct client *client)
{
    struct story *story = client->story;
    uint64_t owed = story->echo ? story->sent : story->promised;

    /* A server that drains answers no more, and sends what it has promised. */
    if (!story->broken && (!story->echo || (story->finished && !clients.warned)))
        EXPECT(story->answers == owed, "the end came after %" PRIu64 " of %" PRIu64 " bytes",
               story->answers, owed);
    if (!story->finished)
        story->broken = true;
    leave(client);
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
    reset_explain(story);
}

/* The connection was reset. */
static void failed(struct client *client)
{
    struct story *story = client->story;

    story->reset = !story->broken && !story->cut && !clients.warned;
    if (story->closed)
        reset_explain(story);
    leave(client);
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
    client->socket->deaf = true;
    client->socket->file.watcher = NULL;
    event_start(&client->step, chance_magnitude(BIRTH_NS, DEATH_NS), step);
    return true;
}

static void connected_step(struct client *client)
{
    struct story *story = client->story;
    int got, gave;

    story->cut |= client->socket->cut;
    if (client->vanished) {
        reset(client);
        return;
    }
    if (broken(client))
        return;
    if (chance(CHANCE_NETWORK_RESETS)) {
        story->cut = true;
        socket_cut(client->socket);
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
        socket_shutdown(client->socket, SHUT_WR);
    }
    if (got > 0 || gave > 0)
        hurry(client);
}

static void step(struct event *event)
{
    struct client *client = by_step(event);

    if (client->socket == NULL)
        arrive(client);
    else
        connected_step(client);
}

void clients_start(uint32_t count, uint16_t port, uint64_t plan_most, bool echo)
{
    memset(&clients, 0, sizeof clients);
    clients.count = count < CLIENTS_MAX ? count : CLIENTS_MAX;
    clients.plan_most = plan_most;
    clients.echo = echo;
    for (uint32_t i = 0; i < clients.count; i++) {
        clients.all[i].port = port;
        event_start(&clients.all[i].step, chance_below(BIRTH_NS), step);
    }
}

bool clients_over(void)
{
    for (uint32_t i = 0; i < clients.count; i++)
        if (clients.all[i].socket != NULL)
            return false;
    return true;
}

void clients_describe(void)
{
    for (uint32_t i = 0; i < clients.count; i++) {
        const struct client *client = &clients.all[i];

        if (client->socket != NULL)
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

        if (client->socket == NULL)
            event_stop(&client->step);
        else if (client->vanished)
            reset(client);
        else
            hurry(client);
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
        event_stop(&clients.all[i].step);
        if (clients.all[i].socket != NULL)
            reset(&clients.all[i]);
    }
}

struct story *story_of(int fd)
{
    const struct socket *peer = socket_of(file_at(fd, "looking at"))->peer;

    return peer != NULL ? peer->story : NULL;
}
