/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * Zero-copy writes: two reports each, the order of the queue, and the ways back to copying. Over
 * loopback the kernel copies when the bytes are received, so a peer that does not read keeps it
 * from letting go of them.
 */

#include "reactor_test.h"

#include "stream/stream_internal.h"

#include <sys/prctl.h>
#include <sys/resource.h>

enum {
    UNREAD = 192 << 10, /* more than a window, less than a send buffer */
    MEGABYTE = 1 << 20,
};

struct report {
    struct kevy_send write;
    struct iovec parts[3];
    unsigned done, released;
    int result;
    struct probe *probe; /* of the stream */
};

static struct probe probe;
static struct report reports[8];
static uint8_t big[MEGABYTE];

static void report_done(struct kevy_send *write, struct kevy_stream *stream, int result)
{
    struct report *report = KEVY_CONTAINER_OF(write, struct report, write);

    ck_assert_uint_eq(quiet_depth, 0);
    ck_assert(!probe_of(stream)->closed);
    ck_assert_uint_eq(report->released, 0);
    report->done++;
    report->result = result;
}

static void report_released(struct kevy_send *write, struct kevy_stream *stream)
{
    struct report *report = KEVY_CONTAINER_OF(write, struct report, write);

    ck_assert_uint_eq(quiet_depth, 0);
    ck_assert(!probe_of(stream)->closed);
    ck_assert_uint_eq(report->done, 1);
    report->released++;
}

static void report_begin(struct report *report, uint32_t flags)
{
    memset(report, 0, sizeof *report);
    report->write = (struct kevy_send){.parts = report->parts,
                                       .count = 1,
                                       .flags = flags,
                                       .done = report_done,
                                       .released = report_released};
}

static void write_flagged(struct report *report, uint32_t flags, const uint8_t *data, size_t length)
{
    report_begin(report, flags);
    report->parts[0] = (struct iovec){.iov_base = (void *)(uintptr_t)data, .iov_len = length};
    QUIETLY(ck_assert_int_eq(kevy_stream_send_pinned(&probe.stream, &report->write), 0));
}

static void write_zero_copy(struct report *report, const uint8_t *data, size_t length)
{
    write_flagged(report, KEVY_SEND_ZERO_COPY, data, length);
}

static void setup(void)
{
    reactor_setup();
    pattern_fill(big, sizeof big, 1, 0);
}

static void open_tcp(void)
{
    static const int size = MEGABYTE; /* the kernel's limit, whatever it is */

    probe_tcp(&probe, &probe_events);
    (void)setsockopt(kevy_stream_fd(&probe.stream), SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    kevy_stream_set_watermarks(&probe.stream, 1 << 20, 64 << 20);
    turn_now();
}

/* A write that the kernel has, and that it holds because the peer does not read. */
static void write_unread(struct report *report)
{
    write_zero_copy(report, big, UNREAD);
    TURN_UNTIL(report->done == 1);
    turns(20);
    ck_assert_int_eq(report->result, 0);
    ck_assert_uint_eq(report->released, 0);
}

/* Reads `length` bytes of the pattern from position 0 on. */
static void peer_expect_pattern(size_t length)
{
    static uint8_t data[65536];
    size_t have = 0;

    for (unsigned count = 0, idle = 0; have < length; count++) {
        int result = peer_read(probe.peer, data, sizeof data);

        ck_assert_uint_lt(count, TURNS_MAX);
        if (result == -EAGAIN) {
            (void)turn_waiting(idle++);
            continue;
        }
        idle = 0;
        ck_assert_int_gt(result, 0);
        pattern_check(data, (size_t)result, 1, have);
        have += (size_t)result;
    }
    ck_assert_uint_eq(have, length);
}

static void abort_and_finish(void)
{
    QUIETLY(kevy_stream_abort(&probe.stream));
    probe_finish(&probe);
}

START_TEST(footgun_23_a_zero_copy_write_arrives_whole_and_reports_twice)
{
    open_tcp();
    write_zero_copy(&reports[0], big, 40000);
    peer_expect_pattern(40000);
    TURN_UNTIL(reports[0].released == 1);
    ck_assert_int_eq(reports[0].result, 0);
    ck_assert_uint_eq(stats_now().zero_copy_sends, 1);
    abort_and_finish();
}
END_TEST

START_TEST(footgun_23_released_waits_for_the_peer_and_done_does_not)
{
    open_tcp();
    write_unread(&reports[0]);
    peer_expect_pattern(UNREAD);
    TURN_UNTIL(reports[0].released == 1);
    abort_and_finish();
}
END_TEST

START_TEST(the_next_write_does_not_wait_for_the_release)
{
    open_tcp();
    write_unread(&reports[0]);
    write_flagged(&reports[1], 0, big + UNREAD, 1000);
    TURN_UNTIL(reports[1].done == 1);
    ck_assert_uint_eq(reports[1].released, 1);
    ck_assert_uint_eq(reports[0].released, 0);
    peer_expect_pattern(UNREAD + 1000);
    TURN_UNTIL(reports[0].released == 1);
    abort_and_finish();
}
END_TEST

START_TEST(order_is_kept_among_copies_and_zero_copies)
{
    open_tcp();
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, big, 10), 0));
    write_zero_copy(&reports[0], big + 10, 50000);
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, big + 50010, 100), 0));
    write_flagged(&reports[1], 0, big + 50110, 40000);
    write_zero_copy(&reports[2], big + 90110, 60000);
    write_zero_copy(&reports[3], big + 150110, 40000);
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, big + 190110, 5), 0));
    peer_expect_pattern(190115);
    for (unsigned index = 0; index < 4; index++)
        TURN_UNTIL(reports[index].released == 1);
    abort_and_finish();
}
END_TEST

START_TEST(several_parts_leave_in_one_zero_copy_send)
{
    struct report *report = &reports[0];

    open_tcp();
    report_begin(report, KEVY_SEND_ZERO_COPY);
    report->parts[0] = (struct iovec){.iov_base = big, .iov_len = 100};
    report->parts[1] = (struct iovec){.iov_base = NULL, .iov_len = 0};
    report->parts[2] = (struct iovec){.iov_base = big + 100, .iov_len = 40000};
    report->write.count = 3;
    QUIETLY(ck_assert_int_eq(kevy_stream_send_pinned(&probe.stream, &report->write), 0));
    peer_expect_pattern(40100);
    TURN_UNTIL(report->released == 1);
    ck_assert_uint_eq(stats_now().zero_copy_sends, 1);
    abort_and_finish();
}
END_TEST

START_TEST(short_sends_are_resumed)
{
    struct report *report = &reports[0];
    static const int size = 65536;

    open_tcp();
    (void)setsockopt(kevy_stream_fd(&probe.stream), SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    report_begin(report, KEVY_SEND_ZERO_COPY);
    report->parts[0] = (struct iovec){.iov_base = big, .iov_len = 70001};
    report->parts[1] = (struct iovec){.iov_base = big + 70001, .iov_len = 299999};
    report->parts[2] = (struct iovec){.iov_base = big + 370000, .iov_len = MEGABYTE - 370000};
    report->write.count = 3;
    QUIETLY(ck_assert_int_eq(kevy_stream_send_pinned(&probe.stream, &report->write), 0));
    turns(20);
    ck_assert_uint_eq(report->done, 0);
    peer_expect_pattern(MEGABYTE);
    TURN_UNTIL(report->released == 1);
    ck_assert_uint_gt(stats_now().zero_copy_sends, 1);
    abort_and_finish();
}
END_TEST

START_TEST(footgun_23_a_write_below_the_minimum_is_copied)
{
    open_tcp();
    write_zero_copy(&reports[0], big, 32767);
    peer_expect_pattern(32767);
    ck_assert_uint_eq(reports[0].done, 1);
    ck_assert_uint_eq(reports[0].released, 1);
    ck_assert_uint_eq(stats_now().zero_copy_sends, 0);
    abort_and_finish();
}
END_TEST

START_TEST(the_minimum_is_an_option)
{
    reactor_setup_with(&(struct kevy_reactor_options){.zero_copy_minimum = 100});
    open_tcp();
    write_zero_copy(&reports[0], big, 100);
    peer_expect_pattern(100);
    TURN_UNTIL(reports[0].released == 1);
    ck_assert_uint_eq(stats_now().zero_copy_sends, 1);
    abort_and_finish();
}
END_TEST

START_TEST(released_follows_done_of_an_ordinary_write)
{
    open_tcp();
    write_flagged(&reports[0], 0, big, 100000);
    TURN_UNTIL(reports[0].done == 1);
    ck_assert_uint_eq(reports[0].released, 1);
    ck_assert_uint_eq(stats_now().zero_copy_sends, 0);
    abort_and_finish();
}
END_TEST

START_TEST(footgun_23_a_report_that_the_kernel_copied_ends_zero_copy)
{
    open_tcp();
    for (unsigned index = 0; index < 3; index++) {
        write_zero_copy(&reports[index], big, 40000);
        peer_expect_pattern(40000);
        TURN_UNTIL(reports[index].released == 1);
    }
    ck_assert_uint_eq(stats_now().zero_copy_sends, 1);
    ck_assert_uint_eq(stats_now().zero_copy_fallbacks, 1);
    abort_and_finish();
}
END_TEST

START_TEST(footgun_23_a_unix_stream_falls_back_to_copying)
{
    probe_unix(&probe, &probe_events);
    kevy_stream_set_watermarks(&probe.stream, 1 << 20, 64 << 20);
    turn_now();
    write_zero_copy(&reports[0], big, 100000);
    write_zero_copy(&reports[1], big + 100000, 50000);
    peer_expect_pattern(150000);
    for (unsigned index = 0; index < 2; index++)
        ck_assert_int_eq(reports[index].result, 0);
    TURN_UNTIL(reports[0].released == 1 && reports[1].released == 1);
    ck_assert_uint_eq(stats_now().zero_copy_sends, 1);
    ck_assert_uint_eq(stats_now().zero_copy_fallbacks, 1);
    abort_and_finish();
}
END_TEST

/* A process that changed its user cannot be looked into by the leak sanitizer. */
static bool may_change_user(void)
{
#if defined(__SANITIZE_ADDRESS__)
    return false;
#else
    return true;
#endif
}

START_TEST(footgun_24_too_little_locked_memory_falls_back_to_copying)
{
    static const struct rlimit none = {0, 0};

    /* Who may lock without a limit gives that up before the ring is made, which looks at it once; a
     * user that nobody else is has locked nothing yet. */
    if (getuid() == 0)
        ck_assert_int_eq(seteuid(64321), 0);
    reactor_setup_with(NULL);
    open_tcp();
    ck_assert_int_eq(setrlimit(RLIMIT_MEMLOCK, &none), 0);
    write_zero_copy(&reports[0], big, UNREAD);
    TURN_UNTIL(reports[0].done == 1);
    ck_assert_int_eq(reports[0].result, 0);
    ck_assert_uint_eq(reports[0].released, 1); /* nobody has read it: it was a copy */
    ck_assert_uint_eq(stats_now().zero_copy_fallbacks, 1);
    abort_and_finish();
    /* A leak checker traces this process at its end, which changed users may not. */
    ck_assert_int_eq(seteuid(getuid()), 0);
    ck_assert_int_eq(prctl(PR_SET_DUMPABLE, 1), 0);
}
END_TEST

START_TEST(writes_with_an_unknown_flag_are_refused)
{
    open_tcp();
    report_begin(&reports[0], KEVY_SEND_ZERO_COPY << 1);
    reports[0].parts[0] = (struct iovec){.iov_base = big, .iov_len = 1};
    ck_assert_int_eq(kevy_stream_send_pinned(&probe.stream, &reports[0].write), -EINVAL);
    abort_and_finish();
}
END_TEST

START_TEST(close_waits_until_the_peer_has_acknowledged)
{
    open_tcp();
    write_unread(&reports[0]);
    QUIETLY(kevy_stream_close(&probe.stream));
    (void)shutdown(probe.peer, SHUT_WR);
    turns(50);
    ck_assert(!probe.closed);
    peer_expect_pattern(UNREAD);
    TURN_UNTIL(probe.closed);
    ck_assert_int_eq(probe.reason, 0);
    ck_assert_uint_eq(reports[0].released, 1);
    probe_peer_close(&probe);
}
END_TEST

START_TEST(a_peer_that_never_acknowledges_is_bounded_by_the_write_deadline)
{
    open_tcp();
    kevy_stream_set_deadline(&probe.stream, KEVY_DEADLINE_SEND, KEVY_MILLISECONDS(20));
    write_unread(&reports[0]);
    QUIETLY(kevy_stream_close(&probe.stream));
    TURN_UNTIL(probe.closed);
    ck_assert_int_eq(probe.reason, -ETIMEDOUT);
    ck_assert_uint_eq(reports[0].released, 1);
    probe_peer_close(&probe);
}
END_TEST

START_TEST(abort_releases_before_close)
{
    open_tcp();
    write_unread(&reports[0]);
    write_zero_copy(&reports[1], big, MEGABYTE);
    turns(10);
    write_zero_copy(&reports[2], big, MEGABYTE);
    QUIETLY(kevy_stream_abort(&probe.stream));
    TURN_UNTIL(probe.closed);
    for (unsigned index = 0; index < 3; index++)
        ck_assert_uint_eq(reports[index].released, 1);
    ck_assert_int_eq(reports[2].result, -ECANCELED);
    probe_peer_close(&probe);
}
END_TEST

/* It is in flight under the name of its write, and waits for room that never comes. */
START_TEST(abort_ends_a_zero_copy_send_that_waits_for_room)
{
    open_tcp();
    for (unsigned index = 0; index < 6; index++)
        write_zero_copy(&reports[index], big, MEGABYTE);
    turns(50);
    ck_assert(stream_noted(&probe.stream, NOTE_ZERO_COPYING));
    QUIETLY(kevy_stream_abort(&probe.stream));
    probe_finish(&probe);
    for (unsigned index = 0; index < 6; index++) {
        ck_assert_uint_eq(reports[index].done, 1);
        ck_assert_uint_eq(reports[index].released, 1);
    }
    ck_assert_int_eq(reports[5].result, -ECANCELED);
}
END_TEST

START_TEST(a_reset_by_the_peer_releases_before_close)
{
    static const struct linger reset = {.l_onoff = 1, .l_linger = 0};

    open_tcp();
    write_unread(&reports[0]);
    write_zero_copy(&reports[1], big, MEGABYTE);
    turns(10);
    (void)setsockopt(probe.peer, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    probe_peer_close(&probe);
    TURN_UNTIL(probe.closed);
    ck_assert_int_lt(probe.reason, 0);
    ck_assert_uint_eq(reports[0].released, 1);
    ck_assert_uint_eq(reports[1].released, 1);
}
END_TEST

START_TEST(destroy_releases_what_is_unread)
{
    open_tcp();
    write_unread(&reports[0]);
    ck_assert_uint_eq(kevy_reactor_destroy(reactor), 1);
    ck_assert(probe.closed);
    ck_assert_uint_eq(reports[0].released, 1);
    probe_peer_close(&probe);
    reactor = NULL;
    reactor_setup();
}
END_TEST

static void released_writes_again(struct kevy_send *write, struct kevy_stream *stream)
{
    struct report *report = KEVY_CONTAINER_OF(write, struct report, write);

    report_released(write, stream);
    if (report->probe->tag-- > 0) {
        report->done = 0;
        report->released = 0;
        QUIETLY(ck_assert_int_eq(kevy_stream_send_pinned(stream, write), 0));
    }
}

START_TEST(a_write_may_be_queued_again_from_its_released)
{
    open_tcp();
    probe.tag = 20;
    report_begin(&reports[0], KEVY_SEND_ZERO_COPY);
    reports[0].probe = &probe;
    reports[0].parts[0] = (struct iovec){.iov_base = big, .iov_len = 40000};
    reports[0].write.released = released_writes_again;
    QUIETLY(ck_assert_int_eq(kevy_stream_send_pinned(&probe.stream, &reports[0].write), 0));
    for (unsigned round = 0; round <= 20; round++)
        peer_expect_pattern(40000);
    TURN_UNTIL(reports[0].released == 1);
    abort_and_finish();
}
END_TEST

/* Reads at most `size` bytes, the pattern's next ones. */
static void peer_read_pattern(size_t size)
{
    static uint8_t data[65536];
    int result = peer_read(probe.peer, data, size);

    if (result <= 0)
        return;
    pattern_check(data, (size_t)result, 1, probe.count);
    probe.count += (uint64_t)result;
}

static bool report_free(const struct report *report)
{
    return report->write.parts == NULL || report->released == 1;
}

START_TEST(random_mixes_keep_their_order_and_report_twice)
{
    uint64_t random = 5;
    size_t written = 0;

    open_tcp();
    for (unsigned step = 0; probe.count < MEGABYTE; step++) {
        struct report *report = &reports[step % 8];
        size_t length = random_next(&random) % 100000;

        ck_assert_uint_lt(step, TURNS_MAX);
        if (length > MEGABYTE - written)
            length = MEGABYTE - written;
        if (length > 0 && report_free(report)) {
            write_flagged(report, random_next(&random) % 3 != 0, big + written, length);
            written += length;
        }
        turn_now();
        if (random_next(&random) % 4 == 0)
            peer_read_pattern(random_next(&random) % 65536 + 1);
    }
    for (unsigned index = 0; index < 8; index++)
        TURN_UNTIL(report_free(&reports[index]));
    abort_and_finish();
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("stream_zero_copy");
    TCase *reporting = tcase_create("reporting");
    TCase *copying = tcase_create("copying");
    TCase *ending = tcase_create("ending");

    tcase_add_checked_fixture(reporting, setup, reactor_teardown);
    tcase_add_test(reporting, footgun_23_a_zero_copy_write_arrives_whole_and_reports_twice);
    tcase_add_test(reporting, footgun_23_released_waits_for_the_peer_and_done_does_not);
    tcase_add_test(reporting, the_next_write_does_not_wait_for_the_release);
    tcase_add_test(reporting, order_is_kept_among_copies_and_zero_copies);
    tcase_add_test(reporting, several_parts_leave_in_one_zero_copy_send);
    tcase_add_test(reporting, short_sends_are_resumed);
    tcase_add_test(reporting, writes_with_an_unknown_flag_are_refused);
    tcase_add_test(reporting, a_write_may_be_queued_again_from_its_released);
    tcase_add_test(reporting, random_mixes_keep_their_order_and_report_twice);
    suite_add_tcase(suite, reporting);
    tcase_add_checked_fixture(copying, setup, reactor_teardown);
    tcase_add_test(copying, footgun_23_a_write_below_the_minimum_is_copied);
    tcase_add_test(copying, the_minimum_is_an_option);
    tcase_add_test(copying, released_follows_done_of_an_ordinary_write);
    tcase_add_test(copying, footgun_23_a_report_that_the_kernel_copied_ends_zero_copy);
    tcase_add_test(copying, footgun_23_a_unix_stream_falls_back_to_copying);
    if (may_change_user())
        tcase_add_test(copying, footgun_24_too_little_locked_memory_falls_back_to_copying);
    else
        support_skip("footgun_24_too_little_locked_memory_falls_back_to_copying",
                     "built with AddressSanitizer");
    suite_add_tcase(suite, copying);
    tcase_add_checked_fixture(ending, setup, reactor_teardown);
    tcase_add_test(ending, close_waits_until_the_peer_has_acknowledged);
    tcase_add_test(ending, a_peer_that_never_acknowledges_is_bounded_by_the_write_deadline);
    tcase_add_test(ending, abort_releases_before_close);
    tcase_add_test(ending, abort_ends_a_zero_copy_send_that_waits_for_room);
    tcase_add_test(ending, a_reset_by_the_peer_releases_before_close);
    tcase_add_test(ending, destroy_releases_what_is_unread);
    suite_add_tcase(suite, ending);
    return suite;
}
