/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * How the kernel gets the keys for sending (kTLS), if the setup asks for it.
 *
 * Model. OpenSSL gives the kernel the keys at the moment when it starts to use them itself, in the
 * middle of a handshake, and only if every record before them is in the socket. So a handshake is
 * written to the socket directly, and not to the queue, which is empty until then. Behind `out`
 * hangs OpenSSL's own BIO of a socket: no byte goes through it, but it knows how to set the keys.
 *
 *     direct --keys set--> kernel        records are queued as messages with their type
 *     direct --socket full, or no keys set until the end of the handshake--> as without
 *
 * From "kernel" on the queue holds plain bytes, and everything in it is encrypted in its order.
 *
 * Not taken: OpenSSL's BIO of a socket alone. It writes without MSG_NOSIGNAL, so a peer that is
 * gone would kill the process, and alerts would overtake the queue.
 *
 * Invariants. A connection has one of the two flags at most. With TLS_DIRECT the queue is empty.
 * Only `out` has a BIO behind it: the kernel never gets the keys for receiving.
 */
#include "tls_internal.h"

#if KEVY_RING_SUPPORTED

#include <openssl/bio.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#ifndef TCP_ULP
#define TCP_ULP 31
#endif

/* "The next write is a record of this type": <openssl/bio.h> reserves the number, in a comment. */
#define CONTROL_RECORD_TYPE 74

/* Larger messages become several records, each in a buffer of the reactor. */
#define RECORD_MAX      128U
#define BUFFER_AT_LEAST (RECORD_MAX + 32U)

/* 0 or why the kernel cannot encrypt what is sent on that socket. */
static int socket_check(const struct kevy_tls *tls)
{
    struct kevy_reactor_stats stats;
    int fd = kevy_stream_fd(&tls->stream), protocol = 0;
    socklen_t size = sizeof protocol;

    kevy_reactor_stats(kevy_tls_reactor(tls), &stats);
    /* Another kernel may have descriptors that are not the system's. */
    if (strcmp(stats.kernel, "io_uring") != 0 && strcmp(stats.kernel, "soft") != 0)
        return -ESOCKTNOSUPPORT;
    if (getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) < 0 || protocol != IPPROTO_TCP)
        return -ESOCKTNOSUPPORT;
    if (setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", sizeof "tls") < 0)
        return -errno;
    return kevy_tls_queued(tls) == 0 ? 0 : -EAGAIN;
}

/* 0, or an error if a record does not go into a buffer of the reactor. */
static int buffer_check(struct kevy_tls *tls)
{
    struct kevy_buffer buffer;
    int error = kevy_buffer_create(kevy_tls_reactor(tls), NULL, &buffer);

    if (error < 0)
        return error;
    error = buffer.length >= BUFFER_AT_LEAST ? 0 : -EMSGSIZE;
    kevy_buffer_release(&buffer);
    return error;
}

static int prepare(struct kevy_tls *tls, BIO *out)
{
    BIO *socket;
    int error;

#ifdef OPENSSL_NO_KTLS
    return -ENOSYS;
#endif
    error = socket_check(tls);
    if (error == 0)
        error = buffer_check(tls);
    if (error < 0)
        return error;
    socket = BIO_new_socket(kevy_stream_fd(&tls->stream), BIO_NOCLOSE);
    if (socket == NULL)
        return -ENOMEM;
    BIO_push(out, socket);
    SSL_set_options(tls->ssl, SSL_OP_ENABLE_KTLS);
    return 0;
}

void tls_kernel_prepare(struct kevy_tls *tls, BIO *out)
{
    if (!tls->setup->kernel_encrypts)
        return;
    tls->kernel = (int16_t)prepare(tls, out);
    if (tls->kernel == 0)
        tls_set(tls, TLS_DIRECT);
}

size_t tls_kernel_write(struct kevy_tls *tls, const void *from, size_t size)
{
    ssize_t sent = send(kevy_stream_fd(&tls->stream), from, size, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (sent == (ssize_t)size)
        return size;
    /* The queue sends the rest, or finds the error, too. */
    tls_clear(tls, TLS_DIRECT);
    tls->kernel = -EAGAIN;
    return sent > 0 ? (size_t)sent : 0;
}

int tls_kernel_record(struct kevy_tls *tls, const char *from, size_t size)
{
    uint8_t type = tls->record_type;
    int error = 0;

    tls->record_type = 0;
    if (type == 0)
        return -EPROTO;
    /* New keys for sending: OpenSSL does not give them to the kernel. */
    if (type == SSL3_RT_HANDSHAKE && tls->state == TLS_OPEN)
        return -EOPNOTSUPP;
    for (size_t done = 0, part; done < size && error == 0; done += part) {
        part = size - done < RECORD_MAX ? size - done : RECORD_MAX;
        error = kevy_stream_send_record(&tls->stream, type, from + done, part);
    }
    return error;
}

int tls_kernel_alert(struct kevy_tls *tls, uint8_t level, uint8_t description)
{
    const uint8_t alert[2] = {level, description};

    assert(tls_has(tls, TLS_KERNEL));
    return kevy_stream_send_record(&tls->stream, SSL3_RT_ALERT, alert, sizeof alert);
}

/* Whatever it is that OpenSSL asks of a socket; it may have been to set the keys. */
static long keys_offer(struct kevy_tls *tls, BIO *socket, int command, long number, void *pointer)
{
    long result = BIO_ctrl(socket, command, number, pointer);

    if (BIO_get_ktls_send(socket)) {
        tls_clear(tls, TLS_DIRECT);
        tls_set(tls, TLS_KERNEL);
        tls->kernel = 1;
        tls_ending_count(tls);
    }
    return result;
}

long tls_kernel_control(BIO *out, int command, long number, void *pointer)
{
    struct kevy_tls *tls = BIO_get_data(out);
    BIO *socket = BIO_next(out);

    if (socket == NULL)
        return 0;
    if (tls_has(tls, TLS_DIRECT))
        return keys_offer(tls, socket, command, number, pointer);
    if (!tls_has(tls, TLS_KERNEL))
        return 0;
    if (command == CONTROL_RECORD_TYPE)
        tls->record_type = (uint8_t)number;
    return command == CONTROL_RECORD_TYPE || command == BIO_CTRL_GET_KTLS_SEND;
}

#endif /* KEVY_RING_SUPPORTED */
