/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * libuv, as its documentation says: a list behind a mutex, and uv_async_send(), which coalesces.
 * With LOCK_ONCE a burst is taken for what it is: one lock and one wake for all of it.
 */
#include "library.h"

#include <stdlib.h>
#include <uv.h>

struct post {
    struct post *next;
    void *context;
};

static uv_loop_t loop;
static uv_async_t async;
static uv_mutex_t mutex;
static struct post *oldest, **newest = &oldest;

struct post *library_posts(uint32_t count)
{
    return calloc(count, sizeof(struct post));
}

static void run_all(uv_async_t *handle)
{
    struct post *next;

    (void)handle;
    uv_mutex_lock(&mutex);
    next = oldest;
    oldest = NULL;
    newest = &oldest;
    uv_mutex_unlock(&mutex);
    while (next != NULL) {
        struct post *post = next;

        next = post->next; /* it may be posted again from here on */
        posted(post->context);
    }
}

void library_open(void)
{
    uv_loop_init(&loop);
    uv_mutex_init(&mutex);
    uv_async_init(&loop, &async, run_all);
}

void library_run(void)
{
    uv_run(&loop, UV_RUN_DEFAULT);
}

#ifdef LOCK_ONCE
#define LOCKED_MAX UINT32_MAX
#else
#define LOCKED_MAX 1U
#endif

static void post_locked(struct post *posts, uint32_t count)
{
    uv_mutex_lock(&mutex);
    *newest = posts;
    newest = &posts[count - 1].next;
    uv_mutex_unlock(&mutex);
    uv_async_send(&async);
}

void library_post(struct post *posts, uint32_t first, uint32_t count, void *context)
{
    uint32_t locked;

    posts += first;
    for (uint32_t i = 0; i < count; i++)
        posts[i] = (struct post){
            .next = i + 1 < count && LOCKED_MAX > 1 ? &posts[i + 1] : NULL,
            .context = i + 1 == count ? context : NULL,
        };
    for (uint32_t i = 0; i < count; i += locked) {
        locked = count - i < LOCKED_MAX ? count - i : LOCKED_MAX;
        post_locked(posts + i, locked);
    }
}

void library_stop(void)
{
    uv_stop(&loop);
}
