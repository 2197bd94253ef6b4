/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Scenarios of NOPs, and of chains of requests. */

#include "scenario_requests.h"

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

/* The failed look-up of a NOP is told. Linux 6.18.15 breaks the chain of it, and says 0. */
static bool lookups_succeed(struct scene *s)
{
    kevy_prep_nop_lookup(ask(s, 1), KEVY_NOP_FILE, 900, 0);
    go(s);
    return result_of_next(s) == 0;
}

static const struct scenario_fault lookups_fault = {
    lookups_succeed, "this kernel answers 0 to a NOP that has found nothing"};

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
    put(s, s->local[1], "x");
    reap(s, 3);
}

static void chain_that_waits_twice(struct scene *s)
{
    waiting(s, 1, KEVY_SQE_IO_LINK);
    waiting(s, 2, KEVY_SQE_IO_LINK);
    nop(s, 3, 0, 0);
    submit(s);
    put(s, s->local[1], "x");
    reap(s, 1);
    quiet(s);
    put(s, s->local[1], "y");
    reap(s, 2);
}

static void chain_with_the_end_of_a_stream(struct scene *s)
{
    waiting(s, 1, KEVY_SQE_IO_LINK);
    nop(s, 2, 0, 0);
    go(s);
    s->system->close(s->local[1]);
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
    put(s, s->local[1], "x");
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

    put(s, s->local[1], "abc");
    kevy_prep_recv(sqe, s->local[0], s->bytes, 64, 0);
    flag(sqe, KEVY_SQE_IO_LINK);
    nop(s, 2, 0, 0);
    submit_reap(s, 2);
}

static void short_recv_that_wanted_all_breaks_a_chain(struct scene *s)
{
    struct kevy_sqe *sqe = ask(s, 1);

    put(s, s->local[1], "abc");
    s->system->close(s->local[1]);
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
    put(s, s->local[1], "x");
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
    put(s, s->local[1], "x");
    reap(s, 1);
    reap_descriptor(s);
}

static void attributes_that_cannot_be_break_their_chains(struct scene *s)
{
    struct kevy_sqe *sqe = ask(s, 1);

    kevy_prep_fsetxattr(sqe, s->file, "user.a", NULL, 1U << 20, 0);
    flag(sqe, KEVY_SQE_IO_LINK);
    nop(s, 2, 0, 0);
    nop(s, 3, 0, KEVY_SQE_IO_LINK);
    sqe = ask(s, 4);
    kevy_prep_fsetxattr(sqe, s->file, "user.a", s->bytes, 4, 8); /* no such flag */
    nop(s, 5, 0, 0);
    go(s);
    reap_sorted(s, 5);
    quiet(s);
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
    put(s, s->local[1], "x");
    reap(s, 2);
}

static const struct scenario scenarios[] = {
    PLAY(nop_results),
    PLAY_UNLESS(nop_lookups, lookups_fault),
    PLAY(malformed_alone),
    {"malformed_ends_the_batch", malformed_ends_the_batch, NULL, 0, 0, true, NULL},
    {"malformed_in_a_chain_does_not_end_the_batch", malformed_in_a_chain_does_not_end_the_batch,
     NULL, 0, 0, true, NULL},
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
    PLAY(attributes_that_cannot_be_break_their_chains),
    PLAY(long_chain),
    PLAY(two_chains),
};

Suite *test_suite(void)
{
    return scenario_suite("ring_scenario_chain", scenarios, SCENARIO_COUNT(scenarios));
}
