/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "name.h"

#include <kevy/sim_name.h>

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "chance.h"
#include "clock.h"
#include "thread.h"
#include "world.h"

#define LATE_LEAST_NS UINT64_C(100000000)
#define LATE_MOST_NS  UINT64_C(20000000000)

struct entry {
    struct addrinfo info;
    struct sockaddr_in address;
};

static struct {
    struct kevy_sim_name *first;
    uint32_t lists;
} names;

void names_reset(void)
{
    memset(&names, 0, sizeof names);
}

uint32_t names_lists(void)
{
    return names.lists;
}

void kevy_sim_name_add(struct kevy_sim *sim, struct kevy_sim_name *name)
{
    world_check(sim);
    name->next = names.first;
    names.first = name;
}

static bool never(const void *argument)
{
    (void)argument;
    return false;
}

static void wait_for_answer(struct kevy_sim_name *name)
{
    uint64_t until_ns = clock_now() + name->delay_ns;

    if (chance(KEVY_SIM_NAME_LATE))
        until_ns += chance_magnitude(LATE_LEAST_NS, LATE_MOST_NS);
    name->waiting++;
    while (thread_sleep(never, NULL, until_ns))
        continue;
    name->waiting--;
}

/* A list of `count` addresses, in one block. */
static struct addrinfo *list_make(uint32_t count, uint16_t port)
{
    struct entry *entries = calloc(count, sizeof *entries);

    assert(entries != NULL);
    for (uint32_t index = 0; index < count; index++) {
        struct entry *entry = &entries[index];

        entry->address.sin_family = AF_INET;
        entry->address.sin_port = htons(port);
        entry->address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + index);
        entry->info.ai_family = AF_INET;
        entry->info.ai_socktype = SOCK_STREAM;
        entry->info.ai_addr = (void *)&entry->address;
        entry->info.ai_addrlen = sizeof entry->address;
        entry->info.ai_next = index + 1 < count ? &entries[index + 1].info : NULL;
    }
    names.lists++;
    return &entries[0].info;
}

static int failure_draw(void)
{
    static const int codes[] = {EAI_AGAIN, EAI_FAIL, EAI_MEMORY, EAI_SYSTEM};

    errno = EIO; /* of EAI_SYSTEM */
    return codes[chance_below(sizeof codes / sizeof *codes)];
}

int sim_lookup(void *context, const char *host, const char *service, const struct addrinfo *hints,
               struct addrinfo **found)
{
    struct kevy_sim_name *name = names.first;
    char *end = NULL;
    unsigned long port = service != NULL ? strtoul(service, &end, 10) : 0;

    (void)context;
    while (name != NULL && (host == NULL || strcmp(name->host, host) != 0))
        name = name->next;
    TRACE("look-up of %s", host != NULL ? host : "this host");
    if (name == NULL)
        return EAI_NONAME;
    name->asked++;
    wait_for_answer(name);
    if (chance(KEVY_SIM_NAME_FAILS))
        return failure_draw();
    if (name->code != 0)
        return name->code;
    if (service != NULL && (end == service || *end != '\0'))
        return EAI_SERVICE;
    if (name->count == 0 || hints->ai_family == AF_INET6)
        return EAI_NONAME;
    *found = list_make(name->count, (uint16_t)port);
    return 0;
}

void sim_lookup_free(void *context, struct addrinfo *found)
{
    (void)context;
    EXPECT(names.lists > 0, "a list of addresses is given back twice");
    names.lists--;
    free(KEVY_CONTAINER_OF(found, struct entry, info));
}
