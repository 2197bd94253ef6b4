/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* What last callbacks start while the reactor is being destroyed ends as well, or is forgotten. */

#include "reactor_test.h"

#include <fcntl.h>
#include <poll.h>

static struct kevy_timer reconnect, neighbour;
static struct kevy_completion polling;
static struct kevy_workers *workers;
static struct kevy_work work;
static struct probe probes[2];
static unsigned fired, reports;
static int pipes[2];
static bool begun;
static void (*then)(void); /* in the last callback of the poll */

static void destroy(uint32_t left)
{
    ck_assert_uint_eq(kevy_reactor_destroy(reactor), left);
    reactor = NULL;
}

static void fire(struct kevy_timer *timer)
{
    (void)timer;
    fired++;
}

static void reconnect_later(struct probe *probe, int reason)
{
    ck_assert_ptr_eq(probe, &probes[0]);
    ck_assert_int_eq(reason, -ECANCELED);
    kevy_timer_start(&reconnect, reactor, KEVY_SECONDS(1), fire);
    kevy_timer_start(&neighbour, reactor, KEVY_SECONDS(1), fire);
}

START_TEST(a_timer_started_in_a_last_callback_is_forgotten_too)
{
    probe_tcp(&probes[0], &probe_events);
    probes[0].on_close = reconnect_later;
    turn_now();
    destroy(1);
    ck_assert(!kevy_timer_armed(&reconnect));
    kevy_timer_stop(&reconnect); /* touches nothing of the reactor that was */
    ck_assert_uint_eq(fired, 0);
    probe_peer_close(&probes[0]);
    reactor_setup();
}
END_TEST

static void polled(struct kevy_completion *completion, int result, uint32_t flags)
{
    (void)flags;
    ck_assert(!kevy_completion_active(completion));
    ck_assert_int_eq(result, -ECANCELED);
    then();
}

static void poll_start(void)
{
    ck_assert_int_eq(pipe2(pipes, O_CLOEXEC), 0);
    kevy_completion_init(&polling, reactor, polled);
    kevy_prep_poll(kevy_completion_sqe(&polling), pipes[0], POLLIN);
    turn_now();
}

static void poll_end(void)
{
    close(pipes[0]);
    close(pipes[1]);
    reactor_setup();
}

static void adopt(void)
{
    probe_tcp(&probes[1], &probe_events);
}

START_TEST(a_stream_started_by_a_cancelled_completion_ends_as_well)
{
    poll_start();
    then = adopt;
    destroy(0);
    ck_assert_str_eq(probes[1].log, "c");
    ck_assert_int_eq(probes[1].reason, -ECANCELED);
    probe_peer_close(&probes[1]);
    poll_end();
}
END_TEST

static int work_run(struct kevy_work *done)
{
    (void)done;
    usleep(1000); /* the loop has to be asleep by now, and woken */
    return 7;
}

static void work_done(struct kevy_work *done, int result)
{
    (void)done;
    ck_assert(result == 7 || result == -ECANCELED);
    reports++;
}

static void submit(void)
{
    work = (struct kevy_work){.run = work_run, .done = work_done};
    ck_assert_int_eq(kevy_work_submit(&work, workers, reactor), 0);
}

START_TEST(work_submitted_by_a_cancelled_completion_is_reported)
{
    ck_assert_int_eq(kevy_workers_create(&workers, NULL), 0);
    poll_start();
    then = submit;
    destroy(0);
    ck_assert_uint_eq(reports, 1);
    kevy_workers_destroy(workers);
    poll_end();
}
END_TEST

/* Runs until a deadline of a millisecond is long past. */
static int work_long(struct kevy_work *submitted)
{
    (void)submitted;
    __atomic_store_n(&begun, true, __ATOMIC_RELEASE);
    clock_pass(clock_ns() + KEVY_MILLISECONDS(20));
    return 7;
}

static void count_turn(struct kevy_reactor *owner, void *context)
{
    (void)owner;
    ++*(unsigned *)context;
}

START_TEST(destroying_sleeps_while_it_waits_whatever_deadlines_there_were)
{
    unsigned counted = 0;

    reactor_setup_with(
        &(struct kevy_reactor_options){.before_wait = count_turn, .context = &counted});
    ck_assert_int_eq(kevy_workers_create(&workers, NULL), 0);
    probe_tcp(&probes[0], &probe_events);
    turn_now();
    kevy_stream_set_deadline(&probes[0].stream, KEVY_DEADLINE_IDLE, KEVY_MILLISECONDS(1));
    work = (struct kevy_work){.run = work_long, .done = work_done};
    ck_assert_int_eq(kevy_work_submit(&work, workers, reactor), 0);
    while (!__atomic_load_n(&begun, __ATOMIC_ACQUIRE))
        continue;
    destroy(2);
    ck_assert_uint_eq(reports, 1);
    ck_assert_uint_lt(counted, 50);
    kevy_workers_destroy(workers);
    probe_peer_close(&probes[0]);
    reactor_setup();
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("destroy");
    TCase *destroying = tcase_create("destroying");

    tcase_add_checked_fixture(destroying, reactor_setup, reactor_teardown);
    tcase_set_timeout(destroying, 10);
    tcase_add_test(destroying, a_timer_started_in_a_last_callback_is_forgotten_too);
    tcase_add_test(destroying, a_stream_started_by_a_cancelled_completion_ends_as_well);
    tcase_add_test(destroying, work_submitted_by_a_cancelled_completion_is_reported);
    tcase_add_test(destroying, destroying_sleeps_while_it_waits_whatever_deadlines_there_were);
    suite_add_tcase(suite, destroying);
    return suite;
}
