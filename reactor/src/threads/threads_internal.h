/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Work and look-ups, as the top sees them; the model of each is in its own file. */
#ifndef KEVY_REACTOR_THREADS_INTERNAL_H
#define KEVY_REACTOR_THREADS_INTERNAL_H

#include "core/names.h"

#include "core/kind.h"

extern const struct object_kind_operations work_kind;
extern const struct object_kind_operations lookup_kind;

/* The task by which a job comes home. */
void job_delivered(struct kevy_task *task, struct kevy_reactor *reactor);

/* The negative errno for a result of getaddrinfo(3); `system_error` is that of EAI_SYSTEM. */
int resolver_error(int code, int system_error);

#endif /* KEVY_REACTOR_THREADS_INTERNAL_H */
