/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Opening what needs a descriptor or a thread when there is none: it is told, nothing leaks. */

#include "datagram/datagram_test.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>

static struct probe probe;

static void *nothing(void *context)
{
    return context;
}

/* No thread can be started from here on: each would want more memory than there is. */
static void threads_too_large(void)
{
    pthread_attr_t attributes;
    pthread_t thread;

    ck_assert_int_eq(pthread_attr_init(&attributes), 0);
    ck_assert_int_eq(pthread_attr_setstacksize(&attributes, SIZE_MAX / 4096 * 1024), 0);
    ck_assert_int_eq(pthread_setattr_default_np(&attributes), 0);
    ck_assert_int_eq(pthread_create(&thread, NULL, nothing, NULL), EAGAIN);
    pthread_attr_destroy(&attributes);
}

static int group_setup(struct kevy_reactor *member, uint32_t index, void *context)
{
    (void)member;
    (void)index;
    (void)context;
    ck_abort_msg("no thread could be started");
    return 0;
}

START_TEST(threads_that_cannot_be_started_leave_nothing)
{
    struct kevy_workers *workers = NULL;
    struct kevy_resolver resolver = {0};
    struct kevy_group *group = NULL;
    int descriptors = support_fd_count();

    threads_too_large();
    ck_assert_int_eq(kevy_workers_create(&workers, NULL), -EAGAIN);
    ck_assert_ptr_null(workers);
    ck_assert_int_eq(kevy_resolver_open(&resolver, NULL), -EAGAIN);
    ck_assert_ptr_null(resolver.workers);
    kevy_resolver_close(&resolver);
    ck_assert_int_eq(
        kevy_group_start(&group, &(struct kevy_group_options){.count = 2, .setup = group_setup}),
        -EAGAIN);
    ck_assert_ptr_null(group);
    ck_assert_int_eq(support_fd_count(), descriptors);
}
END_TEST

static struct kevy_stream *accept_nobody(struct kevy_listener *listener)
{
    (void)listener;
    return NULL;
}

static void fire_never(struct kevy_signal *signal)
{
    (void)signal;
    ck_abort_msg("there was no signal");
}

/* What opens a descriptor at once, on the fixture's reactor. */
static int listener_try(void)
{
    static struct kevy_listener listener;
    int error = kevy_listener_open(
        &listener, reactor,
        &(struct kevy_listener_options){.address = "127.0.0.1", .accept = accept_nobody});

    if (error == 0)
        kevy_listener_close(&listener);
    return error;
}

static int datagram_try(void)
{
    static struct kevy_datagram datagram;
    int error = kevy_datagram_open(&datagram, reactor,
                                   &(struct kevy_datagram_options){.address = "127.0.0.1"});

    if (error == 0)
        kevy_datagram_close(&datagram);
    return error;
}

static int signal_try(void)
{
    static struct kevy_signal watch;
    int error = kevy_signal_watch(&watch, reactor, SIGUSR1, fire_never);

    if (error == 0)
        kevy_signal_unwatch(&watch);
    return error;
}

static void connect_end(void)
{
    QUIETLY(kevy_stream_abort(&probe.stream));
    probe_finish(&probe);
}

static int connect_try(void)
{
    struct sockaddr_in address;
    int error;

    probe_init(&probe, &probe_events);
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    QUIETLY(error = kevy_stream_connect(&probe.stream, reactor, (struct sockaddr *)&address,
                                        sizeof address, KEVY_FOREVER));
    if (error == 0)
        connect_end();
    return error;
}

static int create_try(void)
{
    struct kevy_reactor *other = NULL;
    int error = kevy_reactor_create(&other, NULL);

    (void)kevy_reactor_destroy(other);
    return error;
}

static int (*const tries[])(void) = {listener_try, datagram_try, signal_try, connect_try,
                                     create_try};

START_TEST(without_a_descriptor_to_spare_opening_says_so_and_leaves_nothing)
{
    int descriptors = support_fd_count();
    struct rlimit before, none;

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = before.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    for (unsigned round = 0; round < 3; round++)
        ck_assert_int_eq(tries[_i](), -EMFILE);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    ck_assert_int_eq(support_fd_count(), descriptors);
    ck_assert_uint_eq(stats_now().objects, 0);
    ck_assert_int_eq(tries[_i](), 0);
    TURN_UNTIL(stats_now().objects == 0);
}
END_TEST

/* A peer of another family than the address. */
START_TEST(a_datagram_socket_that_cannot_be_connected_is_closed_or_left_to_its_owner)
{
    struct sockaddr_in6 peer = {.sin6_family = AF_INET6, .sin6_port = 1};
    struct kevy_datagram_options options = {
        .address = "127.0.0.1", .peer = (struct sockaddr *)&peer, .peer_length = sizeof peer};
    struct kevy_datagram datagram = {0};
    struct sockaddr_in own;
    int fd = plain_socket(&own), descriptors = support_fd_count();

    peer.sin6_addr = in6addr_loopback;
    ck_assert_int_lt(kevy_datagram_open(&datagram, reactor, &options), 0);
    options.address = NULL;
    ck_assert_int_lt(kevy_datagram_adopt(&datagram, reactor, fd, &options), 0);
    ck_assert_int_eq(support_fd_count(), descriptors);
    close(fd);
}
END_TEST

/* Control data needs room that these buffers have not. */
START_TEST(a_datagram_socket_for_which_the_buffers_are_too_small_is_closed_or_left_to_its_owner)
{
    struct kevy_datagram_options options = {.address = "127.0.0.1", .control_size = 4096};
    struct kevy_datagram datagram = {0};
    struct sockaddr_in own;
    int fd = plain_socket(&own), descriptors = support_fd_count();

    ck_assert_int_eq(kevy_datagram_open(&datagram, reactor, &options), -EINVAL);
    options.address = NULL;
    ck_assert_int_eq(kevy_datagram_adopt(&datagram, reactor, fd, &options), -EINVAL);
    ck_assert_int_eq(support_fd_count(), descriptors);
    ck_assert_uint_eq(stats_now().objects, 0);
    close(fd);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("shortage_open");
    TCase *opens = tcase_create("opens");

    tcase_add_checked_fixture(opens, reactor_setup, reactor_teardown);
    tcase_add_loop_test(opens, without_a_descriptor_to_spare_opening_says_so_and_leaves_nothing, 0,
                        (int)(sizeof tries / sizeof *tries));
    tcase_add_test(opens,
                   a_datagram_socket_that_cannot_be_connected_is_closed_or_left_to_its_owner);
    tcase_add_test(
        opens,
        a_datagram_socket_for_which_the_buffers_are_too_small_is_closed_or_left_to_its_owner);
#ifdef __GLIBC__
    tcase_add_test(opens, threads_that_cannot_be_started_leave_nothing);
#else
    support_skip("threads_that_cannot_be_started_leave_nothing",
                 "the C library bounds the stacks of threads");
#endif
    suite_add_tcase(suite, opens);
    return suite;
}
