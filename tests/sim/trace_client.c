/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The clients of a trace: each opens its connections one after the other, and follows their plans.
 *
 *     talking --all that its plan wants--> ending --the other's end, or a reset--> the next one
 */
#include <errno.h>
#include <string.h>

#include "pattern.h"
#include "trace.h"

#define BIRTH_NS 20000000U

struct client {
    struct kevy_sim_peer peer;
    struct kevy_sim_event birth; /* of the next connection, or a look at a silent one */
    struct kevy_sim_event heal;
    struct trace *trace;
    uint32_t connection; /* its number */
    uint32_t last;
    uint64_t sent;     /* with the header */
    uint64_t answered; /* of a talk: so many are to come back before the next message */
    bool parted;
    bool silent;
    bool finished;
};

static struct client clients[TRACE_CLIENTS];

static const struct trace_plan *plan_of(const struct client *client)
{
    return &client->trace->plans[client->connection];
}

static struct trace_seen *seen_of(const struct client *client)
{
    return &client->trace->seen[client->connection];
}

static void birth(struct kevy_sim_event *event);

static void leave(struct client *client, char ending, void (*end)(struct kevy_sim_peer *peer))
{
    struct trace_seen *seen = seen_of(client);
    bool aborted = ending != 'k' && kevy_sim_peer_was_cut(&client->peer);

    kevy_sim_event_stop(world, &client->heal);
    kevy_sim_event_stop(world, &client->birth);
    seen->ending = aborted ? 'a' : ending;
    if (!aborted)
        seen->answered = client->answered;
    TRACE("connection %u: client %c after %llu of %llu", client->connection, seen->ending,
          (unsigned long long)client->answered, (unsigned long long)client->sent);
    end(&client->peer);
    if (++client->connection < client->last)
        kevy_sim_event_start(world, &client->birth, kevy_sim_below(world, BIRTH_NS), birth);
    else
        kevy_sim_release(world);
}

static void healed(struct kevy_sim_event *event)
{
    struct client *client = KEVY_CONTAINER_OF(event, struct client, heal);

    kevy_sim_peer_part(&client->peer, false);
    kevy_sim_peer_wake(&client->peer);
}

/* Bytes of the client that its plan lets it send by now, without the header. */
static uint64_t allowed(const struct client *client)
{
    const struct trace_plan *plan = plan_of(client);
    uint64_t most = plan->bytes;

    if (plan->kind == TRACE_DOWNLOAD)
        return 0;
    if (plan->ending >= TRACE_RESETS)
        most = plan->break_at;
    if (plan->kind == TRACE_TALK &&
        most > client->answered - client->answered % plan->message + plan->message)
        most = client->answered - client->answered % plan->message + plan->message;
    return most;
}

/* Returns as kevy_sim_peer_write(), 0 when nothing is to be sent. */
static int give(struct client *client)
{
    const struct trace_plan *plan = plan_of(client);
    uint64_t end = TRACE_HEADER + allowed(client);
    uint8_t bytes[4096];
    uint32_t length = sizeof bytes;
    int count;

    if (client->silent || client->sent >= end)
        return 0;
    if (length > plan->portion)
        length = plan->portion;
    if (length > end - client->sent)
        length = (uint32_t)(end - client->sent);
    if (client->sent < TRACE_HEADER) {
        uint8_t header[TRACE_HEADER] = {(uint8_t)client->connection,
                                        (uint8_t)(client->connection >> 8), 'K', 'V'};

        if (length > TRACE_HEADER - client->sent)
            length = (uint32_t)(TRACE_HEADER - client->sent);
        memcpy(bytes, header + client->sent, length);
    } else {
        pattern_fill(bytes, length, plan->script, client->sent - TRACE_HEADER);
    }
    count = kevy_sim_peer_write(&client->peer, bytes, length);
    if (count > 0)
        client->sent += (uint32_t)count;
    return count;
}

/* Returns as kevy_sim_peer_read(). */
static int take(struct client *client)
{
    const struct trace_plan *plan = plan_of(client);
    uint8_t bytes[4096];
    uint32_t length = plan->portion < sizeof bytes ? plan->portion : sizeof bytes;
    int count;

    /* Who is given up before it has come to its end looks for that alone. */
    if (plan->kind == TRACE_DOWNLOAD && plan->ending >= TRACE_RESETS && !client->silent &&
        !kevy_sim_peer_was_cut(&client->peer)) {
        uint64_t left = plan->break_at - client->answered;

        if (left == 0)
            return -EAGAIN;
        if (length > left)
            length = (uint32_t)left;
    }
    count = kevy_sim_peer_read(&client->peer, bytes, length);
    if (count <= 0)
        return count;
    if (plan->kind != TRACE_UPLOAD)
        pattern_check(bytes, (size_t)count, plan->script, client->answered, "client");
    client->answered += (uint32_t)count;
    return count;
}

/* It has come to where its plan ends it, and not in good order. */
static bool breaks(const struct client *client)
{
    const struct trace_plan *plan = plan_of(client);
    uint64_t end = TRACE_HEADER + (plan->kind == TRACE_DOWNLOAD ? 0 : plan->break_at);

    if (plan->ending < TRACE_RESETS || client->silent || client->sent < end)
        return false;
    return plan->kind == TRACE_UPLOAD || trace_is_loose(plan) || client->answered >= plan->break_at;
}

static void look(struct kevy_sim_event *event)
{
    struct client *client = KEVY_CONTAINER_OF(event, struct client, birth);
    int count;

    do
        count = take(client);
    while (count > 0);
    EXPECT(count == -ECONNRESET || count == -EPIPE, "a silent client gets %d", count);
    client->answered = plan_of(client)->break_at;
    leave(client, 'x', kevy_sim_peer_close);
}

static bool break_now(struct client *client)
{
    if (!breaks(client) || kevy_sim_peer_was_cut(&client->peer))
        return false;
    if (plan_of(client)->ending == TRACE_SILENT) {
        client->silent = true;
        kevy_sim_event_start(world, &client->birth, TRACE_LOOK_NS, look);
        return true;
    }
    if (trace_is_loose(plan_of(client)))
        client->answered = 0;
    if (plan_of(client)->ending == TRACE_CUT) {
        kevy_sim_peer_cut(&client->peer);
        leave(client, 'k', kevy_sim_peer_close);
    } else {
        leave(client, 'r', kevy_sim_peer_reset);
    }
    return true;
}

/* All has been sent, and has come back as far as that is to be waited for. */
static bool finishes(const struct client *client)
{
    const struct trace_plan *plan = plan_of(client);
    bool sent = client->sent == TRACE_HEADER + allowed(client);

    if (plan->ending >= TRACE_RESETS || client->finished)
        return false;
    if (plan->kind == TRACE_TALK || plan->ending == TRACE_CLOSES)
        return sent && client->answered == plan->bytes;
    return sent;
}

static void ready(struct kevy_sim_peer *peer)
{
    struct client *client = KEVY_CONTAINER_OF(peer, struct client, peer);
    const struct trace_plan *plan = plan_of(client);
    int got, gave;

    if (client->silent)
        return;
    if (!client->parted && client->sent >= plan->part_at) {
        client->parted = true;
        kevy_sim_peer_part(peer, true);
        kevy_sim_event_start(world, &client->heal, plan->part_ns, healed);
    }
    got = take(client);
    if (got == 0) {
        leave(client, 'e', kevy_sim_peer_close);
        return;
    }
    gave = got < 0 && got != -EAGAIN ? got : give(client);
    if ((got < 0 && got != -EAGAIN) || (gave < 0 && gave != -EAGAIN)) {
        leave(client, 'x', kevy_sim_peer_close);
        return;
    }
    if (break_now(client))
        return;
    if (finishes(client) && plan->ending == TRACE_CLOSES && plan->kind != TRACE_DOWNLOAD) {
        leave(client, 'c', kevy_sim_peer_close);
        return;
    }
    if (finishes(client) && plan->ending == TRACE_HALF_CLOSES) {
        client->finished = true;
        kevy_sim_peer_shutdown(peer);
    }
    if (got > 0 || gave > 0)
        kevy_sim_peer_wake(peer);
}

static void birth(struct kevy_sim_event *event)
{
    struct client *client = KEVY_CONTAINER_OF(event, struct client, birth);
    const struct trace_plan *plan = plan_of(client);

    client->sent = client->answered = 0;
    client->parted = client->silent = client->finished = false;
    client->peer.ready = ready;
    client->peer.pace_ns = plan->pace_ns;
    client->peer.script = plan->script;
    if (kevy_sim_peer_connect(world, &client->peer, TRACE_PORT) < 0)
        kevy_sim_event_start(world, event, kevy_sim_below(world, BIRTH_NS), birth);
}

void trace_clients_start(struct kevy_sim *sim, struct trace *trace)
{
    memset(clients, 0, sizeof clients);
    for (uint32_t at = 0; at < TRACE_CLIENTS; at++) {
        clients[at].trace = trace;
        clients[at].connection = at * TRACE_TIMES;
        clients[at].last = clients[at].connection + TRACE_TIMES;
        kevy_sim_hold(sim);
        kevy_sim_event_start(sim, &clients[at].birth, kevy_sim_below(sim, BIRTH_NS), birth);
    }
}
