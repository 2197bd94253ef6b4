/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* The CPUs of a group on machines that these replaced calls describe. */

#include "support.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "threads/cpus.h"

enum {
    MACHINE = 5000, /* CPUs of it */
};

static unsigned machine; /* 0: the real one */
static const char *group, *files[4][2];
static size_t pinned_size;
static int pinned = -1;

/* As the kernel: a set that is too small for the machine is refused. */
int sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set)
{
    (void)pid;
    if (size * 8 < machine) {
        errno = EINVAL;
        return -1;
    }
    CPU_ZERO_S(size, set);
    for (unsigned cpu = 0; cpu < machine; cpu += 2)
        CPU_SET_S(cpu, size, set);
    return 0;
}

int pthread_setaffinity_np(pthread_t thread, size_t size, const cpu_set_t *set)
{
    (void)thread;
    pinned_size = size;
    for (int cpu = 0; cpu < MACHINE; cpu++)
        if (CPU_ISSET_S(cpu, size, set))
            pinned = pinned < 0 ? cpu : -2;
    return 0;
}

/* Control groups, as files. */
FILE *fopen(const char *path, const char *mode)
{
    static FILE *(*real)(const char *, const char *);
    void *found = dlsym(RTLD_NEXT, "fopen");

    memcpy(&real, &found, sizeof found);
    if (strcmp(path, "/proc/self/cgroup") == 0)
        return group != NULL ? fmemopen((void *)(uintptr_t)group, strlen(group), "r") : NULL;
    for (unsigned index = 0; index < 4 && files[index][0] != NULL; index++)
        if (strcmp(path, files[index][0]) == 0)
            return fmemopen((void *)(uintptr_t)files[index][1], strlen(files[index][1]), "r");
    return strncmp(path, "/sys/fs/cgroup", 14) == 0 ? NULL : real(path, mode);
}

static struct cpus cpus;

static void setup(void)
{
    machine = MACHINE;
    ck_assert_int_eq(cpus_open(&cpus), 0);
}

static void teardown(void)
{
    cpus_close(&cpus);
}

START_TEST(more_than_1024_cpus_are_counted)
{
    ck_assert_uint_eq(cpus.count, MACHINE / 2);
}
END_TEST

START_TEST(a_thread_is_pinned_to_a_cpu_beyond_1024_and_begins_again_after_the_last)
{
    cpus_pin(&cpus, 2000);
    ck_assert_int_eq(pinned, 4000);
    ck_assert_uint_ge(pinned_size * 8, MACHINE);
    pinned = -1;
    cpus_pin(&cpus, MACHINE / 2 + 3);
    ck_assert_int_eq(pinned, 6);
}
END_TEST

START_TEST(without_a_quota_every_cpu_counts)
{
    ck_assert_uint_eq(cpus_quota(&cpus), MACHINE / 2);
    group = "1:name=systemd:/old\n";
    ck_assert_uint_eq(cpus_quota(&cpus), MACHINE / 2);
    group = "0::/a/b\n";
    files[0][0] = "/sys/fs/cgroup/a/b/cpu.max";
    files[0][1] = "max 100000\n";
    ck_assert_uint_eq(cpus_quota(&cpus), MACHINE / 2);
    files[0][1] = "garbage";
    ck_assert_uint_eq(cpus_quota(&cpus), MACHINE / 2);
    files[0][1] = "100 0";
    ck_assert_uint_eq(cpus_quota(&cpus), MACHINE / 2);
}
END_TEST

START_TEST(the_quota_of_the_cgroup_counts_rounded_up)
{
    group = "5:cpu:/v1\n0::/a/b\n";
    files[0][0] = "/sys/fs/cgroup/a/b/cpu.max";
    files[0][1] = "250000 100000\n";
    ck_assert_uint_eq(cpus_quota(&cpus), 3);
    files[0][1] = "50000 100000\n";
    ck_assert_uint_eq(cpus_quota(&cpus), 1);
    files[0][1] = "99999999900000 100000\n";
    ck_assert_uint_eq(cpus_quota(&cpus), MACHINE / 2);
}
END_TEST

START_TEST(a_cgroup_that_contains_it_counts_as_well)
{
    group = "0::/a/b\n";
    files[0][0] = "/sys/fs/cgroup/a/b/cpu.max";
    files[0][1] = "800000 100000\n";
    files[1][0] = "/sys/fs/cgroup/a/cpu.max";
    files[1][1] = "200000 100000\n";
    ck_assert_uint_eq(cpus_quota(&cpus), 2);
    /* In a container with a namespace of its own the group is the root. */
    group = "0::/\n";
    files[2][0] = "/sys/fs/cgroup/cpu.max";
    files[2][1] = "400000 100000\n";
    ck_assert_uint_eq(cpus_quota(&cpus), 4);
}
END_TEST

START_TEST(a_machine_that_tells_nothing_has_one_cpu)
{
    struct cpus none;

    machine = 1U << 30;
    ck_assert_int_eq(cpus_open(&none), 0);
    ck_assert_uint_eq(none.count, 1);
    ck_assert_uint_eq(cpus_quota(&none), 1);
    cpus_pin(&none, 3);
    ck_assert_int_eq(pinned, -1);
    cpus_close(&none);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("cpus");
    TCase *tests = tcase_create("cpus");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, more_than_1024_cpus_are_counted);
    tcase_add_test(tests, a_thread_is_pinned_to_a_cpu_beyond_1024_and_begins_again_after_the_last);
    tcase_add_test(tests, without_a_quota_every_cpu_counts);
    tcase_add_test(tests, the_quota_of_the_cgroup_counts_rounded_up);
    tcase_add_test(tests, a_cgroup_that_contains_it_counts_as_well);
    tcase_add_test(tests, a_machine_that_tells_nothing_has_one_cpu);
    suite_add_tcase(suite, tests);
    return suite;
}
