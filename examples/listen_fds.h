/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef EXAMPLES_LISTEN_FDS_H
#define EXAMPLES_LISTEN_FDS_H

/*
 * Socket activation, as of systemd: whoever starts a server opens its listening socket before, and
 * keeps it open when the server ends. So clients wait in its queue while the server is restarted.
 * sd_listen_fds(3) says how a process gets the socket: LISTEN_PID is its own number, LISTEN_FDS
 * counts the descriptors, and these begin with 3.
 */

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define LISTEN_FDS_FIRST 3

/* The descriptor of the socket, 0 when none was passed, or -E2BIG for more than one. */
static inline int listen_fds_socket(void)
{
    const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");

    if (!pid || !count || strtol(pid, NULL, 10) != getpid())
        return 0;
    switch (strtol(count, NULL, 10)) {
    case 0:
        return 0;
    case 1:
        return LISTEN_FDS_FIRST;
    default:
        return -E2BIG;
    }
}

#endif
