/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "script.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "chance.h"
#include "clock.h"
#include "world.h"

#define PIECE_MOST   4096U
#define PACE_MOST_NS 20000000U
/* Before the first connection, between two, and until the next try. */
#define BIRTH_NS 20000000U
/* A partition ends after so long, a script of a slow client rests so long. */
#define PARTED_LEAST_NS 1000000U
#define PARTED_MOST_NS  2000000000U

enum progress {
    PROGRESS_WAITS, /* until something changes */
    PROGRESS_DONE,  /* with the step */
    PROGRESS_OVER,  /* with the connection */
};

static struct kevy_sim_script *script_of(struct kevy_sim_peer *peer)
{
    return KEVY_CONTAINER_OF(peer, struct kevy_sim_script, peer);
}

static const char *name_of(const struct kevy_sim_script *script)
{
    return script->name != NULL ? script->name : "script";
}

static void birth(struct kevy_sim_event *event);

/* The connection is closed: the next one, if there is to be one. */
static void next_connection(struct kevy_sim_script *script)
{
    struct kevy_sim *sim = script->peer.sim;

    event_stop(&script->birth);
    event_stop(&script->heal);
    if (!script->connects)
        return;
    if (--script->times > 0)
        event_start(&script->birth, chance_below(BIRTH_NS), birth);
    else
        world_over_look(sim);
}

static enum progress ended_early(struct kevy_sim_script *script, int result)
{
    bool cut = kevy_sim_peer_was_cut(&script->peer) || kevy_sim_refused(script->peer.sim);

    if (!cut && (result == 0 || !script->may_be_reset))
        FAIL("%s: %s at step %u", name_of(script), result == 0 ? "the end comes" : "it is reset",
             script->at);
    script->cuts++;
    TRACE("%s: cut short at step %u", name_of(script), script->at);
    kevy_sim_peer_close(&script->peer);
    next_connection(script);
    return PROGRESS_OVER;
}

static uint32_t portion(size_t left)
{
    if (left > PIECE_MOST)
        left = PIECE_MOST;
    return chance_is_quiet() ? (uint32_t)left : (uint32_t)chance_magnitude(1, left);
}

static enum progress step_send(struct kevy_sim_script *script, const struct kevy_sim_step *step)
{
    while (script->done < step->length) {
        size_t left = step->length - script->done;
        int count = kevy_sim_peer_write(&script->peer, step->data + script->done, portion(left));

        if (count == -EAGAIN)
            return PROGRESS_WAITS;
        if (count < 0)
            return ended_early(script, count);
        script->done += (size_t)count;
        if (!chance_is_quiet() && chance_one_in(2)) { /* the rest leaves later */
            kevy_sim_peer_wake(&script->peer);
            return script->done < step->length ? PROGRESS_WAITS : PROGRESS_DONE;
        }
    }
    return PROGRESS_DONE;
}

/* For a message: what can be read of the bytes. */
static const char *shown(const char *data, size_t length)
{
    static char texts[2][40];
    static unsigned turn;
    char *text = texts[turn++ % 2];
    size_t at = 0;

    for (; at < length && at < sizeof texts[0] - 1; at++)
        text[at] = data[at] >= ' ' && data[at] <= '~' ? data[at] : '.';
    text[at] = '\0';
    return text;
}

/* Something else has come: shows all of it that is there. */
static _Noreturn void mismatch(struct kevy_sim_script *script, const struct kevy_sim_step *step,
                               char *bytes, size_t count)
{
    int more = kevy_sim_peer_read(&script->peer, bytes + count, (uint32_t)(PIECE_MOST - count));

    FAIL("%s: step %u expects \"%s\", gets \"%s\"", name_of(script), script->at,
         shown(step->data + script->done, step->length - script->done),
         shown(bytes, count + (size_t)(more > 0 ? more : 0)));
}

static enum progress step_expect(struct kevy_sim_script *script, const struct kevy_sim_step *step)
{
    char bytes[PIECE_MOST];

    while (script->done < step->length) {
        const char *wanted = step->data + script->done;
        int count = kevy_sim_peer_read(&script->peer, bytes, portion(step->length - script->done));

        if (count == -EAGAIN)
            return PROGRESS_WAITS;
        if (count <= 0)
            return ended_early(script, count);
        if (memcmp(bytes, wanted, (size_t)count) != 0)
            mismatch(script, step, bytes, (size_t)count);
        script->done += (size_t)count;
    }
    return PROGRESS_DONE;
}

static enum progress step_wait(struct kevy_sim_script *script, const struct kevy_sim_step *step)
{
    uint64_t now_ns = clock_now();

    if (script->done == 0)
        script->until_ns = now_ns + step->wait_ns;
    script->done = 1;
    if (now_ns >= script->until_ns)
        return PROGRESS_DONE;
    event_start(&script->birth, script->until_ns - now_ns, birth);
    return PROGRESS_WAITS;
}

static enum progress step_shutdown(struct kevy_sim_script *script, const struct kevy_sim_step *step)
{
    (void)step;
    kevy_sim_peer_shutdown(&script->peer);
    return PROGRESS_DONE;
}

static enum progress step_expect_end(struct kevy_sim_script *script,
                                     const struct kevy_sim_step *step)
{
    char byte;
    int count = kevy_sim_peer_read(&script->peer, &byte, 1);

    (void)step;
    if (count == -EAGAIN)
        return PROGRESS_WAITS;
    EXPECT(count <= 0, "%s: step %u expects the end, gets \"%s\"", name_of(script), script->at,
           shown(&byte, 1));
    return count == 0 ? PROGRESS_DONE : ended_early(script, count);
}

static enum progress step_reset(struct kevy_sim_script *script, const struct kevy_sim_step *step)
{
    (void)step;
    kevy_sim_peer_reset(&script->peer);
    script->passed++;
    next_connection(script);
    return PROGRESS_OVER;
}

static enum progress (*const steps[])(struct kevy_sim_script *script,
                                      const struct kevy_sim_step *step) = {
    [KEVY_SIM_ACTION_SEND] = step_send,
    [KEVY_SIM_ACTION_EXPECT] = step_expect,
    [KEVY_SIM_ACTION_WAIT] = step_wait,
    [KEVY_SIM_ACTION_SHUTDOWN] = step_shutdown,
    [KEVY_SIM_ACTION_EXPECT_END] = step_expect_end,
    [KEVY_SIM_ACTION_RESET] = step_reset,
};

static void healed(struct kevy_sim_event *event)
{
    struct kevy_sim_script *script = KEVY_CONTAINER_OF(event, struct kevy_sim_script, heal);

    kevy_sim_peer_part(&script->peer, false);
    kevy_sim_peer_wake(&script->peer);
}

static void network_faults(struct kevy_sim_script *script)
{
    if (chance(KEVY_SIM_NETWORK_RESETS))
        kevy_sim_peer_cut(&script->peer);
    if (!event_started(&script->heal) && chance(KEVY_SIM_NETWORK_PARTS)) {
        kevy_sim_peer_part(&script->peer, true);
        event_start(&script->heal, chance_magnitude(PARTED_LEAST_NS, PARTED_MOST_NS), healed);
    }
}

static void ready(struct kevy_sim_peer *peer)
{
    struct kevy_sim_script *script = script_of(peer);
    enum progress progress = PROGRESS_DONE;

    network_faults(script);
    while (script->at < script->count) {
        const struct kevy_sim_step *step = &script->steps[script->at];

        progress = steps[step->action](script, step);
        if (progress != PROGRESS_DONE)
            return;
        script->at++;
        script->done = 0;
    }
    script->passed++;
    kevy_sim_peer_close(peer);
    next_connection(script);
}

struct kevy_sim_peer *kevy_sim_script_init(struct kevy_sim_script *script, const char *name,
                                           const struct kevy_sim_step *list, uint32_t count)
{
    assert(script->peer.socket == NULL && "the script is running, or its memory was not zeroed");
    script->name = name;
    script->steps = list;
    script->count = count;
    script->at = 0;
    script->done = 0;
    script->peer.ready = ready;
    script->peer.pace_ns = chance_magnitude(100, PACE_MOST_NS);
    return &script->peer;
}

/* Connects, or goes on after a WAIT. */
static void birth(struct kevy_sim_event *event)
{
    struct kevy_sim_script *script = KEVY_CONTAINER_OF(event, struct kevy_sim_script, birth);

    if (kevy_sim_peer_connected(&script->peer)) {
        kevy_sim_peer_wake(&script->peer);
        return;
    }
    (void)kevy_sim_script_init(script, script->name, script->steps, script->count);
    if (kevy_sim_peer_connect(script->peer.sim, &script->peer, script->port) < 0)
        event_start(event, chance_between(1, BIRTH_NS), birth);
}

/* Takes a script that is started again out of the list. */
static void unlink_script(struct kevy_sim *sim, const struct kevy_sim_script *script)
{
    struct kevy_sim_script **link = &sim->scripts;

    while (*link != NULL && *link != script)
        link = &(*link)->next;
    if (*link != NULL)
        *link = script->next;
}

void kevy_sim_script_start(struct kevy_sim *sim, struct kevy_sim_script *script, const char *name,
                           uint16_t port, const struct kevy_sim_step *list, uint32_t count,
                           uint32_t times)
{
    world_check(sim);
    assert(kevy_sim_script_over(script) && "the script is running, or its memory was not zeroed");
    if (times == 0)
        return;
    unlink_script(sim, script);
    *script = (struct kevy_sim_script){.name = name,
                                       .port = port,
                                       .steps = list,
                                       .count = count,
                                       .times = times,
                                       .connects = true,
                                       .may_be_reset = script->may_be_reset,
                                       .next = sim->scripts};
    script->peer.sim = sim;
    sim->scripts = script;
    event_start(&script->birth, chance_below(BIRTH_NS), birth);
}

bool kevy_sim_script_over(const struct kevy_sim_script *script)
{
    return script->times == 0 && script->peer.socket == NULL;
}

void scripts_describe(const struct kevy_sim *sim)
{
    for (const struct kevy_sim_script *script = sim->scripts; script != NULL; script = script->next)
        if (!kevy_sim_script_over(script))
            (void)printf("  %s: at step %u of %u, %zu bytes of it, %u connections to come\n",
                         name_of(script), script->at, script->count, script->done, script->times);
}
