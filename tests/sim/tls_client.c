/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Clients that connect to servers, which show one certificate or another. What the clients trust
 * changes in between.
 *
 * Invariants. A connection opens if its server has a certificate for the name, from somebody whom
 * the client trusts, and only then; or if it has one of its owner's tickets. A session is resumed
 * only for the name that it was made for, and only if the same authorities are trusted as when it
 * was made. Bytes come back in order.
 */
#include "tls_worlds.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "pattern.h"
#include "tls_internal.h"
#include "tls_peer.h"

enum { CALLERS = 4, CALLS = 12, PEERS = 32, HOSTS = 3, NAMES = 4, TRUSTS = 2, PORT = 7000 };

#define PLAN_MAX 5000
#define PACE_NS  KEVY_MILLISECONDS(20)
#define WAIT_NS  KEVY_MILLISECONDS(50)

static const char *const names[NAMES] = {"localhost", "127.0.0.1", "example.test", "192.0.2.7"};

static const struct tls_identity *const identities[HOSTS] = {&tls_local, &tls_named, &tls_strange};

/* Whether the certificate of a host is for a name. */
static const bool fits[HOSTS][NAMES] = {
    {true, true, false, false}, {false, false, true, false}, {true, true, true, false}};

struct caller {
    struct kevy_tls tls;
    struct kevy_timer pause;
    uint32_t name;
    uint32_t host;
    uint32_t calls;
    uint32_t reloads; /* when it began */
    uint64_t seed;
    uint64_t plan, got;
    bool opened;
    bool resumed;
    bool closing;
};

struct host_peer {
    struct tls_peer tls;
    uint8_t rest[PLAN_MAX]; /* to be sent back */
    uint32_t length;
};

static struct {
    struct kevy_reactor *reactor;
    struct kevy_tls_context *context;
    struct kevy_sim_host hosts[HOSTS];
    SSL_CTX *contexts[HOSTS];
    struct host_peer peers[PEERS];
    struct caller callers[CALLERS];
    bool seen[NAMES][TRUSTS]; /* a connection for the name was open, when those were trusted */
    uint32_t trust;           /* 0: the authority alone; 1: the stranger, too */
    uint32_t reloads;
    bool reloading; /* in the next `open` */
} all;

/* ---- The servers --------------------------------------------------------------------------- */

static void peer_plain(struct tls_peer *peer, const uint8_t *bytes, uint32_t length)
{
    struct host_peer *host = KEVY_CONTAINER_OF(peer, struct host_peer, tls);

    EXPECT(host->length + length <= PLAN_MAX, "a server gets more than was sent");
    memcpy(host->rest + host->length, bytes, length);
    host->length += length;
}

static void peer_act(struct tls_peer *peer)
{
    struct host_peer *host = KEVY_CONTAINER_OF(peer, struct host_peer, tls);

    if (host->length != 0 && tls_peer_write(peer, host->rest, host->length))
        host->length = 0;
    if (peer->notified && !peer->shut) {
        (void)SSL_shutdown(peer->ssl);
        peer->leaves = BIO_ctrl_pending(peer->out) == 0;
    }
}

static void peer_over(struct tls_peer *peer)
{
    (void)peer;
}

static const struct tls_manner manner = {.plain = peer_plain, .act = peer_act, .over = peer_over};

static struct kevy_sim_peer *accepted(struct kevy_sim_host *host)
{
    struct host_peer *peer = all.peers;
    SSL *ssl;

    while (peer < all.peers + PEERS && peer->tls.ssl != NULL)
        peer++;
    if (peer == all.peers + PEERS)
        return NULL;
    ssl = SSL_new(all.contexts[host - all.hosts]);
    tls_peer_begin(&peer->tls, &manner, ssl, true);
    peer->tls.peer.pace_ns = kevy_sim_magnitude(world, 1000, PACE_NS);
    peer->length = 0;
    return &peer->tls.peer;
}

/* Those of one owner open each other's tickets. */
static void hosts_open(void)
{
    static uint8_t keys[80];

    for (uint32_t index = 0; index < HOSTS; index++) {
        SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

        keys[0] = identities[index] == &tls_strange;
        EXPECT(ctx != NULL && SSL_CTX_use_certificate(ctx, identities[index]->x509) == 1 &&
                   SSL_CTX_use_PrivateKey(ctx, identities[index]->pkey) == 1 &&
                   SSL_CTX_set_session_id_context(ctx, (const void *)"sim", 3) == 1 &&
                   SSL_CTX_set_tlsext_ticket_keys(ctx, keys, sizeof keys) == 1,
               "OpenSSL takes no certificate");
        all.contexts[index] = ctx;
        all.hosts[index].port = (uint16_t)(PORT + index);
        all.hosts[index].accept = accepted;
        kevy_sim_host_open(world, &all.hosts[index]);
    }
}

/* ---- The clients --------------------------------------------------------------------------- */

static struct kevy_tls_options options_of(uint32_t trust)
{
    static char both[sizeof tls_authority.certificate * 2];
    struct kevy_tls_options options = {0};

    strcpy(both, tls_authority.certificate);
    if (trust == 1)
        strcat(both, tls_stranger.certificate);
    options.authorities = both;
    options.authorities_length = strlen(both);
    return options;
}

static void reload(void)
{
    struct kevy_tls_options options = options_of(all.trust ^ 1);

    EXPECT(kevy_tls_context_reload(all.context, &options, NULL) == 0, "no reload");
    all.trust ^= 1;
    all.reloads++;
    all.reloading = false;
}

static struct caller *caller_of(struct kevy_tls *tls)
{
    return KEVY_CONTAINER_OF(tls, struct caller, tls);
}

/* Whether it may open, if it began with those that are trusted now. */
static bool is_trusted(const struct caller *caller)
{
    return fits[caller->host][caller->name] &&
           (identities[caller->host] != &tls_strange || all.trust == 1);
}

/* What was trusted when the connection began; -1: one of several things. */
static int trust_of(const struct caller *caller)
{
    if (caller->tls.setup == all.context->setup)
        return (int)all.trust;
    return all.reloads - caller->reloads == 1 ? (int)(all.trust ^ 1) : -1;
}

static void opened(struct kevy_tls *tls)
{
    struct caller *caller = caller_of(tls);
    bool sure = caller->reloads == all.reloads;
    int began = trust_of(caller);
    struct kevy_tls_info info;
    uint8_t bytes[PLAN_MAX];

    EXPECT(kevy_tls_info(tls, &info) == 0 && info.verified, "an open client has verified nothing");
    EXPECT(info.resumed || (fits[caller->host][caller->name] && (is_trusted(caller) || !sure)),
           "%s opens at a server that is another", names[caller->name]);
    caller->resumed = info.resumed;
    EXPECT(!info.resumed || began < 0 || all.seen[caller->name][began],
           "a session for %s is resumed, and there was none", names[caller->name]);
    for (int trust = 0; trust < TRUSTS; trust++)
        all.seen[caller->name][trust] |= began < 0 || trust == began;
    caller->opened = true;
    pattern_fill(bytes, caller->plan, caller->seed, 0);
    if (kevy_tls_send(tls, bytes, caller->plan) < 0)
        kevy_tls_close(tls);
    if (all.reloading)
        reload();
}

static void received(struct kevy_tls *tls, struct kevy_buffer *buffer)
{
    struct caller *caller = caller_of(tls);

    pattern_check(buffer->data, buffer->length, caller->seed, caller->got, "client");
    caller->got += buffer->length;
    EXPECT(caller->got <= caller->plan, "a client gets more than it has sent");
    if (caller->got < caller->plan)
        return;
    caller->closing = true;
    kevy_tls_close(tls);
}

static void call(struct kevy_timer *timer);

static void call_soon(struct caller *caller)
{
    if (caller->calls == 0 || kevy_sim_quiet(world)) {
        kevy_sim_release(world);
        return;
    }
    kevy_timer_start(&caller->pause, all.reactor, kevy_sim_magnitude(world, 0, WAIT_NS), call);
}

static void closed(struct kevy_tls *tls, int reason)
{
    struct caller *caller = caller_of(tls);
    bool sure = caller->reloads == all.reloads;

    if (reason == -EKEYREJECTED)
        EXPECT(!caller->opened && (!is_trusted(caller) || !sure),
               "%s is not found at its own server", names[caller->name]);
    EXPECT(reason != 0 || caller->closing || caller->opened, "a client closes by itself");
    if (kevy_sim_faults(world) == 0 && sure)
        EXPECT(is_trusted(caller) || caller->resumed ? reason == 0 : reason == -EKEYREJECTED,
               "a client of %s ends with %d", names[caller->name], reason);
    call_soon(caller);
}

static const struct kevy_tls_events events = {.open = opened, .read = received, .close = closed};

static void call(struct kevy_timer *timer)
{
    struct caller *caller = KEVY_CONTAINER_OF(timer, struct caller, pause);
    struct sockaddr_in to = {.sin_family = AF_INET};
    int error;

    caller->calls--;
    caller->host = (uint32_t)kevy_sim_below(world, HOSTS);
    caller->name = (uint32_t)kevy_sim_below(world, NAMES);
    caller->plan = kevy_sim_between(world, 1, PLAN_MAX);
    caller->seed = kevy_sim_below(world, UINT32_MAX);
    caller->got = 0;
    caller->opened = caller->resumed = caller->closing = false;
    caller->reloads = all.reloads;
    to.sin_port = htons((uint16_t)(PORT + caller->host));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    all.reloading |= kevy_sim_one_in(world, 8);
    error = kevy_stream_connect(
        kevy_tls_client(&caller->tls, all.context, names[caller->name], &events), all.reactor,
        (const void *)&to, sizeof to, KEVY_FOREVER);
    if (error < 0)
        call_soon(caller);
}

/* ---- The world ----------------------------------------------------------------------------- */

static void program_open(void)
{
    struct kevy_tls_options options = options_of(0);
    struct kevy_reactor_options reactor = {.buffer_count = 64};

    kevy_sim_reactor_options(world, &reactor);
    kevy_sim_set_calm(world, true);
    EXPECT(kevy_reactor_create(&all.reactor, &reactor) == 0, "no reactor");
    kevy_sim_set_calm(world, false);
    all.context = tls_context_make(&options);
    for (int index = 0; index < CALLERS; index++) {
        all.callers[index].calls = CALLS;
        kevy_sim_hold(world);
        call_soon(&all.callers[index]);
    }
}

void tls_world_client(void)
{
    memset(&all, 0, sizeof all);
    hosts_open();
    program_open();
    while (!kevy_sim_over(world))
        EXPECT(kevy_reactor_run_once(all.reactor, KEVY_SECONDS(1)) >= 0, "a turn fails");
    while (kevy_reactor_run_once(all.reactor, KEVY_FOREVER) != 0)
        continue;
    EXPECT(kevy_reactor_destroy(all.reactor) == 0, "objects were left");
    kevy_tls_context_destroy(all.context);
    for (int index = 0; index < PEERS; index++) {
        if (kevy_sim_peer_connected(&all.peers[index].tls.peer))
            kevy_sim_peer_close(&all.peers[index].tls.peer);
        SSL_free(all.peers[index].tls.ssl);
    }
    for (int index = 0; index < HOSTS; index++)
        SSL_CTX_free(all.contexts[index]);
}
