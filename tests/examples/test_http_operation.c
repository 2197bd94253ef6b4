/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* http_echo in the hands of an operator: a socket that was opened before, and what its connections
 * need. */

#include "http_peer.h"

#include <dirent.h>
#include <sys/un.h>

#define GET   "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
#define PEERS 50

static struct peer peer, peers[PEERS];
static char text[8192];

/* Opens the socket that is passed. */
static void listen_here(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;

    passed_socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_gt(passed_socket, 3);
    ck_assert_int_eq(bind(passed_socket, (struct sockaddr *)&address, length), 0);
    ck_assert_int_eq(listen(passed_socket, 64), 0);
    ck_assert_int_eq(getsockname(passed_socket, (struct sockaddr *)&address, &length), 0);
    server.port = ntohs(address.sin_port);
}

START_TEST(a_socket_that_was_passed_is_served_by_one_after_the_other)
{
    const char *threads = _i ? "--threads=3" : "--threads=1";
    uint16_t port;

    listen_here();
    port = server.port;
    /* This one comes before any server, the next ones between two of them. */
    peer_dial(&peer);
    peer_say(&peer, GET);
    for (unsigned generation = 0; generation < 3; generation++) {
        program_start(&server, "http_echo",
                      (const char *const[]){"--address=192.0.2.1", threads, NULL}, ":");
        ck_assert_uint_eq(server.port, port);
        peer_expect(&peer, 200, NULL);
        kill(server.pid, SIGTERM);
        peer_check_end(&peer);
        server_check_end();
        server.port = port;
        peer_dial(&peer);
        peer_say(&peer, GET);
    }
    close(peer.fd);
    close(passed_socket);
}
END_TEST

START_TEST(a_unix_socket_may_be_passed)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char line[256] = "";

    snprintf(address.sun_path, sizeof address.sun_path, "/tmp/kevy-%d", (int)getpid());
    passed_socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(passed_socket, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(passed_socket, 4), 0);
    program_spawn(&server, "http_echo", (const char *const[]){"--proxy-protocol=::/0", NULL});
    ck_assert_int_gt(read(server.out, line, sizeof line - 1), 0);
    ck_assert_msg(strstr(line, address.sun_path) != NULL, "%s", line);
    peer.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(connect(peer.fd, (struct sockaddr *)&address, sizeof address), 0);
    peer_say(&peer, GET);
    peer_expect(&peer, 200, "GET / HTTP/1.1\r\nHost: a\r\n");
    close(peer.fd);
    kill(server.pid, SIGTERM);
    server_check_end();
    unlink(address.sun_path);
    close(passed_socket);
}
END_TEST

START_TEST(what_was_passed_to_another_process_is_not_taken)
{
    setenv("LISTEN_PID", "1", 1);
    setenv("LISTEN_FDS", "1", 1);
    server_start(NULL);
    peer_dial(&peer);
    peer_say(&peer, GET);
    peer_expect(&peer, 200, NULL);
    close(peer.fd);
    server_stop();
}
END_TEST

/* Runs http_echo to its end. Returns its exit status; its output is in `text`. */
static int run(const char *const *arguments)
{
    int status;

    program_spawn(&server, "http_echo", arguments);
    read_all(server.out, text, sizeof text);
    server.out = open("/dev/null", O_RDONLY); /* to be read and closed once more */
    status = program_wait(&server);
    return status;
}

static unsigned long number_before(const char *words)
{
    const char *end = strstr(text, words), *at = end;

    ck_assert_msg(end != NULL, "no \"%s\" in %s", words, text);
    while (at > text && (at[-1] == ' ' || at[-1] == '.' || (at[-1] >= '0' && at[-1] <= '9')))
        at--;
    return strtoul(at, NULL, 10);
}

static unsigned long descriptors_of_server(void)
{
    char path[64];
    unsigned long count = 0;
    DIR *folder;

    snprintf(path, sizeof path, "/proc/%d/fd", (int)server.pid);
    folder = opendir(path);
    ck_assert_ptr_nonnull(folder);
    while (readdir(folder))
        count++;
    closedir(folder);
    return count - 2;
}

START_TEST(the_descriptors_are_those_that_it_says)
{
    unsigned long expected;

    run((const char *const[]){"--explain-limits", "50", NULL});
    expected = number_before("  one for each connection");
    server_start(NULL);
    for (unsigned i = 0; i < PEERS; i++) {
        peer_dial(&peers[i]);
        ping(&peers[i]);
    }
    ck_assert_uint_eq(descriptors_of_server(), expected);
    for (unsigned i = 0; i < PEERS; i++)
        close(peers[i].fd);
    server_stop();
}
END_TEST

START_TEST(the_needs_follow_the_options)
{
    unsigned long few, many;

    run((const char *const[]){"--explain-limits=1000", NULL});
    few = number_before("  one for each connection");
    ck_assert_uint_eq(number_before(" MiB  more when clients do not read"), 64);
    run((const char *const[]){"--threads=2", "--memory-limit=96M", "--max-header=64K",
                              "--explain-limits", "2000", "--port=0", NULL});
    many = number_before("  one for each connection");
    ck_assert_uint_gt(many, few + 1000);
    ck_assert_uint_eq(number_before(" MiB  more when clients do not read"), 192);
    ck_assert_uint_gt(number_before(" bytes each\n                 "), 0);
    ck_assert_ptr_nonnull(strstr(text, "for 2000 connections, with 2 threads\n"));
    run((const char *const[]){"--explain-limits", NULL});
    ck_assert_ptr_nonnull(strstr(text, "for 10000 connections, with 1 thread\n"));
}
END_TEST

START_TEST(a_limit_that_is_too_low_is_told_with_its_remedy)
{
    char remedy[64];

    ck_assert_int_eq(run((const char *const[]){"--explain-limits=4000000000", NULL}), 1);
    snprintf(remedy, sizeof remedy, "too low; ulimit -Hn %lu,",
             number_before("  one for each connection"));
    ck_assert_msg(strstr(text, remedy) != NULL, "no %s in %s", remedy, text);
    ck_assert_int_eq(run((const char *const[]){"--explain-limits=x", NULL}), 2);
    ck_assert_int_eq(run((const char *const[]){"--explain-limits", "0", NULL}), 2);
    ck_assert_int_eq(run((const char *const[]){"--explain-limit", NULL}), 2);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("examples_http_operation");
    TCase *passed = tcase_create("passed");
    TCase *needs = tcase_create("needs");
    const char *why = why_no_reactor();

    if (why) {
        support_skip("operation", why);
        return suite;
    }
    tcase_add_loop_test(passed, a_socket_that_was_passed_is_served_by_one_after_the_other, 0, 2);
    tcase_add_test(passed, a_unix_socket_may_be_passed);
    tcase_add_test(passed, what_was_passed_to_another_process_is_not_taken);
    suite_add_tcase(suite, passed);
    tcase_add_test(needs, the_descriptors_are_those_that_it_says);
    tcase_add_test(needs, the_needs_follow_the_options);
    tcase_add_test(needs, a_limit_that_is_too_low_is_told_with_its_remedy);
    suite_add_tcase(suite, needs);
    return suite;
}
