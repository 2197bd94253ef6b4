/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Scenarios of time-outs and cancels. */

#include "scenario_requests.h"

/* Time-outs. */

static void timeout_fires(struct scene *s)
{
    kevy_prep_timeout(ask(s, 1), &soon, 0, 0);
    submit(s);
    reap(s, 1);
    quiet(s);
}

static void timeout_of_an_instant(struct scene *s)
{
    static const struct kevy_timespec past = {.tv_sec = 1};

    kevy_prep_timeout(ask(s, 1), &past, 0, KEVY_TIMEOUT_ABS);
    submit_reap(s, 1);
    kevy_prep_timeout(ask(s, 2), &past, 0, KEVY_TIMEOUT_ABS | KEVY_TIMEOUT_REALTIME);
    submit_reap(s, 1);
    kevy_prep_timeout(ask(s, 3), &past, 0, KEVY_TIMEOUT_ABS | KEVY_TIMEOUT_BOOTTIME);
    submit_reap(s, 1);
}

/* Each counts from the moment that the kernel takes it. A machine that stands still between two of
 * them must not stand still for as long as they differ. */
static void timeouts_fire_in_their_order(struct scene *s)
{
    static const struct kevy_timespec times[] = {
        {.tv_nsec = 300000000}, {.tv_nsec = 100000000}, {.tv_nsec = 200000000}};

    for (uint64_t i = 0; i < 3; i++)
        kevy_prep_timeout(ask(s, i + 1), &times[i], 0, 0);
    go(s);
    reap(s, 3);
}

static void timeout_counts(struct scene *s)
{
    kevy_prep_timeout(ask(s, 1), &late, 2, 0);
    go(s);
    nop(s, 2, 0, 0);
    go(s);
    reap(s, 1);
    quiet(s);
    nop(s, 3, 0, 0);
    go(s);
    reap_sorted(s, 2);
}

static void timeout_counts_what_comes_with_it(struct scene *s)
{
    kevy_prep_timeout(ask(s, 1), &late, 1, 0);
    nop(s, 2, 0, 0);
    go(s);
    reap_sorted(s, 2);
}

static void timeout_that_counts_fires_by_time(struct scene *s)
{
    kevy_prep_timeout(ask(s, 1), &soon, 5, 0);
    submit_reap(s, 1);
}

static void timeout_repeats(struct scene *s)
{
    kevy_prep_timeout_multishot(ask(s, 1), &soon, 3, 0);
    submit_reap(s, 3);
    quiet(s);
}

static void timeout_repeats_until_removed(struct scene *s)
{
    kevy_prep_timeout_multishot(ask(s, 1), &soon, 0, 0);
    submit_reap(s, 4);
    kevy_prep_timeout_remove(ask(s, 2), 1);
    go(s);
    reap_two_ends(s);
}

static void timeout_is_removed(struct scene *s)
{
    kevy_prep_timeout(ask(s, 1), &late, 0, 0);
    go(s);
    kevy_prep_timeout_remove(ask(s, 2), 1);
    go(s);
    reap_sorted(s, 2);
    kevy_prep_timeout_remove(ask(s, 3), 1);
    submit_reap(s, 1);
}

static void timeout_is_cancelled(struct scene *s)
{
    kevy_prep_timeout(ask(s, 1), &late, 0, 0);
    go(s);
    kevy_prep_cancel(ask(s, 2), 1, 0);
    go(s);
    reap_sorted(s, 2);
}

static void timeout_is_moved(struct scene *s)
{
    kevy_prep_timeout(ask(s, 1), &late, 0, 0);
    go(s);
    kevy_prep_timeout_update(ask(s, 2), 1, &soon, 0);
    submit_reap(s, 2);
    kevy_prep_timeout_update(ask(s, 3), 1, &soon, 0);
    submit_reap(s, 1);
}

static void timeout_is_moved_to_an_instant(struct scene *s)
{
    static const struct kevy_timespec past = {.tv_sec = 1};

    kevy_prep_timeout(ask(s, 1), &late, 0, 0);
    go(s);
    kevy_prep_timeout_update(ask(s, 2), 1, &past, KEVY_TIMEOUT_ABS);
    submit_reap(s, 2);
}

static void timeout_breaks_a_chain(struct scene *s)
{
    struct kevy_sqe *sqe = ask(s, 1);

    kevy_prep_timeout(sqe, &soon, 0, 0);
    flag(sqe, KEVY_SQE_IO_LINK);
    nop(s, 2, 0, 0);
    submit_reap(s, 2);
}

static void timeout_keeps_a_chain(struct scene *s)
{
    struct kevy_sqe *sqe = ask(s, 1);

    kevy_prep_timeout(sqe, &soon, 0, KEVY_TIMEOUT_ETIME_SUCCESS);
    flag(sqe, KEVY_SQE_IO_LINK);
    nop(s, 2, 0, 0);
    submit_reap(s, 2);
}

static void timeout_that_succeeds_is_skipped(struct scene *s)
{
    struct kevy_sqe *sqe = ask(s, 1);

    kevy_prep_timeout(sqe, &soon, 0, KEVY_TIMEOUT_ETIME_SUCCESS);
    flag(sqe, KEVY_SQE_CQE_SKIP_SUCCESS);
    go(s);
    quiet(s);
    quiet(s);
}

static void timeouts_are_malformed(struct scene *s)
{
    static const struct kevy_timespec bad[] = {
        {.tv_nsec = 1000000000}, {.tv_nsec = -1}, {.tv_sec = -1}};
    static const uint32_t flags[] = {KEVY_TIMEOUT_CLOCK_MASK,
                                     KEVY_TIMEOUT_MULTISHOT | KEVY_TIMEOUT_ABS, 0x100,
                                     KEVY_TIMEOUT_UPDATE};

    for (uint64_t i = 0; i < 3; i++)
        kevy_prep_timeout(ask(s, i + 1), &bad[i], 0, 0);
    for (uint64_t i = 0; i < 4; i++)
        kevy_prep_timeout(ask(s, i + 4), &soon, 0, flags[i]);
    kevy_prep_timeout_remove(ask(s, 8), 99);
    kevy_prep_timeout_update(ask(s, 9), 99, &soon, 0);
    kevy_prep_timeout_update(ask(s, 10), 99, &bad[0], 0);
    kevy_prep_link_timeout_update(ask(s, 11), 99, &soon, 0);
    go(s);
    reap_sorted(s, 11);
    quiet(s);
}

static void timeout_ends_a_wait_for_more(struct scene *s)
{
    struct kevy_ring_wait wait = {.minimum = 20, .timeout_ns = SCENE_PATIENCE_NS};

    kevy_prep_timeout(ask(s, 1), &soon, 0, 0);
    say_result(s, "wait", kevy_ring_wait(&s->ring, &wait));
    reap(s, 1);
}

/* Cancels. */

static void cancel_of_a_recv(struct scene *s)
{
    waiting(s, 1, 0);
    go(s);
    kevy_prep_cancel(ask(s, 2), 1, 0);
    go(s);
    reap_sorted(s, 2);
    put(s, s->local[1], "x");
    quiet(s);
    say_arrived(s, s->local[0]);
}

static void cancel_within_the_same_submit(struct scene *s)
{
    waiting(s, 1, 0);
    kevy_prep_cancel(ask(s, 2), 1, 0);
    go(s);
    reap_sorted(s, 2);
}

static void cancel_of_nothing(struct scene *s)
{
    kevy_prep_cancel(ask(s, 1), 99, 0);
    kevy_prep_cancel(ask(s, 2), 99, KEVY_ASYNC_CANCEL_ALL);
    kevy_prep_cancel_fd(ask(s, 3), s->local[0], 0);
    kevy_prep_cancel_fd(ask(s, 4), s->local[0], KEVY_ASYNC_CANCEL_ALL);
    kevy_prep_cancel_fd(ask(s, 5), 900, 0);
    kevy_prep_cancel_op(ask(s, 6), KEVY_OP_RECV, 0);
    kevy_prep_cancel_any(ask(s, 7));
    kevy_prep_cancel_fixed_fd(ask(s, 8), 0, 0);
    go(s);
    reap_sorted(s, 8);
}

static void cancel_of_one_of_several(struct scene *s)
{
    waiting(s, 1, 0);
    waiting(s, 1, 0);
    waiting(s, 1, 0);
    go(s);
    kevy_prep_cancel(ask(s, 2), 1, 0);
    go(s);
    reap_sorted(s, 2);
    quiet(s);
    kevy_prep_cancel(ask(s, 3), 1, KEVY_ASYNC_CANCEL_ALL);
    go(s);
    reap_sorted(s, 3);
}

static void cancel_by_descriptor(struct scene *s)
{
    waiting(s, 1, 0);
    kevy_prep_poll(ask(s, 2), s->local[0], POLLIN);
    kevy_prep_poll(ask(s, 3), s->tcp[0], POLLIN);
    go(s);
    kevy_prep_cancel_fd(ask(s, 4), s->local[0], KEVY_ASYNC_CANCEL_ALL);
    go(s);
    reap_sorted(s, 3);
    quiet(s);
}

static void cancel_by_opcode(struct scene *s)
{
    waiting(s, 1, 0);
    kevy_prep_poll(ask(s, 2), s->local[0], POLLIN);
    kevy_prep_timeout(ask(s, 3), &late, 0, 0);
    go(s);
    kevy_prep_cancel_op(ask(s, 4), KEVY_OP_POLL_ADD, KEVY_ASYNC_CANCEL_ALL);
    go(s);
    reap_sorted(s, 2);
    kevy_prep_cancel_op(ask(s, 5), KEVY_OP_TIMEOUT, 0);
    go(s);
    reap_sorted(s, 2);
}

static void cancel_by_all_keys(struct scene *s)
{
    uint32_t keys = KEVY_ASYNC_CANCEL_USERDATA | KEVY_ASYNC_CANCEL_FD | KEVY_ASYNC_CANCEL_OP;

    waiting(s, 1, 0);
    kevy_prep_poll(ask(s, 1), s->local[0], POLLIN);
    go(s);
    kevy_prep_cancel_matching(ask(s, 2), 1, s->tcp[0], KEVY_OP_RECV, keys);
    kevy_prep_cancel_matching(ask(s, 3), 7, s->local[0], KEVY_OP_RECV, keys);
    kevy_prep_cancel_matching(ask(s, 4), 1, s->local[0], KEVY_OP_SEND, keys);
    kevy_prep_cancel_matching(ask(s, 5), 1, s->local[0], KEVY_OP_RECV, keys);
    go(s);
    reap_sorted(s, 5);
    quiet(s);
}

static void cancel_of_everything(struct scene *s)
{
    waiting(s, 1, 0);
    kevy_prep_poll(ask(s, 2), s->tcp[0], POLLIN);
    kevy_prep_timeout(ask(s, 3), &late, 0, 0);
    kevy_prep_accept(ask(s, 4), s->listener, NULL, NULL, 0);
    go(s);
    kevy_prep_cancel_any(ask(s, 5));
    go(s);
    reap_sorted(s, 5);
    quiet(s);
}

static void cancel_keys_are_malformed(struct scene *s)
{
    kevy_prep_cancel(ask(s, 1), 1, KEVY_ASYNC_CANCEL_ANY | KEVY_ASYNC_CANCEL_FD);
    kevy_prep_cancel(ask(s, 2), 1, KEVY_ASYNC_CANCEL_ANY | KEVY_ASYNC_CANCEL_OP);
    kevy_prep_cancel(ask(s, 3), 1, 0x40);
    go(s);
    reap_sorted(s, 3);
}

/* Data is there, and nobody has looked yet: it must not be lost with the request. */
static void cancel_after_data(struct scene *s)
{
    waiting(s, 1, 0);
    go(s);
    put(s, s->local[1], "x");
    kevy_prep_cancel(ask(s, 2), 1, 0);
    go(s);
    if (result_of_next(s) == 1 || result_of_next(s) == 1)
        say(s, "received\n");
    else
        say_arrived(s, s->local[0]);
}

static void cancel_of_a_partial_recv_tells_the_part(struct scene *s)
{
    kevy_prep_recv(ask(s, 1), s->local[0], s->bytes, 8, MSG_WAITALL);
    go(s);
    put(s, s->local[1], "abc");
    quiet(s);
    kevy_prep_cancel(ask(s, 2), 1, 0);
    go(s);
    reap_sorted(s, 2);
    say_bytes(s, s->bytes, 3);
}

static void cancel_waits_for_nothing(struct scene *s)
{
    struct kevy_ring_cancel all = {.flags = KEVY_ASYNC_CANCEL_ANY, .timeout_ns = KEVY_FOREVER};
    struct kevy_ring_cancel one = {.user_data = 1, .timeout_ns = KEVY_FOREVER};

    say_result(s, "none", kevy_ring_cancel_sync(&s->ring, &one));
    waiting(s, 1, 0);
    waiting(s, 2, 0);
    go(s);
    say_result(s, "one", kevy_ring_cancel_sync(&s->ring, &one));
    reap(s, 1);
    say_result(s, "all", kevy_ring_cancel_sync(&s->ring, &all));
    reap(s, 1);
    say_result(s, "none", kevy_ring_cancel_sync(&s->ring, &all));
}

static const struct scenario scenarios[] = {
    PLAY(timeout_fires),
    PLAY(timeout_of_an_instant),
    PLAY(timeouts_fire_in_their_order),
    PLAY(timeout_counts),
    PLAY(timeout_counts_what_comes_with_it),
    PLAY(timeout_that_counts_fires_by_time),
    PLAY(timeout_repeats),
    PLAY(timeout_repeats_until_removed),
    PLAY(timeout_is_removed),
    PLAY(timeout_is_cancelled),
    PLAY(timeout_is_moved),
    PLAY(timeout_is_moved_to_an_instant),
    PLAY(timeout_breaks_a_chain),
    PLAY(timeout_keeps_a_chain),
    PLAY(timeout_that_succeeds_is_skipped),
    PLAY(timeouts_are_malformed),
    PLAY(timeout_ends_a_wait_for_more),
    PLAY(cancel_of_a_recv),
    PLAY(cancel_within_the_same_submit),
    PLAY(cancel_of_nothing),
    PLAY(cancel_of_one_of_several),
    PLAY(cancel_by_descriptor),
    PLAY(cancel_by_opcode),
    PLAY(cancel_by_all_keys),
    PLAY(cancel_of_everything),
    PLAY(cancel_keys_are_malformed),
    PLAY(cancel_after_data),
    PLAY(cancel_of_a_partial_recv_tells_the_part),
    PLAY(cancel_waits_for_nothing),
};

Suite *test_suite(void)
{
    return scenario_suite("ring_scenario_time", scenarios, SCENARIO_COUNT(scenarios));
}
