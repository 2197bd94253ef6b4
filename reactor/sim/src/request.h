/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef KEVY_SIM_SRC_REQUEST_H
#define KEVY_SIM_SRC_REQUEST_H

/*
 * Requests in flight.
 *
 * Model. A request is issued, and tries what it is to do. What cannot be done yet waits for its
 * file; a change of the file makes it ready, and the next enter that asks for completions lets it
 * try again, in an order of chance. Where chance wants it, the first try or the answer comes later.
 *
 *     issued --late--> delayed --+
 *        |                       v
 *        +-----> try --> waiting --change--> ready --> try ...
 *                 |
 *                 +--> answered, perhaps late
 *
 * Invariants. Every request is answered by exactly one completion without F_MORE, a zero-copy send
 * by a notice behind it. The iovecs, headers and addresses that a request names are read when it is
 * issued, and never again: the library may put them to another use then.
 */

#include "names.h"

#include <kevy/ring_abi.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "clock.h"
#include "file.h"

/* No results, but what a try returns when the request has to wait for `events`, when it is to come
 * round again, and when a timer of its own will let it try again. */
#define REQUEST_WAITS (-1000000000)
#define REQUEST_AGAIN (REQUEST_WAITS - 1)
#define REQUEST_TAKEN (REQUEST_WAITS - 2)

enum {
    REQUEST_PARTS_MAX = 64,
};

enum request_state {
    REQUEST_DELAYED,
    REQUEST_WAITING,
    REQUEST_READY,
    REQUEST_DONE,   /* will be answered */
    REQUEST_LINKED, /* behind another one, or behind a drain */
    REQUEST_BEGINS, /* in the next enter: its turn has come */
};

struct kevy_sim_file;
struct kevy_x_socket;
struct ring;

/* Those of one ring. */
struct requests {
    struct request *first; /* of all, the oldest */
    struct request *last;
    struct request *ready_first;
    struct request *ready_last;
    uint32_t count;
    uint32_t ready;
};

struct request {
    struct ring *ring;
    struct request *next; /* of the ring's, oldest first */
    struct request *previous;
    struct request *waiting_next; /* of those that wait for the same file */
    struct request *ready_next;
    struct request *deferred_next; /* of those that wait for a drain */
    struct request *chain;         /* what begins, or is cancelled, when this one has ended */
    struct request *limited;       /* of a limit that counts: what it limits */
    struct kevy_sqe sqe;
    struct file *file;   /* it waits at this one */
    struct file *other;  /* of a splice */
    struct iovec *parts; /* of what is sent, what is left of it */
    uint32_t part_count;
    struct msghdr message; /* a copy, for recvmsg and sendmsg */
    struct sockaddr_storage address;
    uint64_t time_ns;  /* of a time-out: a span, or an instant */
    uint64_t at_ns;    /* and when it fires */
    uint64_t count_at; /* and the number of completions that ends it */
    uint32_t events;   /* waited for */
    uint32_t woken;    /* news that a poll was woken with */
    uint32_t limit;    /* bytes that a multishot may still receive; 0: no limit */
    uint32_t done;     /* bytes so far, of one that is to move all */
    uint32_t flags;    /* of the answer */
    int result;
    enum request_state state;
    struct kevy_sim_event late;
    struct request *notice_next;     /* of a socket's: the notice of a zero-copy send */
    struct kevy_x_socket *notice_of; /* NULL once that is closed */
    struct kevy_sim_file *named;     /* by an open; NULL for a path that there is not */
    uint32_t check;                  /* sum of the bytes that a zero-copy send took */
    bool notices;                    /* its answer is followed by a notice */
    bool tried;
    bool spurious; /* woken without a change */
    bool silent;   /* of an end that is there it was not told */
    bool multishot;
    bool waits_at_source; /* a splice: `file` is where the bytes come from */
    bool inline_only;     /* MSG_DONTWAIT: neither waits nor is late */
    bool refused;         /* when it was submitted, with `result` */
    bool falls_short;     /* ends with less than it was to move: a failure in a chain */
    bool succeeds;        /* whatever the result */
};

/* A request in flight; one that has been answered. For what makes requests of its own. */
struct request *request_make(struct ring *ring, const struct kevy_sqe *sqe);
void request_free(struct request *request);

/* Keeps what the request reads or writes. Returns 0. */
int request_parts_copy(struct request *request, const struct iovec *parts, uint32_t count);

/* Lets it try again, or be answered, in the next enter. */
void request_ready(struct request *request);

/* Takes a request out of the submission queue. An error ends the batch where the ring wants so. */
int request_issue(struct ring *ring, const struct kevy_sqe *sqe);

/* Begins what has been prepared; or answers what was refused. */
void request_start(struct request *request);
void request_refuse(struct request *request, int error);

/* It has come to its end, with what `result` and its flags say: by itself, or cancelled. */
void request_complete(struct request *request, int result);
void request_complete_cancelled(struct request *request, int result);

/* Lets it try again after a while. */
void request_timer(struct request *request, uint64_t duration_ns);

/* Takes it out of whatever it waits in; and lets it be answered in the next enter. */
void request_unwait(struct request *request);
void request_finish(struct request *request, int result);

/* Lets up to `limit` ready requests try again. */
void requests_run(struct ring *ring, uint32_t limit);
bool requests_ready(const struct ring *ring);

void requests_wake(struct file *file, uint32_t events);

/* True for what a cancel may find: it has begun, and has not ended. */
bool request_is_found(const struct request *request);

/* Cancels one. False when it was too late: it has been answered, or is about to be. */
bool request_cancel_one(struct request *request);

/* Cancels what `cancel` names of the ring, as its result says. */
int requests_cancel(struct ring *ring, const struct kevy_sqe *cancel);

/* The bytes of a send, `length` at most, have gone. */
void request_consume(struct request *request, uint32_t length);
uint32_t request_left(const struct request *request);

/* The socket is closed, or was reset: what was sent without a copy is nobody's any more. */
void requests_notices_end(struct kevy_x_socket *socket);

/* Prints what is in flight, for the report of a stall. */
void requests_describe(const struct ring *ring);

#endif
