/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* embed: a reactor that sleeps in somebody else's poll(2). */

#include "http_peer.h"

#include <fcntl.h>

static struct peer peer;
static int input; /* what the server reads as its standard input */

static void start(void)
{
    int ends[2];

    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(dup2(ends[0], 0), 0);
    close(ends[0]);
    input = ends[1];
    ck_assert_int_eq(fcntl(input, F_SETFD, FD_CLOEXEC), 0);
    program_start(&server, "embed", (const char *const[]){"0", NULL}, "port ");
}

static void stop(void)
{
    close(input);
    ck_assert_int_eq(program_wait(&server), 0);
    ck_assert_str_eq(server.said, "");
}

START_TEST(what_arrives_wakes_the_foreign_poll)
{
    peer_dial(&peer);
    for (int round = 0; round < 200; round++) {
        peer_say(&peer, "x");
        ck_assert_int_eq(peer_byte(&peer), 'x');
    }
    close(peer.fd);
}
END_TEST

START_TEST(the_foreign_loop_has_its_own_events)
{
    char said[64] = "";

    peer_dial(&peer);
    peer_say(&peer, "x");
    ck_assert_int_eq(peer_byte(&peer), 'x');
    ck_assert_int_eq(write(input, "\n", 1), 1);
    ck_assert_int_gt(read(server.out, said, sizeof said - 1), 0);
    ck_assert_str_eq(said, "embed: 1 accepted\n");
    close(peer.fd);
}
END_TEST

START_TEST(its_end_drains_the_reactor)
{
    peer_dial(&peer);
    peer_say(&peer, "x");
    ck_assert_int_eq(peer_byte(&peer), 'x');
    close(input);
    input = -1;
    peer_check_end(&peer);
    close(peer.fd);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("embed");
    TCase *serving = tcase_create("serving");
    const char *why = why_no_reactor();

    if (why) {
        support_skip("serving", why);
        return suite;
    }
    tcase_add_checked_fixture(serving, start, stop);
    tcase_add_test(serving, what_arrives_wakes_the_foreign_poll);
    tcase_add_test(serving, the_foreign_loop_has_its_own_events);
    tcase_add_test(serving, its_end_drains_the_reactor);
    tcase_set_timeout(serving, 30);
    suite_add_tcase(suite, serving);
    return suite;
}
