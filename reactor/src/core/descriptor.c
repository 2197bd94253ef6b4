/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Descriptors that end; the model is in descriptor.h. */
#include "core/descriptor.h"

#if KEVY_RING_SUPPORTED

#include <kevy/ring_prep.h>

#include "core/object.h"
#include "core/submission.h"

/* Whoever waits now may go on; who finds that it was not enough waits again, for the next. */
static void became_free(struct kevy_reactor *reactor)
{
    while (reactor->descriptor_waiters.first != NULL) {
        struct kevy_x_waiter *waiter = reactor->descriptor_waiters.first;

        waiters_remove(&reactor->descriptor_waiters, waiter);
        reactor->kinds->descriptor_free(waiter);
        assert(!waiting(waiter)); /* it tries in its flush, or this would never end */
    }
}

void descriptor_close_now(struct kevy_reactor *reactor, int fd)
{
    thread_check(reactor);
    assert(fd >= 0);
    (void)SYSTEM(reactor, close, fd);
    became_free(reactor);
}

bool descriptor_close(struct kevy_x_object *object, int fd)
{
    struct kevy_sqe *sqe = submission_sqe(object->reactor, object, OPERATION_CLOSE);

    /* Nothing may be in flight on it: a close under a recv sends no FIN (liburing issue 932). */
    assert(fd >= 0 && object->in_flight == 0);
    if (sqe == NULL) {
        object_pend(object);
        return false;
    }
    kevy_prep_close(sqe, fd);
    object_request_begun(object);
    return true;
}

void descriptor_closed(struct kevy_reactor *reactor, void *owner, int result, uint32_t flags)
{
    struct kevy_x_object *object = owner;

    assert(object->reactor == reactor && object->in_flight == 1);
    /* The descriptor is gone whatever close(2) reports: Linux frees it before it can fail. */
    (void)result;
    (void)flags;
    object_request_ended(object);
    became_free(reactor);
    object_operations(object)->closed(object);
}

void descriptor_await(struct kevy_reactor *reactor, struct kevy_x_waiter *waiter)
{
    thread_check(reactor);
    if (!waiting(waiter))
        waiters_append(&reactor->descriptor_waiters, waiter);
}

void descriptor_await_no_more(struct kevy_reactor *reactor, struct kevy_x_waiter *waiter)
{
    if (waiting(waiter))
        waiters_remove(&reactor->descriptor_waiters, waiter);
}

#endif /* KEVY_RING_SUPPORTED */
