/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The same server and the same clients on each kernel of the world: the simulated io_uring of every
 * release, and the soft kernel on simulated sockets. The application must see the same.
 *
 * When bytes arrive and in how many pieces is the kernel's business. So the trace of a connection
 * is the order of its callbacks, with one letter for a run of reads, its bytes and its reason.
 */
#include "sim_test.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

enum { CLIENTS = 4, TIMES = 3, SEEDS = 8, MINORS = 18, TEXT = 40 };

/* What the application saw, connection by connection; shared with the child. */
struct seen {
    uint32_t count;
    char connections[CLIENTS * TIMES][TEXT];
};

struct connection {
    struct kevy_stream stream;
    struct seen *seen;
    char log[8];
    uint64_t bytes;
    uint32_t sum;
};

static struct kevy_sim *world;

static struct connection *connection_of(struct kevy_stream *stream)
{
    return KEVY_CONTAINER_OF(stream, struct connection, stream);
}

static void note(struct kevy_stream *stream, char letter)
{
    char *log = connection_of(stream)->log;
    size_t length = strlen(log);

    if (length > 0 && log[length - 1] == letter && letter == 'r')
        return;
    KEVY_SIM_CHECK(world, length < sizeof connection_of(stream)->log - 1);
    log[length] = letter;
}

static void opened(struct kevy_stream *stream)
{
    note(stream, 'o');
}

static void received(struct kevy_stream *stream, struct kevy_buffer *buffer)
{
    struct connection *connection = connection_of(stream);

    note(stream, 'r');
    for (uint32_t at = 0; at < buffer->length; at++)
        connection->sum = connection->sum * 31 + buffer->data[at];
    connection->bytes += buffer->length;
    KEVY_SIM_CHECK(world, kevy_stream_forward(stream, buffer) == 0);
}

static void ended(struct kevy_stream *stream)
{
    note(stream, 'e');
    kevy_stream_close(stream);
}

static void closed(struct kevy_stream *stream, int reason)
{
    struct connection *connection = connection_of(stream);
    struct seen *seen = connection->seen;

    note(stream, 'c');
    KEVY_SIM_CHECK(world, seen->count < CLIENTS * TIMES);
    (void)snprintf(seen->connections[seen->count++], TEXT, "%s %llu %08x %d", connection->log,
                   (unsigned long long)connection->bytes, connection->sum, reason);
    free(connection);
}

static const struct kevy_stream_events events = {
    .open = opened, .read = received, .end = ended, .close = closed};

static struct kevy_stream *accepted(struct kevy_listener *listener)
{
    struct connection *connection = calloc(1, sizeof *connection);

    (void)listener;
    KEVY_SIM_CHECK(world, connection != NULL);
    connection->seen = kevy_sim_context(world);
    return kevy_stream_init(&connection->stream, &events);
}

static const struct kevy_sim_step talks[CLIENTS][4] = {
    {KEVY_SIM_SEND("one"), KEVY_SIM_EXPECT("one"), KEVY_SIM_SHUTDOWN, KEVY_SIM_EXPECT_END},
    {KEVY_SIM_SEND("a longer one, in pieces"), KEVY_SIM_SHUTDOWN,
     KEVY_SIM_EXPECT("a longer one, in pieces"), KEVY_SIM_EXPECT_END},
    {KEVY_SIM_SHUTDOWN, KEVY_SIM_EXPECT_END, KEVY_SIM_WAIT(1), KEVY_SIM_WAIT(1)},
    {KEVY_SIM_SEND("late"), KEVY_SIM_EXPECT("late"), KEVY_SIM_SHUTDOWN, KEVY_SIM_EXPECT_END},
};

static void test(struct kevy_sim *sim)
{
    static struct kevy_sim_script clients[CLIENTS];
    struct sim_server server;

    world = sim;
    sim_server_open(sim, &server, accepted);
    for (int client = 0; client < CLIENTS; client++)
        kevy_sim_script_start(sim, &clients[client], "client", SIM_PORT, talks[client], 4, TIMES);
    kevy_sim_serve(sim, server.reactor);
    sim_server_close(sim, &server);
}

static int compare(const void *one, const void *other)
{
    return strcmp(one, other);
}

static void run(struct seen *seen, uint64_t seed, uint32_t minor, bool soft)
{
    const struct kevy_sim_options options = {.test = test,
                                             .context = seen,
                                             .seed = seed,
                                             .linux_minor = minor,
                                             .soft = soft,
                                             .limited = true};

    memset(seen, 0, sizeof *seen);
    ck_assert_int_eq(kevy_sim_run(&options, NULL), 0);
    ck_assert_uint_eq(seen->count, CLIENTS * TIMES);
    qsort(seen->connections, seen->count, TEXT, compare);
}

START_TEST(an_application_sees_the_same_on_each_kernel)
{
    struct seen *both =
        mmap(NULL, 2 * sizeof *both, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    ck_assert_ptr_ne(both, MAP_FAILED);
    run(&both[0], (uint64_t)_i, 0, true);
    for (uint32_t minor = 1; minor <= MINORS; minor++) {
        run(&both[1], (uint64_t)_i, minor, false);
        for (uint32_t at = 0; at < both[0].count; at++)
            ck_assert_str_eq(both[0].connections[at], both[1].connections[at]);
    }
    munmap(both, 2 * sizeof *both);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("sim_kernels");
    TCase *tcase = tcase_create("kernels");

    suite_add_tcase(suite, tcase);
    tcase_add_loop_test(tcase, an_application_sees_the_same_on_each_kernel, 0, SEEDS);
    return suite;
}
