/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * Whose memory it is, in builds with debug_checks: a received buffer that is used after it has been
 * given back, or beyond its length, and bytes that change while they are PINNED.
 */

#include "reactor_test.h"

#include "tools.h"

#include <stdlib.h>

#define BUFFER_SIZE 256U
#define NO_TOOL     "needs AddressSanitizer or valgrind"

static struct probe probe;
static const uint8_t *lent; /* the first buffer that was received, given back since */

static void pool_of_two(void)
{
    support_core_limit_zero();
    reactor_setup_with(&(struct kevy_reactor_options){.buffer_count = 2, .buffer_size = 256});
}

static void lent_note(struct probe *of, struct kevy_buffer *buffer)
{
    (void)of;
    if (lent == NULL)
        lent = buffer->data;
}

/* Receives one buffer, which goes back to the kernel. */
static void buffer_comes_and_goes(void)
{
    probe_unix(&probe, &probe_events);
    probe.on_read = lent_note;
    peer_write_text(probe.peer, "hello");
    TURN_UNTIL(probe.count == 5);
    ck_assert_ptr_nonnull(lent);
}

static void receive_more(void)
{
    for (uint64_t wanted = probe.count + 5; wanted <= 50; wanted += 5) {
        peer_write_text(probe.peer, "hello");
        TURN_UNTIL(probe.count == wanted);
    }
}

START_TEST(buffers_that_are_used_in_time_are_nobodys_mistake)
{
    buffer_comes_and_goes();
    receive_more();
    QUIETLY(kevy_stream_abort(&probe.stream));
    probe_finish(&probe);
}
END_TEST

static void write_late(void)
{
    uint8_t *bytes = (uint8_t *)(uintptr_t)lent;

    bytes[BUFFER_SIZE - 1] = 'x';
}

static uint8_t seen;

static void read_late(void)
{
    seen = lent[0];
}

/* What a tool ends a program with: AddressSanitizer at once, valgrind here. */
#define TOLD 1

static void told_end(void)
{
    if (tools_mistakes() != 0)
        exit(TOLD);
}

START_TEST(writing_to_a_buffer_that_was_given_back_is_told)
{
    buffer_comes_and_goes();
    write_late();
    told_end();
    receive_more();
}
END_TEST

START_TEST(reading_a_buffer_that_was_given_back_is_told)
{
    buffer_comes_and_goes();
    read_late();
    told_end();
}
END_TEST

static void read_beyond(struct probe *of, struct kevy_buffer *buffer)
{
    (void)of;
    seen = buffer->data[buffer->length];
}

START_TEST(reading_beyond_what_was_received_is_told)
{
    probe_unix(&probe, &probe_events);
    probe.on_read = read_beyond;
    peer_write_text(probe.peer, "hello");
    TURN_UNTIL(probe.count == 5);
    told_end();
}
END_TEST

/* Without a tool what is read there has nothing to do with what was received. */
START_TEST(a_buffer_that_was_given_back_keeps_nothing)
{
    buffer_comes_and_goes();
    read_late();
    ck_assert_uint_ne(seen, 'h');
    QUIETLY(kevy_stream_abort(&probe.stream));
    probe_finish(&probe);
}
END_TEST

static uint8_t pinned[64];
static const struct iovec part = {.iov_base = pinned, .iov_len = sizeof pinned};
static unsigned ended;

static void pinned_done(struct kevy_send *send, struct kevy_stream *stream, int result)
{
    (void)send;
    (void)stream;
    ck_assert_int_eq(result, 0);
    ended++;
    pinned[0]++; /* theirs no more, unless `released` is awaited */
}

static void pinned_released(struct kevy_send *send, struct kevy_stream *stream)
{
    (void)send;
    (void)stream;
    ended++;
    pinned[0]++;
}

static void send_and_finish(struct kevy_send *send, bool change)
{
    probe_unix(&probe, &probe_events);
    turn_now();
    QUIETLY(ck_assert_int_eq(kevy_stream_send_pinned(&probe.stream, send), 0));
    if (change)
        pinned[sizeof pinned - 1]++;
    TURN_UNTIL(ended != 0);
    QUIETLY(kevy_stream_abort(&probe.stream));
    probe_finish(&probe);
}

START_TEST(pinned_bytes_may_change_from_their_last_callback_on)
{
    struct kevy_send sends[2] = {
        {.parts = &part, .count = 1, .done = pinned_done},
        {.parts = &part, .count = 1, .released = pinned_released},
    };

    send_and_finish(&sends[_i], false);
}
END_TEST

START_TEST(pinned_bytes_that_change_too_early_are_told)
{
    struct kevy_send sends[3] = {
        {.parts = &part, .count = 1, .done = pinned_done},
        {.parts = &part, .count = 1, .released = pinned_released},
        {.parts = &part, .count = 1, .done = pinned_done, .released = pinned_released},
    };

    send_and_finish(&sends[_i], _i < 2);
}
END_TEST

static void mistakes_add(TCase *tcase)
{
    support_add_abort(tcase, pinned_bytes_that_change_too_early_are_told, 0, 3);
    if (TOOLS_ADDRESS || tools_valgrind()) {
        tcase_add_exit_test(tcase, writing_to_a_buffer_that_was_given_back_is_told, TOLD);
        tcase_add_exit_test(tcase, reading_a_buffer_that_was_given_back_is_told, TOLD);
        tcase_add_exit_test(tcase, reading_beyond_what_was_received_is_told, TOLD);
    } else {
        support_add_abort(tcase, writing_to_a_buffer_that_was_given_back_is_told, 0, 1);
        tcase_add_test(tcase, a_buffer_that_was_given_back_keeps_nothing);
        support_skip("reading_a_buffer_that_was_given_back_is_told", NO_TOOL);
        support_skip("reading_beyond_what_was_received_is_told", NO_TOOL);
    }
}

Suite *test_suite(void)
{
    Suite *suite = suite_create("hands");
    TCase *tcase = tcase_create("right");
    TCase *wrong = tcase_create("wrong");

    tcase_add_checked_fixture(tcase, reactor_setup, reactor_teardown);
    tcase_add_checked_fixture(tcase, pool_of_two, NULL);
    tcase_add_test(tcase, buffers_that_are_used_in_time_are_nobodys_mistake);
    tcase_add_loop_test(tcase, pinned_bytes_may_change_from_their_last_callback_on, 0, 2);
    suite_add_tcase(suite, tcase);
    tcase_add_checked_fixture(wrong, reactor_setup, NULL);
    tcase_add_checked_fixture(wrong, pool_of_two, NULL);
    suite_add_tcase(suite, wrong);
    if (TOOLS_TOLD)
        mistakes_add(wrong);
    else
        support_skip("the mistakes of all tests", "needs debug_checks");
    return suite;
}
