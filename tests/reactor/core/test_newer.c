/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * What newer kernels brought, each taken away again, and all of it at once down to Linux 6.1: the
 * reactor does the same, by an older road.
 */

#include "reactor_test.h"

#include "fault_kernel.h"
#include "core/reactor.h"

#include <fcntl.h>
#include <pthread.h>

#define ALL UINT32_MAX

/* What Linux 6.1 knows. */
#define SETUP_6_1                                                                                 \
    (KEVY_SETUP_SINGLE_ISSUER | KEVY_SETUP_DEFER_TASKRUN | KEVY_SETUP_CQSIZE | KEVY_SETUP_CLAMP | \
     KEVY_SETUP_SUBMIT_ALL | KEVY_SETUP_TASKRUN_FLAG | KEVY_SETUP_R_DISABLED)
#define FEATURES_6_1 ~(KEVY_FEAT_MIN_TIMEOUT | KEVY_FEAT_NO_IOWAIT | KEVY_FEAT_RECVSEND_BUNDLE)
#define REGISTER_6_1 (KEVY_REGISTER_SYNC_CANCEL + 2)

static const struct fault_kernel kernels[] = {
    {ALL & ~KEVY_SETUP_NO_SQARRAY, ALL, ALL},     /* 6.6 */
    {ALL, ALL & ~KEVY_FEAT_RECVSEND_BUNDLE, ALL}, /* 6.17: a receive ends where it is told */
    {ALL, ALL & ~KEVY_FEAT_MIN_TIMEOUT, ALL},     /* 6.12: waits until a moment, not for so long */
    {ALL, ALL, KEVY_REGISTER_MEM_REGION},         /* 6.13: a wait's arguments lie where it looks */
    {ALL, ALL & ~KEVY_FEAT_NO_IOWAIT, ALL},       /* 6.15 */
    {SETUP_6_1, FEATURES_6_1, REGISTER_6_1},
};

enum {
    KERNELS = sizeof kernels / sizeof *kernels,
};

static struct probe probe;

static void setup(void)
{
    fault_reset();
    reactor_setup();
}

static void teardown(void)
{
    reactor_teardown();
    fault_reset();
    ck_assert_int_eq(fault_mappings(), 0);
}

static void kernel_take(int index)
{
    fault_kernel_set(&kernels[index]);
    reactor_setup_with(NULL);
    ck_assert_uint_eq(reactor->ring.setup_flags & ~kernels[index].setup_flags, 0);
    ck_assert_uint_eq(reactor->ring.features & ~kernels[index].features, 0);
    if (kernels[index].register_ops <= KEVY_REGISTER_MEM_REGION)
        ck_assert_ptr_null(reactor->ring.wait_region);
    if ((kernels[index].features & KEVY_FEAT_RECVSEND_BUNDLE) == 0)
        ck_assert_uint_eq(reactor->run_flags, 0);
}

START_TEST(without_what_newer_kernels_brought_a_stream_echoes)
{
    kernel_take(_i);
    probe_tcp(&probe, &probe_events);
    probe.echo = true;
    for (unsigned round = 0; round < 20; round++) {
        peer_write_text(probe.peer, "hello");
        peer_expect_text(probe.peer, "hello");
    }
    QUIETLY(kevy_stream_close(&probe.stream));
    turns(3);
    probe_finish(&probe);
    ck_assert_int_eq(probe.reason, 0);
}
END_TEST

static uint64_t fired_ns;

static void note_time(struct kevy_timer *timer)
{
    (void)timer;
    fired_ns = clock_ns();
}

START_TEST(without_what_newer_kernels_brought_the_loop_sleeps_until_its_timer)
{
    struct kevy_timer timer = {0};
    uint64_t due_ns, turns_before;

    kernel_take(_i);
    probe_tcp(&probe, &probe_events);
    turns(5);
    turns_before = stats_now().turns;
    due_ns = clock_ns() + KEVY_MILLISECONDS(30);
    kevy_timer_start(&timer, reactor, KEVY_MILLISECONDS(30), note_time);
    while (fired_ns == 0)
        ck_assert(turn());
    ck_assert_uint_ge(fired_ns, due_ns);
    ck_assert_uint_le(stats_now().turns - turns_before, 4);
    QUIETLY(kevy_stream_abort(&probe.stream));
    probe_finish(&probe);
}
END_TEST

static void *stop_main(void *argument)
{
    (void)argument;
    kevy_reactor_stop(reactor);
    return NULL;
}

START_TEST(without_what_newer_kernels_brought_another_thread_wakes_the_loop)
{
    struct kevy_timer timer = {0};

    kernel_take(_i);
    kevy_timer_start(&timer, reactor, KEVY_FOREVER, note_time);
    for (unsigned round = 0; round < 20; round++) {
        pthread_t thread;

        ck_assert_int_eq(pthread_create(&thread, NULL, stop_main, NULL), 0);
        ck_assert_int_eq(kevy_reactor_run(reactor), 0);
        pthread_join(thread, NULL);
    }
    kevy_timer_stop(&timer);
}
END_TEST

static struct kevy_stream *accept_probe(struct kevy_listener *listener)
{
    (void)listener;
    probe_init(&probe, &probe_events);
    return &probe.stream;
}

static unsigned datagrams, reads;

static void datagram_read(struct kevy_datagram *datagram, struct kevy_datagram_message *message)
{
    (void)datagram;
    ck_assert_uint_eq(message->buffer->length, 1);
    datagrams++;
}

static void file_read_done(struct kevy_file_operation *operation, int result)
{
    (void)operation;
    ck_assert_int_eq(result, 1);
    reads++;
}

static void ends_count(struct kevy_datagram *datagram)
{
    (void)datagram;
    datagrams = 0;
}

START_TEST(without_what_newer_kernels_brought_listeners_sockets_and_files_do_their_work)
{
    struct kevy_listener listener = {0};
    struct kevy_datagram datagram = {0};
    struct kevy_file file = {0};
    struct kevy_file_operation operation = {.done = file_read_done};
    struct sockaddr_in address = {.sin_family = AF_INET};
    int client;
    char byte;

    kernel_take(_i);
    ck_assert_int_eq(kevy_listener_open(&listener, reactor,
                                        &(struct kevy_listener_options){.address = "127.0.0.1",
                                                                        .accept = accept_probe}),
                     0);
    client = plain_connect(kevy_listener_port(&listener));
    TURN_UNTIL(probe.log_end != NULL && probe.log_end != probe.log);
    ck_assert_int_eq(kevy_datagram_open(&datagram, reactor,
                                        &(struct kevy_datagram_options){.address = "127.0.0.1",
                                                                        .read = datagram_read,
                                                                        .close = ends_count}),
                     0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(kevy_datagram_port(&datagram));
    for (unsigned count = 0; count < 10; count++)
        ck_assert_int_eq(
            kevy_datagram_send(&datagram, "x", 1, (struct sockaddr *)&address, sizeof address), 0);
    TURN_UNTIL(datagrams == 10);
    ck_assert_int_eq(
        kevy_file_open(&file, reactor,
                       &(struct kevy_file_options){.path = "/proc/self/stat", .flags = O_RDONLY}),
        0);
    TURN_UNTIL(kevy_file_fd(&file) >= 0);
    ck_assert_int_eq(kevy_file_read(&file, &operation, &byte, 1, 0), 0);
    TURN_UNTIL(reads == 1);
    kevy_file_close(&file);
    kevy_datagram_close(&datagram);
    kevy_listener_close(&listener);
    kevy_stream_abort(&probe.stream);
    TURN_UNTIL(probe.closed && stats_now().objects == 0);
    close(client);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("newer");
    TCase *without = tcase_create("without");

    reactor_kernel = fault_kernel();
    tcase_add_checked_fixture(without, setup, teardown);
    tcase_add_loop_test(without, without_what_newer_kernels_brought_a_stream_echoes, 0, KERNELS);
    tcase_add_loop_test(without, without_what_newer_kernels_brought_the_loop_sleeps_until_its_timer,
                        0, KERNELS);
    tcase_add_loop_test(without, without_what_newer_kernels_brought_another_thread_wakes_the_loop,
                        0, KERNELS);
    tcase_add_loop_test(
        without, without_what_newer_kernels_brought_listeners_sockets_and_files_do_their_work, 0,
        KERNELS);
    suite_add_tcase(suite, without);
    return suite;
}
