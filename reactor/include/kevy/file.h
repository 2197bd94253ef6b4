/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/file.h - a file: opened, read, written, closed without blocking the loop.
 *
 * Model. A kevy_file owns a descriptor. Each operation on it has a struct of the user's and one
 * callback; any number of operations may be in flight, in any order. They are positional, and their
 * results are the kernel's own: a short read or write is passed on as it is. What the kernel cannot
 * do at once it does on worker threads of its own.
 *
 * Other descriptors that can be read and written, pipes and terminals, work as well, with
 * KEVY_FILE_POSITION as the offset. Names in file systems (rename, unlink...) have no object: see
 * <kevy/completion.h> and <kevy/ring_prep_path.h>. A reactor created `restricted` reads, writes and
 * closes adopted descriptors; its `operations` have to list KEVY_OP_OPENAT, KEVY_OP_FSYNC and
 * KEVY_OP_STATX for the rest.
 *
 * Order. `open`, unless it was closed or failed before; `close` exactly once, last, for every file
 * whose open returned 0. Every operation accepted calls `done` once, before that. Two operations in
 * flight run in no particular order: what has to come after a write, another write to the same
 * place or an fsync, is started in its `done`.
 *
 * Ownership. The struct is PINNED from a successful open to `close`, or where that callback is
 * missing to the end of the reactor. An operation, and the bytes it names, are PINNED until its
 * `done`.
 *
 * Callbacks. In `close`, and nowhere else, the file may be freed or opened again; in `done` so may
 * its operation.
 *
 * Threads: the reactor's.
 *
 * Kernel: Linux 6.1.
 */
#ifndef KEVY_FILE_H
#define KEVY_FILE_H

#include <kevy/completion.h>
#include <kevy/reactor.h>

#if KEVY_RING_SUPPORTED

struct statx;

KEVY_BEGIN_DECLS

struct kevy_file;

/* The file's own position, as of read(2), where an offset is asked for. */
#define KEVY_FILE_POSITION UINT64_MAX

/* Zero is the good default for each, but for `path`. */
struct kevy_file_options {
    const char *path; /* what to open; BORROWED until `open` or `close` */
    int flags;        /* O_RDONLY, O_CREAT...; O_CLOEXEC is added */
    uint32_t mode;    /* of a file that O_CREAT makes */

    /* The file is open and takes operations. */
    void (*open)(struct kevy_file *file);
    /* kevy_reactor_finish() was called: close the file when it is no longer needed. Without this
     * callback an open file stays open, and keeps the reactor draining up to its deadline. */
    void (*finish)(struct kevy_file *file);
    /* Last callback. `reason`: 0 after kevy_file_close(), else what openat(2) failed with (-ENOENT,
     * -EACCES..., or -EAGAIN when the kernel can make no worker thread), or -ECANCELED after the
     * end of the reactor or its drain. */
    void (*close)(struct kevy_file *file, int reason);
};

/* A file. Its fields are private. */
struct kevy_file {
    struct kevy_x_object object;
    void (*open)(struct kevy_file *file);
    void (*finish)(struct kevy_file *file);
    void (*close)(struct kevy_file *file, int reason);
    struct kevy_completion opening;
    uint32_t operations; /* in flight */
    int32_t fd;
    int32_t reason;
};

/* One operation on a file. `done` is set by the user, and required; the rest is private, and zero
 * at first. */
struct kevy_file_operation {
    /* `result` is the kernel's: >= 0, or what read(2), write(2), fsync(2) or statx(2) fail with;
     * -ECANCELED when cancelled; -EAGAIN when the kernel can make no worker thread (RLIMIT_NPROC,
     * pids.max). */
    void (*done)(struct kevy_file_operation *operation, int result);
    struct kevy_file *file;
    bool cancelled; /* by the user */
    struct kevy_completion completion;
};

/*
 * Opens *file, which is all zero or has ended (asserted); `open` or `close` follows from the loop.
 * `options` is BORROWED. Returns 0; -EINVAL without a path; or -EAGAIN when the kernel takes
 * nothing at the moment. No callback comes then.
 */
KEVY_API int kevy_file_open(struct kevy_file *file, struct kevy_reactor *reactor,
                            const struct kevy_file_options *options);

/*
 * As kevy_file_open(), and a relative path starts from the folder `directory_fd`, as of openat(2):
 * a descriptor, which is BORROWED as long as the path is, or AT_FDCWD. Also -EBADF for another
 * negative one.
 */
KEVY_API int kevy_file_open_at(struct kevy_file *file, struct kevy_reactor *reactor,
                               int directory_fd, const struct kevy_file_options *options);

/*
 * Makes *file, which is all zero or has ended (asserted), of a descriptor; `open` follows from the
 * loop. `fd` is OWNED by the file when 0 is returned; descriptor 0 is as good as any other. Returns
 * 0; -EBADF when it is none; or -EINVAL when the options have a path.
 */
KEVY_API int kevy_file_adopt(struct kevy_file *file, struct kevy_reactor *reactor, int fd,
                             const struct kevy_file_options *options);

/*
 * Reads up to `length` bytes from `offset` on. `result`: bytes, fewer near the end, 0 at it. This
 * and the three below return 0, -EBADF when the file is not open (yet, or any more), or -EAGAIN
 * when the kernel takes nothing at the moment; `done` comes after 0 only. An operation that is in
 * flight is not started again (asserted).
 */
KEVY_API int kevy_file_read(struct kevy_file *file, struct kevy_file_operation *operation,
                            void *data, uint32_t length, uint64_t offset);

/* Writes up to `length` bytes at `offset`, or at the end with O_APPEND. `result`: bytes. */
KEVY_API int kevy_file_write(struct kevy_file *file, struct kevy_file_operation *operation,
                             const void *data, uint32_t length, uint64_t offset);

/* Makes what was written before last: fsync(2), or fdatasync(2) with `data_only`. `result`: 0. */
KEVY_API int kevy_file_fsync(struct kevy_file *file, struct kevy_file_operation *operation,
                             bool data_only);

/* Asks for the STATX_* of `mask`, statx(2). `status` is PINNED until `done`. `result`: 0. */
KEVY_API int kevy_file_statx(struct kevy_file *file, struct kevy_file_operation *operation,
                             uint32_t mask, struct statx *status);

/*
 * Asks the kernel to cancel an operation; `done` still comes, with -ECANCELED where the cancel won.
 * What runs on a disk already cannot be cancelled. Returns 0, -ENOENT when it is not in flight, or
 * -EAGAIN as above.
 */
KEVY_API int kevy_file_cancel(struct kevy_file_operation *operation);

/*
 * Closes: operations in flight come to their end (cancel what might wait for ever, as a read of a
 * pipe), then `close`. Nothing is synced. An opening is given up. Idempotent.
 */
KEVY_API void kevy_file_close(struct kevy_file *file);

/* True while the operation is in flight. */
static inline bool kevy_file_operation_active(const struct kevy_file_operation *operation)
{
    return kevy_completion_active(&operation->completion);
}

/* The descriptor, BORROWED; -1 when there is none. Never close it. */
static inline int kevy_file_fd(const struct kevy_file *file)
{
    return file->object.state != 0 ? file->fd : -1;
}

/* The reactor it was opened on. */
static inline struct kevy_reactor *kevy_file_reactor(const struct kevy_file *file)
{
    return file->object.reactor;
}

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_FILE_H */
