/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* embed, embed_uv, embed_event: a reactor that sleeps in somebody else's loop. */

#include "http_peer.h"

#include <fcntl.h>

enum {
    PROGRAMS = 3,
};

static const char *const programs[PROGRAMS] = {"embed", "embed_uv", "embed_event"};
static const char *program; /* of the test */
static struct peer peer;
static int input; /* what the server reads as its standard input */

/* libuv and libevent need not be there. */
static bool built(const char *name)
{
    char path[4096];

    snprintf(path, sizeof path, "%s/%s", getenv("KEVY_EXAMPLES"), name);
    return access(path, X_OK) == 0;
}

static void start(const char *name)
{
    int ends[2];

    program = name;

    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(dup2(ends[0], 0), 0);
    close(ends[0]);
    input = ends[1];
    ck_assert_int_eq(fcntl(input, F_SETFD, FD_CLOEXEC), 0);
    program_start(&server, name, (const char *const[]){"0", NULL}, "port ");
}

static void stop(void)
{
    if (!program)
        return;
    close(input);
    ck_assert_int_eq(program_wait(&server), 0);
    ck_assert_str_eq(server.said, "");
}

START_TEST(what_arrives_wakes_the_foreign_poll)
{
    if (!built(programs[_i]))
        return;
    start(programs[_i]);
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
    char said[64] = "", expected[64];

    if (!built(programs[_i]))
        return;
    start(programs[_i]);
    peer_dial(&peer);
    peer_say(&peer, "x");
    ck_assert_int_eq(peer_byte(&peer), 'x');
    ck_assert_int_eq(write(input, "\n", 1), 1);
    ck_assert_int_gt(read(server.out, said, sizeof said - 1), 0);
    snprintf(expected, sizeof expected, "%s: 1 accepted\n", program);
    ck_assert_str_eq(said, expected);
    close(peer.fd);
}
END_TEST

START_TEST(its_end_drains_the_reactor)
{
    if (!built(programs[_i]))
        return;
    start(programs[_i]);
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
    for (int index = 0; index < PROGRAMS; index++)
        if (!built(programs[index]))
            support_skip(programs[index], "the library of its loop is not installed");
    tcase_add_checked_fixture(serving, NULL, stop);
    tcase_add_loop_test(serving, what_arrives_wakes_the_foreign_poll, 0, PROGRAMS);
    tcase_add_loop_test(serving, the_foreign_loop_has_its_own_events, 0, PROGRAMS);
    tcase_add_loop_test(serving, its_end_drains_the_reactor, 0, PROGRAMS);
    tcase_set_timeout(serving, 30);
    suite_add_tcase(suite, serving);
    return suite;
}
