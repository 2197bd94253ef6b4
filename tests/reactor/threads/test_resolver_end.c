/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* How look-ups end before an answer, and with their resolver. */

#include "resolver_test.h"

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

Suite *test_suite(void)
{
    Suite *suite = suite_create("resolver_end");
    TCase *lookups = tcase_create("lookups");

    tcase_add_checked_fixture(lookups, setup, teardown);
    tcase_set_timeout(lookups, 30);
    tcase_add_test(lookups, the_loop_turns_while_a_name_server_is_silent);
    tcase_add_test(lookups, a_running_lookup_is_cancelled_without_waiting);
    tcase_add_test(lookups, lookups_that_were_given_up_are_replaced_up_to_a_limit);
    tcase_add_test(lookups, a_number_that_is_cancelled_is_not_found);
    tcase_add_test(lookups, a_lookup_has_a_time_limit);
    tcase_add_test(lookups, an_answer_that_is_there_is_not_late);
    tcase_add_test(lookups, a_waiting_lookup_is_cancelled);
    tcase_add_test(lookups, a_lookup_on_its_way_home_is_cancelled);
    tcase_add_test(lookups, a_full_queue_answers_eagain_and_nothing_comes);
    tcase_add_test(lookups, closing_the_resolver_cancels_what_waits_and_waits_for_what_runs);
    tcase_add_test(lookups, destroying_the_reactor_does_not_wait_for_a_name_server);
    tcase_add_test(lookups, cancels_race_with_answers_and_each_is_reported_once);
    tcase_add_test(lookups, a_drain_lets_a_lookup_end_and_its_limit_does_not);
    suite_add_tcase(suite, lookups);
    return suite;
}
