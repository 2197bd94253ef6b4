/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef KEVY_SIM_SRC_THREAD_H
#define KEVY_SIM_SRC_THREAD_H

/*
 * Threads of the program.
 *
 * Model. A thread is a real one, and exactly one of all runs: the one that has the turn. It gives
 * the turn away where it enters the kernel and where it waits: for completions, for a condition,
 * for the end of another. Chance chooses who is next, among those that can go on. When nobody can,
 * the clock moves to the next event. The thread that runs the world is the first, and always there.
 *
 *     started --chosen--> runs --waits--> asleep --what it waits for, and chosen--> runs ... ended
 *
 * Invariants. All that a thread does between two such places is done before another runs, so a lock
 * that it does not hold there is always free. While there is one thread alone, nothing is drawn.
 */

#include "names.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

void threads_reset(void);

/* Besides the first. */
uint32_t threads_left(void);

/* Another one may go on before this one does. */
void thread_yield(void);

/*
 * Lets others run, or the next event of the world happen: whoever waits calls it until `awake`
 * says true of the argument. False when the deadline has come, and also when that is CLOCK_NEVER
 * and nothing will ever happen.
 */
bool thread_sleep(bool (*awake)(const void *argument), const void *argument, uint64_t deadline_ns);

/* For the table of system calls. */
int sim_thread_start(void *context, pthread_t *thread, void *(*main)(void *argument),
                     void *argument);
void sim_thread_join(void *context, pthread_t thread);
void sim_thread_wait(void *context, pthread_cond_t *changed, pthread_mutex_t *lock);
void sim_thread_wake(void *context, pthread_cond_t *changed, bool all);

#endif
