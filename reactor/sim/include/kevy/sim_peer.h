/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/sim_peer.h - the other ends of the connections of the program under test.
 *
 * Part of <kevy/sim.h>, which explains the world as a whole.
 *
 * There are two kinds of peers:
 *
 *     script    a list of steps: send this, expect that. Start here.
 *     peer      your own code, with calls that do not block
 *
 * A peer may connect to the program, or a host may make one when the program connects to it.
 * Callbacks of peers and hosts are callbacks of the world, see kevy_sim_event_start().
 */
#ifndef KEVY_SIM_PEER_H
#define KEVY_SIM_PEER_H

#include <kevy/api.h>
#include <kevy/sim_world.h>

#if KEVY_RING_SUPPORTED

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

KEVY_BEGIN_DECLS

/* ---- Peers --------------------------------------------------------------------------------- */

/*
 * One end of a connection, which is your own code. All zero it has no connection. It is your
 * memory, PINNED while it has one.
 */
struct kevy_sim_peer {
    /* Something has changed: it is connected, bytes have arrived, there is room, it was reset. It
     * comes some time after the change, `pace_ns` at most. */
    void (*ready)(struct kevy_sim_peer *peer);
    uint64_t pace_ns;
    /* The faults of the sockets of this connection, as a function of the number alone: the offsets
     * at which reads and writes are short, and the failures of its accept. Its resets arrive behind
     * the bytes before them. So they are the same on each kernel. 0: the faults of the world. Set
     * it before kevy_sim_peer_connect(). */
    uint64_t script;
    struct kevy_sim *sim;         /* private, like the next ones */
    struct kevy_x_socket *socket; /* NULL: no connection */
    struct kevy_sim_event step;
};

/*
 * Connects to the listener of the program that has `port`, or to its first one if that is 0; Unix
 * sockets have no other number. `ready` must be set. Returns 0 or an error:
 *
 *     -ECONNREFUSED    the program does not listen there
 *     -EAGAIN          its backlog is full
 */
KEVY_API int kevy_sim_peer_connect(struct kevy_sim *sim, struct kevy_sim_peer *peer, uint16_t port);

/* True while it has a connection: until kevy_sim_peer_close() or kevy_sim_peer_reset(). */
KEVY_API bool kevy_sim_peer_connected(const struct kevy_sim_peer *peer);

/*
 * Reads up to `length` bytes, like recv(2). Returns their number, 0 at the end of the stream, or an
 * error:
 *
 *     -EAGAIN        nothing has arrived
 *     -ECONNRESET    the connection was reset
 *     -EPIPE         the same, after the end of the stream
 */
KEVY_API int kevy_sim_peer_read(struct kevy_sim_peer *peer, void *data, uint32_t length);

/*
 * Writes up to `length` bytes, like send(2). Returns their number, or an error:
 *
 *     -EAGAIN        there is no room
 *     -ECONNRESET    the connection was reset
 *     -EPIPE         the connection was reset, or this end was shut down
 */
KEVY_API int kevy_sim_peer_write(struct kevy_sim_peer *peer, const void *data, uint32_t length);

/* Sends the end of the stream. Reading goes on. */
KEVY_API void kevy_sim_peer_shutdown(struct kevy_sim_peer *peer);

/* Ends the connection as close(2) does: with a reset if bytes were not read. */
KEVY_API void kevy_sim_peer_close(struct kevy_sim_peer *peer);

/* Ends the connection with a reset. */
KEVY_API void kevy_sim_peer_reset(struct kevy_sim_peer *peer);

/* The network resets both ends. The peer still has to be closed. */
KEVY_API void kevy_sim_peer_cut(struct kevy_sim_peer *peer);

/* True if the connection was reset by the network, or by a shortage when it was accepted, and not
 * by the program. */
KEVY_API bool kevy_sim_peer_was_cut(const struct kevy_sim_peer *peer);

/*
 * A partition: nothing passes between the two ends, and neither is told. Bytes that were sent
 * arrive when it is over.
 */
KEVY_API void kevy_sim_peer_part(struct kevy_sim_peer *peer, bool parted);

/* Comes round: calls `ready` within `pace_ns`, although nothing changes. */
KEVY_API void kevy_sim_peer_wake(struct kevy_sim_peer *peer);

/* The peer at the other end of a descriptor of the program; NULL if it has closed, or if the other
 * end is no peer. */
KEVY_API struct kevy_sim_peer *kevy_sim_peer_at(struct kevy_sim *sim, int fd);

/* ---- Hosts --------------------------------------------------------------------------------- */

/* The answer of a host to a connection. */
enum kevy_sim_answer {
    KEVY_SIM_HOST_ACCEPTS,
    KEVY_SIM_HOST_REFUSES,     /* -ECONNREFUSED */
    KEVY_SIM_HOST_UNREACHABLE, /* -ENETUNREACH, at once */
    KEVY_SIM_HOST_SILENT       /* no answer at all */
};

/*
 * An address to which the program can connect. Fill in the first members; the host is your memory,
 * PINNED from kevy_sim_host_open() to kevy_sim_host_close(), or to the end of the world.
 */
struct kevy_sim_host {
    uint16_t port; /* at every numeric address */
    enum kevy_sim_answer answer;
    uint64_t delay_ns; /* the answer comes within this time */
    /* Memory for the peer of a new connection, with `ready` set. NULL refuses it. */
    struct kevy_sim_peer *(*accept)(struct kevy_sim_host *host);
    struct kevy_sim_host *next; /* private */
};

KEVY_API void kevy_sim_host_open(struct kevy_sim *sim, struct kevy_sim_host *host);
KEVY_API void kevy_sim_host_close(struct kevy_sim *sim, struct kevy_sim_host *host);

/* ---- Scripts ------------------------------------------------------------------------------- */

enum kevy_sim_action {
    KEVY_SIM_ACTION_SEND,
    KEVY_SIM_ACTION_EXPECT,
    KEVY_SIM_ACTION_WAIT,
    KEVY_SIM_ACTION_SHUTDOWN,
    KEVY_SIM_ACTION_EXPECT_END,
    KEVY_SIM_ACTION_RESET
};

/* One step of a script: use the macros. */
struct kevy_sim_step {
    enum kevy_sim_action action;
    const char *data;
    size_t length; /* bytes */
    uint64_t wait_ns;
};

/* Sends a string literal, in pieces. */
#define KEVY_SIM_SEND(text)                             \
    {                                                   \
        KEVY_SIM_ACTION_SEND, text, sizeof(text) - 1, 0 \
    }
/* Waits until the bytes of a string literal have arrived; others fail the test, and so does the end
 * of the stream. */
#define KEVY_SIM_EXPECT(text)                             \
    {                                                     \
        KEVY_SIM_ACTION_EXPECT, text, sizeof(text) - 1, 0 \
    }
/* The same with bytes of your own. */
#define KEVY_SIM_SEND_BYTES(data, length)     \
    {                                         \
        KEVY_SIM_ACTION_SEND, data, length, 0 \
    }
#define KEVY_SIM_EXPECT_BYTES(data, length)     \
    {                                           \
        KEVY_SIM_ACTION_EXPECT, data, length, 0 \
    }
/* Does nothing for a time. */
#define KEVY_SIM_WAIT(ns)                 \
    {                                     \
        KEVY_SIM_ACTION_WAIT, NULL, 0, ns \
    }
/* Sends the end of the stream. */
#define KEVY_SIM_SHUTDOWN                    \
    {                                        \
        KEVY_SIM_ACTION_SHUTDOWN, NULL, 0, 0 \
    }
/* Waits for the end of the stream; bytes before it fail the test. */
#define KEVY_SIM_EXPECT_END                    \
    {                                          \
        KEVY_SIM_ACTION_EXPECT_END, NULL, 0, 0 \
    }
/* Ends the connection with a reset. After the last step the connection is closed. */
#define KEVY_SIM_RESET                    \
    {                                     \
        KEVY_SIM_ACTION_RESET, NULL, 0, 0 \
    }

/*
 * A peer that follows a list of steps. All zero it is idle. It is your memory, PINNED from its
 * start to the end of the world.
 *
 * The script skips the rest of the steps, and this is no failure, if the network has cut the
 * connection, or if it ends too early after the program was refused memory or a descriptor (by a
 * fault, or by kevy_sim_limit_descriptors()). Any other end that comes too early fails the test;
 * with `may_be_reset` a reset is accepted.
 */
struct kevy_sim_script {
    struct kevy_sim_peer peer; /* private, like the next ones */
    struct kevy_sim_script *next;
    struct kevy_sim_event birth;
    struct kevy_sim_event heal;
    const char *name;
    const struct kevy_sim_step *steps;
    uint32_t count;
    uint32_t at; /* the step */
    size_t done; /* bytes of it */
    uint64_t until_ns;
    uint32_t times;  /* connections still to come */
    uint32_t cuts;   /* connections that were cut */
    uint32_t passed; /* connections that came to the end of the steps */
    uint16_t port;
    bool connects;
    bool may_be_reset; /* public: set it before the start */
};

/*
 * Starts a client of the program: it connects to `port`, see kevy_sim_peer_connect(), and tries
 * again while nobody listens there. It goes through `steps` (BORROWED until the end of the world)
 * on each of `times` connections, one after the other. `name` is for messages. The world is not
 * over before the script is.
 */
KEVY_API void kevy_sim_script_start(struct kevy_sim *sim, struct kevy_sim_script *script,
                                    const char *name, uint16_t port,
                                    const struct kevy_sim_step *steps, uint32_t count,
                                    uint32_t times);

/* Makes a peer for kevy_sim_host.accept, which goes through `steps`. */
KEVY_API struct kevy_sim_peer *kevy_sim_script_init(struct kevy_sim_script *script,
                                                    const char *name,
                                                    const struct kevy_sim_step *steps,
                                                    uint32_t count);

/* True when all connections of the script are over. */
KEVY_API bool kevy_sim_script_over(const struct kevy_sim_script *script);

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_SIM_PEER_H */
