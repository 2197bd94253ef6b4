/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* http_echo, once warm, answers requests without a call to the allocator. */

#include "client.h"
#include "server_process.h"
#include "support.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS         64U
#define WARM_UP_REQUESTS    100U
#define REQUESTS            1563U /* of a connection: 100,032 in all */
#define ROUNDS              10    /* more than the slabs that the connections could ever fill */
#define COUNTER             "libcount_allocations.so"
#define SANITIZER_ALLOCATES "a sanitizer brings its own allocator"

/* The server inherits the descriptor and writes into the same page. */
static const uint64_t *counter_open(void)
{
    char text[16];
    int fd = memfd_create("allocations", 0);
    void *shared;

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(ftruncate(fd, sizeof(uint64_t)), 0);
    shared = mmap(NULL, sizeof(uint64_t), PROT_READ, MAP_SHARED, fd, 0);
    ck_assert_ptr_ne(shared, MAP_FAILED);
    snprintf(text, sizeof text, "%d", fd);
    setenv("COUNT_ALLOCATIONS_FD", text, 1);
    return shared;
}

static uint64_t counted(const uint64_t *counter)
{
    return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

static void server_start_counted(struct server_process *server)
{
    const char *examples = getenv("KEVY_EXAMPLES");
    char program[4096], preload[4096];
    char *arguments[] = {program, "--port", "0", NULL};

    ck_assert_ptr_nonnull(examples);
    snprintf(program, sizeof program, "%s/http_echo", examples);
    snprintf(preload, sizeof preload, "%s/../tests/%s", examples, COUNTER);
    setenv("LD_PRELOAD", preload, 1);
    ck_assert_int_eq(server_process_start(server, arguments), 0);
    unsetenv("LD_PRELOAD");
}

/*
 * A recv ends after so many bytes, wherever that is in a request: all connections may come to hold
 * one that is cut at the same time. Here they do so at once.
 */
static void warm_up_with_cut_requests(const struct server_process *server, struct clients *clients)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(server->port)};
    int fds[CONNECTIONS];

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        ck_assert_int_eq(connect(fds[i], (struct sockaddr *)&address, sizeof address), 0);
        ck_assert_int_eq(send(fds[i], "GET", 3, MSG_NOSIGNAL), 3);
    }
    ck_assert_int_eq(clients_run(clients, 1), 0); /* behind which all of them have been read */
    for (unsigned i = 0; i < CONNECTIONS; i++)
        close(fds[i]);
}

/*
 * Whether a round of requests took place without a call to the allocator. A round in which more is
 * in flight at once than ever before adds a slab to the pool. How much that is depends on how the
 * kernel schedules both sides, but two blocks a connection are the most: after that nothing is
 * added. A call at every so many requests would show in each round.
 */
static bool round_allocates_nothing(struct clients *clients, const uint64_t *counter)
{
    uint64_t before = counted(counter);

    ck_assert_uint_gt(before, 0);
    ck_assert_int_eq(clients_run(clients, support_rounds(REQUESTS)), 0);
    return counted(counter) == before;
}

START_TEST(a_request_allocates_nothing)
{
    const uint64_t *counter = counter_open();
    struct server_process server;
    struct clients clients;
    int round = 0;

    server_start_counted(&server);
    ck_assert_int_eq(clients_open(&clients, server.port, CONNECTIONS, &protocol_http, NULL), 0);
    warm_up_with_cut_requests(&server, &clients);
    /* All connections at once is the most that will ever be in use. */
    clients.in_step = true;
    ck_assert_int_eq(clients_run(&clients, WARM_UP_REQUESTS), 0);
    clients.in_step = false;
    while (!round_allocates_nothing(&clients, counter))
        ck_assert_int_lt(++round, ROUNDS);
    clients_close(&clients);
    ck_assert_int_eq(server_process_stop(&server), 0);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("no_allocation");
    TCase *requests = tcase_create("requests");

    tcase_set_timeout(requests, 100);
#if SANITIZED
    support_skip("a_request_allocates_nothing", SANITIZER_ALLOCATES);
    (void)a_request_allocates_nothing;
#else
    tcase_add_test(requests, a_request_allocates_nothing);
#endif
    suite_add_tcase(suite, requests);
    return suite;
}
