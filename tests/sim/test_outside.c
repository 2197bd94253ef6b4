/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What comes to a program from outside of it: the exits of children, and the answers to names. */
#include "sim_test.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>

static struct kevy_sim *world;
static struct sim_server server;
static uint32_t told;
static uint64_t told_ns;

static void begin(struct kevy_sim *sim)
{
    world = sim;
    told = 0;
    kevy_sim_set_odds(sim, KEVY_SIM_FAULT_COUNT, 0);
    sim_server_open(sim, &server, sim_echo_accept);
}

static void run_until_told(uint32_t count)
{
    while (told < count)
        KEVY_SIM_CHECK(world, kevy_reactor_run_once(server.reactor, KEVY_FOREVER) > 0);
}

/* ---- Children ------------------------------------------------------------------------------ */

static int result;

static void child_done(struct kevy_child *watch, int with)
{
    (void)watch;
    result = with;
    told_ns = kevy_sim_now(world);
    told++;
}

/* Watches a child until its end. */
static void child_play(struct kevy_sim_child *child, struct kevy_child *watch)
{
    pid_t pid = kevy_sim_child_start(world, child);

    KEVY_SIM_CHECK(world, kevy_child_watch(watch, server.reactor, pid, child_done) == 0);
    run_until_told(told + 1);
}

static void exits_are_told(struct kevy_sim *sim)
{
    struct kevy_sim_child child = {
        .life_ns = KEVY_SECONDS(3), .code = CLD_EXITED, .status = 7, .held_ns = KEVY_SECONDS(1)};
    struct kevy_child watch = {0};
    uint64_t began_ns;

    begin(sim);
    began_ns = kevy_sim_now(sim);
    child_play(&child, &watch);
    KEVY_SIM_CHECK(sim, result == 0 && watch.code == CLD_EXITED && watch.status == 7);
    KEVY_SIM_CHECK(sim, told_ns - began_ns >= KEVY_SECONDS(4));
    KEVY_SIM_CHECK(sim, told_ns - began_ns < KEVY_SECONDS(4) + KEVY_MILLISECONDS(300));
    KEVY_SIM_CHECK(sim, child.state == KEVY_SIM_CHILD_REAPED);
    child.is_stolen = true;
    child_play(&child, &watch);
    KEVY_SIM_CHECK(sim, result == -ECHILD);
    KEVY_SIM_CHECK(sim, kevy_child_watch(&watch, server.reactor, child.pid, child_done) == -ESRCH);
    sim_server_close(sim, &server);
}

/* Linux 6.6 has no WAITID, 6.7 has. */
START_TEST(the_exit_of_a_child_is_told)
{
    const struct kevy_sim_options options = {
        .test = exits_are_told, .soft = _i == 2, .linux_minor = _i == 0 ? 6 : 7};

    ck_assert_int_eq(kevy_sim_run(&options, NULL), 0);
}
END_TEST

static void kills_are_told(struct kevy_sim *sim)
{
    struct kevy_sim_child child = {.life_ns = KEVY_FOREVER};
    struct kevy_child watch = {0};
    pid_t pid;

    begin(sim);
    pid = kevy_sim_child_start(sim, &child);
    KEVY_SIM_CHECK(sim, kevy_child_watch(&watch, server.reactor, pid, child_done) == 0);
    KEVY_SIM_CHECK(sim, kevy_reactor_run_once(server.reactor, KEVY_SECONDS(100)) > 0);
    KEVY_SIM_CHECK(sim, told == 0);
    kevy_sim_child_kill(sim, &child, SIGKILL);
    kevy_sim_child_kill(sim, &child, SIGTERM); /* too late */
    run_until_told(1);
    KEVY_SIM_CHECK(sim, result == 0 && watch.code == CLD_KILLED && watch.status == SIGKILL);
    sim_server_close(sim, &server);
}

START_TEST(a_child_that_is_killed_says_by_what)
{
    sim_passes_on(kills_are_told, 4, _i != 0);
}
END_TEST

/* A program that asks all the time whether a child can be reaped. */
static void spins(struct kevy_sim *sim)
{
    struct kevy_sim_child child = {.life_ns = 0, .held_ns = KEVY_FOREVER};
    struct kevy_reactor_options options = {0};
    siginfo_t info;
    int fd;

    begin(sim);
    kevy_sim_reactor_options(sim, &options);
    fd = options.system->pidfd_open(NULL, kevy_sim_child_start(sim, &child));
    KEVY_SIM_CHECK(sim, fd >= 0);
    for (;;) {
        KEVY_SIM_CHECK(sim, options.system->waitid(NULL, fd, &info) == 0 && info.si_pid == 0);
        options.system->sleep_ns(NULL, KEVY_MILLISECONDS(1));
    }
}

START_TEST(a_program_that_asks_all_the_time_is_found)
{
    const struct kevy_sim_options options = {.test = spins, .quick = true};
    struct kevy_sim_report report;

    ck_assert_int_eq(kevy_sim_run(&options, &report), 1);
    ck_assert_ptr_nonnull(strstr(report.reason, "asked for all the time"));
}
END_TEST

/* ---- Names --------------------------------------------------------------------------------- */

static void lookup_done(struct kevy_lookup *lookup, int with)
{
    (void)lookup;
    result = with;
    told_ns = kevy_sim_now(world);
    told++;
}

static void lookup_play(struct kevy_lookup *lookup, struct kevy_resolver *resolver,
                        const char *host)
{
    const struct kevy_lookup_options options = {
        .resolver = resolver, .host = host, .service = "80", .done = lookup_done};

    KEVY_SIM_CHECK(world, kevy_lookup_start(lookup, server.reactor, &options) == 0);
    run_until_told(told + 1);
}

static void names_are_found(struct kevy_sim *sim)
{
    struct kevy_sim_name name = {.host = "two.test", .delay_ns = KEVY_SECONDS(2), .count = 2};
    struct kevy_sim_name failing = {.host = "failing.test", .code = EAI_FAIL};
    struct kevy_reactor_options world_options = {0};
    struct kevy_resolver resolver = {0};
    struct kevy_lookup lookup = {0};
    const struct sockaddr_in *second;
    uint64_t began_ns;

    begin(sim);
    kevy_sim_reactor_options(sim, &world_options);
    KEVY_SIM_CHECK(sim, kevy_resolver_open(&resolver, &(struct kevy_resolver_options){
                                                          .system = world_options.system}) == 0);
    kevy_sim_name_add(sim, &name);
    kevy_sim_name_add(sim, &failing);
    began_ns = kevy_sim_now(sim);
    lookup_play(&lookup, &resolver, "two.test");
    KEVY_SIM_CHECK(sim, result == 0 && lookup.count == 2 && name.asked == 1);
    KEVY_SIM_CHECK(sim, told_ns - began_ns >= KEVY_SECONDS(2));
    second = (const void *)lookup.addresses[1].address;
    KEVY_SIM_CHECK(sim, ntohl(second->sin_addr.s_addr) == INADDR_LOOPBACK + 1);
    KEVY_SIM_CHECK(sim, ntohs(second->sin_port) == 80);
    kevy_lookup_release(&lookup);
    lookup_play(&lookup, &resolver, "failing.test");
    KEVY_SIM_CHECK(sim, result == -EREMOTEIO);
    lookup_play(&lookup, &resolver, "nobody.test");
    KEVY_SIM_CHECK(sim, result == -ENOENT && lookup.code == EAI_NONAME);
    kevy_resolver_close(&resolver);
    sim_server_close(sim, &server);
}

START_TEST(names_are_answered_after_their_time)
{
    sim_passes_on(names_are_found, 4, _i != 0);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("sim_outside");
    TCase *tcase = tcase_create("outside");

    suite_add_tcase(suite, tcase);
    tcase_add_loop_test(tcase, the_exit_of_a_child_is_told, 0, 3);
    tcase_add_loop_test(tcase, a_child_that_is_killed_says_by_what, 0, 2);
    tcase_add_test(tcase, a_program_that_asks_all_the_time_is_found);
    tcase_add_loop_test(tcase, names_are_answered_after_their_time, 0, 2);
    return suite;
}
