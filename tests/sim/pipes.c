/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "pipes.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "joint.h"
#include "link.h"
#include "pattern.h"
#include "world.h"

enum {
    CONDUITS = 5,
    LENGTH_MAX = 20000,
};

struct conduit {
    struct kevy_stream reading;
    struct kevy_stream writing;
    struct joint joint; /* of two pipes, where there are two */
    uint64_t seed;
    uint64_t written;
    uint64_t arrived;
    bool reads;       /* `close` is to come */
    bool writes;      /* the same */
    bool leaves;      /* the reader is closed or aborted by the server ... */
    bool reads_abort; /* ... this way */
    bool stops;       /* the writer is */
    bool stops_abort;
    bool ended;
    bool paused;
    bool cut; /* the writer did not come to its end in good order */
};

static struct {
    struct kevy_reactor *reactor;
    const struct kevy_system *system;
    struct conduit conduits[CONDUITS];
    uint64_t count;
    bool little_memory;
    bool quiet;
    bool abandoned;
} all;

static struct conduit *reading_of(struct kevy_stream *stream)
{
    EXPECT(quiet_calls == 0, "a pipe is told inside a call");
    return KEVY_CONTAINER_OF(stream, struct conduit, reading);
}

static struct conduit *writing_of(struct kevy_stream *stream)
{
    EXPECT(quiet_calls == 0, "a pipe is told inside a call");
    return KEVY_CONTAINER_OF(stream, struct conduit, writing);
}

/* What ends the writer is told by its last callback, which may come later than the end at the other
 * side. A joint that is aborted cuts it, too. */
static void cut_look(struct conduit *conduit)
{
    conduit->cut |= conduit->writing.reason != 0 || conduit->joint.aborted;
}

/* ---- The reader ---------------------------------------------------------------------------- */

static void received(struct kevy_stream *stream, struct kevy_buffer *buffer)
{
    struct conduit *conduit = reading_of(stream);

    EXPECT(conduit->reads && !conduit->ended && !conduit->paused && !conduit->leaves,
           "a pipe is read out of its order");
    EXPECT(buffer->length > 0 && conduit->arrived + buffer->length <= conduit->written,
           "a pipe has more bytes than were written");
    pattern_check(buffer->data, buffer->length, conduit->seed, conduit->arrived, "pipe");
    conduit->arrived += buffer->length;
}

static void ended(struct kevy_stream *stream)
{
    struct conduit *conduit = reading_of(stream);

    EXPECT(conduit->reads && !conduit->ended && !conduit->paused && !conduit->leaves,
           "the end of a pipe is told out of its order");
    cut_look(conduit);
    EXPECT(conduit->stops || conduit->cut || all.abandoned, "a pipe ends while it is written to");
    EXPECT(conduit->stops_abort || conduit->cut || all.abandoned ||
               conduit->arrived == conduit->written,
           "a pipe ends after %llu of %llu bytes", (unsigned long long)conduit->arrived,
           (unsigned long long)conduit->written);
    conduit->ended = true;
    conduit->leaves = true;
    QUIETLY(kevy_stream_close(stream));
}

/* What either end may be closed with. */
static bool reason_known(int reason, bool closes, bool aborts)
{
    switch (reason) {
    case 0:
        return closes || all.abandoned;
    case -ECANCELED:
        return aborts || all.abandoned;
    case -EAGAIN: /* no thread */
        return true;
    case -ENOMEM:
    case -ENOBUFS:
        return all.little_memory || kevy_sim_refused(world);
    case -ETIMEDOUT:
        return closes || all.abandoned; /* the queue has to move while a stream closes */
    default:
        return false;
    }
}

static void reading_closed(struct kevy_stream *stream, int reason)
{
    struct conduit *conduit = reading_of(stream);

    EXPECT(conduit->reads, "the reader of a pipe is closed twice");
    EXPECT(reason_known(reason, conduit->leaves, conduit->reads_abort),
           "the reader of a pipe is closed with %d", reason);
    conduit->reads = false;
}

/* ---- The writer ---------------------------------------------------------------------------- */

static void writing_closed(struct kevy_stream *stream, int reason)
{
    struct conduit *conduit = writing_of(stream);

    EXPECT(conduit->writes, "the writer of a pipe is closed twice");
    cut_look(conduit);
    if (reason == -EPIPE)
        EXPECT(conduit->leaves || conduit->joint.aborted || !conduit->reads ||
                   conduit->reading.reason != 0 || all.abandoned,
               "a pipe breaks that is read from");
    else
        EXPECT(reason_known(reason, conduit->stops, conduit->stops_abort),
               "the writer of a pipe is closed with %d", reason);
    conduit->cut |= reason != 0;
    conduit->writes = false;
}

static void write_some(struct conduit *conduit)
{
    static uint8_t bytes[LENGTH_MAX];
    size_t length = (size_t)kevy_sim_magnitude(world, 1, LENGTH_MAX);
    int error;

    pattern_fill(bytes, length, conduit->seed, conduit->written);
    QUIETLY(error = kevy_stream_send(&conduit->writing, bytes, length));
    memset(bytes, 0xDB, length);
    EXPECT(error == 0 || error == -EAGAIN || error == -ENOBUFS || error == -EPIPE,
           "a write to a pipe answers %d", error);
    if (error == -EPIPE)
        cut_look(conduit);
    if (error == 0)
        conduit->written += length;
}

/* ---- What happens -------------------------------------------------------------------------- */

static const struct kevy_stream_events reading_events = {
    .read = received, .end = ended, .close = reading_closed};
static const struct kevy_stream_events writing_events = {.close = writing_closed};

/* Opens a pipe. False when there are no descriptors. */
static bool pipe_open(int fds[2], int flags)
{
    int error = kevy_sim_pipe_open(world, fds, flags);

    EXPECT(error == 0 || error == -EMFILE, "a pipe is opened with %d", error);
    return error == 0;
}

/* Puts another pipe in front of that of `fds`, whose writer is then that of the other. */
static void joint_insert(struct conduit *conduit, int fds[2])
{
    int before[2];

    if (!pipe_open(before, 0))
        return;
    joint_open(&conduit->joint, all.reactor, all.system, before[0], fds[1]);
    fds[1] = before[1];
}

static void conduit_open(struct conduit *conduit)
{
    bool joined = kevy_sim_one_in(world, 3);
    int error, fds[2];

    if (!pipe_open(fds, !joined && kevy_sim_one_in(world, 2) ? O_NONBLOCK : 0))
        return;
    memset(conduit, 0, sizeof *conduit);
    if (joined)
        joint_insert(conduit, fds);
    conduit->seed = ++all.count;
    kevy_stream_init(&conduit->reading, &reading_events);
    kevy_stream_init(&conduit->writing, &writing_events);
    QUIETLY(error = kevy_stream_adopt(&conduit->reading, all.reactor, fds[0]));
    EXPECT(error == 0, "a pipe is adopted with %d", error);
    QUIETLY(error = kevy_stream_adopt(&conduit->writing, all.reactor, fds[1]));
    EXPECT(error == 0, "a pipe is adopted with %d", error);
    conduit->reads = conduit->writes = true;
}

static void do_write(struct conduit *conduit)
{
    if (conduit->writes && !conduit->stops)
        write_some(conduit);
}

static void do_pause(struct conduit *conduit)
{
    if (!conduit->reads || conduit->leaves)
        return;
    if (conduit->paused)
        QUIETLY(kevy_stream_resume(&conduit->reading));
    else
        QUIETLY(kevy_stream_pause(&conduit->reading));
    conduit->paused = !conduit->paused;
}

static void do_stop(struct conduit *conduit)
{
    if (!conduit->writes)
        return;
    cut_look(conduit);
    conduit->stops = true;
    QUIETLY(kevy_stream_close(&conduit->writing));
}

static void do_stop_abort(struct conduit *conduit)
{
    if (!conduit->writes)
        return;
    conduit->stops = conduit->stops_abort = true;
    QUIETLY(kevy_stream_abort(&conduit->writing));
}

static void do_leave(struct conduit *conduit)
{
    if (!conduit->reads)
        return;
    conduit->leaves = true;
    QUIETLY(kevy_stream_close(&conduit->reading));
}

static void do_leave_abort(struct conduit *conduit)
{
    if (!conduit->reads)
        return;
    conduit->leaves = conduit->reads_abort = true;
    QUIETLY(kevy_stream_abort(&conduit->reading));
}

static void do_part(struct conduit *conduit)
{
    joint_abort(&conduit->joint);
}

/* Nothing of it is left. */
static bool conduit_over(const struct conduit *conduit)
{
    return !conduit->reads && !conduit->writes && !conduit->joint.open;
}

static void conduit_act(struct conduit *conduit)
{
    static void (*const usual[])(struct conduit *) = {do_write, do_write, do_write, do_pause};
    static void (*const seldom[])(struct conduit *) = {do_stop,  do_stop,        do_stop_abort,
                                                       do_leave, do_leave_abort, do_part};

    if (conduit_over(conduit)) {
        if (!all.quiet && kevy_sim_one_in(world, 2))
            conduit_open(conduit);
    } else if (kevy_sim_one_in(world, 40)) {
        seldom[kevy_sim_below(world, sizeof seldom / sizeof *seldom)](conduit);
    } else {
        usual[kevy_sim_below(world, sizeof usual / sizeof *usual)](conduit);
    }
}

void pipes_start(struct kevy_reactor *reactor, const struct kevy_system *system, bool little_memory)
{
    memset(&all, 0, sizeof all);
    all.reactor = reactor;
    all.system = system;
    all.little_memory = little_memory;
}

void pipes_turned(void)
{
    if (!all.abandoned && !all.quiet)
        conduit_act(&all.conduits[kevy_sim_below(world, CONDUITS)]);
}

void pipes_quiet(void)
{
    all.quiet = true;
    for (int index = 0; index < CONDUITS; index++) {
        struct conduit *conduit = &all.conduits[index];

        if (conduit->paused)
            do_pause(conduit);
        if (!conduit->stops)
            do_stop(conduit);
    }
}

bool pipes_over(void)
{
    bool over = true;

    for (int index = 0; index < CONDUITS; index++)
        over &= conduit_over(&all.conduits[index]);
    return over;
}

void pipes_abandon(void)
{
    all.abandoned = true;
    for (int index = 0; index < CONDUITS; index++)
        joint_abandon(&all.conduits[index].joint);
}

void pipes_gone(void)
{
    for (int index = 0; index < CONDUITS; index++) {
        struct conduit *conduit = &all.conduits[index];

        joint_gone(&conduit->joint);
        EXPECT(conduit_over(conduit), "an end of a pipe has not been closed");
    }
}
