/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "tally.h"

#include "server.h"
#include "turns.h"

#include <errno.h>
#include <stdlib.h>

/* A collection begins in a turn of its own, for all that asked until then. */
static void start_later(struct tally *tally)
{
    if (tally->running || !tally->later)
        return;
    tally->running = true;
    kevy_reactor_defer(tally->parts[0].server->reactor, &tally->start);
}

/* Each sample is there. */
static void finish(struct tally *tally)
{
    tally->time_ns = turns_clock();
    tally->total = (struct sample){.values = {0}};
    for (uint32_t i = 0; i < tally->count; i++)
        sample_add(&tally->total, &tally->samples[i]);
    while (tally->waiting) {
        struct tally_wait *wait = tally->waiting;

        tally->waiting = wait->next;
        wait->done(wait, tally);
    }
    tally->running = false;
    start_later(tally);
}

static void part_arrived(struct tally *tally)
{
    tally->missing--;
    if (!tally->missing)
        finish(tally);
}

/* On the thread of the server. */
static void ask(struct kevy_task *task, struct kevy_reactor *reactor)
{
    struct tally_part *part = KEVY_CONTAINER_OF(task, struct tally_part, ask);

    (void)reactor;
    sample_take(&part->fresh, part->server);
    /* An error means that nobody is left to be told. */
    kevy_group_post(*part->tally->group, 0, &part->tell);
}

/* On the thread of the tally, which sees what the other one wrote. */
static void tell(struct kevy_task *task, struct kevy_reactor *reactor)
{
    struct tally_part *part = KEVY_CONTAINER_OF(task, struct tally_part, tell);

    (void)reactor;
    part->tally->samples[part - part->tally->parts] = part->fresh;
    part_arrived(part->tally);
}

/* The sample of the first server arrives when all others are asked, so it is the last for none. */
static void start(struct kevy_task *task, struct kevy_reactor *reactor)
{
    struct tally *tally = KEVY_CONTAINER_OF(task, struct tally, start);

    (void)reactor;
    tally->waiting = tally->later;
    tally->later = NULL;
    tally->missing = tally->count;
    for (uint32_t i = 1; i < tally->count; i++)
        if (kevy_group_post(*tally->group, i, &tally->parts[i].ask) < 0)
            tally->missing--;
    sample_take(&tally->samples[0], tally->parts[0].server);
    part_arrived(tally);
}

int tally_init(struct tally *tally, struct server *servers, uint32_t count,
               struct kevy_group **group)
{
    *tally = (struct tally){.count = count, .group = group, .start.run = start};
    tally->samples = calloc(count, sizeof *tally->samples);
    tally->parts = calloc(count, sizeof *tally->parts);
    if (!tally->samples || !tally->parts)
        return -ENOMEM;
    for (uint32_t i = 0; i < count; i++)
        tally->parts[i] = (struct tally_part){
            .ask.run = ask, .tell.run = tell, .tally = tally, .server = &servers[i]};
    return 0;
}

void tally_deinit(struct tally *tally)
{
    free(tally->samples);
    free(tally->parts);
    *tally = (struct tally){.count = 0};
}

void tally_collect(struct tally *tally, struct tally_wait *wait)
{
    wait->next = tally->later;
    tally->later = wait;
    start_later(tally);
}
