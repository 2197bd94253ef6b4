/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What has happened comes before what is late, and nothing is early or late by itself: a loop that
 * stands still, streams that wait for a buffer or for their turn, timers that never rest. Virtual
 * time makes these statements exact.
 */
#include "crowd.h"

#include <errno.h>
#include <string.h>

#define LIMIT_NS KEVY_MILLISECONDS(100)
#define PAUSE_NS KEVY_MILLISECONDS(300)

enum { MANY = 60 };

static enum kevy_deadline kind;
static struct kevy_task task;
static bool slow;

static void limits_set(uint64_t limit_ns)
{
    for (unsigned index = 0; index < crowd.accepted; index++)
        kevy_stream_set_deadline(&crowd.seats[index].stream, kind, limit_ns);
}

static bool all_received(uint64_t count)
{
    for (unsigned index = 0; index < crowd.accepted; index++)
        if (crowd.seats[index].received < count)
            return false;
    return true;
}

static void too_late(struct kevy_stream *stream, enum kevy_deadline deadline)
{
    (void)deadline;
    kevy_sim_fail(crowd.sim, "a limit of stream %u passes, and its bytes are there",
                  (unsigned)(crowd_seat(stream) - crowd.seats));
}

/* It has what it waited for. Where the program is slow, the others wait for it. */
static void its_bytes(struct kevy_stream *stream, struct kevy_buffer *buffer)
{
    crowd_read(stream, buffer);
    kevy_stream_set_deadline(stream, kind, 0);
    if (slow)
        crowd_stand_still(2 * LIMIT_NS);
}

static void clients_send(unsigned length)
{
    static const uint8_t bytes[64];

    for (unsigned index = 0; index < crowd.count; index++)
        KEVY_SIM_CHECK(crowd.sim, kevy_sim_peer_write(&crowd.seats[index].peer, bytes, length) > 0);
}

static void pause_run(struct kevy_task *ran, struct kevy_reactor *reactor)
{
    (void)ran;
    (void)reactor;
    clients_send(1);
    crowd_stand_still(PAUSE_NS);
}

static const struct kevy_stream_events waiting_events = {
    .read = its_bytes, .timeout = too_late, .close = crowd_closed};

/* More streams than an enter brings completions for, and more than a turn handles. */
static void pause_in_a_task(struct kevy_sim *sim, uint32_t buffers)
{
    struct kevy_reactor_options options = {
        .turn_completions = 16, .buffer_size = 256, .buffer_count = buffers};

    kind = kevy_sim_one_in(sim, 2) ? KEVY_DEADLINE_IDLE : KEVY_DEADLINE_TOTAL;
    slow = false;
    crowd_open(sim, &options, &waiting_events);
    crowd_join(MANY);
    limits_set(LIMIT_NS);
    task.run = pause_run;
    kevy_reactor_defer(crowd.reactor, &task);
    while (!all_received(1))
        crowd_turns(1);
    crowd_close();
}

static void after_a_pause(struct kevy_sim *sim)
{
    pause_in_a_task(sim, 256);
}

START_TEST(a_pause_of_the_loop_ends_no_stream_whose_bytes_are_there)
{
    sim_passes_on(after_a_pause, 10, _i == 1);
}
END_TEST

static void after_a_pause_with_few_buffers(struct kevy_sim *sim)
{
    pause_in_a_task(sim, 16);
}

START_TEST(few_buffers_are_no_reason_for_a_timeout_after_a_pause)
{
    sim_passes_on(after_a_pause_with_few_buffers, 10, _i == 1);
}
END_TEST

/* Each callback takes longer than the limit of the others, who wait for a buffer. */
static void slow_callbacks(struct kevy_sim *sim)
{
    struct kevy_reactor_options options = {.buffer_size = 64,
                                           .buffer_count = 1U << kevy_sim_below(sim, 4)};

    kind = kevy_sim_one_in(sim, 2) ? KEVY_DEADLINE_IDLE : KEVY_DEADLINE_TOTAL;
    slow = true;
    crowd_open(sim, &options, &waiting_events);
    crowd_join(20);
    clients_send(1);
    limits_set(LIMIT_NS);
    crowd_run(KEVY_MILLISECONDS(10));
    while (!all_received(1))
        crowd_turns(1);
    crowd_close();
}

START_TEST(a_stream_that_waits_for_a_buffer_is_not_late)
{
    sim_passes_on(slow_callbacks, 20, _i == 1);
}
END_TEST

/* An idle limit that passes while bytes wait is the reactor's doing. */
static void not_while_bytes_wait(struct kevy_stream *stream, enum kevy_deadline deadline)
{
    KEVY_SIM_CHECK(crowd.sim, !crowd_bytes_wait(crowd_seat(stream)));
    (void)deadline;
}

static const struct kevy_stream_events bulk_events = {
    .read = crowd_read, .timeout = not_while_bytes_wait, .close = crowd_closed};

static void floods_set(bool floods)
{
    for (unsigned index = 0; index < crowd.count; index++) {
        crowd.seats[index].floods = floods;
        kevy_sim_peer_wake(&crowd.seats[index].peer);
    }
}

/* More comes from each than a recv takes at once, so that they take turns: not so many that they
 * would run out of buffers. The loop stands still when some of them wait. */
static void bulk_pauses(struct kevy_sim *sim)
{
    struct kevy_reactor_options options = {.buffer_size = 64, .buffer_count = 256};

    kind = KEVY_DEADLINE_IDLE;
    crowd_open(sim, &options, &bulk_events);
    crowd_join(6);
    for (unsigned pause = 0; pause < 20; pause++) {
        floods_set(true);
        crowd_stand_still(KEVY_MILLISECONDS(50));
        floods_set(false);
        crowd_turns(1 + (unsigned)kevy_sim_below(sim, 6));
        limits_set(LIMIT_NS);
        crowd_stand_still(PAUSE_NS);
        crowd_turns(3);
        limits_set(0);
    }
    crowd_close();
}

START_TEST(a_stream_that_waits_for_its_turn_is_not_idle)
{
    const struct kevy_sim_options options = {
        .test = bulk_pauses, .seed = 1, .seeds = 20, .linux_minor = _i == 0 ? 18 : 6};

    ck_assert_int_eq(kevy_sim_run(&options, NULL), 0);
}
END_TEST

/* ---- Two kinds that wait for one buffer ---------------------------------------------------- */

#define DATAGRAM_PORT 4000

static struct kevy_sim_datagram sender;
static struct kevy_sim_event pulse;
static unsigned datagrams;

static void datagram_read(struct kevy_datagram *datagram, struct kevy_datagram_message *message)
{
    (void)datagram;
    (void)message;
    datagrams++;
}

static void sender_ready(struct kevy_sim_datagram *datagram)
{
    (void)datagram;
}

static void datagram_send(struct kevy_sim_event *event)
{
    (void)kevy_sim_datagram_send(&sender, DATAGRAM_PORT, "x", 1);
    kevy_sim_event_start(crowd.sim, event, KEVY_MILLISECONDS(1), datagram_send);
}

static const struct kevy_stream_events plain_events = {.read = crowd_read, .close = crowd_closed};

/* In each 20 ms everybody comes round, however much the others have. */
static void floods_and_datagrams(struct kevy_sim *sim)
{
    struct kevy_reactor_options options = {.buffer_size = 512, .buffer_count = 1};
    struct kevy_datagram_options listen = {
        .address = "127.0.0.1", .port = DATAGRAM_PORT, .read = datagram_read};
    static struct kevy_datagram datagram;
    uint64_t before[4];

    datagram = (struct kevy_datagram){0};
    sender = (struct kevy_sim_datagram){.ready = sender_ready, .pace_ns = 1000};
    pulse = (struct kevy_sim_event){0};
    datagrams = 0;
    crowd_open(sim, &options, &plain_events);
    KEVY_SIM_CHECK(sim, kevy_datagram_open(&datagram, crowd.reactor, &listen) == 0);
    KEVY_SIM_CHECK(sim, kevy_sim_datagram_open(sim, &sender, DATAGRAM_PORT + 1) == 0);
    crowd_join(4);
    for (unsigned index = 0; index < crowd.count; index++) {
        crowd.seats[index].floods = true;
        crowd.seats[index].peer.pace_ns = 1000;
        kevy_sim_peer_wake(&crowd.seats[index].peer);
    }
    datagram_send(&pulse);
    for (unsigned round = 0; round < 5; round++) {
        unsigned had = datagrams;

        for (unsigned index = 0; index < crowd.count; index++)
            before[index] = crowd.seats[index].received;
        crowd_run(KEVY_MILLISECONDS(20));
        KEVY_SIM_CHECK(sim, datagrams > had);
        for (unsigned index = 0; index < crowd.count; index++)
            KEVY_SIM_CHECK(sim, crowd.seats[index].received > before[index]);
    }
    kevy_sim_event_stop(sim, &pulse);
    kevy_sim_datagram_close(&sender);
    kevy_datagram_close(&datagram);
    crowd_close();
}

START_TEST(streams_that_starve_each_other_starve_no_datagrams)
{
    sim_passes_on(floods_and_datagrams, 5, _i == 1);
}
END_TEST

/* ---- Timers -------------------------------------------------------------------------------- */

static struct kevy_timer restless;
static uint64_t restless_fired;
static unsigned timeouts;

static void restless_fire(struct kevy_timer *timer)
{
    restless_fired++;
    kevy_timer_start(timer, crowd.reactor, 0, restless_fire);
}

static void timeout_count(struct kevy_stream *stream, enum kevy_deadline deadline)
{
    (void)stream;
    (void)deadline;
    timeouts++;
}

static const struct kevy_stream_events counting_events = {.timeout = timeout_count,
                                                          .close = crowd_closed};

/* A timer that is due in each turn keeps no limit from being judged in the same turn. */
static void timer_without_rest(struct kevy_sim *sim)
{
    uint64_t due_ns;

    timeouts = 0;
    kind = (enum kevy_deadline)(kevy_sim_one_in(sim, 2) ? KEVY_DEADLINE_IDLE : KEVY_DEADLINE_TOTAL);
    crowd_open(sim, NULL, &counting_events);
    crowd_join(3);
    restless = (struct kevy_timer){0};
    kevy_timer_start(&restless, crowd.reactor, 0, restless_fire);
    limits_set(LIMIT_NS);
    due_ns = kevy_sim_now(sim) + LIMIT_NS + 2 * KEVY_MILLISECONDS(2);
    while (kevy_sim_now(sim) < due_ns) {
        crowd_turns(1);
        crowd_stand_still(KEVY_MILLISECONDS(5));
    }
    crowd_turns(2);
    KEVY_SIM_CHECK(sim, timeouts == 3);
    kevy_timer_stop(&restless);
    crowd_close();
}

START_TEST(timers_keep_no_deadline_waiting)
{
    sim_passes_on(timer_without_rest, 5, _i == 1);
}
END_TEST

enum { CLOCKS = 8 };

#define TICK_NS (UINT64_C(1) << 20)
/* A kernel that waits for whole milliseconds. */
#define ROUNDED_NS 1000000U

/* A timer, and the time at which it is due by what its user has asked for. */
struct clock {
    struct kevy_timer timer;
    uint64_t due_ns; /* 0: it is not armed */
    uint64_t period_ns;
    uint64_t awake_ns; /* what the program had computed when it was set */
    bool again;        /* it has fired since, and may have left periods out */
};

static struct clock clocks[CLOCKS];
static unsigned clocks_fired;

static void clock_fire(struct kevy_timer *timer);

static void clock_set(struct clock *clock)
{
    uint64_t delay_ns = kevy_sim_magnitude(crowd.sim, 0, KEVY_MILLISECONDS(300));
    uint64_t now_ns = kevy_sim_now(crowd.sim);

    clock->awake_ns = kevy_sim_awake_ns(crowd.sim);
    clock->due_ns = now_ns + delay_ns;
    clock->period_ns = 0;
    clock->again = false;
    switch (kevy_sim_below(crowd.sim, 4)) {
    case 0:
        kevy_timer_stop(&clock->timer);
        clock->due_ns = 0;
        break;
    case 1:
        clock->period_ns = delay_ns + 1;
        clock->due_ns++;
        kevy_timer_start_periodic(&clock->timer, crowd.reactor, delay_ns + 1, clock_fire);
        break;
    default:
        kevy_timer_start(&clock->timer, crowd.reactor, delay_ns, clock_fire);
        break;
    }
}

/* Neither early, nor later than the end of its tick and what the program has computed. */
static void clock_fire(struct kevy_timer *timer)
{
    struct clock *clock = KEVY_CONTAINER_OF(timer, struct clock, timer);
    uint64_t now_ns = kevy_sim_now(crowd.sim);
    uint64_t computed_ns = kevy_sim_awake_ns(crowd.sim) - clock->awake_ns;

    KEVY_SIM_CHECK(crowd.sim, clock->due_ns != 0);
    KEVY_SIM_CHECK(crowd.sim, now_ns >= clock->due_ns);
    KEVY_SIM_CHECK(crowd.sim,
                   clock->again || now_ns <= clock->due_ns + TICK_NS + ROUNDED_NS + computed_ns);
    clock->due_ns = clock->period_ns != 0 ? clock->due_ns + clock->period_ns : 0;
    clock->again = true;
    clocks_fired++;
    if (kevy_sim_one_in(crowd.sim, 4))
        crowd_stand_still(kevy_sim_magnitude(crowd.sim, 1000, KEVY_MILLISECONDS(50)));
    clock_set(&clocks[kevy_sim_below(crowd.sim, CLOCKS)]);
}

static void clocks_run(struct kevy_sim *sim)
{
    clocks_fired = 0;
    memset(clocks, 0, sizeof clocks);
    crowd_open(sim, NULL, &counting_events);
    for (unsigned round = 0; round < 100; round++) {
        clock_set(&clocks[kevy_sim_below(sim, CLOCKS)]);
        crowd_run(KEVY_MILLISECONDS(100));
        for (unsigned index = 0; index < CLOCKS; index++)
            KEVY_SIM_CHECK(sim,
                           kevy_timer_armed(&clocks[index].timer) == (clocks[index].due_ns != 0));
    }
    KEVY_SIM_CHECK(sim, clocks_fired > 20);
    for (unsigned index = 0; index < CLOCKS; index++)
        kevy_timer_stop(&clocks[index].timer);
    crowd_close();
}

START_TEST(a_timer_fires_when_it_is_due_and_as_often_as_it_was_asked_for)
{
    sim_passes_on(clocks_run, 10, _i == 1);
}
END_TEST

/* ---- Tasks --------------------------------------------------------------------------------- */

enum { TASKS = 9000 }; /* more than twice what a turn runs */

static struct kevy_task tasks[TASKS];
static unsigned tasks_made, tasks_run, tasks_next;

static void in_order(struct kevy_task *ran, struct kevy_reactor *reactor)
{
    KEVY_SIM_CHECK(crowd.sim, ran == &tasks[tasks_next]);
    tasks_next++;
    tasks_run++;
    if (tasks_made < TASKS && tasks_run % 2 == 0) {
        tasks[tasks_made].run = in_order;
        kevy_reactor_defer(reactor, &tasks[tasks_made++]);
    }
}

/* Some are left for later turns, and run before those that they have deferred. */
static void many_tasks(struct kevy_sim *sim)
{
    tasks_made = 0;
    tasks_run = 0;
    tasks_next = 0;
    crowd_open(sim, NULL, &counting_events);
    for (unsigned count = (unsigned)kevy_sim_between(sim, 4097, 6000); count > 0; count--) {
        tasks[tasks_made].run = in_order;
        kevy_reactor_defer(crowd.reactor, &tasks[tasks_made++]);
    }
    for (unsigned turn = 0; turn < 40; turn++) {
        crowd_turns(1);
        KEVY_SIM_CHECK(sim, tasks_run <= tasks_made);
    }
    KEVY_SIM_CHECK(sim, tasks_run == tasks_made && tasks_made >= 4097);
    crowd_close();
}

START_TEST(tasks_that_a_turn_leaves_run_in_their_order)
{
    sim_passes_on(many_tasks, 5, _i == 1);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("late");
    TCase *tcase = tcase_create("late");

    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, a_pause_of_the_loop_ends_no_stream_whose_bytes_are_there, 0, 2);
    tcase_add_loop_test(tcase, few_buffers_are_no_reason_for_a_timeout_after_a_pause, 0, 2);
    tcase_add_loop_test(tcase, a_stream_that_waits_for_a_buffer_is_not_late, 0, 2);
    tcase_add_loop_test(tcase, a_stream_that_waits_for_its_turn_is_not_idle, 0, 2);
    tcase_add_loop_test(tcase, streams_that_starve_each_other_starve_no_datagrams, 0, 2);
    tcase_add_loop_test(tcase, timers_keep_no_deadline_waiting, 0, 2);
    tcase_add_loop_test(tcase, a_timer_fires_when_it_is_due_and_as_often_as_it_was_asked_for, 0, 2);
    tcase_add_loop_test(tcase, tasks_that_a_turn_leaves_run_in_their_order, 0, 2);
    suite_add_tcase(suite, tcase);
    return suite;
}
