/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The two halves of kevy_ring_explain(): what the machine says, and the sentence made of it. Split
 * so that tests can write the sentence for machines they do not run on.
 */
#ifndef KEVY_RING_SRC_EXPLAIN_H
#define KEVY_RING_SRC_EXPLAIN_H

#include <kevy/ring.h>
#include <stddef.h>
#include <stdint.h>

/* Where a fact could not be had. */
#define EXPLAIN_UNKNOWN   (-1)
#define EXPLAIN_UNLIMITED UINT64_MAX

struct explain_facts {
    int io_uring_disabled;  /* sysctl kernel.io_uring_disabled (6.6): 0, 1, 2 or unknown */
    int seccomp;            /* 0 none, 1 strict, 2 filter, or unknown */
    uint64_t memlock_bytes; /* soft RLIMIT_MEMLOCK */
    uint64_t open_files;    /* soft RLIMIT_NOFILE */
    char release[65];       /* of the running kernel, "" when unknown */
};

/* Fills *facts from the two files (those of /proc for the product) and the process's limits. */
void kevy_x_explain_facts_read(struct explain_facts *facts, const char *disabled_path,
                               const char *status_path);

/* Write the sentences of kevy_ring_explain() and _explain_kernel(), from nothing but the arguments.
 */
int kevy_x_explain_text(int error, const struct explain_facts *facts, char *text, size_t size);
int kevy_x_explain_kernel_text(const struct kevy_ring *ring, const struct explain_facts *facts,
                               char *text, size_t size);

#endif
