/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef KEVY_SIM_SRC_CHILD_FILE_H
#define KEVY_SIM_SRC_CHILD_FILE_H

/*
 * Children of the program, and the descriptors for them.
 *
 * Model. <kevy/sim_child.h> has the states of a child. Its descriptor is readable once it has
 * exited. A tracer may hold it then: waitid(2) has nothing to say, and io_uring's waits on, until
 * the child can be reaped.
 *
 * Invariants. A child is reaped once. Whoever is told "not yet" of a child that has exited asks
 * less and less often: a descriptor counts the questions, and the world fails where they are too
 * many for the time that has passed.
 */

#include "names.h"

#include "file.h"
#include "request.h"

#include <sys/types.h>

void children_reset(void);

/* A descriptor for a child, or -ESRCH. */
struct file *child_file_make(pid_t pid);

/* waitid(2) with WNOHANG and a siginfo_t: 0, whose si_pid is 0 if there is nothing to reap, or
 * -ECHILD. */
int child_file_wait(struct file *file, void *information);

int prepare_waitid(struct request *request);
int run_waitid(struct request *request);

#endif
