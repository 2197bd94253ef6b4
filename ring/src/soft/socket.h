/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the operations on sockets share. */
#ifndef KEVY_RING_SRC_SOFT_SOCKET_H
#define KEVY_RING_SRC_SOFT_SOCKET_H

#include "soft.h"

/* io_uring's MULTISHOT_MAX_RETRY, and the first: completions of a multishot in one go. */
#define ROUNDS_MAX 33U
/* Buffers of a bundle. */
#define BUNDLE_MAX 16

/* After a read found nothing: RUN_WAITS, or the result of a request that is not to wait. */
int read_waits(struct soft *soft, struct request *request);

/*
 * True for a request that is to wait before its first try (`flag` in its ioprio), and has something
 * to wait for. A group that is empty at the moment is then no reason to fail.
 */
bool poll_first(struct soft *soft, struct request *request, uint16_t flag, int events);

/* Receives into buffers of a group. */
int recv_group(struct soft *soft, struct request *request);
/* The same for a request with MARK_LIGHT, while the CQ has room. */
int recv_light(struct soft *soft, struct request *request);

/* True for a new receive that continues a flood: it takes its turn among the others. */
bool receive_yields(const struct soft *soft, const struct request *request);

/* The flags for a call that must not block, and must not retry by itself either. */
static inline int call_flags(const struct request *request, int more)
{
    return (int)(request->sqe.msg_flags & ~(uint32_t)MSG_WAITALL) | MSG_DONTWAIT | more;
}

#endif
