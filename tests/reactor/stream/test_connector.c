/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* The race for one of many addresses: its order, its failures, its one winner. */

#include "connector_test.h"

static void greet(void)
{
    ck_assert_int_eq(kevy_stream_send(&probe.stream, "hello", 5), 0);
}

START_TEST(the_stream_may_be_written_to_from_done_on)
{
    struct place *place = add_listening();
    char text[5];
    int peer;

    then = greet;
    start();
    check_end(0);
    peer = accept(place->listener, NULL, NULL);
    ck_assert_int_ge(peer, 0);
    ck_assert_int_eq(recv(peer, text, sizeof text, MSG_WAITALL), 5);
    close(peer);
}
END_TEST

START_TEST(the_stream_opens_after_done)
{
    struct place *place = add_listening();

    start();
    check_end(0);
    check_connected_to(place);
    ck_assert_uint_eq(failure_count, 0);
}
END_TEST

static unsigned prepared;
static int prepare_result;
static bool prepare_cancels;

/* Each socket is bound to an address of its own. */
static int prepare_bind(struct kevy_connector *connector, uint32_t index, int fd)
{
    struct sockaddr_in own = {.sin_family = AF_INET};

    ck_assert_uint_eq(quiet_depth, 0);
    ck_assert_uint_eq(index, prepared);
    prepared++;
    if (prepare_cancels)
        QUIETLY(kevy_connector_cancel(connector));
    own.sin_addr.s_addr = htonl(0x7F000009);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&own, sizeof own), 0);
    return prepare_result;
}

START_TEST(a_socket_is_prepared_before_it_connects)
{
    struct place *place = add_listening();
    struct sockaddr_in seen;
    socklen_t length = sizeof seen;

    options.prepare = prepare_bind;
    start();
    check_end(0);
    check_connected_to(place);
    ck_assert_uint_eq(prepared, 1);
    ck_assert_int_eq(kevy_stream_local_address(&probe.stream, (struct sockaddr *)&seen, &length),
                     0);
    ck_assert_uint_eq(ntohl(seen.sin_addr.s_addr), 0x7F000009);
}
END_TEST

START_TEST(an_attempt_that_cannot_be_prepared_has_failed)
{
    int descriptors;

    add_refusing();
    add_refusing();
    descriptors = support_fd_count();
    options.prepare = prepare_bind;
    prepare_result = -EAGAIN;
    start();
    check_end(-EAGAIN);
    ck_assert_uint_eq(prepared, 2);
    ck_assert_uint_eq(failure_count, 2);
    check_failure(0, 0, -EAGAIN);
    ck_assert_int_eq(support_fd_count(), descriptors);
}
END_TEST

START_TEST(a_cancel_while_a_socket_is_prepared_is_the_end)
{
    int descriptors;

    add_refusing();
    descriptors = support_fd_count();
    options.prepare = prepare_bind;
    prepare_cancels = true;
    start();
    check_end(-ECANCELED);
    ck_assert_uint_eq(failure_count, 0);
    ck_assert_int_eq(support_fd_count(), descriptors);
}
END_TEST

START_TEST(a_failure_starts_the_next_attempt_at_once)
{
    struct place *place;

    add_refusing();
    place = add_listening();
    start();
    check_end(0);
    check_connected_to(place);
    ck_assert_uint_eq(failure_count, 1);
    check_failure(0, 0, -ECONNREFUSED);
}
END_TEST

START_TEST(every_failure_is_reported_and_the_last_is_the_result)
{
    struct sockaddr *strange;

    add_refusing();
    add_refusing();
    strange = (struct sockaddr *)&place_add(sizeof(struct sockaddr_in))->storage;
    strange->sa_family = AF_MAX;
    start();
    check_end(-ECONNREFUSED);
    ck_assert_uint_eq(failure_count, 3);
    check_failure(0, 0, -ECONNREFUSED);
    check_failure(1, 2, -EAFNOSUPPORT); /* another family has its turn */
    check_failure(2, 1, -ECONNREFUSED);
}
END_TEST

START_TEST(after_a_failure_the_stream_is_as_it_was)
{
    int fd;

    add_refusing();
    start();
    check_end(-ECONNREFUSED);
    ck_assert_str_eq(probe.log, "");
    ck_assert_int_eq(kevy_stream_fd(&probe.stream), -1);
    tcp_pair(&fd, &probe.peer);
    QUIETLY(ck_assert_int_eq(kevy_stream_adopt(&probe.stream, reactor, fd), 0));
    QUIETLY(kevy_stream_abort(&probe.stream));
    probe_finish(&probe);
}
END_TEST

START_TEST(families_take_turns_the_first_address_begins)
{
    static const uint32_t order[] = {0, 2, 1, 3, 4};

    add_refusing();
    add_refusing();
    add_refusing_unix();
    add_refusing_unix();
    add_refusing_unix();
    start();
    check_end(-ECONNREFUSED);
    ck_assert_uint_eq(failure_count, 5);
    for (unsigned number = 0; number < 5; number++)
        check_failure(number, order[number], -ECONNREFUSED);
}
END_TEST

START_TEST(a_silent_address_is_overtaken_after_the_delay)
{
    struct place *place;

    add_hole();
    place = add_listening();
    options.attempt_delay_ns = KEVY_MILLISECONDS(1);
    start();
    check_end(0);
    check_connected_to(place);
    ck_assert_uint_eq(failure_count, 0); /* who has lost the race has not failed */
}
END_TEST

START_TEST(before_the_delay_one_attempt_is_out)
{
    add_hole();
    add_listening();
    start();
    turns(5);
    ck_assert_uint_eq(connecting.begun, 1);
    cancel();
    check_end(-ECANCELED);
}
END_TEST

START_TEST(a_failure_beside_a_silent_address_goes_on_with_the_next)
{
    struct place *place;

    add_hole();
    add_refusing();
    add_hole();
    place = add_listening();
    options.attempt_delay_ns = KEVY_MILLISECONDS(1);
    start();
    check_end(0);
    check_connected_to(place);
    ck_assert_uint_eq(failure_count, 1);
    check_failure(0, 1, -ECONNREFUSED);
}
END_TEST

START_TEST(the_time_limit_ends_the_race)
{
    add_hole();
    add_hole();
    options.attempt_delay_ns = KEVY_MILLISECONDS(1);
    options.timeout_ns = KEVY_MILLISECONDS(4);
    start();
    check_end(-ETIMEDOUT);
    ck_assert_uint_eq(failure_count, 0); /* who was still racing has not failed */
}
END_TEST

START_TEST(with_too_many_attempts_out_the_oldest_is_given_up)
{
    struct place *place;

    for (unsigned index = 0; index < KEVY_CONNECTOR_ATTEMPTS + 1; index++)
        add_hole();
    place = add_listening();
    options.attempt_delay_ns = KEVY_MILLISECONDS(1);
    start();
    check_end(0);
    check_connected_to(place);
    ck_assert_uint_eq(failure_count, 2);
    check_failure(0, 0, -ETIMEDOUT);
    check_failure(1, 1, -ETIMEDOUT);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("connect");
    TCase *race = tcase_create("race");

    tcase_add_checked_fixture(race, setup, teardown);
    tcase_set_timeout(race, 20);
    tcase_add_test(race, the_stream_opens_after_done);
    tcase_add_test(race, the_stream_may_be_written_to_from_done_on);
    tcase_add_test(race, a_socket_is_prepared_before_it_connects);
    tcase_add_test(race, an_attempt_that_cannot_be_prepared_has_failed);
    tcase_add_test(race, a_cancel_while_a_socket_is_prepared_is_the_end);
    tcase_add_test(race, a_failure_starts_the_next_attempt_at_once);
    tcase_add_test(race, every_failure_is_reported_and_the_last_is_the_result);
    tcase_add_test(race, after_a_failure_the_stream_is_as_it_was);
    tcase_add_test(race, families_take_turns_the_first_address_begins);
    tcase_add_test(race, a_silent_address_is_overtaken_after_the_delay);
    tcase_add_test(race, before_the_delay_one_attempt_is_out);
    tcase_add_test(race, a_failure_beside_a_silent_address_goes_on_with_the_next);
    tcase_add_test(race, the_time_limit_ends_the_race);
    tcase_add_test(race, with_too_many_attempts_out_the_oldest_is_given_up);
    suite_add_tcase(suite, race);
    return suite;
}
