/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A server whose memory is taken by others for some time, just when its guest has sent something.
 *
 * Invariants. The connection waits until there is memory, and goes on then as if nothing had been.
 * Meanwhile the loop asks for memory less and less often.
 */
#include "tls_worlds.h"

#include <string.h>

#include "tls_peer.h"

#define PORT        7000
#define MEMORY      1048576U
#define BUFFER_SIZE 1024U
#define SHORTAGE_NS KEVY_SECONDS(2)
#define TURNS_MAX   100U /* while nothing happens */

static const char words[] = "how are you?";

static struct {
    struct kevy_reactor *reactor;
    struct kevy_tls_context *context;
    struct kevy_tls server;
    struct tls_peer guest;
    uint32_t got;
    bool opened;
    bool speaks;
    bool spoken;
    bool closed;
} all;

static void shaken(struct kevy_tls *tls)
{
    (void)tls;
    all.opened = true;
}

static void received(struct kevy_tls *tls, struct kevy_buffer *buffer)
{
    EXPECT(kevy_tls_forward(tls, buffer) == 0, "nothing can be forwarded");
}

static void closed(struct kevy_tls *tls, int reason)
{
    (void)tls;
    EXPECT(reason == 0, "a connection without memory ends with %d", reason);
    all.closed = true;
}

static const struct kevy_tls_events events = {.open = shaken, .read = received, .close = closed};

static struct kevy_stream *accepted(struct kevy_listener *listener)
{
    (void)listener;
    return kevy_tls_server(&all.server, all.context, &events);
}

static void plain(struct tls_peer *peer, const uint8_t *bytes, uint32_t length)
{
    (void)peer;
    EXPECT(all.got + length < sizeof words && memcmp(words + all.got, bytes, length) == 0,
           "other bytes come back");
    all.got += length;
}

static void act(struct tls_peer *peer)
{
    if (all.speaks && !all.spoken)
        all.spoken = tls_peer_write(peer, words, sizeof words - 1);
    if (all.got == sizeof words - 1)
        (void)SSL_shutdown(peer->ssl);
    peer->leaves = peer->notified;
}

static void over(struct tls_peer *peer)
{
    EXPECT(peer->notified && all.got == sizeof words - 1, "a guest is left alone");
}

static const struct tls_manner manner = {.plain = plain, .act = act, .over = over};

static void turn(uint64_t limit_ns)
{
    int result = kevy_reactor_run_once(all.reactor, limit_ns);

    EXPECT(result >= 0, "a turn answers %d", result);
}

static void pass(uint64_t duration_ns)
{
    uint64_t until_ns = kevy_sim_now(world) + duration_ns;

    while (kevy_sim_now(world) < until_ns)
        turn(until_ns - kevy_sim_now(world));
}

static uint64_t turns(void)
{
    struct kevy_reactor_stats stats;

    kevy_reactor_stats(all.reactor, &stats);
    return stats.turns;
}

/* Others have all the memory that there is, for a while. */
static void shortage(void)
{
    static struct kevy_buffer taken[MEMORY / BUFFER_SIZE];
    unsigned count = 0;
    uint64_t before;

    while (count < MEMORY / BUFFER_SIZE &&
           kevy_buffer_create(all.reactor, NULL, &taken[count]) == 0)
        count++;
    all.speaks = true;
    kevy_sim_peer_wake(&all.guest.peer);
    pass(KEVY_MILLISECONDS(100));
    before = turns();
    pass(SHORTAGE_NS);
    EXPECT(turns() - before <= TURNS_MAX, "%llu turns while nothing happens",
           (unsigned long long)(turns() - before));
    EXPECT(all.spoken && all.got == 0 && !all.closed, "bytes without memory");
    while (count > 0)
        kevy_buffer_release(&taken[--count]);
}

static void play(SSL_CTX *guests)
{
    all.guest.ssl = NULL;
    tls_peer_begin(&all.guest, &manner, SSL_new(guests), false);
    all.guest.peer.pace_ns = KEVY_MILLISECONDS(1);
    EXPECT(kevy_sim_peer_connect(world, &all.guest.peer, PORT) == 0, "nobody listens");
    while (!all.opened)
        turn(KEVY_SECONDS(1));
    pass(KEVY_SECONDS(1));
    shortage();
    while (!all.closed || all.guest.ssl != NULL)
        turn(KEVY_SECONDS(1));
}

void tls_world_memory(void)
{
    struct kevy_reactor_options options = {
        .memory_limit = MEMORY, .buffer_size = BUFFER_SIZE, .buffer_count = 64};
    struct kevy_listener_options listen = {.port = PORT, .accept = accepted};
    struct kevy_listener listener = {0};
    SSL_CTX *guests = SSL_CTX_new(TLS_client_method());

    memset(&all, 0, sizeof all);
    kevy_sim_set_odds(world, KEVY_SIM_FAULT_COUNT, 0);
    kevy_sim_reactor_options(world, &options);
    all.context = tls_context_make(
        &(struct kevy_tls_options){.certificate = tls_local.certificate,
                                   .certificate_length = strlen(tls_local.certificate),
                                   .key = tls_local.key,
                                   .key_length = strlen(tls_local.key)});
    EXPECT(guests != NULL && kevy_reactor_create(&all.reactor, &options) == 0, "no reactor");
    EXPECT(kevy_listener_open(&listener, all.reactor, &listen) == 0, "no listener");
    play(guests);
    kevy_listener_close(&listener);
    EXPECT(kevy_reactor_run(all.reactor) == 0 && kevy_reactor_destroy(all.reactor) == 0,
           "objects were left");
    kevy_tls_context_destroy(all.context);
    SSL_CTX_free(guests);
}
