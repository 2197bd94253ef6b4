/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef FOOTGUN_TEST_H
#define FOOTGUN_TEST_H

/*
 * What the tests of footguns look at beside the callbacks: what passes between the reactor and the
 * kernel. Requests are seen in the submission queue, right before the enter of each turn;
 * completions by the trace hook.
 */

#include "reactor_test.h"

#include "core/reactor.h"

/* A completion, as the kernel gave it. */
struct seen {
    enum operation operation;
    const void *owner;
    int result;
    uint32_t flags;
};

/* All of them since traffic_open(), as far as there is room: a test looks at its first few turns,
 * or counts as they come. */
#define SEEN_MAX 65536U

struct traffic {
    unsigned requests[256]; /* by opcode */
    void (*on_request)(const struct kevy_sqe *sqe);
    unsigned seen_count;
    void (*on_completion)(const struct seen *seen);
    struct seen seen[SEEN_MAX];
};

static struct traffic traffic;

static inline void traffic_requests(struct kevy_reactor *from, void *context)
{
    const struct kevy_ring *ring = &from->ring;

    (void)context;
    for (uint32_t number = *ring->sq_head; number != ring->sqe_tail; number++) {
        const struct kevy_sqe *sqe = kevy_ring_sqe_at(ring, number);

        traffic.requests[sqe->opcode]++;
        if (traffic.on_request != NULL)
            traffic.on_request(sqe);
    }
}

static inline enum operation operation_named(const char *name)
{
    static const char *const names[OPERATION_COUNT] = {
        [OPERATION_COMPLETION] = "completion",
        [OPERATION_RECV] = "recv",
        [OPERATION_SEND] = "send",
        [OPERATION_CONNECT] = "connect",
        [OPERATION_ACCEPT] = "accept",
        [OPERATION_CLOSE] = "close",
        [OPERATION_CANCEL] = "cancel",
        [OPERATION_ZERO_COPY] = "send without copy",
    };

    for (unsigned operation = 0; operation < OPERATION_COUNT; operation++)
        if (strcmp(names[operation], name) == 0)
            return (enum operation)operation;
    ck_abort_msg("no such operation: %s", name);
    return OPERATION_COUNT;
}

static inline void traffic_completion(struct kevy_reactor *from, const struct kevy_trace *trace,
                                      void *context)
{
    struct seen seen = {operation_named(trace->operation), trace->owner, trace->result,
                        trace->flags};

    (void)from;
    (void)context;
    if (traffic.seen_count < SEEN_MAX)
        traffic.seen[traffic.seen_count++] = seen;
    if (traffic.on_completion != NULL)
        traffic.on_completion(&seen);
}

/* A reactor with these options that is looked at; sizes of 0 are the defaults. */
static inline void traffic_open(struct kevy_reactor_options options)
{
    traffic.seen_count = 0;
    options.before_wait = traffic_requests;
    options.trace = traffic_completion;
    reactor_setup_with(&options);
}

/* The position of the first such completion of `owner` from `first` on, or seen_count. */
static inline unsigned seen_find(unsigned first, enum operation operation, const void *owner)
{
    while (first < traffic.seen_count &&
           (traffic.seen[first].operation != operation || traffic.seen[first].owner != owner))
        first++;
    return first;
}

/* The last completion of a request: no more follow. */
static inline bool seen_last(const struct seen *seen)
{
    return (seen->flags & KEVY_CQE_F_MORE) == 0;
}

/* How many requests of this kind of `owner` have come to their end. */
static inline unsigned seen_ends(enum operation operation, const void *owner)
{
    unsigned count = 0;

    for (unsigned at = seen_find(0, operation, owner); at < traffic.seen_count;
         at = seen_find(at + 1, operation, owner))
        count += seen_last(&traffic.seen[at]);
    return count;
}

static inline void probe_abort(struct probe *probe)
{
    QUIETLY(kevy_stream_abort(&probe->stream));
    probe_finish(probe);
}

#endif
