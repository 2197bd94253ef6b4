/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * needs.h - what a number of connections needs, before there are any.
 *
 * Model. The server is opened as it would be, on a port that the system chooses. So the descriptors
 * and the memory of its start are measured, on this machine and with these options. What grows with
 * the connections is known by its size. Both are compared with the limits of this process and of
 * this system.
 */
#ifndef HTTP_ECHO_NEEDS_H
#define HTTP_ECHO_NEEDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of this process at this moment. */
struct footprint {
    uint64_t descriptors;
    uint64_t memory; /* bytes of address space */
};

struct footprint needs_footprint(void);

struct needs {
    uint64_t connections;
    uint64_t threads;
    struct footprint closed; /* before the server of one thread is open */
    struct footprint open;   /* and behind that */
    uint64_t connection_bytes;
    uint64_t exchange_bytes;
    uint64_t memory_limit; /* bytes, of a thread */
    uint64_t backlog;      /* connections */
};

/* Prints the needs on stdout. Returns false when a limit is too low for them. */
bool needs_print(const struct needs *needs);

#endif
