/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/ring_abi.h - what user space and the kernel agree on: io_uring's ABI, complete up to
 * Linux 6.18.
 *
 * Model. Names are the kernel's own words behind our prefix: `struct io_uring_sqe` is `struct
 * kevy_sqe`, IORING_OP_RECV is KEVY_OP_RECV, IOSQE_IO_LINK is KEVY_SQE_IO_LINK. Nothing of ours
 * collides with <linux/io_uring.h>, so both may be included; we include no kernel header ourselves,
 * because the distribution's is often years behind the running kernel.
 *
 * Each constant carries the kernel that brought it. What came after 6.18 says so in its comment: it
 * is in the ABI, and a 6.18 kernel refuses it. Ask the running kernel (QUERY, PROBE, the feature
 * bits, a refused flag); never derive an ability from a version number, because distributions
 * backport.
 *
 * Invariants. Every structure has the same size and field offsets on each architecture, 32-bit ones
 * included; <kevy/ring_abi_layout.h> asserts all of them at compile time. Reserved fields are zero.
 *
 *     ring_abi_queue.h      the queues: SQE, CQE, set-up, enter, mmap offsets, system call numbers
 *     ring_abi_op.h         opcodes and the flags of the single operations
 *     ring_abi_register.h   register codes and their arguments
 *     ring_abi_layout.h     the compile-time checks
 */
#ifndef KEVY_RING_ABI_H
#define KEVY_RING_ABI_H

#include <kevy/api.h>

#if KEVY_RING_SUPPORTED

#include <kevy/ring_abi_queue.h>
#include <kevy/ring_abi_op.h>
#include <kevy/ring_abi_register.h>
#include <kevy/ring_abi_layout.h>

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_RING_ABI_H */
