/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Who waits for a buffer: the oldest is served first, and nobody is late for it or forgotten. */

#include "recv_pool_test.h"

#include "runs.h"

#include <sys/ioctl.h>

/* Each stream has 100 bytes to read before any of them reads: a busy kernel brings them late. */
static void peers_write(unsigned count)
{
    for (unsigned index = 0; index < count; index++)
        peer_write(probes[index].peer, data, 100);
    for (unsigned index = 0; index < count; index++) {
        int arrived = 0;

        while (arrived < 100)
            ck_assert_int_eq(ioctl(probes[index].stream.fd, FIONREAD, &arrived), 0);
    }
}

/* Buffers that the pool believes to be out, and that no stream has. */
static void pretend_lent(int count)
{
    reactor->pool.lent_count = (uint32_t)((int)reactor->pool.lent_count + count);
}

static void pretend_once(struct probe *reader, struct kevy_buffer *buffer)
{
    (void)reader;
    (void)buffer;
    if (reactor->pool.lent_count < 8)
        pretend_lent(15);
}

START_TEST(the_starved_read_on_when_an_eighth_of_the_pool_is_back)
{
    uint64_t total = 0;

    pool(16, 256);
    for (unsigned index = 0; index < 20; index++) {
        probe_tcp(&probes[index], &probe_events);
        probes[index].on_read = pretend_once;
    }
    turns(40);
    peers_write(20);
    TURN_UNTIL(reactor->starved.count != 0);
    turns(20);
    for (unsigned index = 0; index < 20; index++)
        total += probes[index].count;
    ck_assert_uint_eq(total, 16 * 100); /* and one of 16 buffers is there */
    pretend_lent(-1);
    SLEEP_UNTIL(all_have(20, 100));
    pretend_lent(-14);
    abort_all(20);
}
END_TEST

/* Not the peer is late, but the buffers. */
static void not_before_its_bytes(struct probe *late, enum kevy_deadline deadline)
{
    (void)deadline;
    ck_assert_uint_ne(late->count, 0);
}

START_TEST(a_stream_that_waits_for_a_buffer_is_not_late)
{
    pool(16, 256);
    for (unsigned index = 0; index < 20; index++) {
        probe_tcp(&probes[index], &probe_events);
        probes[index].on_read = pretend_once;
        probes[index].on_timeout = not_before_its_bytes;
    }
    turns(40);
    peers_write(20);
    TURN_UNTIL(reactor->starved.count != 0);
    for (unsigned index = 0; index < 20; index++)
        kevy_stream_set_deadline(&probes[index].stream,
                                 _i != 0 ? KEVY_DEADLINE_TOTAL : KEVY_DEADLINE_IDLE,
                                 KEVY_MILLISECONDS(5));
    for (unsigned round = 0; round < 3; round++) {
        clock_pass(clock_ns() + KEVY_MILLISECONDS(15));
        turns(10);
    }
    pretend_lent(-1);
    SLEEP_UNTIL(all_have(20, 100));
    pretend_lent(-14);
    abort_all(20);
}
END_TEST

static unsigned served[BUSY], served_count;

static void serve_in_order(struct probe *reader, struct kevy_buffer *buffer)
{
    (void)buffer;
    if (served_count < BUSY)
        served[served_count++] = (unsigned)(reader - probes);
}

/* One buffer a round, three floods: everybody must come round, again and again. */
static void floods_share(uint32_t buffers)
{
    enum {
        FLOODS = 3,
    };
    uint64_t before[FLOODS];

    pool(buffers, 512);
    for (unsigned index = 0; index < FLOODS; index++)
        probe_tcp(&probes[index], &probe_events);
    for (unsigned round = 0; round < support_rounds(6); round++) {
        for (unsigned index = 0; index < FLOODS; index++)
            before[index] = probes[index].count;
        for (unsigned count = 0; count < 200; count++) {
            for (unsigned index = 0; index < FLOODS; index++)
                (void)send(probes[index].peer, data, 100000, MSG_NOSIGNAL);
            turn_now();
        }
        for (unsigned index = 0; index < FLOODS; index++)
            ck_assert_msg(probes[index].count > before[index], "stream %u starves", index);
    }
    abort_all(FLOODS);
}

START_TEST(floods_that_starve_each_other_all_make_progress)
{
    floods_share(1U << _i);
}
END_TEST

static unsigned datagrams;

static void datagram_count(struct kevy_datagram *datagram, struct kevy_datagram_message *message)
{
    (void)datagram;
    (void)message;
    datagrams++;
}

/* Both kinds wait in one queue for the one buffer. */
START_TEST(datagrams_make_progress_among_streams_that_starve_each_other)
{
    enum {
        FLOODS = 3,
    };
    struct kevy_datagram_options options = {.address = "127.0.0.1", .read = datagram_count};
    struct kevy_datagram socket_under_test = {0};
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    int sender;

    pool(1, 512);
    sender = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    for (unsigned index = 0; index < FLOODS; index++)
        probe_tcp(&probes[index], &probe_events);
    ck_assert_int_eq(kevy_datagram_open(&socket_under_test, reactor, &options), 0);
    ck_assert_int_eq(
        kevy_datagram_address(&socket_under_test, (struct sockaddr *)&address, &length), 0);
    for (unsigned round = 0; round < support_rounds(6); round++) {
        unsigned before = datagrams;
        uint64_t bytes = probes[0].count;

        for (unsigned count = 0; count < 200; count++) {
            (void)sendto(sender, "x", 1, 0, (struct sockaddr *)&address, length);
            for (unsigned index = 0; index < FLOODS; index++)
                (void)send(probes[index].peer, data, 100000, MSG_NOSIGNAL | MSG_DONTWAIT);
            turn_now();
        }
        ck_assert_msg(datagrams > before, "the datagram socket starves");
        ck_assert_msg(probes[0].count > bytes, "a stream starves");
    }
    close(sender);
    kevy_datagram_close(&socket_under_test);
    abort_all(FLOODS);
    TURN_UNTIL(stats_now().objects == 0);
}
END_TEST

START_TEST(the_oldest_starved_is_served_first)
{
    pool(1, 64);
    for (unsigned index = 0; index < 30; index++) {
        probe_tcp(&probes[index], &probe_events);
        probes[index].on_read = serve_in_order;
    }
    turns(40);
    /* All have data at once: one gets the buffer, the others queue in the order of their failure,
     * and from then on each round is the same. */
    for (unsigned index = 0; index < 30; index++)
        peer_write(probes[index].peer, data, 640);
    SLEEP_UNTIL(served_count >= 90);
    for (unsigned index = 0; index < 30; index++) {
        unsigned first_rounds = 0;

        for (unsigned place = 0; place < 90; place++)
            first_rounds += served[place] == index;
        ck_assert_uint_ge(first_rounds, 2);
        ck_assert_uint_le(first_rounds, 5);
    }
    SLEEP_UNTIL(all_have(30, 640));
    abort_all(30);
}
END_TEST

static void resume_first(struct kevy_timer *timer)
{
    (void)timer;
    if (!probes[0].closed)
        kevy_stream_resume(&probes[0].stream);
}

/* Buffers that come back in the flush itself must reach the starved before the loop sleeps. */
START_TEST(buffers_freed_by_a_resume_reach_the_starved_without_another_event)
{
    struct kevy_timer timer = {0};

    memset(&timer, 0, sizeof timer);
    pool(4, 256);
    probe_tcp(&probes[0], &probe_events);
    turns(2);
    QUIETLY(kevy_stream_pause(&probes[0].stream));
    peer_write(probes[0].peer, data, 1024);
    turns(10);
    for (unsigned index = 1; index < 10; index++)
        probe_tcp(&probes[index], &probe_events);
    turns(5);
    for (unsigned index = 1; index < 10; index++)
        peer_write(probes[index].peer, data, 2000);
    kevy_timer_start(&timer, reactor, KEVY_MILLISECONDS(1), resume_first);
    for (unsigned index = 1; index < 10; index++)
        SLEEP_UNTIL(probes[index].count == 2000);
    TURN_UNTIL(probes[0].count == 1024);
    abort_all(10);
}
END_TEST

START_TEST(closing_starved_streams_leaves_the_queue_in_order)
{
    pool(1, 64);
    for (unsigned index = 0; index < 40; index++) {
        probe_tcp(&probes[index], &probe_events);
        peer_write(probes[index].peer, data, 640);
    }
    turns(4);
    for (unsigned index = 0; index < 40; index += 3)
        QUIETLY(kevy_stream_abort(&probes[index].stream));
    for (unsigned index = 1; index < 40; index += 3)
        QUIETLY(kevy_stream_close(&probes[index].stream));
    for (unsigned index = 2; index < 40; index += 3)
        SLEEP_UNTIL(probes[index].count == 640);
    for (unsigned index = 0; index < 40; index++)
        probe_peer_close(&probes[index]);
    abort_all(40);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("starved");
    TCase *starved = tcase_create("starved");

    tcase_add_checked_fixture(starved, reactor_setup, reactor_teardown);
    tcase_set_timeout(starved, 30);
    tcase_add_test(starved, the_starved_read_on_when_an_eighth_of_the_pool_is_back);
    tcase_add_loop_test(starved, a_stream_that_waits_for_a_buffer_is_not_late, 0, 2);
    tcase_add_loop_test(starved, floods_that_starve_each_other_all_make_progress, 0, 6);
    tcase_add_test(starved, datagrams_make_progress_among_streams_that_starve_each_other);
    tcase_add_test(starved, the_oldest_starved_is_served_first);
    tcase_add_test(starved, buffers_freed_by_a_resume_reach_the_starved_without_another_event);
    tcase_add_test(starved, closing_starved_streams_leaves_the_queue_in_order);
    suite_add_tcase(suite, starved);
    return suite;
}
