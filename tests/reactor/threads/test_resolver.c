/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Look-ups off the loop: their results and errors. */

#include "resolver_test.h"

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
    tcase_add_test(lookups, names_are_copied);
    tcase_add_test(lookups, a_number_waits_for_no_name);
    tcase_add_test(lookups, a_number_of_the_other_family_is_none);
    tcase_add_test(lookups, nonsense_is_refused_before_the_c_library_sees_it);
    tcase_add_test(lookups, a_failure_has_a_sentence);
    tcase_add_test(lookups, what_cannot_be_is_refused);
    tcase_add_test(lookups, a_lookup_can_be_started_again_from_done);
    tcase_add_test(lookups, a_walk_finds_a_lookup_by_its_name);
    tcase_add_test(lookups, what_is_found_can_be_connected_to);
    tcase_add_test(lookups, zeroed_lookups_and_resolvers_are_idle);
    suite_add_tcase(suite, lookups);
    return suite;
}
