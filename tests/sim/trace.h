/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef SIM_TRACE_H
#define SIM_TRACE_H

/*
 * One world on two kernels: what the application saw in it has to be equivalent.
 *
 * Model. A seed makes a plan: the connections, and for each of them all that can be seen from above
 * the kernel. Its kind, its bytes, the byte behind which it ends, and how: in good order, by a
 * reset of the client or of the network, by silence, or before it is accepted. Reads and writes are
 * short at offsets in its bytes, see kevy_sim_peer.script. The faults of one kernel (late, lost,
 * spurious and reordered wakes, interrupted requests, multishots that end, a busy ring, short
 * submits, slow turns, missing buffers) are drawn by each for itself, as often as it asks. They
 * decide when something is seen, and never what.
 *
 * Equivalent, connection by connection, means equal in these:
 *
 *     - whether the application got the connection;
 *     - its callbacks in their order: o open, r read, t timeout, e end, c close;
 *     - the bytes that it read, in number and by their sum;
 *     - the reason of `close`;
 *     - the bytes that came back to the client, and how the client's side ended.
 *
 * What is not compared, and why:
 *
 *     - how many reads the bytes came in (a run of reads is one r) and how connections interleave.
 *       A kernel looks at a socket when it gets to it: this is its business, and each does it at
 *       other times.
 *     - the bytes of a connection that a reset ends while both sides send. Whoever asks the socket
 *       first is told of the reset, a receive or a send, and a send that is told hides the bytes
 *       that were not read yet. Linux has this race too. Here bytes are the beginning of the right
 *       ones, and the reason is equal. Resets at rest, and while only one side sends, are exact.
 *     - an accept or a connection that memory or descriptors are missing for: an allocation belongs
 *       to no connection, so the faults of the allocator and of socket(2) are off.
 *
 * The plan is memory that both worlds and their parent share.
 */

#include <kevy/sim.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    TRACE_PORT = 7000,
    TRACE_CLIENTS = 16,
    TRACE_TIMES = 10,
    TRACE_CONNECTIONS = TRACE_CLIENTS * TRACE_TIMES,
    TRACE_HEADER = 4, /* the first bytes of a connection: its number */
};

/* How long a silent client has to be silent, and after how long it looks again. */
#define TRACE_IDLE_NS KEVY_SECONDS(1000)
#define TRACE_LOOK_NS KEVY_SECONDS(5000)

/* How long the server goes on when the last client has left. */
#define TRACE_SETTLE_NS KEVY_SECONDS(100)

enum trace_kind {
    TRACE_TALK,     /* a message, its echo, the next message */
    TRACE_UPLOAD,   /* bytes to the server, which answers with their sum */
    TRACE_DOWNLOAD, /* bytes from the server */
    TRACE_FLOOD,    /* an echo with no regard for the messages */
    TRACE_KINDS,
};

enum trace_ending {
    TRACE_HALF_CLOSES, /* shuts its side down, and waits for the other's end */
    TRACE_CLOSES,
    TRACE_RESETS,
    TRACE_CUT, /* by the network */
    TRACE_SILENT,
    TRACE_ENDINGS,
};

/* A connection as its seed wants it. */
struct trace_plan {
    enum trace_kind kind;
    enum trace_ending ending;
    bool copies; /* the server sends copies, and forwards no buffers */
    uint64_t script;
    uint64_t bytes;    /* of the client, or for a download of the server */
    uint64_t break_at; /* of them: there it ends, if not in good order */
    uint64_t part_at;  /* a partition begins behind so many bytes of the client */
    uint64_t part_ns;
    uint64_t pace_ns;
    uint32_t message; /* bytes */
    uint32_t portion; /* that the client reads and writes at most, a step */
};

/* What was seen of one. All zero: nothing. */
struct trace_seen {
    char log[8]; /* the callbacks */
    uint64_t received;
    uint64_t answered; /* to the client */
    uint32_t sum;
    int reason;
    char ending; /* the client's: e end, c close, r reset of its own, x reset, k cut, a aborted */
};

struct trace {
    uint64_t seed;
    struct trace_plan plans[TRACE_CONNECTIONS];
    struct trace_seen seen[TRACE_CONNECTIONS];
    uint32_t accepted;
    uint64_t events;
};

/* True when a reset meets bytes on their way in both directions. */
bool trace_is_loose(const struct trace_plan *plan);

/* Lays the plan of a seed, and forgets what was seen. */
void trace_plan_make(struct trace *trace, uint64_t seed);

/* Plays it on a kernel: the simulated one, or the soft one. Returns as kevy_sim_run(). */
int trace_play(struct trace *trace, bool soft, bool traced);

/* True if both saw the same; otherwise the text says what not. */
bool trace_equivalent(const struct trace *one, const struct trace *other, char *text, size_t size);

/* ---- Within a world ------------------------------------------------------------------------ */

void trace_clients_start(struct kevy_sim *sim, struct trace *trace);
struct kevy_stream *trace_accept(struct kevy_listener *listener);

#endif
