/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/ring_register.h - io_uring_register: what is told to a ring beside the queues.
 *
 * Every register operation has a typed function in one of these headers. Here is the one underneath
 * them all, for an operation that is newer than this library.
 */
#ifndef KEVY_RING_REGISTER_H
#define KEVY_RING_REGISTER_H

#include <kevy/api.h>
#include <kevy/ring_abi.h>

#if KEVY_RING_SUPPORTED

#include <stdint.h>

KEVY_BEGIN_DECLS

struct kevy_ring;

/*
 * Performs register operation `opcode`, an enum kevy_register_op, on *ring; with `ring` NULL on no
 * ring, as QUERY (6.18) and SEND_MSG_RING (6.13) want it. Returns what the kernel returns, an errno
 * as a negative number.
 */
KEVY_API int kevy_ring_register(const struct kevy_ring *ring, uint32_t opcode, void *argument,
                                uint32_t count);

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_RING_REGISTER_H */
