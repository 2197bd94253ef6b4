/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "chance.h"

#include <string.h>

static struct {
    uint64_t state;
    uint32_t one_in[CHANCE_COUNT]; /* 0: never */
    bool quiet;
} chances;

/* splitmix64: every seed is as good as any other, 0 included. */
static uint64_t next(void)
{
    uint64_t mixed = chances.state += 0x9E3779B97F4A7C15U;

    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9U;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBU;
    return mixed ^ (mixed >> 31);
}

void chance_seed(uint64_t seed)
{
    static const uint32_t likelihoods[] = {0, 0, 0, 0, 1000, 200, 50, 15, 4};

    memset(&chances, 0, sizeof chances);
    chances.state = seed;
    for (unsigned which = 0; which < CHANCE_COUNT; which++)
        chances.one_in[which] = likelihoods[chance_below(sizeof likelihoods / sizeof *likelihoods)];
}

void chance_quiet(void)
{
    chances.quiet = true;
}

bool chance_is_quiet(void)
{
    return chances.quiet;
}

bool chance(enum chance which)
{
    uint32_t one_in = chances.one_in[which];

    return one_in != 0 && !chances.quiet && next() % one_in == 0;
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
        top = top > high / 4 ? high : top * 4 + 1;
    return chance_between(low, top);
}
