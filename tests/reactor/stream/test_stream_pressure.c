/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * Memory that runs short: everybody is held back before anybody is ended, small answers find room,
 * and who is ended is the one that holds much and has not moved for long.
 */

#include "reactor_test.h"

#include "stream/stream_internal.h"

enum {
    LIMIT = 1 << 20,
    STREAMS = 64,
    HOARD = 300000,
};

static struct probe probes[STREAMS];
static struct probe honest;
static uint8_t data[HOARD];

static void setup(void)
{
    reactor_setup_with(&(struct kevy_reactor_options){
        .memory_limit = LIMIT, .buffer_size = 1024, .buffer_count = 64});
}

static void open_all(unsigned count)
{
    for (unsigned index = 0; index < count; index++) {
        probe_small(&probes[index], &probe_events);
        probes[index].echo = true;
    }
    turns(3);
}

static void abort_all(unsigned count)
{
    for (unsigned index = 0; index < count; index++)
        if (!probes[index].closed)
            QUIETLY(kevy_stream_abort(&probes[index].stream));
    for (unsigned index = 0; index < count; index++)
        probe_finish(&probes[index]);
}

/* Peers that write as long as they can, and read nothing. */
static void flood(unsigned count, unsigned rounds)
{
    for (unsigned round = 0; round < rounds; round++) {
        for (unsigned index = 0; index < count; index++)
            if (!probes[index].closed)
                (void)send(probes[index].peer, data, 8192, MSG_NOSIGNAL | MSG_DONTWAIT);
        turn_now();
    }
}

static void answer_is_sent(void)
{
    for (unsigned count = 0; count < 20; count++)
        QUIETLY(ck_assert_int_eq(kevy_stream_send(&honest.stream, "answer", 6), 0));
    for (unsigned count = 0; count < 20; count++)
        peer_expect_text(honest.peer, "answer");
}

/* Their marks alone are four times as much as there is. */
START_TEST(clients_that_do_not_read_are_held_back_and_none_is_ended)
{
    open_all(STREAMS);
    probe_small(&honest, &probe_events);
    ck_assert_uint_eq(kevy_stream_hold_watermark(&honest.stream),
                      kevy_stream_high_watermark(&honest.stream));
    flood(STREAMS, 400);
    for (unsigned index = 0; index < STREAMS; index++)
        ck_assert_msg(!probes[index].closed, "stream %u is ended with %d", index,
                      probes[index].reason);
    ck_assert(memory_left(&reactor->memory) < LIMIT / 2);
    ck_assert_uint_lt(kevy_stream_hold_watermark(&honest.stream),
                      kevy_stream_high_watermark(&honest.stream));
    answer_is_sent();
    ck_assert_uint_eq(stats_now().evictions, 0);
    QUIETLY(kevy_stream_abort(&honest.stream));
    probe_finish(&honest);
    abort_all(STREAMS);
}
END_TEST

/* What they hold is given to their peers, once these read. */
START_TEST(who_was_held_back_goes_on)
{
    uint64_t before;

    open_all(STREAMS);
    flood(STREAMS, 200);
    before = probes[0].count;
    for (unsigned round = 0; round < 2000 && probes[0].count < before + 100000; round++) {
        static uint8_t part[8192];

        for (unsigned index = 0; index < STREAMS; index++)
            (void)peer_read(probes[index].peer, part, sizeof part);
        flood(STREAMS, 1);
    }
    ck_assert_uint_ge(probes[0].count, before + 100000);
    ck_assert_uint_eq(stats_now().evictions, 0);
    abort_all(STREAMS);
}
END_TEST

static void hoard(struct probe *probe, size_t length)
{
    probe_small(probe, &probe_events);
    turns(2);
    kevy_stream_set_watermarks(&probe->stream, 0, 2 * HOARD);
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe->stream, data, length), 0));
    turns(3);
}

/* As if a minute had gone by since it moved. */
static void long_ago(struct kevy_stream *stream)
{
    stream->notes = (stream->notes & ~NOTE_MOVED) |
                    ((moved_stamp(reactor) - 60 * NOTE_MOVED_UNIT) & NOTE_MOVED);
}

/* Two hold the same, and one has been read from a moment ago. */
START_TEST(who_has_not_moved_for_long_makes_room)
{
    static uint8_t part[HOARD];
    unsigned count = 3;

    hoard(&probes[0], HOARD);
    hoard(&probes[1], HOARD);
    long_ago(&probes[0].stream);
    long_ago(&probes[1].stream);
    while (peer_read(probes[1].peer, part, sizeof part) > 0)
        continue;
    turns(3);
    hoard(&probes[2], HOARD);
    ck_assert_uint_eq(stats_now().evictions, 0);
    probe_small(&honest, &probe_events);
    turns(2);
    for (; !probes[0].closed; count++) {
        ck_assert_uint_lt(count, STREAMS);
        hoard(&probes[count], 40000);
        answer_is_sent();
    }
    TURN_UNTIL(probes[0].closed);
    ck_assert_int_eq(probes[0].reason, -ENOMEM);
    ck_assert_uint_eq(stats_now().evictions, 1);
    ck_assert(!probes[1].closed && !probes[2].closed && !honest.closed);
    QUIETLY(kevy_stream_abort(&honest.stream));
    probe_finish(&honest);
    abort_all(count);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("stream_pressure");
    TCase *tests = tcase_create("tests");

    tcase_add_checked_fixture(tests, setup, reactor_teardown);
    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, clients_that_do_not_read_are_held_back_and_none_is_ended);
    tcase_add_test(tests, who_was_held_back_goes_on);
    tcase_add_test(tests, who_has_not_moved_for_long_makes_room);
    suite_add_tcase(suite, tests);
    return suite;
}
