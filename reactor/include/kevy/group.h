/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/group.h - one reactor for each CPU.
 *
 * Model
 *
 *     A group is a number of threads. Each runs a reactor of its own, and they share nothing. On
 *     each thread `setup` opens the objects of its reactor, for example a listener with
 *     `reuse_port`. With this option all listeners have the same port, and the kernel distributes
 *     the connections among them.
 *
 *     All signals are blocked in these threads, so the thread that starts the group gets them.
 *
 * Order
 *
 *     On each thread come `setup`, the loop, `teardown`, and then the last callbacks of the objects
 *     that are still alive, which are aborted. The threads do this at the same time, but no loop
 *     begins before all `setup` have returned. If one `setup` fails, no loop begins, and `teardown`
 *     is called on the other threads.
 *
 * Ownership
 *
 *     The group is OWNED by the caller until kevy_group_join(). Until then the memory at `context`
 *     is PINNED, and so is an allocator of the reactors, which all threads use.
 *
 * Callbacks
 *
 *     `setup` and `teardown` may call all functions except kevy_reactor_destroy() and
 *     kevy_group_join().
 *
 * Threads
 *
 *     One thread starts the group and joins it. kevy_group_finish() may be called from any thread
 *     before the join.
 *
 *     To end at a signal, the thread that started the group waits for the signal, with sigwait(3)
 *     or with a reactor of its own, and then calls finish and join. Or a callback of a member calls
 *     finish.
 *
 * Kernel
 *
 *     All members run on the same kernel. With KEVY_RING_KERNEL_AUTOMATIC all of them run on the
 *     soft kernel if io_uring is refused to one of them.
 *
 * Example: an echo server with a reactor for each CPU, until SIGINT or SIGTERM
 *
 *     #include <kevy/kevy.h>
 *     #include <errno.h>
 *     #include <signal.h>
 *     #include <stdio.h>
 *     #include <stdlib.h>
 *
 *     static void client_read(struct kevy_stream *stream, struct kevy_buffer *buffer)
 *     {
 *         kevy_stream_forward(stream, buffer);
 *     }
 *
 *     static void client_close(struct kevy_stream *stream, int reason)
 *     {
 *         (void)reason;
 *         free(stream);
 *     }
 *
 *     static const struct kevy_stream_events client_events = {
 *         .read = client_read,
 *         .close = client_close,
 *     };
 *
 *     static struct kevy_stream *client_accept(struct kevy_listener *listener)
 *     {
 *         struct kevy_stream *stream = calloc(1, sizeof *stream);
 *
 *         (void)listener;
 *         return stream != NULL ? kevy_stream_init(stream, &client_events) : NULL;
 *     }
 *
 *     static void listener_close(struct kevy_listener *listener)
 *     {
 *         free(listener);
 *     }
 *
 *     static int member_setup(struct kevy_reactor *reactor, uint32_t index, void *context)
 *     {
 *         struct kevy_listener_options options = {
 *             .port = *(const uint16_t *)context,
 *             .reuse_port = true,
 *             .accept = client_accept,
 *             .close = listener_close,
 *         };
 *         struct kevy_listener *listener = calloc(1, sizeof *listener);
 *         int error = listener != NULL ? kevy_listener_open(listener, reactor, &options) : -ENOMEM;
 *
 *         (void)index;
 *         if (error != 0)
 *             free(listener);
 *         return error;
 *     }
 *
 *     int main(int argc, char **argv)
 *     {
 *         uint16_t port = (uint16_t)(argc > 1 ? atoi(argv[1]) : 7000);
 *         struct kevy_group_options options = {.context = &port, .setup = member_setup};
 *         struct kevy_group *group;
 *         sigset_t signals;
 *         int error, number;
 *
 *         sigemptyset(&signals);
 *         sigaddset(&signals, SIGINT);
 *         sigaddset(&signals, SIGTERM);
 *         sigprocmask(SIG_BLOCK, &signals, NULL);
 *         error = kevy_group_start(&group, &options);
 *         if (error != 0) {
 *             fprintf(stderr, "not started: %d\n", error);
 *             return 1;
 *         }
 *         sigwait(&signals, &number);
 *         kevy_group_finish(group, KEVY_SECONDS(5));
 *         return kevy_group_join(group) < 0;
 *     }
 */
#ifndef KEVY_GROUP_H
#define KEVY_GROUP_H

#include <kevy/reactor.h>

#if KEVY_RING_SUPPORTED

KEVY_BEGIN_DECLS

struct kevy_group;
struct kevy_task;

/* Options of kevy_group_start(). A member that is zero means the default, which stands in
 * brackets. */
struct kevy_group_options {
    /* Number of reactors [one for each CPU that the calling thread may use, but no more than the
     * quota of its cgroup (cpu.max) allows, rounded up]. */
    uint32_t count;
    bool pin; /* pins thread i to CPU i of these, and begins again after the last one */
    const struct kevy_reactor_options *reactor; /* for each of them; BORROWED; may be NULL */
    void *context;                              /* passed to the two callbacks */
    /* Called on each thread before its loop begins; `index` is the number of the thread, from 0 on.
     * A negative errno ends the start. Required. */
    int (*setup)(struct kevy_reactor *reactor, uint32_t index, void *context);
    /* Called on each thread after its loop, before its reactor is destroyed. May be NULL. */
    void (*teardown)(struct kevy_reactor *reactor, uint32_t index, void *context);
};

/*
 * Starts the threads, and waits until `setup` has returned on each. `options` is BORROWED. Returns
 * 0 with the group in *group, which is stored before the first loop begins. Otherwise it returns
 * the first error, and everything that was started has been undone:
 *
 *     -ENOMEM  no memory
 *     -EAGAIN  too many threads, or another error of pthread_create(3)
 *
 * or an error of kevy_reactor_create() or of `setup`.
 */
KEVY_API int kevy_group_start(struct kevy_group **group, const struct kevy_group_options *options);

/*
 * Calls kevy_reactor_finish() for every reactor, and does not wait. It may be called again; the
 * earliest limit counts. It may be called from any thread, but not from a signal handler.
 */
KEVY_API void kevy_group_finish(struct kevy_group *group, uint64_t timeout_ns);

/* The number of reactors. From any thread. */
KEVY_API uint32_t kevy_group_count(const struct kevy_group *group);

/*
 * Posts a task to reactor `index`, which is below the count (asserted), like kevy_reactor_post().
 * To reach all of them, post a task of its own to each. It may be called from any thread until
 * kevy_group_join(), but not from a signal handler. Returns 0 or
 *
 *     -ESRCH  this loop has ended
 */
KEVY_API int kevy_group_post(struct kevy_group *group, uint32_t index, struct kevy_task *task);

/*
 * Waits until every loop has ended, and destroys the reactors and the group. Returns the number of
 * objects that were aborted, or the first error of a loop, as from kevy_reactor_run(). NULL is
 * accepted and returns 0.
 */
KEVY_API int kevy_group_join(struct kevy_group *group);

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_GROUP_H */
