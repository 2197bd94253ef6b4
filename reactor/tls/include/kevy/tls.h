/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/tls.h - encrypted streams: a TLS server or client, 1.2 and 1.3, on OpenSSL 3.
 *
 * This is a library of its own, `kevy-tls`, because it needs OpenSSL. kevy-reactor does not.
 *
 * Objects
 *
 *     struct kevy_tls_context   certificates, keys, trusted authorities and limits. Many streams
 *                               share it, also those of several threads.
 *     struct kevy_tls           one connection. It contains a kevy_stream, and has the callbacks
 *                               and the functions of a stream: watermarks, pauses, deadlines,
 *                               half-close, forwarding, `drain`.
 *
 * To start a connection, initialise a kevy_tls with kevy_tls_server() or kevy_tls_client(). Both
 * return its stream. Give this stream to a listener, to a connector, to kevy_stream_connect() or to
 * kevy_stream_adopt(). From then on use the functions of this header instead of those of stream.h:
 * a byte that goes past TLS breaks the connection.
 *
 * Order
 *
 *     open -> (read)* -> at most one end -> close. `open` comes when the handshake is complete and
 *     the peer is verified. Before that the connection is not open: sends return -EPIPE, and
 *     deadlines have no effect. `close` comes last, and alone if the handshake fails.
 *
 * Ends
 *
 *     `end`          the peer sent close_notify: all bytes have arrived. You can still send.
 *     `close`        reason 0 after kevy_tls_close(), when the kernel has our close_notify.
 *     -ECONNABORTED  TCP ended without close_notify. Somebody may have cut the connection, and
 *                    bytes may be missing. Your protocol knows if it tells the length of its
 *                    messages. kevy-tls does not guess, and never reports this as `end`.
 *
 * Verification
 *
 *     A client verifies the certificate of the server: its chain up to a trusted authority, its
 *     dates, and the name that was given to kevy_tls_client(). A server verifies clients only if it
 *     asks for their certificates.
 *
 * Handshakes
 *
 *     A handshake costs a server as much as a hundred small requests (README.md has the figures).
 *     So a turn of the loop answers a limited number of them (`handshakes_per_turn`). The others
 *     wait in a queue, in order, and meanwhile the open connections are served. Each handshake has
 *     `handshake_timeout_ns`.
 *
 * Copies
 *
 *     OpenSSL takes received bytes directly from the receive buffer, and its records go directly
 *     into the write queue. The plain bytes of a `read` are in a buffer that can be kept, and
 *     forwarded to an unencrypted stream without a copy. For large answers send a part, and go on
 *     in `drain`.
 *
 * The kernel encrypts (kTLS)
 *
 *     With the option `kernel_encrypts` the kernel makes the records of what is sent, if it can.
 *     Then kevy_tls_send_pinned() and kevy_tls_send_file() send bytes from where they are. It needs
 *     the module `tls` of Linux, which root loads (`modprobe tls`), a TCP socket, and an OpenSSL
 *     that was built for it (tried: Linux 6.12 with OpenSSL 3.0). If anything is missing, OpenSSL
 *     encrypts as without the option: kevy_tls_info() tells which it is, and why. OpenSSL decrypts
 *     the received bytes in any case.
 *
 *     Four things differ while the kernel encrypts:
 *
 *     - The queue, and its watermarks, count the plain bytes.
 *     - When a peer of TLS 1.3 asks for new keys (KeyUpdate), the connection ends with -EOPNOTSUPP,
 *       because OpenSSL cannot give the kernel a second key. Peers rarely ask.
 *     - Linux (6.12) reports bytes as sent while the end of a record still waits for room in the
 *       socket, and drops it if FIN comes before there is room. So kevy_tls_close() sends FIN when
 *       TCP has all records, and kevy_tls_shutdown() sends close_notify without FIN. If the
 *       connection is cut, the peer may lack bytes that count as sent, and sees a truncation.
 *     - A connection that was closed ends with -ETIMEDOUT if its peer receives nothing for 30 s.
 *
 * Ownership
 *
 *     struct kevy_tls is PINNED like a stream: from its start to `close`. Until it is started it is
 *     plain memory and owns nothing. OpenSSL's own memory for a connection comes from malloc(3),
 *     and does not count for memory_limit.
 *
 * Memory
 *
 *     Plain bytes and records are in the memory of the reactor ("Memory" in <kevy/reactor.h>). When
 *     it is short, a connection that feeds a queue is held back, as a stream is. When there is none
 *     for the bytes of the next `read`, the connection waits until there is some.
 *
 * Threads
 *
 *     A connection belongs to the thread of its reactor. Every function of a context may be called
 *     from any thread.
 *
 * Left out because they are unsafe: TLS 1.0 and 1.1, renegotiation, compression, early data.
 *
 * Example: an echo server
 *
 *     struct client {
 *         struct kevy_tls tls;
 *     };
 *
 *     static struct kevy_tls_context *context;
 *
 *     static void client_read(struct kevy_tls *tls, struct kevy_buffer *buffer)
 *     {
 *         kevy_tls_forward(tls, buffer);
 *     }
 *
 *     static void client_close(struct kevy_tls *tls, int reason)
 *     {
 *         free(KEVY_CONTAINER_OF(tls, struct client, tls));
 *     }
 *
 *     static const struct kevy_tls_events client_events = {
 *         .read = client_read,
 *         .close = client_close,
 *     };
 *
 *     static struct kevy_stream *client_accept(struct kevy_listener *listener)
 *     {
 *         struct client *client = calloc(1, sizeof *client);
 *
 *         return client ? kevy_tls_server(&client->tls, context, &client_events) : NULL;
 *     }
 *
 *     struct kevy_tls_options options = {
 *         .certificate_file = "server.pem",
 *         .key_file = "server.key",
 *     };
 *     int error = kevy_tls_context_create(&context, &options, NULL);
 */
#ifndef KEVY_TLS_H
#define KEVY_TLS_H

#include <kevy/stream.h>

#if KEVY_RING_SUPPORTED

KEVY_BEGIN_DECLS

struct kevy_tls;
struct kevy_tls_context;
struct kevy_x_tls_loop;
struct kevy_x_tls_setup;
struct ssl_st; /* SSL of OpenSSL */

/* Does a server ask clients for a certificate, and is one required? */
enum kevy_tls_client_certificates {
    KEVY_TLS_CLIENTS_ANONYMOUS, /* no */
    KEVY_TLS_CLIENTS_ASKED,     /* yes; a client without one is served, an invalid one is not */
    KEVY_TLS_CLIENTS_CERTIFIED, /* yes; a client without a valid one is refused */
};

/* Why something failed; kevy_tls_explain() makes a sentence of it. */
struct kevy_tls_failure {
    int error;          /* the -errno that was returned, or given to `close`; 0: nothing failed */
    int verification;   /* X509_V_ERR_* of OpenSSL, or 0 */
    unsigned long code; /* of ERR_get_error(3), or 0 */
    const char *file;   /* of the options, the one that could not be used, or NULL */
};

/*
 * Options of a context. A member that is zero means the default, which stands in brackets. All
 * pointers are BORROWED: the context makes copies.
 */
struct kevy_tls_options {
    /* The certificate, with the intermediate certificates behind it, and its private key, in PEM
     * form: from files, or from memory. The key must not have a password. A server needs both, and
     * so does a client that is to show a certificate. */
    const char *certificate_file;
    const char *key_file;
    const void *certificate;
    size_t certificate_length;
    const void *key;
    size_t key_length;

    /* Authorities that are trusted, certificates in PEM form: a file, or memory [those of the
     * system, which OpenSSL finds; they are read when the first client starts, and the loop waits
     * for that]. */
    const char *authorities_file;
    const void *authorities;
    size_t authorities_length;
    enum kevy_tls_client_certificates clients; /* [KEVY_TLS_CLIENTS_ANONYMOUS] */
    /* A client does not verify the server. The connection is then encrypted, but perhaps to an
     * attacker. For tests. */
    bool verify_nothing;

    /* The kernel encrypts the bytes that are sent, if it can [OpenSSL does]. */
    bool kernel_encrypts;

    /* Protocols for ALPN, for example "http/1.1", in order of preference; a name has 1 to 255
     * bytes, and all together less than 65,535 [none]. A server refuses a client that offers only
     * others. */
    const char *const *protocols;
    uint32_t protocol_count;

    bool tls_1_3_only;   /* [TLS 1.2 and 1.3] */
    const char *ciphers; /* of TLS 1.2 [ECDHE with AES-GCM or ChaCha20]; see openssl-ciphers(1) */
    const char *groups;  /* of key exchange [X25519:P-256:P-384] */

    /* Session tickets make the next handshake of a client cheaper: nobody signs or verifies. */
    bool no_tickets;
    uint32_t ticket_lifetime_s; /* [7200] */
    /* Keys of the tickets, 80 random bytes, for several servers that accept each other's [random
     * bytes of this context, which a reload keeps]. */
    const void *ticket_keys;
    /* Sessions that a client remembers, one for each name, to be resumed by its next connection
     * [64]. */
    uint32_t sessions_max;

    uint64_t handshake_timeout_ns; /* from the connection to `open` [10 s] */
    uint32_t handshakes_per_turn;  /* that one reactor answers in a turn [16] */
    uint32_t handshakes_waiting;   /* for a turn, of one reactor; more are closed [1024] */

    /*
     * Called in a server's handshake, when the client asks for the name `name` (BORROWED). Returns
     * the context whose certificate, ALPN protocols and client certificates are to be used; it must
     * exist until this function returns. kevy_tls_context() is the one that the connection began
     * with. NULL refuses the client. A client that asks for no name is served with the first one.
     * It may be called for names of at most 255 bytes, which the client chose: do not trust them.
     */
    struct kevy_tls_context *(*server_name)(struct kevy_tls *tls, const char *name);
};

/*
 * Creates a context and stores it in *context, OWNED by the caller until
 * kevy_tls_context_destroy(). `options` is BORROWED and may be NULL, for a client. `failure` may be
 * NULL; on an error it tells more.
 *
 * Returns 0 or an error. On an error *context is unchanged:
 *
 *     -EINVAL       an option is out of range or unknown to OpenSSL; or there is a certificate
 *                   without a key, or a key without a certificate
 *     -EBADMSG      the file or memory is not in PEM form, has a password, or is damaged
 *     -EKEYREJECTED the key does not belong to the certificate, or one of them is too weak
 *     -ENOMEM       no memory
 *     -ENOENT       no such file; and other errors of open(2)
 */
KEVY_API int kevy_tls_context_create(struct kevy_tls_context **context,
                                     const struct kevy_tls_options *options,
                                     struct kevy_tls_failure *failure);

/*
 * Replaces everything in a context, for example when a certificate was renewed. Connections that
 * have begun keep the old ones; the next ones get the new options. Tickets stay valid,
 * unless the authorities or `clients` have changed.
 *
 * Returns as kevy_tls_context_create(). On an error the context is as before.
 */
KEVY_API int kevy_tls_context_reload(struct kevy_tls_context *context,
                                     const struct kevy_tls_options *options,
                                     struct kevy_tls_failure *failure);

/* Gives the context up. Connections that have begun keep it; it is freed after the last of them.
 * NULL is accepted. */
KEVY_API void kevy_tls_context_destroy(struct kevy_tls_context *context);

/* Counters of a context, over all threads. */
struct kevy_tls_stats {
    uint64_t handshakes;         /* complete */
    uint64_t handshakes_resumed; /* of these, with a session from before */
    uint64_t handshakes_kernel;  /* of these, after which the kernel encrypts */
    uint64_t handshakes_failed;  /* also those that ended by a time limit */
    uint64_t handshakes_waited;  /* times that a handshake waited for a later turn */
    uint64_t handshakes_shed;    /* closed because too many waited */
    uint64_t truncations;        /* ends without close_notify */
};

/* Copies the counters into *stats. */
KEVY_API void kevy_tls_context_stats(const struct kevy_tls_context *context,
                                     struct kevy_tls_stats *stats);

/* The callbacks of one kind of connection; `close` alone is required. They correspond to those of
 * struct kevy_stream_events. */
struct kevy_tls_events {
    /*
     * For a server whose clients send something before the handshake, for example the header of the
     * PROXY protocol. Called with the received bytes, BORROWED, until it returns less than
     * `length`: the number of bytes that it has taken. The handshake begins with the next byte. A
     * negative -errno ends the connection, and `close` comes with it. Bytes may be cut anywhere. In
     * this callback nothing can be sent.
     */
    int (*preamble)(struct kevy_tls *tls, const uint8_t *bytes, size_t length);
    /* The handshake is complete. */
    void (*open)(struct kevy_tls *tls);
    /* Bytes came, 1 to buffer_size of them. *buffer is BORROWED, and may be kept with
     * kevy_buffer_retain() or forwarded. NULL: discarded. */
    void (*read)(struct kevy_tls *tls, struct kevy_buffer *buffer);
    /* The peer sent its last byte, and said so. Without this callback the connection is closed
     * after its queue is sent. */
    void (*end)(struct kevy_tls *tls);
    /* The queue was at the high watermark, and is down to the low one. */
    void (*drain)(struct kevy_tls *tls);
    /* A deadline passed; it is off until set again. Without this callback the connection is
     * aborted with -ETIMEDOUT. */
    void (*timeout)(struct kevy_tls *tls, enum kevy_deadline deadline);
    /* kevy_reactor_finish() was called: come to an end. Without this callback the connection is
     * closed. A handshake is completed first. */
    void (*finish)(struct kevy_tls *tls);
    /*
     * Last callback, required. `reason` is 0 after kevy_tls_close(), or one of those of a stream,
     * or
     *
     *     -ECONNABORTED  TCP ended without close_notify, in a handshake or later
     *     -EPROTO        the peer does not speak TLS, broke its rules, sent an alert, or has
     *                    nothing in common with us
     *     -EKEYREJECTED  the certificate of the peer is not valid
     *     -EOPNOTSUPP    the peer asked for new keys while the kernel encrypts
     *     -ETIMEDOUT     a deadline, that of the handshake among them
     *     -ENOBUFS       memory_limit, or too many handshakes waited
     *     -ENOMEM        no memory for the handshake
     *
     * In it kevy_tls_failure() tells more.
     */
    void (*close)(struct kevy_tls *tls, int reason);
};

/* A connection. Its fields are private; 448 bytes at most. */
struct kevy_tls {
    struct kevy_stream stream;
    const struct kevy_tls_events *events;
    struct kevy_tls_context *context;
    struct kevy_x_tls_setup *setup; /* the options, as they were when this began */
    struct kevy_x_tls_loop *loop;   /* of all connections of one reactor */
    struct ssl_st *ssl;
    const char *name;          /* that a client asks for */
    struct kevy_x_waiter wait; /* for a turn of the handshake, or to be continued */
    struct kevy_buffer kept;   /* received bytes that OpenSSL has not taken */
    const uint8_t *input;      /* the first of them, in `kept` or in the buffer of the callback */
    const uint8_t *input_end;
    struct kevy_tls_failure failure;
    int write_error;   /* why the queue did not take a record, or 0 */
    uint16_t messages; /* of the handshake protocol since the last byte of the user's */
    uint16_t flags;
    int16_t kernel; /* kevy_tls_info.kernel_encrypts */
    uint8_t state;
    uint8_t record_type; /* of the next record, if the kernel encrypts */
    uint32_t counted;    /* the difference of what is sent and what TCP got, without a rest */
    uint32_t acked;      /* by the peer, when the ending connection was last looked at */
    uint64_t moved_ns;   /* the time at which that had changed */
};

/*
 * Makes *tls ready to be started as a server or as a client, and returns its stream. Its memory is
 * all zero, or that of a connection which has ended or was not started (asserted). `events` is
 * BORROWED as long as the connection is used (a static const table). `context` must exist until the
 * stream has started; then the connection keeps it. `name` is PINNED until `close`.
 *
 * `name` is the name of the server that the certificate must have, or its address as text. It is
 * required (asserted), unless the options have `verify_nothing`.
 */
KEVY_API struct kevy_stream *kevy_tls_server(struct kevy_tls *tls, struct kevy_tls_context *context,
                                             const struct kevy_tls_events *events);
KEVY_API struct kevy_stream *kevy_tls_client(struct kevy_tls *tls, struct kevy_tls_context *context,
                                             const char *name,
                                             const struct kevy_tls_events *events);

/*
 * Encrypts `length` bytes, 1 GiB at most, and queues them. Takes all or nothing. Returns 0 or
 *
 *     -EAGAIN   the queue is at the high watermark or above; `drain` follows
 *     -EPIPE    the connection is not open (yet, or any more), was ended by kevy_tls_shutdown(), or
 *               takes nothing more
 *     -ENOBUFS  the length is above 1 GiB; or memory_limit is reached, and a part of a record would
 *               be missing, so the connection ends with that reason
 */
KEVY_X_CHECKED KEVY_API int kevy_tls_send(struct kevy_tls *tls, const void *data, size_t length);

/*
 * As kevy_stream_send_pinned() and kevy_stream_send_file(), if the kernel encrypts. Their callbacks
 * get the stream, which is the first member of the connection. Return as these, or -EOPNOTSUPP:
 * OpenSSL encrypts; use kevy_tls_send().
 */
KEVY_X_CHECKED KEVY_API int kevy_tls_send_pinned(struct kevy_tls *tls, struct kevy_send *send);
KEVY_X_CHECKED KEVY_API int kevy_tls_send_file(struct kevy_tls *tls, struct kevy_file_range *range);

/*
 * As kevy_tls_send(), for received bytes, of any stream or connection of the same reactor. They are
 * taken above the high watermark, too: then the stream whose read callback is running reads no more
 * until the queue is down to the low watermark. *buffer does not change: release it if you kept it.
 * The slice must lie within the buffer (asserted). Returns 0, -EPIPE or -ENOBUFS.
 *
 * In the other direction kevy_stream_forward() takes the buffer of `read` without a copy.
 */
KEVY_API int kevy_tls_forward(struct kevy_tls *tls, struct kevy_buffer *buffer);
KEVY_API int kevy_tls_forward_slice(struct kevy_tls *tls, struct kevy_buffer *buffer,
                                    uint32_t offset, uint32_t length);

/* As kevy_stream_hold(), for connections: the stream of one is `stream`, its first member. */
KEVY_API void kevy_tls_hold(struct kevy_tls *source, struct kevy_stream *target);

/* Stops `read` and `end`, at once. A handshake goes on. Idempotent. */
KEVY_API void kevy_tls_pause(struct kevy_tls *tls);

/* Lets `read` and `end` come again, in this turn or in the next. Idempotent. */
KEVY_API void kevy_tls_resume(struct kevy_tls *tls);

/*
 * Ends the writing side: close_notify and FIN after the queue. Reading goes on. Idempotent. While
 * the kernel encrypts, FIN comes with the close. A peer that speaks TLS 1.2 may drop the bytes that
 * it still had to send (RFC 5246). Returns 0, or -EPIPE when the connection is not open (yet, or
 * any more).
 */
KEVY_API int kevy_tls_shutdown(struct kevy_tls *tls);

/* Closes in good order, as kevy_stream_close(): the queue, close_notify, FIN. Idempotent. */
KEVY_API void kevy_tls_close(struct kevy_tls *tls);

/* Closes at once, without close_notify: the peer sees a truncation. `close` comes with -ECANCELED.
 * Idempotent. */
KEVY_API void kevy_tls_abort(struct kevy_tls *tls);

/* As kevy_stream_set_deadline(): has no effect before `open`. */
KEVY_API void kevy_tls_set_deadline(struct kevy_tls *tls, enum kevy_deadline deadline,
                                    uint64_t timeout_ns);

/* As kevy_stream_set_watermarks(). The queue holds records: the bytes that are sent, and 21 to 29
 * more for each 16 KiB or part of it (RFC 5288, 7905 and 8446). May be called as soon as the
 * connection is initialised. */
KEVY_API void kevy_tls_set_watermarks(struct kevy_tls *tls, uint32_t low, uint32_t high);

/* The result of the handshake. The texts are BORROWED until `close`; they are constants of
 * OpenSSL, or its memory for this connection. */
struct kevy_tls_info {
    const char *version;      /* "TLSv1.3" or "TLSv1.2" */
    const char *cipher;       /* for example "TLS_AES_128_GCM_SHA256" */
    const char *protocol;     /* by ALPN, `protocol_length` bytes without a zero at the end */
    uint32_t protocol_length; /* 0: none */
    bool resumed;             /* with a session from before */
    bool verified;            /* the peer showed a certificate, and it is valid */
    const char *server_name;  /* that the client asked for, or NULL */

    /*
     * Who encrypts what is sent: 1 for the kernel, 0 for OpenSSL because `kernel_encrypts` was not
     * set, or for OpenSSL because of one of these:
     *
     *     -ENOENT           the kernel has no module `tls`, or it is not loaded
     *     -ENOSYS           OpenSSL was built without kTLS
     *     -ESOCKTNOSUPPORT  this is no TCP socket of Linux
     *     -EOPNOTSUPP       OpenSSL or the kernel cannot do it for this cipher
     *     -EMSGSIZE         the buffer_size of the reactor is below 160
     *     -EAGAIN           the socket was full during the handshake
     *     -ENOBUFS          memory_limit is reached
     *
     * and other errors of setsockopt(2) with TCP_ULP.
     */
    int kernel_encrypts;
};

/* Fills *info in an open connection. Returns 0, or -ENOTCONN before `open` and from the end on. */
KEVY_API int kevy_tls_info(const struct kevy_tls *tls, struct kevy_tls_info *info);

/*
 * Writes a sentence about a failure, for a human, into `text`, BORROWED, of `size` bytes: always
 * terminated, cut at `size`. Returns the length of the whole sentence, as snprintf(3). From any
 * thread.
 */
KEVY_API int kevy_tls_explain(const struct kevy_tls_failure *failure, char *text, size_t size);

/* The context that the connection was initialised with. */
static inline struct kevy_tls_context *kevy_tls_context(const struct kevy_tls *tls)
{
    return tls->context;
}

/* Why the connection ended, for kevy_tls_explain(). Valid in `close`; error 0 if it ended in good
 * order. */
static inline const struct kevy_tls_failure *kevy_tls_failure(const struct kevy_tls *tls)
{
    return &tls->failure;
}

/* OpenSSL's own object, BORROWED, for example to ask for the certificate of the peer; NULL when the
 * connection is not started or closed. Never read, write or free it. */
static inline struct ssl_st *kevy_tls_ssl(const struct kevy_tls *tls)
{
    return tls->ssl;
}

/* Bytes of records queued and not yet accepted by the kernel. */
static inline size_t kevy_tls_queued(const struct kevy_tls *tls)
{
    return kevy_stream_queued(&tls->stream);
}

/* The reactor, NULL before the connection was started. */
static inline struct kevy_reactor *kevy_tls_reactor(const struct kevy_tls *tls)
{
    return kevy_stream_reactor(&tls->stream);
}

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_TLS_H */
