/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Scenarios of receiving once, into memory and into groups. */

#include "scenario_requests.h"

/* Into memory. */

static void recv_of_what_is_there(struct scene *s)
{
    put(s, s->tcp[1], "hello");
    arrive(s, s->tcp[0]);
    recv_once(s, 1, 64, 0);
    submit_reap(s, 1);
    say_bytes(s, s->bytes, 5);
}

static void recv_of_what_comes(struct scene *s)
{
    recv_once(s, 1, 64, 0);
    submit(s);
    quiet(s);
    put(s, s->tcp[1], "hello");
    reap(s, 1);
}

static void recv_of_a_part(struct scene *s)
{
    put(s, s->tcp[1], "hello");
    arrive(s, s->tcp[0]);
    recv_once(s, 1, 2, 0);
    recv_once(s, 2, 64, 0);
    go(s);
    reap(s, 2);
}

static void recv_at_the_end(struct scene *s)
{
    recv_once(s, 1, 64, 0);
    go(s);
    end(s);
    reap(s, 1);
    recv_once(s, 2, 64, 0);
    submit_reap(s, 1);
}

/* The end comes in the same moment as the last bytes. */
static void recv_of_bytes_and_the_end(struct scene *s)
{
    put(s, s->tcp[1], "last");
    end(s);
    arrive(s, s->tcp[0]);
    recv_once(s, 1, 64, 0);
    submit_reap(s, 1);
    recv_once(s, 2, 64, 0);
    submit_reap(s, 1);
}

static void recv_after_a_reset(struct scene *s)
{
    recv_once(s, 1, 64, 0);
    go(s);
    reset(s, s->tcp[1]);
    reap(s, 1);
    recv_once(s, 2, 64, 0);
    submit_reap(s, 1);
}

static void recv_of_bytes_and_a_reset(struct scene *s)
{
    put(s, s->tcp[1], "lost");
    arrive(s, s->tcp[0]);
    reset(s, s->tcp[1]);
    s->system->usleep(2000);
    recv_once(s, 1, 2, 0);
    submit_reap(s, 1);
    recv_once(s, 2, 64, 0);
    submit_reap(s, 1);
    recv_once(s, 3, 64, 0);
    submit_reap(s, 1);
}

static void recv_without_waiting(struct scene *s)
{
    recv_once(s, 1, 64, MSG_DONTWAIT);
    submit_reap(s, 1);
    put(s, s->tcp[1], "x");
    arrive(s, s->tcp[0]);
    recv_once(s, 2, 64, MSG_DONTWAIT);
    submit_reap(s, 1);
}

static void recv_that_peeks(struct scene *s)
{
    put(s, s->tcp[1], "abc");
    arrive(s, s->tcp[0]);
    recv_once(s, 1, 64, MSG_PEEK);
    submit_reap(s, 1);
    recv_once(s, 2, 64, 0);
    submit_reap(s, 1);
}

static void recv_of_nothing(struct scene *s)
{
    put(s, s->tcp[1], "abc");
    arrive(s, s->tcp[0]);
    recv_once(s, 1, 0, 0);
    submit_reap(s, 1);
}

static void recv_of_all(struct scene *s)
{
    recv_once(s, 1, 6, MSG_WAITALL);
    go(s);
    put(s, s->tcp[1], "abc");
    quiet(s);
    put(s, s->tcp[1], "def");
    reap(s, 1);
    say_bytes(s, s->bytes, 6);
}

static void recv_of_all_up_to_the_end(struct scene *s)
{
    recv_once(s, 1, 6, MSG_WAITALL);
    go(s);
    put(s, s->tcp[1], "abc");
    end(s);
    reap(s, 1);
}

static void recv_of_all_up_to_a_reset(struct scene *s)
{
    recv_once(s, 1, 6, MSG_WAITALL);
    go(s);
    put(s, s->tcp[1], "abc");
    quiet(s);
    reset(s, s->tcp[1]);
    reap(s, 1);
}

static void recvs_stand_in_line(struct scene *s)
{
    char second[4] = "";

    recv_once(s, 1, 2, 0);
    kevy_prep_recv(ask(s, 2), s->tcp[0], second, 2, 0);
    go(s);
    put(s, s->tcp[1], "ab");
    reap(s, 1);
    quiet(s);
    put(s, s->tcp[1], "cd");
    reap(s, 1);
    say_bytes(s, s->bytes, 2);
    say_bytes(s, second, 2);
}

static void recv_that_polls_first(struct scene *s)
{
    struct kevy_sqe *sqe = ask(s, 1);

    kevy_prep_recv(sqe, s->tcp[0], s->bytes, 64, 0);
    kevy_sqe_set_recvsend_flags(sqe, KEVY_RECVSEND_POLL_FIRST);
    go(s);
    quiet(s);
    put(s, s->tcp[1], "x");
    reap(s, 1);
    put(s, s->tcp[1], "y");
    arrive(s, s->tcp[0]);
    sqe = ask(s, 2);
    kevy_prep_recv(sqe, s->tcp[0], s->bytes, 64, 0);
    kevy_sqe_set_recvsend_flags(sqe, KEVY_RECVSEND_POLL_FIRST);
    submit_reap(s, 1);
}

static void recv_on_other_files(struct scene *s)
{
    kevy_prep_recv(ask(s, 1), s->listener, s->bytes, 4, 0);
    kevy_prep_recv(ask(s, 2), s->pipe[0], s->bytes, 4, 0);
    kevy_prep_recv(ask(s, 3), s->file, s->bytes, 4, 0);
    kevy_prep_recv(ask(s, 4), 900, s->bytes, 4, 0);
    kevy_prep_recv(ask(s, 5), -1, s->bytes, 4, 0);
    kevy_prep_recv(ask(s, 6), s->tcp[0], NULL, 4, 0);
    kevy_prep_recv(ask(s, 7), s->event, s->bytes, 4, 0);
    put(s, s->tcp[1], "x");
    go(s);
    reap_sorted(s, 7);
}

static void recv_of_a_datagram(struct scene *s)
{
    put(s, s->packets[1], "four");
    kevy_prep_recv(ask(s, 1), s->packets[0], s->bytes, 2, 0);
    submit_reap(s, 1);
    put(s, s->packets[1], "five5");
    kevy_prep_recv(ask(s, 2), s->packets[0], s->bytes, 2, MSG_TRUNC);
    submit_reap(s, 1);
    kevy_prep_recv(ask(s, 3), s->packets[0], s->bytes, 64, 0);
    go(s);
    must(s->system->send(s->packets[1], "", 0, 0) == 0);
    reap(s, 1);
}

/* Bytes with descriptors in between: a Unix read stops in front of them, though there is more. */
static void recv_stops_at_descriptors(struct scene *s)
{
    char x = 'x';
    struct iovec part = {&x, 1};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {.header = {.cmsg_level = SOL_SOCKET,
                            .cmsg_type = SCM_RIGHTS,
                            .cmsg_len = CMSG_LEN(sizeof(int))}};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.space,
                             .msg_controllen = sizeof control.space};

    memcpy(CMSG_DATA(&control.header), &s->file, sizeof s->file);
    group_make(s, 0);
    kevy_prep_recv_multishot(ask(s, 1), s->local[0], 5, 0);
    go(s);
    put(s, s->local[1], "ab");
    must(s->system->sendmsg(s->local[1], &message, 0) == 1);
    put(s, s->local[1], "cd");
    reap(s, 3);
    quiet(s);
}

/* Into a group. */

static void select_of_what_is_there(struct scene *s)
{
    group_make(s, 0);
    put(s, s->tcp[1], "hello");
    arrive(s, s->tcp[0]);
    kevy_prep_recv_select(ask(s, 1), s->tcp[0], 5, 0, 0);
    submit_reap(s, 1);
    say_bytes(s, s->group.buffers, 5);
}

static void select_of_what_comes(struct scene *s)
{
    group_make(s, 0);
    kevy_prep_recv_select(ask(s, 1), s->tcp[0], 5, 0, 0);
    go(s);
    quiet(s);
    say(s, "head %d\n", kevy_buffer_ring_head(&s->group));
    put(s, s->tcp[1], "hello");
    reap(s, 1);
    say(s, "head %d\n", kevy_buffer_ring_head(&s->group));
}

static void select_with_a_limit(struct scene *s)
{
    group_make(s, 0);
    put(s, s->tcp[1], "hello");
    arrive(s, s->tcp[0]);
    kevy_prep_recv_select(ask(s, 1), s->tcp[0], 5, 3, 0);
    submit_reap(s, 1);
    kevy_prep_recv_select(ask(s, 2), s->tcp[0], 5, 300, 0);
    submit_reap(s, 1);
}

static void select_at_the_end(struct scene *s)
{
    group_make(s, 0);
    end(s);
    arrive(s, s->tcp[0]);
    kevy_prep_recv_select(ask(s, 1), s->tcp[0], 5, 0, 0);
    submit_reap(s, 1);
    say(s, "head %d\n", kevy_buffer_ring_head(&s->group));
}

static void select_from_nothing(struct scene *s)
{
    kevy_prep_recv_select(ask(s, 1), s->tcp[0], 5, 0, 0);
    submit_reap(s, 1);
    group_make(s, 0);
    for (uint64_t i = 2; i < 10; i++) {
        put(s, s->tcp[1], "x");
        arrive(s, s->tcp[0]);
        kevy_prep_recv_select(ask(s, i), s->tcp[0], 5, 0, 0);
        submit_reap(s, 1);
    }
    kevy_prep_recv_select(ask(s, 10), s->tcp[0], 5, 0, 0);
    submit_reap(s, 1);
}

static void select_is_cancelled(struct scene *s)
{
    group_make(s, 0);
    kevy_prep_recv_select(ask(s, 1), s->tcp[0], 5, 0, 0);
    go(s);
    kevy_prep_cancel(ask(s, 2), 1, 0);
    go(s);
    reap_sorted(s, 2);
    say(s, "head %d\n", kevy_buffer_ring_head(&s->group));
}

static void bundle_of_what_is_there(struct scene *s)
{
    group_make(s, 0);
    put(s, s->tcp[1], "0123456789abcdefghijklmnopqrstuvwxyz");
    arrive(s, s->tcp[0]);
    kevy_prep_recv_bundle(ask(s, 1), s->tcp[0], 5, 0);
    submit_reap(s, 1);
    say(s, "head %d\n", kevy_buffer_ring_head(&s->group));
}

static void bundle_of_little(struct scene *s)
{
    group_make(s, 0);
    kevy_prep_recv_bundle(ask(s, 1), s->tcp[0], 5, 0);
    go(s);
    put(s, s->tcp[1], "hello");
    reap(s, 1);
    say(s, "head %d\n", kevy_buffer_ring_head(&s->group));
}

static void bundle_of_more_than_the_group(struct scene *s)
{
    group_make(s, 0);
    for (unsigned i = 0; i < 20; i++)
        put(s, s->tcp[1], "0123456789");
    arrive(s, s->tcp[0]);
    kevy_prep_recv_bundle(ask(s, 1), s->tcp[0], 5, 0);
    submit_reap(s, 1);
    say(s, "head %d\n", kevy_buffer_ring_head(&s->group));
}

/* Incremental groups. */

static void pieces_of_a_buffer(struct scene *s)
{
    group_make(s, KEVY_BUFFER_RING_INCREMENTAL);
    kevy_prep_recv_multishot(ask(s, 1), s->tcp[0], 5, 0);
    go(s);
    put(s, s->tcp[1], "hello");
    reap(s, 1);
    put(s, s->tcp[1], "world");
    reap(s, 1);
    say(s, "head %d\n", kevy_buffer_ring_head(&s->group));
    put(s, s->tcp[1], "0123456789");
    reap(s, 2);
    say_bytes(s, s->group.buffers, 20);
    say(s, "head %d\n", kevy_buffer_ring_head(&s->group));
}

static void piece_that_ends_a_buffer(struct scene *s)
{
    group_make(s, KEVY_BUFFER_RING_INCREMENTAL);
    kevy_prep_recv_multishot(ask(s, 1), s->tcp[0], 5, 0);
    go(s);
    put(s, s->tcp[1], "0123456789abcdef");
    reap(s, 1);
    put(s, s->tcp[1], "x");
    reap(s, 1);
    end(s);
    reap(s, 1);
}

static void pieces_in_bundles(struct scene *s)
{
    group_make(s, KEVY_BUFFER_RING_INCREMENTAL);
    put(s, s->tcp[1], "0123456789abcdefghij");
    arrive(s, s->tcp[0]);
    kevy_prep_recv_bundle(ask(s, 1), s->tcp[0], 5, 0);
    submit_reap(s, 1);
    put(s, s->tcp[1], "klm");
    arrive(s, s->tcp[0]);
    kevy_prep_recv_bundle(ask(s, 2), s->tcp[0], 5, 0);
    submit_reap(s, 1);
    say_bytes(s, s->group.buffers, 23);
}

/* Linux 6.18.15 drops KEVY_CQE_F_BUF_MORE when it receives a bundle in two parts. */
static bool bundles_drop_the_flag(struct scene *s)
{
    struct kevy_cqe cqe;

    group_make(s, KEVY_BUFFER_RING_INCREMENTAL);
    put(s, s->tcp[1], "0123456789abcdefghij");
    arrive(s, s->tcp[0]);
    kevy_prep_recv_bundle(ask(s, 1), s->tcp[0], 5, 0);
    go(s);
    return cqe_next(s, SCENE_PATIENCE_NS, &cqe) && cqe.res == 20 &&
           (cqe.flags & KEVY_CQE_F_BUF_MORE) == 0;
}

static const struct scenario_fault bundles_fault = {
    bundles_drop_the_flag, "this kernel drops KEVY_CQE_F_BUF_MORE of a bundle in two parts"};

static const struct scenario scenarios[] = {
    PLAY(recv_of_what_is_there),
    PLAY(recv_of_what_comes),
    PLAY(recv_of_a_part),
    PLAY(recv_at_the_end),
    PLAY(recv_of_bytes_and_the_end),
    PLAY(recv_after_a_reset),
    PLAY(recv_of_bytes_and_a_reset),
    PLAY(recv_without_waiting),
    PLAY(recv_that_peeks),
    PLAY(recv_of_nothing),
    PLAY(recv_of_all),
    PLAY(recv_of_all_up_to_the_end),
    PLAY(recv_of_all_up_to_a_reset),
    DIFFERS(recvs_stand_in_line, "io_uring wakes the last first; the contract has no order here"),
    PLAY(recv_that_polls_first),
    PLAY(recv_on_other_files),
    PLAY(recv_of_a_datagram),
    PLAY(recv_stops_at_descriptors),
    PLAY(select_of_what_is_there),
    PLAY(select_of_what_comes),
    PLAY(select_with_a_limit),
    PLAY(select_at_the_end),
    PLAY(select_from_nothing),
    PLAY(select_is_cancelled),
    DIFFERS(bundle_of_what_is_there,
            "how many buffers a bundle begins with is a guess of io_uring's"),
    PLAY(bundle_of_little),
    PLAY(bundle_of_more_than_the_group),
    PLAY(pieces_of_a_buffer),
    PLAY(piece_that_ends_a_buffer),
    PLAY_UNLESS(pieces_in_bundles, bundles_fault),
};

Suite *test_suite(void)
{
    return scenario_suite("ring_scenario_receive", scenarios, SCENARIO_COUNT(scenarios));
}
