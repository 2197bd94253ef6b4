/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* The command lines of all examples: help, version, mistakes, and the address that they serve. */

#include "http_peer.h"

static const struct {
    const char *program;
    const char *arguments;
    const char *after_port[3]; /* of a server; a port comes first */
} programs[] = {
    {"chat", "[ADDRESS:]PORT", {NULL}},
    {"embed", "[ADDRESS:]PORT", {NULL}},
    {"file_server", "[ADDRESS:]PORT FOLDER", {"/"}},
    {"guide_call", "HOST SERVICE TEXT", {NULL}},
    {"guide_lines", "[ADDRESS:]PORT MS", {"1000"}},
    {"guide_numbers", "[ADDRESS:]PORT", {NULL}},
    {"guide_watch", "[ADDRESS:]PORT MS", {"1000"}},
    {"handover", "[ADDRESS:]PORT CONTROL", {"usage_control"}},
    {"http_echo", "[OPTION]...", {NULL}},
    {"ring_cat", "[FILE]...", {NULL}},
    {"ring_cp", "SOURCE TARGET", {NULL}},
    {"tcp_echo", "[ADDRESS:]PORT", {NULL}},
    {"tcp_proxy", "[ADDRESS:]PORT HOST SERVICE", {"127.0.0.1", "1"}},
    {"timers", "[ADDRESS:]PORT MS", {"1000"}},
    {"udp_echo", "[ADDRESS:]PORT", {NULL}},
    {"workers", "[ADDRESS:]PORT THREADS", {"1"}},
};

#define PROGRAMS ((int)(sizeof programs / sizeof *programs))

static bool is_server(int i)
{
    return strncmp(programs[i].arguments, "[ADDRESS:]PORT", 14) == 0;
}

/* Runs the program with one argument. Returns its status; what it printed is in `text`. */
static int run(int i, const char *argument, char *text, size_t size)
{
    int status;

    program_spawn(&server, programs[i].program, (const char *const[]){argument, NULL});
    read_all(server.out, text, size);
    server.out = open("/dev/null", O_RDONLY); /* to be read and closed once more */
    status = program_wait(&server);
    return status;
}

START_TEST(every_example_has_a_help)
{
    static const char *const words[] = {"--help", "-h"};
    char text[8192], expected[128];

    snprintf(expected, sizeof expected, "usage: %s %s\n", programs[_i].program,
             programs[_i].arguments);
    for (int word = 0; word < 2; word++) {
        ck_assert_int_eq(run(_i, words[word], text, sizeof text), 0);
        ck_assert_mem_eq(text, expected, strlen(expected));
        ck_assert_uint_gt(strlen(text), strlen(expected));
        ck_assert_str_eq(server.said, "");
    }
}
END_TEST

START_TEST(every_example_has_a_version)
{
    char text[128], expected[128];

    snprintf(expected, sizeof expected, "%s " KEVY_VERSION_STRING "\n", programs[_i].program);
    ck_assert_int_eq(run(_i, "--version", text, sizeof text), 0);
    ck_assert_str_eq(text, expected);
}
END_TEST

START_TEST(a_wrong_number_of_arguments_gets_the_usage)
{
    const char *const many[] = {"1", "2", "3", "4", NULL};
    char expected[128];

    if (strstr(programs[_i].arguments, "..."))
        return;
    snprintf(expected, sizeof expected, "usage: %s %s\n", programs[_i].program,
             programs[_i].arguments);
    program_spawn(&server, programs[_i].program, NULL);
    ck_assert_int_eq(program_wait(&server), 2);
    ck_assert_str_eq(server.said, expected);
    program_spawn(&server, programs[_i].program, many);
    ck_assert_int_eq(program_wait(&server), 2);
    ck_assert_str_eq(server.said, expected);
}
END_TEST

static void spawn_server(int i, const char *where)
{
    const char *const *after = programs[i].after_port;

    program_spawn(&server, programs[i].program,
                  (const char *const[]){where, after[0], after[1], NULL});
}

START_TEST(an_address_that_is_none_is_named)
{
    static const char *const wrong[] = {
        "",           "x",     "-1",           "65536",        "80x",
        "127.0.0.1:", ":80",   "localhost:80", "127.0.1:80",   "::1:80",
        "[::1]80",    "[::1]", "[]:80",        "[1.2.3.4]:80", "1.2.3.4:65536"};
    char quoted[32];

    for (size_t i = 0; is_server(_i) && i < sizeof wrong / sizeof *wrong; i++) {
        spawn_server(_i, wrong[i]);
        ck_assert_msg(program_wait(&server) == 2, "%s", wrong[i]);
        snprintf(quoted, sizeof quoted, "not '%s'\n", wrong[i]);
        ck_assert_ptr_nonnull(strstr(server.said, quoted));
        ck_assert_ptr_nonnull(strstr(server.said, "a numeric address with a port"));
    }
}
END_TEST

START_TEST(an_address_of_another_machine_is_named)
{
    if (!is_server(_i))
        return;
    spawn_server(_i, "192.0.2.1:0");
    ck_assert_int_eq(program_wait(&server), 1);
    ck_assert_ptr_nonnull(strstr(server.said, ": 192.0.2.1 is not an address of this machine"));
}
END_TEST

/* Connects to the port of the server at an address. Returns 0 or the errno. */
static int connect_to(const char *text)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(server.port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int error;

    ck_assert_int_eq(inet_pton(AF_INET, text, &address.sin_addr), 1);
    error = connect(fd, (struct sockaddr *)&address, sizeof address) < 0 ? errno : 0;
    close(fd);
    return error;
}

START_TEST(servers_are_for_this_machine_unless_an_address_is_given)
{
    const char *const *after = programs[_i].after_port;

    if (!is_server(_i) || strcmp(programs[_i].program, "udp_echo") == 0 ||
        strcmp(programs[_i].program, "embed") == 0) /* which ends with its input */
        return;
    program_start(&server, programs[_i].program,
                  (const char *const[]){"0", after[0], after[1], NULL}, "port ");
    ck_assert_int_eq(connect_to("127.0.0.1"), 0);
    ck_assert_int_eq(connect_to("127.0.0.2"), ECONNREFUSED);
    kill(server.pid, SIGTERM);
    ck_assert_int_eq(program_wait(&server), 0);
    program_start(&server, programs[_i].program,
                  (const char *const[]){"[::]:0", after[0], after[1], NULL}, "port ");
    ck_assert_int_eq(connect_to("127.0.0.2"), 0);
    kill(server.pid, SIGINT);
    ck_assert_int_eq(program_wait(&server), strcmp(programs[_i].program, "tcp_echo") ? 0 : 130);
}
END_TEST

START_TEST(servers_run_on_the_kernel_that_is_asked_for)
{
    const char *const *after = programs[_i].after_port;

    if (!is_server(_i))
        return;
    program_start(&server, programs[_i].program,
                  (const char *const[]){"--kernel", "soft", "0", after[0], after[1], NULL},
                  "port ");
    ck_assert_ptr_nonnull(strstr(server.kernel, "\"soft\", as the program asked"));
    kill(server.pid, SIGKILL);
    (void)program_wait(&server);
}
END_TEST

START_TEST(a_kernel_that_is_none_is_named)
{
    const char *const *after = programs[_i].after_port;

    if (!is_server(_i))
        return;
    program_spawn(&server, programs[_i].program,
                  (const char *const[]){"--kernel", "hard", "0", after[0], after[1], NULL});
    ck_assert_int_eq(program_wait(&server), 2);
    ck_assert_ptr_nonnull(strstr(server.said, "automatic, io_uring or soft, not 'hard'\n"));
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("usage");
    TCase *alone = tcase_create("alone");
    TCase *serving = tcase_create("serving");
    const char *why = why_no_reactor();

    tcase_add_loop_test(alone, every_example_has_a_help, 0, PROGRAMS);
    tcase_add_loop_test(alone, every_example_has_a_version, 0, PROGRAMS);
    tcase_add_loop_test(alone, a_wrong_number_of_arguments_gets_the_usage, 0, PROGRAMS);
    tcase_add_loop_test(alone, an_address_that_is_none_is_named, 0, PROGRAMS);
    tcase_add_loop_test(alone, a_kernel_that_is_none_is_named, 0, PROGRAMS);
    suite_add_tcase(suite, alone);
    if (why) {
        support_skip("serving", why);
        return suite;
    }
    tcase_add_loop_test(serving, an_address_of_another_machine_is_named, 0, PROGRAMS);
    tcase_add_loop_test(serving, servers_run_on_the_kernel_that_is_asked_for, 0, PROGRAMS);
    tcase_add_loop_test(serving, servers_are_for_this_machine_unless_an_address_is_given, 0,
                        PROGRAMS);
    suite_add_tcase(suite, serving);
    return suite;
}
