/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * What users of io_uring have hurt themselves with, by the numbers of the project's list, and what
 * the reactor does about it; here how requests end, and how a reactor begins and ends.
 */

#include "footgun_test.h"

#include "cage.h"
#include "datagram/datagram_test.h"

#include <kevy/ring_explain.h>
#include <pthread.h>

static struct probe probes[3];
static uint8_t data[200000];

struct race {
    struct kevy_completion completion;
    unsigned calls;
    int result, pipe[2];
    char byte;
};

static struct race race;

static void race_done(struct kevy_completion *completion, int result, uint32_t flags)
{
    ck_assert_ptr_eq(completion, &race.completion);
    ck_assert_uint_eq(flags & KEVY_CQE_F_MORE, 0);
    ck_assert_uint_eq(++race.calls, 1);
    race.result = result;
}

static void race_begin(void)
{
    memset(&race, 0, sizeof race);
    ck_assert_int_eq(pipe2(race.pipe, O_CLOEXEC | O_NONBLOCK), 0);
    kevy_completion_init(&race.completion, reactor, race_done);
    kevy_prep_read(kevy_completion_sqe(&race.completion), race.pipe[0], &race.byte, 1, UINT64_MAX);
}

static void race_write(void)
{
    ck_assert_int_eq(write(race.pipe[1], "x", 1), 1);
}

static void race_cancel(void)
{
    int error;

    QUIETLY(error = kevy_completion_cancel(&race.completion));
    ck_assert_int_eq(error, race.calls == 0 ? 0 : -ENOENT);
}

/* One callback, and the byte is where it says: read, or still in the pipe. */
static void race_check(bool written)
{
    char left;

    TURN_UNTIL(race.calls);
    turns(2);
    ck_assert_uint_eq(race.calls, 1);
    ck_assert(race.result == -ECANCELED || (race.result == 1 && race.byte == 'x'));
    ck_assert_int_eq(read(race.pipe[0], &left, 1), written && race.result < 0 ? 1 : -1);
    close(race.pipe[0]);
    close(race.pipe[1]);
}

/* 11: whichever comes first, and however near the other follows. */
START_TEST(footgun_11_a_cancel_and_a_completion_that_race_give_one_callback)
{
    unsigned rounds = support_rounds(2000), cancelled = 0, completed = 0;
    uint64_t seed = 7;

    for (unsigned round = 0; round < rounds; round++) {
        bool written = random_next(&seed) % 3 != 0;
        bool before = random_next(&seed) % 2 != 0;

        race_begin();
        turns((unsigned)(random_next(&seed) % 2));
        if (written && before)
            race_write();
        turns((unsigned)(random_next(&seed) % 2));
        race_cancel();
        turns((unsigned)(random_next(&seed) % 2));
        if (written && !before)
            race_write();
        race_check(written);
        cancelled += race.result < 0;
        completed += race.result > 0;
    }
    ck_assert_uint_gt(cancelled, rounds / 20);
    ck_assert_uint_gt(completed, rounds / 20);
}
END_TEST

static void *race_writer(void *argument)
{
    (void)argument;
    race_write();
    return NULL;
}

/* 11: and at any moment of the enter. */
START_TEST(footgun_11_a_cancel_that_races_with_another_thread_gives_one_callback)
{
    for (unsigned round = 0; round < support_rounds(500); round++) {
        pthread_t thread;

        race_begin();
        turns(round % 2);
        ck_assert_int_eq(pthread_create(&thread, NULL, race_writer, NULL), 0);
        for (unsigned delay = 0; delay < round % 50; delay++)
            (void)clock_ns();
        race_cancel();
        TURN_UNTIL(race.calls);
        pthread_join(thread, NULL);
        race_check(true);
    }
}
END_TEST

static const int forbidden[] = {EPERM, ENOSYS};

/* 26: whoever wants io_uring and nothing else is told what to change. */
START_TEST(footgun_26_a_container_that_forbids_io_uring_is_a_clear_error)
{
    struct kevy_reactor_options options = {.kernel = KEVY_RING_KERNEL_IO_URING};
    struct kevy_reactor *refused = reactor;
    int descriptors = support_fd_count();
    char text[600];
    int error;

    cage_forbid_setup(forbidden[_i]);
    error = kevy_reactor_create(&refused, &options);
    ck_assert_int_eq(error, -forbidden[_i]);
    ck_assert_ptr_eq(refused, reactor);
    ck_assert_int_eq(support_fd_count(), descriptors);
    (void)kevy_ring_explain(error, text, sizeof text);
    ck_assert_msg(strstr(text, "--security-opt seccomp=") != NULL, "%s", text);
}
END_TEST

static unsigned accepted;

static struct kevy_stream *accept_next(struct kevy_listener *listener)
{
    (void)listener;
    probe_init(&probes[accepted], &probe_events);
    return &probes[accepted++].stream;
}

/* Binds without SO_REUSEADDR: nothing at all may be left of who had the port. */
static void port_take(int type, uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    close(fd);
}

/* Three connections: one idle, one that sends to nobody, one with bytes that nobody takes. */
static void three_accepted(uint16_t port, int *clients)
{
    accepted = 0;
    for (unsigned index = 0; index < 3; index++)
        clients[index] = plain_connect(port);
    TURN_UNTIL(accepted == 3);
    kevy_stream_set_watermarks(&probes[1].stream, 0, 64 << 20);
    for (unsigned count = 0; count < 40; count++)
        QUIETLY(ck_assert_int_eq(kevy_stream_send(&probes[1].stream, data, sizeof data), 0));
    QUIETLY(kevy_stream_pause(&probes[2].stream));
    peer_write_text(clients[2], "held back");
}

/*
 * 36: the kernel takes a ring apart behind our back: what its requests hold, ports among it, goes
 * later, and memory is written to meanwhile. So everything is cancelled and waited for.
 */
START_TEST(footgun_36_destroy_returns_when_ports_descriptors_and_memory_are_free)
{
    struct kevy_listener_options options = {.address = "127.0.0.1", .accept = accept_next};
    struct kevy_listener listener = {0};
    struct post post;
    uint16_t port, datagram_port;
    int descriptors, clients[3];
    char byte;

    ck_assert_uint_eq(kevy_reactor_destroy(reactor), 0);
    descriptors = support_fd_count();
    for (unsigned round = 0; round < support_rounds(20); round++) {
        ck_assert_int_eq(kevy_reactor_create(&reactor, NULL), 0);
        ck_assert_int_eq(kevy_listener_open(&listener, reactor, &options), 0);
        port = kevy_listener_port(&listener);
        post_open(&post);
        datagram_port = kevy_datagram_port(&post.datagram);
        three_accepted(port, clients);
        race_begin();
        turns(round % 4);
        ck_assert_uint_eq(kevy_reactor_destroy(reactor), 5);
        port_take(SOCK_STREAM, port);
        port_take(SOCK_DGRAM, datagram_port);
        ck_assert_uint_eq(post.closes, 1);
        for (unsigned index = 0; index < 3; index++) {
            ck_assert(probes[index].closed);
            while (peer_read(clients[index], data, sizeof data) > 0)
                ;
            ck_assert_int_eq(peer_read(clients[index], &byte, 1), 0);
            close(clients[index]);
        }
        race_write();
        ck_assert_uint_eq(race.calls, 1);
        ck_assert_int_eq(race.result, -ECANCELED);
        ck_assert_int_eq(race.byte, 0);
        ck_assert_int_eq(read(race.pipe[0], &byte, 1), 1); /* nobody else has read it */
        close(race.pipe[0]);
        close(race.pipe[1]);
        ck_assert_int_eq(support_fd_count(), descriptors);
    }
    reactor = NULL;
    reactor_setup();
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("footgun_end");
    TCase *ends = tcase_create("ends");

    tcase_add_checked_fixture(ends, reactor_setup, reactor_teardown);
    tcase_set_timeout(ends, 30);
    tcase_add_test(ends, footgun_11_a_cancel_and_a_completion_that_race_give_one_callback);
    tcase_add_test(ends, footgun_11_a_cancel_that_races_with_another_thread_gives_one_callback);
    tcase_add_loop_test(ends, footgun_26_a_container_that_forbids_io_uring_is_a_clear_error, 0, 2);
    tcase_add_test(ends, footgun_36_destroy_returns_when_ports_descriptors_and_memory_are_free);
    suite_add_tcase(suite, ends);
    return suite;
}
