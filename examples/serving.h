/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef EXAMPLES_SERVING_H
#define EXAMPLES_SERVING_H

/* The first line of a server: its port, and the kernel that it runs on. */

#include <kevy/reactor.h>
#include <kevy/ring_explain.h>

#include <stdio.h>

static inline void say_serving(const char *program, unsigned port, struct kevy_reactor *reactor)
{
    char kernel[KEVY_RING_EXPLAIN_SIZE];

    kevy_reactor_explain_kernel(reactor, kernel, sizeof kernel);
    dprintf(1, "%s: serving port %u; %s\n", program, port, kernel);
}

#endif
