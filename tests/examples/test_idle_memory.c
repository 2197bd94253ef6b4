/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* What an idle keep-alive connection costs http_echo in memory. */

#include "client.h"
#include "server_process.h"
#include "support.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#define CONNECTIONS       10000U
#define BYTES_EACH_MAX    1024U
#define WARM_UP_CLIENTS   64U
#define WARM_UP_REQUESTS  100U /* each: enough for every buffer of the pool to have been used */
#define OTHER_DESCRIPTORS 64U

/* As many connections as the hard limit of descriptors gives, in each of the two processes. */
static uint32_t connections_possible(void)
{
    struct rlimit limit;

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur >= CONNECTIONS + OTHER_DESCRIPTORS)
        return CONNECTIONS;
    return (uint32_t)limit.rlim_cur - OTHER_DESCRIPTORS;
}

static void warm_up(const struct server_process *server)
{
    struct clients clients;

    ck_assert_int_eq(clients_open(&clients, server->port, WARM_UP_CLIENTS, &protocol_http, NULL),
                     0);
    clients.in_step = true;
    ck_assert_int_eq(clients_run(&clients, WARM_UP_REQUESTS), 0);
    clients_close(&clients);
}

START_TEST(an_idle_connection_takes_less_than_a_kibibyte)
{
    char program[4096];
    /* All are connected before the first sends its request, which may take long. */
    char *arguments[] = {program, "--port", "0", "--header-timeout=3600", "--idle-timeout=3600",
                         NULL};
    uint32_t count = connections_possible();
    struct server_process server;
    struct clients idle, late;
    uint64_t before, after, growth;

    ck_assert_ptr_nonnull(getenv("KEVY_EXAMPLES"));
    snprintf(program, sizeof program, "%s/http_echo", getenv("KEVY_EXAMPLES"));
    ck_assert_int_eq(server_process_start(&server, arguments), 0);
    warm_up(&server);
    before = server_process_resident(&server);
    ck_assert_uint_gt(before, 0);
    ck_assert_int_eq(clients_open(&idle, server.port, count, &protocol_http, NULL), 0);
    for (uint32_t i = 0; i < count; i++)
        ck_assert_int_eq(clients_run_one(&idle, i), 0);
    after = server_process_resident(&server);
    growth = after > before ? after - before : 0;
    printf("%" PRIu32 " idle connections, %" PRIu64 " bytes each\n", count, growth / count);
    fflush(stdout);
    ck_assert_uint_lt(growth / count, BYTES_EACH_MAX);
    /* One of them, and a new one, are still answered. */
    ck_assert_int_eq(clients_run_one(&idle, count / 2), 0);
    ck_assert_int_eq(clients_open(&late, server.port, 1, &protocol_http, NULL), 0);
    ck_assert_int_eq(clients_run_one(&late, 0), 0);
    clients_close(&late);
    clients_close(&idle);
    ck_assert_int_eq(server_process_stop(&server), 0);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("idle_memory");
    TCase *idle = tcase_create("idle");

    tcase_set_timeout(idle, 100);
    support_add_sized(idle, an_idle_connection_takes_less_than_a_kibibyte);
    suite_add_tcase(suite, idle);
    return suite;
}
