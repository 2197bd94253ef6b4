/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* The stage of the scenarios, and the two performances that are compared. */

#include "scenario.h"

static const struct scenario *table;

static int listener_make(void)
{
    struct sockaddr_in address = loopback(0);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    must(bind(fd, (struct sockaddr *)&address, sizeof address) == 0);
    must(listen(fd, 8) == 0);
    return fd;
}

static void files_open(struct scene *scene)
{
    scene->listener = listener_make();
    scene->tcp[0] = connect_to(scene->listener);
    scene->tcp[1] = accept4(scene->listener, NULL, NULL, SOCK_CLOEXEC);
    must(scene->tcp[1] >= 0);
    must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, scene->local) == 0);
    must(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, scene->packets) == 0);
    must(pipe2(scene->pipe, O_CLOEXEC) == 0);
    scene->event = eventfd(0, EFD_CLOEXEC);
    scene->file = memfd_create("scene", MFD_CLOEXEC);
    put(scene->file, "0123456789");
}

static void scene_open(struct scene *scene, const struct scenario *scenario,
                       enum kevy_ring_kernel_choice kernel)
{
    uint32_t usual = KEVY_SETUP_SINGLE_ISSUER | KEVY_SETUP_DEFER_TASKRUN | KEVY_SETUP_TASKRUN_FLAG;
    struct kevy_ring_options options = {
        .required_flags = scenario->flags != 0 ? scenario->flags : usual,
        .cq_entries = scenario->cq_entries != 0 ? scenario->cq_entries : 64,
        .kernel = kernel,
        .plain = scenario->plain,
    };

    memset(scene, 0, sizeof *scene);
    files_open(scene);
    must(kevy_ring_init(&scene->ring, 32, &options) == 0);
}

static void scene_play(const struct scenario *scenario, enum kevy_ring_kernel_choice kernel,
                       char *trace)
{
    static struct scene scene;

    scene_open(&scene, scenario, kernel);
    scenario->play(&scene);
    if (scene.group.ring != NULL) {
        kevy_prep_cancel_any(ask(&scene, 0));
        go(&scene);
        kevy_buffer_ring_deinit(&scene.group);
    }
    kevy_ring_deinit(&scene.ring);
    memcpy(trace, scene.trace, sizeof scene.trace);
}

/* In a child, so that every performance begins with the same descriptors. */
static void performance(const struct scenario *scenario, enum kevy_ring_kernel_choice kernel,
                        char *trace)
{
    pid_t child = fork();
    int status;

    if (child == 0) {
        scene_play(scenario, kernel, trace);
        _exit(0);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s: ends with %x on %s",
                  scenario->name, (unsigned)status,
                  kernel == KEVY_RING_KERNEL_SOFT ? "soft" : "io_uring");
}

START_TEST(the_kernels_agree)
{
    const struct scenario *scenario = &table[_i];
    char *traces = mmap(NULL, 2 * sizeof((struct scene *)0)->trace, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    char *real = traces, *soft = traces + sizeof((struct scene *)0)->trace;

    performance(scenario, KEVY_RING_KERNEL_IO_URING, real);
    performance(scenario, KEVY_RING_KERNEL_SOFT, soft);
    if (getenv("SCENARIO_TELL") != NULL)
        printf("== %s\n%s", scenario->name, real);
    if (scenario->differs == NULL)
        ck_assert_msg(strcmp(real, soft) == 0, "%s\n== on io_uring\n%s== on soft\n%s",
                      scenario->name, real, soft);
    else
        ck_assert_msg(strcmp(real, soft) != 0, "%s: the kernels agree, though: %s", scenario->name,
                      scenario->differs);
}
END_TEST

/* In a child, which ends with all that its scene has open. */
static bool is_faulty(const struct scenario *scenario)
{
    static struct scene scene;
    pid_t child = fork();
    int status = 0;

    if (child == 0) {
        scene_open(&scene, scenario, KEVY_RING_KERNEL_IO_URING);
        _exit(scenario->fault->is_there(&scene) ? 1 : 0);
    }
    return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 1;
}

static void scenarios_add(TCase *tests, int count)
{
    for (int i = 0; i < count; i++)
        if (table[i].fault != NULL && is_faulty(&table[i]))
            support_skip(table[i].name, table[i].fault->name);
        else
            tcase_add_loop_test(tests, the_kernels_agree, i, i + 1);
}

static bool io_uring_is_there(void)
{
    struct kevy_ring_options options = {.kernel = KEVY_RING_KERNEL_IO_URING};
    struct kevy_ring_probe probe;
    struct kevy_ring ring = {0};
    bool found = kevy_ring_init(&ring, 4, &options) == 0 && kevy_ring_probe(&ring, &probe) == 0 &&
                 kevy_ring_probe_opcode(&probe, KEVY_OP_PIPE);

    kevy_ring_deinit(&ring);
    return found;
}

Suite *scenario_suite(const char *name, const struct scenario *scenarios, int count)
{
    Suite *suite = suite_create(name);
    TCase *tests = tcase_create(name);

    (void)signal(SIGPIPE, SIG_IGN);
    table = scenarios;
    if (io_uring_is_there())
        scenarios_add(tests, count);
    else
        support_skip(name, "needs io_uring of Linux 6.16 to compare with");
    suite_add_tcase(suite, tests);
    return suite;
}
