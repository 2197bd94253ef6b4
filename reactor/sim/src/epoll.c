/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "epoll.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "chance.h"
#include "clock.h"
#include "world.h"

#define LATE_LEAST_NS 1000U
#define LATE_MOST_NS  3000000U
/* Reported whether they were asked for or not. */
#define EVENTS_ALWAYS (EPOLLERR | EPOLLHUP)

struct epoll_file;

struct watch {
    struct watch *next;      /* of the set, oldest first */
    struct watch *file_next; /* of the file */
    struct epoll_file *set;
    struct file *file;
    int fd;
    struct epoll_event event;
    struct kevy_sim_event late;
    uint64_t order; /* in which it became ready */
    bool ready;
};

struct epoll_file {
    struct file file;
    struct watch *watches;
    uint64_t orders;
};

static struct epoll_file *epoll_of(struct file *file)
{
    EXPECT(file->kind == FILE_EPOLL, "not an epoll descriptor");
    return (void *)((char *)file - offsetof(struct epoll_file, file));
}

static void watch_free(struct watch *watch)
{
    struct watch **link = &watch->set->watches;

    while (*link != watch)
        link = &(*link)->next;
    *link = watch->next;
    for (link = &watch->file->watches; *link != watch;)
        link = &(*link)->file_next;
    *link = watch->file_next;
    event_stop(&watch->late);
    free(watch);
}

static void release(struct file *file)
{
    struct epoll_file *set = epoll_of(file);

    while (set->watches != NULL)
        watch_free(set->watches);
    free(set);
}

static uint32_t nothing(const struct file *file)
{
    (void)file;
    return 0;
}

static const struct file_operations operations = {.poll = nothing, .release = release};

struct file *epoll_make(void)
{
    struct epoll_file *set = calloc(1, sizeof *set);

    assert(set != NULL);
    file_init(&set->file, FILE_EPOLL, &operations);
    return &set->file;
}

static struct watch *watch_find(struct epoll_file *set, int fd)
{
    struct file *file = file_at(fd, "epoll_ctl");
    struct watch *watch = set->watches;

    while (watch != NULL && (watch->fd != fd || watch->file != file))
        watch = watch->next;
    return watch;
}

static void ready(struct watch *watch)
{
    if (!watch->ready)
        watch->order = watch->set->orders++;
    watch->ready = true;
}

static void late_over(struct kevy_sim_event *event)
{
    ready(KEVY_CONTAINER_OF(event, struct watch, late));
}

static uint32_t state_of(const struct watch *watch)
{
    return watch->file->operations->poll(watch->file) & (watch->event.events | EVENTS_ALWAYS);
}

int epoll_add(struct file *file, int fd, const struct epoll_event *event)
{
    struct epoll_file *set = epoll_of(file);
    struct watch **link = &set->watches;
    struct watch *watch = watch_find(set, fd);

    if (watch != NULL)
        return -EEXIST;
    EXPECT((event->events & EPOLLET) != 0, "epoll without EPOLLET");
    watch = calloc(1, sizeof *watch);
    assert(watch != NULL);
    watch->set = set;
    watch->file = file_at(fd, "epoll_ctl");
    watch->fd = fd;
    watch->event = *event;
    watch->file_next = watch->file->watches;
    watch->file->watches = watch;
    while (*link != NULL)
        link = &(*link)->next;
    *link = watch;
    if (state_of(watch) != 0)
        ready(watch);
    return 0;
}

int epoll_change(struct file *file, int fd, const struct epoll_event *event)
{
    struct watch *watch = watch_find(epoll_of(file), fd);

    if (watch == NULL)
        return -ENOENT;
    watch->event = *event;
    if (state_of(watch) != 0)
        ready(watch);
    return 0;
}

int epoll_remove(struct file *file, int fd)
{
    struct watch *watch = watch_find(epoll_of(file), fd);

    if (watch == NULL)
        return -ENOENT;
    watch_free(watch);
    return 0;
}

/* The ready watch that is reported next: the oldest, or any. */
static struct watch *next_ready(const struct epoll_file *set)
{
    struct watch *found = NULL;
    uint64_t count = 0;
    bool any = chance(KEVY_SIM_WAKE_REORDERED);

    for (struct watch *watch = set->watches; watch != NULL; watch = watch->next) {
        if (!watch->ready)
            continue;
        count++;
        if (found == NULL || (any ? chance_one_in(count) : watch->order < found->order))
            found = watch;
    }
    return found;
}

bool epoll_ready(const struct file *file)
{
    const struct epoll_file *set =
        (const void *)((const char *)file - offsetof(struct epoll_file, file));
    const struct watch *watch = set->watches;

    while (watch != NULL && !watch->ready)
        watch = watch->next;
    return watch != NULL;
}

int epoll_collect(struct file *file, struct epoll_event *events, int room)
{
    struct epoll_file *set = epoll_of(file);
    struct watch *watch;
    int count = 0;

    while (count < room && (watch = next_ready(set)) != NULL) {
        uint32_t state = state_of(watch);

        watch->ready = false;
        if (state == 0)
            continue;
        events[count].events = state;
        events[count].data = watch->event.data;
        world_note((uint64_t)(unsigned)watch->fd << 32 | state);
        TRACE("  epoll: %d has %x", watch->fd, state);
        count++;
    }
    return count;
}

void epoll_changed(struct file *file, uint32_t events)
{
    for (struct watch *watch = file->watches; watch != NULL; watch = watch->file_next) {
        if ((events & (watch->event.events | EVENTS_ALWAYS)) == 0)
            continue;
        if (event_started(&watch->late))
            continue; /* it will be noticed together with what was before */
        if (chance(KEVY_SIM_WAKE_LATE))
            event_start(&watch->late, chance_magnitude(LATE_LEAST_NS, LATE_MOST_NS), late_over);
        else
            ready(watch);
    }
}

void epoll_forget(struct file *file)
{
    while (file->watches != NULL)
        watch_free(file->watches);
}
