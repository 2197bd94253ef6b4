/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Calls that would block on a blocking descriptor, and have no flag against it: accept, connect,
 * and on older kernels reads and writes of pipes, terminals and eventfds.
 *
 * Model. O_NONBLOCK is set for the length of the call. Other processes that share the file see it
 * for that long; io_uring has its own way around that, user space has not.
 */
#include "soft.h"

#if KEVY_RING_SUPPORTED

#include <fcntl.h>

/* 0, or a negative errno; *changed is what nonblocking_end() wants to know. */
int nonblocking_begin(struct soft *soft, int fd, bool *changed)
{
    int flags = soft->os->fcntl(soft->os, fd, F_GETFL, 0);
    int error = flags < 0 ? flags : 0;

    *changed = false;
    if (error < 0 || (flags & O_NONBLOCK) != 0)
        return error;
    error = soft->os->fcntl(soft->os, fd, F_SETFL, flags | O_NONBLOCK);
    *changed = error == 0;
    return error;
}

void nonblocking_end(struct soft *soft, int fd, bool changed)
{
    int flags;

    if (!changed)
        return;
    flags = soft->os->fcntl(soft->os, fd, F_GETFL, 0);
    (void)soft->os->fcntl(soft->os, fd, F_SETFL, flags & ~O_NONBLOCK);
}

#endif /* KEVY_RING_SUPPORTED */
