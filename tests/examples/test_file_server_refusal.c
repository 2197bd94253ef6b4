/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* file_server: what it refuses, and clients that do not come to the point. */

#include "file_server_test.h"

#include <poll.h>
#include <sched.h>
#include <sys/resource.h>

static const struct {
    unsigned status;
    const char *method;
    const char *name;
} refused[] = {
    {404, "GET", "/none"},
    {404, "GET", "/1/more"},
    {403, "GET", "/below"},
    {403, "GET", "/below/"},
    {403, "GET", "/pipe"},
    {403, "GET", "/../secret"},
    {403, "GET", "/.."},
    {403, "GET", "/below/../../secret"},
    {403, "GET", "/./../secret"},
    {403, "GET", "/up/secret"},
    {403, "GET", "/out"},
    {403, "GET", "/absolute"},
    {403, "GET", "/magic/etc/passwd"},
    {403, "GET", "//etc/passwd"},
    {403, "GET", "///etc/passwd"},
    {404, "GET", "/..\\secret"},
    {404, "GET", "/....//secret"},
    {400, "GET", "/%2e%2e/secret"},
    {400, "GET", "/..%2fsecret"},
    {400, "GET", "/%2e./secret"},
    {400, "GET", "/below/%2E%2E/%2E%2E/secret"},
    {400, "GET", "/%252e%252e/secret"},
    {400, "GET", "/%c0%ae%c0%ae/secret"},
    {400, "GET", "/1%00"},
    {400, "GET", "/1?x"},
    {400, "GET", "../secret"},
    {400, "GET", "http://here/1"},
    {400, "GET", "/a b"},
    {400, "GET", ""},
    {405, "POST", "/1"},
    {405, "DELETE", "/1"},
    {405, "get", "/1"},
    {405, "GETS", "/1"},
};

START_TEST(everything_else_is_refused)
{
    ask(refused[_i].method, refused[_i].name);
    expect_refusal(refused[_i].status);
}
END_TEST

START_TEST(long_names_are_refused)
{
    static char name[5000] = "/";

    memset(name + 1, 'x', 300);
    ask("GET", name);
    expect_refusal(404);
    memset(name + 1, 'x', sizeof name - 200);
    ask("GET", name);
    expect_refusal(400);
}
END_TEST

static const char *const malformed[] = {
    "\r\n\r\n",
    "GET\r\n\r\n",
    "GET /1\r\n\r\n",
    "GET /1 HTTP/2.0\r\n\r\n",
    "GET  /1 HTTP/1.1\r\n\r\n",
    "GET /1 HTTP/1.12\r\n\r\n",
    "GET\r\nA: /1 HTTP/1.1\r\n\r\n",
    "GET /1\r\nA: HTTP/1.1\r\n\r\n",
};

START_TEST(what_is_no_request_is_refused)
{
    peer_dial(&peer);
    peer_say(&peer, malformed[_i]);
    expect_refusal(400);
}
END_TEST

START_TEST(a_zero_byte_is_refused)
{
    peer_dial(&peer);
    peer_send(&peer, "GET /1\0 HTTP/1.1\r\n\r\n", 20);
    expect_refusal(400);
}
END_TEST

/* Few descriptors, and clients that say nothing until the last of them is taken. */
START_TEST(a_file_that_cannot_be_opened_now_is_not_said_to_be_none)
{
    enum { DESCRIPTORS = 24 };
    static struct peer silent[DESCRIPTORS];
    struct rlimit few = {.rlim_cur = DESCRIPTORS, .rlim_max = RLIM_INFINITY}, before;

    stop();
    strcpy(base + strlen(base) - 6, "XXXXXX");
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    few.rlim_max = before.rlim_max;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    start();
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    for (unsigned i = 0; i < DESCRIPTORS; i++)
        peer_dial(&silent[i]);
    while (server_descriptors() < DESCRIPTORS + 2) /* "." and ".." are counted, too */
        sched_yield();
    peer = silent[0];
    peer_say(&peer, "GET /1 HTTP/1.1\r\n\r\n");
    expect_refusal(503);
    for (unsigned i = 1; i < DESCRIPTORS; i++)
        close(silent[i].fd);
}
END_TEST

static void start_hurried(void)
{
    files_make();
    program_start(&server, "../tests/hurried_file_server", (const char *const[]){"0", folder, NULL},
                  "port ");
}

START_TEST(a_client_that_says_nothing_is_reset)
{
    peer_dial(&peer);
    reset_wait(&peer);
}
END_TEST

/* A byte now and then is activity, and no head. */
START_TEST(a_client_that_says_its_head_too_slowly_is_reset)
{
    struct pollfd readable = {.events = POLLIN};
    int ready = 0;

    peer_dial(&peer);
    readable.fd = peer.fd;
    peer_say(&peer, "GET /1 HTTP/1.1\r\n");
    while (ready == 0) {
        (void)send(peer.fd, "x", 1, MSG_NOSIGNAL); /* it may be reset by then */
        ready = poll(&readable, 1, 1);
    }
    reset_wait(&peer);
}
END_TEST

START_TEST(a_client_has_its_time_for_the_head_and_as_much_as_it_takes_for_the_body)
{
    struct peer silent;
    struct answer head;

    ask("GET", "/huge");
    peer_answer_head(&peer, &head, true);
    peer_dial(&silent);
    reset_wait(&silent); /* whose time began later */
    zeros_read(20U << 20);
    peer_reset(&peer);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("file_server_refusal");
    TCase *refusals = tcase_create("refusals");
    TCase *hurried = tcase_create("hurried");
    const char *why = why_no_reactor();

    if (why) {
        support_skip("refusals", why);
        return suite;
    }
    tcase_add_checked_fixture(refusals, start, stop);
    tcase_add_loop_test(refusals, everything_else_is_refused, 0,
                        (int)(sizeof refused / sizeof *refused));
    tcase_add_test(refusals, long_names_are_refused);
    tcase_add_loop_test(refusals, what_is_no_request_is_refused, 0,
                        (int)(sizeof malformed / sizeof *malformed));
    tcase_add_test(refusals, a_zero_byte_is_refused);
    tcase_add_test(refusals, a_file_that_cannot_be_opened_now_is_not_said_to_be_none);
    tcase_set_timeout(refusals, 60);
    suite_add_tcase(suite, refusals);
    tcase_add_checked_fixture(hurried, start_hurried, stop);
    tcase_add_test(hurried, a_client_that_says_nothing_is_reset);
    tcase_add_test(hurried, a_client_that_says_its_head_too_slowly_is_reset);
    tcase_add_test(hurried,
                   a_client_has_its_time_for_the_head_and_as_much_as_it_takes_for_the_body);
    suite_add_tcase(suite, hurried);
    return suite;
}
