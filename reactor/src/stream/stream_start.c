/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * How a stream starts: accepted, adopted or connected.
 *
 * Model. All three end in stream_start(), with a descriptor that is the stream's from there on. A
 * connection under way is a state of its own: its one request ends it, with the errno or with
 * `open`. What the descriptor is, a socket or something else that is read and written in order, is
 * asked here, once, and kept in flags.
 *
 * Invariants. A stream that could not be started is plain memory, and the descriptor still the
 * caller's.
 */
#include "stream_internal.h"
#include "socket/socket.h"

#if KEVY_RING_SUPPORTED

#include <fcntl.h>
#include <sys/stat.h>

#define MARK_LOW_DEFAULT  (16U << 10)
#define MARK_HIGH_DEFAULT (64U << 10)

struct kevy_stream *kevy_stream_init(struct kevy_stream *stream,
                                     const struct kevy_stream_events *events)
{
    _Static_assert(sizeof *stream <= 192, "a million idle streams are 192 MB at most");
    assert(events->close != NULL);
    assert(events->descriptor == NULL || events->read != NULL);
    memset(stream, 0, sizeof *stream);
    stream->events = events;
    stream->low_watermark = MARK_LOW_DEFAULT;
    stream->high_watermark = MARK_HIGH_DEFAULT;
    stream->fd = -1;
    return stream;
}

static void stream_start(struct kevy_stream *stream, struct kevy_reactor *reactor, int fd,
                         enum stream_state state)
{
    assert(stream->object.state == STREAM_IDLE);
    object_link(&stream->object, reactor, KIND_STREAM);
    stream->object.flags &= STREAM_PAUSED; /* which `accept` may have done */
    stream->object.flags |= reactor->draining ? OBJECT_FINISH : 0;
    stream->object.flags |= stream->events->read != NULL ? STREAM_HAS_READ : 0;
    stream->object.flags |= stream_receives_descriptors(stream, reactor) ? STREAM_DESCRIPTORS : 0;
    stream_state_set(stream, state);
    stream->fd = fd;
    PROBE(stream_open, fd);
    stream->reason = 0;
    stream->received = 0;
    stream->accepted = 0;
    object_pend(&stream->object);
}

void stream_accepted(struct kevy_stream *stream, struct kevy_listener *listener, int fd, bool local)
{
    assert(stream->object.state == STREAM_IDLE); /* `accept` returned a stream that is in use */
    stream_start(stream, listener->object.reactor, fd, STREAM_OPEN);
    if (local)
        stream_local(stream);
    stream->listener = listener;
    if (stream->events->open != NULL)
        stream->events->open(stream);
}

/* The flags of a stream on `fd`: what of a stream it can do. */
static int descriptor_flags(int fd)
{
    struct stat status;
    int flags = STREAM_FILE | STREAM_COPIES;
    int mode = fcntl(fd, F_GETFL);

    if (mode < 0 || fstat(fd, &status) < 0)
        return -errno;
    if (S_ISSOCK(status.st_mode))
        return 0;
    if (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode) || S_ISBLK(status.st_mode))
        return -EINVAL;
    /*
     * On a blocking descriptor that is no pipe of pipe(2) the kernel tries a multishot read when
     * there are bytes, and only then: of a hang-up it says nothing (measured on 6.18, with a named
     * pipe and a terminal). A single read goes to a worker thread, which finds the end.
     */
    if (!(mode & O_NONBLOCK))
        flags |= STREAM_READ_ONCE;
    if ((mode & O_ACCMODE) == O_WRONLY)
        flags |= STREAM_READ_ENDED | STREAM_END_TOLD;
    if ((mode & O_ACCMODE) == O_RDONLY)
        flags |= STREAM_FIN_WANTED | STREAM_FIN_SENT;
    return flags;
}

int kevy_stream_adopt(struct kevy_stream *stream, struct kevy_reactor *reactor, int fd)
{
    int flags;

    if (stream->object.state != STREAM_IDLE || fd < 0)
        return -EINVAL;
    flags = descriptor_flags(fd);
    if (flags < 0)
        return flags;
    stream_start(stream, reactor, fd, STREAM_OPEN);
    stream->object.flags |= STREAM_TELL_OPEN | (uint32_t)flags;
    if (stream_has(stream, STREAM_FILE))
        stream->object.flags &= ~STREAM_DESCRIPTORS;
    else if (socket_family(fd) == AF_UNIX)
        stream_local(stream);
    return 0;
}

int kevy_stream_connect(struct kevy_stream *stream, struct kevy_reactor *reactor,
                        const struct sockaddr *address, socklen_t address_length,
                        uint64_t timeout_ns)
{
    struct kevy_sqe *sqe;
    void *kept;
    int fd;

    if (stream->object.state != STREAM_IDLE || address_length < sizeof(sa_family_t) ||
        address_length > sizeof(struct sockaddr_storage))
        return -EINVAL;
    fd = socket_connecting(address->sa_family);
    if (fd < 0)
        return fd;
    /* The kernel copies the address when the request is submitted, which is after we return. */
    kept = reactor_arena(reactor, address_length);
    sqe = kept != NULL ? reactor_sqe(reactor, stream, OPERATION_CONNECT) : NULL;
    if (sqe == NULL) {
        close(fd);
        return -EAGAIN;
    }
    memcpy(kept, address, address_length);
    kevy_prep_connect(sqe, fd, kept, address_length);
    stream_start(stream, reactor, fd, STREAM_CONNECTING);
    if (address->sa_family == AF_UNIX)
        stream_local(stream);
    stream->object.in_flight++;
    if (timeout_ns != KEVY_FOREVER) {
        stream->phase_at = deadline_after(stream, stream_ticks(timeout_ns));
        stream_deadline_file(stream);
    }
    return 0;
}

void stream_connect_done(struct kevy_reactor *reactor, void *owner, int result, uint32_t flags)
{
    struct kevy_stream *stream = owner;

    (void)reactor;
    (void)flags;
    stream->object.in_flight--;
    object_pend(&stream->object);
    if (stream->object.state != STREAM_CONNECTING)
        return;
    if (result < 0) {
        stream_terminate(stream, result);
        return;
    }
    stream->phase_at = 0;
    stream_state_set(stream, STREAM_OPEN);
    if (stream->events->open != NULL)
        stream->events->open(stream);
}

#endif /* KEVY_RING_SUPPORTED */
