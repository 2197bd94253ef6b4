/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * CPUs.
 *
 * Model. sched_getaffinity(2) wants a set as large as the kernel's own, whose size it does not
 * tell: -EINVAL means that a larger one is needed. A container has all CPUs of its machine in that
 * set, and a quota of time: a thread for each CPU would then stand still most of the time, all at
 * once. The quota is in the file cpu.max of the cgroup, or of one that contains it: microseconds in
 * a period, or "max" (cgroup v2).
 *
 * Invariants. Nothing here fails but for memory: what cannot be read does not limit.
 */
#include "threads/cpus.h"

#if KEVY_RING_SUPPORTED

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CPUS_FIRST 1024U
#define CPUS_LAST  (1U << 20)
#define GROUPS     "/sys/fs/cgroup"
#define PATH_SIZE  4096

int cpus_open(struct cpus *cpus)
{
    for (uint32_t room = CPUS_FIRST; room <= CPUS_LAST; room *= 2) {
        size_t size = CPU_ALLOC_SIZE(room);
        cpu_set_t *set = CPU_ALLOC(room);
        int error = 0;

        if (set == NULL)
            return -ENOMEM;
        CPU_ZERO_S(size, set);
        if (sched_getaffinity(0, size, set) < 0)
            error = errno;
        *cpus = (struct cpus){.set = set, .size = size, .count = (uint32_t)CPU_COUNT_S(size, set)};
        if (error == 0 && cpus->count > 0)
            return 0;
        CPU_FREE(set);
        if (error != EINVAL)
            break;
    }
    *cpus = (struct cpus){.count = 1};
    return 0;
}

void cpus_close(struct cpus *cpus)
{
    CPU_FREE(cpus->set);
    cpus->set = NULL;
}

void cpus_pin(const struct cpus *cpus, uint32_t index)
{
    uint32_t wanted = index % cpus->count;
    cpu_set_t *one;

    if (cpus->set == NULL || (one = CPU_ALLOC(cpus->size * 8)) == NULL)
        return;
    CPU_ZERO_S(cpus->size, one);
    for (size_t cpu = 0; cpu < cpus->size * 8; cpu++) {
        if (!CPU_ISSET_S(cpu, cpus->size, cpus->set) || wanted-- != 0)
            continue;
        CPU_SET_S(cpu, cpus->size, one);
        (void)pthread_setaffinity_np(pthread_self(), cpus->size, one);
        break;
    }
    CPU_FREE(one);
}

/* The first line of a file, without its end; false when there is none. */
static bool line_read(const char *path, const char *begin, char *line, size_t size)
{
    FILE *file = fopen(path, "re");
    bool found = false;

    if (file == NULL)
        return false;
    while (!found && fgets(line, (int)size, file) != NULL)
        found = strncmp(line, begin, strlen(begin)) == 0;
    (void)fclose(file);
    line[strcspn(line, "\n")] = '\0';
    return found;
}

/* The CPUs that one cgroup allows, rounded up; `most` when it does not limit. */
static uint32_t quota_of(const char *group, uint32_t most)
{
    char path[PATH_SIZE + sizeof GROUPS + sizeof "/cpu.max"], line[64];
    unsigned long long quota, period;

    (void)snprintf(path, sizeof path, GROUPS "%s/cpu.max", group);
    if (!line_read(path, "", line, sizeof line) ||
        sscanf(line, "%llu %llu", &quota, &period) != 2 || period == 0)
        return most;
    quota = (quota + period - 1) / period;
    return quota < most ? (quota > 0 ? (uint32_t)quota : 1) : most;
}

uint32_t cpus_quota(const struct cpus *cpus)
{
    static const char begin[] = "0::";
    char line[PATH_SIZE];
    char *group = line + sizeof begin - 1;
    uint32_t count = cpus->count;

    if (!line_read("/proc/self/cgroup", begin, line, sizeof line))
        return count;
    /* A group is limited by those that contain it as well. */
    while (*group != '\0') {
        uint32_t here = quota_of(strcmp(group, "/") == 0 ? "" : group, cpus->count);

        count = here < count ? here : count;
        *strrchr(group, '/') = '\0';
    }
    return count;
}

#endif /* KEVY_RING_SUPPORTED */
