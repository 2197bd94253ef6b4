/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "splice.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>

#include "pipe.h"
#include "regular_file.h"
#include "socket.h"
#include "world.h"

/* Bytes that are moved at a time. */
#define CHUNK 4096U

static bool may_read(const struct file *file)
{
    return (file->flags & O_ACCMODE) != O_WRONLY;
}

static bool may_write(const struct file *file)
{
    return (file->flags & O_ACCMODE) != O_RDONLY;
}

/* ---- The source ---------------------------------------------------------------------------- */

/* Looks at bytes that stay there; of a file without an offset the position moves. */
static int source_peek(struct file *from, uint64_t at, void *bytes, uint32_t length)
{
    switch (from->kind) {
    case FILE_PIPE:
        return pipe_peek(from, bytes, 0, length);
    case FILE_SOCKET:
        return socket_peek(socket_of(from), bytes, length);
    case FILE_REGULAR:
        return from->operations->read_at(from, bytes, length, at);
    default:
        return -EINVAL;
    }
}

/* Takes `moved` of the `seen` bytes that were looked at. */
static void source_take(struct file *from, uint64_t at, uint32_t seen, uint32_t moved)
{
    char bytes[CHUNK];

    if (from->kind == FILE_REGULAR && at == FILE_POSITION)
        (void)regular_file_seek(from, -(int64_t)(seen - moved), SEEK_CUR);
    while (from->kind != FILE_REGULAR && moved > 0)
        moved -= (uint32_t)from->operations->read(from, bytes, moved);
}

/* ---- The target ---------------------------------------------------------------------------- */

static int target_write(struct file *to, uint64_t at, const void *bytes, uint32_t length)
{
    switch (to->kind) {
    case FILE_PIPE:
        return pipe_fill(to, bytes, length);
    case FILE_SOCKET:
        return socket_write(socket_of(to), bytes, length);
    case FILE_REGULAR:
        return to->operations->write_at(to, bytes, length, at);
    default:
        return -EINVAL;
    }
}

/* ---- The calls ----------------------------------------------------------------------------- */

static int move_check(const struct file *from, uint64_t from_at, const struct file *to,
                      uint64_t to_at)
{
    if (!may_read(from) || !may_write(to))
        return -EBADF;
    if (from->kind != FILE_PIPE && to->kind != FILE_PIPE)
        return -EINVAL;
    if ((from->kind == FILE_PIPE && from_at != FILE_POSITION) ||
        (to->kind == FILE_PIPE && to_at != FILE_POSITION))
        return -ESPIPE;
    if ((from->kind == FILE_PIPE && pipe_is_of(from, to)) || (to->flags & O_APPEND) != 0)
        return -EINVAL;
    return 0;
}

static uint64_t offset_behind(uint64_t at, uint64_t moved)
{
    return at != FILE_POSITION ? at + moved : FILE_POSITION;
}

int64_t splice_move(struct file *from, uint64_t from_at, struct file *to, uint64_t to_at,
                    uint32_t length)
{
    int64_t total = 0;
    int error = move_check(from, from_at, to, to_at);

    if (error == 0 && to->kind == FILE_PIPE)
        error = pipe_shortage(to);
    while (error == 0 && total < length) {
        uint32_t left = length - (uint32_t)total, wanted = left < CHUNK ? left : CHUNK;
        uint64_t at = offset_behind(from_at, (uint64_t)total);
        char bytes[CHUNK];
        int seen = source_peek(from, at, bytes, wanted);
        int moved = seen;

        if (seen > 0) {
            moved = target_write(to, offset_behind(to_at, (uint64_t)total), bytes, (uint32_t)seen);
            source_take(from, at, (uint32_t)seen, moved > 0 ? (uint32_t)moved : 0);
        }
        if (moved <= 0)
            return total != 0 ? total : moved;
        total += moved;
        if ((uint32_t)moved < wanted)
            break;
    }
    return error < 0 ? error : total;
}

int64_t splice_tee(struct file *from, struct file *to, uint32_t length)
{
    uint32_t total = 0;
    int error;

    if (!may_read(from) || !may_write(to))
        return -EBADF;
    if (from->kind != FILE_PIPE || to->kind != FILE_PIPE || pipe_is_of(from, to))
        return -EINVAL;
    error = pipe_shortage(to);
    while (error == 0 && total < length) {
        uint32_t left = length - total, wanted = left < CHUNK ? left : CHUNK;
        char bytes[CHUNK];
        int seen = pipe_peek(from, bytes, total, wanted);
        int copied = seen > 0 ? pipe_fill(to, bytes, (uint32_t)seen) : seen;

        if (copied <= 0)
            return total != 0 ? (int64_t)total : copied;
        total += (uint32_t)copied;
        if ((uint32_t)copied < wanted)
            break;
    }
    return error < 0 ? error : (int64_t)total;
}

bool splice_is_prompt(const struct file *from, const struct file *to, uint32_t flags)
{
    bool from_waits =
        from->kind == FILE_SOCKET || (from->kind == FILE_PIPE && to->kind == FILE_PIPE);

    return (flags & SPLICE_F_NONBLOCK) != 0 || (from_waits && (from->flags & O_NONBLOCK) != 0) ||
           (to->flags & O_NONBLOCK) != 0;
}

/* ---- The requests -------------------------------------------------------------------------- */

int prepare_splice(struct request *request)
{
    const uint32_t known = SPLICE_F_MOVE | SPLICE_F_NONBLOCK | SPLICE_F_MORE | SPLICE_F_GIFT |
                           KEVY_SPLICE_F_FD_IN_FIXED;
    const struct kevy_sqe *sqe = &request->sqe;

    if (sqe->opcode == KEVY_OP_TEE && (sqe->splice_off_in != 0 || sqe->off != 0))
        return -EINVAL;
    return (sqe->splice_flags & ~known) != 0 ? -EINVAL : 0;
}

/* The thread finds the source when it comes to it. There is no table of files. */
static int source_find(struct request *request)
{
    struct file *from = file_find(request->sqe.splice_fd_in);

    if (from == NULL || (request->sqe.splice_flags & KEVY_SPLICE_F_FD_IN_FIXED) != 0)
        return -EBADF;
    file_hold(from);
    from->requests++;
    request->other = from;
    return 0;
}

/* The request waits at `file`, the other one is `other`. */
static int wait_at(struct request *request, bool source, uint32_t events)
{
    if (source != request->waits_at_source) {
        struct file *other = request->other;

        request->other = request->file;
        request->file = other;
        request->waits_at_source = source;
    }
    request->events = events | POLLERR | POLLHUP;
    return REQUEST_WAITS;
}

int run_splice(struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;
    int error = request->other == NULL ? source_find(request) : 0;
    struct file *from, *to;
    int64_t result;

    if (error < 0)
        return error;
    from = request->waits_at_source ? request->file : request->other;
    to = request->waits_at_source ? request->other : request->file;
    result = sqe->opcode == KEVY_OP_TEE
                 ? splice_tee(from, to, sqe->len)
                 : splice_move(from, sqe->splice_off_in, to, sqe->off, sqe->len);
    if (sqe->len == 0)
        result = 0;
    if (result == -EAGAIN && !splice_is_prompt(from, to, sqe->splice_flags)) {
        bool empty = (from->operations->poll(from) & (POLLIN | POLLHUP)) == 0;

        return wait_at(request, empty, empty ? POLLIN : POLLOUT);
    }
    request->falls_short = result != sqe->len;
    return (int)result;
}
