/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef SIM_TLS_IDENTITY_H
#define SIM_TLS_IDENTITY_H

/*
 * Certificates for worlds with TLS. All keys are Ed25519, whose signatures have one length: records
 * of the same sizes make the same run.
 */

#include <openssl/ssl.h>
#include <stdbool.h>

struct tls_identity {
    char certificate[2048]; /* in PEM form, like the key */
    char key[512];
    X509 *x509;
    EVP_PKEY *pkey;
};

/* By `authority`, unless said otherwise. */
extern struct tls_identity tls_authority;
extern struct tls_identity tls_stranger; /* another authority */
extern struct tls_identity tls_local;    /* for localhost and 127.0.0.1 */
extern struct tls_identity tls_named;    /* for example.test */
extern struct tls_identity tls_strange;  /* for all of these, by the stranger */
extern struct tls_identity tls_visitor;  /* of a client */

/* Makes them, once; false when OpenSSL fails. */
bool tls_identities_make(void);

/* Lets a peer show an identity. */
void tls_identity_use(SSL *ssl, const struct tls_identity *identity);

#endif
