/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* What a reactor shows while it runs: hooks around the wait, a trace, points for a debugger. */

#include "reactor_test.h"

#include "core/probes.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* Letters, in the order in which the hooks and callbacks came: b before the wait, a after it. */
static char order[256];
static size_t order_count;
static int marker; /* whose address is the context of the hooks */

static void note(char letter)
{
    ck_assert_uint_eq(quiet_depth, 0);
    if (order_count < sizeof order - 1)
        order[order_count++] = letter;
}

static void hook_before(struct kevy_reactor *where, void *context)
{
    ck_assert_ptr_eq(where, reactor);
    ck_assert_ptr_eq(context, &marker);
    note('b');
}

static void hook_after(struct kevy_reactor *where, void *context)
{
    ck_assert_ptr_eq(where, reactor);
    ck_assert_ptr_eq(context, &marker);
    note('a');
}

static struct probe probe;

static void note_open(struct probe *opened)
{
    (void)opened;
    note('o');
}

static void note_read(struct probe *reader, struct kevy_buffer *buffer)
{
    (void)reader;
    (void)buffer;
    note('r');
}

static void note_timer(struct kevy_timer *timer)
{
    (void)timer;
    note('t');
}

static void note_task(struct kevy_task *task, struct kevy_reactor *owner)
{
    (void)task;
    (void)owner;
    note('k');
}

static void hooks_setup(void)
{
    reactor_setup_with(&(struct kevy_reactor_options){
        .before_wait = hook_before, .after_wait = hook_after, .context = &marker});
}

START_TEST(the_hooks_frame_each_wait_between_the_flush_and_the_callbacks)
{
    struct kevy_timer timer = {0};
    struct kevy_task task = {.run = note_task};

    probe_tcp(&probe, &probe_events);
    probe.on_open = note_open;
    probe.on_read = note_read;
    peer_write_text(probe.peer, "x");
    kevy_timer_start(&timer, reactor, 0, note_timer);
    kevy_reactor_defer(reactor, &task);
    TURN_UNTIL(probe.count == 1);
    /* `open` of an adopted stream comes from the flush, the others after the wait. */
    ck_assert_int_eq(strncmp(order, "oba", 3), 0);
    for (size_t index = 0; index < order_count; index++)
        ck_assert_int_eq(order[index] == 'b', order[index + 1] == 'a');
    for (const char *letter = "rtk"; *letter != 0; letter++)
        ck_assert_ptr_nonnull(strchr(order, *letter));
    QUIETLY(kevy_stream_abort(&probe.stream));
    probe_finish(&probe);
}
END_TEST

static void write_before(struct kevy_reactor *where, void *context)
{
    hook_before(where, context);
    if (order_count == 1)
        ck_assert_int_eq(kevy_stream_send(&probe.stream, "hooked", 6), 0);
}

static void defer_after(struct kevy_reactor *where, void *context)
{
    static struct kevy_task task = {.run = note_task};

    hook_after(where, context);
    if (order_count == 2)
        kevy_reactor_defer(where, &task);
}

START_TEST(the_hooks_may_call_what_callbacks_may)
{
    reactor_setup_with(&(struct kevy_reactor_options){
        .before_wait = write_before, .after_wait = defer_after, .context = &marker});
    order_count = 0; /* destroying the other reactor turned it, too */
    probe_tcp(&probe, &probe_events);
    peer_expect_text(probe.peer, "hooked");
    ck_assert_ptr_nonnull(strchr(order, 'k'));
    QUIETLY(kevy_stream_abort(&probe.stream));
    probe_finish(&probe);
}
END_TEST

/* What a trace says of one completion; the names in the order of their bits below. */
static const char *const names[] = {"completion", "recv",  "send",  "connect",
                                    "accept",     "close", "cancel"};
static unsigned seen; /* bits */
static uint64_t traces;
static struct kevy_listener listener;
static struct probe accepted;
static struct kevy_completion completion;
static bool completed, listener_gone;

static void trace_note(struct kevy_reactor *where, const struct kevy_trace *trace, void *context)
{
    ck_assert_ptr_eq(where, reactor);
    ck_assert_ptr_eq(context, &marker);
    traces++;
    for (unsigned index = 0; index < sizeof names / sizeof *names; index++)
        if (strcmp(trace->operation, names[index]) == 0)
            seen |= 1U << index;
    if (trace->owner == &accepted.stream && strcmp(trace->operation, "recv") == 0 &&
        trace->result > 0) {
        ck_assert_int_eq(trace->result, 5);
        ck_assert_uint_ne(trace->flags & KEVY_CQE_F_BUFFER, 0);
        ck_assert_uint_eq(accepted.count, 0); /* it has not been handled yet */
    }
    if (strcmp(trace->operation, "accept") == 0 && trace->result >= 0) {
        ck_assert_ptr_eq(trace->owner, &listener);
        ck_assert_str_eq(accepted.log, "");
    }
    if (trace->owner == &completion)
        ck_assert(!completed);
}

static struct kevy_stream *accept_one(struct kevy_listener *from)
{
    (void)from;
    probe_init(&accepted, &probe_events);
    accepted.echo = true;
    return &accepted.stream;
}

static void listener_closed(struct kevy_listener *closed)
{
    (void)closed;
    listener_gone = true;
}

static void done(struct kevy_completion *finished, int result, uint32_t flags)
{
    (void)finished;
    (void)result;
    (void)flags;
    completed = true;
}

START_TEST(the_trace_tells_every_completion_before_it_is_handled)
{
    struct kevy_listener_options options = {
        .address = "127.0.0.1", .accept = accept_one, .close = listener_closed};
    struct sockaddr_in address = {.sin_family = AF_INET};

    reactor_setup_with(&(struct kevy_reactor_options){.trace = trace_note, .context = &marker});
    kevy_completion_init(&completion, reactor, done);
    kevy_prep_nop(kevy_completion_sqe(&completion));
    ck_assert_int_eq(kevy_listener_open(&listener, reactor, &options), 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(kevy_listener_port(&listener));
    probe_init(&probe, &probe_events);
    ck_assert_int_eq(kevy_stream_connect(&probe.stream, reactor, (struct sockaddr *)&address,
                                         sizeof address, KEVY_FOREVER),
                     0);
    TURN_UNTIL(probe.log_end != probe.log);
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, "hello", 5), 0));
    TURN_UNTIL(probe.count == 5);
    QUIETLY(kevy_listener_close(&listener));
    QUIETLY(kevy_stream_abort(&probe.stream));
    QUIETLY(kevy_stream_abort(&accepted.stream));
    TURN_UNTIL(listener_gone && probe.closed && accepted.closed);
    turns(3);
    ck_assert_uint_eq(seen, (1U << sizeof names / sizeof *names) - 1);
    ck_assert_uint_eq(traces, stats_now().completions);
}
END_TEST

/* The notes in the file that runs: the provider's name, and behind it that of each point. */
START_TEST(a_debugger_finds_the_points_to_attach_to)
{
    static const char *const points[] = {"turn", "woken", "stream_open", "stream_close", "starved"};
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    struct stat status;
    uint8_t *program;

    ck_assert_int_eq(fstat(fd, &status), 0);
    program = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    ck_assert_ptr_ne(program, MAP_FAILED);
    for (unsigned index = 0; index < sizeof points / sizeof *points; index++) {
        char wanted[32] = "kevy"; /* the names end with zeros */

        strcpy(wanted + 5, points[index]);
        ck_assert_msg(
            memmem(program, (size_t)status.st_size, wanted, 5 + strlen(points[index]) + 1) != NULL,
            "no point %s", points[index]);
    }
    munmap(program, (size_t)status.st_size);
    close(fd);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("hooks");
    TCase *hooks = tcase_create("hooks");

    tcase_add_checked_fixture(hooks, hooks_setup, reactor_teardown);
    tcase_add_test(hooks, the_hooks_frame_each_wait_between_the_flush_and_the_callbacks);
    tcase_add_test(hooks, the_hooks_may_call_what_callbacks_may);
    tcase_add_test(hooks, the_trace_tells_every_completion_before_it_is_handled);
#ifdef DTRACE_PROBE1
    tcase_add_test(hooks, a_debugger_finds_the_points_to_attach_to);
#else
    support_skip("a_debugger_finds_the_points_to_attach_to", "no <sys/sdt.h> at build time");
    (void)a_debugger_finds_the_points_to_attach_to;
#endif
    suite_add_tcase(suite, hooks);
    return suite;
}
