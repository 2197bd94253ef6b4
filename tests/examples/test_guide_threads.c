/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* guide/threads.c: several threads with one port, and a question that each of them answers. */

#include "http_peer.h"

#define THREADS 3
#define CLIENTS 24

static struct peer peers[CLIENTS];
static int reserved; /* a socket that keeps the port, and does not listen */

static void start(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    char port[8];
    int on = 1;

    reserved = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(reserved, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    ck_assert_int_eq(bind(reserved, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(getsockname(reserved, (struct sockaddr *)&address, &length), 0);
    snprintf(port, sizeof port, "%u", ntohs(address.sin_port));
    program_start(&server, "guide_threads", (const char *const[]){port, "3", NULL}, "port ");
}

static void stop(void)
{
    kill(server.pid, SIGTERM);
    ck_assert_int_eq(program_wait(&server), 0);
    ck_assert_str_eq(server.said, "");
    close(reserved);
}

static void dial_all(void)
{
    for (int i = 0; i < CLIENTS; i++) {
        peer_dial(&peers[i]);
        peer_say(&peers[i], "x");
        ck_assert_int_eq(peer_byte(&peers[i]), 'x'); /* it has been accepted */
    }
}

/* Asks, and reads one line of each thread. Returns the sum. */
static unsigned ask(void)
{
    unsigned total = 0, seen = 0;

    kill(server.pid, SIGUSR1);
    for (int i = 0; i < THREADS; i++) {
        char line[64];
        size_t length = 0;
        unsigned thread, clients;

        while (length < sizeof line - 1 && read(server.out, line + length, 1) == 1)
            if (line[length++] == '\n')
                break;
        line[length] = '\0';
        ck_assert_int_eq(sscanf(line, "thread %u: %u clients", &thread, &clients), 2);
        seen |= 1U << thread;
        total += clients;
    }
    ck_assert_uint_eq(seen, (1U << THREADS) - 1);
    return total;
}

START_TEST(every_thread_answers_for_its_own_clients)
{
    ck_assert_uint_eq(ask(), 0);
    dial_all();
    ck_assert_uint_eq(ask(), CLIENTS);
    for (int i = 0; i < CLIENTS / 2; i++)
        close(peers[i].fd);
    while (ask() != CLIENTS / 2)
        ;
    for (int i = CLIENTS / 2; i < CLIENTS; i++)
        close(peers[i].fd);
}
END_TEST

START_TEST(sigterm_ends_all_threads)
{
    dial_all();
    kill(server.pid, SIGTERM);
    for (int i = 0; i < CLIENTS; i++)
        peer_check_end(&peers[i]);
}
END_TEST

START_TEST(a_port_for_each_thread_is_refused)
{
    struct program program;

    program_spawn(&program, "guide_threads", (const char *const[]){"0", "2", NULL});
    ck_assert_int_eq(program_wait(&program), 2);
    ck_assert_str_eq(program.said, "guide_threads: with port 0 each thread would get its own\n");
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("guide_threads");
    TCase *serving = tcase_create("serving");
    TCase *usage = tcase_create("usage");
    const char *why = why_no_reactor();

    tcase_add_test(usage, a_port_for_each_thread_is_refused);
    suite_add_tcase(suite, usage);
    if (why) {
        support_skip("serving", why);
        return suite;
    }
    tcase_add_checked_fixture(serving, start, stop);
    tcase_set_timeout(serving, 60);
    tcase_add_test(serving, every_thread_answers_for_its_own_clients);
    tcase_add_test(serving, sigterm_ends_all_threads);
    suite_add_tcase(suite, serving);
    return suite;
}
