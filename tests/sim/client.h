/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef SIM_CLIENT_H
#define SIM_CLIENT_H

/*
 * The peers of the servers under test.
 *
 * Model. A client connects, sends patterned bytes at its own pace, reads at its own pace what comes
 * back, and ends: it shuts its side down and waits for the other's end, or closes when it has all
 * that it expects. Where chance wants it, it resets the connection on the way, or vanishes: nothing
 * reaches it from then on, and for a long time nobody is told. It acts when something changes and
 * when its time has come, so a world in which nobody can do anything has no events. Its place is
 * taken by the next.
 *
 * A story outlives the client and is shared with the stream at the other end: it says what may have
 * happened to the connection.
 *
 * Invariants. What a client reads is the pattern it expects, in order, from the first byte on: its
 * own bytes from an echo, else those that the server has promised. If its connection ends in good
 * order nothing is missing. A reset has a reason, and so has an end: a stream that has failed for
 * want of memory does not look complete.
 */

#include "world.h"

struct story {
    uint32_t references;
    uint64_t seed;        /* of the pattern that the client sends */
    uint64_t answer_seed; /* of the one that comes back: the same, or the server's own */
    uint64_t sent;        /* by the client */
    uint64_t promised;    /* by a server that answers with a pattern of its own */
    uint64_t answers;     /* that came back */
    bool echo;            /* what comes back is what was sent */
    bool finished;        /* the client has shut its side down, all sent */
    bool broken;          /* cut short by either end: anything may be missing */
    bool cut;             /* by the network */
    bool reset;           /* the client has seen a reset that is yet to be explained */
    bool closed;          /* the server's stream has had its last callback ... */
    int reason;           /* ... with this reason */
    bool told;            /* of each end in good order the server says so: story_ends() */
    bool ends;            /* it has said so */
    bool seen_short;      /* the client has seen an end, and not all bytes before it */
};

struct client {
    struct kevy_sim_peer peer; /* not connected between two connections */
    struct story *story;       /* of the connection */
    struct kevy_sim_event birth;
    uint16_t port;
    uint64_t plan;     /* bytes to send */
    uint64_t break_at; /* after so many it resets, or vanishes */
    uint32_t appetite; /* bytes it reads at most, a step */
    uint32_t portion;  /* bytes it writes at most, a step */
    bool vanishes;
    bool half_closes;
    bool vanished;
};

/* The clients of a scenario connect to `port` until the world is quiet. */
void clients_start(uint32_t count, uint16_t port, uint64_t plan_most, bool echo);

/* True when no client is left. */
bool clients_over(void);
void clients_describe(void);

/* The world becomes quiet: those that vanished are reported dead, the others hurry. */
void clients_quiet(void);

/* The server drains or is destroyed: from now on it may reset, and need not answer all. */
void clients_warn(void);

/* Ends whoever is left, at the end of the seed. */
void clients_stop(void);

/* The story of the connection whose other end has descriptor `fd`. */
struct story *story_of(int fd);
struct story *story_hold(struct story *story);

/* The server ends the connection in good order, or may have done so. */
void story_ends(struct story *story);

/* The stream at the other end has been closed. */
void story_close(struct story *story, int reason);
void story_drop(struct story *story);

#endif
