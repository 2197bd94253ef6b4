/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Much at a time: bytes, handshakes, and peers that do not read. */
#include "tls_test.h"

#define MIB        (UINT64_C(1) << 20)
#define CROWD      40U
#define PIECE_SIZE 50000U

static struct side server, client;

/* What a client sends: a pattern, as fast as the queue takes it. */
static uint64_t bytes_sent, bytes_wanted;

static void send_on(struct side *side)
{
    static uint8_t bytes[PIECE_SIZE];

    while (bytes_sent < bytes_wanted) {
        uint64_t left = bytes_wanted - bytes_sent;
        size_t part = left < sizeof bytes ? (size_t)left : sizeof bytes;
        int error;

        pattern_fill(bytes, part, side->seed, bytes_sent);
        error = kevy_tls_send(&side->tls, bytes, part);
        if (error < 0) {
            ck_assert_int_eq(error, -EAGAIN);
            return;
        }
        bytes_sent += part;
    }
}

static uint64_t memory_peak(void)
{
    struct kevy_reactor_stats stats;

    kevy_reactor_stats(reactor, &stats);
    return stats.memory_peak;
}

START_TEST(a_hundred_mebibytes_go_and_come_back_in_constant_memory)
{
    sides_open(&server, &client);
    server.echo = true;
    client.seed = 7;
    client.check_bytes = true;
    client.on_drain = send_on;
    bytes_sent = 0;
    bytes_wanted = 100 * MIB;
    send_on(&client);
    TURN_UNTIL(client.count == bytes_wanted);
    /* Four times the high watermark on each side, and the blocks that are half full. */
    ck_assert_uint_lt(memory_peak(), 2 * MIB);
    side_abort(&client);
    side_abort(&server);
    server.echo = false;
}
END_TEST

/* Turns until the server receives nothing more, not even after a sleep. */
static void until_nothing_moves(void)
{
    uint64_t received;

    do {
        received = server.count;
        turns(200);
        ck_assert_int_ge(kevy_reactor_run_once(reactor, KEVY_MILLISECONDS(20)), 0);
        turns(10);
    } while (server.count != received);
}

START_TEST(a_peer_that_does_not_read_is_not_read_from)
{
    sides_open(&server, &client);
    server.echo = true;
    client.seed = 7;
    client.check_bytes = true;
    client.on_drain = send_on;
    bytes_sent = 0;
    bytes_wanted = 100 * MIB;
    QUIETLY(kevy_tls_pause(&client.tls));
    send_on(&client);
    until_nothing_moves();
    ck_assert_uint_lt(server.count, 20 * MIB); /* the sockets' buffers */
    ck_assert_uint_lt(memory_peak(), 2 * MIB);
    bytes_wanted = bytes_sent;
    QUIETLY(kevy_tls_resume(&client.tls));
    TURN_UNTIL(client.count == bytes_wanted);
    side_abort(&client);
    side_abort(&server);
    server.echo = false;
    client.on_drain = NULL;
}
END_TEST

static struct side far_server, far_client;

static void forward_far(struct side *side, struct kevy_buffer *buffer)
{
    (void)side;
    QUIETLY(ck_assert_int_eq(kevy_tls_forward(&far_client.tls, buffer), 0));
}

/* A proxy: what one connection receives goes to another, whose peer does not read. */
START_TEST(a_forward_holds_back_where_the_bytes_came_from)
{
    sides_open(&server, &client);
    sides_open(&far_server, &far_client);
    server.on_read = forward_far;
    far_server.check_bytes = true;
    far_server.seed = 7;
    client.seed = 7;
    client.on_drain = send_on;
    bytes_sent = 0;
    bytes_wanted = 100 * MIB;
    QUIETLY(kevy_tls_pause(&far_server.tls));
    send_on(&client);
    until_nothing_moves();
    ck_assert_uint_lt(server.count, 20 * MIB);
    ck_assert_uint_lt(memory_peak(), 2 * MIB);
    bytes_wanted = bytes_sent;
    QUIETLY(kevy_tls_resume(&far_server.tls));
    TURN_UNTIL(far_server.count == bytes_wanted);
    side_abort(&client);
    side_abort(&server);
    side_abort(&far_client);
    side_abort(&far_server);
    server.on_read = NULL;
    client.on_drain = NULL;
}
END_TEST

static void send_much(struct side *side, struct kevy_buffer *buffer)
{
    static uint8_t bytes[200000];

    (void)buffer;
    if (kevy_tls_queued(&side->tls) == 0)
        QUIETLY(ck_assert_int_eq(kevy_tls_send(&side->tls, bytes, sizeof bytes), 0));
}

/* The user's own sends hold nobody: a peer may want to be read from before it reads. */
START_TEST(a_send_above_the_mark_does_not_stop_reading)
{
    sides_open(&server, &client);
    QUIETLY(kevy_tls_pause(&client.tls));
    server.on_read = send_much;
    client.seed = 7;
    client.on_drain = send_on;
    bytes_sent = 0;
    bytes_wanted = 30 * MIB;
    send_on(&client);
    TURN_UNTIL(server.count == bytes_wanted);
    side_abort(&client);
    side_abort(&server);
    server.on_read = NULL;
    client.on_drain = NULL;
}
END_TEST

START_TEST(one_large_send_arrives_whole)
{
    static uint8_t bytes[5 * MIB];

    sides_open(&server, &client);
    pattern_fill(bytes, sizeof bytes, 9, 0);
    server.seed = 9;
    server.check_bytes = true;
    QUIETLY(ck_assert_int_eq(kevy_tls_send(&client.tls, bytes, sizeof bytes), 0));
    ck_assert_int_eq(kevy_tls_send(&client.tls, bytes, 1), -EAGAIN);
    QUIETLY(kevy_tls_close(&client.tls));
    TURN_UNTIL(server.closed && client.closed);
    ck_assert_uint_eq(server.count, sizeof bytes);
    ck_assert_str_eq(server.log, "orec");
    server.check_bytes = false;
}
END_TEST

/* Without memory for a record the connection ends, and does not look complete. */
START_TEST(a_send_that_finds_no_memory_ends_the_connection)
{
    static uint8_t bytes[5 * MIB];

    reactor_setup_with(&(struct kevy_reactor_options){.memory_limit = MIB});
    sides_open(&server, &client);
    QUIETLY(ck_assert_int_eq(kevy_tls_send(&client.tls, bytes, sizeof bytes), -ENOBUFS));
    ck_assert_int_eq(kevy_tls_send(&client.tls, bytes, 1), -EPIPE);
    TURN_UNTIL(client.closed && server.closed);
    ck_assert_int_eq(client.reason, -ENOBUFS);
    ck_assert_int_ne(server.reason, 0);
}
END_TEST

enum { STREAMS = 32, BUFFER_SIZE = 1024, PLACES = 64 };

static void reactor_setup_scarce(void)
{
    reactor_setup_with(&(struct kevy_reactor_options){
        .memory_limit = MIB, .buffer_size = BUFFER_SIZE, .buffer_count = PLACES});
}

/* A server whose client is a hand, with socket buffers so small that who does not read is felt. */
static void serve_hand(struct side *side, struct hand *hand)
{
    static const int small = 4096;
    int fds[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    for (unsigned i = 0; i < 2; i++)
        ck_assert_int_eq(setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    side_serve(side, server_context, fds[0]);
    hand_client(hand, fds[1], TLS1_3_VERSION);
    hand_shake(hand);
    TURN_UNTIL(side->log[0] == 'o');
}

/* The watermarks of all are twice as much as there is. */
START_TEST(clients_that_do_not_read_are_held_back_and_none_is_ended)
{
    static struct side sides[STREAMS];
    static struct hand hands[STREAMS];
    static uint8_t bytes[BUFFER_SIZE - 100]; /* a record in a buffer */
    size_t written;

    reactor_setup_scarce();
    for (unsigned i = 0; i < STREAMS; i++) {
        serve_hand(&sides[i], &hands[i]);
        sides[i].echo = true;
    }
    for (unsigned round = 0; round < 300; round++) {
        for (unsigned i = 0; i < STREAMS * 4; i++)
            (void)SSL_write_ex(hands[i % STREAMS].ssl, bytes, sizeof bytes, &written);
        turn_now();
    }
    ck_assert_uint_gt(stats_now().memory_peak, MIB / 2);
    ck_assert_uint_eq(stats_now().evictions, 0);
    for (unsigned i = 0; i < STREAMS; i++) {
        ck_assert_msg(!sides[i].closed, "connection %u is ended with %d", i, sides[i].reason);
        side_abort(&sides[i]);
        hand_free(&hands[i]);
    }
}
END_TEST

/* All of it is taken, and comes back. */
START_TEST(who_finds_no_memory_for_plain_bytes_reads_on_later)
{
    static struct kevy_buffer taken[MIB / BUFFER_SIZE];
    struct hand hand;
    unsigned count = 0;

    reactor_setup_scarce();
    serve_hand(&server, &hand);
    TURN_UNTIL(kevy_tls_queued(&server.tls) == 0);
    while (kevy_buffer_create(reactor, NULL, &taken[count]) == 0)
        count++;
    hand_write(&hand, "how are", 7);
    turns(20);
    hand_write(&hand, " you?", 5);
    turns(20);
    ck_assert_str_eq(server.log, "o");
    ck_assert_uint_eq(server.count, 0);
    while (count > 0)
        kevy_buffer_release(&taken[--count]);
    side_expect(&server, "how are you?");
    side_abort(&server);
    hand_free(&hand);
}
END_TEST

START_TEST(who_finds_no_memory_costs_few_turns)
{
    static struct kevy_buffer taken[MIB / BUFFER_SIZE];
    struct hand hand;
    unsigned count = 0;
    uint64_t before, end_ns;

    reactor_setup_scarce();
    serve_hand(&server, &hand);
    TURN_UNTIL(kevy_tls_queued(&server.tls) == 0);
    while (kevy_buffer_create(reactor, NULL, &taken[count]) == 0)
        count++;
    hand_write(&hand, "how are you?", 12);
    turns(20);
    before = stats_now().turns;
    end_ns = clock_ns() + KEVY_MILLISECONDS(300);
    for (uint64_t now_ns = clock_ns(); now_ns < end_ns; now_ns = clock_ns())
        ck_assert_int_eq(kevy_reactor_run_once(reactor, end_ns - now_ns), 1);
    ck_assert_uint_lt(stats_now().turns - before, 60);
    while (count > 0)
        kevy_buffer_release(&taken[--count]);
    side_expect(&server, "how are you?");
    side_abort(&server);
    hand_free(&hand);
}
END_TEST

/* Many handshakes at a time, of which a turn answers few. */
static struct side servers[CROWD], clients[CROWD];
static struct kevy_tls_context *context, *callers;

/* No time limit, for a slow machine takes long. */
static void crowd_come(uint32_t per_turn, uint32_t waiting)
{
    struct kevy_tls_options options = server_options(&server_identity);
    struct kevy_tls_options calling = client_options();

    options.handshake_timeout_ns = calling.handshake_timeout_ns = KEVY_SECONDS(1000);
    options.handshakes_per_turn = per_turn;
    options.handshakes_waiting = waiting;
    context = context_make(&options);
    callers = context_make(&calling);
    for (unsigned i = 0; i < CROWD; i++) {
        int one, other;

        tcp_pair(&one, &other);
        side_serve(&servers[i], context, one);
        side_call(&clients[i], callers, "localhost", other);
    }
}

static void crowd_leave(void)
{
    for (unsigned i = 0; i < CROWD; i++) {
        side_abort(&clients[i]);
        side_abort(&servers[i]);
    }
    kevy_tls_context_destroy(context);
    kevy_tls_context_destroy(callers);
}

static unsigned crowd_count(const struct side *sides, char letter)
{
    unsigned count = 0;

    for (unsigned i = 0; i < CROWD; i++)
        count += strchr(sides[i].log, letter) != NULL;
    return count;
}

START_TEST(a_crowd_of_handshakes_starves_nobody)
{
    struct kevy_tls_stats stats;
    unsigned turns_taken = 0, echoes = 0;

    sides_open(&server, &client);
    server.echo = true;
    crowd_come(1, 0);
    side_send_text(&client, "x");
    while (crowd_count(clients, 'o') < CROWD) {
        if (client.count > echoes) {
            echoes++;
            side_send_text(&client, "x");
        }
        ck_assert_uint_lt(turns_taken++, TURNS_MAX);
        turn_now();
    }
    kevy_tls_context_stats(context, &stats);
    ck_assert_uint_gt(stats.handshakes_waited, CROWD / 2);
    ck_assert_uint_eq(stats.handshakes_shed, 0);
    /* An answer of each handshake takes a turn of its own at least, and the stream that was there
     * before goes on in these. */
    ck_assert_uint_ge(turns_taken, CROWD);
    ck_assert_uint_ge(echoes, CROWD / 4);
    crowd_leave();
    side_abort(&client);
    side_abort(&server);
    server.echo = false;
}
END_TEST

START_TEST(waiting_handshakes_are_served_in_order)
{
    crowd_come(1, 0);
    for (unsigned count = 0; crowd_count(servers, 'o') < CROWD; count++) {
        unsigned open = 0;

        turn_now();
        ck_assert_uint_lt(count, TURNS_MAX);
        while (open < CROWD && servers[open].log[0] == 'o')
            open++;
        ck_assert_uint_eq(crowd_count(servers, 'o'), open);
    }
    crowd_leave();
}
END_TEST

START_TEST(too_many_waiting_handshakes_are_shed)
{
    struct kevy_tls_stats stats;

    crowd_come(1, 4);
    TURN_UNTIL(crowd_count(servers, 'o') + crowd_count(servers, 'c') == CROWD);
    kevy_tls_context_stats(context, &stats);
    ck_assert_uint_gt(stats.handshakes_shed, 0);
    ck_assert_uint_eq(stats.handshakes_shed, crowd_count(servers, 'c'));
    ck_assert_uint_ge(crowd_count(servers, 'o'), 4);
    for (unsigned i = 0; i < CROWD; i++)
        ck_assert(!servers[i].closed || servers[i].reason == -ENOBUFS);
    crowd_leave();
}
END_TEST

START_TEST(a_crowd_can_be_aborted_while_it_waits)
{
    crowd_come(1, 0);
    turns(4);
    crowd_leave();
}
END_TEST

START_TEST(the_reactor_can_be_destroyed_while_a_crowd_waits)
{
    crowd_come(1, 0);
    turns(4);
    ck_assert_uint_eq(kevy_reactor_destroy(reactor), 2 * CROWD);
    reactor = NULL;
    reactor_setup();
    ck_assert_uint_eq(crowd_count(servers, 'c'), CROWD);
    kevy_tls_context_destroy(context);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("tls_flow");
    TCase *bulk = tls_case("bulk", NULL);
    TCase *crowd = tls_case("crowd", NULL);

    tcase_set_timeout(bulk, 60);
    tcase_add_test(bulk, a_hundred_mebibytes_go_and_come_back_in_constant_memory);
    tcase_add_test(bulk, a_peer_that_does_not_read_is_not_read_from);
    tcase_add_test(bulk, a_forward_holds_back_where_the_bytes_came_from);
    tcase_add_test(bulk, a_send_above_the_mark_does_not_stop_reading);
    tcase_add_test(bulk, one_large_send_arrives_whole);
    tcase_add_test(bulk, a_send_that_finds_no_memory_ends_the_connection);
    tcase_add_test(bulk, clients_that_do_not_read_are_held_back_and_none_is_ended);
    tcase_add_test(bulk, who_finds_no_memory_for_plain_bytes_reads_on_later);
    tcase_add_test(bulk, who_finds_no_memory_costs_few_turns);
    suite_add_tcase(suite, bulk);
    tcase_set_timeout(crowd, 30);
    tcase_add_test(crowd, a_crowd_of_handshakes_starves_nobody);
    tcase_add_test(crowd, waiting_handshakes_are_served_in_order);
    tcase_add_test(crowd, too_many_waiting_handshakes_are_shed);
    tcase_add_test(crowd, a_crowd_can_be_aborted_while_it_waits);
    tcase_add_test(crowd, the_reactor_can_be_destroyed_while_a_crowd_waits);
    suite_add_tcase(suite, crowd);
    return suite;
}
