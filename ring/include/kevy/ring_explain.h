/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/ring_explain.h - why there is no ring, in a sentence that a person can act on.
 *
 * Set-up fails in few ways, but each errno has several causes with different cures: -EPERM is a
 * sysctl on one host and a container's seccomp profile on the next. The function looks at what can
 * be looked at
 * (/proc/sys/kernel/io_uring_disabled, the Seccomp line of /proc/self/status, the kernel's version
 * and RLIMIT_MEMLOCK) and says which it is.
 */
#ifndef KEVY_RING_EXPLAIN_H
#define KEVY_RING_EXPLAIN_H

#include <kevy/api.h>

#if KEVY_RING_SUPPORTED

#include <stddef.h>

KEVY_BEGIN_DECLS

/*
 * Writes a sentence about `error` (a negative errno from kevy_ring_init(), kevy_reactor_create() or
 * any other function of these libraries) into `text`, BORROWED, of `size` bytes: always terminated,
 * cut at `size`. Errors without a special meaning here get their plain description. Returns the
 * length of the whole sentence, as snprintf(3). Reads files: not for the hot path. From any thread.
 */
KEVY_API int kevy_ring_explain(int error, char *text, size_t size);

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_RING_EXPLAIN_H */
