/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * beneath.h - opens files below a folder, and no others.
 *
 * Model. The kernel resolves the path, and refuses one that leaves the folder: by "..", by an
 * absolute path, or by a symbolic link (openat2(2) with RESOLVE_BENEATH, from Linux 5.6). Where a
 * kernel or a seccomp filter does not have that call, the path is opened name by name: then ".."
 * and all symbolic links are refused.
 */
#ifndef FILE_SERVER_BENEATH_H
#define FILE_SERVER_BENEATH_H

/*
 * Opens `path` for reading, below `folder`. Does not wait for a named pipe. Returns a descriptor,
 * OWNED by the caller, or a negative errno: -EXDEV or -ELOOP for a path that leaves the folder,
 * else those of open(2).
 */
int beneath_open(int folder, const char *path);

/* The second way alone, for its tests. */
int beneath_open_by_name(int folder, const char *path);

#endif
