/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Listeners: one multishot accept each, and what stops and restarts it.
 *
 * Model. Accepting is on exactly when nothing speaks against it: the user's pause, the connection
 * limit, a shortage (`error`), the end. The flush compares that with the accept in flight, and arms
 * or cancels.
 *
 * Invariants. A shortage never spins: arming again at -EMFILE fails at once, client or not, so it
 * waits for a descriptor of this reactor to be closed or for the retry timer. No connection handed
 * over by the kernel is lost: one that arrives after a pause or the limit is served, one after the
 * close is closed. The multishot takes no address, because all its completions would share one
 * buffer.
 */
#include "core/internal.h"

#if KEVY_RING_SUPPORTED

#include <unistd.h>

#include "socket/socket.h"

#define RETRY_NS KEVY_MILLISECONDS(100)
/* This near to the limit connections are accepted one by one: a multishot takes all that wait. */
#define ONE_BY_ONE 1024U

enum listener_state {
    LISTENER_IDLE,
    LISTENER_OPEN,
    LISTENER_CLOSING, /* the accept is cancelled and waited for */
    LISTENER_CLOSED,  /* the descriptor is being closed */
};

/* For kevy_x_object.flags. */
#define LISTENER_ARMED     (1U << 0)
#define LISTENER_CANCELLED (1U << 1)
#define LISTENER_PAUSED    (1U << 2)
#define LISTENER_LOCAL     (1U << 3) /* its connections are Unix sockets */

static struct kevy_listener *listener_of(struct kevy_x_object *object)
{
    return KEVY_CONTAINER_OF(object, struct kevy_listener, object);
}

static bool has(const struct kevy_listener *listener, uint32_t flags)
{
    return (listener->object.flags & flags) != 0;
}

static bool full(const struct kevy_listener *listener)
{
    return listener->connections_max != 0 && listener->connections >= listener->connections_max;
}

int kevy_listener_open(struct kevy_listener *listener, struct kevy_reactor *reactor,
                       const struct kevy_listener_options *options)
{
    int fd;

    assert(options->accept != NULL);
    fd = options->fd > 0 ? socket_adopt(options->fd) : socket_listen(options);
    if (fd < 0)
        return fd;
    memset(listener, 0, sizeof *listener);
    listener->accept = options->accept;
    listener->stalled = options->stalled;
    listener->close = options->close;
    listener->connections_max = options->connections_max;
    listener->fd = fd;
    listener->next = reactor->listeners;
    reactor->listeners = listener;
    object_link(&listener->object, reactor, KIND_LISTENER);
    listener->object.state = LISTENER_OPEN;
    if (reactor->draining)
        listener->object.flags |= OBJECT_FINISH;
    if (socket_family(fd) == AF_UNIX)
        listener->object.flags |= LISTENER_LOCAL;
    object_pend(&listener->object);
    return 0;
}

static void accept_arm(struct kevy_listener *listener)
{
    struct kevy_sqe *sqe = reactor_sqe(listener->object.reactor, listener, OPERATION_ACCEPT);

    if (sqe == NULL) {
        object_pend(&listener->object);
        return;
    }
    if (listener->connections_max != 0 &&
        listener->connections_max - listener->connections < ONE_BY_ONE)
        kevy_prep_accept(sqe, listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    else
        kevy_prep_accept_multishot(sqe, listener->fd, SOCK_CLOEXEC | SOCK_NONBLOCK);
    listener->object.flags |= LISTENER_ARMED;
    listener->object.in_flight++;
}

static void accept_cancel(struct kevy_listener *listener)
{
    struct kevy_reactor *reactor = listener->object.reactor;
    struct kevy_sqe *sqe = reactor_cancel_sqe(reactor);

    if (sqe == NULL) {
        object_pend(&listener->object);
        return;
    }
    kevy_prep_cancel(sqe, user_data_make(listener, OPERATION_ACCEPT), 0);
    listener->object.flags |= LISTENER_CANCELLED;
}

static void descriptor_close(struct kevy_listener *listener)
{
    struct kevy_sqe *sqe = reactor_sqe(listener->object.reactor, listener, OPERATION_CLOSE);

    if (sqe == NULL) {
        object_pend(&listener->object);
        return;
    }
    kevy_prep_close(sqe, listener->fd);
    listener->object.in_flight++;
    listener->object.state = LISTENER_CLOSED;
}

void listener_flush(struct kevy_x_object *object)
{
    struct kevy_listener *listener = listener_of(object);
    bool wanted;

    /* Draining: no new connection, and the others may take their time. */
    if (has(listener, OBJECT_FINISH))
        kevy_listener_close(listener);
    wanted = object->state == LISTENER_OPEN && !has(listener, LISTENER_PAUSED) && !full(listener) &&
             listener->error == 0;

    if (object->state == LISTENER_CLOSED)
        return;
    if (wanted && !has(listener, LISTENER_ARMED))
        accept_arm(listener);
    else if (!wanted && has(listener, LISTENER_ARMED) && !has(listener, LISTENER_CANCELLED))
        accept_cancel(listener);
    else if (object->state == LISTENER_CLOSING && object->in_flight == 0)
        descriptor_close(listener);
}

static void shortage_end(struct kevy_listener *listener)
{
    if (listener->error == 0)
        return;
    listener->error = 0;
    listener->object.reactor->listeners_stalled--;
    kevy_timer_stop(&listener->retry);
    object_pend(&listener->object);
}

static void retry_fire(struct kevy_timer *timer)
{
    struct kevy_listener *listener = KEVY_CONTAINER_OF(timer, struct kevy_listener, retry);

    shortage_end(listener);
    if (listener->stalled != NULL)
        listener->stalled(listener, 0);
}

static void shortage_begin(struct kevy_listener *listener, int error)
{
    struct kevy_reactor *reactor = listener->object.reactor;

    listener->error = error;
    reactor->listeners_stalled++;
    reactor->stats.accept_pauses++;
    kevy_timer_start(&listener->retry, reactor, RETRY_NS, retry_fire);
    if (listener->stalled != NULL)
        listener->stalled(listener, error);
}

/* A descriptor was closed: whoever stopped for want of one may go on. */
void listeners_descriptor_free(struct kevy_reactor *reactor)
{
    struct kevy_listener *listener = reactor->listeners;

    while (listener != NULL) {
        struct kevy_listener *next = listener->next;

        if (listener->error != 0)
            retry_fire(&listener->retry);
        listener = next;
    }
}

void listener_connection_gone(struct kevy_listener *listener)
{
    listener->connections--;
    if (listener->connections_max != 0)
        object_pend(&listener->object);
}

static void connection_open(struct kevy_listener *listener, int fd)
{
    struct kevy_reactor *reactor = listener->object.reactor;
    struct kevy_stream *stream = NULL;

    reactor->stats.accepts++;
    if (listener->object.state == LISTENER_OPEN)
        stream = listener->accept(listener);
    if (stream == NULL) {
        reactor->stats.accepts_shed++;
        close(fd);
        return;
    }
    listener->connections++;
    if (full(listener))
        object_pend(&listener->object);
    stream_accepted(stream, listener, fd, has(listener, LISTENER_LOCAL));
}

/* The error of one connection, or our own cancel: the next accept may well succeed. */
static bool is_passing(int error)
{
    return error == -ECANCELED || error == -ECONNABORTED || error == -EINTR || error == -EAGAIN ||
           error == -EPROTO;
}

void listener_accept_done(struct kevy_reactor *reactor, void *owner, int result, uint32_t flags)
{
    struct kevy_listener *listener = owner;

    (void)reactor;
    if ((flags & KEVY_CQE_F_MORE) == 0) {
        listener->object.flags &= ~(LISTENER_ARMED | LISTENER_CANCELLED);
        listener->object.in_flight--;
        object_pend(&listener->object);
    }
    if (result >= 0)
        connection_open(listener, result);
    else if (!is_passing(result) && listener->object.state == LISTENER_OPEN && listener->error == 0)
        shortage_begin(listener, result);
}

void kevy_listener_pause(struct kevy_listener *listener)
{
    listener->object.flags |= LISTENER_PAUSED;
    if (listener->object.state == LISTENER_OPEN)
        object_pend(&listener->object);
}

void kevy_listener_resume(struct kevy_listener *listener)
{
    listener->object.flags &= ~LISTENER_PAUSED;
    if (listener->object.state == LISTENER_OPEN)
        object_pend(&listener->object);
}

void kevy_listener_close(struct kevy_listener *listener)
{
    if (listener->object.state != LISTENER_OPEN)
        return;
    shortage_end(listener);
    listener->object.state = LISTENER_CLOSING;
    object_pend(&listener->object);
}

void listener_object_abort(struct kevy_x_object *object)
{
    kevy_listener_close(listener_of(object));
}

/* Its streams outlive a listener: they must not name it any more. */
static void connections_disown(struct kevy_listener *listener)
{
    struct kevy_x_object *object = listener->object.reactor->objects;

    for (; object != NULL && listener->connections > 0; object = object->next) {
        struct kevy_stream *stream = KEVY_CONTAINER_OF(object, struct kevy_stream, object);

        if (object->kind != KIND_STREAM || stream->listener != listener)
            continue;
        stream->listener = NULL;
        listener->connections--;
    }
    assert(listener->connections == 0);
}

void listener_object_closed(struct kevy_x_object *object)
{
    struct kevy_listener *listener = listener_of(object);
    struct kevy_listener **link = &object->reactor->listeners;

    while (*link != listener)
        link = &(*link)->next;
    *link = listener->next;
    connections_disown(listener);
    object_unlink(object);
    object->state = LISTENER_IDLE;
    listener->fd = -1;
    if (listener->close != NULL)
        listener->close(listener);
}

uint16_t kevy_listener_port(const struct kevy_listener *listener)
{
    return socket_port(listener->fd);
}

#endif /* KEVY_RING_SUPPORTED */
