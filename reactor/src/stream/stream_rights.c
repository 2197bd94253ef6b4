/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Descriptors that travel along a Unix stream (SCM_RIGHTS), called rights here as by the kernel.
 *
 * Model. Sending: a descriptor hangs at a queue entry of its own, whose block begins with the
 * control message and goes on with the bytes; the kernel attaches it to the first of them.
 * The type of a TLS record goes the same way, but its bytes go alone: the kernel makes one record,
 * of that type, of all that a message has.
 * Receiving: a stream with a `descriptor` callback receives by multishot recvmsg, so that each
 * buffer of the pool begins with a header and the control data of its bytes. The descriptors stay
 * in the buffer, open, as long as the bytes are held back, and are told right before them.
 *
 * Invariants. Control data is in a block and not in the arena: the kernel reads it when it sends,
 * which may be long after the submission. A descriptor has one owner: the entry until its first
 * byte is sent, then the kernel; a block that says so until they are told, then the user. What is
 * dropped is closed.
 */
#include "stream/stream_internal.h"

#if KEVY_RING_SUPPORTED

#include <kevy/ring_prep.h>
#include <kevy/ring_result.h>

#include <string.h>

#include "core/descriptor.h"
#include "socket/socket.h"

/* What a buffer has room for; a peer that sends more at once is told of by -EMSGSIZE. */
#define RIGHTS_MAX  16U
#define CONTROL_IN  CMSG_SPACE(RIGHTS_MAX * sizeof(int))
#define CONTROL_OUT CMSG_SPACE(sizeof(int))

/* SOL_TLS and TLS_SET_RECORD_TYPE of the kernel, which not every C library knows. */
#define LEVEL_TLS       282
#define SET_RECORD_TYPE 1

static const struct msghdr request = {.msg_controllen = CONTROL_IN};

bool stream_takes_rights(const struct kevy_stream *stream, const struct kevy_reactor *reactor)
{
    return stream->events->descriptor != NULL && reactor->options.buffer_size >= LARGE_BUFFER;
}

void stream_rights_recv(struct kevy_sqe *sqe, int fd, uint16_t recv_flags)
{
    kevy_prep_recvmsg_multishot(sqe, fd, &request, POOL_GROUP, MSG_CMSG_CLOEXEC);
    sqe->ioprio |= recv_flags;
}

/* Makes *buffer the bytes of the message that `length` bytes of its block are. Returns their
 * number, which is 0 at the end of the stream. */
int stream_rights_received(struct kevy_buffer *buffer, int length)
{
    struct kevy_recvmsg message;

    assert(!buffer->block->rights && buffer->block->capacity == 0);
    if (!kevy_recvmsg_parse(&message, buffer->block->data, (uint32_t)length, &request))
        return -EBADMSG;
    buffer->data = message.payload;
    buffer->length = message.payload_length;
    buffer->use = BUFFER_PART;
    buffer->block->rights = message.control_length != 0 || (message.flags & MSG_CTRUNC) != 0;
    return (int)message.payload_length;
}

/* Takes the descriptors out of a block. Returns their number; *lost says that there were more. */
static uint32_t rights_take(struct kevy_x_block *block, int *fds, bool *lost)
{
    uint32_t length = (uint32_t)(sizeof(struct kevy_recvmsg_out) + CONTROL_IN);
    struct kevy_recvmsg message;
    struct cmsghdr *control;
    struct msghdr walk;
    uint32_t count = 0;

    assert(block->rights);
    block->rights = false;
    (void)kevy_recvmsg_parse(&message, block->data, length, &request);
    walk = kevy_recvmsg_control(&message);
    for (control = CMSG_FIRSTHDR(&walk); control != NULL; control = CMSG_NXTHDR(&walk, control)) {
        uint32_t here = (uint32_t)((control->cmsg_len - CMSG_LEN(0)) / sizeof(int));

        if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS)
            continue;
        if (here > RIGHTS_MAX - count)
            here = RIGHTS_MAX - count; /* cannot be: the room ends there */
        memcpy(fds + count, CMSG_DATA(control), here * sizeof(int));
        count += here;
    }
    *lost = (message.flags & MSG_CTRUNC) != 0;
    return count;
}

/* Tells the descriptors of a block. A callback that ends the stream is not told the rest. */
void stream_rights_tell(struct kevy_stream *stream, struct kevy_x_block *block)
{
    int fds[RIGHTS_MAX];
    bool lost;
    uint32_t count = rights_take(block, fds, &lost);

    object_tells(&stream->object);
    for (uint32_t index = 0; index < count; index++) {
        if (stream->object.state == STREAM_OPEN)
            stream->events->descriptor(stream, fds[index]);
        else
            descriptor_close_now(stream->object.reactor, fds[index]);
    }
    if (lost && stream->object.state == STREAM_OPEN)
        stream->events->descriptor(stream, -EMSGSIZE);
}

void stream_rights_drop(struct kevy_reactor *reactor, struct kevy_x_block *block)
{
    int fds[RIGHTS_MAX];
    bool lost;
    uint32_t count = rights_take(block, fds, &lost);

    for (uint32_t index = 0; index < count; index++)
        descriptor_close_now(reactor, fds[index]);
}

/* The control message of an entry is the beginning of its block. */
void stream_rights_attach(const struct kevy_buffer *entry, struct msghdr *message)
{
    assert(entry->use == BUFFER_RIGHTS);
    message->msg_control = entry->block->data;
    message->msg_controllen = CONTROL_OUT;
}

/* The first byte of the entry is gone, and its descriptor with it; or the entry is dropped. */
void stream_rights_sent(struct kevy_reactor *reactor, struct kevy_buffer *entry)
{
    const struct cmsghdr *control = (const void *)entry->block->data;
    int fd;

    assert(entry->use == BUFFER_RIGHTS);
    if (control->cmsg_level != SOL_SOCKET)
        return; /* a record: what is left of it is of the same type */
    assert(control->cmsg_type == SCM_RIGHTS);
    memcpy(&fd, CMSG_DATA(control), sizeof fd);
    descriptor_close_now(reactor, fd);
    entry->use = BUFFER_QUEUED;
}

/* Behind a control message, in a block. */
static size_t room(const struct kevy_reactor *reactor)
{
    return reactor->memory.block_size - CONTROL_OUT;
}

/* An entry with a control message of an int or less, and with bytes that fit in; or NULL. */
static struct kevy_buffer *entry_make(struct kevy_reactor *reactor, const struct cmsghdr *header,
                                      const void *value, const void *data, uint32_t length)
{
    struct kevy_x_block *block = block_take(&reactor->memory);
    struct kevy_buffer *entry = NULL;
    struct cmsghdr *control;

    if (block != NULL)
        entry = buffer_make(&reactor->memory, block, block->data + CONTROL_OUT, length);
    if (entry == NULL) {
        if (block != NULL)
            block_release(reactor, block);
        return NULL;
    }
    memset(block->data, 0, CONTROL_OUT);
    control = (void *)block->data;
    *control = *header;
    memcpy(CMSG_DATA(control), value, header->cmsg_len - CMSG_LEN(0));
    memcpy(block->data + CONTROL_OUT, data, length);
    block->used = (uint32_t)CONTROL_OUT + length;
    entry->use = BUFFER_RIGHTS;
    return entry;
}

int kevy_stream_send_descriptor(struct kevy_stream *stream, int fd, const void *data, size_t length)
{
    const struct cmsghdr header = {
        .cmsg_len = CMSG_LEN(sizeof fd), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    struct kevy_reactor *reactor = stream->object.reactor;
    struct kevy_buffer *entry;
    int error = stream_write_allowed(stream);

    if (error < 0)
        return error;
    if (fd < 0)
        return -EBADF;
    if (length == 0 || length > room(reactor))
        return -EINVAL;
    if (socket_family(reactor, stream->fd) != AF_UNIX)
        return -EOPNOTSUPP;
    entry = entry_make(reactor, &header, &fd, data, (uint32_t)length);
    if (entry == NULL)
        return -ENOBUFS;
    stream_queue_append(stream, entry);
    return 0;
}

bool stream_sent_alone(const struct kevy_buffer *entry)
{
    const struct cmsghdr *control = (const void *)entry->block->data;

    assert(entry->use == BUFFER_RIGHTS);
    return control->cmsg_level != SOL_SOCKET;
}

int kevy_stream_send_record(struct kevy_stream *stream, uint8_t type, const void *data,
                            size_t length)
{
    const struct cmsghdr header = {
        .cmsg_len = CMSG_LEN(sizeof type), .cmsg_level = LEVEL_TLS, .cmsg_type = SET_RECORD_TYPE};
    struct kevy_reactor *reactor = stream->object.reactor;
    struct kevy_buffer *entry;
    int error = stream_write_allowed(stream);

    if (error < 0)
        return error;
    if (length == 0 || length > room(reactor))
        return -EINVAL;
    entry = entry_make(reactor, &header, &type, data, (uint32_t)length);
    if (entry == NULL)
        return -ENOBUFS;
    entry->block->used = entry->block->capacity; /* so that nothing is appended to the record */
    stream_queue_append(stream, entry);
    return 0;
}

#endif /* KEVY_RING_SUPPORTED */
