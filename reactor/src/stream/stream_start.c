/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * How a stream starts: accepted, adopted or connected.
 *
 * Model. All three end in stream_start(), with a descriptor that is the stream's from there on. A
 * connection under way is a state of its own: its one request ends it, with the errno or with
 * `open`. A Unix socket whose listener has a full backlog is asked again (connector.c says why), so
 * its address is kept. Another connect that was interrupted goes on by itself, as connect(2) says,
 * and a poll waits for its end. What the descriptor is, a socket or something else that is read and
 * written in order, is asked here, once, and kept in flags.
 *
 * Invariants. A stream that could not be started is plain memory, and the descriptor still the
 * caller's.
 */
#include "stream/stream_internal.h"

#if KEVY_RING_SUPPORTED

#include <kevy/address.h>
#include <kevy/ring_prep.h>

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>

#include "core/descriptor.h"
#include "socket/socket.h"
#include "stream/listener_internal.h"

#define MARK_LOW_DEFAULT  (16U << 10)
#define MARK_HIGH_DEFAULT (64U << 10)
#define RETRY_TICKS_MAX   100U

struct kevy_stream *kevy_stream_init(struct kevy_stream *stream,
                                     const struct kevy_stream_events *events)
{
    _Static_assert(sizeof *stream <= 192, "a million idle streams are 192 MB at most");
    assert(object_idle(&stream->object) && !waiting(&stream->reader.wait) &&
           !wheel_filed(&stream->deadline) && "the stream is in use, or its memory was not zeroed");
    assert(events->close != NULL && "a stream needs a close callback");
    assert((events->descriptor == NULL || events->read != NULL) &&
           "descriptors are told before the read of their bytes");
    memset(stream, 0, sizeof *stream);
    stream->events = events;
    stream->low_watermark = MARK_LOW_DEFAULT;
    stream->high_watermark = MARK_HIGH_DEFAULT;
    return stream;
}

/* To be asserted by whoever starts a stream. */
static assert_only bool startable(const struct kevy_stream *stream)
{
    (void)stream;
    assert(stream->events != NULL && "kevy_stream_init() comes first");
    assert(object_idle(&stream->object) && "the stream is in use");
    return true;
}

static void stream_start(struct kevy_stream *stream, struct kevy_reactor *reactor, int fd,
                         enum stream_state state)
{
    uint32_t flags = stream->object.flags & STREAM_PAUSED; /* which `accept` may have done */

    assert(startable(stream));
    flags |= stream->events->read != NULL ? STREAM_HAS_READ : 0;
    flags |= stream_takes_rights(stream, reactor) ? STREAM_TAKES_RIGHTS : 0;
    flags |= state == STREAM_OPEN ? STREAM_IS_OPEN : 0;
    stream->fd = fd;
    stream->reason = 0;
    stream->received = 0;
    stream->accepted = 0;
    stream->reserved = 0;
    object_start(&stream->object, reactor, KIND_STREAM, (uint8_t)state, flags);
    PROBE(stream_open, fd);
}

void stream_accepted(struct kevy_stream *stream, struct kevy_listener *listener, int fd,
                     bool is_unix)
{
    stream_start(stream, listener->object.reactor, fd, STREAM_OPEN);
    stream_asks_end(stream, is_unix);
    stream->listener = listener;
    if (stream->events->open != NULL)
        stream->events->open(stream);
}

/* What a descriptor can do of what a stream does. */
struct abilities {
    uint32_t flags;
    uint32_t notes;
};

static int abilities_find(struct kevy_reactor *reactor, int fd, struct abilities *abilities)
{
    int mode = SYSTEM(reactor, fcntl, fd, F_GETFL);
    int type = mode < 0 ? mode : SYSTEM(reactor, file_mode, fd);

    if (type < 0)
        return type;
    if (S_ISSOCK(type))
        return socket_type_check(reactor, fd, SOCK_STREAM);
    if (S_ISREG(type) || S_ISDIR(type) || S_ISBLK(type))
        return -EINVAL;
    abilities->flags = STREAM_NOT_SOCKET;
    abilities->notes = NOTE_COPIES;
    /*
     * On a blocking descriptor that is no pipe of pipe(2) the kernel tries a multishot read when
     * there are bytes, and only then: of a hang-up it says nothing (measured on 6.18, with a named
     * pipe and a terminal). A single read goes to a worker thread, which finds the end.
     */
    if (!(mode & O_NONBLOCK))
        abilities->notes |= NOTE_READ_ONCE;
    if ((mode & O_ACCMODE) == O_WRONLY) {
        abilities->flags |= STREAM_READ_ENDED;
        abilities->notes |= NOTE_END_TOLD;
    }
    if ((mode & O_ACCMODE) == O_RDONLY) {
        abilities->flags |= STREAM_FIN_WANTED;
        abilities->notes |= NOTE_FIN_SENT;
    }
    return 0;
}

int kevy_stream_adopt(struct kevy_stream *stream, struct kevy_reactor *reactor, int fd)
{
    struct abilities abilities = {0};
    int error;

    assert(startable(stream));
    error = abilities_find(reactor, fd, &abilities);
    if (error < 0)
        return error;
    stream_start(stream, reactor, fd, STREAM_OPEN);
    stream->object.flags |= STREAM_TELL_OPEN | abilities.flags;
    stream->notes |= abilities.notes;
    if (stream_has(stream, STREAM_NOT_SOCKET))
        stream->object.flags &= ~STREAM_TAKES_RIGHTS;
    else
        stream_asks_end(stream, socket_family(reactor, fd) == AF_UNIX);
    return 0;
}

/* False when the kernel takes nothing at the moment. */
static bool connect_request(struct kevy_reactor *reactor, struct kevy_stream *stream, int fd,
                            const void *address, socklen_t address_length)
{
    /* The kernel copies the address when the request is submitted, which is after we return. */
    void *kept = submission_arena(reactor, address_length);
    struct kevy_sqe *sqe = kept != NULL ? submission_sqe(reactor, stream, OPERATION_CONNECT) : NULL;

    if (sqe == NULL)
        return false;
    memcpy(kept, address, address_length);
    kevy_prep_connect(sqe, fd, kept, address_length);
    return true;
}

/* What it takes to connect to a Unix socket again, in a block of the reactor's memory. */
struct again {
    uint32_t ticks; /* between the last two tries */
    socklen_t length;
    struct sockaddr_storage address;
};

static struct kevy_x_block *again_make(struct kevy_reactor *reactor, const struct sockaddr *address,
                                       socklen_t length)
{
    struct again again = {.length = length};

    _Static_assert(sizeof again <= LARGE_BUFFER, "a block holds it");
    memcpy(&again.address, address, length);
    return block_copy(reactor, &again, sizeof again);
}

static struct again *again_of(const struct kevy_stream *stream)
{
    assert(stream_noted(stream, NOTE_KEEPS_ADDRESS));
    return (struct again *)(void *)stream->again->data;
}

static bool length_valid(socklen_t length)
{
    return length >= sizeof(sa_family_t) && length <= sizeof(struct sockaddr_storage);
}

/* `fd` is still the caller's where this fails. */
static int connect_start(struct kevy_stream *stream, struct kevy_reactor *reactor, int fd,
                         const struct kevy_address *to, uint64_t timeout_ns)
{
    struct kevy_x_block *again = NULL;

    if (to->address->sa_family == AF_UNIX && reactor->options.buffer_size >= LARGE_BUFFER) {
        again = again_make(reactor, to->address, to->length);
        if (again == NULL)
            return -ENOBUFS;
    }
    if (!connect_request(reactor, stream, fd, to->address, to->length)) {
        if (again != NULL)
            block_release(reactor, again);
        return -EAGAIN;
    }
    stream_start(stream, reactor, fd, STREAM_CONNECTING);
    if (again != NULL) {
        stream->again = again;
        stream->notes |= NOTE_KEEPS_ADDRESS;
    }
    stream_asks_end(stream, to->address->sa_family == AF_UNIX);
    object_request_begun(&stream->object);
    if (timeout_ns != KEVY_FOREVER) {
        stream->total_at = deadline_after(stream, stream_ticks(timeout_ns));
        stream_deadline_file(stream);
    }
    return 0;
}

int kevy_stream_connect(struct kevy_stream *stream, struct kevy_reactor *reactor,
                        const struct sockaddr *address, socklen_t address_length,
                        uint64_t timeout_ns)
{
    const struct kevy_address to = {.address = address, .length = address_length};
    int fd, error;

    assert(startable(stream));
    if (!length_valid(address_length))
        return -EINVAL;
    fd = socket_connecting(reactor, address->sa_family);
    if (fd < 0)
        return fd;
    error = connect_start(stream, reactor, fd, &to, timeout_ns);
    if (error < 0)
        descriptor_close_now(reactor, fd);
    return error;
}

int kevy_stream_connect_fd(struct kevy_stream *stream, struct kevy_reactor *reactor, int fd,
                           const struct sockaddr *address, socklen_t address_length,
                           uint64_t timeout_ns)
{
    const struct kevy_address to = {.address = address, .length = address_length};
    int error;

    assert(startable(stream));
    thread_check(reactor);
    if (!length_valid(address_length))
        return -EINVAL;
    error = socket_type_check(reactor, fd, SOCK_STREAM);
    if (error < 0)
        return error;
    return connect_start(stream, reactor, fd, &to, timeout_ns);
}

/* Until the next try. `send_at` is not needed for its own end yet. */
static void connect_wait(struct kevy_stream *stream)
{
    struct again *again = again_of(stream);
    uint32_t ticks = again->ticks == 0 ? 1 : again->ticks * 2;

    again->ticks = ticks > RETRY_TICKS_MAX ? RETRY_TICKS_MAX : ticks;
    stream->send_at = deadline_after(stream, again->ticks);
    stream_deadline_file(stream);
}

/* After an interruption, or where a backlog is full. False when the connect has failed by that. */
static rare bool connect_again(struct kevy_stream *stream, int result)
{
    if (stream_noted(stream, NOTE_KEEPS_ADDRESS)) {
        connect_wait(stream);
        return true;
    }
    /* That of a Unix socket does not go on; without its address it cannot be made again. */
    if (result != -EINTR || socket_family(stream->object.reactor, stream->fd) == AF_UNIX)
        return false;
    stream->object.flags |= STREAM_INTERRUPTED;
    return true;
}

/* Asks once more, or for the end of what was interrupted. False as connect_request(). */
static bool connect_continue(struct kevy_stream *stream)
{
    struct kevy_reactor *reactor = stream->object.reactor;
    const struct again *again;
    struct kevy_sqe *sqe;

    if (!stream_has(stream, STREAM_INTERRUPTED)) {
        again = again_of(stream);
        return connect_request(reactor, stream, stream->fd, &again->address, again->length);
    }
    sqe = submission_sqe(reactor, stream, OPERATION_CONNECT);
    if (sqe != NULL)
        kevy_prep_poll(sqe, stream->fd, POLLOUT);
    return sqe != NULL;
}

bool stream_connect_step(struct kevy_stream *stream)
{
    if (stream->object.in_flight != 0 || stream->send_at != 0)
        return false;
    if (connect_continue(stream))
        object_request_begun(&stream->object);
    else
        object_pend(&stream->object);
    return false;
}

void stream_connect_over(struct kevy_stream *stream)
{
    if (!stream_noted(stream, NOTE_KEEPS_ADDRESS))
        return;
    block_release(stream->object.reactor, stream->again);
    stream->again = NULL;
    stream->notes &= ~NOTE_KEEPS_ADDRESS;
}

void stream_connect_done(struct kevy_reactor *reactor, void *owner, int result, uint32_t flags)
{
    struct kevy_stream *stream = owner;

    (void)flags;
    assert(stream->object.reactor == reactor);
    object_request_ended(&stream->object);
    object_pend(&stream->object);
    if (stream->object.state != STREAM_CONNECTING)
        return;
    if (stream_has(stream, STREAM_INTERRUPTED))
        result = socket_connected(reactor, stream->fd, result);
    if ((result == -EINTR || result == -EAGAIN) && connect_again(stream, result))
        return;
    if (result < 0) {
        stream_terminate(stream, result);
        return;
    }
    stream_connect_over(stream);
    stream->total_at = 0;
    stream_state_set(stream, STREAM_OPEN);
    if (stream->events->open != NULL)
        stream->events->open(stream);
}

#endif /* KEVY_RING_SUPPORTED */
