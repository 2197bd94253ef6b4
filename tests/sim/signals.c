/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "signals.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "link.h"
#include "world.h"

enum {
    WATCHES = 2,
    BURST_MAX = 3,
};

/* The latest that one is told, beyond the time that the program computes. */
#define LATE_NS KEVY_MILLISECONDS(400)

static const int numbers[] = {SIGHUP, SIGUSR1, SIGUSR2, SIGWINCH};

enum { NUMBERS = sizeof numbers / sizeof *numbers };

struct lookout {
    struct kevy_signal watch;
    uint64_t owed_ns;  /* since when it is to be told */
    uint64_t awake_ns; /* that the program had computed by then */
    uint32_t allowed;  /* times that it may be told */
    bool owed;
};

struct beacon {
    struct lookout lookouts[WATCHES];
    bool waits; /* sent, and perhaps read by nobody yet */
};

static struct {
    struct kevy_reactor *reactor;
    struct beacon beacons[NUMBERS];
    bool quiet;
    bool abandoned;
} all;

static bool is_watched(const struct lookout *lookout)
{
    return lookout->watch.fire != NULL;
}

static void late_check(const struct lookout *lookout)
{
    uint64_t late_ns = kevy_sim_now(world) - lookout->owed_ns;

    EXPECT(!lookout->owed || late_ns <= LATE_NS + kevy_sim_awake_ns(world) - lookout->awake_ns,
           "signal %d is %llu ns late", lookout->watch.number, (unsigned long long)late_ns);
}

static void fired(struct kevy_signal *watch)
{
    struct lookout *lookout = KEVY_CONTAINER_OF(watch, struct lookout, watch);

    EXPECT(quiet_calls == 0, "a signal is told inside a call");
    EXPECT(lookout->allowed > 0, "signal %d is told more often than it was sent", watch->number);
    late_check(lookout);
    lookout->allowed--;
    lookout->owed = false;
}

static void watch_begin(struct beacon *beacon, struct lookout *lookout, int number)
{
    int error;

    memset(lookout, 0, sizeof *lookout);
    QUIETLY(error = kevy_signal_watch(&lookout->watch, all.reactor, number, fired));
    EXPECT(error == 0 || ((error == -EMFILE || error == -ENOMEM) && kevy_sim_refused(world)),
           "a watch of a signal answers %d", error);
    if (error != 0)
        memset(lookout, 0, sizeof *lookout);
    lookout->allowed = beacon->waits;
}

static void watch_end(struct lookout *lookout)
{
    QUIETLY(kevy_signal_unwatch(&lookout->watch));
    memset(lookout, 0, sizeof *lookout);
}

static void beacon_send(struct beacon *beacon, int number)
{
    for (uint64_t count = kevy_sim_between(world, 1, BURST_MAX); count > 0; count--) {
        kevy_sim_signal(world, number);
        beacon->waits = true;
        for (int index = 0; index < WATCHES; index++)
            beacon->lookouts[index].allowed++;
    }
    for (int index = 0; index < WATCHES; index++) {
        struct lookout *lookout = &beacon->lookouts[index];

        if (!is_watched(lookout) || lookout->owed)
            continue;
        lookout->owed = true;
        lookout->owed_ns = kevy_sim_now(world);
        lookout->awake_ns = kevy_sim_awake_ns(world);
    }
}

void signals_start(struct kevy_reactor *reactor)
{
    memset(&all, 0, sizeof all);
    all.reactor = reactor;
}

void signals_turned(void)
{
    int which = (int)kevy_sim_below(world, NUMBERS);
    struct beacon *beacon = &all.beacons[which];
    struct lookout *lookout = &beacon->lookouts[kevy_sim_below(world, WATCHES)];

    if (all.abandoned || all.quiet)
        return;
    late_check(lookout);
    if (kevy_sim_one_in(world, 10))
        beacon_send(beacon, numbers[which]);
    else if (!is_watched(lookout) && kevy_sim_one_in(world, 4))
        watch_begin(beacon, lookout, numbers[which]);
    else if (is_watched(lookout) && kevy_sim_one_in(world, 40))
        watch_end(lookout);
}

void signals_quiet(void)
{
    all.quiet = true;
}

bool signals_over(void)
{
    bool over = true;

    for (int which = 0; which < NUMBERS; which++)
        for (int index = 0; index < WATCHES; index++)
            over &= !all.beacons[which].lookouts[index].owed;
    if (!over)
        return false;
    for (int which = 0; which < NUMBERS; which++)
        for (int index = 0; index < WATCHES; index++)
            if (is_watched(&all.beacons[which].lookouts[index]))
                watch_end(&all.beacons[which].lookouts[index]);
    return true;
}

void signals_abandon(void)
{
    all.abandoned = true;
}
