/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Look-ups off the loop: their results, errors and ends. No name server is asked: some host names
 * belong to the getaddrinfo() below, numbers go on to the real one. */

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
static void real_find(void *function, const char *name)
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

static void done(struct kevy_lookup *lookup, int result)
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

static void setup(void)
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

static void teardown(void)
{
    kevy_resolver_close(&resolver);
    for (unsigned index = 0; index < LOOKUPS; index++)
        kevy_lookup_release(&searches[index].lookup);
    reactor_teardown();
}

static int try_start(struct search *search, const char *host)
{
    int result;

    options.host = host;
    QUIETLY(result = kevy_lookup_start(&search->lookup, reactor, &options));
    return result;
}

static void start(struct search *search, const char *host)
{
    ck_assert_int_eq(try_start(search, host), 0);
}

/* The one thread asks for this until the gate opens. */
static void occupy(struct search *search)
{
    start(search, "gate");
    sem_wait(&begun);
}

static void cancel(struct search *search)
{
    QUIETLY(kevy_lookup_cancel(&search->lookup));
}

static void check(const struct search *search, int result)
{
    ck_assert_uint_eq(search->reports, 1);
    ck_assert_int_eq(search->result, result);
}

START_TEST(a_number_is_found)
{
    struct sockaddr_in address;

    start(&searches[0], "127.0.0.1");
    TURN_UNTIL(reports);
    check(&searches[0], 0);
    ck_assert_int_eq(searches[0].lookup.code, 0);
    ck_assert_uint_eq(searches[0].lookup.count, 1);
    ck_assert_uint_eq(searches[0].lookup.addresses[0].length, sizeof address);
    memcpy(&address, searches[0].lookup.addresses[0].address, sizeof address);
    ck_assert_int_eq(address.sin_family, AF_INET);
    ck_assert_uint_eq(ntohs(address.sin_port), 80);
    ck_assert_uint_eq(ntohl(address.sin_addr.s_addr), INADDR_LOOPBACK);
}
END_TEST

START_TEST(without_a_host_it_is_this_one_in_both_families)
{
    bool v4 = false, v6 = false;

    start(&searches[0], NULL);
    TURN_UNTIL(reports);
    check(&searches[0], 0);
    for (uint32_t index = 0; index < searches[0].lookup.count; index++) {
        const struct kevy_address *found = &searches[0].lookup.addresses[index];

        v4 |= found->address->sa_family == AF_INET;
        v6 |= found->address->sa_family == AF_INET6 && found->length == sizeof(struct sockaddr_in6);
    }
    ck_assert(v4 && v6);
}
END_TEST

START_TEST(one_family_alone_is_found_where_it_is_asked_for)
{
    options.family = AF_INET6;
    start(&searches[0], NULL);
    TURN_UNTIL(reports);
    check(&searches[0], 0);
    for (uint32_t index = 0; index < searches[0].lookup.count; index++)
        ck_assert_int_eq(searches[0].lookup.addresses[index].address->sa_family, AF_INET6);
}
END_TEST

START_TEST(an_unknown_service_is_esrch)
{
    options.service = "kevy-no-such-service";
    start(&searches[0], "127.0.0.1");
    TURN_UNTIL(reports);
    check(&searches[0], -ESRCH);
    ck_assert_int_eq(searches[0].lookup.code, EAI_SERVICE);
}
END_TEST

static const struct {
    int code;
    int system_error;
    int result;
} errors[] = {
    {EAI_NONAME, 0, -ENOENT},
    {EAI_AGAIN, 0, -EAGAIN},
    {EAI_FAIL, 0, -EREMOTEIO},
    {EAI_SERVICE, 0, -ESRCH},
    {EAI_OVERFLOW, 0, -ENAMETOOLONG},
    {EAI_FAMILY, 0, -EAFNOSUPPORT},
    {EAI_MEMORY, 0, -ENOMEM},
    {EAI_SYSTEM, EMFILE, -EMFILE},
    {EAI_SYSTEM, 0, -EIO},
    {EAI_BADFLAGS, 0, -EINVAL},
    {EAI_SOCKTYPE, 0, -EINVAL},
#ifdef EAI_NODATA
    {EAI_NODATA, 0, -ENODATA},
#endif
#ifdef EAI_ADDRFAMILY
    {EAI_ADDRFAMILY, 0, -EADDRNOTAVAIL},
#endif
};

START_TEST(each_code_has_its_errno_and_is_kept)
{
    fake_code = errors[_i].code;
    fake_errno = errors[_i].system_error;
    start(&searches[0], "fails");
    TURN_UNTIL(reports);
    check(&searches[0], errors[_i].result);
    ck_assert_int_eq(searches[0].lookup.code, errors[_i].code);
}
END_TEST

static void fired(struct kevy_timer *timer)
{
    (void)timer;
}

START_TEST(the_loop_turns_while_a_name_server_is_silent)
{
    struct kevy_timer timer = {0};

    occupy(&searches[0]);
    kevy_timer_start(&timer, reactor, KEVY_MILLISECONDS(2), fired);
    TURN_UNTIL(!kevy_timer_armed(&timer));
    ck_assert_uint_eq(reports, 0);
    sem_post(&gate);
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
    check(&searches[0], 0);
}
END_TEST

START_TEST(names_are_copied)
{
    char host[] = "127.0.0.1", service[] = "4711";
    struct sockaddr_in address;

    occupy(&searches[0]);
    options.service = service;
    start(&searches[1], host);
    memset(host, 'x', sizeof host - 1);
    memset(service, 'x', sizeof service - 1);
    sem_post(&gate);
    TURN_UNTIL(reports == 2);
    check(&searches[1], 0);
    memcpy(&address, searches[1].lookup.addresses[0].address, sizeof address);
    ck_assert_uint_eq(ntohs(address.sin_port), 4711);
}
END_TEST

START_TEST(a_running_lookup_is_cancelled_without_waiting)
{
    occupy(&searches[0]);
    cancel(&searches[0]);
    cancel(&searches[0]);
    TURN_UNTIL(reports);
    check(&searches[0], -ECANCELED);
    ck_assert_int_eq(searches[0].lookup.code, 0);
    ck_assert_uint_eq(stats_now().objects, 0);
    /* The thread is still at it, another serves the next, and what is found goes nowhere. */
    start(&searches[1], "name");
    TURN_UNTIL(reports == 2);
    check(&searches[1], 0);
    sem_post(&gate);
    turns(3);
    check(&searches[0], -ECANCELED);
}
END_TEST

static void resolver_reopen(uint32_t threads, uint32_t spares)
{
    const struct kevy_resolver_options sizes = {.threads = threads, .queue = 4, .spares = spares};

    kevy_resolver_close(&resolver);
    ck_assert_int_eq(kevy_resolver_open(&resolver, &sizes), 0);
}

static unsigned threads_count(void)
{
    DIR *tasks = opendir("/proc/self/task");
    unsigned count = 0;

    while (readdir(tasks) != NULL)
        count++;
    closedir(tasks);
    return count;
}

/* A thread that has been joined is in /proc for a moment longer. */
static unsigned threads_settled(void)
{
    unsigned before, count = threads_count();

    do {
        before = count;
        usleep(50000);
        count = threads_count();
    } while (count != before);
    return count;
}

START_TEST(lookups_that_were_given_up_are_replaced_up_to_a_limit)
{
    unsigned before;

    resolver_reopen(1, 2);
    before = threads_settled();
    for (unsigned index = 0; index < 3; index++) {
        occupy(&searches[index]);
        cancel(&searches[index]);
    }
    ck_assert_uint_eq(threads_count(), before + 2);
    start(&searches[3], "name");
    TURN_UNTIL(reports == 3);
    turns(3);
    ck_assert_uint_eq(searches[3].reports, 0); /* all three threads are at it */
    sem_post(&gate);
    TURN_UNTIL(reports == 4);
    check(&searches[3], 0);
    sem_post(&gate);
    sem_post(&gate);
    while (threads_count() != before)
        ;
    /* And again, on places that were used before. */
    for (unsigned index = 4; index < 7; index++) {
        occupy(&searches[index]);
        cancel(&searches[index]);
    }
    for (unsigned index = 0; index < 3; index++)
        sem_post(&gate);
    start(&searches[7], "name");
    TURN_UNTIL(reports == 8);
    check(&searches[7], 0);
    while (threads_count() != before)
        ;
}
END_TEST

START_TEST(a_number_waits_for_no_name)
{
    static const char *const hosts[] = {"127.0.0.1", "::1", "fe80::1%lo", NULL};
    struct sockaddr_in6 address;

    occupy(&searches[0]);
    for (unsigned index = 0; index < 4; index++)
        start(&searches[1 + index], hosts[index]);
    ck_assert_uint_eq(reports, 0);
    turn_now();
    ck_assert_uint_eq(reports, 4);
    for (unsigned index = 1; index < 5; index++)
        check(&searches[index], 0);
    memcpy(&address, searches[3].lookup.addresses[0].address, sizeof address);
    ck_assert_uint_gt(address.sin6_scope_id, 0);
    ck_assert_uint_eq(ntohs(address.sin6_port), 80);
    ck_assert_uint_eq(searches[4].lookup.count, 2); /* this host, in both families */
    sem_post(&gate);
    TURN_UNTIL(reports == 5);
}
END_TEST

START_TEST(a_number_of_the_other_family_is_none)
{
    char text[200];

    options.family = AF_INET6;
    start(&searches[0], "127.0.0.1");
    start(&searches[1], "::1");
    start(&searches[2], NULL);
    TURN_UNTIL(reports == 3);
    check(&searches[0], -EADDRNOTAVAIL);
    ck_assert_ptr_null(searches[0].lookup.addresses);
    kevy_lookup_explain(&searches[0].lookup, -EADDRNOTAVAIL, text, sizeof text);
    ck_assert_ptr_nonnull(strstr(text, "another family"));
    check(&searches[1], 0);
    check(&searches[2], 0);
    ck_assert_uint_eq(searches[2].lookup.count, 1);
    ck_assert_int_eq(searches[2].lookup.addresses[0].address->sa_family, AF_INET6);
}
END_TEST

START_TEST(a_number_that_is_cancelled_is_not_found)
{
    start(&searches[0], "127.0.0.1");
    cancel(&searches[0]);
    cancel(&searches[0]);
    TURN_UNTIL(reports);
    check(&searches[0], -ECANCELED);
    ck_assert_ptr_null(searches[0].lookup.addresses);
}
END_TEST

START_TEST(nonsense_is_refused_before_the_c_library_sees_it)
{
    static const struct {
        const char *host;
        const char *service;
        int error;
    } odds[] = {
        {"127.0.0.1", "65616", -ERANGE},
        {"127.0.0.1", "99999999999", -ERANGE},
        {"name", "65536", -ERANGE},
        {"127.0.0.1", "-1", -EINVAL},
        {"127.0.0.1", "+80", -EINVAL},
        {"127.0.0.1", " 80", -EINVAL},
        {"127.0.0.1", "", -EINVAL},
        {"*", "80", -EINVAL},
        {"", "80", -EINVAL},
        {NULL, "65616", -ERANGE},
    };
    static char long_host[257];

    for (size_t index = 0; index < sizeof odds / sizeof *odds; index++) {
        options.service = odds[index].service;
        ck_assert_int_eq(try_start(&searches[0], odds[index].host), odds[index].error);
    }
    options.service = "80";
    memset(long_host, 'a', 256);
    ck_assert_int_eq(try_start(&searches[0], long_host), -ENAMETOOLONG);
    turns(3);
    ck_assert_uint_eq(reports, 0);
    options.service = "65535";
    start(&searches[0], "127.0.0.1");
    TURN_UNTIL(reports);
    check(&searches[0], 0);
}
END_TEST

START_TEST(a_lookup_has_a_time_limit)
{
    char text[200];

    options.timeout_ns = KEVY_MILLISECONDS(5);
    occupy(&searches[0]);
    start(&searches[1], "gate");
    TURN_UNTIL(reports == 2);
    check(&searches[0], -ETIMEDOUT);
    check(&searches[1], -ETIMEDOUT);
    kevy_lookup_explain(&searches[0].lookup, -ETIMEDOUT, text, sizeof text);
    ck_assert_ptr_nonnull(strstr(text, "time limit"));
    ck_assert_uint_eq(stats_now().objects, 0);
    sem_post(&gate);
    sem_post(&gate);
    options.timeout_ns = KEVY_SECONDS(1000);
    start(&searches[2], "name");
    TURN_UNTIL(reports == 3);
    check(&searches[2], 0);
    ck_assert(!kevy_reactor_run_once(reactor, 0)); /* the limit does not keep the loop */
}
END_TEST

START_TEST(an_answer_that_is_there_is_not_late)
{
    options.timeout_ns = KEVY_MILLISECONDS(2);
    start(&searches[0], "name");
    while (__atomic_load_n(&reactor->posted, __ATOMIC_ACQUIRE) == NULL)
        ;
    clock_pass(KEVY_MILLISECONDS(5));
    TURN_UNTIL(reports);
    check(&searches[0], 0);
}
END_TEST

START_TEST(a_failure_has_a_sentence)
{
    char text[200];

    fake_code = EAI_AGAIN;
    start(&searches[0], "fails");
    TURN_UNTIL(reports);
    kevy_lookup_explain(&searches[0].lookup, searches[0].result, text, sizeof text);
    ck_assert_str_eq(text, gai_strerror(EAI_AGAIN));
    fake_code = EAI_SYSTEM;
    fake_errno = EMFILE;
    start(&searches[1], "fails");
    TURN_UNTIL(reports == 2);
    kevy_lookup_explain(&searches[1].lookup, searches[1].result, text, sizeof text);
    ck_assert_ptr_nonnull(strstr(text, "descriptors"));
}
END_TEST

START_TEST(a_waiting_lookup_is_cancelled)
{
    occupy(&searches[0]);
    for (unsigned index = 1; index <= 3; index++)
        start(&searches[index], "name");
    cancel(&searches[2]);
    TURN_UNTIL(reports);
    check(&searches[2], -ECANCELED);
    cancel(&searches[2]);
    sem_post(&gate);
    TURN_UNTIL(reports == 4);
    check(&searches[1], 0);
    check(&searches[3], 0);
}
END_TEST

START_TEST(a_lookup_on_its_way_home_is_cancelled)
{
    start(&searches[0], "name");
    while (__atomic_load_n(&reactor->posted, __ATOMIC_ACQUIRE) == NULL)
        ;
    cancel(&searches[0]);
    TURN_UNTIL(reports);
    turns(3);
    check(&searches[0], -ECANCELED);
}
END_TEST

START_TEST(a_full_queue_answers_eagain_and_nothing_comes)
{
    occupy(&searches[0]);
    for (unsigned index = 1; index <= 4; index++)
        start(&searches[index], "name");
    ck_assert_int_eq(try_start(&searches[5], "name"), -EAGAIN);
    sem_post(&gate);
    TURN_UNTIL(reports == 5);
    ck_assert_uint_eq(searches[5].reports, 0);
    start(&searches[5], "name");
    TURN_UNTIL(reports == 6);
}
END_TEST

/* Opens the gate once the queue has been emptied: what was in it has been posted. */
static void *gate_open(void *argument)
{
    (void)argument;
    while (__atomic_load_n(&reactor->posted, __ATOMIC_ACQUIRE) == NULL)
        ;
    sem_post(&gate);
    return NULL;
}

START_TEST(closing_the_resolver_cancels_what_waits_and_waits_for_what_runs)
{
    pthread_t thread;

    occupy(&searches[0]);
    start(&searches[1], "name");
    ck_assert_int_eq(pthread_create(&thread, NULL, gate_open, NULL), 0);
    QUIETLY(kevy_resolver_close(&resolver));
    QUIETLY(kevy_resolver_close(&resolver));
    pthread_join(thread, NULL);
    ck_assert_uint_eq(reports, 0);
    TURN_UNTIL(reports == 2);
    check(&searches[0], 0);
    check(&searches[1], -ECANCELED);
}
END_TEST

START_TEST(destroying_the_reactor_does_not_wait_for_a_name_server)
{
    occupy(&searches[0]);
    start(&searches[1], "name");
    ck_assert_uint_eq(kevy_reactor_destroy(reactor), 2);
    reactor = NULL;
    check(&searches[0], -ECANCELED);
    check(&searches[1], -ECANCELED);
    sem_post(&gate);
    kevy_resolver_close(&resolver);
    reactor_setup();
}
END_TEST

START_TEST(what_cannot_be_is_refused)
{
    options.service = NULL;
    ck_assert_int_eq(try_start(&searches[0], NULL), -EINVAL);
    options.service = "80";
    start(&searches[0], "name");
    TURN_UNTIL(reports);
    QUIETLY(kevy_lookup_release(&searches[0].lookup));
    QUIETLY(kevy_lookup_release(&searches[0].lookup));
    ck_assert_ptr_null(searches[0].lookup.addresses);
    ck_assert_uint_eq(searches[0].lookup.count, 0);
    start(&searches[0], "name");
    TURN_UNTIL(reports == 2);
}
END_TEST

static void once_more(struct search *search)
{
    kevy_lookup_release(&search->lookup);
    if (search->reports < 3)
        start(search, "name");
}

START_TEST(a_lookup_can_be_started_again_from_done)
{
    searches[0].then = once_more;
    start(&searches[0], "name");
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
    ck_assert_uint_eq(searches[0].reports, 3);
}
END_TEST

START_TEST(cancels_race_with_answers_and_each_is_reported_once)
{
    struct search *search = &searches[0];

    for (unsigned round = 0; round < MANY; round++) {
        search->reports = 0;
        start(search, "name");
        for (unsigned pause = 0; pause < round % 97; pause++)
            turn_now();
        cancel(search);
        TURN_UNTIL(search->reports);
        ck_assert_uint_eq(search->reports, 1);
        kevy_lookup_release(&search->lookup);
    }
}
END_TEST

static void visit(const char *kind, void *object, void *context)
{
    ck_assert_str_eq(kind, "lookup");
    ck_assert_ptr_eq(object, &searches[0].lookup);
    ++*(unsigned *)context;
}

START_TEST(a_walk_finds_a_lookup_by_its_name)
{
    unsigned visits = 0;

    start(&searches[0], "name");
    kevy_reactor_for_each_object(reactor, visit, &visits);
    ck_assert_uint_eq(visits, 1);
    TURN_UNTIL(reports);
}
END_TEST

START_TEST(a_drain_lets_a_lookup_end_and_its_limit_does_not)
{
    occupy(&searches[0]);
    QUIETLY(kevy_reactor_finish(reactor, KEVY_FOREVER));
    turns(3);
    ck_assert_uint_eq(reports, 0);
    QUIETLY(kevy_reactor_finish(reactor, 1));
    TURN_UNTIL(reports);
    check(&searches[0], -ECANCELED);
    sem_post(&gate);
}
END_TEST

static struct probe probe;
static struct kevy_connector connecting;

static void connected(struct kevy_connector *connect, int result)
{
    (void)connect;
    ck_assert_int_eq(result, 0);
    kevy_lookup_release(&searches[0].lookup);
}

static void found(struct search *search)
{
    const struct kevy_connector_options connect = {
        .stream = &probe.stream,
        .addresses = search->lookup.addresses,
        .count = search->lookup.count,
        .done = connected,
    };

    ck_assert_int_eq(kevy_connector_start(&connecting, reactor, &connect), 0);
}

START_TEST(what_is_found_can_be_connected_to)
{
    struct sockaddr_in address;
    int listener = plain_listen(&address);
    char port[8];

    /* This host in both families: the IPv6 port refuses, or there is no such network. */
    snprintf(port, sizeof port, "%u", ntohs(address.sin_port));
    options.service = port;
    probe_init(&probe, &probe_events);
    searches[0].then = found;
    start(&searches[0], NULL);
    TURN_UNTIL(probe.log_end > probe.log);
    ck_assert_str_eq(probe.log, "o");
    QUIETLY(kevy_stream_abort(&probe.stream));
    probe_finish(&probe);
    close(listener);
}
END_TEST

START_TEST(zeroed_lookups_and_resolvers_are_idle)
{
    struct kevy_resolver none = {0};

    kevy_resolver_close(&none);
    cancel(&searches[0]);
    kevy_lookup_release(&searches[0].lookup);
    turns(2);
    ck_assert_uint_eq(reports, 0);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("resolver");
    TCase *lookups = tcase_create("lookups");

    tcase_add_checked_fixture(lookups, setup, teardown);
    tcase_set_timeout(lookups, 30);
    tcase_add_test(lookups, a_number_is_found);
    tcase_add_test(lookups, without_a_host_it_is_this_one_in_both_families);
    tcase_add_test(lookups, one_family_alone_is_found_where_it_is_asked_for);
    tcase_add_test(lookups, an_unknown_service_is_esrch);
    tcase_add_loop_test(lookups, each_code_has_its_errno_and_is_kept, 0,
                        (int)(sizeof errors / sizeof errors[0]));
    tcase_add_test(lookups, the_loop_turns_while_a_name_server_is_silent);
    tcase_add_test(lookups, names_are_copied);
    tcase_add_test(lookups, a_running_lookup_is_cancelled_without_waiting);
    tcase_add_test(lookups, lookups_that_were_given_up_are_replaced_up_to_a_limit);
    tcase_add_test(lookups, a_number_waits_for_no_name);
    tcase_add_test(lookups, a_number_of_the_other_family_is_none);
    tcase_add_test(lookups, a_number_that_is_cancelled_is_not_found);
    tcase_add_test(lookups, nonsense_is_refused_before_the_c_library_sees_it);
    tcase_add_test(lookups, a_lookup_has_a_time_limit);
    tcase_add_test(lookups, an_answer_that_is_there_is_not_late);
    tcase_add_test(lookups, a_failure_has_a_sentence);
    tcase_add_test(lookups, a_waiting_lookup_is_cancelled);
    tcase_add_test(lookups, a_lookup_on_its_way_home_is_cancelled);
    tcase_add_test(lookups, a_full_queue_answers_eagain_and_nothing_comes);
    tcase_add_test(lookups, closing_the_resolver_cancels_what_waits_and_waits_for_what_runs);
    tcase_add_test(lookups, destroying_the_reactor_does_not_wait_for_a_name_server);
    tcase_add_test(lookups, what_cannot_be_is_refused);
    tcase_add_test(lookups, a_lookup_can_be_started_again_from_done);
    tcase_add_test(lookups, cancels_race_with_answers_and_each_is_reported_once);
    tcase_add_test(lookups, a_walk_finds_a_lookup_by_its_name);
    tcase_add_test(lookups, a_drain_lets_a_lookup_end_and_its_limit_does_not);
    tcase_add_test(lookups, what_is_found_can_be_connected_to);
    tcase_add_test(lookups, zeroed_lookups_and_resolvers_are_idle);
    suite_add_tcase(suite, lookups);
    return suite;
}
