/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "kernel.h"

#include <kevy/ring_abi.h>

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "chance.h"
#include "clock.h"

static struct {
    uint32_t minor;
    uint64_t busy_ns;
    uint64_t work_ns; /* since when it is at work, if it is */
    bool working;
} kernel;

/* What came with which 6.x; the bits of 6.1 are there always. */
struct news {
    uint32_t minor, setup_flags, enter_flags, features;
};

static const struct news news[] = {
    {1, 0x3fff, 0x1f, 0x1fff},
    {3, 0, 0, KEVY_FEAT_REG_REG_RING},
    {6, KEVY_SETUP_NO_MMAP | KEVY_SETUP_REGISTERED_FD_ONLY | KEVY_SETUP_NO_SQARRAY, 0, 0},
    {10, 0, 0, KEVY_FEAT_RECVSEND_BUNDLE},
    {12, 0, KEVY_ENTER_ABS_TIMER, KEVY_FEAT_MIN_TIMEOUT},
    {13, KEVY_SETUP_HYBRID_IOPOLL, KEVY_ENTER_EXT_ARG_REG, 0},
    {14, 0, 0, KEVY_FEAT_RW_ATTR},
    {15, 0, KEVY_ENTER_NO_IOWAIT, KEVY_FEAT_NO_IOWAIT},
    {18, KEVY_SETUP_CQE_MIXED, 0, 0},
};

static uint32_t known(size_t offset)
{
    uint32_t bits = 0;

    for (size_t i = 0; i < sizeof news / sizeof *news; i++)
        if (news[i].minor <= kernel.minor)
            bits |= *(const uint32_t *)(const void *)((const char *)&news[i] + offset);
    return bits;
}

uint32_t kernel_setup_flags(void)
{
    return known(offsetof(struct news, setup_flags));
}

uint32_t kernel_enter_flags(void)
{
    return known(offsetof(struct news, enter_flags));
}

uint32_t kernel_features(void)
{
    return known(offsetof(struct news, features));
}

void kernel_reset(uint32_t minor)
{
    memset(&kernel, 0, sizeof kernel);
    kernel.minor = minor;
}

uint32_t kernel_minor(void)
{
    return kernel.minor;
}

uint64_t kernel_busy_ns(void)
{
    return kernel.busy_ns + (kernel.working ? clock_now() - kernel.work_ns : 0);
}

void kernel_work(uint64_t ns)
{
    kernel.work_ns = clock_now();
    kernel.working = true;
    clock_pass(ns);
    kernel.working = false;
    kernel.busy_ns += ns;
}

void kernel_take_time(void)
{
    kernel_work(chance(KEVY_SIM_TURN_SLOW) ? chance_magnitude(1000000, 100000000)
                                           : chance_between(200, 2000));
}
