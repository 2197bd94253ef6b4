/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* What http_echo tells about itself: /metrics, /status.json, /events, and the table at SIGUSR1. */

#include "status_peer.h"

#include <ctype.h>
#include <time.h>

#define HOST "Host: a\r\n"
#define GET  "GET / HTTP/1.1\r\n" HOST "\r\n"

static const char *const threads[] = {"1", "3"};
static struct peer peer, others[40];
static struct answer answer;

static void start(const char *count)
{
    status_start((const char *const[]){"--threads", count, NULL});
}

/* Some requests of each kind, all of them handled when this returns. */
static void make_requests(void)
{
    expect(GET, 200, NULL);
    expect("POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello", 200, "hello");
    expect("GET / HTTP/1.1\r\n\r\n", 400, NULL);
    expect("TRACE / HTTP/1.1\r\n" HOST "\r\n", 405, NULL);
    peer_dial(&peer);
    ping(&peer);
}

START_TEST(counters_count_what_was_done)
{
    start(threads[_i]);
    make_requests();
    status_get("/metrics", &answer);
    ck_assert_double_eq(metric(&answer, "connections_total", ""), 5);
    ck_assert_double_eq(metric(&answer, "requests_total", ""), 3);
    ck_assert_double_eq(metric(&answer, "answers_total", "class=\"2xx\""), 3);
    ck_assert_double_eq(metric(&answer, "answers_total", "class=\"4xx\""), 2);
    ck_assert_double_eq(metric(&answer, "refusals_total", "cause=\"host\""), 1);
    ck_assert_double_eq(metric(&answer, "refusals_total", "cause=\"method\""), 1);
    ck_assert_double_eq(metric(&answer, "refusals_total", "cause=\"fold\""), 0);
    ck_assert_double_ge(metric(&answer, "open_connections", ""), 1);
    ck_assert_double_gt(metric(&answer, "received_bytes_total", ""), 100);
    ck_assert_double_gt(metric(&answer, "sent_bytes_total", ""), 100);
    ck_assert_double_ge(metric(&answer, "turns_total", ""), 5);
    ck_assert_double_gt(metric(&answer, "turn_longest_seconds", ""), 0);
    ck_assert_double_eq(metric(&answer, "memory_limit_bytes", ""), atoi(threads[_i]) * 67108864.0);
    close(peer.fd);
    server_stop();
}
END_TEST

START_TEST(time_limits_are_counted_by_cause)
{
    static const struct {
        const char *option;
        const char *bytes;
        const char *label;
    } limits[] = {
        {"--idle-timeout=0.05", "", "cause=\"idle\""},
        {"--header-timeout=0.05", "GET", "cause=\"header\""},
        {"--body-timeout=0.05", "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nh",
         "cause=\"body\""},
    };

    status_start((const char *const[]){limits[_i].option, NULL});
    peer_dial(&peer);
    peer_say(&peer, limits[_i].bytes);
    while (peer_byte(&peer) >= 0)
        continue;
    close(peer.fd);
    status_get("/metrics", &answer);
    for (int i = 0; i < 3; i++)
        ck_assert_double_eq(metric(&answer, "timeouts_total", limits[i].label), i == _i);
    server_stop();
}
END_TEST

static bool is_name(const char *at, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (!islower((unsigned char)at[i]) && at[i] != '_')
            return false;
    return length > 0;
}

/* {name="value",...}: returns the end. */
static const char *check_labels(const char *at)
{
    do {
        const char *equals = strchr(++at, '=');

        ck_assert(equals && is_name(at, (size_t)(equals - at)) && equals[1] == '"');
        for (at = equals + 2; *at != '"'; at++)
            ck_assert(*at >= ' ' && (*at != '\\' || *++at));
        at++;
    } while (*at == ',');
    ck_assert_int_eq(*at, '}');
    return at + 1;
}

/* A line of a family: the labels, a blank and a number. No other one is the same. */
static void check_series(const char *line, const char *all)
{
    const char *at = line + strcspn(line, "{ ");
    char *end;

    if (*at == '{')
        at = check_labels(at);
    for (const char *other = all; other < line; other = strchr(other, '\n') + 1)
        ck_assert(strncmp(other, line, (size_t)(at - line) + 1) != 0);
    ck_assert_int_eq(*at, ' ');
    ck_assert(isdigit((unsigned char)at[1]));
    strtod(at + 1, &end);
    ck_assert_int_eq(*end, '\n');
}

/* The format of Prometheus: for each family its help, its type and its series. */
START_TEST(metrics_are_in_the_text_format)
{
    char name[128], begin[160], type[16];
    const char *line;
    int length;

    start(threads[_i]);
    make_requests();
    status_get("/metrics", &answer);
    ck_assert_ptr_nonnull(strstr(answer.head, "Content-Type: text/plain; version=0.0.4"));
    for (line = answer.body; *line;) {
        ck_assert_int_eq(sscanf(line, "# HELP http_echo_%127s %n", name, &length), 1);
        ck_assert(is_name(name, strlen(name)) && line[length] != '\n');
        snprintf(begin, sizeof begin, "\n# HELP http_echo_%s ", name);
        ck_assert_ptr_null(strstr(line, begin)); /* all of a family stands together */
        line = strchr(line, '\n') + 1;
        snprintf(begin, sizeof begin, "# TYPE http_echo_%s %%15s", name);
        ck_assert_int_eq(sscanf(line, begin, type), 1);
        ck_assert_str_eq(type, strlen(name) > 6 && !strcmp(name + strlen(name) - 6, "_total")
                                   ? "counter"
                                   : "gauge");
        line = strchr(line, '\n') + 1;
        snprintf(begin, sizeof begin, "http_echo_%s", name);
        ck_assert(strncmp(line, begin, strlen(begin)) == 0);
        for (; strncmp(line, begin, strlen(begin)) == 0; line = strchr(line, '\n') + 1)
            check_series(line, answer.body);
    }
    close(peer.fd);
    server_stop();
}
END_TEST

/* Gives a program this text. Returns its exit status. */
static int feed(const char *command, const char *text)
{
    FILE *program = popen(command, "w");

    ck_assert_ptr_nonnull(program);
    fputs(text, program);
    return WEXITSTATUS(pclose(program));
}

START_TEST(metrics_pass_promtool)
{
    start(threads[_i]);
    make_requests();
    status_get("/metrics", &answer);
    ck_assert_int_eq(feed("promtool check metrics", answer.body), 0);
    close(peer.fd);
    server_stop();
}
END_TEST

START_TEST(json_has_the_total_and_each_thread)
{
    static const char check[] = "python3 -c '"
                                "import json,sys\n"
                                "s=json.load(sys.stdin)\n"
                                "t=s[\"total\"]\n"
                                "assert len(s[\"threads\"])==int(sys.argv[1])\n"
                                "assert t[\"requests_total\"]==3\n"
                                "assert t[\"refusals_total\"][\"host\"]==1\n"
                                "assert len(t[\"timeouts_total\"])==4\n"
                                "assert sum(i[\"requests_total\"] for i in s[\"threads\"])==3\n"
                                "assert s[\"kernel\"] in s[\"why\"]+\" soft\"\n"
                                "assert s[\"pid\"]>1 and s[\"time_seconds\"]>0\n'";
    char command[1024];

    start(threads[_i]);
    make_requests();
    status_get("/status.json", &answer);
    ck_assert_ptr_nonnull(strstr(answer.head, "Content-Type: application/json\r\n"));
    snprintf(command, sizeof command, "%s %s", check, threads[_i]);
    ck_assert_int_eq(feed(command, answer.body), 0);
    close(peer.fd);
    server_stop();
}
END_TEST

static const struct {
    const char *path;
    const char *type;
} files[] = {
    {"/", "text/html"},        {"/?a=b", "text/html"},          {"http://a/", "text/html"},
    {"/page.css", "text/css"}, {"/page.js", "text/javascript"},
};

START_TEST(the_page_loads_nothing_from_elsewhere)
{
    char type[64];

    start("1");
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        status_get(files[i].path, &answer);
        ck_assert_uint_eq(answer.status, 200);
        snprintf(type, sizeof type, "\r\nContent-Type: %s; charset=utf-8\r\n", files[i].type);
        ck_assert_ptr_nonnull(strstr(answer.head, type));
        ck_assert_ptr_nonnull(strstr(answer.head, "Content-Security-Policy: default-src 'none'; "));
        ck_assert_ptr_nonnull(strstr(answer.head, "X-Content-Type-Options: nosniff\r\n"));
        ck_assert_ptr_null(strstr(answer.body, "src=\"http"));
        ck_assert_ptr_null(strstr(answer.body, "url("));
    }
    server_stop();
}
END_TEST

START_TEST(other_requests_are_refused)
{
    start("1");
    status_get("/nothing", &answer);
    ck_assert_uint_eq(answer.status, 404);
    status_dial(&peer);
    status_ask(&peer, "POST", "/");
    peer_answer(&peer, &answer);
    ck_assert_uint_eq(answer.status, 405);
    ck_assert_ptr_nonnull(strstr(answer.head, "\r\nAllow: GET, HEAD\r\n"));
    peer_check_end(&peer);
    status_dial(&peer);
    peer_say(&peer, "\x01\r\n");
    peer_expect(&peer, 400, NULL);
    peer_check_end(&peer);
    status_dial(&peer);
    peer_say(&peer, "POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\n");
    peer_expect(&peer, 413, NULL);
    peer_check_end(&peer);
    for (unsigned i = 0; i < 2; i++) {
        status_dial(&peer);
        status_ask(&peer, "HEAD", i ? "/events" : "/metrics");
        peer_answer_head(&peer, &answer, true);
        ck_assert_uint_eq(answer.status, 200);
        peer_check_end(&peer);
    }
    server_stop();
}
END_TEST

/* The first event begins with "retry:"; each ends with an empty line. */
static double next_event(struct peer *from)
{
    static char line[65536];
    const char *at;

    do
        peer_line(from, line, sizeof line);
    while (strncmp(line, "data: {", 7) != 0);
    at = strstr(line, "\"time_seconds\":");
    ck_assert_ptr_nonnull(at);
    ck_assert_int_eq(line[strlen(line) - 2], '}');
    ck_assert_uint_eq(peer_line(from, line, sizeof line), 1);
    return strtod(at + strlen("\"time_seconds\":"), NULL);
}

START_TEST(events_come_at_once_and_each_second)
{
    struct timespec begin, end;
    double first, second, third;

    start(threads[_i]);
    clock_gettime(CLOCK_MONOTONIC, &begin);
    status_dial(&peer);
    status_ask(&peer, "GET", "/events");
    peer_answer_head(&peer, &answer, true);
    ck_assert_ptr_nonnull(strstr(answer.head, "Content-Type: text/event-stream\r\n"));
    first = next_event(&peer);
    second = next_event(&peer);
    third = next_event(&peer);
    clock_gettime(CLOCK_MONOTONIC, &end);
    ck_assert_double_gt(second, first);
    ck_assert_double_gt(third, second);
    ck_assert_int_ge(end.tv_sec * 10 + end.tv_nsec / 100000000,
                     begin.tv_sec * 10 + begin.tv_nsec / 100000000 + 20);
    kill(server.pid, SIGTERM); /* the watcher does not hold it up */
    server_check_end();
    peer_check_end(&peer);
}
END_TEST

START_TEST(a_half_closed_client_gets_its_answer)
{
    start("1");
    status_dial(&peer);
    status_ask(&peer, "GET", "/status.json");
    shutdown(peer.fd, SHUT_WR);
    peer_answer(&peer, &answer);
    ck_assert_uint_eq(answer.status, 200);
    peer_check_end(&peer);
    server_stop();
}
END_TEST

/* More of them than have room ask for much and read nothing, or ask for nothing. */
START_TEST(slow_clients_of_the_page_hurt_nobody)
{
    const size_t count = sizeof others / sizeof *others;

    status_start((const char *const[]){"--threads=12", "--memory-limit=1M", NULL});
    for (size_t i = 0; i < count; i++) {
        status_dial(&others[i]);
        setsockopt(others[i].fd, SOL_SOCKET, SO_RCVBUF, &(int){4096}, sizeof(int));
        if (i % 4)
            status_ask(&others[i], "GET", i % 4 == 1 ? "/events" : "/metrics");
    }
    for (unsigned i = 0; i < 24; i++)
        expect("POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello", 200, "hello");
    for (size_t i = 0; i < count; i++)
        close(others[i].fd);
    status_get("/metrics", &answer);
    ck_assert_double_eq(metric(&answer, "requests_total", ""), 24);
    ck_assert_double_eq(metric(&answer, "dropped_total", ""), 0);
    server_stop();
}
END_TEST

/* The total in a row of the table. */
static unsigned long server_table(const char *row)
{
    const char *at = strstr(server.said, row);

    ck_assert_msg(at != NULL, "no %s in %s", row, server.said);
    return strtoul(at + strlen(row), NULL, 10);
}

/* Also without --status. */
START_TEST(a_signal_writes_a_table)
{
    const bool page = _i / 2;

    if (page)
        start(threads[_i % 2]);
    else
        server_start((const char *const[]){"--threads", threads[_i % 2], NULL});
    make_requests();
    kill(server.pid, SIGUSR1);
    while (!strstr(server.said, "log_lines_dropped_total")) {
        size_t length = strlen(server.said);

        ck_assert_int_eq(read(server.err, server.said + length, 1), 1);
        server.said[length + 1] = '\0';
    }
    ck_assert_ptr_nonnull(strstr(server.said, "http_echo: counters after "));
    ck_assert_uint_eq(server_table("  requests_total "), 3);
    ck_assert_uint_eq(server_table("  refusals_total host "), 1);
    ck_assert_ptr_null(strstr(server.said, "refusals_total fold"));
    ck_assert(_i % 2 == (strstr(server.said, " thread 2\n") != NULL));
    close(peer.fd);
    server_stop();
}
END_TEST

START_TEST(a_taken_port_is_named)
{
    char option[32];

    start("1");
    sprintf(option, "--status=%u", status_port);
    for (unsigned i = 0; i < 2; i++) {
        struct program second;
        const char *arguments[] = {"--port=0", option, "--threads", threads[i], NULL};

        program_spawn(&second, "http_echo", arguments);
        ck_assert_int_eq(program_wait(&second), 1);
        ck_assert_ptr_nonnull(strstr(second.said, "no status page at "));
        ck_assert_ptr_nonnull(strstr(second.said, ": the port is in use\n"));
    }
    server_stop();
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("examples_status");
    TCase *tcase = tcase_create("status");
    const char *why = why_no_reactor();

    if (why) {
        support_skip("status", why);
        return suite;
    }
    tcase_add_loop_test(tcase, counters_count_what_was_done, 0, 2);
    tcase_add_loop_test(tcase, time_limits_are_counted_by_cause, 0, 3);
    tcase_add_loop_test(tcase, metrics_are_in_the_text_format, 0, 2);
    if (system("command -v promtool >/dev/null") == 0)
        tcase_add_loop_test(tcase, metrics_pass_promtool, 0, 2);
    else
        support_skip("metrics_pass_promtool", "promtool is not installed");
    if (system("python3 -c pass >/dev/null 2>&1") == 0)
        tcase_add_loop_test(tcase, json_has_the_total_and_each_thread, 0, 2);
    else
        support_skip("json_has_the_total_and_each_thread", "no python3");
    tcase_add_test(tcase, the_page_loads_nothing_from_elsewhere);
    tcase_add_test(tcase, other_requests_are_refused);
    tcase_add_loop_test(tcase, events_come_at_once_and_each_second, 0, 2);
    tcase_add_test(tcase, a_half_closed_client_gets_its_answer);
    tcase_add_test(tcase, slow_clients_of_the_page_hurt_nobody);
    tcase_add_loop_test(tcase, a_signal_writes_a_table, 0, 4);
    tcase_add_test(tcase, a_taken_port_is_named);
    tcase_set_timeout(tcase, 40);
    suite_add_tcase(suite, tcase);
    return suite;
}
