/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * examples/tcp_proxy.c in simulated worlds.
 *
 * Invariants. A client gets the bytes of the host and its end, in order and complete, or a reset;
 * and it gets a reset only if the host's connection or its own was cut, or the program was refused
 * something. In a world without faults nobody is reset. No connection lasts so long that a deadline
 * has to end it.
 */
#include "program.h"

#include <stdlib.h>

#define PORT         7000
#define HOST_PORT    80
#define CLIENTS      8
#define TIMES        3
#define HOST_SCRIPTS (CLIENTS * TIMES * 2)
#define LASTS_NS     KEVY_SECONDS(1000) /* at most, all of it */

static const struct kevy_sim_step client_steps[] = {
    KEVY_SIM_SEND("a request that is sent in pieces\n"),
    KEVY_SIM_EXPECT("an answer\n"),
    KEVY_SIM_SEND("and another one\n"),
    KEVY_SIM_SHUTDOWN,
    KEVY_SIM_EXPECT("the last answer\n"),
    KEVY_SIM_EXPECT_END};
static const struct kevy_sim_step host_steps[] = {
    KEVY_SIM_EXPECT("a request that is sent in pieces\n"), KEVY_SIM_SEND("an answer\n"),
    KEVY_SIM_EXPECT("and another one\n"), KEVY_SIM_EXPECT_END, KEVY_SIM_SEND("the last answer\n")};

static struct kevy_sim_script clients[CLIENTS];
static struct kevy_sim_script hosts[HOST_SCRIPTS];
static uint32_t accepted;

static struct kevy_sim_peer *accept_client(struct kevy_sim_host *host)
{
    (void)host;
    if (accepted == HOST_SCRIPTS)
        return NULL;
    hosts[accepted].may_be_reset = true;
    return kevy_sim_script_init(&hosts[accepted++], "host", host_steps, 5);
}

static void test(struct kevy_sim *sim)
{
    static const char *const arguments[] = {"tcp_proxy", "7000", "10.0.0.2", "80", NULL};
    static struct kevy_sim_host host = {.port = HOST_PORT, .accept = accept_client};
    uint64_t began_ns = kevy_sim_now(sim);
    uint32_t passed = 0, cuts = 0;

    host.delay_ns = kevy_sim_magnitude(sim, 0, KEVY_SECONDS(1));
    host.answer = kevy_sim_one_in(sim, 8) ? KEVY_SIM_HOST_REFUSES : KEVY_SIM_HOST_ACCEPTS;
    kevy_sim_host_open(sim, &host);
    for (int client = 0; client < CLIENTS; client++) {
        clients[client].may_be_reset = true;
        kevy_sim_script_start(sim, &clients[client], "client", PORT, client_steps, 6, TIMES);
    }
    program_run(sim, arguments);
    for (int client = 0; client < CLIENTS; client++) {
        passed += clients[client].passed;
        cuts += clients[client].cuts;
    }
    KEVY_SIM_CHECK(sim, kevy_sim_now(sim) - began_ns < LASTS_NS);
    KEVY_SIM_CHECK(sim, passed + cuts == CLIENTS * TIMES);
    if (host.answer == KEVY_SIM_HOST_REFUSES)
        KEVY_SIM_CHECK(sim, passed == 0);
    else if (kevy_sim_faults(sim) == 0)
        KEVY_SIM_CHECK(sim, cuts == 0 && accepted == CLIENTS * TIMES);
}

int main(int argc, char **argv)
{
    return kevy_sim_main(argc, argv, &(struct kevy_sim_options){.name = "tcp_proxy", .test = test});
}
