/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef TLS_TEST_H
#define TLS_TEST_H

/*
 * What the tests of kevy-tls have in common: connections that write down what happens to them. A
 * test has an end of each connection here (`side`), and at the other end another side, a plain
 * socket, or OpenSSL driven by hand (`hand`).
 *
 * A side has a log as the probes of reactor_test.h have:
 *
 *     o open   r read (one letter for a run of them)   e end   d drain   t timeout   f finish
 *     c close
 */

#include "identity.h"
#include "reactor_test.h"

#include <kevy/tls.h>
#include <openssl/ssl.h>

/* Fixture: a reactor and the two contexts below. */
void tls_setup(void);
void tls_teardown(void);

/* A test case with that fixture, or with a teardown of the test's own that calls it. The identities
 * are made once for the case. */
TCase *tls_case(const char *name, void (*teardown)(void));

/* Options of a server with an identity, and of a client that trusts `authority`. */
struct kevy_tls_options server_options(const struct identity *identity);
struct kevy_tls_options client_options(void);

struct kevy_tls_context *context_make(const struct kevy_tls_options *options);

/* A context of a server and of a client, with those options; destroyed by tls_teardown(). */
extern struct kevy_tls_context *server_context;
extern struct kevy_tls_context *client_context;

struct side {
    struct kevy_tls tls;
    char log[64];
    char *log_end;
    bool closed;
    int reason;
    struct kevy_tls_failure failure;
    uint64_t count; /* bytes received */
    uint64_t seed;  /* of the bytes expected, if check_bytes */
    bool check_bytes;
    bool echo; /* forward what comes */
    unsigned drains;
    char text[256]; /* the first bytes received, terminated */
    void *context;  /* the test's */
    void (*on_open)(struct side *side);
    void (*on_read)(struct side *side, struct kevy_buffer *buffer);
    void (*on_end)(struct side *side);
    void (*on_drain)(struct side *side);
    void (*on_timeout)(struct side *side, enum kevy_deadline deadline);
    void (*on_finish)(struct side *side);
    void (*on_close)(struct side *side);
};

extern const struct kevy_tls_events side_events;
extern const struct kevy_tls_events side_events_close_only;

struct side *side_of(struct kevy_tls *tls);

/* Starts a side on a connected socket, which it owns. */
void side_serve(struct side *side, struct kevy_tls_context *context, int fd);
void side_call(struct side *side, struct kevy_tls_context *context, const char *name, int fd);

/* A server and a client, connected to each other by TCP; with the default contexts and localhost.
 */
void sides_pair(struct side *server, struct side *client);

/* The same, turned until both are open. */
void sides_open(struct side *server, struct side *client);

/* Aborts a side, and turns until it is closed. */
void side_abort(struct side *side);

void side_send_text(struct side *side, const char *text);

/* Turns until the side has received this text, and nothing else. */
void side_expect(struct side *side, const char *text);

/* OpenSSL at the other end of a side, by hand, with a socket that does not block. */
struct hand {
    SSL_CTX *ctx;
    SSL *ssl;
    int fd;
};

/* As a client that verifies nothing; `version` is TLS1_2_VERSION, TLS1_3_VERSION or 0. */
void hand_client(struct hand *hand, int fd, int version);

/* As a server with an identity. */
void hand_server(struct hand *hand, int fd, const struct identity *identity, int version);

/* Turns until the handshake is complete at the hand's end. */
void hand_shake(struct hand *hand);

/* Turns until it is written. */
void hand_write(struct hand *hand, const void *data, size_t length);

/* Turns until so many bytes came; compares them with `text`. */
void hand_expect(struct hand *hand, const char *text);

void hand_free(struct hand *hand);

#endif
