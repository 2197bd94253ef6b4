/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * Runs of receiving: bundles of several buffers in one completion, each run ended by its limit
 * (6.17), and the same streams on a kernel that knows neither.
 */

#include "reactor_test.h"

#include "runs.h"

enum {
    SIZE = 512, /* of a buffer */
    COUNT = 128,
    RUN = COUNT / 8 * SIZE,
    BURST = 60000,
};

static struct probe probes[3];
static uint8_t data[1 << 20];

static void small_buffers(void)
{
    reactor_setup_with(&(struct kevy_reactor_options){.buffer_count = COUNT, .buffer_size = SIZE});
}

static void patterned(struct probe *probe, uint64_t seed)
{
    probe_tcp(probe, &probe_events);
    probe->check_bytes = true;
    probe->seed = seed;
}

static void abort_and_finish(struct probe *probe)
{
    QUIETLY(kevy_stream_abort(&probe->stream));
    probe_finish(probe);
    ck_assert_uint_eq(stats_now().buffers_lent, 0);
}

START_TEST(a_burst_comes_in_fewer_completions_than_it_fills_buffers)
{
    uint64_t before;

    small_buffers();
    patterned(&probes[0], 3);
    turns(3);
    pattern_fill(data, BURST, 3, 0);
    before = stats_now().completions;
    peer_write(probes[0].peer, data, BURST);
    TURN_UNTIL(probes[0].count == BURST);
    ck_assert_uint_lt(stats_now().completions - before, BURST / SIZE / 2);
    ck_assert_uint_eq(reactor->run_bytes, RUN);
    abort_and_finish(&probes[0]);
}
END_TEST

/* One turn takes a run of each stream and not more, whatever waits. */
START_TEST(a_flood_gets_one_run_a_turn)
{
    small_buffers();
    patterned(&probes[0], 4);
    turns(3);
    pattern_fill(data, 4 * RUN, 4, 0);
    peer_write(probes[0].peer, data, 4 * RUN);
    for (unsigned run = 1; run <= 4; run++) {
        uint64_t before = probes[0].count;

        TURN_UNTIL(probes[0].count > before);
        ck_assert_uint_le(probes[0].count - before, RUN);
    }
    TURN_UNTIL(probes[0].count == 4 * RUN);
    ck_assert_uint_eq(stats_now().starvations, 0);
    abort_and_finish(&probes[0]);
}
END_TEST

/* The streams among three that received in this turn, as bits: each of them one run. */
static unsigned receivers_of_a_turn(void)
{
    uint64_t before[3];
    unsigned receivers = 0;

    for (unsigned index = 0; index < 3; index++)
        before[index] = probes[index].count;
    turn_now();
    for (unsigned index = 0; index < 3; index++) {
        uint64_t received = probes[index].count - before[index];

        ck_assert(received == 0 || received == RUN);
        receivers |= (received != 0) << index;
    }
    return receivers;
}

/* All three have more than they can have at once: two are served for as long as 16 runs, then one
 * of them and the third, and so on. */
START_TEST(who_has_more_goes_first_again_16_times_and_then_behind_the_others)
{
    unsigned first, turn = 0;

    small_buffers();
    for (unsigned index = 0; index < 3; index++)
        patterned(&probes[index], index);
    turns(3);
    for (unsigned index = 0; index < 3; index++) {
        pattern_fill(data, 40 * RUN, index, 0);
        peer_write(probes[index].peer, data, 40 * RUN);
    }
    ck_assert_uint_eq(receivers_of_a_turn(), 7); /* nobody knows yet who has more */
    first = receivers_of_a_turn();
    ck_assert(first == 3 || first == 5 || first == 6);
    while (receivers_of_a_turn() == first)
        ck_assert_uint_lt(++turn, 16);
    ck_assert_uint_ge(turn, 14);
    for (unsigned index = 0; index < 3; index++)
        TURN_UNTIL(probes[index].count == 40 * RUN);
    for (unsigned index = 0; index < 3; index++)
        abort_and_finish(&probes[index]);
}
END_TEST

/* What waits for its turn can be held, paused and ended there. */
START_TEST(who_waits_for_its_turn_can_pause_and_end)
{
    unsigned waits, other;

    small_buffers();
    for (unsigned index = 0; index < 3; index++)
        patterned(&probes[index], 9);
    turns(3);
    pattern_fill(data, 10 * RUN, 9, 0);
    for (unsigned index = 0; index < 3; index++)
        peer_write(probes[index].peer, data, 10 * RUN);
    ck_assert_uint_eq(receivers_of_a_turn(), 7);
    waits = receivers_of_a_turn() ^ 7U;
    waits = waits == 4 ? 2 : waits - 1;
    other = waits == 0;
    kevy_stream_pause(&probes[waits].stream);
    TURN_UNTIL(probes[other].count == 10 * RUN);
    turns(3);
    ck_assert_uint_le(probes[waits].count, 2 * RUN);
    kevy_stream_resume(&probes[waits].stream);
    TURN_UNTIL(probes[waits].count == 10 * RUN);
    pattern_fill(data, 10 * RUN, 9, 10 * RUN);
    for (unsigned index = 0; index < 3; index++)
        peer_write(probes[index].peer, data, 10 * RUN);
    turns(2);
    for (unsigned index = 0; index < 3; index++)
        QUIETLY(kevy_stream_abort(&probes[index].stream));
    for (unsigned index = 0; index < 3; index++)
        probe_finish(&probes[index]);
    ck_assert_uint_eq(stats_now().buffers_lent, 0);
}
END_TEST

START_TEST(a_kernel_without_bundles_brings_the_same_bytes)
{
    uint64_t before;

    small_buffers();
    runs_off(reactor);
    patterned(&probes[0], 5);
    turns(3);
    pattern_fill(data, BURST, 5, 0);
    before = stats_now().completions;
    for (unsigned sent = 0; sent < BURST; sent += BURST / 4) {
        peer_write(probes[0].peer, data + sent, BURST / 4);
        TURN_UNTIL(probes[0].count == sent + BURST / 4);
    }
    ck_assert_uint_ge(stats_now().completions - before, BURST / SIZE);
    abort_and_finish(&probes[0]);
}
END_TEST

static void pause_at_each(struct probe *probe, struct kevy_buffer *buffer)
{
    ck_assert_uint_le(buffer->length, SIZE);
    kevy_stream_pause(&probe->stream);
}

START_TEST(a_pause_within_a_bundle_holds_the_rest_back_in_order)
{
    small_buffers();
    patterned(&probes[0], 6);
    probes[0].on_read = pause_at_each;
    turns(3);
    pattern_fill(data, BURST, 6, 0);
    peer_write(probes[0].peer, data, BURST);
    while (probes[0].count < BURST) {
        uint64_t before = probes[0].count;

        turns(2);
        ck_assert_uint_le(probes[0].count - before, SIZE);
        QUIETLY(kevy_stream_resume(&probes[0].stream));
        TURN_UNTIL(probes[0].count > before);
    }
    abort_and_finish(&probes[0]);
}
END_TEST

static void abort_at_once(struct probe *probe, struct kevy_buffer *buffer)
{
    (void)buffer;
    kevy_stream_abort(&probe->stream);
}

static void close_at_once(struct probe *probe, struct kevy_buffer *buffer)
{
    (void)buffer;
    kevy_stream_close(&probe->stream);
}

START_TEST(a_stream_ended_within_a_bundle_hears_no_more_and_gives_all_buffers_back)
{
    small_buffers();
    probe_tcp(&probes[0], &probe_events);
    probes[0].on_read = _i == 0 ? abort_at_once : close_at_once;
    turns(3);
    peer_write(probes[0].peer, data, BURST);
    TURN_UNTIL(probes[0].count > 0);
    probe_finish(&probes[0]);
    ck_assert_uint_le(probes[0].count, SIZE);
    ck_assert_str_eq(probes[0].log, "orc");
    ck_assert_uint_eq(stats_now().buffers_lent, 0);
}
END_TEST

static struct kevy_buffer kept[16];
static uint64_t chance = 9;

/* Buffers come back in any order: each read keeps its own and lets a random one go. */
static void keep_and_release(struct probe *probe, struct kevy_buffer *buffer)
{
    struct kevy_buffer *place = &kept[random_next(&chance) % 16];

    (void)probe;
    kevy_buffer_release(place);
    ck_assert_int_eq(kevy_buffer_retain(buffer, place), 0);
}

START_TEST(footgun_6_bundles_are_walked_in_ring_order_when_buffers_come_back_in_any)
{
    small_buffers();
    patterned(&probes[0], 7);
    probes[0].on_read = keep_and_release;
    turns(3);
    pattern_fill(data, sizeof data, 7, 0);
    for (size_t sent = 0; sent < sizeof data;) {
        size_t part = random_next(&chance) % (3 * RUN) + 1;

        if (part > sizeof data - sent)
            part = sizeof data - sent;
        peer_write(probes[0].peer, data + sent, part);
        sent += part;
        TURN_UNTIL(probes[0].count == sent);
    }
    for (unsigned index = 0; index < 16; index++)
        kevy_buffer_release(&kept[index]);
    abort_and_finish(&probes[0]);
}
END_TEST

START_TEST(a_run_that_ends_does_not_get_before_those_who_starve)
{
    reactor_setup_with(&(struct kevy_reactor_options){.buffer_count = 2, .buffer_size = SIZE});
    for (unsigned index = 0; index < 3; index++)
        probe_tcp(&probes[index], &probe_events);
    for (unsigned round = 0; round < 100; round++) {
        uint64_t before[3];

        for (unsigned index = 0; index < 3; index++) {
            before[index] = probes[index].count;
            (void)send(probes[index].peer, data, sizeof data, MSG_NOSIGNAL);
        }
        turns(20);
        for (unsigned index = 0; index < 3; index++)
            ck_assert_msg(probes[index].count > before[index], "stream %u starves", index);
    }
    for (unsigned index = 0; index < 3; index++)
        QUIETLY(kevy_stream_abort(&probes[index].stream));
    for (unsigned index = 0; index < 3; index++)
        probe_finish(&probes[index]);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("recv_bundle");
    TCase *any = tcase_create("any kernel");
    TCase *runs = tcase_create("runs");

    tcase_add_checked_fixture(any, reactor_setup, reactor_teardown);
    tcase_add_test(any, a_kernel_without_bundles_brings_the_same_bytes);
    tcase_add_test(any, a_pause_within_a_bundle_holds_the_rest_back_in_order);
    tcase_add_loop_test(
        any, a_stream_ended_within_a_bundle_hears_no_more_and_gives_all_buffers_back, 0, 2);
    tcase_add_test(any, footgun_6_bundles_are_walked_in_ring_order_when_buffers_come_back_in_any);
    tcase_add_test(any, a_run_that_ends_does_not_get_before_those_who_starve);
    suite_add_tcase(suite, any);
    if (!kernel_has_runs()) {
        support_skip("runs", "the kernel cannot end a bundle after so many bytes (6.17)");
        return suite;
    }
    tcase_add_checked_fixture(runs, reactor_setup, reactor_teardown);
    tcase_add_test(runs, a_burst_comes_in_fewer_completions_than_it_fills_buffers);
    tcase_add_test(runs, a_flood_gets_one_run_a_turn);
    tcase_add_test(runs, who_has_more_goes_first_again_16_times_and_then_behind_the_others);
    tcase_add_test(runs, who_waits_for_its_turn_can_pause_and_end);
    suite_add_tcase(suite, runs);
    return suite;
}
