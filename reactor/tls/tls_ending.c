/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * How a connection ends that the kernel encrypts.
 *
 * Model. Linux (6.12) reports bytes as sent while the end of their record waits for room in the
 * socket. It writes that end when there is room, unless FIN is there before it: then it drops it.
 * So the stream is closed when nothing waits, that is, when since the keys were set
 *
 *     bytes sent + records * what each of them adds == bytes that TCP was given.
 *
 * The kernel tells how many records it has made, and TCP what is acknowledged and what is queued.
 * Nobody tells when the two sides become equal, so tls_handshake.c looks from time to time. The
 * limit is that of a stream that closes: something is acknowledged within STALL_NS.
 *
 * Not taken: to send FIN right behind close_notify. It pushes what waits, but is itself reported as
 * sent while it waits. (Tried with 6.12, and a peer with a receive buffer of 2 KiB that reads
 * slowly: up to 16 KiB were missing at its end.)
 *
 * Invariants. The sums are modulo 2^32: what waits is far less. A kernel that does not describe the
 * keys is believed: its bytes are sent.
 */
#include "tls_internal.h"

#if KEVY_RING_SUPPORTED

#include <openssl/crypto.h>

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define STALL_NS KEVY_SECONDS(30)

/* SOL_TLS and TLS_TX of the kernel, which not every C library knows. */
#define LEVEL_TLS 282
#define OPTION_TX 1

/* Read again when an acknowledgement came between. */
#define READS_MAX 16U

/* How the kernel describes keys: the two numbers, the keys, and at the end the number of the next
 * record, in the order of bytes of the network. */
struct description {
    uint16_t version;
    uint16_t cipher;
    uint8_t rest[60];
};

/* TLS_CIPHER_* of the kernel, the size of its description, and the bytes that TLS 1.2 adds. */
static const struct cipher {
    uint16_t number;
    socklen_t size;
    uint32_t added;
} ciphers[] = {
    {51, 40, 29}, /* AES-128-GCM */
    {52, 56, 29}, /* AES-256-GCM */
    {53, 40, 29}, /* AES-128-CCM */
    {54, 56, 21}, /* ChaCha20-Poly1305 */
};

#define TLS_1_3_ADDED 22U

static const struct cipher *cipher_find(uint16_t number)
{
    for (size_t i = 0; i < sizeof ciphers / sizeof *ciphers; i++)
        if (ciphers[i].number == number)
            return &ciphers[i];
    return NULL;
}

/* The last four of the eight bytes that end the description. */
static uint32_t record_number(const struct description *keys, socklen_t size)
{
    const uint8_t *end = (const uint8_t *)keys + size;

    return (uint32_t)end[-4] << 24 | (uint32_t)end[-3] << 16 | (uint32_t)end[-2] << 8 | end[-1];
}

/* The bytes that the records add. False if the kernel does not tell. */
static bool records_read(int fd, uint32_t *added)
{
    struct description keys = {0};
    const struct cipher *cipher;
    socklen_t size = 2 * sizeof(uint16_t);
    bool known;

    if (getsockopt(fd, LEVEL_TLS, OPTION_TX, &keys, &size) < 0)
        return false;
    cipher = cipher_find(keys.cipher);
    if (cipher == NULL)
        return false;
    size = cipher->size;
    known = getsockopt(fd, LEVEL_TLS, OPTION_TX, &keys, &size) == 0;
    if (known)
        *added = record_number(&keys, size) *
                 (keys.version == TLS1_3_VERSION ? TLS_1_3_ADDED : cipher->added);
    OPENSSL_cleanse(&keys, sizeof keys);
    return known;
}

static uint32_t acked_read(int fd)
{
    struct tcp_info info = {0};
    socklen_t size = sizeof info;

    (void)getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size);
    return (uint32_t)info.tcpi_bytes_acked;
}

/* The bytes that TCP was given, counted from somewhere. */
static uint32_t tcp_read(int fd)
{
    uint32_t acked = acked_read(fd), before;
    unsigned reads = 0;
    int queued;

    do {
        before = acked;
        queued = 0;
        (void)ioctl(fd, TIOCOUTQ, &queued);
        acked = acked_read(fd);
    } while (acked != before && ++reads < READS_MAX);
    return acked + (uint32_t)queued;
}

static bool difference_read(const struct kevy_tls *tls, uint32_t *difference)
{
    int fd = kevy_stream_fd(&tls->stream);
    struct kevy_stream_stats stats;
    uint32_t added;

    if (!records_read(fd, &added))
        return false;
    kevy_stream_stats(&tls->stream, &stats);
    *difference = (uint32_t)stats.sent + added - tcp_read(fd);
    return true;
}

void tls_ending_count(struct kevy_tls *tls)
{
    assert(kevy_tls_queued(tls) == 0);
    tls->counted = 0;
    (void)difference_read(tls, &tls->counted);
}

/* TCP has all of it. */
static bool written(const struct kevy_tls *tls)
{
    uint32_t difference;

    if (kevy_tls_queued(tls) != 0)
        return false;
    return !difference_read(tls, &difference) || difference == tls->counted;
}

void tls_ending_begin(struct kevy_tls *tls)
{
    struct kevy_stream *stream = &tls->stream;

    kevy_stream_set_deadline(stream, KEVY_DEADLINE_IDLE, 0);
    kevy_stream_set_deadline(stream, KEVY_DEADLINE_TOTAL, 0);
    kevy_stream_resume(stream); /* into nothing: a peer that is busy sending might not read */
    tls->acked = acked_read(kevy_stream_fd(stream));
    tls->moved_ns = kevy_reactor_now(kevy_tls_reactor(tls));
}

bool tls_ending_over(struct kevy_tls *tls)
{
    uint64_t now = kevy_reactor_now(kevy_tls_reactor(tls));
    uint32_t acked;

    assert(tls->state == TLS_CLOSING && tls_has(tls, TLS_KERNEL));
    if (written(tls)) {
        kevy_stream_close(&tls->stream);
        return true;
    }
    acked = acked_read(kevy_stream_fd(&tls->stream));
    if (acked != tls->acked) {
        tls->acked = acked;
        tls->moved_ns = now;
    }
    if (now - tls->moved_ns < STALL_NS)
        return false;
    if (tls->failure.error == 0)
        tls->failure.error = -ETIMEDOUT;
    kevy_stream_abort(&tls->stream);
    return true;
}

#endif /* KEVY_RING_SUPPORTED */
