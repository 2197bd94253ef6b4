/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Listeners: one multishot accept each, and what stops and restarts it.
 *
 * Model. The diagram is in listener_internal.h. Accepting is on exactly when nothing speaks against
 * it: the user's pause, the connection limit, a shortage (`error`), the end. The flush compares
 * that with the accept in flight, and arms or cancels.
 *
 * Finishing. A connection in the kernel's queue has succeeded for its client, and closing the
 * socket would reset it. So the accept is cancelled and waited for, then plain system calls take
 * the queue until it is empty, and the very next one closes: what comes in between, some
 * microseconds, is the only loss.
 *
 * Invariants. A shortage never spins: arming again at -EMFILE fails at once, client or not, so it
 * waits for the library to close a descriptor, or for the retry timer. No connection handed over by
 * the kernel is lost: one that arrives after a pause or the limit is served, one after the close is
 * closed. The multishot takes no address, because all its completions would share one buffer.
 */
#include "stream/listener_internal.h"

#if KEVY_RING_SUPPORTED

#include <kevy/ring_prep.h>

#include <errno.h>
#include <string.h>

#include "core/descriptor.h"
#include "core/object.h"
#include "core/submission.h"
#include "socket/socket.h"
#include "stream/stream_internal.h"

#define RETRY_NS KEVY_MILLISECONDS(100)
/* This near to the limit connections are accepted one by one: a multishot takes all that wait. */
#define ONE_BY_ONE 1024U
/* Of a queue whose clients come faster than they are accepted, which is never empty. */
#define TAKEN_MAX 65536U

/* For kevy_x_object.flags. */
#define LISTENER_ARMED        (1U << 0)
#define LISTENER_CANCELLED    (1U << 1)
#define LISTENER_PAUSED       (1U << 2)
#define LISTENER_UNIX         (1U << 3) /* its connections are Unix sockets */
#define LISTENER_TELL_RESUMED (1U << 4) /* a shortage is over */
#define LISTENER_SHARED       (1U << 5) /* other reactors accept from its socket */

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

static assert_only bool openable(const struct kevy_listener *listener,
                                 const struct kevy_listener_options *options)
{
    (void)listener;
    (void)options;
    assert(object_idle(&listener->object) && !waiting(&listener->wait) &&
           "the listener is open, or its memory was not zeroed");
    assert(options->accept != NULL && "a listener needs an accept callback");
    return true;
}

static void listener_start(struct kevy_listener *listener, struct kevy_reactor *reactor, int fd,
                           const struct kevy_listener_options *options)
{
    uint32_t flags = socket_family(reactor, fd) == AF_UNIX ? LISTENER_UNIX : 0;

    flags |= options->shared ? LISTENER_SHARED : 0;

    memset(listener, 0, sizeof *listener);
    listener->accept = options->accept;
    listener->stalled = options->stalled;
    listener->close = options->close;
    listener->connections_max = options->connections_max;
    listener->fd = fd;
    object_start(&listener->object, reactor, KIND_LISTENER, LISTENER_OPEN, flags);
}

int kevy_listener_open(struct kevy_listener *listener, struct kevy_reactor *reactor,
                       const struct kevy_listener_options *options)
{
    int fd;

    assert(openable(listener, options));
    fd = listener_socket(reactor, options);
    if (fd < 0)
        return fd;
    listener_start(listener, reactor, fd, options);
    return 0;
}

int kevy_listener_adopt(struct kevy_listener *listener, struct kevy_reactor *reactor, int fd,
                        const struct kevy_listener_options *options)
{
    int error;

    assert(openable(listener, options));
    thread_check(reactor);
    error = listener_socket_check(reactor, fd, options);
    if (error < 0)
        return error;
    listener_start(listener, reactor, fd, options);
    return 0;
}

static void accept_arm(struct kevy_listener *listener)
{
    struct kevy_sqe *sqe = submission_sqe(listener->object.reactor, listener, OPERATION_ACCEPT);

    if (sqe == NULL) {
        object_pend(&listener->object);
        return;
    }
    /*
     * Of those who wait for a connection the kernel wakes the first alone, and a multishot accept
     * stays the first for all connections. One that is asked again goes behind the others.
     */
    if (has(listener, LISTENER_SHARED) ||
        (listener->connections_max != 0 &&
         listener->connections_max - listener->connections < ONE_BY_ONE))
        kevy_prep_accept(sqe, listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    else
        kevy_prep_accept_multishot(sqe, listener->fd, SOCK_CLOEXEC | SOCK_NONBLOCK);
    assert(!has(listener, LISTENER_ARMED));
    listener->object.flags |= LISTENER_ARMED;
    object_request_begun(&listener->object);
}

/* Arms or cancels the accept, as the state of the listener wants it. */
static void accept_adjust(struct kevy_listener *listener)
{
    bool wanted = listener->object.state == LISTENER_OPEN && !has(listener, LISTENER_PAUSED) &&
                  !full(listener) && listener->error == 0;

    if (wanted && !has(listener, LISTENER_ARMED))
        accept_arm(listener);
    else if (!wanted && has(listener, LISTENER_ARMED) && !has(listener, LISTENER_CANCELLED) &&
             object_cancel(&listener->object, user_data_make(listener, OPERATION_ACCEPT)))
        listener->object.flags |= LISTENER_CANCELLED;
}

/* It waits for a descriptor, and for the retry timer, no more. */
static void shortage_forget(struct kevy_listener *listener)
{
    listener->error = 0;
    descriptor_await_no_more(listener->object.reactor, &listener->wait);
    kevy_timer_stop(&listener->retry);
}

static void shortage_end(struct kevy_listener *listener)
{
    if (listener->error == 0)
        return;
    shortage_forget(listener);
    listener->object.flags |= LISTENER_TELL_RESUMED;
    object_pend(&listener->object);
}

void listener_descriptor_free(struct kevy_x_waiter *waiter)
{
    shortage_end(KEVY_CONTAINER_OF(waiter, struct kevy_listener, wait));
}

static void retry_fire(struct kevy_timer *timer)
{
    shortage_end(KEVY_CONTAINER_OF(timer, struct kevy_listener, retry));
}

static void shortage_begin(struct kevy_listener *listener, int error)
{
    struct kevy_reactor *reactor = listener->object.reactor;

    assert(error < 0 && listener->error == 0);
    listener->error = error;
    listener->object.flags &= ~LISTENER_TELL_RESUMED;
    reactor->stats.accept_pauses++;
    descriptor_await(reactor, &listener->wait);
    kevy_timer_start(&listener->retry, reactor, RETRY_NS, retry_fire);
    if (listener->stalled != NULL)
        listener->stalled(listener, error);
}

/* Tells that accepting goes on; the callback may close the listener. */
static void resumed_tell(struct kevy_listener *listener)
{
    listener->object.flags &= ~LISTENER_TELL_RESUMED;
    object_tells(&listener->object);
    if (listener->stalled != NULL)
        listener->stalled(listener, 0);
}

/* The error of one connection, or our own cancel: the next accept may well succeed. */
static bool is_passing(int error)
{
    return error == -ECANCELED || error == -ECONNABORTED || error == -EINTR || error == -EAGAIN ||
           error == -EPROTO;
}

static void connection_open(struct kevy_listener *listener, int fd);

/* The next of those who wait, or a negative errno: -EMFILE and so on, or -EAGAIN for nobody. */
static int queue_next(struct kevy_listener *listener)
{
    int fd = -ECANCELED;

    if (listener->object.state != LISTENER_FINISHING || full(listener))
        return -EAGAIN;
    while (fd < 0 && fd != -EAGAIN && is_passing(fd))
        fd = SYSTEM(listener->object.reactor, accept, listener->fd);
    return fd;
}

static void listener_closed(struct kevy_x_object *object);

/* Whoever connects between the last look and the close is reset: nothing comes between them. */
static void flush_finishing(struct kevy_listener *listener)
{
    struct kevy_reactor *reactor = listener->object.reactor;
    uint32_t count = 0;
    int fd;

    shortage_forget(listener);
    accept_adjust(listener);
    if (listener->object.in_flight != 0)
        return;
    while (count++ < TAKEN_MAX && (fd = queue_next(listener)) >= 0)
        connection_open(listener, fd);
    descriptor_close_now(reactor, listener->fd);
    listener->fd = -1;
    object_state_set(&listener->object, LISTENER_CLOSED);
    listener_closed(&listener->object);
}

static void flush_closing(struct kevy_listener *listener)
{
    shortage_forget(listener);
    accept_adjust(listener);
    if (listener->object.in_flight != 0 || !descriptor_close(&listener->object, listener->fd))
        return;
    listener->fd = -1; /* the number may be another's from here on */
    object_state_set(&listener->object, LISTENER_CLOSED);
}

static void listener_flush(struct kevy_x_object *object)
{
    struct kevy_listener *listener = listener_of(object);

    /* The reactor finishes: no connection but those that wait, and the others may take their time.
     */
    if (object->state == LISTENER_OPEN && has(listener, OBJECT_FINISH))
        object_state_set(object, LISTENER_FINISHING);
    if (object->state == LISTENER_OPEN && has(listener, LISTENER_TELL_RESUMED))
        resumed_tell(listener);
    if (object->state == LISTENER_OPEN)
        accept_adjust(listener);
    else if (object->state == LISTENER_FINISHING)
        flush_finishing(listener);
    else if (object->state == LISTENER_CLOSING)
        flush_closing(listener);
}

void listener_connection_gone(struct kevy_listener *listener)
{
    assert(listener->connections > 0);
    listener->connections--;
    if (listener->connections_max != 0)
        object_pend(&listener->object);
}

static void connection_open(struct kevy_listener *listener, int fd)
{
    struct kevy_reactor *reactor = listener->object.reactor;
    struct kevy_stream *stream = NULL;

    assert(fd >= 0);
    object_tells(&listener->object);
    reactor->stats.accepts++;
    listener->incoming = fd + 1;
    if (listener->object.state <= LISTENER_FINISHING)
        stream = listener->accept(listener);
    listener->incoming = 0;
    if (stream == NULL) {
        reactor->stats.accepts_shed++;
        descriptor_close_now(reactor, fd);
        return;
    }
    listener->connections++;
    if (full(listener))
        object_pend(&listener->object);
    stream_accepted(stream, listener, fd, has(listener, LISTENER_UNIX));
}

void listener_accept_done(struct kevy_reactor *reactor, void *owner, int result, uint32_t flags)
{
    struct kevy_listener *listener = owner;

    (void)reactor;
    assert(listener->object.reactor == reactor && listener->object.in_flight > 0);
    if ((flags & KEVY_CQE_F_MORE) == 0) {
        listener->object.flags &= ~(LISTENER_ARMED | LISTENER_CANCELLED);
        object_request_ended(&listener->object);
        object_pend(&listener->object);
    }
    if (result >= 0)
        connection_open(listener, result);
    else if (!is_passing(result) && listener->object.state == LISTENER_OPEN && listener->error == 0)
        shortage_begin(listener, result);
}

int kevy_listener_address(const struct kevy_listener *listener, struct sockaddr *address,
                          socklen_t *length)
{
    int fd = kevy_listener_fd(listener);

    return fd < 0 ? -EBADF : SYSTEM(listener->object.reactor, getsockname, fd, address, length);
}

int kevy_listener_peer_address(const struct kevy_listener *listener, struct sockaddr *address,
                               socklen_t *length)
{
    if (listener->incoming == 0)
        return -EBADF;
    return SYSTEM(listener->object.reactor, getpeername, listener->incoming - 1, address, length);
}

void kevy_listener_pause(struct kevy_listener *listener)
{
    if (listener->object.state != LISTENER_OPEN)
        return;
    listener->object.flags |= LISTENER_PAUSED;
    object_pend(&listener->object);
}

void kevy_listener_resume(struct kevy_listener *listener)
{
    if (listener->object.state != LISTENER_OPEN)
        return;
    listener->object.flags &= ~LISTENER_PAUSED;
    object_pend(&listener->object);
}

void kevy_listener_close(struct kevy_listener *listener)
{
    if (listener->object.state != LISTENER_OPEN && listener->object.state != LISTENER_FINISHING)
        return;
    object_state_set(&listener->object, LISTENER_CLOSING);
    object_pend(&listener->object);
}

void kevy_listener_finish(struct kevy_listener *listener)
{
    if (listener->object.state != LISTENER_OPEN)
        return;
    object_state_set(&listener->object, LISTENER_FINISHING);
    object_pend(&listener->object);
}

static void listener_abort(struct kevy_x_object *object)
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

static void listener_closed(struct kevy_x_object *object)
{
    struct kevy_listener *listener = listener_of(object);

    assert(listener->error == 0 && !waiting(&listener->wait));
    connections_disown(listener);
    object_end(object);
    if (listener->close != NULL)
        listener->close(listener);
}

#if DEBUG_CHECKS
static void listener_check(const struct kevy_x_object *object)
{
    const struct kevy_listener *listener = KEVY_CONTAINER_OF(object, struct kevy_listener, object);
    bool armed = has(listener, LISTENER_ARMED);

    assert(object->in_flight == armed + (object->state == LISTENER_CLOSED));
    assert(armed || !has(listener, LISTENER_CANCELLED));
    assert(waiting(&listener->wait) == (listener->error != 0));
    assert(kevy_timer_armed(&listener->retry) == (listener->error != 0) ||
           object->reactor->destroying); /* which disarms every timer */
    assert(listener->error == 0 || !has(listener, LISTENER_TELL_RESUMED));
}
#endif

const struct object_kind_operations listener_kind = {
    .name = "listener",
    .flush = listener_flush,
    .abort = listener_abort,
    .closed = listener_closed,
    .finishes_first = true,
#if DEBUG_CHECKS
    .check = listener_check,
#endif
    .next =
        {
            [LISTENER_IDLE] = STATE(LISTENER_OPEN),
            [LISTENER_OPEN] = STATE(LISTENER_FINISHING) | STATE(LISTENER_CLOSING),
            [LISTENER_FINISHING] = STATE(LISTENER_CLOSING) | STATE(LISTENER_CLOSED),
            [LISTENER_CLOSING] = STATE(LISTENER_CLOSED),
            [LISTENER_CLOSED] = STATE(LISTENER_IDLE),
        },
};

uint16_t kevy_listener_port(const struct kevy_listener *listener)
{
    int fd = kevy_listener_fd(listener);

    return fd < 0 ? 0 : socket_port(listener->object.reactor, fd);
}

#endif /* KEVY_RING_SUPPORTED */
