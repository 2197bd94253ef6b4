/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Scenarios of the life of a socket: made, bound, accepted, connected, shut down, closed. */

#include "scenario.h"

#include <sys/resource.h>

static int dial(struct scene *s)
{
    return connect_to(s, s->listener);
}

/* Accept. */

static void accept_of_one_who_is_there(struct scene *s)
{
    (void)dial(s);
    kevy_prep_accept(ask(s, 1), s->listener, NULL, NULL, 0);
    go(s);
    reap_descriptor(s);
}

static void accept_of_one_who_comes(struct scene *s)
{
    kevy_prep_accept(ask(s, 1), s->listener, NULL, NULL, 0);
    submit(s);
    quiet(s);
    (void)dial(s);
    reap_descriptor(s);
    (void)dial(s);
    quiet(s);
}

static void accept_tells_the_address(struct scene *s)
{
    struct sockaddr_in address = {.sin_family = 0};
    uint32_t length = sizeof address;
    int from = dial(s);

    kevy_prep_accept(ask(s, 1), s->listener, (struct sockaddr *)&address, &length, SOCK_CLOEXEC);
    go(s);
    reap_descriptor(s);
    say(s, "length %u, %s\n", length,
        address.sin_port == name_of(s, from).sin_port ? "the peer's" : "not the peer's");
}

static void accept_sets_flags(struct scene *s)
{
    int fd;

    (void)dial(s);
    kevy_prep_accept(ask(s, 1), s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    go(s);
    fd = result_of_next(s);
    say(s, "%d %d\n", s->system->fcntl(fd, F_GETFD, 0) & FD_CLOEXEC,
        s->system->fcntl(fd, F_GETFL, 0) & O_NONBLOCK);
    (void)dial(s);
    kevy_prep_accept(ask(s, 2), s->listener, NULL, NULL, 0);
    go(s);
    fd = result_of_next(s);
    say(s, "%d %d\n", s->system->fcntl(fd, F_GETFD, 0) & FD_CLOEXEC,
        s->system->fcntl(fd, F_GETFL, 0) & O_NONBLOCK);
}

static void accept_again_and_again(struct scene *s)
{
    (void)dial(s);
    (void)dial(s);
    kevy_prep_accept_multishot(ask(s, 1), s->listener, SOCK_CLOEXEC);
    go(s);
    reap_descriptor(s);
    reap_descriptor(s);
    quiet(s);
    (void)dial(s);
    reap_descriptor(s);
    kevy_prep_cancel(ask(s, 2), 1, 0);
    go(s);
    reap_sorted(s, 2);
    (void)dial(s);
    quiet(s);
}

static void accept_at_the_limit_of_files(struct scene *s)
{
    struct rlimit limit = {.rlim_cur = 1024, .rlim_max = 1024}, lowered = limit;

    (void)dial(s);
    lowered.rlim_cur = (rlim_t)s->system->fcntl(0, F_DUPFD, 0); /* the first number that is free */
    must(s->system->close((int)lowered.rlim_cur) == 0);
    must(setrlimit(RLIMIT_NOFILE, &lowered) == 0);
    kevy_prep_accept_multishot(ask(s, 1), s->listener, SOCK_CLOEXEC);
    submit_reap(s, 1);
    must(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    quiet(s);
    kevy_prep_accept_multishot(ask(s, 2), s->listener, SOCK_CLOEXEC);
    go(s);
    reap_descriptor(s);
}

static void accept_on_other_files(struct scene *s)
{
    kevy_prep_accept(ask(s, 1), s->tcp[0], NULL, NULL, 0);
    kevy_prep_accept(ask(s, 2), s->file, NULL, NULL, 0);
    kevy_prep_accept(ask(s, 3), -1, NULL, NULL, 0);
    kevy_prep_accept(ask(s, 4), s->packets[0], NULL, NULL, 0);
    go(s);
    reap_sorted(s, 4);
}

static void accepts_are_malformed(struct scene *s)
{
    struct kevy_sqe *sqe = ask(s, 1);

    kevy_prep_accept(sqe, s->listener, NULL, NULL, 0x7);
    sqe = ask(s, 2);
    kevy_prep_accept_multishot(sqe, s->listener, 0);
    sqe->addr = 1;
    sqe = ask(s, 3);
    kevy_prep_accept(sqe, s->listener, NULL, NULL, 0);
    sqe->ioprio = 0x100;
    sqe = ask(s, 4);
    kevy_prep_accept(sqe, s->listener, NULL, NULL, 0);
    sqe->len = 1;
    go(s);
    reap_sorted(s, 4);
}

static void accept_ends_with_its_listener(struct scene *s)
{
    kevy_prep_accept(ask(s, 1), s->listener, NULL, NULL, 0);
    go(s);
    kevy_prep_shutdown(ask(s, 2), s->listener, SHUT_RDWR);
    go(s);
    reap_sorted(s, 2);
}

/* Connect. */

static void connect_to_a_listener(struct scene *s)
{
    struct sockaddr_in address = name_of(s, s->listener);
    int fd = s->system->socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    kevy_prep_connect(ask(s, 1), fd, (struct sockaddr *)&address, sizeof address);
    submit_reap(s, 1);
    kevy_prep_connect(ask(s, 2), fd, (struct sockaddr *)&address, sizeof address);
    submit_reap(s, 1);
    say(s, "blocking %d\n", (s->system->fcntl(fd, F_GETFL, 0) & O_NONBLOCK) == 0);
}

static void connect_is_refused(struct scene *s)
{
    struct sockaddr_in address = name_of(s, s->listener);
    int fd = s->system->socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    must(s->system->close(s->listener) == 0);
    kevy_prep_connect(ask(s, 1), fd, (struct sockaddr *)&address, sizeof address);
    submit_reap(s, 1);
}

static void connect_to_nothing(struct scene *s)
{
    struct sockaddr_un nobody = {.sun_family = AF_UNIX, .sun_path = "/nonexistent/socket"};
    struct sockaddr_in strange = {.sin_family = 200};
    int unix_fd = s->system->socket(AF_UNIX, SOCK_STREAM, 0),
        fd = s->system->socket(AF_INET, SOCK_STREAM, 0);

    kevy_prep_connect(ask(s, 1), unix_fd, (struct sockaddr *)&nobody, sizeof nobody);
    kevy_prep_connect(ask(s, 2), fd, (struct sockaddr *)&strange, sizeof strange);
    kevy_prep_connect(ask(s, 3), fd, (struct sockaddr *)&strange, 1);
    kevy_prep_connect(ask(s, 4), s->file, (struct sockaddr *)&strange, sizeof strange);
    kevy_prep_connect(ask(s, 5), fd, (struct sockaddr *)(void *)s->bytes, 1000);
    go(s);
    reap_sorted(s, 5);
}

static void connect_of_datagrams(struct scene *s)
{
    struct sockaddr_in address = loopback(0);
    int from = s->system->socket(AF_INET, SOCK_DGRAM, 0),
        to = s->system->socket(AF_INET, SOCK_DGRAM, 0);

    must(s->system->bind(to, (struct sockaddr *)&address, sizeof address) == 0);
    address = name_of(s, to);
    kevy_prep_connect(ask(s, 1), from, (struct sockaddr *)&address, sizeof address);
    kevy_prep_send(ask(s, 2), from, "abc", 3, 0);
    submit_reap(s, 2);
    say_arrived(s, to);
}

/* Made, bound, listening. */

static void socket_is_made_and_listens(struct scene *s)
{
    struct sockaddr_in address = loopback(0);
    int fd;

    kevy_prep_socket(ask(s, 1), AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    go(s);
    fd = result_of_next(s);
    must(fd >= 0);
    kevy_prep_bind(ask(s, 2), fd, (struct sockaddr *)&address, sizeof address);
    kevy_prep_listen(ask(s, 3), fd, 4);
    submit_reap(s, 2);
    must(connect_to(s, fd) >= 0);
    kevy_prep_bind(ask(s, 4), fd, (struct sockaddr *)&address, sizeof address);
    kevy_prep_bind(ask(s, 5), s->file, (struct sockaddr *)&address, sizeof address);
    kevy_prep_listen(ask(s, 6), s->packets[0], 4);
    kevy_prep_listen(ask(s, 7), s->file, 4);
    go(s);
    reap_sorted(s, 4);
}

static void sockets_that_cannot_be(struct scene *s)
{
    kevy_prep_socket(ask(s, 1), 200, SOCK_STREAM, 0);
    kevy_prep_socket(ask(s, 2), AF_INET, 77, 0);
    kevy_prep_socket(ask(s, 3), AF_INET, SOCK_STREAM, 17);
    go(s);
    reap_sorted(s, 3);
}

/* Shut down. */

static void shutdown_ends_what_waits(struct scene *s)
{
    kevy_prep_recv(ask(s, 1), s->local[0], s->bytes, 8, 0);
    go(s);
    kevy_prep_shutdown(ask(s, 2), s->local[0], SHUT_RD);
    go(s);
    reap_sorted(s, 2);
}

static void shutdown_is_told_to_the_peer(struct scene *s)
{
    kevy_prep_recv(ask(s, 1), s->local[0], s->bytes, 8, 0);
    go(s);
    kevy_prep_shutdown(ask(s, 2), s->local[1], SHUT_WR);
    go(s);
    reap_sorted(s, 2);
}

static void shutdowns_that_fail(struct scene *s)
{
    kevy_prep_shutdown(ask(s, 1), s->file, SHUT_WR);
    kevy_prep_shutdown(ask(s, 2), s->local[0], 7);
    kevy_prep_shutdown(ask(s, 3), s->system->socket(AF_INET, SOCK_STREAM, 0), SHUT_WR);
    kevy_prep_shutdown(ask(s, 4), -1, SHUT_WR);
    go(s);
    reap_sorted(s, 4);
}

/* Closed. */

static void close_of_this_and_that(struct scene *s)
{
    struct kevy_sqe *sqe;

    kevy_prep_close(ask(s, 1), s->pipe[0]);
    kevy_prep_close(ask(s, 2), 1000);
    kevy_prep_close(ask(s, 3), -1);
    sqe = ask(s, 4);
    kevy_prep_close(sqe, s->pipe[1]);
    sqe->len = 1;
    kevy_prep_close_direct(ask(s, 5), 3);
    go(s);
    reap_sorted(s, 5);
}

static void close_does_not_end_what_waits(struct scene *s)
{
    kevy_prep_recv(ask(s, 1), s->local[0], s->bytes, 8, 0);
    kevy_prep_close(ask(s, 2), s->local[0]);
    submit_reap(s, 1);
    quiet(s);
    put(s, s->local[1], "late");
    reap(s, 1);
    say_arrived(s, s->local[1]); /* it is closed with its last request */
}

/* Whether whoever polls the ring is woken by something that is none of its business. */
static void say_ring_polled(struct scene *s)
{
    struct pollfd polled = {.fd = s->ring.fd, .events = POLLIN};

    say(s, "ring is %s\n", s->system->poll(&polled, 1, 0) == 0 ? "silent" : "heard");
}

/* A request has waited, and its descriptor is closed while the file lives on behind another. */
static int close_behind_another_number(struct scene *s)
{
    int other = s->system->fcntl(s->local[0], F_DUPFD_CLOEXEC, 100);

    must(other >= 0);
    kevy_prep_recv(ask(s, 1), s->local[0], s->bytes, 8, 0);
    go(s);
    put(s, s->local[1], "early");
    reap(s, 1);
    kevy_prep_close(ask(s, 2), s->local[0]);
    submit_reap(s, 1);
    return other;
}

static void closed_descriptor_is_not_heard(struct scene *s)
{
    int other = close_behind_another_number(s);

    put(s, s->local[1], "late");
    say_ring_polled(s);
    quiet(s);
    say_arrived(s, other);
}

static void file_returns_to_its_number(struct scene *s)
{
    int other = close_behind_another_number(s);

    must(s->system->dup2(other, s->local[0]) == s->local[0]);
    kevy_prep_recv(ask(s, 3), s->local[0], s->bytes, 8, 0);
    go(s);
    put(s, s->local[1], "again");
    reap(s, 1);
    kevy_prep_recv(ask(s, 4), other, s->bytes, 8, 0);
    go(s);
    put(s, s->local[1], "other");
    reap(s, 1);
}

static void number_is_used_again(struct scene *s)
{
    int number = s->local[0], fresh[2];

    kevy_prep_recv(ask(s, 1), number, s->bytes, 8, 0);
    go(s);
    put(s, s->local[1], "old");
    reap(s, 1);
    kevy_prep_close(ask(s, 2), number);
    submit_reap(s, 1);
    must(s->system->socketpair(AF_UNIX, SOCK_STREAM, 0, fresh) == 0);
    must(fresh[0] == number);
    kevy_prep_recv(ask(s, 3), number, s->bytes, 8, 0);
    go(s);
    quiet(s);
    put(s, fresh[1], "fresh");
    reap(s, 1);
    say_bytes(s, s->bytes, 5);
}

static void number_is_used_again_behind_the_ring(struct scene *s)
{
    int number = s->local[0], fresh[2];

    kevy_prep_recv(ask(s, 1), number, s->bytes, 8, 0);
    go(s);
    put(s, s->local[1], "old");
    reap(s, 1);
    must(s->system->close(number) == 0);
    must(s->system->socketpair(AF_UNIX, SOCK_STREAM, 0, fresh) == 0);
    must(fresh[0] == number);
    kevy_prep_recv(ask(s, 3), number, s->bytes, 8, 0);
    go(s);
    quiet(s);
    put(s, fresh[1], "fresh");
    reap(s, 1);
    say_bytes(s, s->bytes, 5);
}

static const struct scenario scenarios[] = {
    PLAY(accept_of_one_who_is_there),
    PLAY(accept_of_one_who_comes),
    PLAY(accept_tells_the_address),
    PLAY(accept_sets_flags),
    PLAY(accept_again_and_again),
    PLAY(accept_at_the_limit_of_files),
    PLAY(accept_on_other_files),
    PLAY(accepts_are_malformed),
    PLAY(accept_ends_with_its_listener),
    PLAY(connect_to_a_listener),
    PLAY(connect_is_refused),
    PLAY(connect_to_nothing),
    PLAY(connect_of_datagrams),
    PLAY(socket_is_made_and_listens),
    PLAY(sockets_that_cannot_be),
    PLAY(shutdown_ends_what_waits),
    PLAY(shutdown_is_told_to_the_peer),
    PLAY(shutdowns_that_fail),
    PLAY(close_of_this_and_that),
    PLAY(close_does_not_end_what_waits),
    PLAY(closed_descriptor_is_not_heard),
    PLAY(file_returns_to_its_number),
    PLAY(number_is_used_again),
    PLAY(number_is_used_again_behind_the_ring),
};

Suite *test_suite(void)
{
    return scenario_suite("ring_scenario_socket", scenarios, SCENARIO_COUNT(scenarios));
}
