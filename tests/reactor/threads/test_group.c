/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Groups: threads, each with a reactor of its own, started, drained and joined together. */

#include "reactor_test.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>

enum {
    MEMBERS = 3,
};

struct server {
    struct kevy_listener listener;
    struct kevy_timer timer;
    unsigned accepted, finishes, closed;
    bool released; /* what lingers may go on */
};

static struct server servers[MEMBERS];
static unsigned setups, teardowns;
static int setup_result[MEMBERS];
static uint16_t port;
static int fds_before;

static void fds_note(void)
{
    fds_before = support_fd_count();
}

static void fds_check(void)
{
    ck_assert_int_eq(support_fd_count(), fds_before);
}

static int setup_nothing(struct kevy_reactor *owner, uint32_t index, void *context)
{
    ck_assert_ptr_nonnull(owner);
    ck_assert_ptr_eq(context, servers);
    __atomic_add_fetch(&setups, 1, __ATOMIC_RELAXED);
    return setup_result[index];
}

static void teardown_count(struct kevy_reactor *owner, uint32_t index, void *context)
{
    ck_assert_ptr_nonnull(owner);
    ck_assert_ptr_eq(context, servers);
    ck_assert_uint_lt(index, MEMBERS);
    __atomic_add_fetch(&teardowns, 1, __ATOMIC_RELAXED);
}

static struct kevy_group_options options_of(int (*setup)(struct kevy_reactor *, uint32_t, void *))
{
    static const struct kevy_reactor_options small = {
        .sq_entries = 64, .cq_entries = 256, .buffer_count = 64};

    return (struct kevy_group_options){.count = MEMBERS,
                                       .context = servers,
                                       .setup = setup,
                                       .teardown = teardown_count,
                                       .reactor = &small};
}

struct note {
    struct kevy_task task;
    struct kevy_reactor *ran_on;
};

static struct kevy_reactor *members[MEMBERS];

static int setup_kept(struct kevy_reactor *owner, uint32_t index, void *context)
{
    (void)context;
    members[index] = owner;
    kevy_reactor_ref(owner); /* it stays until it is told to end */
    return 0;
}

static void note_run(struct kevy_task *task, struct kevy_reactor *owner)
{
    KEVY_CONTAINER_OF(task, struct note, task)->ran_on = owner;
    kevy_reactor_unref(owner);
}

START_TEST(each_member_is_posted_to)
{
    struct kevy_group_options options = options_of(setup_kept);
    struct note notes[MEMBERS] = {0};
    struct kevy_group *group = NULL;

    ck_assert_int_eq(kevy_group_start(&group, &options), 0);
    ck_assert_uint_eq(kevy_group_count(group), MEMBERS);
    for (uint32_t index = 0; index < MEMBERS; index++) {
        notes[index].task.run = note_run;
        ck_assert_int_eq(kevy_group_post(group, index, &notes[index].task), 0);
    }
    while (__atomic_load_n(&teardowns, __ATOMIC_RELAXED) != MEMBERS)
        ;
    while (kevy_group_post(group, 0, &notes[0].task) != -ESRCH)
        ; /* its loop has ended; what is posted until it is gone does not run */
    ck_assert_int_eq(kevy_group_join(group), 0);
    for (uint32_t index = 0; index < MEMBERS; index++)
        ck_assert_ptr_eq(notes[index].ran_on, members[index]);
}
END_TEST

START_TEST(members_with_nothing_to_do_end_by_themselves)
{
    struct kevy_group_options options = options_of(setup_nothing);
    struct kevy_group *group = NULL;

    ck_assert_int_eq(kevy_group_start(&group, &options), 0);
    ck_assert_uint_eq(setups, MEMBERS);
    ck_assert_int_eq(kevy_group_join(group), 0);
    ck_assert_uint_eq(teardowns, MEMBERS);
}
END_TEST

START_TEST(a_failed_setup_undoes_the_start)
{
    struct kevy_group_options options = options_of(setup_nothing);
    struct kevy_group *group = NULL;

    setup_result[1] = -EADDRINUSE;
    ck_assert_int_eq(kevy_group_start(&group, &options), -EADDRINUSE);
    ck_assert_ptr_null(group);
    ck_assert_uint_eq(setups, MEMBERS);
    ck_assert_uint_eq(teardowns, MEMBERS - 1);
}
END_TEST

START_TEST(a_positive_result_of_setup_is_success)
{
    struct kevy_group_options options = options_of(setup_nothing);
    struct kevy_group *group = NULL;

    setup_result[0] = 1;
    ck_assert_int_eq(kevy_group_start(&group, &options), 0);
    ck_assert_int_eq(kevy_group_join(group), 0);
    ck_assert_uint_eq(teardowns, MEMBERS);
}
END_TEST

static void *no_memory(void *context, size_t size)
{
    (void)context;
    (void)size;
    return NULL;
}

START_TEST(reactors_that_cannot_be_created_are_reported)
{
    static const struct kevy_allocator poor = {.allocate = no_memory};
    struct kevy_group_options options = options_of(setup_nothing);
    struct kevy_reactor_options wrong = {.buffer_count = 3};
    struct kevy_reactor_options starved = {.allocator = &poor};
    struct kevy_group *group = NULL;

    options.reactor = &wrong;
    ck_assert_int_eq(kevy_group_start(&group, &options), -EINVAL);
    options.reactor = &starved;
    ck_assert_int_eq(kevy_group_start(&group, &options), -ENOMEM);
    ck_assert_ptr_null(group);
    ck_assert_uint_eq(setups, 0);
    ck_assert_uint_eq(teardowns, 0);
}
END_TEST

static void never(struct kevy_timer *timer)
{
    (void)timer;
}

static int setup_signals(struct kevy_reactor *owner, uint32_t index, void *context)
{
    sigset_t mask;

    (void)owner;
    (void)context;
    pthread_sigmask(SIG_BLOCK, NULL, &mask);
    setup_result[index] = sigismember(&mask, SIGTERM) == 1 && sigismember(&mask, SIGUSR1) == 1;
    return 0;
}

START_TEST(threads_block_all_signals)
{
    struct kevy_group_options options = options_of(setup_signals);
    struct kevy_group *group = NULL;
    sigset_t mask;

    ck_assert_int_eq(kevy_group_start(&group, &options), 0);
    ck_assert_int_eq(kevy_group_join(group), 0);
    for (unsigned index = 0; index < MEMBERS; index++)
        ck_assert_int_eq(setup_result[index], 1);
    pthread_sigmask(SIG_BLOCK, NULL, &mask);
    ck_assert_int_eq(sigismember(&mask, SIGTERM), 0);
}
END_TEST

static int setup_pinned(struct kevy_reactor *owner, uint32_t index, void *context)
{
    cpu_set_t cpus;
    int cpu = 0;

    (void)owner;
    (void)context;
    sched_getaffinity(0, sizeof cpus, &cpus);
    while (!CPU_ISSET(cpu, &cpus))
        cpu++;
    setup_result[index] = CPU_COUNT(&cpus) == 1 ? cpu : -1;
    return 0;
}

START_TEST(pinned_threads_have_one_cpu_each_in_turn)
{
    struct kevy_group_options options = options_of(setup_pinned);
    struct kevy_group *group = NULL;
    cpu_set_t cpus;

    sched_getaffinity(0, sizeof cpus, &cpus);
    options.pin = true;
    ck_assert_int_eq(kevy_group_start(&group, &options), 0);
    ck_assert_int_eq(kevy_group_join(group), 0);
    for (int index = 0, cpu = -1; index < MEMBERS; index++) {
        do
            cpu = cpu + 1 < CPU_SETSIZE ? cpu + 1 : 0;
        while (!CPU_ISSET(cpu, &cpus));
        ck_assert_int_eq(setup_result[index], cpu);
    }
}
END_TEST

static int setup_default(struct kevy_reactor *owner, uint32_t index, void *context)
{
    (void)owner;
    (void)context;
    (void)index;
    __atomic_add_fetch(&setups, 1, __ATOMIC_RELAXED);
    return 0;
}

START_TEST(by_default_there_is_one_reactor_for_each_cpu)
{
    struct kevy_group_options options = {.setup = setup_default};
    struct kevy_group *group = NULL;
    cpu_set_t cpus;

    sched_getaffinity(0, sizeof cpus, &cpus);
    ck_assert_int_eq(kevy_group_start(&group, &options), 0);
    ck_assert_int_eq(kevy_group_join(group), 0);
    ck_assert_int_eq((int)setups, CPU_COUNT(&cpus));
}
END_TEST

struct client {
    struct kevy_stream stream;
    struct server *server;
};

static void client_read(struct kevy_stream *stream, struct kevy_buffer *buffer)
{
    (void)kevy_stream_forward(stream, buffer);
}

static void client_close(struct kevy_stream *stream, int reason)
{
    struct client *client = KEVY_CONTAINER_OF(stream, struct client, stream);

    (void)reason;
    client->server->closed++;
    free(client);
}

static const struct kevy_stream_events client_events = {.read = client_read, .close = client_close};

static struct kevy_stream *client_accept(struct kevy_listener *listener)
{
    struct client *client = calloc(1, sizeof *client);

    if (client == NULL)
        return NULL;
    client->server = KEVY_CONTAINER_OF(listener, struct server, listener);
    client->server->accepted++;
    return kevy_stream_init(&client->stream, &client_events);
}

static int setup_server(struct kevy_reactor *owner, uint32_t index, void *context)
{
    struct server *server = (struct server *)context + index;
    struct kevy_listener_options options = {
        .address = "127.0.0.1", .port = port, .reuse_port = true, .accept = client_accept};

    return kevy_listener_open(&server->listener, owner, &options);
}

/* A port that is free now and stays ours: bound with SO_REUSEPORT and never listened on. */
static int port_reserve(void)
{
    static const int on = 1;
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on), 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    port = ntohs(address.sin_port);
    return fd;
}

static void echo_once(int fd, const char *text)
{
    char answer[16];
    size_t length = strlen(text), have = 0;

    peer_write_text(fd, text);
    while (have < length) {
        ssize_t count = recv(fd, answer + have, sizeof answer - have, 0);

        ck_assert_int_gt(count, 0);
        have += (size_t)count;
    }
    ck_assert_mem_eq(answer, text, length);
}

START_TEST(a_group_shares_a_port_serves_and_drains)
{
    enum {
        CLIENTS = 60,
    };
    struct kevy_group_options options = options_of(setup_server);
    struct kevy_group *group = NULL;
    int reserved = port_reserve();
    int clients[CLIENTS];
    unsigned accepted = 0, closed = 0;

    ck_assert_int_eq(kevy_group_start(&group, &options), 0);
    for (unsigned index = 0; index < CLIENTS; index++) {
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};

        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        clients[index] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        ck_assert_int_eq(connect(clients[index], (struct sockaddr *)&address, sizeof address), 0);
        echo_once(clients[index], "hello");
    }
    kevy_group_finish(group, KEVY_SECONDS(3600));
    kevy_group_finish(group, KEVY_SECONDS(3600));
    for (unsigned index = 0; index < CLIENTS; index++) {
        char byte;

        ck_assert_int_eq(recv(clients[index], &byte, 1, 0), 0);
        close(clients[index]);
    }
    ck_assert_int_eq(kevy_group_join(group), 0);
    for (unsigned index = 0; index < MEMBERS; index++) {
        accepted += servers[index].accepted;
        closed += servers[index].closed;
    }
    ck_assert_uint_eq(accepted, CLIENTS);
    ck_assert_uint_eq(closed, CLIENTS);
    close(reserved);
}
END_TEST

START_TEST(a_drain_after_the_loops_have_ended_is_harmless)
{
    struct kevy_group_options options = options_of(setup_nothing);
    struct kevy_group *group = NULL;

    ck_assert_int_eq(kevy_group_start(&group, &options), 0);
    while (__atomic_load_n(&teardowns, __ATOMIC_RELAXED) < MEMBERS)
        sched_yield();
    kevy_group_finish(group, 0);
    ck_assert_int_eq(kevy_group_join(group), 0);
}
END_TEST

static void client_lingers(struct kevy_stream *stream)
{
    struct client *client = KEVY_CONTAINER_OF(stream, struct client, stream);

    __atomic_add_fetch(&client->server->finishes, 1, __ATOMIC_RELAXED);
    while (!__atomic_load_n(&client->server->released, __ATOMIC_RELAXED))
        sched_yield();
}

static const struct kevy_stream_events lingering_events = {
    .read = client_read, .finish = client_lingers, .close = client_close};

static struct kevy_stream *lingering_accept(struct kevy_listener *from)
{
    struct kevy_stream *stream = client_accept(from);

    return kevy_stream_init(stream, &lingering_events);
}

static int setup_lingering(struct kevy_reactor *owner, uint32_t index, void *context)
{
    struct server *server = (struct server *)context + index;
    struct kevy_listener_options options = {
        .address = "127.0.0.1", .port = port, .reuse_port = true, .accept = lingering_accept};

    return kevy_listener_open(&server->listener, owner, &options);
}

START_TEST(a_later_drain_with_less_time_brings_the_end_nearer)
{
    struct kevy_group_options options = options_of(setup_lingering);
    struct kevy_group *group = NULL;
    int reserved = port_reserve(), client;

    options.count = 1;
    ck_assert_int_eq(kevy_group_start(&group, &options), 0);
    client = plain_connect(port);
    peer_write_text(client, "hello");
    while (poll(&(struct pollfd){.fd = client, .events = POLLIN}, 1, -1) != 1)
        ;
    kevy_group_finish(group, KEVY_FOREVER);
    while (__atomic_load_n(&servers[0].finishes, __ATOMIC_RELAXED) == 0)
        sched_yield();
    kevy_group_finish(group, KEVY_SECONDS(3600));
    kevy_group_finish(group, 0);
    __atomic_store_n(&servers[0].released, true, __ATOMIC_RELAXED);
    ck_assert_int_eq(kevy_group_join(group), 0);
    ck_assert_uint_eq(servers[0].closed, 1);
    close(client);
    close(reserved);
}
END_TEST

static int setup_timer(struct kevy_reactor *owner, uint32_t index, void *context)
{
    struct server *server = (struct server *)context + index;

    kevy_timer_start(&server->timer, owner, KEVY_SECONDS(3600), never);
    kevy_reactor_stop(owner);
    return 0;
}

START_TEST(a_stopped_member_ends_with_timers_armed)
{
    struct kevy_group_options options = options_of(setup_timer);
    struct kevy_group *group = NULL;

    ck_assert_int_eq(kevy_group_start(&group, &options), 0);
    ck_assert_int_eq(kevy_group_join(group), 0);
    ck_assert_uint_eq(teardowns, MEMBERS);
}
END_TEST

static int setup_left(struct kevy_reactor *owner, uint32_t index, void *context)
{
    int error = setup_server(owner, index, context);

    kevy_reactor_stop(owner);
    return error;
}

START_TEST(join_counts_what_had_to_be_aborted)
{
    struct kevy_group_options options = options_of(setup_left);
    struct kevy_group *group = NULL;
    int reserved = port_reserve();

    ck_assert_int_eq(kevy_group_start(&group, &options), 0);
    ck_assert_int_eq(kevy_group_join(group), MEMBERS);
    close(reserved);
}
END_TEST

static struct kevy_group *joined;

static int setup_joining(struct kevy_reactor *owner, uint32_t index, void *context)
{
    (void)context;
    (void)index;
    kevy_timer_start(&servers[0].timer, owner, KEVY_SECONDS(3600), never);
    return 0;
}

static void member_joins(struct kevy_reactor *owner, uint32_t index, void *context)
{
    (void)owner;
    (void)index;
    (void)context;
    (void)kevy_group_join(joined);
}

START_TEST(a_member_that_joins_its_own_group_is_an_assertion)
{
    struct kevy_group_options options = options_of(setup_joining);

    options.count = 1;
    options.teardown = member_joins;
    ck_assert_int_eq(kevy_group_start(&joined, &options), 0);
    kevy_group_finish(joined, 0);
    for (;;)
        pause();
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("group");
    TCase *group = tcase_create("group");

    tcase_add_checked_fixture(group, fds_note, fds_check);
    tcase_set_timeout(group, 20);
    tcase_add_test(group, each_member_is_posted_to);
    tcase_add_test(group, members_with_nothing_to_do_end_by_themselves);
    tcase_add_test(group, a_failed_setup_undoes_the_start);
    tcase_add_test(group, a_positive_result_of_setup_is_success);
    tcase_add_test(group, reactors_that_cannot_be_created_are_reported);
    tcase_add_test(group, threads_block_all_signals);
    tcase_add_test(group, pinned_threads_have_one_cpu_each_in_turn);
    tcase_add_test(group, by_default_there_is_one_reactor_for_each_cpu);
    tcase_add_test(group, a_group_shares_a_port_serves_and_drains);
    tcase_add_test(group, a_later_drain_with_less_time_brings_the_end_nearer);
    tcase_add_test(group, a_drain_after_the_loops_have_ended_is_harmless);
    tcase_add_test(group, a_stopped_member_ends_with_timers_armed);
    tcase_add_test(group, join_counts_what_had_to_be_aborted);
    support_add_abort(group, a_member_that_joins_its_own_group_is_an_assertion, 0, 1);
    suite_add_tcase(suite, group);
    return suite;
}
