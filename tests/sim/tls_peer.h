/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef SIM_TLS_PEER_H
#define SIM_TLS_PEER_H

/*
 * A peer that is OpenSSL in memory, as a client or as a server.
 *
 * Model. Each time that something changes it takes what has come, lets its owner act, and writes
 * what OpenSSL has made of that. It can read nothing for a while. Its connection is over when TCP
 * is, or when OpenSSL fails, or when the owner says so.
 *
 *     connected --handshake--> shaken (plain, act)* --> over
 */

#include "tls_identity.h"
#include "world.h"

#include <stdbool.h>

struct tls_peer;

/* What its owner does; NULL for nothing, except `over`. */
struct tls_manner {
    void (*shaken)(struct tls_peer *peer);
    void (*plain)(struct tls_peer *peer, const uint8_t *bytes, uint32_t length);
    /* Nothing is left to be written: the owner may make more. */
    void (*act)(struct tls_peer *peer);
    /* The last callback: the connection and the SSL go next. */
    void (*over)(struct tls_peer *peer);
};

struct tls_peer {
    struct kevy_sim_peer peer;
    const struct tls_manner *manner;
    SSL *ssl;
    BIO *in;  /* what has come */
    BIO *out; /* what is to go */
    uint8_t wire[4096];
    int wire_first, wire_end; /* of what is being written */
    unsigned long failure;    /* OpenSSL's, or 0 */
    bool shaken;
    bool deaf;     /* it does not read */
    bool leaves;   /* the owner's: it is over after this step */
    bool notified; /* the other side has sent close_notify */
    bool fin;      /* TCP has ended */
    bool broken;   /* it was reset */
    bool shut;     /* this side has sent FIN */
};

/* Begins with an `ssl` of its own, which it OWNS, as a server or as a client. */
void tls_peer_begin(struct tls_peer *peer, const struct tls_manner *manner, SSL *ssl, bool server);

/* Encrypts; true when all was taken. */
bool tls_peer_write(struct tls_peer *peer, const void *bytes, uint32_t length);

#endif
