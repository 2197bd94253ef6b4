/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * News from epoll, and who waits for them.
 *
 * Model. Each descriptor of which epoll has news hands them to the requests that wait there. An
 * edge that nobody waits for is no loss, because every request tries before it waits. Three kinds
 * of news are kept, though: the end of a stream, an error, and urgent data. They have their edge
 * once, maybe together with data, and a read that stops at the end of the data would not see them.
 *
 * Invariants. News of an earlier file of the same number are dropped. An end or an error is told to
 * everybody who waits, whatever they wait for.
 */
#include "soft.h"

#if KEVY_RING_SUPPORTED

/* Everybody is told. */
#define EVENTS_END (EPOLLERR | EPOLLHUP)
/* A read that stops short has to look again. */
#define EVENTS_LATCHED (EPOLLERR | EPOLLHUP | EPOLLRDHUP | EPOLLPRI)

#define NS_PER_SECOND      1000000000U
#define NS_PER_MILLISECOND 1000000U

/* Books one piece of news: who waits for it is run, or becomes ready. */
static inline void event_note(struct soft *soft, const struct epoll_event *event)
{
    struct descriptor *descriptor = descriptor_known(soft, (int)(uint32_t)event->data.u64);
    uint32_t events = event->events;
    struct request *request;

    if (unlikely(descriptor == NULL || descriptor->generation != (uint32_t)(event->data.u64 >> 32)))
        return; /* of an earlier file of this number */
    descriptor->latched |= events & EVENTS_LATCHED;
    request = descriptor->waiting.first;
    while (request != NULL) {
        struct request *next = request->next;

        if ((events & (request->events | EVENTS_END)) != 0)
            request_woken(soft, descriptor, request, events);
        request = next;
    }
}

static int wait_milliseconds(struct soft *soft, uint64_t limit_ns, const void *mask,
                             size_t mask_size)
{
    int limit_ms = -1;

    /* Rounded up: a wait that ends early would be begun again and again. */
    if (limit_ns < (uint64_t)INT32_MAX * NS_PER_MILLISECOND)
        limit_ms = (int)((limit_ns + NS_PER_MILLISECOND - 1) / NS_PER_MILLISECOND);
    else if (limit_ns != UINT64_MAX)
        limit_ms = INT32_MAX;
    return soft->os->epoll_pwait(soft->os, soft->epoll_fd, soft->events, EVENTS_ROOM, limit_ms,
                                 mask, mask_size);
}

static int wait_events(struct soft *soft, uint64_t limit_ns, const void *mask, size_t mask_size)
{
    struct kevy_timespec limit = {.tv_sec = (int64_t)(limit_ns / NS_PER_SECOND),
                                  .tv_nsec = (int64_t)(limit_ns % NS_PER_SECOND)};
    int result = -ENOSYS;

    if (limit_ns == 0 || soft->no_pwait2)
        return wait_milliseconds(soft, limit_ns, mask, mask_size);
    result = soft->os->epoll_pwait2(soft->os, soft->epoll_fd, soft->events, EVENTS_ROOM,
                                    limit_ns != UINT64_MAX ? &limit : NULL, mask, mask_size);
    if (likely(result != -ENOSYS && result != -EPERM && result != -EACCES))
        return result;
    soft->no_pwait2 = true;
    return wait_milliseconds(soft, limit_ns, mask, mask_size);
}

/*
 * Asks epoll for news, waiting for them `limit_ns` at most (UINT64_MAX: for ever). Returns how many
 * there were, or a negative errno: -EINTR.
 */
int harvest(struct soft *soft, uint64_t limit_ns, const void *mask, size_t mask_size)
{
    int count = wait_events(soft, limit_ns, mask, mask_size);

    for (int index = 0; index < count; index++)
        event_note(soft, &soft->events[index]);
    return count;
}

#endif /* KEVY_RING_SUPPORTED */
