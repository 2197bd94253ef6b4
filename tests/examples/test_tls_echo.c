/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* tls_echo, with openssl s_client as its client. */

#include "http_peer.h"

#include "../tls/tool.h"

static struct tool client;

static void start(void)
{
    char certificate[64], key[64];

    identities_make();
    files_write();
    snprintf(certificate, sizeof certificate, "%s/server.pem", files);
    snprintf(key, sizeof key, "%s/server.key", files);
    program_start(&server, "tls_echo", (const char *const[]){"0", certificate, key, NULL}, "port ");
}

static void stop(void)
{
    if (server.pid) {
        kill(server.pid, SIGTERM);
        ck_assert_int_eq(program_wait(&server), 0);
    }
    files_remove();
}

/* Starts s_client, and waits until its handshake is complete. */
static void client_start(const char *options)
{
    char command[512];

    snprintf(command, sizeof command,
             "openssl s_client -connect 127.0.0.1:%u -servername localhost -CAfile ~/authority.pem"
             " -verify_return_error -verify_hostname localhost %s",
             server.port, options);
    tool_start(&client, command);
}

static const char *const versions[] = {"-tls1_2", "-tls1_3"};

START_TEST(lines_come_back_in_both_versions)
{
    client_start(versions[_i]);
    tool_expect(&client, "Verify return code: 0 (ok)");
    tool_say(&client, "a line\n");
    tool_expect(&client, "\na line\n");
    ck_assert_int_eq(tool_end(&client), 0);
}
END_TEST

/* K asks the server for new keys, k only renews those of the client. */
START_TEST(keys_are_updated_when_a_client_asks)
{
    client_start("-tls1_3");
    tool_expect(&client, "Verify return code: 0 (ok)");
    tool_say(&client, "K\n");
    tool_expect(&client, "KEYUPDATE");
    tool_say(&client, "first\n");
    tool_expect(&client, "\nfirst\n");
    client.said_length = 0;
    memset(client.said, 0, sizeof client.said);
    tool_say(&client, "k\n");
    tool_expect(&client, "KEYUPDATE");
    tool_say(&client, "second\n");
    tool_expect(&client, "\nsecond\n");
    ck_assert_int_eq(tool_end(&client), 0);
}
END_TEST

START_TEST(a_renegotiation_is_refused)
{
    client_start("-tls1_2");
    tool_expect(&client, "Verify return code: 0 (ok)");
    ck_assert_ptr_nonnull(strstr(client.said, "Secure Renegotiation IS supported"));
    tool_say(&client, "R\n");
    tool_expect(&client, "no renegotiation");
    tool_stop(&client);
}
END_TEST

START_TEST(a_session_is_resumed)
{
    client_start("-tls1_2 -sess_out ~/session");
    tool_expect(&client, "Verify return code: 0 (ok)");
    ck_assert_ptr_nonnull(strstr(client.said, "New, TLSv1.2"));
    tool_say(&client, "Q\n");
    ck_assert_int_eq(tool_end(&client), 0);
    client_start("-tls1_2 -sess_in ~/session");
    tool_expect(&client, "Reused, TLSv1.2");
    tool_stop(&client);
}
END_TEST

START_TEST(a_hangup_reads_the_certificate_again)
{
    char line[128];

    client_start("");
    tool_expect(&client, "CN = server");
    tool_stop(&client);
    file_write("server.pem", named_identity.certificate);
    file_write("server.key", named_identity.key);
    kill(server.pid, SIGHUP);
    for (unsigned tries = 0; tries < 50; tries++) {
        client_start("");
        tool_expect(&client, "CN = ");
        if (strstr(client.said, "CN = named"))
            break;
        tool_stop(&client);
        usleep(20000);
    }
    ck_assert_ptr_nonnull(strstr(client.said, "CN = named"));
    tool_stop(&client);
    /* And keeps the old one if the new one is none. */
    file_write("server.pem", "damaged");
    kill(server.pid, SIGHUP);
    snprintf(line, sizeof line, "%s/server.pem: no start line", files);
    client_start("");
    tool_expect(&client, "CN = named");
    tool_stop(&client);
    kill(server.pid, SIGTERM);
    ck_assert_int_eq(program_wait(&server), 0);
    ck_assert_ptr_nonnull(strstr(server.said, line));
}
END_TEST

START_TEST(a_certificate_that_is_missing_is_told)
{
    struct program program;

    program_spawn(&program, "tls_echo",
                  (const char *const[]){"0", "/nonexistent.pem", "/nonexistent.key", NULL});
    ck_assert_int_eq(program_wait(&program), 1);
    ck_assert_str_eq(program.said, "tls_echo: /nonexistent.pem: No such file or directory\n");
}
END_TEST

START_TEST(sslscan_finds_nothing_weak)
{
    static const char *const bad[] = {"SSLv2     enabled",
                                      "SSLv3     enabled",
                                      "TLSv1.0   enabled",
                                      "TLSv1.1   enabled",
                                      "vulnerable to heartbleed\n",
                                      "CBC",
                                      "RC4",
                                      "3DES",
                                      "NULL",
                                      "DHE-RSA-AES128-SHA"};
    char command[64];

    snprintf(command, sizeof command, "sslscan --no-colour 127.0.0.1:%u", server.port);
    tool_start(&client, command);
    ck_assert_int_eq(tool_end(&client), 0);
    ck_assert_ptr_nonnull(strstr(client.said, "TLSv1.3   enabled"));
    ck_assert_ptr_nonnull(strstr(client.said, "Session renegotiation not supported"));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!strstr(client.said, bad[i]) ||
                          strstr(client.said, "not vulnerable to heartbleed"),
                      "%s: %s", bad[i], client.said);
    /* It says more of them than program_wait() reads. */
    kill(server.pid, SIGTERM);
    while (read(server.err, client.said, sizeof client.said) > 0)
        continue;
    ck_assert_int_eq(program_wait(&server), 0);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("tls_echo");
    TCase *serving = tcase_create("serving");
    const char *why = why_no_reactor();

    if (!why && !tool_is_there("openssl"))
        why = "openssl is not installed";
    if (why) {
        support_skip("serving", why);
        return suite;
    }
    tcase_add_checked_fixture(serving, start, stop);
    tcase_set_timeout(serving, 60);
    tcase_add_loop_test(serving, lines_come_back_in_both_versions, 0, 2);
    tcase_add_test(serving, keys_are_updated_when_a_client_asks);
    tcase_add_test(serving, a_renegotiation_is_refused);
    tcase_add_test(serving, a_session_is_resumed);
    tcase_add_test(serving, a_hangup_reads_the_certificate_again);
    tcase_add_test(serving, a_certificate_that_is_missing_is_told);
    if (tool_is_there("sslscan"))
        tcase_add_test(serving, sslscan_finds_nothing_weak);
    else
        support_skip("sslscan_finds_nothing_weak", "sslscan is not installed");
    suite_add_tcase(suite, serving);
    return suite;
}
