/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A server that echoes, and its guests: those who talk, who do not read, who say nothing, who cut
 * the connection, who ask for new keys without end, and who want another handshake.
 *
 *     accepted --preamble--> said hello --server_name--> answered --open--> (read)* --> closed
 *
 * Invariants. A guest gets its bytes back in order, and close_notify behind the last of them. The
 * server reads what was sent, nothing while it is paused, and learns of an end only from
 * close_notify. Handshakes are answered in the order in which they came, so many in a turn and so
 * many waiting as the options say, and none lasts longer. Whoever must show a certificate has shown
 * it, in this connection or in the one that it resumes. A ticket is good as long as the same is
 * asked of clients. A queue above its mark holds back its source, and takes no send.
 */
#include "tls_worlds.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#include "pattern.h"
#include "stream/stream_internal.h"
#include "tls_internal.h"
#include "tls_peer.h"

enum {
    GUESTS = 12,
    PORT = 7000,
    PIECE_MAX = 4096,
    PLAN_MAX = 30000,
    DEAF_PLAN = 300000,
    KEY_UPDATES = 100,
    LIVES_MAX = 3,
    IDENTITIES = 3,
};

#define PACE_NS  KEVY_MILLISECONDS(20)
#define BURST_NS 10000U
#define BIRTH_NS KEVY_MILLISECONDS(300)
#define PAUSE_NS KEVY_MILLISECONDS(100)
#define STUCK_NS KEVY_MILLISECONDS(300)
/* The latest that a limit is told, beyond the time that the program computes. */
#define LATE_NS KEVY_MILLISECONDS(20)

enum kind { KIND_ECHO, KIND_DEAF, KIND_SILENT, KIND_CUTS, KIND_KEYS, KIND_AGAIN, KINDS };
enum identity { IDENTITY_NONE, IDENTITY_VISITOR, IDENTITY_STRANGE };

struct seat;

struct guest {
    struct tls_peer tls;
    struct kevy_sim_event birth;
    struct kevy_sim_event nudge;
    struct seat *seat; /* the other end, as long as there is one */
    uint64_t seed;     /* of the bytes */
    uint64_t plan, sent, got;
    uint64_t moved_ns;
    enum kind kind;
    enum identity identity;
    uint32_t lives;
    uint32_t changes;    /* of what is asked of clients, when it came */
    unsigned handshakes; /* complete */
    int offered;         /* what was asked for when its session was made, or -1: no session */
    bool old;            /* TLS 1.2 */
    bool said_end;
    bool did; /* the one thing of its kind */
};

struct seat {
    struct kevy_tls tls;
    struct kevy_timer resume;
    struct seat *next;
    struct guest *guest; /* NULL: it was gone before it said hello */
    uint64_t began_ns;
    uint64_t awake_ns; /* that the program had computed by then */
    uint64_t number;   /* in the order of hellos; 0: none yet */
    uint64_t received, answered;
    uint32_t changes; /* as of a guest */
    uint32_t crowd;   /* the most that were in a handshake at the same time */
    bool whole;       /* its hello came in one piece */
    bool asked;       /* it was answered */
    bool opened;
    bool sends; /* instead of forwarding */
    bool paused;
    bool ended;
    bool closing;
};

struct ticket {
    SSL_SESSION *session;
    int asked; /* of clients */
};

static struct {
    struct kevy_reactor *reactor;
    struct kevy_listener listener;
    struct kevy_tls_context *context;
    struct kevy_tls_options options;
    SSL_CTX *guests_context;
    struct guest guests[GUESTS];
    struct seat *seats;
    struct ticket tickets[2][IDENTITIES]; /* by version and identity */
    uint64_t hellos;
    uint64_t turn; /* of the answers below */
    uint32_t answers;
    uint32_t changes; /* of what is asked of clients */
    uint32_t high;
    bool little_memory;
    bool burst; /* the guests come at once */
} all;

static struct seat *seat_of(struct kevy_tls *tls)
{
    return KEVY_CONTAINER_OF(tls, struct seat, tls);
}

static struct guest *guest_of(struct tls_peer *peer)
{
    return KEVY_CONTAINER_OF(peer, struct guest, tls);
}

/* ---- The guests ---------------------------------------------------------------------------- */

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
    struct ticket *ticket = &all.tickets[guest->old][guest->identity];

    if (guest->changes != all.changes)
        return;
    SSL_SESSION_free(ticket->session);
    *ticket = (struct ticket){SSL_get1_session(guest->tls.ssl), (int)all.options.clients};
}

static void over(struct tls_peer *peer)
{
    struct guest *guest = guest_of(peer);
    bool excused = peer->broken || kevy_sim_peer_was_cut(&peer->peer) || kevy_sim_refused(world) ||
                   all.little_memory;

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
    if (guest->offered >= 0 && guest->changes == all.changes)
        EXPECT(reused == (guest->offered == (int)all.options.clients),
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
    uint8_t bytes[PIECE_MAX];
    uint64_t left = guest->plan - guest->sent;
    uint32_t most = (uint32_t)(left < PIECE_MAX ? left : PIECE_MAX);
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
    const struct ticket *ticket = &all.tickets[guest->old][guest->identity];

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
    if (all.little_memory && kevy_sim_one_in(world, 2))
        guest->kind = KIND_DEAF;
    guest->identity = IDENTITY_VISITOR;
    if (all.options.clients == KEVY_TLS_CLIENTS_ANONYMOUS || kevy_sim_one_in(world, 4))
        guest->identity = (enum identity)kevy_sim_below(world, IDENTITIES);
    guest->old = kevy_sim_one_in(world, 3);
    guest->plan = guest->kind == KIND_DEAF ? DEAF_PLAN : kevy_sim_magnitude(world, 1, PLAN_MAX);
    guest->seed = kevy_sim_below(world, UINT32_MAX);
    guest->sent = guest->got = 0;
    guest->said_end = guest->did = false;
    guest->handshakes = 0;
    guest->changes = all.changes;
    guest->moved_ns = kevy_sim_now(world);
}

static void guest_equip(struct guest *guest)
{
    SSL *ssl = SSL_new(all.guests_context);

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
    guest->tls.peer.pace_ns = kevy_sim_magnitude(world, 1000, all.burst ? BURST_NS : PACE_NS);
}

static void come(struct kevy_sim_event *event)
{
    struct guest *guest = KEVY_CONTAINER_OF(event, struct guest, birth);

    guest_draw(guest);
    guest_equip(guest);
    if (kevy_sim_peer_connect(world, &guest->tls.peer, PORT) < 0) {
        SSL_free(guest->tls.ssl);
        guest->tls.ssl = NULL;
        kevy_sim_event_start(world, event, kevy_sim_between(world, 1, BIRTH_NS), come);
        return;
    }
    kevy_sim_event_start(world, &guest->nudge, STUCK_NS, nudge);
}

/* ---- The server: handshakes ---------------------------------------------------------------- */

/* It ends, and its last callback has yet to come. */
static bool is_ending(const struct seat *seat)
{
    return seat->closing || seat->tls.state == TLS_CLOSING;
}

/* Those who have said hello and were not answered. */
static uint32_t waiting_count(void)
{
    uint32_t count = 0;

    for (const struct seat *seat = all.seats; seat != NULL; seat = seat->next)
        count += seat->whole && !seat->asked && !is_ending(seat);
    return count;
}

static bool in_handshake(const struct seat *seat)
{
    return seat->number != 0 && !seat->opened && !is_ending(seat);
}

/* One more is in a handshake. */
static void crowd_grows(void)
{
    uint32_t count = 0;

    for (const struct seat *seat = all.seats; seat != NULL; seat = seat->next)
        count += in_handshake(seat);
    for (struct seat *seat = all.seats; seat != NULL; seat = seat->next)
        if (in_handshake(seat) && seat->crowd < count)
            seat->crowd = count;
}

static int hello(struct kevy_tls *tls, const uint8_t *bytes, size_t length)
{
    struct seat *seat = seat_of(tls);
    struct kevy_sim_peer *peer = kevy_sim_peer_at(world, kevy_stream_fd(&tls->stream));

    EXPECT(seat->number == 0, "the preamble sees the handshake");
    seat->number = ++all.hellos;
    crowd_grows();
    seat->whole = length >= 5 && length >= 5 + ((size_t)bytes[3] << 8 | bytes[4]);
    if (peer != NULL) {
        seat->guest = KEVY_CONTAINER_OF(peer, struct guest, tls.peer);
        seat->guest->seat = seat;
    }
    return 0;
}

static void turn_count(void)
{
    struct kevy_reactor_stats stats;

    kevy_reactor_stats(all.reactor, &stats);
    if (stats.turns != all.turn)
        all.answers = 0;
    all.turn = stats.turns;
    EXPECT(++all.answers <= all.options.handshakes_per_turn, "a turn answers %u handshakes",
           all.answers);
}

static struct kevy_tls_context *answer(struct kevy_tls *tls, const char *name)
{
    struct seat *seat = seat_of(tls);

    EXPECT(strcmp(name, "localhost") == 0 && !seat->asked, "a handshake for %s", name);
    EXPECT(waiting_count() <= all.options.handshakes_waiting + 1, "%u handshakes wait",
           waiting_count());
    turn_count();
    seat->asked = true;
    for (const struct seat *other = all.seats; other != NULL; other = other->next)
        EXPECT(!seat->whole || !other->whole || other->asked || is_ending(other) ||
                   other->number > seat->number,
               "handshake %llu is answered before %llu", (unsigned long long)seat->number,
               (unsigned long long)other->number);
    return kevy_tls_context(tls);
}

static void opened(struct kevy_tls *tls)
{
    struct seat *seat = seat_of(tls);
    struct kevy_tls_info info;

    EXPECT(seat->asked && !seat->opened && !seat->closing, "open comes out of its order");
    EXPECT(kevy_tls_info(tls, &info) == 0 && info.kernel_encrypts == 0,
           "the kernel encrypts, and nobody has asked it to");
    if (seat->changes == all.changes && all.options.clients == KEVY_TLS_CLIENTS_CERTIFIED)
        EXPECT(info.verified, "a client is served that has shown no certificate");
    EXPECT(!info.verified || seat->guest == NULL || seat->guest->identity == IDENTITY_VISITOR,
           "the certificate of a stranger is verified");
    seat->opened = true;
}

/* ---- The server: bytes --------------------------------------------------------------------- */

static void resume_fire(struct kevy_timer *timer)
{
    struct seat *seat = KEVY_CONTAINER_OF(timer, struct seat, resume);

    seat->paused = false;
    kevy_tls_resume(&seat->tls);
}

static void seat_pause(struct seat *seat)
{
    seat->paused = true;
    kevy_tls_pause(&seat->tls);
    kevy_timer_start(&seat->resume, all.reactor, kevy_sim_magnitude(world, 0, PAUSE_NS),
                     resume_fire);
}

/* Answers by sending, as far as the mark lets it. */
static void debt_pay(struct seat *seat)
{
    uint8_t bytes[PIECE_MAX];

    while (seat->answered < seat->received && seat->guest != NULL) {
        uint64_t left = seat->received - seat->answered;
        uint32_t length = (uint32_t)(left < PIECE_MAX ? left : PIECE_MAX);
        bool full = kevy_tls_queued(&seat->tls) >= kevy_stream_high_watermark(&seat->tls.stream);
        int error;

        pattern_fill(bytes, length, seat->guest->seed, seat->answered);
        error = kevy_tls_send(&seat->tls, bytes, length);
        EXPECT(full ? error == -EAGAIN || error == -EPIPE : error != -EAGAIN,
               "a send %s the mark answers %d", full ? "above" : "below", error);
        if (error == -EAGAIN)
            return;
        seat->answered += length; /* or nobody will ever get it */
    }
}

static void forward(struct seat *seat, struct kevy_buffer *buffer)
{
    const struct kevy_stream *stream = &seat->tls.stream;

    seat->answered += buffer->length;
    if (kevy_tls_forward(&seat->tls, buffer) != 0)
        return;
    EXPECT(kevy_tls_queued(&seat->tls) <= kevy_stream_hold_watermark(stream) ||
               stream_has(stream, STREAM_HELD),
           "a queue of %zu bytes holds nobody back", kevy_tls_queued(&seat->tls));
}

static void received(struct kevy_tls *tls, struct kevy_buffer *buffer)
{
    struct seat *seat = seat_of(tls);

    EXPECT(seat->opened && !seat->paused && !seat->ended && !seat->closing,
           "a read out of its order");
    if (seat->guest != NULL)
        pattern_check(buffer->data, buffer->length, seat->guest->seed, seat->received, "server");
    seat->received += buffer->length;
    seat->sends &= seat->guest != NULL;
    if (seat->sends)
        debt_pay(seat);
    else
        forward(seat, buffer);
    if (seat->sends && seat->answered < seat->received) {
        seat->paused = true; /* until `drain` */
        kevy_tls_pause(tls);
    } else if (kevy_sim_one_in(world, 8)) {
        seat_pause(seat);
    }
}

static void drained(struct kevy_tls *tls)
{
    struct seat *seat = seat_of(tls);

    EXPECT(seat->opened && !seat->closing, "drain out of its order");
    if (!seat->sends || kevy_timer_armed(&seat->resume))
        return;
    if (seat->guest == NULL) { /* nobody knows what it is owed */
        seat->closing = true;
        kevy_tls_abort(tls);
        return;
    }
    debt_pay(seat);
    if (!seat->paused || seat->answered < seat->received)
        return;
    seat->paused = false;
    kevy_tls_resume(tls);
}

static void ended(struct kevy_tls *tls)
{
    struct seat *seat = seat_of(tls);

    EXPECT(seat->opened && !seat->ended && !seat->closing, "an end out of its order");
    EXPECT(seat->guest == NULL || seat->guest->said_end, "an end that nobody has said");
    EXPECT(seat->guest == NULL || seat->received == seat->guest->sent,
           "an end after %llu of %llu bytes", (unsigned long long)seat->received,
           (unsigned long long)(seat->guest != NULL ? seat->guest->sent : 0));
    seat->ended = true;
    seat->closing = true;
    kevy_tls_close(tls);
}

/* Whether the other end is there and as it should be. */
static bool guest_is_well(const struct seat *seat)
{
    return seat->guest != NULL && kevy_sim_peer_connected(&seat->guest->tls.peer) &&
           !kevy_sim_peer_was_cut(&seat->guest->tls.peer) && seat->guest->tls.failure == 0;
}

static void late_check(const struct seat *seat)
{
    uint64_t passed_ns = kevy_sim_now(world) - seat->began_ns;

    EXPECT(passed_ns <= all.options.handshake_timeout_ns + LATE_NS + kevy_sim_awake_ns(world) -
                            seat->awake_ns,
           "a handshake has no limit");
}

/* Why a connection may end with an error although its guest is well. */
static bool reason_is_good(const struct seat *seat, int reason)
{
    const struct guest *guest = seat->guest;
    bool refused = all.little_memory || kevy_sim_refused(world);

    if (reason == -ENOBUFS)
        return refused || seat->crowd > all.options.handshakes_waiting;
    if (reason == -ENOMEM)
        return refused;
    if (reason == -EKEYREJECTED)
        return guest->identity != IDENTITY_VISITOR;
    if (reason == -EPROTO)
        return guest->kind == KIND_KEYS || guest->kind == KIND_AGAIN ||
               guest->identity == IDENTITY_NONE;
    return reason == -ECONNABORTED && guest->kind == KIND_CUTS && guest->did;
}

static void closed(struct kevy_tls *tls, int reason)
{
    struct seat *seat = seat_of(tls), **link = &all.seats;

    if (reason == -ETIMEDOUT) {
        EXPECT(!seat->opened &&
                   kevy_sim_now(world) - seat->began_ns >= all.options.handshake_timeout_ns,
               "a limit ends a connection early");
        late_check(seat);
    } else if (reason != 0 && guest_is_well(seat)) {
        EXPECT(reason_is_good(seat, reason), "a connection ends with %d", reason);
    }
    EXPECT(reason != 0 || seat->closing, "a connection closes that nobody has closed");
    EXPECT(reason == 0 || seat->guest == NULL || seat->guest->kind != KIND_CUTS || !seat->ended,
           "a truncation is an end");
    kevy_timer_stop(&seat->resume);
    while (*link != seat)
        link = &(*link)->next;
    *link = seat->next;
    if (seat->guest != NULL)
        seat->guest->seat = NULL;
    free(seat);
}

static const struct kevy_tls_events events = {.preamble = hello,
                                              .open = opened,
                                              .read = received,
                                              .end = ended,
                                              .drain = drained,
                                              .close = closed};

static struct kevy_stream *accepted(struct kevy_listener *listener)
{
    struct seat *seat = calloc(1, sizeof *seat);

    (void)listener;
    if (seat == NULL)
        return NULL;
    seat->began_ns = kevy_sim_now(world);
    seat->awake_ns = kevy_sim_awake_ns(world);
    seat->changes = all.changes;
    seat->sends = kevy_sim_one_in(world, 2);
    seat->next = all.seats;
    all.seats = seat;
    (void)kevy_tls_server(&seat->tls, all.context, &events);
    kevy_tls_set_watermarks(&seat->tls, all.high / 2, all.high);
    return &seat->tls.stream;
}

/* ---- The world ----------------------------------------------------------------------------- */

static void reload(void)
{
    if (kevy_sim_one_in(world, 2)) {
        all.options.clients = all.options.clients == KEVY_TLS_CLIENTS_ANONYMOUS
                                  ? KEVY_TLS_CLIENTS_CERTIFIED
                                  : KEVY_TLS_CLIENTS_ANONYMOUS;
        all.changes++;
    }
    EXPECT(kevy_tls_context_reload(all.context, &all.options, NULL) == 0, "no reload");
}

static void turn(void)
{
    int result = kevy_reactor_run_once(all.reactor, KEVY_SECONDS(1));

    EXPECT(result >= 0, "a turn answers %d", result);
    for (const struct seat *seat = all.seats; seat != NULL; seat = seat->next)
        if (!seat->opened)
            late_check(seat);
    if (kevy_sim_one_in(world, 500))
        reload();
}

static void options_draw(void)
{
    all.options = (struct kevy_tls_options){
        .certificate = tls_local.certificate,
        .certificate_length = strlen(tls_local.certificate),
        .key = tls_local.key,
        .key_length = strlen(tls_local.key),
        .authorities = tls_authority.certificate,
        .authorities_length = strlen(tls_authority.certificate),
        .clients =
            kevy_sim_one_in(world, 2) ? KEVY_TLS_CLIENTS_CERTIFIED : KEVY_TLS_CLIENTS_ANONYMOUS,
        .handshake_timeout_ns = kevy_sim_between(world, KEVY_SECONDS(1), KEVY_SECONDS(5)),
        .handshakes_per_turn = (uint32_t)kevy_sim_between(world, 1, 3),
        .handshakes_waiting = (uint32_t)kevy_sim_magnitude(world, 1, GUESTS),
        .server_name = answer};
    all.high = (uint32_t)kevy_sim_magnitude(world, 1000, 50000);
    all.burst = kevy_sim_one_in(world, 2);
    all.little_memory = kevy_sim_one_in(world, 4);
    if (all.little_memory)
        all.high = (uint32_t)kevy_sim_between(world, 20000, 100000);
}

static void server_open(void)
{
    struct kevy_reactor_options options = {.buffer_count = 64};
    struct kevy_listener_options listen = {.port = PORT, .accept = accepted};

    options.buffer_size = (uint32_t)kevy_sim_magnitude(world, 256, 8192);
    if (all.little_memory)
        options.memory_limit = kevy_sim_between(world, 100000, 400000);
    kevy_sim_reactor_options(world, &options);
    kevy_sim_set_calm(world, true);
    EXPECT(kevy_reactor_create(&all.reactor, &options) == 0, "no reactor");
    EXPECT(kevy_listener_open(&all.listener, all.reactor, &listen) == 0, "no listener");
    kevy_sim_set_calm(world, false);
}

static void guests_invite(void)
{
    uint64_t at_ns = kevy_sim_below(world, BIRTH_NS);

    for (int number = 0; number < GUESTS; number++) {
        all.guests[number].lives = (uint32_t)kevy_sim_between(world, 1, LIVES_MAX);
        if (!all.burst)
            at_ns = kevy_sim_below(world, BIRTH_NS);
        kevy_sim_event_start(world, &all.guests[number].birth, at_ns, come);
        kevy_sim_hold(world);
    }
}

void tls_world_server(void)
{
    memset(&all, 0, sizeof all);
    options_draw();
    all.guests_context = SSL_CTX_new(TLS_client_method());
    EXPECT(all.guests_context != NULL, "OpenSSL has no memory");
    all.context = tls_context_make(&all.options);
    server_open();
    guests_invite();
    while (!kevy_sim_over(world))
        turn();
    kevy_listener_close(&all.listener);
    while (kevy_reactor_run_once(all.reactor, KEVY_FOREVER) != 0)
        continue;
    EXPECT(all.seats == NULL, "a connection has not ended");
    EXPECT(kevy_reactor_destroy(all.reactor) == 0, "objects were left");
    kevy_tls_context_destroy(all.context);
    for (int index = 0; index < 2 * IDENTITIES; index++)
        SSL_SESSION_free(all.tickets[index / IDENTITIES][index % IDENTITIES].session);
    SSL_CTX_free(all.guests_context);
}
