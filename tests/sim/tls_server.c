/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A server that echoes, to guests of all kinds (tls_guest.c).
 *
 *     accepted --preamble--> said hello --server_name--> answered --open--> (read)* --> closed
 *
 * Invariants. The server reads what was sent, nothing while it is paused, and learns of an end only
 * from close_notify. Handshakes are answered in the order in which they came, so many in a turn and
 * so many waiting as the options say, and none lasts longer. Whoever must show a certificate has
 * shown it, in this connection or in the one that it resumes. A queue above its mark holds back its
 * source, and takes no send.
 */
#include "tls_worlds.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pattern.h"
#include "stream/stream_internal.h"
#include "tls_hall.h"
#include "tls_internal.h"

#define PAUSE_NS KEVY_MILLISECONDS(100)
/* The latest that a limit is told, beyond the time that the program computes. */
#define LATE_NS KEVY_MILLISECONDS(20)

struct tls_hall tls_hall;

static struct seat *seat_of(struct kevy_tls *tls)
{
    return KEVY_CONTAINER_OF(tls, struct seat, tls);
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

    for (const struct seat *seat = tls_hall.seats; seat != NULL; seat = seat->next)
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

    for (const struct seat *seat = tls_hall.seats; seat != NULL; seat = seat->next)
        count += in_handshake(seat);
    for (struct seat *seat = tls_hall.seats; seat != NULL; seat = seat->next)
        if (in_handshake(seat) && seat->crowd < count)
            seat->crowd = count;
}

static int hello(struct kevy_tls *tls, const uint8_t *bytes, size_t length)
{
    struct seat *seat = seat_of(tls);
    struct kevy_sim_peer *peer = kevy_sim_peer_at(world, kevy_stream_fd(&tls->stream));

    EXPECT(seat->number == 0, "the preamble sees the handshake");
    seat->number = ++tls_hall.hellos;
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

    kevy_reactor_stats(tls_hall.reactor, &stats);
    if (stats.turns != tls_hall.turn)
        tls_hall.answers = 0;
    tls_hall.turn = stats.turns;
    EXPECT(++tls_hall.answers <= tls_hall.options.handshakes_per_turn,
           "a turn answers %u handshakes", tls_hall.answers);
}

static struct kevy_tls_context *answer(struct kevy_tls *tls, const char *name)
{
    struct seat *seat = seat_of(tls);

    EXPECT(strcmp(name, "localhost") == 0 && !seat->asked, "a handshake for %s", name);
    EXPECT(waiting_count() <= tls_hall.options.handshakes_waiting + 1, "%u handshakes wait",
           waiting_count());
    turn_count();
    seat->asked = true;
    for (const struct seat *other = tls_hall.seats; other != NULL; other = other->next)
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
    if (seat->changes == tls_hall.changes && tls_hall.options.clients == KEVY_TLS_CLIENTS_CERTIFIED)
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
    kevy_timer_start(&seat->resume, tls_hall.reactor, kevy_sim_magnitude(world, 0, PAUSE_NS),
                     resume_fire);
}

/* Answers by sending, as far as the mark lets it. */
static void debt_pay(struct seat *seat)
{
    uint8_t bytes[TLS_PIECE_MAX];

    while (seat->answered < seat->received && seat->guest != NULL) {
        uint64_t left = seat->received - seat->answered;
        uint32_t length = (uint32_t)(left < TLS_PIECE_MAX ? left : TLS_PIECE_MAX);
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

    EXPECT(passed_ns <= tls_hall.options.handshake_timeout_ns + LATE_NS + kevy_sim_awake_ns(world) -
                            seat->awake_ns,
           "a handshake has no limit");
}

/* Why a connection may end with an error although its guest is well. */
static bool reason_is_good(const struct seat *seat, int reason)
{
    const struct guest *guest = seat->guest;
    bool refused = tls_hall.little_memory || kevy_sim_refused(world);

    if (reason == -ENOBUFS)
        return refused || seat->crowd > tls_hall.options.handshakes_waiting;
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
    struct seat *seat = seat_of(tls), **link = &tls_hall.seats;

    if (reason == -ETIMEDOUT) {
        EXPECT(!seat->opened &&
                   kevy_sim_now(world) - seat->began_ns >= tls_hall.options.handshake_timeout_ns,
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
    seat->changes = tls_hall.changes;
    seat->sends = kevy_sim_one_in(world, 2);
    seat->next = tls_hall.seats;
    tls_hall.seats = seat;
    (void)kevy_tls_server(&seat->tls, tls_hall.context, &events);
    kevy_tls_set_watermarks(&seat->tls, tls_hall.high / 2, tls_hall.high);
    return &seat->tls.stream;
}

/* ---- The world ----------------------------------------------------------------------------- */

static void reload(void)
{
    if (kevy_sim_one_in(world, 2)) {
        tls_hall.options.clients = tls_hall.options.clients == KEVY_TLS_CLIENTS_ANONYMOUS
                                       ? KEVY_TLS_CLIENTS_CERTIFIED
                                       : KEVY_TLS_CLIENTS_ANONYMOUS;
        tls_hall.changes++;
    }
    EXPECT(kevy_tls_context_reload(tls_hall.context, &tls_hall.options, NULL) == 0, "no reload");
}

static void turn(void)
{
    int result = kevy_reactor_run_once(tls_hall.reactor, KEVY_SECONDS(1));

    EXPECT(result >= 0, "a turn answers %d", result);
    for (const struct seat *seat = tls_hall.seats; seat != NULL; seat = seat->next)
        if (!seat->opened)
            late_check(seat);
    if (kevy_sim_one_in(world, 500))
        reload();
}

static void options_draw(void)
{
    tls_hall.options = (struct kevy_tls_options){
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
        .handshakes_waiting = (uint32_t)kevy_sim_magnitude(world, 1, TLS_GUESTS),
        .server_name = answer};
    tls_hall.high = (uint32_t)kevy_sim_magnitude(world, 1000, 50000);
    tls_hall.burst = kevy_sim_one_in(world, 2);
    tls_hall.little_memory = kevy_sim_one_in(world, 4);
    if (tls_hall.little_memory)
        tls_hall.high = (uint32_t)kevy_sim_between(world, 20000, 100000);
}

static void server_open(void)
{
    struct kevy_reactor_options options = {.buffer_count = 64};
    struct kevy_listener_options listen = {.port = TLS_PORT, .accept = accepted};

    options.buffer_size = (uint32_t)kevy_sim_magnitude(world, 256, 8192);
    if (tls_hall.little_memory)
        options.memory_limit = kevy_sim_between(world, 100000, 400000);
    kevy_sim_reactor_options(world, &options);
    kevy_sim_set_calm(world, true);
    EXPECT(kevy_reactor_create(&tls_hall.reactor, &options) == 0, "no reactor");
    EXPECT(kevy_listener_open(&tls_hall.listener, tls_hall.reactor, &listen) == 0, "no listener");
    kevy_sim_set_calm(world, false);
}

void tls_world_server(void)
{
    memset(&tls_hall, 0, sizeof tls_hall);
    options_draw();
    tls_hall.guests_context = SSL_CTX_new(TLS_client_method());
    EXPECT(tls_hall.guests_context != NULL, "OpenSSL has no memory");
    tls_hall.context = tls_context_make(&tls_hall.options);
    server_open();
    tls_guests_invite();
    while (!kevy_sim_over(world))
        turn();
    kevy_listener_close(&tls_hall.listener);
    while (kevy_reactor_run_once(tls_hall.reactor, KEVY_FOREVER) != 0)
        continue;
    EXPECT(tls_hall.seats == NULL, "a connection has not ended");
    EXPECT(kevy_reactor_destroy(tls_hall.reactor) == 0, "objects were left");
    kevy_tls_context_destroy(tls_hall.context);
    for (int index = 0; index < 2 * TLS_IDENTITIES; index++)
        SSL_SESSION_free(tls_hall.tickets[index / TLS_IDENTITIES][index % TLS_IDENTITIES].session);
    SSL_CTX_free(tls_hall.guests_context);
}
