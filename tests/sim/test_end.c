/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Ends in good order: a reactor that finishes answers everybody whose connect has succeeded, and
 * then tells its streams. A peer that is gone, which a stream is told although nobody reads.
 */
#include "crowd.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>

static void echo_end(struct kevy_stream *stream)
{
    kevy_stream_close(stream);
}

/* Their clients connect again at once, so nobody is told before the listener is closed. */
static void finish_told(struct kevy_stream *stream)
{
    (void)stream;
    KEVY_SIM_CHECK(crowd.sim, crowd.listener_closed);
}

static const struct kevy_stream_events finishing_events = {
    .read = crowd_echo, .end = echo_end, .finish = finish_told, .close = crowd_closed};

static void clients_speak(void)
{
    for (unsigned index = 0; index < crowd.count; index++) {
        crowd.seats[index].reads = true;
        KEVY_SIM_CHECK(crowd.sim, kevy_sim_peer_write(&crowd.seats[index].peer, "ping", 4) == 4);
        kevy_sim_peer_shutdown(&crowd.seats[index].peer);
    }
}

/* Some are served, and many wait in the queue of a listener that is paused. */
static void finish_with_a_queue(struct kevy_sim *sim)
{
    crowd_open(sim, NULL, &finishing_events);
    crowd_join(5);
    kevy_listener_pause(&crowd.listener);
    crowd_turns(3);
    crowd_connect((unsigned)kevy_sim_between(sim, 1, 100));
    clients_speak();
    if (kevy_sim_one_in(sim, 2))
        crowd_run(KEVY_MILLISECONDS(20));
    kevy_reactor_finish(crowd.reactor, KEVY_SECONDS(60));
    crowd_run(KEVY_SECONDS(1));
    KEVY_SIM_CHECK(sim, crowd.listener_closed);
    KEVY_SIM_CHECK(sim, crowd.accepted == crowd.count);
    for (unsigned index = 0; index < crowd.count; index++) {
        KEVY_SIM_CHECK(sim, crowd.seats[index].peer_over && crowd.seats[index].peer_end == 0);
        KEVY_SIM_CHECK(sim, crowd.seats[index].read == 4);
    }
    crowd_close();
}

START_TEST(a_reactor_that_finishes_serves_who_waits)
{
    sim_passes_on(finish_with_a_queue, 20, _i == 1);
}
END_TEST

/* A listening socket that was made elsewhere waits in its calls, as those of systemd do. */
static void adopted_and_finished(struct kevy_sim *sim)
{
    const struct sockaddr_in address = {.sin_family = AF_INET};
    struct kevy_listener_options options = {.accept = crowd.listener.accept};
    static struct kevy_listener adopted;
    const struct kevy_system *system;
    int fd;

    crowd_open(sim, NULL, &finishing_events);
    options.accept = crowd.listener.accept;
    system = crowd.options.system;
    fd = system->socket(system->context, AF_INET, SOCK_STREAM);
    KEVY_SIM_CHECK(sim, fd >= 0);
    KEVY_SIM_CHECK(sim,
                   system->bind(system->context, fd, (const void *)&address, sizeof address) == 0);
    KEVY_SIM_CHECK(sim, system->listen(system->context, fd, 10) == 0);
    adopted = (struct kevy_listener){0};
    KEVY_SIM_CHECK(sim, kevy_listener_adopt(&adopted, crowd.reactor, fd, &options) == 0);
    crowd_join(3);
    clients_speak();
    kevy_listener_finish(&adopted);
    kevy_listener_finish(&crowd.listener);
    crowd_run(KEVY_SECONDS(1));
    crowd_close();
}

START_TEST(an_adopted_listener_comes_to_its_end)
{
    sim_passes_on(adopted_and_finished, 5, _i == 1);
}
END_TEST

/* ---- A peer that is gone while nobody reads ------------------------------------------------ */

static unsigned told;
static int told_error[CROWD_MAX];

static void gone(struct kevy_stream *stream, int error)
{
    told++;
    told_error[crowd_seat(stream) - crowd.seats] = error;
}

static const struct kevy_stream_events gone_events = {
    .read = crowd_read, .gone = gone, .close = crowd_closed};

/* Some have sent bytes before, some end in good order, and some are paused for long by then. */
static void paused_and_gone(struct kevy_sim *sim)
{
    bool reset[10];

    told = 0;
    crowd_open(sim, NULL, &gone_events);
    crowd_join(10);
    for (unsigned index = 0; index < crowd.accepted; index++)
        kevy_stream_pause(&crowd.seats[index].stream);
    if (kevy_sim_one_in(sim, 2))
        crowd_run(KEVY_SECONDS(1));
    for (unsigned index = 0; index < crowd.count; index++) {
        if (kevy_sim_one_in(sim, 2))
            KEVY_SIM_CHECK(sim, kevy_sim_peer_write(&crowd.seats[index].peer, "x", 1) == 1);
        if (kevy_sim_one_in(sim, 2))
            crowd_run(KEVY_MILLISECONDS(50));
        reset[index] = kevy_sim_one_in(sim, 2);
        if (reset[index])
            kevy_sim_peer_reset(&crowd.seats[index].peer);
        else
            kevy_sim_peer_shutdown(&crowd.seats[index].peer);
    }
    crowd_run(KEVY_SECONDS(1));
    KEVY_SIM_CHECK(sim, told == 10);
    for (unsigned index = 0; index < crowd.count; index++)
        KEVY_SIM_CHECK(sim, told_error[index] == (reset[index] ? -ECONNRESET : 0));
    crowd_close();
}

START_TEST(a_paused_stream_is_told_that_its_peer_is_gone)
{
    sim_passes_on(paused_and_gone, 20, _i == 1);
}
END_TEST

/* ---- An end that the kernel does not tell -------------------------------------------------- */

static const struct kevy_stream_events echo_events = {
    .read = crowd_echo, .end = echo_end, .close = crowd_closed};

/* Whoever had to wait for a buffer has to ask for the end, and finds no slot in the queue. */
static void ends_without_a_word(struct kevy_sim *sim)
{
    struct kevy_reactor_options options = {
        .buffer_size = 64, .buffer_count = 1U << kevy_sim_below(sim, 4), .sq_entries = 1};

    crowd_open(sim, &options, &echo_events);
    crowd_join(20);
    kevy_sim_set_odds(sim, KEVY_SIM_END_SILENT, 1);
    kevy_sim_set_odds(sim, KEVY_SIM_ENTER_BUSY, 2);
    clients_speak();
    crowd_run(KEVY_SECONDS(10));
    for (unsigned index = 0; index < crowd.count; index++) {
        KEVY_SIM_CHECK(sim, crowd.seats[index].read == 4 && crowd.seats[index].peer_over);
        KEVY_SIM_CHECK(sim, crowd.seats[index].closed && crowd.seats[index].reason == 0);
    }
    kevy_sim_set_odds(sim, KEVY_SIM_FAULT_COUNT, 0);
    crowd_close();
}

START_TEST(an_end_that_the_kernel_does_not_tell_is_asked_for)
{
    sim_passes_on(ends_without_a_word, 40, _i == 1);
}
END_TEST

/* Whoever says nothing more to a client that has reset the connection finds that out by a question,
 * in time. Some have spoken for long by then, and some have been asked already. */
static void resets_without_a_word(struct kevy_sim *sim)
{
    static const struct kevy_stream_events events = {.read = crowd_read, .close = crowd_closed};
    unsigned words = (unsigned)kevy_sim_below(sim, 4);

    crowd_open(sim, NULL, &events);
    crowd_join(20);
    kevy_sim_set_odds(sim, KEVY_SIM_RESET_SILENT, 1);
    while (words-- > 0) {
        for (unsigned index = 0; index < crowd.count; index++)
            if (kevy_sim_one_in(sim, 2))
                kevy_sim_peer_write(&crowd.seats[index].peer, "word", 4);
        crowd_run(kevy_sim_between(sim, 1, KEVY_SECONDS(20)));
    }
    for (unsigned index = 0; index < crowd.count; index++) {
        KEVY_SIM_CHECK(sim, kevy_sim_peer_write(&crowd.seats[index].peer, "last", 4) == 4);
        kevy_sim_peer_reset(&crowd.seats[index].peer);
    }
    crowd_run(KEVY_SECONDS(16));
    for (unsigned index = 0; index < crowd.count; index++)
        KEVY_SIM_CHECK(sim, crowd.seats[index].closed && crowd.seats[index].reason == -ECONNRESET);
    kevy_sim_set_odds(sim, KEVY_SIM_FAULT_COUNT, 0);
    crowd_close();
}

START_TEST(a_reset_that_the_kernel_does_not_tell_is_asked_for)
{
    sim_passes_on(resets_without_a_word, 40, _i == 1);
}
END_TEST

/* ---- A stream that gives its descriptor back ----------------------------------------------- */

static int detached_fd;
static unsigned released;

static void detached(struct kevy_stream *stream, int fd)
{
    (void)stream;
    detached_fd = fd;
}

static void send_released(struct kevy_send *send, struct kevy_stream *stream)
{
    (void)send;
    (void)stream;
    released++;
}

static const struct kevy_stream_events detaching_events = {
    .read = crowd_read, .detach = detached, .close = crowd_closed};

/* The kernel still sends from the program's memory when the queue is empty. */
static void detach_behind_a_send(struct kevy_sim *sim)
{
    static const struct iovec part = {.iov_base = (void *)"answer", .iov_len = 6};
    static struct kevy_send send;
    struct kevy_reactor_options options = {.zero_copy_minimum = 1};
    const struct kevy_system *system;

    detached_fd = -1;
    released = 0;
    send = (struct kevy_send){
        .parts = &part, .count = 1, .flags = KEVY_SEND_ZERO_COPY, .released = send_released};
    crowd_open(sim, &options, &detaching_events);
    crowd_join(1);
    crowd.seats[0].reads = true;
    KEVY_SIM_CHECK(sim, kevy_stream_send_pinned(&crowd.seats[0].stream, &send) == 0);
    crowd_turns((unsigned)kevy_sim_below(sim, 4));
    KEVY_SIM_CHECK(sim, kevy_stream_detach(&crowd.seats[0].stream) == 0);
    crowd_run(KEVY_SECONDS(1));
    KEVY_SIM_CHECK(sim, released == 1 && crowd.seats[0].read == 6);
    KEVY_SIM_CHECK(sim, crowd.seats[0].closed && crowd.seats[0].reason == 0 && detached_fd >= 0);
    system = crowd.options.system;
    KEVY_SIM_CHECK(sim, system->close(system->context, detached_fd) == 0);
    crowd_close();
}

/* What it has received while it was paused is told before. */
static void detach_of_a_paused_stream(struct kevy_sim *sim)
{
    struct seat *seat = &crowd.seats[0];
    const struct kevy_system *system;

    detached_fd = -1;
    crowd_open(sim, NULL, &detaching_events);
    crowd_join(1);
    kevy_stream_pause(&seat->stream);
    KEVY_SIM_CHECK(sim, kevy_sim_peer_write(&seat->peer, "before", 6) == 6);
    crowd_run(KEVY_SECONDS(1));
    KEVY_SIM_CHECK(sim, seat->received == 0);
    KEVY_SIM_CHECK(sim, kevy_stream_detach(&seat->stream) == 0);
    crowd_run(KEVY_SECONDS(1));
    KEVY_SIM_CHECK(sim, seat->closed && seat->reason == 0 && detached_fd >= 0);
    /* The rest may be in the socket yet. */
    KEVY_SIM_CHECK(sim, seat->received > 0 && seat->received <= 6);
    system = crowd.options.system;
    KEVY_SIM_CHECK(sim, system->close(system->context, detached_fd) == 0);
    crowd_close();
}

static const struct kevy_stream_events next_events = {.read = crowd_read, .close = crowd_closed};

static void range_detaches(struct kevy_file_range *range, struct kevy_stream *stream, int result,
                           uint64_t sent)
{
    KEVY_SIM_CHECK(crowd.sim, result == 0 && sent == range->length);
    KEVY_SIM_CHECK(crowd.sim, kevy_stream_detach(stream) == 0);
}

/* Who tells of the range has looked at what was received, of a stream that was paused then. */
static void detach_behind_a_range(struct kevy_sim *sim)
{
    static char bytes[1000];
    static struct kevy_sim_file file;
    static struct kevy_file_range range;
    struct seat *seat = &crowd.seats[0], *next = &crowd.seats[1];

    detached_fd = -1;
    file =
        (struct kevy_sim_file){.path = "/file", .data = bytes, .size = sizeof bytes, .room = 1000};
    kevy_sim_file_add(sim, &file);
    crowd_open(sim, NULL, &detaching_events);
    crowd_join(1);
    seat->reads = true;
    kevy_stream_pause(&seat->stream);
    KEVY_SIM_CHECK(sim, kevy_sim_peer_write(&seat->peer, "before", 6) == 6);
    crowd_run(KEVY_SECONDS(1));
    range = (struct kevy_file_range){.fd = kevy_sim_file_open(sim, "/file", O_RDONLY),
                                     .length = sizeof bytes,
                                     .done = range_detaches};
    KEVY_SIM_CHECK(sim, kevy_stream_send_file(&seat->stream, &range) == 0);
    crowd_run(KEVY_SECONDS(1));
    KEVY_SIM_CHECK(sim, seat->read == sizeof bytes && seat->closed && detached_fd >= 0);
    kevy_stream_init(&next->stream, &next_events);
    KEVY_SIM_CHECK(sim, kevy_stream_adopt(&next->stream, crowd.reactor, detached_fd) == 0);
    crowd_run(KEVY_SECONDS(1));
    KEVY_SIM_CHECK(sim, seat->received + next->received == 6);
    kevy_stream_abort(&next->stream);
    crowd.options.system->close(crowd.options.system->context, range.fd);
    crowd_close();
}

START_TEST(what_a_paused_stream_has_received_is_told_before_its_descriptor)
{
    sim_passes_on(detach_behind_a_range, 20, _i == 1);
}
END_TEST

START_TEST(a_stream_that_is_paused_is_detached)
{
    sim_passes_on(detach_of_a_paused_stream, 10, _i == 1);
}
END_TEST

START_TEST(a_detach_waits_for_the_memory_of_a_send_and_no_longer)
{
    sim_passes_on(detach_behind_a_send, 20, _i == 1);
}
END_TEST

/* ---- Single turns -------------------------------------------------------------------------- */

/* What comes from the flush of a turn is all that comes: nothing would wake the turn. */
static void read_behind_a_pause(struct kevy_sim *sim)
{
    struct seat *seat = &crowd.seats[0];

    crowd_open(sim, NULL, &next_events);
    crowd_join(1);
    kevy_stream_pause(&seat->stream);
    KEVY_SIM_CHECK(sim, kevy_sim_peer_write(&seat->peer, "before", 6) == 6);
    crowd_run(KEVY_SECONDS(1));
    kevy_stream_resume(&seat->stream);
    while (seat->received == 0)
        KEVY_SIM_CHECK(sim, kevy_reactor_run_once(crowd.reactor, KEVY_FOREVER) == 1);
    crowd_close();
}

START_TEST(a_turn_that_has_told_something_does_not_sleep)
{
    sim_passes_on(read_behind_a_pause, 20, _i == 1);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("end");
    TCase *tcase = tcase_create("end");

    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, a_reactor_that_finishes_serves_who_waits, 0, 2);
    tcase_add_loop_test(tcase, an_adopted_listener_comes_to_its_end, 0, 2);
    tcase_add_loop_test(tcase, an_end_that_the_kernel_does_not_tell_is_asked_for, 0, 2);
    tcase_add_loop_test(tcase, a_reset_that_the_kernel_does_not_tell_is_asked_for, 0, 2);
    tcase_add_loop_test(tcase, a_stream_that_is_paused_is_detached, 0, 2);
    tcase_add_loop_test(tcase, what_a_paused_stream_has_received_is_told_before_its_descriptor, 0,
                        2);
    tcase_add_loop_test(tcase, a_detach_waits_for_the_memory_of_a_send_and_no_longer, 0, 2);
    tcase_add_loop_test(tcase, a_paused_stream_is_told_that_its_peer_is_gone, 0, 2);
    tcase_add_loop_test(tcase, a_turn_that_has_told_something_does_not_sleep, 0, 2);
    suite_add_tcase(suite, tcase);
    return suite;
}
