/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * A pool that is too small: everybody makes progress all the same, and nobody sees -ENOBUFS,
 * whoever floods, keeps what he gets, or does not read.
 */

#include "recv_pool_test.h"

#include "runs.h"

/* How far the first of them is ahead of the last. */
static uint64_t progress_spread(unsigned count)
{
    uint64_t least = UINT64_MAX, most = 0;

    for (unsigned index = 0; index < count; index++) {
        least = probes[index].count < least ? probes[index].count : least;
        most = probes[index].count > most ? probes[index].count : most;
    }
    return most - least;
}

/* A stream takes all there is in its turn, and its next turn comes when everybody had one. */
static void busy_streams_progress(uint32_t buffers, uint32_t buffer_size, unsigned count)
{
    uint64_t spread_max = UINT64_C(2) * buffers * buffer_size;

    for (unsigned index = 0; index < count; index++) {
        probe_tcp(&probes[index], &probe_events);
        probes[index].check_bytes = true;
        probes[index].seed = index;
        pattern_fill(data, PORTION, index, 0);
        peer_write(probes[index].peer, data, PORTION);
    }
    while (!all_have(count, PORTION)) {
        ck_assert_msg(turn(), "the loop sleeps, and somebody has not got all");
        ck_assert_uint_le(progress_spread(count), spread_max);
    }
    for (unsigned index = 0; index < count; index++) {
        ck_assert_str_eq(probes[index].log, "or");
        probe_peer_close(&probes[index]);
    }
    for (unsigned index = 0; index < count; index++)
        TURN_UNTIL(probes[index].log_end[-1] == 'e');
    abort_all(count);
}

START_TEST(footgun_3_a_pool_of_one_buffer_with_100_busy_streams_makes_progress_for_all)
{
    pool(1, 256);
    busy_streams_progress(1, 256, BUSY);
}
END_TEST

/* Buffers may be in completions that wait for their turn, in the queue or, when that is full, with
 * the kernel: those are nobody's to be armed for. */
START_TEST(turns_of_one_completion_are_as_fair)
{
    reactor_setup_with(&(struct kevy_reactor_options){.buffer_count = 2,
                                                      .buffer_size = 256,
                                                      .turn_completions = 1,
                                                      .sq_entries = 8,
                                                      .cq_entries = _i != 0 ? 8 : 8192});
    if (_i != 0)
        runs_off(reactor);
    busy_streams_progress(2, 256, BUSY);
}
END_TEST

START_TEST(small_pools_serve_many_streams)
{
    pool(1U << _i, 512);
    busy_streams_progress(1U << _i, 512, 60);
}
END_TEST

START_TEST(footgun_3_enobufs_never_reaches_the_user)
{
    pool(1, 64);
    for (unsigned index = 0; index < 10; index++) {
        probe_tcp(&probes[index], &probe_events);
        peer_write(probes[index].peer, data, PORTION);
    }
    SLEEP_UNTIL(all_have(10, PORTION));
    ck_assert_uint_gt(stats_now().starvations, 0);
    for (unsigned index = 0; index < 10; index++) {
        ck_assert(!probes[index].closed);
        ck_assert_str_eq(probes[index].log, "or");
    }
    abort_all(10);
}
END_TEST

/* Streams that were armed while the pool was empty have nothing to read yet; once starved, they
 * must be armed again although no buffer ever goes to them. */
START_TEST(footgun_3_idle_streams_that_starved_hear_their_first_byte)
{
    pool(1, 64);
    for (unsigned index = 0; index < 20; index++)
        probe_tcp(&probes[index], &probe_events);
    for (unsigned index = 0; index < 5; index++)
        peer_write(probes[index].peer, data, 100);
    SLEEP_UNTIL(all_have(5, 100));
    turns(3);
    for (unsigned index = 20; index-- > 5;) {
        peer_write_text(probes[index].peer, "x");
        SLEEP_UNTIL(probes[index].count == 1);
    }
    abort_all(20);
}
END_TEST

static void pause_all_buffers(struct probe *hog, struct kevy_buffer *buffer)
{
    (void)buffer;
    kevy_stream_pause(&hog->stream);
}

/* What a paused stream has been sent may hold half of the pool at most: the rest is copied. */
START_TEST(a_paused_flood_does_not_stop_the_others)
{
    pool(8, 256);
    probe_tcp(&probes[0], &probe_events);
    probe_tcp(&probes[1], &probe_events);
    probes[0].on_read = pause_all_buffers;
    peer_write(probes[0].peer, data, 100000);
    turns(20);
    ck_assert_uint_le(probes[0].count, 256);
    for (unsigned round = 0; round < 50; round++) {
        peer_write(probes[1].peer, data, 1000);
        SLEEP_UNTIL(probes[1].count == (round + 1) * UINT64_C(1000));
    }
    probes[0].on_read = NULL;
    QUIETLY(kevy_stream_resume(&probes[0].stream));
    SLEEP_UNTIL(probes[0].count == 100000);
    abort_all(2);
}
END_TEST

START_TEST(an_echo_client_that_does_not_read_does_not_stop_the_others)
{
    uint64_t sent = 0, got;

    pool(16, 256);
    probe_small(&probes[0], &probe_events);
    probe_tcp(&probes[1], &probe_events);
    probes[0].echo = true;
    for (unsigned round = 0; round < 50; round++) {
        ssize_t count = send(probes[0].peer, data, sizeof data, MSG_NOSIGNAL);

        sent += count > 0 ? (uint64_t)count : 0;
        turn_now();
    }
    for (unsigned round = 0; round < 50; round++) {
        peer_write(probes[1].peer, data, 1000);
        SLEEP_UNTIL(probes[1].count == (round + 1) * UINT64_C(1000));
    }
    ck_assert_int_eq(shutdown(probes[0].peer, SHUT_WR), 0);
    TURN_UNTIL(kevy_stream_queued(&probes[0].stream) > 0);
    for (got = 0; got < sent;) {
        int result = peer_read(probes[0].peer, data, sizeof data);

        got += result > 0 ? (unsigned)result : 0;
        turn_now();
    }
    abort_all(2);
}
END_TEST

/* A copy for each byte would take a block of 4 KiB: some hundred megabytes before it is held. */
START_TEST(who_sends_byte_by_byte_and_reads_nothing_takes_memory_by_the_byte)
{
    uint64_t sent = 0, got;

    reactor_setup_with(
        &(struct kevy_reactor_options){.buffer_count = 64, .memory_limit = 1U << 20});
    probe_small(&probes[0], &probe_events);
    probes[0].echo = true;
    probes[0].check_bytes = true;
    pattern_fill(data, 100000, 0, 0);
    for (; kevy_stream_queued(&probes[0].stream) < 50000; sent++) {
        ck_assert_uint_lt(sent, 100000);
        peer_write(probes[0].peer, data + sent, 1);
        turn_now();
        ck_assert(!probes[0].closed);
    }
    ck_assert_uint_lt(stats_now().memory, 256 << 10);
    for (got = 0; got < sent;) {
        int result = peer_read(probes[0].peer, data, sizeof data);

        if (result > 0)
            pattern_check(data, (size_t)result, 0, got);
        got += result > 0 ? (unsigned)result : 0;
        turn_now();
    }
    abort_all(1);
}
END_TEST

static struct kevy_buffer kept[128];
static unsigned kept_count;

static void keep_all(struct probe *hog, struct kevy_buffer *buffer)
{
    (void)hog;
    ck_assert_uint_lt(kept_count, 128);
    QUIETLY(ck_assert_int_eq(kevy_buffer_retain(buffer, &kept[kept_count++]), 0));
}

START_TEST(retained_buffers_beyond_half_the_pool_become_copies)
{
    uint64_t position = 0;

    pool(16, 256);
    probe_tcp(&probes[0], &probe_events);
    probes[0].on_read = keep_all;
    pattern_fill(data, 64 * 100, 8, 0);
    for (unsigned index = 0; index < 64; index++) {
        peer_write(probes[0].peer, data + index * 100, 100);
        SLEEP_UNTIL(probes[0].count == (index + 1) * UINT64_C(100));
    }
    ck_assert_uint_le(stats_now().buffers_lent, 8);
    ck_assert_uint_ge(stats_now().copies, kept_count - 8);
    for (unsigned index = 0; index < kept_count; index++) {
        pattern_check(kept[index].data, kept[index].length, 8, position);
        position += kept[index].length;
        kevy_buffer_release(&kept[index]);
    }
    ck_assert_uint_eq(position, 6400);
    ck_assert_uint_eq(stats_now().buffers_lent, 0);
    abort_all(1);
}
END_TEST

START_TEST(a_stream_that_keeps_all_it_gets_does_not_stop_the_others)
{
    pool(16, 256);
    for (unsigned index = 0; index < 5; index++)
        probe_tcp(&probes[index], &probe_events);
    probes[0].on_read = keep_all;
    for (unsigned round = 1; round <= 60; round++) {
        peer_write(probes[0].peer, data, 200);
        for (unsigned index = 1; index < 5; index++)
            peer_write(probes[index].peer, data, 1000);
        for (unsigned index = 1; index < 5; index++)
            SLEEP_UNTIL(probes[index].count == round * UINT64_C(1000));
    }
    SLEEP_UNTIL(probes[0].count == UINT64_C(60) * 200);
    ck_assert_uint_le(stats_now().buffers_lent, 9);
    while (kept_count > 0)
        kevy_buffer_release(&kept[--kept_count]);
    abort_all(5);
}
END_TEST

static int refused;

static void keep_until_refused(struct probe *hog, struct kevy_buffer *buffer)
{
    struct kevy_buffer more = {.length = 77};
    int error;

    if (refused != 0)
        return;
    (void)hog;
    QUIETLY(error = kevy_buffer_retain(buffer, kept_count < 64 ? &kept[kept_count] : &more));
    if (error == 0)
        kept_count++;
    else
        ck_assert_uint_eq(more.length, 77);
    refused = error;
    ck_assert_uint_lt(kept_count, 64);
}

START_TEST(retaining_at_memory_limit_is_refused_and_the_stream_lives_on)
{
    reactor_setup_with(&(struct kevy_reactor_options){
        .buffer_count = 4, .buffer_size = 4096, .memory_limit = 66000});
    probe_tcp(&probes[0], &probe_events);
    probes[0].on_read = keep_until_refused;
    for (unsigned index = 0; index < 64 && refused == 0; index++) {
        peer_write(probes[0].peer, data, 100);
        SLEEP_UNTIL(probes[0].count == (index + 1) * UINT64_C(100));
    }
    ck_assert_int_eq(refused, -ENOBUFS);
    ck_assert(!probes[0].closed);
    for (unsigned index = 0; index < kept_count; index++)
        kevy_buffer_release(&kept[index]);
    abort_all(1);
}
END_TEST

/* How many flood, and how many turns the quiet one may wait then; and how many without bundles,
 * where each buffer is a completion, or where a recv cannot even be told to end, and kernels of old
 * let it take all that a socket has. */
static const struct {
    unsigned count, turns_max, turns_max_single;
} floods[] = {{1, 2, 3}, {4, 2, 3}, {16, 2, 4}, {64, 4, 6}};

START_TEST(footgun_47_a_flooding_stream_does_not_delay_a_quiet_one_by_more_than_a_few_turns)
{
    struct probe *quiet = &probes[floods[_i].count];
    unsigned turns_max =
        reactor->run_flags != 0 ? floods[_i].turns_max : floods[_i].turns_max_single;

    for (unsigned index = 0; index <= floods[_i].count; index++)
        probe_tcp(&probes[index], &probe_events);
    turns(10);
    for (unsigned round = 0; round < support_rounds(50); round++) {
        uint64_t before = quiet->count;
        unsigned waited = 0;

        for (bool sent = false; quiet->count == before; sent = true) {
            for (unsigned index = 0; index < floods[_i].count; index++)
                (void)send(probes[index].peer, data, sizeof data, MSG_NOSIGNAL);
            if (!sent)
                peer_write_text(quiet->peer, "x");
            turn_now();
            ck_assert_uint_le(++waited, turns_max);
        }
    }
    /* Each of them has its turn, behind the others. */
    for (unsigned index = 0; index < floods[_i].count; index++)
        TURN_UNTIL(probes[index].count > 100000);
    abort_all(floods[_i].count + 1);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("recv_pool");
    TCase *pools = tcase_create("pool");

    tcase_add_checked_fixture(pools, reactor_setup, reactor_teardown);
    tcase_set_timeout(pools, 30);
    tcase_add_test(pools,
                   footgun_3_a_pool_of_one_buffer_with_100_busy_streams_makes_progress_for_all);
    tcase_add_loop_test(pools, turns_of_one_completion_are_as_fair, 0, 2);
    tcase_add_loop_test(pools, small_pools_serve_many_streams, 0, 7);
    tcase_add_test(pools, footgun_3_enobufs_never_reaches_the_user);
    tcase_add_test(pools, footgun_3_idle_streams_that_starved_hear_their_first_byte);
    tcase_add_test(pools, a_paused_flood_does_not_stop_the_others);
    tcase_add_test(pools, an_echo_client_that_does_not_read_does_not_stop_the_others);
    tcase_add_test(pools, who_sends_byte_by_byte_and_reads_nothing_takes_memory_by_the_byte);
    tcase_add_test(pools, retained_buffers_beyond_half_the_pool_become_copies);
    tcase_add_test(pools, a_stream_that_keeps_all_it_gets_does_not_stop_the_others);
    tcase_add_test(pools, retaining_at_memory_limit_is_refused_and_the_stream_lives_on);
    tcase_add_loop_test(
        pools, footgun_47_a_flooding_stream_does_not_delay_a_quiet_one_by_more_than_a_few_turns, 0,
        sizeof floods / sizeof floods[0]);
    suite_add_tcase(suite, pools);
    return suite;
}
