/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/ring_abi.h - the ABI of io_uring: structs, constants and numbers, complete up to Linux 6.18.
 *
 * Names
 *
 *     They are the names of the kernel with a prefix of ours: `struct io_uring_sqe` is `struct
 *     kevy_sqe`, IORING_OP_RECV is KEVY_OP_RECV, IOSQE_IO_LINK is KEVY_SQE_IO_LINK. So they do not
 *     collide with <linux/io_uring.h>, and a program may include both. These headers include none
 *     of the kernel's, because those of a distribution are often years older than the kernel.
 *
 * Releases
 *
 *     Each constant names the release of Linux that brought it. "newer" means later than 6.18:
 *     the constant is here, and 6.18 refuses it. Do not conclude from a version number what a
 *     kernel can do, because distributions backport. Ask it: <kevy/ring_probe.h>, the feature
 *     bits, or a try.
 *
 * Layout
 *
 *     Each struct has the same size and offsets on all architectures, also those with 32 bits.
 *     ring_abi_layout.h checks it at compile time. Reserved fields are zero.
 *
 *     ring_abi_queue.h     queues: SQE, CQE, set-up, enter, offsets for mmap(), system calls
 *     ring_abi_op.h        opcodes, and the flags of requests
 *     ring_abi_register.h  register codes and their arguments
 *     ring_abi_layout.h    checks at compile time
 *
 * Example: an SQE without a prep
 *
 *     #include <kevy/ring.h>
 *
 *     static void close_queue(struct kevy_ring *ring, int fd)
 *     {
 *         struct kevy_sqe *sqe = kevy_ring_sqe(ring, 1);
 *
 *         sqe->opcode = KEVY_OP_CLOSE;
 *         sqe->fd = fd;
 *     }
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
