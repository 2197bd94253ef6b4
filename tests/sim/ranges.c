/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "ranges.h"

#include <errno.h>
#include <fcntl.h>
#include <kevy/system.h>
#include <stdio.h>
#include <string.h>

#include "link.h"
#include "pattern.h"
#include "stream/stream_internal.h"
#include "world.h"

enum {
    RANGES = 12,
    OFFSET_MAX = 20000,
    USUAL_MAX = 200000,
    LENGTH_MAX = 700000, /* more than a range sends at once */
};

/* Questions to a full socket: some at once, and then one each time that so much has passed. */
#define REFUSALS_FREE 32U
#define REFUSAL_NS    UINT64_C(100000)

struct sending {
    struct kevy_file_range range;
    struct kevy_sim_file file;
    struct kevy_stream *stream; /* NULL: nobody uses it */
    range_done done;
    uint64_t position;
    uint64_t there;    /* of its bytes the file has so many */
    uint64_t turn;     /* in which it has sent last from the page cache */
    uint64_t moved;    /* its bytes that had gone at the last refusal */
    uint64_t moved_ns; /* when it was seen to move, or was queued */
    uint64_t refusals; /* by a full socket since then */
    char path[16];
    uint8_t bytes[OFFSET_MAX + LENGTH_MAX];
};

static struct {
    struct kevy_system system;
    const struct kevy_system *below;
    struct kevy_reactor *reactor;
    struct sending sendings[RANGES];
} all;

static uint64_t turn_number(void)
{
    struct kevy_reactor_stats stats;

    kevy_reactor_stats(all.reactor, &stats);
    return stats.turns;
}

static struct sending *sending_of(int file)
{
    for (int index = 0; index < RANGES; index++)
        if (all.sendings[index].stream != NULL && all.sendings[index].range.fd == file)
            return &all.sendings[index];
    FAIL("a file is sent that is no range's");
}

static void moved_note(struct sending *sending)
{
    sending->refusals = 0;
    sending->moved_ns = kevy_sim_now(world);
}

static void sent_check(struct sending *sending)
{
    uint64_t turn = turn_number();

    EXPECT(sending->turn != turn, "a range sends twice in a turn");
    sending->turn = turn;
    moved_note(sending);
}

/* One whose peer has ended its side waits for room by a send, which moves some bytes, too. */
static void refused_check(struct sending *sending)
{
    uint64_t waited_ns;

    if (sending->moved != sending->range.moved)
        moved_note(sending);
    sending->moved = sending->range.moved;
    waited_ns = kevy_sim_now(world) - sending->moved_ns;
    EXPECT(++sending->refusals <= REFUSALS_FREE + waited_ns / REFUSAL_NS,
           "a socket that is full is asked all the time");
}

static int64_t listened_sendfile(void *context, int fd, int file, uint64_t offset, size_t length)
{
    int64_t result = all.below->sendfile(context, fd, file, offset, length);

    if (result > 0)
        sent_check(sending_of(file));
    else if (result == -EAGAIN)
        refused_check(sending_of(file));
    return result;
}

const struct kevy_system *ranges_system(const struct kevy_system *system)
{
    all.below = system;
    all.system = *system;
    all.system.sendfile = listened_sendfile;
    return &all.system;
}

void ranges_start(struct kevy_reactor *reactor)
{
    all.reactor = reactor;
    for (int index = 0; index < RANGES; index++) {
        struct sending *sending = &all.sendings[index];

        memset(sending, 0, offsetof(struct sending, bytes));
        (void)snprintf(sending->path, sizeof sending->path, "range-%d", index);
        sending->file.path = sending->path;
        sending->file.data = sending->bytes;
        sending->file.room = sizeof sending->bytes;
        kevy_sim_file_add(world, &sending->file);
    }
}

static void descriptor_close(int fd)
{
    EXPECT(all.below->close(all.below->context, fd) == 0, "a file of a range is not open");
}

/* What reading the file may fail with, and leaves the stream open. */
static bool is_of_file(int error)
{
    return error == -EIO || error == -ENOMEM || error == -ENOBUFS || error == -EAGAIN;
}

static bool takes_bytes(const struct kevy_stream *stream)
{
    return stream->object.state < STREAM_TERMINATING && !stream_has(stream, STREAM_WRITE_FAILED);
}

static void done(struct kevy_file_range *range, struct kevy_stream *stream, int result,
                 uint64_t sent)
{
    struct sending *sending = KEVY_CONTAINER_OF(range, struct sending, range);
    const struct range_told told = {sending->position, range->length, sent, result};

    EXPECT(quiet_calls == 0, "a range reports inside a call");
    EXPECT(sending->stream == stream, "a range reports twice, or to somebody else");
    EXPECT(sent <= sending->there, "a range has sent more than the file has");
    EXPECT(result != 0 || sent == sending->there,
           "a range has sent %llu of %llu bytes without an error", (unsigned long long)sent,
           (unsigned long long)sending->there);
    EXPECT(result <= 0, "a range ends with %d", result);
    EXPECT(result == 0 || is_of_file(result) || !takes_bytes(stream),
           "a range ends with %d, and its stream goes on", result);
    TRACE("range %s down %d ends with %d after %llu of %llu", sending->path, kevy_stream_fd(stream),
          result, (unsigned long long)sent, (unsigned long long)range->length);
    sending->stream = NULL;
    descriptor_close(range->fd);
    sending->done(stream, &told);
}

static struct sending *sending_free(void)
{
    for (int index = 0; index < RANGES; index++)
        if (all.sendings[index].stream == NULL)
            return &all.sendings[index];
    return NULL;
}

static void range_draw(struct sending *sending, uint64_t seed)
{
    struct kevy_file_range *range = &sending->range;

    memset(range, 0, sizeof *range);
    range->offset = kevy_sim_magnitude(world, 0, OFFSET_MAX);
    range->length = kevy_sim_one_in(world, 6) ? kevy_sim_below(world, LENGTH_MAX)
                                              : kevy_sim_magnitude(world, 0, USUAL_MAX);
    range->done = done;
    sending->there =
        kevy_sim_one_in(world, 10) ? kevy_sim_below(world, range->length + 1) : range->length;
    sending->file.size = range->offset + sending->there;
    if (sending->there == range->length && kevy_sim_one_in(world, 2))
        sending->file.size = sending->file.room;
    memset(sending->bytes, 0xDB, range->offset);
    pattern_fill(sending->bytes + range->offset, range->length, seed, sending->position);
}

int64_t ranges_send(struct kevy_stream *stream, uint64_t seed, uint64_t position, range_done told)
{
    struct sending *sending = sending_free();
    int error;

    if (sending == NULL)
        return -EBUSY;
    sending->position = position;
    sending->done = told;
    sending->turn = 0;
    sending->moved = 0;
    moved_note(sending);
    range_draw(sending, seed);
    sending->range.fd = kevy_sim_file_open(world, sending->path, O_RDONLY);
    if (sending->range.fd < 0)
        return sending->range.fd;
    QUIETLY(error = kevy_stream_send_file(stream, &sending->range));
    if (error < 0)
        descriptor_close(sending->range.fd);
    else
        sending->stream = stream;
    TRACE("range %s of %llu at %llu down %d = %d", sending->path,
          (unsigned long long)sending->range.length, (unsigned long long)position,
          kevy_stream_fd(stream), error);
    return error < 0 ? error : (int64_t)sending->range.length;
}

void ranges_gone(void)
{
    for (int index = 0; index < RANGES; index++)
        EXPECT(all.sendings[index].stream == NULL, "a range has not reported");
}
