/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Peers, hosts and scripts, without faults but those that a test asks for. */
#include "sim_test.h"

#include <errno.h>
#include <netinet/in.h>
#include <kevy/sim_peer.h>
#include <string.h>

static struct sim_server server;

static struct kevy_sim *the_world;

static void open_calm(struct kevy_sim *sim)
{
    the_world = sim;
    kevy_sim_set_odds(sim, KEVY_SIM_FAULT_COUNT, 0);
    sim_server_open(sim, &server, sim_echo_accept);
}

static void turn_for(struct kevy_sim *sim, uint64_t duration_ns)
{
    for (uint64_t until_ns = kevy_sim_now(sim) + duration_ns; kevy_sim_now(sim) < until_ns;)
        (void)kevy_reactor_run_once(server.reactor, until_ns - kevy_sim_now(sim));
}

static uint32_t calls;

static void count_call(struct kevy_sim_peer *peer)
{
    (void)peer;
    calls++;
}

static void peer_talks(struct kevy_sim *sim)
{
    static struct kevy_sim_peer peer = {.ready = count_call, .pace_ns = 1000};
    char bytes[8];

    open_calm(sim);
    KEVY_SIM_CHECK(sim, !kevy_sim_peer_connected(&peer));
    KEVY_SIM_CHECK(sim, kevy_sim_peer_connect(sim, &peer, SIM_PORT + 1) == -ECONNREFUSED);
    KEVY_SIM_CHECK(sim, kevy_sim_peer_connect(sim, &peer, 0) == 0);
    KEVY_SIM_CHECK(sim, kevy_sim_peer_connected(&peer));
    KEVY_SIM_CHECK(sim, kevy_sim_peer_read(&peer, bytes, sizeof bytes) == -EAGAIN);
    KEVY_SIM_CHECK(sim, kevy_sim_peer_write(&peer, "abc", 3) == 3);
    turn_for(sim, KEVY_SECONDS(1));
    KEVY_SIM_CHECK(sim, calls >= 1);
    KEVY_SIM_CHECK(sim, kevy_sim_peer_read(&peer, bytes, sizeof bytes) == 3);
    KEVY_SIM_CHECK(sim, memcmp(bytes, "abc", 3) == 0);
    kevy_sim_peer_shutdown(&peer);
    KEVY_SIM_CHECK(sim, kevy_sim_peer_write(&peer, "abc", 3) == -EPIPE);
    turn_for(sim, KEVY_SECONDS(1));
    KEVY_SIM_CHECK(sim, kevy_sim_peer_read(&peer, bytes, sizeof bytes) == 0);
    kevy_sim_peer_close(&peer);
    KEVY_SIM_CHECK(sim, !kevy_sim_peer_connected(&peer));
    sim_server_close(sim, &server);
}

START_TEST(a_peer_reads_and_writes_without_blocking)
{
    sim_passes(peer_talks, 20);
}
END_TEST

static void backlog_fills(struct kevy_sim *sim)
{
    static struct kevy_sim_peer peers[5000];
    uint32_t count = 0;
    int error = 0;

    open_calm(sim);
    while (error == 0 && count < 5000) {
        peers[count].ready = count_call;
        error = kevy_sim_peer_connect(sim, &peers[count], SIM_PORT);
        count += error == 0;
    }
    KEVY_SIM_CHECK(sim, error == -EAGAIN && count > 100);
    while (count > 0)
        kevy_sim_peer_close(&peers[--count]);
    turn_for(sim, KEVY_SECONDS(1));
    sim_server_close(sim, &server);
}

START_TEST(a_backlog_has_an_end)
{
    sim_passes(backlog_fills, 1);
}
END_TEST

static void flow_fills(struct kevy_sim *sim)
{
    static struct kevy_sim_peer peer = {.ready = count_call};
    static char bytes[1024];
    int count;

    open_calm(sim);
    KEVY_SIM_CHECK(sim, kevy_sim_peer_connect(sim, &peer, SIM_PORT) == 0);
    do
        count = kevy_sim_peer_write(&peer, bytes, sizeof bytes);
    while (count > 0);
    KEVY_SIM_CHECK(sim, count == -EAGAIN);
    kevy_sim_peer_reset(&peer);
    turn_for(sim, KEVY_SECONDS(1));
    sim_server_close(sim, &server);
}

START_TEST(a_peer_that_nobody_reads_from_has_to_wait)
{
    sim_passes(flow_fills, 5);
}
END_TEST

static void cuts(struct kevy_sim *sim)
{
    static struct kevy_sim_peer peer = {.ready = count_call};
    char byte;

    open_calm(sim);
    KEVY_SIM_CHECK(sim, kevy_sim_peer_connect(sim, &peer, SIM_PORT) == 0);
    turn_for(sim, KEVY_SECONDS(1));
    KEVY_SIM_CHECK(sim, !kevy_sim_peer_was_cut(&peer));
    kevy_sim_peer_cut(&peer);
    KEVY_SIM_CHECK(sim, kevy_sim_peer_was_cut(&peer));
    KEVY_SIM_CHECK(sim, kevy_sim_peer_read(&peer, &byte, 1) == -ECONNRESET);
    KEVY_SIM_CHECK(sim, kevy_sim_peer_write(&peer, &byte, 1) == -EPIPE);
    kevy_sim_peer_close(&peer);
    turn_for(sim, KEVY_SECONDS(1));
    sim_server_close(sim, &server);
}

START_TEST(the_network_resets_both_ends)
{
    sim_passes(cuts, 5);
}
END_TEST

static void writes_after_a_reset(struct kevy_sim *sim)
{
    static struct kevy_sim_peer peer = {.ready = count_call};
    char byte = 0;

    open_calm(sim);
    KEVY_SIM_CHECK(sim, kevy_sim_peer_connect(sim, &peer, SIM_PORT) == 0);
    turn_for(sim, KEVY_SECONDS(1));
    kevy_sim_peer_cut(&peer);
    KEVY_SIM_CHECK(sim, kevy_sim_peer_write(&peer, &byte, 1) == -ECONNRESET);
    kevy_sim_peer_close(&peer);
    turn_for(sim, KEVY_SECONDS(1));
    sim_server_close(sim, &server);
}

START_TEST(a_write_is_told_of_the_reset)
{
    sim_passes(writes_after_a_reset, 5);
}
END_TEST

static void ends_and_is_cut(struct kevy_sim *sim)
{
    static struct kevy_sim_peer peer = {.ready = count_call};
    char byte = 0;

    open_calm(sim);
    KEVY_SIM_CHECK(sim, kevy_sim_peer_connect(sim, &peer, SIM_PORT) == 0);
    turn_for(sim, KEVY_SECONDS(1));
    kevy_sim_peer_shutdown(&peer);
    turn_for(sim, KEVY_SECONDS(1));
    kevy_sim_peer_cut(&peer);
    KEVY_SIM_CHECK(sim, kevy_sim_peer_read(&peer, &byte, 1) == -EPIPE);
    kevy_sim_peer_close(&peer);
    sim_server_close(sim, &server);
}

START_TEST(a_reset_after_the_end_is_a_broken_pipe)
{
    sim_passes(ends_and_is_cut, 1);
}
END_TEST

static void parts(struct kevy_sim *sim)
{
    static struct kevy_sim_peer peer = {.ready = count_call};
    char bytes[4];

    open_calm(sim);
    KEVY_SIM_CHECK(sim, kevy_sim_peer_connect(sim, &peer, SIM_PORT) == 0);
    turn_for(sim, KEVY_SECONDS(1));
    kevy_sim_peer_part(&peer, true);
    KEVY_SIM_CHECK(sim, kevy_sim_peer_write(&peer, "abc", 3) == 3);
    turn_for(sim, KEVY_SECONDS(100));
    KEVY_SIM_CHECK(sim, kevy_sim_peer_read(&peer, bytes, 3) == -EAGAIN);
    calls = 0;
    kevy_sim_peer_part(&peer, false);
    turn_for(sim, KEVY_SECONDS(1));
    KEVY_SIM_CHECK(sim, calls >= 1 && kevy_sim_peer_read(&peer, bytes, 3) == 3);
    /* A reset that comes in a partition arrives after it. */
    kevy_sim_peer_part(&peer, true);
    kevy_sim_peer_shutdown(&peer);
    kevy_sim_set_quiet(sim);
    turn_for(sim, KEVY_SECONDS(1));
    KEVY_SIM_CHECK(sim, kevy_sim_peer_read(&peer, bytes, 3) == 0);
    kevy_sim_peer_close(&peer);
    sim_server_close(sim, &server);
}

START_TEST(a_partition_holds_everything_up_and_loses_nothing)
{
    sim_passes(parts, 10);
}
END_TEST

static void comes_round(struct kevy_sim *sim)
{
    static struct kevy_sim_peer peer = {.ready = count_call, .pace_ns = KEVY_MILLISECONDS(5)};

    open_calm(sim);
    KEVY_SIM_CHECK(sim, kevy_sim_peer_connect(sim, &peer, SIM_PORT) == 0);
    turn_for(sim, KEVY_SECONDS(1));
    calls = 0;
    kevy_sim_peer_wake(&peer);
    turn_for(sim, KEVY_SECONDS(1));
    KEVY_SIM_CHECK(sim, calls == 1);
    kevy_sim_peer_close(&peer);
    turn_for(sim, KEVY_SECONDS(1));
    sim_server_close(sim, &server);
}

START_TEST(a_peer_can_come_round_by_itself)
{
    sim_passes(comes_round, 3);
}
END_TEST

/* Which peer is at the other end. */
static size_t said;
static struct kevy_sim_peer known = {.ready = count_call};

static void opened(struct kevy_stream *stream)
{
    KEVY_SIM_CHECK(the_world, kevy_sim_peer_at(the_world, kevy_stream_fd(stream)) == &known);
    said++;
    kevy_sim_peer_close(&known);
    KEVY_SIM_CHECK(the_world, kevy_sim_peer_at(the_world, kevy_stream_fd(stream)) == NULL);
}

static struct kevy_stream *accept_known(struct kevy_listener *listener)
{
    static const struct kevy_stream_events events = {
        .open = opened, .read = sim_echo_read, .close = sim_stream_free};
    struct kevy_stream *stream = calloc(1, sizeof *stream);

    (void)listener;
    return kevy_stream_init(stream, &events);
}

static void knows_its_peer(struct kevy_sim *sim)
{
    the_world = sim;
    kevy_sim_set_odds(sim, KEVY_SIM_FAULT_COUNT, 0);
    sim_server_open(sim, &server, accept_known);
    KEVY_SIM_CHECK(sim, kevy_sim_peer_connect(sim, &known, SIM_PORT) == 0);
    turn_for(sim, KEVY_SECONDS(1));
    KEVY_SIM_CHECK(sim, said == 1);
    sim_server_close(sim, &server);
}

START_TEST(the_peer_of_a_descriptor_is_known)
{
    sim_passes(knows_its_peer, 1);
}
END_TEST

/* ---- Hosts --------------------------------------------------------------------------------- */

static const struct kevy_sim_step greeting[] = {KEVY_SIM_SEND("welcome"), KEVY_SIM_EXPECT("hello"),
                                                KEVY_SIM_EXPECT_END};
static struct kevy_sim_script greeter;

static struct kevy_sim_peer *greet(struct kevy_sim_host *host)
{
    (void)host;
    return kevy_sim_script_init(&greeter, "greeter", greeting, 3);
}

static struct kevy_sim_peer *nobody(struct kevy_sim_host *host)
{
    (void)host;
    return NULL;
}

static int connected_with;
static bool connected_once;

static void connected(struct kevy_connector *connector, int result)
{
    (void)connector;
    connected_with = result;
    connected_once = true;
}

static void answer(struct kevy_stream *stream, struct kevy_buffer *buffer)
{
    said += buffer->length;
    if (said == 7)
        KEVY_SIM_CHECK(the_world, kevy_stream_send(stream, "hello", 5) == 0);
    if (said == 7)
        kevy_stream_close(stream);
}

static void ignore(struct kevy_stream *stream, int reason)
{
    (void)stream;
    (void)reason;
}

/* Connects to the port; returns the result. */
static int connect_to(struct kevy_sim *sim, uint16_t port)
{
    static const struct kevy_stream_events events = {.read = answer, .close = ignore};
    static struct kevy_stream stream;
    static struct kevy_connector connector;
    struct sockaddr_in internet;
    struct kevy_address address = {(const struct sockaddr *)&internet, sizeof internet};

    memset(&internet, 0, sizeof internet);
    internet.sin_family = AF_INET;
    internet.sin_port = htons(port);
    connected_once = false;
    KEVY_SIM_CHECK(sim, kevy_connector_start(&connector, server.reactor,
                                             &(struct kevy_connector_options){
                                                 .stream = kevy_stream_init(&stream, &events),
                                                 .addresses = &address,
                                                 .count = 1,
                                                 .timeout_ns = KEVY_SECONDS(5),
                                                 .done = connected}) == 0);
    while (!connected_once)
        (void)kevy_reactor_run_once(server.reactor, KEVY_FOREVER);
    turn_for(sim, KEVY_SECONDS(1));
    return connected_with;
}

static void hosts_answer(struct kevy_sim *sim)
{
    static struct kevy_sim_host hosts[] = {
        {.port = 1, .accept = greet, .delay_ns = KEVY_SECONDS(1)},
        {.port = 2, .answer = KEVY_SIM_HOST_REFUSES},
        {.port = 3, .answer = KEVY_SIM_HOST_UNREACHABLE},
        {.port = 4, .answer = KEVY_SIM_HOST_SILENT},
        {.port = 5, .accept = nobody},
    };

    open_calm(sim);
    for (int host = 0; host < 5; host++)
        kevy_sim_host_open(sim, &hosts[host]);
    KEVY_SIM_CHECK(sim, connect_to(sim, 1) == 0);
    KEVY_SIM_CHECK(sim, kevy_sim_script_over(&greeter) && greeter.passed == 1);
    KEVY_SIM_CHECK(sim, connect_to(sim, 2) == -ECONNREFUSED);
    KEVY_SIM_CHECK(sim, connect_to(sim, 3) == -ENETUNREACH);
    KEVY_SIM_CHECK(sim, connect_to(sim, 4) == -ETIMEDOUT);
    KEVY_SIM_CHECK(sim, connect_to(sim, 5) == -ECONNREFUSED);
    kevy_sim_host_close(sim, &hosts[0]);
    KEVY_SIM_CHECK(sim, connect_to(sim, 1) == -ECONNREFUSED);
    sim_server_close(sim, &server);
}

START_TEST(a_host_answers_as_it_is_told)
{
    sim_passes(hosts_answer, 10);
}
END_TEST

static void connects_to_itself(struct kevy_sim *sim)
{
    open_calm(sim);
    KEVY_SIM_CHECK(sim, connect_to(sim, SIM_PORT) == 0);
    sim_server_close(sim, &server);
}

START_TEST(a_program_connects_to_itself)
{
    sim_passes(connects_to_itself, 3);
}
END_TEST

/* ---- Scripts ------------------------------------------------------------------------------- */

/* A server whose answer the test chooses. */
static const char *wording;

static void speak(struct kevy_stream *stream, struct kevy_buffer *buffer)
{
    (void)buffer;
    if (wording == NULL) {
        kevy_stream_abort(stream);
        return;
    }
    KEVY_SIM_CHECK(the_world, kevy_stream_send(stream, wording, strlen(wording)) == 0);
    kevy_stream_close(stream);
}

static struct kevy_stream *accept_speaker(struct kevy_listener *listener)
{
    static const struct kevy_stream_events events = {.read = speak, .close = sim_stream_free};
    struct kevy_stream *stream = calloc(1, sizeof *stream);

    (void)listener;
    return kevy_stream_init(stream, &events);
}

static const struct kevy_sim_step *the_steps;
static uint32_t the_count;
static bool the_reset;

static void follow(struct kevy_sim *sim)
{
    static struct kevy_sim_script script;

    the_world = sim;
    kevy_sim_set_odds(sim, KEVY_SIM_FAULT_COUNT, 0);
    sim_server_open(sim, &server, accept_speaker);
    script.may_be_reset = the_reset;
    kevy_sim_script_start(sim, &script, "visitor", SIM_PORT, the_steps, the_count, 2);
    kevy_sim_serve(sim, server.reactor);
    KEVY_SIM_CHECK(sim, kevy_sim_script_over(&script));
    sim_server_close(sim, &server);
}

static void follow_expect(const char *words, const struct kevy_sim_step *steps, uint32_t count,
                          const char *reason)
{
    struct kevy_sim_report report;

    wording = words;
    the_steps = steps;
    the_count = count;
    ck_assert_int_eq(
        kevy_sim_run(&(struct kevy_sim_options){.test = follow, .quick = true}, &report),
        reason != NULL);
    ck_assert_msg(reason == NULL || strncmp(report.reason, reason, strlen(reason)) == 0, "%s",
                  report.reason);
}

START_TEST(a_script_fails_when_the_answer_is_another)
{
    static const struct kevy_sim_step ask[] = {KEVY_SIM_SEND("?"), KEVY_SIM_EXPECT("yes"),
                                               KEVY_SIM_EXPECT_END};
    static const struct kevy_sim_step ask_bytes[] = {
        KEVY_SIM_SEND_BYTES("\0", 1), KEVY_SIM_EXPECT_BYTES("yes", 3), KEVY_SIM_EXPECT_END};

    follow_expect("yes", ask, 3, NULL);
    follow_expect("yes", ask_bytes, 3, NULL);
    follow_expect("no", ask, 3, "visitor: step 1 expects \"");
    follow_expect("yeah", ask, 3, "visitor: step 1 expects \"");
    follow_expect("ye", ask, 3, "visitor: the end comes at step 1");
    follow_expect("yes!", ask, 3, "visitor: step 2 expects the end, gets \"!\"");
    follow_expect(NULL, ask, 3, "visitor: it is reset at step 1");
    the_reset = true;
    follow_expect(NULL, ask, 3, NULL);
}
END_TEST

START_TEST(a_script_waits_shuts_down_and_resets)
{
    static const struct kevy_sim_step patient[] = {KEVY_SIM_WAIT(KEVY_SECONDS(3)),
                                                   KEVY_SIM_SEND("?"), KEVY_SIM_SHUTDOWN,
                                                   KEVY_SIM_EXPECT("yes"), KEVY_SIM_EXPECT_END};
    static const struct kevy_sim_step rude[] = {KEVY_SIM_SEND("?"), KEVY_SIM_RESET};
    static const struct kevy_sim_step shy[] = {KEVY_SIM_WAIT(1)};

    follow_expect("yes", patient, 5, NULL);
    follow_expect("yes", rude, 2, NULL);
    follow_expect("yes", shy, 1, NULL);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("sim_peer");
    TCase *tcase = tcase_create("peer");

    suite_add_tcase(suite, tcase);
    tcase_add_test(tcase, a_peer_reads_and_writes_without_blocking);
    tcase_add_test(tcase, a_backlog_has_an_end);
    tcase_add_test(tcase, a_peer_that_nobody_reads_from_has_to_wait);
    tcase_add_test(tcase, the_network_resets_both_ends);
    tcase_add_test(tcase, a_write_is_told_of_the_reset);
    tcase_add_test(tcase, a_reset_after_the_end_is_a_broken_pipe);
    tcase_add_test(tcase, a_partition_holds_everything_up_and_loses_nothing);
    tcase_add_test(tcase, a_peer_can_come_round_by_itself);
    tcase_add_test(tcase, the_peer_of_a_descriptor_is_known);
    tcase_add_test(tcase, a_host_answers_as_it_is_told);
    tcase_add_test(tcase, a_program_connects_to_itself);
    tcase_add_test(tcase, a_script_fails_when_the_answer_is_another);
    tcase_add_test(tcase, a_script_waits_shuts_down_and_resets);
    return suite;
}
