/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Groups: one thread, one reactor, nothing shared.
 *
 * Model. A thread creates its reactor itself, because a ring belongs to the thread that made it.
 * Start waits at a barrier of sorts, a count of threads that have been set up, and takes back
 * everything when one failed. Before that the members agree on a kernel: when one of them has had
 * to fall back to the soft kernel, because a limit left no memory for its ring for example, all do.
 * Finishing is a task posted to each reactor; a call that comes while that is on its way shortens
 * the time limit it brings.
 *
 * Invariants. `reactor` of a member is set by its thread before it reports, and read by others only
 * after that and before join. A thread's reactor lives until the group is joined or its start
 * failed, so that a late call finds it.
 */
#include "core/names.h"

#include <kevy/group.h>

#if KEVY_RING_SUPPORTED

#include <kevy/task.h>

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "core/reactor.h"
#include "threads/cpus.h"

struct member {
    struct kevy_group *group;
    struct kevy_reactor *reactor;
    pthread_t thread;
    uint32_t index;
    int result; /* of the set-up, then of the loop */
    uint32_t left;
    bool started;
    struct kevy_task finish;
    uint64_t finish_timeout_ns; /* with the group's lock, like the next */
    bool finish_posted;
};

struct kevy_group {
    struct kevy_group_options options;
    const struct kevy_system *system;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint32_t started;  /* threads, once all are; 0 before */
    uint32_t created;  /* members that have a reactor, or have failed to make one */
    int kernel_error;  /* not 0: why all run on the soft kernel */
    uint32_t reported; /* members that have been set up, or failed to be */
    bool go;           /* start has decided: run, or give up */
    bool failed;
    struct cpus cpus;
    struct member members[];
};

/* Waits until each member has made its first reactor; `kernel_error` is what this one fell back
 * for. Returns why all have to, or 0. */
static int members_agree(struct kevy_group *group, int kernel_error)
{
    int agreed;

    pthread_mutex_lock(&group->lock);
    group->created++;
    if (group->kernel_error == 0)
        group->kernel_error = kernel_error;
    THREADS(group, wake, &group->changed, true);
    while (group->started == 0 || group->created < group->started)
        THREADS(group, wait, &group->changed, &group->lock);
    agreed = group->kernel_error;
    pthread_mutex_unlock(&group->lock);
    return agreed;
}

static int reactor_replace(struct member *member, int kernel_error)
{
    struct kevy_reactor_options options = {0};
    int error;

    if (member->group->options.reactor != NULL)
        options = *member->group->options.reactor;
    options.kernel = KEVY_RING_KERNEL_SOFT;
    (void)kevy_reactor_destroy(member->reactor);
    member->reactor = NULL;
    error = kevy_reactor_create(&member->reactor, &options);
    if (error == 0)
        member->reactor->stats.kernel_error = member->reactor->ring.kernel_error = kernel_error;
    return error;
}

static int reactor_create(struct member *member)
{
    int error = kevy_reactor_create(&member->reactor, member->group->options.reactor);
    int own = error == 0 ? member->reactor->stats.kernel_error : 0;
    int agreed = members_agree(member->group, own);

    if (error < 0 || agreed == own || own != 0)
        return error;
    return reactor_replace(member, agreed);
}

static int member_setup(struct member *member)
{
    const struct kevy_group_options *options = &member->group->options;
    int error;

    if (options->pin)
        cpus_pin(&member->group->cpus, member->index);
    error = reactor_create(member);
    if (error < 0)
        return error;
    return options->setup(member->reactor, member->index, options->context);
}

/* Tells start how it went and waits for its decision. Returns true to run. */
static bool member_report(struct member *member)
{
    struct kevy_group *group = member->group;
    bool run;

    pthread_mutex_lock(&group->lock);
    assert(group->reported < group->options.count && !group->go);
    group->reported++;
    group->failed |= member->result < 0;
    THREADS(group, wake, &group->changed, true);
    while (!group->go)
        THREADS(group, wait, &group->changed, &group->lock);
    run = !group->failed;
    pthread_mutex_unlock(&group->lock);
    return run;
}

static void *member_main(void *argument)
{
    struct member *member = argument;
    const struct kevy_group_options *options = &member->group->options;
    struct kevy_reactor *reactor;
    bool ready;

    member->result = member_setup(member);
    ready = member->result >= 0;
    if (member_report(member))
        member->result = kevy_reactor_run(member->reactor);
    if (ready && options->teardown != NULL)
        options->teardown(member->reactor, member->index, options->context);
    /* From here on there is nothing to finish. */
    pthread_mutex_lock(&member->group->lock);
    reactor = member->reactor;
    member->reactor = NULL;
    pthread_mutex_unlock(&member->group->lock);
    member->left = kevy_reactor_destroy(reactor);
    return NULL;
}

static int member_start(struct member *member)
{
    int error = THREADS(member->group, start, &member->thread, member_main, member);

    member->started = error == 0;
    return error;
}

/* Starts every thread and waits for all reports; then lets them run, with *out set, or end. */
static int members_start(struct kevy_group *group, struct kevy_group **out)
{
    uint32_t started = 0;
    int error = 0;

    while (started < group->options.count && error == 0) {
        error = member_start(&group->members[started]);
        started += error == 0;
    }
    pthread_mutex_lock(&group->lock);
    group->started = started;
    THREADS(group, wake, &group->changed, true);
    while (group->reported < started)
        THREADS(group, wait, &group->changed, &group->lock);
    group->failed |= error < 0;
    for (uint32_t index = 0; index < started && error == 0; index++)
        if (group->members[index].result < 0)
            error = group->members[index].result;
    if (error == 0)
        *out = group;
    group->go = true;
    THREADS(group, wake, &group->changed, true);
    pthread_mutex_unlock(&group->lock);
    return error;
}

int kevy_group_start(struct kevy_group **group_out, const struct kevy_group_options *options)
{
    struct kevy_group *group;
    struct cpus cpus;
    uint32_t count;
    size_t size;
    int error;

    assert(options->setup != NULL && "a group needs a setup callback");
    error = cpus_open(&cpus);
    if (error < 0)
        return error;
    count = options->count != 0 ? options->count : cpus_quota(&cpus);
    if (__builtin_mul_overflow(count, sizeof group->members[0], &size) ||
        __builtin_add_overflow(size, sizeof *group, &size) || (group = calloc(1, size)) == NULL) {
        cpus_close(&cpus);
        return -ENOMEM;
    }
    group->options = *options;
    group->options.count = count;
    group->system = options->reactor != NULL && options->reactor->system != NULL
                        ? options->reactor->system
                        : kevy_system_host();
    group->cpus = cpus;
    pthread_mutex_init(&group->lock, NULL);
    pthread_cond_init(&group->changed, NULL);
    for (uint32_t index = 0; index < count; index++) {
        group->members[index].group = group;
        group->members[index].index = index;
    }
    error = members_start(group, group_out);
    if (error < 0)
        (void)kevy_group_join(group);
    return error;
}

static void finish_run(struct kevy_task *task, struct kevy_reactor *reactor)
{
    struct member *member = KEVY_CONTAINER_OF(task, struct member, finish);
    uint64_t timeout_ns;

    pthread_mutex_lock(&member->group->lock);
    assert(member->finish_posted);
    timeout_ns = member->finish_timeout_ns;
    member->finish_posted = false;
    pthread_mutex_unlock(&member->group->lock);
    kevy_reactor_finish(reactor, timeout_ns);
}

/* With the lock held. */
static void member_finish(struct member *member, uint64_t timeout_ns)
{
    if (member->reactor == NULL)
        return;
    if (member->finish_posted) {
        if (timeout_ns < member->finish_timeout_ns)
            member->finish_timeout_ns = timeout_ns;
        return;
    }
    assert(member->reactor != NULL && !member->finish_posted);
    member->finish.run = finish_run;
    member->finish_timeout_ns = timeout_ns;
    member->finish_posted = true;
    kevy_reactor_post(member->reactor, &member->finish);
}

void kevy_group_finish(struct kevy_group *group, uint64_t timeout_ns)
{
    pthread_mutex_lock(&group->lock);
    for (uint32_t index = 0; index < group->options.count; index++)
        member_finish(&group->members[index], timeout_ns);
    pthread_mutex_unlock(&group->lock);
}

uint32_t kevy_group_count(const struct kevy_group *group)
{
    return group->options.count;
}

int kevy_group_post(struct kevy_group *group, uint32_t index, struct kevy_task *task)
{
    int error = -ESRCH;

    assert(index < group->options.count && "the group has no such member");
    pthread_mutex_lock(&group->lock);
    if (group->members[index].reactor != NULL) {
        kevy_reactor_post(group->members[index].reactor, task);
        error = 0;
    }
    pthread_mutex_unlock(&group->lock);
    return error;
}

int kevy_group_join(struct kevy_group *group)
{
    int result = 0;

    if (group == NULL)
        return 0;
    for (uint32_t index = 0; index < group->options.count; index++) {
        struct member *member = &group->members[index];

        if (!member->started)
            continue;
        assert(!pthread_equal(member->thread, pthread_self()) &&
               "a member must not join its own group");
        THREADS(group, join, member->thread);
        if (member->result < 0 && result >= 0)
            result = member->result;
        else if (result >= 0)
            result += (int)member->left;
    }
    pthread_cond_destroy(&group->changed);
    pthread_mutex_destroy(&group->lock);
    cpus_close(&group->cpus);
    free(group);
    return result;
}

#endif /* KEVY_RING_SUPPORTED */
