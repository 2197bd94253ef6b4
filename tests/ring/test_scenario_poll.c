/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Scenarios of polls, and of waits for completions. */

#include "scenario_requests.h"

/* Polls. */

static void poll_that_is_ready(struct scene *s)
{
    put(s, s->local[1], "x");
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
    put(s, s->local[1], "x");
    reap(s, 1);
    quiet(s);
}

static void poll_sees_the_end(struct scene *s)
{
    kevy_prep_poll(ask(s, 1), s->local[0], POLLIN);
    kevy_prep_poll(ask(s, 2), s->local[0], POLLRDHUP);
    kevy_prep_poll(ask(s, 3), s->local[0], 0);
    go(s);
    s->system->close(s->local[1]);
    reap_sorted(s, 3);
}

static void poll_of_a_pipe_without_readers(struct scene *s)
{
    kevy_prep_poll(ask(s, 1), s->pipe[1], 0);
    go(s);
    s->system->close(s->pipe[0]);
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
    put(s, s->local[1], "x");
    reap(s, 1);
    quiet(s);
    put(s, s->local[1], "x");
    reap(s, 1);
    s->system->close(s->local[1]);
    reap(s, 1);
}

static void poll_again_and_again_of_what_is_ready(struct scene *s)
{
    put(s, s->local[1], "x");
    kevy_prep_poll_multishot(ask(s, 1), s->local[0], POLLIN);
    go(s);
    reap(s, 1);
    quiet(s);
    put(s, s->local[1], "x");
    reap(s, 1);
}

static void poll_of_an_eventfd_again_and_again(struct scene *s)
{
    uint64_t count = 1;

    kevy_prep_poll_multishot(ask(s, 1), s->event, POLLIN);
    go(s);
    for (unsigned i = 0; i < 4; i++) {
        must(s->system->write(s->event, &count, sizeof count) == sizeof count);
        reap(s, 1);
        must(s->system->read(s->event, &count, sizeof count) == sizeof count);
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
    put(s, s->local[1], "x");
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
    put(s, s->local[1], "x");
    reap_sorted(s, 2);
    put(s, s->tcp[1], "yz");
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
    for (uint64_t round = 0; round < 6; round++) {
        for (uint64_t i = 1; i <= 8; i++)
            nop(s, round * 8 + i, 0, 0);
        submit(s);
    }
    say(s, "%soverflowed\n", kevy_ring_overflowed(&s->ring) ? "" : "not ");
    reap(s, 48);
    say(s, "%soverflowed\n", kevy_ring_overflowed(&s->ring) ? "" : "not ");
    quiet(s);
}

/* There is room in the queue, but others have waited for it longer. */
static void overflow_is_not_overtaken(struct scene *s)
{
    for (uint64_t round = 0; round < 6; round++) {
        for (uint64_t i = 1; i <= 8; i++)
            nop(s, round * 8 + i, 0, 0);
        go(s);
    }
    reap(s, 8);
    nop(s, 49, 0, 0);
    go(s);
    reap(s, 4);
    nop(s, 50, 0, 0);
    waiting(s, 51, 0);
    put(s, s->local[1], "x");
    go(s);
    reap(s, 39);
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

static const struct scenario scenarios[] = {
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
    {"overflow_keeps_the_order", overflow_keeps_the_order, NULL, 32, 0, false, NULL},
    {"overflow_is_not_overtaken", overflow_is_not_overtaken, NULL, 32, 0, false, NULL},
    PLAY(more_is_submitted_than_there_is),
    PLAY(enters_are_malformed),
};

Suite *test_suite(void)
{
    return scenario_suite("ring_scenario_poll", scenarios, SCENARIO_COUNT(scenarios));
}
