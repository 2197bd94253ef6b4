/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Completions, as the library itself uses them: those of its objects, and the polls of the reactor.
 *
 * Model. A poll of the reactor's own goes on for as long as the reactor does. When the kernel ends
 * it, which it may at any time, the next flush arms it again.
 *
 * Invariant. completions_internal counts the polls that are armed: they are among the completions
 * in flight, and do not keep the loop running.
 */
#ifndef KEVY_REACTOR_COMPLETION_H
#define KEVY_REACTOR_COMPLETION_H

#include "core/names.h"

#include "core/object.h"

/* Handles OPERATION_COMPLETION. */
void completion_done(struct kevy_reactor *reactor, void *owner, int result, uint32_t flags);

/*
 * Asks the kernel to cancel a completion of `object` that is in flight. Returns true, or false
 * where it takes nothing at the moment; then the object is pending, and its next flush has to ask
 * again.
 */
bool completion_cancel_or_pend(struct kevy_completion *completion, struct kevy_x_object *object);

/* Polls `fd` for reading from the next flush on; `ready` is called when there is something. */
void own_poll_start(struct own_poll *poll, struct kevy_reactor *reactor, int fd,
                    void (*ready)(struct kevy_reactor *reactor));

/* Arms those that have ended, or were just started. */
void own_polls_arm(struct kevy_reactor *reactor);

#endif /* KEVY_REACTOR_COMPLETION_H */
