/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Descriptors from a peer: every send of the input has some bytes and some descriptors, more than
 * there is room for included, and between them the stream may pause, resume or end. Each descriptor
 * is told or closed: none is left at the end.
 */
#include "drive.h"

#include <fcntl.h>

#define SEND_FDS_MAX 40U
#define STEPS_MAX    64U

static uint64_t bytes_read;
static bool closed;

static void stream_read(struct kevy_stream *stream, struct kevy_buffer *buffer)
{
    (void)stream;
    bytes_read += buffer->length;
}

static void stream_descriptor(struct kevy_stream *stream, int fd)
{
    (void)stream;
    MUST(fd >= 0 || fd == -EMSGSIZE);
    if (fd >= 0)
        MUST(close(fd) == 0);
}

static void stream_close(struct kevy_stream *stream, int reason)
{
    (void)stream;
    (void)reason;
    closed = true;
}

static const struct kevy_stream_events events = {
    .read = stream_read, .descriptor = stream_descriptor, .close = stream_close};

/* Sends `length` bytes with `count` copies of standard error. Returns the bytes that went. */
static size_t send_with(int client, size_t length, size_t count)
{
    static const char bytes[256];
    union {
        char bytes[CMSG_SPACE(SEND_FDS_MAX * sizeof(int))];
        struct cmsghdr aligned;
    } room;
    struct iovec part = {(void *)(uintptr_t)bytes, length};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    int fds[SEND_FDS_MAX];
    ssize_t sent;

    if (count != 0) {
        memset(&room, 0, sizeof room);
        message.msg_control = &room;
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
        room.aligned.cmsg_level = SOL_SOCKET;
        room.aligned.cmsg_type = SCM_RIGHTS;
        room.aligned.cmsg_len = CMSG_LEN(count * sizeof(int));
        for (size_t i = 0; i < count; i++)
            fds[i] = STDERR_FILENO;
        memcpy(CMSG_DATA(&room.aligned), fds, count * sizeof(int));
    }
    sent = sendmsg(client, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    return sent > 0 ? (size_t)sent : 0;
}

/* One step of the input: mostly a send, now and then something else. Returns the bytes sent. */
static size_t step(struct drive *drive, struct kevy_stream *stream, struct choices *choices)
{
    uint8_t what = choice(choices);
    size_t length;

    switch (what % 8) {
    case 0:
        kevy_stream_pause(stream);
        return 0;
    case 1:
        kevy_stream_resume(stream);
        return 0;
    case 2:
        drive_turn(drive);
        return 0;
    case 3:
        if (what == 0xFB)
            kevy_stream_abort(stream);
        else if (what == 0xF3)
            kevy_stream_close(stream);
        return 0;
    default:
        length = 1U + choice(choices);
        return send_with(drive->client, length, choice(choices) % (SEND_FDS_MAX + 1));
    }
}

static void turn_until_gone(struct drive *drive)
{
    for (unsigned turns = 0; !closed; turns++) {
        MUST(turns < DRIVE_TURNS_MAX);
        drive_turn(drive);
    }
    MUST(drive_objects(drive) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct drive drive;
    struct choices choices = {data, data + size};
    struct kevy_stream stream = {0};
    uint64_t sent = 0;
    int free_before, ends[2];

    if (drive.reactor == NULL)
        drive_open(&drive);
    free_before = lowest_free();
    bytes_read = 0;
    closed = false;
    MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
    drive.client = ends[1];
    kevy_stream_init(&stream, &events);
    MUST(kevy_stream_adopt(&stream, drive.reactor, ends[0]) == 0);
    for (unsigned i = 0; i < STEPS_MAX && choices.at < choices.end && !closed; i++)
        sent += step(&drive, &stream, &choices);
    if (!closed)
        kevy_stream_resume(&stream);
    close(drive.client);
    turn_until_gone(&drive);
    MUST(bytes_read <= sent);
    MUST(lowest_free() == free_before);
    return 0;
}
