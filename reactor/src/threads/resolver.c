/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Look-ups: getaddrinfo(3) as a job on a pool of its own.
 *
 * Model. The look-up is the user's and belongs to the loop; what the thread works on is a query of
 * ours, with copies of the names. The query outlives a look-up that has been cancelled: the loop
 * forgets it, the worker frees it, perhaps after the reactor is gone. So it comes from malloc(3),
 * and not from the reactor's allocator, which is for the loop's thread alone. The addresses are
 * copied into one block on the worker, so that the loop never walks an addrinfo list, nor frees
 * one.
 *
 * Invariants. look-up and query point at each other, or the query is abandoned. A look-up without a
 * query that is still live has been cancelled, and ends in its flush.
 */
#include "threads/threads_internal.h"

#if KEVY_RING_SUPPORTED

#include <kevy/resolver.h>

#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "core/object.h"
#include "threads/workers.h"

#define THREADS_DEFAULT 2U

enum lookup_state {
    LOOKUP_IDLE = OBJECT_IDLE,
    LOOKUP_RUNNING,
    LOOKUP_CANCELLED,
};

struct kevy_x_lookup_query {
    struct kevy_x_job job;
    struct kevy_lookup *lookup; /* the loop's alone */
    struct kevy_address *addresses;
    uint32_t count;
    int code;
    int family;
    const char *host;
    const char *service;
    char names[]; /* both, each with its end */
};

static const struct {
    int code;
    int error;
} codes[] = {
    {EAI_NONAME, -ENOENT},
    {EAI_AGAIN, -EAGAIN},
    {EAI_FAIL, -EREMOTEIO},
    {EAI_SERVICE, -ESRCH},
    {EAI_OVERFLOW, -ENAMETOOLONG},
    {EAI_FAMILY, -EAFNOSUPPORT},
    {EAI_MEMORY, -ENOMEM},
/* These two are not in POSIX, nor in every C library. */
#ifdef EAI_NODATA
    {EAI_NODATA, -ENODATA},
#endif
#ifdef EAI_ADDRFAMILY
    {EAI_ADDRFAMILY, -EADDRNOTAVAIL},
#endif
};

int resolver_error(int code, int system_error)
{
    if (code == EAI_SYSTEM)
        return system_error > 0 ? -system_error : -EIO;
    for (size_t index = 0; index < sizeof codes / sizeof codes[0]; index++)
        if (codes[index].code == code)
            return codes[index].error;
    return -EINVAL;
}

static size_t list_count(const struct addrinfo *list)
{
    size_t count = 0;

    for (; list != NULL; list = list->ai_next)
        count++;
    return count;
}

/* One block: the table, and behind it a sockaddr_storage for each entry. */
static int addresses_copy(struct kevy_x_lookup_query *query, const struct addrinfo *list)
{
    size_t count = list_count(list);
    size_t table_size = (count * sizeof(struct kevy_address) + 15) & ~(size_t)15;
    struct sockaddr_storage *storage;
    char *block = malloc(table_size + count * sizeof *storage);

    if (block == NULL)
        return -ENOMEM;
    query->addresses = (struct kevy_address *)(void *)block;
    query->count = (uint32_t)count;
    storage = (struct sockaddr_storage *)(void *)(block + table_size);
    for (size_t index = 0; index < count; index++, list = list->ai_next) {
        assert(list->ai_addrlen <= sizeof *storage);
        memcpy(&storage[index], list->ai_addr, list->ai_addrlen);
        query->addresses[index].address = (const struct sockaddr *)&storage[index];
        query->addresses[index].length = list->ai_addrlen;
    }
    return 0;
}

/*
 * AI_ADDRCONFIG stays off: it hides the loopback addresses of hosts without a network, and
 * kevy_connector passes over an unreachable family in no time.
 */
static int query_run(struct kevy_x_job *job)
{
    struct kevy_x_lookup_query *query = KEVY_CONTAINER_OF(job, struct kevy_x_lookup_query, job);
    const struct addrinfo hints = {.ai_family = query->family, .ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    int error;

    query->code = getaddrinfo(query->host, query->service, &hints, &list);
    if (query->code != 0)
        return resolver_error(query->code, errno);
    error = addresses_copy(query, list);
    freeaddrinfo(list);
    return error;
}

static void query_free(struct kevy_x_lookup_query *query)
{
    free(query->addresses);
    free(query);
}

static void query_drop(struct kevy_x_job *job)
{
    query_free(KEVY_CONTAINER_OF(job, struct kevy_x_lookup_query, job));
}

static void lookup_end(struct kevy_lookup *lookup, int result)
{
    assert(lookup->query == NULL);
    object_end(&lookup->object);
    lookup->done(lookup, result);
}

static void query_deliver(struct kevy_x_job *job)
{
    struct kevy_x_lookup_query *query = KEVY_CONTAINER_OF(job, struct kevy_x_lookup_query, job);
    struct kevy_lookup *lookup = query->lookup;
    int result = job->result;

    if (lookup == NULL) { /* cancelled when this was on its way already */
        query_free(query);
        return;
    }
    assert(lookup->query == query && lookup->object.state == LOOKUP_RUNNING);
    lookup->query = NULL;
    lookup->code = query->code;
    if (result == 0) {
        lookup->addresses = query->addresses;
        lookup->count = query->count;
        query->addresses = NULL;
    }
    query_free(query);
    lookup_end(lookup, result);
}

static const struct kevy_x_job_events query_events = {
    .run = query_run, .deliver = query_deliver, .drop = query_drop};

static struct kevy_x_lookup_query *query_make(const struct kevy_lookup_options *options)
{
    size_t host_size = options->host != NULL ? strlen(options->host) + 1 : 0;
    size_t service_size = options->service != NULL ? strlen(options->service) + 1 : 0;
    struct kevy_x_lookup_query *query = calloc(1, sizeof *query + host_size + service_size);

    if (query == NULL)
        return NULL;
    query->family = options->family;
    if (host_size != 0)
        query->host = memcpy(query->names, options->host, host_size);
    if (service_size != 0)
        query->service = memcpy(query->names + host_size, options->service, service_size);
    return query;
}

int kevy_lookup_start(struct kevy_lookup *lookup, struct kevy_reactor *reactor,
                      const struct kevy_lookup_options *options)
{
    struct kevy_x_lookup_query *query;
    int error;

    assert(options->done != NULL && "a look-up needs a done callback");
    assert(object_idle(&lookup->object) && lookup->query == NULL &&
           "the look-up is running, or its memory was not zeroed");
    assert(lookup->addresses == NULL && "kevy_lookup_release() comes first");
    assert(options->resolver->workers != NULL && "kevy_resolver_open() comes first");
    if (options->host == NULL && options->service == NULL)
        return -EINVAL;
    query = query_make(options);
    if (query == NULL)
        return -ENOMEM;
    query->lookup = lookup;
    error = job_submit(&query->job, &query_events, options->resolver->workers, reactor);
    if (error < 0) {
        query_free(query);
        return error;
    }
    lookup->done = options->done;
    lookup->code = 0;
    lookup->query = query;
    object_start(&lookup->object, reactor, KIND_LOOKUP, LOOKUP_RUNNING, 0);
    return 0;
}

void kevy_lookup_cancel(struct kevy_lookup *lookup)
{
    struct kevy_x_lookup_query *query = lookup->query;

    if (lookup->object.state != LOOKUP_RUNNING)
        return;
    thread_check(lookup->object.reactor);
    object_state_set(&lookup->object, LOOKUP_CANCELLED);
    lookup->query = NULL;
    /* The loop's own field: a worker that runs the query does not look at it. */
    assert(query->lookup == lookup);
    query->lookup = NULL;
    if (job_abandon(&query->job) == JOB_TAKEN_BACK)
        query_free(query);
    object_pend(&lookup->object);
}

void kevy_lookup_release(struct kevy_lookup *lookup)
{
    /* The table was made by malloc(), and is const for its readers alone. */
    free((void *)(uintptr_t)lookup->addresses);
    lookup->addresses = NULL;
    lookup->count = 0;
}

static void lookup_abort(struct kevy_x_object *object)
{
    kevy_lookup_cancel(KEVY_CONTAINER_OF(object, struct kevy_lookup, object));
}

/* A reactor that finishes lets a look-up come to its end. */
static void lookup_flush(struct kevy_x_object *object)
{
    if (object->state == LOOKUP_CANCELLED)
        lookup_end(KEVY_CONTAINER_OF(object, struct kevy_lookup, object), -ECANCELED);
}

#if DEBUG_CHECKS
static void lookup_check(const struct kevy_x_object *object)
{
    const struct kevy_lookup *lookup = KEVY_CONTAINER_OF(object, struct kevy_lookup, object);

    assert((object->state == LOOKUP_RUNNING) == (lookup->query != NULL));
    assert(lookup->query == NULL || lookup->query->lookup == lookup);
    assert(lookup->addresses == NULL && object->in_flight == 0);
}
#endif

const struct object_kind_operations lookup_kind = {
    .name = "lookup",
    .flush = lookup_flush,
    .abort = lookup_abort,
#if DEBUG_CHECKS
    .check = lookup_check,
#endif
    .next =
        {
            [LOOKUP_IDLE] = STATE(LOOKUP_RUNNING),
            [LOOKUP_RUNNING] = STATE(LOOKUP_CANCELLED) | STATE(LOOKUP_IDLE),
            [LOOKUP_CANCELLED] = STATE(LOOKUP_IDLE),
        },
};

int kevy_resolver_open(struct kevy_resolver *resolver, const struct kevy_resolver_options *options)
{
    struct kevy_workers_options workers = {.threads = THREADS_DEFAULT};

    assert(resolver->workers == NULL && "the resolver is open, or its memory was not zeroed");
    if (options != NULL && options->threads != 0)
        workers.threads = options->threads;
    if (options != NULL)
        workers.queue = options->queue;
    return kevy_workers_create(&resolver->workers, &workers);
}

void kevy_resolver_close(struct kevy_resolver *resolver)
{
    kevy_workers_destroy(resolver->workers);
    resolver->workers = NULL;
}

#endif /* KEVY_RING_SUPPORTED */
