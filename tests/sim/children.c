/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "children.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "link.h"
#include "world.h"

enum { CHILDREN = 8, STATUSES = 256 };

#define LIFE_NS KEVY_SECONDS(5)
#define HELD_NS KEVY_SECONDS(4)
/* The latest that an exit is told, beyond the time that the program computes: a child that was held
 * is asked for after 256 ms at most, and each step of the way may be late. */
#define LATE_NS KEVY_MILLISECONDS(400)

struct ward {
    struct kevy_sim_child child;
    struct kevy_child watch;
    struct kevy_sim_event reapable; /* from then on it can be */
    uint64_t since_ns;              /* it can be reaped, and is watched */
    uint64_t awake_ns;              /* that the program had computed by then */
    bool watched;
    bool stopped; /* the watch was ended */
    bool due;     /* it can be reaped, or was reaped elsewhere */
    bool told;    /* the exit, or that it is lost */
};

static struct {
    struct kevy_reactor *reactor;
    struct ward wards[CHILDREN];
    bool quiet;
    bool abandoned;
} all;

static struct ward *ward_of(struct kevy_child *watch)
{
    EXPECT(quiet_calls == 0, "a child is told inside a call");
    return KEVY_CONTAINER_OF(watch, struct ward, watch);
}

static void since_now(struct ward *ward)
{
    ward->since_ns = kevy_sim_now(world);
    ward->awake_ns = kevy_sim_awake_ns(world);
}

static void become_due(struct kevy_sim_event *event)
{
    struct ward *ward = KEVY_CONTAINER_OF(event, struct ward, reapable);

    ward->due = true;
    since_now(ward);
}

/* It exits after that time. */
static void due_after(struct ward *ward, uint64_t delay_ns)
{
    uint64_t held_ns = ward->child.is_stolen ? 0 : ward->child.held_ns;

    if (delay_ns + held_ns != 0)
        kevy_sim_event_start(world, &ward->reapable, delay_ns + held_ns, become_due);
    else
        become_due(&ward->reapable);
}

static void ward_begin(struct ward *ward)
{
    struct kevy_sim_child *child = &ward->child;
    bool exits = kevy_sim_one_in(world, 3);

    memset(ward, 0, sizeof *ward);
    child->life_ns =
        kevy_sim_one_in(world, 6) ? KEVY_FOREVER : kevy_sim_magnitude(world, 0, LIFE_NS);
    child->held_ns = kevy_sim_one_in(world, 4) ? kevy_sim_magnitude(world, 1, HELD_NS) : 0;
    child->code = exits ? CLD_EXITED : kevy_sim_one_in(world, 2) ? CLD_KILLED : CLD_DUMPED;
    child->status =
        exits ? (int)kevy_sim_below(world, STATUSES) : (int)kevy_sim_between(world, 1, SIGTERM);
    child->is_stolen = kevy_sim_one_in(world, 10);
    /* Before the exit itself: events of one instant come in the order of their starts. */
    if (child->life_ns != KEVY_FOREVER)
        due_after(ward, child->life_ns);
    kevy_sim_child_start(world, child);
}

static void ward_kill(struct ward *ward)
{
    if (ward->child.state != KEVY_SIM_CHILD_RUNS)
        return;
    kevy_sim_event_stop(world, &ward->reapable);
    due_after(ward, 0);
    kevy_sim_child_kill(world, &ward->child, SIGKILL);
}

static void reaped_check(const struct ward *ward)
{
    const struct kevy_sim_child *child = &ward->child;
    uint64_t late_ns = kevy_sim_now(world) - ward->since_ns;

    EXPECT(child->state == KEVY_SIM_CHILD_REAPED && !child->is_stolen,
           "child %d is told to have exited, and nobody has reaped it", (int)child->pid);
    EXPECT(ward->watch.code == child->code && ward->watch.status == child->status,
           "child %d has exited with %d, %d and is told with %d, %d", (int)child->pid, child->code,
           child->status, ward->watch.code, ward->watch.status);
    EXPECT(ward->due && late_ns <= LATE_NS + kevy_sim_awake_ns(world) - ward->awake_ns,
           "the exit of child %d is told %llu ns late", (int)child->pid,
           (unsigned long long)late_ns);
}

static void done(struct kevy_child *watch, int result)
{
    struct ward *ward = ward_of(watch);
    const struct kevy_sim_child *child = &ward->child;
    bool lost = child->state == KEVY_SIM_CHILD_REAPED && child->is_stolen;

    EXPECT(ward->watched && !ward->told, "child %d is told twice", (int)child->pid);
    ward->watched = false;
    ward->told = result == 0 || result == -ECHILD;
    if (result == 0) {
        reaped_check(ward);
        return;
    }
    if (result == -ECHILD) {
        EXPECT(lost, "child %d is told to be lost", (int)child->pid);
        return;
    }
    EXPECT(child->state != KEVY_SIM_CHILD_REAPED || lost,
           "child %d is reaped, and its watch ends with %d", (int)child->pid, result);
    EXPECT((result == -ECANCELED && (ward->stopped || all.abandoned)) ||
               (result == -ENOMEM && kevy_sim_refused(world)),
           "a watch ends with %d", result);
}

static void ward_watch(struct ward *ward)
{
    bool lost = ward->child.state == KEVY_SIM_CHILD_REAPED;
    int error;

    QUIETLY(error = kevy_child_watch(&ward->watch, all.reactor, ward->child.pid, done));
    if (error == -EMFILE && kevy_sim_refused(world))
        return;
    EXPECT(lost ? error == -ESRCH : error == 0, "a watch of a child answers %d", error);
    ward->told = lost;
    ward->watched = !lost;
    ward->stopped = false;
    if (ward->due)
        since_now(ward);
}

static void ward_act(struct ward *ward)
{
    bool exists = ward->child.state != KEVY_SIM_CHILD_NONE;

    if (!exists || ward->told) {
        if (!all.quiet && kevy_sim_one_in(world, 4))
            ward_begin(ward);
        return;
    }
    if (!ward->watched) {
        if (kevy_sim_one_in(world, 3))
            ward_watch(ward);
    } else if (!all.quiet && kevy_sim_one_in(world, 100)) {
        ward->stopped = true;
        QUIETLY(kevy_child_unwatch(&ward->watch));
    } else if (kevy_sim_one_in(world, 100)) {
        ward_kill(ward);
    }
}

void children_start(struct kevy_reactor *reactor)
{
    memset(&all, 0, sizeof all);
    all.reactor = reactor;
}

void children_turned(void)
{
    if (!all.abandoned)
        ward_act(&all.wards[kevy_sim_below(world, CHILDREN)]);
}

void children_quiet(void)
{
    all.quiet = true;
    for (int index = 0; index < CHILDREN; index++)
        if (all.wards[index].child.life_ns == KEVY_FOREVER)
            ward_kill(&all.wards[index]);
}

bool children_over(void)
{
    bool over = true;

    for (int index = 0; index < CHILDREN; index++) {
        struct ward *ward = &all.wards[index];

        if (ward->child.state == KEVY_SIM_CHILD_NONE || ward->told)
            continue;
        over = false;
        if (!ward->watched)
            ward_watch(ward);
    }
    return over;
}

void children_abandon(void)
{
    all.abandoned = true;
}

void children_gone(void)
{
    for (int index = 0; index < CHILDREN; index++) {
        struct ward *ward = &all.wards[index];

        EXPECT(!ward->watched, "a watch of a child has not ended");
        kevy_sim_event_stop(world, &ward->reapable);
    }
}
