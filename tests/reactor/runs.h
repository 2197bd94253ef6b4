/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef RUNS_H
#define RUNS_H

#include "core/reactor.h"

/* As on a kernel that can neither bundle buffers nor end a recv after so many bytes: what a stream
 * is armed with from here on goes on until something else ends it. */
static inline void runs_off(struct kevy_reactor *reactor)
{
    reactor->run_bytes = 0;
    reactor->run_flags = 0;
    reactor->run_buffers = 1;
}

#endif
