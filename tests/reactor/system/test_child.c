/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Exits of children, by the ring's own waitid and, everything once more, by a poll. */

#include "reactor_test.h"

#include "system/system_internal.h"

#include <kevy/ring_probe.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

struct watch {
    struct kevy_child child;
    unsigned reports;
    int result;
    void (*then)(struct watch *watch);
};

static struct watch watches[3];
static bool by_poll;
static int hold; /* the end of a pipe that children wait on */

static void done(struct kevy_child *child, int result)
{
    struct watch *watch = KEVY_CONTAINER_OF(child, struct watch, child);

    ck_assert_uint_eq(quiet_depth, 0);
    watch->reports++;
    watch->result = result;
    if (watch->then != NULL)
        watch->then(watch);
}

/* A child that exits with `status` at once, or once it has been let go. */
static pid_t child_fork(int status, bool held)
{
    int ends[2];
    char byte;
    pid_t pid;

    ck_assert_int_eq(pipe(ends), 0);
    pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        close(ends[1]);
        if (held && read(ends[0], &byte, 1) < 0)
            _exit(99);
        _exit(status);
    }
    close(ends[0]);
    if (held)
        hold = ends[1];
    else
        close(ends[1]);
    return pid;
}

static void let_go(void)
{
    close(hold);
}

static int try_start(struct watch *watch, pid_t pid)
{
    int result;

    QUIETLY(result = child_start(&watch->child, reactor, pid, done, by_poll));
    return result;
}

static void start(struct watch *watch, pid_t pid)
{
    ck_assert_int_eq(try_start(watch, pid), 0);
}

static void stop(struct watch *watch)
{
    QUIETLY(kevy_child_unwatch(&watch->child));
}

static void check_exit(struct watch *watch, int code, int status)
{
    TURN_UNTIL(watch->reports);
    ck_assert_uint_eq(watch->reports, 1);
    ck_assert_int_eq(watch->result, 0);
    ck_assert_int_eq(watch->child.code, code);
    ck_assert_int_eq(watch->child.status, status);
    /* Reaped: there is nobody left to wait for. */
    ck_assert_int_eq(waitpid(watch->child.pid, NULL, WNOHANG), -1);
}

static void check_end(struct watch *watch, int result)
{
    TURN_UNTIL(watch->reports);
    ck_assert_uint_eq(watch->reports, 1);
    ck_assert_int_eq(watch->result, result);
}

START_TEST(an_exit_status_is_reported)
{
    start(&watches[0], child_fork(42, false));
    check_exit(&watches[0], CLD_EXITED, 42);
}
END_TEST

START_TEST(a_child_that_has_exited_already_is_reported)
{
    pid_t pid = child_fork(3, false);
    siginfo_t info;

    ck_assert_int_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    start(&watches[0], pid);
    ck_assert_uint_eq(watches[0].reports, 0);
    check_exit(&watches[0], CLD_EXITED, 3);
}
END_TEST

START_TEST(a_signal_that_killed_is_reported)
{
    pid_t pid = child_fork(0, true);

    start(&watches[0], pid);
    turn_now();
    ck_assert_uint_eq(watches[0].reports, 0);
    kill(pid, SIGKILL);
    check_exit(&watches[0], CLD_KILLED, SIGKILL);
    let_go();
}
END_TEST

START_TEST(children_are_told_apart)
{
    pid_t held = child_fork(1, true);

    start(&watches[0], held);
    start(&watches[1], child_fork(2, false));
    check_exit(&watches[1], CLD_EXITED, 2);
    ck_assert_uint_eq(watches[0].reports, 0);
    let_go();
    check_exit(&watches[0], CLD_EXITED, 1);
}
END_TEST

START_TEST(a_watch_keeps_the_loop_running)
{
    start(&watches[0], child_fork(0, false));
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
    ck_assert_uint_eq(watches[0].reports, 1);
}
END_TEST

START_TEST(a_stopped_watch_has_one_last_callback_and_reaps_nobody)
{
    pid_t pid = child_fork(5, true);
    int status;

    start(&watches[0], pid);
    turns(2);
    stop(&watches[0]);
    stop(&watches[0]);
    check_end(&watches[0], -ECANCELED);
    stop(&watches[0]);
    turns(2);
    ck_assert_uint_eq(watches[0].reports, 1);
    let_go();
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(WEXITSTATUS(status), 5);
}
END_TEST

START_TEST(a_watch_stopped_before_it_was_armed_ends)
{
    pid_t pid = child_fork(5, true);

    start(&watches[0], pid);
    stop(&watches[0]);
    check_end(&watches[0], -ECANCELED);
    let_go();
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}
END_TEST

START_TEST(a_stop_that_races_with_the_exit_loses_no_status)
{
    for (unsigned round = 0; round < 50; round++) {
        struct watch *watch = &watches[0];
        pid_t pid = child_fork(9, true);

        memset(watch, 0, sizeof *watch);
        start(watch, pid);
        turn_now();
        let_go();
        if (round % 2)
            turn_now();
        stop(watch);
        TURN_UNTIL(watch->reports);
        if (watch->result == 0)
            ck_assert_int_eq(watch->child.status, 9);
        else
            ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
    }
}
END_TEST

START_TEST(a_child_reaped_elsewhere_is_echild)
{
    pid_t pid = child_fork(0, true);

    start(&watches[0], pid);
    let_go();
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
    check_end(&watches[0], -ECHILD);
}
END_TEST

START_TEST(a_child_taken_by_a_wait_for_any_while_it_is_watched_is_echild)
{
    pid_t pid = child_fork(0, true);

    start(&watches[0], pid);
    turns(2);
    let_go();
    ck_assert_int_eq(waitpid(-1, NULL, 0), pid);
    check_end(&watches[0], -ECHILD);
}
END_TEST

START_TEST(a_child_that_an_ignored_sigchld_reaps_is_echild)
{
    start(&watches[0], child_fork(0, true));
    turns(2);
    signal(SIGCHLD, SIG_IGN);
    let_go();
    check_end(&watches[0], -ECHILD);
    signal(SIGCHLD, SIG_DFL);
}
END_TEST

START_TEST(a_process_that_is_no_child_is_echild)
{
    start(&watches[0], getppid());
    check_end(&watches[0], -ECHILD);
}
END_TEST

START_TEST(what_cannot_be_watched_is_refused)
{
    pid_t pid = child_fork(0, true);

    ck_assert_int_eq(try_start(&watches[0], 0), -EINVAL);
    ck_assert_int_eq(try_start(&watches[0], -1), -EINVAL);
    start(&watches[0], pid);
    let_go();
    check_exit(&watches[0], CLD_EXITED, 0);
    ck_assert_int_eq(try_start(&watches[0], pid), -ESRCH);
}
END_TEST

static void watch_another(struct watch *watch)
{
    if (watch->reports < 3)
        start(watch, child_fork((int)watch->reports, false));
}

/* Another process that traces `pid`, and waits for it once a byte comes. */
static pid_t tracer_fork(pid_t pid, int *go)
{
    int ends[2], ready[2];
    char byte;
    pid_t tracer;

    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(pipe(ready), 0);
    tracer = fork();
    ck_assert_int_ge(tracer, 0);
    if (tracer == 0) {
        close(ends[1]);
        close(hold);
        byte = ptrace(PTRACE_SEIZE, pid, NULL, NULL) == 0;
        if (write(ready[1], &byte, 1) == 1 && read(ends[0], &byte, 1) >= 0)
            (void)waitpid(pid, NULL, 0);
        _exit(0);
    }
    close(ends[0]);
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    close(ready[1]);
    *go = ends[1];
    return byte != 0 ? tracer : -1;
}

START_TEST(an_exit_that_a_tracer_holds_costs_few_turns_and_is_told)
{
    pid_t pid = child_fork(3, true), tracer;
    uint64_t before, end_ns;
    int go;

    tracer = tracer_fork(pid, &go);
    start(&watches[0], pid);
    turns(3);
    let_go();
    before = stats_now().turns;
    end_ns = clock_ns() + KEVY_MILLISECONDS(200);
    for (uint64_t now_ns = clock_ns(); now_ns < end_ns; now_ns = clock_ns())
        (void)kevy_reactor_run_once(reactor, end_ns - now_ns);
    if (tracer > 0) {
        ck_assert_uint_eq(watches[0].reports, 0);
        ck_assert_uint_lt(stats_now().turns - before, 60);
    }
    close(go);
    check_exit(&watches[0], CLD_EXITED, 3);
    while (tracer > 0 && waitpid(tracer, NULL, 0) < 0)
        ck_assert_int_eq(errno, EINTR);
}
END_TEST

START_TEST(a_watch_can_be_started_again_from_done)
{
    watches[0].then = watch_another;
    start(&watches[0], child_fork(0, false));
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
    ck_assert_uint_eq(watches[0].reports, 3);
    ck_assert_int_eq(watches[0].child.status, 2);
}
END_TEST

START_TEST(destroying_the_reactor_ends_the_watch)
{
    pid_t pid = child_fork(0, true);

    start(&watches[0], pid);
    turn_now();
    ck_assert_uint_eq(kevy_reactor_destroy(reactor), 1);
    reactor = NULL;
    ck_assert_int_eq(watches[0].result, -ECANCELED);
    ck_assert_uint_eq(watches[0].reports, 1);
    let_go();
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
    reactor_setup();
}
END_TEST

START_TEST(a_drain_waits_for_a_child_and_its_end_does_not)
{
    pid_t pid = child_fork(0, true);

    start(&watches[0], pid);
    start(&watches[1], child_fork(0, false));
    QUIETLY(kevy_reactor_finish(reactor, KEVY_FOREVER));
    check_exit(&watches[1], CLD_EXITED, 0);
    ck_assert_uint_eq(watches[0].reports, 0);
    QUIETLY(kevy_reactor_finish(reactor, 1));
    check_end(&watches[0], -ECANCELED);
    let_go();
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}
END_TEST

static void visit(const char *kind, void *object, void *context)
{
    ck_assert_str_eq(kind, "child");
    ck_assert_ptr_eq(object, &watches[0].child);
    ++*(unsigned *)context;
}

START_TEST(a_walk_finds_a_watch_by_its_name)
{
    unsigned visits = 0;

    start(&watches[0], child_fork(0, false));
    kevy_reactor_for_each_object(reactor, visit, &visits);
    ck_assert_uint_eq(visits, 1);
    TURN_UNTIL(watches[0].reports);
}
END_TEST

START_TEST(a_restricted_reactor_watches)
{
    reactor_setup_with(&(struct kevy_reactor_options){.restricted = true});
    ck_assert_int_eq(kevy_child_watch(&watches[0].child, reactor, child_fork(7, false), done), 0);
    check_exit(&watches[0], CLD_EXITED, 7);
}
END_TEST

START_TEST(the_public_start_chooses_by_what_the_kernel_offers)
{
    struct kevy_ring_probe probe;
    bool offered = kevy_ring_probe(&reactor->ring, &probe) == 0 &&
                   kevy_ring_probe_opcode(&probe, KEVY_OP_WAITID);

    ck_assert_int_eq(kevy_child_watch(&watches[0].child, reactor, child_fork(6, false), done), 0);
    ck_assert_uint_eq(watches[0].child.object.flags, !offered);
    check_exit(&watches[0], CLD_EXITED, 6);
}
END_TEST

START_TEST(a_zeroed_watch_is_idle)
{
    stop(&watches[0]);
    turns(2);
    ck_assert_uint_eq(watches[0].reports, 0);
}
END_TEST

static void setup_ring(void)
{
    reactor_setup();
    by_poll = false;
}

static void setup_poll(void)
{
    reactor_setup();
    by_poll = true;
}

static void add_all(Suite *suite, const char *name, SFun setup)
{
    TCase *tests = tcase_create(name);

    tcase_add_checked_fixture(tests, setup, reactor_teardown);
    tcase_set_timeout(tests, 20);
    tcase_add_test(tests, an_exit_status_is_reported);
    tcase_add_test(tests, a_child_that_has_exited_already_is_reported);
    tcase_add_test(tests, a_signal_that_killed_is_reported);
    tcase_add_test(tests, children_are_told_apart);
    tcase_add_test(tests, a_watch_keeps_the_loop_running);
    tcase_add_test(tests, a_stopped_watch_has_one_last_callback_and_reaps_nobody);
    tcase_add_test(tests, a_watch_stopped_before_it_was_armed_ends);
    tcase_add_test(tests, a_stop_that_races_with_the_exit_loses_no_status);
    tcase_add_test(tests, a_child_reaped_elsewhere_is_echild);
    tcase_add_test(tests, a_child_taken_by_a_wait_for_any_while_it_is_watched_is_echild);
    tcase_add_test(tests, a_child_that_an_ignored_sigchld_reaps_is_echild);
    tcase_add_test(tests, a_process_that_is_no_child_is_echild);
    tcase_add_test(tests, what_cannot_be_watched_is_refused);
    tcase_add_test(tests, an_exit_that_a_tracer_holds_costs_few_turns_and_is_told);
    tcase_add_test(tests, a_watch_can_be_started_again_from_done);
    tcase_add_test(tests, destroying_the_reactor_ends_the_watch);
    tcase_add_test(tests, a_drain_waits_for_a_child_and_its_end_does_not);
    tcase_add_test(tests, a_walk_finds_a_watch_by_its_name);
    tcase_add_test(tests, a_zeroed_watch_is_idle);
    suite_add_tcase(suite, tests);
}

static bool waitid_offered(void)
{
    struct kevy_ring_probe probe;

    return kevy_ring_probe(NULL, &probe) == 0 && kevy_ring_probe_opcode(&probe, KEVY_OP_WAITID);
}

Suite *test_suite(void)
{
    Suite *suite = suite_create("child");
    TCase *choice = tcase_create("choice");

    if (waitid_offered())
        add_all(suite, "ring", setup_ring);
    else
        support_skip("ring", "the kernel has no IORING_OP_WAITID (6.7)");
    add_all(suite, "poll", setup_poll);
    tcase_add_checked_fixture(choice, reactor_setup, reactor_teardown);
    tcase_add_test(choice, the_public_start_chooses_by_what_the_kernel_offers);
    tcase_add_test(choice, a_restricted_reactor_watches);
    suite_add_tcase(suite, choice);
    return suite;
}
