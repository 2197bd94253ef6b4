/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The states of a datagram socket: how it opens, what its flush does, how it ends.
 *
 * Model. The diagram is in datagram_internal.h. User calls only change state and flags and make the
 * socket pending; the flush acts. Its requests are completions, one for receiving and one in each
 * queue entry: they carry several operations at once, and need no kinds of their own.
 *
 * Invariants. The descriptor is closed with nothing in flight but that close, and with the queue,
 * the stash and the block that entries go into given back. After kevy_datagram_close() no
 * callback comes but `close`.
 */
#include "datagram/datagram_entry.h"

#if KEVY_RING_SUPPORTED

#include <string.h>

#include "core/descriptor.h"
#include "core/reader.h"
#include "socket/socket.h"

#define MARK_LOW_DEFAULT  (64U << 10)
#define MARK_HIGH_DEFAULT (256U << 10)
#define MARK_MAX          (1U << 30)

static uint32_t flags_of(struct kevy_reactor *reactor, const struct kevy_datagram_options *options,
                         int fd)
{
    struct sockaddr_storage peer;
    socklen_t length = sizeof peer;
    uint32_t flags = 0;

    if (options->gro)
        flags |= DATAGRAM_GRO;
    /* Unix datagrams are never lost, so they must not overtake each other either; the receiver's
     * queue is short (net.unix.max_dgram_qlen) and full all the time. */
    if (options->ordered || socket_family(reactor, fd) == AF_UNIX)
        flags |= DATAGRAM_ORDERED;
    if (SYSTEM(reactor, getpeername, fd, (struct sockaddr *)&peer, &length) == 0)
        flags |= DATAGRAM_CONNECTED;
    return flags;
}

static void options_take(struct kevy_datagram *datagram,
                         const struct kevy_datagram_options *options)
{
    datagram->read = options->read;
    datagram->error = options->error;
    datagram->drain = options->drain;
    datagram->finish = options->finish;
    datagram->close = options->close;
    datagram->low_watermark =
        options->low_watermark != 0 ? options->low_watermark : MARK_LOW_DEFAULT;
    datagram->high_watermark =
        options->high_watermark != 0 ? options->high_watermark : MARK_HIGH_DEFAULT;
    if (datagram->low_watermark > datagram->high_watermark) {
        assert(options->low_watermark == 0 || options->high_watermark == 0);
        if (options->low_watermark == 0)
            datagram->low_watermark = datagram->high_watermark;
        else
            datagram->high_watermark = datagram->low_watermark;
    }
    assert(datagram->high_watermark <= MARK_MAX);
}

static assert_only bool openable(const struct kevy_datagram *datagram)
{
    (void)datagram;
    assert(object_idle(&datagram->object) && !waiting(&datagram->reader.wait) &&
           "the datagram socket is open, or its memory was not zeroed");
    return true;
}

static int datagram_start(struct kevy_datagram *datagram, struct kevy_reactor *reactor, int fd,
                          const struct kevy_datagram_options *options)
{
    uint32_t flags;
    int error;

    memset(datagram, 0, sizeof *datagram);
    flags = flags_of(reactor, options, fd);
    error = datagram_read_open(datagram, reactor, fd, options);
    if (error < 0)
        return error;
    datagram->fd = fd;
    datagram_write_open(datagram, reactor);
    options_take(datagram, options);
    object_start(&datagram->object, reactor, KIND_DATAGRAM, DATAGRAM_OPEN, flags);
    return 0;
}

int kevy_datagram_open(struct kevy_datagram *datagram, struct kevy_reactor *reactor,
                       const struct kevy_datagram_options *options)
{
    int fd, error;

    assert(openable(datagram));
    fd = datagram_socket(reactor, options);
    if (fd < 0)
        return fd;
    error = datagram_start(datagram, reactor, fd, options);
    if (error < 0)
        descriptor_close_now(reactor, fd);
    return error;
}

int kevy_datagram_adopt(struct kevy_datagram *datagram, struct kevy_reactor *reactor, int fd,
                        const struct kevy_datagram_options *options)
{
    int error;

    assert(openable(datagram));
    error = datagram_socket_check(reactor, fd, options);
    return error < 0 ? error : datagram_start(datagram, reactor, fd, options);
}

static void finish_tell(struct kevy_datagram *datagram)
{
    datagram->object.flags &= ~OBJECT_FINISH;
    object_tells(&datagram->object);
    if (datagram->finish != NULL)
        datagram->finish(datagram);
    else
        kevy_datagram_close(datagram);
}

static void flush_open(struct kevy_datagram *datagram)
{
    if (datagram_has(datagram, OBJECT_FINISH))
        finish_tell(datagram);
    if (datagram->object.state == DATAGRAM_OPEN)
        datagram_read_continue(datagram);
    if (datagram->object.state == DATAGRAM_OPEN)
        datagram_write_continue(datagram);
}

static void flush_closing(struct kevy_datagram *datagram)
{
    datagram_read_end(datagram);
    datagram_read_continue(datagram);
    datagram_write_continue(datagram);
    if (datagram->queue_first != NULL || kevy_completion_active(&datagram->receive) ||
        kevy_completion_active(&datagram->writable))
        return;
    assert(datagram->flying == 0 && datagram->queued == 0 && datagram->fill == NULL);
    assert(!kevy_timer_armed(&datagram->retry) && !kevy_timer_armed(&datagram->resend));
    if (!descriptor_close(&datagram->object, datagram->fd))
        return;
    datagram->fd = -1; /* the number may be another's from here on */
    object_state_set(&datagram->object, DATAGRAM_CLOSED);
}

static void datagram_flush(struct kevy_x_object *object)
{
    if (object->state == DATAGRAM_OPEN)
        flush_open(datagram_of(object));
    if (object->state == DATAGRAM_CLOSING)
        flush_closing(datagram_of(object));
}

void kevy_datagram_close(struct kevy_datagram *datagram)
{
    if (datagram->object.state != DATAGRAM_OPEN)
        return;
    object_state_set(&datagram->object, DATAGRAM_CLOSING);
    object_pend(&datagram->object);
}

static void datagram_abort(struct kevy_x_object *object)
{
    if (object->state == DATAGRAM_CLOSED)
        return;
    object->flags |= DATAGRAM_DROP;
    kevy_datagram_close(datagram_of(object));
    object_pend(object);
}

static void datagram_closed(struct kevy_x_object *object)
{
    struct kevy_datagram *datagram = datagram_of(object);

    assert(datagram->queue_first == NULL && datagram->reader.stash_last == NULL);
    object_end(object);
    if (datagram->close != NULL)
        datagram->close(datagram);
}

#if DEBUG_CHECKS
static void queue_check(const struct kevy_datagram *datagram)
{
    const struct kevy_x_datagram_entry *last = NULL;
    uint32_t flying = 0, sum = 0;

    for (const struct kevy_x_datagram_entry *entry = datagram->queue_first; entry != NULL;
         entry = entry->next) {
        assert(entry->datagram == datagram && entry->block->refs > 0);
        flying += kevy_completion_active(&entry->completion);
        sum += entry->charge;
        last = entry;
    }
    assert(flying == datagram->flying && sum == datagram->queued);
    assert(last == NULL || last == datagram->queue_last);
    assert(datagram->fill == NULL || last != NULL);
    assert(!datagram_has(datagram, DATAGRAM_ORDERED) || flying <= 1);
}

static void datagram_check(const struct kevy_x_object *object)
{
    const struct kevy_datagram *datagram = KEVY_CONTAINER_OF(object, struct kevy_datagram, object);
    bool starved = datagram_has(datagram, READER_STARVED);

    queue_check(datagram);
    assert(datagram_has(datagram, READER_STASHES) == (datagram->reader.stash_last != NULL));
    assert(waiting(&datagram->reader.wait) == starved);
    assert(!starved || !kevy_completion_active(&datagram->receive));
    assert(object->in_flight == (object->state == DATAGRAM_CLOSED));
    assert(datagram->low_watermark <= datagram->high_watermark);
    assert(!datagram_has(datagram, DATAGRAM_RECV_CANCELLED) ||
           kevy_completion_active(&datagram->receive));
}
#endif

const struct object_kind_operations datagram_kind = {
    .name = "datagram",
    .flush = datagram_flush,
    .abort = datagram_abort,
    .closed = datagram_closed,
    .feed = datagram_feed,
#if DEBUG_CHECKS
    .check = datagram_check,
#endif
    .next =
        {
            [DATAGRAM_IDLE] = STATE(DATAGRAM_OPEN),
            [DATAGRAM_OPEN] = STATE(DATAGRAM_CLOSING),
            [DATAGRAM_CLOSING] = STATE(DATAGRAM_CLOSED),
            [DATAGRAM_CLOSED] = STATE(DATAGRAM_IDLE),
        },
};

uint16_t kevy_datagram_port(const struct kevy_datagram *datagram)
{
    int fd = kevy_datagram_fd(datagram);

    return fd < 0 ? 0 : socket_port(datagram->object.reactor, fd);
}

int kevy_datagram_address(const struct kevy_datagram *datagram, struct sockaddr *address,
                          socklen_t *length)
{
    int fd = kevy_datagram_fd(datagram);

    return fd < 0 ? -EBADF : SYSTEM(datagram->object.reactor, getsockname, fd, address, length);
}

#endif /* KEVY_RING_SUPPORTED */
