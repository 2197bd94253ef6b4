/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Several reactors in one world. */
#include "sim_test.h"

enum { REACTORS = 3, TIMES = 3 };

static const struct kevy_sim_step talk[] = {KEVY_SIM_SEND("hello"), KEVY_SIM_EXPECT("hello"),
                                            KEVY_SIM_SHUTDOWN, KEVY_SIM_EXPECT_END};

static struct sim_server servers[REACTORS];

static void servers_open(struct kevy_sim *sim)
{
    for (int number = 0; number < REACTORS; number++)
        sim_server_open_at(sim, &servers[number], (uint16_t)(SIM_PORT + number), sim_echo_accept);
}

static void servers_finish(struct kevy_sim *sim)
{
    for (int number = 0; number < REACTORS; number++)
        sim_server_close(sim, &servers[number]);
}

static void turn(struct kevy_sim *sim, int number)
{
    int result = kevy_reactor_run_once(servers[number].reactor, KEVY_MILLISECONDS(1));

    KEVY_SIM_CHECK(sim, result >= 0);
}

/* Each has a ring of its own: what one of them is asked for is answered to it alone. */
static void turns_by_turns(struct kevy_sim *sim)
{
    static struct kevy_sim_script clients[REACTORS];

    servers_open(sim);
    for (int number = 0; number < REACTORS; number++)
        kevy_sim_script_start(sim, &clients[number], "client", (uint16_t)(SIM_PORT + number), talk,
                              4, TIMES);
    while (!kevy_sim_over(sim))
        turn(sim, (int)kevy_sim_below(sim, REACTORS));
    servers_finish(sim);
}

START_TEST(reactors_take_turns_in_one_world)
{
    sim_passes_on(turns_by_turns, 30, _i != 0);
}
END_TEST

/* The one that was made first goes first, and the others serve on. */
static void one_goes(struct kevy_sim *sim)
{
    static struct kevy_sim_script client;

    servers_open(sim);
    KEVY_SIM_CHECK(sim, kevy_reactor_destroy(servers[0].reactor) == 1);
    kevy_sim_script_start(sim, &client, "client", SIM_PORT + 1, talk, 4, TIMES);
    kevy_sim_serve(sim, servers[1].reactor);
    KEVY_SIM_CHECK(sim, kevy_reactor_destroy(servers[2].reactor) == 1);
    sim_server_close(sim, &servers[1]);
}

START_TEST(a_reactor_that_goes_leaves_the_others_theirs)
{
    sim_passes_on(one_goes, 10, _i != 0);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("sim_reactors");
    TCase *tcase = tcase_create("reactors");

    suite_add_tcase(suite, tcase);
    tcase_add_loop_test(tcase, reactors_take_turns_in_one_world, 0, 2);
    tcase_add_loop_test(tcase, a_reactor_that_goes_leaves_the_others_theirs, 0, 2);
    return suite;
}
