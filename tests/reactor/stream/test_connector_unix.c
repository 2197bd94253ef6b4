/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Unix sockets whose listeners have full backlogs. Nothing says when there is room: the kernel
 * tries by itself for a while, once a turn on some releases, and gives up. The race does not. */

#include "connector_test.h"

#include "core/kind.h"
#include "core/reactor.h"

static void accept_one(struct place *place)
{
    close(accept4(place->listener, NULL, NULL, SOCK_CLOEXEC));
}

START_TEST(a_full_backlog_is_waited_for)
{
    struct place *place = add_full_unix();

    start();
    turns(400);
    ck_assert_uint_eq(reports, 0);
    accept_one(place);
    check_end(0);
    ck_assert_uint_eq(failure_count, 0);
    ck_assert_uint_eq(connecting.begun, 1);
    TURN_UNTIL(probe.log[0] == 'o');
}
END_TEST

START_TEST(a_full_backlog_is_waited_for_until_the_limit)
{
    uint64_t before_ns = clock_ns();

    add_full_unix();
    options.timeout_ns = KEVY_MILLISECONDS(50);
    start();
    check_end(-ETIMEDOUT);
    ck_assert_uint_ge(clock_ns(), before_ns + KEVY_MILLISECONDS(50));
    ck_assert_uint_eq(failure_count, 0);
}
END_TEST

/* Before the first try, between two, or during one. */
START_TEST(cancelled_while_a_backlog_is_full_it_ends_once)
{
    add_full_unix();
    start();
    turns((unsigned)_i * 40);
    cancel();
    cancel();
    check_end(-ECANCELED);
    ck_assert_uint_eq(failure_count, 0);
}
END_TEST

START_TEST(destroying_the_reactor_ends_it)
{
    add_full_unix();
    start();
    turns((unsigned)_i * 200);
    ck_assert_uint_eq(kevy_reactor_destroy(reactor), 1);
    reactor = NULL;
    ck_assert_uint_eq(reports, 1);
    ck_assert_int_eq(result, -ECANCELED);
    places_close();
    reactor_setup();
}
END_TEST

START_TEST(the_next_address_has_its_turn_while_a_backlog_is_full)
{
    struct place *place;

    add_full_unix();
    place = add_listening();
    options.attempt_delay_ns = KEVY_MILLISECONDS(1);
    start();
    check_end(0);
    ck_assert_uint_eq(failure_count, 0);
    check_connected_to(place);
}
END_TEST

/* A cancel that comes too late: what it was for has ended by itself. */
static void cancels_come_too_late(struct kevy_reactor *where, void *context)
{
    uint32_t ready;
    const struct kevy_cqe *first = kevy_ring_peek_span(&where->ring, UINT32_MAX, &ready);

    (void)context;
    for (uint32_t index = 0; index < ready; index++) {
        uint64_t owner = first[index].user_data & ~(uint64_t)OPERATION_MASK;

        for (unsigned place = 0; place < KEVY_CONNECTOR_ATTEMPTS; place++)
            if (owner == (uintptr_t)&connecting.attempts[place].completion &&
                first[index].res == -ECANCELED)
                ((struct kevy_cqe *)(uintptr_t)&first[index])->res = -EAGAIN;
    }
}

static struct place *add_more_full_unix_than_race(void)
{
    for (unsigned index = 0; index < KEVY_CONNECTOR_ATTEMPTS; index++)
        add_full_unix();
    return add_full_unix();
}

static void check_first_given_up(struct place *last)
{
    ck_assert_uint_eq(failure_count, 1);
    check_failure(0, 0, -ETIMEDOUT);
    accept_one(last);
    check_end(0);
    TURN_UNTIL(probe.log[0] == 'o');
}

START_TEST(with_too_many_backlogs_full_the_oldest_attempt_is_given_up)
{
    struct place *last = add_more_full_unix_than_race();

    options.attempt_delay_ns = KEVY_MILLISECONDS(1);
    start();
    TURN_UNTIL(connecting.begun == KEVY_CONNECTOR_ATTEMPTS + 1);
    check_first_given_up(last);
}
END_TEST

START_TEST(an_attempt_that_is_given_up_is_not_made_again)
{
    struct place *last;

    reactor_setup_with(&(struct kevy_reactor_options){.after_wait = cancels_come_too_late});
    last = add_more_full_unix_than_race();
    start();
    /* One attempt in each turn: too fast for the kernel to end any of them by itself. */
    for (unsigned begun = 0; begun <= KEVY_CONNECTOR_ATTEMPTS; begun++) {
        turn_now();
        kevy_timer_stop(&connecting.delay);
        connecting.delay.fire(&connecting.delay);
    }
    TURN_UNTIL(connecting.begun == KEVY_CONNECTOR_ATTEMPTS + 1);
    check_first_given_up(last);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("connector_unix");
    TCase *full = tcase_create("full");

    tcase_add_checked_fixture(full, setup, teardown);
    tcase_set_timeout(full, 20);
    tcase_add_test(full, a_full_backlog_is_waited_for);
    tcase_add_test(full, a_full_backlog_is_waited_for_until_the_limit);
    tcase_add_loop_test(full, cancelled_while_a_backlog_is_full_it_ends_once, 0, 10);
    tcase_add_loop_test(full, destroying_the_reactor_ends_it, 0, 2);
    tcase_add_test(full, the_next_address_has_its_turn_while_a_backlog_is_full);
    tcase_add_test(full, with_too_many_backlogs_full_the_oldest_attempt_is_given_up);
    tcase_add_test(full, an_attempt_that_is_given_up_is_not_made_again);
    suite_add_tcase(suite, full);
    return suite;
}
