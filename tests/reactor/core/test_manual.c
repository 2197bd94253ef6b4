/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* What the headers say and no test of one object shows: errors by number, what comes when. */

#include "datagram/datagram_test.h"

#include "core/reactor.h"

#include <kevy/group.h>
#include <pthread.h>
#include <signal.h>

static struct kevy_stream *accept_none(struct kevy_listener *listener)
{
    (void)listener;
    return NULL;
}

static int listen_with(const struct kevy_listener_options *wanted)
{
    struct kevy_listener_options options = *wanted;
    struct kevy_listener listener = {0};
    int error;

    options.accept = accept_none;
    error = kevy_listener_open(&listener, reactor, &options);
    ck_assert_int_ne(error, 0);
    return error;
}

static int adopt_to_listen(int fd)
{
    struct kevy_listener listener = {0};

    return kevy_listener_adopt(&listener, reactor, fd,
                               &(struct kevy_listener_options){.accept = accept_none});
}

START_TEST(a_listener_says_what_is_wrong_with_its_options)
{
    struct sockaddr_un path = {.sun_family = AF_UNIX, .sun_path = "/dev/null"};
    int fds[2];

    ck_assert_int_eq(pipe(fds), 0);
    ck_assert_int_eq(listen_with(&(struct kevy_listener_options){.tcp_keepidle_s = 32768}),
                     -EINVAL);
    ck_assert_int_eq(
        listen_with(&(struct kevy_listener_options){.tcp_user_timeout_ms = UINT32_MAX}), -EINVAL);
    ck_assert_int_eq(listen_with(&(struct kevy_listener_options){.backlog = -1}), -EINVAL);
    ck_assert_int_eq(adopt_to_listen(fds[0]), -ENOTSOCK);
    close(fds[0]);
    ck_assert_int_eq(adopt_to_listen(fds[0]), -EBADF);
    ck_assert_int_eq(
        listen_with(&(struct kevy_listener_options){.socket_address = (struct sockaddr *)&path,
                                                    .socket_address_length = sizeof path}),
        -EADDRINUSE);
    close(fds[1]);
}
END_TEST

static int errors_in_close[3];

static void ask_in_close(struct kevy_datagram *datagram)
{
    errors_in_close[0] = kevy_datagram_join(datagram, "239.255.7.7", 0);
    errors_in_close[1] = kevy_datagram_send(datagram, "x", 1, NULL, 0);
    errors_in_close[2] = kevy_datagram_port(datagram);
}

START_TEST(a_datagram_socket_says_why_it_does_not_join_or_send)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    struct sockaddr_storage peer = {.ss_family = AF_INET};
    struct kevy_datagram internet = {0}, local = {0};

    ck_assert_int_eq(kevy_datagram_open(&internet, reactor,
                                        &(struct kevy_datagram_options){.address = "127.0.0.1",
                                                                        .close = ask_in_close}),
                     0);
    ck_assert_int_eq(kevy_datagram_open(&local, reactor,
                                        &(struct kevy_datagram_options){
                                            .socket_address = (struct sockaddr *)&name,
                                            .socket_address_length = sizeof(sa_family_t)}),
                     0);
    ck_assert_int_eq(kevy_datagram_join(&internet, "127.0.0.1", 0), -EINVAL);
    ck_assert_int_eq(kevy_datagram_join(&internet, "ff02::7", 0), -ENOPROTOOPT);
    ck_assert_int_eq(kevy_datagram_join(&local, "239.255.7.7", 0), -EOPNOTSUPP);
    ck_assert_int_eq(
        kevy_datagram_send(&internet, "x", 1, (struct sockaddr *)&peer, sizeof peer + 1), -EINVAL);
    kevy_datagram_close(&internet);
    kevy_datagram_close(&local);
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
    ck_assert_int_eq(errors_in_close[0], -EBADF);
    ck_assert_int_eq(errors_in_close[1], -EPIPE);
    ck_assert_int_eq(errors_in_close[2], 0);
}
END_TEST

static struct kevy_task deferred, posted, again;
static uint64_t turn_of_fire;
static char order[8];
static unsigned ran;

static void note(struct kevy_task *task, struct kevy_reactor *owner)
{
    ck_assert_uint_eq(stats_now().turns, turn_of_fire + (task == &again));
    order[ran++] = task == &deferred ? 'd' : task == &posted ? 'p' : 'a';
    if (task == &posted) {
        again.run = note;
        kevy_reactor_defer(owner, &again);
    }
}

static void defer_and_post(struct kevy_timer *timer)
{
    (void)timer;
    turn_of_fire = stats_now().turns;
    posted.run = deferred.run = note;
    kevy_reactor_post(reactor, &posted);
    kevy_reactor_defer(reactor, &deferred);
}

START_TEST(tasks_of_a_callback_run_in_its_turn_those_of_a_task_in_the_next)
{
    struct kevy_timer timer = {.period_ns = 0};

    kevy_timer_start(&timer, reactor, 0, defer_and_post);
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
    ck_assert_str_eq(order, "dpa");
}
END_TEST

START_TEST(queues_beyond_what_the_kernel_allows_are_cut)
{
    reactor_setup_with(
        &(struct kevy_reactor_options){.sq_entries = 1U << 20, .cq_entries = 1U << 20});
    ck_assert_uint_eq(reactor->ring.sq_entries, 32768);
    ck_assert_uint_eq(reactor->ring.cq_entries, 65536);
    reactor_setup_with(&(struct kevy_reactor_options){.sq_entries = 3, .cq_entries = 5});
    ck_assert_uint_eq(reactor->ring.sq_entries, 4);
    ck_assert_uint_eq(reactor->ring.cq_entries, 8);
}
END_TEST

START_TEST(a_connect_that_may_take_no_time_finds_who_answers_at_once)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int length = snprintf(name.sun_path + 1, sizeof name.sun_path - 1, "kevy-manual-%d", getpid());
    socklen_t size = (socklen_t)(sizeof(sa_family_t) + 1 + (size_t)length);
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    struct probe probe;

    ck_assert_int_eq(bind(listener, (struct sockaddr *)&name, size), 0);
    ck_assert_int_eq(listen(listener, 1), 0);
    probe_init(&probe, &probe_events);
    ck_assert_int_eq(kevy_stream_connect(&probe.stream, reactor, (struct sockaddr *)&name, size, 0),
                     0);
    turns(3);
    ck_assert_str_eq(probe.log, "o");
    kevy_stream_abort(&probe.stream);
    probe_finish(&probe);
    close(listener);
}
END_TEST

static struct kevy_datagram left_over;
static char member_order[8];

static void member_note(char letter)
{
    member_order[strlen(member_order)] = letter;
}

static void left_over_closed(struct kevy_datagram *datagram)
{
    (void)datagram;
    member_note('c');
}

static int member_setup(struct kevy_reactor *owner, uint32_t index, void *context)
{
    (void)index;
    (void)context;
    member_note('s');
    kevy_reactor_stop(owner);
    return kevy_datagram_open(
        &left_over, owner,
        &(struct kevy_datagram_options){.address = "127.0.0.1", .close = left_over_closed});
}

static void member_teardown(struct kevy_reactor *owner, uint32_t index, void *context)
{
    (void)owner;
    (void)index;
    (void)context;
    member_note('t');
}

START_TEST(what_is_left_of_a_member_closes_after_its_teardown)
{
    struct kevy_group *group;

    ck_assert_int_eq(
        kevy_group_start(&group, &(struct kevy_group_options){.count = 1,
                                                              .setup = member_setup,
                                                              .teardown = member_teardown}),
        0);
    ck_assert_int_eq(kevy_group_join(group), 1);
    ck_assert_str_eq(member_order, "stc");
}
END_TEST

static struct kevy_group *whole;
static struct kevy_timer drain_timers[2];

static void drain_whole(struct kevy_timer *timer)
{
    (void)timer;
    kevy_group_finish(whole, KEVY_FOREVER);
}

static int drain_setup(struct kevy_reactor *owner, uint32_t index, void *context)
{
    (void)context;
    kevy_timer_start(&drain_timers[index], owner, 0, drain_whole);
    return 0;
}

START_TEST(a_member_may_drain_the_group_from_its_first_callback_on)
{
    for (unsigned round = 0; round < support_rounds(100); round++) {
        whole = NULL;
        ck_assert_int_eq(
            kevy_group_start(&whole,
                             &(struct kevy_group_options){.count = 2, .setup = drain_setup}),
            0);
        ck_assert_int_eq(kevy_group_join(whole), 0);
    }
}
END_TEST

enum {
    SIGNALS = 200,
};

static unsigned heard; /* by both */
static struct kevy_reactor *listening[2];

static void hear(struct kevy_signal *watch)
{
    (void)watch;
    if (__atomic_add_fetch(&heard, 1, __ATOMIC_RELAXED) == SIGNALS)
        for (unsigned index = 0; index < 2; index++)
            kevy_reactor_stop(listening[index]);
}

static int hear_setup(struct kevy_reactor *owner, uint32_t index, void *context)
{
    static struct kevy_signal watches[2];

    (void)context;
    listening[index] = owner;
    kevy_reactor_ref(owner);
    return kevy_signal_watch(&watches[index], owner, SIGRTMIN + 1, hear);
}

START_TEST(of_two_reactors_that_watch_a_signal_one_gets_each)
{
    struct kevy_group *group;
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN + 1);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    ck_assert_int_eq(
        kevy_group_start(&group, &(struct kevy_group_options){.count = 2, .setup = hear_setup}), 0);
    for (unsigned count = 0; count < SIGNALS; count++)
        ck_assert_int_eq(kill(getpid(), SIGRTMIN + 1), 0);
    ck_assert_int_eq(kevy_group_join(group), 0);
    ck_assert_uint_eq(heard, SIGNALS);
    ck_assert_int_eq(sigtimedwait(&set, NULL, &(struct timespec){0}), -1);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("manual");
    TCase *manual = tcase_create("manual");
    TCase *groups = tcase_create("groups");

    tcase_add_checked_fixture(manual, reactor_setup, reactor_teardown);
    tcase_set_timeout(manual, 10);
    tcase_set_timeout(groups, 10);
    tcase_add_test(manual, a_listener_says_what_is_wrong_with_its_options);
    tcase_add_test(manual, a_datagram_socket_says_why_it_does_not_join_or_send);
    tcase_add_test(manual, tasks_of_a_callback_run_in_its_turn_those_of_a_task_in_the_next);
    tcase_add_test(manual, queues_beyond_what_the_kernel_allows_are_cut);
    tcase_add_test(manual, a_connect_that_may_take_no_time_finds_who_answers_at_once);
    tcase_add_test(groups, what_is_left_of_a_member_closes_after_its_teardown);
    tcase_add_test(groups, a_member_may_drain_the_group_from_its_first_callback_on);
    tcase_add_test(groups, of_two_reactors_that_watch_a_signal_one_gets_each);
    suite_add_tcase(suite, manual);
    suite_add_tcase(suite, groups);
    return suite;
}
