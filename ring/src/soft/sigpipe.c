/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * SIGPIPE, which a splice to a socket without a peer raises, and cannot be told not to. io_uring
 * splices on a worker thread, which ignores it.
 *
 * Model. The signal is blocked for the length of the call; one that has come by then is taken back.
 * It is the thread's own, so nobody else's is lost.
 */
#include "soft.h"

#if KEVY_RING_SUPPORTED

#include <signal.h>
#include <sys/syscall.h>

#define MASK_SIZE 8U

/* The kernel's set with SIGPIPE in it, on all machines but MIPS, which has twice the size. */
static uint64_t sigpipe_set(void)
{
    return UINT64_C(1) << (SIGPIPE - 1);
}

/* Blocks the signal; *before is for sigpipe_end(). */
void sigpipe_begin(struct soft *soft, uint64_t *before)
{
    const uint64_t set = sigpipe_set();
    const long arguments[6] = {SIG_BLOCK, (long)&set, (long)before, MASK_SIZE};

    *before = set;
    (void)soft->os->call(soft->os, SYS_rt_sigprocmask, arguments);
}

void sigpipe_end(struct soft *soft, const uint64_t *before, long result, uint32_t length)
{
    const uint64_t set = sigpipe_set();
    const struct kevy_timespec none = {0, 0};
    const long wait[6] = {(long)&set, 0, (long)&none, MASK_SIZE};
    const long restore[6] = {SIG_SETMASK, (long)before, 0, MASK_SIZE};

    if ((*before & set) != 0)
        return; /* the user blocks it, and sees it pending if that is what he wants */
    /* A peer that leaves in the middle raises it, too, and the count is of what went before. */
    if (result != -EAGAIN && result < (long)length)
        (void)soft->os->call(soft->os, SYS_rt_sigtimedwait, wait);
    (void)soft->os->call(soft->os, SYS_rt_sigprocmask, restore);
}

#endif /* KEVY_RING_SUPPORTED */
