/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Scenarios of what goes from one descriptor to another: splices, tees, messages to rings. */

#include "scenario_requests.h"

static void pipe_fill(struct scene *s)
{
    struct pollfd polled = {.fd = s->pipe[1], .events = POLLOUT};
    static const char bytes[4096];

    while (s->system->poll(&polled, 1, 0) == 1)
        must(s->system->write(s->pipe[1], bytes, sizeof bytes) == sizeof bytes);
}

static void say_read(struct scene *s, int fd, size_t room)
{
    char bytes[64];
    ssize_t count = s->system->read(fd, bytes, room);

    say(s, "%.*s\n", (int)(count > 0 ? count : 0), bytes);
}

static void move(struct scene *s, uint64_t user_data, int from, int to, uint32_t length,
                 uint32_t flags)
{
    kevy_prep_splice(ask(s, user_data), from, KEVY_OFFSET_CURRENT, to, KEVY_OFFSET_CURRENT, length,
                     flags);
}

/* ---- Splice -------------------------------------------------------------------------------- */

static void splice_from_a_pipe_to_a_socket(struct scene *s)
{
    put(s, s->pipe[1], "hello");
    move(s, 1, s->pipe[0], s->tcp[0], 5, 0);
    submit_reap(s, 1);
    say_read(s, s->tcp[1], 10);
}

static void splice_from_a_socket_to_a_pipe(struct scene *s)
{
    put(s, s->tcp[0], "hello");
    arrive(s, s->tcp[1]);
    move(s, 1, s->tcp[1], s->pipe[1], 3, 0);
    submit_reap(s, 1);
    say_read(s, s->pipe[0], 10);
    say_read(s, s->tcp[1], 10);
}

static void splice_from_a_file_to_a_pipe(struct scene *s)
{
    kevy_prep_splice(ask(s, 1), s->file, 2, s->pipe[1], KEVY_OFFSET_CURRENT, 4, 0);
    submit_reap(s, 1);
    say_read(s, s->pipe[0], 10);
    must(s->system->lseek(s->file, 7, SEEK_SET) == 7);
    move(s, 2, s->file, s->pipe[1], 10, 0);
    submit_reap(s, 1);
    say_read(s, s->pipe[0], 10);
    move(s, 3, s->file, s->pipe[1], 10, 0);
    submit_reap(s, 1);
}

static void splice_from_a_pipe_to_a_file(struct scene *s)
{
    put(s, s->pipe[1], "abcdef");
    kevy_prep_splice(ask(s, 1), s->pipe[0], KEVY_OFFSET_CURRENT, s->file, 4, 3, 0);
    submit_reap(s, 1);
    must(s->system->lseek(s->file, 0, SEEK_SET) == 0);
    move(s, 2, s->pipe[0], s->file, 2, 0);
    submit_reap(s, 1);
    must(s->system->lseek(s->file, 0, SEEK_SET) == 0);
    say_read(s, s->file, 10);
    say_read(s, s->pipe[0], 10);
}

static void splice_waits_for_bytes(struct scene *s)
{
    move(s, 1, s->pipe[0], s->local[0], 5, 0);
    go(s);
    quiet(s);
    put(s, s->pipe[1], "hello");
    reap(s, 1);
    say_read(s, s->local[1], 10);
}

static void splice_waits_for_room(struct scene *s)
{
    char bytes[4096];

    pipe_fill(s);
    put(s, s->local[0], "hello");
    move(s, 1, s->local[1], s->pipe[1], 5, 0);
    go(s);
    quiet(s);
    for (unsigned i = 0; i < 16; i++)
        must(s->system->read(s->pipe[0], bytes, sizeof bytes) == sizeof bytes);
    reap(s, 1);
    say_read(s, s->pipe[0], 10);
}

static void splice_of_fewer_breaks_a_chain(struct scene *s)
{
    struct kevy_sqe *sqe = ask(s, 1);

    put(s, s->pipe[1], "abc");
    kevy_prep_splice(sqe, s->pipe[0], KEVY_OFFSET_CURRENT, s->local[0], KEVY_OFFSET_CURRENT, 5, 0);
    flag(sqe, KEVY_SQE_IO_LINK);
    nop(s, 2, 0, 0);
    go(s);
    reap_sorted(s, 2);
}

static void splice_comes_to_the_end(struct scene *s)
{
    put(s, s->pipe[1], "abc");
    must(s->system->close(s->pipe[1]) == 0);
    move(s, 1, s->pipe[0], s->local[0], 5, 0);
    submit_reap(s, 1);
    move(s, 2, s->pipe[0], s->local[0], 5, 0);
    submit_reap(s, 1);
    say_read(s, s->local[1], 10);
}

static void splice_of_an_end_that_comes(struct scene *s)
{
    move(s, 1, s->pipe[0], s->local[0], 5, 0);
    go(s);
    quiet(s);
    must(s->system->close(s->pipe[1]) == 0);
    reap(s, 1);
}

static void splice_to_nobody(struct scene *s)
{
    put(s, s->local[0], "hello");
    must(s->system->close(s->pipe[0]) == 0);
    move(s, 1, s->local[1], s->pipe[1], 5, 0);
    submit_reap(s, 1);
}

static void splice_that_must_not_wait(struct scene *s)
{
    move(s, 1, s->pipe[0], s->local[0], 5, SPLICE_F_NONBLOCK);
    submit_reap(s, 1);
    put(s, s->pipe[1], "hello");
    move(s, 2, s->pipe[0], s->local[0], 5, SPLICE_F_NONBLOCK);
    submit_reap(s, 1);
}

static void splice_of_nothing(struct scene *s)
{
    move(s, 1, s->pipe[0], s->local[0], 0, 0);
    submit_reap(s, 1);
}

static void splice_of_what_cannot_be(struct scene *s)
{
    put(s, s->pipe[1], "hello");
    put(s, s->local[0], "hello");
    move(s, 1, s->local[1], s->file, 5, 0); /* no pipe */
    submit_reap(s, 1);
    move(s, 2, s->pipe[0], s->pipe[1], 5, 0); /* into itself */
    submit_reap(s, 1);
    move(s, 3, s->pipe[1], s->file, 5, 0); /* the wrong ends */
    submit_reap(s, 1);
    move(s, 4, s->file, s->pipe[0], 5, 0);
    submit_reap(s, 1);
    kevy_prep_splice(ask(s, 5), s->pipe[0], 0, s->file, 0, 5, 0); /* a place within a pipe */
    submit_reap(s, 1);
    kevy_prep_splice(ask(s, 6), s->file, 0, s->pipe[1], 0, 5, 0);
    submit_reap(s, 1);
    move(s, 7, 99, s->pipe[1], 5, 0);
    submit_reap(s, 1);
    move(s, 8, s->pipe[0], 99, 5, 0);
    submit_reap(s, 1);
    move(s, 9, s->pipe[0], s->file, 5, 1U << 20);
    submit_reap(s, 1);
    move(s, 10, s->pipe[0], s->file, 5, KEVY_SPLICE_F_FD_IN_FIXED);
    submit_reap(s, 1);
}

/* 7.3 tells the interruption by EINTR, 6.18 by ERESTARTSYS, which no header has. */
static int interruption(int result)
{
    return result == -512 ? -EINTR : result;
}

static void splice_is_cancelled(struct scene *s)
{
    int result[2] = {0};
    unsigned results = 0;
    struct kevy_cqe cqe;

    move(s, 1, s->pipe[0], s->local[0], 5, 0);
    go(s);
    quiet(s);
    kevy_prep_cancel(ask(s, 2), 1, 0);
    go(s);
    while (results++ < 2 && cqe_next(s, SCENE_PATIENCE_NS, &cqe))
        result[cqe.user_data == 2] = interruption(cqe.res);
    say_result(s, "splice", result[0]);
    say_result(s, "cancel", result[1]);
    put(s, s->pipe[1], "hello");
    quiet(s);
    say_read(s, s->pipe[0], 10);
}

static void splice_reaches_its_limit(struct scene *s)
{
    struct kevy_sqe *sqe = ask(s, 1);

    kevy_prep_splice(sqe, s->pipe[0], KEVY_OFFSET_CURRENT, s->local[0], KEVY_OFFSET_CURRENT, 5, 0);
    flag(sqe, KEVY_SQE_IO_LINK);
    limit(s, 2, &soon, 0);
    go(s);
    reap_sorted(s, 2);
}

/* ---- Tee ----------------------------------------------------------------------------------- */

static void tee_leaves_the_bytes(struct scene *s)
{
    int other[2];

    must(s->system->pipe(other) == 0);
    put(s, s->pipe[1], "hello");
    kevy_prep_tee(ask(s, 1), s->pipe[0], other[1], 3, 0);
    submit_reap(s, 1);
    kevy_prep_tee(ask(s, 2), s->pipe[0], other[1], 10, 0);
    submit_reap(s, 1);
    say_read(s, other[0], 20);
    say_read(s, s->pipe[0], 20);
}

static void tee_waits_for_bytes(struct scene *s)
{
    int other[2];

    must(s->system->pipe(other) == 0);
    kevy_prep_tee(ask(s, 1), s->pipe[0], other[1], 5, 0);
    go(s);
    quiet(s);
    put(s, s->pipe[1], "hello");
    reap(s, 1);
    say_read(s, other[0], 20);
}

static void tee_of_what_cannot_be(struct scene *s)
{
    put(s, s->pipe[1], "hello");
    kevy_prep_tee(ask(s, 1), s->pipe[0], s->pipe[1], 5, 0);
    submit_reap(s, 1);
    kevy_prep_tee(ask(s, 2), s->pipe[0], s->file, 5, 0);
    submit_reap(s, 1);
    kevy_prep_tee(ask(s, 3), s->local[0], s->pipe[1], 5, 0);
    submit_reap(s, 1);
    kevy_prep_tee(ask(s, 4), s->pipe[0], s->pipe[1], 0, 0);
    submit_reap(s, 1);
}

static void splice_from_a_pipe_to_a_pipe(struct scene *s)
{
    int other[2];

    must(s->system->pipe(other) == 0);
    put(s, s->pipe[1], "hello");
    move(s, 1, s->pipe[0], other[1], 3, 0);
    submit_reap(s, 1);
    move(s, 2, s->pipe[0], other[1], 10, 0);
    submit_reap(s, 1);
    say_read(s, other[0], 20);
    must(s->system->close(other[0]) == 0);
    put(s, s->pipe[1], "more");
    move(s, 3, s->pipe[0], other[1], 4, 0);
    submit_reap(s, 1);
}

/* ---- Messages to rings --------------------------------------------------------------------- */

static void message_to_itself(struct scene *s)
{
    kevy_prep_msg_ring(ask(s, 1), s->ring.fd, 77, 5, 0);
    go(s);
    reap_sorted(s, 2);
}

static void message_with_flags(struct scene *s)
{
    kevy_prep_msg_ring_cqe_flags(ask(s, 1), s->ring.fd, 77, 5, KEVY_CQE_F_MORE);
    go(s);
    reap_sorted(s, 2);
}

static void message_to_another_ring(struct scene *s)
{
    struct kevy_ring_options options = {.required_flags =
                                            KEVY_SETUP_SINGLE_ISSUER | KEVY_SETUP_DEFER_TASKRUN,
                                        .cq_entries = 8,
                                        .kernel = KEVY_RING_KERNEL_IO_URING,
                                        .custom_kernel = s->ring.kernel};
    struct kevy_ring_wait wait = {.minimum = 1, .timeout_ns = SCENE_PATIENCE_NS};
    struct kevy_ring other = {0};
    const struct kevy_cqe *cqe;

    must(kevy_ring_init(&other, 4, &options) == 0);
    kevy_prep_msg_ring(ask(s, 1), other.fd, 77, 5, 0);
    kevy_prep_msg_ring_cqe_flags(ask(s, 2), other.fd, 78, 6, KEVY_CQE_F_MORE);
    submit_reap(s, 2);
    for (unsigned i = 0; i < 2 && kevy_ring_wait(&other, &wait) >= 0; i++) {
        cqe = kevy_ring_next(&other);
        must(cqe != NULL);
        say_cqe(s, cqe);
        kevy_ring_release(&other);
    }
    kevy_ring_deinit(&other);
}

static void message_to_what_is_no_ring(struct scene *s)
{
    kevy_prep_msg_ring(ask(s, 1), s->pipe[0], 77, 5, 0);
    submit_reap(s, 1);
    kevy_prep_msg_ring(ask(s, 2), 99, 77, 5, 0);
    submit_reap(s, 1);
    kevy_prep_msg_ring(ask(s, 3), s->ring.fd, 77, 5, 1U << 20);
    submit_reap(s, 1);
    quiet(s);
}

static const char no_rings[] = "the soft kernel has no table of the process's rings";

static const struct scenario scenarios[] = {
    PLAY(splice_from_a_pipe_to_a_socket),
    PLAY(splice_from_a_socket_to_a_pipe),
    PLAY(splice_from_a_file_to_a_pipe),
    PLAY(splice_from_a_pipe_to_a_file),
    PLAY(splice_from_a_pipe_to_a_pipe),
    PLAY(splice_waits_for_bytes),
    PLAY(splice_waits_for_room),
    PLAY(splice_of_fewer_breaks_a_chain),
    PLAY(splice_comes_to_the_end),
    PLAY(splice_of_an_end_that_comes),
    PLAY(splice_to_nobody),
    PLAY(splice_that_must_not_wait),
    PLAY(splice_of_nothing),
    PLAY(splice_of_what_cannot_be),
    DIFFERS(splice_is_cancelled, "io_uring interrupts a thread"),
    DIFFERS(splice_reaches_its_limit, "io_uring's limit ends no splice that waits"),
    PLAY(tee_leaves_the_bytes),
    PLAY(tee_waits_for_bytes),
    PLAY(tee_of_what_cannot_be),
    DIFFERS(message_to_itself, no_rings),
    DIFFERS(message_with_flags, no_rings),
    DIFFERS(message_to_another_ring, no_rings),
    DIFFERS(message_to_what_is_no_ring, no_rings),
};

Suite *test_suite(void)
{
    return scenario_suite("ring_scenario_transfer", scenarios, SCENARIO_COUNT(scenarios));
}
