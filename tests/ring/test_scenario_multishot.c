/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Scenarios of receiving again and again. */

#include "scenario_requests.h"

/* Again and again. */

static void multishot_of_little(struct scene *s)
{
    group_make(s, 0);
    kevy_prep_recv_multishot(ask(s, 1), s->tcp[0], 5, 0);
    go(s);
    for (unsigned i = 0; i < 5; i++) {
        put(s, s->tcp[1], "hello");
        reap(s, 1);
        quiet(s);
    }
}

static void multishot_of_what_is_there(struct scene *s)
{
    group_make(s, 0);
    put(s, s->tcp[1], "hello");
    arrive(s, s->tcp[0]);
    kevy_prep_recv_multishot(ask(s, 1), s->tcp[0], 5, 0);
    submit_reap(s, 1);
    put(s, s->tcp[1], "world");
    reap(s, 1);
}

static void multishot_of_more_than_a_buffer(struct scene *s)
{
    group_make(s, 0);
    kevy_prep_recv_multishot(ask(s, 1), s->tcp[0], 5, 0);
    go(s);
    put(s, s->tcp[1], "0123456789abcdefghijklmnopqrstuvwxyz");
    reap(s, 3);
    put(s, s->tcp[1], "!");
    reap(s, 1);
    quiet(s);
}

static void multishot_of_exactly_a_buffer(struct scene *s)
{
    group_make(s, 0);
    kevy_prep_recv_multishot(ask(s, 1), s->tcp[0], 5, 0);
    go(s);
    put(s, s->tcp[1], "0123456789abcdef");
    reap(s, 1);
    quiet(s);
    put(s, s->tcp[1], "0123456789abcdef");
    reap(s, 1);
    end(s);
    reap(s, 1);
}

static void multishot_to_the_end(struct scene *s)
{
    group_make(s, 0);
    kevy_prep_recv_multishot(ask(s, 1), s->tcp[0], 5, 0);
    go(s);
    put(s, s->tcp[1], "x");
    reap(s, 1);
    end(s);
    reap(s, 1);
    quiet(s);
    say(s, "head %d\n", kevy_buffer_ring_head(&s->group));
}

static void multishot_of_bytes_and_the_end(struct scene *s)
{
    group_make(s, 0);
    kevy_prep_recv_multishot(ask(s, 1), s->tcp[0], 5, 0);
    go(s);
    put(s, s->tcp[1], "x");
    reap(s, 1);
    put(s, s->tcp[1], "last");
    end(s);
    arrive(s, s->tcp[0]);
    s->system->usleep(2000);
    reap(s, 2);
    quiet(s);
}

static void multishot_of_full_buffers_and_the_end(struct scene *s)
{
    group_make(s, 0);
    kevy_prep_recv_multishot(ask(s, 1), s->tcp[0], 5, 0);
    go(s);
    put(s, s->tcp[1], "0123456789abcdef0123456789abcdef");
    end(s);
    arrive(s, s->tcp[0]);
    s->system->usleep(2000);
    reap(s, 3);
    quiet(s);
}

static void multishot_armed_at_the_end(struct scene *s)
{
    group_make(s, 0);
    put(s, s->tcp[1], "last");
    end(s);
    arrive(s, s->tcp[0]);
    s->system->usleep(2000);
    kevy_prep_recv_multishot(ask(s, 1), s->tcp[0], 5, 0);
    go(s);
    reap(s, 2);
}

static void multishot_to_a_reset(struct scene *s)
{
    group_make(s, 0);
    kevy_prep_recv_multishot(ask(s, 1), s->tcp[0], 5, 0);
    go(s);
    put(s, s->tcp[1], "x");
    reap(s, 1);
    reset(s, s->tcp[1]);
    reap(s, 1);
    quiet(s);
}

static void multishot_empties_its_group(struct scene *s)
{
    group_make(s, 0);
    kevy_prep_recv_multishot(ask(s, 1), s->tcp[0], 5, 0);
    go(s);
    for (unsigned i = 0; i < 8; i++) {
        put(s, s->tcp[1], "x");
        reap(s, 1);
    }
    put(s, s->tcp[1], "y");
    reap(s, 1);
    quiet(s);
    kevy_prep_recv_multishot(ask(s, 2), s->tcp[0], 5, 0);
    submit_reap(s, 1);
}

static void multishot_that_polls_first_minds_no_empty_group(struct scene *s)
{
    group_make(s, 0);
    for (uint64_t i = 1; i < 9; i++) {
        put(s, s->tcp[1], "x");
        arrive(s, s->tcp[0]);
        kevy_prep_recv_select(ask(s, i), s->tcp[0], 5, 0, 0);
        submit_reap(s, 1);
    }
    kevy_prep_recv_multishot(ask(s, 9), s->tcp[0], 5, KEVY_RECVSEND_POLL_FIRST);
    go(s);
    quiet(s);
    put(s, s->tcp[1], "y");
    reap(s, 1);
}

static void multishot_without_a_group(struct scene *s)
{
    kevy_prep_recv_multishot(ask(s, 1), s->tcp[0], 5, 0);
    submit_reap(s, 1);
}

static void multishot_is_cancelled(struct scene *s)
{
    group_make(s, 0);
    kevy_prep_recv_multishot(ask(s, 1), s->tcp[0], 5, 0);
    go(s);
    put(s, s->tcp[1], "x");
    reap(s, 1);
    kevy_prep_cancel(ask(s, 2), 1, 0);
    go(s);
    reap_sorted(s, 2);
    put(s, s->tcp[1], "y");
    arrive(s, s->tcp[0]);
    quiet(s);
    say_arrived(s, s->tcp[0]);
}

static void multishot_with_a_length(struct scene *s)
{
    group_make(s, 0);
    kevy_prep_recv_multishot_limit(ask(s, 1), s->tcp[0], 5, 4, 0, 0);
    go(s);
    put(s, s->tcp[1], "0123456789");
    reap(s, 3);
    quiet(s);
}

static void multishot_with_a_total(struct scene *s)
{
    group_make(s, 0);
    kevy_prep_recv_multishot_limit(ask(s, 1), s->tcp[0], 5, 0, 20, 0);
    go(s);
    put(s, s->tcp[1], "0123456789abcdefghijklmnopqrstuvwxyz");
    reap(s, 2);
    quiet(s);
    say_arrived(s, s->tcp[0]);
}

static void multishot_with_a_total_in_pieces(struct scene *s)
{
    group_make(s, 0);
    kevy_prep_recv_multishot_limit(ask(s, 1), s->tcp[0], 5, 0, 6, 0);
    go(s);
    put(s, s->tcp[1], "abc");
    reap(s, 1);
    put(s, s->tcp[1], "defg");
    reap(s, 1);
    quiet(s);
    say_arrived(s, s->tcp[0]);
}

static void multishot_in_bundles(struct scene *s)
{
    group_make(s, 0);
    kevy_prep_recv_multishot(ask(s, 1), s->tcp[0], 5, KEVY_RECVSEND_BUNDLE);
    go(s);
    put(s, s->tcp[1], "hello");
    reap(s, 1);
    put(s, s->tcp[1], "world");
    reap(s, 1);
    end(s);
    reap(s, 1);
}

static void multishots_are_malformed(struct scene *s)
{
    struct kevy_sqe *sqe;

    group_make(s, 0);
    sqe = ask(s, 1);
    kevy_prep_recv_multishot(sqe, s->tcp[0], 5, 0);
    sqe->flags = 0;
    sqe = ask(s, 2);
    kevy_prep_recv_multishot(sqe, s->tcp[0], 5, 0);
    sqe->msg_flags = MSG_WAITALL;
    sqe = ask(s, 3);
    kevy_prep_recv_multishot(sqe, s->tcp[0], 5, 0x80);
    sqe = ask(s, 4);
    kevy_prep_recv(sqe, s->tcp[0], s->bytes, 4, 0);
    sqe->optlen = 5;
    sqe = ask(s, 5);
    kevy_prep_recv(sqe, s->tcp[0], s->bytes, 4, 0);
    sqe->ioprio = KEVY_RECVSEND_BUNDLE;
    sqe = ask(s, 6);
    kevy_prep_nop(sqe);
    sqe->flags = KEVY_SQE_BUFFER_SELECT;
    go(s);
    reap_sorted(s, 6);
}

static void two_multishots_share_a_socket(struct scene *s)
{
    group_make(s, 0);
    kevy_prep_recv_multishot(ask(s, 1), s->tcp[0], 5, 0);
    kevy_prep_recv_multishot(ask(s, 2), s->tcp[1], 5, 0);
    go(s);
    put(s, s->tcp[1], "a");
    reap(s, 1);
    put(s, s->tcp[0], "b");
    reap(s, 1);
    quiet(s);
}

static void multishot_outlives_a_full_queue(struct scene *s)
{
    group_make(s, 0);
    kevy_prep_recv_multishot(ask(s, 1), s->packets[0], 5, 0);
    go(s);
    for (unsigned i = 0; i < 40; i++)
        kevy_prep_nop(ask(s, 100 + i)), go(s);
    put(s, s->packets[1], "x");
    reap(s, 41);
    put(s, s->packets[1], "y");
    reap(s, 1);
}

static const struct scenario scenarios[] = {
    PLAY(multishot_of_little),
    PLAY(multishot_of_what_is_there),
    PLAY(multishot_of_more_than_a_buffer),
    PLAY(multishot_of_exactly_a_buffer),
    PLAY(multishot_to_the_end),
    PLAY(multishot_of_bytes_and_the_end),
    PLAY(multishot_of_full_buffers_and_the_end),
    PLAY(multishot_armed_at_the_end),
    PLAY(multishot_to_a_reset),
    PLAY(multishot_empties_its_group),
    PLAY(multishot_that_polls_first_minds_no_empty_group),
    PLAY(multishot_without_a_group),
    PLAY(multishot_is_cancelled),
    PLAY(multishot_with_a_length),
    DIFFERS(multishot_with_a_total, "io_uring fills the buffer in which the total is reached"),
    DIFFERS(multishot_with_a_total_in_pieces,
            "io_uring fills the buffer in which the total is reached"),
    PLAY(multishot_in_bundles),
    PLAY(multishots_are_malformed),
    PLAY(two_multishots_share_a_socket),
    {"multishot_outlives_a_full_queue", multishot_outlives_a_full_queue,
     "a multishot request waits for room in the completion queue", 32, 0, false, NULL},
};

Suite *test_suite(void)
{
    return scenario_suite("ring_scenario_multishot", scenarios, SCENARIO_COUNT(scenarios));
}
