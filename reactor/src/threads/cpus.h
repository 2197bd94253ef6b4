/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The CPUs that a thread may use, however many the machine has, and what its cgroup leaves it. */
#ifndef KEVY_REACTOR_CPUS_H
#define KEVY_REACTOR_CPUS_H

#include "core/names.h"

#include <kevy/api.h>

#include <sched.h>
#include <stddef.h>
#include <stdint.h>

struct cpus {
    cpu_set_t *set; /* OWNED */
    size_t size;    /* bytes of it */
    uint32_t count; /* 1 at least */
};

/* The CPUs of this thread. Returns 0 or -ENOMEM. */
int cpus_open(struct cpus *cpus);
void cpus_close(struct cpus *cpus);

/* Pins this thread to the `index`-th of the CPUs, wrapping around. */
void cpus_pin(const struct cpus *cpus, uint32_t index);

/* How many of the CPUs the quota of the cgroup lets this process use at the same time, rounded up:
 * 1 to their count. */
uint32_t cpus_quota(const struct cpus *cpus);

#endif /* KEVY_REACTOR_CPUS_H */
