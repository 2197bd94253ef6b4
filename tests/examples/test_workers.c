/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* workers: what is counted, and that nobody else waits for it. */

#include "http_peer.h"

#define HARD        "600000\n" /* takes a good part of a second */
#define HARD_ANSWER "49098\n"
#define ASKING      4

static struct peer peers[ASKING], other;

static void start(void)
{
    program_start(&server, "workers", (const char *const[]){"0", "1", NULL}, "port ");
}

static void stop(void)
{
    if (server.pid != 0) {
        kill(server.pid, SIGTERM);
        ck_assert_int_eq(program_wait(&server), 0);
    }
    ck_assert_str_eq(server.said, "");
}

static void expect_last(struct peer *peer, const char *line)
{
    char answer[64];

    peer_line(peer, answer, sizeof answer);
    ck_assert_str_eq(answer, line);
    peer_check_end(peer);
}

static void ask(const char *line, const char *answer)
{
    peer_dial(&other);
    peer_say(&other, line);
    expect_last(&other, answer);
}

START_TEST(primes_are_counted)
{
    ask("0\n", "0\n");
    ask("3\n", "1\n");
    ask("100\n", "25\n");
    ask("10000\r\n", "1229\n");
}
END_TEST

START_TEST(a_line_may_come_in_pieces)
{
    peer_dial(&other);
    peer_say(&other, "1");
    peer_say(&other, "00");
    peer_say(&other, "\n");
    expect_last(&other, "25\n");
}
END_TEST

START_TEST(what_is_no_number_is_answered)
{
    ask("x\n", "not a number\n");
    ask("12x\n", "not a number\n");
    ask("1111111111111111111111111111111111111111111111111", "not a number\n");
}
END_TEST

/* Four of them would keep the threads for ever, and the server from ending. */
START_TEST(what_would_take_too_long_is_answered)
{
    ask("1000001\n", "too large\n");
    ask("-1\n", "too large\n");
    ask("18446744073709551615\n", "too large\n");
}
END_TEST

START_TEST(the_loop_answers_while_the_worker_counts)
{
    char byte;

    for (int i = 0; i < ASKING; i++) {
        peer_dial(&peers[i]);
        peer_say(&peers[i], HARD);
    }
    ask("x\n", "not a number\n");
    /* One thread: the last is far from its turn. */
    ck_assert_int_eq(recv(peers[ASKING - 1].fd, &byte, 1, MSG_DONTWAIT), -1);
    ck_assert_int_eq(errno, EAGAIN);
    for (int i = 0; i < ASKING; i++)
        expect_last(&peers[i], HARD_ANSWER);
}
END_TEST

START_TEST(who_leaves_is_not_counted_for)
{
    for (int i = 0; i < ASKING; i++) {
        peer_dial(&peers[i]);
        peer_say(&peers[i], HARD);
    }
    for (int i = 0; i < ASKING; i++)
        peer_reset(&peers[i]);
    ask("100\n", "25\n");
}
END_TEST

START_TEST(drain_waits_for_what_runs)
{
    peer_dial(&peers[0]);
    peer_say(&peers[0], HARD);
    ask("x\n", "not a number\n");
    kill(server.pid, SIGTERM);
    peer_check_end(&peers[0]);
    ck_assert_int_eq(program_wait(&server), 0);
}
END_TEST

static const char *const counts[] = {"", "0", "-1", "x", "1025"};

START_TEST(what_is_no_count_of_threads_is_told)
{
    program_spawn(&server, "workers", (const char *const[]){"0", counts[_i], NULL});
    ck_assert_int_eq(program_wait(&server), 2);
    ck_assert_ptr_nonnull(
        strstr(server.said, "workers: THREADS must be a number from 1 to 1024, not '"));
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("workers");
    TCase *serving = tcase_create("serving");
    TCase *usage = tcase_create("usage");
    const char *why = why_no_reactor();

    tcase_add_loop_test(usage, what_is_no_count_of_threads_is_told, 0,
                        why ? 1 : (int)(sizeof counts / sizeof *counts));
    suite_add_tcase(suite, usage);
    if (why) {
        support_skip("serving", why);
        return suite;
    }
    tcase_add_checked_fixture(serving, start, stop);
    tcase_set_timeout(serving, 60);
    tcase_add_test(serving, primes_are_counted);
    tcase_add_test(serving, a_line_may_come_in_pieces);
    tcase_add_test(serving, what_is_no_number_is_answered);
    tcase_add_test(serving, what_would_take_too_long_is_answered);
    tcase_add_test(serving, the_loop_answers_while_the_worker_counts);
    tcase_add_test(serving, who_leaves_is_not_counted_for);
    tcase_add_test(serving, drain_waits_for_what_runs);
    suite_add_tcase(suite, serving);
    return suite;
}
