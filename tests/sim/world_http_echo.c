/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The server of examples/http_echo in simulated worlds, without its main().
 *
 * Clients send POST requests with bodies that are a pattern, several before they read, in pieces.
 *
 * Invariants. Answers come in the order of the requests, each with 200 and the body of its request.
 * A connection ends early only if the network has cut it, the program was refused something, or a
 * time limit has passed, and then never in the middle of a body that claims to be complete.
 */
#include <errno.h>
#include <kevy/sim.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../examples/http_echo/server.h"

#define PORT         8080
#define CLIENTS      6
#define REQUESTS_MAX 8
#define BODY_MAX     20000
#define PACE_NS      KEVY_MILLISECONDS(20)
#define BIRTH_NS     KEVY_SECONDS(1)
#define HEAD_MAX     1024

struct client {
    struct kevy_sim_peer peer;
    struct kevy_sim_event birth;
    uint32_t lengths[REQUESTS_MAX]; /* of the bodies */
    uint32_t requests;
    char *sent; /* all requests, one after the other */
    size_t sent_length;
    size_t sent_done;
    uint32_t answers;  /* complete */
    uint32_t body_got; /* of the answer that comes */
    bool in_body;
    char head[HEAD_MAX];
    size_t head_length;
};

static struct client clients[CLIENTS];
static struct kevy_sim *world;

static char body_byte(const struct client *client, uint32_t request, uint32_t at)
{
    return (char)('a' + ((unsigned)(client - clients) * 5 + request * 3 + at) % 26);
}

static void requests_write(struct client *client)
{
    size_t room = (size_t)REQUESTS_MAX * (BODY_MAX + 200);

    client->requests = (uint32_t)kevy_sim_between(world, 1, REQUESTS_MAX);
    client->sent = malloc(room);
    KEVY_SIM_CHECK(world, client->sent != NULL);
    for (uint32_t request = 0; request < client->requests; request++) {
        uint32_t length = (uint32_t)kevy_sim_magnitude(world, 0, BODY_MAX);

        client->lengths[request] = length;
        client->sent_length += (size_t)snprintf(
            client->sent + client->sent_length, room - client->sent_length,
            "POST /%u HTTP/1.1\r\nHost: here\r\nContent-Length: %u\r\n\r\n", request, length);
        for (uint32_t at = 0; at < length; at++)
            client->sent[client->sent_length++] = body_byte(client, request, at);
    }
}

static void leave(struct client *client)
{
    kevy_sim_peer_close(&client->peer);
    free(client->sent);
    client->sent = NULL;
    kevy_sim_release(world);
}

static void answer_complete(struct client *client)
{
    client->answers++;
    client->in_body = false;
    client->head_length = 0;
    client->body_got = 0;
}

static void head_check(struct client *client)
{
    char wanted[64];

    client->head[client->head_length] = '\0';
    (void)snprintf(wanted, sizeof wanted, "\r\nContent-Length: %u\r\n",
                   client->lengths[client->answers]);
    if (strncmp(client->head, "HTTP/1.1 200 ", 13) != 0)
        kevy_sim_fail(world, "answer %u: %.60s", client->answers, client->head);
    if (strstr(client->head, wanted) == NULL)
        kevy_sim_fail(world, "answer %u: another length than %u", client->answers,
                      client->lengths[client->answers]);
    client->in_body = true;
    if (client->lengths[client->answers] == 0)
        answer_complete(client);
}

static void take(struct client *client, char byte)
{
    KEVY_SIM_CHECK(world, client->answers < client->requests);
    if (client->in_body) {
        KEVY_SIM_CHECK(world, byte == body_byte(client, client->answers, client->body_got));
        if (++client->body_got == client->lengths[client->answers])
            answer_complete(client);
        return;
    }
    KEVY_SIM_CHECK(world, client->head_length < HEAD_MAX - 1);
    client->head[client->head_length++] = byte;
    if (client->head_length >= 4 &&
        memcmp(client->head + client->head_length - 4, "\r\n\r\n", 4) == 0)
        head_check(client);
}

static int give(struct client *client)
{
    size_t left = client->sent_length - client->sent_done;
    uint32_t length = (uint32_t)(left > 4096 ? 4096 : left);
    int count;

    if (length == 0)
        return 0;
    length = (uint32_t)kevy_sim_magnitude(world, 1, length);
    count = kevy_sim_peer_write(&client->peer, client->sent + client->sent_done, length);
    if (count > 0)
        client->sent_done += (size_t)count;
    return count;
}

static void ended(struct client *client)
{
    KEVY_SIM_CHECK(world, client->answers == client->requests || kevy_sim_refused(world) ||
                              kevy_sim_peer_was_cut(&client->peer) || kevy_sim_faults(world) != 0);
    leave(client);
}

static void ready(struct kevy_sim_peer *peer)
{
    struct client *client = KEVY_CONTAINER_OF(peer, struct client, peer);
    char bytes[2048];
    int got, gave;

    if (kevy_sim_fault(world, KEVY_SIM_NETWORK_RESETS))
        kevy_sim_peer_cut(peer);
    got = kevy_sim_peer_read(peer, bytes, (uint32_t)kevy_sim_magnitude(world, 1, sizeof bytes));
    for (int at = 0; at < got; at++)
        take(client, bytes[at]);
    gave = got == 0 ? 0 : give(client);
    if (got == 0 || (got < 0 && got != -EAGAIN) || (gave < 0 && gave != -EAGAIN)) {
        ended(client);
        return;
    }
    if (client->answers == client->requests) {
        leave(client);
        return;
    }
    if (got > 0 || gave > 0)
        kevy_sim_peer_wake(peer);
}

static void come(struct kevy_sim_event *event)
{
    struct client *client = KEVY_CONTAINER_OF(event, struct client, birth);

    client->peer.ready = ready;
    client->peer.pace_ns = kevy_sim_magnitude(world, 1000, PACE_NS);
    if (kevy_sim_peer_connect(world, &client->peer, PORT) < 0)
        kevy_sim_event_start(world, event, kevy_sim_between(world, 1, BIRTH_NS), come);
}

static void counters_check(const struct server *server)
{
    uint32_t answers = 0, requests = 0;

    for (int number = 0; number < CLIENTS; number++) {
        answers += clients[number].answers;
        requests += clients[number].requests;
    }
    KEVY_SIM_CHECK(world, server->counters.answers[2] >= answers);
    KEVY_SIM_CHECK(world, server->counters.answers[2] <= server->counters.requests);
    KEVY_SIM_CHECK(world, server->counters.requests <= requests);
    if (kevy_sim_faults(world) == 0)
        KEVY_SIM_CHECK(world, answers == requests && server->counters.cut_short == 0);
}

static void test(struct kevy_sim *sim)
{
    static const struct server_options options = {
        .address = "127.0.0.1",
        .port = PORT,
        .requests_max = 1000,
        .watermark = 65536,
        .idle_ns = KEVY_SECONDS(60),
        .header_ns = KEVY_SECONDS(30),
        .body_ns = KEVY_SECONDS(30),
        .write_ns = KEVY_SECONDS(30),
        .limits = REQUEST_LIMITS,
    };
    static struct server server;
    struct kevy_reactor_options reactor_options = {0};
    struct kevy_reactor *reactor = NULL;

    world = sim;
    kevy_sim_reactor_options(sim, &reactor_options);
    kevy_sim_set_calm(sim, true);
    KEVY_SIM_CHECK(sim, kevy_reactor_create(&reactor, &reactor_options) == 0);
    KEVY_SIM_CHECK(sim, server_open(&server, reactor, &options) == 0);
    kevy_sim_set_calm(sim, false);
    for (int number = 0; number < CLIENTS; number++) {
        requests_write(&clients[number]);
        kevy_sim_event_start(sim, &clients[number].birth, kevy_sim_below(sim, BIRTH_NS), come);
        kevy_sim_hold(sim);
    }
    kevy_sim_serve(sim, reactor);
    kevy_reactor_finish(reactor, KEVY_SECONDS(100));
    KEVY_SIM_CHECK(sim, kevy_reactor_run(reactor) == 0);
    counters_check(&server);
    KEVY_SIM_CHECK(sim, kevy_reactor_destroy(reactor) == 0);
    server_free(&server);
}

int main(int argc, char **argv)
{
    return kevy_sim_main(argc, argv, &(struct kevy_sim_options){.name = "http_echo", .test = test});
}
