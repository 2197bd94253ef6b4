/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * What datagram sockets, files, signals and streams do while the kernel takes nothing: wait, then
 * go on.
 */

#include "datagram/datagram_test.h"

#include "fault_kernel.h"
#include "core/submission.h"

#include <signal.h>

static struct post post;

enum {
    EVER = 1000000,
    SLOTS = 8,
};

static struct kevy_completion filler;

static void setup(void)
{
    fault_reset();
    reactor_setup_with(&(struct kevy_reactor_options){.sq_entries = SLOTS, .cq_entries = 32});
}

static void teardown(void)
{
    fault_reset();
    TURN_UNTIL(!kevy_completion_active(&filler));
    reactor_teardown();
}

static void filler_done(struct kevy_completion *completion, int result, uint32_t flags)
{
    (void)completion;
    (void)result;
    (void)flags;
}

/* From here on `count` slots are taken, and no enter succeeds, until fault_reset(). */
static void refuse(unsigned count)
{
    turns(5);
    fault_next(FAULT_ENTER, -EBUSY, EVER);
    kevy_completion_init(&filler, reactor, filler_done);
    while (count-- > 0)
        kevy_prep_nop(kevy_completion_sqe(&filler));
}

START_TEST(datagrams_sent_while_nothing_is_taken_leave_once_and_in_order)
{
    static struct post posts[6];
    struct sockaddr_in peers[6];
    int fds[6];
    char text[16];

    for (unsigned index = 0; index < 6; index++) {
        fds[index] = plain_socket(&peers[index]);
        post_open(&posts[index]);
    }
    refuse(0);
    for (unsigned number = 0; number < 70; number++) {
        for (unsigned index = 0; index < 6; index++)
            ck_assert_int_eq(send_to(&posts[index], text,
                                     (size_t)snprintf(text, sizeof text, "%u", number),
                                     &peers[index]),
                             0);
        if (number > 60) /* all slots and the backlog are less than these want */
            turn_now();
    }
    ck_assert_uint_eq(reactor->backlog_count, BACKLOG_ENTRIES);
    fault_reset();
    for (unsigned index = 0; index < 6; index++) {
        for (unsigned number = 0; number < 70; number++) {
            text[plain_receive(fds[index], text, sizeof text - 1)] = 0;
            ck_assert_uint_eq((unsigned)atoi(text), number);
        }
        post_end(&posts[index]);
        close(fds[index]);
    }
}
END_TEST

START_TEST(sockets_that_open_pause_and_close_through_refusals_come_to_their_end)
{
    static struct post posts[12];
    struct sockaddr_in peer;
    int fd = plain_socket(&peer);

    for (unsigned index = 0; index < 6; index++)
        post_open(&posts[index]);
    turns(3);
    plain_send_numbers(fd, &posts[0], 0, 3);
    plain_send_numbers(fd, &posts[1], 0, 3);
    refuse(_i == 0 ? 0 : SLOTS + BACKLOG_ENTRIES);
    QUIETLY(kevy_datagram_pause(&posts[0].datagram));
    for (unsigned index = 6; index < 12; index++)
        post_open(&posts[index]);
    turns(3);
    for (unsigned index = 2; index < 12; index += 2) {
        ck_assert_int_eq(send_to(&posts[index], "x", 1, &peer), 0);
        QUIETLY(kevy_datagram_close(&posts[index].datagram));
    }
    turns(3);
    ck_assert_uint_eq(posts[2].closes, 0);
    fault_reset();
    QUIETLY(kevy_datagram_resume(&posts[0].datagram));
    TURN_UNTIL(posts[0].reads == 3 && posts[1].reads == 3);
    plain_send_numbers(fd, &posts[7], 0, 1);
    TURN_UNTIL(posts[7].reads == 1);
    for (unsigned index = 0; index < 12; index++)
        post_end(&posts[index]);
    close(fd);
}
END_TEST

START_TEST(a_full_socket_waits_through_refusals)
{
    char text[16];
    int fd = unix_receiver(&post);

    for (unsigned number = 0; number < 40; number++)
        ck_assert_int_eq(
            send_to(&post, text, (size_t)snprintf(text, sizeof text, "%u", number), NULL), 0);
    for (unsigned count = 0; count < 30; count++) {
        fault_next(FAULT_ENTER, -EBUSY, count % 3);
        turn_now();
    }
    fault_reset();
    for (unsigned number = 0; number < 40; number++) {
        text[plain_receive(fd, text, sizeof text - 1)] = 0;
        ck_assert_uint_eq((unsigned)atoi(text), number);
    }
    post_end(&post);
    close(fd);
}
END_TEST

struct document {
    struct kevy_file file;
    struct kevy_file_operation operation;
    unsigned opens, closes, dones;
    int reason, result;
    char byte;
};

static struct document document, second;

static void document_open(struct kevy_file *file)
{
    KEVY_CONTAINER_OF(file, struct document, file)->opens++;
}

static void document_close(struct kevy_file *file, int reason)
{
    struct document *at = KEVY_CONTAINER_OF(file, struct document, file);

    at->closes++;
    at->reason = reason;
}

static void document_done(struct kevy_file_operation *operation, int result)
{
    struct document *at = KEVY_CONTAINER_OF(operation, struct document, operation);

    at->dones++;
    at->result = result;
}

static int document_start(struct document *at)
{
    memset(at, 0, sizeof *at);
    at->operation.done = document_done;
    return kevy_file_open(&at->file, reactor,
                          &(struct kevy_file_options){.path = "/",
                                                      .flags = O_RDONLY | O_DIRECTORY,
                                                      .open = document_open,
                                                      .close = document_close});
}

static int document_adopt(struct document *at, int fd)
{
    memset(at, 0, sizeof *at);
    at->operation.done = document_done;
    return kevy_file_adopt(
        &at->file, reactor, fd,
        &(struct kevy_file_options){.open = document_open, .close = document_close});
}

static int document_read(struct document *at)
{
    return kevy_file_read(&at->file, &at->operation, &at->byte, 1, KEVY_FILE_POSITION);
}

START_TEST(a_file_says_that_nothing_is_taken_and_closes_when_it_can)
{
    ck_assert_int_eq(document_start(&document), 0);
    TURN_UNTIL(document.opens);
    refuse(SLOTS + BACKLOG_ENTRIES);
    ck_assert_int_eq(document_read(&document), -EAGAIN);
    ck_assert_int_eq(document_start(&second), -EAGAIN);
    ck_assert_uint_eq(stats_now().objects, 1);
    kevy_file_close(&document.file);
    turns(3);
    ck_assert_uint_eq(document.closes, 0);
    fault_reset();
    TURN_UNTIL(document.closes);
    ck_assert_uint_eq(document.dones, 0);
}
END_TEST

START_TEST(an_operation_that_cannot_be_cancelled_now_can_be_cancelled_later)
{
    int pipes[2];

    ck_assert_int_eq(pipe2(pipes, O_CLOEXEC), 0);
    ck_assert_int_eq(document_adopt(&document, pipes[0]), 0);
    TURN_UNTIL(document.opens);
    ck_assert_int_eq(document_read(&document), 0);
    turns(1);
    refuse(SLOTS + BACKLOG_ENTRIES);
    ck_assert_int_eq(kevy_file_cancel(&document.operation), -EAGAIN);
    fault_reset();
    turns(3);
    ck_assert_uint_eq(document.dones, 0);
    ck_assert_int_eq(kevy_file_cancel(&document.operation), 0);
    TURN_UNTIL(document.dones);
    ck_assert_int_eq(document.result, -ECANCELED);
    kevy_file_close(&document.file);
    TURN_UNTIL(document.closes);
    close(pipes[1]);
}
END_TEST

START_TEST(an_abort_reaches_operations_that_the_kernel_has_not_seen)
{
    int pipes[2];

    ck_assert_int_eq(pipe2(pipes, O_CLOEXEC), 0);
    ck_assert_int_eq(document_adopt(&document, pipes[0]), 0);
    TURN_UNTIL(document.opens);
    refuse(SLOTS + 5);
    ck_assert_int_eq(document_read(&document), 0);
    kevy_reactor_finish(reactor, 0);
    turns(3);
    fault_reset();
    TURN_UNTIL(document.closes);
    ck_assert_int_eq(document.result, -ECANCELED);
    ck_assert_int_eq(document.reason, -ECANCELED);
    close(pipes[1]);
}
END_TEST

static unsigned signals_seen;

static void signal_seen(struct kevy_signal *watch)
{
    signals_seen++;
    kevy_signal_unwatch(watch);
}

START_TEST(a_signal_watched_while_nothing_is_taken_is_heard_later)
{
    struct kevy_signal watch = {0};

    memset(&watch, 0, sizeof watch);
    refuse(SLOTS + BACKLOG_ENTRIES);
    ck_assert_ptr_null(kevy_completion_sqe(&filler));
    QUIETLY(ck_assert_int_eq(kevy_signal_watch(&watch, reactor, SIGUSR1, signal_seen), 0));
    kill(getpid(), SIGUSR1);
    fault_reset();
    TURN_UNTIL(signals_seen == 1);
}
END_TEST

static struct probe busy[2 * SLOTS], last;

static void streams_open(void)
{
    probe_unix(&last, &probe_events);
    for (unsigned index = 0; index < 2 * SLOTS; index++)
        probe_unix(&busy[index], &probe_events);
    turns(5);
}

static void stream_finish(struct probe *probe)
{
    QUIETLY(kevy_stream_abort(&probe->stream));
    probe_finish(probe);
}

static void streams_end(void)
{
    fault_reset();
    stream_finish(&last);
    for (unsigned index = 0; index < 2 * SLOTS; index++)
        stream_finish(&busy[index]);
}

static void send_byte(struct probe *probe)
{
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe->stream, "x", 1), 0));
}

/* The first ones fill the queue, and the others find it full: `last` is the first of these. */
static void all_send(bool with_last)
{
    for (unsigned index = 0; index < 2 * SLOTS; index++) {
        if (with_last && index == SLOTS)
            send_byte(&last);
        send_byte(&busy[index]);
    }
}

START_TEST(sends_for_which_the_queue_has_no_room_leave_in_the_same_turn)
{
    char byte;

    streams_open();
    all_send(true);
    turn_now();
    ck_assert_int_eq(peer_read(last.peer, &byte, 1), 1);
    for (unsigned index = 0; index < 2 * SLOTS; index++)
        ck_assert_int_eq(peer_read(busy[index].peer, &byte, 1), 1);
    streams_end();
}
END_TEST

/* In each turn the kernel takes two queues full of requests, as many as the busy streams have. */
START_TEST(who_waits_for_a_slot_goes_before_who_comes_later)
{
    char byte;

    streams_open();
    for (unsigned count = 0; count < 10; count++) {
        all_send(count == 0);
        fault_nth(2, -EBUSY);
        turn_now();
    }
    ck_assert_int_eq(peer_read(last.peer, &byte, 1), 1);
    streams_end();
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("refusal_objects");
    TCase *tests = tcase_create("refusals");

    reactor_kernel = fault_kernel();
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 20);
    tcase_add_test(tests, datagrams_sent_while_nothing_is_taken_leave_once_and_in_order);
    tcase_add_loop_test(tests, sockets_that_open_pause_and_close_through_refusals_come_to_their_end,
                        0, 2);
    tcase_add_test(tests, a_full_socket_waits_through_refusals);
    tcase_add_test(tests, a_file_says_that_nothing_is_taken_and_closes_when_it_can);
    tcase_add_test(tests, an_operation_that_cannot_be_cancelled_now_can_be_cancelled_later);
    tcase_add_test(tests, an_abort_reaches_operations_that_the_kernel_has_not_seen);
    tcase_add_test(tests, a_signal_watched_while_nothing_is_taken_is_heard_later);
    tcase_add_test(tests, sends_for_which_the_queue_has_no_room_leave_in_the_same_turn);
    tcase_add_test(tests, who_waits_for_a_slot_goes_before_who_comes_later);
    suite_add_tcase(suite, tests);
    return suite;
}
