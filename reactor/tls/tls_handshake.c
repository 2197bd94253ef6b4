/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The handshakes of one reactor, and connections that are to be continued.
 *
 * Model. A turn answers so many handshakes as the setup says; an answer is a step in which OpenSSL
 * wrote something, for that is where it signs and computes keys. Further connections keep the bytes
 * that they received, and wait in a queue. While others wait a newcomer goes to the end of the
 * queue, even if the turn has answers left.
 *
 * The next turn is brought by a request that does nothing, and whose completion is in that turn. It
 * starts a timer of 0 ns, so that the queue is served behind the completions of all streams. (A
 * timer alone would fire again in the turn in which it was started. A task would not report when
 * the reactor is destroyed, and the loop could not be freed.)
 *
 * The second queue is of open connections that were resumed while OpenSSL, or the kept buffer, had
 * something for them: no callback comes inside kevy_tls_resume(). And of those that found no memory
 * at memory_limit. Nobody tells when there is some again, so these try again by a timer of their
 * own, less often each time: the turns of others do not wait for it.
 *
 * The third queue is of connections that end, and that the kernel encrypts: tls_ending.c says what
 * they wait for. Nobody tells that either, so a timer looks at all of them, less often each time.
 *
 * Invariants. A connection is in one queue at most. No turn answers more handshakes than the setup
 * says. One that finds somebody in the queue leaves all its answers to the queue, which therefore
 * moves. What is served is what stood in the queues when the timer fired. A loop is freed when it
 * has no connection and no request.
 */
#include "tls_internal.h"

#if KEVY_RING_SUPPORTED

#include <stdlib.h>

/* For what nobody tells. */
#define WAIT_LEAST_NS KEVY_MILLISECONDS(1)
#define WAIT_MOST_NS  KEVY_MILLISECONDS(64)

static struct kevy_tls *tls_of_waiter(struct kevy_x_waiter *waiter)
{
    return KEVY_CONTAINER_OF(waiter, struct kevy_tls, wait);
}

static void queue_append(struct tls_queue *queue, struct kevy_x_waiter *waiter)
{
    assert(waiter->link == NULL);
    if (queue->first == NULL)
        queue->end = &queue->first;
    waiter->next = NULL;
    waiter->link = queue->end;
    *queue->end = waiter;
    queue->end = &waiter->next;
}

static void queue_remove(struct tls_queue *queue, struct kevy_x_waiter *waiter)
{
    assert(waiter->link != NULL && *waiter->link == waiter);
    *waiter->link = waiter->next;
    if (waiter->next != NULL)
        waiter->next->link = waiter->link;
    else
        queue->end = waiter->link;
    waiter->link = NULL;
    waiter->next = NULL;
}

void tls_loop_unlink(struct kevy_tls *tls)
{
    struct kevy_x_tls_loop *loop = tls->loop;

    assert(!tls_has(tls, TLS_WAITS) || !tls_has(tls, TLS_CONTINUES));
    if (tls_has(tls, TLS_WAITS)) {
        queue_remove(&loop->waiting, &tls->wait);
        loop->waiting_count--;
    } else if (tls_has(tls, TLS_CONTINUES)) {
        queue_remove(&loop->resumed, &tls->wait);
        loop->resumed_count--;
    } else if (tls_has(tls, TLS_ENDS)) {
        queue_remove(&loop->ending, &tls->wait);
    }
    tls_clear(tls, TLS_WAITS | TLS_CONTINUES | TLS_ENDS);
}

/* True when this turn may answer another handshake. */
static bool answers_left(struct kevy_x_tls_loop *loop, const struct kevy_tls *tls)
{
    struct kevy_reactor_stats stats;

    kevy_reactor_stats(loop->reactor, &stats);
    if (loop->turn != stats.turns) {
        loop->turn = stats.turns;
        loop->answered = 0;
    }
    return loop->answered < tls->setup->handshakes_per_turn;
}

static void serve(struct kevy_x_tls_loop *loop, struct kevy_x_waiter *waiter)
{
    struct kevy_tls *tls = tls_of_waiter(waiter);

    (void)loop;
    assert(tls->loop == loop);
    tls_loop_unlink(tls);
    tls_continue(tls);
}

static void turn_ask(struct kevy_x_tls_loop *loop);

/* No connection ends within, and so the loop does not: `close` never comes from here. */
static void turn(struct kevy_timer *timer)
{
    struct kevy_x_tls_loop *loop = KEVY_CONTAINER_OF(timer, struct kevy_x_tls_loop, timer);
    uint32_t resumed = loop->resumed_count, waiting = loop->waiting_count;

    for (; resumed > 0 && loop->resumed.first != NULL; resumed--)
        serve(loop, loop->resumed.first);
    if (!kevy_timer_armed(&loop->memory_timer)) /* all have found memory */
        loop->memory_wait_ns = WAIT_LEAST_NS;
    for (uint32_t count = 0; count < waiting && loop->waiting.first != NULL; count++) {
        if (!answers_left(loop, tls_of_waiter(loop->waiting.first)))
            break;
        serve(loop, loop->waiting.first);
    }
    if (loop->waiting.first != NULL) /* who was resumed meanwhile has asked */
        turn_ask(loop);
}

static void loop_free(struct kevy_x_tls_loop *loop);

static void turn_comes(struct kevy_completion *completion, int result, uint32_t flags)
{
    struct kevy_x_tls_loop *loop = KEVY_CONTAINER_OF(completion, struct kevy_x_tls_loop, request);

    (void)result; /* a reactor may refuse the request, but it tells so in a turn, too */
    (void)flags;
    if (loop->refs == 0)
        loop_free(loop);
    else
        kevy_timer_start(&loop->timer, loop->reactor, 0, turn);
}

static void turn_ask(struct kevy_x_tls_loop *loop)
{
    if (kevy_completion_active(&loop->request) || kevy_timer_armed(&loop->timer))
        return;
    /* A slot that is left alone does nothing. Where there is none a later turn has to do. */
    if (kevy_completion_sqe(&loop->request) == NULL)
        kevy_timer_start(&loop->timer, loop->reactor, 1, turn);
}

bool tls_loop_admits(struct kevy_tls *tls)
{
    struct kevy_x_tls_loop *loop = tls->loop;

    assert(tls->state == TLS_HANDSHAKING && !tls_has(tls, TLS_WAITS | TLS_CONTINUES));
    if (loop->waiting.first == NULL && answers_left(loop, tls))
        return true;
    if (loop->waiting_count >= tls->setup->handshakes_waiting) {
        tls_count(tls->context, TLS_COUNT_SHED);
        tls_fail(tls, -ENOBUFS);
        return false;
    }
    tls_count(tls->context, TLS_COUNT_WAITED);
    queue_append(&loop->waiting, &tls->wait);
    loop->waiting_count++;
    tls_set(tls, TLS_WAITS);
    turn_ask(loop);
    return false;
}

void tls_loop_answered(struct kevy_tls *tls)
{
    (void)answers_left(tls->loop, tls); /* of this turn, not of the one before */
    tls->loop->answered++;
}

static void resumed_append(struct kevy_tls *tls)
{
    struct kevy_x_tls_loop *loop = tls->loop;

    assert(tls->state == TLS_OPEN);
    if (tls_has(tls, TLS_CONTINUES))
        return;
    queue_append(&loop->resumed, &tls->wait);
    loop->resumed_count++;
    tls_set(tls, TLS_CONTINUES);
}

void tls_loop_continue(struct kevy_tls *tls)
{
    resumed_append(tls);
    turn_ask(tls->loop);
}

static void memory_may_be_back(struct kevy_timer *timer)
{
    turn_ask(KEVY_CONTAINER_OF(timer, struct kevy_x_tls_loop, memory_timer));
}

void tls_loop_await_memory(struct kevy_tls *tls)
{
    struct kevy_x_tls_loop *loop = tls->loop;

    resumed_append(tls);
    if (kevy_timer_armed(&loop->memory_timer))
        return;
    kevy_timer_start(&loop->memory_timer, loop->reactor, loop->memory_wait_ns, memory_may_be_back);
    if (loop->memory_wait_ns < WAIT_MOST_NS)
        loop->memory_wait_ns *= 2;
}

static void ending_look(struct kevy_timer *timer)
{
    struct kevy_x_tls_loop *loop = KEVY_CONTAINER_OF(timer, struct kevy_x_tls_loop, ending_timer);

    for (struct kevy_x_waiter *waiter = loop->ending.first, *next; waiter != NULL; waiter = next) {
        next = waiter->next;
        if (tls_ending_over(tls_of_waiter(waiter)))
            tls_loop_unlink(tls_of_waiter(waiter));
    }
    if (loop->ending_wait_ns < WAIT_MOST_NS)
        loop->ending_wait_ns *= 2;
    if (loop->ending.first != NULL)
        kevy_timer_start(&loop->ending_timer, loop->reactor, loop->ending_wait_ns, ending_look);
}

void tls_loop_end(struct kevy_tls *tls)
{
    struct kevy_x_tls_loop *loop = tls->loop;

    assert(tls->state == TLS_CLOSING);
    tls_ending_begin(tls);
    queue_append(&loop->ending, &tls->wait);
    tls_set(tls, TLS_ENDS);
    /* Not again if it is soon in any case: it would never fire where many connections end. */
    if (kevy_timer_armed(&loop->ending_timer) && loop->ending_wait_ns == WAIT_LEAST_NS)
        return;
    loop->ending_wait_ns = WAIT_LEAST_NS;
    kevy_timer_start(&loop->ending_timer, loop->reactor, loop->ending_wait_ns, ending_look);
}

static struct kevy_x_tls_loop *loop_find(struct kevy_tls_context *context,
                                         struct kevy_reactor *reactor)
{
    struct kevy_x_tls_loop *loop = context->loops;

    while (loop != NULL && loop->reactor != reactor)
        loop = loop->next;
    return loop;
}

static struct kevy_x_tls_loop *loop_make(struct kevy_tls_context *context,
                                         struct kevy_reactor *reactor)
{
    struct kevy_x_tls_loop *loop = calloc(1, sizeof *loop);

    if (loop == NULL)
        return NULL;
    loop->context = context;
    loop->reactor = reactor;
    loop->memory_wait_ns = WAIT_LEAST_NS;
    kevy_completion_init(&loop->request, reactor, turn_comes);
    loop->next = context->loops;
    context->loops = loop;
    return loop;
}

/* Takes the loop from its context, and gives back the reference to that. */
static void loop_free(struct kevy_x_tls_loop *loop)
{
    struct kevy_tls_context *context = loop->context;
    struct kevy_x_tls_loop **link = &context->loops;

    assert(loop->refs == 0 && loop->waiting.first == NULL && loop->resumed.first == NULL);
    assert(loop->ending.first == NULL);
    pthread_mutex_lock(&context->lock);
    while (*link != loop)
        link = &(*link)->next;
    *link = loop->next;
    pthread_mutex_unlock(&context->lock);
    kevy_timer_stop(&loop->timer);
    kevy_timer_stop(&loop->memory_timer);
    kevy_timer_stop(&loop->ending_timer);
    free(loop);
    tls_context_release(context);
}

/* The lock is for the list: a loop itself is one thread's. */
bool tls_loop_enter(struct kevy_tls *tls)
{
    struct kevy_tls_context *context = tls->context;
    struct kevy_reactor *reactor = kevy_tls_reactor(tls);
    struct kevy_x_tls_loop *loop;
    bool made = false;

    pthread_mutex_lock(&context->lock);
    loop = loop_find(context, reactor);
    if (loop == NULL) {
        loop = loop_make(context, reactor);
        made = loop != NULL;
    }
    pthread_mutex_unlock(&context->lock);
    if (loop == NULL)
        return false;
    if (made)
        tls_context_keep(context);
    loop->refs++;
    tls->loop = loop;
    return true;
}

void tls_loop_leave(struct kevy_tls *tls)
{
    struct kevy_x_tls_loop *loop = tls->loop;

    if (loop == NULL)
        return;
    tls_loop_unlink(tls);
    tls->loop = NULL;
    assert(loop->refs > 0);
    if (--loop->refs == 0 && !kevy_completion_active(&loop->request))
        loop_free(loop);
}

#endif /* KEVY_RING_SUPPORTED */
