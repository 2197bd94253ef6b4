/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "observer.h"

#include "options.h"
#include "patient_write.h"
#include "server.h"
#include "turns.h"

#include <kevy/address.h>
#include <stdlib.h>
#include <time.h>

static void table_collected(struct tally_wait *wait, const struct tally *tally)
{
    struct observer *observer = KEVY_CONTAINER_OF(wait, struct observer, table);
    char *text = NULL;
    size_t length;
    FILE *to = open_memstream(&text, &length);

    observer->table_wanted = false;
    if (!to)
        return;
    spell_table(to, tally, &observer->facts);
    if (fclose(to) == 0)
        patient_write(STDERR_FILENO, text, length, 0);
    free(text);
}

static void notice_run(struct kevy_task *task, struct kevy_reactor *reactor)
{
    struct observer *observer = KEVY_CONTAINER_OF(task, struct observer, notice);

    (void)reactor;
    atomic_store(&observer->noticed, false);
    observer_write_table(observer);
}

int observer_init(struct observer *observer, struct server *servers, uint32_t count,
                  struct kevy_group **group, const char *kernel)
{
    struct timespec wall;

    clock_gettime(CLOCK_REALTIME, &wall);
    *observer = (struct observer){
        .facts = {.why = kernel,
                  .started_ns = turns_clock(),
                  .started_ms = (uint64_t)wall.tv_sec * 1000 + (uint64_t)wall.tv_nsec / 1000000},
        .table.done = table_collected,
        .group = group,
        .notice.run = notice_run,
    };
    return tally_init(&observer->tally, servers, count, group);
}

void observer_deinit(struct observer *observer)
{
    tally_deinit(&observer->tally);
}

int observer_open(struct observer *observer, struct kevy_reactor *reactor,
                  const struct options *options)
{
    struct kevy_reactor_stats stats;
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    int error;

    kevy_reactor_stats(reactor, &stats);
    observer->facts.kernel = stats.kernel;
    if (!options->status.length)
        return 0;
    error = status_open(&observer->status, reactor, &options->status.address,
                        options->status.length, &observer->tally, &observer->facts);
    if (!error)
        error =
            kevy_listener_address(&observer->status.listener, (struct sockaddr *)&address, &length);
    if (!error)
        kevy_address_format((struct sockaddr *)&address, length, observer->where,
                            sizeof observer->where);
    return error;
}

void observer_write_table(struct observer *observer)
{
    if (observer->table_wanted)
        return;
    observer->table_wanted = true;
    tally_collect(&observer->tally, &observer->table);
}

void observer_post_table(struct observer *observer)
{
    if (!atomic_exchange(&observer->noticed, true) &&
        kevy_group_post(*observer->group, 0, &observer->notice) < 0)
        atomic_store(&observer->noticed, false);
}
