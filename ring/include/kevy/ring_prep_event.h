/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/ring_prep_event.h - NOPs, time-outs, polls, cancels, messages, futexes, children, epoll.
 *
 * Part of <kevy/ring_prep.h>, which explains the rules.
 *
 * Cancelling and changing requests
 *
 *     A request is found by its user_data. To cancel it is a race that either side may win. So
 *     the answer of the cancel does not tell whether the request is over: its own CQE does. The
 *     two CQEs come in any order.
 *
 * Example: connect within one second
 *
 *     #include <kevy/ring.h>
 *     #include <kevy/ring_prep.h>
 *
 *     static int connect_start(struct kevy_ring *ring, int fd, const struct sockaddr *address,
 *                              uint16_t address_length)
 *     {
 *         const struct kevy_timespec limit = kevy_timespec_from_ns(1000000000);
 *         struct kevy_sqe *sqe;
 *
 *         if (kevy_ring_space(ring) < 2)
 *             return -1;
 *         sqe = kevy_ring_sqe(ring, 1);
 *         kevy_prep_connect(sqe, fd, address, address_length);
 *         kevy_sqe_set_flags(sqe, KEVY_SQE_IO_LINK);
 *         kevy_prep_link_timeout(kevy_ring_sqe(ring, 2), &limit, 0);
 *         return kevy_ring_submit(ring);
 *     }
 */
#ifndef KEVY_RING_PREP_EVENT_H
#define KEVY_RING_PREP_EVENT_H

#include <kevy/ring_prep_base.h>

#if KEVY_RING_SUPPORTED

struct epoll_event;

KEVY_BEGIN_DECLS

/* Does nothing (5.1). res: 0. */
static inline void kevy_prep_nop(struct kevy_sqe *sqe)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_NOP, 0, 0, -1), 0, 0, 0, 0, 0);
}

/* Does nothing, and answers `result` (6.10). res: `result`. */
static inline void kevy_prep_nop_result(struct kevy_sqe *sqe, int32_t result)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_NOP, 0, 0, -1), 0, 0,
                     kevy_x_word_32_32((uint32_t)result, KEVY_NOP_INJECT_RESULT), 0, 0);
}

/*
 * Does nothing, after look-ups that `nop_flags` name (6.13). res: 0, or -EBADF, -EFAULT.
 *
 *     KEVY_NOP_FILE          looks up descriptor `fd`
 *     KEVY_NOP_FIXED_FILE    with it: `fd` is the index of a registered file
 *     KEVY_NOP_FIXED_BUFFER  looks up registered buffer `buffer_index`
 *     KEVY_NOP_TW            completes through task work (6.16)
 */
static inline void kevy_prep_nop_lookup(struct kevy_sqe *sqe, uint32_t nop_flags, int fd,
                                        uint16_t buffer_index)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_NOP, 0, 0, fd), 0, 0,
                     kevy_x_word_32_32(0, nop_flags), kevy_x_word_buffer(buffer_index, 0), 0);
}

/*
 * Posts a CQE of 32 bytes that carries `first` and `second` (6.18). -EINVAL on a ring without such
 * CQEs.
 */
static inline void kevy_prep_nop_cqe32(struct kevy_sqe *sqe, uint64_t first, uint64_t second)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_NOP, 0, 0, -1), first, second,
                     kevy_x_word_32_32(0, KEVY_NOP_CQE32), 0, 0);
}

/* Makes the time that the preps below take. */
static inline struct kevy_timespec kevy_timespec_from_ns(uint64_t time_ns)
{
    struct kevy_timespec time;

    time.tv_sec = (int64_t)(time_ns / 1000000000U);
    time.tv_nsec = (int64_t)(time_ns % 1000000000U);
    return time;
}

/*
 * Private: a time-out. `addr` is a pointer to a timespec; with IMMEDIATE_ARG it is the nanoseconds.
 */
static inline void kevy_x_prep_timeout_at(struct kevy_sqe *sqe, enum kevy_op opcode, uint64_t addr,
                                          uint32_t count, uint32_t timeout_flags)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(opcode, 0, 0, -1), count, addr,
                     kevy_x_word_32_32(1, timeout_flags), 0, 0);
}

/*
 * Completes after `time`, or after `count` more completions if `count` is not 0 (5.4). res: -ETIME
 * after the time, 0 after the completions. `time` is BORROWED. `timeout_flags` may hold
 * KEVY_TIMEOUT_ABS, one clock, and KEVY_TIMEOUT_ETIME_SUCCESS.
 */
static inline void kevy_prep_timeout(struct kevy_sqe *sqe, const struct kevy_timespec *time,
                                     uint32_t count, uint32_t timeout_flags)
{
    kevy_x_prep_timeout_at(sqe, KEVY_OP_TIMEOUT, kevy_x_word_pointer(time), count, timeout_flags);
}

/*
 * Completes again and again, each time after `time` (6.4): `repeats` times, or until it is removed
 * if `repeats` is 0. Multishot. res: -ETIME. `clock_flags` is one clock or 0; KEVY_TIMEOUT_ABS is
 * refused. `time` is BORROWED.
 */
static inline void kevy_prep_timeout_multishot(struct kevy_sqe *sqe,
                                               const struct kevy_timespec *time, uint32_t repeats,
                                               uint32_t clock_flags)
{
    kevy_x_prep_timeout_at(sqe, KEVY_OP_TIMEOUT, kevy_x_word_pointer(time), repeats,
                           clock_flags | KEVY_TIMEOUT_MULTISHOT);
}

/*
 * As kevy_prep_timeout(), with the time in the SQE itself (newer, 7.1; older kernels answer
 * -EINVAL).
 */
static inline void kevy_prep_timeout_ns(struct kevy_sqe *sqe, uint64_t time_ns, uint32_t count,
                                        uint32_t timeout_flags)
{
    kevy_x_prep_timeout_at(sqe, KEVY_OP_TIMEOUT, time_ns, count,
                           timeout_flags | KEVY_TIMEOUT_IMMEDIATE_ARG);
}

/*
 * Removes a time-out (5.5). res: 0; -ENOENT; -EBUSY: it is completing. The CQE of the time-out then
 * has -ECANCELED.
 */
static inline void kevy_prep_timeout_remove(struct kevy_sqe *sqe, uint64_t target_user_data)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_TIMEOUT_REMOVE, 0, 0, -1), 0, target_user_data,
                     0, 0, 0);
}

/* Private: all changes of time-outs. */
static inline void kevy_x_prep_timeout_change(struct kevy_sqe *sqe, uint64_t target_user_data,
                                              uint64_t addr2, uint32_t timeout_flags)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_TIMEOUT_REMOVE, 0, 0, -1), addr2,
                     target_user_data, kevy_x_word_32_32(0, timeout_flags), 0, 0);
}

/*
 * Gives a time-out a new time (5.11): a span, or a moment with KEVY_TIMEOUT_ABS. The clock stays
 * the same. res: 0, -ENOENT, -EALREADY. `time` is BORROWED.
 */
static inline void kevy_prep_timeout_update(struct kevy_sqe *sqe, uint64_t target_user_data,
                                            const struct kevy_timespec *time,
                                            uint32_t timeout_flags)
{
    kevy_x_prep_timeout_change(sqe, target_user_data, kevy_x_word_pointer(time),
                               timeout_flags | KEVY_TIMEOUT_UPDATE);
}

/* As kevy_prep_timeout_update(), with the time in the SQE itself (newer, 7.1). */
static inline void kevy_prep_timeout_update_ns(struct kevy_sqe *sqe, uint64_t target_user_data,
                                               uint64_t time_ns, uint32_t timeout_flags)
{
    kevy_x_prep_timeout_change(sqe, target_user_data, time_ns,
                               timeout_flags | KEVY_TIMEOUT_UPDATE | KEVY_TIMEOUT_IMMEDIATE_ARG);
}

/*
 * Cancels the request before it after `time` (5.5). That request must carry KEVY_SQE_IO_LINK and go
 * with the same submit, else -EINVAL. `time` is BORROWED. res:
 *
 *     -ETIME      it has cancelled the request
 *     -ECANCELED  the request was faster
 *     -EALREADY   the request could not be stopped; -ENOENT: it had just ended
 */
static inline void kevy_prep_link_timeout(struct kevy_sqe *sqe, const struct kevy_timespec *time,
                                          uint32_t timeout_flags)
{
    kevy_x_prep_timeout_at(sqe, KEVY_OP_LINK_TIMEOUT, kevy_x_word_pointer(time), 0, timeout_flags);
}

/* As kevy_prep_link_timeout(), with the time in the SQE itself (newer, 7.1). */
static inline void kevy_prep_link_timeout_ns(struct kevy_sqe *sqe, uint64_t time_ns,
                                             uint32_t timeout_flags)
{
    kevy_x_prep_timeout_at(sqe, KEVY_OP_LINK_TIMEOUT, time_ns, 0,
                           timeout_flags | KEVY_TIMEOUT_IMMEDIATE_ARG);
}

/*
 * As kevy_prep_timeout_update(), for a time-out of kevy_prep_link_timeout() (5.15). It sets two
 * flags: with the second alone the kernel would remove a time-out, of the other kind.
 */
static inline void kevy_prep_link_timeout_update(struct kevy_sqe *sqe, uint64_t target_user_data,
                                                 const struct kevy_timespec *time,
                                                 uint32_t timeout_flags)
{
    kevy_x_prep_timeout_change(sqe, target_user_data, kevy_x_word_pointer(time),
                               timeout_flags | KEVY_TIMEOUT_UPDATE_MASK);
}

/* Private: polls and their changes. */
static inline void kevy_x_prep_poll_at(struct kevy_sqe *sqe, uint64_t head, uint64_t new_user_data,
                                       uint64_t target_user_data, uint32_t poll_flags,
                                       uint32_t events)
{
    kevy_x_sqe_store(sqe, head, new_user_data, target_user_data,
                     kevy_x_word_32_32(poll_flags, kevy_x_word_poll_events(events)), 0, 0);
}

/*
 * Waits once for POLL* `events` (5.1). res: the events. A file that cannot be polled is always
 * ready.
 */
static inline void kevy_prep_poll(struct kevy_sqe *sqe, int fd, uint32_t events)
{
    kevy_x_prep_poll_at(sqe, kevy_x_word_head(KEVY_OP_POLL_ADD, 0, 0, fd), 0, 0, 0, events);
}

/*
 * Waits for `events` again and again (5.13). Multishot. res: the events. An event is reported once:
 * if the program does not handle it, it is not reported again. The request ends if the CQ
 * overflows. It refuses KEVY_SQE_CQE_SKIP_SUCCESS.
 */
static inline void kevy_prep_poll_multishot(struct kevy_sqe *sqe, int fd, uint32_t events)
{
    kevy_x_prep_poll_at(sqe, kevy_x_word_head(KEVY_OP_POLL_ADD, 0, 0, fd), 0, 0,
                        KEVY_POLL_ADD_MULTI, events);
}

/* Removes a poll (5.1). res: 0, -ENOENT, -EALREADY. The CQE of the poll then has -ECANCELED. */
static inline void kevy_prep_poll_remove(struct kevy_sqe *sqe, uint64_t target_user_data)
{
    kevy_x_prep_poll_at(sqe, kevy_x_word_head(KEVY_OP_POLL_REMOVE, 0, 0, -1), 0, target_user_data,
                        0, 0);
}

/*
 * Gives a poll new events (5.13). `poll_flags` must match the poll: KEVY_POLL_ADD_MULTI for a
 * multishot poll, else 0. res: 0, -ENOENT, -EALREADY.
 */
static inline void kevy_prep_poll_update(struct kevy_sqe *sqe, uint64_t target_user_data,
                                         uint32_t events, uint32_t poll_flags)
{
    kevy_x_prep_poll_at(sqe, kevy_x_word_head(KEVY_OP_POLL_REMOVE, 0, 0, -1), 0, target_user_data,
                        poll_flags | KEVY_POLL_UPDATE_EVENTS, events);
}

/* Gives a poll a new user_data (5.13). res: 0, -ENOENT, -EALREADY. */
static inline void kevy_prep_poll_update_user_data(struct kevy_sqe *sqe, uint64_t target_user_data,
                                                   uint64_t new_user_data)
{
    kevy_x_prep_poll_at(sqe, kevy_x_word_head(KEVY_OP_POLL_REMOVE, 0, 0, -1), new_user_data,
                        target_user_data, KEVY_POLL_UPDATE_USER_DATA, 0);
}

/* Gives a poll new events and a new user_data (5.13). */
static inline void kevy_prep_poll_replace(struct kevy_sqe *sqe, uint64_t target_user_data,
                                          uint64_t new_user_data, uint32_t events,
                                          uint32_t poll_flags)
{
    kevy_x_prep_poll_at(sqe, kevy_x_word_head(KEVY_OP_POLL_REMOVE, 0, 0, -1), new_user_data,
                        target_user_data,
                        poll_flags | KEVY_POLL_UPDATE_EVENTS | KEVY_POLL_UPDATE_USER_DATA, events);
}

/*
 * Cancels the requests that match all keys in `cancel_flags` (6.6): KEVY_ASYNC_CANCEL_USERDATA, _FD
 * (with _FD_FIXED for a registered file), _OP. The functions below are the usual cases.
 */
static inline void kevy_prep_cancel_matching(struct kevy_sqe *sqe, uint64_t target_user_data,
                                             int fd, uint32_t opcode, uint32_t cancel_flags)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_ASYNC_CANCEL, 0, 0, fd), 0, target_user_data,
                     kevy_x_word_32_32(opcode, cancel_flags), 0, 0);
}

/*
 * Cancels the request that carries `target_user_data` (5.5), or all of them with
 * KEVY_ASYNC_CANCEL_ALL (5.19). res: 0, or the number of requests with KEVY_ASYNC_CANCEL_ALL. Two
 * errors are usual:
 *
 *     -ENOENT    there is no such request (with KEVY_ASYNC_CANCEL_ALL: 0)
 *     -EALREADY  it is running and can perhaps not be stopped
 *
 * The CQE of the request has -ECANCELED, or its own result if it was faster.
 */
static inline void kevy_prep_cancel(struct kevy_sqe *sqe, uint64_t target_user_data,
                                    uint32_t cancel_flags)
{
    kevy_prep_cancel_matching(sqe, target_user_data, -1, 0, cancel_flags);
}

/* As kevy_prep_cancel(), for requests on descriptor `fd` (5.19), which must still be open. */
static inline void kevy_prep_cancel_fd(struct kevy_sqe *sqe, int fd, uint32_t cancel_flags)
{
    kevy_prep_cancel_matching(sqe, 0, fd, 0, cancel_flags | KEVY_ASYNC_CANCEL_FD);
}

/* As kevy_prep_cancel(), for requests on registered file `slot` (6.0). */
static inline void kevy_prep_cancel_fixed_fd(struct kevy_sqe *sqe, uint32_t slot,
                                             uint32_t cancel_flags)
{
    kevy_prep_cancel_matching(sqe, 0, (int)slot, 0,
                              cancel_flags | KEVY_ASYNC_CANCEL_FD | KEVY_ASYNC_CANCEL_FD_FIXED);
}

/* As kevy_prep_cancel(), for requests of one opcode (6.6). */
static inline void kevy_prep_cancel_op(struct kevy_sqe *sqe, enum kevy_op opcode,
                                       uint32_t cancel_flags)
{
    kevy_prep_cancel_matching(sqe, 0, -1, (uint32_t)opcode, cancel_flags | KEVY_ASYNC_CANCEL_OP);
}

/* Cancels all requests of the ring (5.19). res: how many. */
static inline void kevy_prep_cancel_any(struct kevy_sqe *sqe)
{
    kevy_prep_cancel_matching(sqe, 0, -1, 0, KEVY_ASYNC_CANCEL_ANY);
}

/* Private: all messages to a ring. */
static inline void kevy_x_prep_msg_ring_at(struct kevy_sqe *sqe, int ring_fd,
                                           enum kevy_msg_ring_command command,
                                           uint64_t target_user_data, uint64_t length_and_flags,
                                           uint32_t file_index, uint32_t source_slot)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_MSG_RING, 0, 0, ring_fd), target_user_data,
                     (uint64_t)command, length_and_flags, kevy_x_word_buffer(0, file_index),
                     source_slot);
}

/*
 * Posts a CQE with `result` and `target_user_data` to another ring (5.18). Choose a user_data that
 * the other ring cannot mistake for one of its requests. `msg_ring_flags` is 0: kernels up to 6.18
 * have no flag for this form. res: 0, or
 *
 *     -EOVERFLOW  its CQ has no room
 *     -EBADFD     `ring_fd` is not a ring, or a ring that is not enabled
 */
static inline void kevy_prep_msg_ring(struct kevy_sqe *sqe, int ring_fd, uint32_t result,
                                      uint64_t target_user_data, uint32_t msg_ring_flags)
{
    kevy_x_prep_msg_ring_at(sqe, ring_fd, KEVY_MSG_DATA, target_user_data,
                            kevy_x_word_32_32(result, msg_ring_flags), 0, 0);
}

/*
 * As kevy_prep_msg_ring(); the flags of the CQE are `cqe_flags` (6.3). Never send KEVY_CQE_F_SKIP
 * or KEVY_CQE_F_32: the other ring would take them for flags of its kernel.
 */
static inline void kevy_prep_msg_ring_cqe_flags(struct kevy_sqe *sqe, int ring_fd, uint32_t result,
                                                uint64_t target_user_data, uint32_t cqe_flags)
{
    kevy_x_prep_msg_ring_at(sqe, ring_fd, KEVY_MSG_DATA, target_user_data,
                            kevy_x_word_32_32(result, KEVY_MSG_RING_FLAGS_PASS), cqe_flags, 0);
}

/*
 * Puts the registered file `source_slot` of this ring into slot `target_slot` of another ring
 * (6.0). That ring also gets a CQE with `target_user_data`, unless `msg_ring_flags` holds
 * KEVY_MSG_RING_CQE_SKIP. res: 0. -EBADF: there is no file. -ENXIO: the other ring has no file
 * table.
 */
static inline void kevy_prep_msg_ring_fd(struct kevy_sqe *sqe, int ring_fd, uint32_t source_slot,
                                         uint32_t target_slot, uint64_t target_user_data,
                                         uint32_t msg_ring_flags)
{
    kevy_x_prep_msg_ring_at(sqe, ring_fd, KEVY_MSG_SEND_FD, target_user_data,
                            kevy_x_word_32_32(0, msg_ring_flags), kevy_x_word_slot(target_slot),
                            source_slot);
}

/*
 * As kevy_prep_msg_ring_fd(), into a slot that the kernel chooses (6.0). res, in both CQEs: the
 * slot. -ENFILE: no slot is free.
 */
static inline void kevy_prep_msg_ring_fd_alloc(struct kevy_sqe *sqe, int ring_fd,
                                               uint32_t source_slot, uint64_t target_user_data,
                                               uint32_t msg_ring_flags)
{
    kevy_prep_msg_ring_fd(sqe, ring_fd, source_slot, KEVY_FILE_INDEX_ALLOC, target_user_data,
                          msg_ring_flags);
}

/* Private: futex wait and wake. */
static inline void kevy_x_prep_futex_at(struct kevy_sqe *sqe, enum kevy_op opcode,
                                        const uint32_t *futex, uint64_t value, uint64_t mask,
                                        uint32_t futex2_flags)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(opcode, 0, 0, (int)futex2_flags), value,
                     kevy_x_word_pointer(futex), 0, 0, mask);
}

/*
 * Waits until `futex` (PINNED) is woken (6.7). res: 0. -EAGAIN: *futex is not `value`. `mask`
 * selects wakes; KEVY_FUTEX_BITSET_MATCH_ANY selects all. `futex2_flags` is KEVY_FUTEX2_SIZE_U32,
 * with KEVY_FUTEX2_PRIVATE for a futex of one process. The side that wakes must use the same flags.
 */
static inline void kevy_prep_futex_wait(struct kevy_sqe *sqe, const uint32_t *futex, uint64_t value,
                                        uint64_t mask, uint32_t futex2_flags)
{
    kevy_x_prep_futex_at(sqe, KEVY_OP_FUTEX_WAIT, futex, value, mask, futex2_flags);
}

/*
 * Wakes at most `count` waiters of `futex` (6.7). res: how many. The other arguments are those of
 * kevy_prep_futex_wait().
 */
static inline void kevy_prep_futex_wake(struct kevy_sqe *sqe, const uint32_t *futex, uint64_t count,
                                        uint64_t mask, uint32_t futex2_flags)
{
    kevy_x_prep_futex_at(sqe, KEVY_OP_FUTEX_WAKE, futex, count, mask, futex2_flags);
}

/*
 * Waits for one of `count` futexes, at most KEVY_FUTEX_WAITV_MAX (6.7). res: the index of the one
 * that was woken. -EAGAIN: one has another value. The array is BORROWED, the futexes are PINNED.
 */
static inline void kevy_prep_futex_waitv(struct kevy_sqe *sqe,
                                         const struct kevy_futex_waitv *futexes, uint32_t count)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_FUTEX_WAITV, 0, 0, 0), 0,
                     kevy_x_word_pointer(futexes), kevy_x_word_32_32(count, 0), 0, 0);
}

/*
 * waitid(2) (6.7). res: 0. -ECHILD: there is no such child. `id_type` is P_PID, P_PGID, P_PIDFD or
 * P_ALL; `options` are those of waitid(2). `information` is a siginfo_t, PINNED, or NULL.
 */
static inline void kevy_prep_waitid(struct kevy_sqe *sqe, uint32_t id_type, uint32_t id,
                                    void *information, uint32_t options)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_WAITID, 0, 0, (int)id),
                     kevy_x_word_pointer(information), 0, kevy_x_word_32_32(id_type, 0),
                     kevy_x_word_buffer(0, options), 0);
}

/* epoll_ctl(2) (5.6). res: 0. `event` is BORROWED. */
static inline void kevy_prep_epoll_ctl(struct kevy_sqe *sqe, int epoll_fd, int fd,
                                       uint32_t operation, const struct epoll_event *event)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_EPOLL_CTL, 0, 0, epoll_fd), (uint32_t)fd,
                     kevy_x_word_pointer(event), kevy_x_word_32_32(operation, 0), 0, 0);
}

/* epoll_wait(2) without a time limit (6.15). res: the number of events. `events` is PINNED. */
static inline void kevy_prep_epoll_wait(struct kevy_sqe *sqe, int epoll_fd,
                                        struct epoll_event *events, uint32_t max_events)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_EPOLL_WAIT, 0, 0, epoll_fd), 0,
                     kevy_x_word_pointer(events), kevy_x_word_32_32(max_events, 0), 0, 0);
}

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_RING_PREP_EVENT_H */
