/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* A reactor inside another loop: what wakes that loop, and what leaves it asleep. */

#include "embedding_test.h"

#include "core/reactor.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/wait.h>

#define ROUNDS 5

START_TEST(the_descriptor_of_a_reactor_that_is_not_embedded_is_an_assertion)
{
    support_core_limit_zero();
    reactor_setup_with(NULL);
    (void)kevy_reactor_fd(reactor);
}
END_TEST

/* One thing that comes from outside: how it is waited for, and how it is made to come. */
struct arrival {
    const char *name;
    void (*wait)(void);
    void (*come)(void);
    void (*end)(void);
};

static struct probe probe;
static unsigned arrived;
static int ends[2], other;
static pid_t child_pid;
static struct kevy_listener listener;
static struct kevy_datagram datagram;
static struct kevy_signal watch;
static struct kevy_child child;
static struct kevy_completion completion;
static struct kevy_task task;
static struct sockaddr_in address;

static void bytes_count(struct probe *reading, struct kevy_buffer *buffer)
{
    (void)reading;
    (void)buffer;
    arrived++;
}

static void probe_come(void)
{
    ck_assert_int_eq(write(probe.peer, "x", 1), 1);
}

static void probe_end(void)
{
    kevy_stream_abort(&probe.stream);
    probe_finish(&probe);
}

static void tcp_wait(void)
{
    probe_tcp(&probe, &probe_events);
    probe.on_read = bytes_count;
}

static void unix_wait(void)
{
    probe_unix(&probe, &probe_events);
    probe.on_read = bytes_count;
}

static struct kevy_stream *connection_count(struct kevy_listener *from)
{
    (void)from;
    arrived++;
    return NULL;
}

static void listener_wait(void)
{
    ck_assert_int_eq(kevy_listener_open(&listener, reactor,
                                        &(struct kevy_listener_options){
                                            .address = "127.0.0.1", .accept = connection_count}),
                     0);
    other = -1;
}

static void listener_come(void)
{
    if (other >= 0)
        close(other);
    other = plain_connect(kevy_listener_port(&listener));
}

static void listener_end(void)
{
    close(other);
    kevy_listener_close(&listener);
}

static void datagram_count(struct kevy_datagram *from, struct kevy_datagram_message *message)
{
    (void)from;
    (void)message;
    arrived++;
}

static void datagram_wait(void)
{
    const struct kevy_datagram_options options = {.address = "127.0.0.1", .read = datagram_count};
    socklen_t length = sizeof address;

    ck_assert_int_eq(kevy_datagram_open(&datagram, reactor, &options), 0);
    ck_assert_int_eq(getsockname(datagram.fd, (struct sockaddr *)&address, &length), 0);
    other = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

static void datagram_come(void)
{
    ck_assert_int_eq(sendto(other, "x", 1, 0, (const struct sockaddr *)&address, sizeof address),
                     1);
}

static void datagram_end(void)
{
    close(other);
    kevy_datagram_close(&datagram);
}

static void pipe_done(struct kevy_completion *done, int result, uint32_t flags)
{
    char byte;

    (void)done;
    if (result > 0 && read(ends[0], &byte, 1) == 1)
        arrived++;
    ck_assert(result == -ECANCELED || (flags & KEVY_CQE_F_MORE) != 0);
}

static void pipe_wait(void)
{
    ck_assert_int_eq(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    kevy_completion_init(&completion, reactor, pipe_done);
    kevy_prep_poll_multishot(kevy_completion_sqe(&completion), ends[0], POLLIN);
}

static void pipe_come(void)
{
    ck_assert_int_eq(write(ends[1], "x", 1), 1);
}

static void pipe_end(void)
{
    kevy_completion_cancel(&completion);
    TURN_UNTIL(!kevy_completion_active(&completion));
    close(ends[0]);
    close(ends[1]);
}

static void signal_count(struct kevy_signal *fired)
{
    (void)fired;
    arrived++;
}

static void signal_wait(void)
{
    ck_assert_int_eq(kevy_signal_watch(&watch, reactor, SIGUSR1, signal_count), 0);
}

static void signal_come(void)
{
    ck_assert_int_eq(kill(getpid(), SIGUSR1), 0);
}

static void signal_end(void)
{
    kevy_signal_unwatch(&watch);
}

static void child_count(struct kevy_child *exited, int result)
{
    (void)exited;
    ck_assert_int_eq(result, 0);
    arrived++;
}

/* It ends when it reads a byte, or the end: the pipe is the parent's alone, as is the copy of the
 * reactor's descriptors that it closes by ending. */
static void child_begin(void)
{
    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    child_pid = fork();
    ck_assert_int_ge(child_pid, 0);
    if (child_pid == 0) {
        char byte;

        close(ends[1]);
        _exit(read(ends[0], &byte, 1) < 0);
    }
    close(ends[0]);
    ck_assert_int_eq(kevy_child_watch(&child, reactor, child_pid, child_count), 0);
}

static void child_come(void)
{
    close(ends[1]);
}

static void nothing(void) {}

static void task_count(struct kevy_task *posted, struct kevy_reactor *where)
{
    (void)posted;
    (void)where;
    arrived++;
}

static void post_wait(void)
{
    task.run = task_count;
}

static void post_come(void)
{
    kevy_reactor_post(reactor, &task);
}

/* The kernel may end any multishot, the poll of the wake among them. */
static void post_wait_again(void)
{
    post_wait();
    turn_now();
    ck_assert_int_eq(kevy_completion_cancel(&reactor->wake.completion), 0);
}

static const struct arrival arrivals[] = {
    {"bytes by TCP", tcp_wait, probe_come, probe_end},
    {"bytes by a Unix socket", unix_wait, probe_come, probe_end},
    {"a connection", listener_wait, listener_come, listener_end},
    {"a datagram", datagram_wait, datagram_come, datagram_end},
    {"a byte in a pipe", pipe_wait, pipe_come, pipe_end},
    {"a signal", signal_wait, signal_come, signal_end},
    {"a post", post_wait, post_come, nothing},
    {"a post after the poll of the wake has ended", post_wait_again, post_come, nothing},
};
#define ARRIVALS (sizeof arrivals / sizeof *arrivals)

static void *come_soon(void *context)
{
    const struct arrival *arrival = context;

    usleep(20000); /* by then the foreign loop sleeps, or it does not: both are to end well */
    arrival->come();
    return NULL;
}

/* The reactor's thread waits for it as another loop does. */
static void arrival_awaited(const struct arrival *arrival, unsigned round, bool (*sleep)(void))
{
    pthread_t thread;

    settle();
    ck_assert_uint_eq(arrived, round);
    ck_assert_int_eq(pthread_create(&thread, NULL, come_soon, (void *)(uintptr_t)arrival), 0);
    while (arrived == round) {
        ck_assert_msg(sleep(), "%s does not wake the foreign loop in round %u", arrival->name,
                      round);
        ck_assert_int_ge(kevy_reactor_run_once(reactor, 0), 0);
        (void)kevy_reactor_next_timeout(reactor);
    }
    pthread_join(thread, NULL);
}

static bool sleep_in_poll(void)
{
    return foreign_poll(10000);
}

static int epoll_fd;

static bool sleep_in_epoll(void)
{
    struct epoll_event event;
    int count;

    do
        count = epoll_wait(epoll_fd, &event, 1, 10000);
    while (count < 0 && errno == EINTR);
    return count == 1;
}

static void epoll_open(uint32_t events)
{
    struct epoll_event event = {.events = events};

    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    ck_assert_int_ge(epoll_fd, 0);
    ck_assert_int_eq(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, kevy_reactor_fd(reactor), &event), 0);
}

START_TEST(footgun_28_whatever_arrives_wakes_a_foreign_poll_every_time)
{
    const struct arrival *arrival = &arrivals[_i];

    arrival->wait();
    for (unsigned round = 0; round < ROUNDS; round++)
        arrival_awaited(arrival, round, sleep_in_poll);
    arrival->end();
    settle();
}
END_TEST

START_TEST(whatever_arrives_wakes_a_foreign_epoll_every_time)
{
    const struct arrival *arrival = &arrivals[_i % ARRIVALS];

    epoll_open((size_t)_i < ARRIVALS ? EPOLLIN : EPOLLIN | EPOLLET);
    arrival->wait();
    for (unsigned round = 0; round < ROUNDS; round++)
        arrival_awaited(arrival, round, sleep_in_epoll);
    arrival->end();
    settle();
    close(epoll_fd);
}
END_TEST

START_TEST(the_end_of_a_child_wakes_the_foreign_loop)
{
    static const struct arrival end = {"the end of a child", NULL, child_come, NULL};

    child_begin();
    arrival_awaited(&end, 0, sleep_in_poll);
    ck_assert_int_eq(waitpid(child_pid, NULL, 0), -1); /* it has been waited for */
}
END_TEST

/* Not a grace period of the kernel's later, which is 15 ms. */
START_TEST(what_arrived_shows_when_the_call_that_sent_it_returns)
{
    probe_unix(&probe, &probe_events);
    for (unsigned round = 1; round <= 100; round++) {
        settle();
        probe_come();
        ck_assert(foreign_poll(0));
        settle();
        ck_assert_uint_eq(probe.count, round);
    }
    probe_end();
}
END_TEST

static void never(struct kevy_timer *fired)
{
    (void)fired;
}

START_TEST(the_next_timeout_is_that_of_the_first_timer)
{
    struct kevy_timer timer = {0};
    uint64_t timeout_ns;

    kevy_timer_start(&timer, reactor, KEVY_SECONDS(100), never);
    timeout_ns = settle();
    ck_assert_uint_le(timeout_ns, KEVY_SECONDS(100) + KEVY_MILLISECONDS(2));
    ck_assert_uint_gt(timeout_ns, 0);
    kevy_timer_stop(&timer);
}
END_TEST

START_TEST(asking_for_the_next_timeout_enters_only_with_something_to_submit)
{
    struct kevy_reactor_stats before;

    settle();
    before = stats_now();
    (void)kevy_reactor_next_timeout(reactor);
    ck_assert_uint_eq(stats_now().enters, before.enters);
    tcp_wait();
    turns(3);
    ck_assert_int_eq(kevy_stream_send(&probe.stream, "x", 1), 0);
    before = stats_now();
    (void)kevy_reactor_next_timeout(reactor);
    ck_assert_uint_eq(stats_now().enters, before.enters + 1);
    ck_assert_uint_eq(stats_now().submissions, before.submissions + 1);
    kevy_stream_abort(&probe.stream);
    probe_finish(&probe);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("embedding");
    TCase *embedding = tcase_create("embedding");

    tcase_add_checked_fixture(embedding, embedded_setup, reactor_teardown);
    support_add_abort(embedding, the_descriptor_of_a_reactor_that_is_not_embedded_is_an_assertion,
                      0, 1);
    tcase_add_loop_test(embedding, footgun_28_whatever_arrives_wakes_a_foreign_poll_every_time, 0,
                        ARRIVALS);
    tcase_add_loop_test(embedding, whatever_arrives_wakes_a_foreign_epoll_every_time, 0,
                        2 * ARRIVALS);
    tcase_add_test(embedding, the_end_of_a_child_wakes_the_foreign_loop);
    tcase_add_test(embedding, what_arrived_shows_when_the_call_that_sent_it_returns);
    tcase_add_test(embedding, the_next_timeout_is_that_of_the_first_timer);
    tcase_add_test(embedding, asking_for_the_next_timeout_enters_only_with_something_to_submit);
    suite_add_tcase(suite, embedding);
    return suite;
}
