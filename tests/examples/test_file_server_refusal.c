/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* file_server: what it refuses, and clients that do not come to the point. */

#include "file_server_test.h"

#include <poll.h>
#include <sys/resource.h>

static const struct {
    unsigned status;
    const char *method;
    const char *name;
} refused[] = {
    {404, "GET", "/none"},
    {404, "GET", "/1/more"},
    {403, "GET", "/below"},
    {404, "GET", "/below/"},
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
    {403, "GET", "/%2e%2e/secret"},
    {404, "GET", "/..%2fsecret"},
    {404, "GET", "/%2fetc%2fpasswd"},
    {403, "GET", "/%2e./secret"},
    {403, "GET", "/below/%2E%2E/%2E%2E/secret"},
    {403, "GET", "/up/%73ecret"},
    {403, "GET", "http://here/../secret"},
    {403, "GET", "http://here//etc/passwd"},
    {404, "GET", "/%252e%252e/secret"},
    {404, "GET", "/%c0%ae%c0%ae/secret"},
    {400, "GET", "/1%00"},
    {400, "GET", "/1%0"},
    {400, "GET", "/1#x"},
    {400, "GET", "../secret"},
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
    expect_refusal(404);
}
END_TEST

START_TEST(long_heads_are_refused)
{
    static char head[10000];

    memset(head, 'x', sizeof head - 1);
    memcpy(head, "GET /", 5);
    peer_dial(&peer);
    peer_say(&peer, head);
    expect_refusal(431);
}
END_TEST

static const char *const malformed[] = {
    "\r\n\r\n",
    "GET\r\n\r\n",
    "GET /1\r\n\r\n",
    "GET  /1 HTTP/1.1\r\n\r\n",
    "GET /1 HTTP/1.12\r\n\r\n",
    "GET /1 HTTP/1.1\r\n\r\n",
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
    peer_send(&peer, "GET /1\0 HTTP/1.0\r\n\r\n", 20);
    expect_refusal(400);
}
END_TEST

START_TEST(other_versions_are_refused)
{
    peer_dial(&peer);
    peer_say(&peer, "GET /1 HTTP/2.0\r\n\r\n");
    expect_refusal(505);
}
END_TEST

/* Far more downloads at once than there are descriptors for: they wait, and all are served. */
START_TEST(clients_take_no_descriptor_that_a_download_needs)
{
    enum { DESCRIPTORS = 40, CLIENTS = 20 };
    static struct peer clients[CLIENTS];
    struct rlimit few = {.rlim_cur = DESCRIPTORS, .rlim_max = DESCRIPTORS}, before;
    size_t length;

    stop();
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    start();
    (void)!setrlimit(RLIMIT_NOFILE, &before);
    for (unsigned i = 0; i < CLIENTS; i++) {
        ask("GET", "/5242880");
        clients[i] = peer;
    }
    for (unsigned i = 0; i < CLIENTS; i++) {
        peer = clients[i];
        ck_assert_uint_eq(head_read(&length), 200);
        body_check(BIG);
    }
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
    tcase_add_test(refusals, long_heads_are_refused);
    tcase_add_loop_test(refusals, what_is_no_request_is_refused, 0,
                        (int)(sizeof malformed / sizeof *malformed));
    tcase_add_test(refusals, a_zero_byte_is_refused);
    tcase_add_test(refusals, other_versions_are_refused);
    tcase_add_test(refusals, clients_take_no_descriptor_that_a_download_needs);
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
