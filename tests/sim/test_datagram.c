/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Datagram sockets of simulated worlds. */
#include "sim_test.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#define PROGRAM_PORT 4000
#define PEER_PORT    5000

static struct kevy_sim_datagram peer, other;
static int received, errors, readies;

static void program_read(struct kevy_datagram *datagram, struct kevy_datagram_message *message)
{
    received++;
    (void)kevy_datagram_send(datagram, message->buffer->data, message->buffer->length,
                             message->peer, message->peer_length);
}

static void program_error(struct kevy_datagram *datagram, int error, const struct sockaddr *to)
{
    (void)datagram;
    (void)to;
    errors += error == -ECONNREFUSED;
}

static void count_ready(struct kevy_sim_datagram *datagram)
{
    (void)datagram;
    readies++;
}

/* The answer has come: the world is over. */
static void peer_ready(struct kevy_sim_datagram *datagram)
{
    char bytes[8];
    uint16_t port;

    KEVY_SIM_CHECK(datagram->sim, kevy_sim_datagram_receive(datagram, bytes, 8, &port) == 5);
    KEVY_SIM_CHECK(datagram->sim, port == PROGRAM_PORT && memcmp(bytes, "hello", 5) == 0);
    kevy_sim_release(datagram->sim);
}

static void test_echo(struct kevy_sim *sim)
{
    struct kevy_reactor_options options = {0};
    struct kevy_datagram_options listen = {
        .address = "127.0.0.1", .port = PROGRAM_PORT, .read = program_read};
    static struct kevy_datagram datagram;
    struct kevy_reactor *reactor = NULL;
    struct kevy_sim_datagrams counts;

    kevy_sim_set_calm(sim, true);
    kevy_sim_reactor_options(sim, &options);
    KEVY_SIM_CHECK(sim, kevy_reactor_create(&reactor, &options) == 0);
    KEVY_SIM_CHECK(sim, kevy_datagram_open(&datagram, reactor, &listen) == 0);
    peer.ready = peer_ready;
    KEVY_SIM_CHECK(sim, kevy_sim_datagram_open(sim, &peer, PEER_PORT) == 0);
    KEVY_SIM_CHECK(sim, kevy_sim_datagram_port(&peer) == PEER_PORT);
    other.ready = count_ready;
    KEVY_SIM_CHECK(sim, kevy_sim_datagram_open(sim, &other, PEER_PORT) == -EADDRINUSE);
    KEVY_SIM_CHECK(sim, !kevy_sim_datagram_opened(&other));
    KEVY_SIM_CHECK(sim, kevy_sim_datagram_open(sim, &other, 0) == 0);
    KEVY_SIM_CHECK(sim, kevy_sim_datagram_port(&other) != 0);
    kevy_sim_datagram_wake(&other);
    kevy_sim_hold(sim);
    KEVY_SIM_CHECK(sim, kevy_sim_datagram_send(&peer, PROGRAM_PORT, "hello", 5) == 5);
    kevy_sim_serve(sim, reactor);
    kevy_sim_datagram_close(&peer);
    kevy_sim_datagram_close(&other);
    KEVY_SIM_CHECK(sim, received == 1 && readies == 1);
    kevy_sim_datagrams(sim, &counts);
    KEVY_SIM_CHECK(sim, counts.sent == 2 && counts.received == 2 && counts.lost == 0);
    kevy_datagram_close(&datagram);
    KEVY_SIM_CHECK(sim, kevy_reactor_run(reactor) == 0);
    KEVY_SIM_CHECK(sim, kevy_reactor_destroy(reactor) == 0);
}

static void test_refused(struct kevy_sim *sim)
{
    struct sockaddr_in nobody = {.sin_family = AF_INET, .sin_port = htons(PEER_PORT)};
    struct kevy_reactor_options options = {0};
    struct kevy_datagram_options connect = {.address = "127.0.0.1",
                                            .peer = (const void *)&nobody,
                                            .peer_length = sizeof nobody,
                                            .error = program_error};
    static struct kevy_datagram datagram;
    struct kevy_reactor *reactor = NULL;
    struct kevy_sim_datagrams counts;

    nobody.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    kevy_sim_set_calm(sim, true);
    kevy_sim_reactor_options(sim, &options);
    KEVY_SIM_CHECK(sim, kevy_reactor_create(&reactor, &options) == 0);
    KEVY_SIM_CHECK(sim, kevy_datagram_open(&datagram, reactor, &connect) == 0);
    KEVY_SIM_CHECK(sim, kevy_datagram_send(&datagram, "hello", 5, NULL, 0) == 0);
    while (errors == 0)
        KEVY_SIM_CHECK(sim, kevy_reactor_run_once(reactor, KEVY_SECONDS(1)) >= 0);
    kevy_sim_datagrams(sim, &counts);
    KEVY_SIM_CHECK(sim, counts.refused == 1 && counts.told == 1 && counts.received == 0);
    kevy_datagram_close(&datagram);
    KEVY_SIM_CHECK(sim, kevy_reactor_run(reactor) == 0);
    KEVY_SIM_CHECK(sim, kevy_reactor_destroy(reactor) == 0);
}

/* ---- What a socket owes ------------------------------------------------------------------- */

static struct kevy_reactor *program;
static struct kevy_datagram socket_one;
static bool socket_closed;

static void program_closed(struct kevy_datagram *datagram)
{
    (void)datagram;
    socket_closed = true;
}

/* A world with a socket that is connected to a peer, and without faults so far. */
static void socket_open(struct kevy_sim *sim)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(PEER_PORT)};
    struct kevy_reactor_options options = {0};
    struct kevy_datagram_options connect = {.address = "127.0.0.1",
                                            .peer = (const void *)&to,
                                            .peer_length = sizeof to,
                                            .close = program_closed};

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socket_closed = false;
    kevy_sim_set_odds(sim, KEVY_SIM_FAULT_COUNT, 0);
    kevy_sim_reactor_options(sim, &options);
    peer.ready = count_ready;
    KEVY_SIM_CHECK(sim, kevy_sim_datagram_open(sim, &peer, PEER_PORT) == 0);
    KEVY_SIM_CHECK(sim, kevy_reactor_create(&program, &options) == 0);
    KEVY_SIM_CHECK(sim, kevy_datagram_open(&socket_one, program, &connect) == 0);
    KEVY_SIM_CHECK(sim, kevy_reactor_run_once(program, 0) >= 0);
}

static void socket_end(struct kevy_sim *sim)
{
    kevy_datagram_close(&socket_one);
    KEVY_SIM_CHECK(sim, kevy_reactor_run(program) == 0);
    KEVY_SIM_CHECK(sim, socket_closed && kevy_reactor_destroy(program) == 0);
    kevy_sim_datagram_close(&peer);
}

/* The world fails by itself if the socket is asked too often. */
static void test_full(struct kevy_sim *sim)
{
    struct kevy_sim_datagrams counts;
    uint64_t until_ns;

    socket_open(sim);
    kevy_sim_set_odds(sim, KEVY_SIM_DATAGRAM_SEND_FULL, 1);
    KEVY_SIM_CHECK(sim, kevy_datagram_send(&socket_one, "hello", 5, NULL, 0) == 0);
    until_ns = kevy_sim_now(sim) + KEVY_SECONDS(3);
    while (kevy_sim_now(sim) < until_ns)
        KEVY_SIM_CHECK(sim, kevy_reactor_run_once(program, KEVY_SECONDS(1)) >= 0);
    kevy_sim_datagrams(sim, &counts);
    KEVY_SIM_CHECK(sim, counts.sent == 0 && counts.full >= 10);
    kevy_sim_set_odds(sim, KEVY_SIM_DATAGRAM_SEND_FULL, 0);
    until_ns += KEVY_MILLISECONDS(300);
    while (kevy_sim_now(sim) < until_ns)
        KEVY_SIM_CHECK(sim, kevy_reactor_run_once(program, KEVY_MILLISECONDS(300)) >= 0);
    kevy_sim_datagrams(sim, &counts);
    KEVY_SIM_CHECK(sim, counts.sent == 1);
    socket_end(sim);
}

START_TEST(a_socket_without_room_is_asked_less_and_less_often)
{
    sim_passes_on(test_full, 2, _i != 0);
}
END_TEST

/* What is interrupted, or has found no thread, is sent although the socket is closing. */
static void test_interrupted(struct kevy_sim *sim)
{
    struct kevy_sim_datagrams counts;

    socket_open(sim);
    kevy_sim_inject(sim, KEVY_SIM_REQUEST_SIGNAL, 0);
    KEVY_SIM_CHECK(sim, kevy_datagram_send(&socket_one, "hello", 5, NULL, 0) == 0);
    socket_end(sim);
    kevy_sim_datagrams(sim, &counts);
    KEVY_SIM_CHECK(sim, kevy_sim_faults(sim) == 1 && counts.sent == 1);
}

START_TEST(an_interrupted_datagram_is_sent_before_the_close)
{
    sim_passes(test_interrupted, 4);
}
END_TEST

START_TEST(a_datagram_comes_whole_with_its_sender)
{
    sim_passes(test_echo, 20);
}
END_TEST

START_TEST(who_is_connected_hears_that_nobody_has_the_port)
{
    sim_passes(test_refused, 20);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("sim_datagram");
    TCase *tcase = tcase_create("datagram");

    suite_add_tcase(suite, tcase);
    tcase_add_test(tcase, a_datagram_comes_whole_with_its_sender);
    tcase_add_loop_test(tcase, a_socket_without_room_is_asked_less_and_less_often, 0, 2);
    tcase_add_test(tcase, an_interrupted_datagram_is_sent_before_the_close);
    tcase_add_test(tcase, who_is_connected_hears_that_nobody_has_the_port);
    return suite;
}
