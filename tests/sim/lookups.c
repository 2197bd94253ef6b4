/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "lookups.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "link.h"
#include "world.h"

enum {
    SEEKERS = 8,
    NAMES = 64, /* more than look-ups, threads and queue can keep */
    THREADS_MAX = 3,
    SPARES_MAX = 12,
    QUEUE_MAX = 12,
    ADDRESSES_MAX = 5,
    NUMBERS_COUNT = 1,
    IDLE_TURNS_MAX = 300,
};

#define DELAY_NS KEVY_SECONDS(5)
#define LIMIT_NS KEVY_SECONDS(8)
/* The latest that a limit is told, beyond the time that the program computes. */
#define LATE_NS KEVY_MILLISECONDS(20)
/* The time in which a thread that is free takes what waits. */
#define IDLE_NS KEVY_MILLISECONDS(50)

struct name {
    struct kevy_sim_name name;
    char host[16];
    uint64_t asked; /* before this look-up */
    bool used;      /* by a look-up that has not been told */
};

struct seeker {
    struct kevy_lookup lookup;
    struct name *name; /* NULL: of numbers */
    uint64_t began_ns;
    uint64_t awake_ns;
    uint64_t limit_ns; /* 0: none */
    uint16_t port;
    int family;
    bool out;
    bool given_up;
};

static struct {
    struct kevy_reactor *reactor;
    struct kevy_resolver resolver;
    struct seeker seekers[SEEKERS];
    struct name names[NAMES];
    uint64_t idle_ns; /* since when a thread is free and something waits; 0: it is not so */
    uint32_t idle_turns;
    uint32_t threads, spares, queue;
    bool threads_fail; /* or one may be missing */
    bool quiet;
    bool abandoned;
} all;

/* ---- What is told -------------------------------------------------------------------------- */

static void address_check(const struct seeker *seeker, uint32_t index)
{
    const struct kevy_address *found = &seeker->lookup.addresses[index];
    const struct sockaddr_in *address = (const void *)found->address;

    EXPECT(found->length == sizeof *address && address->sin_family == AF_INET &&
               ntohl(address->sin_addr.s_addr) == INADDR_LOOPBACK + index &&
               ntohs(address->sin_port) == seeker->port,
           "a look-up has a wrong address");
}

static void found_check(const struct seeker *seeker)
{
    uint32_t count = seeker->name != NULL ? seeker->name->name.count : NUMBERS_COUNT;

    EXPECT(seeker->name == NULL || seeker->name->name.code == 0, "a name is found that fails");
    EXPECT(seeker->family != AF_INET6, "a name is found in the wrong family");
    EXPECT(seeker->lookup.count == count, "a look-up has %u addresses of %u", seeker->lookup.count,
           count);
    for (uint32_t index = 0; index < count; index++)
        address_check(seeker, index);
}

static void limit_check(const struct seeker *seeker)
{
    uint64_t passed_ns = kevy_sim_now(world) - seeker->began_ns;

    EXPECT(seeker->limit_ns != 0 && passed_ns >= seeker->limit_ns, "a limit of %llu ns ends early",
           (unsigned long long)seeker->limit_ns);
    EXPECT(passed_ns - seeker->limit_ns <= LATE_NS + kevy_sim_awake_ns(world) - seeker->awake_ns,
           "a limit is told %llu ns late", (unsigned long long)(passed_ns - seeker->limit_ns));
}

/* What the world may answer in place of the addresses. */
static int error_of(int code)
{
    switch (code) {
    case EAI_AGAIN:
        return -EAGAIN;
    case EAI_FAIL:
        return -EREMOTEIO;
    case EAI_MEMORY:
        return -ENOMEM;
    case EAI_SYSTEM:
        return -EIO;
    case EAI_NONAME:
        return -ENOENT;
    default:
        FAIL("a look-up has code %d", code);
    }
}

static void failure_check(const struct seeker *seeker, int result)
{
    int code = seeker->lookup.code;

    if (seeker->name == NULL) {
        EXPECT(result == -EADDRNOTAVAIL && seeker->family == AF_INET6,
               "a look-up of numbers ends with %d", result);
        return;
    }
    EXPECT(result == error_of(code), "a look-up has code %d and ends with %d", code, result);
    EXPECT(code == seeker->name->name.code || code != EAI_NONAME || seeker->family == AF_INET6,
           "a name is not found that there is");
}

static void done(struct kevy_lookup *lookup, int result)
{
    struct seeker *seeker = KEVY_CONTAINER_OF(lookup, struct seeker, lookup);

    EXPECT(quiet_calls == 0, "a look-up is told inside a call");
    EXPECT(seeker->out, "a look-up is told twice");
    seeker->out = false;
    if (seeker->name == NULL)
        EXPECT(kevy_sim_now(world) - seeker->began_ns <=
                   LATE_NS + kevy_sim_awake_ns(world) - seeker->awake_ns,
               "a look-up of numbers takes its time");
    if (result == 0)
        found_check(seeker);
    else if (result == -ETIMEDOUT)
        limit_check(seeker);
    else if (result == -ECANCELED)
        EXPECT(seeker->given_up || all.abandoned, "a look-up is cancelled that nobody gave up");
    else
        failure_check(seeker, result);
    EXPECT(result == 0 || !seeker->given_up || result == -ECANCELED || result == -ETIMEDOUT,
           "a look-up that was given up ends with %d", result);
    if (seeker->name != NULL)
        seeker->name->used = false;
    kevy_lookup_release(lookup);
}

/* ---- What is asked ------------------------------------------------------------------------- */

static struct name *name_free(void)
{
    for (int index = 0; index < NAMES; index++)
        if (!all.names[index].used && all.names[index].name.waiting == 0)
            return &all.names[index];
    FAIL("all names are in use");
}

static void name_draw(struct name *name)
{
    static const int codes[] = {EAI_NONAME, EAI_AGAIN, EAI_FAIL, EAI_SYSTEM};

    name->name.delay_ns = kevy_sim_magnitude(world, 0, DELAY_NS);
    name->name.count = (uint32_t)kevy_sim_between(world, 1, ADDRESSES_MAX);
    name->name.code = kevy_sim_one_in(world, 6) ? codes[kevy_sim_below(world, 4)] : 0;
    name->asked = name->name.asked;
}

/* Look-ups that wait for a thread. */
static uint32_t waiting_count(void)
{
    uint32_t count = 0;

    for (int index = 0; index < SEEKERS; index++) {
        const struct seeker *seeker = &all.seekers[index];

        count += seeker->out && !seeker->given_up && seeker->name != NULL &&
                 seeker->name->name.asked == seeker->name->asked;
    }
    return count;
}

static void seeker_start(struct seeker *seeker)
{
    char port[8];
    struct kevy_lookup_options options = {.resolver = &all.resolver, .service = port, .done = done};
    uint32_t waiting = waiting_count();
    int error;

    memset(seeker, 0, sizeof *seeker);
    seeker->port = (uint16_t)kevy_sim_between(world, 1, UINT16_MAX);
    (void)snprintf(port, sizeof port, "%u", (unsigned)seeker->port);
    seeker->family = kevy_sim_one_in(world, 8) ? AF_INET6 : AF_UNSPEC;
    seeker->name = kevy_sim_one_in(world, 5) ? NULL : name_free();
    seeker->limit_ns = kevy_sim_one_in(world, 2) ? 0 : kevy_sim_magnitude(world, 1, LIMIT_NS);
    seeker->began_ns = kevy_sim_now(world);
    seeker->awake_ns = kevy_sim_awake_ns(world);
    if (seeker->name != NULL)
        name_draw(seeker->name);
    options.host = seeker->name != NULL ? seeker->name->host : "127.0.0.1";
    options.family = seeker->family;
    options.timeout_ns = seeker->limit_ns;
    QUIETLY(error = kevy_lookup_start(&seeker->lookup, all.reactor, &options));
    if (error == -EAGAIN) {
        EXPECT(seeker->name != NULL && waiting >= all.queue, "the queue of a resolver is full");
        return;
    }
    EXPECT(error == 0, "a look-up answers %d", error);
    seeker->out = true;
    if (seeker->name != NULL)
        seeker->name->used = true;
}

static void seeker_act(struct seeker *seeker)
{
    if (!seeker->out) {
        if (kevy_sim_one_in(world, 3))
            seeker_start(seeker);
    } else if (kevy_sim_one_in(world, 40)) {
        seeker->given_up = true;
        QUIETLY(kevy_lookup_cancel(&seeker->lookup));
    }
}

/* ---- Threads ------------------------------------------------------------------------------- */

static void threads_check(void)
{
    uint32_t asking = 0, alone = 0, waiting = waiting_count(), spare;

    for (int index = 0; index < NAMES; index++) {
        asking += all.names[index].name.waiting;
        alone += all.names[index].used ? 0 : all.names[index].name.waiting;
    }
    for (int index = 0; index < SEEKERS; index++) {
        const struct seeker *seeker = &all.seekers[index];

        if (seeker->out && seeker->given_up && seeker->name != NULL)
            alone += seeker->name->name.waiting;
    }
    EXPECT(asking - alone <= all.threads, "%u threads of %u ask for names", asking - alone,
           all.threads);
    spare = alone < all.spares ? 0 : alone - all.spares;
    if (waiting == 0 || all.threads_fail || asking - alone + spare >= all.threads) {
        all.idle_turns = 0;
        return;
    }
    if (all.idle_turns++ == 0)
        all.idle_ns = kevy_sim_now(world);
    EXPECT(all.idle_turns <= IDLE_TURNS_MAX || kevy_sim_now(world) - all.idle_ns <= IDLE_NS,
           "%u look-ups wait, and %u threads of %u ask", waiting, asking - alone, all.threads);
}

/* ---- The whole ----------------------------------------------------------------------------- */

void lookups_start(struct kevy_reactor *reactor, const struct kevy_reactor_options *options)
{
    struct kevy_resolver_options resolver = {.system = options->system};
    int error;

    memset(&all, 0, sizeof all);
    all.reactor = reactor;
    all.threads_fail = kevy_sim_one_in(world, 4);
    resolver.threads = all.threads = (uint32_t)kevy_sim_between(world, 1, THREADS_MAX);
    resolver.spares = all.spares = (uint32_t)kevy_sim_between(world, 1, SPARES_MAX);
    resolver.queue = all.queue = (uint32_t)kevy_sim_between(world, 1, QUEUE_MAX);
    if (!all.threads_fail)
        kevy_sim_set_odds(world, KEVY_SIM_THREAD_FAILS, 0);
    while ((error = kevy_resolver_open(&all.resolver, &resolver)) < 0)
        EXPECT(error == -EAGAIN, "opening a resolver answers %d", error);
    for (int index = 0; index < NAMES; index++) {
        struct name *name = &all.names[index];

        (void)snprintf(name->host, sizeof name->host, "name-%d.test", index);
        name->name.host = name->host;
        kevy_sim_name_add(world, &name->name);
    }
}

void lookups_turned(void)
{
    threads_check();
    if (!all.quiet && !all.abandoned)
        seeker_act(&all.seekers[kevy_sim_below(world, SEEKERS)]);
}

void lookups_quiet(void)
{
    all.quiet = true;
}

bool lookups_over(void)
{
    bool over = true;

    threads_check();
    for (int index = 0; index < SEEKERS; index++)
        over &= !all.seekers[index].out;
    return over;
}

void lookups_abandon(void)
{
    all.abandoned = true;
}

void lookups_gone(void)
{
    for (int index = 0; index < SEEKERS; index++)
        EXPECT(!all.seekers[index].out, "a look-up has not been told");
    kevy_resolver_close(&all.resolver);
    for (int index = 0; index < NAMES; index++)
        EXPECT(all.names[index].name.waiting == 0, "a thread of a closed resolver still asks");
}
