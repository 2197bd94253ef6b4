/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* http_echo by TLS, with curl as its client. */

#include "http_peer.h"

#include "../tls/tool.h"

static struct tool client;
static const char *const threads[] = {"1", "3"};

/* `more` is one more option, or NULL. */
static void start_with(const char *count, const char *more)
{
    static char certificate[64], key[64];

    identities_make();
    files_write();
    snprintf(certificate, sizeof certificate, "%s/server.pem", files);
    snprintf(key, sizeof key, "%s/server.key", files);
    server_start((const char *const[]){"--tls-certificate", certificate, "--tls-key", key,
                                       "--threads", count, more, NULL});
}

static void start(const char *count)
{
    start_with(count, NULL);
}

static void stop(void)
{
    if (server.pid) {
        kill(server.pid, SIGTERM);
        server_check_end();
    }
    files_remove();
}

/* Runs curl for "https://localhost:PORT/PATH" with these options. Returns its exit status. */
static int curl(const char *options, const char *path)
{
    char command[512];

    snprintf(command, sizeof command,
             "curl --silent --show-error --max-time 20 --cacert ~/authority.pem"
             " --resolve localhost:%u:127.0.0.1 %s https://localhost:%u/%s",
             server.port, options, server.port, path);
    tool_start(&client, command);
    return tool_end(&client);
}

static const char *const versions[] = {"--tls-max 1.2", "--tlsv1.3"};

START_TEST(curl_is_answered_in_both_versions)
{
    start("1");
    ck_assert_msg(curl(versions[_i], "path") == 0, "%s", client.said);
    ck_assert_ptr_nonnull(strstr(client.said, "GET /path HTTP/1.1\r\n"));
    ck_assert_msg(curl(versions[_i], "") == 0, "%s", client.said);
    stop();
    ck_assert_ptr_nonnull(
        strstr(server.said, "http_echo: 2 handshakes, 0 of them resumed, 0 failed"));
}
END_TEST

START_TEST(a_body_comes_back)
{
    char options[256];
    char *body = malloc(3000001);

    start(threads[_i]);
    for (size_t i = 0; i < 3000000; i++)
        body[i] = (char)('a' + i * 31 / 7 % 26);
    body[3000000] = '\0';
    file_write("body", body);
    for (unsigned round = 0; round < 2; round++) {
        /* The second time in chunks. */
        snprintf(options, sizeof options, "%s --data-binary @~/body -o ~/back",
                 round == 0 ? "" : "-H Transfer-Encoding:chunked");
        ck_assert_msg(curl(options, "") == 0, "%s", client.said);
        tool_start(&client, "cmp ~/body ~/back");
        ck_assert_msg(tool_end(&client) == 0, "%s", client.said);
    }
    free(body);
    stop();
}
END_TEST

START_TEST(a_connection_stays_for_several_requests)
{
    char url[64], options[256];

    start("1");
    snprintf(url, sizeof url, "https://localhost:%u/", server.port);
    snprintf(options, sizeof options,
             "-o /dev/null %s -o /dev/null %s -w '%%{num_connects} ' -o /dev/null", url, url);
    ck_assert_msg(curl(options, "") == 0, "%s", client.said);
    ck_assert_ptr_nonnull(strstr(client.said, "1 0 0"));
    stop();
}
END_TEST

START_TEST(http_1_1_is_agreed_on)
{
    start("1");
    ck_assert_msg(curl("-v --http2", "") == 0, "%s", client.said);
    ck_assert_ptr_nonnull(strstr(client.said, "server accepted http/1.1"));
    stop();
}
END_TEST

START_TEST(plain_http_is_not_answered)
{
    char command[128];

    start("1");
    snprintf(command, sizeof command, "curl --silent --max-time 20 http://127.0.0.1:%u/",
             server.port);
    tool_start(&client, command);
    ck_assert_int_ne(tool_end(&client), 0);
    ck_assert_msg(curl("", "") == 0, "%s", client.said);
    stop();
    ck_assert_ptr_nonnull(strstr(server.said, "1 handshakes, 0 of them resumed, 1 failed"));
}
END_TEST

START_TEST(a_client_that_does_not_trust_us_is_no_harm)
{
    start("1");
    ck_assert_int_eq(curl("--cacert ~/named.pem", ""), 60);
    ck_assert_msg(curl("", "") == 0, "%s", client.said);
    stop();
}
END_TEST

START_TEST(a_hangup_reads_the_certificate_again)
{
    unsigned tries = 0;

    start(threads[_i]);
    ck_assert_msg(curl("", "") == 0, "%s", client.said);
    file_write("server.pem", named_identity.certificate);
    file_write("server.key", named_identity.key);
    kill(server.pid, SIGHUP);
    do {
        ck_assert_uint_lt(tries++, 50);
        usleep(20000);
    } while (curl("", "") != 60); /* localhost is not its name */
    stop();
}
END_TEST

/* Complaints, each with the status 2 or 1. */
static const struct {
    const char *words[5];
    int status;
    const char *said;
} complaints[] = {
    {{"--tls-key", "k"}, 2, "--tls-key needs the other one"},
    {{"--tls-certificate", "c"}, 2, "--tls-certificate needs the other one"},
    {{"--tls-certificate=", "--tls-key=k"}, 2, "takes the name of a file"},
    {{"--tls-certificate", "/nonexistent", "--tls-key", "k"},
     1,
     "http_echo: /nonexistent: No such file or directory\n"},
};

/* The address of the client comes before the handshake, and is not encrypted. */
START_TEST(a_proxy_names_the_client_before_the_handshake)
{
    start_with("1", "--proxy-protocol=127.0.0.1");
    ck_assert_msg(curl("-i --haproxy-protocol", "") == 0, "%s", client.said);
    ck_assert_ptr_nonnull(strstr(client.said, "\r\nClient-Address: 127.0.0.1:"));
    ck_assert_int_ne(curl("", ""), 0);
    stop();
    ck_assert_ptr_nonnull(strstr(server.said, "http_echo: 1 PROXY headers refused"));
    ck_assert_ptr_nonnull(strstr(server.said, "http_echo: 1 handshakes"));
}
END_TEST

START_TEST(a_mistake_in_the_options_is_told)
{
    struct program program;

    program_spawn(&program, "http_echo", complaints[_i].words);
    ck_assert_int_eq(program_wait(&program), complaints[_i].status);
    ck_assert_msg(strstr(program.said, complaints[_i].said) != NULL, "%s", program.said);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("https");
    TCase *serving = tcase_create("serving");
    const char *why = why_no_reactor();

    if (!why && !tool_is_there("curl"))
        why = "curl is not installed";
    if (why) {
        support_skip("serving", why);
        return suite;
    }
    tcase_set_timeout(serving, 60);
    tcase_add_loop_test(serving, curl_is_answered_in_both_versions, 0, 2);
    tcase_add_loop_test(serving, a_body_comes_back, 0, 2);
    tcase_add_test(serving, a_connection_stays_for_several_requests);
    tcase_add_test(serving, http_1_1_is_agreed_on);
    tcase_add_test(serving, plain_http_is_not_answered);
    tcase_add_test(serving, a_client_that_does_not_trust_us_is_no_harm);
    tcase_add_loop_test(serving, a_hangup_reads_the_certificate_again, 0, 2);
    tcase_add_test(serving, a_proxy_names_the_client_before_the_handshake);
    tcase_add_loop_test(serving, a_mistake_in_the_options_is_told, 0,
                        sizeof complaints / sizeof *complaints);
    suite_add_tcase(suite, serving);
    return suite;
}
