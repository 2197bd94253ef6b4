/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "poster.h"

#include <string.h>

#include "link.h"
#include "world.h"

enum {
    POSTS_MAX = 16,
};

/* The latest that a wake comes through: the eventfd's change, and the poll's answer. */
#define WAKE_NS 8000000U
#define PACE_NS 50000000U

struct post {
    struct kevy_task task;
    uint64_t number;
    uint64_t at_ns;
    uint64_t busy_ns;
    bool out;
    bool deferred;
};

static struct {
    struct kevy_reactor *reactor;
    struct kevy_sim_event event;
    struct post all[POSTS_MAX];
    uint64_t posted; /* numbers given out, to posts and to deferred tasks */
    uint64_t deferred;
    uint64_t next_posted; /* that have to run next */
    uint64_t next_deferred;
    uint32_t out;
    bool stopped;
} poster;

static void post(bool deferred);

static void run(struct kevy_task *task, struct kevy_reactor *reactor)
{
    struct post *ran = KEVY_CONTAINER_OF(task, struct post, task);
    uint64_t *next = ran->deferred ? &poster.next_deferred : &poster.next_posted;
    uint64_t awake_ns = kevy_sim_awake_ns(world) - ran->busy_ns;

    EXPECT(quiet_calls == 0, "a task runs inside a call");
    EXPECT(reactor == poster.reactor && ran->out, "a task runs that was not posted");
    EXPECT(ran->number == (*next)++, "tasks run out of their order");
    EXPECT(kevy_sim_now(world) - ran->at_ns <= WAKE_NS + awake_ns,
           "nobody woke the loop for %llu ns",
           (unsigned long long)(kevy_sim_now(world) - ran->at_ns));
    ran->out = false;
    poster.out--;
    if (!poster.stopped && kevy_sim_one_in(world, 4))
        post(kevy_sim_one_in(world, 2));
}

static void post(bool deferred)
{
    struct post *one = poster.all;

    while (one < poster.all + POSTS_MAX && one->out)
        one++;
    if (one == poster.all + POSTS_MAX)
        return;
    one->task.run = run;
    one->number = deferred ? poster.deferred++ : poster.posted++;
    one->deferred = deferred;
    one->at_ns = kevy_sim_now(world);
    one->busy_ns = kevy_sim_awake_ns(world);
    one->out = true;
    poster.out++;
    if (deferred)
        kevy_reactor_defer(poster.reactor, &one->task);
    else
        kevy_reactor_post(poster.reactor, &one->task);
}

static void come(struct kevy_sim_event *event)
{
    for (uint64_t count = kevy_sim_between(world, 1, 3); count > 0; count--)
        post(false);
    kevy_sim_event_start(world, event, kevy_sim_magnitude(world, 1000, PACE_NS), come);
}

void poster_start(struct kevy_reactor *reactor)
{
    memset(&poster, 0, sizeof poster);
    poster.reactor = reactor;
    kevy_sim_event_start(world, &poster.event, kevy_sim_below(world, PACE_NS), come);
}

bool poster_stop(void)
{
    poster.stopped = true;
    kevy_sim_event_stop(world, &poster.event);
    return poster.out == 0;
}
