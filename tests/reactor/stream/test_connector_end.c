/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* The end of a race for an address: exactly one, whoever brings it about. */

#include "connector_test.h"

#include "core/reactor.h"

#include <sys/resource.h>

enum {
    ENDING = 2, /* the state in which a race is over, and `done` has not come yet */
};

START_TEST(cancelled_before_the_first_attempt_it_ends_once)
{
    add_listening();
    start();
    cancel();
    cancel();
    check_end(-ECANCELED);
    cancel();
    ck_assert_uint_eq(connecting.begun, 0);
}
END_TEST

START_TEST(cancelled_in_the_race_it_ends_once)
{
    add_hole();
    add_hole();
    add_hole();
    options.attempt_delay_ns = KEVY_MILLISECONDS(1);
    start();
    TURN_UNTIL(connecting.racing == 3);
    cancel();
    cancel();
    check_end(-ECANCELED);
    ck_assert_uint_eq(failure_count, 0);
}
END_TEST

START_TEST(cancelled_after_somebody_won_it_ends_without_a_stream)
{
    add_listening();
    start();
    TURN_UNTIL(connecting.object.state == ENDING);
    ck_assert_uint_eq(reports, 0);
    cancel();
    check_end(-ECANCELED);
    ck_assert_str_eq(probe.log, "");
}
END_TEST

START_TEST(cancelled_in_the_report_of_a_failure_it_goes_no_further)
{
    add_refusing();
    add_listening();
    then_on_error = cancel;
    start();
    check_end(-ECANCELED);
    ck_assert_uint_eq(failure_count, 1);
    ck_assert_uint_eq(connecting.begun, 1);
}
END_TEST

START_TEST(destroying_the_reactor_ends_it)
{
    add_hole();
    start();
    turns(2);
    ck_assert_uint_eq(kevy_reactor_destroy(reactor), 1);
    reactor = NULL;
    ck_assert_uint_eq(reports, 1);
    ck_assert_int_eq(result, -ECANCELED);
    places_close();
    reactor_setup();
}
END_TEST

static void restart(void)
{
    if (result == 0)
        return;
    reports = 0;
    options.addresses = list + 1;
    options.count = 1;
    ck_assert_int_eq(kevy_connector_start(&connecting, reactor, &options), 0);
}

START_TEST(it_can_be_started_again_from_done)
{
    struct place *place;

    add_refusing();
    place = add_listening();
    then = restart;
    options.count = 1;
    QUIETLY(ck_assert_int_eq(kevy_connector_start(&connecting, reactor, &options), 0));
    TURN_UNTIL(reports);
    ck_assert_int_eq(result, 0);
    check_connected_to(place);
}
END_TEST

static void overwrite(void)
{
    memset(&connecting, 0xA5, sizeof connecting);
}

START_TEST(its_memory_is_free_in_done)
{
    struct place *place;

    add_hole();
    place = add_listening();
    options.attempt_delay_ns = KEVY_MILLISECONDS(1);
    then = overwrite;
    start();
    check_end(0);
    check_connected_to(place);
}
END_TEST

START_TEST(without_an_attempt_callback_only_the_end_is_reported)
{
    add_refusing();
    options.attempt = NULL;
    start();
    check_end(-ECONNREFUSED);
}
END_TEST

START_TEST(what_cannot_be_is_refused)
{
    struct place *place;

    ck_assert_int_eq(try_start(), -EINVAL); /* nothing to connect to */
    place = place_add(1);
    ck_assert_int_eq(try_start(), -EINVAL);
    list[0].length = sizeof place->storage + 1;
    ck_assert_int_eq(try_start(), -EINVAL);
}
END_TEST

START_TEST(without_descriptors_the_error_is_emfile)
{
    struct rlimit before, none;

    add_listening();
    getrlimit(RLIMIT_NOFILE, &before);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = before.rlim_max};
    setrlimit(RLIMIT_NOFILE, &none);
    start();
    check_end(-EMFILE);
    setrlimit(RLIMIT_NOFILE, &before);
    check_failure(0, 0, -EMFILE);
}
END_TEST

START_TEST(a_queue_of_one_request_is_enough)
{
    reactor_setup_with(&(struct kevy_reactor_options){.sq_entries = 1, .cq_entries = 2});
    add_hole();
    add_hole();
    add_hole();
    add_hole();
    options.attempt_delay_ns = KEVY_MILLISECONDS(1);
    start();
    TURN_UNTIL(connecting.racing == 4);
    cancel();
    check_end(-ECANCELED);
}
END_TEST

START_TEST(a_drain_lets_it_connect_and_its_end_does_not)
{
    add_hole();
    start();
    turns(2);
    QUIETLY(kevy_reactor_finish(reactor, KEVY_FOREVER));
    turns(3);
    ck_assert_uint_eq(reports, 0);
    QUIETLY(kevy_reactor_finish(reactor, 1));
    check_end(-ECANCELED);
}
END_TEST

START_TEST(it_keeps_the_loop_running)
{
    add_refusing();
    start();
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
    ck_assert_uint_eq(reports, 1);
}
END_TEST

static void visit(const char *kind, void *object, void *context)
{
    ck_assert_str_eq(kind, "connector");
    ck_assert_ptr_eq(object, &connecting);
    ++*(unsigned *)context;
}

START_TEST(a_walk_finds_it_by_its_name)
{
    unsigned visits = 0;

    add_refusing();
    start();
    kevy_reactor_for_each_object(reactor, visit, &visits);
    ck_assert_uint_eq(visits, 1);
    check_end(-ECONNREFUSED);
}
END_TEST

START_TEST(a_zeroed_connect_is_idle)
{
    cancel();
    turns(2);
    ck_assert_uint_eq(reports, 0);
}
END_TEST

START_TEST(a_restricted_reactor_connects)
{
    struct place *place;

    reactor_setup_with(&(struct kevy_reactor_options){.restricted = true});
    add_refusing();
    place = add_listening();
    start();
    check_end(0);
    check_connected_to(place);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("connect_end");
    TCase *ends = tcase_create("ends");

    tcase_add_checked_fixture(ends, setup, teardown);
    tcase_set_timeout(ends, 20);
    tcase_add_test(ends, cancelled_before_the_first_attempt_it_ends_once);
    tcase_add_test(ends, cancelled_in_the_race_it_ends_once);
    tcase_add_test(ends, cancelled_after_somebody_won_it_ends_without_a_stream);
    tcase_add_test(ends, cancelled_in_the_report_of_a_failure_it_goes_no_further);
    tcase_add_test(ends, destroying_the_reactor_ends_it);
    tcase_add_test(ends, it_can_be_started_again_from_done);
    tcase_add_test(ends, its_memory_is_free_in_done);
    tcase_add_test(ends, without_an_attempt_callback_only_the_end_is_reported);
    tcase_add_test(ends, what_cannot_be_is_refused);
    tcase_add_test(ends, without_descriptors_the_error_is_emfile);
    tcase_add_test(ends, a_queue_of_one_request_is_enough);
    tcase_add_test(ends, a_drain_lets_it_connect_and_its_end_does_not);
    tcase_add_test(ends, it_keeps_the_loop_running);
    tcase_add_test(ends, a_walk_finds_it_by_its_name);
    tcase_add_test(ends, a_zeroed_connect_is_idle);
    tcase_add_test(ends, a_restricted_reactor_connects);
    suite_add_tcase(suite, ends);
    return suite;
}
