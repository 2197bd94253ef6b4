/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef SIM_CHANCE_H
#define SIM_CHANCE_H

/*
 * Decisions, all of them drawn from one seed.
 *
 * Model. Whatever may go one way or the other has a name here. Each seed draws how likely each of
 * them is, and many are off altogether: faults that always come together hide what each does alone.
 * Once the world has become quiet no fault happens any more.
 */

#include <stdbool.h>
#include <stdint.h>

enum chance {
    /* Enter. */
    CHANCE_ENTER_BUSY,   /* -EBUSY before anything was consumed */
    CHANCE_ENTER_AGAIN,  /* -EAGAIN */
    CHANCE_ENTER_MEMORY, /* -ENOMEM */
    CHANCE_ENTER_SIGNAL, /* -EINTR */
    CHANCE_SUBMIT_SHORT, /* fewer requests taken than offered */
    CHANCE_WAIT_SIGNAL,  /* the wait ends with -EINTR */
    /* Requests. */
    CHANCE_ISSUE_LATE,      /* begins some time after it was submitted */
    CHANCE_COMPLETION_LATE, /* is answered some time after it was done */
    CHANCE_WAKE_LATE,       /* a socket's change reaches the request later */
    CHANCE_WAKE_SPURIOUS,   /* woken without a change */
    CHANCE_WAKE_REORDERED,  /* served before others that were woken earlier */
    CHANCE_CANCEL_LOSES,    /* the victim completes before the cancel finds it */
    CHANCE_CANCEL_FIRST,    /* the cancel is answered before its victim */
    CHANCE_MULTISHOT_ENDS,  /* for no reason, with its data or without */
    /* Sockets. */
    CHANCE_RECV_SHORT,
    CHANCE_SEND_SHORT,
    CHANCE_RECV_NO_BUFFERS, /* -ENOBUFS though there are some */
    CHANCE_ACCEPT_SHORTAGE, /* -EMFILE, -ENFILE, -ENOBUFS or -ENOMEM */
    CHANCE_ACCEPT_ABORTED,  /* -ECONNABORTED */
    CHANCE_SOCKET_FAILS,    /* socket(2) and the like: -EMFILE */
    CHANCE_NETWORK_RESETS,  /* a connection is reset by nobody in particular */
    CHANCE_ZERO_COPY_FAILS, /* -ENOMEM, -EOPNOTSUPP */
    CHANCE_ZERO_COPY_COPIES,
    /* Memory and time. */
    CHANCE_ALLOCATION,
    CHANCE_TURN_SLOW, /* a callback or an enter that takes milliseconds */
    CHANCE_COUNT
};

/* Begins the sequence of `seed`, and draws how likely everything is. */
void chance_seed(uint64_t seed);

/* No faults from now on. Choices that are none go on. */
void chance_quiet(void);
bool chance_is_quiet(void);

/* True when `which` happens this time. */
bool chance(enum chance which);

/* A number below `limit`, which is not 0; one from `low` to `high`; true one time in `count`. */
uint64_t chance_below(uint64_t limit);
uint64_t chance_between(uint64_t low, uint64_t high);
bool chance_one_in(uint64_t count);

/* From `low` to `high` with every order of magnitude as likely as the others. */
uint64_t chance_magnitude(uint64_t low, uint64_t high);

#endif
