/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A connection from its start to its end, with our own client and server. */
#include "tls_test.h"

static struct side server, client;

START_TEST(both_sides_open_and_agree)
{
    struct kevy_tls_info ours, theirs;

    sides_open(&server, &client);
    ck_assert_int_eq(kevy_tls_info(&server.tls, &ours), 0);
    ck_assert_int_eq(kevy_tls_info(&client.tls, &theirs), 0);
    ck_assert_str_eq(ours.version, "TLSv1.3");
    ck_assert_str_eq(theirs.cipher, ours.cipher);
    ck_assert(theirs.verified && !ours.verified);
    ck_assert(!ours.resumed && !theirs.resumed);
    ck_assert_uint_eq(ours.protocol_length, 0);
    side_abort(&client);
    side_abort(&server);
}
END_TEST

START_TEST(bytes_go_both_ways)
{
    sides_open(&server, &client);
    side_send_text(&client, "from the client");
    side_expect(&server, "from the client");
    side_send_text(&server, "from the server");
    side_expect(&client, "from the server");
    QUIETLY(kevy_tls_close(&client.tls));
    TURN_UNTIL(client.closed && server.closed);
    ck_assert_str_eq(client.log, "orc");
    ck_assert_str_eq(server.log, "orec");
    ck_assert_int_eq(client.reason, 0);
    ck_assert_int_eq(server.reason, 0);
}
END_TEST

START_TEST(nothing_can_be_sent_before_open)
{
    struct kevy_tls_info info;

    sides_pair(&server, &client);
    ck_assert_ptr_eq(kevy_tls_reactor(&client.tls), reactor);
    ck_assert_int_eq(kevy_tls_send(&client.tls, "x", 1), -EPIPE);
    ck_assert_int_eq(kevy_tls_shutdown(&client.tls), -EPIPE);
    ck_assert_int_eq(kevy_tls_info(&client.tls, &info), -ENOTCONN);
    QUIETLY(kevy_tls_abort(&client.tls));
    TURN_UNTIL(client.closed);
    side_abort(&server);
    ck_assert_str_eq(client.log, "c");
    ck_assert_int_eq(client.reason, -ECANCELED);
}
END_TEST

START_TEST(after_a_half_close_the_other_half_goes_on)
{
    sides_open(&server, &client);
    side_send_text(&client, "question");
    QUIETLY(ck_assert_int_eq(kevy_tls_shutdown(&client.tls), 0));
    ck_assert_int_eq(kevy_tls_send(&client.tls, "x", 1), -EPIPE);
    side_expect(&server, "question");
    TURN_UNTIL(server.closed && client.closed);
    ck_assert_str_eq(server.log, "orec");
    ck_assert_int_eq(server.reason, 0);
    ck_assert_int_eq(client.reason, 0);
}
END_TEST

static void answer_and_close(struct side *side)
{
    side_send_text(side, "answer after the end");
    QUIETLY(kevy_tls_close(&side->tls));
}

START_TEST(an_answer_can_follow_the_end_of_the_question)
{
    sides_open(&server, &client);
    server.on_end = answer_and_close;
    QUIETLY(ck_assert_int_eq(kevy_tls_shutdown(&client.tls), 0));
    side_expect(&client, "answer after the end");
    TURN_UNTIL(server.closed && client.closed);
    ck_assert_str_eq(client.log, "orec");
    ck_assert_str_eq(server.log, "oec");
    server.on_end = NULL;
}
END_TEST

START_TEST(an_end_without_close_notify_is_a_truncation)
{
    struct kevy_tls_stats stats;

    sides_open(&server, &client);
    side_send_text(&client, "all but the end");
    /* As an attacker would, who can end TCP but not TLS. */
    ck_assert_int_eq(kevy_stream_shutdown(&client.tls.stream), 0);
    TURN_UNTIL(server.closed);
    ck_assert_str_eq(server.log, "orc");
    ck_assert_str_eq(server.text, "all but the end");
    ck_assert_int_eq(server.reason, -ECONNABORTED);
    kevy_tls_context_stats(server_context, &stats);
    ck_assert_uint_eq(stats.truncations, 1);
    side_abort(&client);
}
END_TEST

START_TEST(a_reset_is_told_as_one)
{
    sides_open(&server, &client);
    side_abort(&client);
    TURN_UNTIL(server.closed);
    ck_assert_int_eq(server.reason, -ECONNRESET);
    ck_assert_str_eq(server.log, "oc");
}
END_TEST

START_TEST(a_paused_connection_delivers_nothing_and_loses_nothing)
{
    sides_open(&server, &client);
    QUIETLY(kevy_tls_pause(&server.tls));
    side_send_text(&client, "one");
    turns(20);
    ck_assert_uint_eq(server.count, 0);
    QUIETLY(kevy_tls_resume(&server.tls));
    side_expect(&server, "one");
    side_abort(&client);
    side_abort(&server);
}
END_TEST

static void pause_each(struct side *side, struct kevy_buffer *buffer)
{
    (void)buffer;
    QUIETLY(kevy_tls_pause(&side->tls));
}

/* Two records in one buffer, and more plain bytes in a record than one buffer has. */
START_TEST(a_pause_within_a_record_keeps_the_rest)
{
    static uint8_t bytes[40000];
    unsigned pieces = 0;

    sides_open(&server, &client);
    server.on_read = pause_each;
    server.check_bytes = true;
    server.seed = 5;
    pattern_fill(bytes, sizeof bytes, 5, 0);
    QUIETLY(ck_assert_int_eq(kevy_tls_send(&client.tls, bytes, sizeof bytes), 0));
    QUIETLY(ck_assert_int_eq(kevy_tls_shutdown(&client.tls), 0));
    while (server.count < sizeof bytes) {
        uint64_t before = server.count;

        TURN_UNTIL(server.count > before);
        turns(10);
        ck_assert_uint_le(server.count - before, 4096);
        QUIETLY(kevy_tls_resume(&server.tls));
        pieces++;
    }
    ck_assert_uint_ge(pieces, sizeof bytes / 4096);
    TURN_UNTIL(server.closed && client.closed);
    ck_assert_str_eq(server.log, "orec");
    server.on_read = NULL;
    server.check_bytes = false;
}
END_TEST

/* Nothing follows it that would bring OpenSSL back to what it holds. */
START_TEST(a_pause_within_the_last_record_keeps_the_rest)
{
    static uint8_t bytes[12000];

    sides_open(&server, &client);
    server.on_read = pause_each;
    QUIETLY(ck_assert_int_eq(kevy_tls_send(&client.tls, bytes, sizeof bytes), 0));
    while (server.count < sizeof bytes) {
        uint64_t before = server.count;

        TURN_UNTIL(server.count > before);
        turns(10);
        QUIETLY(kevy_tls_resume(&server.tls));
    }
    server.on_read = NULL;
    side_abort(&client);
    side_abort(&server);
}
END_TEST

static void pause_early(struct side *side)
{
    QUIETLY(kevy_tls_pause(&side->tls));
}

START_TEST(a_pause_before_open_does_not_stop_the_handshake)
{
    sides_pair(&server, &client);
    pause_early(&server);
    TURN_UNTIL(strchr(server.log, 'o') != NULL && strchr(client.log, 'o') != NULL);
    side_send_text(&client, "later");
    turns(20);
    ck_assert_uint_eq(server.count, 0);
    QUIETLY(kevy_tls_resume(&server.tls));
    side_expect(&server, "later");
    side_abort(&client);
    side_abort(&server);
}
END_TEST

START_TEST(above_the_high_watermark_a_send_is_refused_and_drain_follows)
{
    static uint8_t bytes[300000];
    unsigned drains;
    int error = 0;

    sides_open(&server, &client);
    QUIETLY(kevy_tls_pause(&server.tls));
    for (unsigned count = 0; count < 100 && error == 0; count++) {
        error = kevy_tls_send(&client.tls, bytes, sizeof bytes);
        turns(3);
    }
    ck_assert_int_eq(error, -EAGAIN);
    drains = client.drains;
    turns(20);
    ck_assert_uint_eq(client.drains, drains);
    QUIETLY(kevy_tls_resume(&server.tls));
    TURN_UNTIL(client.drains == drains + 1);
    ck_assert_int_eq(kevy_tls_send(&client.tls, bytes, 1), 0);
    side_abort(&client);
    side_abort(&server);
    client.drains = 0;
}
END_TEST

START_TEST(watermarks_say_when_a_send_is_refused)
{
    static uint8_t bytes[2000];

    sides_open(&server, &client);
    QUIETLY(kevy_tls_set_watermarks(&client.tls, 100, 1000));
    QUIETLY(ck_assert_int_eq(kevy_tls_send(&client.tls, bytes, sizeof bytes), 0));
    ck_assert_int_eq(kevy_tls_send(&client.tls, bytes, 1), -EAGAIN);
    TURN_UNTIL(client.drains > 0);
    QUIETLY(ck_assert_int_eq(kevy_tls_send(&client.tls, bytes, 1), 0));
    side_abort(&client);
    side_abort(&server);
    client.drains = 0;
}
END_TEST

START_TEST(watermarks_are_the_defaults_after_another_start)
{
    static uint8_t bytes[2000];

    for (unsigned round = 0; round < 2; round++) {
        sides_open(&server, &client);
        QUIETLY(ck_assert_int_eq(kevy_tls_send(&client.tls, bytes, sizeof bytes), 0));
        QUIETLY(ck_assert_int_eq(kevy_tls_send(&client.tls, bytes, 1), 0));
        QUIETLY(kevy_tls_set_watermarks(&client.tls, 100, 1000));
        side_abort(&client);
        side_abort(&server);
    }
}
END_TEST

static void forward_slices(struct side *side, struct kevy_buffer *buffer)
{
    ck_assert_uint_eq(buffer->length, 10);
    QUIETLY(ck_assert_int_eq(kevy_tls_forward_slice(&side->tls, buffer, 5, 5), 0));
    QUIETLY(ck_assert_int_eq(kevy_tls_forward_slice(&side->tls, buffer, 2, 0), 0));
    QUIETLY(ck_assert_int_eq(kevy_tls_forward_slice(&side->tls, buffer, 0, 5), 0));
}

START_TEST(slices_of_a_buffer_are_forwarded)
{
    sides_open(&server, &client);
    server.on_read = forward_slices;
    side_send_text(&client, "firstafter");
    side_expect(&client, "afterfirst");
    server.on_read = NULL;
    side_abort(&client);
    side_abort(&server);
}
END_TEST

static void hold_self(struct side *side, struct kevy_buffer *buffer)
{
    static uint8_t bytes[200000];

    (void)buffer;
    QUIETLY(ck_assert_int_eq(kevy_tls_send(&side->tls, bytes, sizeof bytes), 0));
    QUIETLY(kevy_tls_hold(&side->tls, &side->tls.stream));
}

/* A server that answers more than it was asked: it reads on when its answers have been read. */
START_TEST(a_connection_that_holds_itself_reads_on_when_its_queue_is_short)
{
    uint64_t before;

    sides_open(&server, &client);
    server.on_read = hold_self;
    QUIETLY(kevy_tls_pause(&client.tls));
    do {
        before = server.count;
        side_send_text(&client, "question");
        for (unsigned count = 0; count < 100; count++)
            turn_now();
        ck_assert_int_ge(kevy_reactor_run_once(reactor, KEVY_MILLISECONDS(10)), 0);
    } while (server.count != before);
    QUIETLY(kevy_tls_resume(&client.tls));
    TURN_UNTIL(server.count > before);
    server.on_read = NULL;
    side_abort(&client);
    side_abort(&server);
}
END_TEST

START_TEST(a_deadline_after_open_is_told)
{
    sides_open(&server, &client);
    QUIETLY(kevy_tls_set_deadline(&server.tls, KEVY_DEADLINE_IDLE, KEVY_MILLISECONDS(5)));
    TURN_UNTIL(server.closed);
    ck_assert_str_eq(server.log, "otc");
    ck_assert_int_eq(server.reason, -ECANCELED);
    side_abort(&client);
}
END_TEST

START_TEST(a_handshake_has_a_time_limit)
{
    struct kevy_tls_options options = server_options(&server_identity);
    struct kevy_tls_context *context;
    int one, other;

    options.handshake_timeout_ns = KEVY_MILLISECONDS(5);
    context = context_make(&options);
    tcp_pair(&one, &other);
    side_serve(&server, context, one);
    TURN_UNTIL(server.closed);
    ck_assert_str_eq(server.log, "c");
    ck_assert_int_eq(server.reason, -ETIMEDOUT);
    close(other);
    kevy_tls_context_destroy(context);
}
END_TEST

START_TEST(finish_closes_after_open)
{
    sides_pair(&server, &client);
    kevy_reactor_finish(reactor, KEVY_SECONDS(10));
    TURN_UNTIL(server.closed && client.closed);
    ck_assert_ptr_nonnull(strstr(server.log, "of"));
    ck_assert_ptr_nonnull(strstr(client.log, "of"));
    ck_assert_int_eq(server.reason, 0);
    ck_assert_int_eq(client.reason, 0);
}
END_TEST

START_TEST(a_connection_can_start_again_from_close)
{
    int one, other;

    for (unsigned round = 0; round < 3; round++) {
        sides_open(&server, &client);
        QUIETLY(kevy_tls_close(&server.tls));
        TURN_UNTIL(server.closed && client.closed);
    }
    tcp_pair(&one, &other);
    side_serve(&server, server_context, one);
    close(other);
    TURN_UNTIL(server.closed);
    ck_assert_int_eq(server.reason, -ECONNABORTED);
}
END_TEST

START_TEST(a_context_may_go_before_its_connections)
{
    struct kevy_tls_options options = server_options(&server_identity);
    struct kevy_tls_context *context = context_make(&options);
    int one, other;

    tcp_pair(&one, &other);
    side_serve(&server, context, one);
    side_call(&client, client_context, "localhost", other);
    turn_now();
    kevy_tls_context_destroy(context);
    TURN_UNTIL(strchr(server.log, 'o') != NULL);
    side_send_text(&server, "still here");
    side_expect(&client, "still here");
    side_abort(&server);
    side_abort(&client);
}
END_TEST

/* The bytes of a read leave by an unencrypted stream without a copy. */
static void forward_plain(struct side *side, struct kevy_buffer *buffer)
{
    struct probe *target = side->context;

    QUIETLY(ck_assert_int_eq(kevy_stream_forward(&target->stream, buffer), 0));
}

START_TEST(plain_bytes_are_forwarded_to_a_plain_stream)
{
    static struct probe target;

    probe_tcp(&target, &probe_events);
    sides_open(&server, &client);
    server.on_read = forward_plain;
    server.context = &target;
    side_send_text(&client, "through");
    peer_expect_text(target.peer, "through");
    server.on_read = NULL;
    side_abort(&client);
    side_abort(&server);
    QUIETLY(kevy_stream_abort(&target.stream));
    probe_finish(&target);
}
END_TEST

static struct kevy_buffer kept;

static void keep(struct side *side, struct kevy_buffer *buffer)
{
    (void)side;
    ck_assert_int_eq(kevy_buffer_retain(buffer, &kept), 0);
}

START_TEST(plain_bytes_can_be_kept)
{
    sides_open(&server, &client);
    server.on_read = keep;
    side_send_text(&client, "kept");
    side_expect(&server, "kept");
    server.on_read = NULL;
    side_send_text(&client, " and others");
    side_expect(&server, "kept and others");
    ck_assert_uint_eq(kept.length, 4);
    ck_assert_mem_eq(kept.data, "kept", 4);
    kevy_buffer_release(&kept);
    side_abort(&client);
    side_abort(&server);
}
END_TEST

START_TEST(a_connection_has_at_most_448_bytes)
{
    ck_assert_uint_le(sizeof(struct kevy_tls), 448);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("tls_connection");
    TCase *life = tls_case("life", NULL);
    TCase *flow = tls_case("flow", NULL);

    tcase_add_test(life, both_sides_open_and_agree);
    tcase_add_test(life, bytes_go_both_ways);
    tcase_add_test(life, nothing_can_be_sent_before_open);
    tcase_add_test(life, after_a_half_close_the_other_half_goes_on);
    tcase_add_test(life, an_answer_can_follow_the_end_of_the_question);
    tcase_add_test(life, an_end_without_close_notify_is_a_truncation);
    tcase_add_test(life, a_reset_is_told_as_one);
    tcase_add_test(life, a_handshake_has_a_time_limit);
    tcase_add_test(life, finish_closes_after_open);
    tcase_add_test(life, a_connection_can_start_again_from_close);
    tcase_add_test(life, a_context_may_go_before_its_connections);
    tcase_add_test(life, a_connection_has_at_most_448_bytes);
    suite_add_tcase(suite, life);
    tcase_add_test(flow, a_paused_connection_delivers_nothing_and_loses_nothing);
    tcase_add_test(flow, a_pause_within_a_record_keeps_the_rest);
    tcase_add_test(flow, a_pause_within_the_last_record_keeps_the_rest);
    tcase_add_test(flow, a_pause_before_open_does_not_stop_the_handshake);
    tcase_add_test(flow, above_the_high_watermark_a_send_is_refused_and_drain_follows);
    tcase_add_test(flow, watermarks_say_when_a_send_is_refused);
    tcase_add_test(flow, watermarks_are_the_defaults_after_another_start);
    tcase_add_test(flow, slices_of_a_buffer_are_forwarded);
    tcase_add_test(flow, a_connection_that_holds_itself_reads_on_when_its_queue_is_short);
    tcase_add_test(flow, a_deadline_after_open_is_told);
    tcase_add_test(flow, plain_bytes_are_forwarded_to_a_plain_stream);
    tcase_add_test(flow, plain_bytes_can_be_kept);
    suite_add_tcase(suite, flow);
    return suite;
}
