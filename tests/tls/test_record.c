/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a peer sends, byte by byte: OpenSSL by hand, and peers that are no TLS at all. */
#include "tls_test.h"

#include <openssl/err.h>

static struct side side;
static struct hand hand;

static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

/* A server side, and a client by hand that is open. */
static void served(int version)
{
    int one, other;

    tcp_pair(&one, &other);
    side_serve(&side, server_context, one);
    hand_client(&hand, other, version);
    hand_shake(&hand);
    TURN_UNTIL(side.log[0] == 'o');
}

static void peer_leaves(void)
{
    hand_free(&hand);
    TURN_UNTIL(side.closed);
}

START_TEST(both_versions_work)
{
    struct kevy_tls_info info;

    served(versions[_i]);
    ck_assert_int_eq(kevy_tls_info(&side.tls, &info), 0);
    ck_assert_str_eq(info.version, _i == 0 ? "TLSv1.2" : "TLSv1.3");
    hand_write(&hand, "question", 8);
    side_expect(&side, "question");
    side_send_text(&side, "answer");
    hand_expect(&hand, "answer");
    ck_assert_int_ge(SSL_shutdown(hand.ssl), 0);
    TURN_UNTIL(strchr(side.log, 'e') != NULL);
    peer_leaves();
    ck_assert_int_eq(side.reason, 0);
}
END_TEST

/* A server sends its own close_notify, and the peer sees an end, not a truncation. */
START_TEST(close_notify_goes_before_the_end)
{
    char byte;

    served(versions[_i]);
    side_send_text(&side, "last");
    QUIETLY(kevy_tls_close(&side.tls));
    hand_expect(&hand, "last");
    for (unsigned count = 0; (SSL_get_shutdown(hand.ssl) & SSL_RECEIVED_SHUTDOWN) == 0; count++) {
        ck_assert_uint_lt(count, TURNS_MAX);
        ck_assert_int_le(SSL_read(hand.ssl, &byte, 1), 0);
        turn_now();
    }
    peer_leaves();
    ck_assert_int_eq(side.reason, 0);
}
END_TEST

START_TEST(a_client_of_ours_works_with_both_versions)
{
    int one, other;

    tcp_pair(&one, &other);
    side_call(&side, client_context, "localhost", one);
    hand_server(&hand, other, &server_identity, versions[_i]);
    hand_shake(&hand);
    TURN_UNTIL(side.log[0] == 'o');
    side_send_text(&side, "question");
    hand_expect(&hand, "question");
    hand_write(&hand, "answer", 6);
    side_expect(&side, "answer");
    peer_leaves();
    ck_assert_int_eq(side.reason, -ECONNABORTED);
}
END_TEST

/* What a client sends in a whole handshake and one message, recorded. */
struct recording {
    uint8_t bytes[8192];
    size_t length;
};

/* Moves what the hand wrote to the side in pieces of `piece` bytes, at most `limit` in all. */
static void hand_pump(int fd, BIO *out, size_t piece, size_t limit, size_t *sent)
{
    uint8_t bytes[8192];
    int length = BIO_read(out, bytes, sizeof bytes);

    for (int from = 0; from < length;) {
        size_t part = (size_t)(length - from) < piece ? (size_t)(length - from) : piece;

        if (*sent + part > limit)
            part = limit - *sent;
        if (part == 0)
            return;
        peer_write(fd, bytes + from, part);
        *sent += part;
        from += (int)part;
        turn_now();
    }
}

/*
 * A handshake and a message in pieces; what is beyond `limit` is not sent. Returns what was sent in
 * all. The hand reads from its socket, and writes into memory.
 */
static size_t shake_in_pieces(int fd, size_t piece, size_t limit, int version)
{
    BIO *out = BIO_new(BIO_s_mem());
    size_t sent = 0, written;
    bool done = false;

    hand_client(&hand, fd, version);
    SSL_set0_wbio(hand.ssl, out);
    for (unsigned count = 0; count < 2000 && sent < limit && !side.closed; count++) {
        if (!done && SSL_do_handshake(hand.ssl) == 1)
            done = SSL_write_ex(hand.ssl, "message", 7, &written) == 1;
        hand_pump(fd, out, piece, limit, &sent);
        if (done && side.count == 7)
            break;
        turn_now();
    }
    return sent;
}

START_TEST(pieces_of_any_size_are_put_together)
{
    static const size_t sizes[] = {1, 2, 3, 5, 6, 7, 11, 100, 1000};

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        int one, other;

        tcp_pair(&one, &other);
        side_serve(&side, server_context, one);
        shake_in_pieces(other, sizes[i], SIZE_MAX, versions[_i]);
        side_expect(&side, "message");
        peer_leaves(); /* with or without having read its tickets */
        ck_assert(side.reason == -ECONNABORTED || side.reason == -ECONNRESET);
    }
}
END_TEST

/* The peer ends TCP after every number of bytes there is. */
START_TEST(a_cut_at_any_byte_is_a_truncation)
{
    size_t whole = SIZE_MAX, length = 0;

    for (size_t limit = 0; limit < whole; limit++) {
        int one, other;

        tcp_pair(&one, &other);
        side_serve(&side, server_context, one);
        length = shake_in_pieces(other, SIZE_MAX, limit, versions[_i]);
        if (length < limit)
            whole = length;
        hand_free(&hand);
        TURN_UNTIL(side.closed);
        ck_assert_msg(side.reason == -ECONNABORTED || side.reason == -ECONNRESET ||
                          side.reason == -EPIPE,
                      "cut at %zu: %d", limit, side.reason);
        ck_assert_ptr_null(strchr(side.log, 'e'));
    }
    ck_assert_uint_gt(whole, 300);
}
END_TEST

/* Peers that do not speak TLS. */
#define STRANGER(bytes, sentence)          \
    {                                      \
        bytes, sizeof(bytes) - 1, sentence \
    }

static const struct {
    const char *bytes;
    size_t length;
    const char *sentence;
} strangers[] = {
    STRANGER("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "speaks HTTP without TLS"),
    STRANGER("POST / HTTP/1.1\r\n\r\n", "speaks HTTP without TLS"),
    STRANGER("SSH-2.0-OpenSSH_9.2\r\n", "does not speak TLS"),
    STRANGER("\x16\x03\x01\x60\x01 a record too long", "too long"),
    STRANGER("\x15\x03\x01\x00\x02\x02\x28", ""),
    STRANGER("\x17\x03\x03\x00\x05hello", ""),
    STRANGER("\x16\x03\x01\x00\x04\x02\x00\x00\x00", ""),
    STRANGER("\0\0\0\0\0\0\0\0\0\0\0\0", "does not speak TLS"),
};

START_TEST(a_stranger_is_turned_away)
{
    int one, other;
    uint64_t count;
    char text[256];

    tcp_pair(&one, &other);
    side_serve(&side, server_context, one);
    peer_write(other, strangers[_i].bytes, strangers[_i].length);
    peer_drain(other, &count);
    close(other);
    TURN_UNTIL(side.closed);
    ck_assert_str_eq(side.log, "c");
    ck_assert_int_eq(side.reason, -EPROTO);
    kevy_tls_explain(&side.failure, text, sizeof text);
    ck_assert_msg(strstr(text, strangers[_i].sentence) != NULL, "%s", text);
}
END_TEST

/* The authority is known to the server, but it was not given as a part of the chain. */
START_TEST(a_server_shows_what_it_was_given)
{
    served(versions[_i]);
    ck_assert_int_eq(sk_X509_num(SSL_get_peer_cert_chain(hand.ssl)), 1);
    peer_leaves();
}
END_TEST

START_TEST(an_older_version_is_refused)
{
    int one, other, result;

    tcp_pair(&one, &other);
    side_serve(&side, server_context, one);
    hand_client(&hand, other, TLS1_1_VERSION);
    SSL_set_security_level(hand.ssl, 0);
    SSL_set_cipher_list(hand.ssl, "ALL:@SECLEVEL=0");
    while ((result = SSL_do_handshake(hand.ssl)) != 1 &&
           SSL_get_error(hand.ssl, result) == SSL_ERROR_WANT_READ)
        turn_now();
    ck_assert_int_ne(result, 1);
    peer_leaves();
    ck_assert_int_eq(side.reason, -EPROTO);
}
END_TEST

static const char *const weak_ciphers[] = {"AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA256",
                                           "ECDHE-ECDSA-AES256-SHA", "NULL-SHA256"};

START_TEST(a_weak_cipher_is_refused)
{
    int one, other, result;

    tcp_pair(&one, &other);
    side_serve(&side, server_context, one);
    hand_client(&hand, other, TLS1_2_VERSION);
    SSL_set_security_level(hand.ssl, 0);
    ck_assert_int_eq(SSL_set_cipher_list(hand.ssl, weak_ciphers[_i]), 1);
    while ((result = SSL_do_handshake(hand.ssl)) != 1 &&
           SSL_get_error(hand.ssl, result) == SSL_ERROR_WANT_READ)
        turn_now();
    ck_assert_int_ne(result, 1);
    peer_leaves();
    ck_assert_int_eq(side.reason, -EPROTO);
}
END_TEST

/* A handshake within the connection: the peer is told no, and both go on or not, as it likes. */
START_TEST(a_renegotiation_is_refused)
{
    served(TLS1_2_VERSION);
    ck_assert_int_eq(SSL_renegotiate(hand.ssl), 1);
    for (unsigned count = 0; count < 50; count++) {
        SSL_do_handshake(hand.ssl);
        turn_now();
    }
    ck_assert_int_eq(SSL_is_init_finished(hand.ssl), 0);
    ck_assert_str_eq(side.log, "o");
    peer_leaves();
}
END_TEST

START_TEST(a_damaged_record_ends_the_connection)
{
    BIO *out = BIO_new(BIO_s_mem());
    uint8_t bytes[256];
    size_t written;
    int length;
    char text[256];

    served(versions[_i]);
    SSL_set0_wbio(hand.ssl, out);
    ck_assert_int_eq(SSL_write_ex(hand.ssl, "message", 7, &written), 1);
    length = BIO_read(out, bytes, sizeof bytes);
    bytes[length - 3] ^= 1;
    peer_write(hand.fd, bytes, (size_t)length);
    TURN_UNTIL(side.closed || kevy_tls_queued(&side.tls) > 0 || side.log[1] != '\0');
    peer_leaves();
    ck_assert_str_eq(side.log, "oc");
    ck_assert_int_eq(side.reason, -EPROTO);
    kevy_tls_explain(&side.failure, text, sizeof text);
    ck_assert_msg(strstr(text, "damaged") != NULL, "%s", text);
}
END_TEST

START_TEST(keys_can_be_updated_in_both_directions)
{
    served(TLS1_3_VERSION);
    for (unsigned round = 0; round < 100; round++) {
        ck_assert_int_eq(SSL_key_update(hand.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
        hand_write(&hand, "x", 1);
        TURN_UNTIL(side.count == round + 1);
        side_send_text(&side, "y");
        hand_expect(&hand, "y");
    }
    ck_assert_int_eq(SSL_key_update(kevy_tls_ssl(&side.tls), SSL_KEY_UPDATE_REQUESTED), 1);
    side_send_text(&side, "z");
    hand_expect(&hand, "z");
    peer_leaves();
}
END_TEST

/* Updates without end, from a peer that reads none of the answers. */
START_TEST(a_flood_of_key_updates_ends_the_connection)
{
    unsigned updates = 0;

    served(TLS1_3_VERSION);
    while (!side.closed && updates < 100000) {
        if (SSL_key_update(hand.ssl, SSL_KEY_UPDATE_REQUESTED) == 1)
            SSL_do_handshake(hand.ssl);
        updates++;
        turn_now();
        if (strchr(side.log, 'c') != NULL || SSL_get_shutdown(hand.ssl) != 0)
            break;
        if (updates > 300)
            break;
    }
    peer_leaves();
    ck_assert_int_eq(side.reason, -EPROTO);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("tls_record");
    TCase *versions_case = tls_case("versions", NULL);
    TCase *pieces = tls_case("pieces", NULL);
    TCase *strange = tls_case("strange", NULL);

    tcase_add_loop_test(versions_case, both_versions_work, 0, 2);
    tcase_add_loop_test(versions_case, close_notify_goes_before_the_end, 0, 2);
    tcase_add_loop_test(versions_case, a_client_of_ours_works_with_both_versions, 0, 2);
    tcase_add_loop_test(versions_case, a_server_shows_what_it_was_given, 0, 2);
    tcase_add_test(versions_case, an_older_version_is_refused);
    tcase_add_loop_test(versions_case, a_weak_cipher_is_refused, 0, 4);
    suite_add_tcase(suite, versions_case);
    tcase_set_timeout(pieces, 60);
    tcase_add_loop_test(pieces, pieces_of_any_size_are_put_together, 0, 2);
    tcase_add_loop_test(pieces, a_cut_at_any_byte_is_a_truncation, 0, 2);
    suite_add_tcase(suite, pieces);
    tcase_add_loop_test(strange, a_stranger_is_turned_away, 0,
                        sizeof strangers / sizeof *strangers);
    tcase_add_test(strange, a_renegotiation_is_refused);
    tcase_add_loop_test(strange, a_damaged_record_ends_the_connection, 0, 2);
    tcase_add_test(strange, keys_can_be_updated_in_both_directions);
    tcase_add_test(strange, a_flood_of_key_updates_ends_the_connection);
    suite_add_tcase(suite, strange);
    return suite;
}
