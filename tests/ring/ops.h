/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef OPS_H
#define OPS_H

/*
 * What test_ops_* share: one ring a test, requests named by small numbers, and tests that are added
 * only where the kernel is new enough. A mode cannot be probed like an opcode, and trying it is the
 * test itself; so these tests, unlike the libraries, go by the kernel's version.
 */

#include <stdio.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <kevy/ring_prep.h>
#include <kevy/ring_register.h>

#include "ring_test.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

enum { OPS_REQUESTS = 16, OPS_ENTRIES = 64 };

static struct kevy_ring ring;

/* A checked fixture: every test has a ring of its own, in its own process. */
static inline void ops_setup(void)
{
    ring_open(&ring, OPS_ENTRIES, NULL);
}

static inline void ops_teardown(void)
{
    kevy_ring_deinit(&ring);
}

static inline struct kevy_sqe *request(uint64_t user_data)
{
    struct kevy_sqe *sqe = kevy_ring_sqe(&ring, user_data);

    ck_assert_ptr_nonnull(sqe);
    return sqe;
}

static inline void submit(void)
{
    ck_assert_int_ge(kevy_ring_submit(&ring), 0);
}

static inline void expect(uint64_t user_data, int32_t result)
{
    cqe_expect(&ring, user_data, result);
}

static inline struct kevy_cqe next_cqe(void)
{
    return cqe_wait(&ring);
}

/* Nothing is left to reap. */
static inline void expect_none(void)
{
    ck_assert_int_ge(kevy_ring_submit(&ring), 0);
    ck_assert_uint_eq(kevy_ring_ready(&ring), 0);
}

/* The last CQE of each request, where several complete in any order. */
struct outcome {
    int32_t result[OPS_REQUESTS];
    uint32_t flags[OPS_REQUESTS];
};

static inline struct outcome collect(unsigned count)
{
    struct outcome outcome;

    memset(&outcome, 0, sizeof outcome);
    for (unsigned i = 0; i < count; i++) {
        struct kevy_cqe cqe = next_cqe();
        ck_assert_uint_lt(cqe.user_data, OPS_REQUESTS);
        outcome.result[cqe.user_data] = cqe.res;
        outcome.flags[cqe.user_data] = cqe.flags;
    }
    return outcome;
}

/* Gives the ring a table of `slots` empty registered files. */
static inline void file_table(uint32_t slots)
{
    struct kevy_rsrc_register table;

    memset(&table, 0, sizeof table);
    table.nr = slots;
    table.flags = KEVY_RSRC_REGISTER_SPARSE;
    ck_assert_int_eq(kevy_ring_register(&ring, KEVY_REGISTER_FILES2, &table, sizeof table), 0);
}

/* Puts `fd` into `slot` of the table. */
static inline void file_put(uint32_t slot, int fd)
{
    kevy_prep_files_update(request(0), &fd, 1, slot);
    expect(0, 1);
}

/* The running kernel as major * 100 + minor. */
static inline unsigned running_kernel(void)
{
    struct utsname name;
    unsigned major = 0;
    unsigned minor = 0;

    if (uname(&name) != 0 || sscanf(name.release, "%u.%u", &major, &minor) != 2)
        return 0;
    return major * 100 + minor;
}

struct ops_test {
    const TTest *test;
    unsigned kernel; /* the first that has what is tested, or refuses it in the way tested */
};

static inline TCase *ops_case(const char *name, const struct ops_test *tests, size_t count)
{
    TCase *tcase = tcase_create(name);

    tcase_add_checked_fixture(tcase, ops_setup, ops_teardown);
    for (size_t i = 0; i < count; i++) {
        char why[64];
        if (running_kernel() >= tests[i].kernel) {
            tcase_add_test(tcase, tests[i].test);
            continue;
        }
        snprintf(why, sizeof why, "needs Linux %u.%u", tests[i].kernel / 100,
                 tests[i].kernel % 100);
        support_skip(tests[i].test->name, why);
    }
    return tcase;
}

#endif
