/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/task.h - callbacks that any thread can ask for.
 *
 * Model
 *
 *     kevy_reactor_post() puts a task into a lock-free list, which has many producers and one
 *     consumer. It wakes the loop with one system call, and only if the loop sleeps, so many posts
 *     at once cost one wake.
 *
 * Order
 *
 *     Each task runs once, in step 5 of a turn: first the deferred tasks, then the posted ones.
 *     Tasks that one thread posts run in the order of posting. One turn runs 4096 tasks at most.
 *     If a task posts or defers a task, that one runs in the next turn. If another callback does,
 *     it runs in this turn.
 *
 * Ownership
 *
 *     The struct is PINNED until `run` is called, or until kevy_reactor_destroy() drops it. Until
 *     then it must not be posted or deferred again.
 *
 * Callbacks
 *
 *     `run` may free its task, or post it again.
 *
 * Threads
 *
 *     kevy_reactor_post() may be called from any thread. kevy_reactor_defer() and `run` belong to
 *     the thread of the reactor. `run` sees all that the other thread wrote before the post.
 *
 * Kernel
 *
 *     No requirements of its own.
 *
 * Example: another thread sends a line to the loop
 *
 *     #include <kevy/task.h>
 *     #include <pthread.h>
 *     #include <stdio.h>
 *
 *     struct message {
 *         struct kevy_task task;
 *         struct kevy_reactor *reactor;
 *         char text[16];
 *     };
 *
 *     static void message_run(struct kevy_task *task, struct kevy_reactor *reactor)
 *     {
 *         puts(KEVY_CONTAINER_OF(task, struct message, task)->text);
 *         kevy_reactor_unref(reactor);
 *     }
 *
 *     static void *other_thread(void *argument)
 *     {
 *         struct message *message = argument;
 *
 *         snprintf(message->text, sizeof message->text, "hello");
 *         kevy_reactor_post(message->reactor, &message->task);
 *         return NULL;
 *     }
 *
 *     int main(void)
 *     {
 *         struct message message = {.task = {.run = message_run}};
 *         pthread_t thread;
 *         int error = kevy_reactor_create(&message.reactor, NULL);
 *
 *         if (error != 0 || pthread_create(&thread, NULL, other_thread, &message) != 0)
 *             return 1;
 *         kevy_reactor_ref(message.reactor);
 *         error = kevy_reactor_run(message.reactor);
 *         pthread_join(thread, NULL);
 *         kevy_reactor_destroy(message.reactor);
 *         return error == 0 ? 0 : 1;
 *     }
 */
#ifndef KEVY_TASK_H
#define KEVY_TASK_H

#include <kevy/reactor.h>

#if KEVY_RING_SUPPORTED

KEVY_BEGIN_DECLS

struct kevy_task;

typedef void (*kevy_task_run)(struct kevy_task *task, struct kevy_reactor *reactor);

/* A task. Set `run` before you post or defer it. */
struct kevy_task {
    kevy_task_run run;
    struct kevy_task *next; /* private */
};

/*
 * Hands `task` to the reactor, which must exist until the call returns. It may be called from any
 * thread, also from the reactor's own, but not from a signal handler. It never fails and never
 * blocks.
 */
KEVY_API void kevy_reactor_post(struct kevy_reactor *reactor, struct kevy_task *task);

/* Like kevy_reactor_post(), from the reactor's own thread only, without an atomic operation. */
KEVY_API void kevy_reactor_defer(struct kevy_reactor *reactor, struct kevy_task *task);

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_TASK_H */
