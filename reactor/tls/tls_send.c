/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What goes into the queue of a connection.
 *
 * Model. Bytes are encrypted at once, and their records appended to the queue of the stream. Room
 * is asked for before: a send at the high watermark is refused as a whole, and what was begun is
 * finished above it. Forwarded bytes are always taken, and hold back their source.
 *
 * Invariant. A record that OpenSSL has numbered is queued, or the connection ends: the peer would
 * find a number missing.
 */
#include "tls_internal.h"

#if KEVY_RING_SUPPORTED

/* 0, or -EPIPE when nothing can be sent (any more). */
static int send_possible(struct kevy_tls *tls)
{
    if (tls->state != TLS_OPEN || tls_has(tls, TLS_WRITE_ENDED))
        return -EPIPE;
    return kevy_stream_send(&tls->stream, "", 0);
}

void tls_hold_above_mark(struct kevy_stream *source, struct kevy_tls *tls)
{
    if (kevy_tls_queued(tls) > kevy_stream_hold_watermark(&tls->stream))
        kevy_stream_hold(source, &tls->stream);
}

/* Bytes for a kernel that encrypts. */
static int send_plain(struct kevy_tls *tls, const void *data, size_t length)
{
    int error = kevy_stream_send(&tls->stream, data, length);

    if (error < 0 && error != -EPIPE)
        tls_fail(tls, error);
    return error;
}

/* Encrypts all bytes into the queue. */
static int encrypt(struct kevy_tls *tls, const void *data, size_t length)
{
    size_t written;

    if (tls_has(tls, TLS_KERNEL))
        return send_plain(tls, data, length);
    (void)tls_error_take();
    if (SSL_write_ex(tls->ssl, data, length, &written) == 1)
        return 0;
    /* The peer is gone, and what it had sent before is still read. */
    if (tls->write_error == -EPIPE)
        return -EPIPE;
    tls_fail_ssl(tls);
    return tls->write_error != 0 ? tls->write_error : -EPIPE;
}

int kevy_tls_send(struct kevy_tls *tls, const void *data, size_t length)
{
    int error = send_possible(tls);

    if (error < 0)
        return error;
    if (length > TLS_SEND_MAX)
        return -ENOBUFS;
    if (kevy_tls_queued(tls) >= kevy_stream_high_watermark(&tls->stream))
        return -EAGAIN; /* the stream owes `drain` since the queue came there */
    return length != 0 ? encrypt(tls, data, length) : 0;
}

/* 0, or why the kernel does not take the bytes for this connection from where they lie. */
static int plain_possible(struct kevy_tls *tls)
{
    int error = send_possible(tls);

    if (error < 0)
        return error;
    if (!tls_has(tls, TLS_KERNEL))
        return -EOPNOTSUPP;
    return kevy_tls_queued(tls) >= kevy_stream_high_watermark(&tls->stream) ? -EAGAIN : 0;
}

int kevy_tls_send_pinned(struct kevy_tls *tls, struct kevy_send *send)
{
    int error = plain_possible(tls);

    return error < 0 ? error : kevy_stream_send_pinned(&tls->stream, send);
}

int kevy_tls_send_file(struct kevy_tls *tls, struct kevy_file_range *range)
{
    int error = plain_possible(tls);

    return error < 0 ? error : kevy_stream_send_file(&tls->stream, range);
}

int kevy_tls_forward_slice(struct kevy_tls *tls, struct kevy_buffer *buffer, uint32_t offset,
                           uint32_t length)
{
    struct kevy_stream *source = kevy_buffer_source(buffer);
    int error;

    assert(buffer->data != NULL && "an empty buffer cannot be forwarded");
    assert(offset <= buffer->length && length <= buffer->length - offset &&
           "the slice lies within the buffer");
    error = send_possible(tls);
    if (error < 0)
        return error;
    error = length != 0 ? encrypt(tls, buffer->data + offset, length) : 0;
    if (error == 0 && source != NULL)
        tls_hold_above_mark(source, tls);
    return error;
}

int kevy_tls_forward(struct kevy_tls *tls, struct kevy_buffer *buffer)
{
    return kevy_tls_forward_slice(tls, buffer, 0, buffer->length);
}

/* Why the queue did not take it, or 0. */
static int notify(struct kevy_tls *tls)
{
    if (tls_has(tls, TLS_KERNEL))
        return tls_kernel_alert(tls, SSL3_AL_WARNING, SSL_AD_CLOSE_NOTIFY);
    (void)tls_error_take();
    (void)SSL_shutdown(tls->ssl);
    (void)tls_error_take();
    return tls->write_error;
}

void tls_notify(struct kevy_tls *tls)
{
    int error;

    if (tls->state != TLS_OPEN || tls_has(tls, TLS_WRITE_ENDED))
        return;
    error = notify(tls);
    tls_set(tls, TLS_WRITE_ENDED);
    if (error == -ENOBUFS) /* of the others the stream tells */
        tls_fail(tls, error);
}

int kevy_tls_shutdown(struct kevy_tls *tls)
{
    if (tls->state != TLS_OPEN)
        return -EPIPE;
    tls_notify(tls);
    if (tls->state != TLS_OPEN)
        return -EPIPE;
    /* FIN would drop what the kernel still has (tls_ending.c): it comes with the close. */
    return tls_has(tls, TLS_KERNEL) ? 0 : kevy_stream_shutdown(&tls->stream);
}

void kevy_tls_set_watermarks(struct kevy_tls *tls, uint32_t low, uint32_t high)
{
    kevy_stream_set_watermarks(&tls->stream, low, high);
}

#endif /* KEVY_RING_SUPPORTED */
