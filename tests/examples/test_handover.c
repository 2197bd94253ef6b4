/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* handover: servers that replace each other while clients come and go. */

#include "http_peer.h"

#include <sys/wait.h>

static struct program old;
static char control[64];
static struct peer stays, visitor;

static void setup(void)
{
    snprintf(control, sizeof control, "/tmp/kevy_handover_%d", (int)getpid());
    program_start(&server, "handover", (const char *const[]){"0", control, NULL}, "port ");
}

static void teardown(void)
{
    unlink(control);
}

/* A client whose connect must succeed and whose byte must come back. */
static void visit(void)
{
    peer_dial(&visitor);
    peer_say(&visitor, "x");
    ck_assert_int_eq(peer_byte(&visitor), 'x');
    close(visitor.fd);
}

static bool ended(const struct program *one)
{
    siginfo_t info = {0};

    ck_assert_int_eq(waitid(P_PID, (id_t)one->pid, &info, WEXITED | WNOHANG | WNOWAIT), 0);
    return info.si_pid != 0;
}

START_TEST(no_client_is_refused_while_servers_replace_each_other)
{
    uint16_t port = server.port;

    for (unsigned generation = 0; generation < 3; generation++) {
        peer_dial(&stays);
        peer_say(&stays, "a");
        ck_assert_int_eq(peer_byte(&stays), 'a');
        for (unsigned count = 0; count < 20; count++)
            visit();
        old = server;
        memset(&server, 0, sizeof server);
        program_spawn(&server, "handover", (const char *const[]){"0", control, NULL});
        server.port = port; /* whoever serves */
        for (unsigned count = 0; count < 100; count++)
            visit();
        /* One that was there before is served by the old server until it goes. */
        peer_say(&stays, "b");
        ck_assert_int_eq(peer_byte(&stays), 'b');
        close(stays.fd);
        while (!ended(&old))
            visit();
        ck_assert_int_eq(program_wait(&old), 0);
        for (unsigned count = 0; count < 20; count++)
            visit();
    }
    kill(server.pid, SIGTERM);
    ck_assert_int_eq(program_wait(&server), 0);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("handover");
    TCase *serving = tcase_create("serving");
    const char *why = why_no_reactor();

    if (why) {
        support_skip("serving", why);
        return suite;
    }
    tcase_add_checked_fixture(serving, setup, teardown);
    tcase_set_timeout(serving, 50);
    tcase_add_test(serving, no_client_is_refused_while_servers_replace_each_other);
    suite_add_tcase(suite, serving);
    return suite;
}
