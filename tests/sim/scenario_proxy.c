/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A proxy: for each client a connection to one of several hosts, and everything that comes from one
 * side is forwarded to the other, ends included.
 *
 * Invariants, beyond those of link.h and client.h: a connect reports once, with a failure only when
 * every address has failed or the time is over, and with an error of the network or of a shortage;
 * what it races for and does not win is closed.
 */
#include "scenario.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "hosts.h"
#include "link.h"
#include "world.h"

struct side {
    struct link link;
    struct pair *pair;
    bool ended;
};

struct pair {
    struct kevy_connector connect;
    struct kevy_address addresses[HOSTS];
    struct sockaddr_in sockets[HOSTS];
    struct side *client;
    struct side *server;
    uint32_t failures;
    uint64_t began_ns;
    uint64_t limit_ns;
    bool connecting;
    bool direct; /* to one address, without a connector */
};

/* The longest that the program computes. */
#define SLOW_NS 20000000U

static struct {
    struct kevy_listener listener;
    const struct kevy_system *system;
    uint32_t pairs;
    bool quiet;
} proxy;

static struct side *side_of(struct link *link)
{
    return (void *)link;
}

static struct side *other_of(const struct side *side)
{
    return side == side->pair->client ? side->pair->server : side->pair->client;
}

static void pair_free(struct pair *pair)
{
    if (pair->client != NULL || pair->server != NULL || pair->connecting)
        return;
    memset(pair, 0xDB, sizeof *pair);
    free(pair);
    proxy.pairs--;
}

/* The client is gone: nobody needs the connection that is being made. */
static void connect_cancel(struct pair *pair)
{
    if (pair->direct)
        QUIETLY(kevy_stream_close(&pair->server->link.stream));
    else
        QUIETLY(kevy_connector_cancel(&pair->connect));
}

/* One side is gone before its time: the other is of no use. */
static void give_up(struct side *side)
{
    if (side == NULL)
        return;
    link_break(&side->link);
    QUIETLY(kevy_stream_abort(&side->link.stream));
}

/* Somebody gives up a connect, perhaps one whose answer waits to be handled in this turn. */
static void give_up_any(void)
{
    struct pair *pair = side_of(links_any())->pair;

    if (kevy_sim_one_in(world, 4))
        proxy.system->sleep_ns(proxy.system->context, kevy_sim_magnitude(world, 1000, SLOW_NS));
    if (pair != NULL && pair->direct && pair->connecting)
        give_up(pair->server);
}

static void forward(struct link *link, struct kevy_buffer *buffer)
{
    struct side *other = other_of(side_of(link));
    int error = -EPIPE;

    if (!proxy.quiet && kevy_sim_one_in(world, 8))
        give_up_any();

    if (other != NULL)
        QUIETLY(error = kevy_stream_forward(&other->link.stream, buffer));
    EXPECT(error == 0 || error == -EPIPE || error == -ENOBUFS, "forward answers %d", error);
    if (error != 0)
        give_up(side_of(link));
}

static void ended(struct link *link)
{
    struct side *side = side_of(link);
    struct side *other = other_of(side);

    side->ended = true;
    if (other == NULL || other->ended) {
        QUIETLY(kevy_stream_close(&link->stream));
        if (other != NULL) {
            other->link.limited = true;
            QUIETLY(kevy_stream_close(&other->link.stream));
        }
        return;
    }
    QUIETLY((void)kevy_stream_shutdown(&other->link.stream));
}

/* A host that refuses or is not there, and a network that resets; no descriptor, no memory. */
static bool is_connect_error(int error)
{
    static const int errors[] = {-ECONNREFUSED, -ENETUNREACH, -ETIMEDOUT, -ECONNRESET, -EPIPE,
                                 -EMFILE,       -ENOBUFS,     -ENOMEM,    -EAGAIN,     -ECANCELED};

    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        if (error == errors[i])
            return true;
    return error == 0;
}

static void closed(struct link *link, int reason)
{
    struct side *side = side_of(link);
    struct pair *pair = side->pair;
    struct side *other = other_of(side);

    EXPECT(is_connect_error(reason), "a stream ends with %d", reason);
    if (reason != 0 || !side->ended) {
        link_break(link);
        give_up(other);
    }
    if (side == pair->client) {
        pair->client = NULL;
        if (pair->connecting)
            connect_cancel(pair);
    } else {
        EXPECT(!pair->connecting || reason != -ETIMEDOUT ||
                   kevy_sim_now(world) >= pair->began_ns + pair->limit_ns,
               "a connect times out early");
        pair->connecting = false;
        pair->server = NULL;
    }
    pair_free(pair);
}

/* A connector says so by itself. */
static void server_opened(struct link *link)
{
    struct pair *pair = side_of(link)->pair;

    if (!pair->direct)
        return;
    EXPECT(pair->connecting && pair->client != NULL, "a connect reports twice, or after its end");
    pair->connecting = false;
    QUIETLY(kevy_stream_resume(&pair->client->link.stream));
}

static const struct link_manner server_manner = {
    .open = server_opened, .read = forward, .end = ended, .close = closed};

static void attempted(struct kevy_connector *connect, uint32_t index, int error)
{
    struct pair *pair = KEVY_CONTAINER_OF(connect, struct pair, connect);

    EXPECT(quiet_calls == 0 && pair->connecting, "an attempt is reported out of its order");
    EXPECT(index < HOSTS && error < 0 && is_connect_error(error), "address %u fails with %d", index,
           error);
    pair->failures++;
}

static void connected(struct kevy_connector *connect, int result)
{
    struct pair *pair = KEVY_CONTAINER_OF(connect, struct pair, connect);

    EXPECT(quiet_calls == 0 && pair->connecting, "a connect reports twice");
    pair->connecting = false;
    EXPECT(is_connect_error(result), "a connect fails with %d", result);
    if (result != 0) {
        EXPECT(result != -ETIMEDOUT || pair->failures == HOSTS ||
                   kevy_sim_now(world) >= pair->began_ns + pair->limit_ns,
               "a connect times out early");
        link_forget(&pair->server->link);
        pair->server = NULL;
        give_up(pair->client);
        pair_free(pair);
        return;
    }
    if (pair->client == NULL)
        give_up(pair->server);
    else
        QUIETLY(kevy_stream_resume(&pair->client->link.stream));
}

static void addresses_write(struct pair *pair)
{
    uint32_t first = (uint32_t)kevy_sim_below(world, HOSTS);

    for (uint32_t i = 0; i < HOSTS; i++) {
        pair->sockets[i] = (struct sockaddr_in){
            .sin_family = AF_INET, .sin_port = htons((uint16_t)(HOST_PORT + (first + i) % HOSTS))};
        pair->addresses[i].address = (const struct sockaddr *)&pair->sockets[i];
        pair->addresses[i].length = sizeof pair->sockets[i];
    }
}

/* To the first address alone. */
static void connect_direct(struct pair *pair, struct kevy_reactor *reactor)
{
    int error;

    pair->direct = true;
    QUIETLY(error =
                kevy_stream_connect(&pair->server->link.stream, reactor, pair->addresses[0].address,
                                    pair->addresses[0].length, pair->limit_ns));
    if (error == 0)
        return;
    pair->connecting = false;
    link_forget(&pair->server->link);
    pair->server = NULL;
    give_up(pair->client);
}

static void connect_any(struct pair *pair, struct kevy_reactor *reactor)
{
    struct kevy_connector_options options = {.stream = &pair->server->link.stream,
                                             .addresses = pair->addresses,
                                             .count = HOSTS,
                                             .timeout_ns = pair->limit_ns,
                                             .attempt = attempted,
                                             .done = connected};
    int error;

    options.attempt_delay_ns = kevy_sim_magnitude(world, 1000, 400000000);
    QUIETLY(error = kevy_connector_start(&pair->connect, reactor, &options));
    EXPECT(error == 0, "connect answers %d", error);
}

static void opened(struct link *link)
{
    struct kevy_reactor *reactor = kevy_stream_reactor(&link->stream);
    struct pair *pair = calloc(1, sizeof *pair);

    EXPECT(pair != NULL, "no memory");
    proxy.pairs++;
    pair->client = side_of(link);
    pair->client->pair = pair;
    pair->server = side_of(link_of(link_make(&server_manner, sizeof(struct side))));
    pair->server->pair = pair;
    link_share(&pair->server->link, link);
    addresses_write(pair);
    pair->limit_ns = kevy_sim_magnitude(world, 100000, KEVY_SECONDS(30));
    pair->began_ns = kevy_reactor_now(reactor);
    pair->connecting = true;
    QUIETLY(kevy_stream_pause(&link->stream));
    if (kevy_sim_one_in(world, 3))
        connect_direct(pair, reactor);
    else
        connect_any(pair, reactor);
}

static const struct link_manner client_manner = {
    .open = opened, .read = forward, .end = ended, .close = closed};

static struct kevy_stream *accepted(struct kevy_listener *listener)
{
    (void)listener;
    return link_make(&client_manner, sizeof(struct side));
}

static void start(struct kevy_reactor *reactor)
{
    struct kevy_listener_options options = {.address = "127.0.0.1", .accept = accepted};
    struct kevy_reactor_options system = {0};
    uint64_t plan_most;
    uint32_t count;

    memset(&proxy, 0, sizeof proxy);
    kevy_sim_reactor_options(world, &system);
    proxy.system = system.system;
    hosts_open();
    while (kevy_listener_open(&proxy.listener, reactor, &options) < 0)
        continue;
    count = (uint32_t)kevy_sim_magnitude(world, 1, 40);
    plan_most = kevy_sim_magnitude(world, 100, 100000);
    clients_start(count, 0, plan_most, true);
    if (kevy_sim_one_in(world, 4))
        descriptors_limit((uint32_t)kevy_sim_between(world, 3, 30));
}

static void quiet(struct kevy_reactor *reactor)
{
    (void)reactor;
    proxy.quiet = true;
    hosts_quiet();
    clients_quiet();
}

static bool over(void)
{
    return clients_over() && links_open() == 0 && proxy.pairs == 0;
}

static void stop(struct kevy_reactor *reactor)
{
    (void)reactor;
    hosts_stop();
    QUIETLY(kevy_listener_close(&proxy.listener));
}

const struct scenario scenario_proxy = {.name = "proxy",
                                        .start = start,
                                        .quiet = quiet,
                                        .over = over,
                                        .stop = stop,
                                        .abandon = NULL,
                                        .gone = hosts_stop};
