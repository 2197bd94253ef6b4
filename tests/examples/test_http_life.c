/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * http_echo as its operator sees it: the command line, time limits, clients that vanish or do not
 * read, memory, and the end.
 */

#include "http_peer.h"
#include "roll.h"

#include <kevy/ring_probe.h>

#define HOST "Host: a\r\n"
#define GET  "GET / HTTP/1.1\r\n" HOST
#define POST "POST / HTTP/1.1\r\n" HOST

static struct peer peer, other;

static void start(void)
{
    server_start(NULL);
}

static void start_with(const char *option)
{
    const char *arguments[] = {option, NULL};

    server_start(arguments);
}

static const struct {
    const char *arguments[4];
    int status;
    const char *said;
} command_lines[] = {
    {{"--port"}, 2, "--port needs a value"},
    {{"--port", "x"}, 2, "from 0 to 65535, not 'x'"},
    {{"--port=65536"}, 2, "from 0 to 65535, not '65536'"},
    {{"--port=-1"}, 2, "not '-1'"},
    {{"--port="}, 2, "not ''"},
    {{"--threads=0"}, 2, "--threads takes a number from 1"},
    {{"--idle-timeout=0"},
     2,
     "--idle-timeout takes seconds, more than 0 and at most 86400, not '0'"},
    {{"--idle-timeout", "nan"}, 2, "not 'nan'"},
    {{"--max-body", "1e3"}, 2, "not '1e3'"},
    {{"--max-header=2M"}, 2, "a size from 64 to 1M (bytes, or with K, M or G), not '2M'"},
    {{"--address=localhost"}, 2, "IPv6 address (names are not looked up), not 'localhost'"},
    {{"--nonsense"}, 2, "--nonsense is not an option"},
    {{"8080"}, 2, "8080 is not an option"},
    {{"--help"}, 0, ""},
    {{"-h"}, 0, ""},
    {{"--version"}, 0, ""},
    {{"--address=192.0.2.1", "--port=0"}, 1, "192.0.2.1 is not an address of this machine"},
    {{"--address=192.0.2.1", "--port=0", "--threads=2"}, 1, "is not an address of this machine"},
};

/* One sentence for each mistake, and nothing else. */
START_TEST(command_lines_are_explained)
{
    const char *newline;

    program_spawn(&server, "http_echo", command_lines[_i].arguments);
    int status = program_wait(&server);
    ck_assert_msg(status == command_lines[_i].status && strstr(server.said, command_lines[_i].said),
                  "status %d, \"%s\"", status, server.said);
    newline = strchr(server.said, '\n');
    ck_assert(!newline || !newline[1]);
}
END_TEST

START_TEST(taken_port_is_named)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    char option[32], expected[64];
    const char *arguments[] = {option, _i ? "--threads=2" : NULL, NULL};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(fd, 1), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    sprintf(option, "--port=%u", ntohs(address.sin_port));
    sprintf(expected, "port %u of 127.0.0.1 is in use", ntohs(address.sin_port));
    program_spawn(&server, "http_echo", arguments);
    ck_assert_int_eq(program_wait(&server), 1);
    ck_assert_ptr_nonnull(strstr(server.said, expected));
    close(fd);
}
END_TEST

START_TEST(slow_head_times_out)
{
    start_with("--header-timeout=0.05");
    peer_dial(&peer);
    peer_say(&peer, GET "\r\n" GET);
    peer_expect(&peer, 200, GET);
    peer_expect(&peer, 408, NULL);
    peer_check_end(&peer);
    server_stop();
    ck_assert_uint_eq(server_counted(" timed out"), 1);
}
END_TEST

START_TEST(idle_client_is_let_go)
{
    start_with("--idle-timeout=0.3");
    peer_dial(&peer);
    peer_dial(&other);
    peer_say(&peer, GET "\r\n");
    peer_expect(&peer, 200, GET);
    peer_check_end(&peer);
    peer_check_end(&other);
    server_stop();
    ck_assert_uint_eq(server_counted(" timed out"), 2);
}
END_TEST

START_TEST(slow_body_times_out)
{
    start_with("--idle-timeout=0.3");
    peer_dial(&peer);
    peer_say(&peer, POST "Content-Length: 5\r\n\r\nhe");
    peer_expect(&peer, 408, NULL);
    peer_check_end(&peer);
}
END_TEST

/* Reads until the connection is over, one way or the other. Returns how much came. */
static size_t read_to_the_end(struct peer *client)
{
    size_t length = 0;
    ssize_t count;

    while ((count = recv(client->fd, client->in, sizeof client->in, 0)) > 0)
        length += (size_t)count;
    ck_assert(count == 0 || errno == ECONNRESET);
    close(client->fd);
    return length;
}

/* The answer has begun, so there is no way left to say why. */
START_TEST(stalled_echo_is_dropped)
{
    static char body[5000];

    start_with("--idle-timeout=0.3");
    memset(body, 'x', sizeof body);
    peer_dial(&peer);
    peer_say(&peer, POST "Content-Length: 100000\r\n\r\n");
    peer_send(&peer, body, sizeof body);
    ck_assert_uint_ge(read_to_the_end(&peer), sizeof body);
}
END_TEST

/* Sends until the server reads no more: many others have been served since the last byte went. */
static void send_until_stuck(struct peer *client, const char *bytes, size_t length)
{
    size_t at = 0;

    for (unsigned pings = 0; pings < 100;) {
        ssize_t count = send(client->fd, bytes + at, length - at, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (count > 0) {
            at = (at + (size_t)count) % length;
            pings = 0;
            continue;
        }
        ck_assert_int_eq(errno, EAGAIN);
        ping(&other);
        pings++;
    }
}

START_TEST(client_that_takes_nothing_is_dropped)
{
    static char body[65536];

    start_with("--write-timeout=0.2");
    peer_dial(&peer);
    peer_dial(&other);
    peer_say(&peer, POST "Content-Length: 1000000000\r\n\r\n");
    while (send(peer.fd, body, sizeof body, MSG_NOSIGNAL) > 0)
        continue;
    ck_assert(errno == ECONNRESET || errno == EPIPE);
    close(peer.fd);
    close(other.fd);
    server_stop();
    ck_assert_uint_eq(server_counted(" timed out"), 1);
}
END_TEST

/* Kernels before 6.17 cannot be told where to end a receive: what one go brings, up to the whole
 * pool, is copied for each client, up to the reactor's limit. The soft kernel, which serves where
 * none can be asked, can be told. */
static unsigned long growth_allowed_kib(void)
{
    struct kevy_ring_probe kernel;
    bool asked = kevy_ring_probe(NULL, &kernel) == 0;

    return !asked || kernel.queried ? 16 << 10 : (64 + 4) << 10;
}

/* Neither an endless body nor endless requests fill the server while their answers are not read. */
START_TEST(memory_stays_bounded_when_nobody_reads)
{
    static struct peer greedy[16];
    static char requests[65536], body[65536];
    size_t length = 0;

    while (length + 64 < sizeof requests)
        length += (size_t)sprintf(requests + length, GET "\r\n");
    peer_dial(&other);
    ping(&other);
    unsigned long before = server_memory();
    for (unsigned i = 0; i < 16; i++) {
        peer_dial(&greedy[i]);
        if (i % 2)
            peer_say(&greedy[i], POST "Content-Length: 1000000000\r\n\r\n");
        send_until_stuck(&greedy[i], i % 2 ? body : requests, i % 2 ? sizeof body : length);
    }
    unsigned long grown = server_memory() - before;
    ck_assert_msg(grown < growth_allowed_kib() || !support_sizes_tell(), "%lu KiB", grown);
    for (unsigned i = 0; i < 16; i++)
        peer_reset(&greedy[i]);
    ping(&other);
    close(other.fd);
}
END_TEST

static const char *const stages[] = {
    "",
    "GET",
    GET "X: y",
    GET "\r\n",
    GET "\r\n" GET "\r\n" GET,
    POST "Content-Length: 5\r\n\r\n",
    POST "Content-Length: 100000\r\n\r\nhello",
    POST "Transfer-Encoding: chunked\r\n\r\n5\r\nhe",
    POST "Transfer-Encoding: chunked\r\n\r\n0\r\nX",
    POST "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n",
    "garbage\r\n\r\n",
};

#define STAGES (sizeof stages / sizeof *stages)

START_TEST(resets_at_any_stage_are_survived)
{
    static struct peer gone;

    peer_dial(&other);
    for (unsigned i = 0; i < support_rounds(500); i++) {
        peer_dial(&gone);
        peer_say(&gone, stages[i % STAGES]);
        if (i % 3)
            ping(&other);
        peer_reset(&gone);
    }
    ping(&other);
    close(other.fd);
}
END_TEST

START_TEST(killed_clients_are_survived)
{
    int ready[2];
    char byte;

    ck_assert_int_eq(pipe(ready), 0);
    pid_t clients = fork();
    ck_assert_int_ge(clients, 0);
    if (clients == 0) {
        for (unsigned i = 0; i < 500; i++) {
            peer_dial(&peer);
            peer_say(&peer, stages[i % STAGES]);
        }
        ck_assert_int_eq(write(ready[1], "", 1), 1);
        pause();
    }
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    expect(GET "\r\n", 200, GET);
    kill(clients, SIGKILL);
    ck_assert_int_eq(waitpid(clients, NULL, 0), clients);
    expect(GET "\r\n", 200, GET);
    server_stop();
    ck_assert_uint_gt(server_counted(" cut short"), 0);
}
END_TEST

START_TEST(noise_is_survived)
{
    unsigned rounds = support_rounds(300);
    uint32_t seed = 1;

    for (unsigned i = 0; i < rounds; i++) {
        char noise[1000];

        for (size_t at = 0; at < sizeof noise; at++)
            noise[at] = (char)(roll(&seed) >> 16);
        noise[0] = '~'; /* an empty line would be overlooked, and the next byte looked at */
        peer_dial(&peer);
        peer_send(&peer, noise, sizeof noise);
        peer_expect(&peer, 400, NULL);
        peer_check_end(&peer);
    }
    server_stop();
    ck_assert_uint_eq(server_counted(" refused"), rounds);
}
END_TEST

/* False once the last thread of the server has closed its listening socket. */
static bool server_listens(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(server.port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool listens = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;

    ck_assert_int_eq(close(fd), 0);
    return listens;
}

/* The idle client's end shows that its thread has begun to drain, and the end of listening that all
 * of them have. */
static void drain(void)
{
    kill(server.pid, SIGTERM);
    peer_check_end(&other);
    while (server_listens())
        usleep(1000);
}

/* A client in the middle of a request; that it has been read, the interim answer shows. */
static void dial_in_progress(void)
{
    peer_dial(&peer);
    peer_say(&peer, POST "Expect: 100-continue\r\nContent-Length: 4\r\n\r\n");
    peer_expect(&peer, 100, NULL);
}

static void start_threads(int several)
{
    start_with(several ? "--threads=2" : "--threads=1");
}

START_TEST(drain_lets_a_request_end)
{
    static struct answer answer;

    start_threads(_i);
    peer_dial(&other);
    ping(&other);
    dial_in_progress();
    drain();
    peer_say(&peer, "abcd");
    peer_answer(&peer, &answer);
    ck_assert_str_eq(answer.body, "abcd");
    ck_assert(answer.closes);
    peer_check_end(&peer);
    server_check_end();
}
END_TEST

/* Of a client that was idle, or that had not sent anything yet, when the server began to end. */
START_TEST(drain_answers_a_request_that_was_under_way)
{
    static struct answer answer;

    start_threads(_i / 2);
    peer_dial(&other);
    ping(&other);
    peer_dial(&peer);
    if (_i % 2)
        ping(&peer);
    kill(server.pid, SIGTERM);
    while (server_listens())
        usleep(1000);
    peer_say(&peer, GET "\r\n");
    peer_answer(&peer, &answer);
    ck_assert_uint_eq(answer.status, 200);
    ck_assert(answer.closes);
    peer_check_end(&peer);
    peer_check_end(&other);
    server_check_end();
    ck_assert_uint_eq(server_counted(" timed out"), 0);
}
END_TEST

START_TEST(drain_ends_in_time)
{
    start_with("--drain-timeout=0.1");
    dial_in_progress();
    kill(server.pid, SIGTERM);
    server_check_end();
    close(peer.fd);
}
END_TEST

START_TEST(second_signal_ends_at_once)
{
    start_threads(_i);
    peer_dial(&other);
    ping(&other);
    dial_in_progress();
    drain();
    kill(server.pid, SIGINT);
    ck_assert_int_eq(program_wait(&server), 1);
    close(peer.fd);
}
END_TEST

#define LOADERS      4
#define LOADER_PEERS 16
#define LOADER_BATCH 8

/* What one client process saw: whole answers, and answers that broke off. */
struct load {
    unsigned long answers;
    unsigned long broken;
};

/* Takes what came and counts whole answers to GET, whose text ends with the host and CR LF. */
static bool load_read(struct peer *client, struct load *load)
{
    static const char last[] = "Host: a\r\n";
    ssize_t count =
        recv(client->fd, client->in + client->end, sizeof client->in - client->end, MSG_DONTWAIT);

    if (count < 0 && errno == EAGAIN)
        return true;
    if (count <= 0) {
        load->broken += client->end != 0;
        return false;
    }
    client->end += (size_t)count;
    for (;;) {
        char *found = memmem(client->in, client->end, last, sizeof last - 1);

        if (!found)
            return true;
        load->answers++;
        client->end -= (size_t)(found - client->in) + sizeof last - 1;
        memmove(client->in, found + sizeof last - 1, client->end);
    }
}

/* Sends without waiting and reads what comes, until the server has closed every connection. */
static void load_run(int results, int begun)
{
    static struct peer clients[LOADER_PEERS];
    struct load load = {0, 0};
    unsigned open = LOADER_PEERS;
    char batch[LOADER_BATCH * 64] = "";

    for (unsigned i = 0; i < LOADER_BATCH; i++)
        strcat(batch, GET "\r\n");
    for (unsigned i = 0; i < LOADER_PEERS; i++)
        peer_dial(&clients[i]);
    for (unsigned long rounds = 0; open; rounds++) {
        struct peer *client = &clients[rounds % LOADER_PEERS];

        if (rounds == 2000)
            ck_assert_int_eq(write(begun, "", 1), 1);
        if (client->fd < 0)
            continue;
        send(client->fd, batch, strlen(batch) / (rounds % 3 ? 1 : LOADER_BATCH), MSG_NOSIGNAL);
        if (!load_read(client, &load)) {
            close(client->fd);
            client->fd = -1;
            open--;
        }
    }
    ck_assert_int_eq(write(results, &load, sizeof load), sizeof load);
    exit(0);
}

START_TEST(drain_under_load_answers_all_that_was_read)
{
    /* As long as it takes: who is cut off at a limit is not this test's business. */
    const char *arguments[] = {_i ? "--threads=2" : "--threads=1",
                               "--drain-timeout=3600",
                               "--write-timeout=3600",
                               "--idle-timeout=3600",
                               "--header-timeout=3600",
                               "--body-timeout=3600",
                               NULL};
    int results[2], begun[2];
    struct load sum = {0, 0}, load;
    char byte;

    server_start(arguments);
    ck_assert_int_eq(pipe(results), 0);
    ck_assert_int_eq(pipe(begun), 0);
    for (unsigned i = 0; i < LOADERS; i++) {
        pid_t loader = fork();
        ck_assert_int_ge(loader, 0);
        if (loader == 0)
            load_run(results[1], begun[1]);
    }
    for (unsigned i = 0; i < LOADERS; i++)
        ck_assert_int_eq(read(begun[0], &byte, 1), 1);
    kill(server.pid, SIGTERM);
    server_check_end();
    for (unsigned i = 0; i < LOADERS; i++) {
        ck_assert_int_eq(read(results[0], &load, sizeof load), sizeof load);
        sum.answers += load.answers;
        sum.broken += load.broken;
    }
    ck_assert_uint_eq(sum.broken, 0);
    ck_assert_uint_eq(server_counted(" 2xx"), server_counted(" requests"));
    ck_assert_uint_eq(sum.answers, server_counted(" requests"));
    while (waitpid(-1, NULL, 0) > 0)
        continue;
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

Suite *test_suite(void)
{
    Suite *suite = suite_create("http_life");
    TCase *lines = tcase_create("command line");
    TCase *usual = tcase_create("clients");
    TCase *timed = tcase_create("time limits");
    TCase *ends = tcase_create("end");
    TCase *loaded = tcase_create("end under load");
    const char *why = why_no_reactor();

    if (why) {
        support_skip("http_life", why);
        return suite;
    }
    tcase_add_loop_test(lines, command_lines_are_explained, 0, COUNT(command_lines));
    tcase_add_loop_test(lines, taken_port_is_named, 0, 2);
    suite_add_tcase(suite, lines);
    tcase_add_checked_fixture(timed, NULL, server_stop);
    tcase_add_test(timed, slow_head_times_out);
    tcase_add_test(timed, idle_client_is_let_go);
    tcase_add_test(timed, slow_body_times_out);
    tcase_add_test(timed, stalled_echo_is_dropped);
    tcase_add_test(timed, client_that_takes_nothing_is_dropped);
    tcase_set_timeout(timed, 30);
    suite_add_tcase(suite, timed);
    tcase_add_checked_fixture(usual, start, server_stop);
    tcase_add_test(usual, memory_stays_bounded_when_nobody_reads);
    tcase_add_test(usual, resets_at_any_stage_are_survived);
    tcase_add_test(usual, killed_clients_are_survived);
    tcase_add_test(usual, noise_is_survived);
    tcase_set_timeout(usual, 60);
    suite_add_tcase(suite, usual);
    tcase_add_checked_fixture(ends, NULL, server_stop);
    tcase_add_loop_test(ends, drain_lets_a_request_end, 0, 2);
    tcase_add_loop_test(ends, drain_answers_a_request_that_was_under_way, 0, 4);
    tcase_add_test(ends, drain_ends_in_time);
    tcase_add_loop_test(ends, second_signal_ends_at_once, 0, 2);
    tcase_set_timeout(ends, 60);
    suite_add_tcase(suite, ends);
    tcase_add_checked_fixture(loaded, NULL, server_stop);
    tcase_add_loop_test(loaded, drain_under_load_answers_all_that_was_read, 0, 2);
    tcase_set_timeout(loaded, 600);
    suite_add_tcase(suite, loaded);
    return suite;
}
