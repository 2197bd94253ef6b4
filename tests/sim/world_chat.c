/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * examples/chat.c in simulated worlds.
 *
 * Each byte names its speaker in its upper half and counts in its lower half.
 *
 * Invariants. Nobody hears himself. What a client hears of each speaker has no gap and comes in
 * order. A connection ends only by its client, the network, or a program that was refused
 * something. Whoever is there alone for long enough, and all along, hears all.
 */
#include "program.h"

#include <errno.h>
#include <string.h>

#define PORT     7000
#define CLIENTS  6
#define PACE_NS  KEVY_MILLISECONDS(50)
#define BIRTH_NS KEVY_SECONDS(1)
/* How long a client listens after its last word. */
#define LISTEN_NS KEVY_SECONDS(30)

struct client {
    struct kevy_sim_peer peer;
    struct kevy_sim_event event; /* connects, or leaves */
    uint32_t spoken;
    uint32_t words;
    uint8_t heard[CLIENTS]; /* the last of each speaker */
    bool hears[CLIENTS];
};

static struct client clients[CLIENTS];
static struct kevy_sim *world;

static uint8_t number_of(const struct client *client)
{
    return (uint8_t)(client - clients);
}

static void leave(struct client *client)
{
    kevy_sim_event_stop(world, &client->event);
    kevy_sim_peer_close(&client->peer);
    kevy_sim_release(world);
}

static void hear(struct client *client, uint8_t byte)
{
    uint8_t speaker = byte >> 4;

    KEVY_SIM_CHECK(world, speaker < CLIENTS && speaker != number_of(client));
    KEVY_SIM_CHECK(world,
                   !client->hears[speaker] || (byte & 15) == ((client->heard[speaker] + 1) & 15));
    client->hears[speaker] = true;
    client->heard[speaker] = byte & 15;
}

static void left(struct kevy_sim_event *event)
{
    struct client *client = KEVY_CONTAINER_OF(event, struct client, event);

    leave(client);
}

/* Says some words. Returns as kevy_sim_peer_write(), 0 when there is nothing to say. */
static int speak(struct client *client)
{
    uint8_t bytes[64];
    uint32_t count = (uint32_t)kevy_sim_between(world, 1, sizeof bytes);
    int said;

    if (count > client->words - client->spoken)
        count = client->words - client->spoken;
    for (uint32_t at = 0; at < count; at++)
        bytes[at] = (uint8_t)(number_of(client) << 4 | ((client->spoken + at) & 15));
    said = count != 0 ? kevy_sim_peer_write(&client->peer, bytes, count) : 0;
    if (said > 0)
        client->spoken += (uint32_t)said;
    return said;
}

static void ready(struct kevy_sim_peer *peer)
{
    struct client *client = KEVY_CONTAINER_OF(peer, struct client, peer);
    uint8_t bytes[256];
    int heard, said;

    if (kevy_sim_fault(world, KEVY_SIM_NETWORK_RESETS))
        kevy_sim_peer_cut(peer);
    heard = kevy_sim_peer_read(peer, bytes, sizeof bytes);
    for (int at = 0; at < heard; at++)
        hear(client, bytes[at]);
    said = heard == 0 ? 0 : speak(client);
    if (heard == 0 || (heard < 0 && heard != -EAGAIN) || (said < 0 && said != -EAGAIN)) {
        KEVY_SIM_CHECK(world, kevy_sim_peer_was_cut(peer) || kevy_sim_refused(world));
        leave(client);
        return;
    }
    if (client->spoken == client->words && !kevy_sim_event_started(&client->event))
        kevy_sim_event_start(world, &client->event, LISTEN_NS, left);
    if (heard > 0 || said > 0)
        kevy_sim_peer_wake(peer);
}

static void come(struct kevy_sim_event *event)
{
    struct client *client = KEVY_CONTAINER_OF(event, struct client, event);

    client->peer.ready = ready;
    client->peer.pace_ns = kevy_sim_magnitude(world, 1000, PACE_NS);
    if (kevy_sim_peer_connect(world, &client->peer, PORT) < 0)
        kevy_sim_event_start(world, event, kevy_sim_between(world, 1, BIRTH_NS), come);
}

static void test(struct kevy_sim *sim)
{
    static const char *const arguments[] = {"chat", "7000", NULL};

    world = sim;
    for (int number = 0; number < CLIENTS; number++) {
        clients[number].words = (uint32_t)kevy_sim_magnitude(sim, 1, 5000);
        kevy_sim_event_start(sim, &clients[number].event, kevy_sim_below(sim, BIRTH_NS), come);
        kevy_sim_hold(sim);
    }
    program_run(sim, arguments);
    /* Without faults everybody is there before anybody leaves, and hears the last of all words. */
    for (int one = 0; one < CLIENTS && kevy_sim_faults(sim) == 0; one++)
        for (int other = 0; other < CLIENTS; other++)
            KEVY_SIM_CHECK(sim, one == other || !clients[one].hears[other] ||
                                    clients[one].heard[other] == ((clients[other].words - 1) & 15));
}

int main(int argc, char **argv)
{
    return kevy_sim_main(argc, argv, &(struct kevy_sim_options){.name = "chat", .test = test});
}
