/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * A loop that stands still: a slow callback, SIGSTOP, a machine that pauses. Whatever happened
 * meanwhile comes before whatever is late, however many streams and requests there are. An enter
 * brings about 20 completions (DEFER_TASKRUN), a look of the soft kernel at epoll 128, hence more
 * than twice that of everything.
 */

#include "reactor_test.h"

#include "runs.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define MS(n) KEVY_MILLISECONDS(n)

enum {
    MANY = 300,
    LIMIT_MS = 20,
    PART = 1 << 16,
};

static struct probe probes[MANY];
static enum kevy_deadline kind;
static uint8_t data[PART];
static unsigned done_count;

/* The limit passes while the loop stands still in a task; before that the peer does its part. */
static void (*peer_part)(unsigned index);

static void stand_still(struct kevy_task *task, struct kevy_reactor *at)
{
    (void)task;
    (void)at;
    for (unsigned index = 0; index < MANY; index++)
        peer_part(index);
    clock_pass(clock_ns() + MS(3 * LIMIT_MS));
}

static void pause_begin(void (*part)(unsigned index))
{
    static struct kevy_task task;

    peer_part = part;
    task.run = stand_still;
    QUIETLY(kevy_reactor_defer(reactor, &task));
}

static void too_late(struct probe *probe, enum kevy_deadline deadline)
{
    (void)deadline;
    ck_abort_msg("stream %d ended, and what had come for it was not looked at", probe->tag);
}

static void its_bytes(struct probe *probe, struct kevy_buffer *buffer)
{
    (void)buffer;
    kevy_stream_set_deadline(&probe->stream, kind, 0);
    done_count++;
}

static void sends_a_byte(unsigned index)
{
    peer_write_text(probes[index].peer, "x");
}

static void reads_all(unsigned index)
{
    static uint8_t bytes[PART];
    size_t count = 0;

    for (int result = 1; result > 0; count += result > 0 ? (size_t)result : 0)
        result = peer_read(probes[index].peer, bytes, sizeof bytes);
    ck_assert_uint_gt(count, 0);
}

static void streams_open(void)
{
    for (unsigned index = 0; index < MANY; index++) {
        probe_small(&probes[index], &probe_events);
        probes[index].tag = (int)index;
        probes[index].on_timeout = too_late;
        probes[index].on_read = its_bytes;
        kevy_stream_set_watermarks(&probes[index].stream, PART - 1, PART);
    }
    turns(5);
}

static void streams_abort(void)
{
    for (unsigned index = 0; index < MANY; index++)
        QUIETLY(kevy_stream_abort(&probes[index].stream));
    for (unsigned index = 0; index < MANY; index++)
        probe_finish(&probes[index]);
}

static size_t queued[MANY];

static void queue_fill(unsigned index)
{
    struct kevy_stream *stream = &probes[index].stream;

    while (kevy_stream_send(stream, data, PART) == 0)
        turns(2);
    queued[index] = kevy_stream_queued(stream);
}

/* What goes on after the pause is the peer's affair. */
static void not_before_its_bytes_went(struct probe *probe, enum kevy_deadline deadline)
{
    if (kevy_stream_queued(&probe->stream) == queued[probe->tag])
        too_late(probe, deadline);
}

static bool all_went(void)
{
    unsigned index = 0;

    while (index < MANY && kevy_stream_queued(&probes[index].stream) < queued[index])
        index++;
    return index == MANY;
}

START_TEST(a_pause_of_the_loop_ends_no_stream_whose_bytes_are_there)
{
    static const enum kevy_deadline kinds[] = {KEVY_DEADLINE_IDLE, KEVY_DEADLINE_TOTAL};

    kind = kinds[_i];
    streams_open();
    for (unsigned index = 0; index < MANY; index++)
        QUIETLY(kevy_stream_set_deadline(&probes[index].stream, kind, MS(LIMIT_MS)));
    pause_begin(sends_a_byte);
    TURN_UNTIL(done_count == MANY);
    streams_abort();
}
END_TEST

START_TEST(a_pause_of_the_loop_ends_no_stream_whose_peer_has_made_room)
{
    kind = KEVY_DEADLINE_SEND;
    streams_open();
    for (unsigned index = 0; index < MANY; index++) {
        probes[index].on_timeout = not_before_its_bytes_went;
        queue_fill(index);
    }
    for (unsigned index = 0; index < MANY; index++)
        QUIETLY(kevy_stream_set_deadline(&probes[index].stream, kind, MS(LIMIT_MS)));
    pause_begin(reads_all);
    TURN_UNTIL(all_went());
    streams_abort();
}
END_TEST

/* Whoever has received all of it is idle indeed, where the turns take longer than the limit. */
static void late_in_turn(struct probe *probe, enum kevy_deadline deadline)
{
    int left = 0;

    ck_assert_int_eq(ioctl(kevy_stream_fd(&probe->stream), FIONREAD, &left), 0);
    if (left != 0)
        too_late(probe, deadline);
    kevy_stream_set_deadline(&probe->stream, deadline, 0);
}

/* As much as the socket takes, which is more than a recv takes at once: the streams take turns. */
static void sends_much(unsigned index)
{
    static uint8_t much[8 * PART];

    (void)send(probes[index].peer, much, sizeof much, MSG_DONTWAIT);
}

START_TEST(a_pause_of_the_loop_ends_no_stream_that_waits_for_its_turn)
{
    enum { BULK = 16 };

    for (unsigned index = 0; index < BULK; index++) {
        probe_tcp(&probes[index], &probe_events);
        probes[index].on_timeout = late_in_turn;
    }
    turns(5);
    /* A busy kernel brings each stream a little at a time, which is read as it comes. */
    for (unsigned rounds = 0; reactor->in_turn.count <= 2; rounds++) {
        ck_assert_uint_lt(rounds, TURNS_MAX);
        for (unsigned index = 0; index < BULK; index++)
            sends_much(index);
        turn_now();
    }
    for (unsigned index = 0; index < BULK; index++)
        QUIETLY(kevy_stream_set_deadline(&probes[index].stream, KEVY_DEADLINE_IDLE, MS(LIMIT_MS)));
    clock_pass(clock_ns() + MS(3 * LIMIT_MS));
    turns(3);
    for (unsigned index = 0; index < BULK; index++) {
        QUIETLY(kevy_stream_abort(&probes[index].stream));
        probe_finish(&probes[index]);
    }
}
END_TEST

static struct sockaddr_in listening;

static void connects(unsigned index)
{
    ck_assert_int_eq(kevy_stream_connect(&probes[index].stream, reactor,
                                         (struct sockaddr *)&listening, sizeof listening,
                                         MS(LIMIT_MS)),
                     0);
}

static void connected(struct probe *probe)
{
    QUIETLY(kevy_stream_abort(&probe->stream));
    done_count++;
}

static void not_connected(struct probe *probe, int reason)
{
    ck_assert_int_ne(reason, -ETIMEDOUT);
    (void)probe;
}

START_TEST(a_pause_of_the_loop_ends_no_connect_that_has_succeeded)
{
    int listener = plain_listen(&listening);

    for (unsigned index = 0; index < MANY; index++) {
        probe_init(&probes[index], &probe_events);
        probes[index].on_open = connected;
        probes[index].on_close = not_connected;
    }
    pause_begin(connects);
    TURN_UNTIL(done_count == MANY);
    for (unsigned index = 0; index < MANY; index++)
        probe_finish(&probes[index]);
    close(listener);
}
END_TEST

static struct kevy_completion completions[MANY];
static int counters[MANY];

static void counter_ready(struct kevy_completion *completion, int result, uint32_t flags)
{
    (void)completion;
    (void)flags;
    ck_assert_int_eq(result, POLLIN);
    done_count++;
}

static void counts(unsigned index)
{
    ck_assert_int_eq(eventfd_write(counters[index], 1), 0);
}

START_TEST(a_pause_of_the_loop_ends_no_request_whose_answer_is_there)
{
    static struct kevy_completion_timeout limits[MANY];

    for (unsigned index = 0; index < MANY; index++) {
        counters[index] = eventfd(0, EFD_CLOEXEC);
        kevy_completion_init(&completions[index], reactor, counter_ready);
        kevy_prep_poll(kevy_completion_sqe(&completions[index]), counters[index], POLLIN);
    }
    turn_now();
    for (unsigned index = 0; index < MANY; index++)
        kevy_completion_timeout_start(&limits[index], &completions[index], MS(LIMIT_MS));
    pause_begin(counts);
    TURN_UNTIL(done_count == MANY);
    for (unsigned index = 0; index < MANY; index++) {
        kevy_completion_timeout_stop(&limits[index]);
        close(counters[index]);
    }
}
END_TEST

static bool late_posted;

static void posted_run(struct kevy_task *task, struct kevy_reactor *at)
{
    (void)task;
    (void)at;
    late_posted = true;
}

static void limit_fire(struct kevy_timer *timer)
{
    (void)timer;
    ck_assert(late_posted);
    done_count++;
}

/* As the answer of a look-up does, before its limit. */
START_TEST(what_was_posted_comes_before_what_is_late)
{
    static struct kevy_task task = {.run = posted_run};
    static struct kevy_timer timer;

    kevy_timer_start(&timer, reactor, MS(1), limit_fire);
    kevy_reactor_post(reactor, &task);
    clock_pass(clock_ns() + MS(5));
    TURN_UNTIL(done_count);
}
END_TEST

/* So few a turn that what a look finds takes several. */
static void setup(void)
{
    reactor_setup_with(&(struct kevy_reactor_options){.turn_completions = 16});
}

/* And so few buffers that most streams get theirs only after the look. */
static void setup_few_buffers(void)
{
    reactor_setup_with(&(struct kevy_reactor_options){.turn_completions = 16, .buffer_count = 64});
}

Suite *test_suite(void)
{
    Suite *suite = suite_create("pause");
    TCase *pauses = tcase_create("pauses");
    TCase *few_buffers = tcase_create("few_buffers");

    tcase_add_checked_fixture(pauses, setup, reactor_teardown);
    tcase_set_timeout(pauses, 30);
    tcase_add_loop_test(pauses, a_pause_of_the_loop_ends_no_stream_whose_bytes_are_there, 0, 2);
    tcase_add_test(pauses, a_pause_of_the_loop_ends_no_stream_whose_peer_has_made_room);
    if (kernel_has_runs())
        tcase_add_test(pauses, a_pause_of_the_loop_ends_no_stream_that_waits_for_its_turn);
    else
        support_skip("turns", "the kernel cannot end a bundle after so many bytes (6.17)");
    tcase_add_test(pauses, a_pause_of_the_loop_ends_no_connect_that_has_succeeded);
    tcase_add_test(pauses, a_pause_of_the_loop_ends_no_request_whose_answer_is_there);
    tcase_add_test(pauses, what_was_posted_comes_before_what_is_late);
    suite_add_tcase(suite, pauses);
    tcase_add_checked_fixture(few_buffers, setup_few_buffers, reactor_teardown);
    tcase_set_timeout(few_buffers, 30);
    tcase_add_loop_test(few_buffers, a_pause_of_the_loop_ends_no_stream_whose_bytes_are_there, 0,
                        2);
    suite_add_tcase(suite, few_buffers);
    return suite;
}
