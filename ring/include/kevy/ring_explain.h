/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/ring_explain.h - why io_uring does not work here, for example in a container, in a sentence.
 *
 * An errno has several causes, and each cause has another cure. For example -EPERM comes from a
 * sysctl on one host and from a container's seccomp profile on the next. The functions here look at
 * the machine, and say which cause it is:
 *
 *     /proc/sys/kernel/io_uring_disabled     is io_uring switched off?
 *     /proc/self/status, "Seccomp:"          is a filter in force?
 *     uname(2)                               which kernel is it?
 *     RLIMIT_MEMLOCK, RLIMIT_NOFILE          which limits apply?
 *
 * They read files, so do not call them on a hot path. They keep errno. From any thread.
 *
 * Example: tell the user why a program does not start
 *
 *     #include <kevy/ring.h>
 *     #include <kevy/ring_explain.h>
 *     #include <stdio.h>
 *
 *     int main(void)
 *     {
 *         struct kevy_ring ring = {0};
 *         char text[KEVY_RING_EXPLAIN_SIZE];
 *         int error = kevy_ring_init(&ring, 64, NULL);
 *
 *         if (error < 0) {
 *             kevy_ring_explain(error, text, sizeof text);
 *             fprintf(stderr, "no ring: %s\n", text);
 *             return 1;
 *         }
 *         kevy_ring_explain_kernel(&ring, text, sizeof text);
 *         puts(text);
 *         kevy_ring_deinit(&ring);
 *         return 0;
 *     }
 */
#ifndef KEVY_RING_EXPLAIN_H
#define KEVY_RING_EXPLAIN_H

#include <kevy/api.h>

#if KEVY_RING_SUPPORTED

#include <stddef.h>

KEVY_BEGIN_DECLS

struct kevy_ring;

/* Bytes that hold any sentence, the end of the string included. */
#define KEVY_RING_EXPLAIN_SIZE 640

/*
 * Explains `error`, a negative errno from any function of these libraries. Writes a sentence,
 * without a full stop, into the `size` bytes at `text` (BORROWED). The text is always terminated.
 * It is cut if `size` is too small. An errno without a special meaning here gets the C library's
 * description.
 *
 * Returns the length of the whole sentence, as snprintf(3) does. `text` may be NULL if `size` is 0.
 */
KEVY_API int kevy_ring_explain(int error, char *text, size_t size);

/*
 * Says on which kernel *ring runs and why: for example that the soft kernel runs it, because a
 * seccomp filter forbids io_uring. Otherwise as kevy_ring_explain().
 */
KEVY_API int kevy_ring_explain_kernel(const struct kevy_ring *ring, char *text, size_t size);

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_RING_EXPLAIN_H */
