/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * The plain system calls of a reactor go through one table, and what one of them fails with is what
 * the user's call returns, with nothing left behind.
 */

#include "reactor_test.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

/* Errors of these calls, and one that none of them has. */
static const int errors[] = {-EMFILE, -ENFILE, -ENOMEM, -ENOBUFS, -EACCES, -ENOSYS, -EXFULL};

static struct kevy_system broken;
static int failure = -EXFULL; /* one of them */

static int fail_socket(void *context, int family, int type)
{
    (void)context;
    (void)family;
    (void)type;
    return failure;
}

/* bind() and connect() */
static int fail_address(void *context, int fd, const struct sockaddr *address, socklen_t length)
{
    (void)context;
    (void)fd;
    (void)address;
    (void)length;
    return failure;
}

/* listen(), fcntl() and eventfd() in different clothes */
static int fail_number(void *context, int fd, int number)
{
    (void)context;
    (void)fd;
    (void)number;
    return failure;
}

static int fail_setsockopt(void *context, int fd, int level, int name, const void *value,
                           socklen_t length)
{
    (void)context;
    (void)fd;
    (void)level;
    (void)name;
    (void)value;
    (void)length;
    return failure;
}

static int fail_getsockopt(void *context, int fd, int level, int name, void *value,
                           socklen_t *length)
{
    (void)context;
    (void)fd;
    (void)level;
    (void)name;
    (void)value;
    (void)length;
    return failure;
}

static int fail_name(void *context, int fd, struct sockaddr *address, socklen_t *length)
{
    (void)context;
    (void)fd;
    (void)address;
    (void)length;
    return failure;
}

static int fail_one(void *context, int fd)
{
    (void)context;
    (void)fd;
    return failure;
}

static int64_t fail_lseek(void *context, int fd, int64_t offset, int whence)
{
    (void)context;
    (void)fd;
    (void)offset;
    (void)whence;
    return failure;
}

static int64_t fail_read_cached(void *context, int fd, const struct iovec *parts, int count,
                                uint64_t offset)
{
    (void)context;
    (void)fd;
    (void)parts;
    (void)count;
    (void)offset;
    return failure;
}

static int fail_file_cached(void *context, int fd, uint64_t offset, uint64_t length)
{
    (void)context;
    (void)fd;
    (void)offset;
    (void)length;
    return 0;
}

static int64_t fail_sendfile(void *context, int fd, int file_fd, uint64_t offset, size_t length)
{
    (void)context;
    (void)fd;
    (void)file_fd;
    (void)offset;
    (void)length;
    return failure;
}

static int fail_eventfd(void *context, unsigned value)
{
    (void)context;
    (void)value;
    return failure;
}

static int fail_signalfd(void *context, int fd, const void *mask)
{
    (void)context;
    (void)fd;
    (void)mask;
    return failure;
}

static int fail_pidfd_open(void *context, pid_t pid)
{
    (void)context;
    (void)pid;
    return failure;
}

/* What each breaks, and a call that needs it. */

static struct kevy_listener listener;
static struct kevy_datagram datagram;
static struct kevy_file file;
static struct kevy_child child;
static struct kevy_signal watch;
static struct probe probe;

static struct kevy_stream *accept_nobody(struct kevy_listener *from)
{
    (void)from;
    return NULL;
}

static int listener_open(void)
{
    struct kevy_listener_options options = {.address = "127.0.0.1", .accept = accept_nobody};

    return kevy_listener_open(&listener, reactor, &options);
}

static int datagram_open(void)
{
    const struct sockaddr_in peer = {
        .sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct kevy_datagram_options options = {.peer = (const struct sockaddr *)&peer,
                                            .peer_length = sizeof peer};

    return kevy_datagram_open(&datagram, reactor, &options);
}

static int file_adopt(void)
{
    return kevy_file_adopt(&file, reactor, STDERR_FILENO, &(struct kevy_file_options){0});
}

static void ignore_child(struct kevy_child *from, int result)
{
    (void)from;
    (void)result;
}

static int child_watch(void)
{
    return kevy_child_watch(&child, reactor, getppid(), ignore_child);
}

static void ignore_signal(struct kevy_signal *from)
{
    (void)from;
}

static int signal_watch(void)
{
    return kevy_signal_watch(&watch, reactor, SIGUSR1, ignore_signal);
}

static int stream_adopt(void)
{
    int error, pair[2];

    tcp_pair(&pair[0], &pair[1]);
    probe_init(&probe, &probe_events);
    error = kevy_stream_adopt(&probe.stream, reactor, pair[0]);
    close(pair[0]);
    close(pair[1]);
    return error;
}

static int stream_connect(void)
{
    const struct sockaddr_in to = {.sin_family = AF_INET};

    probe_init(&probe, &probe_events);
    return kevy_stream_connect(&probe.stream, reactor, (const struct sockaddr *)&to, sizeof to, 0);
}

static int create(void)
{
    struct kevy_reactor *other = NULL;
    int error = kevy_reactor_create(&other, &(struct kevy_reactor_options){.system = &broken});

    ck_assert_ptr_null(other);
    return error;
}

static void break_socket(void)
{
    broken.socket = fail_socket;
}

static void break_bind(void)
{
    broken.bind = fail_address;
}

static void break_listen(void)
{
    broken.listen = fail_number;
}

static void break_connect(void)
{
    broken.connect = fail_address;
}

static void break_setsockopt(void)
{
    broken.setsockopt = fail_setsockopt;
}

static void break_fcntl(void)
{
    broken.fcntl = fail_number;
}

static void break_file_mode(void)
{
    broken.file_mode = fail_one;
}

static void break_eventfd(void)
{
    broken.eventfd = fail_eventfd;
}

static void break_signalfd(void)
{
    broken.signalfd = fail_signalfd;
}

static void break_pidfd_open(void)
{
    broken.pidfd_open = fail_pidfd_open;
}

static const struct {
    void (*break_it)(void);
    int (*call)(void);
} breaks[] = {
    {break_socket, listener_open},   {break_socket, datagram_open},
    {break_socket, stream_connect},  {break_bind, listener_open},
    {break_listen, listener_open},   {break_setsockopt, listener_open},
    {break_connect, datagram_open},  {break_fcntl, file_adopt},
    {break_fcntl, stream_adopt},     {break_file_mode, stream_adopt},
    {break_eventfd, create},         {break_signalfd, signal_watch},
    {break_pidfd_open, child_watch},
};

static void setup(void)
{
    reactor_setup();
    broken = *kevy_system_host();
    reactor_setup_with(&(struct kevy_reactor_options){.system = &broken});
}

START_TEST(what_a_call_fails_with_is_returned_and_leaves_nothing)
{
    int descriptors = support_fd_count();

    breaks[_i].break_it();
    for (size_t index = 0; index < sizeof errors / sizeof *errors; index++) {
        failure = errors[index];
        ck_assert_int_eq(breaks[_i].call(), failure);
        ck_assert_int_eq(support_fd_count(), descriptors);
        ck_assert_uint_eq(stats_now().objects, 0);
    }
}
END_TEST

START_TEST(a_group_that_cannot_be_joined_leaves_the_socket_open)
{
    struct kevy_datagram_options options = {.address = "127.0.0.1"};

    ck_assert_int_eq(kevy_datagram_open(&datagram, reactor, &options), 0);
    break_setsockopt();
    failure = -ENOBUFS;
    ck_assert_int_eq(kevy_datagram_join(&datagram, "239.255.7.7", 0), -ENOBUFS);
    ck_assert_int_eq(kevy_datagram_leave(&datagram, "239.255.7.7", 0), -ENOBUFS);
    ck_assert_uint_eq(stats_now().objects, 1);
    kevy_datagram_close(&datagram);
    TURN_UNTIL(stats_now().objects == 0);
}
END_TEST

START_TEST(an_adopted_descriptor_is_asked_by_the_table)
{
    struct kevy_listener_options options = {.accept = accept_nobody};

    broken.getsockopt = fail_getsockopt;
    ck_assert_int_eq(kevy_listener_adopt(&listener, reactor, STDERR_FILENO, &options), -EXFULL);
}
END_TEST

START_TEST(names_are_asked_by_the_table)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof address;

    probe_tcp(&probe, &probe_events);
    broken.getpeername = fail_name;
    broken.getsockname = fail_name;
    ck_assert_int_eq(kevy_stream_peer_address(&probe.stream, (struct sockaddr *)&address, &length),
                     -EXFULL);
    ck_assert_int_eq(listener_open(), 0);
    ck_assert_uint_eq(kevy_listener_port(&listener), 0);
    kevy_listener_close(&listener);
    kevy_stream_abort(&probe.stream);
    probe_finish(&probe);
}
END_TEST

static uint64_t range_sent;

static void range_done(struct kevy_file_range *range, struct kevy_stream *stream, int result,
                       uint64_t sent)
{
    (void)range;
    (void)stream;
    ck_assert_int_eq(result, 0);
    range_sent = sent;
}

/* What the system cannot give is done without where there is another way: 0, reading at once; 1,
 * saying what is cached; 2, sendfile(2). */
START_TEST(what_cannot_be_sent_from_the_page_cache_is_copied)
{
    struct kevy_file_range range = {.length = _i == 0 ? 10000 : 1 << 20, .done = range_done};
    static const uint8_t bytes[1 << 20];
    uint64_t count;

    range.fd = memfd_create("range", MFD_CLOEXEC);
    ck_assert_int_eq(write(range.fd, bytes, range.length), (ssize_t)range.length);
    probe_tcp(&probe, &probe_events);
    turn_now();
    broken.lseek = fail_lseek;
    ck_assert_int_eq(kevy_stream_send_file(&probe.stream, &range), -EXFULL);
    broken.lseek = kevy_system_host()->lseek;
    if (_i == 0)
        broken.read_cached = fail_read_cached;
    if (_i == 1)
        broken.file_cached = fail_file_cached;
    else
        broken.sendfile = fail_sendfile;
    ck_assert_int_eq(kevy_stream_send_file(&probe.stream, &range), 0);
    QUIETLY(kevy_stream_shutdown(&probe.stream));
    ck_assert_int_eq(peer_drain(probe.peer, &count), 0);
    ck_assert_uint_eq(count, range.length);
    ck_assert_uint_eq(range_sent, range.length);
    close(range.fd);
    kevy_stream_abort(&probe.stream);
    probe_finish(&probe);
}
END_TEST

/* Ends its side, reads a little, and resets the connection while the rest is being sent. */
static void leaver_run(int fd)
{
    const struct linger none = {.l_onoff = 1};
    static char bytes[65536];
    bool failed = shutdown(fd, SHUT_WR) < 0 || read(fd, bytes, sizeof bytes) <= 0;

    usleep(5000);
    failed |= setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none) < 0;
    _exit(failed);
}

/* Of a socket that has had a FIN a reset is EPIPE, and in the middle of a file the count tells
 * nothing of it. The socket blocks, so that the peer leaves in the middle. SIGPIPE would kill. */
START_TEST(a_peer_that_leaves_in_the_middle_of_a_file_raises_no_signal)
{
    enum { LENGTH = 16 << 20 };
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int file = memfd_create("file", MFD_CLOEXEC), status, client, server;
    int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    pid_t peer;

    signal(SIGPIPE, SIG_DFL);
    ck_assert_int_eq(ftruncate(file, LENGTH), 0);
    ck_assert_int_eq(bind(listening, (struct sockaddr *)&address, length), 0);
    ck_assert_int_eq(listen(listening, 1), 0);
    ck_assert_int_eq(getsockname(listening, (struct sockaddr *)&address, &length), 0);
    for (int times = 0; times < 10; times++) {
        client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        ck_assert_int_eq(connect(client, (struct sockaddr *)&address, length), 0);
        server = accept(listening, NULL, NULL);
        ck_assert_int_ge(server, 0);
        peer = fork();
        if (peer == 0) {
            close(server);
            leaver_run(client);
        }
        close(client);
        ck_assert_int_lt(kevy_system_host()->sendfile(NULL, server, file, 0, LENGTH), LENGTH);
        ck_assert_int_eq(waitpid(peer, &status, 0), peer);
        ck_assert_int_eq(status, 0);
        close(server);
    }
    close(listening);
    close(file);
}
END_TEST

/* A function that is added to the table and forgotten in the host's would be a jump to nowhere. */
START_TEST(the_table_of_the_host_has_every_function)
{
    void (*function)(void);
    const char *place = (const char *)kevy_system_host() + sizeof(void *);

    for (; place < (const char *)(kevy_system_host() + 1); place += sizeof function) {
        memcpy(&function, place, sizeof function);
        ck_assert(function != NULL);
    }
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("system");
    TCase *tests = tcase_create("system");

    tcase_add_checked_fixture(tests, setup, reactor_teardown);
    tcase_add_loop_test(tests, what_a_call_fails_with_is_returned_and_leaves_nothing, 0,
                        (int)(sizeof breaks / sizeof *breaks));
    tcase_add_test(tests, a_group_that_cannot_be_joined_leaves_the_socket_open);
    tcase_add_test(tests, an_adopted_descriptor_is_asked_by_the_table);
    tcase_add_test(tests, names_are_asked_by_the_table);
    tcase_add_loop_test(tests, what_cannot_be_sent_from_the_page_cache_is_copied, 0, 3);
    tcase_add_test(tests, a_peer_that_leaves_in_the_middle_of_a_file_raises_no_signal);
    tcase_add_test(tests, the_table_of_the_host_has_every_function);
    suite_add_tcase(suite, tests);
    return suite;
}
