/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/file.h - a file, without blocking the loop.
 *
 * Model
 *
 *     A kevy_file owns a descriptor. An operation on it is a struct of its own with one callback.
 *     Any number of operations may be in flight.
 *
 *     Operations have an offset, so they are independent of each other. Their results are those of
 *     the kernel: a read or a write may be short. If the kernel cannot do an operation at once, one
 *     of its own worker threads does it.
 *
 *     Pipes and terminals work, too, with KEVY_FILE_POSITION as the offset. For operations on
 *     names, for example rename and unlink, use <kevy/completion.h> with <kevy/ring_prep_path.h>.
 *
 *     A reactor with `restricted` can read, write and close adopted descriptors. For the rest its
 *     `operations` must list KEVY_OP_OPENAT, KEVY_OP_FSYNC and KEVY_OP_STATX.
 *
 * Order
 *
 *     `open`, unless opening failed or the file was closed before. `close` is the last callback and
 *     comes once, if the open function returned 0. Each accepted operation calls `done` once,
 *     before `close`.
 *
 *     Operations in flight have no order. If one must come after another, for example an fsync
 *     after a write, start it in the `done` of the first.
 *
 * Ownership
 *
 *     The struct is PINNED from a successful open to `close`. Without a `close` callback it is
 *     PINNED until kevy_reactor_destroy(). An operation and its bytes are PINNED until its `done`.
 *
 * Callbacks
 *
 *     In `close`, and in no other callback, the file may be freed or opened again. In `done` the
 *     operation may be freed or started again.
 *
 * Threads
 *
 *     The thread of the reactor.
 *
 * Kernel
 *
 *     No requirements of its own.
 *
 * Example: print the version of the kernel
 *
 *     #include <kevy/file.h>
 *     #include <fcntl.h>
 *     #include <stdio.h>
 *
 *     static struct version {
 *         struct kevy_file file;
 *         struct kevy_file_operation operation;
 *         char text[256];
 *     } version;
 *
 *     static void read_done(struct kevy_file_operation *operation, int result)
 *     {
 *         (void)operation;
 *         if (result > 0)
 *             printf("%.*s", result, version.text);
 *         kevy_file_close(&version.file);
 *     }
 *
 *     static void file_open(struct kevy_file *file)
 *     {
 *         version.operation.done = read_done;
 *         if (kevy_file_read(file, &version.operation, version.text, sizeof version.text, 0) != 0)
 *             kevy_file_close(file);
 *     }
 *
 *     static void file_close(struct kevy_file *file, int reason)
 *     {
 *         (void)file;
 *         if (reason != 0)
 *             printf("error %d\n", reason);
 *     }
 *
 *     int main(void)
 *     {
 *         struct kevy_file_options options = {
 *             .path = "/proc/version",
 *             .flags = O_RDONLY,
 *             .open = file_open,
 *             .close = file_close,
 *         };
 *         struct kevy_reactor *reactor = NULL;
 *         int error = kevy_reactor_create(&reactor, NULL);
 *
 *         if (error == 0)
 *             error = kevy_file_open(&version.file, reactor, &options);
 *         if (error == 0)
 *             error = kevy_reactor_run(reactor);
 *         kevy_reactor_destroy(reactor);
 *         return error == 0 ? 0 : 1;
 *     }
 */
#ifndef KEVY_FILE_H
#define KEVY_FILE_H

#include <kevy/completion.h>
#include <kevy/reactor.h>

#if KEVY_RING_SUPPORTED

struct statx;

KEVY_BEGIN_DECLS

struct kevy_file;

/* As an offset: the position of the file, like read(2) and write(2) use it. */
#define KEVY_FILE_POSITION UINT64_MAX

/* Options of the functions that open or adopt a file. Only `path` is required, and only to open. */
struct kevy_file_options {
    const char *path; /* BORROWED until `open` or `close` */
    int flags;        /* of open(2), for example O_RDONLY; O_CLOEXEC is added */
    uint32_t mode;    /* of a file that O_CREAT makes */

    /* The file is open, and takes operations. May be NULL. */
    void (*open)(struct kevy_file *file);
    /* kevy_reactor_finish() was called: close the file as soon as you do not need it any more.
     * Without this callback the file stays open, and the reactor ends only at its time limit. */
    void (*finish)(struct kevy_file *file);
    /*
     * The last callback. May be NULL. `reason` is
     *
     *     0           after kevy_file_close()
     *     -ECANCELED  at the end of the reactor, or at the limit of kevy_reactor_finish()
     *     -EAGAIN     the kernel can make no worker thread (RLIMIT_NPROC, pids.max)
     *
     * or an error of openat(2), for example -ENOENT or -EACCES.
     */
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

/* An operation. Set `done`, which is required, before you start it. The rest is private. */
struct kevy_file_operation {
    /*
     * `result` is 0 or more on success, or
     *
     *     -ECANCELED  the operation was cancelled
     *     -EAGAIN     the kernel can make no worker thread (RLIMIT_NPROC, pids.max)
     *
     * or an error of read(2), write(2), fsync(2) or statx(2).
     */
    void (*done)(struct kevy_file_operation *operation, int result);
    struct kevy_file *file;
    bool cancelled; /* by the user */
    struct kevy_completion completion;
};

/*
 * Opens *file, which is idle (asserted). `open` or `close` comes in a later turn. `options` is
 * BORROWED. Returns 0 or an error; then no callback comes:
 *
 *     -EINVAL  there is no path
 *     -EAGAIN  the kernel takes no requests at the moment
 */
KEVY_API int kevy_file_open(struct kevy_file *file, struct kevy_reactor *reactor,
                            const struct kevy_file_options *options);

/*
 * Like kevy_file_open(), but a relative path starts from the directory `directory_fd`, like in
 * openat(2). This descriptor is BORROWED as long as the path is; it may be AT_FDCWD. Also returns
 *
 *     -EBADF  `directory_fd` is another negative number
 */
KEVY_API int kevy_file_open_at(struct kevy_file *file, struct kevy_reactor *reactor,
                               int directory_fd, const struct kevy_file_options *options);

/*
 * Starts *file, which is idle (asserted), with the descriptor `fd`. On success the file OWNS it; it
 * may be 0. `open` comes in the next turn. Returns 0 or an error; then no callback comes:
 *
 *     -EBADF   `fd` is not open
 *     -EINVAL  the options have a path
 */
KEVY_API int kevy_file_adopt(struct kevy_file *file, struct kevy_reactor *reactor, int fd,
                             const struct kevy_file_options *options);

/*
 * Reads up to `length` bytes from `offset` on. `result` of `done` is the number of bytes, 0 at the
 * end of the file.
 *
 * Each of the four functions that start an operation returns 0 or an error; then `done` does not
 * come:
 *
 *     -EBADF   the file is not open
 *     -EAGAIN  the kernel takes no requests at the moment
 *
 * An operation that is in flight must not be started again (asserted).
 */
KEVY_API int kevy_file_read(struct kevy_file *file, struct kevy_file_operation *operation,
                            void *data, uint32_t length, uint64_t offset);

/* Writes up to `length` bytes at `offset`, or at the end with O_APPEND. `result` is the number of
 * bytes. */
KEVY_API int kevy_file_write(struct kevy_file *file, struct kevy_file_operation *operation,
                             const void *data, uint32_t length, uint64_t offset);

/* Writes all data to the disk: fsync(2), or fdatasync(2) with `data_only`. `result` is 0. */
KEVY_API int kevy_file_fsync(struct kevy_file *file, struct kevy_file_operation *operation,
                             bool data_only);

/* Asks for the information in `mask` (STATX_*); see statx(2). `status` is PINNED until `done`.
 * `result` is 0. */
KEVY_API int kevy_file_statx(struct kevy_file *file, struct kevy_file_operation *operation,
                             uint32_t mask, struct statx *status);

/*
 * Asks the kernel to cancel an operation. `done` still comes: with -ECANCELED, or with the ordinary
 * result if the operation was faster. An operation that a disk has begun cannot be cancelled.
 * Returns 0 or
 *
 *     -ENOENT  the operation is not in flight
 *     -EAGAIN  the kernel takes no requests at the moment
 */
KEVY_API int kevy_file_cancel(struct kevy_file_operation *operation);

/*
 * Closes the file when all operations in flight have ended; then `close` comes. Before, cancel
 * operations that can take for any time, for example a read of a pipe. Nothing is synced to disk.
 * If the file is still being opened, it gives up. Idempotent.
 */
KEVY_API void kevy_file_close(struct kevy_file *file);

/* Returns true while the operation is in flight. */
static inline bool kevy_file_operation_active(const struct kevy_file_operation *operation)
{
    return kevy_completion_active(&operation->completion);
}

/* Returns the descriptor, or -1 if there is none. BORROWED: never close it. */
static inline int kevy_file_fd(const struct kevy_file *file)
{
    return file->object.state != 0 ? file->fd : -1;
}

/* Returns the reactor, or NULL if the file was never opened. */
static inline struct kevy_reactor *kevy_file_reactor(const struct kevy_file *file)
{
    return file->object.reactor;
}

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_FILE_H */
