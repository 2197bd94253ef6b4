/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* The access log of http_echo: a line for each request, files that move, and readers that stop. */

#include "http_peer.h"
#include "scratch.h"

#include <fcntl.h>
#include <regex.h>
#include <sys/stat.h>

#define HOST "Host: a\r\n"
#define GET  "GET /a HTTP/1.1\r\n" HOST "\r\n"
#define POST "POST /b HTTP/1.1\r\n" HOST

static const char *const threads[] = {"1", "3"};
static struct peer peer;
static scratch_path folder;
static char path[64], moved[64], text[1 << 20];

static void start(const char *count)
{
    ck_assert(scratch_folder(folder));
    snprintf(path, sizeof path, "%s/log", folder);
    snprintf(moved, sizeof moved, "%s/log.1", folder);
    server_start((const char *const[]){"--log", path, "--threads", count, NULL});
}

static void stop(void)
{
    server_stop();
    unlink(path);
    unlink(moved);
    rmdir(folder);
}

static size_t read_file(const char *name)
{
    FILE *file = fopen(name, "r");
    size_t length;

    ck_assert_ptr_nonnull(file);
    length = fread(text, 1, sizeof text - 1, file);
    text[length] = '\0';
    fclose(file);
    return length;
}

static unsigned count_lines(const char *name)
{
    unsigned count = 0;

    read_file(name);
    for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++)
        count++;
    return count;
}

/* One line, without its date. */
static void expect_line(const char *line)
{
    char pattern[512];

    snprintf(pattern, sizeof pattern, "\n%s\n", line);
    ck_assert_msg(strstr(text, pattern) != NULL, "no \"%s\" in %s", line, text);
}

/* Checks each line against the format, and takes the dates out of `text`. */
static void check_format(void)
{
    static const char format[] =
        "^127\\.0\\.0\\.1 - - \\[[0-3][0-9]/[A-Z][a-z]{2}/[0-9]{4}(:[0-9]{2}){3} \\+0000\\] "
        "\"([^\"\\\\]|\\\\x[0-9A-F]{2})+\" [2-5][0-9]{2} ([1-9][0-9]*|-)$";
    static char short_lines[sizeof text];
    char *to = short_lines;
    regex_t regex;

    ck_assert_int_eq(regcomp(&regex, format, REG_EXTENDED | REG_NOSUB), 0);
    *to++ = '\n';
    for (char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        *end = '\0';
        ck_assert_msg(regexec(&regex, line, 0, NULL, 0) == 0, "not a log line: %s", line);
        to += sprintf(to, "%s\n", strchr(line, '"'));
    }
    regfree(&regex);
    *to = '\0';
    strcpy(text, short_lines);
}

START_TEST(each_request_has_a_line)
{
    static char body[100000];

    memset(body, 'x', sizeof body);
    start(threads[_i]);
    peer_dial(&peer);
    peer_say(&peer, GET "HEAD / HTTP/1.1\r\n" HOST "\r\n");
    peer_expect(&peer, 200, "GET /a HTTP/1.1\r\n" HOST);
    peer_answer_head(&peer, &(struct answer){.length = 0}, true);
    peer_say(&peer, POST "Content-Length: 5\r\n\r\nhello");
    peer_expect(&peer, 200, "hello");
    peer_say(&peer, POST "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n");
    peer_expect(&peer, 200, "hello!");
    peer_say(&peer, "OPTIONS * HTTP/1.1\r\n" HOST "\r\n");
    peer_expect(&peer, 204, "");
    peer_say(&peer, POST "Transfer-Encoding: chunked\r\n\r\n2710\r\n");
    peer_send(&peer, body, 10000);
    peer_say(&peer, "\r\n0\r\n\r\n");
    peer_expect(&peer, 200, NULL);
    peer_say(&peer, "PUT /c?d=e HTTP/1.1\r\n" HOST "Content-Length: 60000\r\n\r\n");
    peer_send(&peer, body, 60000);
    peer_expect(&peer, 200, NULL);
    peer_say(&peer, "TRACE / HTTP/1.1\r\n" HOST "\r\n");
    peer_expect(&peer, 405, NULL);
    close(peer.fd);
    server_stop();
    ck_assert_uint_eq(count_lines(path), 8);
    check_format();
    expect_line("\"GET /a HTTP/1.1\" 200 26");
    expect_line("\"HEAD / HTTP/1.1\" 200 -");
    expect_line("\"POST /b HTTP/1.1\" 200 5");
    expect_line("\"POST /b HTTP/1.1\" 200 6");
    expect_line("\"OPTIONS * HTTP/1.1\" 204 -");
    expect_line("\"POST /b HTTP/1.1\" 200 10000");
    expect_line("\"PUT /c?d=e HTTP/1.1\" 200 60000");
    expect_line("\"TRACE / HTTP/1.1\" 405 35");
    stop();
}
END_TEST

START_TEST(refused_requests_have_a_line)
{
    start("1");
    expect("GET /a\\b HTTP/1.1\r\n" HOST "\r\n", 400, NULL);
    expect("GET / HTTP/1.1\r\nX\x01: y\r\n\r\n", 400, NULL);
    expect("\x02", 400, NULL);
    expect("GET /\" 200 1\n127.0.0.1 - - [] \"GET / HTTP/1.1\r\n" HOST "\r\n", 400, NULL);
    server_stop();
    ck_assert_uint_eq(count_lines(path), 4);
    check_format();
    stop();
}
END_TEST

START_TEST(an_echo_that_is_cut_short_has_a_line)
{
    static char body[60000];

    start("1");
    peer_dial(&peer);
    peer_say(&peer, POST "Content-Length: 100000\r\n\r\n");
    peer_send(&peer, body, sizeof body);
    for (size_t got = 0; got < sizeof body; got++)
        ck_assert_int_ge(peer_byte(&peer), 0);
    peer_reset(&peer);
    server_stop();
    ck_assert_uint_eq(count_lines(path), 1);
    check_format();
    expect_line("\"POST /b HTTP/1.1\" 200 60000");
    stop();
}
END_TEST

START_TEST(a_line_names_the_client_of_a_proxy)
{
    ck_assert(scratch_folder(folder));
    snprintf(path, sizeof path, "%s/log", folder);
    server_start((const char *const[]){"--log", path, "--proxy-protocol=127.0.0.1", NULL});
    peer_dial(&peer);
    peer_say(&peer, "PROXY TCP6 2001:db8::1 2001:db8::2 56324 443\r\n" GET);
    peer_expect(&peer, 200, NULL);
    close(peer.fd);
    expect("PROXY UNKNOWN\r\n" GET, 200, NULL);
    server_stop();
    ck_assert_uint_eq(count_lines(path), 2);
    ck_assert_int_eq(strncmp(text, "2001:db8::1 - - [", 17), 0);
    ck_assert_ptr_nonnull(strstr(text, "\n127.0.0.1 - - ["));
    stop();
}
END_TEST

/* The lines before the move are in the old file, those after it in the new one, and none is lost.
 */
START_TEST(a_hang_up_opens_the_file_again)
{
    unsigned count = 1;

    start(threads[_i]);
    expect(GET, 200, NULL);
    ck_assert_int_eq(rename(path, moved), 0);
    kill(server.pid, SIGHUP);
    do {
        expect(GET, 200, NULL);
        count++;
    } while (access(path, F_OK) < 0);
    server_stop();
    ck_assert_uint_eq(count_lines(path) + count_lines(moved), count);
    stop();
}
END_TEST

/* Whoever moved the file away waits for the new one, and no client comes. */
START_TEST(a_hang_up_of_an_idle_server_makes_the_file)
{
    start(threads[_i]);
    expect(GET, 200, NULL);
    while (count_lines(path) == 0)
        usleep(1000);
    ck_assert_int_eq(rename(path, moved), 0);
    for (unsigned i = 0; i < 3; i++) {
        kill(server.pid, SIGHUP);
        while (access(path, F_OK) < 0)
            usleep(1000);
        ck_assert_uint_eq(count_lines(moved), 1);
        ck_assert_int_eq(unlink(path), 0);
    }
    kill(server.pid, SIGHUP);
    while (access(path, F_OK) < 0)
        usleep(1000);
    expect(GET, 200, NULL);
    server_stop();
    ck_assert_uint_eq(count_lines(path), 1);
    stop();
}
END_TEST

START_TEST(a_new_file_that_cannot_be_opened_leaves_the_old_one)
{
    start("1");
    expect(GET, 200, NULL);
    ck_assert_int_eq(rename(path, moved), 0);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    kill(server.pid, SIGHUP);
    peer_dial(&peer);
    for (unsigned i = 0; i < 20; i++)
        ping(&peer);
    close(peer.fd);
    server_stop();
    ck_assert_ptr_nonnull(strstr(server.said, "the log stays in its old file"));
    ck_assert_uint_eq(count_lines(moved), 21);
    ck_assert_int_eq(rmdir(path), 0);
    stop();
}
END_TEST

/* Nobody reads the standard output. All requests are answered, the program ends, and it says how
 * many lines are missing. */
START_TEST(a_reader_that_has_stopped_stops_nobody)
{
    const unsigned count = 6000;
    unsigned long lost;
    const char *at;

    server_start((const char *const[]){"--log=-", "--threads", threads[_i], NULL});
    peer_dial(&peer);
    for (unsigned i = 0; i < count; i += 100)
        ping_often(&peer, 100);
    close(peer.fd);
    kill(server.pid, SIGTERM);
    server_check_end();
    at = strstr(server.said, " of 6000 lines of the log were lost\n");
    ck_assert_msg(at != NULL, "%s", server.said);
    while (at[-1] >= '0' && at[-1] <= '9')
        at--;
    lost = strtoul(at, NULL, 10);
    ck_assert_uint_gt(lost, count / 10);
    ck_assert_uint_lt(lost, count);
}
END_TEST

START_TEST(a_reader_that_is_gone_ends_nobody)
{
    server_start((const char *const[]){"--log=-", "--threads", threads[_i], NULL});
    close(server.out);
    server.out = open("/dev/null", O_RDONLY);
    for (unsigned i = 0; i < 3; i++)
        expect(GET, 200, NULL);
    server_stop();
    ck_assert_ptr_nonnull(strstr(server.said, "3 of 3 lines of the log were lost\n"));
}
END_TEST

START_TEST(a_full_disk_is_survived)
{
    server_start((const char *const[]){"--log=/dev/full", NULL});
    for (unsigned i = 0; i < 3; i++)
        expect(GET, 200, NULL);
    server_stop();
    ck_assert_ptr_nonnull(strstr(server.said, "3 of 3 lines of the log were lost\n"));
}
END_TEST

START_TEST(a_file_that_cannot_be_opened_is_named)
{
    program_spawn(&server, "http_echo", (const char *const[]){"--log=/no/such/folder/log", NULL});
    ck_assert_int_eq(program_wait(&server), 1);
    ck_assert_str_eq(server.said, "http_echo: cannot write the log /no/such/folder/log: "
                                  "No such file or directory\n");
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("examples_access_log");
    TCase *tcase = tcase_create("log");
    const char *why = why_no_reactor();

    if (why) {
        support_skip("access_log", why);
        return suite;
    }
    tcase_add_loop_test(tcase, each_request_has_a_line, 0, 2);
    tcase_add_test(tcase, refused_requests_have_a_line);
    tcase_add_test(tcase, an_echo_that_is_cut_short_has_a_line);
    tcase_add_test(tcase, a_line_names_the_client_of_a_proxy);
    tcase_add_loop_test(tcase, a_hang_up_opens_the_file_again, 0, 2);
    tcase_add_loop_test(tcase, a_hang_up_of_an_idle_server_makes_the_file, 0, 2);
    tcase_add_test(tcase, a_new_file_that_cannot_be_opened_leaves_the_old_one);
    tcase_add_loop_test(tcase, a_reader_that_has_stopped_stops_nobody, 0, 2);
    tcase_add_loop_test(tcase, a_reader_that_is_gone_ends_nobody, 0, 2);
    tcase_add_test(tcase, a_full_disk_is_survived);
    tcase_add_test(tcase, a_file_that_cannot_be_opened_is_named);
    tcase_set_timeout(tcase, 40);
    suite_add_tcase(suite, tcase);
    return suite;
}
