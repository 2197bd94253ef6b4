/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "program.h"

#include <signal.h>

static struct kevy_sim *world;

int __real_kevy_reactor_create(struct kevy_reactor **reactor,
                               const struct kevy_reactor_options *options);
int __wrap_kevy_reactor_create(struct kevy_reactor **reactor,
                               const struct kevy_reactor_options *options);

int __wrap_kevy_reactor_create(struct kevy_reactor **reactor,
                               const struct kevy_reactor_options *options)
{
    struct kevy_reactor_options complete = {0};

    if (options != NULL)
        complete = *options;
    kevy_sim_reactor_options(world, &complete);
    return __real_kevy_reactor_create(reactor, &complete);
}

/* Events happen when the loop sleeps, and so not before the program serves. */
static void serves(struct kevy_sim_event *event)
{
    (void)event;
    kevy_sim_set_calm(world, false);
}

/* The end of a program need not survive a lack of descriptors. */
static void terminate(struct kevy_sim *sim)
{
    kevy_sim_set_quiet(sim);
    kevy_sim_signal(sim, SIGTERM);
}

void program_run(struct kevy_sim *sim, const char *const *arguments)
{
    static struct kevy_sim_event serving;
    char *words[16] = {NULL};
    int count = 0, status;

    world = sim;
    for (; arguments[count] != NULL && count < 15; count++)
        words[count] = (char *)(uintptr_t)arguments[count];
    kevy_sim_set_calm(sim, true);
    kevy_sim_event_start(sim, &serving, KEVY_MILLISECONDS(1), serves);
    kevy_sim_when_over(sim, terminate);
    status = example_main(count, words);
    if (status != 0)
        kevy_sim_fail(sim, "the program ends with status %d", status);
}
