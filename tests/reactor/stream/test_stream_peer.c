/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Who is at the other end of a stream: an address, and for Unix streams a process. */

#include "reactor_test.h"

#include <sched.h>
#include <sys/wait.h>

static struct probe probe;

START_TEST(the_address_of_the_peer_is_its_own)
{
    struct sockaddr_in address, own;
    socklen_t length = sizeof address, own_length = sizeof own;

    probe_tcp(&probe, &probe_events);
    ck_assert_int_eq(kevy_stream_peer_address(&probe.stream, (struct sockaddr *)&address, &length),
                     0);
    ck_assert_uint_eq(length, sizeof address);
    ck_assert_int_eq(getsockname(probe.peer, (struct sockaddr *)&own, &own_length), 0);
    ck_assert_uint_eq(address.sin_port, own.sin_port);
    ck_assert_uint_eq(address.sin_addr.s_addr, own.sin_addr.s_addr);
    QUIETLY(kevy_stream_abort(&probe.stream));
    probe_finish(&probe);
}
END_TEST

START_TEST(an_address_without_room_is_cut_and_its_length_told)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof(sa_family_t);

    probe_tcp(&probe, &probe_events);
    ck_assert_int_eq(kevy_stream_peer_address(&probe.stream, (struct sockaddr *)&address, &length),
                     0);
    ck_assert_int_eq(address.ss_family, AF_INET);
    ck_assert_uint_eq(length, sizeof(struct sockaddr_in));
    QUIETLY(kevy_stream_abort(&probe.stream));
    probe_finish(&probe);
}
END_TEST

/* From `open` on a stream has a peer, until it is reset or closed. */
static int reset_errors[2];

static void ask_in_close(struct kevy_stream *stream, int reason)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof address;

    reset_errors[1] = kevy_stream_peer_address(stream, (struct sockaddr *)&address, &length);
    probe_events.close(stream, reason);
}

START_TEST(what_has_no_peer_says_why)
{
    struct sockaddr_storage address;
    struct kevy_stream_events events = probe_events;
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    socklen_t length = sizeof address;
    struct kevy_credentials peer;
    int fds[2];

    probe_init(&probe, &probe_events);
    ck_assert_int_eq(pipe(fds), 0);
    ck_assert_int_eq(kevy_stream_adopt(&probe.stream, reactor, fds[0]), 0);
    ck_assert_int_eq(kevy_stream_peer_address(&probe.stream, (struct sockaddr *)&address, &length),
                     -ENOTSOCK);
    ck_assert_int_eq(kevy_stream_credentials(&probe.stream, &peer), -EOPNOTSUPP);
    QUIETLY(kevy_stream_abort(&probe.stream));
    probe.peer = fds[1];
    probe_finish(&probe);
    events.close = ask_in_close;
    probe_tcp(&probe, &events);
    setsockopt(probe.peer, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    probe_peer_close(&probe);
    reset_errors[0] = kevy_stream_peer_address(&probe.stream, (struct sockaddr *)&address, &length);
    probe_finish(&probe);
    ck_assert_int_eq(reset_errors[0], -ENOTCONN);
    ck_assert_int_eq(reset_errors[1], -ENOTCONN);
}
END_TEST

START_TEST(credentials_tell_who_is_at_the_other_end_of_a_unix_stream)
{
    struct kevy_credentials peer = {.process = -7};

    probe_init(&probe, &probe_events);
    ck_assert_int_eq(kevy_stream_credentials(&probe.stream, &peer), -ENOTCONN);
    probe_unix(&probe, &probe_events);
    ck_assert_int_eq(kevy_stream_credentials(&probe.stream, &peer), 0);
    ck_assert_int_eq(peer.process, getpid());
    ck_assert_uint_eq(peer.user, geteuid());
    ck_assert_uint_eq(peer.group, getegid());
    QUIETLY(kevy_stream_abort(&probe.stream));
    probe_finish(&probe);
    peer.process = -7;
    probe_tcp(&probe, &probe_events);
    ck_assert_int_eq(kevy_stream_credentials(&probe.stream, &peer), -EOPNOTSUPP);
    ck_assert_int_eq(peer.process, -7);
    QUIETLY(kevy_stream_abort(&probe.stream));
    probe_finish(&probe);
}
END_TEST

/* In a process that does not see the one at the other end: 0 when it is told so. */
static int credentials_elsewhere(int fd)
{
    struct kevy_credentials peer = {.process = -7};
    int error;

    reactor_setup();
    probe_init(&probe, &probe_events);
    error = kevy_stream_adopt(&probe.stream, reactor, fd);
    if (error == 0)
        error = kevy_stream_credentials(&probe.stream, &peer);
    kevy_stream_abort(&probe.stream);
    (void)kevy_reactor_destroy(reactor);
    return error != 0 || peer.process != 0 || peer.user != geteuid();
}

/* The exit status of a child that `run` returned, 1 when there was none. */
static int child_status(int (*run)(int fd), int fd)
{
    pid_t child = fork();
    int status;

    if (child == 0)
        _exit(run(fd));
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
        return 1;
    return WEXITSTATUS(status);
}

/* The namespace is that of the children alone. */
static int namespace_enter(int fd)
{
    return unshare(CLONE_NEWPID) != 0 || (fd >= 0 && child_status(credentials_elsewhere, fd) != 0);
}

START_TEST(a_peer_of_another_pid_namespace_has_a_user_and_no_process)
{
    int fds[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    ck_assert_int_eq(child_status(namespace_enter, fds[0]), 0);
    close(fds[0]);
    close(fds[1]);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("stream_peer");
    TCase *peers = tcase_create("peers");
    TCase *namespaces = tcase_create("namespaces");

    tcase_add_checked_fixture(peers, reactor_setup, reactor_teardown);
    tcase_add_test(peers, the_address_of_the_peer_is_its_own);
    tcase_add_test(peers, an_address_without_room_is_cut_and_its_length_told);
    tcase_add_test(peers, what_has_no_peer_says_why);
    tcase_add_test(peers, credentials_tell_who_is_at_the_other_end_of_a_unix_stream);
    if (child_status(namespace_enter, -1) == 0)
        tcase_add_test(namespaces, a_peer_of_another_pid_namespace_has_a_user_and_no_process);
    else
        support_skip("a_peer_of_another_pid_namespace_has_a_user_and_no_process",
                     "unshare(2) is not allowed");
    suite_add_tcase(suite, peers);
    suite_add_tcase(suite, namespaces);
    return suite;
}
