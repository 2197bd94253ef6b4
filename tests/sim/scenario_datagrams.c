/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The streams of scenario_mix.c and datagram sockets in one reactor: they share its pool, its
 * memory and its turns. datagrams.h has the invariants.
 */
#include "scenario.h"

#include "datagrams.h"
#include "world.h"

static struct kevy_reactor_options drawn;

static void options(struct kevy_reactor_options *options)
{
    scenario_mix.options(options);
    datagrams_options(options);
    drawn = *options;
}

static void start(struct kevy_reactor *reactor)
{
    scenario_mix.start(reactor);
    datagrams_start(reactor, &drawn);
}

static void turned(struct kevy_reactor *reactor)
{
    scenario_mix.turned(reactor);
    datagrams_turned();
}

static void quiet(struct kevy_reactor *reactor)
{
    scenario_mix.quiet(reactor);
    datagrams_quiet();
}

static bool over(void)
{
    bool streams = scenario_mix.over();

    return datagrams_over() && streams;
}

static void stop(struct kevy_reactor *reactor)
{
    scenario_mix.stop(reactor);
}

static void abandon(void)
{
    scenario_mix.abandon();
    datagrams_abandon();
}

const struct scenario scenario_datagrams = {.name = "datagrams",
                                            .options = options,
                                            .start = start,
                                            .turned = turned,
                                            .quiet = quiet,
                                            .over = over,
                                            .stop = stop,
                                            .abandon = abandon,
                                            .gone = datagrams_gone};
