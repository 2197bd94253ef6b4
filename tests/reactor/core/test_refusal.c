/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * A kernel that refuses: at creation, at every enter, or half-way through a batch. What the reactor
 * accepted waits and is never dropped; what it could not create leaves nothing behind.
 */

#include "reactor_test.h"

#include "fault_kernel.h"
#include "core/submission.h"

#include <kevy/ring_register.h>

enum {
    EVER = 1000000,
};

static struct probe probe;
static uint8_t data[300000];

static void faults_off(void)
{
    fault_reset();
}

static void setup(void)
{
    fault_reset();
    reactor_setup_with(&(struct kevy_reactor_options){.sq_entries = 8, .cq_entries = 32});
}

static void teardown(void)
{
    faults_off();
    reactor_teardown();
    ck_assert_int_eq(fault_mappings(), 0);
}

START_TEST(create_fails_cleanly_at_every_call)
{
    struct kevy_reactor_options faulty = {.custom_kernel = fault_kernel()};
    static const int errors[] = {-ENOMEM, -EPERM, -EINVAL};
    struct kevy_reactor *created = NULL;
    int descriptors = support_fd_count();
    uint32_t nth = 0;
    int error;

    do {
        fault_nth(++nth, errors[_i]);
        error = kevy_reactor_create(&created, &faulty);
        ck_assert_msg(error == 0 || error == errors[_i], "call %u: %d", nth, error);
        if (error == 0) {
            bool happened = fault_happened();

            fault_nth(0, 0);
            ck_assert_uint_eq(kevy_reactor_destroy(created), 0);
            created = NULL;
            if (!happened)
                break;
        }
        ck_assert_ptr_null(created);
        ck_assert_int_eq(fault_mappings(), 0);
        ck_assert_int_eq(support_fd_count(), descriptors);
    } while (nth < 100);
    ck_assert_int_eq(error, 0);
    ck_assert_uint_gt(nth, 3);
}
END_TEST

START_TEST(a_restricted_reactor_is_not_made_when_the_restriction_is_refused)
{
    struct kevy_reactor_options options = {.custom_kernel = fault_kernel(), .restricted = true};
    struct kevy_reactor *created = NULL;
    int descriptors = support_fd_count(), fds[1] = {-1};
    uint32_t nth = 0;
    int error;

    do {
        fault_nth(++nth, -ENOMEM);
        error = kevy_reactor_create(&created, &options);
        fault_nth(0, 0);
        /* What failed may have been a wish; the restriction is none. */
        if (error == 0)
            ck_assert_int_eq(kevy_ring_register(&created->ring, KEVY_REGISTER_FILES, fds, 1),
                             -EACCES);
        ck_assert_uint_eq(kevy_reactor_destroy(created), 0);
        created = NULL;
        ck_assert_int_eq(fault_mappings(), 0);
        ck_assert_int_eq(support_fd_count(), descriptors);
    } while (nth < 30);
    ck_assert_int_eq(error, 0);
}
END_TEST

START_TEST(too_little_locked_memory_halves_the_queues)
{
    struct kevy_reactor_options faulty = {.custom_kernel = fault_kernel()};
    struct kevy_reactor *created;

    for (uint32_t failures = 0; failures <= 3; failures++) {
        fault_next(FAULT_SETUP, -ENOMEM, failures);
        ck_assert_int_eq(kevy_reactor_create(&created, &faulty), 0);
        ck_assert_uint_eq(created->ring.sq_entries, 512U >> failures);
        ck_assert_uint_eq(created->ring.cq_entries, 8192U >> failures);
        ck_assert_uint_eq(kevy_reactor_destroy(created), 0);
    }
    fault_next(FAULT_SETUP, -ENOMEM, EVER);
    ck_assert_int_eq(kevy_reactor_create(&created, &faulty), -ENOMEM);
    ck_assert_int_eq(fault_mappings(), 0);
}
END_TEST

START_TEST(an_echo_survives_any_number_of_refused_enters)
{
    static const int errors[] = {-EBUSY, -EAGAIN, -ENOMEM, -EINTR};
    uint64_t seed = (uint64_t)_i, have = 0, sent = 0;
    static uint8_t piece[20000];

    pattern_fill(data, sizeof data, 1, 0);
    probe_tcp(&probe, &probe_events);
    probe.echo = true;
    for (unsigned count = 0; have < sizeof data; count++) {
        ssize_t result = send(probe.peer, data + sent, sizeof data - sent, MSG_NOSIGNAL);

        ck_assert_uint_lt(count, TURNS_MAX);
        sent += result > 0 ? (uint64_t)result : 0;
        if (count % 3 == 0)
            fault_next(FAULT_ENTER, errors[_i], (uint32_t)(random_next(&seed) % 4));
        turn_now();
        result = peer_read(probe.peer, piece, sizeof piece);
        if (result > 0)
            pattern_check(piece, (size_t)result, 1, have);
        have += result > 0 ? (uint64_t)result : 0;
    }
    if (errors[_i] != -EINTR)
        ck_assert_uint_gt(stats_now().submit_retries, 0);
    faults_off();
    QUIETLY(kevy_stream_abort(&probe.stream));
    probe_finish(&probe);
}
END_TEST

START_TEST(batches_cut_short_lose_nothing)
{
    static struct probe probes[30];

    for (unsigned index = 0; index < 30; index++) {
        probe_tcp(&probes[index], &probe_events);
        probes[index].echo = true;
        peer_write_text(probes[index].peer, "hello");
        if (index % 4 == 0) {
            fault_submit_short(index % 3);
            turn_now();
        }
    }
    for (unsigned index = 0; index < 30; index++) {
        fault_submit_short(index % 3);
        peer_expect_text(probes[index].peer, "hello");
        QUIETLY(kevy_stream_abort(&probes[index].stream));
    }
    for (unsigned index = 0; index < 30; index++) {
        fault_submit_short(1);
        probe_finish(&probes[index]);
    }
}
END_TEST

static struct kevy_completion many[400];
static unsigned done_order, done_count;

static void done_in_order(struct kevy_completion *completion, int result, uint32_t flags)
{
    ck_assert_int_eq(result, 0);
    ck_assert_uint_eq(flags & KEVY_CQE_F_MORE, 0);
    ck_assert_uint_eq((unsigned)(completion - many), done_order++);
    done_count++;
}

START_TEST(slots_come_from_a_backlog_while_the_kernel_takes_nothing_and_keep_their_order)
{
    unsigned taken = 0;

    turn_now();
    fault_next(FAULT_ENTER, -EBUSY, EVER);
    for (; taken < 400; taken++) {
        struct kevy_sqe *sqe;

        kevy_completion_init(&many[taken], reactor, done_in_order);
        QUIETLY(sqe = kevy_completion_sqe(&many[taken]));
        if (sqe == NULL)
            break;
        kevy_prep_nop(sqe);
    }
    ck_assert_uint_eq(taken, 8 + BACKLOG_ENTRIES);
    ck_assert(!kevy_completion_active(&many[taken]));
    ck_assert_uint_eq(stats_now().operations, taken);
    faults_off();
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
    ck_assert_uint_eq(done_count, taken);
}
END_TEST

static void done_cancelled(struct kevy_completion *completion, int result, uint32_t flags)
{
    (void)completion;
    (void)flags;
    ck_assert_int_eq(result, -ECANCELED);
    done_count++;
}

START_TEST(a_request_in_the_backlog_can_be_cancelled)
{
    struct kevy_timespec hour = {.tv_sec = 3600};

    fault_next(FAULT_ENTER, -EBUSY, EVER);
    for (unsigned index = 0; index < 20; index++) {
        kevy_completion_init(&many[index], reactor, done_cancelled);
        kevy_prep_timeout(kevy_completion_sqe(&many[index]), &hour, 0, 0);
    }
    for (unsigned index = 0; index < 20; index++)
        QUIETLY(ck_assert_int_eq(kevy_completion_cancel(&many[index]), 0));
    faults_off();
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
    ck_assert_uint_eq(done_count, 20);
}
END_TEST

static void cancel_run(struct kevy_task *task, struct kevy_reactor *owner)
{
    (void)task;
    ck_assert_uint_gt(owner->backlog_count, 0);
    faults_off();
    QUIETLY(ck_assert_int_eq(kevy_completion_cancel(&many[19]), 0));
}

/* The kernel takes requests again, and what it would find first must not be the cancel. */
START_TEST(a_cancel_does_not_overtake_its_request_in_the_backlog)
{
    struct kevy_timespec hour = {.tv_sec = 3600};
    struct kevy_task task = {.run = cancel_run};

    fault_next(FAULT_ENTER, -EBUSY, EVER);
    for (unsigned index = 0; index < 20; index++) {
        kevy_completion_init(&many[index], reactor, done_cancelled);
        kevy_prep_timeout(kevy_completion_sqe(&many[index]), &hour, 0, 0);
    }
    kevy_reactor_defer(reactor, &task);
    TURN_UNTIL(done_count == 1);
    for (unsigned index = 0; index < 19; index++)
        QUIETLY(ck_assert_int_eq(kevy_completion_cancel(&many[index]), 0));
    TURN_UNTIL(done_count == 20);
}
END_TEST

/* A queue of one slot, which the cancels take before every flush. */
START_TEST(destroy_ends_what_is_in_the_backlog)
{
    struct kevy_timespec hour = {.tv_sec = 3600};

    reactor_setup_with(&(struct kevy_reactor_options){.sq_entries = 1});
    fault_next(FAULT_ENTER, -EBUSY, EVER);
    for (unsigned index = 0; index < 20; index++) {
        kevy_completion_init(&many[index], reactor, done_cancelled);
        kevy_prep_timeout(kevy_completion_sqe(&many[index]), &hour, 0, 0);
    }
    faults_off();
    ck_assert_uint_eq(kevy_reactor_destroy(reactor), 0);
    ck_assert_uint_eq(done_count, 20);
    reactor = NULL;
    setup();
}
END_TEST

/* A thousand streams with something to write do not ask a thousand times. */
START_TEST(what_the_kernel_has_refused_it_is_not_asked_again_in_the_same_flush)
{
    static struct probe probes[100];
    uint32_t before;

    for (unsigned index = 0; index < 100; index++)
        probe_unix(&probes[index], &probe_events);
    fault_next(FAULT_ENTER, -EAGAIN, EVER);
    before = fault_count(FAULT_ENTER);
    turns(10);
    ck_assert_uint_le(fault_count(FAULT_ENTER) - before, 20);
    faults_off();
    for (unsigned index = 0; index < 100; index++)
        QUIETLY(kevy_stream_abort(&probes[index].stream));
    for (unsigned index = 0; index < 100; index++)
        probe_finish(&probes[index]);
}
END_TEST

START_TEST(streams_that_start_and_end_while_everything_is_refused_come_to_their_end)
{
    static struct probe probes[20];

    fault_next(FAULT_ENTER, -EBUSY, EVER);
    for (unsigned index = 0; index < 20; index++) {
        probe_tcp(&probes[index], &probe_events);
        QUIETLY(ck_assert_int_eq(kevy_stream_send(&probes[index].stream, "x", 1), 0));
    }
    turns(3);
    for (unsigned index = 0; index < 20; index += 2)
        QUIETLY(kevy_stream_abort(&probes[index].stream));
    for (unsigned index = 1; index < 20; index += 2)
        QUIETLY(kevy_stream_close(&probes[index].stream));
    turns(3);
    faults_off();
    for (unsigned index = 1; index < 20; index += 2)
        peer_expect_text(probes[index].peer, "x");
    for (unsigned index = 0; index < 20; index++)
        probe_peer_close(&probes[index]);
    for (unsigned index = 0; index < 20; index++) {
        probe_finish(&probes[index]);
        ck_assert_int_eq(probes[index].reason, index % 2 ? 0 : -ECANCELED);
    }
}
END_TEST

static unsigned accepted;
static bool listener_gone;

static struct kevy_stream *accept_probe(struct kevy_listener *listener)
{
    (void)listener;
    accepted++;
    probe_init(&probe, &probe_events);
    return &probe.stream;
}

static void listener_closed(struct kevy_listener *listener)
{
    (void)listener;
    listener_gone = true;
}

static void done_nothing(struct kevy_completion *completion, int result, uint32_t flags)
{
    (void)completion;
    (void)result;
    (void)flags;
}

/* From here on no request finds a slot, until faults_off(). */
static void refuse_everything(void)
{
    turns(5);
    fault_next(FAULT_ENTER, -EBUSY, EVER);
    kevy_completion_init(&many[0], reactor, done_nothing);
    for (unsigned count = 0; count < 8; count++)
        kevy_prep_nop(kevy_completion_sqe(&many[0]));
}

START_TEST(a_listener_opens_pauses_and_closes_through_refusals)
{
    struct kevy_listener_options options = {
        .address = "127.0.0.1", .accept = accept_probe, .close = listener_closed};
    struct kevy_listener listener = {0};
    int client;

    refuse_everything();
    QUIETLY(ck_assert_int_eq(kevy_listener_open(&listener, reactor, &options), 0));
    client = plain_connect(kevy_listener_port(&listener));
    turns(3);
    ck_assert_uint_eq(accepted, 0);
    faults_off();
    TURN_UNTIL(accepted == 1);
    refuse_everything();
    QUIETLY(kevy_listener_pause(&listener));
    turns(3);
    faults_off();
    turns(5);
    refuse_everything();
    QUIETLY(kevy_listener_resume(&listener));
    QUIETLY(kevy_listener_close(&listener));
    QUIETLY(kevy_stream_abort(&probe.stream));
    turns(3);
    ck_assert(!listener_gone && !probe.closed);
    faults_off();
    TURN_UNTIL(listener_gone);
    probe_finish(&probe);
    close(client);
}
END_TEST

START_TEST(a_connect_that_finds_no_slot_says_so_and_leaves_nothing)
{
    struct sockaddr_in address;
    int listener = plain_listen(&address);
    int descriptors = support_fd_count();

    refuse_everything();
    probe_init(&probe, &probe_events);
    QUIETLY(
        ck_assert_int_eq(kevy_stream_connect(&probe.stream, reactor, (struct sockaddr *)&address,
                                             sizeof address, KEVY_FOREVER),
                         -EAGAIN));
    ck_assert_int_eq(support_fd_count(), descriptors);
    faults_off();
    turns(5);
    QUIETLY(
        ck_assert_int_eq(kevy_stream_connect(&probe.stream, reactor, (struct sockaddr *)&address,
                                             sizeof address, KEVY_FOREVER),
                         0));
    TURN_UNTIL(probe.log[0] == 'o');
    QUIETLY(kevy_stream_abort(&probe.stream));
    probe_finish(&probe);
    close(listener);
}
END_TEST

static uint64_t have_peer;

/* All that a stream asks for, each while nothing is taken: reading on, holding, sending, ending. */
START_TEST(a_stream_pauses_resumes_and_forwards_through_refusals)
{
    uint64_t sent = 0;
    static uint8_t piece[20000];

    pattern_fill(data, sizeof data, 1, 0);
    probe_small(&probe, &probe_events);
    probe.echo = true;
    for (unsigned count = 0; have_peer < sizeof data; count++) {
        ssize_t result = send(probe.peer, data + sent, sizeof data - sent, MSG_NOSIGNAL);

        ck_assert_uint_lt(count, TURNS_MAX);
        sent += result > 0 ? (uint64_t)result : 0;
        if (count % 5 == 0)
            refuse_everything();
        if (count % 3 == 0)
            QUIETLY(kevy_stream_pause(&probe.stream));
        turns(2);
        QUIETLY(kevy_stream_resume(&probe.stream));
        turn_now();
        faults_off();
        result = peer_read(probe.peer, piece, sizeof piece);
        if (result > 0)
            pattern_check(piece, (size_t)result, 1, have_peer);
        have_peer += result > 0 ? (uint64_t)result : 0;
    }
    QUIETLY(kevy_stream_abort(&probe.stream));
    probe_finish(&probe);
}
END_TEST

START_TEST(a_ring_that_is_gone_ends_the_loop_with_its_error)
{
    probe_tcp(&probe, &probe_events);
    turns(2);
    fault_next(FAULT_ENTER, -EBADFD, 1);
    ck_assert_int_eq(kevy_reactor_run(reactor), -EBADFD);
    fault_next(FAULT_ENTER, -EEXIST, 1);
    ck_assert_int_eq(kevy_reactor_run_once(reactor, 0), -EEXIST);
    QUIETLY(kevy_stream_abort(&probe.stream));
    probe_finish(&probe);
}
END_TEST

static unsigned done_writes, released_writes;

static void write_done(struct kevy_send *write, struct kevy_stream *stream, int result)
{
    (void)write;
    (void)stream;
    ck_assert_int_eq(result, 0);
    done_writes++;
}

static void write_released(struct kevy_send *write, struct kevy_stream *stream)
{
    (void)write;
    (void)stream;
    released_writes++;
}

/* Of one part and of two, which need more than a slot. */
START_TEST(a_zero_copy_write_waits_for_its_slot)
{
    struct iovec parts[2] = {{data, 50000}, {data + 50000, 10000}};
    struct kevy_send write = {.parts = parts,
                              .count = 1 + (uint32_t)_i,
                              .flags = KEVY_SEND_ZERO_COPY,
                              .done = write_done,
                              .released = write_released};

    pattern_fill(data, sizeof data, 1, 0);
    probe_tcp(&probe, &probe_events);
    refuse_everything();
    QUIETLY(ck_assert_int_eq(kevy_stream_send_pinned(&probe.stream, &write), 0));
    turns(3);
    ck_assert_uint_eq(done_writes, 0);
    faults_off();
    peer_expect(probe.peer, data, _i == 0 ? 50000 : 60000);
    TURN_UNTIL(released_writes == 1);
    ck_assert_uint_eq(done_writes, 1);
    QUIETLY(kevy_stream_abort(&probe.stream));
    probe_finish(&probe);
}
END_TEST

START_TEST(timers_fire_while_everything_is_refused)
{
    struct kevy_timer timer = {0};

    memset(&timer, 0, sizeof timer);
    kevy_timer_start(&timer, reactor, KEVY_MILLISECONDS(2), (kevy_timer_fire)kevy_timer_stop);
    fault_next(FAULT_ENTER, -EAGAIN, EVER);
    TURN_UNTIL(!kevy_timer_armed(&timer));
    faults_off();
}
END_TEST

static uint64_t naps_ns[12];
static unsigned nap_count;

static void nap_note(void *context, uint64_t duration_ns)
{
    (void)context;
    if (nap_count < sizeof naps_ns / sizeof *naps_ns)
        naps_ns[nap_count++] = duration_ns;
}

START_TEST(the_longer_the_kernel_refuses_the_less_often_it_is_asked)
{
    struct kevy_system system = *kevy_system_host();

    system.sleep_ns = nap_note;
    reactor_setup_with(&(struct kevy_reactor_options){.system = &system});
    fault_next(FAULT_ENTER, -EAGAIN, EVER);
    turns(6);
    ck_assert_uint_eq(nap_count, 6);
    ck_assert_uint_gt(naps_ns[0], 0);
    for (unsigned index = 1; index < 5; index++)
        ck_assert_uint_eq(naps_ns[index], 2 * naps_ns[index - 1]);
    ck_assert_uint_eq(naps_ns[5], naps_ns[4]);
    faults_off();
    turns(2);
    fault_next(FAULT_ENTER, -EAGAIN, 1);
    turns(1);
    ck_assert_uint_eq(naps_ns[nap_count - 1], naps_ns[0]);
    reactor_setup_with(NULL);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("refusal");
    TCase *create = tcase_create("create");
    TCase *refused = tcase_create("refused");

    reactor_kernel = fault_kernel();
    tcase_add_unchecked_fixture(create, faults_off, faults_off);
    tcase_add_loop_test(create, create_fails_cleanly_at_every_call, 0, 3);
    tcase_add_test(create, a_restricted_reactor_is_not_made_when_the_restriction_is_refused);
    tcase_add_test(create, too_little_locked_memory_halves_the_queues);
    tcase_add_checked_fixture(refused, setup, teardown);
    tcase_set_timeout(refused, 20);
    tcase_add_loop_test(refused, an_echo_survives_any_number_of_refused_enters, 0, 4);
    tcase_add_test(refused, batches_cut_short_lose_nothing);
    tcase_add_test(refused,
                   slots_come_from_a_backlog_while_the_kernel_takes_nothing_and_keep_their_order);
    tcase_add_test(refused, a_request_in_the_backlog_can_be_cancelled);
    tcase_add_test(refused, a_cancel_does_not_overtake_its_request_in_the_backlog);
    tcase_add_test(refused, destroy_ends_what_is_in_the_backlog);
    tcase_add_test(refused, what_the_kernel_has_refused_it_is_not_asked_again_in_the_same_flush);
    tcase_add_test(refused,
                   streams_that_start_and_end_while_everything_is_refused_come_to_their_end);
    tcase_add_test(refused, a_listener_opens_pauses_and_closes_through_refusals);
    tcase_add_test(refused, a_connect_that_finds_no_slot_says_so_and_leaves_nothing);
    tcase_add_test(refused, a_stream_pauses_resumes_and_forwards_through_refusals);
    tcase_add_test(refused, a_ring_that_is_gone_ends_the_loop_with_its_error);
    tcase_add_loop_test(refused, a_zero_copy_write_waits_for_its_slot, 0, 2);
    tcase_add_test(refused, timers_fire_while_everything_is_refused);
    tcase_add_test(refused, the_longer_the_kernel_refuses_the_less_often_it_is_asked);
    suite_add_tcase(suite, create);
    suite_add_tcase(suite, refused);
    return suite;
}
