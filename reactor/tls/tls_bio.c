/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * How OpenSSL reads and writes.
 *
 * Model. An SSL has two BIOs, one for each direction, whose data is the connection. Reading takes
 * from the received buffer, where it lies, and says "again later" when that is used up. Writing
 * appends to the queue of the stream. OpenSSL writes whole records, so the queue takes them above
 * its high watermark: that is reserved for good when the stream opens, and whoever makes OpenSSL
 * write has asked for room.
 *
 * Invariants. The BIO never blocks, and never says that the connection ended: tls.c sees the end of
 * TCP itself, because OpenSSL would not tell it from an end by close_notify in all versions.
 * Nothing follows a close_notify.
 */
#include "tls_internal.h"

#if KEVY_RING_SUPPORTED

#include <string.h>

static int bio_read(BIO *bio, char *to, size_t size, size_t *length)
{
    struct kevy_tls *tls = BIO_get_data(bio);
    size_t left = (size_t)(tls->input_end - tls->input);

    BIO_clear_retry_flags(bio);
    if (left == 0) {
        BIO_set_retry_read(bio);
        *length = 0;
        return 0;
    }
    *length = size < left ? size : left;
    memcpy(to, tls->input, *length);
    tls->input += *length;
    return 1;
}

/* Queues what OpenSSL has encrypted, or in the kernel's place what is to be encrypted there. */
static int record_queue(struct kevy_tls *tls, const char *from, size_t size)
{
    size_t sent = 0;
    int error = 0;

    if (tls_has(tls, TLS_KERNEL))
        return tls_kernel_record(tls, from, size);
    if (tls_has(tls, TLS_DIRECT))
        sent = tls_kernel_write(tls, from, size);
    if (sent < size)
        error = kevy_stream_send(&tls->stream, from + sent, size - sent);
    return error;
}

static int bio_write(BIO *bio, const char *from, size_t size, size_t *length)
{
    struct kevy_tls *tls = BIO_get_data(bio);
    int error;

    assert(size <= TLS_SEND_MAX); /* above it a send fails, and would look like too little memory */
    BIO_clear_retry_flags(bio);
    *length = size;
    if (tls_has(tls, TLS_WRITE_ENDED))
        return 1;
    tls_set(tls, TLS_WROTE);
    error = record_queue(tls, from, size);
    if (error == 0)
        return 1;
    tls->write_error = error;
    *length = 0;
    return 0;
}

/* A flush has nothing to do: what cannot go to the socket at once is no longer to be flushed. All
 * else is for a kernel that encrypts, or unknown. */
static long bio_control(BIO *bio, int command, long number, void *pointer)
{
    return command == BIO_CTRL_FLUSH ? 1 : tls_kernel_control(bio, command, number, pointer);
}

static int bio_create(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

BIO_METHOD *tls_bio_method(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "kevy-tls");

    if (method == NULL)
        return NULL;
    BIO_meth_set_read_ex(method, bio_read);
    BIO_meth_set_write_ex(method, bio_write);
    BIO_meth_set_ctrl(method, bio_control);
    BIO_meth_set_create(method, bio_create);
    return method;
}

bool tls_bio_attach(struct kevy_tls *tls)
{
    BIO *in = BIO_new(tls->context->method);
    BIO *out = BIO_new(tls->context->method);

    if (in == NULL || out == NULL) {
        BIO_free(in);
        BIO_free(out);
        return false;
    }
    BIO_set_data(in, tls);
    BIO_set_data(out, tls);
    SSL_set_bio(tls->ssl, in, out); /* which takes the references */
    tls_kernel_prepare(tls, out);
    return true;
}

#endif /* KEVY_RING_SUPPORTED */
