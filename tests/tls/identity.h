/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef TLS_IDENTITY_H
#define TLS_IDENTITY_H

/* Certificates, made for the test. */

/* A certificate with its key, in PEM form. */
struct identity {
    char certificate[4096];
    char key[2048];
};

/* Made once for all tests: by `authority` for localhost and 127.0.0.1, unless said otherwise. */
extern struct identity authority;
extern struct identity other_authority;
extern struct identity server_identity;
extern struct identity expired_identity;
extern struct identity future_identity;
extern struct identity named_identity;     /* for example.test */
extern struct identity untrusted_identity; /* by other_authority */
extern struct identity client_identity;

/* Fixture, once for a test case. */
void identities_make(void);

#endif
