/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * http_echo is replaced while clients send one request after the other (wrk), and no request fails:
 * behind a proxy (haproxy), and with a socket that outlives it.
 */

#include "http_peer.h"
#include "scratch.h"

#define GET         "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
#define CONNECTIONS "16"
#define SECONDS     "3"

/* A program of others, which says something when it ends. */
struct tool {
    pid_t pid;
    int out;
    char said[8192];
};

static struct tool wrk, haproxy;
static struct program one, two;
static struct peer peer;
static struct answer answer;
static scratch_path conf;
static int front; /* haproxy's listening socket */
static uint16_t front_port;

static void tool_start(struct tool *tool, const char *const *words)
{
    int out[2];

    ck_assert_int_eq(pipe(out), 0);
    tool->pid = fork();
    ck_assert_int_ge(tool->pid, 0);
    if (tool->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(out[1], STDOUT_FILENO);
        dup2(out[1], STDERR_FILENO);
        close(out[0]);
        close(out[1]);
        execvp(words[0], (char *const *)(uintptr_t)words);
        exit(127);
    }
    close(out[1]);
    tool->out = out[0];
}

static int tool_end(struct tool *tool)
{
    int status;

    read_all(tool->out, tool->said, sizeof tool->said);
    ck_assert_int_eq(waitpid(tool->pid, &status, 0), tool->pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static bool is_installed(const char *name)
{
    char command[64];

    snprintf(command, sizeof command, "command -v %s >/dev/null", name);
    return system(command) == 0;
}

static int listen_on(uint16_t *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    ck_assert_int_gt(fd, 3);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, length), 0);
    ck_assert_int_eq(listen(fd, 256), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

static void wrk_start(uint16_t port)
{
    static char url[64];

    snprintf(url, sizeof url, "http://127.0.0.1:%u/", port);
    tool_start(&wrk, (const char *const[]){"wrk", "-t1", "-c" CONNECTIONS, "-d" SECONDS "s",
                                           "--timeout", "30s", url, NULL});
}

/* It mentions failures only when there are some. */
static void wrk_check(void)
{
    const char *requests;

    ck_assert_msg(tool_end(&wrk) == 0, "%s", wrk.said);
    ck_assert_msg(strstr(wrk.said, "Socket errors") == NULL, "%s", wrk.said);
    ck_assert_msg(strstr(wrk.said, "Non-2xx") == NULL, "%s", wrk.said);
    requests = strstr(wrk.said, " requests in ");
    ck_assert_ptr_nonnull(requests);
    while (requests > wrk.said && requests[-1] != ' ')
        requests--;
    ck_assert_uint_gt(strtoul(requests, NULL, 10), 100);
}

/* Without a port the system chooses one. */
static void backend_start(struct program *program, uint16_t port)
{
    char option[16];

    snprintf(option, sizeof option, "--port=%u", port);
    program_start(program, "http_echo",
                  (const char *const[]){option, "--proxy-protocol=127.0.0.0/8", NULL}, ":");
}

/* A failed request is tried again where that is safe: before a byte of an answer came. */
static void haproxy_start(void)
{
    FILE *file;

    front = listen_on(&front_port);
    close(scratch_file(conf));
    file = fopen(conf, "w");
    ck_assert_ptr_nonnull(file);
    fprintf(file,
            "global\n"
            "    nbthread 1\n"
            "defaults\n"
            "    mode http\n"
            "    timeout connect 10s\n"
            "    timeout client 30s\n"
            "    timeout server 30s\n"
            "    retries 5\n"
            "    option redispatch 1\n"
            "    retry-on conn-failure empty-response\n"
            "frontend clients\n"
            "    bind fd@%d\n"
            "    default_backend servers\n"
            "backend servers\n"
            "    option httpchk GET /\n"
            "    http-check send hdr Host a\n"
            "    default-server inter 200ms fastinter 100ms downinter 100ms rise 1 fall 1\n"
            "    server one 127.0.0.1:%u check send-proxy-v2 proxy-v2-options crc32c\n"
            "    server two 127.0.0.1:%u check send-proxy\n",
            front, one.port, two.port);
    ck_assert_int_eq(fclose(file), 0);
    tool_start(&haproxy, (const char *const[]){"haproxy", "-db", "-q", "-f", conf, NULL});
}

static void haproxy_end(void)
{
    kill(haproxy.pid, SIGTERM);
    tool_end(&haproxy);
    close(front);
    unlink(conf);
}

static void program_stop(struct program *program)
{
    kill(program->pid, SIGTERM);
    ck_assert_int_eq(program_wait(program), 0);
    ck_assert_ptr_nonnull(strstr(program->said, " 0 objects left\n"));
}

static void setup(void)
{
    backend_start(&one, 0);
    backend_start(&two, 0);
    haproxy_start();
}

static void teardown(void)
{
    haproxy_end();
    program_stop(&one);
    program_stop(&two);
    ck_assert_ptr_nonnull(strstr(one.said, "http_echo: 0 PROXY headers refused"));
    ck_assert_ptr_nonnull(strstr(two.said, "http_echo: 0 PROXY headers refused"));
}

/* In both versions, because the two take turns. */
START_TEST(haproxy_names_its_clients)
{
    struct sockaddr_in own;
    socklen_t length = sizeof own;
    char field[64];

    server.port = front_port;
    for (unsigned i = 0; i < 4; i++) {
        peer_dial(&peer);
        ck_assert_int_eq(getsockname(peer.fd, (struct sockaddr *)&own, &length), 0);
        snprintf(field, sizeof field, "client-address: 127.0.0.1:%u\r\n", ntohs(own.sin_port));
        peer_say(&peer, GET);
        peer_answer(&peer, &answer);
        ck_assert_uint_eq(answer.status, 200);
        ck_assert_msg(strcasestr(answer.head, field) != NULL, "no %s in %s", field, answer.head);
        close(peer.fd);
    }
}
END_TEST

START_TEST(no_request_fails_while_one_server_behind_haproxy_is_replaced)
{
    uint16_t port = one.port;

    wrk_start(front_port);
    usleep(500000);
    program_stop(&one);
    usleep(500000);
    backend_start(&one, port);
    wrk_check();
}
END_TEST

START_TEST(no_request_fails_while_the_server_of_a_passed_socket_is_replaced)
{
    passed_socket = listen_on(&front_port);
    program_start(&one, "http_echo", NULL, ":");
    wrk_start(front_port);
    for (unsigned generation = 0; generation < 2; generation++) {
        usleep(300000);
        program_stop(&one);
        program_start(&one, "http_echo", NULL, ":");
    }
    wrk_check();
    program_stop(&one);
    close(passed_socket);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("examples_http_replaced");
    TCase *proxied = tcase_create("proxied");
    TCase *passed = tcase_create("passed");
    const char *why = why_no_reactor();

    setenv("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin", 1);
    if (!why && !is_installed("wrk"))
        why = "wrk is not installed (Debian package wrk)";
    if (why) {
        support_skip("passed", why);
    } else {
        tcase_set_timeout(passed, 60);
        tcase_add_test(passed, no_request_fails_while_the_server_of_a_passed_socket_is_replaced);
        suite_add_tcase(suite, passed);
    }
    if (!why && !is_installed("haproxy"))
        why = "haproxy is not installed (Debian package haproxy)";
    if (why) {
        support_skip("proxied", why);
        return suite;
    }
    tcase_add_checked_fixture(proxied, setup, teardown);
    tcase_set_timeout(proxied, 60);
    tcase_add_test(proxied, haproxy_names_its_clients);
    tcase_add_test(proxied, no_request_fails_while_one_server_behind_haproxy_is_replaced);
    suite_add_tcase(suite, proxied);
    return suite;
}
