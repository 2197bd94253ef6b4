/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Ours: a task for each post. */
#include "library.h"

#include <kevy/kevy.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct post {
    struct kevy_task task;
    void *context;
};

static struct kevy_reactor *reactor;

struct post *library_posts(uint32_t count)
{
    return calloc(count, sizeof(struct post));
}

void library_open(void)
{
    int error = kevy_reactor_create(&reactor, NULL);

    if (error < 0) {
        fprintf(stderr, "posts: no reactor: %s\n", strerror(-error));
        exit(1);
    }
    kevy_reactor_ref(reactor); /* it waits for threads it does not know */
}

void library_run(void)
{
    (void)kevy_reactor_run(reactor);
    kevy_reactor_unref(reactor);
    kevy_reactor_destroy(reactor);
}

static void run(struct kevy_task *task, struct kevy_reactor *owner)
{
    (void)owner;
    posted(KEVY_CONTAINER_OF(task, struct post, task)->context);
}

void library_post(struct post *posts, uint32_t first, uint32_t count, void *context)
{
    posts += first;
    for (uint32_t i = 0; i < count; i++) {
        posts[i] = (struct post){.task = {.run = run}, .context = i + 1 == count ? context : NULL};
        kevy_reactor_post(reactor, &posts[i].task);
    }
}

void library_stop(void)
{
    kevy_reactor_stop(reactor);
}
