/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Clients that send and do not read. */

#include "hostile.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Clients that the kernel keeps much memory for: more of them would be an attack on the machine. */
#define GREEDY_MAX 64U
#define POOL_MAX   600U /* with 1 MiB each they stay below net.ipv4.tcp_mem of a usual machine */
#define STILL      20   /* looks in which nobody could send */
#define BODY       (1U << 20)

static unsigned greedy(void)
{
    return options.crowd < GREEDY_MAX ? options.crowd : GREEDY_MAX;
}

/* All send until nobody can; returns how many are still connected. */
static unsigned send_all(struct link *links, struct exchange *exchanges, unsigned count)
{
    uint64_t since_ms = 0;
    unsigned open = 0;

    for (unsigned still = 0; still < STILL && patient(&since_ms); still++) {
        open = 0;
        for (unsigned i = 0; i < count; i++) {
            int moved = links[i].fd < 0 ? -1 : exchange_step(&exchanges[i], &links[i], true);

            if (moved > 0)
                still = 0;
            if (moved < 0 && links[i].fd >= 0)
                link_close(&links[i]);
            open += moved >= 0;
        }
    }
    return open;
}

static const char *deaf_open(struct link *links, struct exchange *exchanges, unsigned count,
                             size_t size)
{
    if (!links || !exchanges)
        return "no memory";
    for (unsigned i = 0; i < count; i++) {
        exchange_init(&exchanges[i], size, i % 2, i);
        if (!link_dial(&links[i], WINDOW))
            return NO_ANSWER;
        if (!link_handshake(&links[i]))
            link_close(&links[i]);
    }
    return NULL;
}

static const char *memory_kept(void)
{
    uint64_t peak = server_metric("memory_peak_bytes"), limit = server_metric("memory_limit_bytes");

    snprintf(server.note, sizeof server.note,
             "%u clients, %" PRIu64 " of %" PRIu64 " KiB in queues", greedy(), peak >> 10,
             limit >> 10);
    return peak <= limit ? NULL : "the limit of memory was not kept";
}

/* Half of them leave, the other half reset their connections. */
const char *never_readers(unsigned scale)
{
    unsigned count = greedy();
    struct link *links = crowd_make(count);
    struct exchange *exchanges = calloc(count, sizeof *exchanges);
    const char *failed = deaf_open(links, exchanges, count, SIZE_MAX / 2 >> 20 << 10);

    (void)scale;
    if (!failed)
        send_all(links, exchanges, count);
    if (!failed)
        failed = good_visit(100000, true) ? memory_kept() : NO_ANSWER;
    for (unsigned i = 0; links && i < count; i += 2)
        if (links[i].fd >= 0)
            link_reset(&links[i]);
    crowd_free(links, count);
    free(exchanges);
    return failed;
}

/* The server does not wait for them for ever. */
const char *never_readers_end(unsigned scale)
{
    unsigned count = greedy();
    struct link *links = crowd_make(count);
    struct exchange *exchanges = calloc(count, sizeof *exchanges);
    const char *failed = deaf_open(links, exchanges, count, BODY << 8);
    uint64_t since_ms = 0;

    (void)scale;
    while (!failed && send_all(links, exchanges, count))
        if (!patient(&since_ms))
            failed = TOO_SLOW;
    if (!failed)
        failed = memory_kept();
    crowd_free(links, count);
    free(exchanges);
    return failed;
}

/* All buffers are out, and whoever reads in the end gets his own bytes. */
const char *pool(unsigned scale)
{
    unsigned count = options.crowd < POOL_MAX ? options.crowd : POOL_MAX;
    struct link *links = crowd_make(count);
    struct exchange *exchanges = calloc(count, sizeof *exchanges);
    const char *failed = deaf_open(links, exchanges, count, BODY);

    (void)scale;
    if (!failed && send_all(links, exchanges, count) != count)
        failed = "a connection was ended";
    for (unsigned i = 0; !failed && i < count; i++)
        if (!exchange_run(&exchanges[i], &links[i]))
            failed = "bytes were lost";
    snprintf(server.note, sizeof server.note,
             "%u clients, %" PRIu64 " buffers lent at most, %" PRIu64 " starvations, %" PRIu64
             " copies",
             count, server_metric("buffers_lent_peak"), server_metric("starvations_total"),
             server_metric("copies_total"));
    crowd_free(links, count);
    free(exchanges);
    return failed;
}
