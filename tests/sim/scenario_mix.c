/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A server that does whatever streams allow, at any moment: sends, writes, reserves, pauses, holds
 * back, keeps what it received, sets deadlines, detaches and starts again, shuts down, closes,
 * aborts, computes for long. What it sends is a pattern of its own.
 *
 * Invariants, beyond those of link.h and client.h: an accepted write reports once, before close,
 * and with 0 unless the stream ended badly; -EAGAIN comes only at the high mark, and drain follows
 * each stay there; kept buffers do not change; a deadline is never early, and at most two ticks and
 * the turn late; a paused stream is not read from.
 */
#include "scenario.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "copies.h"
#include "link.h"
#include "pattern.h"
#include "poster.h"
#include "ranges.h"
#include "stream/stream_internal.h"
#include "world.h"

enum {
    KEPT_MAX = 32,
    LENGTH_MAX = 40000,
    COPY_MAX = 300000,
    COPIES_MAX = 20,
    MARK_MAX = 400000,
    PARTS_MAX = 5,
    ACTIONS_MAX = 3,
    UNDRAINED_MAX = 50,
};

#define TICK_NS (UINT64_C(1) << 20)
/* A soft kernel without epoll_pwait2 waits for whole milliseconds. */
#define ROUNDED_NS 1000000U
/* The longest that the program computes. */
#define SLOW_NS 200000000U

struct mix_link {
    struct link link;
    uint32_t writes;          /* accepted, and not reported */
    uint32_t pieces;          /* accepted, and not released */
    uint64_t moved_ns;        /* when bytes last came, or a write was last seen to move */
    uint64_t set_ns[3];       /* when the deadline was set */
    uint64_t limit_ns[3];     /* how long it lasts; 0: off */
    uint64_t phase_busy_ns;   /* what the loop had spent awake when the phase began */
    uint64_t starvations;     /* of the reactor, when it was accepted */
    struct kevy_timer resume; /* nobody stays paused for good */
    uint64_t resume_ns;       /* when that is due */
    uint64_t busy_ns;         /* what the loop had spent awake when it was set */
    bool paused;
    bool detaching;
    bool drains;        /* the queue was at its high mark */
    bool shut;          /* by shutdown, close or abort: nobody is told of drains any more */
    uint32_t undrained; /* turns after which it was empty, and nobody had been told */
    int copy_error;     /* that the socket told a long copy */
    uint32_t ranges;    /* queued, and not reported */
    bool ranged;        /* there were some: their bytes come to the mark by themselves */
};

struct piece {
    struct kevy_send write;
    struct iovec parts[PARTS_MAX];
    struct mix_link *owner;
    size_t length;
    bool done;
    uint8_t bytes[];
};

struct kept {
    struct kevy_buffer buffer;
    uint64_t seed; /* 0: nobody's */
    uint64_t position;
    bool used;
};

static struct {
    struct kevy_listener listener;
    struct kept kept[KEPT_MAX];
    const struct kevy_system *system;
    uint32_t high_watermark;
    bool ranges; /* of files are sent, too */
    bool quiet;
    bool abandoned; /* nobody gives back what is kept */
} mix;

static struct mix_link *mix_of(struct link *link)
{
    return (void *)link;
}

static void promise(struct mix_link *mine, uint64_t length)
{
    if (mine->link.story != NULL)
        mine->link.story->promised += length;
}

static uint64_t answer_position(const struct mix_link *mine)
{
    return mine->link.story != NULL ? mine->link.story->promised : 0;
}

static uint64_t answer_seed(const struct mix_link *mine)
{
    return mine->link.story != NULL ? mine->link.story->answer_seed : 0;
}

/* The queue has grown, or its mark has moved. */
static void mark_look(struct mix_link *mine)
{
    if (kevy_stream_queued(&mine->link.stream) >= mine->link.stream.high_watermark)
        mine->drains = true;
}

/* What a write is answered when it is not taken. */
static void refusal_check(struct mix_link *mine, int error)
{
    EXPECT(error == -EAGAIN || error == -EPIPE || error == -ENOBUFS, "a write answers %d", error);
    if (error == -EAGAIN) {
        EXPECT(kevy_stream_queued(&mine->link.stream) >= mine->link.stream.high_watermark,
               "-EAGAIN below the high mark");
        EXPECT(mine->link.accepted >= mine->link.reserved, "-EAGAIN for what was reserved");
        mine->drains = true;
        mine->link.owes_drain = true;
    }
}

static void reserve(struct mix_link *mine, uint64_t length)
{
    int error;

    QUIETLY(error = kevy_stream_reserve(&mine->link.stream, length));
    mine->link.reserved = error == 0 ? mine->link.accepted + length : 0;
    if (error != 0)
        refusal_check(mine, error);
}

static void do_reserve(struct mix_link *mine)
{
    uint64_t length = kevy_sim_magnitude(world, 0, LENGTH_MAX);

    /* What a range sends counts as well, when it does. */
    reserve(mine, mine->ranges == 0 ? length : 0);
}

/* Returns whether the bytes were taken. */
static bool copy_send(struct mix_link *mine, size_t length)
{
    static uint8_t bytes[COPY_MAX];
    uint64_t queued = kevy_stream_queued(&mine->link.stream);
    int error;

    pattern_fill(bytes, length, answer_seed(mine), answer_position(mine));
    QUIETLY(error = kevy_stream_send(&mine->link.stream, bytes, length));
    memset(bytes, 0xDB, length);
    if (error != 0) {
        refusal_check(mine, error);
        return false;
    }
    if (length == 0)
        return true; /* nobody looks at the mark */
    promise(mine, length);
    link_queued(&mine->link, length, queued);
    /* What the socket took at once counts as if it had been queued. */
    mine->drains |= queued + length >= mine->link.stream.high_watermark;
    mark_look(mine);
    return true;
}

static void do_send(struct mix_link *mine)
{
    (void)copy_send(mine, (size_t)kevy_sim_magnitude(world, 0, LENGTH_MAX));
}

/* Sends so often, or until it is refused. */
static void copies_send(struct mix_link *mine, uint64_t count)
{
    size_t length = (size_t)kevy_sim_magnitude(world, COPY_LONG, COPY_MAX);
    uint64_t bytes = 0;
    int error;

    reserve(mine, 0); /* so that it is refused at the mark */
    copies_begin();
    while (count-- > 0 && copy_send(mine, length))
        bytes += length;
    error = copies_end(&mine->link.stream, bytes, length);
    if (error != 0 && mine->copy_error == 0)
        mine->copy_error = error;
}

static void do_copy(struct mix_link *mine)
{
    copies_send(mine, 1);
}

static void do_copies(struct mix_link *mine)
{
    copies_send(mine, COPIES_MAX);
}

static void piece_free(struct piece *piece)
{
    memset(piece, 0xDB, sizeof *piece + piece->length);
    free(piece);
}

static void piece_done(struct kevy_send *write, struct kevy_stream *stream, int result)
{
    struct piece *piece = KEVY_CONTAINER_OF(write, struct piece, write);
    struct mix_link *mine = piece->owner;

    EXPECT(quiet_calls == 0, "done came inside a call");
    EXPECT(link_of(stream) == &mine->link && mine->writes > 0, "a write reports twice");
    EXPECT(!piece->done, "a write reports twice");
    piece->done = true;
    mine->writes--;
    if (result == 0)
        mine->moved_ns = kevy_sim_now(world);
    if (write->released == NULL)
        piece_free(piece);
}

static void piece_released(struct kevy_send *write, struct kevy_stream *stream)
{
    struct piece *piece = KEVY_CONTAINER_OF(write, struct piece, write);
    struct mix_link *mine = piece->owner;

    EXPECT(quiet_calls == 0, "released came inside a call");
    EXPECT(link_of(stream) == &mine->link && piece->done && mine->pieces > 0,
           "a write is released out of its order");
    mine->pieces--;
    piece_free(piece);
}

/* Cuts `length` bytes into some parts, of which some may be empty. */
static void parts_cut(struct piece *piece, size_t length)
{
    uint32_t count = (uint32_t)kevy_sim_between(world, 1, PARTS_MAX);
    uint8_t *from = piece->bytes;

    for (uint32_t part = 0; part < count; part++) {
        size_t here = part + 1 < count ? (size_t)kevy_sim_below(world, length + 1) : length;

        piece->parts[part] = (struct iovec){.iov_base = from, .iov_len = here};
        from += here;
        length -= here;
    }
    piece->write.count = count;
}

static void do_write(struct mix_link *mine)
{
    size_t length = (size_t)kevy_sim_magnitude(world, 1, LENGTH_MAX);
    struct piece *piece = calloc(1, sizeof *piece + length);
    uint64_t queued = kevy_stream_queued(&mine->link.stream);
    int error;

    EXPECT(piece != NULL, "no memory");
    pattern_fill(piece->bytes, length, answer_seed(mine), answer_position(mine));
    parts_cut(piece, length);
    piece->owner = mine;
    piece->write.parts = piece->parts;
    piece->length = length;
    piece->write.done = piece_done;
    if (kevy_sim_one_in(world, 2)) {
        piece->write.flags = kevy_sim_one_in(world, 4) ? 0 : KEVY_SEND_ZERO_COPY;
        piece->write.released = piece_released;
    }
    QUIETLY(error = kevy_stream_send_pinned(&mine->link.stream, &piece->write));
    if (error == 0) {
        promise(mine, length);
        link_queued(&mine->link, length, queued);
        mark_look(mine);
        mine->writes++;
        mine->pieces += piece->write.released != NULL;
        return;
    }
    refusal_check(mine, error);
    free(piece);
}

void mix_sends_ranges(void)
{
    mix.ranges = true;
}

static void action(struct mix_link *mine);
static void do_abort(struct mix_link *mine);
static void do_detach(struct mix_link *mine);

/* All of it was sent, and something else comes next. */
static void range_follow(struct mix_link *mine)
{
    if (kevy_sim_one_in(world, 8))
        do_detach(mine);
    else if (kevy_sim_one_in(world, 2))
        action(mine);
}

static void range_over(struct kevy_stream *stream, const struct range_told *told)
{
    struct mix_link *mine = mix_of(link_of(stream));
    struct story *story = mine->link.story;
    uint64_t end = told->position + told->sent;

    EXPECT(mine->ranges > 0, "a range reports twice");
    mine->ranges--;
    if (told->sent == told->length) {
        if (!mix.quiet && !mix.abandoned)
            range_follow(mine);
        return;
    }
    /* Of all that was to follow nothing may come. */
    if (story != NULL && story->promised > end)
        story->promised = end;
    do_abort(mine);
}

static void do_range(struct mix_link *mine)
{
    int64_t length;

    reserve(mine, 0);
    length = ranges_send(&mine->link.stream, answer_seed(mine), answer_position(mine), range_over);
    if (length == -EMFILE || length == -EBUSY)
        return;
    if (length < 0) {
        refusal_check(mine, (int)length);
        return;
    }
    promise(mine, (uint64_t)length);
    mine->ranges++;
    mine->ranged = true;
    mark_look(mine);
}

static void do_resume(struct mix_link *mine)
{
    QUIETLY(kevy_stream_resume(&mine->link.stream));
    QUIETLY(kevy_timer_stop(&mine->resume));
    mine->paused = false;
}

/* Never early; late to the end of the tick, and by what the loop spent awake meanwhile. */
static void resume_fire(struct kevy_timer *timer)
{
    struct mix_link *mine = KEVY_CONTAINER_OF(timer, struct mix_link, resume);
    uint64_t awake_ns = kevy_sim_awake_ns(world) - mine->busy_ns;

    EXPECT(quiet_calls == 0, "a timer fires inside a call");
    EXPECT(mine->paused, "a timer fires that was stopped");
    EXPECT(kevy_sim_now(world) >= mine->resume_ns, "a timer is early by %llu ns",
           (unsigned long long)(mine->resume_ns - kevy_sim_now(world)));
    EXPECT(kevy_sim_now(world) <= mine->resume_ns + TICK_NS + ROUNDED_NS + awake_ns,
           "a timer is late by %llu ns",
           (unsigned long long)(kevy_sim_now(world) - mine->resume_ns));
    do_resume(mine);
}

static void do_pause(struct mix_link *mine)
{
    uint64_t delay_ns = kevy_sim_magnitude(world, 0, KEVY_SECONDS(1));

    if (mine->detaching)
        return;
    QUIETLY(kevy_stream_pause(&mine->link.stream));
    mine->paused = true;
    mine->busy_ns = kevy_sim_awake_ns(world);
    QUIETLY(kevy_timer_start(&mine->resume, kevy_stream_reactor(&mine->link.stream), delay_ns,
                             resume_fire));
    mine->resume_ns = kevy_sim_now(world) + delay_ns;
}

static void do_hold(struct mix_link *mine)
{
    struct link *target = kevy_sim_one_in(world, 2) ? &mine->link : links_any();

    if (mine->link.opened && target->opened)
        QUIETLY(kevy_stream_hold(&mine->link.stream, &target->stream));
}

/* From here on the client may be told of an end. */
static void ends(struct mix_link *mine)
{
    mine->shut = true;
    if (mine->link.story != NULL)
        story_ends(mine->link.story);
}

static void do_shutdown(struct mix_link *mine)
{
    ends(mine);
    QUIETLY((void)kevy_stream_shutdown(&mine->link.stream));
}

static void do_close(struct mix_link *mine)
{
    QUIETLY(kevy_stream_close(&mine->link.stream));
    mine->link.limited = true;
    ends(mine);
}

static void do_abort(struct mix_link *mine)
{
    link_break(&mine->link);
    mine->shut = true;
    QUIETLY(kevy_stream_abort(&mine->link.stream));
}

static uint64_t starvations(const struct kevy_reactor *reactor)
{
    struct kevy_reactor_stats stats;

    kevy_reactor_stats(reactor, &stats);
    return stats.starvations;
}

/* The stream is paused no more, and nothing but its queue is sent. */
static void do_detach(struct mix_link *mine)
{
    int error;

    if (mine->shut)
        return;
    QUIETLY(error = kevy_stream_detach(&mine->link.stream));
    EXPECT(error == 0 || error == -EPIPE, "detach answers %d", error);
    if (error != 0)
        return;
    QUIETLY(kevy_timer_stop(&mine->resume));
    mine->paused = false;
    mine->detaching = true;
    mine->shut = true;
}

/* It starts again, as if it had just been accepted. */
static void detached(struct link *link)
{
    struct mix_link *mine = mix_of(link);

    EXPECT(mine->writes == 0 && mine->pieces == 0 && mine->ranges == 0,
           "writes are out behind a detach");
    memset(mine->limit_ns, 0, sizeof mine->limit_ns);
    mine->moved_ns = kevy_sim_now(world);
    mine->starvations = starvations(kevy_stream_reactor(&link->stream));
    mine->drains = false;
    mine->shut = false;
    mine->detaching = false;
}

/* The program computes, and the world goes on. */
static void do_nothing_for_long(struct mix_link *mine)
{
    (void)mine;
    mix.system->sleep_ns(mix.system->context, kevy_sim_magnitude(world, 1000, SLOW_NS));
}

static void do_deadline(struct mix_link *mine)
{
    enum kevy_deadline which = (enum kevy_deadline)kevy_sim_below(world, 3);
    uint64_t limit_ns =
        kevy_sim_one_in(world, 3) ? 0 : kevy_sim_magnitude(world, 1, KEVY_SECONDS(20));

    QUIETLY(kevy_stream_set_deadline(&mine->link.stream, which, limit_ns));
    mine->set_ns[which] = kevy_sim_now(world);
    mine->limit_ns[which] = limit_ns;
    if (which == KEVY_DEADLINE_TOTAL)
        mine->phase_busy_ns = kevy_sim_awake_ns(world);
}

static void do_marks(struct mix_link *mine)
{
    uint32_t high = (uint32_t)kevy_sim_magnitude(world, 1, MARK_MAX);

    QUIETLY(kevy_stream_set_watermarks(&mine->link.stream,
                                       (uint32_t)kevy_sim_below(world, high + 1), high));
    mine->link.owes_drain = false; /* by the new marks it comes from the flush */
    mark_look(mine);
}

static void action(struct mix_link *mine)
{
    static void (*const usual[])(struct mix_link *) = {
        do_send, do_send, do_write, do_write, do_pause, do_resume, do_resume, do_hold, do_reserve,
    };
    static void (*const seldom[])(struct mix_link *) = {
        do_shutdown,         do_close, do_abort, do_deadline,
        do_deadline,         do_marks, do_marks, do_detach,
        do_nothing_for_long, do_copy,  do_copy,  do_copies,
    };

    if (!mine->link.opened)
        return;
    if (mix.ranges && kevy_sim_one_in(world, 4))
        do_range(mine);
    if (kevy_sim_one_in(world, 30))
        seldom[kevy_sim_below(world, sizeof seldom / sizeof *seldom)](mine);
    else
        usual[kevy_sim_below(world, sizeof usual / sizeof *usual)](mine);
}

/* Keeps the buffer for a while, instead of another that was kept. */
static void keep(struct mix_link *mine, struct kevy_buffer *buffer)
{
    struct kept *kept = &mix.kept[kevy_sim_below(world, KEPT_MAX)];
    int error = -ENOBUFS;

    if (kept->used) {
        if (kept->seed != 0)
            pattern_check(kept->buffer.data, kept->buffer.length, kept->seed, kept->position,
                          "kept");
        QUIETLY(kevy_buffer_release(&kept->buffer));
        kept->used = false;
    }
    if (buffer == NULL || mix.quiet)
        return;
    QUIETLY(error = kevy_buffer_retain(buffer, &kept->buffer));
    EXPECT(error == 0 || error == -ENOBUFS, "retain answers %d", error);
    kept->used = error == 0;
    kept->seed = mine->link.story != NULL ? mine->link.story->seed : 0;
    kept->position = mine->link.received - buffer->length;
}

static void received(struct link *link, struct kevy_buffer *buffer)
{
    struct mix_link *mine = mix_of(link);

    EXPECT(!mine->paused, "a paused stream is read from");
    mine->moved_ns = kevy_sim_now(world);
    if (kevy_sim_one_in(world, 8) && !mix.abandoned)
        keep(mine, buffer);
    if (mix.quiet)
        return;
    for (uint64_t count = kevy_sim_below(world, ACTIONS_MAX); count > 0; count--)
        action(mine);
}

static void drained(struct link *link)
{
    struct mix_link *mine = mix_of(link);

    EXPECT(mine->drains || mine->ranged, "drain without a stay at the mark");
    mine->drains = false;
    if (!mix.quiet)
        action(mine);
}

/* How late it may be: to the end of the tick it falls into, and what the turns themselves took. One
 * that waits for a buffer while bytes wait in its socket is put off, as long as that lasts. */
static void deadline_check(const struct mix_link *mine, enum kevy_deadline which)
{
    uint64_t limit_ns = mine->limit_ns[which];
    uint64_t since_ns = mine->set_ns[which];

    EXPECT(limit_ns != 0, "a deadline passes that is off");
    if (which == KEVY_DEADLINE_IDLE && mine->moved_ns > since_ns)
        since_ns = mine->moved_ns;
    EXPECT(kevy_sim_now(world) >= since_ns + limit_ns, "a deadline is early by %llu ns",
           (unsigned long long)(since_ns + limit_ns - kevy_sim_now(world)));
    /* Of the others the last activity is the library's to know. */
    if (which == KEVY_DEADLINE_TOTAL &&
        mine->starvations == starvations(kevy_stream_reactor(&mine->link.stream)))
        EXPECT(kevy_sim_now(world) - since_ns - limit_ns <=
                   2 * TICK_NS + ROUNDED_NS + kevy_sim_awake_ns(world) - mine->phase_busy_ns,
               "a deadline is late by %llu ns",
               (unsigned long long)(kevy_sim_now(world) - since_ns - limit_ns));
}

static void timed_out(struct link *link, enum kevy_deadline which)
{
    struct mix_link *mine = mix_of(link);

    deadline_check(mine, which);
    mine->limit_ns[which] = 0;
    if (which == KEVY_DEADLINE_SEND || kevy_sim_one_in(world, 3))
        do_abort(mine);
    else if (kevy_sim_one_in(world, 2))
        do_close(mine);
}

static void closed(struct link *link, int reason)
{
    struct mix_link *mine = mix_of(link);

    EXPECT(mine->writes == 0, "%u writes have not reported", mine->writes);
    EXPECT(mine->pieces == 0, "%u writes have not been released", mine->pieces);
    EXPECT(mine->ranges == 0, "%u ranges have not reported", mine->ranges);
    kevy_timer_stop(&mine->resume);
    copies_reason_check(mine->copy_error, reason);
}

/* Of each end that the client is told of the server says so. */
static void opened(struct link *link)
{
    if (link->story != NULL)
        link->story->told = true;
}

static const struct link_manner manner = {.open = opened,
                                          .read = received,
                                          .drain = drained,
                                          .timeout = timed_out,
                                          .close = closed,
                                          .detach = detached};

static struct kevy_stream *accepted(struct kevy_listener *listener)
{
    struct kevy_stream *stream = link_make(&manner, sizeof(struct mix_link));

    mix_of(link_of(stream))->moved_ns = kevy_sim_now(world);
    mix_of(link_of(stream))->starvations = starvations(kevy_listener_reactor(listener));
    if (kevy_sim_one_in(world, 4))
        kevy_stream_set_watermarks(stream, mix.high_watermark / 2, mix.high_watermark);
    return stream;
}

static void options(struct kevy_reactor_options *options)
{
    memset(&mix, 0, sizeof mix);
    mix.system = options->system;
    options->system = copies_system(options->system);
}

static void start(struct kevy_reactor *reactor)
{
    struct kevy_listener_options options = {.address = "127.0.0.1", .accept = accepted};
    uint64_t plan_most;
    uint32_t count;

    mix.high_watermark = (uint32_t)kevy_sim_magnitude(world, 1, MARK_MAX);
    while (kevy_listener_open(&mix.listener, reactor, &options) < 0)
        continue;
    count = (uint32_t)kevy_sim_magnitude(world, 1, 60);
    plan_most = kevy_sim_magnitude(world, 100, 200000);
    clients_start(count, 0, plan_most, false);
    poster_start(reactor);
}

/* An empty queue has drained. */
static void drain_check(struct mix_link *mine)
{
    /* One that has failed waits for its zero-copy writes to be released, and for its last callback,
     * in a queue of completions that may be long. */
    bool owed = mine->drains && !mine->shut && !mine->link.ended && mine->pieces == 0 &&
                mine->link.stream.object.state == STREAM_OPEN &&
                !stream_has(&mine->link.stream, STREAM_WRITE_FAILED);

    if (owed && kevy_stream_queued(&mine->link.stream) == 0)
        EXPECT(++mine->undrained < UNDRAINED_MAX, "drain does not come");
    else
        mine->undrained = 0;
}

/* Between the turns, from outside of callbacks. */
static void turned(struct kevy_reactor *reactor)
{
    struct link *link = links_any();

    (void)reactor;
    for (struct link *each = links_first(); each != NULL; each = each->next)
        drain_check(mix_of(each));
    if (link != NULL && kevy_sim_one_in(world, 2))
        action(mix_of(link));
    if (kevy_sim_one_in(world, 16))
        keep(NULL, NULL);
}

static void kept_release(void)
{
    for (int i = 0; i < KEPT_MAX; i++)
        if (mix.kept[i].used)
            QUIETLY(kevy_buffer_release(&mix.kept[i].buffer));
    memset(mix.kept, 0, sizeof mix.kept);
}

static void quiet(struct kevy_reactor *reactor)
{
    (void)reactor;
    mix.quiet = true;
    kept_release();
    for (struct link *link = links_first(); link != NULL; link = link->next)
        do_resume(mix_of(link));
    clients_quiet();
}

static bool over(void)
{
    return poster_stop() && clients_over() && links_open() == 0;
}

static void stop(struct kevy_reactor *reactor)
{
    (void)reactor;
    kept_release();
    QUIETLY(kevy_listener_close(&mix.listener));
}

/* Tasks that are out are forgotten, and no more may come. */
static void abandon(void)
{
    mix.abandoned = true;
    kept_release();
    (void)poster_stop();
}

const struct scenario scenario_mix = {.name = "mix",
                                      .options = options,
                                      .start = start,
                                      .turned = turned,
                                      .quiet = quiet,
                                      .over = over,
                                      .stop = stop,
                                      .abandon = abandon};
