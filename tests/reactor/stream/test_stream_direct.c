/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Long copies, which the socket is asked to take before they are made. */

#include "reactor_test.h"

#include <poll.h>

#define PART   65536U
#define LONG   (4 * PART)
#define LONGER (1U << 24) /* more than a socket takes */

static struct probe probe;
static uint8_t data[LONGER];
static uint8_t received[LONG];

static void begin(void)
{
    probe_tcp(&probe, &probe_events);
    turn_now();
    pattern_fill(data, sizeof data, 3, 0);
}

static void send_quietly(size_t length)
{
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, data, length), 0));
}

static void end(void)
{
    QUIETLY(kevy_stream_abort(&probe.stream));
    probe_peer_close(&probe);
    probe_finish(&probe);
}

/* Without a turn. On a busy machine the kernel delivers in a thread of its own. */
static void peer_await_bytes(void)
{
    struct pollfd peer = {.fd = probe.peer, .events = POLLIN};

    ck_assert_int_eq(poll(&peer, 1, -1), 1);
}

START_TEST(long_bytes_are_with_the_peer_before_the_next_turn)
{
    uint32_t have = 0;

    begin();
    send_quietly(LONG);
    while (have < LONG) {
        int result;

        peer_await_bytes();
        result = peer_read(probe.peer, received, sizeof received);
        ck_assert_int_gt(result, 0);
        pattern_check(received, (size_t)result, 3, have);
        have += (uint32_t)result;
    }
    ck_assert_uint_eq(kevy_stream_queued(&probe.stream), 0);
    end();
}
END_TEST

START_TEST(what_the_socket_does_not_take_is_copied)
{
    begin();
    send_quietly(sizeof data);
    ck_assert_uint_gt(kevy_stream_queued(&probe.stream), 0);
    ck_assert_uint_lt(kevy_stream_queued(&probe.stream), sizeof data);
    memset(data, 0, sizeof data);
    for (uint64_t have = 0; have < sizeof data;) {
        int result = peer_read(probe.peer, received, sizeof received);

        if (result == -EAGAIN) {
            turn_now();
            continue;
        }
        ck_assert_int_gt(result, 0);
        pattern_check(received, (size_t)result, 3, have);
        have += (uint64_t)result;
    }
    end();
}
END_TEST

/* A user that sends until it is refused comes to an end, however quick the peer is. */
START_TEST(the_socket_is_asked_once_in_a_turn)
{
    begin();
    send_quietly(LONG);
    send_quietly(LONG);
    ck_assert_uint_eq(kevy_stream_queued(&probe.stream), LONG);
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, data, 1), -EAGAIN));
    TURN_UNTIL(kevy_stream_queued(&probe.stream) == 0);
    turns(2);
    send_quietly(LONG);
    ck_assert_uint_eq(kevy_stream_queued(&probe.stream), 0);
    end();
}
END_TEST

/* A user may wait for it without having been refused. */
START_TEST(drain_follows_as_if_all_had_been_queued)
{
    begin();
    send_quietly(LONG);
    ck_assert_uint_eq(probe.drains, 0);
    turns(2);
    ck_assert_uint_eq(probe.drains, 1);
    end();
}
END_TEST

START_TEST(long_bytes_go_behind_what_is_queued)
{
    begin();
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, "before", 6), 0));
    send_quietly(LONG);
    ck_assert_uint_eq(kevy_stream_queued(&probe.stream), LONG + 6);
    peer_expect_text(probe.peer, "before");
    for (uint32_t have = 0; have < LONG; have += PART)
        peer_expect(probe.peer, data + have, PART);
    end();
}
END_TEST

START_TEST(without_memory_for_the_copies_nothing_is_sent)
{
    reactor_setup_with(&(struct kevy_reactor_options){.memory_limit = 200000});
    begin();
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, data, LONG), -ENOBUFS));
    turns(2);
    ck_assert_int_eq(peer_read(probe.peer, received, sizeof received), -EAGAIN);
    peer_expect_text(probe.peer, "");
    end();
}
END_TEST

/* The kernel tells the reason once, and it is this call that hears it. */
START_TEST(a_reset_that_this_finds_is_the_reason)
{
    struct linger at_once = {.l_onoff = 1};

    begin();
    QUIETLY(kevy_stream_pause(&probe.stream));
    turns(2);
    ck_assert_int_eq(setsockopt(probe.peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    probe_peer_close(&probe);
    send_quietly(LONG);
    probe_finish(&probe);
    ck_assert_int_eq(probe.reason, -ECONNRESET);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("stream_direct");
    TCase *direct = tcase_create("direct");

    tcase_add_checked_fixture(direct, reactor_setup, reactor_teardown);
    tcase_set_timeout(direct, 20);
    tcase_add_test(direct, long_bytes_are_with_the_peer_before_the_next_turn);
    tcase_add_test(direct, what_the_socket_does_not_take_is_copied);
    tcase_add_test(direct, the_socket_is_asked_once_in_a_turn);
    tcase_add_test(direct, drain_follows_as_if_all_had_been_queued);
    tcase_add_test(direct, long_bytes_go_behind_what_is_queued);
    tcase_add_test(direct, without_memory_for_the_copies_nothing_is_sent);
    tcase_add_test(direct, a_reset_that_this_finds_is_the_reason);
    suite_add_tcase(suite, direct);
    return suite;
}
