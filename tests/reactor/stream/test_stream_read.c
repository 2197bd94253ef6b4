/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Reading: pausing, resuming and keeping, and that no byte is lost or moved by any. */

#include "stream_read_test.h"

START_TEST(bytes_arrive_in_order)
{
    uint64_t sent = 0;

    source_fill();
    probe_tcp(&probe, &probe_events);
    probe_expects_pattern(&probe);
    while (probe.count < FLOOD) {
        peer_flood(probe.peer, &sent, FLOOD);
        turn_now();
    }
    ck_assert_str_eq(probe.log, "or");
    probe_abort(&probe);
}
END_TEST

START_TEST(one_byte_at_a_time)
{
    source_fill();
    probe_tcp(&probe, &probe_events);
    probe_expects_pattern(&probe);
    for (unsigned index = 0; index < 2000; index++) {
        peer_write(probe.peer, source + index, 1);
        if (index % 3 == 0)
            turn_now();
    }
    TURN_UNTIL(probe.count == 2000);
    probe_abort(&probe);
}
END_TEST

START_TEST(pause_stops_the_reads_at_once)
{
    probe_tcp(&probe, &probe_events);
    turn_now();
    QUIETLY(kevy_stream_pause(&probe.stream));
    QUIETLY(kevy_stream_pause(&probe.stream));
    peer_write_text(probe.peer, "waiting");
    turns(20);
    ck_assert_uint_eq(probe.count, 0);
    QUIETLY(kevy_stream_resume(&probe.stream));
    QUIETLY(kevy_stream_resume(&probe.stream));
    ck_assert_uint_eq(probe.count, 0);
    TURN_UNTIL(probe.count == 7);
    probe_abort(&probe);
}
END_TEST

START_TEST(a_stream_may_be_paused_before_it_starts)
{
    int fd;

    probe_init(&probe, &probe_events);
    tcp_pair(&fd, &probe.peer);
    kevy_stream_pause(&probe.stream);
    QUIETLY(ck_assert_int_eq(kevy_stream_adopt(&probe.stream, reactor, fd), 0));
    peer_write_text(probe.peer, "waiting");
    turns(20);
    ck_assert_str_eq(probe.log, "o");
    QUIETLY(kevy_stream_resume(&probe.stream));
    TURN_UNTIL(probe.count == 7);
    probe_abort(&probe);
}
END_TEST

static void pause_on_read(struct probe *paused, struct kevy_buffer *buffer)
{
    (void)buffer;
    kevy_stream_pause(&paused->stream);
    paused->tag++;
}

START_TEST(pausing_and_resuming_under_a_flood_loses_and_reorders_nothing)
{
    uint64_t sent = 0, seed = 3;

    source_fill();
    probe_tcp(&probe, &probe_events);
    probe_expects_pattern(&probe);
    probe.on_read = pause_on_read;
    for (unsigned count = 0; probe.count < FLOOD; count++) {
        int reads = probe.tag;

        ck_assert_uint_lt(count, TURNS_MAX);
        peer_flood(probe.peer, &sent, FLOOD);
        turns(random_next(&seed) % 4);
        ck_assert_int_le(probe.tag, reads + 1);
        QUIETLY(kevy_stream_resume(&probe.stream));
    }
    probe_abort(&probe);
}
END_TEST

START_TEST(a_paused_stream_lets_the_peer_feel_it)
{
    static uint8_t data[1 << 16];
    uint64_t sent = 0;
    ssize_t count;

    probe_tcp(&probe, &probe_events);
    turn_now();
    QUIETLY(kevy_stream_pause(&probe.stream));
    do {
        turns(2);
        count = send(probe.peer, data, sizeof data, MSG_NOSIGNAL);
        sent += count > 0 ? (uint64_t)count : 0;
        ck_assert_uint_lt(sent, 64 << 20);
    } while (count > 0);
    ck_assert_uint_le(stats_now().buffers_lent, 512);
    ck_assert_uint_eq(probe.count, 0);
    QUIETLY(kevy_stream_resume(&probe.stream));
    TURN_UNTIL(probe.count == sent);
    probe_abort(&probe);
}
END_TEST

START_TEST(the_end_waits_for_resume_and_comes_after_the_bytes)
{
    probe_tcp(&probe, &probe_events);
    turn_now();
    QUIETLY(kevy_stream_pause(&probe.stream));
    peer_write_text(probe.peer, "last");
    probe_peer_close(&probe);
    turns(20);
    ck_assert_str_eq(probe.log, "o");
    QUIETLY(kevy_stream_resume(&probe.stream));
    TURN_UNTIL(probe.log_end[-1] == 'e');
    ck_assert_str_eq(probe.log, "ore");
    ck_assert_uint_eq(probe.count, 4);
    probe_abort(&probe);
}
END_TEST

START_TEST(closing_a_paused_stream_ends_it)
{
    probe_tcp(&probe, &probe_events);
    turn_now();
    QUIETLY(kevy_stream_pause(&probe.stream));
    peer_write_text(probe.peer, "never seen");
    turns(5);
    QUIETLY(kevy_stream_close(&probe.stream));
    turns(5);
    probe_peer_close(&probe);
    probe_finish(&probe);
    ck_assert_str_eq(probe.log, "oc");
    ck_assert_int_eq(probe.reason, 0);
}
END_TEST

START_TEST(aborting_a_paused_stream_gives_its_buffers_back)
{
    probe_tcp(&probe, &probe_events);
    turn_now();
    QUIETLY(kevy_stream_pause(&probe.stream));
    peer_write_text(probe.peer, "never seen");
    turns(5);
    probe_abort(&probe);
    ck_assert_uint_eq(stats_now().buffers_lent, 0);
}
END_TEST

static struct kevy_buffer kept[600];
static unsigned kept_count;

static void keep_all(struct probe *keeping, struct kevy_buffer *buffer)
{
    (void)keeping;
    if (kept_count < 600)
        QUIETLY(ck_assert_int_eq(kevy_buffer_retain(buffer, &kept[kept_count++]), 0));
}

START_TEST(retained_bytes_stay_valid_until_they_are_released)
{
    source_fill();
    probe_tcp(&probe, &probe_events);
    probe.on_read = keep_all;
    for (unsigned index = 0; index < 200; index++) {
        peer_write(probe.peer, source + index * 100, 100);
        TURN_UNTIL(probe.count == (index + 1) * UINT64_C(100));
    }
    ck_assert_uint_eq(stats_now().buffers_lent, 200);
    probe_abort(&probe);
    for (unsigned index = 0; index < 200; index++) {
        struct kevy_buffer shared;

        ck_assert_uint_eq(kept[index].length, 100);
        kevy_buffer_share(&kept[index], &shared);
        kevy_buffer_release(&kept[index]);
        kevy_buffer_release(&kept[index]);
        ck_assert_ptr_null(kept[index].data);
        pattern_check(shared.data, 100, 1, index * UINT64_C(100));
        kevy_buffer_release(&shared);
    }
    ck_assert_uint_eq(stats_now().buffers_lent, 0);
    ck_assert_uint_eq(stats_now().copies, 0);
}
END_TEST

static void keep_twice_and_echo(struct probe *keeping, struct kevy_buffer *buffer)
{
    QUIETLY(ck_assert_int_eq(kevy_buffer_retain(buffer, &kept[0]), 0));
    QUIETLY(ck_assert_int_eq(kevy_buffer_retain(buffer, &kept[1]), 0));
    QUIETLY(ck_assert_int_eq(kevy_stream_forward(&keeping->stream, buffer), 0));
}

START_TEST(one_buffer_may_be_kept_several_times_and_forwarded)
{
    probe_tcp(&probe, &probe_events);
    probe.on_read = keep_twice_and_echo;
    peer_write_text(probe.peer, "thrice");
    peer_expect_text(probe.peer, "thrice");
    QUIETLY(ck_assert_int_eq(kevy_stream_forward(&probe.stream, &kept[0]), 0));
    ck_assert_ptr_null(kept[0].data);
    peer_expect_text(probe.peer, "thrice");
    ck_assert_mem_eq(kept[1].data, "thrice", 6);
    kevy_buffer_release(&kept[1]);
    turns(3);
    ck_assert_uint_eq(stats_now().buffers_lent, 0);
    probe_abort(&probe);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("stream_read");
    TCase *read = tcase_create("read");

    tcase_add_checked_fixture(read, reactor_setup, reactor_teardown);
    tcase_set_timeout(read, 30);
    tcase_add_test(read, bytes_arrive_in_order);
    tcase_add_test(read, one_byte_at_a_time);
    tcase_add_test(read, pause_stops_the_reads_at_once);
    tcase_add_test(read, a_stream_may_be_paused_before_it_starts);
    tcase_add_test(read, pausing_and_resuming_under_a_flood_loses_and_reorders_nothing);
    tcase_add_test(read, a_paused_stream_lets_the_peer_feel_it);
    tcase_add_test(read, the_end_waits_for_resume_and_comes_after_the_bytes);
    tcase_add_test(read, closing_a_paused_stream_ends_it);
    tcase_add_test(read, aborting_a_paused_stream_gives_its_buffers_back);
    tcase_add_test(read, retained_bytes_stay_valid_until_they_are_released);
    tcase_add_test(read, one_buffer_may_be_kept_several_times_and_forwarded);
    suite_add_tcase(suite, read);
    return suite;
}
