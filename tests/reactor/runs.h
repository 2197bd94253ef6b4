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

/* Whether recvs bring bundles that end after so many bytes (6.17). */
static inline bool kernel_has_runs(void)
{
    struct kevy_reactor *asked;
    bool has;

    if (kevy_reactor_create(&asked, NULL) < 0)
        return false;
    has = asked->run_bytes != 0 && asked->run_flags != 0;
    kevy_reactor_destroy(asked);
    return has;
}

#endif
