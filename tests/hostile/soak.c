/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Mixed load: processes of clients that do all kinds of things, and check each byte that comes. */

#include "hostile.h"
#include "roll.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROCESSES 4
#define LINKS     16
#define SIZE_BITS 19 /* of the longest body */

struct result {
    uint64_t exchanges;
    uint64_t bytes;
    uint64_t left; /* connections that were left in the middle */
    uint64_t failed;
};

static uint32_t seed;

static uint32_t draw(uint32_t below)
{
    return roll(&seed) % below;
}

/* Sizes of all magnitudes. */
static size_t draw_size(void)
{
    return draw(1U << draw(SIZE_BITS + 1));
}

/* Leaves in the middle of an exchange. */
static void leave(struct link *link, struct exchange *exchange)
{
    bool deaf = draw(2);

    for (uint32_t steps = draw(20); steps; steps--)
        if (exchange_step(exchange, link, deaf) < 0)
            break;
    if (draw(2))
        link_half_close(link);
    if (draw(2))
        link_reset(link);
    else
        link_close(link);
}

static bool pipelined(struct link *link)
{
    static struct exchange exchanges[2];
    int moved = 1;

    for (unsigned i = 0; i < 2; i++)
        exchange_init(&exchanges[i], draw(1000), draw(2), draw(1000));
    for (unsigned i = 0; i < 2 && moved > 0; i++)
        while (!exchanges[i].ended && moved >= 0)
            moved = exchange_step(&exchanges[i], link, true);
    return moved >= 0;
}

static bool act(struct link *link, struct result *result)
{
    static struct exchange exchange;
    size_t size = draw_size();

    if (link->fd < 0 && !link_open(link))
        return false;
    exchange_init(&exchange, size, draw(2), draw(UINT32_MAX));
    switch (draw(16)) {
    case 0:
        leave(link, &exchange);
        result->left++;
        return true;
    case 1:
        result->left++;
        if (!pipelined(link))
            return false;
        link_close(link);
        return true;
    default:
        result->exchanges++;
        result->bytes += size;
        return exchange_run(&exchange, link);
    }
}

static void run(unsigned number, uint64_t until_ms, int results)
{
    struct link links[LINKS] = {0};
    struct result result = {0};

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    seed = number;
    for (unsigned i = 0; i < LINKS; i++)
        links[i].fd = -1;
    do
        result.failed += !act(&links[draw(LINKS)], &result);
    while (clock_ms() < until_ms && !result.failed);
    for (unsigned i = 0; i < LINKS; i++)
        link_close(&links[i]);
    _exit(write(results, &result, sizeof result) != sizeof result);
}

const char *soak(unsigned scale)
{
    struct result sum = {0}, result;
    /* Even the small one fills what allocators keep: in less than a second it would not. */
    uint64_t load_ms = options.seconds * UINT64_C(1000) / scale;
    uint64_t until_ms = clock_ms() + (load_ms > 1000 ? load_ms : 1000);
    int results[2];

    if (pipe(results) < 0)
        return "no pipe";
    for (unsigned i = 0; i < PROCESSES; i++)
        if (fork() == 0)
            run(i, until_ms, results[1]);
    close(results[1]);
    for (unsigned i = 0; i < PROCESSES; i++) {
        if (read(results[0], &result, sizeof result) != sizeof result)
            result = (struct result){.failed = 1};
        sum.exchanges += result.exchanges;
        sum.bytes += result.bytes;
        sum.left += result.left;
        sum.failed += result.failed;
    }
    close(results[0]);
    snprintf(server.note, sizeof server.note,
             "%" PRIu64 " exchanges, %" PRIu64 " MiB verified, %" PRIu64 " left in the middle",
             sum.exchanges, sum.bytes >> 20, sum.left);
    return sum.failed ? "an exchange failed" : NULL;
}
