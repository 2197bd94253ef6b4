/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* The scenarios of a table on io_uring and on the soft kernel. */

#include "scenario.h"

static const struct scenario *table;

START_TEST(the_kernels_agree)
{
    const struct scenario *scenario = &table[_i];
    char *real = scene_traces(2), *soft = real + SCENE_TRACE;

    scene_perform(scenario, &scene_io_uring, real);
    scene_perform(scenario, &scene_soft, soft);
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

static void scenarios_add(TCase *tests, int count)
{
    for (int i = 0; i < count; i++)
        if (scene_is_faulty(&table[i]))
            support_skip(table[i].name, table[i].fault->name);
        else
            tcase_add_loop_test(tests, the_kernels_agree, i, i + 1);
}

Suite *scenario_suite(const char *name, const struct scenario *scenarios, int count)
{
    Suite *suite = suite_create(name);
    TCase *tests = tcase_create(name);

    (void)signal(SIGPIPE, SIG_IGN);
    table = scenarios;
    if (scene_io_uring_is_there())
        scenarios_add(tests, count);
    else
        support_skip(name, "needs io_uring of Linux 6.16 to compare with");
    suite_add_tcase(suite, tests);
    return suite;
}
