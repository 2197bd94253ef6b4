/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Scenarios of requests with a limit, and of requests that wait for all before them. */

#include "scenario_requests.h"

/* Limits. */

static void limit_is_reached(struct scene *s)
{
    waiting(s, 1, KEVY_SQE_IO_LINK);
    limit(s, 2, &soon, 0);
    submit(s);
    reap_sorted(s, 2);
}

static void limit_is_not_reached(struct scene *s)
{
    waiting(s, 1, KEVY_SQE_IO_LINK);
    limit(s, 2, &late, 0);
    submit(s);
    put(s, s->local[1], "x");
    reap_sorted(s, 2);
}

static void limit_of_what_ends_at_once(struct scene *s)
{
    nop(s, 1, 0, KEVY_SQE_IO_LINK);
    limit(s, 2, &late, 0);
    submit(s);
    reap_sorted(s, 2);
}

static void limit_of_what_fails_at_once(struct scene *s)
{
    nop(s, 1, -7, KEVY_SQE_IO_LINK);
    limit(s, 2, &late, 0);
    submit(s);
    reap_sorted(s, 2);
}

static void limit_within_a_chain(struct scene *s)
{
    waiting(s, 1, KEVY_SQE_IO_LINK);
    limit(s, 2, &late, KEVY_SQE_IO_LINK);
    nop(s, 3, 0, 0);
    go(s);
    put(s, s->local[1], "x");
    reap_sorted(s, 3);
}

static void limit_breaks_a_chain(struct scene *s)
{
    waiting(s, 1, KEVY_SQE_IO_LINK);
    limit(s, 2, &soon, KEVY_SQE_IO_LINK);
    nop(s, 3, 0, 0);
    go(s);
    reap_sorted(s, 3);
}

static void limit_of_the_second_member(struct scene *s)
{
    nop(s, 1, 0, KEVY_SQE_IO_LINK);
    waiting(s, 2, KEVY_SQE_IO_LINK);
    limit(s, 3, &soon, 0);
    go(s);
    reap_sorted(s, 3);
}

static void limit_alone(struct scene *s)
{
    limit(s, 1, &soon, 0);
    submit_reap(s, 1);
}

static void two_limits(struct scene *s)
{
    waiting(s, 1, KEVY_SQE_IO_LINK);
    limit(s, 2, &late, KEVY_SQE_IO_LINK);
    limit(s, 3, &late, 0);
    submit(s);
    reap_sorted(s, 3);
}

static void limit_with_a_bad_time(struct scene *s)
{
    static const struct kevy_timespec bad = {.tv_nsec = 2000000000};

    waiting(s, 1, KEVY_SQE_IO_LINK);
    limit(s, 2, &bad, 0);
    submit(s);
    reap_sorted(s, 2);
}

static void limit_of_a_hard_link(struct scene *s)
{
    waiting(s, 1, KEVY_SQE_IO_HARDLINK);
    limit(s, 2, &soon, KEVY_SQE_IO_HARDLINK);
    nop(s, 3, 0, 0);
    go(s);
    reap_sorted(s, 3);
}

static void limit_is_moved(struct scene *s)
{
    waiting(s, 1, KEVY_SQE_IO_LINK);
    limit(s, 2, &late, 0);
    go(s);
    kevy_prep_link_timeout_update(ask(s, 3), 2, &soon, 0);
    go(s);
    reap_sorted(s, 3);
}

static void limit_is_not_removed_like_a_timeout(struct scene *s)
{
    waiting(s, 1, KEVY_SQE_IO_LINK);
    limit(s, 2, &late, 0);
    go(s);
    kevy_prep_timeout_remove(ask(s, 3), 2);
    submit_reap(s, 1);
    kevy_prep_cancel(ask(s, 4), 2, 0);
    submit_reap(s, 1);
    kevy_prep_cancel(ask(s, 5), 1, 0);
    go(s);
    reap_sorted(s, 3);
}

static void limit_of_a_poll(struct scene *s)
{
    struct kevy_sqe *sqe = ask(s, 1);

    kevy_prep_poll(sqe, s->local[0], POLLIN);
    flag(sqe, KEVY_SQE_IO_LINK);
    limit(s, 2, &soon, 0);
    go(s);
    reap_sorted(s, 2);
}

static void limit_skips_its_success(struct scene *s)
{
    waiting(s, 1, KEVY_SQE_IO_LINK);
    limit(s, 2, &late, KEVY_SQE_CQE_SKIP_SUCCESS);
    go(s);
    put(s, s->local[1], "x");
    reap(s, 1);
    quiet(s);
}

/* Drains. */

static void drain_waits(struct scene *s)
{
    waiting(s, 1, 0);
    nop(s, 2, 0, KEVY_SQE_IO_DRAIN);
    nop(s, 3, 0, 0);
    submit(s);
    quiet(s);
    nop(s, 4, 0, 0);
    submit(s);
    quiet(s);
    put(s, s->local[1], "x");
    reap(s, 4);
}

static void drain_with_nothing_before(struct scene *s)
{
    nop(s, 1, 0, KEVY_SQE_IO_DRAIN);
    nop(s, 2, 0, 0);
    submit_reap(s, 2);
}

static void drain_that_waits_itself(struct scene *s)
{
    nop(s, 1, 0, 0);
    waiting(s, 2, KEVY_SQE_IO_DRAIN);
    nop(s, 3, 0, 0);
    go(s);
    reap_sorted(s, 2);
    put(s, s->local[1], "x");
    reap(s, 1);
}

static void two_drains(struct scene *s)
{
    waiting(s, 1, 0);
    nop(s, 2, 0, KEVY_SQE_IO_DRAIN);
    nop(s, 3, 0, KEVY_SQE_IO_DRAIN);
    nop(s, 4, 0, 0);
    go(s);
    quiet(s);
    put(s, s->local[1], "x");
    reap(s, 4);
}

static void drain_of_a_chain(struct scene *s)
{
    waiting(s, 1, 0);
    nop(s, 2, 0, KEVY_SQE_IO_LINK | KEVY_SQE_IO_DRAIN);
    nop(s, 3, 0, 0);
    go(s);
    quiet(s);
    put(s, s->local[1], "x");
    reap(s, 3);
}

static void drain_inside_a_chain(struct scene *s)
{
    waiting(s, 1, 0);
    nop(s, 2, 0, KEVY_SQE_IO_LINK);
    nop(s, 3, 0, KEVY_SQE_IO_DRAIN);
    nop(s, 4, 0, 0);
    go(s);
    quiet(s);
    put(s, s->local[1], "x");
    reap(s, 4);
}

static void drain_waits_for_a_multishot(struct scene *s)
{
    group_make(s, 0);
    kevy_prep_recv_multishot(ask(s, 1), s->local[0], 5, 0);
    nop(s, 2, 0, KEVY_SQE_IO_DRAIN);
    go(s);
    put(s, s->local[1], "x");
    reap(s, 1);
    quiet(s);
    s->system->close(s->local[1]);
    reap(s, 2);
}

static void drain_after_a_skip_is_refused(struct scene *s)
{
    nop(s, 1, 0, KEVY_SQE_CQE_SKIP_SUCCESS);
    nop(s, 2, 0, KEVY_SQE_IO_DRAIN);
    submit_reap(s, 1);
    nop(s, 3, 0, KEVY_SQE_IO_DRAIN | KEVY_SQE_CQE_SKIP_SUCCESS);
    submit_reap(s, 1);
}

static void drained_is_not_found_by_a_cancel(struct scene *s)
{
    waiting(s, 1, 0);
    nop(s, 2, 0, KEVY_SQE_IO_DRAIN);
    go(s);
    put(s, s->local[1], "x");
    reap(s, 2);
    kevy_prep_cancel(ask(s, 3), 2, 0);
    submit_reap(s, 1);
}

static const struct scenario scenarios[] = {
    PLAY(limit_is_reached),
    PLAY(limit_is_not_reached),
    PLAY(limit_of_what_ends_at_once),
    PLAY(limit_of_what_fails_at_once),
    PLAY(limit_within_a_chain),
    PLAY(limit_breaks_a_chain),
    PLAY(limit_of_the_second_member),
    PLAY(limit_alone),
    PLAY(two_limits),
    PLAY(limit_with_a_bad_time),
    PLAY(limit_of_a_hard_link),
    PLAY(limit_is_moved),
    PLAY(limit_is_not_removed_like_a_timeout),
    PLAY(limit_of_a_poll),
    PLAY(limit_skips_its_success),
    PLAY(drain_waits),
    PLAY(drain_with_nothing_before),
    PLAY(drain_that_waits_itself),
    PLAY(two_drains),
    PLAY(drain_of_a_chain),
    PLAY(drain_inside_a_chain),
    PLAY(drain_waits_for_a_multishot),
    PLAY(drain_after_a_skip_is_refused),
    PLAY(drained_is_not_found_by_a_cancel),
};

Suite *test_suite(void)
{
    return scenario_suite("ring_scenario_limit", scenarios, SCENARIO_COUNT(scenarios));
}
