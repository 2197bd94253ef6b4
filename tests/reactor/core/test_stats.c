/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* What a reactor counts: each figure against a run in which its value is known. */

#include "reactor_test.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <pthread.h>

enum {
    STREAMS = 10,
};

static struct probe probes[STREAMS];
static struct kevy_buffer kept[STREAMS];
static unsigned kept_count;

static void abort_all(unsigned count)
{
    for (unsigned index = 0; index < count; index++)
        QUIETLY(kevy_stream_abort(&probes[index].stream));
    for (unsigned index = 0; index < count; index++)
        probe_finish(&probes[index]);
}

static void nothing_run(struct kevy_task *task, struct kevy_reactor *owner)
{
    (void)task;
    (void)owner;
}

static void nothing_fire(struct kevy_timer *timer)
{
    (void)timer;
}

START_TEST(the_counters_count_what_happened_and_no_more)
{
    struct kevy_timer timer = {0};
    struct kevy_task deferred = {.run = nothing_run}, posted = {.run = nothing_run};
    struct kevy_reactor_stats before, after;
    uint64_t turned = 0;

    probe_tcp(&probes[0], &probe_events);
    probes[0].echo = true;
    turns(5);
    before = stats_now();
    ck_assert_uint_eq(before.objects, 1);
    ck_assert_uint_eq(before.operations, 1); /* the receive that is armed */
    peer_write_text(probes[0].peer, "x");
    kevy_timer_start(&timer, reactor, 0, nothing_fire);
    kevy_reactor_defer(reactor, &deferred);
    kevy_reactor_post(reactor, &posted);
    for (char byte = 0; peer_read(probes[0].peer, &byte, 1) != 1; turned++)
        turn_now();
    for (; turned < 100; turned++)
        turn_now();
    after = stats_now();
    ck_assert_uint_eq(after.turns - before.turns, turned);
    /* One a turn, and one that looks for what has happened before the timer fires. */
    ck_assert_uint_eq(after.enters - before.enters, turned + 1);
    ck_assert_uint_eq(after.submissions - before.submissions, 1); /* the send */
    ck_assert_uint_eq(after.completions - before.completions, 2); /* and what it answers */
    ck_assert_uint_eq(after.timers_fired - before.timers_fired, 1);
    ck_assert_uint_eq(after.tasks_run - before.tasks_run, 2);
    ck_assert_uint_eq(after.overflows + after.submit_retries + after.starvations + after.copies, 0);
    ck_assert_uint_eq(after.wakes, 0);
    abort_all(1);
    ck_assert_uint_eq(stats_now().objects, 0);
}
END_TEST

static void keep(struct probe *keeping, struct kevy_buffer *buffer)
{
    (void)keeping;
    QUIETLY(ck_assert_int_eq(kevy_buffer_retain(buffer, &kept[kept_count++]), 0));
}

START_TEST(the_least_that_the_pool_had_left_is_remembered)
{
    for (unsigned index = 0; index < STREAMS; index++) {
        probe_tcp(&probes[index], &probe_events);
        probes[index].on_read = keep;
        peer_write_text(probes[index].peer, "x");
    }
    TURN_UNTIL(kept_count == STREAMS);
    ck_assert_uint_eq(stats_now().buffers_lent, STREAMS);
    while (kept_count > 0)
        kevy_buffer_release(&kept[--kept_count]);
    turn_now();
    ck_assert_uint_eq(stats_now().buffers_lent, 0);
    ck_assert_uint_eq(stats_now().buffers_lent_peak, STREAMS);
    abort_all(STREAMS);
}
END_TEST

static void busy_run(struct kevy_task *task, struct kevy_reactor *owner)
{
    (void)task;
    (void)owner;
    clock_pass(clock_ns() + KEVY_MILLISECONDS(5));
}

START_TEST(the_longest_turn_is_measured_where_asked_for_and_no_wait_is_part_of_it)
{
    struct kevy_task task = {.run = busy_run};
    uint64_t began_ns, waited_ns = KEVY_MILLISECONDS(50);

    kevy_reactor_defer(reactor, &task);
    turns(3);
    ck_assert_uint_eq(stats_now().turn_longest_ns, 0); /* nobody asked */
    reactor_setup_with(&(struct kevy_reactor_options){.measure_turns = true});
    began_ns = clock_ns();
    ck_assert_int_eq(kevy_reactor_run_once(reactor, waited_ns), 0);
    kevy_reactor_defer(reactor, &task);
    turns(3);
    ck_assert_uint_ge(stats_now().turn_longest_ns, KEVY_MILLISECONDS(5));
    ck_assert_uint_le(stats_now().turn_longest_ns, clock_ns() - began_ns - waited_ns);
}
END_TEST

/* An allocator that counts, and refuses when told to. */
struct tally {
    size_t blocks, bytes, calls;
    size_t refused; /* the call that is refused, counted from 1; 0: none */
    bool refuse;    /* all of them */
};

static pthread_t loop_thread;
static bool called_elsewhere;

static void thread_note(void)
{
    if (!pthread_equal(pthread_self(), loop_thread))
        called_elsewhere = true;
}

static void *tally_allocate(void *context, size_t size)
{
    struct tally *tally = context;
    void *memory = NULL;

    thread_note();
    tally->calls++;
    if (!tally->refuse && tally->calls != tally->refused)
        memory = malloc(size);
    tally->blocks += memory != NULL;
    tally->bytes += memory != NULL ? size : 0;
    return memory;
}

static void tally_release(void *context, void *memory, size_t size)
{
    struct tally *tally = context;

    thread_note();
    tally->blocks--;
    tally->bytes -= size;
    free(memory);
}

static struct tally tally;
static const struct kevy_allocator allocator = {tally_allocate, tally_release, &tally};

static void tally_setup(size_t memory_limit)
{
    loop_thread = pthread_self();
    reactor_setup_with(
        &(struct kevy_reactor_options){.allocator = &allocator, .memory_limit = memory_limit});
}

static void tally_teardown(void)
{
    reactor_teardown();
    ck_assert_uint_eq(tally.blocks, 0);
    ck_assert_uint_eq(tally.bytes, 0);
    ck_assert(!called_elsewhere);
}

START_TEST(what_comes_from_the_allocator_goes_back_to_it)
{
    static const char text[30000];

    tally_setup(0);
    ck_assert_uint_gt(tally.blocks, 0);
    probe_tcp(&probes[0], &probe_events);
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&probes[0].stream, text, sizeof text), 0));
    abort_all(1);
    tally_teardown();
}
END_TEST

/* What malloc(3) has given out in all; nothing where it does not say. */
static size_t malloc_bytes(void)
{
#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 33)
    return mallinfo2().uordblks;
#else
    return 0;
#endif
}

/* An allocator that is not malloc(3). */
static _Alignas(64) uint8_t store[4 << 20];
static size_t stored;

static void *store_allocate(void *context, size_t size)
{
    void *memory = store + stored;

    (void)context;
    if (size > sizeof store - stored)
        return NULL;
    stored += (size + 63) / 64 * 64;
    return memory;
}

static void store_release(void *context, void *memory, size_t size)
{
    (void)context;
    (void)memory;
    (void)size;
}

START_TEST(nothing_comes_from_malloc_where_there_is_an_allocator)
{
    static const struct kevy_allocator own = {store_allocate, store_release, NULL};
    static const char text[30000];
    struct kevy_reactor *other;
    size_t before = malloc_bytes();
    int fd;

    ck_assert_int_eq(kevy_reactor_create(&other, &(struct kevy_reactor_options){.allocator = &own}),
                     0);
    probe_init(&probes[0], &probe_events);
    tcp_pair(&fd, &probes[0].peer);
    ck_assert_int_eq(kevy_stream_adopt(&probes[0].stream, other, fd), 0);
    ck_assert_int_eq(kevy_stream_send(&probes[0].stream, text, sizeof text), 0);
    ck_assert_int_eq(kevy_reactor_run_once(other, 0), 1);
    ck_assert_uint_gt(stored, sizeof text);
    ck_assert_uint_eq(malloc_bytes(), before);
    ck_assert_uint_eq(kevy_reactor_destroy(other), 1);
    close(probes[0].peer);
}
END_TEST

START_TEST(an_allocator_that_refuses_fails_creation_and_leaves_nothing)
{
    struct kevy_reactor *other = NULL;

    tally.refuse = true;
    ck_assert_int_eq(
        kevy_reactor_create(&other, &(struct kevy_reactor_options){.allocator = &allocator}),
        -ENOMEM);
    ck_assert_ptr_null(other);
    ck_assert_uint_eq(tally.blocks, 0);
    tally.refuse = false;
}
END_TEST

START_TEST(creation_fails_cleanly_at_every_allocation)
{
    struct kevy_reactor *other = NULL;
    int descriptors = support_fd_count();
    size_t nth = 0;
    int error;

    do {
        tally.calls = 0;
        tally.refused = ++nth;
        error =
            kevy_reactor_create(&other, &(struct kevy_reactor_options){.allocator = &allocator});
        ck_assert(error == -ENOMEM || tally.calls < nth);
        if (error == 0)
            ck_assert_uint_eq(kevy_reactor_destroy(other), 0);
        ck_assert_uint_eq(tally.blocks, 0);
        ck_assert_int_eq(support_fd_count(), descriptors);
    } while (error != 0);
    ck_assert_uint_gt(nth, 3);
    tally.refused = 0;
}
END_TEST

static struct kevy_work works[STREAMS];
static struct kevy_lookup lookups[STREAMS];
static unsigned ended;

static int work_run(struct kevy_work *work)
{
    (void)work;
    return 0;
}

static void work_done(struct kevy_work *work, int result)
{
    (void)work;
    (void)result;
    ended++;
}

static void lookup_done(struct kevy_lookup *lookup, int result)
{
    (void)result;
    kevy_lookup_release(lookup);
    ended++;
}

static struct kevy_task posted_task;

static void *post(void *context)
{
    (void)context;
    posted_task.run = nothing_run;
    kevy_reactor_post(reactor, &posted_task);
    return NULL;
}

/* What other threads work on, for whom the user's allocator would have to be made. */
START_TEST(the_allocator_is_called_on_the_thread_of_the_loop_alone)
{
    struct kevy_resolver resolver = {0};
    struct kevy_workers *workers;
    struct kevy_lookup_options options = {
        .resolver = &resolver, .host = "127.0.0.1", .service = "80", .done = lookup_done};
    pthread_t poster;
    size_t calls;

    tally_setup(0);
    calls = tally.calls;
    ck_assert_int_eq(kevy_workers_create(&workers, NULL), 0);
    ck_assert_int_eq(kevy_resolver_open(&resolver, NULL), 0);
    ck_assert_int_eq(pthread_create(&poster, NULL, post, NULL), 0);
    for (unsigned index = 0; index < STREAMS; index++) {
        works[index] = (struct kevy_work){.run = work_run, .done = work_done};
        ck_assert_int_eq(kevy_work_submit(&works[index], workers, reactor), 0);
        ck_assert_int_eq(kevy_lookup_start(&lookups[index], reactor, &options), 0);
    }
    for (unsigned index = 0; index < STREAMS; index += 2)
        QUIETLY(kevy_lookup_cancel(&lookups[index])); /* its query is left to the worker */
    TURN_UNTIL(ended == 2 * STREAMS);
    ck_assert_int_eq(pthread_join(poster, NULL), 0);
    TURN_UNTIL(stats_now().tasks_run > 0);
    kevy_workers_destroy(workers);
    kevy_resolver_close(&resolver);
    ck_assert_uint_eq(tally.calls, calls);
    tally_teardown();
}
END_TEST

START_TEST(an_echo_allocates_nothing_after_creation)
{
    size_t calls;

    tally_setup(0);
    calls = tally.calls;
    probe_tcp(&probes[0], &probe_events);
    probes[0].echo = true;
    for (unsigned round = 0; round < 1000; round++) {
        peer_write_text(probes[0].peer, "hello");
        peer_expect_text(probes[0].peer, "hello");
    }
    ck_assert_uint_eq(tally.calls, calls);
    ck_assert_uint_eq(stats_now().memory_peak, 0);
    abort_all(1);
    tally_teardown();
}
END_TEST

START_TEST(growth_ends_at_the_limit_and_is_told)
{
    static const char text[3000];
    size_t limit = 300000, bytes;
    int error = 0;

    tally_setup(limit);
    bytes = tally.bytes;
    probe_small(&probes[0], &probe_events);
    kevy_stream_set_watermarks(&probes[0].stream, 1, 1 << 30);
    turn_now();
    ck_assert_uint_eq(stats_now().memory, 0);
    for (unsigned count = 0; error == 0 && count < 1000; count++)
        QUIETLY(error = kevy_stream_send(&probes[0].stream, text, sizeof text));
    ck_assert_int_eq(error, -ENOBUFS);
    ck_assert_uint_gt(stats_now().memory, limit / 2);
    ck_assert_uint_le(stats_now().memory, limit);
    ck_assert_uint_eq(stats_now().memory, tally.bytes - bytes);
    ck_assert_uint_eq(stats_now().memory_peak, stats_now().memory);
    ck_assert_uint_gt(stats_now().memory_failures, 0);
    ck_assert(!probes[0].closed);
    abort_all(1);
    tally_teardown();
}
END_TEST

START_TEST(a_system_without_memory_refuses_the_write_and_is_told)
{
    static const char text[3000];

    tally_setup(0);
    probe_tcp(&probes[0], &probe_events);
    turn_now();
    tally.refuse = true;
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&probes[0].stream, text, sizeof text), -ENOBUFS));
    ck_assert_uint_eq(stats_now().memory_failures, 1);
    tally.refuse = false;
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&probes[0].stream, text, sizeof text), 0));
    peer_expect(probes[0].peer, text, sizeof text);
    abort_all(1);
    tally_teardown();
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("stats");
    TCase *counters = tcase_create("counters");
    TCase *memory = tcase_create("memory");

    tcase_add_checked_fixture(counters, reactor_setup, reactor_teardown);
    tcase_add_test(counters, the_counters_count_what_happened_and_no_more);
    tcase_add_test(counters, the_least_that_the_pool_had_left_is_remembered);
    tcase_add_test(counters,
                   the_longest_turn_is_measured_where_asked_for_and_no_wait_is_part_of_it);
    suite_add_tcase(suite, counters);
    tcase_add_test(memory, what_comes_from_the_allocator_goes_back_to_it);
    tcase_add_test(memory, nothing_comes_from_malloc_where_there_is_an_allocator);
    tcase_add_test(memory, an_allocator_that_refuses_fails_creation_and_leaves_nothing);
    tcase_add_test(memory, creation_fails_cleanly_at_every_allocation);
    tcase_add_test(memory, the_allocator_is_called_on_the_thread_of_the_loop_alone);
    tcase_add_test(memory, an_echo_allocates_nothing_after_creation);
    tcase_add_test(memory, growth_ends_at_the_limit_and_is_told);
    tcase_add_test(memory, a_system_without_memory_refuses_the_write_and_is_told);
    suite_add_tcase(suite, memory);
    return suite;
}
