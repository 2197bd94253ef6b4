/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "crowd.h"
#include "clock.h"
#include "crowd_internal.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#define EVENTS_MAX      64
#define SILENT_MAX_NS   (30ULL * SECOND_NS) /* without an event for so long: the server hangs */
#define ACKNOWLEDGED_NS 1000000U            /* between two looks */
#define SETTLE_NS       20000000U           /* for a server that does not say when it has read */
#define HOG_PIECE       16384U
#define READING_PIECE   16384U
#define READING_BUFFER  65536

static void count_answers(struct crowd *crowd, const struct connection *connection, int answers)
{
    if (!is_unlimited(crowd, connection) || crowd->stopping)
        crowd->outstanding -= (uint64_t)answers;
    if (!is_hog(crowd, connection))
        crowd->tally->messages += (uint64_t)answers;
}

/* Bytes are those of the hogs where there are some, and where there are no answers those sent. */
static void count_bytes(struct crowd *crowd, const struct connection *connection, uint64_t bytes,
                        bool sent)
{
    if (sent == (crowd->dialogue.kind == DIALOGUE_SEND) &&
        is_hog(crowd, connection) == (crowd->count_all > crowd->count))
        crowd->tally->bytes += bytes;
}

static int send_some(struct crowd *crowd, struct connection *connection)
{
    uint64_t before = connection->sent;
    int complete = connection_send(connection);

    if (complete < 0)
        return complete;
    count_answers(crowd, connection, complete);
    count_bytes(crowd, connection, connection->sent - before, true);
    return connection_has_more(connection) == connection->writing
               ? 0
               : crowd_watch(crowd, connection, EPOLL_CTL_MOD);
}

/* One request more; it is sent by the caller. */
static void allow(struct crowd *crowd, struct connection *connection, uint64_t at_ns)
{
    uint32_t in_flight = crowd->settings->in_flight;

    if (crowd->pace != PACE_OPEN)
        connection->begun_ns[connection->allowed % in_flight] = at_ns;
    connection->allowed++;
    crowd->outstanding++;
    crowd->may_allow--;
}

/* As many as may be in flight. */
static int allow_closed(struct crowd *crowd, struct connection *connection, uint64_t at_ns)
{
    uint64_t before = connection->allowed;

    while (!crowd->stopping && crowd->may_allow > 0 &&
           connection->allowed - connection->answered < crowd->settings->in_flight)
        allow(crowd, connection, at_ns);
    return connection->allowed > before ? send_some(crowd, connection) : 0;
}

/* The last `answers` of a connection have come. */
static void time_answers(struct crowd *crowd, const struct connection *connection, int answers)
{
    uint64_t at_ns = now_ns();

    for (uint64_t i = connection->answered - (uint64_t)answers; i < connection->answered; i++) {
        uint64_t turn = (i - connection->base) * crowd->count + connection->index;
        uint64_t begun_ns = crowd->pace == PACE_OPEN
                                ? crowd->begin_ns + turn * crowd->interval_ns
                                : connection->begun_ns[i % crowd->settings->in_flight];

        histogram_add(&crowd->tally->latency, at_ns - begun_ns);
    }
}

static int reopen(struct crowd *crowd, struct connection *connection)
{
    int error;

    close(connection->fd);
    error = connection_open(connection, &crowd->dialogue, connection->index);
    return error < 0 ? error : crowd_watch(crowd, connection, EPOLL_CTL_ADD);
}

static int receive_some(struct crowd *crowd, struct connection *connection)
{
    uint64_t before = connection->received;
    int answers = connection_receive(connection);

    if (answers == -EPIPE) {
        int error = reopen(crowd, connection);

        return error < 0 ? error : allow_closed(crowd, connection, now_ns());
    }
    if (answers < 0)
        return answers;
    count_bytes(crowd, connection, connection->received - before, false);
    if (answers == 0)
        return 0;
    count_answers(crowd, connection, answers);
    if (!is_unlimited(crowd, connection))
        time_answers(crowd, connection, answers);
    if ((crowd->pace == PACE_CLOSED || crowd->pace == PACE_READING) && !is_hog(crowd, connection) &&
        !connection->dialogue->closing)
        return allow_closed(crowd, connection, now_ns());
    return 0;
}

static int step(struct crowd *crowd)
{
    uint64_t at_ns = now_ns();
    int error = 0;

    for (uint32_t i = 0; i < crowd->count && error >= 0; i++)
        error = allow_closed(crowd, &crowd->all[i], at_ns);
    return error;
}

/* What is due by now: a request each, or a look at what has been received. */
static int schedule(struct crowd *crowd, uint64_t at_ns)
{
    int error = 0;

    while (error >= 0 && !crowd->stopping &&
           crowd->begin_ns + crowd->scheduled * crowd->interval_ns <= at_ns) {
        struct connection *connection = &crowd->all[crowd->scheduled++ % crowd->count];

        if (crowd->pace == PACE_READING) {
            error = receive_some(crowd, connection);
        } else {
            allow(crowd, connection, at_ns);
            error = send_some(crowd, connection);
        }
    }
    return error;
}

static int pace(struct crowd *crowd, uint64_t at_ns)
{
    if (crowd->pace == PACE_OPEN || crowd->pace == PACE_READING)
        return schedule(crowd, at_ns);
    if (crowd->pace == PACE_STEP && crowd->outstanding == 0 && !crowd->stopping)
        return step(crowd);
    return 0;
}

/* Nothing more is allowed but what has been begun. */
static void stop(struct crowd *crowd)
{
    crowd->stopping = true;
    for (uint32_t i = 0; i < crowd->count_all; i++) {
        struct connection *connection = &crowd->all[i];
        size_t length = connection->dialogue->request_length;

        if (!is_unlimited(crowd, connection))
            continue;
        connection->allowed = (connection->sent + length - 1) / length;
        crowd->outstanding += connection->allowed - connection->answered;
        (void)crowd_watch(crowd, connection, EPOLL_CTL_MOD);
    }
}

static int start(struct crowd *crowd, double seconds, uint64_t messages)
{
    int error = 0;

    crowd->begin_ns = now_ns();
    crowd->deadline_ns =
        messages > 0 ? UINT64_MAX : crowd->begin_ns + (uint64_t)(seconds * SECOND_NS);
    crowd->may_allow = messages > 0 ? messages * crowd->count : UINT64_MAX;
    crowd->scheduled = 0;
    crowd->stopping = false;
    for (uint32_t i = 0; i < crowd->count_all && error >= 0; i++) {
        struct connection *connection = &crowd->all[i];

        connection->base = connection->answered;
        if (is_unlimited(crowd, connection)) {
            connection->allowed = CONNECTION_UNLIMITED;
            error = crowd_watch(crowd, connection, EPOLL_CTL_MOD);
        } else if (crowd->pace == PACE_CLOSED || crowd->pace == PACE_READING) {
            error = allow_closed(crowd, connection, now_ns());
        }
    }
    return error;
}

static bool is_over(const struct crowd *crowd)
{
    return crowd->stopping && (crowd->outstanding == 0 || crowd->pace == PACE_READING);
}

static uint64_t patience_ns(const struct crowd *crowd, uint64_t at_ns)
{
    uint64_t until_ns = at_ns + SILENT_MAX_NS;
    uint64_t due_ns = crowd->begin_ns + crowd->scheduled * crowd->interval_ns;

    if (crowd->stopping)
        return SILENT_MAX_NS;
    if (crowd->deadline_ns < until_ns)
        until_ns = crowd->deadline_ns;
    if (crowd->interval_ns > 0 && due_ns < until_ns)
        until_ns = due_ns;
    return until_ns > at_ns ? until_ns - at_ns : 0;
}

static int serve_events(struct crowd *crowd, const struct epoll_event *events, int count)
{
    int error = 0;

    for (int i = 0; i < count && error >= 0; i++) {
        struct connection *connection = events[i].data.ptr;

        if ((events[i].events & EPOLLOUT) && connection_has_more(connection))
            error = send_some(crowd, connection);
        if (error >= 0 && (events[i].events & ~(uint32_t)EPOLLOUT) && crowd->pace != PACE_READING)
            error = receive_some(crowd, connection);
    }
    return error;
}

static int turn(struct crowd *crowd)
{
    struct epoll_event events[EVENTS_MAX];
    uint64_t at_ns = now_ns(), patience;
    struct timespec timeout;
    int count, error;

    if (!crowd->stopping &&
        (at_ns >= crowd->deadline_ns || (crowd->may_allow == 0 && crowd->outstanding == 0)))
        stop(crowd);
    error = pace(crowd, at_ns);
    if (error < 0 || is_over(crowd))
        return error;
    patience = patience_ns(crowd, now_ns());
    timeout = (struct timespec){.tv_sec = (time_t)(patience / SECOND_NS),
                                .tv_nsec = (long)(patience % SECOND_NS)};
    count = epoll_pwait2(crowd->epoll, events, EVENTS_MAX, &timeout, NULL);
    if (count < 0)
        return errno == EINTR ? 0 : -errno;
    if (count == 0 && patience == SILENT_MAX_NS)
        return -ETIMEDOUT;
    return serve_events(crowd, events, count);
}

/* A server that only receives has nothing to say: its kernel does. */
static void wait_for_reader(const struct crowd *crowd)
{
    const struct timespec look = {.tv_nsec = ACKNOWLEDGED_NS};
    const struct timespec settle = {.tv_nsec = SETTLE_NS};

    if (crowd->dialogue.kind != DIALOGUE_SEND)
        return;
    for (uint32_t i = 0; i < crowd->count_all; i++)
        while (!connection_is_acknowledged(&crowd->all[i]))
            nanosleep(&look, NULL);
    nanosleep(&settle, NULL);
}

static int phase(struct crowd *crowd, double seconds, uint64_t messages)
{
    int error = start(crowd, seconds, messages);

    while (error >= 0 && !is_over(crowd))
        error = turn(crowd);
    crowd->end_ns = now_ns();
    if (error >= 0)
        wait_for_reader(crowd);
    return error;
}

static void idle(struct crowd *crowd, double seconds)
{
    const struct timespec time = {.tv_sec = (time_t)seconds};

    nanosleep(&time, NULL);
    crowd->end_ns = now_ns();
}

int crowd_run(const struct settings *settings, struct tally *tally)
{
    struct crowd crowd = {.settings = settings, .tally = tally};
    int error;

    error = crowd_open(&crowd);
    if (error >= 0 && settings->warm_up > 0)
        error = phase(&crowd, settings->warm_up, 0);
    tally_begin(tally);
    if (error >= 0 && settings->idle)
        idle(&crowd, settings->seconds);
    else if (error >= 0)
        error = phase(&crowd, settings->seconds, settings->messages);
    tally_end(tally, crowd.end_ns);
    return error;
}
