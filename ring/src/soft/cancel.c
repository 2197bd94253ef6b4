/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * KEVY_OP_ASYNC_CANCEL, and its synchronous form among the registrations.
 *
 * Model. A request that waits is taken out of whatever it waits in, and ends with -ECANCELED in
 * its turn, after the answer of the cancel. Data that has come for it meanwhile stays in the
 * socket. A request of which some bytes have been moved ends with their number instead.
 *
 * Invariants. A cancel finds what has begun and not ended. It finds nothing twice, and never what
 * has yet to begin behind another request.
 */
#include "soft.h"

#if KEVY_RING_SUPPORTED

#include <fcntl.h>

#define KEY_FLAGS (KEVY_ASYNC_CANCEL_FD | KEVY_ASYNC_CANCEL_OP | KEVY_ASYNC_CANCEL_USERDATA)
#define ALL_FLAGS \
    (KEY_FLAGS | KEVY_ASYNC_CANCEL_ALL | KEVY_ASYNC_CANCEL_ANY | KEVY_ASYNC_CANCEL_FD_FIXED)

/* Ends the request. False if it is too late for that. */
bool request_cancel(struct soft *soft, struct request *request)
{
    bool partial = (request->marks & MARK_PARTIAL) != 0 && request->done != 0;

    switch (request->state) {
    case REQUEST_WAITING:
        list_remove(&descriptor_known(soft, request->sqe.fd)->waiting, request);
        break;
    case REQUEST_READY:
        list_remove(&soft->ready, request);
        break;
    case REQUEST_YIELDING:
        list_remove(&soft->yielding, request);
        break;
    case REQUEST_TIMED:
        timer_stop(soft, request);
        break;
    default:
        return false;
    }
    request_hide(soft, request);
    request_end_later(soft, request, partial ? (int)request->done : -ECANCELED);
    return true;
}

static bool is_on(const struct soft *soft, const struct request *request, int fd)
{
    return (operation_of(soft, request)->flags & OPERATION_FILE) != 0 && request->sqe.fd == fd;
}

static bool matches(const struct soft *soft, const struct request *request,
                    const struct cancel_key *key)
{
    /* Limits are found by those who update them, and end with what they limit. */
    if (request->state == REQUEST_FREE || (request->marks & MARK_FOUND) == 0 ||
        request->sqe.opcode == KEVY_OP_LINK_TIMEOUT)
        return false;
    if (key->flags & KEVY_ASYNC_CANCEL_ANY)
        return true;
    if ((key->flags & KEVY_ASYNC_CANCEL_FD) != 0 && !is_on(soft, request, key->fd))
        return false;
    if ((key->flags & KEVY_ASYNC_CANCEL_OP) != 0 && request->sqe.opcode != key->opcode)
        return false;
    return (key->flags & KEVY_ASYNC_CANCEL_USERDATA) == 0 ||
           request->sqe.user_data == key->user_data;
}

/* By user_data alone, which has a hash. */
static int cancel_by_user_data(struct soft *soft, const struct cancel_key *key, bool all)
{
    struct request *request = request_find(soft, key->user_data, NULL);
    int count = 0;

    while (request != NULL) {
        struct request *next = request_find(soft, key->user_data, request);

        if (matches(soft, request, key) && request_cancel(soft, request)) {
            count++;
            if (!all)
                break;
        }
        request = next;
    }
    return count;
}

/* Those of a list that match. */
static int cancel_in_list(struct soft *soft, const struct cancel_key *key, bool all,
                          const struct list *list)
{
    struct request *request = list->first;
    int count = 0;

    while (request != NULL && (all || count == 0)) {
        struct request *next = request->next;

        if (matches(soft, request, key) && request_cancel(soft, request))
            count++;
        request = next;
    }
    return count;
}

/* By descriptor: requests wait there, the oldest first, or are ready. */
static int cancel_by_descriptor(struct soft *soft, const struct cancel_key *key, bool all)
{
    const struct descriptor *descriptor = descriptor_known(soft, key->fd);
    int count = 0;

    if (descriptor != NULL)
        count = cancel_in_list(soft, key, all, &descriptor->waiting);
    if (all || count == 0)
        count += cancel_in_list(soft, key, all, &soft->ready);
    if (all || count == 0)
        count += cancel_in_list(soft, key, all, &soft->yielding);
    return count;
}

static int cancel_by_search(struct soft *soft, const struct cancel_key *key, bool all)
{
    int count = 0;

    for (struct request *request = request_each(soft, NULL); request != NULL && (all || count == 0);
         request = request_each(soft, request))
        if (matches(soft, request, key) && request_cancel(soft, request))
            count++;
    return count;
}

/*
 * Cancels what matches all parts of the key that its flags name: one request, or with
 * KEVY_ASYNC_CANCEL_ALL or _ANY every one. Returns how many.
 */
int cancel_matching(struct soft *soft, const struct cancel_key *key)
{
    bool all = (key->flags & (KEVY_ASYNC_CANCEL_ALL | KEVY_ASYNC_CANCEL_ANY)) != 0;
    struct cancel_key complete = *key;

    if ((key->flags & (KEY_FLAGS | KEVY_ASYNC_CANCEL_ANY)) == 0)
        complete.flags |= KEVY_ASYNC_CANCEL_USERDATA;
    if ((complete.flags & (KEY_FLAGS | KEVY_ASYNC_CANCEL_ANY)) == KEVY_ASYNC_CANCEL_USERDATA)
        return cancel_by_user_data(soft, &complete, all);
    if (complete.flags & KEVY_ASYNC_CANCEL_FD)
        return cancel_by_descriptor(soft, &complete, all);
    return cancel_by_search(soft, &complete, all);
}

/* The result of a cancel as io_uring tells it: a count for all, 0 or -ENOENT for one. */
int cancel_answer(struct soft *soft, struct cancel_key *key)
{
    bool all = (key->flags & (KEVY_ASYNC_CANCEL_ALL | KEVY_ASYNC_CANCEL_ANY)) != 0;
    int count;

    if ((key->flags & KEVY_ASYNC_CANCEL_FD) != 0 && (key->flags & KEVY_ASYNC_CANCEL_FD_FIXED) != 0)
        key->fd = file_table_find(soft, key->fd);
    if ((key->flags & KEVY_ASYNC_CANCEL_FD) != 0 &&
        (key->fd < 0 || soft->os->fcntl(soft->os, key->fd, F_GETFD, 0) < 0))
        return -EBADF;
    count = cancel_matching(soft, key);
    if (all)
        return count;
    return count != 0 ? 0 : -ENOENT;
}

int cancel_flags_check(uint32_t flags)
{
    if ((flags & ~ALL_FLAGS) != 0)
        return -EINVAL;
    if ((flags & KEVY_ASYNC_CANCEL_ANY) != 0 &&
        (flags & (KEVY_ASYNC_CANCEL_FD | KEVY_ASYNC_CANCEL_OP)) != 0)
        return -EINVAL;
    return 0;
}

int cancel_prepare(struct soft *soft, struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;

    (void)soft;
    return sqe->off != 0 || sqe->splice_fd_in != 0 ? -EINVAL
                                                   : cancel_flags_check(sqe->cancel_flags);
}

int cancel_run(struct soft *soft, struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;
    struct cancel_key key = {.user_data = sqe->addr,
                             .fd = sqe->fd,
                             .flags = sqe->cancel_flags,
                             .opcode = (uint8_t)sqe->len};

    return cancel_answer(soft, &key);
}

#endif /* KEVY_RING_SUPPORTED */
