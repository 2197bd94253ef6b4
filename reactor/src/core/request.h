/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Requests, and how a completion finds the object that made one.
 *
 * Model. A request's user_data is the address of its owner, with the operation in the three low
 * bits: a completion finds its handler by one look into a table, and its owner without any. That is
 * safe because an owner is PINNED until nothing of it is in flight: no address is used again while
 * a completion may still name it.
 */
#ifndef KEVY_REACTOR_REQUEST_H
#define KEVY_REACTOR_REQUEST_H

#include "core/names.h"

#include <kevy/completion.h>
#include <kevy/reactor.h>

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

/* What a request does, in the low bits of its user_data. */
enum operation {
    OPERATION_COMPLETION, /* owner: a completion */
    OPERATION_RECV,       /* a stream */
    OPERATION_SEND,       /* a stream */
    OPERATION_CONNECT,    /* a stream */
    OPERATION_ACCEPT,     /* a listener */
    OPERATION_CLOSE,      /* any object: its descriptor is gone */
    OPERATION_CANCEL, /* the reactor: the result says nothing, the victim's own completion does */
    OPERATION_ZERO_COPY, /* a write, which outlives the queue entries that name it */
    OPERATION_COUNT,
};

#define OPERATION_MASK 7U
_Static_assert(OPERATION_COUNT <= OPERATION_MASK + 1, "the operations fit into the low bits");
_Static_assert(_Alignof(struct kevy_x_object) > OPERATION_MASK &&
                   _Alignof(struct kevy_completion) > OPERATION_MASK,
               "which are zero in every owner's address");

/* Handles one completion of a request of `owner`. */
typedef void (*operation_handler)(struct kevy_reactor *reactor, void *owner, int result,
                                  uint32_t flags);

static inline uint64_t user_data_make(const void *owner, enum operation operation)
{
    return (uint64_t)(uintptr_t)owner | (uint64_t)operation;
}

/*
 * True for how a request may end that has been cancelled. One that a worker thread runs is
 * interrupted, and ends with what its system call then says: -EINTR, -EAGAIN (a read of a pipe on
 * 6.1), or the kernel's own ERESTARTSYS, which has no name outside (a splice on 6.18).
 */
static inline bool ended_by_cancel(int result)
{
    return result == -ECANCELED || result == -EINTR || result == -EAGAIN || result == -512;
}

/*
 * The result of a request that may need a worker thread of the kernel's. Where none can be made
 * (RLIMIT_NPROC, pids.max of a cgroup) the kernel cancels the request by itself. To the user
 * -ECANCELED is the answer to a cancel, so this is -EAGAIN, as clone(2) says at that limit.
 */
static inline int worker_result(int result, bool asked)
{
    return result == -ECANCELED && !asked ? -EAGAIN : result;
}

#endif /* KEVY_REACTOR_REQUEST_H */
