/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * KEVY_OP_ACCEPT.
 *
 * Model. accept4(2) until nobody waits; a multishot stops after ROUNDS_MAX connections and stands
 * in line for the rest. A connection goes to a descriptor, or to a slot of the registered files.
 *
 * Invariants. No connection is accepted before there is room in the CQ for it. Want of descriptors
 * or memory (-EMFILE and the like) ends a multishot; the connection stays in the backlog. A sibling
 * that was faster (-EAGAIN) does not.
 */
#include "socket.h"

#if KEVY_RING_SUPPORTED

#include <poll.h>

#define ACCEPT_FLAGS (KEVY_ACCEPT_MULTISHOT | KEVY_ACCEPT_DONTWAIT | KEVY_ACCEPT_POLL_FIRST)

static bool is_multishot(const struct request *request)
{
    return (request->sqe.ioprio & KEVY_ACCEPT_MULTISHOT) != 0;
}

int accept_prepare(struct soft *soft, struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;

    (void)soft;
    request->events = EPOLLIN;
    if (sqe->len != 0 || sqe->buf_index != 0 || (sqe->ioprio & ~ACCEPT_FLAGS) != 0 ||
        (sqe->accept_flags & ~(uint32_t)(SOCK_CLOEXEC | SOCK_NONBLOCK)) != 0)
        return -EINVAL;
    if (sqe->file_index != 0 && (sqe->accept_flags & SOCK_CLOEXEC) != 0)
        return -EINVAL;
    if (is_multishot(request) && sqe->file_index != 0 && sqe->file_index != KEVY_FILE_INDEX_ALLOC)
        return -EINVAL;
    return 0;
}

/* One connection: its descriptor or slot, or a negative errno. */
static int accept_one(struct soft *soft, const struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;
    int flags = (int)sqe->accept_flags | (sqe->file_index != 0 ? SOCK_CLOEXEC : 0);
    int fd = soft->os->accept4(soft->os, sqe->fd, sqe_pointer(sqe->addr), sqe_pointer(sqe->addr2),
                               flags);

    if (fd < 0 || sqe->file_index == 0)
        return fd;
    return file_table_install(soft, sqe->file_index, fd);
}

/* accept4(2) wants a descriptor before it looks for a connection. Behind one that has been accepted
 * nobody misses it while nobody waits. */
static bool nobody_waits(const struct soft *soft, const struct request *request, int error)
{
    return (error == -EMFILE || error == -ENFILE) &&
           soft->os->poll(soft->os, request->sqe.fd, POLLIN) == 0;
}

static int accept_all(struct soft *soft, const struct request *request)
{
    for (uint32_t round = 0; round < ROUNDS_MAX; round++) {
        int result;

        if (!cq_room(soft))
            return RUN_AGAIN;
        result = accept_one(soft, request);
        if (result < 0)
            return round != 0 && nobody_waits(soft, request, result) ? -EAGAIN : result;
        cq_post(soft, request->sqe.user_data, result, KEVY_CQE_F_MORE);
    }
    return RUN_AGAIN;
}

/* A listener that was found to be non-blocking once is not asked again. */
static int accept_safely(struct soft *soft, struct request *request)
{
    bool changed = false;
    int result = 0;

    if ((request->marks & MARK_STREAM) == 0)
        result = nonblocking_begin(soft, request->sqe.fd, &changed);
    if (result < 0)
        return result;
    if (!changed)
        request->marks |= MARK_STREAM;
    result = is_multishot(request) ? accept_all(soft, request) : accept_one(soft, request);
    nonblocking_end(soft, request->sqe.fd, changed);
    return result;
}

int accept_run(struct soft *soft, struct request *request)
{
    int result;

    if (poll_first(soft, request, KEVY_ACCEPT_POLL_FIRST, POLLIN))
        return RUN_WAITS;
    result = accept_safely(soft, request);
    if (result == -EAGAIN && (request->sqe.ioprio & KEVY_ACCEPT_DONTWAIT) == 0)
        return RUN_WAITS;
    return result;
}

#endif /* KEVY_RING_SUPPORTED */
