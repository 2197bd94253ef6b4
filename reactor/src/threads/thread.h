/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Threads of the library: all signals are blocked in them; the program's own threads get these. */
#ifndef KEVY_REACTOR_THREAD_H
#define KEVY_REACTOR_THREAD_H

#include "core/names.h"

#include <kevy/api.h>

#include <pthread.h>

/* Starts a thread. Returns 0 or what pthread_create(3) fails with, negative. */
int thread_start(pthread_t *thread, void *(*main)(void *argument), void *argument);

#endif /* KEVY_REACTOR_THREAD_H */
