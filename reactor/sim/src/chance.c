/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "chance.h"

#include <assert.h>
#include <string.h>

#include "world.h"

/* The odds of each fault are a function of the seed and its number, and take nothing from the
 * sequence: a fault that a later version adds changes none of the others. */
#define FAULT_ODDS_MIX UINT64_C(0xA0761D6478BD642F)

struct odds {
    uint32_t one_in; /* 0: never */
    uint32_t skip;   /* occasions until the injection */
    bool injected;
};

static struct {
    uint64_t state;
    struct odds odds[KEVY_SIM_FAULT_COUNT];
    uint64_t happened;
    uint64_t limit;
    bool quiet;
    bool calm;
} chances;

static const char *const names[KEVY_SIM_FAULT_COUNT] = {
    [KEVY_SIM_ENTER_BUSY] = "enter busy",
    [KEVY_SIM_ENTER_AGAIN] = "enter again",
    [KEVY_SIM_ENTER_MEMORY] = "enter without memory",
    [KEVY_SIM_ENTER_SIGNAL] = "enter interrupted",
    [KEVY_SIM_SUBMIT_SHORT] = "submit short",
    [KEVY_SIM_WAIT_SIGNAL] = "wait interrupted",
    [KEVY_SIM_ISSUE_LATE] = "issue late",
    [KEVY_SIM_COMPLETION_LATE] = "completion late",
    [KEVY_SIM_WAKE_LATE] = "wake late",
    [KEVY_SIM_WAKE_SPURIOUS] = "wake spurious",
    [KEVY_SIM_WAKE_REORDERED] = "wake reordered",
    [KEVY_SIM_CANCEL_LOSES] = "cancel loses",
    [KEVY_SIM_CANCEL_FIRST] = "cancel first",
    [KEVY_SIM_MULTISHOT_ENDS] = "multishot ends",
    [KEVY_SIM_REQUEST_SIGNAL] = "request interrupted",
    [KEVY_SIM_RECV_SHORT] = "recv short",
    [KEVY_SIM_SEND_SHORT] = "send short",
    [KEVY_SIM_RECV_NO_BUFFERS] = "recv without buffers",
    [KEVY_SIM_ACCEPT_SHORTAGE] = "accept shortage",
    [KEVY_SIM_ACCEPT_ABORTED] = "accept aborted",
    [KEVY_SIM_SOCKET_FAILS] = "socket fails",
    [KEVY_SIM_NETWORK_RESETS] = "network resets",
    [KEVY_SIM_NETWORK_PARTS] = "network parts",
    [KEVY_SIM_ZERO_COPY_FAILS] = "zero copy fails",
    [KEVY_SIM_ZERO_COPY_COPIES] = "zero copy copies",
    [KEVY_SIM_ALLOCATION] = "allocation fails",
    [KEVY_SIM_TURN_SLOW] = "turn slow",
    [KEVY_SIM_DATAGRAM_LOST] = "datagram lost",
    [KEVY_SIM_DATAGRAM_DUPLICATED] = "datagram duplicated",
    [KEVY_SIM_DATAGRAM_REORDERED] = "datagram reordered",
    [KEVY_SIM_DATAGRAM_REFUSED] = "datagram refused",
    [KEVY_SIM_DATAGRAM_SEND_FAILS] = "datagram send fails",
    [KEVY_SIM_DATAGRAM_SEND_FULL] = "datagram send full",
    [KEVY_SIM_THREAD_FAILS] = "thread fails",
    [KEVY_SIM_STREAM_FAILS] = "stream fails",
    [KEVY_SIM_END_SILENT] = "end silent",
    [KEVY_SIM_RESET_SILENT] = "reset silent",
    [KEVY_SIM_NAME_FAILS] = "name fails",
    [KEVY_SIM_NAME_LATE] = "name late",
    [KEVY_SIM_DATAGRAM_SEND_CANCELLED] = "datagram send cancelled",
    [KEVY_SIM_FILE_FAILS] = "file fails",
    [KEVY_SIM_FILE_SHORT] = "file short",
    [KEVY_SIM_FILE_LATE] = "file late",
    [KEVY_SIM_FILE_UNCACHED] = "file uncached",
    [KEVY_SIM_FILE_CANCELLED] = "file cancelled",
};

/* splitmix64: every seed is as good as any other, 0 included. */
static uint64_t mix(uint64_t mixed)
{
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9U;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBU;
    return mixed ^ (mixed >> 31);
}

static uint64_t next(void)
{
    return mix(chances.state += 0x9E3779B97F4A7C15U);
}

void chance_seed(uint64_t seed)
{
    static const uint32_t likelihoods[] = {0, 0, 0, 0, 1000, 200, 50, 15, 4};

    memset(&chances, 0, sizeof chances);
    chances.state = seed;
    chances.limit = UINT64_MAX;
    for (unsigned which = 0; which < KEVY_SIM_FAULT_COUNT; which++)
        chances.odds[which].one_in = likelihoods[mix(mix(seed) + (which + 1) * FAULT_ODDS_MIX) %
                                                 (sizeof likelihoods / sizeof *likelihoods)];
}

void chance_limit(uint64_t faults)
{
    chances.limit = faults;
}

void chance_quiet(void)
{
    chances.quiet = true;
}

bool chance_is_quiet(void)
{
    return chances.quiet;
}

/* Whether this is the occasion; draws the same numbers whatever the limit is. */
static bool occasion(struct odds *odds)
{
    bool injected = odds->injected && odds->skip == 0;
    bool drawn = odds->one_in != 0 && next() % odds->one_in == 0;

    if (odds->injected && !injected)
        odds->skip--;
    if (injected)
        odds->injected = false;
    return injected || drawn;
}

/* This is an occasion, and it is taken. */
static bool happens(enum kevy_sim_fault which)
{
    if (chances.happened >= chances.limit)
        return false;
    chances.happened++;
    world_fault(chances.happened, names[which]);
    if (which == KEVY_SIM_ALLOCATION || which == KEVY_SIM_SOCKET_FAILS ||
        which == KEVY_SIM_STREAM_FAILS)
        world_refuses();
    return true;
}

static bool is_peaceful(void)
{
    return chances.quiet || chances.calm;
}

bool chance(enum kevy_sim_fault which)
{
    return !is_peaceful() && occasion(&chances.odds[which]) && happens(which);
}

bool chance_possible(enum kevy_sim_fault which)
{
    return !is_peaceful() && chances.odds[which].one_in != 0;
}

bool chance_due(enum kevy_sim_fault which)
{
    return chance_possible(which) && happens(which);
}

uint64_t chance_scripted(uint64_t script, enum kevy_sim_fault which, uint32_t index, uint64_t low,
                         uint64_t high)
{
    uint64_t drawn = mix(mix(script + (which + 1) * FAULT_ODDS_MIX) + index);
    uint64_t range = (high - low) >> (drawn >> 60);

    return low + drawn % (range + 1);
}

uint64_t chance_below(uint64_t limit)
{
    return next() % limit;
}

uint64_t chance_between(uint64_t low, uint64_t high)
{
    return low + next() % (high - low + 1);
}

bool chance_one_in(uint64_t count)
{
    return next() % count == 0;
}

uint64_t chance_magnitude(uint64_t low, uint64_t high)
{
    uint64_t top = low;

    while (top < high && !chance_one_in(4))
        top = top > (high - 1) / 4 ? high : top * 4 + 1;
    return chance_between(low, top);
}

const char *kevy_sim_fault_name(enum kevy_sim_fault fault)
{
    return (unsigned)fault < KEVY_SIM_FAULT_COUNT ? names[fault] : "no fault";
}

void kevy_sim_set_odds(struct kevy_sim *sim, enum kevy_sim_fault fault, uint32_t one_in)
{
    world_check(sim);
    assert((unsigned)fault <= KEVY_SIM_FAULT_COUNT);
    for (unsigned which = 0; which < KEVY_SIM_FAULT_COUNT; which++)
        if (fault == KEVY_SIM_FAULT_COUNT || fault == which)
            chances.odds[which].one_in = one_in;
}

void kevy_sim_inject(struct kevy_sim *sim, enum kevy_sim_fault fault, uint32_t skip)
{
    world_check(sim);
    assert((unsigned)fault < KEVY_SIM_FAULT_COUNT);
    chances.odds[fault].skip = skip;
    chances.odds[fault].injected = true;
}

void kevy_sim_set_calm(struct kevy_sim *sim, bool calm)
{
    world_check(sim);
    chances.calm = calm;
}

bool kevy_sim_fault(struct kevy_sim *sim, enum kevy_sim_fault fault)
{
    world_check(sim);
    assert((unsigned)fault < KEVY_SIM_FAULT_COUNT);
    return chance(fault);
}

uint64_t kevy_sim_below(struct kevy_sim *sim, uint64_t limit)
{
    world_check(sim);
    assert(limit != 0);
    return chance_below(limit);
}

uint64_t kevy_sim_between(struct kevy_sim *sim, uint64_t low, uint64_t high)
{
    world_check(sim);
    assert(low <= high && high - low != UINT64_MAX);
    return chance_between(low, high);
}

uint64_t kevy_sim_magnitude(struct kevy_sim *sim, uint64_t low, uint64_t high)
{
    world_check(sim);
    assert(low <= high && high - low != UINT64_MAX);
    return chance_magnitude(low, high);
}

bool kevy_sim_one_in(struct kevy_sim *sim, uint64_t count)
{
    world_check(sim);
    assert(count != 0);
    return chance_one_in(count);
}
