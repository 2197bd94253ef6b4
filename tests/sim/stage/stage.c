/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* The scenarios of a table on io_uring and on the simulated kernel. */

#include "stage.h"

#include "world.h"

#include <kevy/sim.h>

/* With this one a world gives out the lowest number that is free, as Linux does. */
#define SEED 5U

/* A scenario in its world, and what came of it; shared with the child that plays it. */
struct performance {
    char trace[SCENE_TRACE];
    char reason[sizeof((struct kevy_sim_report *)0)->reason];
    char lacks[64]; /* an opcode that the kernel has not; it was not played to its end then */
    bool failed;
};

static const struct scenario *table;
static struct performance *performances;

/* ---- In the world -------------------------------------------------------------------------- */

static struct scene scene;
static const struct scenario *played;
static struct performance *performed;
static const struct kevy_ring_kernel *simulated;
static uint8_t opcodes[UINT8_MAX + 1]; /* 1: the kernel has it */

/* Ends the performance when the scene submits what the kernel has not. */
static int probing_enter(void *state, int fd, uint32_t to_submit, uint32_t minimum, uint32_t flags,
                         const void *argument, size_t argument_size)
{
    uint32_t tail = *scene.ring.sq_tail;

    for (uint32_t left = to_submit; left > 0; left--) {
        const struct kevy_sqe *sqe = &scene.ring.sqes[(tail - left) & (scene.ring.sq_entries - 1)];

        if (sqe->opcode >= KEVY_OP_LAST || opcodes[sqe->opcode])
            continue;
        (void)snprintf(performed->lacks, sizeof performed->lacks, "opcode %u", sqe->opcode);
        _exit(0);
    }
    return simulated->enter(state, fd, to_submit, minimum, flags, argument, argument_size);
}

static void opcodes_find(const struct kevy_ring_kernel *kernel)
{
    struct kevy_ring_options options = {.custom_kernel = kernel, .cq_entries = 8};
    struct kevy_ring_probe probe;
    struct kevy_ring ring = {0};

    options.required_flags = KEVY_SETUP_SINGLE_ISSUER | KEVY_SETUP_DEFER_TASKRUN;
    must(kevy_ring_init(&ring, 4, &options) == 0);
    must(kevy_ring_probe(&ring, &probe) == 0);
    for (unsigned opcode = 0; opcode < KEVY_OP_LAST; opcode++)
        opcodes[opcode] = kevy_ring_probe_opcode(&probe, (uint8_t)opcode);
    kevy_ring_deinit(&ring);
}

/* What is in flight at the end stays there: the child is gone then, and the world with it. */
static void world_play(struct kevy_sim *sim)
{
    struct kevy_reactor_options options = {0};
    struct kevy_ring_kernel probing;
    struct scene_kernel kernel = {.name = "simulated", .custom = &probing, .system = &stage_system};

    kevy_sim_set_calm(sim, true);
    world_tolerate();
    kevy_sim_reactor_options(sim, &options);
    simulated = options.custom_kernel;
    opcodes_find(simulated);
    probing = *simulated;
    probing.enter = probing_enter;
    scene_play(&scene, played, &kernel, performed->trace);
    (void)fflush(NULL);
    _exit(0);
}

static void simulate(const struct scenario *scenario, struct performance *performance)
{
    const struct kevy_sim_options options = {
        .name = scenario->name, .test = world_play, .seed = SEED, .linux_minor = 18, .quick = true};
    struct kevy_sim_report report;

    played = scenario;
    performed = performance;
    must(kevy_sim_run(&options, &report) >= 0);
    performance->failed = report.failed;
    memcpy(performance->reason, report.reason, sizeof report.reason);
}

/* ---- The suite ----------------------------------------------------------------------------- */

static const struct stage_reason *reason_of(const char *scenario)
{
    for (unsigned i = 0; i < stage_reason_count; i++)
        for (const char *const *name = stage_reasons[i].names; *name != NULL; name++)
            if (strcmp(*name, scenario) == 0)
                return &stage_reasons[i];
    return NULL;
}

START_TEST(the_simulated_kernel_agrees)
{
    const struct scenario *scenario = &table[_i];
    const struct stage_reason *reason = reason_of(scenario->name);
    const struct performance *performance = &performances[_i];
    const char *simulation = performance->trace;
    char *real = scene_traces(1);

    scene_perform(scenario, &scene_io_uring, real);
    ck_assert_msg(!performance->failed, "%s: its world fails: %s\n%s", scenario->name,
                  performance->reason, simulation);
    if (reason == NULL)
        ck_assert_msg(strcmp(real, simulation) == 0, "%s\n== on io_uring\n%s== simulated\n%s",
                      scenario->name, real, simulation);
    else
        ck_assert_msg(strcmp(real, simulation) != 0, "%s: the kernels agree, though: %s",
                      scenario->name, reason->why);
}
END_TEST

/* Without a word of it. */
static void simulate_silently(const struct scenario *scenario, struct performance *performance)
{
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC), output = dup(STDOUT_FILENO);

    (void)fflush(stdout);
    must(null >= 0 && output >= 0 && dup2(null, STDOUT_FILENO) >= 0);
    simulate(scenario, performance);
    (void)fflush(stdout);
    must(dup2(output, STDOUT_FILENO) >= 0);
    (void)close(null);
    (void)close(output);
}

/* Plays it. Why it cannot be compared with io_uring, or NULL. */
static const char *left_out(const struct scenario *scenario, struct performance *performance)
{
    const struct stage_reason *reason = reason_of(scenario->name);
    static char text[96];

    if (scene_is_faulty(scenario))
        return scenario->fault->name;
    if (reason != NULL)
        simulate_silently(scenario, performance);
    else
        simulate(scenario, performance);
    if (performance->failed && reason != NULL)
        return reason->why;
    if (performance->lacks[0] == '\0')
        return NULL;
    (void)snprintf(text, sizeof text, "the simulated kernel has no %s", performance->lacks);
    return text;
}

static void scenarios_add(TCase *tests, const char *name, int count)
{
    int added = 0, differing = 0;

    for (int i = 0; i < count; i++) {
        const char *why = left_out(&table[i], &performances[i]);

        if (why != NULL) {
            support_skip(table[i].name, why);
            continue;
        }
        tcase_add_loop_test(tests, the_simulated_kernel_agrees, i, i + 1);
        added++;
        differing += reason_of(table[i].name) != NULL;
    }
    printf("%s: %d of %d scenarios are played on the simulated kernel, %d differ\n", name, added,
           count, differing);
}

Suite *scenario_suite(const char *name, const struct scenario *scenarios, int count)
{
    Suite *suite = suite_create(name);
    TCase *tests = tcase_create(name);

    (void)signal(SIGPIPE, SIG_IGN);
    table = scenarios;
    performances = mmap(NULL, (size_t)count * sizeof *performances, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    must(performances != MAP_FAILED);
    if (scene_io_uring_is_there())
        scenarios_add(tests, name, count);
    else
        support_skip(name, "needs io_uring of Linux 6.16 to compare with");
    suite_add_tcase(suite, tests);
    return suite;
}
