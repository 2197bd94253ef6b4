/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Connecting to the first of many addresses that answers.
 *
 *     idle --start--> racing --somebody won, all failed, the limit, cancel--> ending
 *     ending --nothing in flight, last callback--> idle
 *
 * Model. Two states: racing, in which the flush begins an attempt whenever one is wanted - at the
 * start, after a failure, after the delay -, and ending, in which it cancels what still races and
 * waits for it. Completions and timers only note what happened and make the object pending.
 *
 * A Unix socket whose listener has a full backlog cannot be waited for: nothing says when there is
 * room, and the request ends with -EAGAIN, as connect(2) does: in its first enter (6.12.117, 7.3),
 * or after trying once in each of more than a hundred (6.16 to 7.1). The attempt waits, and is made
 * again by a timer, more and more rarely, until the race ends.
 *
 * Invariants. An attempt's descriptor is open exactly while its request is in flight or waits, and
 * is closed with nothing in flight; the winner's is the one exception, and becomes the stream's.
 * While racing there is an attempt, one wanted, or both: so the race always ends.
 */
#include "stream/connector_internal.h"

#if KEVY_RING_SUPPORTED

#include <kevy/connector.h>
#include <kevy/ring_prep.h>

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>

#include "core/completion.h"
#include "core/descriptor.h"
#include "socket/socket.h"

#define ATTEMPT_DELAY_DEFAULT KEVY_MILLISECONDS(250)
#define TIMEOUT_DEFAULT       KEVY_SECONDS(30)
#define RETRY_FIRST_NS        KEVY_MILLISECONDS(1)
#define RETRY_LAST_NS         KEVY_MILLISECONDS(100)

enum connector_state {
    CONNECTOR_IDLE = OBJECT_IDLE,
    CONNECTOR_RACING,
    CONNECTOR_ENDING,
};

/* For kevy_x_object.flags. */
#define CONNECTOR_ATTEMPT_WANTED (1U << 0)

/* For kevy_x_connector_attempt.flags. */
#define ATTEMPT_GIVEN_UP  (1U << 0) /* its place is wanted */
#define ATTEMPT_CANCELLED (1U << 1) /* has been asked to end */
#define ATTEMPT_WAITS     (1U << 2) /* nothing is in flight: it will be made again */
#define ATTEMPT_GOES_ON   (1U << 3) /* it was interrupted, and its end is polled for */

static struct kevy_connector *connector_of(struct kevy_x_object *object)
{
    return KEVY_CONTAINER_OF(object, struct kevy_connector, object);
}

/* The next address of the first one's family (0), or of the others (1); `count` for none. */
static uint32_t address_find(const struct kevy_connector *connector, uint32_t side)
{
    sa_family_t first = connector->addresses[0].address->sa_family;
    uint32_t index = connector->next[side];

    while (index < connector->count &&
           (connector->addresses[index].address->sa_family != first) != (side != 0))
        index++;
    return index;
}

/* RFC 8305, section 4: the families take turns, as long as both have addresses left. */
static uint32_t side_next(const struct kevy_connector *connector)
{
    if (address_find(connector, connector->turn) == connector->count)
        return connector->turn ^ 1;
    return connector->turn;
}

/* The race is over. The flush does the rest. */
static void race_end(struct kevy_connector *connector, int result)
{
    if (connector->object.state != CONNECTOR_RACING)
        return;
    object_state_set(&connector->object, CONNECTOR_ENDING);
    connector->result = result;
    kevy_timer_stop(&connector->delay);
    kevy_timer_stop(&connector->limit);
    kevy_timer_stop(&connector->retry);
    object_pend(&connector->object);
}

static void attempt_want(struct kevy_connector *connector)
{
    assert(connector->object.state == CONNECTOR_RACING);
    connector->object.flags |= CONNECTOR_ATTEMPT_WANTED;
    object_pend(&connector->object);
}

static void attempt_failed(struct kevy_connector *connector, uint32_t index, int error)
{
    assert(error < 0 && index < connector->count);
    connector->result = error;
    attempt_want(connector);
    if (connector->attempt != NULL)
        connector->attempt(connector, index, error);
}

static void attempt_end(struct kevy_x_connector_attempt *attempt, int result)
{
    struct kevy_connector *connector = attempt->connector;
    int fd = attempt->fd;

    assert(fd >= 0 && connector->racing > 0);
    attempt->fd = -1;
    connector->racing--;
    object_pend(&connector->object);
    if (connector->object.state == CONNECTOR_RACING && result == 0) {
        connector->winner = fd;
        race_end(connector, 0);
        return;
    }
    descriptor_close_now(connector->object.reactor, fd);
    if (connector->object.state != CONNECTOR_RACING)
        return;
    if ((attempt->flags & ATTEMPT_GIVEN_UP) != 0)
        result = -ETIMEDOUT;
    attempt_failed(connector, attempt->index, result);
}

static bool attempt_request(struct kevy_x_connector_attempt *attempt)
{
    const struct kevy_address *to = &attempt->connector->addresses[attempt->index];
    struct kevy_sqe *sqe = kevy_completion_sqe(&attempt->completion);

    if (sqe == NULL)
        return false;
    /* One that was interrupted goes on by itself, but for a Unix socket: connect(2). */
    if ((attempt->flags & ATTEMPT_GOES_ON) != 0)
        kevy_prep_poll(sqe, attempt->fd, POLLOUT);
    else
        kevy_prep_connect(sqe, attempt->fd, to->address, to->length);
    return true;
}

static void retry_over(struct kevy_timer *timer);

static void retry_start(struct kevy_connector *connector)
{
    if (kevy_timer_armed(&connector->retry))
        return;
    connector->retry_ns = connector->retry_ns == 0 ? RETRY_FIRST_NS : connector->retry_ns * 2;
    if (connector->retry_ns > RETRY_LAST_NS)
        connector->retry_ns = RETRY_LAST_NS;
    kevy_timer_start(&connector->retry, connector->object.reactor, connector->retry_ns, retry_over);
}

static void retry_over(struct kevy_timer *timer)
{
    struct kevy_connector *connector = KEVY_CONTAINER_OF(timer, struct kevy_connector, retry);

    for (uint32_t place = 0; place < KEVY_CONNECTOR_ATTEMPTS; place++) {
        struct kevy_x_connector_attempt *attempt = &connector->attempts[place];

        if (attempt->fd < 0 || (attempt->flags & ATTEMPT_WAITS) == 0)
            continue;
        if (attempt_request(attempt))
            attempt->flags &= ~ATTEMPT_WAITS;
        else
            retry_start(connector); /* no slot */
    }
}

static bool attempt_is_unix(const struct kevy_x_connector_attempt *attempt)
{
    return attempt->connector->addresses[attempt->index].address->sa_family == AF_UNIX;
}

/* It was interrupted, or there is no room in the backlog of a Unix socket. */
static bool attempt_unfinished(const struct kevy_x_connector_attempt *attempt, int result)
{
    return attempt->connector->object.state == CONNECTOR_RACING &&
           (result == -EINTR || (result == -EAGAIN && attempt_is_unix(attempt)));
}

static void attempt_done(struct kevy_completion *completion, int result, uint32_t flags)
{
    struct kevy_x_connector_attempt *attempt =
        KEVY_CONTAINER_OF(completion, struct kevy_x_connector_attempt, completion);
    struct kevy_connector *connector = attempt->connector;

    (void)flags;
    if ((attempt->flags & ATTEMPT_GOES_ON) != 0)
        result = socket_connected(connector->object.reactor, attempt->fd, result);
    if (!attempt_unfinished(attempt, result)) {
        attempt_end(attempt, result);
        return;
    }
    /* One that was cancelled ends with -ECANCELED, whatever the kernel says: completion.c. */
    assert((attempt->flags & ATTEMPT_CANCELLED) == 0);
    attempt->flags |= ATTEMPT_WAITS;
    if (!attempt_is_unix(attempt))
        attempt->flags |= ATTEMPT_GOES_ON;
    retry_start(connector);
}

static void attempt_cancel(struct kevy_x_connector_attempt *attempt)
{
    if (attempt->fd < 0 || (attempt->flags & ATTEMPT_CANCELLED) != 0)
        return;
    if ((attempt->flags & ATTEMPT_WAITS) != 0)
        attempt_end(attempt, -ECANCELED);
    else if (completion_cancel_or_pend(&attempt->completion, &attempt->connector->object))
        attempt->flags |= ATTEMPT_CANCELLED;
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
static struct kevy_x_connector_attempt *attempt_place(struct kevy_connector *connector)
{
    struct kevy_x_connector_attempt *oldest = &connector->attempts[0];

    for (uint32_t place = 0; place < KEVY_CONNECTOR_ATTEMPTS; place++) {
        struct kevy_x_connector_attempt *attempt = &connector->attempts[place];

        if (attempt->fd < 0)
            return attempt;
        if (attempt->number < oldest->number)
            oldest = attempt;
    }
    oldest->flags |= ATTEMPT_GIVEN_UP;
    attempt_cancel(oldest);
    if ((oldest->flags & ATTEMPT_CANCELLED) == 0)
        attempt_want(connector); /* no slot: asked again in the next flush */
    return NULL;
}

/* A socket for address `index` as the user wants it, or a negative errno. */
static int attempt_socket(struct kevy_connector *connector, uint32_t index)
{
    struct kevy_reactor *reactor = connector->object.reactor;
    int fd = socket_connecting(reactor, connector->addresses[index].address->sa_family);
    int error = 0;

    if (fd >= 0 && connector->prepare != NULL)
        error = connector->prepare(connector, index, fd);
    if (error == 0 && connector->object.state == CONNECTOR_RACING)
        return fd;
    descriptor_close_now(reactor, fd);
    return error < 0 ? error : -ECANCELED;
}

/* Connects `attempt` to address `index`. Returns 0, 1 when there is no slot at the moment, or what
 * the address failed with at once. */
static int attempt_begin(struct kevy_connector *connector, struct kevy_x_connector_attempt *attempt,
                         uint32_t index)
{
    struct kevy_reactor *reactor = connector->object.reactor;
    int fd = attempt_socket(connector, index);

    if (fd < 0)
        return fd;
    assert(attempt->fd < 0); /* the place is free */
    kevy_completion_init(&attempt->completion, reactor, attempt_done);
    attempt->connector = connector;
    attempt->fd = fd;
    attempt->index = index;
    attempt->flags = 0;
    if (!attempt_request(attempt)) {
        attempt->fd = -1;
        descriptor_close_now(reactor, fd);
        return 1;
    }
    attempt->number = connector->begun++;
    connector->racing++;
    kevy_timer_start(&connector->delay, reactor, connector->attempt_delay_ns, delay_over);
    return 0;
}

/* Begins one attempt, if there is an address left and a place. Returns true to begin another. */
static bool attempt_next(struct kevy_connector *connector)
{
    uint32_t side = side_next(connector);
    uint32_t index = address_find(connector, side);
    struct kevy_x_connector_attempt *attempt;
    int error;

    connector->object.flags &= ~CONNECTOR_ATTEMPT_WANTED;
    if (index == connector->count) {
        if (connector->racing == 0)
            race_end(connector, connector->result);
        return false;
    }
    attempt = attempt_place(connector);
    if (attempt == NULL)
        return false; /* its failure will want the next attempt */
    error = attempt_begin(connector, attempt, index);
    if (connector->object.state != CONNECTOR_RACING)
        return false; /* cancelled in `prepare` */
    if (error > 0) {  /* the kernel takes nothing: in the next flush then */
        attempt_want(connector);
        return false;
    }
    connector->next[side] = index + 1;
    connector->turn = side ^ 1;
    if (error < 0)
        attempt_failed(connector, index, error);
    return error < 0;
}

/* Nothing is in flight: the last callback. */
static void connector_end(struct kevy_connector *connector)
{
    struct kevy_reactor *reactor = connector->object.reactor;
    int result = connector->result;

    assert(connector->racing == 0 && (result == 0) <= (connector->winner >= 0));
    assert(!kevy_timer_armed(&connector->delay) && !kevy_timer_armed(&connector->limit) &&
           !kevy_timer_armed(&connector->retry));
    object_end(&connector->object);
    if (result == 0)
        result = kevy_stream_adopt(connector->stream, reactor, connector->winner);
    if (result < 0 && connector->winner >= 0)
        descriptor_close_now(reactor, connector->winner);
    connector->done(connector, result);
}

/* A reactor that finishes lets it come to its end: the time limit bounds it, and the stream is told
 * to finish. */
static void connector_flush(struct kevy_x_object *object)
{
    struct kevy_connector *connector = connector_of(object);

    while (object->state == CONNECTOR_RACING && (object->flags & CONNECTOR_ATTEMPT_WANTED) != 0)
        if (!attempt_next(connector))
            break;
    assert(object->state != CONNECTOR_RACING || connector->racing > 0 ||
           (object->flags & CONNECTOR_ATTEMPT_WANTED) != 0);
    if (object->state != CONNECTOR_ENDING)
        return;
    for (uint32_t place = 0; place < KEVY_CONNECTOR_ATTEMPTS; place++)
        attempt_cancel(&connector->attempts[place]);
    if (connector->racing == 0)
        connector_end(connector);
}

static bool addresses_valid(const struct kevy_address *addresses, uint32_t count)
{
    for (uint32_t index = 0; index < count; index++)
        if (addresses[index].length < sizeof(sa_family_t) ||
            addresses[index].length > sizeof(struct sockaddr_storage))
            return false;
    return count > 0;
}

int kevy_connector_start(struct kevy_connector *connector, struct kevy_reactor *reactor,
                         const struct kevy_connector_options *options)
{
    uint64_t timeout_ns = options->timeout_ns != 0 ? options->timeout_ns : TIMEOUT_DEFAULT;

    assert(object_idle(&connector->object) &&
           "the connector is at work, or its memory was not zeroed");
    assert(options->done != NULL && "a connector needs a done callback");
    assert(options->stream->events != NULL && object_idle(&options->stream->object) &&
           "the stream of a connector is initialised and not in use");
    if (!addresses_valid(options->addresses, options->count))
        return -EINVAL;
    memset(connector, 0, sizeof *connector);
    connector->stream = options->stream;
    connector->addresses = options->addresses;
    connector->count = options->count;
    connector->winner = -1;
    connector->attempt_delay_ns =
        options->attempt_delay_ns != 0 ? options->attempt_delay_ns : ATTEMPT_DELAY_DEFAULT;
    connector->prepare = options->prepare;
    connector->attempt = options->attempt;
    connector->done = options->done;
    for (uint32_t place = 0; place < KEVY_CONNECTOR_ATTEMPTS; place++)
        connector->attempts[place].fd = -1;
    object_start(&connector->object, reactor, KIND_CONNECTOR, CONNECTOR_RACING,
                 CONNECTOR_ATTEMPT_WANTED);
    if (timeout_ns != KEVY_FOREVER)
        kevy_timer_start(&connector->limit, reactor, timeout_ns, limit_over);
    return 0;
}

void kevy_connector_cancel(struct kevy_connector *connector)
{
    if (connector->object.state == CONNECTOR_IDLE)
        return;
    race_end(connector, -ECANCELED);
    connector->result = -ECANCELED; /* even when somebody has won, but `done` has not come yet */
}

static void connector_abort(struct kevy_x_object *object)
{
    kevy_connector_cancel(connector_of(object));
}

#if DEBUG_CHECKS
static void connector_check(const struct kevy_x_object *object)
{
    const struct kevy_connector *connector =
        KEVY_CONTAINER_OF(object, struct kevy_connector, object);
    uint32_t racing = 0;

    for (uint32_t place = 0; place < KEVY_CONNECTOR_ATTEMPTS; place++) {
        const struct kevy_x_connector_attempt *attempt = &connector->attempts[place];

        assert((attempt->fd >= 0 && (attempt->flags & ATTEMPT_WAITS) == 0) ==
               kevy_completion_active(&attempt->completion));
        assert(attempt->fd < 0 || attempt->number < connector->begun);
        racing += attempt->fd >= 0;
    }
    assert(racing == connector->racing);
    assert(connector->winner < 0 || object->state == CONNECTOR_ENDING);
    assert(connector->next[0] <= connector->count && connector->next[1] <= connector->count);
    assert(object->state == CONNECTOR_RACING || !kevy_timer_armed(&connector->limit));
}
#endif

const struct object_kind_operations connector_kind = {
    .name = "connector",
    .flush = connector_flush,
    .abort = connector_abort,
#if DEBUG_CHECKS
    .check = connector_check,
#endif
    .next =
        {
            [CONNECTOR_IDLE] = STATE(CONNECTOR_RACING),
            [CONNECTOR_RACING] = STATE(CONNECTOR_ENDING),
            [CONNECTOR_ENDING] = STATE(CONNECTOR_IDLE),
        },
};

#endif /* KEVY_RING_SUPPORTED */
