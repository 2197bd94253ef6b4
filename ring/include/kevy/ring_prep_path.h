/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/ring_prep_path.h - names in file systems: stat, rename, link, unlink, make, attributes.
 *
 * Part of <kevy/ring_prep.h>, which explains the rules.
 *
 *     - Each prep is the system call of its name. A worker thread runs it, because a name can
 *       block on a disk.
 *     - `dir_fd` is the descriptor of a directory or AT_FDCWD, never the index of a registered
 *       file.
 *     - Paths are BORROWED: the kernel copies them when it takes the SQE.
 *     - res is 0 unless a comment says otherwise.
 *
 * Example: replace a file by a new one, as one step
 *
 *     #include <fcntl.h>
 *     #include <kevy/ring.h>
 *     #include <kevy/ring_prep.h>
 *
 *     static int file_replace(struct kevy_ring *ring, const char *new_path, const char *path)
 *     {
 *         struct kevy_sqe *sqe = kevy_ring_sqe(ring, 1);
 *
 *         if (sqe == NULL)
 *             return -1;
 *         kevy_prep_renameat(sqe, AT_FDCWD, new_path, AT_FDCWD, path, 0);
 *         return kevy_ring_submit(ring);
 *     }
 */
#ifndef KEVY_RING_PREP_PATH_H
#define KEVY_RING_PREP_PATH_H

#include <kevy/ring_prep_base.h>

#if KEVY_RING_SUPPORTED

struct statx;

KEVY_BEGIN_DECLS

/*
 * statx(2) (5.6). `result` is PINNED. Before 5.18 `path` is PINNED too, because it is read when the
 * request runs.
 */
static inline void kevy_prep_statx(struct kevy_sqe *sqe, int dir_fd, const char *path,
                                   uint32_t statx_flags, uint32_t mask, struct statx *result)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_STATX, 0, 0, dir_fd),
                     kevy_x_word_pointer(result), kevy_x_word_pointer(path),
                     kevy_x_word_32_32(mask, statx_flags), 0, 0);
}

/* renameat2(2) (5.11). */
static inline void kevy_prep_renameat(struct kevy_sqe *sqe, int old_dir_fd, const char *old_path,
                                      int new_dir_fd, const char *new_path, uint32_t rename_flags)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_RENAMEAT, 0, 0, old_dir_fd),
                     kevy_x_word_pointer(new_path), kevy_x_word_pointer(old_path),
                     kevy_x_word_32_32((uint32_t)new_dir_fd, rename_flags), 0, 0);
}

/* unlinkat(2) (5.11). With AT_REMOVEDIR it is rmdir(2). */
static inline void kevy_prep_unlinkat(struct kevy_sqe *sqe, int dir_fd, const char *path,
                                      uint32_t unlink_flags)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_UNLINKAT, 0, 0, dir_fd), 0,
                     kevy_x_word_pointer(path), kevy_x_word_32_32(0, unlink_flags), 0, 0);
}

/* mkdirat(2) (5.15). */
static inline void kevy_prep_mkdirat(struct kevy_sqe *sqe, int dir_fd, const char *path,
                                     uint32_t mode)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_MKDIRAT, 0, 0, dir_fd), 0,
                     kevy_x_word_pointer(path), kevy_x_word_32_32(mode, 0), 0, 0);
}

/* symlinkat(2) (5.15). */
static inline void kevy_prep_symlinkat(struct kevy_sqe *sqe, const char *target, int dir_fd,
                                       const char *path)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_SYMLINKAT, 0, 0, dir_fd),
                     kevy_x_word_pointer(path), kevy_x_word_pointer(target), 0, 0, 0);
}

/* linkat(2) (5.15). */
static inline void kevy_prep_linkat(struct kevy_sqe *sqe, int old_dir_fd, const char *old_path,
                                    int new_dir_fd, const char *new_path, uint32_t hardlink_flags)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_LINKAT, 0, 0, old_dir_fd),
                     kevy_x_word_pointer(new_path), kevy_x_word_pointer(old_path),
                     kevy_x_word_32_32((uint32_t)new_dir_fd, hardlink_flags), 0, 0);
}

/* fsetxattr(2) (5.19). `name` and `value` are BORROWED. */
static inline void kevy_prep_fsetxattr(struct kevy_sqe *sqe, int fd, const char *name,
                                       const void *value, uint32_t length, uint32_t xattr_flags)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_FSETXATTR, 0, 0, fd), kevy_x_word_pointer(value),
                     kevy_x_word_pointer(name), kevy_x_word_32_32(length, xattr_flags), 0, 0);
}

/* setxattr(2) (5.19). `name` and `value` are BORROWED. */
static inline void kevy_prep_setxattr(struct kevy_sqe *sqe, const char *path, const char *name,
                                      const void *value, uint32_t length, uint32_t xattr_flags)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_SETXATTR, 0, 0, 0), kevy_x_word_pointer(value),
                     kevy_x_word_pointer(name), kevy_x_word_32_32(length, xattr_flags), 0,
                     kevy_x_word_pointer(path));
}

/*
 * fgetxattr(2) (5.19). res: the length of the value. If `length` is 0, nothing else is returned.
 * -ERANGE: the value does not fit. `name` is BORROWED, `value` is PINNED.
 */
static inline void kevy_prep_fgetxattr(struct kevy_sqe *sqe, int fd, const char *name, void *value,
                                       uint32_t length)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_FGETXATTR, 0, 0, fd), kevy_x_word_pointer(value),
                     kevy_x_word_pointer(name), kevy_x_word_32_32(length, 0), 0, 0);
}

/* getxattr(2) (5.19). As kevy_prep_fgetxattr(). */
static inline void kevy_prep_getxattr(struct kevy_sqe *sqe, const char *path, const char *name,
                                      void *value, uint32_t length)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_GETXATTR, 0, 0, 0), kevy_x_word_pointer(value),
                     kevy_x_word_pointer(name), kevy_x_word_32_32(length, 0), 0,
                     kevy_x_word_pointer(path));
}

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_RING_PREP_PATH_H */
