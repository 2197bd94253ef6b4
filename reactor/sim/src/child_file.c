/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "child_file.h"

#include <kevy/sim_child.h>

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "clock.h"
#include "world.h"

/* P_PIDFD of waitid(2), an enumerator of younger C libraries. */
#define ID_PIDFD 3U
/* What tells requests, and no poll: the child can be reaped. */
#define REAPABLE POLLPRI

#define PID_FIRST 1000
/* Questions about a child that is held: some at once, and then one each time that so much of it has
 * passed. */
#define QUESTIONS_FREE 16U
#define QUESTIONS_NS   UINT64_C(100000000)

struct child_file {
    struct file file;
    struct kevy_sim_child *child; /* NULL: it has been reaped */
    struct child_file *next;
    uint64_t questions; /* whether it can be reaped, since it has exited */
};

static struct {
    struct kevy_sim_child *first;
    struct child_file *files;
    pid_t pid_last;
} children;

void children_reset(void)
{
    memset(&children, 0, sizeof children);
    children.pid_last = PID_FIRST;
}

static struct child_file *child_file_of(struct file *file)
{
    return (void *)((char *)file - offsetof(struct child_file, file));
}

static bool is_held(const struct kevy_sim_child *child)
{
    return child->held_ns == UINT64_MAX || clock_now() - child->exited_ns < child->held_ns;
}

static bool can_be_reaped(const struct kevy_sim_child *child)
{
    return child->state == KEVY_SIM_CHILD_EXITED && !is_held(child);
}

static uint32_t child_poll(const struct file *file)
{
    const struct kevy_sim_child *child =
        ((const struct child_file *)(const void *)((const char *)file -
                                                   offsetof(struct child_file, file)))
            ->child;

    if (child == NULL || can_be_reaped(child))
        return POLLIN | REAPABLE;
    return child->state == KEVY_SIM_CHILD_EXITED ? POLLIN : 0;
}

static void release(struct file *file)
{
    struct child_file *closed = child_file_of(file);
    struct child_file **link = &children.files;

    while (*link != closed)
        link = &(*link)->next;
    *link = closed->next;
    free(closed);
}

static const struct file_operations operations = {.poll = child_poll, .release = release};

struct file *child_file_make(pid_t pid)
{
    struct kevy_sim_child *child = children.first;
    struct child_file *made;

    while (child != NULL && child->pid != pid)
        child = child->next;
    if (child == NULL)
        return NULL;
    made = calloc(1, sizeof *made);
    assert(made != NULL);
    file_init(&made->file, FILE_CHILD, &operations);
    made->child = child;
    made->next = children.files;
    children.files = made;
    return &made->file;
}

/* ---- What happens to a child --------------------------------------------------------------- */

static void tell(const struct kevy_sim_child *child, uint32_t events)
{
    for (struct child_file *at = children.files; at != NULL; at = at->next)
        if (at->child == child)
            file_changed(&at->file, events);
}

/* It is gone: its memory is the test's again. */
static void forget(struct kevy_sim_child *child)
{
    struct kevy_sim_child **link = &children.first;

    while (*link != child)
        link = &(*link)->next;
    *link = child->next;
    child->state = KEVY_SIM_CHILD_REAPED;
    for (struct child_file *at = children.files; at != NULL; at = at->next)
        if (at->child == child)
            at->child = NULL;
}

static void let_go(struct kevy_sim_event *event)
{
    const struct kevy_sim_child *child = KEVY_CONTAINER_OF(event, struct kevy_sim_child, change);

    TRACE("child %d can be reaped", (int)child->pid);
    tell(child, POLLIN | REAPABLE);
}

static void child_exit(struct kevy_sim_child *child)
{
    TRACE("child %d exits", (int)child->pid);
    event_stop(&child->change);
    child->state = KEVY_SIM_CHILD_EXITED;
    child->exited_ns = clock_now();
    tell(child, child->is_stolen || child->held_ns == 0 ? POLLIN | REAPABLE : POLLIN);
    if (child->is_stolen)
        forget(child);
    else if (child->held_ns != 0 && child->held_ns != UINT64_MAX)
        event_start(&child->change, child->held_ns, let_go);
}

static void life_over(struct kevy_sim_event *event)
{
    child_exit(KEVY_CONTAINER_OF(event, struct kevy_sim_child, change));
}

pid_t kevy_sim_child_start(struct kevy_sim *sim, struct kevy_sim_child *child)
{
    world_check(sim);
    assert(child->state != KEVY_SIM_CHILD_RUNS && child->state != KEVY_SIM_CHILD_EXITED &&
           "the child is not reaped yet");
    child->next = children.first;
    children.first = child;
    child->state = KEVY_SIM_CHILD_RUNS;
    child->pid = ++children.pid_last;
    if (child->life_ns != UINT64_MAX)
        event_start(&child->change, child->life_ns, life_over);
    return child->pid;
}

void kevy_sim_child_kill(struct kevy_sim *sim, struct kevy_sim_child *child, int number)
{
    world_check(sim);
    if (child->state != KEVY_SIM_CHILD_RUNS)
        return;
    child->code = CLD_KILLED;
    child->status = number;
    child_exit(child);
}

/* ---- Waiting ------------------------------------------------------------------------------- */

static void reap(struct kevy_sim_child *child, siginfo_t *information)
{
    TRACE("child %d is reaped", (int)child->pid);
    forget(child);
    if (information == NULL)
        return;
    memset(information, 0, sizeof *information);
    information->si_signo = SIGCHLD;
    information->si_pid = child->pid;
    information->si_code = child->code;
    information->si_status = child->status;
}

int child_file_wait(struct file *file, void *information)
{
    struct child_file *asked = child_file_of(file);
    struct kevy_sim_child *child = asked->child;
    siginfo_t *info = information;

    EXPECT(file->kind == FILE_CHILD, "waitid of another kind of descriptor");
    if (child == NULL)
        return -ECHILD;
    if (can_be_reaped(child)) {
        reap(child, info);
        return 0;
    }
    info->si_pid = 0;
    if (child->state == KEVY_SIM_CHILD_EXITED)
        EXPECT(++asked->questions <=
                   QUESTIONS_FREE + (clock_now() - child->exited_ns) / QUESTIONS_NS,
               "a child that cannot be reaped yet is asked for all the time");
    return 0;
}

int prepare_waitid(struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;

    if (sqe->addr != 0 || sqe->buf_index != 0 || sqe->addr3 != 0 || sqe->waitid_flags != 0)
        return -EINVAL;
    EXPECT(sqe->len == ID_PIDFD && sqe->file_index == WEXITED, "waitid of another kind of id");
    return 0;
}

int run_waitid(struct request *request)
{
    struct child_file *asked = child_file_of(request->file);
    struct kevy_sim_child *child = asked->child;

    EXPECT(request->file->kind == FILE_CHILD, "waitid of another kind of descriptor");
    if (child == NULL)
        return -ECHILD;
    if (!can_be_reaped(child))
        return REQUEST_WAITS;
    reap(child, (void *)(uintptr_t)request->sqe.addr2);
    return 0;
}
