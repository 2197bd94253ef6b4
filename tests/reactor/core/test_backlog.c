/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * Connects and children while the kernel takes nothing and the backlog is full as well: what has
 * been promised is kept as soon as there is a slot again.
 */

#include "reactor_test.h"

#include "fault_kernel.h"
#include "system/system_internal.h"

#include <kevy/ring_prep.h>
#include <kevy/ring_probe.h>
#include <signal.h>
#include <sys/wait.h>

enum {
    EVER = 1000000,
    HOLE_CLIENTS = 3, /* one is accepted, and no more: whoever comes later gets no answer */
};

static struct kevy_completion filler;
static struct kevy_connector connecting;
static struct kevy_child child;
static struct probe probe;
static struct sockaddr_in address;
static const struct kevy_address list = {(const struct sockaddr *)&address, sizeof address};
static int listener;
static unsigned reports;
static int result;

static void setup(void)
{
    fault_reset();
    reactor_setup_with(&(struct kevy_reactor_options){.sq_entries = 8, .cq_entries = 1024});
    probe_init(&probe, &probe_events);
}

static void teardown(void)
{
    TURN_UNTIL(!kevy_completion_active(&filler));
    reactor_teardown();
    ck_assert_int_eq(fault_mappings(), 0);
}

static void filled(struct kevy_completion *completion, int outcome, uint32_t flags)
{
    (void)completion;
    (void)outcome;
    (void)flags;
}

/* No slot anywhere, until slots_give(). */
static void slots_take(void)
{
    struct kevy_sqe *sqe;

    fault_next(FAULT_ENTER, -EBUSY, EVER);
    kevy_completion_init(&filler, reactor, filled);
    while ((sqe = kevy_completion_sqe(&filler)) != NULL)
        kevy_prep_nop(sqe);
}

static void slots_give(void)
{
    turns(3);
    ck_assert_uint_eq(reports, 0);
    fault_reset();
}

static void connect_done(struct kevy_connector *connect, int outcome)
{
    (void)connect;
    ck_assert_uint_eq(quiet_depth, 0);
    reports++;
    result = outcome;
}

static void connect_failed(struct kevy_connector *connect, uint32_t index, int error)
{
    (void)connect;
    ck_abort_msg("address %u failed with %d", index, error);
}

static void connect_start(void)
{
    const struct kevy_connector_options options = {
        .stream = &probe.stream,
        .addresses = &list,
        .count = 1,
        .attempt = connect_failed,
        .done = connect_done,
    };

    QUIETLY(ck_assert_int_eq(kevy_connector_start(&connecting, reactor, &options), 0));
}

START_TEST(a_connect_waits_for_a_slot)
{
    listener = plain_listen(&address);
    slots_take();
    connect_start();
    slots_give();
    TURN_UNTIL(reports);
    ck_assert_int_eq(result, 0);
    QUIETLY(kevy_stream_abort(&probe.stream));
    probe_finish(&probe);
    close(listener);
}
END_TEST

START_TEST(a_cancel_of_a_connect_waits_for_a_slot)
{
    int clients[HOLE_CLIENTS];

    listener = plain_listen(&address);
    ck_assert_int_eq(listen(listener, 0), 0);
    for (int index = 0; index < HOLE_CLIENTS; index++)
        clients[index] = plain_connect(ntohs(address.sin_port));
    connect_start();
    turns(2);
    ck_assert_uint_eq(connecting.racing, 1);
    slots_take();
    QUIETLY(kevy_connector_cancel(&connecting));
    slots_give();
    TURN_UNTIL(reports);
    ck_assert_int_eq(result, -ECANCELED);
    for (int index = 0; index < HOLE_CLIENTS; index++)
        close(clients[index]);
    close(listener);
}
END_TEST

static void oldest_given_up(struct kevy_connector *connect, uint32_t index, int error)
{
    (void)connect;
    ck_assert_uint_eq(index, 0);
    ck_assert_int_eq(error, -ETIMEDOUT);
}

START_TEST(giving_up_the_oldest_attempt_waits_for_a_slot)
{
    struct kevy_address addresses[KEVY_CONNECTOR_ATTEMPTS + 1];
    struct sockaddr_in answering;
    int clients[HOLE_CLIENTS], last = plain_listen(&answering);

    listener = plain_listen(&address);
    ck_assert_int_eq(listen(listener, 0), 0);
    for (int index = 0; index < HOLE_CLIENTS; index++)
        clients[index] = plain_connect(ntohs(address.sin_port));
    for (unsigned index = 0; index < KEVY_CONNECTOR_ATTEMPTS; index++)
        addresses[index] = list;
    addresses[KEVY_CONNECTOR_ATTEMPTS] =
        (struct kevy_address){(struct sockaddr *)&answering, sizeof answering};
    QUIETLY(ck_assert_int_eq(kevy_connector_start(&connecting, reactor,
                                                  &(struct kevy_connector_options){
                                                      .stream = &probe.stream,
                                                      .addresses = addresses,
                                                      .count = KEVY_CONNECTOR_ATTEMPTS + 1,
                                                      .attempt_delay_ns = KEVY_MILLISECONDS(1),
                                                      .attempt = oldest_given_up,
                                                      .done = connect_done}),
                             0));
    TURN_UNTIL(connecting.racing == KEVY_CONNECTOR_ATTEMPTS);
    slots_take();
    TURN_UNTIL(!kevy_timer_armed(&connecting.delay));
    slots_give();
    TURN_UNTIL(reports);
    ck_assert_int_eq(result, 0);
    QUIETLY(kevy_stream_abort(&probe.stream));
    probe_finish(&probe);
    for (int index = 0; index < HOLE_CLIENTS; index++)
        close(clients[index]);
    close(listener);
    close(last);
}
END_TEST

static void child_done(struct kevy_child *watch, int outcome)
{
    (void)watch;
    ck_assert_uint_eq(quiet_depth, 0);
    reports++;
    result = outcome;
}

/* A child that waits to be killed. */
static pid_t child_fork(void)
{
    pid_t pid = fork();

    ck_assert_int_ge(pid, 0);
    while (pid == 0)
        pause();
    return pid;
}

/* Both ways to wait: the ring's own, and a poll. */
static void watch_start(pid_t pid, bool by_poll)
{
    QUIETLY(ck_assert_int_eq(child_start(&child, reactor, pid, child_done, by_poll), 0));
}

START_TEST(a_watch_waits_for_a_slot)
{
    pid_t pid = child_fork();

    slots_take();
    watch_start(pid, _i);
    slots_give();
    kill(pid, SIGKILL);
    TURN_UNTIL(reports);
    ck_assert_int_eq(result, 0);
    ck_assert_int_eq(child.status, SIGKILL);
}
END_TEST

START_TEST(a_stop_of_a_watch_waits_for_a_slot)
{
    pid_t pid = child_fork();

    watch_start(pid, _i);
    turns(2);
    slots_take();
    QUIETLY(kevy_child_unwatch(&child));
    slots_give();
    TURN_UNTIL(reports);
    ck_assert_int_eq(result, -ECANCELED);
    kill(pid, SIGKILL);
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}
END_TEST

START_TEST(a_kernel_that_cannot_be_asked_gets_a_poll)
{
    pid_t pid = child_fork();

    fault_kernel_set(&(struct fault_kernel){UINT32_MAX, UINT32_MAX, KEVY_REGISTER_PROBE});
    QUIETLY(ck_assert_int_eq(kevy_child_watch(&child, reactor, pid, child_done), 0));
    fault_reset();
    kill(pid, SIGKILL);
    TURN_UNTIL(reports);
    ck_assert_int_eq(result, 0);
    ck_assert_int_eq(child.status, SIGKILL);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("backlog");
    TCase *full = tcase_create("full");
    struct kevy_ring_probe offered;
    bool waitid_offered =
        kevy_ring_probe(NULL, &offered) == 0 && kevy_ring_probe_opcode(&offered, KEVY_OP_WAITID);

    reactor_kernel = fault_kernel();
    if (!waitid_offered)
        support_skip("watches by waitid", "the kernel has no IORING_OP_WAITID (6.7)");
    tcase_add_checked_fixture(full, setup, teardown);
    tcase_set_timeout(full, 20);
    tcase_add_test(full, a_connect_waits_for_a_slot);
    tcase_add_test(full, a_cancel_of_a_connect_waits_for_a_slot);
    tcase_add_test(full, giving_up_the_oldest_attempt_waits_for_a_slot);
    tcase_add_loop_test(full, a_watch_waits_for_a_slot, !waitid_offered, 2);
    tcase_add_loop_test(full, a_stop_of_a_watch_waits_for_a_slot, !waitid_offered, 2);
    tcase_add_test(full, a_kernel_that_cannot_be_asked_gets_a_poll);
    suite_add_tcase(suite, full);
    return suite;
}
