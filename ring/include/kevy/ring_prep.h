/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/ring_prep.h - one function for every operation and for every mode that has its own rules.
 *
 * Model. kevy_ring_sqe(ring, user_data) reserves a slot; one kevy_prep_*() fills it;
 * kevy_sqe_set_*() may add to it; the next submit takes it. A prep writes every byte of the SQE but
 * user_data, and what the kernel would refuse by construction cannot be written: a multishot
 * receive asks for its buffer group and selects buffers, a multishot accept takes no address, a
 * plain close no slot.
 *
 *     struct kevy_sqe *sqe = kevy_ring_sqe(&ring, 42);
 *     kevy_prep_recv_multishot(sqe, fd, group, 0);
 *     kevy_sqe_set_flags(sqe, KEVY_SQE_FIXED_FILE);
 *
 * Results. Each comment names the kernel that brought the operation and what `res` of its CQE holds
 * on success; on failure `res` is -errno. One CQE ends the request unless the comment says
 * otherwise: a multishot request posts a CQE an event and goes on while KEVY_CQE_F_MORE is set, in
 * each of them; the first CQE without it is the last, and may carry data all the same.
 *
 * Lifetimes. Each pointer has one of two:
 *
 *     BORROWED   needed until the submit that takes the SQE returns (KEVY_FEAT_SUBMIT_STABLE, 5.5).
 *                A kernel without the feature, and any ring with KEVY_SETUP_SQPOLL, needs it
 * longer: treat it as PINNED there. PINNED     must neither move nor be reused until the last CQE
 * of the request.
 *
 * Descriptors are looked up when the request starts. Closing one does not stop a request that holds
 * it, and the number may be reused meanwhile: cancel first, reap, then close.
 *
 * Errors that any operation may report, not repeated below: -EINVAL (this kernel has not the
 * operation, a flag, or a combination), -EBADF (no such descriptor or slot), -ECANCELED (cancelled,
 * or an earlier link failed), -EFAULT, -ENOMEM, -EAGAIN (non-blocking only), -EINTR, -EOPNOTSUPP,
 * -EACCES (the ring is restricted). The others are those of the system call of the same name.
 *
 *     ring_prep_base.h       filling and adding
 *     ring_prep_net.h        sockets: open, bind, listen, accept, connect, options, shutdown, close
 *     ring_prep_transfer.h   sockets: receive and send
 *     ring_prep_file.h       files: open, read, write, splice, sync, close
 *     ring_prep_path.h       names: stat, rename, link, unlink, make, extended attributes
 *     ring_prep_event.h      time-outs, polls, cancels, messages, futexes, children, epoll, NOP
 *     ring_prep_command.h    driver commands, registered files, legacy buffers
 */
#ifndef KEVY_RING_PREP_H
#define KEVY_RING_PREP_H

#include <kevy/api.h>

#if KEVY_RING_SUPPORTED

#include <kevy/ring_prep_base.h>
#include <kevy/ring_prep_command.h>
#include <kevy/ring_prep_event.h>
#include <kevy/ring_prep_file.h>
#include <kevy/ring_prep_net.h>
#include <kevy/ring_prep_path.h>
#include <kevy/ring_prep_transfer.h>

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_RING_PREP_H */
