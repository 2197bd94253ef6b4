/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Our client, with openssl s_server as its server. */
#include "tls_test.h"
#include "tool.h"

static struct tool server;
static struct side client;

static void setup(void)
{
    tls_setup();
    files_write();
}

static void teardown(void)
{
    tool_stop(&server);
    files_remove();
    tls_teardown();
}

/* Starts s_server, and connects a client to it. */
static void connect_to(const char *options)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char command[256];

    snprintf(command, sizeof command,
             "openssl s_server -accept 127.0.0.1:0 -cert ~/server.pem -key ~/server.key %s",
             options);
    tool_start(&server, command);
    tool_expect(&server, "ACCEPT 127.0.0.1:");
    tool_expect(&server, "\n");
    address.sin_port = htons(
        (uint16_t)atoi(strstr(server.said, "ACCEPT 127.0.0.1:") + strlen("ACCEPT 127.0.0.1:")));
    memset(&client, 0, sizeof client);
    client.log_end = client.log;
    QUIETLY(ck_assert_int_eq(
        kevy_stream_connect(kevy_tls_client(&client.tls, client_context, "localhost", &side_events),
                            reactor, (struct sockaddr *)&address, sizeof address, KEVY_FOREVER),
        0));
    TURN_UNTIL(client.log[0] != '\0');
}

/* What the server says meanwhile. */
static void server_says(const char *text)
{
    for (unsigned count = 0; strstr(server.said, text) == NULL; count++) {
        ck_assert_msg(count < TURNS_MAX, "it does not say \"%s\" but: %s", text, server.said);
        turn_now();
        (void)tool_listen(&server);
    }
}

static const char *const versions[] = {"-tls1_2", "-tls1_3"};

START_TEST(s_server_is_talked_to_in_both_versions)
{
    struct kevy_tls_info info;

    connect_to(versions[_i]);
    ck_assert_str_eq(client.log, "o");
    ck_assert_int_eq(kevy_tls_info(&client.tls, &info), 0);
    ck_assert(info.verified);
    side_send_text(&client, "to the server\n");
    server_says("to the server\n");
    tool_say(&server, "to the client\n");
    side_expect(&client, "to the client\n");
    QUIETLY(kevy_tls_close(&client.tls));
    TURN_UNTIL(client.closed);
    ck_assert_int_eq(client.reason, 0);
    server_says("DONE");
}
END_TEST

/* K asks us for new keys, k only renews those of the server. */
START_TEST(s_server_updates_keys)
{
    connect_to("-tls1_3");
    TURN_UNTIL(client.tls.messages == 2); /* its tickets */
    tool_say(&server, "K\n");
    TURN_UNTIL(client.tls.messages == 3);
    tool_say(&server, "a\n");
    side_expect(&client, "a\n");
    side_send_text(&client, "under new keys\n");
    server_says("under new keys\n");
    side_abort(&client);
}
END_TEST

/* Its q ends TCP alone. */
START_TEST(s_server_that_quits_is_a_truncation)
{
    connect_to("");
    tool_say(&server, "bye\n");
    side_expect(&client, "bye\n");
    tool_say(&server, "q\n");
    TURN_UNTIL(client.closed);
    ck_assert_str_eq(client.log, "orc");
    ck_assert_int_eq(client.reason, -ECONNABORTED);
}
END_TEST

START_TEST(s_server_asks_for_a_certificate)
{
    struct kevy_tls_options options = server_options(&client_identity);

    ck_assert_int_eq(kevy_tls_context_reload(client_context, &options, NULL), 0);
    connect_to("-Verify 1 -verify_return_error -CAfile ~/authority.pem");
    ck_assert_str_eq(client.log, "o");
    side_send_text(&client, "certified\n");
    server_says("certified\n");
    side_abort(&client);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("tls_tools");
    TCase *tools;

    if (!tool_is_there("openssl")) {
        support_skip("s_server", "openssl is not installed");
        return suite;
    }
    tools = tcase_create("tools");
    tcase_add_unchecked_fixture(tools, identities_make, NULL);
    tcase_add_checked_fixture(tools, setup, teardown);
    tcase_set_timeout(tools, 60);
    tcase_add_loop_test(tools, s_server_is_talked_to_in_both_versions, 0, 2);
    tcase_add_test(tools, s_server_updates_keys);
    tcase_add_test(tools, s_server_that_quits_is_a_truncation);
    tcase_add_test(tools, s_server_asks_for_a_certificate);
    suite_add_tcase(suite, tools);
    return suite;
}
