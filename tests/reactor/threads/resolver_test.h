/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef RESOLVER_TEST_H
#define RESOLVER_TEST_H

/* Look-ups for tests. No name server is asked: some host names belong to the getaddrinfo() below,
 * numbers go on to the real one. */

#include "reactor_test.h"

#include "core/reactor.h"
#include "threads/threads_internal.h"

#include <dirent.h>
#include <dlfcn.h>
#include <netdb.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>

enum {
    LOOKUPS = 8,
    MANY = 2000,
};

struct search {
    struct kevy_lookup lookup;
    unsigned reports;
    int result;
    void (*then)(struct search *search);
};

static struct kevy_resolver resolver;
static struct search searches[LOOKUPS];
static struct kevy_lookup_options options;
static sem_t begun, gate; /* the host "gate" says that it is asked for, and waits */
static int fake_code, fake_errno;
static unsigned reports;
static pthread_t loop_thread;

/* C has no cast from an object pointer to a function pointer. */
static inline void real_find(void *function, const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);

    memcpy(function, &found, sizeof found);
}

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                struct addrinfo **list)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

    real_find(&real, "getaddrinfo");
    if (host == NULL)
        return real(host, service, hints, list);
    if (strcmp(host, "fails") == 0) {
        errno = fake_errno;
        return fake_code;
    }
    if (strcmp(host, "gate") == 0) {
        sem_post(&begun);
        while (sem_wait(&gate) < 0)
            ;
        host = "127.0.0.1";
    }
    if (strcmp(host, "name") == 0) /* numbers are not asked for here */
        host = "127.0.0.1";
    return real(host, service, hints, list);
}

static inline void done(struct kevy_lookup *lookup, int result)
{
    struct search *search = KEVY_CONTAINER_OF(lookup, struct search, lookup);

    ck_assert_uint_eq(quiet_depth, 0);
    ck_assert(pthread_equal(pthread_self(), loop_thread));
    ck_assert_int_eq(result == 0, lookup->addresses != NULL);
    ck_assert_int_eq(result == 0, lookup->count != 0);
    search->reports++;
    search->result = result;
    reports++;
    if (search->then != NULL)
        search->then(search);
}

static inline void setup(void)
{
    const struct kevy_resolver_options one = {.threads = 1, .queue = 4};

    loop_thread = pthread_self();
    sem_init(&begun, 0, 0);
    sem_init(&gate, 0, 0);
    reactor_setup();
    ck_assert_int_eq(kevy_resolver_open(&resolver, &one), 0);
    options = (struct kevy_lookup_options){
        .resolver = &resolver, .host = "127.0.0.1", .service = "80", .done = done};
}

static inline void teardown(void)
{
    kevy_resolver_close(&resolver);
    for (unsigned index = 0; index < LOOKUPS; index++)
        kevy_lookup_release(&searches[index].lookup);
    reactor_teardown();
}

static inline int try_start(struct search *search, const char *host)
{
    int result;

    options.host = host;
    QUIETLY(result = kevy_lookup_start(&search->lookup, reactor, &options));
    return result;
}

static inline void start(struct search *search, const char *host)
{
    ck_assert_int_eq(try_start(search, host), 0);
}

/* The one thread asks for this until the gate opens. */
static inline void occupy(struct search *search)
{
    start(search, "gate");
    sem_wait(&begun);
}

static inline void cancel(struct search *search)
{
    QUIETLY(kevy_lookup_cancel(&search->lookup));
}

static inline void check(const struct search *search, int result)
{
    ck_assert_uint_eq(search->reports, 1);
    ck_assert_int_eq(search->result, result);
}

#endif
