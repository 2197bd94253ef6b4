/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/connector.h - connects a stream to the first of several addresses that answers.
 *
 * Model
 *
 *     "Happy eyeballs" of RFC 8305:
 *
 *     1. The addresses are tried in the order of the list, but IPv4 and IPv6 take turns (section
 *        4). The family of the first address begins.
 *     2. The next attempt begins when one fails, or when the attempt delay is over (section 5).
 *        Earlier attempts go on. One to a Unix socket whose listener has a full backlog is
 *        repeated, and goes on, too.
 *     3. The first attempt that connects wins. The others are cancelled and closed.
 *     4. The stream gets the descriptor of the winner, with TCP_NODELAY, and opens.
 *
 *     A connector keeps kevy_reactor_run() running. kevy_reactor_finish() waits for it, and cancels
 *     it only at its time limit.
 *
 * Order
 *
 *     Any number of `attempt`, one for each attempt that failed, then `done`, once. At `done` no
 *     attempt is left, and no descriptor except that of the winner. If the result is 0, `open` of
 *     the stream follows. After an error the stream is as it was before.
 *
 * Ownership
 *
 *     The struct, the stream and the addresses are PINNED from the start to `done`. If the result
 *     is 0, the stream stays PINNED until its own `close`.
 *
 * Callbacks
 *
 *     In `done` the struct may be freed or started again. After success you may send on the stream;
 *     after an error you may free it. `attempt` may cancel the connector.
 *
 * Threads
 *
 *     The thread of the reactor.
 *
 * Kernel
 *
 *     No requirements of its own.
 *
 * Example: a client that tries again until it is connected, and waits longer each time
 *
 *     #include <kevy/kevy.h>
 *     #include <arpa/inet.h>
 *     #include <netinet/in.h>
 *     #include <stdio.h>
 *
 *     static struct client {
 *         struct kevy_reactor *reactor;
 *         struct kevy_stream stream;
 *         struct kevy_connector connector;
 *         struct kevy_timer retry;
 *         uint64_t delay_ns;
 *         struct sockaddr_in server;
 *         struct kevy_address address;
 *     } client;
 *
 *     static void client_connect(struct kevy_timer *timer);
 *
 *     static void client_retry(int reason)
 *     {
 *         printf("not connected: %d\n", reason);
 *         if (client.delay_ns > KEVY_MILLISECONDS(100) || kevy_reactor_finishing(client.reactor))
 *             return;
 *         kevy_timer_start(&client.retry, client.reactor, client.delay_ns, client_connect);
 *         client.delay_ns *= 2;
 *     }
 *
 *     static void client_open(struct kevy_stream *stream)
 *     {
 *         client.delay_ns = KEVY_MILLISECONDS(10);
 *         if (kevy_stream_send(stream, "hello\n", 6) < 0)
 *             kevy_stream_abort(stream);
 *     }
 *
 *     static void client_close(struct kevy_stream *stream, int reason)
 *     {
 *         (void)stream;
 *         client_retry(reason);
 *     }
 *
 *     static const struct kevy_stream_events client_events = {
 *         .open = client_open,
 *         .close = client_close,
 *     };
 *
 *     static void connector_done(struct kevy_connector *connector, int result)
 *     {
 *         (void)connector;
 *         if (result != 0)
 *             client_retry(result);
 *     }
 *
 *     static void client_connect(struct kevy_timer *timer)
 *     {
 *         struct kevy_connector_options options = {
 *             .stream = &client.stream,
 *             .addresses = &client.address,
 *             .count = 1,
 *             .done = connector_done,
 *         };
 *         int error = kevy_connector_start(&client.connector, client.reactor, &options);
 *
 *         (void)timer;
 *         if (error != 0)
 *             client_retry(error);
 *     }
 *
 *     int main(void)
 *     {
 *         int error = kevy_reactor_create(&client.reactor, NULL);
 *
 *         if (error != 0)
 *             return 1;
 *         client.delay_ns = KEVY_MILLISECONDS(10);
 *         client.server.sin_family = AF_INET;
 *         client.server.sin_port = htons(1);
 *         client.server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
 *         client.address.address = (const struct sockaddr *)&client.server;
 *         client.address.length = sizeof client.server;
 *         kevy_stream_init(&client.stream, &client_events);
 *         client_connect(&client.retry);
 *         error = kevy_reactor_run(client.reactor);
 *         kevy_reactor_destroy(client.reactor);
 *         return error == 0 ? 0 : 1;
 *     }
 */
#ifndef KEVY_CONNECTOR_H
#define KEVY_CONNECTOR_H

#include <kevy/address.h>
#include <kevy/completion.h>
#include <kevy/reactor.h>
#include <kevy/stream.h>
#include <kevy/timer.h>

#if KEVY_RING_SUPPORTED

KEVY_BEGIN_DECLS

struct kevy_connector;

/* The most attempts at a time. If one more has to begin, the oldest fails with -ETIMEDOUT. */
#define KEVY_CONNECTOR_ATTEMPTS 8

/* Private: an attempt, or a place for one. */
struct kevy_x_connector_attempt {
    struct kevy_completion completion;
    struct kevy_connector *connector;
    int32_t fd; /* -1: a free place */
    uint32_t index;
    uint32_t number; /* attempts before this one */
    uint32_t flags;
};

/* A connector. Its fields are private. */
struct kevy_connector {
    struct kevy_x_object object;
    struct kevy_stream *stream;
    const struct kevy_address *addresses;
    uint32_t count;
    uint32_t next[2]; /* the next address to try: of the first family, and of the others */
    uint32_t turn;    /* which of the two comes next */
    uint32_t begun;
    uint32_t racing;
    int32_t winner; /* its descriptor, or -1 */
    int32_t result;
    uint64_t attempt_delay_ns;
    int (*prepare)(struct kevy_connector *connector, uint32_t index, int fd);
    void (*attempt)(struct kevy_connector *connector, uint32_t index, int error);
    void (*done)(struct kevy_connector *connector, int result);
    struct kevy_timer delay;
    struct kevy_timer limit;
    struct kevy_timer retry; /* of attempts that wait for room in a listener's backlog */
    uint64_t retry_ns;
    struct kevy_x_connector_attempt attempts[KEVY_CONNECTOR_ATTEMPTS];
};

/* Options of kevy_connector_start(). A member that is zero means the default, which stands in
 * brackets. Members without a default are required, unless they may be NULL. */
struct kevy_connector_options {
    struct kevy_stream *stream;           /* initialised and idle (asserted) */
    const struct kevy_address *addresses; /* IPv4, IPv6 or Unix, for example of a kevy_lookup */
    uint32_t count;                       /* of the addresses, at least 1 */
    uint64_t attempt_delay_ns;            /* [250 ms]; RFC 8305 wants at least 10 ms */
    uint64_t timeout_ns;                  /* for all attempts together [30 s], or KEVY_FOREVER */
    /* Called with the socket of each attempt before it connects, for example to set options or to
     * bind it; `fd` is BORROWED. A negative errno fails this attempt. May be NULL. */
    int (*prepare)(struct kevy_connector *connector, uint32_t index, int fd);
    /* An attempt failed: `index` is its place in the list, and `error` an error of socket(2) or
     * connect(2), the result of `prepare`, or -ETIMEDOUT if it was given up. It is not called for
     * attempts that lost the race, or were cancelled when it ended. May be NULL. */
    void (*attempt)(struct kevy_connector *connector, uint32_t index, int error);
    /*
     * The last callback. `result` is
     *
     *     0           the stream is connected, and its `open` follows
     *     -ETIMEDOUT  `timeout_ns` is over
     *     -ECANCELED  after kevy_connector_cancel(), at the end of the reactor, or at the limit of
     *                 kevy_reactor_finish()
     *
     * or, if all attempts failed, the error of the one that failed last.
     */
    void (*done)(struct kevy_connector *connector, int result);
};

/*
 * Starts to connect. *connector is idle (asserted), and `options` is BORROWED. Returns 0 or an
 * error; then no callback comes:
 *
 *     -EINVAL  the list is empty, or the length of an address is out of range
 */
KEVY_API int kevy_connector_start(struct kevy_connector *connector, struct kevy_reactor *reactor,
                                  const struct kevy_connector_options *options);

/* Gives up: `done` comes with -ECANCELED. Idempotent; at any time before `done`. */
KEVY_API void kevy_connector_cancel(struct kevy_connector *connector);

/* The reactor it was last started on, or NULL if it was never started. */
static inline struct kevy_reactor *kevy_connector_reactor(const struct kevy_connector *connector)
{
    return connector->object.reactor;
}

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_CONNECTOR_H */
