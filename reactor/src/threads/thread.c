/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Threads of the library's own.
 *
 * Model. A thread inherits the mask of signals of the one that starts it, so that one blocks all of
 * them for the moment of the start. There is no moment in which the new thread could take one.
 */
#include "threads/thread.h"

#if KEVY_RING_SUPPORTED

#include <assert.h>
#include <signal.h>
#include <stddef.h>

int thread_start(pthread_t *thread, void *(*main)(void *argument), void *argument)
{
    sigset_t all, before;
    int error;

    sigfillset(&all);
    error = pthread_sigmask(SIG_SETMASK, &all, &before);
    assert(error == 0);
    error = pthread_create(thread, NULL, main, argument);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -error;
}

#endif /* KEVY_RING_SUPPORTED */
