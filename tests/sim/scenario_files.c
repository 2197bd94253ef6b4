/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The streams of scenario_mix.c, which also send ranges of files, in one reactor with files, pipes
 * and signals. ranges.h, documents.h, pipes.h and signals.h have the invariants.
 */
#include "scenario.h"

#include <kevy/ring_abi.h>

#include "documents.h"
#include "pipes.h"
#include "ranges.h"
#include "signals.h"
#include "world.h"

static struct kevy_reactor_options drawn;

static void options(struct kevy_reactor_options *options)
{
    static const uint8_t operations[] = {KEVY_OP_OPENAT, KEVY_OP_FSYNC, KEVY_OP_STATX,
                                         KEVY_OP_SPLICE};

    scenario_mix.options(options);
    mix_sends_ranges();
    options->system = ranges_system(options->system);
    options->operations = operations;
    options->operation_count = sizeof operations / sizeof *operations;
    drawn = *options;
}

static void start(struct kevy_reactor *reactor)
{
    ranges_start(reactor);
    documents_start(reactor, drawn.system);
    pipes_start(reactor, drawn.system, drawn.memory_limit != 0);
    signals_start(reactor);
    scenario_mix.start(reactor);
}

static void turned(struct kevy_reactor *reactor)
{
    scenario_mix.turned(reactor);
    documents_turned();
    pipes_turned();
    signals_turned();
}

static void quiet(struct kevy_reactor *reactor)
{
    scenario_mix.quiet(reactor);
    documents_quiet();
    pipes_quiet();
    signals_quiet();
}

static bool over(void)
{
    bool streams = scenario_mix.over(), documents = documents_over(), pipes = pipes_over();

    return signals_over() && streams && documents && pipes;
}

static void stop(struct kevy_reactor *reactor)
{
    scenario_mix.stop(reactor);
}

static void abandon(void)
{
    scenario_mix.abandon();
    documents_abandon();
    pipes_abandon();
    signals_abandon();
}

static void gone(void)
{
    ranges_gone();
    documents_gone();
    pipes_gone();
}

const struct scenario scenario_files = {.name = "files",
                                        .options = options,
                                        .start = start,
                                        .turned = turned,
                                        .quiet = quiet,
                                        .over = over,
                                        .stop = stop,
                                        .abandon = abandon,
                                        .gone = gone};
