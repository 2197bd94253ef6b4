/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The processes of a server under measurement: what they have used, as /proc tells it. */
#ifndef BENCH_PROCESSES_H
#define BENCH_PROCESSES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define PROCESSES_MAX 16U

struct processes {
    pid_t pids[PROCESSES_MAX];
    unsigned count;
};

struct usage {
    uint64_t cpu_ns;      /* of all threads that live, the kernel's workers among them */
    uint64_t resident;    /* bytes */
    uint64_t descriptors; /* open ones */
    uint64_t slab;        /* bytes of kernel objects of the whole machine that are not a cache */
};

/* "PID" or "PID,PID..." */
bool processes_parse(struct processes *processes, const char *text);

/* CPU time alone, which is quick. */
uint64_t processes_cpu_ns(const struct processes *processes);

void processes_usage(const struct processes *processes, struct usage *usage);

#endif
