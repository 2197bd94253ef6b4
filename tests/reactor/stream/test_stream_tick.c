/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * The time limits of streams over weeks: they are kept as the low 32 bits of a tick that counts
 * milliseconds, which begins anew every 52 days. The clock of this program is its own: it stands
 * still until a test moves it, so nothing here sleeps, and every instant is exact.
 */

#include "reactor_test.h"

#include "stream/stream_internal.h"
#include "core/wheel.h"

#include <sys/syscall.h>
#include <time.h>

#define TICK_NS ((uint64_t)1 << WHEEL_TICK_SHIFT)
#define WRAP_NS (TICK_NS << 32) /* the tick's low half is 0 again */
#define DAY_NS  KEVY_SECONDS(86400)
#define LATE_NS (2 * TICK_NS) /* what <kevy/stream.h> allows */

enum {
    UNREAD = 192 << 10, /* more than a window, less than a send buffer */
};

static uint64_t virtual_ns;
static bool frozen; /* by the test that runs: libcheck takes the time of each, too */

/* In place of the C library's, for this program and the libraries in it. */
int clock_gettime(clockid_t clock, struct timespec *now)
{
    if (!frozen || clock != CLOCK_MONOTONIC)
        return (int)syscall(SYS_clock_gettime, clock, now);
    now->tv_sec = (time_t)(virtual_ns / 1000000000U);
    now->tv_nsec = (long)(virtual_ns % 1000000000U);
    return 0;
}

static struct probe probe;
static enum kevy_deadline order[8];
static unsigned order_count;
static uint8_t data[1 << 20];

static void order_note(struct probe *passed, enum kevy_deadline deadline)
{
    (void)passed;
    ck_assert_uint_lt(order_count, 8);
    order[order_count++] = deadline;
}

/* A stream whose peer takes nothing, at this instant. */
static void open_at(uint64_t now_ns)
{
    virtual_ns = now_ns;
    frozen = true;
    reactor_setup();
    probe_small(&probe, &probe_events);
    probe.on_timeout = order_note;
    turns(2);
    kevy_stream_set_watermarks(&probe.stream, 0, 64 << 20);
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, data, sizeof data), 0));
    turns(5);
    ck_assert_uint_gt(kevy_stream_queued(&probe.stream), 0);
    order_count = 0;
}

static void finish(void)
{
    if (!probe.closed)
        QUIETLY(kevy_stream_abort(&probe.stream));
    for (unsigned count = 0; !probe.closed; count++) {
        ck_assert_uint_lt(count, TURNS_MAX);
        turn_now();
    }
    probe_peer_close(&probe);
    reactor_teardown();
    frozen = false;
}

static void limit(enum kevy_deadline deadline, uint64_t timeout_ns)
{
    QUIETLY(kevy_stream_set_deadline(&probe.stream, deadline, timeout_ns));
}

/* Nothing passes up to the instant; the wheel takes as many turns as it likes to get there. */
static void quiet_until(uint64_t ns)
{
    unsigned before = order_count;

    virtual_ns = ns;
    turns(3);
    ck_assert_uint_eq(order_count, before);
}

static void passes_at(uint64_t ns, enum kevy_deadline deadline)
{
    unsigned before = order_count;

    virtual_ns = ns;
    turns(3);
    ck_assert_uint_eq(order_count, before + 1);
    ck_assert_int_eq(order[before], deadline);
}

/* Instants around which the low half of the tick is small, large, and changes its sign. */
static const uint64_t instants[] = {
    WRAP_NS - 1,           WRAP_NS,         WRAP_NS + 1,         WRAP_NS - TICK_NS,
    WRAP_NS - 2 * TICK_NS, WRAP_NS / 2,     WRAP_NS / 2 - 1,     3 * WRAP_NS - KEVY_SECONDS(5),
    WRAP_NS + WRAP_NS / 2, 7 * WRAP_NS - 1, 1000 * WRAP_NS - 99, TICK_NS,
};
#define INSTANTS ((int)(sizeof instants / sizeof *instants))

static const uint64_t timeouts[] = {1,           TICK_NS,         TICK_NS + 1,
                                    2 * TICK_NS, KEVY_SECONDS(5), KEVY_SECONDS(3600),
                                    10 * DAY_NS, 24 * DAY_NS};

START_TEST(every_limit_passes_at_its_time_wherever_the_tick_stands)
{
    for (size_t index = 0; index < sizeof timeouts / sizeof *timeouts; index++)
        for (int deadline = 0; deadline < 3; deadline++) {
            uint64_t timeout_ns = timeouts[index];

            open_at(instants[_i]);
            limit((enum kevy_deadline)deadline, timeout_ns);
            quiet_until(instants[_i] + timeout_ns - 1);
            passes_at(instants[_i] + timeout_ns + LATE_NS, (enum kevy_deadline)deadline);
            quiet_until(instants[_i] + 40 * DAY_NS);
            finish();
        }
}
END_TEST

/* 0 means off: the limit of the one tick that is 0 is kept as the next. */
START_TEST(a_limit_at_tick_0_is_not_off)
{
    for (int deadline = 0; deadline < 3; deadline++) {
        open_at(WRAP_NS - 10 * TICK_NS);
        limit((enum kevy_deadline)deadline, 10 * TICK_NS);
        quiet_until(WRAP_NS - 1);
        passes_at(WRAP_NS + LATE_NS, (enum kevy_deadline)deadline);
        finish();
    }
}
END_TEST

START_TEST(limits_on_both_sides_of_the_wrap_pass_in_the_order_of_their_times)
{
    static const enum kevy_deadline places[][3] = {
        {KEVY_DEADLINE_IDLE, KEVY_DEADLINE_SEND, KEVY_DEADLINE_TOTAL},
        {KEVY_DEADLINE_SEND, KEVY_DEADLINE_TOTAL, KEVY_DEADLINE_IDLE},
        {KEVY_DEADLINE_TOTAL, KEVY_DEADLINE_IDLE, KEVY_DEADLINE_SEND},
    };
    uint64_t now_ns = WRAP_NS - KEVY_SECONDS(10);

    open_at(now_ns);
    limit(places[_i][2], 24 * DAY_NS);
    limit(places[_i][1], KEVY_SECONDS(11));
    limit(places[_i][0], KEVY_SECONDS(9));
    passes_at(now_ns + KEVY_SECONDS(9) + LATE_NS, places[_i][0]);
    passes_at(now_ns + KEVY_SECONDS(11) + LATE_NS, places[_i][1]);
    quiet_until(now_ns + 24 * DAY_NS - 1);
    passes_at(now_ns + 24 * DAY_NS + LATE_NS, places[_i][2]);
    finish();
}
END_TEST

START_TEST(activity_puts_idle_off_across_the_wrap)
{
    open_at(WRAP_NS - KEVY_SECONDS(3));
    limit(KEVY_DEADLINE_IDLE, KEVY_SECONDS(2));
    for (unsigned count = 0; count < 6; count++) {
        virtual_ns += KEVY_SECONDS(1);
        peer_write_text(probe.peer, "x");
        turns(3);
        ck_assert_uint_eq(order_count, 0);
    }
    quiet_until(virtual_ns + KEVY_SECONDS(2) - 1);
    passes_at(virtual_ns + LATE_NS, KEVY_DEADLINE_IDLE);
    finish();
}
END_TEST

START_TEST(progress_puts_write_off_across_the_wrap)
{
    open_at(WRAP_NS - KEVY_SECONDS(3));
    limit(KEVY_DEADLINE_SEND, KEVY_SECONDS(2));
    for (unsigned count = 0; count < 6; count++) {
        virtual_ns += KEVY_SECONDS(1);
        for (unsigned reads = 0; reads < 20; reads++)
            (void)peer_read(probe.peer, data, 4096);
        turns(3);
        ck_assert_uint_eq(order_count, 0);
    }
    ck_assert_uint_gt(kevy_stream_queued(&probe.stream), 0);
    quiet_until(virtual_ns + KEVY_SECONDS(2) - 1);
    passes_at(virtual_ns + LATE_NS, KEVY_DEADLINE_SEND);
    finish();
}
END_TEST

START_TEST(a_limit_longer_than_24_days_is_one_of_24_days)
{
    static const uint64_t longer[] = {25 * DAY_NS, 26 * DAY_NS,    52 * DAY_NS, WRAP_NS,
                                      2 * WRAP_NS, UINT64_MAX / 2, KEVY_FOREVER};

    for (size_t index = 0; index < sizeof longer / sizeof *longer; index++) {
        open_at(instants[_i]);
        limit(KEVY_DEADLINE_TOTAL, longer[index]);
        quiet_until(instants[_i] + 24 * DAY_NS);
        passes_at(instants[_i] + 25 * DAY_NS, KEVY_DEADLINE_TOTAL);
        finish();
    }
}
END_TEST

/* A stopped process, or a laptop with its lid closed. */
START_TEST(limits_that_passed_a_day_ago_are_all_reported_once_and_in_order)
{
    open_at(instants[_i]);
    limit(KEVY_DEADLINE_SEND, KEVY_SECONDS(30));
    limit(KEVY_DEADLINE_IDLE, KEVY_SECONDS(20));
    limit(KEVY_DEADLINE_TOTAL, KEVY_SECONDS(10));
    virtual_ns += DAY_NS;
    turns(5);
    ck_assert_uint_eq(order_count, 3);
    ck_assert_int_eq(order[0], KEVY_DEADLINE_TOTAL);
    ck_assert_int_eq(order[1], KEVY_DEADLINE_IDLE);
    ck_assert_int_eq(order[2], KEVY_DEADLINE_SEND);
    finish();
}
END_TEST

/* A stream that has sent its end behind bytes that its peer has no room for. */
static void open_lingering(void)
{
    static const int room = 1 << 20; /* the kernel's limit, whatever it is */

    virtual_ns = KEVY_SECONDS(1000);
    frozen = true;
    reactor_setup();
    probe_tcp(&probe, &probe_events);
    ck_assert_int_eq(
        setsockopt(kevy_stream_fd(&probe.stream), SOL_SOCKET, SO_SNDBUF, &room, sizeof room), 0);
    turns(2);
    kevy_stream_set_watermarks(&probe.stream, 0, 64 << 20);
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, data, UNREAD), 0));
    QUIETLY(kevy_stream_close(&probe.stream));
    /* The socket takes them in pieces, as fast as the kernel passes them on to the peer's. */
    for (unsigned count = 0; probe.stream.object.state != STREAM_LINGERING; count++) {
        ck_assert_uint_lt(count, TURNS_MAX);
        turn_now();
    }
}

static void lingers_until(uint64_t ns)
{
    while (virtual_ns < ns) {
        virtual_ns += KEVY_MILLISECONDS(100);
        turns(2);
        ck_assert(!probe.closed);
    }
}

static void closes_now(void)
{
    for (unsigned count = 0; !probe.closed; count++) {
        ck_assert_uint_lt(count, TURNS_MAX);
        turn_now();
    }
    ck_assert_int_eq(probe.reason, 0);
    finish();
}

/* To its end; the acknowledgements come with it. */
static void peer_read_all(void)
{
    size_t have = 0;
    int result = 1;

    for (unsigned count = 0; result != 0; count++) {
        ck_assert_uint_lt(count, TURNS_MAX);
        result = peer_read(probe.peer, data, sizeof data);
        ck_assert(result >= 0 || result == -EAGAIN);
        have += result > 0 ? (size_t)result : 0;
        turn_now();
    }
    ck_assert_uint_eq(have, UNREAD);
}

START_TEST(a_closed_stream_lingers_while_its_bytes_are_on_their_way)
{
    open_lingering();
    lingers_until(virtual_ns + KEVY_SECONDS(20));
    peer_read_all();
    ck_assert(!probe.closed);
    probe_peer_close(&probe);
    closes_now();
}
END_TEST

START_TEST(a_closed_stream_lingers_for_30_seconds_at_most)
{
    open_lingering();
    lingers_until(virtual_ns + KEVY_SECONDS(30) - KEVY_MILLISECONDS(100));
    virtual_ns += KEVY_MILLISECONDS(200);
    closes_now();
}
END_TEST

START_TEST(a_closed_stream_lingers_for_a_second_when_its_bytes_have_arrived)
{
    open_lingering();
    peer_read_all();
    lingers_until(virtual_ns + KEVY_MILLISECONDS(900)); /* for the peer's own end */
    virtual_ns += KEVY_MILLISECONDS(200);
    closes_now();
}
END_TEST

/* A server that runs for three years: a limit is set every few days, and each passes once. */
START_TEST(three_years_of_limits_pass_each_at_its_time)
{
    uint64_t seed = 1;

    open_at(12345);
    for (unsigned count = 0; count < 200; count++) {
        uint64_t now_ns = virtual_ns;
        uint64_t timeout_ns = 1 + random_next(&seed) % (12 * DAY_NS);

        order_count = 0;
        limit(KEVY_DEADLINE_TOTAL, timeout_ns);
        quiet_until(now_ns + timeout_ns / 2);
        quiet_until(now_ns + timeout_ns - 1);
        passes_at(now_ns + timeout_ns + LATE_NS, KEVY_DEADLINE_TOTAL);
    }
    ck_assert_uint_gt(virtual_ns, 3 * 365 * DAY_NS);
    finish();
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("stream_tick");
    TCase *ticks = tcase_create("ticks");

    tcase_add_loop_test(ticks, every_limit_passes_at_its_time_wherever_the_tick_stands, 0,
                        INSTANTS);
    tcase_add_test(ticks, a_limit_at_tick_0_is_not_off);
    tcase_add_loop_test(ticks, limits_on_both_sides_of_the_wrap_pass_in_the_order_of_their_times, 0,
                        3);
    tcase_add_test(ticks, activity_puts_idle_off_across_the_wrap);
    tcase_add_test(ticks, progress_puts_write_off_across_the_wrap);
    tcase_add_loop_test(ticks, a_limit_longer_than_24_days_is_one_of_24_days, 0, INSTANTS);
    tcase_add_loop_test(ticks, limits_that_passed_a_day_ago_are_all_reported_once_and_in_order, 0,
                        INSTANTS);
    tcase_add_test(ticks, a_closed_stream_lingers_while_its_bytes_are_on_their_way);
    tcase_add_test(ticks, a_closed_stream_lingers_for_30_seconds_at_most);
    tcase_add_test(ticks, a_closed_stream_lingers_for_a_second_when_its_bytes_have_arrived);
    tcase_add_test(ticks, three_years_of_limits_pass_each_at_its_time);
    suite_add_tcase(suite, ticks);
    return suite;
}
