/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef CHAOS_CALLS_H
#define CHAOS_CALLS_H

/* The world of test_chaos.c, and what may be called on one of its streams. */

#include "chaos_wire.h"

#include <fcntl.h>

enum {
    ENDS = 240, /* numbers of streams */
    KEPT = 48,
    SMALL = 24, /* timers, tasks, completions: as many of each */
    STEPS = 700,
    SEEDS = 24,
    LONGEST = 90000,
    LISTENERS = 2,
    CONNECTS = 4096,
};

/* How a stream began. */
enum way { WAY_UNIX, WAY_TCP, WAY_PIPE, WAY_CONNECTED, WAY_ACCEPTED };

struct end {
    struct kevy_stream stream;
    struct kevy_connector connect;
    struct kevy_address address;
    unsigned number;
    struct end *partner;
    struct wire *out, *in;
    uint64_t accepted; /* bytes */
    unsigned owed;     /* writes and ranges not reported in full */
    enum way way;
    bool connecting; /* by a kevy_connector: the stream has not begun */
    bool opened, ended, closing, paused;
};

/* The wires of a connection that has yet to be accepted, or never will be. */
struct meeting {
    struct wire *out, *in; /* of who accepts */
    unsigned number;       /* of who connects */
};

struct piece {
    struct kevy_send write;
    struct iovec parts[3];
    struct end *owner;
    bool done;
    uint8_t bytes[];
};

struct range {
    struct kevy_file_range range;
    struct end *owner;
};

static struct end *ends[ENDS];
static struct meeting meetings[CONNECTS];
static unsigned connects;
static struct kevy_buffer kept[KEPT];
static struct kevy_timer timers[SMALL];
static struct kevy_task tasks[SMALL];
static bool tasks_out[SMALL];
static struct kevy_completion completions[SMALL];
static struct kevy_completion_timeout limits[SMALL];
static struct kevy_listener listeners[LISTENERS];
static bool listening[LISTENERS];
static struct sockaddr_in addresses[LISTENERS];
static uint8_t bytes[LONGEST];
static uint64_t seed;
static int file, silent[2]; /* a pipe that nobody writes to */
static unsigned alive;
static bool peaceful; /* nothing new, and nothing that ends a stream */

static void monkey(struct end *self);

static uint64_t below(uint64_t limit)
{
    return random_next(&seed) % limit;
}

static struct end *end_of(struct kevy_stream *stream)
{
    return KEVY_CONTAINER_OF(stream, struct end, stream);
}

static struct end *any(void)
{
    return ends[below(ENDS)];
}

/* True when `source` may be held back by the queue of `target`. */
static bool may_hold(const struct end *source, const struct end *target)
{
    return target->partner != NULL && target->partner->number > source->number;
}

static void cut(struct end *end)
{
    if (end->out != NULL)
        end->out->cut = true;
}

static void accepted(struct end *end, const void *data, size_t length)
{
    end->accepted += length;
    if (end->out != NULL)
        wire_add(end->out, data, length);
}

/* True when a write was accepted; else it answers what it may. */
static bool write_check(int error)
{
    ck_assert_msg(error == 0 || error == -EAGAIN || error == -EPIPE || error == -ENOBUFS,
                  "a write answers %d", error);
    return error == 0;
}

static void do_send(struct end *end)
{
    size_t length = below(3) ? below(300) : below(sizeof bytes);
    size_t from = below(sizeof bytes - length);
    int error;

    QUIETLY(error = kevy_stream_send(&end->stream, bytes + from, length));
    if (write_check(error))
        accepted(end, bytes + from, length);
}

static void piece_free(struct piece *piece)
{
    piece->owner->owed--;
    memset(piece, 0xA5, sizeof *piece);
    free(piece);
}

static void piece_done(struct kevy_send *write, struct kevy_stream *stream, int result)
{
    struct piece *piece = KEVY_CONTAINER_OF(write, struct piece, write);
    struct end *end = piece->owner;
    bool last = write->released == NULL;

    ck_assert_uint_eq(quiet_depth, 0);
    ck_assert_ptr_eq(end_of(stream), end);
    ck_assert(!piece->done);
    piece->done = true;
    if (result != 0)
        cut(end);
    if (last)
        piece_free(piece);
    monkey(end);
}

static void piece_released(struct kevy_send *write, struct kevy_stream *stream)
{
    struct piece *piece = KEVY_CONTAINER_OF(write, struct piece, write);

    ck_assert_uint_eq(quiet_depth, 0);
    ck_assert(piece->done);
    piece_free(piece);
    monkey(end_of(stream));
}

static void write_piece(struct end *end, size_t length, uint32_t flags)
{
    struct piece *piece = calloc(1, sizeof *piece + length);
    size_t first = 1 + below(length - 1);
    int error;

    ck_assert_ptr_nonnull(piece);
    memcpy(piece->bytes, bytes, length);
    piece->owner = end;
    piece->parts[0] = (struct iovec){piece->bytes, first};
    piece->parts[1] = (struct iovec){piece->bytes + first, 0};
    piece->parts[2] = (struct iovec){piece->bytes + first, length - first};
    piece->write = (struct kevy_send){.parts = piece->parts,
                                      .count = 3,
                                      .flags = flags,
                                      .done = piece_done,
                                      .released = flags || below(2) ? piece_released : NULL};
    end->owed++;
    QUIETLY(error = kevy_stream_send_pinned(&end->stream, &piece->write));
    if (write_check(error))
        accepted(end, bytes, length);
    else
        piece_free(piece);
}

static void do_write(struct end *end)
{
    write_piece(end, 2 + below(20000), 0);
}

static void do_write_zero_copy(struct end *end)
{
    write_piece(end, 20000 + below(sizeof bytes - 20000), KEVY_SEND_ZERO_COPY);
}

static void range_done(struct kevy_file_range *done, struct kevy_stream *stream, int result,
                       uint64_t sent)
{
    struct range *range = KEVY_CONTAINER_OF(done, struct range, range);
    struct end *end = range->owner;

    ck_assert_uint_eq(quiet_depth, 0);
    ck_assert_ptr_eq(end_of(stream), end);
    ck_assert(result != 0 || sent == done->length);
    end->owed--;
    free(range);
    if (result != 0) {
        cut(end);
        end->closing = true;
        QUIETLY(kevy_stream_abort(stream)); /* bytes are missing in the middle */
    }
    monkey(end);
}

static void do_range(struct end *end)
{
    struct range *range = calloc(1, sizeof *range);
    int error;

    ck_assert_ptr_nonnull(range);
    range->owner = end;
    range->range.fd = file;
    range->range.length = below(3) ? below(3000) : below(sizeof bytes);
    range->range.offset = below(sizeof bytes - range->range.length);
    range->range.done = range_done;
    end->owed++;
    QUIETLY(error = kevy_stream_send_file(&end->stream, &range->range));
    if (write_check(error)) {
        accepted(end, bytes + range->range.offset, range->range.length);
        return;
    }
    end->owed--;
    free(range);
}

static void do_descriptor(struct end *end)
{
    int fd = fcntl(silent[0], F_DUPFD_CLOEXEC, 0);
    int error;

    ck_assert_int_ge(fd, 0);
    QUIETLY(error = kevy_stream_send_descriptor(&end->stream, fd, bytes, 20));
    if (error == 0)
        accepted(end, bytes, 20);
    else
        close(fd);
    ck_assert(error != -EOPNOTSUPP || end->way != WAY_UNIX);
}

static void forward(struct end *target, struct kevy_buffer *buffer)
{
    static uint8_t copy[1 << 17];
    size_t length = buffer->length;
    int error;

    ck_assert_uint_le(length, sizeof copy);
    memcpy(copy, buffer->data, length);
    QUIETLY(error = kevy_stream_forward(&target->stream, buffer));
    if (write_check(error))
        accepted(target, copy, length);
    else if (error == -ENOBUFS)
        cut(target);
}

static void do_forward_kept(struct end *end)
{
    struct kevy_buffer *buffer = &kept[below(KEPT)];

    if (buffer->block == NULL)
        return;
    forward(end, buffer);
    ck_assert_ptr_null(buffer->block);
}

static void do_forward_slice(struct end *end)
{
    struct kevy_buffer *buffer = &kept[below(KEPT)];
    uint32_t from, length;
    int error;

    if (buffer->block == NULL)
        return;
    from = (uint32_t)below(buffer->length);
    length = (uint32_t)below(buffer->length - from + 1);
    QUIETLY(error = kevy_stream_forward_slice(&end->stream, buffer, from, length));
    if (write_check(error))
        accepted(end, buffer->data + from, length);
    else if (error == -ENOBUFS)
        cut(end);
}

static void do_share(struct end *end)
{
    struct kevy_buffer *from = &kept[below(KEPT)], *to = &kept[below(KEPT)];

    (void)end;
    if (from->block == NULL || from == to)
        return;
    QUIETLY(kevy_buffer_release(to));
    QUIETLY(kevy_buffer_share(from, to));
}

static void do_release(struct end *end)
{
    (void)end;
    QUIETLY(kevy_buffer_release(&kept[below(KEPT)]));
}

static void do_pause(struct end *end)
{
    if (peaceful)
        return;
    end->paused = true;
    QUIETLY(kevy_stream_pause(&end->stream));
}

static void do_resume(struct end *end)
{
    end->paused = false;
    QUIETLY(kevy_stream_resume(&end->stream));
}

static void do_hold(struct end *end)
{
    struct end *target = below(2) ? any() : end;

    if (target != NULL && may_hold(end, target))
        QUIETLY(kevy_stream_hold(&end->stream, &target->stream));
}

static void do_deadline(struct end *end)
{
    if (!peaceful)
        QUIETLY(kevy_stream_set_deadline(&end->stream, (enum kevy_deadline)below(3),
                                         below(KEVY_MILLISECONDS(40))));
}

static void do_marks(struct end *end)
{
    uint32_t low = (uint32_t)below(20000);

    QUIETLY(kevy_stream_set_watermarks(&end->stream, low, low + 1 + (uint32_t)below(60000)));
}

static void do_shutdown(struct end *end)
{
    if (!peaceful && below(4) == 0)
        QUIETLY((void)kevy_stream_shutdown(&end->stream));
}

static void do_close(struct end *end)
{
    if (peaceful || below(4) != 0)
        return;
    end->closing = true;
    QUIETLY(kevy_stream_close(&end->stream));
}

static void do_abort(struct end *end)
{
    if (peaceful || below(4) != 0)
        return;
    cut(end);
    end->closing = true;
    QUIETLY(kevy_stream_abort(&end->stream));
}

static void do_look(struct end *end)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    struct kevy_stream_stats traffic;
    struct kevy_credentials peer;

    QUIETLY((void)kevy_stream_peer_address(&end->stream, (struct sockaddr *)&address, &length));
    QUIETLY((void)kevy_stream_credentials(&end->stream, &peer));
    QUIETLY(kevy_stream_stats(&end->stream, &traffic));
    ck_assert_uint_le(traffic.sent, end->accepted);
}

static void do_connect_cancel(struct end *end)
{
    if (!peaceful && end->connecting && below(8) == 0)
        QUIETLY(kevy_connector_cancel(&end->connect));
}

/* Calls on one stream. What is there more than once is called more often. */
static void (*const calls[])(struct end *end) = {
    do_send,         do_send,          do_send,  do_write,  do_write_zero_copy, do_range,
    do_descriptor,   do_forward_kept,  do_share, do_pause,  do_resume,          do_resume,
    do_hold,         do_hold,          do_marks, do_look,   do_deadline,        do_shutdown,
    do_close,        do_abort,         do_send,  do_write,  do_release,         do_resume,
    do_forward_kept, do_forward_slice, do_send,  do_resume, do_connect_cancel,
};

#endif
