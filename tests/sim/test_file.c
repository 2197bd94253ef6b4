/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The files and pipes of a world. */
#include "sim_test.h"

#include <errno.h>
#include <fcntl.h>
#include <kevy/system.h>
#include <string.h>
#include <sys/stat.h>

#define PATH "/srv/text"
#define ROOM 410000U

static struct kevy_sim *world;
static struct sim_server server;
static struct kevy_sim_file text;
static char bytes[ROOM];

/* The program's. */
static struct kevy_file file;
static struct kevy_file_operation operation;
static char memory[ROOM];
static unsigned opened, closed, done_count;
static int close_reason, done_result;

static void file_open(struct kevy_file *which)
{
    (void)which;
    opened++;
}

static void file_closed(struct kevy_file *which, int reason)
{
    (void)which;
    closed++;
    close_reason = reason;
}

static void operation_done(struct kevy_file_operation *which, int result)
{
    (void)which;
    done_count++;
    done_result = result;
}

static void world_begin(struct kevy_sim *sim)
{
    world = sim;
    opened = closed = done_count = 0;
    memset(&file, 0, sizeof file);
    memset(&operation, 0, sizeof operation);
    operation.done = operation_done;
    memset(bytes, 'a', sizeof bytes);
    text = (struct kevy_sim_file){.path = PATH, .data = bytes, .size = 10, .room = sizeof bytes};
    kevy_sim_file_add(sim, &text);
    kevy_sim_set_odds(sim, KEVY_SIM_FAULT_COUNT, 0);
}

static void begin(struct kevy_sim *sim)
{
    world_begin(sim);
    sim_server_open(sim, &server, sim_echo_accept);
}

static void turns_until(const unsigned *count, unsigned wanted)
{
    while (*count < wanted)
        KEVY_SIM_CHECK(world, kevy_reactor_run_once(server.reactor, KEVY_FOREVER) > 0);
}

/* Opens the file, or is told why not. */
static int text_open(int flags)
{
    const struct kevy_file_options options = {
        .path = PATH, .flags = flags, .open = file_open, .close = file_closed};

    opened = closed = 0;
    KEVY_SIM_CHECK(world, kevy_file_open(&file, server.reactor, &options) == 0);
    while (opened + closed == 0)
        KEVY_SIM_CHECK(world, kevy_reactor_run_once(server.reactor, KEVY_FOREVER) > 0);
    return opened != 0 ? 0 : close_reason;
}

static void text_close(void)
{
    kevy_file_close(&file);
    turns_until(&closed, 1);
    KEVY_SIM_CHECK(world, close_reason == 0 && text.open == 0);
}

/* What an operation that was started ends with. */
static int result_of(int started)
{
    KEVY_SIM_CHECK(world, started == 0);
    done_count = 0;
    turns_until(&done_count, 1);
    return done_result;
}

static int text_read(uint32_t length, uint64_t offset)
{
    return result_of(kevy_file_read(&file, &operation, memory, length, offset));
}

static int text_write(const char *from, uint64_t offset)
{
    return result_of(kevy_file_write(&file, &operation, from, (uint32_t)strlen(from), offset));
}

/* ---- What files do ------------------------------------------------------------------------- */

static void bytes_go_in_and_out(struct kevy_sim *sim)
{
    struct statx status;

    begin(sim);
    KEVY_SIM_CHECK(sim, text_open(O_RDWR) == 0 && text.open == 1);
    KEVY_SIM_CHECK(sim, text_write("hello", 12) == 5 && text.size == 17);
    KEVY_SIM_CHECK(sim, memcmp(bytes, "aaaaaaaaaa\0\0hello", 17) == 0);
    KEVY_SIM_CHECK(sim, text_read(4, 13) == 4 && memcmp(memory, "ello", 4) == 0);
    KEVY_SIM_CHECK(sim, text_read(100, 15) == 2 && text_read(100, 17) == 0);
    KEVY_SIM_CHECK(sim, text_read(5, KEVY_FILE_POSITION) == 5);
    KEVY_SIM_CHECK(sim, text_read(100, KEVY_FILE_POSITION) == 12);
    KEVY_SIM_CHECK(sim, text_write("x", ROOM) == -ENOSPC && text_write("x", ROOM - 1) == 1);
    KEVY_SIM_CHECK(sim, result_of(kevy_file_fsync(&file, &operation, true)) == 0);
    KEVY_SIM_CHECK(
        sim, result_of(kevy_file_statx(&file, &operation, STATX_SIZE | STATX_MODE, &status)) == 0);
    KEVY_SIM_CHECK(sim, status.stx_size == ROOM && S_ISREG(status.stx_mode));
    text_close();
    KEVY_SIM_CHECK(sim, text_open(O_RDONLY) == 0 && text_write("x", 0) == -EBADF);
    text_close();
    KEVY_SIM_CHECK(sim, text_open(O_WRONLY | O_TRUNC) == 0 && text.size == 0);
    KEVY_SIM_CHECK(sim, text_read(1, 0) == -EBADF);
    text_close();
    KEVY_SIM_CHECK(sim, text_open(O_WRONLY | O_APPEND) == 0);
    KEVY_SIM_CHECK(sim, text_write("one", 0) == 3 && text_write("two", 0) == 3);
    KEVY_SIM_CHECK(sim, text.size == 6 && memcmp(bytes, "onetwo", 6) == 0);
    text_close();
    sim_server_close(sim, &server);
}

START_TEST(files_are_read_and_written)
{
    sim_passes_on(bytes_go_in_and_out, 5, _i == 1);
}
END_TEST

static void paths_are_found(struct kevy_sim *sim)
{
    const struct kevy_system *system;
    struct kevy_reactor_options options = {0};
    struct kevy_sim_left left;
    int fd;

    begin(sim);
    kevy_sim_reactor_options(sim, &options);
    system = options.system;
    text.is_absent = true;
    KEVY_SIM_CHECK(sim, text_open(O_RDONLY) == -ENOENT);
    KEVY_SIM_CHECK(sim, kevy_sim_file_open(sim, PATH, O_RDONLY) == -ENOENT);
    KEVY_SIM_CHECK(sim, kevy_sim_file_open(sim, "elsewhere", O_RDWR | O_CREAT) == -ENOENT);
    KEVY_SIM_CHECK(sim, text_open(O_RDWR | O_CREAT | O_EXCL) == 0 && text.size == 0);
    text_close();
    KEVY_SIM_CHECK(sim, text_open(O_RDWR | O_CREAT | O_EXCL) == -EEXIST);
    KEVY_SIM_CHECK(sim, kevy_sim_file_open(sim, PATH, O_CREAT | O_EXCL) == -EEXIST);
    fd = kevy_sim_file_open(sim, PATH, O_RDONLY);
    KEVY_SIM_CHECK(sim, fd >= 0 && text.open == 1);
    kevy_sim_left(sim, &left);
    kevy_sim_limit_descriptors(sim, left.descriptors);
    KEVY_SIM_CHECK(sim, kevy_sim_file_open(sim, PATH, O_RDONLY) == -EMFILE);
    KEVY_SIM_CHECK(sim, text_open(O_RDONLY) == -EMFILE);
    KEVY_SIM_CHECK(sim, system->close(system->context, fd) == 0);
    sim_server_close(sim, &server);
}

START_TEST(a_path_is_found_or_made)
{
    sim_passes_on(paths_are_found, 5, _i == 1);
}
END_TEST

/* Each fault of files, once. */
static void faults_strike(struct kevy_sim *sim)
{
    uint64_t began_ns;
    int result;

    begin(sim);
    kevy_sim_inject(sim, KEVY_SIM_FILE_FAILS, 0);
    result = text_open(O_RDWR);
    KEVY_SIM_CHECK(sim, result == -EIO || result == -ENOMEM);
    KEVY_SIM_CHECK(sim, text_open(O_RDWR) == 0);
    kevy_sim_inject(sim, KEVY_SIM_FILE_FAILS, 0);
    result = text_read(5, 0);
    KEVY_SIM_CHECK(sim, result == -EIO || result == -ENOMEM);
    kevy_sim_inject(sim, KEVY_SIM_FILE_FAILS, 0);
    result = text_write("hello", 0);
    KEVY_SIM_CHECK(sim, result == -EIO || result == -ENOMEM || result == -ENOSPC);
    kevy_sim_inject(sim, KEVY_SIM_FILE_FAILS, 0);
    KEVY_SIM_CHECK(sim, result_of(kevy_file_fsync(&file, &operation, false)) == -EIO);
    kevy_sim_inject(sim, KEVY_SIM_FILE_SHORT, 0);
    result = text_read(10, 0);
    KEVY_SIM_CHECK(sim, result >= 1 && result <= 10);
    kevy_sim_inject(sim, KEVY_SIM_FILE_LATE, 0);
    began_ns = kevy_sim_now(sim);
    KEVY_SIM_CHECK(sim, text_read(10, 0) == 10);
    KEVY_SIM_CHECK(sim, kevy_sim_now(sim) - began_ns >= 10000);
    text_close();
    sim_server_close(sim, &server);
}

START_TEST(each_fault_of_files_strikes)
{
    sim_passes_on(faults_strike, 10, _i == 1);
}
END_TEST

/* No cancel of the program's, so that it is told something else. */
static void threads_are_missing(struct kevy_sim *sim)
{
    begin(sim);
    kevy_sim_inject(sim, KEVY_SIM_FILE_CANCELLED, 0);
    KEVY_SIM_CHECK(sim, text_open(O_RDWR) == -EAGAIN);
    KEVY_SIM_CHECK(sim, text_open(O_RDWR) == 0);
    kevy_sim_inject(sim, KEVY_SIM_FILE_CANCELLED, 0);
    KEVY_SIM_CHECK(sim, text_read(5, 0) == -EAGAIN);
    text_close();
    sim_server_close(sim, &server);
}

START_TEST(a_kernel_without_threads_cancels)
{
    sim_passes(threads_are_missing, 5);
}
END_TEST

/* ---- Ranges -------------------------------------------------------------------------------- */

#define RANGE_LONGEST 400000U /* more than goes at once */
#define RANGE_LONG    250000U
#define RANGE_SHORT   15000U /* read when it is queued, if it is cached */

static struct kevy_stream client;
static struct kevy_file_range range;
static uint32_t range_length;
static struct kevy_sim_peer peer;
static uint64_t peer_got;
static unsigned range_done, client_closed;
static bool given_up; /* the range, by the server */

static void peer_ready(struct kevy_sim_peer *ready)
{
    char got[4096];
    int count = kevy_sim_peer_read(ready, got, sizeof got);

    for (int i = 0; i < count; i++)
        KEVY_SIM_CHECK(world, got[i] == bytes[(peer_got + (uint64_t)i) % ROOM]);
    if (count <= 0)
        return;
    peer_got += (uint64_t)count;
    kevy_sim_peer_wake(ready);
}

static void range_over(struct kevy_file_range *which, struct kevy_stream *stream, int result,
                       uint64_t sent)
{
    KEVY_SIM_CHECK(world, which == &range);
    KEVY_SIM_CHECK(world, given_up || (result == 0 && sent == range_length));
    range_done++;
    kevy_stream_close(stream);
}

static void client_open(struct kevy_stream *stream)
{
    range = (struct kevy_file_range){.fd = kevy_sim_file_open(world, PATH, O_RDONLY),
                                     .length = range_length,
                                     .done = range_over};
    KEVY_SIM_CHECK(world, range.fd >= 0 && kevy_stream_send_file(stream, &range) == 0);
}

static void client_read(struct kevy_stream *stream, struct kevy_buffer *buffer)
{
    (void)stream;
    (void)buffer;
}

static void client_over(struct kevy_stream *stream, int reason)
{
    (void)stream;
    KEVY_SIM_CHECK(world, reason == 0 || (given_up && reason == -ECANCELED));
    client_closed++;
}

static struct kevy_stream *range_accept(struct kevy_listener *listener)
{
    static const struct kevy_stream_events events = {
        .open = client_open, .read = client_read, .close = client_over};

    (void)listener;
    memset(&client, 0, sizeof client);
    return kevy_stream_init(&client, &events);
}

static struct kevy_system listening;
static const struct kevy_system *below;
static uint64_t sent_turn;

static uint64_t turn_number(void)
{
    struct kevy_reactor_stats stats;

    kevy_reactor_stats(server.reactor, &stats);
    return stats.turns;
}

static int64_t one_in_a_turn(void *context, int fd, int from, uint64_t offset, size_t length)
{
    int64_t result = below->sendfile(context, fd, from, offset, length);

    KEVY_SIM_CHECK(world, result <= 0 || sent_turn != turn_number());
    if (result > 0)
        sent_turn = turn_number();
    return result;
}

static void range_server_open(struct kevy_sim *sim)
{
    struct kevy_reactor_options options = {.buffer_count = 32};
    struct kevy_listener_options listen = {.port = SIM_PORT, .accept = range_accept};

    kevy_sim_reactor_options(sim, &options);
    below = options.system;
    listening = *below;
    listening.sendfile = one_in_a_turn;
    options.system = &listening;
    server = (struct sim_server){0};
    KEVY_SIM_CHECK(sim, kevy_reactor_create(&server.reactor, &options) == 0);
    KEVY_SIM_CHECK(sim, kevy_listener_open(&server.listener, server.reactor, &listen) == 0);
}

/* A server that sends the range, and a client that connects. */
static void range_begin(struct kevy_sim *sim, uint32_t length, uint32_t uncached)
{
    world_begin(sim);
    for (unsigned i = 0; i < ROOM; i++)
        bytes[i] = (char)(i * 7 + (i >> 8));
    text.size = ROOM;
    range_server_open(sim);
    range_done = client_closed = 0;
    range_length = length;
    peer_got = sent_turn = 0;
    given_up = false;
    memset(&peer, 0, sizeof peer);
    peer.ready = peer_ready;
    kevy_sim_set_odds(sim, KEVY_SIM_FILE_UNCACHED, uncached);
    KEVY_SIM_CHECK(sim, kevy_sim_peer_connect(sim, &peer, SIM_PORT) == 0);
}

static void range_finish(struct kevy_sim *sim)
{
    turns_until(&client_closed, 1);
    KEVY_SIM_CHECK(sim, range_done == 1 && (given_up || peer_got == range_length));
    kevy_sim_peer_close(&peer);
    KEVY_SIM_CHECK(sim, below->close(below->context, range.fd) == 0);
    sim_server_close(sim, &server);
}

/* From the page cache, or by way of the program's memory. */
static void ranges_arrive(struct kevy_sim *sim)
{
    if (kevy_sim_one_in(sim, 2))
        range_begin(sim, RANGE_SHORT, 2);
    else
        range_begin(sim, RANGE_LONG, (uint32_t)kevy_sim_below(sim, 4));
    kevy_sim_set_odds(sim, KEVY_SIM_FILE_SHORT, 3);
    range_finish(sim);
}

/* The first turns are enough. */
static void longest_begin(struct kevy_sim *sim)
{
    range = (struct kevy_file_range){0};
    range_begin(sim, RANGE_LONGEST, 0);
    kevy_sim_inject(sim, KEVY_SIM_FILE_UNCACHED, 0);
    for (unsigned count = 0; client_closed == 0 && (count < 20 || range.moved == 0); count++)
        KEVY_SIM_CHECK(sim, kevy_reactor_run_once(server.reactor, KEVY_SECONDS(1)) >= 0);
    given_up = client_closed == 0;
    kevy_stream_abort(&client);
    range_finish(sim);
}

START_TEST(a_range_of_a_file_is_sent)
{
    sim_passes_on(ranges_arrive, 60, _i == 1);
}
END_TEST

/* Of what is cached in part it sends less at once, and could go on in the same turn. */
START_TEST(a_range_sends_one_piece_in_a_turn)
{
    sim_passes_on(longest_begin, 60, _i == 1);
}
END_TEST

/* ---- Pipes --------------------------------------------------------------------------------- */

#define PIPED 200000U

static struct kevy_stream reading, writing;
static uint64_t written, arrived;
static unsigned ends_closed;
static int writing_reason;

static void write_more(struct kevy_stream *stream)
{
    while (written < PIPED) {
        if (kevy_stream_send(stream, bytes + written, 1000) != 0)
            return;
        written += 1000;
    }
    kevy_stream_close(stream);
}

static void piped(struct kevy_stream *stream, struct kevy_buffer *buffer)
{
    (void)stream;
    KEVY_SIM_CHECK(world, arrived + buffer->length <= PIPED &&
                              memcmp(buffer->data, bytes + arrived, buffer->length) == 0);
    arrived += buffer->length;
}

static void reading_over(struct kevy_stream *stream, int reason)
{
    (void)stream;
    KEVY_SIM_CHECK(world, reason == 0);
    ends_closed++;
}

static void writing_over(struct kevy_stream *stream, int reason)
{
    (void)stream;
    writing_reason = reason;
    ends_closed++;
}

static const struct kevy_stream_events reading_events = {.read = piped, .close = reading_over};
static const struct kevy_stream_events writing_events = {
    .open = write_more, .drain = write_more, .close = writing_over};

static void pipe_begin(struct kevy_sim *sim, int flags)
{
    int fds[2];

    begin(sim);
    for (unsigned i = 0; i < ROOM; i++)
        bytes[i] = (char)(i * 5 + (i >> 9));
    written = arrived = 0;
    ends_closed = 0;
    memset(&reading, 0, sizeof reading);
    memset(&writing, 0, sizeof writing);
    KEVY_SIM_CHECK(sim, kevy_sim_pipe_open(sim, fds, flags) == 0);
    kevy_stream_init(&reading, &reading_events);
    kevy_stream_init(&writing, &writing_events);
    KEVY_SIM_CHECK(sim, kevy_stream_adopt(&reading, server.reactor, fds[0]) == 0);
    KEVY_SIM_CHECK(sim, kevy_stream_adopt(&writing, server.reactor, fds[1]) == 0);
}

static void pipes_carry(struct kevy_sim *sim)
{
    pipe_begin(sim, kevy_sim_one_in(sim, 2) ? O_NONBLOCK : 0);
    kevy_sim_set_odds(sim, KEVY_SIM_RECV_SHORT, 3);
    kevy_sim_set_odds(sim, KEVY_SIM_SEND_SHORT, 3);
    turns_until(&ends_closed, 2);
    KEVY_SIM_CHECK(sim, arrived == PIPED && writing_reason == 0);
    sim_server_close(sim, &server);
}

START_TEST(a_pipe_carries_bytes_and_its_end)
{
    sim_passes_on(pipes_carry, 30, _i == 1);
}
END_TEST

static void pipes_break(struct kevy_sim *sim)
{
    struct kevy_sim_left left;
    int fds[2];

    pipe_begin(sim, O_NONBLOCK);
    kevy_stream_close(&reading);
    turns_until(&ends_closed, 2);
    KEVY_SIM_CHECK(sim, writing_reason == -EPIPE);
    kevy_sim_left(sim, &left);
    kevy_sim_limit_descriptors(sim, left.descriptors + 1);
    KEVY_SIM_CHECK(sim, kevy_sim_pipe_open(sim, fds, 0) == -EMFILE);
    sim_server_close(sim, &server);
}

START_TEST(a_pipe_that_nobody_reads_fails_its_writer)
{
    sim_passes_on(pipes_break, 10, _i == 1);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("file");
    TCase *tests = tcase_create("file");

    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, files_are_read_and_written, 0, 2);
    tcase_add_loop_test(tests, a_path_is_found_or_made, 0, 2);
    tcase_add_loop_test(tests, each_fault_of_files_strikes, 0, 2);
    tcase_add_test(tests, a_kernel_without_threads_cancels);
    tcase_add_loop_test(tests, a_range_of_a_file_is_sent, 0, 2);
    tcase_add_loop_test(tests, a_range_sends_one_piece_in_a_turn, 0, 2);
    tcase_add_loop_test(tests, a_pipe_carries_bytes_and_its_end, 0, 2);
    tcase_add_loop_test(tests, a_pipe_that_nobody_reads_fails_its_writer, 0, 2);
    suite_add_tcase(suite, tests);
    return suite;
}
