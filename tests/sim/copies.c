/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "copies.h"

#include <errno.h>
#include <kevy/system.h>

#include "world.h"

static struct {
    struct kevy_system system;
    const struct kevy_system *below;
    uint32_t asked;
    int64_t answer; /* the last one */
} copies;

static int64_t listened_send(void *context, int fd, const void *data, size_t length)
{
    EXPECT(length >= COPY_LONG, "a socket is asked to take %zu bytes", length);
    copies.asked++;
    copies.answer = copies.below->send(context, fd, data, length);
    return copies.answer;
}

const struct kevy_system *copies_system(const struct kevy_system *system)
{
    copies.below = system;
    copies.system = *system;
    copies.system.send = listened_send;
    return &copies.system;
}

void copies_begin(void)
{
    copies.asked = 0;
    copies.answer = 0;
}

/* What says nothing about the connection. */
static bool passes(int64_t error)
{
    return error == -EAGAIN || error == -ENOMEM || error == -ENOBUFS;
}

int copies_end(const struct kevy_stream *stream, uint64_t bytes, uint64_t length)
{
    EXPECT(copies.asked <= 1, "a socket is asked %u times in one callback", copies.asked);
    EXPECT(bytes < stream->high_watermark + 2 * length,
           "%llu bytes are taken in one callback, %llu at a time", (unsigned long long)bytes,
           (unsigned long long)length);
    return copies.answer < 0 && !passes(copies.answer) ? (int)copies.answer : 0;
}

void copies_reason_check(int error, int reason)
{
    EXPECT(error == 0 || reason == error || (reason != 0 && reason != -EPIPE),
           "a send was told %d, and the stream ends with %d", error, reason);
}
