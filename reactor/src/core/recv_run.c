/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * How much one recv takes before others have their turn: what the running kernel can be told.
 *
 * Model. Three questions are put to the kernel when a reactor is created, as requests that cannot
 * come to anything: whether it takes a multishot recv at all, whether a recv can be told where to
 * end, and whether it leaves the buffers of the ring as they are when it fills several at once.
 * pool.h says what the last two answers are good for.
 */
#include "core/pool.h"

#if KEVY_RING_SUPPORTED

#include <kevy/ring_prep.h>

#include <errno.h>
#include <sys/socket.h>

#include "core/descriptor.h"
#include "core/submission.h"

/* What a stream receives before others have their turn; the default high mark of a queue, too. */
#define RUN_BYTES 65536U
/* A run takes this part of the pool at most. */
#define RUN_DIVISOR 8U
#define ASK_ROUNDS  4U

/* What an enter fails with for the moment. */
static bool passing(int error)
{
    return error == -EINTR || error == -EAGAIN || error == -EBUSY || error == -ENOMEM;
}

/*
 * Waits for the answer to request `number`, the only one there is. An enter that a signal cuts
 * short is tried again: a few times where the kernel has yet to take the request, and to the end
 * where it has, because the descriptor that the request names is closed next. *entered is what the
 * last enter returned.
 */
static const struct kevy_cqe *answer_await(struct kevy_ring *ring, uint32_t number, int *entered)
{
    int result = 0;

    for (unsigned round = 0; kevy_ring_ready(ring) == 0; round++) {
        bool taken = kevy_ring_sqe_at(ring, number) == NULL;

        if ((result < 0 && !passing(result)) || (!taken && round == ASK_ROUNDS))
            break;
        result = kevy_ring_submit_and_wait(ring, 1);
    }
    *entered = result;
    return kevy_ring_next(ring);
}

/*
 * Asks for a recv that ends after `limit` bytes, which cannot come to anything. Returns what the
 * kernel says, or why it does not take the request, 0 for the moment: then that no longer names the
 * descriptor.
 */
static int recv_ask(struct kevy_reactor *reactor, int fd, uint32_t limit, uint16_t flags)
{
    struct kevy_sqe *sqe = submission_cancel_sqe(reactor);
    uint32_t number = reactor->ring.sqe_tail - 1;
    const struct kevy_cqe *cqe;
    int result;

    assert(sqe != NULL); /* the queue is empty: nothing has been asked of the kernel yet */
    kevy_prep_recv_multishot_limit(sqe, fd, POOL_GROUP, 0, limit, flags);
    cqe = answer_await(&reactor->ring, number, &result);
    if (cqe == NULL) {
        /* It stays in the queue, as a request whose answer is ignored. */
        sqe = kevy_ring_sqe_at(&reactor->ring, number);
        if (sqe != NULL)
            kevy_prep_nop(sqe);
        return result < 0 && !passing(result) ? result : 0;
    }
    result = cqe->res;
    kevy_ring_release(&reactor->ring);
    assert(reactor->cancels_active > 0);
    reactor->cancels_active--;
    return result;
}

/* The request names no descriptor: -EBADF is the answer of a kernel that would have taken it. */
int receive_try(struct kevy_reactor *reactor)
{
    int answer = recv_ask(reactor, -1, 0, 0);

    return answer == -EBADF ? 0 : answer;
}

/*
 * Whether a recv can be told where to end (6.17). The request names no descriptor, so it fails
 * either way: with -EINVAL where its fields are refused, with -EBADF where they are not.
 */
static bool run_limit_known(struct kevy_reactor *reactor)
{
    return (reactor->ring.features & KEVY_FEAT_RECVSEND_BUNDLE) != 0 &&
           recv_ask(reactor, -1, RUN_BYTES, KEVY_RECVSEND_BUNDLE) == -EBADF;
}

/*
 * Whether a bundle with a limit leaves the buffers as they are. From 6.17 to early 6.18 and 6.19
 * the kernel shortens the buffer that the limit falls into, in the ring, for whoever gets it: seen
 * when a bundle of one byte is asked for, on a socket without a peer.
 */
static bool bundles_harmless(struct kevy_reactor *reactor)
{
    struct kevy_buf *first = &reactor->pool.slots[0];
    int fd = SYSTEM(reactor, socket, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK);
    bool harmless;

    if (fd < 0)
        return false;
    harmless = recv_ask(reactor, fd, 1, KEVY_RECVSEND_BUNDLE) != 0 &&
               first->len == reactor->pool.buffer_size;
    first->len = reactor->pool.buffer_size;
    descriptor_close_now(reactor, fd);
    return harmless;
}

void run_choose(struct kevy_reactor *reactor)
{
    uint32_t size = reactor->pool.buffer_size;
    uint32_t buffers = RUN_BYTES / size;

    reactor->run_buffers = 1; /* of a starved stream, whose recv then is no multishot */
    if (!run_limit_known(reactor))
        return;
    if (buffers > reactor->pool.entries / RUN_DIVISOR)
        buffers = reactor->pool.entries / RUN_DIVISOR;
    if (buffers == 0)
        buffers = 1;
    reactor->run_buffers = buffers;
    reactor->run_bytes = buffers * size;
    assert(reactor->run_bytes <= RUN_BYTES || buffers == 1);
    if (bundles_harmless(reactor))
        reactor->run_flags = KEVY_RECVSEND_BUNDLE;
}

#endif /* KEVY_RING_SUPPORTED */
