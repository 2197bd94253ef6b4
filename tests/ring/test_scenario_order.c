/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Scenarios of order: chains, drains, limits, cancels, timers, polls, waits. */

#include "scenario.h"

static const struct kevy_timespec soon = {.tv_nsec = 3000000};
static const struct kevy_timespec late = {.tv_sec = 100};
static char byte;

static void flag(struct kevy_sqe *sqe, uint32_t flags)
{
    kevy_sqe_set_flags(sqe, flags);
}

static void nop(struct scene *scene, uint64_t user_data, int32_t result, uint32_t flags)
{
    struct kevy_sqe *sqe = ask(scene, user_data);

    kevy_prep_nop_result(sqe, result);
    flag(sqe, flags);
}

/* A request that waits until something is written to scene->local[1]. */
static void waiting(struct scene *scene, uint64_t user_data, uint32_t flags)
{
    struct kevy_sqe *sqe = ask(scene, user_data);

    kevy_prep_recv(sqe, scene->local[0], &byte, 1, 0);
    flag(sqe, flags);
}

static void malformed(struct scene *scene, uint64_t user_data, uint32_t flags)
{
    struct kevy_sqe *sqe = ask(scene, user_data);

    sqe->opcode = 250;
    flag(sqe, flags);
}

static void limit(struct scene *scene, uint64_t user_data, const struct kevy_timespec *time,
                  uint32_t flags)
{
    struct kevy_sqe *sqe = ask(scene, user_data);

    kevy_prep_link_timeout(sqe, time, 0);
    flag(sqe, flags);
}

/* NOPs. */

static void nop_results(struct scene *s)
{
    nop(s, 1, 0, 0);
    nop(s, 2, 77, 0);
    nop(s, 3, -11, 0);
    nop(s, 4, -5000, 0);
    nop(s, 5, INT32_MIN, 0);
    nop(s, 6, INT32_MAX, 0);
    submit(s);
    reap_sorted(s, 6);
    quiet(s);
}

static void nop_lookups(struct scene *s)
{
    kevy_prep_nop_lookup(ask(s, 1), KEVY_NOP_FILE, s->file, 0);
    kevy_prep_nop_lookup(ask(s, 2), KEVY_NOP_FILE, 900, 0);
    kevy_prep_nop_lookup(ask(s, 3), KEVY_NOP_FILE | KEVY_NOP_FIXED_FILE, 0, 0);
    kevy_prep_nop_lookup(ask(s, 4), KEVY_NOP_FIXED_BUFFER, -1, 0);
    kevy_prep_nop_lookup(ask(s, 5), KEVY_NOP_TW, -1, 0);
    kevy_prep_nop_lookup(ask(s, 6), 0x40, -1, 0);
    submit(s);
    reap_sorted(s, 6);
}

static void malformed_alone(struct scene *s)
{
    malformed(s, 1, 0);
    nop(s, 2, 0, 0x80);
    submit(s);
    reap_sorted(s, 2);
}

static void malformed_ends_the_batch(struct scene *s)
{
    malformed(s, 1, 0);
    nop(s, 2, 0, 0);
    submit(s);
    submit(s);
    reap_sorted(s, 2);
}

static void malformed_in_a_chain_does_not_end_the_batch(struct scene *s)
{
    malformed(s, 1, KEVY_SQE_IO_LINK);
    nop(s, 2, 0, 0);
    nop(s, 3, 0, 0);
    submit(s);
    submit(s);
    reap_sorted(s, 3);
}

static void skip_success(struct scene *s)
{
    nop(s, 1, 0, KEVY_SQE_CQE_SKIP_SUCCESS);
    nop(s, 2, 5, KEVY_SQE_CQE_SKIP_SUCCESS);
    nop(s, 3, -5, KEVY_SQE_CQE_SKIP_SUCCESS);
    nop(s, 4, 0, 0);
    submit(s);
    reap_sorted(s, 2);
    quiet(s);
}

/* Chains. */

static void chain_succeeds(struct scene *s)
{
    nop(s, 1, 0, KEVY_SQE_IO_LINK);
    nop(s, 2, 0, KEVY_SQE_IO_LINK);
    nop(s, 3, 0, 0);
    submit(s);
    reap(s, 3);
}

static void chain_fails_first(struct scene *s)
{
    nop(s, 1, -5, KEVY_SQE_IO_LINK);
    nop(s, 2, 0, KEVY_SQE_IO_LINK);
    nop(s, 3, 0, 0);
    submit_reap(s, 3);
    quiet(s);
}

static void chain_fails_in_the_middle(struct scene *s)
{
    nop(s, 1, 0, KEVY_SQE_IO_LINK);
    nop(s, 2, -9, KEVY_SQE_IO_LINK);
    nop(s, 3, 0, KEVY_SQE_IO_LINK);
    nop(s, 4, 0, 0);
    submit_reap(s, 4);
}

static void chain_that_waits_then_succeeds(struct scene *s)
{
    waiting(s, 1, KEVY_SQE_IO_LINK);
    nop(s, 2, 0, KEVY_SQE_IO_LINK);
    nop(s, 3, 0, 0);
    submit(s);
    quiet(s);
    put(s->local[1], "x");
    reap(s, 3);
}

static void chain_that_waits_twice(struct scene *s)
{
    waiting(s, 1, KEVY_SQE_IO_LINK);
    waiting(s, 2, KEVY_SQE_IO_LINK);
    nop(s, 3, 0, 0);
    submit(s);
    put(s->local[1], "x");
    reap(s, 1);
    quiet(s);
    put(s->local[1], "y");
    reap(s, 2);
}

static void chain_with_the_end_of_a_stream(struct scene *s)
{
    waiting(s, 1, KEVY_SQE_IO_LINK);
    nop(s, 2, 0, 0);
    go(s);
    close(s->local[1]);
    reap(s, 2); /* 0 bytes are a success */
}

static void chain_whose_head_is_cancelled(struct scene *s)
{
    waiting(s, 1, KEVY_SQE_IO_LINK);
    nop(s, 2, 0, KEVY_SQE_IO_LINK);
    nop(s, 3, 0, 0);
    go(s);
    kevy_prep_cancel(ask(s, 4), 1, 0);
    go(s);
    reap_sorted(s, 4);
}

static void chain_whose_members_cannot_be_cancelled(struct scene *s)
{
    waiting(s, 1, KEVY_SQE_IO_LINK);
    nop(s, 2, 0, 0);
    go(s);
    kevy_prep_cancel(ask(s, 3), 2, 0);
    submit_reap(s, 1);
    put(s->local[1], "x");
    reap(s, 2);
}

static void hard_chain_goes_on(struct scene *s)
{
    nop(s, 1, -5, KEVY_SQE_IO_HARDLINK);
    nop(s, 2, -6, KEVY_SQE_IO_HARDLINK);
    nop(s, 3, 0, 0);
    submit_reap(s, 3);
}

static void hard_then_soft_link(struct scene *s)
{
    nop(s, 1, -5, KEVY_SQE_IO_HARDLINK);
    nop(s, 2, -6, KEVY_SQE_IO_LINK);
    nop(s, 3, 0, KEVY_SQE_IO_LINK);
    nop(s, 4, 0, 0);
    submit_reap(s, 4);
}

static void both_links_are_hard(struct scene *s)
{
    nop(s, 1, -5, KEVY_SQE_IO_HARDLINK | KEVY_SQE_IO_LINK);
    nop(s, 2, 0, 0);
    submit_reap(s, 2);
}

static void chain_with_a_malformed_member(struct scene *s)
{
    nop(s, 1, 0, KEVY_SQE_IO_LINK);
    malformed(s, 2, KEVY_SQE_IO_LINK);
    nop(s, 3, 0, 0);
    nop(s, 4, 0, 0);
    submit(s);
    reap_sorted(s, 4);
}

static void chain_with_a_malformed_head(struct scene *s)
{
    malformed(s, 1, KEVY_SQE_IO_LINK);
    nop(s, 2, 0, KEVY_SQE_IO_LINK);
    nop(s, 3, 0, 0);
    submit(s);
    reap_sorted(s, 3);
}

static void chain_with_a_malformed_end(struct scene *s)
{
    nop(s, 1, 0, KEVY_SQE_IO_LINK);
    malformed(s, 2, 0);
    nop(s, 3, 0, 0);
    submit(s);
    reap_sorted(s, 3);
}

static void hard_chain_with_a_malformed_member(struct scene *s)
{
    nop(s, 1, 0, KEVY_SQE_IO_HARDLINK);
    malformed(s, 2, KEVY_SQE_IO_HARDLINK);
    nop(s, 3, 0, 0);
    submit(s);
    reap_sorted(s, 3);
}

static void chain_ends_with_the_submit(struct scene *s)
{
    nop(s, 1, -5, KEVY_SQE_IO_LINK);
    submit(s);
    nop(s, 2, 0, 0);
    submit(s);
    reap_sorted(s, 2);
}

static void chain_that_skips(struct scene *s)
{
    nop(s, 1, 0, KEVY_SQE_IO_LINK | KEVY_SQE_CQE_SKIP_SUCCESS);
    nop(s, 2, 0, KEVY_SQE_IO_LINK | KEVY_SQE_CQE_SKIP_SUCCESS);
    nop(s, 3, 7, 0);
    submit_reap(s, 1);
    quiet(s);
}

static void failed_skipper_hides_its_chain(struct scene *s)
{
    nop(s, 1, -5, KEVY_SQE_IO_LINK | KEVY_SQE_CQE_SKIP_SUCCESS);
    nop(s, 2, 0, KEVY_SQE_IO_LINK);
    nop(s, 3, 0, 0);
    submit_reap(s, 1);
    quiet(s);
}

static void failure_shows_those_that_would_skip(struct scene *s)
{
    nop(s, 1, -5, KEVY_SQE_IO_LINK);
    nop(s, 2, 0, KEVY_SQE_IO_LINK | KEVY_SQE_CQE_SKIP_SUCCESS);
    nop(s, 3, 0, KEVY_SQE_CQE_SKIP_SUCCESS);
    submit_reap(s, 3);
    quiet(s);
}

static void short_read_breaks_a_chain(struct scene *s)
{
    struct kevy_sqe *sqe = ask(s, 1);

    kevy_prep_read(sqe, s->file, s->bytes, 64, 0);
    flag(sqe, KEVY_SQE_IO_LINK);
    nop(s, 2, 0, 0);
    submit_reap(s, 2);
}

static void whole_read_keeps_a_chain(struct scene *s)
{
    struct kevy_sqe *sqe = ask(s, 1);

    kevy_prep_read(sqe, s->file, s->bytes, 10, 0);
    flag(sqe, KEVY_SQE_IO_LINK);
    nop(s, 2, 0, 0);
    submit_reap(s, 2);
}

static void short_recv_keeps_a_chain(struct scene *s)
{
    struct kevy_sqe *sqe = ask(s, 1);

    put(s->local[1], "abc");
    kevy_prep_recv(sqe, s->local[0], s->bytes, 64, 0);
    flag(sqe, KEVY_SQE_IO_LINK);
    nop(s, 2, 0, 0);
    submit_reap(s, 2);
}

static void short_recv_that_wanted_all_breaks_a_chain(struct scene *s)
{
    struct kevy_sqe *sqe = ask(s, 1);

    put(s->local[1], "abc");
    close(s->local[1]);
    kevy_prep_recv(sqe, s->local[0], s->bytes, 64, MSG_WAITALL);
    flag(sqe, KEVY_SQE_IO_LINK);
    nop(s, 2, 0, 0);
    submit_reap(s, 2);
}

static void chain_of_write_and_read(struct scene *s)
{
    struct kevy_sqe *sqe = ask(s, 1);

    kevy_prep_write(sqe, s->pipe[1], "hello", 5, KEVY_OFFSET_CURRENT);
    flag(sqe, KEVY_SQE_IO_LINK);
    kevy_prep_read(ask(s, 2), s->pipe[0], s->bytes, 5, KEVY_OFFSET_CURRENT);
    submit_reap(s, 2);
    say_bytes(s, s->bytes, 5);
}

/* What a linked request points to may be reused after the submit. */
static void chain_keeps_its_arguments(struct scene *s)
{
    struct iovec vectors[2] = {{s->bytes, 2}, {s->bytes + 8, 2}};
    struct kevy_sqe *sqe;

    waiting(s, 1, KEVY_SQE_IO_LINK);
    sqe = ask(s, 2);
    kevy_prep_readv(sqe, s->file, vectors, 2, 4, 0);
    go(s);
    vectors[0].iov_len = 0;
    vectors[1].iov_base = NULL;
    put(s->local[1], "x");
    reap(s, 2);
    say_bytes(s, s->bytes, 2);
    say_bytes(s, s->bytes + 8, 2);
}

static void chain_opens_then_closes(struct scene *s)
{
    char path[] = "/dev/null";
    struct kevy_sqe *sqe;

    waiting(s, 1, KEVY_SQE_IO_LINK);
    sqe = ask(s, 2);
    kevy_prep_openat(sqe, AT_FDCWD, path, O_RDONLY, 0);
    go(s);
    memset(path, 'x', sizeof path - 1);
    put(s->local[1], "x");
    reap(s, 1);
    reap_descriptor(s);
}

static void long_chain(struct scene *s)
{
    for (uint64_t i = 1; i < 20; i++)
        nop(s, i, (int32_t)i, KEVY_SQE_IO_LINK);
    nop(s, 20, 20, 0);
    submit_reap(s, 20);
}

static void two_chains(struct scene *s)
{
    waiting(s, 1, KEVY_SQE_IO_LINK);
    nop(s, 2, 0, 0);
    nop(s, 3, 0, KEVY_SQE_IO_LINK);
    nop(s, 4, 0, 0);
    submit_reap(s, 2);
    put(s->local[1], "x");
    reap(s, 2);
}

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
    put(s->local[1], "x");
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
    put(s->local[1], "x");
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
    put(s->local[1], "x");
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
    put(s->local[1], "x");
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
    put(s->local[1], "x");
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
    put(s->local[1], "x");
    reap(s, 4);
}

static void drain_of_a_chain(struct scene *s)
{
    waiting(s, 1, 0);
    nop(s, 2, 0, KEVY_SQE_IO_LINK | KEVY_SQE_IO_DRAIN);
    nop(s, 3, 0, 0);
    go(s);
    quiet(s);
    put(s->local[1], "x");
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
    put(s->local[1], "x");
    reap(s, 4);
}

static void drain_waits_for_a_multishot(struct scene *s)
{
    group_make(s, 0);
    kevy_prep_recv_multishot(ask(s, 1), s->local[0], 5, 0);
    nop(s, 2, 0, KEVY_SQE_IO_DRAIN);
    go(s);
    put(s->local[1], "x");
    reap(s, 1);
    quiet(s);
    close(s->local[1]);
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
    put(s->local[1], "x");
    reap(s, 2);
    kevy_prep_cancel(ask(s, 3), 2, 0);
    submit_reap(s, 1);
}

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

static void timeouts_fire_in_their_order(struct scene *s)
{
    static const struct kevy_timespec times[] = {
        {.tv_nsec = 9000000}, {.tv_nsec = 3000000}, {.tv_nsec = 6000000}};

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
    put(s->local[1], "x");
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
    put(s->local[1], "x");
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
    put(s->local[1], "abc");
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

/* Polls. */

static void poll_that_is_ready(struct scene *s)
{
    put(s->local[1], "x");
    kevy_prep_poll(ask(s, 1), s->local[0], POLLIN);
    kevy_prep_poll(ask(s, 2), s->local[0], POLLIN | POLLOUT);
    kevy_prep_poll(ask(s, 3), s->local[0], POLLOUT);
    go(s);
    reap_sorted(s, 3);
}

static void poll_that_waits(struct scene *s)
{
    kevy_prep_poll(ask(s, 1), s->local[0], POLLIN);
    go(s);
    quiet(s);
    put(s->local[1], "x");
    reap(s, 1);
    quiet(s);
}

static void poll_sees_the_end(struct scene *s)
{
    kevy_prep_poll(ask(s, 1), s->local[0], POLLIN);
    kevy_prep_poll(ask(s, 2), s->local[0], POLLRDHUP);
    kevy_prep_poll(ask(s, 3), s->local[0], 0);
    go(s);
    close(s->local[1]);
    reap_sorted(s, 3);
}

static void poll_of_a_pipe_without_readers(struct scene *s)
{
    kevy_prep_poll(ask(s, 1), s->pipe[1], 0);
    go(s);
    close(s->pipe[0]);
    reap(s, 1);
}

static void poll_of_many_files(struct scene *s)
{
    kevy_prep_poll(ask(s, 1), s->file, POLLIN | POLLOUT);
    kevy_prep_poll(ask(s, 2), 900, POLLIN);
    kevy_prep_poll(ask(s, 3), -1, POLLIN);
    kevy_prep_poll(ask(s, 4), s->event, POLLIN | POLLOUT);
    kevy_prep_poll(ask(s, 5), s->pipe[1], POLLOUT);
    kevy_prep_poll(ask(s, 6), s->packets[0], POLLOUT);
    go(s);
    reap_sorted(s, 6);
}

static void poll_again_and_again(struct scene *s)
{
    kevy_prep_poll_multishot(ask(s, 1), s->local[0], POLLIN);
    go(s);
    quiet(s);
    put(s->local[1], "x");
    reap(s, 1);
    quiet(s);
    put(s->local[1], "x");
    reap(s, 1);
    close(s->local[1]);
    reap(s, 1);
}

static void poll_again_and_again_of_what_is_ready(struct scene *s)
{
    put(s->local[1], "x");
    kevy_prep_poll_multishot(ask(s, 1), s->local[0], POLLIN);
    go(s);
    reap(s, 1);
    quiet(s);
    put(s->local[1], "x");
    reap(s, 1);
}

static void poll_of_an_eventfd_again_and_again(struct scene *s)
{
    uint64_t count = 1;

    kevy_prep_poll_multishot(ask(s, 1), s->event, POLLIN);
    go(s);
    for (unsigned i = 0; i < 4; i++) {
        must(write(s->event, &count, sizeof count) == sizeof count);
        reap(s, 1);
        must(read(s->event, &count, sizeof count) == sizeof count);
    }
    quiet(s);
}

static void poll_is_removed(struct scene *s)
{
    kevy_prep_poll(ask(s, 1), s->local[0], POLLIN);
    go(s);
    kevy_prep_poll_remove(ask(s, 2), 1);
    go(s);
    reap_sorted(s, 2);
    kevy_prep_poll_remove(ask(s, 3), 1);
    submit_reap(s, 1);
}

static void poll_of_another_kind_is_not_removed(struct scene *s)
{
    waiting(s, 1, 0);
    go(s);
    kevy_prep_poll_remove(ask(s, 2), 1);
    submit_reap(s, 1);
}

static void poll_gets_other_events(struct scene *s)
{
    kevy_prep_poll(ask(s, 1), s->local[0], POLLIN);
    go(s);
    kevy_prep_poll_update(ask(s, 2), 1, POLLOUT, 0);
    go(s);
    reap_sorted(s, 2);
}

static void poll_gets_another_name(struct scene *s)
{
    kevy_prep_poll(ask(s, 1), s->local[0], POLLIN);
    go(s);
    kevy_prep_poll_update_user_data(ask(s, 2), 1, 7);
    submit_reap(s, 1);
    kevy_prep_cancel(ask(s, 3), 1, 0);
    submit_reap(s, 1);
    put(s->local[1], "x");
    reap(s, 1);
}

static void poll_is_replaced(struct scene *s)
{
    kevy_prep_poll_multishot(ask(s, 1), s->local[0], POLLIN);
    go(s);
    kevy_prep_poll_replace(ask(s, 2), 1, 7, POLLOUT, KEVY_POLL_ADD_MULTI);
    go(s);
    reap_sorted(s, 2);
    kevy_prep_poll_remove(ask(s, 3), 7);
    go(s);
    reap_sorted(s, 2);
}

static void polls_are_malformed(struct scene *s)
{
    struct kevy_sqe *sqe = ask(s, 1);

    kevy_prep_poll_multishot(sqe, s->local[0], POLLIN);
    flag(sqe, KEVY_SQE_CQE_SKIP_SUCCESS);
    sqe = ask(s, 2);
    kevy_prep_poll(sqe, s->local[0], POLLIN);
    sqe->len = KEVY_POLL_ADD_LEVEL;
    sqe = ask(s, 3);
    kevy_prep_poll(sqe, s->local[0], POLLIN);
    sqe->len = KEVY_POLL_UPDATE_EVENTS;
    kevy_prep_poll_update(ask(s, 4), 99, POLLIN, 0);
    sqe = ask(s, 5);
    kevy_prep_poll_remove(sqe, 99);
    sqe->off = 5;
    go(s);
    reap_sorted(s, 5);
}

static void polls_share_a_descriptor(struct scene *s)
{
    kevy_prep_poll(ask(s, 1), s->local[0], POLLIN);
    kevy_prep_poll_multishot(ask(s, 2), s->local[0], POLLIN);
    kevy_prep_recv(ask(s, 3), s->tcp[0], s->bytes, 4, 0);
    kevy_prep_poll(ask(s, 4), s->tcp[0], POLLIN);
    go(s);
    put(s->local[1], "x");
    reap_sorted(s, 2);
    put(s->tcp[1], "yz");
    reap_sorted(s, 2);
}

/* Waits. */

static void wait_for_nothing(struct scene *s)
{
    struct kevy_ring_wait wait = {.minimum = 1, .timeout_ns = 1000000};

    say_result(s, "empty", kevy_ring_wait(&s->ring, &wait));
    wait.timeout_ns = 0;
    say_result(s, "no time", kevy_ring_wait(&s->ring, &wait));
    wait.minimum = 0;
    say_result(s, "none wanted", kevy_ring_wait(&s->ring, &wait));
}

static void wait_until_an_instant(struct scene *s)
{
    struct kevy_ring_wait wait = {.minimum = 1, .timeout_ns = 1, .flags = KEVY_RING_WAIT_ABSOLUTE};

    say_result(s, "past", kevy_ring_wait(&s->ring, &wait));
    nop(s, 1, 0, 0);
    say_result(s, "past, with a completion", kevy_ring_wait(&s->ring, &wait));
    say(s, "submitted %u\n", wait.submitted);
}

static void wait_for_more_than_come(struct scene *s)
{
    struct kevy_ring_wait wait = {.minimum = 5, .timeout_ns = 2000000};

    nop(s, 1, 0, 0);
    nop(s, 2, 0, 0);
    say_result(s, "wait", kevy_ring_wait(&s->ring, &wait));
    reap(s, 2);
}

static void wait_settles_for_one(struct scene *s)
{
    struct kevy_ring_wait wait = {
        .minimum = 5, .timeout_ns = SCENE_PATIENCE_NS, .min_wait_us = 2000};

    nop(s, 1, 0, 0);
    say_result(s, "wait", kevy_ring_wait(&s->ring, &wait));
}

static void wait_settles_and_then_waits(struct scene *s)
{
    struct kevy_ring_wait wait = {
        .minimum = 5, .timeout_ns = SCENE_PATIENCE_NS, .min_wait_us = 1000};

    kevy_prep_timeout(ask(s, 1), &soon, 0, 0);
    say_result(s, "wait", kevy_ring_wait(&s->ring, &wait));
}

static void hear(int signal)
{
    (void)signal;
}

static void wait_is_interrupted(struct scene *s)
{
    struct kevy_ring_wait wait = {.minimum = 1, .timeout_ns = SCENE_PATIENCE_NS};
    struct sigaction action = {.sa_handler = hear, .sa_flags = SA_RESTART};
    struct itimerval timer = {.it_value.tv_usec = 3000};

    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &timer, NULL);
    say_result(s, "wait", kevy_ring_wait(&s->ring, &wait));
    setitimer(ITIMER_REAL, &timer, NULL);
    nop(s, 1, 0, 0);
    wait.minimum = 2;
    say_result(s, "wait", kevy_ring_wait(&s->ring, &wait));
    say(s, "submitted %u\n", wait.submitted);
}

static void wait_with_a_mask(struct scene *s)
{
    struct kevy_ring_wait wait = {.minimum = 1, .timeout_ns = SCENE_PATIENCE_NS};
    struct sigaction action = {.sa_handler = hear};
    sigset_t blocked, none;

    sigaction(SIGUSR1, &action, NULL);
    sigemptyset(&none);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    sigprocmask(SIG_BLOCK, &blocked, NULL);
    raise(SIGUSR1);
    wait.signal_mask = &none;
    wait.signal_mask_size = 8;
    say_result(s, "wait", kevy_ring_wait(&s->ring, &wait));
    wait.signal_mask_size = 4;
    say_result(s, "half a mask", kevy_ring_wait(&s->ring, &wait));
}

static void overflow_keeps_the_order(struct scene *s)
{
    for (uint64_t round = 0; round < 4; round++) {
        for (uint64_t i = 1; i <= 8; i++)
            nop(s, round * 8 + i, 0, 0);
        submit(s);
    }
    say(s, "%soverflowed\n", kevy_ring_overflowed(&s->ring) ? "" : "not ");
    reap(s, 32);
    say(s, "%soverflowed\n", kevy_ring_overflowed(&s->ring) ? "" : "not ");
    quiet(s);
}

static void more_is_submitted_than_there_is(struct scene *s)
{
    const struct kevy_ring_kernel *kernel = s->ring.kernel;

    if (kernel == NULL)
        kernel = kevy_ring_kernel_io_uring();
    nop(s, 1, 0, 0);
    __atomic_store_n(s->ring.sq_tail, s->ring.sqe_tail, __ATOMIC_RELEASE);
    say_result(
        s, "enter",
        kernel->enter(s->ring.kernel_state, s->ring.fd, 5, 1, KEVY_ENTER_GETEVENTS, NULL, 0));
    say_result(
        s, "enter",
        kernel->enter(s->ring.kernel_state, s->ring.fd, 5, 1, KEVY_ENTER_GETEVENTS, NULL, 0));
    reap(s, 1);
}

static void enters_are_malformed(struct scene *s)
{
    const struct kevy_ring_kernel *kernel = s->ring.kernel;
    struct kevy_getevents_arg argument = {.ts = 0};
    static const struct kevy_timespec bad = {.tv_nsec = 2000000000};

    if (kernel == NULL)
        kernel = kevy_ring_kernel_io_uring();
    say_result(s, "unknown flag",
               kernel->enter(s->ring.kernel_state, s->ring.fd, 0, 0, 1U << 20, NULL, 0));
    say_result(s, "no ring", kernel->enter(s->ring.kernel_state, 900, 0, 0, 0, NULL, 0));
    say_result(s, "half an argument",
               kernel->enter(s->ring.kernel_state, s->ring.fd, 0, 1,
                             KEVY_ENTER_GETEVENTS | KEVY_ENTER_EXT_ARG, &argument, 8));
    argument.ts = (uint64_t)(uintptr_t)&bad;
    say_result(s, "no time",
               kernel->enter(s->ring.kernel_state, s->ring.fd, 0, 0,
                             KEVY_ENTER_GETEVENTS | KEVY_ENTER_EXT_ARG, &argument,
                             sizeof argument));
}

/* Set-up, registration. */

static void disabled_ring(struct scene *s)
{
    nop(s, 1, 0, 0);
    submit(s);
    say_result(s, "enable", kevy_ring_enable(&s->ring));
    submit(s);
    reap(s, 1);
    say_result(s, "again", kevy_ring_enable(&s->ring));
}

static void restricted_ring(struct scene *s)
{
    static const uint8_t opcodes[] = {KEVY_OP_NOP, KEVY_OP_RECV, KEVY_OP_ASYNC_CANCEL};
    static const uint8_t register_ops[] = {KEVY_REGISTER_PROBE};
    struct kevy_ring_restrictions rules = {
        .opcodes = opcodes,
        .opcode_count = 3,
        .register_ops = register_ops,
        .register_op_count = 1,
        .sqe_flags_allowed = KEVY_SQE_IO_LINK,
    };
    struct kevy_ring_probe probe;

    say_result(s, "restrict", kevy_ring_restrict(&s->ring, &rules));
    say_result(s, "twice", kevy_ring_restrict(&s->ring, &rules));
    say_result(s, "enable", kevy_ring_enable(&s->ring));
    nop(s, 1, 0, 0);
    nop(s, 2, 0, KEVY_SQE_ASYNC);
    kevy_prep_send(ask(s, 3), s->local[0], "x", 1, 0);
    nop(s, 4, 0, KEVY_SQE_IO_LINK);
    kevy_prep_send(ask(s, 5), s->local[0], "x", 1, 0);
    nop(s, 6, 0, KEVY_SQE_IO_LINK);
    nop(s, 7, 0, 0);
    go(s);
    reap_sorted(s, 7);
    say_result(s, "probe", kevy_ring_probe(&s->ring, &probe));
    say_result(s, "clock", kevy_ring_clock(&s->ring, CLOCK_MONOTONIC));
    say_result(s, "restrict", kevy_ring_restrict(&s->ring, &rules));
}

static void flags_may_be_required(struct scene *s)
{
    static const uint8_t opcodes[] = {KEVY_OP_NOP};
    struct kevy_ring_restrictions rules = {
        .opcodes = opcodes, .opcode_count = 1, .sqe_flags_required = KEVY_SQE_ASYNC};

    say_result(s, "restrict", kevy_ring_restrict(&s->ring, &rules));
    say_result(s, "enable", kevy_ring_enable(&s->ring));
    nop(s, 1, 0, 0);
    nop(s, 2, 0, KEVY_SQE_ASYNC);
    go(s);
    reap_sorted(s, 2);
}

static void rules_come_too_late(struct scene *s)
{
    static const uint8_t opcodes[] = {KEVY_OP_NOP};
    struct kevy_ring_restrictions rules = {.opcodes = opcodes, .opcode_count = 1};

    say_result(s, "restrict", kevy_ring_restrict(&s->ring, &rules));
}

static void tables_that_are_not_there(struct scene *s)
{
    int fds[2] = {s->file, s->file};
    struct iovec buffer = {s->bytes, 64};

    say_result(s, "files", kevy_ring_files_unregister(&s->ring));
    say_result(s, "buffers", kevy_ring_buffers_unregister(&s->ring));
    say_result(s, "update", kevy_ring_files_update(&s->ring, 0, fds, 1));
    say_result(s, "no files", kevy_ring_files_register(&s->ring, fds, 0));
    say_result(s, "register", kevy_ring_files_register(&s->ring, fds, 2));
    say_result(s, "twice", kevy_ring_files_register(&s->ring, fds, 2));
    say_result(s, "beyond", kevy_ring_files_update(&s->ring, 1, fds, 2));
    fds[1] = 900;
    say_result(s, "update", kevy_ring_files_update(&s->ring, 0, fds, 2));
    say_result(s, "range", kevy_ring_files_alloc_range(&s->ring, 1, 1));
    say_result(s, "range beyond", kevy_ring_files_alloc_range(&s->ring, 1, 2));
    say_result(s, "unregister", kevy_ring_files_unregister(&s->ring));
    say_result(s, "a bad file", kevy_ring_files_register(&s->ring, fds, 2));
    say_result(s, "register", kevy_ring_buffers_register(&s->ring, &buffer, 1));
    say_result(s, "twice", kevy_ring_buffers_register(&s->ring, &buffer, 1));
    say_result(s, "unregister", kevy_ring_buffers_unregister(&s->ring));
    say_result(s, "sparse", kevy_ring_buffers_register_sparse(&s->ring, 4));
    say_result(s, "update", kevy_ring_buffers_update(&s->ring, 2, &buffer, NULL, 1));
    say_result(s, "beyond", kevy_ring_buffers_update(&s->ring, 4, &buffer, NULL, 1));
}

static void groups_are_malformed(struct scene *s)
{
    static _Alignas(4096) char pages[4096];
    struct kevy_buf_reg reg = {.ring_addr = (uintptr_t)pages, .ring_entries = 8, .bgid = 2};
    struct kevy_buf_status status = {.buf_group = 2};

    say_result(s, "status", kevy_ring_register(&s->ring, KEVY_REGISTER_PBUF_STATUS, &status, 1));
    say_result(s, "unregister", kevy_ring_register(&s->ring, KEVY_UNREGISTER_PBUF_RING, &reg, 1));
    say_result(s, "count", kevy_ring_register(&s->ring, KEVY_REGISTER_PBUF_RING, &reg, 2));
    say_result(s, "register", kevy_ring_register(&s->ring, KEVY_REGISTER_PBUF_RING, &reg, 1));
    say_result(s, "twice", kevy_ring_register(&s->ring, KEVY_REGISTER_PBUF_RING, &reg, 1));
    say_result(s, "status", kevy_ring_register(&s->ring, KEVY_REGISTER_PBUF_STATUS, &status, 1));
    say(s, "head %u\n", status.head);
    reg.bgid = 3;
    reg.ring_entries = 7;
    say_result(s, "no power", kevy_ring_register(&s->ring, KEVY_REGISTER_PBUF_RING, &reg, 1));
    reg.ring_entries = 65536;
    say_result(s, "too many", kevy_ring_register(&s->ring, KEVY_REGISTER_PBUF_RING, &reg, 1));
    reg.ring_entries = 8;
    reg.ring_addr += 8;
    say_result(s, "askew", kevy_ring_register(&s->ring, KEVY_REGISTER_PBUF_RING, &reg, 1));
    reg.ring_addr -= 8;
    reg.flags = 0x80;
    say_result(s, "flag", kevy_ring_register(&s->ring, KEVY_REGISTER_PBUF_RING, &reg, 1));
    reg.flags = 0;
    reg.min_left = 4;
    say_result(s, "min_left", kevy_ring_register(&s->ring, KEVY_REGISTER_PBUF_RING, &reg, 1));
    reg.min_left = 0;
    reg.resv[0] = 1;
    say_result(s, "reserved", kevy_ring_register(&s->ring, KEVY_REGISTER_PBUF_RING, &reg, 1));
}

static void clocks(struct scene *s)
{
    struct kevy_ring_wait wait = {.minimum = 1, .timeout_ns = 1, .flags = KEVY_RING_WAIT_ABSOLUTE};

    say_result(s, "boottime", kevy_ring_clock(&s->ring, CLOCK_BOOTTIME));
    say_result(s, "wait", kevy_ring_wait(&s->ring, &wait));
    say_result(s, "realtime", kevy_ring_clock(&s->ring, CLOCK_REALTIME));
    say_result(s, "monotonic", kevy_ring_clock(&s->ring, CLOCK_MONOTONIC));
}

static void message_to_itself(struct scene *s)
{
    say_result(s, "send", kevy_ring_message(&s->ring, 7, -5, 0));
    say_result(s, "send", kevy_ring_message(&s->ring, 8, 5, KEVY_CQE_F_MORE));
    reap(s, 2);
    quiet(s);
}

static void unknown_registrations(struct scene *s)
{
    say_result(s, "code", kevy_ring_register(&s->ring, 200, NULL, 0));
    say_result(s, "enable", kevy_ring_register(&s->ring, KEVY_REGISTER_ENABLE_RINGS, NULL, 1));
    say_result(s, "probe of too many",
               kevy_ring_register(&s->ring, KEVY_REGISTER_PROBE, s->bytes, 257));
}

#define WHOLE NULL, 0, 0, false
#define PLAY(function)             \
    {                              \
#function, function, WHOLE \
    }
#define DIFFERS(function, why)                \
    {                                         \
#function, function, why, 0, 0, false \
    }

static const struct scenario scenarios[] = {
    PLAY(nop_results),
    PLAY(nop_lookups),
    PLAY(malformed_alone),
    {"malformed_ends_the_batch", malformed_ends_the_batch, NULL, 0, 0, true},
    {"malformed_in_a_chain_does_not_end_the_batch", malformed_in_a_chain_does_not_end_the_batch,
     NULL, 0, 0, true},
    PLAY(skip_success),
    PLAY(chain_succeeds),
    PLAY(chain_fails_first),
    PLAY(chain_fails_in_the_middle),
    PLAY(chain_that_waits_then_succeeds),
    PLAY(chain_that_waits_twice),
    PLAY(chain_with_the_end_of_a_stream),
    PLAY(chain_whose_head_is_cancelled),
    PLAY(chain_whose_members_cannot_be_cancelled),
    PLAY(hard_chain_goes_on),
    PLAY(hard_then_soft_link),
    PLAY(both_links_are_hard),
    PLAY(chain_with_a_malformed_member),
    PLAY(chain_with_a_malformed_head),
    PLAY(chain_with_a_malformed_end),
    PLAY(hard_chain_with_a_malformed_member),
    PLAY(chain_ends_with_the_submit),
    PLAY(chain_that_skips),
    PLAY(failed_skipper_hides_its_chain),
    PLAY(failure_shows_those_that_would_skip),
    PLAY(short_read_breaks_a_chain),
    PLAY(whole_read_keeps_a_chain),
    PLAY(short_recv_keeps_a_chain),
    PLAY(short_recv_that_wanted_all_breaks_a_chain),
    PLAY(chain_of_write_and_read),
    PLAY(chain_keeps_its_arguments),
    PLAY(chain_opens_then_closes),
    PLAY(long_chain),
    PLAY(two_chains),
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
    PLAY(poll_that_is_ready),
    PLAY(poll_that_waits),
    PLAY(poll_sees_the_end),
    PLAY(poll_of_a_pipe_without_readers),
    PLAY(poll_of_many_files),
    PLAY(poll_again_and_again),
    PLAY(poll_again_and_again_of_what_is_ready),
    PLAY(poll_of_an_eventfd_again_and_again),
    PLAY(poll_is_removed),
    PLAY(poll_of_another_kind_is_not_removed),
    PLAY(poll_gets_other_events),
    PLAY(poll_gets_another_name),
    PLAY(poll_is_replaced),
    PLAY(polls_are_malformed),
    PLAY(polls_share_a_descriptor),
    PLAY(wait_for_nothing),
    PLAY(wait_until_an_instant),
    PLAY(wait_for_more_than_come),
    PLAY(wait_settles_for_one),
    PLAY(wait_settles_and_then_waits),
    PLAY(wait_is_interrupted),
    PLAY(wait_with_a_mask),
    {"overflow_keeps_the_order", overflow_keeps_the_order, NULL, 32, 0, false},
    PLAY(more_is_submitted_than_there_is),
    PLAY(enters_are_malformed),
    {"disabled_ring", disabled_ring, NULL, 0, KEVY_SETUP_R_DISABLED, false},
    {"restricted_ring", restricted_ring, NULL, 0, KEVY_SETUP_R_DISABLED, false},
    {"flags_may_be_required", flags_may_be_required, NULL, 0, KEVY_SETUP_R_DISABLED, false},
    PLAY(rules_come_too_late),
    PLAY(tables_that_are_not_there),
    PLAY(groups_are_malformed),
    PLAY(clocks),
    PLAY(message_to_itself),
    PLAY(unknown_registrations),
};

Suite *test_suite(void)
{
    return scenario_suite("ring_scenario_order", scenarios, SCENARIO_COUNT(scenarios));
}
