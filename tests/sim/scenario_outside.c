/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The streams of scenario_echo.c in one reactor with what comes from outside: children, which end
 * when they like, and names, which threads look up. children.h and lookups.h have the invariants.
 */
#include "scenario.h"

#include "children.h"
#include "lookups.h"
#include "world.h"

static struct kevy_reactor_options drawn;

static void options(struct kevy_reactor_options *options)
{
    scenario_echo.options(options);
    drawn = *options;
}

static void start(struct kevy_reactor *reactor)
{
    lookups_start(reactor, &drawn);
    children_start(reactor);
    scenario_echo.start(reactor);
}

static void turned(struct kevy_reactor *reactor)
{
    if (scenario_echo.turned != NULL)
        scenario_echo.turned(reactor);
    children_turned();
    lookups_turned();
}

static void quiet(struct kevy_reactor *reactor)
{
    scenario_echo.quiet(reactor);
    children_quiet();
    lookups_quiet();
}

static bool over(void)
{
    bool streams = scenario_echo.over(), children = children_over();

    return lookups_over() && streams && children;
}

static void stop(struct kevy_reactor *reactor)
{
    scenario_echo.stop(reactor);
}

static void abandon(void)
{
    scenario_echo.abandon();
    children_abandon();
    lookups_abandon();
}

static void gone(void)
{
    if (scenario_echo.gone != NULL)
        scenario_echo.gone();
    children_gone();
    lookups_gone();
}

const struct scenario scenario_outside = {.name = "outside",
                                          .options = options,
                                          .start = start,
                                          .turned = turned,
                                          .quiet = quiet,
                                          .over = over,
                                          .stop = stop,
                                          .abandon = abandon,
                                          .gone = gone};
