/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "tls_peer.h"

#include <errno.h>
#include <openssl/err.h>
#include <string.h>

bool tls_peer_write(struct tls_peer *peer, const void *bytes, uint32_t length)
{
    ERR_clear_error();
    return SSL_write(peer->ssl, bytes, (int)length) == (int)length;
}

/* Writes to the network. Returns as kevy_sim_peer_write(), 0 when there is nothing. */
static int flush(struct tls_peer *peer)
{
    int written;

    if (peer->wire_first == peer->wire_end) {
        int count = BIO_read(peer->out, peer->wire, sizeof peer->wire);

        peer->wire_first = 0;
        peer->wire_end = count > 0 ? count : 0;
    }
    if (peer->wire_first == peer->wire_end || peer->shut)
        return 0;
    written = kevy_sim_peer_write(&peer->peer, peer->wire + peer->wire_first,
                                  (uint32_t)(peer->wire_end - peer->wire_first));
    if (written > 0)
        peer->wire_first += written;
    return written;
}

static unsigned long failure_take(void)
{
    unsigned long failure = ERR_get_error();

    return failure != 0 ? failure : 1;
}

static void handshake(struct tls_peer *peer)
{
    int result = SSL_do_handshake(peer->ssl);

    if (result == 1) {
        peer->shaken = true;
        if (peer->manner->shaken != NULL)
            peer->manner->shaken(peer);
    } else if (SSL_get_error(peer->ssl, result) != SSL_ERROR_WANT_READ) {
        peer->failure = failure_take();
    }
}

static void decrypt(struct tls_peer *peer)
{
    uint8_t bytes[4096];
    int count;

    ERR_clear_error();
    if (!peer->shaken)
        handshake(peer);
    if (!peer->shaken || peer->failure != 0 || peer->notified)
        return;
    while ((count = SSL_read(peer->ssl, bytes, sizeof bytes)) > 0)
        if (peer->manner->plain != NULL)
            peer->manner->plain(peer, bytes, (uint32_t)count);
    switch (SSL_get_error(peer->ssl, count)) {
    case SSL_ERROR_WANT_READ:
        break;
    case SSL_ERROR_ZERO_RETURN:
        peer->notified = true;
        break;
    default:
        peer->failure = failure_take();
    }
}

static void end(struct tls_peer *peer)
{
    peer->manner->over(peer);
    kevy_sim_peer_close(&peer->peer);
    SSL_free(peer->ssl);
    peer->ssl = NULL;
}

/* Takes what has come. Returns its length, or what kevy_sim_peer_read() says. */
static int take(struct tls_peer *peer)
{
    uint8_t bytes[4096];
    int got = -EAGAIN;

    if (!peer->deaf && !peer->fin)
        got = kevy_sim_peer_read(&peer->peer, bytes, sizeof bytes);
    if (got > 0)
        (void)BIO_write(peer->in, bytes, got);
    peer->fin |= got == 0;
    peer->broken |= got < 0 && got != -EAGAIN;
    return got;
}

static void ready(struct kevy_sim_peer *changed)
{
    struct tls_peer *peer = KEVY_CONTAINER_OF(changed, struct tls_peer, peer);
    int got, gave = 0;

    if (kevy_sim_fault(world, KEVY_SIM_NETWORK_RESETS))
        kevy_sim_peer_cut(changed);
    got = take(peer);
    if (peer->failure == 0)
        decrypt(peer);
    if (peer->shaken && peer->failure == 0 && peer->wire_first == peer->wire_end &&
        BIO_ctrl_pending(peer->out) == 0 && peer->manner->act != NULL)
        peer->manner->act(peer);
    if (!peer->fin && !peer->broken)
        gave = flush(peer);
    peer->broken |= gave < 0 && gave != -EAGAIN;
    if (peer->fin || peer->broken || peer->leaves || (peer->failure != 0 && gave <= 0)) {
        end(peer);
        return;
    }
    if (got > 0 || gave > 0)
        kevy_sim_peer_wake(changed);
}

void tls_peer_begin(struct tls_peer *peer, const struct tls_manner *manner, SSL *ssl, bool server)
{
    memset(peer, 0, sizeof *peer);
    peer->peer.ready = ready;
    peer->manner = manner;
    peer->ssl = ssl;
    peer->in = BIO_new(BIO_s_mem());
    peer->out = BIO_new(BIO_s_mem());
    EXPECT(ssl != NULL && peer->in != NULL && peer->out != NULL, "OpenSSL has no memory");
    SSL_set_bio(ssl, peer->in, peer->out);
    if (server)
        SSL_set_accept_state(ssl);
    else
        SSL_set_connect_state(ssl);
}
