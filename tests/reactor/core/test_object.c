/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* What is true of every kind of object: it is found by its name, and ends once, last, with nothing
 * in flight. */

#include "reactor_test.h"

#include <fcntl.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <sys/un.h>
#include <sys/wait.h>

enum kind {
    STREAM,
    LISTENER,
    DATAGRAM,
    OPEN_FILE,
    CONNECT,
    CHILD,
    WORK,
    LOOKUP,
    KINDS,
};

/* One of each kind, its name, how often its last callback came, and how often a walk met it. */
static struct kevy_stream stream;
static struct kevy_listener listener;
static struct kevy_datagram datagram;
static struct kevy_file file;
static struct kevy_file_operation reading;
static struct kevy_connector connecting;
static struct kevy_stream connected;
static struct kevy_child child;
static struct kevy_work work;
static struct kevy_lookup lookup;

static struct one {
    const char *name;
    void *object;
    size_t size;
    unsigned ends;
    unsigned visits;
} all[KINDS] = {
    [STREAM] = {"stream", &stream, sizeof stream, 0, 0},
    [LISTENER] = {"listener", &listener, sizeof listener, 0, 0},
    [DATAGRAM] = {"datagram", &datagram, sizeof datagram, 0, 0},
    [OPEN_FILE] = {"file", &file, sizeof file, 0, 0},
    [CONNECT] = {"connector", &connecting, sizeof connecting, 0, 0},
    [CHILD] = {"child", &child, sizeof child, 0, 0},
    [WORK] = {"work", &work, sizeof work, 0, 0},
    [LOOKUP] = {"lookup", &lookup, sizeof lookup, 0, 0},
};

static struct kevy_workers *workers;
static struct kevy_resolver resolver;
static sem_t gate;
static int pair[2], pipes[2];
static pid_t pid;

/* The last callback of each: it is the only one, and the kernel has nothing of the object. */
static void ended(enum kind kind)
{
    const struct kevy_x_object *object = all[kind].object;

    ck_assert_uint_eq(quiet_depth, 0);
    ck_assert_uint_eq(object->in_flight, 0);
    all[kind].ends++;
    ck_assert_uint_eq(all[kind].ends, 1);
}

static void stream_ended(struct kevy_stream *closed, int reason)
{
    (void)closed;
    (void)reason;
    ended(STREAM);
}

static void listener_ended(struct kevy_listener *closed)
{
    (void)closed;
    ended(LISTENER);
}

static void datagram_ended(struct kevy_datagram *closed)
{
    (void)closed;
    ended(DATAGRAM);
}

static void file_ended(struct kevy_file *closed, int reason)
{
    (void)closed;
    (void)reason;
    ended(OPEN_FILE);
}

static void read_ended(struct kevy_file_operation *operation, int result)
{
    (void)operation;
    ck_assert_int_eq(result, -ECANCELED);
    ck_assert_uint_eq(all[OPEN_FILE].ends, 0);
}

static void connect_ended(struct kevy_connector *done, int result)
{
    (void)done;
    ck_assert_int_eq(result, -ECANCELED);
    ended(CONNECT);
}

static void child_ended(struct kevy_child *done, int result)
{
    (void)done;
    ck_assert_int_eq(result, -ECANCELED);
    ended(CHILD);
}

static void work_ended(struct kevy_work *done, int result)
{
    (void)done;
    (void)result;
    ended(WORK);
}

static void lookup_ended(struct kevy_lookup *done, int result)
{
    (void)done;
    (void)result;
    ended(LOOKUP);
}

/* No completion names an object, or a part of it, that has ended. */
static void trace_check(struct kevy_reactor *where, const struct kevy_trace *trace, void *context)
{
    (void)where;
    (void)context;
    for (unsigned kind = 0; kind < KINDS; kind++) {
        uintptr_t place = (uintptr_t)trace->owner - (uintptr_t)all[kind].object;

        ck_assert_msg(all[kind].ends == 0 || place >= all[kind].size, "%s of a %s that is gone",
                      trace->operation, all[kind].name);
    }
}

static struct kevy_stream *accept_none(struct kevy_listener *from)
{
    (void)from;
    return NULL;
}

static int run_until_let_go(struct kevy_work *running)
{
    (void)running;
    while (sem_wait(&gate) < 0)
        ;
    return 0;
}

static void start_sockets(void)
{
    static const struct kevy_stream_events events = {.close = stream_ended};
    static const uint8_t big[1 << 20];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
    kevy_stream_init(&stream, &events);
    QUIETLY(ck_assert_int_eq(kevy_stream_adopt(&stream, reactor, pair[0]), 0));
    turn_now();
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&stream, big, sizeof big), 0)); /* more than fits */
    QUIETLY(ck_assert_int_eq(
        kevy_listener_open(&listener, reactor,
                           &(struct kevy_listener_options){.address = "127.0.0.1",
                                                           .accept = accept_none,
                                                           .close = listener_ended}),
        0));
    QUIETLY(
        ck_assert_int_eq(kevy_datagram_open(&datagram, reactor,
                                            &(struct kevy_datagram_options){
                                                .address = "127.0.0.1", .close = datagram_ended}),
                         0));
}

/* A read that waits, on a pipe. */
static void start_file(void)
{
    static char byte;

    ck_assert_int_eq(pipe2(pipes, O_CLOEXEC), 0);
    QUIETLY(ck_assert_int_eq(
        kevy_file_adopt(&file, reactor, pipes[0], &(struct kevy_file_options){.close = file_ended}),
        0));
    turn_now();
    reading.done = read_ended;
    QUIETLY(ck_assert_int_eq(kevy_file_read(&file, &reading, &byte, 1, KEVY_FILE_POSITION), 0));
}

/* A Unix socket that nobody accepts from: once its backlog is full, a connect waits. */
static void start_connect(int server, struct sockaddr_un *name)
{
    static const struct kevy_stream_events events = {.close = stream_ended};
    static struct kevy_address address;
    socklen_t length = sizeof *name;

    ck_assert_int_eq(bind(server, (struct sockaddr *)name, sizeof name->sun_family), 0);
    ck_assert_int_eq(getsockname(server, (struct sockaddr *)name, &length), 0);
    ck_assert_int_eq(listen(server, 0), 0);
    pair[0] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(connect(pair[0], (struct sockaddr *)name, length), 0);
    address = (struct kevy_address){(struct sockaddr *)name, length};
    kevy_stream_init(&connected, &events);
    QUIETLY(ck_assert_int_eq(
        kevy_connector_start(
            &connecting, reactor,
            &(struct kevy_connector_options){
                .stream = &connected, .addresses = &address, .count = 1, .done = connect_ended}),
        0));
}

static void start_off_the_loop(void)
{
    ck_assert_int_eq(kevy_workers_create(&workers, NULL), 0);
    ck_assert_int_eq(kevy_resolver_open(&resolver, NULL), 0);
    work.run = run_until_let_go;
    work.done = work_ended;
    QUIETLY(ck_assert_int_eq(kevy_work_submit(&work, workers, reactor), 0));
    QUIETLY(ck_assert_int_eq(kevy_lookup_start(&lookup, reactor,
                                               &(struct kevy_lookup_options){.resolver = &resolver,
                                                                             .service = "80",
                                                                             .done = lookup_ended}),
                             0));
    pid = fork();
    ck_assert_int_ge(pid, 0);
    while (pid == 0)
        pause();
    QUIETLY(ck_assert_int_eq(kevy_child_watch(&child, reactor, pid, child_ended), 0));
}

static void visit(const char *kind, void *object, void *context)
{
    unsigned *found = context;

    for (unsigned index = 0; index < KINDS; index++)
        if (object == all[index].object) {
            ck_assert_str_eq(kind, all[index].name);
            all[index].visits++;
            *found += 1;
        }
}

static struct sockaddr_un name = {.sun_family = AF_UNIX};
static int server;

static void setup(void)
{
    reactor_setup_with(&(struct kevy_reactor_options){.trace = trace_check});
    sem_init(&gate, 0, 0);
    server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    start_sockets();
    start_file();
    start_connect(server, &name);
    start_off_the_loop(); /* the last, for the look-up soon ends by itself */
}

static void teardown(void)
{
    kevy_lookup_release(&lookup);
    kevy_resolver_close(&resolver);
    kevy_workers_destroy(workers);
    ck_assert_int_eq(kill(pid, SIGKILL), 0);
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
    close(pair[0]);
    close(pair[1]);
    close(pipes[1]);
    close(server);
    for (unsigned kind = 0; kind < KINDS; kind++)
        ck_assert_uint_eq(all[kind].ends, 1);
    if (reactor == NULL)
        reactor_setup();
    reactor_teardown();
}

static void end_all(void)
{
    QUIETLY(kevy_stream_abort(&stream));
    QUIETLY(kevy_listener_close(&listener));
    QUIETLY(kevy_datagram_close(&datagram));
    QUIETLY(ck_assert_int_eq(kevy_file_cancel(&reading), 0));
    QUIETLY(kevy_file_close(&file));
    QUIETLY(kevy_connector_cancel(&connecting));
    QUIETLY(kevy_child_unwatch(&child));
    QUIETLY(kevy_lookup_cancel(&lookup));
    sem_post(&gate);
}

START_TEST(a_walk_finds_every_kind_of_object_by_its_name)
{
    unsigned found = 0;

    QUIETLY(kevy_reactor_for_each_object(reactor, visit, &found));
    ck_assert_uint_eq(found, KINDS);
    ck_assert_uint_eq(stats_now().objects, KINDS);
    for (unsigned kind = 0; kind < KINDS; kind++)
        ck_assert_uint_eq(all[kind].visits, 1);
    end_all();
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
    found = 0;
    QUIETLY(kevy_reactor_for_each_object(reactor, visit, &found));
    ck_assert_uint_eq(found, 0);
}
END_TEST

START_TEST(no_completion_of_an_object_comes_after_its_last_callback)
{
    turns(_i);
    end_all();
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
    turns(10); /* trace_check() looks on */
}
END_TEST

START_TEST(destroy_says_how_many_objects_were_left_and_brings_each_its_last_callback)
{
    unsigned left = KINDS;

    turns(_i);
    left -= all[LOOKUP].ends;
    sem_post(&gate);
    ck_assert_uint_eq(kevy_reactor_destroy(reactor), left);
    reactor = NULL;
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("object");
    TCase *objects = tcase_create("objects");

    tcase_add_checked_fixture(objects, setup, teardown);
    tcase_set_timeout(objects, 20);
    tcase_add_test(objects, a_walk_finds_every_kind_of_object_by_its_name);
    tcase_add_loop_test(objects, no_completion_of_an_object_comes_after_its_last_callback, 0, 5);
    tcase_add_loop_test(
        objects, destroy_says_how_many_objects_were_left_and_brings_each_its_last_callback, 0, 5);
    suite_add_tcase(suite, objects);
    return suite;
}
