/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* A reactor inside another loop: calls between its turns. Those that leave a turn something to do
 * wake the loop, those that only look leave it asleep. */

#include "embedding_test.h"

#include "core/reactor.h"

#include <fcntl.h>

/* One call. `before` is what it needs; what it has brought about is seen by `done` in some turn. */
struct call {
    const char *name;
    void (*before)(void);
    void (*call)(void);
    bool (*done)(void);
    void (*after)(void);
};

static struct probe probe;
static unsigned counted;
static int ends[2];
static struct kevy_listener listener;
static struct kevy_datagram datagram;
static struct kevy_file file;
static struct kevy_file_operation operation;
static struct kevy_completion completion;
static struct kevy_timer timer;
static struct kevy_task task;
static struct kevy_buffer kept;
static struct sockaddr_in address;

static bool counted_once(void)
{
    return counted == 1;
}

static bool peer_hears(void)
{
    char byte;

    return peer_read(probe.peer, &byte, 1) == 1;
}

static bool peer_hears_the_end(void)
{
    char byte;

    return peer_read(probe.peer, &byte, 1) == 0;
}

static bool probe_closed(void)
{
    return probe.closed;
}

static bool probe_opened(void)
{
    return strcmp(probe.log, "o") == 0;
}

static bool probe_finished(void)
{
    return strcmp(probe.log, "of") == 0;
}

static void nothing(void) {}

static void probe_open(void)
{
    probe_tcp(&probe, &probe_events);
}

static void probe_end(void)
{
    if (!probe.closed)
        kevy_stream_abort(&probe.stream);
    probe_finish(&probe);
}

static void stream_send(void)
{
    ck_assert_int_eq(kevy_stream_send(&probe.stream, "x", 1), 0);
}

static void stream_shutdown(void)
{
    kevy_stream_shutdown(&probe.stream);
}

static void stream_close(void)
{
    kevy_stream_close(&probe.stream);
}

static void stream_abort(void)
{
    kevy_stream_abort(&probe.stream);
}

static void stream_deadline(void)
{
    kevy_stream_set_deadline(&probe.stream, KEVY_DEADLINE_IDLE, 1);
}

static bool stream_timed_out(void)
{
    return probe.timeouts == 1;
}

static void probe_open_paused(void)
{
    probe_open();
    kevy_stream_pause(&probe.stream);
    settle();
    peer_write_text(probe.peer, "x");
    settle();
    ck_assert_uint_eq(probe.count, 0);
}

static void stream_resume(void)
{
    kevy_stream_resume(&probe.stream);
}

static bool probe_has_read(void)
{
    return probe.count == 1;
}

static void timer_count(struct kevy_timer *fired)
{
    (void)fired;
    counted++;
}

static void timer_start(void)
{
    kevy_timer_start(&timer, reactor, 1, timer_count);
}

static void task_count(struct kevy_task *run, struct kevy_reactor *where)
{
    (void)run;
    (void)where;
    counted++;
}

static void task_defer(void)
{
    task.run = task_count;
    kevy_reactor_defer(reactor, &task);
}

static void task_post(void)
{
    task.run = task_count;
    kevy_reactor_post(reactor, &task);
}

static void completion_count(struct kevy_completion *done, int result, uint32_t flags)
{
    (void)done;
    (void)result;
    (void)flags;
    counted++;
}

static void nop_request(void)
{
    kevy_completion_init(&completion, reactor, completion_count);
    kevy_prep_nop(kevy_completion_sqe(&completion));
}

static void pipe_poll(void)
{
    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    kevy_completion_init(&completion, reactor, completion_count);
    kevy_prep_poll(kevy_completion_sqe(&completion), ends[0], POLLIN);
}

static void completion_cancel(void)
{
    ck_assert_int_eq(kevy_completion_cancel(&completion), 0);
}

static void pipe_close(void)
{
    close(ends[0]);
    close(ends[1]);
}

static struct kevy_stream *connection_count(struct kevy_listener *from)
{
    (void)from;
    counted++;
    return NULL;
}

static void listener_open(void)
{
    ck_assert_int_eq(kevy_listener_open(&listener, reactor,
                                        &(struct kevy_listener_options){
                                            .address = "127.0.0.1", .accept = connection_count}),
                     0);
    ends[0] = plain_connect(kevy_listener_port(&listener));
}

static void listener_open_paused(void)
{
    listener_open();
    kevy_listener_pause(&listener);
    counted = 0;
}

static void listener_resume(void)
{
    kevy_listener_resume(&listener);
}

static void listener_end(void)
{
    close(ends[0]);
    kevy_listener_close(&listener);
}

static void datagram_open(void)
{
    socklen_t length = sizeof address;

    ck_assert_int_eq(kevy_datagram_open(&datagram, reactor,
                                        &(struct kevy_datagram_options){.address = "127.0.0.1"}),
                     0);
    ends[0] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    address = (struct sockaddr_in){.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(bind(ends[0], (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(getsockname(ends[0], (struct sockaddr *)&address, &length), 0);
}

static void datagram_send(void)
{
    ck_assert_int_eq(
        kevy_datagram_send(&datagram, "x", 1, (struct sockaddr *)&address, sizeof address), 0);
}

static bool datagram_comes(void)
{
    char byte;

    return recv(ends[0], &byte, 1, 0) == 1;
}

static void datagram_end(void)
{
    close(ends[0]);
    kevy_datagram_close(&datagram);
}

static void file_open(void)
{
    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    ck_assert_int_eq(kevy_file_adopt(&file, reactor, ends[1], &(struct kevy_file_options){0}), 0);
}

static void operation_count(struct kevy_file_operation *done, int result)
{
    (void)done;
    ck_assert_int_eq(result, 1);
    counted++;
}

static void file_write(void)
{
    operation.done = operation_count;
    ck_assert_int_eq(kevy_file_write(&file, &operation, "x", 1, KEVY_FILE_POSITION), 0);
}

static void file_end(void)
{
    close(ends[0]);
    kevy_file_close(&file);
}

/* For the first who starves for it; here nobody does. */
static void buffer_keep(struct probe *reading, struct kevy_buffer *buffer)
{
    (void)reading;
    ck_assert_int_eq(kevy_buffer_retain(buffer, &kept), 0);
}

static void probe_keep(void)
{
    probe_open();
    probe.on_read = buffer_keep;
    settle();
    peer_write_text(probe.peer, "x");
    settle();
    ck_assert_uint_eq(kept.length, 1);
}

static void buffer_release(void)
{
    kevy_buffer_release(&kept);
}

static void reference_take(void)
{
    kevy_reactor_ref(reactor);
    ck_assert_int_eq(kevy_reactor_run_once(reactor, 0), 1);
}

static void reference_drop(void)
{
    kevy_reactor_unref(reactor);
}

static bool nothing_left(void)
{
    return kevy_reactor_run_once(reactor, 0) == 0;
}

static void reactor_stop(void)
{
    kevy_reactor_stop(reactor);
}

static void reactor_finish(void)
{
    kevy_reactor_finish(reactor, KEVY_SECONDS(5));
}

static const struct call calls[] = {
    {"send", probe_open, stream_send, peer_hears, probe_end},
    {"shutdown", probe_open, stream_shutdown, peer_hears_the_end, probe_end},
    {"close", probe_open, stream_close, peer_hears_the_end, probe_end},
    {"abort", probe_open, stream_abort, probe_closed, probe_end},
    {"a deadline", probe_open, stream_deadline, stream_timed_out, probe_end},
    {"resume", probe_open_paused, stream_resume, probe_has_read, probe_end},
    {"adopting", nothing, probe_open, probe_opened, probe_end},
    {"a timer", nothing, timer_start, counted_once, nothing},
    {"deferring", nothing, task_defer, counted_once, nothing},
    {"a post", nothing, task_post, counted_once, nothing},
    {"a request", nothing, nop_request, counted_once, nothing},
    {"cancelling", pipe_poll, completion_cancel, counted_once, pipe_close},
    {"a listener", nothing, listener_open, counted_once, listener_end},
    {"resuming a listener", listener_open_paused, listener_resume, counted_once, listener_end},
    {"a datagram", datagram_open, datagram_send, datagram_comes, datagram_end},
    {"a file's write", file_open, file_write, counted_once, file_end},
    {"giving a buffer back", probe_keep, buffer_release, probe_has_read, probe_end},
    {"dropping a reference", reference_take, reference_drop, nothing_left, nothing},
    {"stopping", nothing, reactor_stop, nothing_left, nothing},
    {"finishing", probe_open, reactor_finish, probe_finished, probe_end},
};
#define CALLS (sizeof calls / sizeof *calls)

/* How long poll(2) may take, for a limit in nanoseconds. */
static int milliseconds(uint64_t timeout_ns)
{
    return timeout_ns < KEVY_SECONDS(10) ? (int)(timeout_ns / 1000000) + 1 : 10000;
}

/* Rounds of the foreign loop until it has happened. */
static void until_done(const struct call *call)
{
    uint64_t timeout_ns = 0;

    while (!call->done()) {
        if (timeout_ns != 0 && !foreign_poll(milliseconds(timeout_ns)))
            ck_assert_msg(timeout_ns < KEVY_SECONDS(10), "%s: the loop sleeps on", call->name);
        ck_assert_int_ge(kevy_reactor_run_once(reactor, 0), 0);
        timeout_ns = kevy_reactor_next_timeout(reactor);
    }
}

START_TEST(what_is_queued_between_the_turns_makes_the_descriptor_readable)
{
    const struct call *call = &calls[_i];

    call->before();
    settle();
    call->call();
    ck_assert_msg(foreign_poll(0), "%s: the foreign loop sleeps on", call->name);
    until_done(call);
    call->after();
    settle();
}
END_TEST

START_TEST(many_calls_between_two_turns_wake_the_foreign_loop_once)
{
    uint64_t wakes;

    probe_open();
    settle();
    wakes = stats_now().wakes;
    for (unsigned count = 0; count < 100; count++)
        stream_send();
    settle();
    ck_assert_uint_eq(stats_now().wakes, wakes + 1);
    probe_end();
}
END_TEST

static void visit_none(const char *kind, void *object, void *context)
{
    (void)kind;
    (void)object;
    (void)context;
}

START_TEST(who_only_looks_leaves_the_foreign_loop_asleep)
{
    struct kevy_stream_stats traffic;

    probe_open();
    settle();
    stats_now();
    kevy_reactor_for_each_object(reactor, visit_none, NULL);
    (void)kevy_reactor_now(reactor);
    kevy_stream_stats(&probe.stream, &traffic);
    (void)kevy_reactor_fd(reactor);
    ck_assert(!foreign_poll(0));
    probe_end();
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("embedding_call");
    TCase *calling = tcase_create("calling");

    tcase_add_checked_fixture(calling, embedded_setup, reactor_teardown);
    tcase_add_loop_test(calling, what_is_queued_between_the_turns_makes_the_descriptor_readable, 0,
                        CALLS);
    tcase_add_test(calling, many_calls_between_two_turns_wake_the_foreign_loop_once);
    tcase_add_test(calling, who_only_looks_leaves_the_foreign_loop_asleep);
    suite_add_tcase(suite, calling);
    return suite;
}
