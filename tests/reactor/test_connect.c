/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* The race for one of many addresses: its order, its failures, its one winner, its one end. */

#include "reactor_test.h"

#include "internal.h"

#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/un.h>

enum {
    ADDRESSES = 16,
    HOLE_CLIENTS = 4,
    ENDING = 2, /* the state in which a race is over, and `done` has not come yet */
};

/* An address of the list, and what the test holds at the other end. */
struct place {
    struct sockaddr_storage storage;
    int listener;
    int clients[HOLE_CLIENTS];
};

struct attempt {
    uint32_t index;
    int error;
};

static struct place places[ADDRESSES];
static struct kevy_address list[ADDRESSES];
static uint32_t count;
static struct kevy_connect connecting;
static struct kevy_connect_options options;
static struct probe probe;
static unsigned reports;
static int result;
static struct attempt failures[ADDRESSES];
static unsigned failure_count;
static void (*then)(void);          /* in `done` */
static void (*then_on_error)(void); /* in `attempt` */

static void done(struct kevy_connect *connect, int outcome)
{
    ck_assert_ptr_eq(connect, &connecting);
    ck_assert_uint_eq(quiet_depth, 0);
    ck_assert_ptr_eq(probe.log_end, probe.log); /* the stream opens afterwards */
    reports++;
    result = outcome;
    if (then != NULL)
        then();
}

static void failed(struct kevy_connect *connect, uint32_t index, int error)
{
    ck_assert_ptr_eq(connect, &connecting);
    ck_assert_uint_eq(quiet_depth, 0);
    ck_assert_uint_eq(reports, 0);
    ck_assert_uint_lt(failure_count, ADDRESSES);
    failures[failure_count++] = (struct attempt){index, error};
    if (then_on_error != NULL)
        then_on_error();
}

static void setup(void)
{
    reactor_setup();
    probe_init(&probe, &probe_events);
    for (unsigned index = 0; index < ADDRESSES; index++) {
        places[index].listener = -1;
        for (unsigned client = 0; client < HOLE_CLIENTS; client++)
            places[index].clients[client] = -1;
    }
    options = (struct kevy_connect_options){
        .stream = &probe.stream,
        .addresses = list,
        .attempt_delay_ns = KEVY_SECONDS(3600),
        .timeout_ns = KEVY_SECONDS(7200),
        .attempt = failed,
        .done = done,
    };
}

static void places_close(void)
{
    for (unsigned index = 0; index < count; index++) {
        if (places[index].listener >= 0)
            close(places[index].listener);
        for (unsigned client = 0; client < HOLE_CLIENTS; client++)
            if (places[index].clients[client] >= 0)
                close(places[index].clients[client]);
    }
    count = 0;
}

static void teardown(void)
{
    places_close();
    if (result == 0 && reports > 0 && !probe.closed) {
        kevy_stream_abort(&probe.stream);
        probe_finish(&probe);
    }
    reactor_teardown();
}

static struct place *place_add(socklen_t length)
{
    struct place *place = &places[count];

    ck_assert_uint_lt(count, ADDRESSES);
    list[count++] = (struct kevy_address){(struct sockaddr *)&place->storage, length};
    return place;
}

/* A port that takes connections. */
static struct place *add_listening(void)
{
    struct place *place = place_add(sizeof(struct sockaddr_in));

    place->listener = plain_listen((struct sockaddr_in *)&place->storage);
    return place;
}

/* A port that is taken, and listened to by nobody. */
static void add_refusing(void)
{
    struct place *place = place_add(sizeof(struct sockaddr_in));
    struct sockaddr_in *address = (struct sockaddr_in *)&place->storage;
    socklen_t length = sizeof *address;

    address->sin_family = AF_INET;
    address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    place->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(place->listener, (struct sockaddr *)address, sizeof *address), 0);
    ck_assert_int_eq(getsockname(place->listener, (struct sockaddr *)address, &length), 0);
}

/* The name of a Unix socket that nobody has: refused, by another family. */
static void add_refusing_unix(void)
{
    struct place *place = place_add(0);
    struct sockaddr_un *address = (struct sockaddr_un *)&place->storage;

    address->sun_family = AF_UNIX;
    snprintf(address->sun_path + 1, sizeof address->sun_path - 1, "kevy-nobody-%d", (int)getpid());
    list[count - 1].length = (socklen_t)(sizeof(sa_family_t) + 1 + strlen(address->sun_path + 1));
}

static bool connected(int fd)
{
    struct tcp_info info;
    socklen_t length = sizeof info;

    ck_assert_int_eq(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length), 0);
    return info.tcpi_state == TCP_ESTABLISHED;
}

/* A port that answers nothing: with a full accept queue the kernel drops what asks for more. */
static void add_hole(void)
{
    struct place *place = add_listening();
    struct sockaddr_in *address = (struct sockaddr_in *)&place->storage;

    ck_assert_int_eq(listen(place->listener, 0), 0);
    for (unsigned client = 0; client < HOLE_CLIENTS; client++) {
        place->clients[client] = plain_connect(ntohs(address->sin_port));
        if (!connected(place->clients[client]))
            return;
    }
    ck_abort_msg("the accept queue is never full");
}

static int try_start(void)
{
    int outcome;

    options.count = count;
    QUIETLY(outcome = kevy_connect_start(&connecting, reactor, &options));
    return outcome;
}

static void start(void)
{
    ck_assert_int_eq(try_start(), 0);
}

static void cancel(void)
{
    QUIETLY(kevy_connect_cancel(&connecting));
}

static void check_end(int outcome)
{
    TURN_UNTIL(reports);
    ck_assert_uint_eq(reports, 1);
    ck_assert_int_eq(result, outcome);
    ck_assert_uint_eq(stats_now().objects, outcome == 0);
    turns(3);
    ck_assert_uint_eq(reports, 1);
}

static void check_failure(unsigned number, uint32_t index, int error)
{
    ck_assert_uint_lt(number, failure_count);
    ck_assert_uint_eq(failures[number].index, index);
    ck_assert_int_eq(failures[number].error, error);
}

/* The stream is connected to this address, and carries bytes. */
static void check_connected_to(const struct place *place)
{
    struct sockaddr_storage peer;
    socklen_t length = sizeof peer;
    int on = 0;
    socklen_t on_length = sizeof on;

    TURN_UNTIL(probe.log_end > probe.log);
    ck_assert_str_eq(probe.log, "o");
    ck_assert_int_eq(kevy_stream_peer(&probe.stream, (struct sockaddr *)&peer, &length), 0);
    ck_assert_mem_eq(&peer, &place->storage, length);
    ck_assert_int_eq(
        getsockopt(kevy_stream_fd(&probe.stream), IPPROTO_TCP, TCP_NODELAY, &on, &on_length), 0);
    ck_assert_int_eq(on, 1);
    probe.peer = accept4(place->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    ck_assert_int_ge(probe.peer, 0);
    peer_write_text(probe.peer, "hello");
    TURN_UNTIL(probe.count == 5);
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, "world", 5), 0));
    peer_expect_text(probe.peer, "world");
}

START_TEST(the_stream_opens_after_done)
{
    struct place *place = add_listening();

    start();
    check_end(0);
    check_connected_to(place);
    ck_assert_uint_eq(failure_count, 0);
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

    for (unsigned index = 0; index < KEVY_CONNECT_ATTEMPTS + 1; index++)
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
    ck_assert_int_eq(kevy_connect_start(&connecting, reactor, &options), 0);
}

START_TEST(it_can_be_started_again_from_done)
{
    struct place *place;

    add_refusing();
    place = add_listening();
    then = restart;
    options.count = 1;
    QUIETLY(ck_assert_int_eq(kevy_connect_start(&connecting, reactor, &options), 0));
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
    count = 0;
    add_hole();
    start();
    ck_assert_int_eq(try_start(), -EINVAL); /* under way */
    cancel();
    check_end(-ECANCELED);
}
END_TEST

START_TEST(a_stream_in_use_is_refused)
{
    add_listening();
    probe_tcp(&probe, &probe_events);
    ck_assert_int_eq(try_start(), -EINVAL);
    QUIETLY(kevy_stream_abort(&probe.stream));
    probe_finish(&probe);
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
    QUIETLY(kevy_reactor_drain(reactor, KEVY_FOREVER));
    turns(3);
    ck_assert_uint_eq(reports, 0);
    QUIETLY(kevy_reactor_drain(reactor, 1));
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
    ck_assert_str_eq(kind, "connect");
    ck_assert_ptr_eq(object, &connecting);
    ++*(unsigned *)context;
}

START_TEST(a_walk_finds_it_by_its_name)
{
    unsigned visits = 0;

    add_refusing();
    start();
    kevy_reactor_each(reactor, visit, &visits);
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
    Suite *suite = suite_create("connect");
    TCase *race = tcase_create("race");
    TCase *ends = tcase_create("ends");

    tcase_add_checked_fixture(race, setup, teardown);
    tcase_set_timeout(race, 20);
    tcase_add_test(race, the_stream_opens_after_done);
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
    tcase_add_test(ends, a_stream_in_use_is_refused);
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
