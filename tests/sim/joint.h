/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef SIM_JOINT_H
#define SIM_JOINT_H

/*
 * What carries bytes from one pipe to the next without reading them: splices, one after the other,
 * as requests of a completion.
 *
 * Model. It ends when its source does, when nobody reads its target, or when it is aborted, and
 * then closes its two descriptors. Without a thread of the kernel it tries again later.
 */

#include <kevy/kevy.h>
#include <stdbool.h>

struct joint {
    struct kevy_completion splice;
    struct kevy_timer again;
    const struct kevy_system *system;
    int from;
    int to;
    uint32_t delay_ms;
    bool open; /* its descriptors are */
    bool aborted;
};

/* It owns the descriptors from here on. */
void joint_open(struct joint *joint, struct kevy_reactor *reactor, const struct kevy_system *system,
                int from, int to);

/* The reactor gives up its requests from here on. */
void joint_abandon(struct joint *joint);

/* The reactor is gone. */
void joint_gone(struct joint *joint);

/* Ends it: what it had taken from its source is in its target. */
void joint_abort(struct joint *joint);

#endif
