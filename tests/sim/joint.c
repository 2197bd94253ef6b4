/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "joint.h"

#include <errno.h>
#include <kevy/ring_prep.h>

#include "link.h"
#include "world.h"

enum {
    LENGTH_MAX = 30000,
    DELAY_MAX_MS = 64,
};

static struct joint *joint_of(struct kevy_completion *completion)
{
    EXPECT(quiet_calls == 0, "a splice is told inside a call");
    return KEVY_CONTAINER_OF(completion, struct joint, splice);
}

static void joint_close(struct joint *joint)
{
    joint->open = false;
    EXPECT(joint->system->close(joint->system->context, joint->from) == 0, "a pipe is not closed");
    EXPECT(joint->system->close(joint->system->context, joint->to) == 0, "a pipe is not closed");
}

static void joint_again(struct kevy_timer *timer);

/* Later and later while the kernel has no thread, or the reactor no slot. */
static void joint_wait(struct joint *joint)
{
    joint->delay_ms = joint->delay_ms < DELAY_MAX_MS ? joint->delay_ms * 2 + 1 : DELAY_MAX_MS;
    QUIETLY(kevy_timer_start(&joint->again, kevy_completion_reactor(&joint->splice),
                             KEVY_MILLISECONDS(joint->delay_ms), joint_again));
}

static void joint_go_on(struct joint *joint)
{
    uint32_t length = (uint32_t)kevy_sim_magnitude(world, 1, LENGTH_MAX);
    struct kevy_sqe *sqe;

    QUIETLY(sqe = kevy_completion_sqe(&joint->splice));
    if (sqe == NULL) {
        joint_wait(joint);
        return;
    }
    kevy_prep_splice(sqe, joint->from, KEVY_OFFSET_CURRENT, joint->to, KEVY_OFFSET_CURRENT, length,
                     0);
}

static void joint_again(struct kevy_timer *timer)
{
    EXPECT(quiet_calls == 0, "a timer fires inside a call");
    joint_go_on(KEVY_CONTAINER_OF(timer, struct joint, again));
}

static void spliced(struct kevy_completion *completion, int result, uint32_t flags)
{
    struct joint *joint = joint_of(completion);

    EXPECT(joint->open && (flags & KEVY_CQE_F_MORE) == 0, "a splice is told twice");
    EXPECT(result >= 0 || result == -EPIPE || result == -ECANCELED || result == -EAGAIN,
           "a splice ends with %d", result);
    if (joint->aborted || result == 0 || result == -EPIPE) {
        joint_close(joint);
        return;
    }
    if (result < 0) {
        joint_wait(joint);
        return;
    }
    joint->delay_ms = 0;
    joint_go_on(joint);
}

void joint_open(struct joint *joint, struct kevy_reactor *reactor, const struct kevy_system *system,
                int from, int to)
{
    *joint = (struct joint){.system = system, .from = from, .to = to, .open = true};
    kevy_completion_init(&joint->splice, reactor, spliced);
    joint_go_on(joint);
}

void joint_abandon(struct joint *joint)
{
    joint->aborted = true;
}

void joint_gone(struct joint *joint)
{
    EXPECT(!kevy_completion_active(&joint->splice), "a splice outlives its reactor");
    if (joint->open)
        joint_close(joint);
}

void joint_abort(struct joint *joint)
{
    int error = 0;

    if (!joint->open)
        return;
    joint->aborted = true;
    QUIETLY(kevy_timer_stop(&joint->again));
    if (kevy_completion_active(&joint->splice))
        QUIETLY(error = kevy_completion_cancel(&joint->splice));
    else
        joint_close(joint);
    EXPECT(error == 0 || error == -EAGAIN, "a splice is cancelled with %d", error);
}
