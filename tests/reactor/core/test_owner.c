/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Whose a reactor is: of one thread, and of one process. */
#include "reactor_test.h"

#include "core/reactor.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

static struct probe probe;
static struct kevy_timer timer, other_timer;
static struct kevy_task task;
static struct kevy_listener listener;
static struct kevy_datagram datagram;
static struct kevy_signal watch;
static struct kevy_completion completion;
static struct kevy_completion_timeout limit;
static struct kevy_child child;
static struct kevy_file file;
static struct kevy_buffer kept;
static struct kevy_reactor_stats stats;

static void never(struct kevy_timer *fired)
{
    (void)fired;
}

static void never_run(struct kevy_task *posted, struct kevy_reactor *owner)
{
    (void)posted;
    (void)owner;
}

static void never_done(struct kevy_completion *done, int result, uint32_t flags)
{
    (void)done;
    (void)result;
    (void)flags;
}

static void never_signalled(struct kevy_signal *fired)
{
    (void)fired;
}

static void never_reaped(struct kevy_child *exited, int result)
{
    (void)exited;
    (void)result;
}

static void never_visited(const char *kind, void *object, void *context)
{
    (void)kind;
    (void)object;
    (void)context;
}

static struct kevy_stream *accept_none(struct kevy_listener *from)
{
    (void)from;
    return NULL;
}

static void keep(struct probe *keeping, struct kevy_buffer *buffer)
{
    (void)keeping;
    ck_assert_int_eq(kevy_buffer_retain(buffer, &kept), 0);
}

static int listen_here(struct kevy_listener *at)
{
    return kevy_listener_open(
        at, reactor,
        &(struct kevy_listener_options){.address = "127.0.0.1", .accept = accept_none});
}

static int bind_here(struct kevy_datagram *at)
{
    return kevy_datagram_open(at, reactor, &(struct kevy_datagram_options){.address = "127.0.0.1"});
}

/* One of everything, for the calls below to be about. */
static void setup(void)
{
    support_core_limit_zero();
    reactor_setup_with(&(struct kevy_reactor_options){.embedded = true});
    probe_tcp(&probe, &probe_events);
    probe.on_read = keep;
    peer_write_text(probe.peer, "kept");
    TURN_UNTIL(probe.count == 4);
    kevy_timer_start(&timer, reactor, KEVY_SECONDS(3600), never);
    kevy_completion_init(&completion, reactor, never_done);
    kevy_prep_nop(kevy_completion_sqe(&completion));
    ck_assert_int_eq(listen_here(&listener), 0);
    ck_assert_int_eq(bind_here(&datagram), 0);
    ck_assert_int_eq(kevy_signal_watch(&watch, reactor, SIGUSR1, never_signalled), 0);
    task.run = never_run;
}

static void call_run(void)
{
    (void)kevy_reactor_run(reactor);
}

static void call_run_once(void)
{
    (void)kevy_reactor_run_once(reactor, 0);
}

static void call_drain(void)
{
    kevy_reactor_finish(reactor, 0);
}

static void call_destroy(void)
{
    (void)kevy_reactor_destroy(reactor);
}

static void call_ref(void)
{
    kevy_reactor_ref(reactor);
}

static void call_unref(void)
{
    kevy_reactor_unref(reactor);
}

static void call_descriptor(void)
{
    (void)kevy_reactor_fd(reactor);
}

static void call_next_timeout(void)
{
    (void)kevy_reactor_next_timeout(reactor);
}

static void call_each(void)
{
    kevy_reactor_for_each_object(reactor, never_visited, NULL);
}

static void call_stats(void)
{
    kevy_reactor_stats(reactor, &stats);
}

static void call_defer(void)
{
    kevy_reactor_defer(reactor, &task);
}

static void call_timer_start(void)
{
    kevy_timer_start(&other_timer, reactor, 1, never);
}

static void call_timer_stop(void)
{
    kevy_timer_stop(&timer);
}

static void call_adopt(void)
{
    struct probe second;

    probe_unix(&second, &probe_events);
}

static void call_send(void)
{
    ignore(kevy_stream_send(&probe.stream, "x", 1));
}

static void call_write(void)
{
    struct iovec part = {.iov_base = "x", .iov_len = 1};
    struct kevy_send write = {.parts = &part, .count = 1};

    ignore(kevy_stream_send_pinned(&probe.stream, &write));
}

static void call_forward_kept(void)
{
    (void)kevy_stream_forward(&probe.stream, &kept);
}

static void call_release(void)
{
    kevy_buffer_release(&kept);
}

static void call_pause(void)
{
    kevy_stream_pause(&probe.stream);
}

static void call_hold(void)
{
    kevy_stream_hold(&probe.stream, &probe.stream);
}

static void call_shutdown(void)
{
    (void)kevy_stream_shutdown(&probe.stream);
}

static void call_close(void)
{
    kevy_stream_close(&probe.stream);
}

static void call_abort(void)
{
    kevy_stream_abort(&probe.stream);
}

static void call_deadline(void)
{
    kevy_stream_set_deadline(&probe.stream, KEVY_DEADLINE_TOTAL, KEVY_SECONDS(1));
}

static void call_listen(void)
{
    struct kevy_listener second = {0};

    (void)listen_here(&second);
}

static void call_listener_pause(void)
{
    kevy_listener_pause(&listener);
}

static void call_listener_close(void)
{
    kevy_listener_close(&listener);
}

static void call_bind(void)
{
    struct kevy_datagram second = {0};

    (void)bind_here(&second);
}

static void call_datagram_pause(void)
{
    kevy_datagram_pause(&datagram);
}

static void call_datagram_close(void)
{
    kevy_datagram_close(&datagram);
}

static void call_completion(void)
{
    (void)kevy_completion_sqe(&completion);
}

static void call_completion_cancel(void)
{
    (void)kevy_completion_cancel(&completion);
}

static void call_limit(void)
{
    kevy_completion_timeout_start(&limit, &completion, 1);
}

static void call_signal_start(void)
{
    struct kevy_signal second = {0};

    (void)kevy_signal_watch(&second, reactor, SIGUSR2, never_signalled);
}

static void call_signal_stop(void)
{
    kevy_signal_unwatch(&watch);
}

static void call_child(void)
{
    (void)kevy_child_watch(&child, reactor, getpid(), never_reaped);
}

static void call_file(void)
{
    (void)kevy_file_adopt(&file, reactor, dup(probe.peer), &(struct kevy_file_options){0});
}

static void (*const calls[])(void) = {
    call_run,
    call_run_once,
    call_drain,
    call_destroy,
    call_ref,
    call_unref,
    call_descriptor,
    call_next_timeout,
    call_each,
    call_stats,
    call_defer,
    call_timer_start,
    call_timer_stop,
    call_adopt,
    call_send,
    call_write,
    call_forward_kept,
    call_release,
    call_pause,
    call_hold,
    call_shutdown,
    call_close,
    call_abort,
    call_deadline,
    call_listen,
    call_listener_pause,
    call_listener_close,
    call_bind,
    call_datagram_pause,
    call_datagram_close,
    call_completion,
    call_completion_cancel,
    call_limit,
    call_signal_start,
    call_signal_stop,
    call_child,
    call_file,
};

static void *foreign_main(void *argument)
{
    calls[*(const int *)argument]();
    return NULL;
}

START_TEST(a_call_from_a_foreign_thread_is_an_assertion)
{
    int call = _i;
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, foreign_main, &call), 0);
    pthread_join(thread, NULL);
}
END_TEST

static void *allowed_main(void *argument)
{
    (void)argument;
    kevy_reactor_post(reactor, &task);
    kevy_reactor_stop(reactor);
    return NULL;
}

START_TEST(post_and_stop_may_come_from_any_thread)
{
    pthread_t thread;

    task.run = never_run;
    kevy_timer_start(&timer, reactor, KEVY_SECONDS(3600), never);
    ck_assert_int_eq(pthread_create(&thread, NULL, allowed_main, NULL), 0);
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
    pthread_join(thread, NULL);
    turn_now(); /* stop may have been seen in the turn that the post was not yet */
    ck_assert_uint_eq(stats_now().tasks_run, 1);
    kevy_timer_stop(&timer);
}
END_TEST

static void parent_only(void (*call)(void))
{
    pid_t pid = fork();
    int status;

    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        (void)signal(SIGABRT, SIG_DFL);
        dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO); /* the assertion speaks */
        call();
        _exit(0);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "status %#x",
                  (unsigned)status);
}

START_TEST(a_forked_child_that_uses_its_parents_reactor_is_an_assertion)
{
    support_core_limit_zero();
    parent_only(call_run);
    parent_only(call_run_once);
    parent_only(call_destroy);
}
END_TEST

static bool unmapped(void *memory, size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    unsigned char there;

    for (size_t at = 0; at < size; at += page)
        if (mincore((char *)memory + at, 1, &there) == 0 || errno != ENOMEM)
            return false;
    return true;
}

START_TEST(a_forked_child_has_nothing_of_what_the_reactor_shares_with_the_kernel)
{
    pid_t pid = fork();
    int status;

    ck_assert_int_ge(pid, 0);
    if (pid == 0)
        _exit(!(unmapped(reactor->ring.sqes, reactor->ring.sqe_size) &&
                unmapped(reactor->ring.ring_memory, reactor->ring.ring_size) &&
                unmapped(reactor->pool.memory, reactor->pool.memory_size)));
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
}
END_TEST

/* 0 when a stream of this process echoes, in a reactor of its own. */
static int own_echo(void)
{
    struct kevy_reactor *inherited = reactor;
    struct probe own;

    if (kevy_reactor_create(&reactor, NULL) < 0)
        return 1;
    probe_unix(&own, &probe_events);
    own.echo = true;
    peer_write_text(own.peer, "child");
    peer_expect_text(own.peer, "child");
    kevy_stream_abort(&own.stream);
    probe_finish(&own);
    if (kevy_reactor_destroy(reactor) != 0)
        return 2;
    reactor = inherited;
    return 0;
}

START_TEST(a_forked_child_may_have_a_reactor_of_its_own_and_the_parents_goes_on)
{
    pid_t pid;
    int status;

    probe_tcp(&probe, &probe_events);
    probe.echo = true;
    peer_write_text(probe.peer, "before");
    peer_expect_text(probe.peer, "before");
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, "queued", 6), 0));
    pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0)
        _exit(own_echo());
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    peer_expect_text(probe.peer, "queued");
    peer_write_text(probe.peer, "after");
    peer_expect_text(probe.peer, "after");
    QUIETLY(kevy_stream_abort(&probe.stream));
    probe_finish(&probe);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("owner");
    TCase *foreign = tcase_create("foreign");
    TCase *owner = tcase_create("owner");

    tcase_add_checked_fixture(foreign, setup, NULL);
    support_add_abort(foreign, a_call_from_a_foreign_thread_is_an_assertion, 0,
                      (int)(sizeof calls / sizeof *calls));
    suite_add_tcase(suite, foreign);
    tcase_add_checked_fixture(owner, reactor_setup, reactor_teardown);
    tcase_add_test(owner, post_and_stop_may_come_from_any_thread);
    if (support_asserts())
        tcase_add_test(owner, a_forked_child_that_uses_its_parents_reactor_is_an_assertion);
    else
        support_skip("a_forked_child_that_uses_its_parents_reactor_is_an_assertion",
                     "this build has no assertions");
    tcase_add_test(owner, a_forked_child_has_nothing_of_what_the_reactor_shares_with_the_kernel);
    tcase_add_test(owner, a_forked_child_may_have_a_reactor_of_its_own_and_the_parents_goes_on);
    suite_add_tcase(suite, owner);
    return suite;
}
