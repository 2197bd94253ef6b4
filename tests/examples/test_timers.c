/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* timers: ticks, and the time of silence that what is said starts anew. */

#include "http_peer.h"

#define TICKS_OF_SILENCE 10

static struct peer peer;

static void start(void)
{
    program_start(&server, "timers", (const char *const[]){"0", "30", NULL}, "port ");
}

static void stop(void)
{
    if (server.pid != 0) {
        kill(server.pid, SIGTERM);
        ck_assert_int_eq(program_wait(&server), 0);
    }
    ck_assert_str_eq(server.said, "");
}

static bool line_is(const char *expected)
{
    static char line[64];

    peer_line(&peer, line, sizeof line);
    return strcmp(line, expected) == 0;
}

static bool tick_comes(void)
{
    return line_is("tick\n");
}

START_TEST(ticks_come_until_the_silence_is_told)
{
    unsigned ticks = 0;

    peer_dial(&peer);
    while (tick_comes())
        ticks++;
    peer_check_end(&peer);
    /* A loop that is held up leaves ticks out, and never adds one. */
    ck_assert_uint_ge(ticks, 1);
    ck_assert_uint_le(ticks, TICKS_OF_SILENCE);
}
END_TEST

START_TEST(what_is_said_starts_the_silence_anew)
{
    peer_dial(&peer);
    for (unsigned ticks = 0; ticks < 2 * TICKS_OF_SILENCE; ticks++) {
        ck_assert(tick_comes());
        peer_say(&peer, "x");
    }
    while (tick_comes())
        ;
    peer_check_end(&peer);
}
END_TEST

START_TEST(a_stopped_timer_ticks_no_more_until_it_is_started)
{
    peer_dial(&peer);
    ck_assert(tick_comes());
    peer_say(&peer, "p");
    while (!line_is("paused\n"))
        ;
    peer_say(&peer, "go");
    ck_assert(tick_comes());
    peer_say(&peer, "p");
    while (!line_is("paused\n"))
        ;
    ck_assert(line_is("silence\n"));
    peer_check_end(&peer);
}
END_TEST

START_TEST(a_client_that_leaves_takes_its_timers_along)
{
    peer_dial(&peer);
    ck_assert(tick_comes());
    peer_reset(&peer);
    peer_dial(&peer);
    ck_assert(tick_comes());
    close(peer.fd);
}
END_TEST

START_TEST(drain_does_not_wait_for_timers)
{
    peer_dial(&peer);
    ck_assert(tick_comes());
    kill(server.pid, SIGTERM);
    while (peer_byte(&peer) >= 0)
        ;
    close(peer.fd);
    ck_assert_int_eq(program_wait(&server), 0);
}
END_TEST

static const char *const periods[] = {"0", "-1", "x", "10x", "86400001", ""};

START_TEST(what_is_no_period_is_told)
{
    program_spawn(&server, "timers", (const char *const[]){"0", periods[_i], NULL});
    ck_assert_int_eq(program_wait(&server), 2);
    ck_assert_ptr_nonnull(
        strstr(server.said, "timers: MS must be a number from 1 to 86400000, not '"));
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("timers");
    TCase *serving = tcase_create("serving");
    TCase *usage = tcase_create("usage");
    const char *why = why_no_reactor();

    suite_add_tcase(suite, usage);
    if (why) {
        support_skip("serving", why);
        return suite;
    }
    tcase_add_loop_test(usage, what_is_no_period_is_told, 0,
                        (int)(sizeof periods / sizeof *periods));
    tcase_add_checked_fixture(serving, start, stop);
    tcase_set_timeout(serving, 60);
    tcase_add_test(serving, ticks_come_until_the_silence_is_told);
    tcase_add_test(serving, what_is_said_starts_the_silence_anew);
    tcase_add_test(serving, a_stopped_timer_ticks_no_more_until_it_is_started);
    tcase_add_test(serving, a_client_that_leaves_takes_its_timers_along);
    tcase_add_test(serving, drain_does_not_wait_for_timers);
    suite_add_tcase(suite, serving);
    return suite;
}
