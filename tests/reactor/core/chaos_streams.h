/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef CHAOS_STREAMS_H
#define CHAOS_STREAMS_H

/* How the streams of test_chaos.c begin, what they are told, and how they end. */

#include "chaos_calls.h"

static void end_free(struct end *end)
{
    ck_assert_uint_eq(end->owed, 0);
    if (end->partner != NULL)
        end->partner->partner = NULL;
    if (end->out != NULL)
        wire_leave(end->out);
    if (end->in != NULL)
        wire_leave(end->in);
    ends[end->number] = NULL;
    alive--;
    memset(end, 0xA5, sizeof *end);
    free(end);
}

static void join(struct end *one, struct end *other)
{
    one->out = other->in = wire_make();
    one->in = other->out = wire_make();
    one->partner = other;
    other->partner = one;
}

/* Each connect has an address of its own, by which it is known again where it is accepted. */
static void meeting_make(struct end *end)
{
    struct sockaddr_in from = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK + 256 * ++connects)};
    struct meeting *meeting = &meetings[connects];

    ck_assert_int_eq(bind(kevy_stream_fd(&end->stream), (struct sockaddr *)&from, sizeof from), 0);
    end->out = meeting->in = wire_make();
    end->in = meeting->out = wire_make();
    meeting->number = end->number;
}

static void meeting_end(struct meeting *meeting)
{
    if (meeting->out == NULL)
        return;
    meeting->out->cut = meeting->in->cut = true;
    wire_leave(meeting->out);
    wire_leave(meeting->in);
}

static void meet(struct end *end)
{
    struct sockaddr_in from;
    socklen_t length = sizeof from;
    struct meeting *meeting;

    if (getpeername(kevy_stream_fd(&end->stream), (struct sockaddr *)&from, &length) < 0)
        return; /* reset already: no byte will come */
    meeting = &meetings[(ntohl(from.sin_addr.s_addr) - INADDR_LOOPBACK) / 256];
    if (meeting->out == NULL)
        return; /* by a kevy_connector: what comes is not compared */
    end->out = meeting->out;
    end->in = meeting->in;
    end->partner = ends[meeting->number];
    if (end->partner != NULL && end->partner->in == end->out)
        end->partner->partner = end;
    else
        end->partner = NULL;
    memset(meeting, 0, sizeof *meeting);
}

static struct end *told(struct kevy_stream *stream)
{
    struct end *end = end_of(stream);

    ck_assert_msg(quiet_depth == 0, "a callback inside a call");
    ck_assert_msg(!end->closing, "a callback after the close was asked for");
    return end;
}

static void on_open(struct kevy_stream *stream)
{
    struct end *end = told(stream);

    ck_assert(!end->opened && !end->connecting);
    end->opened = true;
    if (end->way == WAY_ACCEPTED)
        meet(end);
    monkey(end);
}

static void on_read(struct kevy_stream *stream, struct kevy_buffer *buffer)
{
    struct end *end = told(stream);
    struct kevy_buffer *place = &kept[below(KEPT)];
    struct end *target = below(2) ? end : any();

    ck_assert(end->opened && !end->ended && !end->paused);
    ck_assert_uint_gt(buffer->length, 0);
    if (end->in != NULL)
        wire_take(end->in, buffer->data, buffer->length);
    if (!peaceful && below(8) == 0) {
        QUIETLY(kevy_buffer_release(place));
        QUIETLY((void)kevy_buffer_retain(buffer, place));
    }
    if (below(4) == 0)
        monkey(end);
    if (!peaceful && below(3) == 0 && target != NULL && ends[target->number] == target &&
        may_hold(end, target))
        forward(target, buffer);
    monkey(end);
}

static void on_descriptor(struct kevy_stream *stream, int fd)
{
    struct end *end = told(stream);

    ck_assert_int_ge(fd, 0);
    close(fd);
    monkey(end);
}

static void on_end(struct kevy_stream *stream)
{
    struct end *end = told(stream);

    ck_assert(end->opened && !end->ended && !end->paused);
    end->ended = true;
    if (end->in != NULL)
        end->in->ended = true;
    if (below(2)) {
        end->closing = true;
        QUIETLY(kevy_stream_close(stream));
    }
    monkey(end);
}

static void on_drain(struct kevy_stream *stream)
{
    monkey(told(stream));
}

static void on_timeout(struct kevy_stream *stream, enum kevy_deadline deadline)
{
    (void)deadline;
    monkey(told(stream));
}

static void on_finish(struct kevy_stream *stream)
{
    struct end *end = told(stream);

    ck_assert(kevy_reactor_finishing(reactor));
    if (below(4) == 0) {
        end->closing = true;
        QUIETLY(kevy_stream_close(stream));
    }
    monkey(end);
}

static void on_close(struct kevy_stream *stream, int reason)
{
    struct end *end = end_of(stream);
    struct kevy_stream_stats traffic;

    ck_assert_uint_eq(quiet_depth, 0);
    ck_assert_int_le(reason, 0);
    if (reason != 0)
        cut(end);
    kevy_stream_stats(stream, &traffic);
    if (reason == 0 && end->out != NULL && !end->out->cut)
        ck_assert_uint_eq(traffic.sent, end->accepted);
    end_free(end);
    monkey(NULL);
}

static const struct kevy_stream_events events = {
    .open = on_open,
    .read = on_read,
    .descriptor = on_descriptor,
    .end = on_end,
    .drain = on_drain,
    .timeout = on_timeout,
    .finish = on_finish,
    .close = on_close,
};

/* Without descriptors, and so by the ways that most streams take. */
static const struct kevy_stream_events plain_events = {
    .open = on_open,
    .read = on_read,
    .end = on_end,
    .drain = on_drain,
    .timeout = on_timeout,
    .finish = on_finish,
    .close = on_close,
};

static struct end *end_make(unsigned number, enum way way)
{
    struct end *end = calloc(1, sizeof *end);

    ck_assert_ptr_nonnull(end);
    ck_assert_ptr_null(ends[number]);
    end->number = number;
    end->way = way;
    kevy_stream_init(&end->stream, way == WAY_UNIX && below(2) ? &events : &plain_events);
    ends[number] = end;
    alive++;
    return end;
}

static void adopt(struct end *end, int fd)
{
    int error;

    QUIETLY(error = kevy_stream_adopt(&end->stream, reactor, fd));
    ck_assert_int_eq(error, 0);
}

static void pair_make(unsigned one, unsigned other)
{
    static const enum way ways[] = {WAY_UNIX, WAY_TCP, WAY_TCP, WAY_PIPE};
    enum way way = ways[below(4)];
    int fds[2];

    if (way == WAY_TCP)
        tcp_pair(&fds[0], &fds[1]);
    else if (way == WAY_UNIX)
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    else
        ck_assert_int_eq(pipe2(fds, O_CLOEXEC | (below(2) ? O_NONBLOCK : 0)), 0);
    join(end_make(one, way), end_make(other, way));
    adopt(ends[one], fds[0]);
    adopt(ends[other], fds[1]);
}

static void connect_done(struct kevy_connector *connect, int result)
{
    struct end *end = KEVY_CONTAINER_OF(connect, struct end, connect);

    ck_assert_uint_eq(quiet_depth, 0);
    ck_assert(end->connecting);
    end->connecting = false;
    if (result != 0)
        end_free(end);
    monkey(NULL);
}

static void connect_make(unsigned number)
{
    const struct sockaddr_in *to = &addresses[below(LISTENERS)];
    struct end *end = end_make(number, WAY_CONNECTED);
    int error;

    end->address = (struct kevy_address){(const struct sockaddr *)to, sizeof *to};
    if (below(2) || connects + 1 == CONNECTS) {
        struct kevy_connector_options options = {
            .stream = &end->stream, .addresses = &end->address, .count = 1, .done = connect_done};

        QUIETLY(error = kevy_connector_start(&end->connect, reactor, &options));
        end->connecting = error == 0;
    } else {
        QUIETLY(error = kevy_stream_connect(&end->stream, reactor, (const struct sockaddr *)to,
                                            sizeof *to, KEVY_SECONDS(5)));
        if (error == 0)
            meeting_make(end);
    }
    if (error < 0)
        end_free(end);
}

#endif
