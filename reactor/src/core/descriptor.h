/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Descriptors that end.
 *
 * Model. Every descriptor that the library closes goes through here, by a request of the ring or by
 * a system call, so that whoever stopped for want of one, which is a listener, goes on at once.
 * They wait in a queue of the reactor, and each close lets all of them try again: what one of them
 * takes the others then lack, and they queue again.
 *
 * Invariant. No callback comes from a close: those who waited are made pending, and the flush tells
 * them.
 */
#ifndef KEVY_REACTOR_DESCRIPTOR_H
#define KEVY_REACTOR_DESCRIPTOR_H

#include "core/names.h"

#include "core/reactor.h"

/* close(2), within the call. */
void descriptor_close_now(struct kevy_reactor *reactor, int fd);

/*
 * Writes the request that closes the descriptor of `object`; the `closed` of its kind comes when
 * it is answered. Returns false where the kernel takes nothing at the moment; then the object is
 * pending, and its next flush has to ask again.
 */
bool descriptor_close(struct kevy_x_object *object, int fd);

/* Handles OPERATION_CLOSE. */
void descriptor_closed(struct kevy_reactor *reactor, void *owner, int result, uint32_t flags);

/* Waits for a descriptor to become free; idempotent, as is the other. */
void descriptor_await(struct kevy_reactor *reactor, struct kevy_x_waiter *waiter);
void descriptor_await_no_more(struct kevy_reactor *reactor, struct kevy_x_waiter *waiter);

#endif /* KEVY_REACTOR_DESCRIPTOR_H */
