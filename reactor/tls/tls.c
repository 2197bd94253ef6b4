/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A connection: the callbacks of its stream, its states, reading, and how it ends.
 *
 * Model. The stream delivers received bytes; advance() makes OpenSSL take them, for the handshake
 * or for the user. OpenSSL takes one record at a time. When the user pauses, the handshake waits
 * for its turn, or there is no memory for plain bytes, the rest is kept, and the stream is paused:
 * so at most one received buffer and one record are held here. tls_continue() goes on from there.
 *
 * A connection ends by the end of its stream. Whoever ends it (the user, a failure, the peer) only
 * sets the state, and closes or aborts the stream. Everything is given back in the last callback of
 * the stream, because until then the stream may be in the middle of a function of this file.
 *
 * Invariants. Bytes are kept only while the stream is paused. In the state "closing" nothing is
 * told but `close`. OpenSSL's queue of errors is empty before each of its functions that may fail.
 */
#include "tls_internal.h"

#if KEVY_RING_SUPPORTED

#include <openssl/err.h>

#include <string.h>

/* Messages of the handshake protocol after the handshake, without a byte of the user's between
 * them. A peer sends a few tickets; updates of keys are rare, and each costs as much as 10 KiB. */
#define MESSAGES_MAX 64U

static void failure_set(struct kevy_tls *tls, int error)
{
    assert(error < 0);
    if (tls->failure.error == 0)
        tls->failure.error = error;
}

/* Closes the stream, when nothing is lost by that. */
static void stream_leave(struct kevy_tls *tls)
{
    if (tls_has(tls, TLS_KERNEL))
        tls_loop_end(tls);
    else
        kevy_stream_close(&tls->stream);
}

/* Nothing more is told but `close`. */
static void closing(struct kevy_tls *tls)
{
    assert(tls->state == TLS_HANDSHAKING || tls->state == TLS_OPEN);
    if (tls->state == TLS_HANDSHAKING)
        tls_count(tls->context, TLS_COUNT_FAILED);
    tls->state = TLS_CLOSING;
    tls_loop_unlink(tls);
    tls->input = tls->input_end;
}

void tls_fail(struct kevy_tls *tls, int error)
{
    if (tls->state == TLS_CLOSING)
        return;
    failure_set(tls, error);
    closing(tls);
    /* A connection that lost a record must not look complete. */
    if (error == -ENOBUFS)
        kevy_stream_abort(&tls->stream);
    else
        stream_leave(tls);
}

void tls_fail_ssl(struct kevy_tls *tls)
{
    unsigned long code = tls_error_take();
    int error = tls->write_error != 0 ? tls->write_error : -EPROTO;

    if (tls->state == TLS_CLOSING)
        return;
    if (ERR_GET_LIB(code) == ERR_LIB_SSL &&
        ERR_GET_REASON(code) == SSL_R_CERTIFICATE_VERIFY_FAILED) {
        tls->failure.verification = (int)SSL_get_verify_result(tls->ssl);
        error = -EKEYREJECTED;
    }
    tls->failure.code = code;
    tls_fail(tls, error);
}

/* The handshake is complete. */
static void opened(struct kevy_tls *tls)
{
    tls->state = TLS_OPEN;
    tls->messages = 0;
    kevy_stream_set_deadline(&tls->stream, KEVY_DEADLINE_TOTAL, 0);
    tls_count(tls->context, TLS_COUNT_HANDSHAKES);
    if (tls_has(tls, TLS_DIRECT)) { /* and no keys were given to the kernel */
        tls_clear(tls, TLS_DIRECT);
        tls->kernel = -EOPNOTSUPP;
    }
    if (tls_has(tls, TLS_KERNEL))
        tls_count(tls->context, TLS_COUNT_KERNEL);
    if (SSL_session_reused(tls->ssl))
        tls_count(tls->context, TLS_COUNT_RESUMED);
    if (tls_has(tls, TLS_PAUSED))
        kevy_stream_pause(&tls->stream);
    if (tls->events->open != NULL)
        tls->events->open(tls);
    if (tls->state == TLS_OPEN && tls_has(tls, TLS_FINISH)) {
        tls_clear(tls, TLS_FINISH);
        if (tls->events->finish != NULL)
            tls->events->finish(tls);
        else
            kevy_tls_close(tls);
    }
}

static void handshake(struct kevy_tls *tls)
{
    int result;

    assert(tls->state == TLS_HANDSHAKING);
    tls_clear(tls, TLS_WROTE);
    (void)tls_error_take();
    result = SSL_do_handshake(tls->ssl);
    if (tls_has(tls, TLS_WROTE) && result != 1) /* the last step is cheap */
        tls_loop_answered(tls);
    if (tls->state == TLS_CLOSING) /* by the user, in server_name() */
        return;
    if (result == 1)
        opened(tls);
    else if (SSL_get_error(tls->ssl, result) != SSL_ERROR_WANT_READ)
        tls_fail_ssl(tls);
}

static void peer_ended(struct kevy_tls *tls)
{
    tls_set(tls, TLS_PEER_ENDED);
    tls->input = tls->input_end; /* nobody's */
    if (tls->events->end != NULL)
        tls->events->end(tls);
    else
        kevy_tls_close(tls);
}

/* One piece of plain bytes. False when OpenSSL has none. */
static bool read_piece(struct kevy_tls *tls, struct kevy_buffer *plain)
{
    size_t length;
    int result;

    (void)tls_error_take();
    tls_clear(tls, TLS_WROTE);
    result = SSL_read_ex(tls->ssl, kevy_buffer_bytes(plain), plain->length, &length);
    /* Answers of OpenSSL's own: a peer that does not read them is not read from. */
    if (tls_has(tls, TLS_WROTE))
        tls_hold_above_mark(&tls->stream, tls);
    if (result != 1 || tls_has(tls, TLS_KEYS_ASKED))
        return false;
    assert(length > 0 && length <= plain->length);
    plain->length = (uint32_t)length;
    tls->messages = 0;
    return true;
}

/* The peer asked for new keys. OpenSSL would answer with the next byte that it encrypts, and the
 * kernel encrypts all of them. */
static void keys_refused(struct kevy_tls *tls)
{
    int error = 0;

    if (!tls_has(tls, TLS_WRITE_ENDED))
        error = tls_kernel_alert(tls, SSL3_AL_FATAL, SSL_AD_INTERNAL_ERROR);
    tls_fail(tls, error == -ENOBUFS ? error : -EOPNOTSUPP);
}

/* OpenSSL has nothing for the user: the record is not complete, the peer ended, or it failed. */
static void deliver_stopped(struct kevy_tls *tls)
{
    int error = SSL_get_error(tls->ssl, 0);

    if (tls_has(tls, TLS_KEYS_ASKED))
        keys_refused(tls);
    else if (tls->messages > MESSAGES_MAX)
        tls_fail(tls, -EPROTO);
    else if (error == SSL_ERROR_ZERO_RETURN)
        peer_ended(tls);
    else if (error != SSL_ERROR_WANT_READ)
        tls_fail_ssl(tls);
}

static bool delivering(const struct kevy_tls *tls)
{
    return tls->state == TLS_OPEN && !tls_has(tls, TLS_PAUSED | TLS_PEER_ENDED) &&
           (tls->input != tls->input_end || SSL_has_pending(tls->ssl));
}

static void deliver(struct kevy_tls *tls)
{
    bool more = true;

    while (more && delivering(tls)) {
        struct kevy_buffer plain;

        if (kevy_buffer_create(kevy_tls_reactor(tls), &tls->stream, &plain) < 0) {
            kevy_stream_pause(&tls->stream);
            tls_loop_await_memory(tls);
            return;
        }
        more = read_piece(tls, &plain);
        if (more && tls->events->read != NULL)
            tls->events->read(tls, &plain);
        kevy_buffer_release(&plain); /* empty when it was forwarded */
    }
    if (!more)
        deliver_stopped(tls);
}

/* Lets OpenSSL take what was received. */
static void advance(struct kevy_tls *tls)
{
    if (tls->state == TLS_HANDSHAKING)
        handshake(tls);
    if (tls->state == TLS_OPEN)
        deliver(tls);
}

/* The same, unless it is a handshake for which this turn has no time. */
static void advance_in_turn(struct kevy_tls *tls)
{
    if (tls->state == TLS_OPEN || tls_loop_admits(tls))
        advance(tls);
    else
        kevy_stream_pause(&tls->stream);
}

/* Keeps what was not taken of the buffer of a read callback. */
static void rest_keep(struct kevy_tls *tls, struct kevy_buffer *buffer)
{
    size_t left = (size_t)(tls->input_end - tls->input);
    int error = 0;

    if (left != 0)
        error = kevy_buffer_retain(buffer, &tls->kept);
    if (error < 0) {
        tls_fail(tls, error);
        return;
    }
    if (left != 0) {
        tls->input_end = tls->kept.data + tls->kept.length;
        tls->input = tls->input_end - left;
        kevy_stream_pause(&tls->stream);
    }
}

/* OpenSSL has seen no byte yet. */
static bool in_preamble(const struct kevy_tls *tls)
{
    return tls->events->preamble != NULL && tls->state == TLS_HANDSHAKING &&
           !tls_has(tls, TLS_CLIENT) && SSL_in_before(tls->ssl);
}

static void preamble(struct kevy_tls *tls)
{
    size_t length = (size_t)(tls->input_end - tls->input);
    int taken = tls->events->preamble(tls, tls->input, length);

    if (tls->state == TLS_CLOSING) /* by the user */
        return;
    assert((taken < 0 || (size_t)taken <= length) && "a preamble takes bytes that there are");
    if (taken < 0)
        tls_fail(tls, taken);
    else
        tls->input += taken;
}

static void stream_read(struct kevy_stream *stream, struct kevy_buffer *buffer)
{
    struct kevy_tls *tls = tls_of(stream);

    if (tls->state == TLS_CLOSING || tls_has(tls, TLS_PEER_ENDED))
        return; /* nobody's */
    assert(tls->kept.block == NULL && tls->input == tls->input_end);
    tls->input = buffer->data;
    tls->input_end = buffer->data + buffer->length;
    if (in_preamble(tls))
        preamble(tls);
    if (tls->input != tls->input_end)
        advance_in_turn(tls);
    rest_keep(tls, buffer);
}

void tls_continue(struct kevy_tls *tls)
{
    advance(tls);
    if (tls->state == TLS_CLOSING || tls->input != tls->input_end || tls_has(tls, TLS_CONTINUES))
        return;
    kevy_buffer_release(&tls->kept);
    if (tls->state != TLS_OPEN || !tls_has(tls, TLS_PAUSED))
        kevy_stream_resume(&tls->stream);
}

/* What a connection has while its stream is open. Returns 0, -ENOMEM, or -EPIPE for a stream that
 * has failed already. */
static int begin(struct kevy_tls *tls)
{
    (void)tls_error_take();
    tls->failure = (struct kevy_tls_failure){0};
    tls->write_error = 0;
    tls->messages = 0;
    tls->kernel = 0;
    tls->record_type = 0;
    tls->setup = tls_context_enter(tls->context, tls_has(tls, TLS_CLIENT));
    tls->ssl = SSL_new(tls->setup->ctx);
    if (tls->ssl == NULL || !tls_loop_enter(tls) || !tls_bio_attach(tls) || !tls_hello_begin(tls))
        return -ENOMEM;
    return kevy_stream_reserve(&tls->stream, UINT64_MAX);
}

static void stream_open(struct kevy_stream *stream)
{
    struct kevy_tls *tls = tls_of(stream);
    int error = begin(tls);

    tls->state = TLS_HANDSHAKING;
    if (error < 0) {
        (void)tls_error_take();
        tls_fail(tls, error);
        return;
    }
    kevy_stream_set_deadline(stream, KEVY_DEADLINE_TOTAL, tls->setup->handshake_timeout_ns);
    if (tls_has(tls, TLS_CLIENT))
        advance_in_turn(tls);
}

/* The end of TCP. After close_notify it is of no interest. */
static void stream_end(struct kevy_stream *stream)
{
    struct kevy_tls *tls = tls_of(stream);

    if (tls->state == TLS_CLOSING || tls_has(tls, TLS_PEER_ENDED))
        return;
    assert(tls->input == tls->input_end);
    tls_count(tls->context, TLS_COUNT_TRUNCATIONS);
    tls_notify(tls); /* a peer that only ended its side can tell what it got from a truncation */
    tls_fail(tls, -ECONNABORTED);
}

static void stream_drain(struct kevy_stream *stream)
{
    struct kevy_tls *tls = tls_of(stream);

    if (tls->state == TLS_OPEN && tls->events->drain != NULL)
        tls->events->drain(tls);
}

static void stream_timeout(struct kevy_stream *stream, enum kevy_deadline deadline)
{
    struct kevy_tls *tls = tls_of(stream);

    if (tls->state == TLS_OPEN && tls->events->timeout != NULL) {
        tls->events->timeout(tls, deadline);
        return;
    }
    failure_set(tls, -ETIMEDOUT);
    kevy_tls_abort(tls);
}

static void stream_finish(struct kevy_stream *stream)
{
    struct kevy_tls *tls = tls_of(stream);

    if (tls->state != TLS_OPEN)
        tls_set(tls, TLS_FINISH);
    else if (tls->events->finish != NULL)
        tls->events->finish(tls);
    else
        kevy_tls_close(tls);
}

/* Gives back what begin() took, as far as it came. */
static void give_back(struct kevy_tls *tls)
{
    struct kevy_tls_context *context = tls->context;

    kevy_buffer_release(&tls->kept);
    tls_loop_leave(tls);
    if (tls->ssl != NULL) {
        /* Or OpenSSL forgets the session of a connection that did not end as it likes. */
        if (tls->failure.code == 0)
            SSL_set_shutdown(tls->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
        SSL_free(tls->ssl);
    }
    tls->ssl = NULL;
    tls_setup_release(tls->setup);
    tls->setup = NULL;
    tls_context_release(context);
}

static void stream_close(struct kevy_stream *stream, int reason)
{
    struct kevy_tls *tls = tls_of(stream);

    if (tls->state == TLS_HANDSHAKING || tls->state == TLS_OPEN)
        closing(tls);
    if (tls->state == TLS_IDLE) /* it did not begin: what is there is of the time before */
        tls->failure = (struct kevy_tls_failure){0};
    if (reason < 0)
        failure_set(tls, reason);
    if (tls->state != TLS_IDLE)
        give_back(tls);
    tls->state = TLS_IDLE;
    tls_clear(tls, ~TLS_CLIENT);
    tls->events->close(tls, tls->failure.error);
}

static const struct kevy_stream_events stream_events = {
    .open = stream_open,
    .read = stream_read,
    .end = stream_end,
    .drain = stream_drain,
    .timeout = stream_timeout,
    .finish = stream_finish,
    .close = stream_close,
};

static struct kevy_stream *init(struct kevy_tls *tls, struct kevy_tls_context *context,
                                const char *name, const struct kevy_tls_events *events,
                                unsigned flags)
{
    assert(tls->state == TLS_IDLE && "a connection is initialised before it starts");
    assert(context != NULL && events->close != NULL && "a close callback is required");
    kevy_stream_init(&tls->stream, &stream_events);
    tls->events = events;
    tls->context = context;
    tls->name = name;
    tls->flags = (uint16_t)flags;
    return &tls->stream;
}

struct kevy_stream *kevy_tls_server(struct kevy_tls *tls, struct kevy_tls_context *context,
                                    const struct kevy_tls_events *events)
{
    return init(tls, context, NULL, events, 0);
}

struct kevy_stream *kevy_tls_client(struct kevy_tls *tls, struct kevy_tls_context *context,
                                    const char *name, const struct kevy_tls_events *events)
{
    assert((name != NULL || tls_context_verifies_nothing(context)) &&
           "a client verifies the name of its server");
    return init(tls, context, name, events, TLS_CLIENT);
}

void kevy_tls_pause(struct kevy_tls *tls)
{
    tls_set(tls, TLS_PAUSED);
    if (tls->state == TLS_OPEN)
        kevy_stream_pause(&tls->stream);
}

void kevy_tls_resume(struct kevy_tls *tls)
{
    if (!tls_has(tls, TLS_PAUSED))
        return;
    tls_clear(tls, TLS_PAUSED);
    if (tls->state != TLS_OPEN)
        return;
    if (tls->input != tls->input_end || SSL_has_pending(tls->ssl))
        tls_loop_continue(tls);
    else
        kevy_stream_resume(&tls->stream);
}

void kevy_tls_hold(struct kevy_tls *source, struct kevy_stream *target)
{
    if (source->state == TLS_OPEN)
        kevy_stream_hold(&source->stream, target);
}

void kevy_tls_close(struct kevy_tls *tls)
{
    if (tls->state == TLS_CLOSING)
        return;
    tls_notify(tls);
    if (tls->state == TLS_CLOSING) /* there was no memory for that */
        return;
    if (tls->state != TLS_IDLE)
        closing(tls);
    stream_leave(tls);
}

void kevy_tls_abort(struct kevy_tls *tls)
{
    if (tls->state == TLS_HANDSHAKING || tls->state == TLS_OPEN)
        closing(tls);
    kevy_stream_abort(&tls->stream);
}

void kevy_tls_set_deadline(struct kevy_tls *tls, enum kevy_deadline deadline, uint64_t timeout_ns)
{
    if (tls->state == TLS_OPEN)
        kevy_stream_set_deadline(&tls->stream, deadline, timeout_ns);
}

#endif /* KEVY_RING_SUPPORTED */
