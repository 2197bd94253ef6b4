/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Files: a descriptor, and the operations on it that are in flight.
 *
 *     idle --open--> opening --opened--> open --close--> closing --nothing in flight--> closed
 *     opening --failed--> idle           closed --descriptor gone, last callback--> idle
 *
 * Model. Every operation is a completion of its own and goes straight into the submission queue;
 * the file counts them. Opening is one as well, so that a file that could not be opened has its
 * last callback from that completion.
 *
 * Invariants. The descriptor is closed with nothing in flight but that close: the close of a
 * descriptor that a worker is reading from would let its number be reused under the worker's eyes.
 */
#include "system/system_internal.h"

#if KEVY_RING_SUPPORTED

#include <kevy/file.h>
#include <kevy/ring_prep.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "core/completion.h"
#include "core/descriptor.h"
#include "core/submission.h"

/* For kevy_x_object.flags. */
#define FILE_TELL_OPEN (1U << 0)
#define FILE_CANCEL    (1U << 1) /* whatever is in flight is to be cancelled */
#define FILE_ABORTED   (1U << 2)

static struct kevy_file *file_of(struct kevy_x_object *object)
{
    return KEVY_CONTAINER_OF(object, struct kevy_file, object);
}

/* The end, from the loop. */
static void file_end(struct kevy_file *file)
{
    assert(file->operations == 0 && !kevy_completion_active(&file->opening));
    object_end(&file->object);
    if (file->close != NULL)
        file->close(file, file->reason);
}

static void file_closed(struct kevy_x_object *object)
{
    file_end(file_of(object));
}

static void opening_done(struct kevy_completion *completion, int result, uint32_t flags)
{
    struct kevy_file *file = KEVY_CONTAINER_OF(completion, struct kevy_file, opening);

    (void)flags;
    assert(file->operations == 0);
    if (result < 0) {
        if (file->object.state == FILE_OPENING)
            file->reason = worker_result(result, completion->reactor->cancelled);
        file_end(file);
        return;
    }
    file->fd = result;
    object_pend(&file->object);
    if (file->object.state != FILE_OPENING)
        return;
    object_state_set(&file->object, FILE_OPEN);
    if (file->open != NULL)
        file->open(file);
}

static assert_only bool openable(const struct kevy_file *file)
{
    (void)file;
    assert(object_idle(&file->object) && !kevy_completion_active(&file->opening) &&
           "the file is open, or its memory was not zeroed");
    return true;
}

static void file_init(struct kevy_file *file, struct kevy_reactor *reactor, int fd,
                      const struct kevy_file_options *options)
{
    memset(file, 0, sizeof *file);
    kevy_completion_init(&file->opening, reactor, opening_done);
    file->open = options->open;
    file->finish = options->finish;
    file->close = options->close;
    file->fd = fd;
}

int kevy_file_open_at(struct kevy_file *file, struct kevy_reactor *reactor, int directory_fd,
                      const struct kevy_file_options *options)
{
    struct kevy_sqe *sqe;

    assert(openable(file));
    if (options->path == NULL)
        return -EINVAL;
    if (directory_fd < 0 && directory_fd != AT_FDCWD)
        return -EBADF;
    file_init(file, reactor, -1, options);
    sqe = kevy_completion_sqe(&file->opening);
    if (sqe == NULL)
        return -EAGAIN;
    /* O_LARGEFILE is what open(2) of the C library adds: a 32-bit kernel refuses to open a file of
     * more than 2 GiB without it. */
    kevy_prep_openat(sqe, directory_fd, options->path, options->flags | O_CLOEXEC | O_LARGEFILE,
                     options->mode);
    object_start(&file->object, reactor, KIND_FILE, FILE_OPENING, 0);
    return 0;
}

int kevy_file_open(struct kevy_file *file, struct kevy_reactor *reactor,
                   const struct kevy_file_options *options)
{
    return kevy_file_open_at(file, reactor, AT_FDCWD, options);
}

int kevy_file_adopt(struct kevy_file *file, struct kevy_reactor *reactor, int fd,
                    const struct kevy_file_options *options)
{
    int error = SYSTEM(reactor, fcntl, fd, F_GETFD);

    assert(openable(file));
    if (error < 0)
        return error;
    if (options->path != NULL)
        return -EINVAL;
    file_init(file, reactor, fd, options);
    object_start(&file->object, reactor, KIND_FILE, FILE_OPEN, FILE_TELL_OPEN);
    return 0;
}

static void operation_done(struct kevy_completion *completion, int result, uint32_t flags)
{
    struct kevy_file_operation *operation =
        KEVY_CONTAINER_OF(completion, struct kevy_file_operation, completion);
    struct kevy_file *file = operation->file;

    (void)flags;
    if ((file->object.flags & FILE_ABORTED) && ended_by_cancel(result))
        result = -ECANCELED;
    else
        result = worker_result(result, operation->cancelled || completion->reactor->cancelled);
    assert(file->operations > 0);
    if (--file->operations == 0 && file->object.state == FILE_CLOSING)
        object_pend(&file->object);
    operation->done(operation, result);
}

/* Begins an operation: stores its slot and returns 0, or a negative errno. */
static int operation_start(struct kevy_file *file, struct kevy_file_operation *operation,
                           struct kevy_sqe **sqe)
{
    assert(operation->done != NULL && "an operation needs a done callback");
    assert(!kevy_file_operation_active(operation) &&
           "the operation is in flight, or its memory was not zeroed");
    if (file->object.state != FILE_OPEN)
        return -EBADF;
    kevy_completion_init(&operation->completion, file->object.reactor, operation_done);
    *sqe = kevy_completion_sqe(&operation->completion);
    if (*sqe == NULL)
        return -EAGAIN;
    assert(file->operations < UINT32_MAX);
    operation->file = file;
    operation->cancelled = false;
    file->operations++;
    return 0;
}

int kevy_file_read(struct kevy_file *file, struct kevy_file_operation *operation, void *data,
                   uint32_t length, uint64_t offset)
{
    struct kevy_sqe *sqe;
    int error = operation_start(file, operation, &sqe);

    if (error == 0)
        kevy_prep_read(sqe, file->fd, data, length, offset);
    return error;
}

int kevy_file_write(struct kevy_file *file, struct kevy_file_operation *operation, const void *data,
                    uint32_t length, uint64_t offset)
{
    struct kevy_sqe *sqe;
    int error = operation_start(file, operation, &sqe);

    if (error == 0)
        kevy_prep_write(sqe, file->fd, data, length, offset);
    return error;
}

int kevy_file_fsync(struct kevy_file *file, struct kevy_file_operation *operation, bool data_only)
{
    struct kevy_sqe *sqe;
    int error = operation_start(file, operation, &sqe);

    if (error == 0)
        kevy_prep_fsync(sqe, file->fd, data_only ? KEVY_FSYNC_DATASYNC : 0);
    return error;
}

int kevy_file_statx(struct kevy_file *file, struct kevy_file_operation *operation, uint32_t mask,
                    struct statx *status)
{
    struct kevy_sqe *sqe;
    int error = operation_start(file, operation, &sqe);

    if (error == 0)
        kevy_prep_statx(sqe, file->fd, "", AT_EMPTY_PATH, mask, status);
    return error;
}

int kevy_file_cancel(struct kevy_file_operation *operation)
{
    int error = kevy_completion_cancel(&operation->completion);

    if (error == 0)
        operation->cancelled = true;
    return error;
}

static void flights_cancel(struct kevy_file *file)
{
    struct kevy_reactor *reactor = file->object.reactor;
    struct kevy_sqe *sqe = NULL;

    /* Not past a backlog: what is to be cancelled may be in it. */
    if (reactor->backlog_count == 0)
        sqe = submission_cancel_sqe(reactor);
    if (sqe == NULL) {
        object_pend(&file->object);
        return;
    }
    file->object.flags &= ~FILE_CANCEL;
    if (file->fd >= 0)
        kevy_prep_cancel_fd(sqe, file->fd, KEVY_ASYNC_CANCEL_ALL);
    else
        kevy_prep_cancel(sqe, user_data_make(&file->opening, OPERATION_COMPLETION), 0);
}

static void flush_closing(struct kevy_file *file)
{
    bool busy = file->operations != 0 || kevy_completion_active(&file->opening);

    if (busy && (file->object.flags & FILE_CANCEL))
        flights_cancel(file);
    if (busy || !descriptor_close(&file->object, file->fd))
        return;
    file->fd = -1; /* the number may be another's from here on */
    object_state_set(&file->object, FILE_CLOSED);
}

static void flush_open(struct kevy_file *file)
{
    if (file->object.flags & FILE_TELL_OPEN) {
        file->object.flags &= ~FILE_TELL_OPEN;
        object_tells(&file->object);
        if (file->open != NULL)
            file->open(file);
    }
    if (file->object.state == FILE_OPEN && (file->object.flags & OBJECT_FINISH)) {
        file->object.flags &= ~OBJECT_FINISH;
        object_tells(&file->object);
        if (file->finish != NULL)
            file->finish(file);
    }
}

static void file_flush(struct kevy_x_object *object)
{
    if (object->state == FILE_OPEN)
        flush_open(file_of(object));
    else if (object->state == FILE_CLOSING)
        flush_closing(file_of(object));
}

void kevy_file_close(struct kevy_file *file)
{
    if (file->object.state != FILE_OPENING && file->object.state != FILE_OPEN)
        return;
    /* An opening that waits, for a reader of a named pipe perhaps, is not waited for. */
    if (file->object.state == FILE_OPENING)
        file->object.flags |= FILE_CANCEL;
    object_state_set(&file->object, FILE_CLOSING);
    object_pend(&file->object);
}

static void file_abort(struct kevy_x_object *object)
{
    struct kevy_file *file = file_of(object);

    if (object->state == FILE_IDLE || (object->flags & FILE_ABORTED))
        return;
    if (object->state < FILE_CLOSING)
        file->reason = -ECANCELED;
    kevy_file_close(file);
    object->flags |= FILE_ABORTED | FILE_CANCEL;
    object_pend(object);
}

#if DEBUG_CHECKS
static void file_check(const struct kevy_x_object *object)
{
    const struct kevy_file *file = KEVY_CONTAINER_OF(object, struct kevy_file, object);
    bool opening = kevy_completion_active(&file->opening);

    assert(object->state != FILE_OPENING || (opening && file->operations == 0));
    assert(!opening || object->state == FILE_OPENING || object->state == FILE_CLOSING);
    assert(object->state != FILE_OPEN || file->fd >= 0);
    assert(object->in_flight == (object->state == FILE_CLOSED));
    assert(object->state != FILE_CLOSED || file->operations == 0);
}
#endif

const struct object_kind_operations file_kind = {
    .name = "file",
    .flush = file_flush,
    .abort = file_abort,
    .closed = file_closed,
#if DEBUG_CHECKS
    .check = file_check,
#endif
    .next =
        {
            [FILE_IDLE] = STATE(FILE_OPENING) | STATE(FILE_OPEN),
            [FILE_OPENING] = STATE(FILE_OPEN) | STATE(FILE_CLOSING) | STATE(FILE_IDLE),
            [FILE_OPEN] = STATE(FILE_CLOSING),
            [FILE_CLOSING] = STATE(FILE_CLOSED) | STATE(FILE_IDLE),
            [FILE_CLOSED] = STATE(FILE_IDLE),
        },
};

#endif /* KEVY_RING_SUPPORTED */
