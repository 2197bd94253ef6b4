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
 * Numbers are read here: they need no thread, and must not wait for one that asks for a name. The C
 * library also takes what is none for a port, 65616 and -1 among them.
 *
 * Invariants. look-up and query point at each other, or the query is abandoned. A look-up without a
 * query that is still live has its result, and ends in its flush.
 */
#include "threads/threads_internal.h"

#if KEVY_RING_SUPPORTED

#include <kevy/resolver.h>

#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "core/object.h"
#include "socket/socket.h"
#include "threads/workers.h"

#define THREADS_DEFAULT 2U
/* Threads for each of these that may be kept by look-ups which were given up. */
#define SPARES_DEFAULT 4U
#define HOST_MAX       255U /* bytes: RFC 1035 */

enum lookup_state {
    LOOKUP_IDLE = OBJECT_IDLE,
    LOOKUP_RUNNING,
    LOOKUP_ENDING, /* its result is there */
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

static size_t list_count(const struct addrinfo *list)
{
    size_t count = 0;

    for (; list != NULL; list = list->ai_next)
        count++;
    return count;
}

/* One block: the table, and behind it a sockaddr_storage for each entry. NULL when there is no
 * memory. */
static struct kevy_address *addresses_make(size_t count)
{
    size_t table_size = (count * sizeof(struct kevy_address) + 15) & ~(size_t)15;
    char *block = calloc(1, table_size + count * sizeof(struct sockaddr_storage));
    struct kevy_address *table = (struct kevy_address *)(void *)block;

    for (size_t index = 0; block != NULL && index < count; index++)
        table[index].address = (const struct sockaddr *)(const void *)(block + table_size) +
                               index * sizeof(struct sockaddr_storage) / sizeof(struct sockaddr);
    return table;
}

static void address_set(struct kevy_address *entry, const void *address, socklen_t length)
{
    assert(length <= sizeof(struct sockaddr_storage));
    /* Ours by now: the table is const for its readers alone. */
    memcpy((void *)(uintptr_t)entry->address, address, length);
    entry->length = length;
}

static int addresses_copy(struct kevy_x_lookup_query *query, const struct addrinfo *list)
{
    query->count = (uint32_t)list_count(list);
    query->addresses = addresses_make(query->count);
    if (query->addresses == NULL)
        return -ENOMEM;
    for (uint32_t index = 0; index < query->count; index++, list = list->ai_next)
        address_set(&query->addresses[index], list->ai_addr, list->ai_addrlen);
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
    const struct kevy_system *system = job_system(job);
    struct addrinfo *list = NULL;
    int error;

    query->code = system->lookup(system->context, query->host, query->service, &hints, &list);
    if (query->code != 0)
        return resolver_error(query->code, errno);
    error = addresses_copy(query, list);
    system->lookup_free(system->context, list);
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
    kevy_timer_stop(&lookup->limit);
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

/* Reads a service that is a number, and refuses what is neither that nor a name. Returns 1 when it
 * is a number, 0 for a name. */
static int service_read(const char *service, uint16_t *port)
{
    *port = 0;
    if (service == NULL)
        return 1;
    /* As strtoul(3) begins, which the C library reads with. */
    if (*service == '\0' || strchr(" \f\n\r\t\v+-", *service) != NULL)
        return -EINVAL;
    if (service[strspn(service, "0123456789")] != '\0')
        return 0;
    return address_port_parse(service, port) < 0 ? -ERANGE : 1;
}

/* "*" would be every address of this host. */
static int host_check(const char *host)
{
    if (host == NULL)
        return 0;
    if (*host == '\0' || strcmp(host, "*") == 0)
        return -EINVAL;
    return strnlen(host, HOST_MAX + 1) > HOST_MAX ? -ENAMETOOLONG : 0;
}

/* The addresses of a host that is a number, or of this one: as many as there are, 0 for a name. */
static uint32_t host_read(struct kevy_reactor *reactor, const char *host, uint16_t port,
                          struct socket_address *found)
{
    if (host != NULL)
        return address_numeric(found, reactor->system, host, port) == 0;
    address_loopback(&found[0], AF_INET6, port);
    address_loopback(&found[1], AF_INET, port);
    return 2;
}

/* Answers a look-up of numbers. Returns 0, or -ENOMEM. */
static int lookup_answer(struct kevy_lookup *lookup, int family, const struct socket_address *found,
                         uint32_t count)
{
    struct kevy_address *addresses = addresses_make(count);

    if (addresses == NULL)
        return -ENOMEM;
    lookup->count = 0;
    for (uint32_t index = 0; index < count; index++)
        if (family == AF_UNSPEC || family == found[index].any.sa_family)
            address_set(&addresses[lookup->count++], &found[index].storage, found[index].length);
    lookup->addresses = addresses;
    lookup->result = 0;
    if (lookup->count == 0) {
        kevy_lookup_release(lookup);
        lookup->result = -EADDRNOTAVAIL;
    }
    return 0;
}

static void lookup_begin(struct kevy_lookup *lookup, struct kevy_reactor *reactor,
                         const struct kevy_lookup_options *options, enum lookup_state state)
{
    lookup->done = options->done;
    lookup->code = 0;
    object_start(&lookup->object, reactor, KIND_LOOKUP, (uint8_t)state, 0);
}

/* Nobody waits for the query any more. */
static void lookup_give_up(struct kevy_lookup *lookup, int result)
{
    struct kevy_x_lookup_query *query = lookup->query;
    enum job_fate fate;

    assert(query->lookup == lookup);
    fate = job_abandon(&query->job); /* after which a worker may have freed it */
    if (fate == JOB_DELIVERING)
        query->lookup = NULL;
    if (fate == JOB_TAKEN_BACK)
        query_free(query);
    lookup->query = NULL;
    lookup->result = result;
    object_state_set(&lookup->object, LOOKUP_ENDING);
    object_pend(&lookup->object);
}

static void limit_passed(struct kevy_timer *timer)
{
    lookup_give_up(KEVY_CONTAINER_OF(timer, struct kevy_lookup, limit), -ETIMEDOUT);
}

/* Hands the look-up of a name to the workers. */
static int query_start(struct kevy_lookup *lookup, struct kevy_reactor *reactor,
                       const struct kevy_lookup_options *options)
{
    struct kevy_x_lookup_query *query = query_make(options);
    int error;

    if (query == NULL)
        return -ENOMEM;
    query->lookup = lookup;
    error = job_submit(&query->job, &query_events, options->resolver->workers, reactor);
    if (error < 0) {
        query_free(query);
        return error;
    }
    lookup->query = query;
    lookup_begin(lookup, reactor, options, LOOKUP_RUNNING);
    if (options->timeout_ns != 0 && options->timeout_ns != KEVY_FOREVER)
        kevy_timer_start(&lookup->limit, reactor, options->timeout_ns, limit_passed);
    return 0;
}

int kevy_lookup_start(struct kevy_lookup *lookup, struct kevy_reactor *reactor,
                      const struct kevy_lookup_options *options)
{
    struct socket_address found[2];
    uint32_t count = 0;
    uint16_t port;
    int numeric, error;

    assert(options->done != NULL && "a look-up needs a done callback");
    assert(object_idle(&lookup->object) && lookup->query == NULL &&
           "the look-up is running, or its memory was not zeroed");
    assert(lookup->addresses == NULL && "kevy_lookup_release() comes first");
    assert(options->resolver->workers != NULL && "kevy_resolver_open() comes first");
    thread_check(reactor);
    if (options->host == NULL && options->service == NULL)
        return -EINVAL;
    numeric = service_read(options->service, &port);
    error = numeric < 0 ? numeric : host_check(options->host);
    if (error < 0)
        return error;
    if (numeric)
        count = host_read(reactor, options->host, port, found);
    if (count == 0)
        return query_start(lookup, reactor, options);
    error = lookup_answer(lookup, options->family, found, count);
    if (error == 0)
        lookup_begin(lookup, reactor, options, LOOKUP_ENDING);
    return error;
}

void kevy_lookup_cancel(struct kevy_lookup *lookup)
{
    if (lookup->object.state == LOOKUP_IDLE)
        return;
    thread_check(lookup->object.reactor);
    if (lookup->object.state == LOOKUP_RUNNING) {
        lookup_give_up(lookup, -ECANCELED);
        return;
    }
    kevy_lookup_release(lookup);
    lookup->result = -ECANCELED;
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
    struct kevy_lookup *lookup = KEVY_CONTAINER_OF(object, struct kevy_lookup, object);

    if (object->state == LOOKUP_ENDING)
        lookup_end(lookup, lookup->result);
}

#if DEBUG_CHECKS
static void lookup_check(const struct kevy_x_object *object)
{
    const struct kevy_lookup *lookup = KEVY_CONTAINER_OF(object, struct kevy_lookup, object);

    assert((object->state == LOOKUP_RUNNING) == (lookup->query != NULL));
    assert(lookup->query == NULL || lookup->query->lookup == lookup);
    assert(lookup->addresses == NULL || object->state == LOOKUP_ENDING);
    assert(object->in_flight == 0);
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
            [LOOKUP_IDLE] = STATE(LOOKUP_RUNNING) | STATE(LOOKUP_ENDING),
            [LOOKUP_RUNNING] = STATE(LOOKUP_ENDING) | STATE(LOOKUP_IDLE),
            [LOOKUP_ENDING] = STATE(LOOKUP_IDLE),
        },
};

int kevy_resolver_open(struct kevy_resolver *resolver, const struct kevy_resolver_options *options)
{
    struct kevy_workers_options workers = {.threads = THREADS_DEFAULT};
    uint32_t spares;

    assert(resolver->workers == NULL && "the resolver is open, or its memory was not zeroed");
    if (options != NULL && options->threads != 0)
        workers.threads = options->threads;
    if (options != NULL) {
        workers.queue = options->queue;
        workers.system = options->system;
    }
    spares = options != NULL ? options->spares : 0;
    if (spares == 0 && __builtin_mul_overflow(workers.threads, SPARES_DEFAULT, &spares))
        return -ENOMEM;
    return workers_create(&resolver->workers, &workers, spares);
}

void kevy_resolver_close(struct kevy_resolver *resolver)
{
    kevy_workers_destroy(resolver->workers);
    resolver->workers = NULL;
}

#endif /* KEVY_RING_SUPPORTED */
