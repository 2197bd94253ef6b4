/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * A listener that ran out of descriptors accepts again as soon as the library closes one, whatever
 * that belonged to. The reactor's clock stands still, so the retry timer has no part in it.
 */

#include "listener_test.h"

#include <netinet/tcp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

static uint64_t stopped_ns;

static uint64_t clock_stopped(void *context)
{
    (void)context;
    return stopped_ns;
}

static struct kevy_system stopped;

static void setup(void)
{
    reactor_setup();
    stopped_ns = clock_ns();
    stopped = *kevy_system_host();
    stopped.now_ns = clock_stopped;
    reactor_setup_with(&(struct kevy_reactor_options){.system = &stopped});
}

static unsigned ends;

/* A stream of ours that lives on beside those that are accepted. */
static struct probe other;

static void other_abort(void)
{
    QUIETLY(kevy_stream_abort(&other.stream));
}

static void other_end(void)
{
    other_abort();
    probe_finish(&other);
}

/* Another listener. */
static struct kevy_listener second;

static struct kevy_stream *accept_nobody(struct kevy_listener *from)
{
    (void)from;
    return NULL;
}

static void second_ended(struct kevy_listener *from)
{
    (void)from;
    ends++;
}

static void second_open(void)
{
    struct kevy_listener_options options = {
        .address = "127.0.0.1", .accept = accept_nobody, .close = second_ended};

    memset(&second, 0, sizeof second);
    ck_assert_int_eq(kevy_listener_open(&second, reactor, &options), 0);
}

static void second_close(void)
{
    QUIETLY(kevy_listener_close(&second));
}

/* A datagram socket. */
static struct kevy_datagram datagram;

static void datagram_ended(struct kevy_datagram *from)
{
    (void)from;
    ends++;
}

static void datagram_open(void)
{
    struct kevy_datagram_options options = {.address = "127.0.0.1", .close = datagram_ended};

    memset(&datagram, 0, sizeof datagram);
    ck_assert_int_eq(kevy_datagram_open(&datagram, reactor, &options), 0);
}

static void datagram_close(void)
{
    QUIETLY(kevy_datagram_close(&datagram));
}

/* A file. */
static struct kevy_file file;

static void file_ended(struct kevy_file *from, int reason)
{
    (void)from;
    (void)reason;
    ends++;
}

static void file_open(void)
{
    struct kevy_file_options options = {.close = file_ended};

    memset(&file, 0, sizeof file);
    ck_assert_int_eq(
        kevy_file_adopt(&file, reactor, open("/dev/null", O_RDONLY | O_CLOEXEC), &options), 0);
}

static void file_close(void)
{
    QUIETLY(kevy_file_close(&file));
}

/* The pidfd of a child. */
static struct kevy_child child;
static pid_t pid;

static void child_ended(struct kevy_child *from, int result)
{
    (void)from;
    (void)result;
    ends++;
}

static void child_watch(void)
{
    memset(&child, 0, sizeof child);
    pid = fork();
    if (pid == 0)
        for (;;)
            pause();
    ck_assert_int_eq(kevy_child_watch(&child, reactor, pid, child_ended), 0);
}

static void child_unwatch(void)
{
    QUIETLY(kevy_child_unwatch(&child));
}

static void child_reap(void)
{
    kill(pid, SIGKILL);
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

/* The attempt of a connector, with an address that answers nothing: its accept queue is full. */
static struct kevy_connector connecting;
static struct sockaddr_in hole;
static struct kevy_address hole_address = {(struct sockaddr *)&hole, sizeof hole};
static int holes[8];

static void connect_ended(struct kevy_connector *from, int result)
{
    (void)from;
    ck_assert_int_eq(result, -ECANCELED);
    ends++;
}

static bool connected(int fd)
{
    struct tcp_info info;
    socklen_t length = sizeof info;

    ck_assert_int_eq(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length), 0);
    return info.tcpi_state == TCP_ESTABLISHED;
}

static void connector_start(void)
{
    struct kevy_connector_options options = {
        .stream = &other.stream, .addresses = &hole_address, .count = 1, .done = connect_ended};
    unsigned last = 0;

    memset(&connecting, 0, sizeof connecting);
    probe_init(&other, &probe_events);
    holes[0] = plain_listen(&hole);
    ck_assert_int_eq(listen(holes[0], 0), 0);
    do
        holes[++last] = plain_connect(ntohs(hole.sin_port));
    while (connected(holes[last]) && last + 1 < sizeof holes / sizeof *holes);
    ck_assert_int_eq(kevy_connector_start(&connecting, reactor, &options), 0);
    turns(2); /* for the attempt to begin */
}

static void connector_cancel(void)
{
    QUIETLY(kevy_connector_cancel(&connecting));
}

static void holes_close(void)
{
    for (unsigned index = 0; index < sizeof holes / sizeof *holes; index++)
        if (holes[index] != 0)
            close(holes[index]);
    memset(holes, 0, sizeof holes);
}

/* A connection that is not there yet. */
static void stream_connect(void)
{
    connector_start();
    connector_cancel();
    TURN_UNTIL(ends);
    ck_assert_int_eq(kevy_stream_connect(&other.stream, reactor, (struct sockaddr *)&hole,
                                         sizeof hole, KEVY_FOREVER),
                     0);
}

static void stream_connect_end(void)
{
    probe_finish(&other);
    holes_close();
}

/* A descriptor on its way out, behind bytes that the peer does not take. */
static uint8_t bytes[1 << 20];
static int duplicate;

static void rights_queue(void)
{
    probe_small(&other, &probe_events);
    kevy_stream_set_watermarks(&other.stream, 1, 1 << 30);
    turn_now();
    duplicate = dup(0);
    ck_assert_int_eq(kevy_stream_send(&other.stream, bytes, sizeof bytes), 0);
    ck_assert_int_eq(kevy_stream_send_descriptor(&other.stream, duplicate, "x", 1), 0);
    turns(10);
    ck_assert_int_ge(fcntl(duplicate, F_GETFD), 0);
}

/* Descriptors that were received, and that nobody has been told of. The stream keeps its own. */
static void descriptor_note(struct kevy_stream *stream, int fd)
{
    (void)stream;
    ck_abort_msg("descriptor %d was told", fd);
}

static struct kevy_stream_events rights_events;

static void rights_receive(void)
{
    char byte = 'x';
    struct iovec part = {.iov_base = &byte, .iov_len = 1};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {.header = {.cmsg_level = SOL_SOCKET,
                            .cmsg_type = SCM_RIGHTS,
                            .cmsg_len = CMSG_LEN(sizeof(int))}};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.space,
                             .msg_controllen = sizeof control.space};
    int fd = 0;

    rights_events = probe_events;
    rights_events.descriptor = descriptor_note;
    probe_unix(&other, &rights_events);
    turn_now();
    QUIETLY(kevy_stream_pause(&other.stream));
    memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
    ck_assert_int_eq(sendmsg(other.peer, &message, 0), 1);
    turns(10);
}

static const struct {
    void (*take)(void);  /* something that has a descriptor */
    void (*free)(void);  /* makes the library close it */
    void (*clean)(void); /* what is left of it, or NULL */
} ways[] = {
    {second_open, second_close, NULL},
    {datagram_open, datagram_close, NULL},
    {file_open, file_close, NULL},
    {child_watch, child_unwatch, child_reap},
    {connector_start, connector_cancel, holes_close},
    {stream_connect, other_abort, stream_connect_end},
    {rights_queue, other_abort, other_end},
    {rights_receive, other_abort, other_end},
};

START_TEST(footgun_38_accepting_goes_on_at_once_whatever_gives_a_descriptor_back)
{
    ways[_i].take();
    ends = 0;
    open_here();
    connect_clients(2);
    descriptors_leave(1);
    TURN_UNTIL(states == 1);
    ck_assert_int_eq(last_state, -EMFILE);
    ck_assert_uint_eq(accepted, 1);
    turns(20);
    ck_assert_uint_eq(accepted, 1);
    ways[_i].free();
    TURN_UNTIL(accepted == 2);
    /* Before 6.10 the kernel takes a descriptor for the next before it looks whether one waits: so
     * it runs out again. */
    ck_assert_uint_ge(states, 2);
    ck_assert_int_eq(last_state, states % 2 == 0 ? 0 : -EMFILE);
    descriptors_restore();
    end_all(2, 2);
    listener_end();
    if (ways[_i].clean != NULL)
        ways[_i].clean();
}
END_TEST

/* What is closed inside a call must not tell anybody from there. */
START_TEST(a_descriptor_that_a_failed_call_closes_calls_nobody_back)
{
    struct kevy_listener_options options = {.accept = accept_nobody};
    struct kevy_datagram_options taken = {.address = "127.0.0.1", .close = datagram_ended};
    struct kevy_datagram one = {0}, two = {0};

    ck_assert_int_eq(kevy_datagram_open(&one, reactor, &taken), 0);
    taken.port = kevy_datagram_port(&one);
    open_here();
    options.address = "127.0.0.1";
    options.port = kevy_listener_port(&listener);
    connect_clients(2);
    descriptors_leave(1);
    TURN_UNTIL(states == 1);
    descriptors_restore();
    memset(&second, 0, sizeof second);
    QUIETLY(ck_assert_int_eq(kevy_listener_open(&second, reactor, &options), -EADDRINUSE));
    ck_assert_uint_eq(states, 1);
    TURN_UNTIL(accepted == 2);
    ck_assert_uint_eq(states, 2);
    QUIETLY(ck_assert_int_eq(kevy_datagram_open(&two, reactor, &taken), -EADDRINUSE));
    QUIETLY(kevy_datagram_close(&one));
    TURN_UNTIL(ends);
    end_all(2, 2);
    listener_end();
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("listener_descriptor");
    TCase *limit = tcase_create("limit");

    tcase_add_checked_fixture(limit, setup, reactor_teardown);
    tcase_set_timeout(limit, 20);
    tcase_add_loop_test(limit,
                        footgun_38_accepting_goes_on_at_once_whatever_gives_a_descriptor_back, 0,
                        (int)(sizeof ways / sizeof *ways));
    tcase_add_test(limit, a_descriptor_that_a_failed_call_closes_calls_nobody_back);
    suite_add_tcase(suite, limit);
    return suite;
}
