/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The guests of the server: those who talk, who do not read, who say nothing, who cut the
 * connection, who ask for new keys without end, and who want another handshake.
 *
 * Invariants. A guest gets its bytes back in order, and close_notify behind the last of them. A
 * ticket is good as long as the same is asked of clients.
 */
#include "tls_worlds.h"

#include <openssl/err.h>

#include "pattern.h"
#include "tls_hall.h"
#include "tls_identity.h"
#include "world.h"

enum { PLAN_MAX = 30000, DEAF_PLAN = 300000, KEY_UPDATES = 100, LIVES_MAX = 3 };

#define PACE_NS  KEVY_MILLISECONDS(20)
#define BURST_NS 10000U
#define BIRTH_NS KEVY_MILLISECONDS(300)
#define STUCK_NS KEVY_MILLISECONDS(300)

static struct guest *guest_of(struct tls_peer *peer)
{
    return KEVY_CONTAINER_OF(peer, struct guest, tls);
}

static void come(struct kevy_sim_event *event);

static void guest_gone(struct guest *guest)
{
    if (guest->seat != NULL)
        guest->seat->guest = NULL;
    guest->seat = NULL;
    kevy_sim_event_stop(world, &guest->nudge);
    if (--guest->lives == 0 || kevy_sim_quiet(world))
        kevy_sim_release(world);
    else
        kevy_sim_event_start(world, &guest->birth, kevy_sim_magnitude(world, 1000, BIRTH_NS), come);
}

/* The session of a connection that has ended well. */
static void ticket_keep(struct guest *guest)
{
    struct ticket *ticket = &tls_hall.tickets[guest->old][guest->identity];

    if (guest->changes != tls_hall.changes)
        return;
    SSL_SESSION_free(ticket->session);
    *ticket = (struct ticket){SSL_get1_session(guest->tls.ssl), (int)tls_hall.options.clients};
}

static void over(struct tls_peer *peer)
{
    struct guest *guest = guest_of(peer);
    bool excused = peer->broken || kevy_sim_peer_was_cut(&peer->peer) || kevy_sim_refused(world) ||
                   tls_hall.little_memory;

    EXPECT(peer->failure == 0 || excused || guest->kind >= KIND_KEYS ||
               (guest->identity != IDENTITY_VISITOR &&
                ERR_GET_REASON(peer->failure) >= SSL_AD_REASON_OFFSET),
           "a guest fails with %s", ERR_error_string(peer->failure, NULL));
    if (guest->kind <= KIND_DEAF && peer->shaken && peer->failure == 0 && !excused) {
        EXPECT(peer->notified || guest->seat == NULL, "an end without close_notify");
        EXPECT(!peer->notified || guest->got == guest->plan || !guest->said_end,
               "%llu of %llu bytes came back", (unsigned long long)guest->got,
               (unsigned long long)guest->plan);
    }
    if (guest->kind <= KIND_DEAF && peer->notified && guest->said_end)
        ticket_keep(guest);
    guest_gone(guest);
}

static void shaken(struct tls_peer *peer)
{
    struct guest *guest = guest_of(peer);
    bool reused = SSL_session_reused(peer->ssl) == 1;

    if (!reused)
        EXPECT(sk_X509_num(SSL_get_peer_cert_chain(peer->ssl)) == 1,
               "the server shows more than its certificate");
    if (guest->offered >= 0 && guest->changes == tls_hall.changes)
        EXPECT(reused == (guest->offered == (int)tls_hall.options.clients),
               "a session that is offered is %s", reused ? "resumed" : "not resumed");
    EXPECT(guest->offered >= 0 || !reused, "a session is resumed that nobody offered");
    peer->deaf = guest->kind == KIND_DEAF;
}

static void plain(struct tls_peer *peer, const uint8_t *bytes, uint32_t length)
{
    struct guest *guest = guest_of(peer);

    pattern_check(bytes, length, guest->seed, guest->got, "guest");
    guest->got += length;
    EXPECT(guest->got <= guest->sent, "a guest gets more than it has sent");
}

static void talk(struct guest *guest)
{
    uint8_t bytes[TLS_PIECE_MAX];
    uint64_t left = guest->plan - guest->sent;
    uint32_t most = (uint32_t)(left < TLS_PIECE_MAX ? left : TLS_PIECE_MAX);
    uint32_t length =
        kevy_sim_one_in(world, 2) ? most : (uint32_t)kevy_sim_magnitude(world, 1, most);

    pattern_fill(bytes, length, guest->seed, guest->sent);
    if (tls_peer_write(&guest->tls, bytes, length))
        guest->sent += length;
    guest->moved_ns = kevy_sim_now(world);
}

static void say_end(struct guest *guest)
{
    if (!guest->said_end)
        guest->said_end = SSL_shutdown(guest->tls.ssl) >= 0;
    guest->tls.leaves = guest->tls.notified;
}

/* What a guest does when all has come back. */
static void finish_by_kind(struct guest *guest)
{
    if (guest->kind == KIND_AGAIN && guest->old) {
        if (!guest->did && SSL_renegotiate(guest->tls.ssl) == 1)
            (void)SSL_do_handshake(guest->tls.ssl);
        guest->did = true;
        return;
    }
    if (guest->kind == KIND_KEYS && !guest->old) {
        for (int count = 0; count < KEY_UPDATES && !guest->did; count++)
            if (SSL_key_update(guest->tls.ssl, SSL_KEY_UPDATE_NOT_REQUESTED) == 1)
                (void)SSL_do_handshake(guest->tls.ssl);
        guest->did = true;
        return;
    }
    say_end(guest);
}

static void act(struct tls_peer *peer)
{
    struct guest *guest = guest_of(peer);

    if (peer->notified && !guest->said_end)
        guest->kind = KIND_ECHO; /* the server ends it: nothing more is expected */
    if (guest->sent < guest->plan && !peer->notified) {
        talk(guest);
    } else if (guest->kind == KIND_CUTS && guest->sent == guest->plan) {
        kevy_sim_peer_shutdown(&peer->peer);
        peer->shut = true;
        guest->did = true;
    } else if (guest->got == guest->plan || peer->notified) {
        finish_by_kind(guest);
    }
    if (guest->sent == guest->plan)
        peer->deaf = false;
}

static const struct tls_manner manner = {
    .shaken = shaken, .plain = plain, .act = act, .over = over};

/* Who does not read begins to when nothing goes on. */
static void nudge(struct kevy_sim_event *event)
{
    struct guest *guest = KEVY_CONTAINER_OF(event, struct guest, nudge);

    if (guest->tls.deaf && kevy_sim_now(world) - guest->moved_ns > STUCK_NS) {
        guest->tls.deaf = false;
        kevy_sim_peer_wake(&guest->tls.peer);
    }
    kevy_sim_event_start(world, event, STUCK_NS, nudge);
}

/* It waits for the server to lose its patience. */
static void silent_ready(struct kevy_sim_peer *peer)
{
    struct guest *guest = KEVY_CONTAINER_OF(peer, struct guest, tls.peer);
    char byte;

    if (kevy_sim_peer_read(peer, &byte, 1) == -EAGAIN)
        return;
    kevy_sim_peer_close(peer);
    SSL_free(guest->tls.ssl);
    guest->tls.ssl = NULL;
    guest_gone(guest);
}

static void shook(const SSL *ssl, int where, int value)
{
    struct guest *guest = SSL_get_app_data(ssl);

    (void)value;
    if ((where & SSL_CB_HANDSHAKE_DONE) != 0 && guest->old)
        EXPECT(++guest->handshakes == 1, "a server takes a second handshake");
}

static void ticket_offer(struct guest *guest)
{
    const struct ticket *ticket = &tls_hall.tickets[guest->old][guest->identity];

    guest->offered = -1;
    if (ticket->session == NULL || !SSL_SESSION_is_resumable(ticket->session) ||
        kevy_sim_one_in(world, 4))
        return;
    if (SSL_set_session(guest->tls.ssl, ticket->session) == 1)
        guest->offered = ticket->asked;
}

static void guest_draw(struct guest *guest)
{
    guest->kind = kevy_sim_one_in(world, 2) ? KIND_ECHO : (enum kind)kevy_sim_below(world, KINDS);
    if (tls_hall.little_memory && kevy_sim_one_in(world, 2))
        guest->kind = KIND_DEAF;
    guest->identity = IDENTITY_VISITOR;
    if (tls_hall.options.clients == KEVY_TLS_CLIENTS_ANONYMOUS || kevy_sim_one_in(world, 4))
        guest->identity = (enum identity)kevy_sim_below(world, TLS_IDENTITIES);
    guest->old = kevy_sim_one_in(world, 3);
    guest->plan = guest->kind == KIND_DEAF ? DEAF_PLAN : kevy_sim_magnitude(world, 1, PLAN_MAX);
    guest->seed = kevy_sim_below(world, UINT32_MAX);
    guest->sent = guest->got = 0;
    guest->said_end = guest->did = false;
    guest->handshakes = 0;
    guest->changes = tls_hall.changes;
    guest->moved_ns = kevy_sim_now(world);
}

static void guest_equip(struct guest *guest)
{
    SSL *ssl = SSL_new(tls_hall.guests_context);

    tls_peer_begin(&guest->tls, &manner, ssl, false);
    SSL_set_app_data(ssl, guest);
    SSL_set_info_callback(ssl, shook);
    (void)SSL_set_tlsext_host_name(ssl, "localhost");
    if (guest->old)
        SSL_set_max_proto_version(ssl, TLS1_2_VERSION);
    if (guest->identity != IDENTITY_NONE)
        tls_identity_use(ssl, guest->identity == IDENTITY_VISITOR ? &tls_visitor : &tls_strange);
    ticket_offer(guest);
    if (guest->kind == KIND_SILENT)
        guest->tls.peer.ready = silent_ready;
    guest->tls.peer.pace_ns = kevy_sim_magnitude(world, 1000, tls_hall.burst ? BURST_NS : PACE_NS);
}

static void come(struct kevy_sim_event *event)
{
    struct guest *guest = KEVY_CONTAINER_OF(event, struct guest, birth);

    guest_draw(guest);
    guest_equip(guest);
    if (kevy_sim_peer_connect(world, &guest->tls.peer, TLS_PORT) < 0) {
        SSL_free(guest->tls.ssl);
        guest->tls.ssl = NULL;
        kevy_sim_event_start(world, event, kevy_sim_between(world, 1, BIRTH_NS), come);
        return;
    }
    kevy_sim_event_start(world, &guest->nudge, STUCK_NS, nudge);
}

void tls_guests_invite(void)
{
    uint64_t at_ns = kevy_sim_below(world, BIRTH_NS);

    for (int number = 0; number < TLS_GUESTS; number++) {
        tls_hall.guests[number].lives = (uint32_t)kevy_sim_between(world, 1, LIVES_MAX);
        if (!tls_hall.burst)
            at_ns = kevy_sim_below(world, BIRTH_NS);
        kevy_sim_event_start(world, &tls_hall.guests[number].birth, at_ns, come);
        kevy_sim_hold(world);
    }
}
