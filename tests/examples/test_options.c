/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* The command line of http_echo, as options.h reads it. Its complaints are tested with the program.
 */

#include "options.h"
#include "support.h"

#include <netinet/in.h>
#include <string.h>

static struct options options;

static bool reads(const char *word)
{
    char program[] = "http_echo", copy[64];
    char *words[] = {program, copy, NULL};

    ck_assert_uint_lt(strlen(word), sizeof copy);
    strcpy(copy, word);
    return options_read(&options, 2, words);
}

START_TEST(defaults_are_those_of_the_help)
{
    char program[] = "http_echo";
    char *words[] = {program, NULL};

    ck_assert(options_read(&options, 1, words));
    ck_assert_str_eq(options.address, "127.0.0.1");
    ck_assert_uint_eq(options.port, 8080);
    ck_assert_uint_eq(options.max_body, 1 << 30);
    ck_assert_uint_eq(options.max_header, 16384);
    ck_assert_uint_eq(options.memory_limit, 64 << 20);
    ck_assert_uint_eq(options.watermark, 64 << 10);
    ck_assert(!options.help && !options.version);
}
END_TEST

START_TEST(sizes_have_units)
{
    static const struct {
        const char *word;
        uint64_t size;
    } sizes[] = {
        {"--max-body=0", 0},
        {"--max-body=1000", 1000},
        {"--max-body=64K", 64 << 10},
        {"--max-body=64k", 64 << 10},
        {"--max-body=3M", 3 << 20},
        {"--max-body=2G", UINT64_C(2) << 30},
        {"--max-body=8589934591G", UINT64_C(8589934591) << 30},
    };

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        ck_assert(reads(sizes[i].word));
        ck_assert_uint_eq(options.max_body, sizes[i].size);
    }
}
END_TEST

static const char *const refused[] = {
    "--max-body=",
    "--max-body=K",
    "--max-body=1KB",
    "--max-body=1 K",
    "--max-body=-1",
    "--max-body=1.5M",
    "--max-body=1T",
    "--max-body=8589934592G",
    "--max-body=18446744073709551616",
    "--memory-limit=1",
    "--watermark=1G",
    "--max-header=2M",
    "--idle-timeout=",
    "--idle-timeout=0",
    "--idle-timeout=0.0",
    "--idle-timeout=1e3",
    "--idle-timeout=86401",
    "--idle-timeout=-1",
    "--idle-timeout=.",
    "--idle-timeout=1.2.3",
    "--address=localhost",
    "--address=",
    "--address=::1%lo",
    "--port=65536",
    "--port=0x50",
    "--port=+80",
    "--help=1",
    "--status=",
    "--status=x",
    "--status=65536",
    "--status=localhost:1",
    "--status=127.0.0.1",
    "--status=127.0.0.1:",
    "--status=::1",
    "--status=[::1]",
    "--status=/tmp/socket",
    "--status=@socket",
    "--log=",
};

START_TEST(values_that_make_no_sense_are_refused)
{
    ck_assert_msg(!reads(refused[_i]), "%s", refused[_i]);
}
END_TEST

START_TEST(times_may_have_a_fraction)
{
    ck_assert(reads("--body-timeout=0.25"));
    ck_assert_uint_eq(options.body_ns / 1000, 250000);
    ck_assert(reads("--body-timeout=86400"));
    ck_assert_uint_eq(options.body_ns / 1000000000, 86400);
}
END_TEST

START_TEST(the_status_page_is_on_this_machine_unless_told_otherwise)
{
    const struct sockaddr_in *v4 = (const void *)&options.status.address;
    const struct sockaddr_in6 *v6 = (const void *)&options.status.address;

    ck_assert(reads("--port=1") && options.status.length == 0);
    ck_assert(reads("--status=9090") && options.status.length == sizeof *v4);
    ck_assert(v4->sin_family == AF_INET && v4->sin_port == htons(9090));
    ck_assert(v4->sin_addr.s_addr == htonl(INADDR_LOOPBACK));
    ck_assert(reads("--status=0.0.0.0:0") && v4->sin_addr.s_addr == INADDR_ANY);
    ck_assert(reads("--status=[::1]:80") && options.status.length == sizeof *v6);
    ck_assert(v6->sin6_family == AF_INET6 && v6->sin6_port == htons(80));
}
END_TEST

START_TEST(help_and_version_are_asked_for)
{
    ck_assert(reads("--help") && options.help);
    ck_assert(reads("-h") && options.help);
    ck_assert(reads("--version") && options.version);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("options");
    TCase *tcase = tcase_create("options");

    tcase_add_test(tcase, defaults_are_those_of_the_help);
    tcase_add_test(tcase, sizes_have_units);
    tcase_add_loop_test(tcase, values_that_make_no_sense_are_refused, 0,
                        (int)(sizeof refused / sizeof *refused));
    tcase_add_test(tcase, times_may_have_a_fraction);
    tcase_add_test(tcase, the_status_page_is_on_this_machine_unless_told_otherwise);
    tcase_add_test(tcase, help_and_version_are_asked_for);
    suite_add_tcase(suite, tcase);
    return suite;
}
