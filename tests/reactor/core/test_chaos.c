/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * Hundreds of streams, and from within every callback calls at random, on whatever is there: the
 * streams themselves, listeners, connects, timers, tasks and completions. At some moment all of it
 * is left in peace, drained or destroyed. Beside what the fixture checks,
 *
 *     - what arrives is what was sent, by whichever kind of write, from the first byte on,
 *     - a clean end comes only after the last byte that a write accepted,
 *     - callbacks come in their order, none of them after close but what close waits for, no read
 *       while paused, and the last one comes once,
 *     - every write, range and kept buffer comes back, before the last callback,
 *     - in peace everything that was accepted arrives: nobody is forgotten in a queue.
 *
 * Who holds whom back is kept free of circles, which nobody could resolve: a stream is held back
 * only by a queue whose peer has a higher number. With odd seeds the kernel refuses enters or cuts
 * batches short. Memory is freed in the last callback, for AddressSanitizer to see who comes late.
 */

#include "chaos_streams.h"

#include "fault_kernel.h"

#include <signal.h>
#include <sys/mman.h>

static unsigned visited;

static void visit(const char *kind, void *object, void *context)
{
    ck_assert_ptr_nonnull(kind);
    ck_assert_ptr_nonnull(object);
    (void)context;
    visited++;
}

static void some_look(unsigned index)
{
    (void)index;
    visited = 0;
    kevy_reactor_for_each_object(reactor, visit, NULL);
    ck_assert_uint_eq(visited, stats_now().objects);
}

static void fire(struct kevy_timer *timer)
{
    ck_assert_uint_eq(quiet_depth, 0);
    if (below(2))
        QUIETLY(kevy_timer_stop(timer));
    monkey(NULL);
}

static void some_timer(unsigned index)
{
    struct kevy_timer *timer = &timers[index];
    uint64_t ns = below(2) ? below(KEVY_MILLISECONDS(20)) : below(3);

    if (below(3) == 0)
        QUIETLY(kevy_timer_stop(timer));
    else if (below(2))
        QUIETLY(kevy_timer_start_periodic(timer, reactor, ns + KEVY_MILLISECONDS(1), fire));
    else
        QUIETLY(kevy_timer_start(timer, reactor, ns, fire));
}

static void run(struct kevy_task *task, struct kevy_reactor *owner)
{
    ck_assert_uint_eq(quiet_depth, 0);
    ck_assert_ptr_eq(owner, reactor);
    tasks_out[task - tasks] = false;
    monkey(NULL);
}

static void some_task(unsigned index)
{
    if (tasks_out[index])
        return;
    tasks_out[index] = true;
    tasks[index].run = run;
    if (below(2))
        QUIETLY(kevy_reactor_post(reactor, &tasks[index]));
    else
        QUIETLY(kevy_reactor_defer(reactor, &tasks[index]));
}

static void completed(struct kevy_completion *completion, int result, uint32_t flags)
{
    unsigned index = (unsigned)(completion - completions);

    (void)flags;
    ck_assert_uint_eq(quiet_depth, 0);
    ck_assert(result == 0 || result == -ECANCELED || result == -ETIMEDOUT);
    QUIETLY(kevy_completion_timeout_stop(&limits[index]));
    monkey(NULL);
}

static void some_completion(unsigned index)
{
    struct kevy_completion *completion = &completions[index];
    struct kevy_sqe *sqe;

    if (kevy_completion_active(completion)) {
        QUIETLY((void)kevy_completion_cancel(completion));
        return;
    }
    kevy_completion_init(completion, reactor, completed);
    sqe = kevy_completion_sqe(completion);
    if (sqe == NULL || below(2))
        return; /* a NOP */
    kevy_prep_poll(sqe, silent[0], 1);
    QUIETLY(kevy_completion_timeout_start(&limits[index], completion, below(KEVY_MILLISECONDS(9))));
}

static unsigned number_free(void)
{
    unsigned number = (unsigned)below(ENDS);

    for (unsigned count = 0; count < ENDS; count++, number = (number + 1) % ENDS)
        if (ends[number] == NULL)
            return number;
    return ENDS;
}

static void some_spawn(unsigned index)
{
    unsigned one = number_free(), other;

    (void)index;
    if (peaceful || one == ENDS || alive >= ENDS - 20 || kevy_reactor_finishing(reactor))
        return;
    if (below(3) == 0) {
        connect_make(one);
        return;
    }
    do
        other = number_free();
    while (other == one);
    pair_make(one, other);
}

static struct kevy_stream *on_accept(struct kevy_listener *listener)
{
    unsigned number = number_free();

    ck_assert_uint_eq(quiet_depth, 0);
    if (below(8) == 0)
        QUIETLY(kevy_listener_pause(listener));
    if (below(8) == 0 || number == ENDS)
        return NULL;
    return &end_make(number, WAY_ACCEPTED)->stream;
}

static void on_state(struct kevy_listener *listener, int error)
{
    (void)listener;
    (void)error;
    ck_assert_uint_eq(quiet_depth, 0);
    monkey(NULL);
}

static void on_listener_close(struct kevy_listener *listener)
{
    ck_assert_uint_eq(quiet_depth, 0);
    listening[listener - listeners] = false;
    memset(listener, 0xA5, sizeof *listener);
    monkey(NULL);
}

static void listener_open(unsigned index)
{
    struct kevy_listener_options options = {.address = "127.0.0.1",
                                            .port = ntohs(addresses[index].sin_port),
                                            .connections_max = below(2) ? 0 : 3,
                                            .accept = on_accept,
                                            .stalled = on_state,
                                            .close = on_listener_close};
    int error;

    memset(&listeners[index], 0, sizeof listeners[index]);
    QUIETLY(error = kevy_listener_open(&listeners[index], reactor, &options));
    if (error == -EADDRINUSE)
        return; /* somebody connects from there */
    ck_assert_int_eq(error, 0);
    listening[index] = true;
    addresses[index].sin_family = AF_INET;
    addresses[index].sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    addresses[index].sin_port = htons(kevy_listener_port(&listeners[index]));
}

static void some_listener(unsigned index)
{
    index %= LISTENERS;
    if (!listening[index] && !kevy_reactor_finishing(reactor))
        listener_open(index);
    else if (listening[index] && below(20) == 0)
        QUIETLY(kevy_listener_close(&listeners[index]));
    else if (listening[index] && below(3) == 0)
        QUIETLY(kevy_listener_pause(&listeners[index]));
    else if (listening[index])
        QUIETLY(kevy_listener_resume(&listeners[index]));
}

/* Calls on everything else. */
static void (*const other_calls[])(unsigned index) = {
    some_look, some_timer, some_task, some_completion, some_spawn, some_spawn, some_listener,
};

static void call_one(struct end *end)
{
    if (end->connecting)
        do_connect_cancel(end); /* its stream is not in use yet */
    else
        calls[below(sizeof calls / sizeof calls[0])](end);
}

/* A few calls, on the stream whose callback this is as often as on others. None calls back, so
 * nobody dies of them. */
static void monkey(struct end *self)
{
    for (uint64_t count = peaceful ? 0 : below(4); count > 0; count--) {
        struct end *end = self != NULL && below(2) ? self : any();

        if (below(4) == 0)
            other_calls[below(sizeof other_calls / sizeof other_calls[0])]((unsigned)below(SMALL));
        else if (end != NULL)
            call_one(end);
    }
}

static void hook(struct kevy_reactor *owner, void *context)
{
    (void)owner;
    (void)context;
    ck_assert_uint_eq(quiet_depth, 0);
    if (below(4) == 0)
        monkey(NULL);
}

/* Every other world is one without runs and absolute limits: before 6.12. */
static void kernel_choose(void)
{
    static const uint32_t newer = KEVY_FEAT_RECVSEND_BUNDLE | KEVY_FEAT_MIN_TIMEOUT;

    fault_kernel_set(&(struct fault_kernel){.setup_flags = UINT32_MAX,
                                            .features = below(2) ? UINT32_MAX : ~newer,
                                            .register_ops = UINT32_MAX});
}

/* Memory that is there for the creation, and after that every other time. */
static void *maybe_allocate(void *context, size_t size)
{
    (void)context;
    return reactor != NULL && below(2) ? NULL : malloc(size);
}

static void maybe_release(void *context, void *memory, size_t size)
{
    (void)context;
    memset(memory, 0xA5, size);
    free(memory);
}

static const struct kevy_allocator maybe = {maybe_allocate, maybe_release, NULL};

static void world_make(void)
{
    struct kevy_reactor_options options = {
        .sq_entries = 1U << below(10),
        .cq_entries = 1U << below(12),
        .turn_completions = 1U << below(11),
        .buffer_size = 256U << below(6),
        .buffer_count = 1U << below(9),
        .memory_limit = (size_t)1000000 << below(7),
        .zero_copy_minimum = 20000,
        .allocator = below(3) ? NULL : &maybe,
        .before_wait = below(2) ? hook : NULL,
        .after_wait = below(2) ? hook : NULL,
    };

    (void)signal(SIGPIPE, SIG_IGN);
    kernel_choose();
    reactor_setup_with(&options);
    file = memfd_create("chaos", MFD_CLOEXEC);
    pattern_fill(bytes, sizeof bytes, seed, 0);
    ck_assert_int_eq(write(file, bytes, sizeof bytes), sizeof bytes);
    ck_assert_int_eq(pipe2(silent, O_CLOEXEC), 0);
    for (unsigned index = 0; index < LISTENERS; index++)
        listener_open(index);
}

static void kept_release(void)
{
    for (unsigned index = 0; index < KEPT; index++)
        kevy_buffer_release(&kept[index]);
}

static void small_end(void)
{
    for (unsigned index = 0; index < SMALL; index++) {
        kevy_timer_stop(&timers[index]);
        if (kevy_completion_active(&completions[index]))
            (void)kevy_completion_cancel(&completions[index]);
    }
}

/* Nothing on its way: all wires whose ends live are empty. */
static bool delivered(void)
{
    for (unsigned number = 0; number < ENDS; number++) {
        const struct end *end = ends[number];

        if (end == NULL || end->partner == NULL || end->closing || end->partner->closing)
            continue;
        if (!end->out->cut && wire_pending(end->out) != 0)
            return false;
    }
    return true;
}

/* Nobody pauses, ends or starts anything any more: what was accepted arrives. */
static void peace(void)
{
    peaceful = true;
    for (unsigned number = 0; number < ENDS; number++) {
        struct end *end = ends[number];

        if (end == NULL || end->connecting)
            continue;
        do_resume(end);
        for (int deadline = KEVY_DEADLINE_IDLE; deadline <= KEVY_DEADLINE_TOTAL; deadline++)
            QUIETLY(kevy_stream_set_deadline(&end->stream, (enum kevy_deadline)deadline, 0));
    }
    small_end();
    kept_release();
    TURN_UNTIL(delivered());
}

static void everything_close(bool patiently)
{
    for (unsigned number = 0; number < ENDS; number++) {
        struct end *end = ends[number];

        if (end == NULL)
            continue;
        if (end->connecting) {
            QUIETLY(kevy_connector_cancel(&end->connect));
            continue;
        }
        end->closing = true;
        if (!patiently)
            cut(end);
        if (patiently)
            QUIETLY(kevy_stream_close(&end->stream));
        else
            QUIETLY(kevy_stream_abort(&end->stream));
    }
    for (unsigned index = 0; index < LISTENERS; index++)
        if (listening[index])
            QUIETLY(kevy_listener_close(&listeners[index]));
}

static void refuse_something(void)
{
    static const int errors[] = {-EBUSY, -EAGAIN, -ENOMEM, -EINTR};

    if (below(2) == 0)
        fault_next(FAULT_ENTER, errors[below(4)], 1 + (uint32_t)below(3));
    else
        fault_submit_short((uint32_t)below(3));
}

static void end_in_peace(void)
{
    peace();
    everything_close(below(4) == 0);
    while (kevy_reactor_run_once(reactor, KEVY_SECONDS(1)) == 1)
        ;
    ck_assert_uint_eq(stats_now().objects, 0);
}

static void end_by_abort(void)
{
    everything_close(false);
    peaceful = true;
    small_end();
    while (kevy_reactor_run_once(reactor, KEVY_SECONDS(1)) == 1)
        small_end();
}

static void end_by_drain(void)
{
    QUIETLY(kevy_reactor_finish(reactor, below(KEVY_MILLISECONDS(50))));
    for (unsigned number = 0; number < ENDS; number++)
        if (ends[number] != NULL)
            cut(ends[number]);
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
    ck_assert_uint_eq(stats_now().objects, 0);
}

static void end_by_destroy(void)
{
    uint32_t left = stats_now().objects;

    for (unsigned number = 0; number < ENDS; number++)
        if (ends[number] != NULL)
            cut(ends[number]);
    kept_release();
    ck_assert_uint_eq(kevy_reactor_destroy(reactor), left);
    reactor = NULL;
    for (unsigned index = 0; index < SMALL; index++) {
        ck_assert(!kevy_timer_armed(&timers[index]));
        ck_assert(!kevy_completion_active(&completions[index]));
    }
}

static void (*const endings[4])(void) = {end_in_peace, end_by_abort, end_by_drain, end_by_destroy};

static void world_end(void)
{
    ck_assert_uint_eq(alive, 0);
    ck_assert(!listening[0] && !listening[1]);
    peaceful = true;
    kept_release();
    small_end();
    if (reactor != NULL)
        TURN_UNTIL(stats_now().operations == 0);
    for (unsigned index = 0; index <= connects; index++)
        meeting_end(&meetings[index]);
    close(file);
    close(silent[0]);
    close(silent[1]);
    if (reactor == NULL)
        reactor_setup();
}

START_TEST(whatever_is_called_from_whatever_callback_every_promise_is_kept)
{
    seed = (uint64_t)_i * 7919 + 1;
    world_make();
    for (unsigned step = 0; step < support_rounds(STEPS); step++) {
        if (alive < ENDS - 40)
            some_spawn(0);
        monkey(NULL);
        if (_i % 2 != 0 && below(10) == 0)
            refuse_something();
        turns((unsigned)below(3));
    }
    fault_reset();
    endings[_i / 2 % 4]();
    world_end();
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("chaos");
    TCase *seeds = tcase_create("seeds");

    reactor_kernel = fault_kernel();
    tcase_add_checked_fixture(seeds, reactor_setup, reactor_teardown);
    tcase_set_timeout(seeds, 60);
    tcase_add_loop_test(seeds, whatever_is_called_from_whatever_callback_every_promise_is_kept, 0,
                        SEEDS);
    suite_add_tcase(suite, seeds);
    return suite;
}
