/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* A send that fails although the connection is well: the peer must not take what it has for all. */

#include "reactor_test.h"

#include "fault_kernel.h"

#include "core/reactor.h"

#include <errno.h>
#include <kevy/ring_prep.h>
#include <sys/socket.h>
#include <unistd.h>

static const int errors[] = {-ENOMEM, -ENOBUFS};
static int error_wanted;
static struct probe probe;

static void sends_fail(struct kevy_sqe *sqe)
{
    if (sqe->opcode == KEVY_OP_SEND || sqe->opcode == KEVY_OP_SENDMSG)
        kevy_prep_nop_result(sqe, error_wanted);
}

static void failing_teardown(void)
{
    fault_reset();
    reactor_teardown();
}

START_TEST(a_send_without_memory_resets_the_connection)
{
    char byte;

    probe_tcp(&probe, &probe_events);
    peer_write_text(probe.peer, "hello");
    TURN_UNTIL(probe.count == 5);
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, "first", 5), 0));
    peer_expect_text(probe.peer, "first");
    error_wanted = errors[_i];
    fault_rewrite_set(&reactor->ring, sends_fail);
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, "second", 6), 0));
    TURN_UNTIL(probe.closed);
    ck_assert_int_eq(probe.reason, errors[_i]);
    ck_assert_int_eq(recv(probe.peer, &byte, 1, 0), -1);
    ck_assert_int_eq(errno, ECONNRESET);
    close(probe.peer);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("reactor_stream_send_fails");
    TCase *tests = tcase_create("tests");

    reactor_kernel = fault_kernel();
    suite_add_tcase(suite, tests);
    if (!fault_results_offered()) {
        support_skip("a_send_without_memory_resets_the_connection",
                     "no NOP with a result of one's own: Linux 6.10");
        return suite;
    }
    tcase_add_checked_fixture(tests, reactor_setup, failing_teardown);
    tcase_add_loop_test(tests, a_send_without_memory_resets_the_connection, 0, 2);
    return suite;
}
