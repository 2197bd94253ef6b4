/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* guide/call.c: a client of servers that are away, refuse, or do not answer. */

#include "http_peer.h"

#define TRIES 5

static int listening; /* where the client calls */
static struct program client;
static char port[8];

static void setup(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval patience = {.tv_sec = PATIENCE_SECONDS};
    socklen_t length = sizeof address;

    listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(listening, 0);
    ck_assert_int_eq(bind(listening, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(getsockname(listening, (struct sockaddr *)&address, &length), 0);
    setsockopt(listening, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    snprintf(port, sizeof port, "%u", ntohs(address.sin_port));
}

static void client_start(void)
{
    program_spawn(&client, "guide_call", (const char *const[]){"localhost", port, "hello", NULL});
}

/* The next connection of the client, once its line is there. */
static void call_take(struct peer *call)
{
    static char line[64];
    struct timeval patience = {.tv_sec = PATIENCE_SECONDS};

    call->at = call->end = 0;
    call->fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
    ck_assert_int_ge(call->fd, 0);
    setsockopt(call->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    peer_line(call, line, sizeof line);
    ck_assert_str_eq(line, "hello\n");
}

static void client_expect(const char *expected)
{
    char printed[2048];
    size_t length = read_all(client.out, printed, sizeof printed);

    ck_assert_str_eq(printed, expected);
    ck_assert_uint_eq(length, strlen(expected));
    client.out = -1;
}

static struct peer call;

START_TEST(the_answer_is_printed)
{
    ck_assert_int_eq(listen(listening, 8), 0);
    client_start();
    call_take(&call);
    peer_say(&call, "wor");
    peer_say(&call, "ld\n");
    close(call.fd);
    client_expect("world\n");
    ck_assert_int_eq(program_wait(&client), 0);
}
END_TEST

START_TEST(calls_that_are_cut_are_made_again_and_no_half_of_an_answer_is_printed)
{
    ck_assert_int_eq(listen(listening, 8), 0);
    client_start();
    call_take(&call);
    peer_reset(&call);
    call_take(&call);
    peer_say(&call, "half");
    close(call.fd);
    call_take(&call);
    peer_say(&call, "whole\n");
    close(call.fd);
    client_expect("whole\n");
    ck_assert_int_eq(program_wait(&client), 0);
}
END_TEST

/* Nobody listens at first, so its first call is refused. */
START_TEST(a_server_that_comes_back_is_found)
{
    client_start();
    usleep(20000);
    ck_assert_int_eq(listen(listening, 8), 0);
    call_take(&call);
    peer_say(&call, "back\n");
    close(call.fd);
    client_expect("back\n");
    ck_assert_int_eq(program_wait(&client), 0);
}
END_TEST

START_TEST(after_five_calls_it_gives_up)
{
    ck_assert_int_eq(listen(listening, 8), 0);
    client_start();
    for (int i = 0; i < TRIES; i++) {
        call_take(&call);
        peer_reset(&call);
    }
    client_expect("");
    ck_assert_int_eq(program_wait(&client), 1);
    ck_assert_ptr_nonnull(strstr(client.said, "guide_call: Connection reset by peer"));
}
END_TEST

START_TEST(a_server_that_does_not_answer_has_a_time_limit)
{
    ck_assert_int_eq(listen(listening, 8), 0);
    client_start();
    call_take(&call); /* and left open, without an answer */
    call_take(&call);
    peer_say(&call, "at last\n");
    close(call.fd);
    client_expect("at last\n");
    ck_assert_int_eq(program_wait(&client), 0);
}
END_TEST

START_TEST(a_service_that_is_none_is_not_tried_again)
{
    program_spawn(&client, "guide_call",
                  (const char *const[]){"localhost", "nosuchservice", "hello", NULL});
    client_expect("");
    ck_assert_int_eq(program_wait(&client), 1);
    ck_assert_ptr_nonnull(
        strstr(client.said, "guide_call: cannot look up localhost, nosuchservice: "));
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("guide_call");
    TCase *calling = tcase_create("calling");
    const char *why = why_no_reactor();

    if (why) {
        support_skip("calling", why);
        return suite;
    }
    tcase_add_checked_fixture(calling, setup, NULL);
    tcase_set_timeout(calling, 60);
    tcase_add_test(calling, the_answer_is_printed);
    tcase_add_test(calling, calls_that_are_cut_are_made_again_and_no_half_of_an_answer_is_printed);
    tcase_add_test(calling, a_server_that_comes_back_is_found);
    tcase_add_test(calling, after_five_calls_it_gives_up);
    tcase_add_test(calling, a_server_that_does_not_answer_has_a_time_limit);
    tcase_add_test(calling, a_service_that_is_none_is_not_tried_again);
    suite_add_tcase(suite, calling);
    return suite;
}
