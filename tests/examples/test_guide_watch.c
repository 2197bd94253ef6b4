/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* guide/watch.c: a server that says why its clients are gone, and on which kernel it runs. */

#include "http_peer.h"

static struct peer peer;
static char line[1024];

static void start_patient(void)
{
    program_start(&server, "guide_watch", (const char *const[]){"0", "20000", NULL}, "port ");
}

static void start_hasty(void)
{
    program_start(&server, "guide_watch", (const char *const[]){"0", "50", NULL}, "port ");
}

static void stop(void)
{
    if (server.pid != 0) {
        kill(server.pid, SIGTERM);
        ck_assert_int_eq(program_wait(&server), 0);
    }
    ck_assert_str_eq(server.said, "");
}

/* The next line of the server. */
static void expect_said(const char *expected)
{
    size_t length = 0;

    while (length < sizeof line - 1 && read(server.out, line + length, 1) == 1)
        if (line[length++] == '\n')
            break;
    line[length] = '\0';
    ck_assert_msg(strncmp(line, expected, strlen(expected)) == 0, "it said %s", line);
}

static void dial(void)
{
    peer_dial(&peer);
    peer_say(&peer, "x");
    ck_assert_int_eq(peer_byte(&peer), 'x');
}

START_TEST(the_reason_of_each_end_is_said)
{
    dial();
    close(peer.fd);
    expect_said("client 1: 1 bytes in, 1 out: closed in good order\n");
    dial();
    peer_reset(&peer);
    expect_said("client 2: 1 bytes in, 1 out: the client has reset the connection\n");
}
END_TEST

START_TEST(a_silent_client_is_told_from_one_that_has_gone)
{
    peer_dial(&peer);
    expect_said("client 1: 0 bytes in, 0 out: a deadline has passed\n");
    close(peer.fd);
}
END_TEST

START_TEST(the_end_of_the_server_is_a_reason)
{
    char text[1024];

    dial();
    kill(server.pid, SIGTERM);
    peer_check_end(&peer);
    read_all(server.out, text, sizeof text);
    server.out = -1;
    ck_assert_str_eq(text, "client 1: 1 bytes in, 1 out: closed in good order\n");
}
END_TEST

START_TEST(a_signal_lists_the_clients)
{
    dial();
    kill(server.pid, SIGUSR1);
    expect_said("2 objects, 1 accepted, 0 starvations, 0 evictions, ");
    expect_said("client 1: 0 bytes queued\n");
    close(peer.fd);
    expect_said("client 1: 1 bytes in, 1 out: closed in good order\n");
    kill(server.pid, SIGUSR1);
    expect_said("1 objects, 1 accepted, ");
}
END_TEST

START_TEST(the_first_line_names_the_kernel)
{
    program_spawn(&server, "guide_watch", (const char *const[]){"0", "1000", NULL});
    expect_said("guide_watch: serving port ");
    ck_assert(strstr(line, "; the ring runs on io_uring of this kernel, Linux ") ||
              strstr(line, "; the ring runs on the kernel \"soft\", because io_uring failed: "));
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("guide_watch");
    TCase *patient = tcase_create("patient");
    TCase *hasty = tcase_create("hasty");
    TCase *first = tcase_create("first");
    const char *why = why_no_reactor();

    if (why) {
        support_skip("serving", why);
        return suite;
    }
    tcase_add_checked_fixture(patient, start_patient, stop);
    tcase_set_timeout(patient, 60);
    tcase_add_test(patient, the_reason_of_each_end_is_said);
    tcase_add_test(patient, the_end_of_the_server_is_a_reason);
    tcase_add_test(patient, a_signal_lists_the_clients);
    suite_add_tcase(suite, patient);
    tcase_add_checked_fixture(hasty, start_hasty, stop);
    tcase_set_timeout(hasty, 60);
    tcase_add_test(hasty, a_silent_client_is_told_from_one_that_has_gone);
    suite_add_tcase(suite, hasty);
    tcase_add_checked_fixture(first, NULL, stop);
    tcase_add_test(first, the_first_line_names_the_kernel);
    suite_add_tcase(suite, first);
    return suite;
}
