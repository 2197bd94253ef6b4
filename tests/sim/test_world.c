/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The clock, the chances, the faults and the invariants of a world. */
#include "sim_test.h"

#include <errno.h>
#include <kevy/sim_world.h>
#include <signal.h>
#include <string.h>

static uint32_t happened;
static struct kevy_sim *the_world;

static void happen(struct kevy_sim_event *event)
{
    (void)event;
    happened++;
}

/* The virtual time goes by while a reactor sleeps. */
static void sleep_for(struct kevy_sim *sim, uint64_t duration_ns)
{
    struct kevy_reactor_options options = {0};
    struct kevy_reactor *reactor = NULL;

    kevy_sim_reactor_options(sim, &options);
    while (kevy_reactor_create(&reactor, &options) < 0)
        continue;
    for (uint64_t until_ns = kevy_sim_now(sim) + duration_ns; kevy_sim_now(sim) < until_ns;)
        (void)kevy_reactor_run_once(reactor, until_ns - kevy_sim_now(sim));
    kevy_reactor_destroy(reactor);
}

static void events_happen(struct kevy_sim *sim)
{
    static struct kevy_sim_event kept, stopped, moved;
    uint64_t began_ns = kevy_sim_now(sim);

    kevy_sim_event_start(sim, &kept, KEVY_SECONDS(1), happen);
    kevy_sim_event_start(sim, &stopped, KEVY_SECONDS(1), happen);
    kevy_sim_event_start(sim, &moved, KEVY_SECONDS(1), happen);
    kevy_sim_event_start(sim, &moved, KEVY_SECONDS(100), happen);
    kevy_sim_event_stop(sim, &stopped);
    KEVY_SIM_CHECK(sim, kevy_sim_event_started(&kept) && !kevy_sim_event_started(&stopped));
    sleep_for(sim, KEVY_SECONDS(2));
    KEVY_SIM_CHECK(sim, happened == 1 && !kevy_sim_event_started(&kept));
    KEVY_SIM_CHECK(sim, kevy_sim_event_started(&moved));
    KEVY_SIM_CHECK(sim, kevy_sim_now(sim) >= began_ns + KEVY_SECONDS(2));
    KEVY_SIM_CHECK(sim, kevy_sim_awake_ns(sim) < KEVY_SECONDS(2));
    KEVY_SIM_CHECK(sim, kevy_sim_events(sim) > 1);
    kevy_sim_event_stop(sim, &moved);
}

START_TEST(events_happen_at_their_time)
{
    sim_passes(events_happen, 20);
}
END_TEST

static void numbers_are_in_range(struct kevy_sim *sim)
{
    bool low = false, high = false;

    for (int count = 0; count < 1000; count++) {
        uint64_t limit = kevy_sim_between(sim, 1, 9);
        uint64_t number = kevy_sim_magnitude(sim, 1, limit);

        KEVY_SIM_CHECK(sim, limit >= 1 && limit <= 9);
        KEVY_SIM_CHECK(sim, number >= 1 && number <= limit);
        KEVY_SIM_CHECK(sim, kevy_sim_below(sim, limit) < limit);
        low |= limit == 1;
        high |= limit == 9;
        KEVY_SIM_CHECK(sim, kevy_sim_one_in(sim, 1));
    }
    KEVY_SIM_CHECK(sim, low && high);
    KEVY_SIM_CHECK(sim, kevy_sim_magnitude(sim, 0, 0) == 0);
}

START_TEST(random_numbers_are_in_their_range)
{
    sim_passes(numbers_are_in_range, 20);
}
END_TEST

static void odds_count(struct kevy_sim *sim)
{
    kevy_sim_set_odds(sim, KEVY_SIM_FAULT_COUNT, 0);
    for (int fault = 0; fault < KEVY_SIM_FAULT_COUNT; fault++)
        KEVY_SIM_CHECK(sim, !kevy_sim_fault(sim, (enum kevy_sim_fault)fault));
    kevy_sim_set_odds(sim, KEVY_SIM_SEND_SHORT, 1);
    KEVY_SIM_CHECK(sim, kevy_sim_fault(sim, KEVY_SIM_SEND_SHORT));
    KEVY_SIM_CHECK(sim, !kevy_sim_fault(sim, KEVY_SIM_RECV_SHORT));
    kevy_sim_inject(sim, KEVY_SIM_RECV_SHORT, 2);
    for (int count = 0; count < 5; count++)
        KEVY_SIM_CHECK(sim, kevy_sim_fault(sim, KEVY_SIM_RECV_SHORT) == (count == 2));
    kevy_sim_set_calm(sim, true);
    KEVY_SIM_CHECK(sim, !kevy_sim_fault(sim, KEVY_SIM_SEND_SHORT));
    kevy_sim_set_calm(sim, false);
    KEVY_SIM_CHECK(sim, kevy_sim_fault(sim, KEVY_SIM_SEND_SHORT));
    KEVY_SIM_CHECK(sim, !kevy_sim_quiet(sim));
    kevy_sim_set_quiet(sim);
    kevy_sim_set_quiet(sim);
    KEVY_SIM_CHECK(sim, kevy_sim_quiet(sim) && !kevy_sim_fault(sim, KEVY_SIM_SEND_SHORT));
}

START_TEST(a_fault_happens_by_its_odds_or_by_hand)
{
    sim_passes(odds_count, 3);
}
END_TEST

START_TEST(each_fault_has_a_name_of_its_own)
{
    for (int one = 0; one < KEVY_SIM_FAULT_COUNT; one++) {
        const char *name = kevy_sim_fault_name((enum kevy_sim_fault)one);

        ck_assert_ptr_nonnull(name);
        for (int other = 0; other < one; other++)
            ck_assert_str_ne(name, kevy_sim_fault_name((enum kevy_sim_fault)other));
    }
    ck_assert_str_eq(kevy_sim_fault_name(KEVY_SIM_FAULT_COUNT), "no fault");
}
END_TEST

/* Each fault by hand, on a reactor that has to survive it. */
static enum kevy_sim_fault forced;

static const struct kevy_sim_step talk[] = {KEVY_SIM_SEND("hello"), KEVY_SIM_EXPECT("hello"),
                                            KEVY_SIM_SHUTDOWN, KEVY_SIM_EXPECT_END};

static void one_fault(struct kevy_sim *sim)
{
    static struct kevy_sim_script client;
    struct sim_server server;

    kevy_sim_set_odds(sim, KEVY_SIM_FAULT_COUNT, 0);
    kevy_sim_inject(sim, forced, (uint32_t)kevy_sim_seed(sim));
    sim_server_open(sim, &server, sim_echo_accept);
    kevy_sim_script_start(sim, &client, "client", SIM_PORT, talk, 4, 5);
    kevy_sim_serve(sim, server.reactor);
    sim_server_close(sim, &server);
}

START_TEST(a_server_survives_each_fault_at_each_occasion)
{
    forced = (enum kevy_sim_fault)_i;
    sim_passes(one_fault, 10);
}
END_TEST

static void descriptors_run_out(struct kevy_sim *sim)
{
    struct kevy_reactor_options options = {0};
    struct kevy_reactor *reactor = NULL;
    struct kevy_sim_left left;

    kevy_sim_set_odds(sim, KEVY_SIM_FAULT_COUNT, 0);
    kevy_sim_reactor_options(sim, &options);
    kevy_sim_limit_descriptors(sim, 0);
    KEVY_SIM_CHECK(sim, !kevy_sim_refused(sim));
    KEVY_SIM_CHECK(sim, kevy_reactor_create(&reactor, &options) == -EMFILE);
    KEVY_SIM_CHECK(sim, kevy_sim_refused(sim));
    kevy_sim_limit_descriptors(sim, 100);
    KEVY_SIM_CHECK(sim, kevy_reactor_create(&reactor, &options) == 0);
    kevy_sim_left(sim, &left);
    KEVY_SIM_CHECK(sim, left.descriptors >= 1 && left.mappings >= 1 && left.allocations >= 1);
    kevy_reactor_destroy(reactor);
    kevy_sim_left(sim, &left);
    KEVY_SIM_CHECK(sim, left.descriptors == 0 && left.mappings == 0 && left.allocations == 0);
    KEVY_SIM_CHECK(sim, left.requests == 0);
}

START_TEST(descriptors_can_run_out)
{
    sim_passes(descriptors_run_out, 3);
}
END_TEST

static void look(struct kevy_sim *sim, struct kevy_sim_invariant *invariant)
{
    (void)invariant;
    happened++;
    KEVY_SIM_CHECK(sim, sim == the_world);
}

static void invariants_are_looked_at(struct kevy_sim *sim)
{
    static struct kevy_sim_invariant one = {.check = look}, none;

    the_world = sim;
    kevy_sim_invariant_add(sim, &one);
    kevy_sim_invariant_add(sim, &none);
    sleep_for(sim, KEVY_SECONDS(1));
    KEVY_SIM_CHECK(sim, happened >= 1);
    kevy_sim_trace(sim, "this is not printed");
}

START_TEST(an_invariant_is_looked_at_in_each_enter)
{
    sim_passes(invariants_are_looked_at, 5);
}
END_TEST

static void fails_with_words(struct kevy_sim *sim)
{
    kevy_sim_fail(sim, "%d bottles", 99);
}

START_TEST(a_failure_has_the_words_of_its_test)
{
    struct kevy_sim_report report;

    ck_assert_int_eq(kevy_sim_run(&(struct kevy_sim_options){.test = fails_with_words}, &report),
                     1);
    ck_assert_str_eq(report.reason, "99 bottles");
}
END_TEST

/* A program that runs its reactor by itself and ends by a signal. */
static void terminate(struct kevy_sim *sim)
{
    kevy_sim_signal(sim, SIGUSR2); /* nobody watches it */
    kevy_sim_signal(sim, SIGTERM);
}

static void finish(struct kevy_signal *watch)
{
    happened++;
    kevy_reactor_finish(watch->reactor, KEVY_FOREVER);
}

static void a_signal_ends_it(struct kevy_sim *sim)
{
    static struct kevy_sim_script client;
    struct kevy_signal term = {0};
    struct sim_server server;

    sim_server_open(sim, &server, sim_echo_accept);
    while (kevy_signal_watch(&term, server.reactor, SIGTERM, finish) < 0)
        continue;
    kevy_sim_script_start(sim, &client, "client", SIM_PORT, talk, 4, 3);
    KEVY_SIM_CHECK(sim, !kevy_sim_over(sim));
    kevy_sim_when_over(sim, terminate);
    KEVY_SIM_CHECK(sim, kevy_reactor_run(server.reactor) == 0);
    KEVY_SIM_CHECK(sim, happened == 1 && kevy_sim_over(sim));
    kevy_reactor_destroy(server.reactor);
}

START_TEST(a_program_is_told_by_a_signal_that_the_world_is_over)
{
    sim_passes(a_signal_ends_it, 30);
}
END_TEST

static void held(struct kevy_sim *sim)
{
    kevy_sim_hold(sim);
    KEVY_SIM_CHECK(sim, !kevy_sim_over(sim));
    kevy_sim_release(sim);
    KEVY_SIM_CHECK(sim, kevy_sim_over(sim));
}

START_TEST(a_world_that_is_held_is_not_over)
{
    sim_passes(held, 1);
}
END_TEST

static void an_older_kernel(struct kevy_sim *sim)
{
    sleep_for(sim, KEVY_SECONDS(1));
}

START_TEST(a_reactor_runs_on_each_release_of_linux)
{
    const struct kevy_sim_options options = {
        .test = an_older_kernel, .linux_minor = (uint32_t)_i, .seeds = 3};

    ck_assert_int_eq(kevy_sim_run(&options, NULL), 0);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("sim_world");
    TCase *tcase = tcase_create("world");

    suite_add_tcase(suite, tcase);
    tcase_add_test(tcase, events_happen_at_their_time);
    tcase_add_test(tcase, random_numbers_are_in_their_range);
    tcase_add_test(tcase, a_fault_happens_by_its_odds_or_by_hand);
    tcase_add_test(tcase, each_fault_has_a_name_of_its_own);
    tcase_add_loop_test(tcase, a_server_survives_each_fault_at_each_occasion, 0,
                        KEVY_SIM_FAULT_COUNT);
    tcase_add_test(tcase, descriptors_can_run_out);
    tcase_add_test(tcase, an_invariant_is_looked_at_in_each_enter);
    tcase_add_test(tcase, a_failure_has_the_words_of_its_test);
    tcase_add_test(tcase, a_program_is_told_by_a_signal_that_the_world_is_over);
    tcase_add_test(tcase, a_world_that_is_held_is_not_over);
    tcase_add_loop_test(tcase, a_reactor_runs_on_each_release_of_linux, 1, 19);
    return suite;
}
