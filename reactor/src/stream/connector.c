/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Connecting to the first of many addresses that answers.
 *
 * Model. Two states: racing, in which the flush begins an attempt whenever one is wanted - at the
 * start, after a failure, after the delay -, and ending, in which it cancels what still races and
 * waits for it. Completions and timers only note what happened and make the object pending.
 *
 * Invariants. An attempt's descriptor is open exactly while its request is in flight, so it is
 * closed with nothing in flight; the winner's is the one exception, and becomes the stream's. While
 * racing there is an attempt in flight, one wanted, or both: so the race always ends.
 */
#include "stream_internal.h"
#include "socket/socket.h"

#if KEVY_RING_SUPPORTED

#include <kevy/connector.h>

#include <netinet/in.h>
#include <unistd.h>

#define ATTEMPT_DELAY_DEFAULT KEVY_MILLISECONDS(250)
#define TIMEOUT_DEFAULT       KEVY_SECONDS(30)

enum connect_state {
    CONNECT_IDLE,
    CONNECT_RACING,
    CONNECT_ENDING,
};

/* For kevy_x_object.flags. */
#define CONNECT_ATTEMPT_WANTED (1U << 0)

/* For kevy_x_connector_attempt.flags. */
#define ATTEMPT_GIVEN_UP  (1U << 0) /* its place is wanted */
#define ATTEMPT_CANCELLED (1U << 1) /* has been asked to end */

static struct kevy_connector *connect_of(struct kevy_x_object *object)
{
    return KEVY_CONTAINER_OF(object, struct kevy_connector, object);
}

/* The next address of the first one's family (0), or of the others (1); `count` for none. */
static uint32_t address_find(const struct kevy_connector *connect, uint32_t side)
{
    sa_family_t first = connect->addresses[0].address->sa_family;
    uint32_t index = connect->next[side];

    while (index < connect->count &&
           (connect->addresses[index].address->sa_family != first) != (side != 0))
        index++;
    return index;
}

/* RFC 8305, section 4: the families take turns, as long as both have addresses left. */
static uint32_t side_next(const struct kevy_connector *connect)
{
    if (address_find(connect, connect->turn) == connect->count)
        return connect->turn ^ 1;
    return connect->turn;
}

static void attempt_cancel(struct kevy_x_connector_attempt *attempt)
{
    if (attempt->fd < 0 || (attempt->flags & ATTEMPT_CANCELLED) != 0)
        return;
    if (kevy_completion_cancel(&attempt->completion) < 0)
        object_pend(&attempt->connect->object); /* no slot: the next flush asks again */
    else
        attempt->flags |= ATTEMPT_CANCELLED;
}

/* The race is over. The flush does the rest. */
static void race_end(struct kevy_connector *connect, int result)
{
    if (connect->object.state != CONNECT_RACING)
        return;
    connect->object.state = CONNECT_ENDING;
    connect->result = result;
    kevy_timer_stop(&connect->delay);
    kevy_timer_stop(&connect->limit);
    object_pend(&connect->object);
}

static void attempt_want(struct kevy_connector *connect)
{
    connect->object.flags |= CONNECT_ATTEMPT_WANTED;
    object_pend(&connect->object);
}

static void attempt_failed(struct kevy_connector *connect, uint32_t index, int error)
{
    connect->result = error;
    attempt_want(connect);
    if (connect->attempt != NULL)
        connect->attempt(connect, index, error);
}

static void attempt_done(struct kevy_completion *completion, int result, uint32_t flags)
{
    struct kevy_x_connector_attempt *attempt =
        KEVY_CONTAINER_OF(completion, struct kevy_x_connector_attempt, completion);
    struct kevy_connector *connect = attempt->connect;
    int fd = attempt->fd;

    (void)flags;
    assert(fd >= 0);
    attempt->fd = -1;
    connect->racing--;
    object_pend(&connect->object);
    if (connect->object.state == CONNECT_RACING && result == 0) {
        connect->winner = fd;
        race_end(connect, 0);
        return;
    }
    close(fd);
    if (connect->object.state != CONNECT_RACING)
        return;
    if ((attempt->flags & ATTEMPT_GIVEN_UP) != 0)
        result = -ETIMEDOUT;
    attempt_failed(connect, attempt->index, result);
}

static void delay_over(struct kevy_timer *timer)
{
    attempt_want(KEVY_CONTAINER_OF(timer, struct kevy_connector, delay));
}

static void limit_over(struct kevy_timer *timer)
{
    race_end(KEVY_CONTAINER_OF(timer, struct kevy_connector, limit), -ETIMEDOUT);
}

/* A free place. Without one the oldest attempt is asked to give its place up, and NULL returned. */
static struct kevy_x_connector_attempt *attempt_place(struct kevy_connector *connect)
{
    struct kevy_x_connector_attempt *oldest = &connect->attempts[0];

    for (uint32_t place = 0; place < KEVY_CONNECTOR_ATTEMPTS; place++) {
        struct kevy_x_connector_attempt *attempt = &connect->attempts[place];

        if (attempt->fd < 0)
            return attempt;
        if (attempt->number < oldest->number)
            oldest = attempt;
    }
    oldest->flags |= ATTEMPT_GIVEN_UP;
    attempt_cancel(oldest);
    if ((oldest->flags & ATTEMPT_CANCELLED) == 0)
        attempt_want(connect); /* no slot: asked again in the next flush */
    return NULL;
}

/* Connects `attempt` to address `index`. Returns 0, -EAGAIN when there is no slot at the moment, or
 * what the address failed with at once. */
static int attempt_begin(struct kevy_connector *connect, struct kevy_x_connector_attempt *attempt,
                         uint32_t index)
{
    const struct kevy_address *to = &connect->addresses[index];
    int fd = socket_connecting(to->address->sa_family);
    struct kevy_sqe *sqe;

    if (fd < 0)
        return fd;
    kevy_completion_init(&attempt->completion, connect->object.reactor, attempt_done);
    sqe = kevy_completion_sqe(&attempt->completion);
    if (sqe == NULL) {
        close(fd);
        return -EAGAIN;
    }
    kevy_prep_connect(sqe, fd, to->address, to->length);
    attempt->connect = connect;
    attempt->fd = fd;
    attempt->index = index;
    attempt->number = connect->begun++;
    attempt->flags = 0;
    connect->racing++;
    kevy_timer_start(&connect->delay, connect->object.reactor, connect->attempt_delay_ns,
                     delay_over);
    return 0;
}

/* Begins one attempt, if there is an address left and a place. Returns true to begin another. */
static bool attempt_next(struct kevy_connector *connect)
{
    uint32_t side = side_next(connect);
    uint32_t index = address_find(connect, side);
    struct kevy_x_connector_attempt *attempt;
    int error;

    connect->object.flags &= ~CONNECT_ATTEMPT_WANTED;
    if (index == connect->count) {
        if (connect->racing == 0)
            race_end(connect, connect->result);
        return false;
    }
    attempt = attempt_place(connect);
    if (attempt == NULL)
        return false; /* its failure will want the next attempt */
    error = attempt_begin(connect, attempt, index);
    if (error == -EAGAIN) { /* the kernel takes nothing: in the next flush then */
        attempt_want(connect);
        return false;
    }
    connect->next[side] = index + 1;
    connect->turn = side ^ 1;
    if (error < 0)
        attempt_failed(connect, index, error);
    return error < 0;
}

/* Nothing is in flight: the last callback. */
static void connect_finish(struct kevy_connector *connect)
{
    struct kevy_reactor *reactor = connect->object.reactor;
    int result = connect->result;

    assert(connect->racing == 0 && (result == 0) <= (connect->winner >= 0));
    object_unlink_flushed(&connect->object);
    connect->object.state = CONNECT_IDLE;
    if (result == 0)
        result = kevy_stream_adopt(connect->stream, reactor, connect->winner);
    if (result < 0 && connect->winner >= 0)
        close(connect->winner);
    connect->done(connect, result);
}

/* A drain lets it come to its end: the time limit bounds it, and the stream is told to finish. */
void connect_flush(struct kevy_x_object *object)
{
    struct kevy_connector *connect = connect_of(object);

    while (object->state == CONNECT_RACING && (object->flags & CONNECT_ATTEMPT_WANTED) != 0)
        if (!attempt_next(connect))
            break;
    assert(object->state != CONNECT_RACING || connect->racing > 0 ||
           (object->flags & CONNECT_ATTEMPT_WANTED) != 0);
    if (object->state != CONNECT_ENDING)
        return;
    for (uint32_t place = 0; place < KEVY_CONNECTOR_ATTEMPTS; place++)
        attempt_cancel(&connect->attempts[place]);
    if (connect->racing == 0)
        connect_finish(connect);
}

static bool addresses_valid(const struct kevy_address *addresses, uint32_t count)
{
    for (uint32_t index = 0; index < count; index++)
        if (addresses[index].length < sizeof(sa_family_t) ||
            addresses[index].length > sizeof(struct sockaddr_storage))
            return false;
    return count > 0;
}

int kevy_connector_start(struct kevy_connector *connect, struct kevy_reactor *reactor,
                         const struct kevy_connector_options *options)
{
    uint64_t timeout_ns = options->timeout_ns != 0 ? options->timeout_ns : TIMEOUT_DEFAULT;

    assert(options->done != NULL);
    if (connect->object.state != CONNECT_IDLE || options->stream->object.state != STREAM_IDLE ||
        !addresses_valid(options->addresses, options->count))
        return -EINVAL;
    memset(connect, 0, sizeof *connect);
    object_link(&connect->object, reactor, KIND_CONNECT);
    connect->object.state = CONNECT_RACING;
    connect->stream = options->stream;
    connect->addresses = options->addresses;
    connect->count = options->count;
    connect->winner = -1;
    connect->attempt_delay_ns =
        options->attempt_delay_ns != 0 ? options->attempt_delay_ns : ATTEMPT_DELAY_DEFAULT;
    connect->attempt = options->attempt;
    connect->done = options->done;
    for (uint32_t place = 0; place < KEVY_CONNECTOR_ATTEMPTS; place++)
        connect->attempts[place].fd = -1;
    if (timeout_ns != KEVY_FOREVER)
        kevy_timer_start(&connect->limit, reactor, timeout_ns, limit_over);
    attempt_want(connect);
    return 0;
}

void kevy_connector_cancel(struct kevy_connector *connect)
{
    if (connect->object.state == CONNECT_IDLE)
        return;
    race_end(connect, -ECANCELED);
    connect->result = -ECANCELED; /* even when somebody has won, but `done` has not come yet */
}

void connect_object_abort(struct kevy_x_object *object)
{
    kevy_connector_cancel(connect_of(object));
}

#endif /* KEVY_RING_SUPPORTED */
