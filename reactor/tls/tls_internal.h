/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What the files of kevy-tls share.
 *
 *     tls.c            a connection: the callbacks of its stream, states, reading, ending
 *     tls_send.c       what goes into the queue
 *     tls_handshake.c  the handshakes of one reactor, and connections that are to be continued
 *     tls_bio.c        how OpenSSL reads and writes
 *     tls_kernel.c     how the kernel gets the keys, if it is to encrypt
 *     tls_ending.c     how a connection ends that the kernel encrypts
 *     tls_context.c    contexts: reload, references, counters
 *     tls_setup.c      options become an SSL_CTX
 *     tls_hello.c      what is chosen in the handshake: name, protocol, client certificates
 *     tls_session.c    sessions that clients remember
 *     tls_explain.c    failures as sentences
 *
 * States of a connection
 *
 *     idle --the stream opens--> handshaking --> open
 *     handshaking, open --close, failure, end of TCP--> closing --the stream is closed--> idle
 *
 * The library is a user of kevy-reactor like any other: it includes public headers only.
 */
#ifndef KEVY_TLS_INTERNAL_H
#define KEVY_TLS_INTERNAL_H

#include "names.h"

#include <kevy/completion.h>
#include <kevy/tls.h>

#if KEVY_RING_SUPPORTED

#include <openssl/ssl.h>

#include <assert.h>
#include <errno.h>
#include <pthread.h>

enum tls_state {
    TLS_IDLE,        /* its stream is not open (yet) */
    TLS_HANDSHAKING, /* it has a setup from here on */
    TLS_OPEN,
    TLS_CLOSING, /* nothing is told but `close` */
};

/* For kevy_tls.flags. */
#define TLS_CLIENT      (1U << 0)
#define TLS_PAUSED      (1U << 1)  /* by the user */
#define TLS_FINISH      (1U << 2)  /* to be told after `open` */
#define TLS_PEER_ENDED  (1U << 3)  /* close_notify came */
#define TLS_WRITE_ENDED (1U << 4)  /* close_notify was queued */
#define TLS_WAITS       (1U << 5)  /* for a turn of the handshake */
#define TLS_CONTINUES   (1U << 6)  /* in this turn or in the next */
#define TLS_WROTE       (1U << 7)  /* a record was queued; whoever wants to know clears it first */
#define TLS_DIRECT      (1U << 8)  /* records go to the socket: the kernel may get the keys */
#define TLS_KERNEL      (1U << 9)  /* the kernel has the keys for sending */
#define TLS_KEYS_ASKED  (1U << 10) /* the peer wants other keys than the kernel has */
#define TLS_ENDS        (1U << 11) /* closing, and the kernel may have a rest of the records */

/* The most bytes of one send. */
#define TLS_SEND_MAX (1U << 30)

/* Of the name that sessions are valid for: SHA-256. */
#define TLS_SESSION_CONTEXT_SIZE 32

/*
 * What a context is between two reloads: the SSL_CTX, and what OpenSSL does not keep in it. Does
 * not change, but for the authorities of the system, which the first client brings in: they are
 * about 140 certificates, and a server that verifies nobody need not read them. Freed with the last
 * connection that uses it.
 */
struct kevy_x_tls_setup {
    SSL_CTX *ctx;
    uint32_t refs; /* atomic */
    enum kevy_tls_client_certificates clients;
    bool verify_nothing;
    bool kernel_encrypts; /* where it can */
    bool authorities_due; /* those of the system, which nobody needed yet */
    uint32_t handshakes_per_turn;
    uint32_t handshakes_waiting;
    uint64_t handshake_timeout_ns;
    struct kevy_tls_context *(*server_name)(struct kevy_tls *tls, const char *name);
    unsigned char *protocols; /* as they are sent: each after a byte with its length */
    unsigned protocols_length;
    unsigned char session_context[TLS_SESSION_CONTEXT_SIZE];
};

/* A session of a client, by the name of the server. */
struct tls_session {
    char *name;
    SSL_SESSION *session;
};

/* Counters, each atomic. The order is that of struct kevy_tls_stats. */
enum tls_count {
    TLS_COUNT_HANDSHAKES,
    TLS_COUNT_RESUMED,
    TLS_COUNT_KERNEL,
    TLS_COUNT_FAILED,
    TLS_COUNT_WAITED,
    TLS_COUNT_SHED,
    TLS_COUNT_TRUNCATIONS,
    TLS_COUNTS,
};

struct kevy_tls_context {
    BIO_METHOD *method;
    uint32_t refs; /* atomic: the user, and each connection */
    uint64_t counts[TLS_COUNTS];
    pthread_mutex_t lock;           /* for all that follows */
    struct kevy_x_tls_setup *setup; /* with a reference */
    struct kevy_x_tls_loop *loops;
    struct tls_session *sessions; /* sessions_max of them, unused ones with name NULL */
    uint32_t sessions_max;
    uint32_t session_next; /* the oldest: replaced next */
};

/* A queue of connections, through `wait`; the first waited longest. */
struct tls_queue {
    struct kevy_x_waiter *first;
    struct kevy_x_waiter **end;
};

/* What the connections of one context and one reactor share. */
struct kevy_x_tls_loop {
    struct kevy_x_tls_loop *next;     /* of the context */
    struct kevy_tls_context *context; /* with a reference */
    struct kevy_reactor *reactor;
    uint32_t refs;     /* connections */
    uint32_t answered; /* handshakes in that turn */
    uint64_t turn;     /* its number: two turns may have the same time */
    uint32_t waiting_count;
    uint32_t resumed_count;
    struct tls_queue waiting;       /* handshakes with bytes to look at */
    struct tls_queue resumed;       /* open connections with something to deliver */
    struct tls_queue ending;        /* closed ones that the kernel has a rest of */
    struct kevy_completion request; /* brings the next turn */
    struct kevy_timer timer;        /* brings the end of that turn */
    struct kevy_timer memory_timer; /* asks for a turn when there may be memory again */
    uint64_t memory_wait_ns;        /* until it does so again */
    struct kevy_timer ending_timer; /* looks after those that end */
    uint64_t ending_wait_ns;        /* until it does so again */
};

static inline struct kevy_tls *tls_of(struct kevy_stream *stream)
{
    return KEVY_CONTAINER_OF(stream, struct kevy_tls, stream);
}

static inline bool tls_has(const struct kevy_tls *tls, unsigned flags)
{
    return (tls->flags & flags) != 0;
}

static inline void tls_set(struct kevy_tls *tls, unsigned flags)
{
    tls->flags = (uint16_t)(tls->flags | flags);
}

static inline void tls_clear(struct kevy_tls *tls, unsigned flags)
{
    tls->flags = (uint16_t)(tls->flags & ~flags);
}

static inline void tls_count(struct kevy_tls_context *context, enum tls_count count)
{
    __atomic_fetch_add(&context->counts[count], 1, __ATOMIC_RELAXED);
}

/* tls.c */

/* Goes on with a connection whose turn has come. */
void tls_continue(struct kevy_tls *tls);

/* Ends the connection with `error`; OpenSSL's alert goes first. Idempotent; the first error counts.
 */
void tls_fail(struct kevy_tls *tls, int error);

/* As tls_fail() with the error that OpenSSL has queued, after one of its functions failed. */
void tls_fail_ssl(struct kevy_tls *tls);

/* tls_send.c */

/* Holds a stream back whose bytes, or the answers to them, made the queue too long. */
void tls_hold_above_mark(struct kevy_stream *source, struct kevy_tls *tls);

/* Queues close_notify in an open connection, once. */
void tls_notify(struct kevy_tls *tls);

/* tls_handshake.c */

/* Gives the connection the loop of its context and reactor, with a reference. False: no memory. */
bool tls_loop_enter(struct kevy_tls *tls);
void tls_loop_leave(struct kevy_tls *tls);

/* True when the handshake may go on in this turn; if not, the connection waits or is shed. */
bool tls_loop_admits(struct kevy_tls *tls);
void tls_loop_answered(struct kevy_tls *tls);

/* tls_continue() follows, in the next turn, or when there may be memory again. */
void tls_loop_continue(struct kevy_tls *tls);
void tls_loop_await_memory(struct kevy_tls *tls);

/* Closes the stream when tls_ending_over() says so. */
void tls_loop_end(struct kevy_tls *tls);

/* Takes the connection out of the queues. Idempotent. */
void tls_loop_unlink(struct kevy_tls *tls);

/* tls_bio.c */
BIO_METHOD *tls_bio_method(void);
bool tls_bio_attach(struct kevy_tls *tls);

/* tls_kernel.c */

/* Prepares a connection that is to be encrypted by the kernel, or tells why it is not, in
 * tls->kernel. `out` is what OpenSSL writes to. */
void tls_kernel_prepare(struct kevy_tls *tls, BIO *out);

/* Writes to the socket. Returns how much it took; if that is not all, the rest has to be queued. */
size_t tls_kernel_write(struct kevy_tls *tls, const void *from, size_t size);

/* Queues bytes as a record of the type that OpenSSL has told. Returns 0 or an error. */
int tls_kernel_record(struct kevy_tls *tls, const char *from, size_t size);

/* Queues an alert, past OpenSSL. Returns 0 or an error. */
int tls_kernel_alert(struct kevy_tls *tls, uint8_t level, uint8_t description);

/* What OpenSSL asks of `out` besides. */
long tls_kernel_control(BIO *out, int command, long number, void *pointer);

/* tls_ending.c */

/* The kernel has the keys from here on. */
void tls_ending_count(struct kevy_tls *tls);

/* The connection ends: its limits are those of a stream that closes. */
void tls_ending_begin(struct kevy_tls *tls);

/* True when TCP has the last record, and the stream closes; or nothing moves, and it is aborted. */
bool tls_ending_over(struct kevy_tls *tls);

/* tls_context.c */
void tls_context_keep(struct kevy_tls_context *context);
void tls_context_release(struct kevy_tls_context *context);

/* The setup of the moment, with a reference; tls_context_enter() takes one to the context, too, and
 * prepares the setup for a client. */
struct kevy_x_tls_setup *tls_context_setup(struct kevy_tls_context *context);
struct kevy_x_tls_setup *tls_context_enter(struct kevy_tls_context *context, bool client);

bool tls_context_verifies_nothing(struct kevy_tls_context *context);

/* tls_setup.c */
int tls_setup_create(struct kevy_x_tls_setup **setup, const struct kevy_tls_options *options,
                     struct kevy_tls_failure *failure);
void tls_setup_release(struct kevy_x_tls_setup *setup);

/* Reads the authorities of the system, if they are due. Under the lock of the context. */
void tls_setup_trust(struct kevy_x_tls_setup *setup);

/* tls_pem.c */
int tls_pem_load(SSL_CTX *ctx, const struct kevy_tls_options *options,
                 struct kevy_tls_failure *failure);

/* tls_hello.c */
void tls_hello_install(SSL_CTX *ctx);
bool tls_hello_begin(struct kevy_tls *tls);

/* tls_session.c */
void tls_session_install(SSL_CTX *ctx);
void tls_session_offer(struct kevy_tls *tls);

/* Forgets all sessions, under the lock of the context. */
void tls_sessions_clear(struct kevy_tls_context *context);

/* tls_explain.c */

/* Takes the error of OpenSSL in this thread that says most, and clears the others. */
unsigned long tls_error_take(void);

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_TLS_INTERNAL_H */
