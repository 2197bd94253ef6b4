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
    tcase_add_test(tcase, who_is_connected_hears_that_nobody_has_the_port);
    return suite;
}
