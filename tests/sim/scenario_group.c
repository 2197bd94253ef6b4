/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A group that echoes: each member listens at the same port, posts to the others, and hands
 * connections over to them.
 *
 *     accepted --> open --detach--> on its way, in a post --adopt--> open ... closed
 *
 * Invariants, beyond those of client.h. Each message runs once, on the reactor that it was posted
 * to, in the order of its poster, and none after the end of that member; it wakes a loop that
 * sleeps. A connection keeps its bytes and their order wherever it goes. When the group has been
 * joined, whatever was on its way is the program's again.
 */
#include "scenario.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "pattern.h"
#include "world.h"

enum { MEMBERS_MAX = 4, MESSAGES_MAX = 64, PORT = 7, ATTEMPTS_MAX = 50 };

/* Faults happen until the world has had so many events. */
#define EVENTS_MAX 8000U
#define PACE_NS    50000000U
/* The latest that a wake comes through: the eventfd's change, and the poll's answer. */
#define WAKE_NS 8000000U
/* What a member may take beyond its limit. */
#define DRAIN_NS KEVY_SECONDS(5)
#define PAUSE_NS KEVY_SECONDS(20)

struct member {
    struct kevy_reactor *reactor;
    struct kevy_listener listener;
    struct kevy_timer timer;
    bool ended;
};

/* A connection of the server. */
struct seat {
    struct kevy_stream stream;
    struct kevy_task task; /* brings it to another member */
    struct seat *next;
    struct story *story; /* NULL when the client was gone before `open` */
    uint64_t received;
    uint8_t *rest; /* bytes that came while it was detached */
    size_t rest_length;
    uint32_t member;
    int fd; /* while it is on its way; else -1 */
    bool opened;
    bool detaching;
};

struct message {
    struct kevy_task task;
    uint64_t number;
    uint64_t at_ns;
    uint64_t busy_ns;
    uint32_t from, to;
    bool out;
};

static struct {
    struct kevy_group *group;
    const struct kevy_reactor_options *options;
    struct member members[MEMBERS_MAX];
    struct message messages[MESSAGES_MAX];
    uint64_t posted[MEMBERS_MAX][MEMBERS_MAX];
    uint64_t ran[MEMBERS_MAX][MEMBERS_MAX];
    struct kevy_sim_event look;
    struct seat *seats;
    uint64_t events_most; /* then the group ends, whatever happens */
    uint32_t count;
    uint32_t out; /* messages */
    bool stopped;
    bool patient; /* it ends when everything has */
    bool member_finishes;
} all;

/* ---- Connections --------------------------------------------------------------------------- */

static struct seat *seat_of(struct kevy_stream *stream)
{
    return KEVY_CONTAINER_OF(stream, struct seat, stream);
}

static void seat_break(struct seat *seat)
{
    if (seat->story != NULL)
        seat->story->broken = true;
}

static void seat_end(struct seat *seat, int reason)
{
    struct seat **link = &all.seats;

    while (*link != seat)
        link = &(*link)->next;
    *link = seat->next;
    if (seat->story != NULL) {
        story_close(seat->story, reason);
        story_drop(seat->story);
    }
    free(seat->rest);
    free(seat);
}

/* Nobody takes what is on its way. */
static void seat_lose(struct seat *seat)
{
    const struct kevy_system *system = all.options->system;

    seat_break(seat);
    EXPECT(system->close(system->context, seat->fd) == 0, "a detached descriptor does not close");
    seat_end(seat, -ECANCELED);
}

/* There is no memory for an answer, and nothing may come in its place. */
static void seat_cut(struct seat *seat, int error)
{
    TRACE("an answer is not taken: %d", error);
    EXPECT(error == -ENOBUFS || error == -EPIPE, "an answer is not taken: %d", error);
    seat_break(seat);
    kevy_stream_abort(&seat->stream);
}

static void opened(struct kevy_stream *stream)
{
    struct seat *seat = seat_of(stream);
    int error = 0;

    if (!seat->opened) {
        seat->story = story_of(kevy_stream_fd(stream));
        if (seat->story != NULL)
            (void)story_hold(seat->story);
    }
    seat->opened = true;
    if (seat->detaching)
        return; /* it moves on at once, and takes the rest along */
    if (seat->rest != NULL)
        error = kevy_stream_send(stream, seat->rest, seat->rest_length);
    if (error < 0)
        seat_cut(seat, error);
    free(seat->rest);
    seat->rest = NULL;
    seat->rest_length = 0;
}

static void rest_add(struct seat *seat, const struct kevy_buffer *buffer)
{
    seat->rest = realloc(seat->rest, seat->rest_length + buffer->length);
    EXPECT(seat->rest != NULL, "no memory");
    memcpy(seat->rest + seat->rest_length, buffer->data, buffer->length);
    seat->rest_length += buffer->length;
}

static void received(struct kevy_stream *stream, struct kevy_buffer *buffer)
{
    struct seat *seat = seat_of(stream);
    int error = 0;

    if (seat->story != NULL)
        pattern_check(buffer->data, buffer->length, seat->story->seed, seat->received, "server");
    seat->received += buffer->length;
    if (seat->detaching)
        rest_add(seat, buffer);
    else
        error = kevy_stream_forward(stream, buffer);
    if (error < 0)
        seat_cut(seat, error);
}

static void detached(struct kevy_stream *stream, int fd)
{
    EXPECT(seat_of(stream)->detaching && fd >= 0, "detach that nobody has asked for");
    seat_of(stream)->fd = fd;
}

static void arrive(struct kevy_task *task, struct kevy_reactor *reactor);

static void closed(struct kevy_stream *stream, int reason)
{
    struct seat *seat = seat_of(stream);

    if (seat->fd < 0) {
        seat_end(seat, reason);
        return;
    }
    EXPECT(reason == 0, "a detached stream closes with %d", reason);
    seat->detaching = false;
    seat->member = (uint32_t)kevy_sim_below(world, all.count);
    seat->task.run = arrive;
    if (kevy_group_post(all.group, seat->member, &seat->task) < 0)
        seat_lose(seat);
}

/* Some stay as long as they may. */
static void finished(struct kevy_stream *stream)
{
    if (!all.patient && kevy_sim_one_in(world, 2))
        return;
    seat_break(seat_of(stream));
    kevy_stream_close(stream);
}

static const struct kevy_stream_events events = {
    .open = opened, .read = received, .detach = detached, .finish = finished, .close = closed};

static void arrive(struct kevy_task *task, struct kevy_reactor *reactor)
{
    struct seat *seat = KEVY_CONTAINER_OF(task, struct seat, task);
    const struct member *member = &all.members[seat->member];
    int fd = seat->fd;

    EXPECT(member->reactor == reactor && !member->ended, "a connection comes to somebody else");
    if (kevy_stream_adopt(kevy_stream_init(&seat->stream, &events), reactor, fd) < 0)
        seat_lose(seat);
    else
        seat->fd = -1;
}

static struct kevy_stream *accepted(struct kevy_listener *listener)
{
    struct seat *seat = calloc(1, sizeof *seat);

    if (seat == NULL)
        return NULL;
    seat->member = (uint32_t)(KEVY_CONTAINER_OF(listener, struct member, listener) - all.members);
    seat->fd = -1;
    seat->next = all.seats;
    all.seats = seat;
    return kevy_stream_init(&seat->stream, &events);
}

/* One of the member's, or NULL. */
static struct seat *seat_any(uint32_t member)
{
    struct seat *found = NULL;
    uint64_t count = 0;

    for (struct seat *seat = all.seats; seat != NULL; seat = seat->next)
        if (seat->member == member && seat->opened && seat->fd < 0 &&
            kevy_sim_one_in(world, ++count))
            found = seat;
    return found;
}

static void seat_move(uint32_t member)
{
    struct seat *seat = seat_any(member);
    bool pauses = kevy_sim_one_in(world, 2);

    if (seat == NULL || seat->detaching)
        return;
    if (pauses)
        kevy_stream_pause(&seat->stream);
    if (kevy_stream_detach(&seat->stream) == 0)
        seat->detaching = true;
    else if (pauses)
        kevy_stream_resume(&seat->stream);
}

/* ---- Messages ------------------------------------------------------------------------------ */

static void message_post(uint32_t from);

static void message_run(struct kevy_task *task, struct kevy_reactor *reactor)
{
    struct message *message = KEVY_CONTAINER_OF(task, struct message, task);
    uint64_t awake_ns = kevy_sim_awake_ns(world) - message->busy_ns;

    EXPECT(message->out, "a message runs twice");
    EXPECT(all.members[message->to].reactor == reactor && !all.members[message->to].ended,
           "a message runs on another reactor, or after the end");
    EXPECT(message->number == all.ran[message->from][message->to]++,
           "messages run out of their order");
    EXPECT(kevy_sim_now(world) - message->at_ns <= WAKE_NS + awake_ns,
           "nobody woke the loop for %llu ns",
           (unsigned long long)(kevy_sim_now(world) - message->at_ns));
    message->out = false;
    all.out--;
    if (!all.stopped && kevy_sim_one_in(world, 3))
        message_post(message->to);
    if (all.member_finishes && kevy_sim_events(world) >= all.events_most)
        kevy_group_finish(all.group, kevy_sim_one_in(world, 2)
                                         ? KEVY_FOREVER
                                         : kevy_sim_magnitude(world, 0, KEVY_SECONDS(10)));
}

static void message_post(uint32_t from)
{
    struct message *message = all.messages;
    uint32_t to = (uint32_t)kevy_sim_below(world, all.count);
    int error;

    while (message < all.messages + MESSAGES_MAX && message->out)
        message++;
    if (message == all.messages + MESSAGES_MAX)
        return;
    *message = (struct message){.task = {.run = message_run},
                                .number = all.posted[from][to],
                                .at_ns = kevy_sim_now(world),
                                .busy_ns = kevy_sim_awake_ns(world),
                                .from = from,
                                .to = to,
                                .out = true};
    error = kevy_group_post(all.group, to, &message->task);
    EXPECT(error == (all.members[to].ended ? -ESRCH : 0), "a post to a member %s answers %d",
           all.members[to].ended ? "that has ended" : "that runs", error);
    if (error < 0) {
        message->out = false;
        return;
    }
    all.posted[from][to]++;
    all.out++;
}

/* ---- Members ------------------------------------------------------------------------------- */

static void act(struct kevy_timer *timer)
{
    struct member *member = KEVY_CONTAINER_OF(timer, struct member, timer);
    uint32_t index = (uint32_t)(member - all.members);

    if (all.stopped)
        return;
    if (kevy_sim_one_in(world, 3))
        seat_move(index);
    for (uint64_t count = kevy_sim_below(world, 4); count > 0; count--)
        message_post(index);
    kevy_timer_start(timer, member->reactor, kevy_sim_magnitude(world, 1000, PACE_NS), act);
}

static int setup(struct kevy_reactor *reactor, uint32_t index, void *context)
{
    struct kevy_listener_options options = {.port = PORT, .reuse_port = true, .accept = accepted};
    struct member *member = &all.members[index];

    (void)context;
    *member = (struct member){.reactor = reactor};
    kevy_timer_start(&member->timer, reactor, kevy_sim_below(world, PACE_NS), act);
    return kevy_listener_open(&member->listener, reactor, &options);
}

static void teardown(struct kevy_reactor *reactor, uint32_t index, void *context)
{
    (void)context;
    EXPECT(all.members[index].reactor == reactor && !all.members[index].ended,
           "teardown comes twice, or for somebody else");
    all.members[index].ended = true;
}

/* ---- The world ----------------------------------------------------------------------------- */

/* True when the group can end: everything has, or it is to end in the middle of it all. */
static bool is_over(void)
{
    if (kevy_sim_events(world) >= all.events_most)
        return true;
    return all.stopped && clients_over() && all.seats == NULL && all.out == 0;
}

static void look(struct kevy_sim_event *event)
{
    if (is_over()) {
        kevy_sim_release(world);
        return;
    }
    if (!all.stopped && kevy_sim_events(world) >= EVENTS_MAX) {
        all.stopped = true;
        kevy_sim_set_quiet(world);
        clients_quiet();
    }
    kevy_sim_event_start(world, event, kevy_sim_magnitude(world, 1000, PACE_NS), look);
}

/* A group, as soon as the faults let it be; after some attempts they have to. An attempt that fails
 * leaves nothing. */
static void group_make(void)
{
    struct kevy_group_options options = {
        .count = all.count, .reactor = all.options, .setup = setup, .teardown = teardown};
    struct kevy_sim_left left;
    int attempts = 0, error;

    while ((error = kevy_group_start(&all.group, &options)) < 0) {
        EXPECT(error == -ENOMEM || error == -EMFILE || error == -EAGAIN, "start answers %d", error);
        kevy_sim_left(world, &left);
        EXPECT(left.descriptors == 0 && left.mappings == 0 && left.allocations == 0 &&
                   left.requests == 0,
               "something is left after a group that was not made");
        kevy_sim_set_calm(world, ++attempts >= ATTEMPTS_MAX);
    }
    kevy_sim_set_calm(world, false);
}

static void pause_over(struct kevy_sim_event *event)
{
    (void)event;
    message_post(0);
    kevy_sim_release(world);
}

/* The members go on for a while. */
static void pause_some(void)
{
    static struct kevy_sim_event event;

    kevy_sim_hold(world);
    kevy_sim_event_start(world, &event, kevy_sim_magnitude(world, 0, PAUSE_NS), pause_over);
    kevy_sim_wait(world);
}

/* Ends the group, and sees that the earliest limit counts. */
static void group_end(bool midway)
{
    uint64_t timeout_ns = midway ? kevy_sim_magnitude(world, 0, KEVY_SECONDS(100)) : KEVY_FOREVER;
    uint64_t began_ns;
    int result;

    if (kevy_sim_one_in(world, 2))
        kevy_group_finish(all.group, KEVY_FOREVER);
    if (kevy_sim_one_in(world, 2))
        kevy_group_finish(all.group, KEVY_SECONDS(1000));
    for (uint64_t times = kevy_sim_below(world, 3); times > 0; times--)
        pause_some();
    began_ns = kevy_sim_now(world);
    kevy_group_finish(all.group, timeout_ns);
    if (kevy_sim_one_in(world, 2))
        pause_some();
    result = kevy_group_join(all.group);
    EXPECT(result >= 0 && (midway || result == 0), "join answers %d", result);
    EXPECT(!midway || kevy_sim_now(world) - began_ns <= timeout_ns + DRAIN_NS,
           "the group does not come to its end");
}

static void play(const struct kevy_reactor_options *options)
{
    bool midway = kevy_sim_one_in(world, 2);

    memset(&all, 0, sizeof all);
    all.options = options;
    all.count = (uint32_t)kevy_sim_between(world, 1, MEMBERS_MAX);
    all.events_most = midway ? kevy_sim_between(world, 1, EVENTS_MAX) : UINT64_MAX;
    all.patient = !midway;
    all.member_finishes = kevy_sim_one_in(world, 2);
    kevy_sim_hold(world);
    group_make();
    clients_start((uint32_t)kevy_sim_magnitude(world, 1, 40), PORT,
                  kevy_sim_magnitude(world, 100, 50000), true);
    kevy_sim_event_start(world, &all.look, kevy_sim_below(world, PACE_NS), look);
    if (midway)
        clients_warn();
    kevy_sim_wait(world);
    group_end(midway);
    while (all.seats != NULL) {
        EXPECT(midway && all.seats->fd >= 0, "a stream has not been closed");
        seat_lose(all.seats);
    }
    clients_stop();
}

const struct scenario scenario_group = {.name = "group", .play = play};
