/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Worlds are run, fail, and are repeated. */
#include "sim_test.h"

#include "line_server.h"

#include <errno.h>
#include <kevy/sim.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static const struct kevy_sim_step talk[] = {
    KEVY_SIM_SEND("hello\nand "),
    KEVY_SIM_EXPECT("you said: hello\n"),
    KEVY_SIM_SEND("goodbye\n"),
    KEVY_SIM_SHUTDOWN,
    KEVY_SIM_EXPECT("you said: and goodbye\n"),
    KEVY_SIM_EXPECT_END,
};

static void talk_to(struct kevy_sim *sim,
                    struct kevy_stream *(*accept)(struct kevy_listener *listener))
{
    static struct kevy_sim_script clients[3];
    struct sim_server server;

    sim_server_open(sim, &server, accept);
    for (int client = 0; client < 3; client++)
        kevy_sim_script_start(sim, &clients[client], "client", SIM_PORT, talk,
                              sizeof talk / sizeof *talk, 2);
    kevy_sim_serve(sim, server.reactor);
    sim_server_close(sim, &server);
}

static void good(struct kevy_sim *sim)
{
    talk_to(sim, line_accept);
}

static void planted(struct kevy_sim *sim)
{
    talk_to(sim, line_accept_planted);
}

START_TEST(a_good_server_passes_every_seed)
{
    sim_passes(good, 100);
}
END_TEST

START_TEST(a_seed_gives_the_same_run_every_time)
{
    for (uint64_t seed = 0; seed < 10; seed++) {
        const struct kevy_sim_options options = {.test = good, .seed = seed};
        struct kevy_sim_report one, two;

        ck_assert_int_eq(kevy_sim_run(&options, &one), 0);
        ck_assert_int_eq(kevy_sim_run(&options, &two), 0);
        ck_assert_uint_eq(one.digest, two.digest);
        ck_assert_uint_eq(one.events, two.events);
        ck_assert_uint_eq(one.faults, two.faults);
        ck_assert_uint_eq(one.time_ns, two.time_ns);
    }
}
END_TEST

START_TEST(a_good_server_passes_on_the_soft_kernel)
{
    const struct kevy_sim_options options = {.test = good, .seed = 1, .seeds = 100, .soft = true};

    ck_assert_int_eq(kevy_sim_run(&options, NULL), 0);
}
END_TEST

START_TEST(two_seeds_give_two_runs)
{
    struct kevy_sim_report one, two;

    ck_assert_int_eq(kevy_sim_run(&(struct kevy_sim_options){.test = good, .seed = 1}, &one), 0);
    ck_assert_int_eq(kevy_sim_run(&(struct kevy_sim_options){.test = good, .seed = 2}, &two), 0);
    ck_assert_uint_ne(one.digest, two.digest);
}
END_TEST

START_TEST(a_planted_bug_is_found_and_repeated)
{
    struct kevy_sim_options options = {.test = planted, .seed = 1, .seeds = 100};
    struct kevy_sim_report found, again;

    ck_assert_int_eq(kevy_sim_run(&options, &found), 1);
    ck_assert(found.failed);
    ck_assert_ptr_nonnull(strstr(found.reason, "client: step"));
    options.seed = found.seed;
    options.seeds = 1;
    options.limited = true;
    options.fault_limit = found.faults;
    options.quick = true;
    ck_assert_int_eq(kevy_sim_run(&options, &again), 1);
    ck_assert_str_eq(again.reason, found.reason);
    ck_assert_uint_eq(again.digest, found.digest);
}
END_TEST

/* Fails if there were three faults of one kind; the faults behind them make no difference. */
static uint32_t shorts;

static void count_short(struct kevy_sim *sim, struct kevy_sim_invariant *invariant)
{
    (void)invariant;
    shorts += kevy_sim_fault(sim, KEVY_SIM_RECV_SHORT);
}

static void fails_after_three(struct kevy_sim *sim)
{
    static struct kevy_sim_invariant invariant = {.check = count_short};

    kevy_sim_set_odds(sim, KEVY_SIM_FAULT_COUNT, 0);
    kevy_sim_set_odds(sim, KEVY_SIM_RECV_SHORT, 2);
    kevy_sim_invariant_add(sim, &invariant);
    talk_to(sim, line_accept);
    KEVY_SIM_CHECK(sim, shorts < 3);
}

START_TEST(the_smallest_number_of_faults_is_found)
{
    struct kevy_sim_options options = {.test = fails_after_three, .seed = (uint64_t)_i};
    struct kevy_sim_report report;

    ck_assert_int_eq(kevy_sim_run(&options, &report), 1);
    ck_assert_ptr_nonnull(strstr(report.reason, "shorts < 3"));
    ck_assert_ptr_nonnull(strstr(report.last_fault, "recv short"));
    options.limited = true;
    options.fault_limit = report.faults - 1;
    ck_assert_int_eq(kevy_sim_run(&options, NULL), 0);
}
END_TEST

static void crashes(struct kevy_sim *sim)
{
    (void)sim;
    (void)raise(SIGKILL);
}

static void exits(struct kevy_sim *sim)
{
    (void)sim;
    _exit(3);
}

static void leaves_a_reactor(struct kevy_sim *sim)
{
    static struct kevy_reactor *reactor;
    struct kevy_reactor_options options = {0};

    kevy_sim_set_odds(sim, KEVY_SIM_FAULT_COUNT, 0);
    kevy_sim_reactor_options(sim, &options);
    (void)kevy_reactor_create(&reactor, &options);
}

static void leaves_a_script(struct kevy_sim *sim)
{
    static struct kevy_sim_script script;

    kevy_sim_script_start(sim, &script, "nobody", SIM_PORT, talk, 1, 1);
}

static void sleeps(struct kevy_sim *sim)
{
    struct sim_server server;

    kevy_sim_set_odds(sim, KEVY_SIM_FAULT_COUNT, 0);
    sim_server_open(sim, &server, sim_echo_accept);
    kevy_sim_hold(sim);
    kevy_sim_serve(sim, server.reactor);
}

static void beats(struct kevy_timer *timer)
{
    (void)timer;
}

static void never_ends(struct kevy_sim *sim)
{
    static struct kevy_timer timer;
    struct sim_server server;

    sim_server_open(sim, &server, sim_echo_accept);
    kevy_timer_start_periodic(&timer, server.reactor, KEVY_MILLISECONDS(10), beats);
    kevy_sim_hold(sim);
    kevy_sim_serve(sim, server.reactor);
}

static void ends_early(struct kevy_sim *sim)
{
    struct kevy_reactor_options options = {0};
    struct kevy_reactor *reactor = NULL;

    kevy_sim_reactor_options(sim, &options);
    while (kevy_reactor_create(&reactor, &options) < 0)
        continue;
    kevy_sim_hold(sim);
    kevy_reactor_stop(reactor);
    kevy_sim_serve(sim, reactor);
}

static void closes_twice(struct kevy_sim *sim)
{
    struct kevy_reactor_options options = {0};

    kevy_sim_reactor_options(sim, &options);
    (void)options.system->close(NULL, 1234);
}

static const struct {
    void (*test)(struct kevy_sim *sim);
    const char *reason;
} failures[] = {
    {crashes, "killed by signal 9"},
    {exits, "ended with status 3"},
    {leaves_a_reactor, "descriptors are open at the end"},
    {leaves_a_script, "before the world is over"},
    {sleeps, "sleeps for ever"},
    {never_ends, "does not come to its end"},
    {ends_early, "nothing to wait for"},
    {closes_twice, "descriptor 1234, which is not open"},
};

START_TEST(each_kind_of_failure_has_its_sentence)
{
    const struct kevy_sim_options options = {
        .test = failures[_i].test, .seed = 1, .events = 1000, .quiet_ns = KEVY_SECONDS(10)};
    struct kevy_sim_report report;

    ck_assert_int_eq(kevy_sim_run(&options, &report), 1);
    ck_assert_msg(strstr(report.reason, failures[_i].reason) != NULL, "%s", report.reason);
}
END_TEST

/* What a world has got from its options. */
static uint64_t counted;

static void counts(struct kevy_sim *sim)
{
    KEVY_SIM_CHECK(sim, kevy_sim_context(sim) == &counted);
    KEVY_SIM_CHECK(sim, kevy_sim_faults(sim) == 0);
    KEVY_SIM_CHECK(sim, counted == 0); /* each world begins with the variables as they were */
    KEVY_SIM_CHECK(sim, kevy_sim_seed(sim) >= 40 && kevy_sim_seed(sim) < 43);
    counted++;
}

START_TEST(each_world_begins_with_the_variables_as_they_were)
{
    const struct kevy_sim_options options = {
        .test = counts, .context = &counted, .seed = 40, .seeds = 3};
    struct kevy_sim_report report;

    ck_assert_int_eq(kevy_sim_run(&options, &report), 0);
    ck_assert_uint_eq(report.passed, 3);
    ck_assert_uint_eq(report.seed, 42);
}
END_TEST

static int main_run(const char *const *arguments, int count, void (*test)(struct kevy_sim *sim))
{
    return kevy_sim_main(count, (char **)(uintptr_t)arguments,
                         &(struct kevy_sim_options){.name = "main", .test = test});
}

START_TEST(the_command_line_is_read)
{
    static const char *const one[] = {"main", "7"};
    static const char *const limited[] = {"main", "--faults", "0", "7", "500"};
    static const char *const soft[] = {"main", "--soft", "7"};
    static const char *const help[] = {"main", "--help"};
    static const char *const many[] = {"main", "--seeds", "1", "3"};
    static const char *const traced[] = {"main", "--trace", "--seeds", "1", "1", "100"};

    ck_assert_int_eq(main_run(one, 2, good), EXIT_SUCCESS);
    ck_assert_int_eq(main_run(limited, 5, good), EXIT_SUCCESS);
    ck_assert_int_eq(main_run(many, 4, good), EXIT_SUCCESS);
    ck_assert_int_eq(main_run(traced, 6, good), EXIT_SUCCESS);
    ck_assert_int_eq(main_run(soft, 3, good), EXIT_SUCCESS);
    ck_assert_int_eq(main_run(help, 2, crashes), EXIT_SUCCESS);
    ck_assert_int_eq(main_run(one, 2, crashes), EXIT_FAILURE);
}
END_TEST

START_TEST(a_mistake_in_the_command_line_runs_nothing)
{
    static const char *const wrong[][4] = {
        {"main", "seven"},       {"main", "--faults"}, {"main", "--seeds", "1"},
        {"main", "1", "2", "3"}, {"main", "--other"},  {"main", "-1"},
    };

    for (size_t line = 0; line < sizeof wrong / sizeof *wrong; line++) {
        int count = 1;

        while (count < 4 && wrong[line][count] != NULL)
            count++;
        ck_assert_int_eq(main_run(wrong[line], count, crashes), EXIT_FAILURE);
    }
}
END_TEST

static void in_process(struct kevy_sim *sim)
{
    good(sim);
    shorts = 1234;
}

START_TEST(a_world_can_run_in_this_process)
{
    const struct kevy_sim_options options = {.test = in_process, .seed = 3, .in_process = true};

    ck_assert_int_eq(kevy_sim_run(&options, NULL), 0);
    ck_assert_uint_eq(shorts, 1234);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("sim_run");
    TCase *tcase = tcase_create("run");

    suite_add_tcase(suite, tcase);
    tcase_add_test(tcase, a_good_server_passes_every_seed);
    tcase_add_test(tcase, a_seed_gives_the_same_run_every_time);
    tcase_add_test(tcase, a_good_server_passes_on_the_soft_kernel);
    tcase_add_test(tcase, two_seeds_give_two_runs);
    tcase_add_test(tcase, a_planted_bug_is_found_and_repeated);
    tcase_add_loop_test(tcase, the_smallest_number_of_faults_is_found, 1, 9);
    tcase_add_loop_test(tcase, each_kind_of_failure_has_its_sentence, 0,
                        sizeof failures / sizeof *failures);
    tcase_add_test(tcase, each_world_begins_with_the_variables_as_they_were);
    tcase_add_test(tcase, the_command_line_is_read);
    tcase_add_test(tcase, a_mistake_in_the_command_line_runs_nothing);
    tcase_add_test(tcase, a_world_can_run_in_this_process);
    return suite;
}
