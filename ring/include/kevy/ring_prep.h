/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/ring_prep.h - one function for each kind of request: the preps.
 *
 * How a request is made
 *
 *     kevy_ring_sqe() reserves a slot, one kevy_prep_*() fills it, kevy_sqe_set_*() may add to it,
 *     and the next submit takes it. A prep writes every byte of the SQE except user_data, so the
 *     earlier use of a slot leaves nothing behind. Combinations that the kernel always refuses
 *     cannot be written: for example a multishot receive always selects buffers, and a multishot
 *     accept has no address.
 *
 * Where the preps are
 *
 *     ring_prep_base.h      how an SQE is filled, and what may be added
 *     ring_prep_net.h       sockets: open, bind, listen, accept, connect, options, close
 *     ring_prep_transfer.h  sockets: receive and send
 *     ring_prep_file.h      files: open, read, write, splice, sync, allocate, advise
 *     ring_prep_path.h      names: stat, rename, link, unlink, make, extended attributes
 *     ring_prep_event.h     time-outs, polls, cancels, messages, futexes, children, epoll, NOP
 *     ring_prep_command.h   commands of drivers, registered files, legacy buffers
 *
 * Results
 *
 *     The comment of a prep names the release of Linux that brought the request, in brackets, and
 *     says after "res:" which value the CQE has on success. On failure it is -errno.
 *
 *     A request ends with one CQE, unless its comment says otherwise. A multishot request has a
 *     CQE for each event. It goes on as long as its CQEs carry KEVY_CQE_F_MORE. The first CQE
 *     without that flag is the last one; it may carry data like the others.
 *
 * How long memory is needed
 *
 *     BORROWED   until the submit that takes the SQE has returned. On a ring with
 *                KEVY_SETUP_SQPOLL, and before Linux 5.5 (no KEVY_FEAT_SUBMIT_STABLE), the memory
 *                is needed as long as PINNED memory.
 *     PINNED     until the last CQE of the request. Do not move, free or reuse it before.
 *
 *     A descriptor is looked up when the request starts. To close a descriptor does not end the
 *     requests that use it, and the number may be given to another file meanwhile. So cancel the
 *     requests, reap their CQEs, and then close.
 *
 * Errors of any request
 *
 *     They are not repeated at each prep. The other errors are those of the system call.
 *
 *     -EINVAL      this kernel does not have the request, a flag or a combination
 *     -EBADF       no such descriptor or slot
 *     -ECANCELED   it was cancelled, or an earlier request of its chain failed
 *     -EFAULT      a pointer that is not valid
 *     -ENOMEM      no memory
 *     -EAGAIN      it would block, and the file or the request is non-blocking
 *     -EINTR       it was interrupted
 *     -EOPNOTSUPP  this kind of file cannot do it
 *     -EACCES      the ring is restricted
 *
 * Example: receive from a registered socket until it ends
 *
 *     #include <kevy/ring.h>
 *     #include <kevy/ring_prep.h>
 *
 *     static int receive_start(struct kevy_ring *ring, unsigned slot, uint16_t buffer_group)
 *     {
 *         struct kevy_sqe *sqe = kevy_ring_sqe(ring, slot);
 *
 *         if (sqe == NULL)
 *             return -1;
 *         kevy_prep_recv_multishot(sqe, (int)slot, buffer_group, 0);
 *         kevy_sqe_set_flags(sqe, KEVY_SQE_FIXED_FILE);
 *         return kevy_ring_submit(ring);
 *     }
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
