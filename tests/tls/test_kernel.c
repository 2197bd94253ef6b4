/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Connections that the kernel is to encrypt. Where it cannot, the same tests show that OpenSSL does
 * it, and that the connection says so.
 */
#include "scratch.h"
#include "tls_test.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <sched.h>
#include <sys/ioctl.h>

#ifndef TCP_ULP
#define TCP_ULP 31
#endif

#define MIB ((size_t)1 << 20)

static struct side server, client;
static struct hand hand;
static int expected; /* of kevy_tls_info.kernel_encrypts */

/* 1, or why this kernel does not encrypt. */
static int kernel_ask(void)
{
    int one, other, error = 1;

    tcp_pair(&one, &other);
    if (setsockopt(one, IPPROTO_TCP, TCP_ULP, "tls", sizeof "tls") < 0)
        error = -errno;
#ifdef OPENSSL_NO_KTLS
    error = -ENOSYS;
#endif
    close(one);
    close(other);
    return error;
}

/* Contexts with the option, in place of those without. */
static void kernel_setup(void)
{
    struct kevy_tls_options with_identity, without = client_options();

    tls_setup();
    with_identity = server_options(&server_identity);
    with_identity.kernel_encrypts = true;
    without.kernel_encrypts = true;
    kevy_tls_context_destroy(server_context);
    kevy_tls_context_destroy(client_context);
    server_context = context_make(&with_identity);
    client_context = context_make(&without);
    expected = kernel_ask();
    /* So that no guest is believed to test it that does not. */
    if (getenv("KEVY_TEST_KTLS") != NULL)
        ck_assert_int_eq(expected, 1);
}

static int encrypts(struct side *side)
{
    struct kevy_tls_info info;

    ck_assert_int_eq(kevy_tls_info(&side->tls, &info), 0);
    return info.kernel_encrypts;
}

static const struct {
    int version;
    const char *ciphers;
} suites[] = {
    {TLS1_2_VERSION, "AESGCM+AES128"},
    {TLS1_2_VERSION, "AESGCM+AES256"},
    {TLS1_2_VERSION, "CHACHA20"},
    {TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256"},
    {TLS1_3_VERSION, "TLS_AES_256_GCM_SHA384"},
    {TLS1_3_VERSION, "TLS_CHACHA20_POLY1305_SHA256"},
};

/* A server side, and a client by hand that is open. */
static void served(int version, const char *ciphers)
{
    int one, other;

    tcp_pair(&one, &other);
    side_serve(&server, server_context, one);
    hand_client(&hand, other, version);
    if (ciphers != NULL && version == TLS1_2_VERSION)
        ck_assert_int_eq(SSL_set_cipher_list(hand.ssl, ciphers), 1);
    else if (ciphers != NULL)
        ck_assert_int_eq(SSL_set_ciphersuites(hand.ssl, ciphers), 1);
    hand_shake(&hand);
    TURN_UNTIL(server.log[0] == 'o');
}

static void peer_leaves(void)
{
    hand_free(&hand);
    TURN_UNTIL(server.closed);
}

/* Reads `length` bytes of the pattern, slowly: a piece in each turn. */
static void hand_expect_pattern(size_t length, uint64_t seed)
{
    static uint8_t bytes[20000];
    size_t got = 0, part;

    for (unsigned idle = 0; got < length;) {
        if (SSL_read_ex(hand.ssl, bytes, sizeof bytes, &part) == 1) {
            pattern_check(bytes, part, seed, got);
            got += part;
            idle = 0;
            turn_now();
            continue;
        }
        ck_assert_int_eq(SSL_get_error(hand.ssl, 0), SSL_ERROR_WANT_READ);
        ck_assert_uint_lt(idle, TURNS_MAX);
        turn_waiting(idle++);
    }
    ck_assert_uint_eq(got, length);
}

/* The peer has got close_notify, and no byte before it. */
static void hand_expect_end(void)
{
    char byte;

    for (unsigned idle = 0; (SSL_get_shutdown(hand.ssl) & SSL_RECEIVED_SHUTDOWN) == 0; idle++) {
        ck_assert_int_le(SSL_read(hand.ssl, &byte, 1), 0);
        ck_assert_uint_lt(idle, TURNS_MAX);
        turn_waiting(idle);
    }
    ck_assert_int_eq(SSL_get_error(hand.ssl, 0), SSL_ERROR_ZERO_RETURN);
}

static uint8_t much[MIB];

START_TEST(a_mebibyte_goes_with_every_cipher)
{
    int who;

    served(suites[_i].version, suites[_i].ciphers);
    who = encrypts(&server);
    /* ChaCha20 is a module of its own, and not in every OpenSSL. */
    ck_assert(who == expected || (who == -EOPNOTSUPP && strstr(suites[_i].ciphers, "CHA") != NULL));
    pattern_fill(much, sizeof much, 5, 0);
    QUIETLY(ck_assert_int_eq(kevy_tls_send(&server.tls, much, sizeof much), 0));
    hand_write(&hand, "question", 8);
    side_expect(&server, "question");
    QUIETLY(kevy_tls_close(&server.tls));
    hand_expect_pattern(sizeof much, 5);
    hand_expect_end();
    peer_leaves();
    ck_assert_int_eq(server.reason, 0);
}
END_TEST

/* And both count it. */
START_TEST(bytes_go_both_ways_between_two_of_ours)
{
    struct kevy_tls_stats stats;

    sides_open(&server, &client);
    ck_assert_int_eq(encrypts(&server), expected);
    ck_assert_int_eq(encrypts(&client), expected);
    kevy_tls_context_stats(server_context, &stats);
    ck_assert_uint_eq(stats.handshakes_kernel, expected == 1);
    server.echo = true;
    client.check_bytes = true;
    client.seed = 9;
    pattern_fill(much, sizeof much, 9, 0);
    QUIETLY(ck_assert_int_eq(kevy_tls_send(&client.tls, much, sizeof much), 0));
    QUIETLY(ck_assert_int_eq(kevy_tls_shutdown(&client.tls), 0));
    TURN_UNTIL(server.closed && client.closed);
    ck_assert_uint_eq(client.count, sizeof much);
    ck_assert_ptr_nonnull(strchr(server.log, 'e'));
    ck_assert_ptr_nonnull(strchr(client.log, 'e'));
    ck_assert_int_eq(server.reason, 0);
    ck_assert_int_eq(client.reason, 0);
    server.echo = false;
    client.check_bytes = false;
}
END_TEST

START_TEST(without_the_option_openssl_encrypts)
{
    struct kevy_tls_options options = server_options(&server_identity);

    kevy_tls_context_destroy(server_context);
    server_context = context_make(&options);
    sides_open(&server, &client);
    ck_assert_int_eq(encrypts(&server), 0);
    side_send_text(&server, "hello");
    side_expect(&client, "hello");
    side_abort(&client);
    side_abort(&server);
}
END_TEST

START_TEST(a_unix_socket_is_encrypted_by_openssl)
{
    int fds[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    side_serve(&server, server_context, fds[0]);
    side_call(&client, client_context, "localhost", fds[1]);
    TURN_UNTIL(server.log[0] == 'o' && client.log[0] == 'o');
    if (expected != -ENOSYS)
        ck_assert_int_eq(encrypts(&server), -ESOCKTNOSUPPORT);
    side_send_text(&server, "hello");
    side_expect(&client, "hello");
    side_abort(&client);
    side_abort(&server);
}
END_TEST

/* The bytes that sockets have room for, of those who send by send(2): kevy-tls in a handshake. */
static size_t send_room = SIZE_MAX;

/* In place of the C library's. */
ssize_t send(int fd, const void *data, size_t length, int flags)
{
    ssize_t sent;

    if (send_room == 0) {
        errno = EAGAIN;
        return -1;
    }
    sent = sendto(fd, data, length < send_room ? length : send_room, flags, NULL, 0);
    if (sent > 0 && send_room != SIZE_MAX)
        send_room -= (size_t)sent;
    return sent;
}

static const size_t rooms[] = {0, 1, 100, 400};

START_TEST(a_socket_that_is_full_in_the_handshake_is_encrypted_by_openssl)
{
    send_room = rooms[_i];
    served(TLS1_3_VERSION, NULL);
    ck_assert_int_eq(encrypts(&server), expected == 1 ? -EAGAIN : expected);
    side_send_text(&server, "hello");
    hand_expect(&hand, "hello");
    peer_leaves();
    send_room = SIZE_MAX;
}
END_TEST

START_TEST(an_abort_is_a_truncation_for_the_peer)
{
    sides_open(&server, &client);
    side_send_text(&server, "hello");
    side_expect(&client, "hello");
    side_abort(&server);
    TURN_UNTIL(client.closed);
    ck_assert(client.reason == -ECONNABORTED || client.reason == -ECONNRESET);
    ck_assert_ptr_null(strchr(client.log, 'e'));
}
END_TEST

/* Also where the peer owes nothing, and the kernel would send FIN. */
START_TEST(an_abort_is_a_reset)
{
    char byte;
    unsigned idle = 0;
    ssize_t result;

    served(_i == 0 ? TLS1_2_VERSION : TLS1_3_VERSION, NULL);
    side_send_text(&server, "hello");
    hand_expect(&hand, "hello");
    side_abort(&server);
    while ((result = recv(hand.fd, &byte, 1, MSG_DONTWAIT)) < 0 && errno == EAGAIN)
        turn_waiting(idle++);
    ck_assert(result < 0 && errno == ECONNRESET);
    hand_free(&hand);
}
END_TEST

/* A server whose client receives little at a time, in small segments. */
static void served_narrowly(int version)
{
    static const int buffer = 2048, segment = 536, queue = 4096;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one;
    int other = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, size), 0);
    ck_assert_int_eq(listen(listener, 1), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    ck_assert_int_eq(setsockopt(other, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer), 0);
    ck_assert_int_eq(setsockopt(other, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof segment), 0);
    ck_assert_int_eq(connect(other, (struct sockaddr *)&address, size), 0);
    one = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    ck_assert_int_ge(one, 0);
    ck_assert_int_eq(setsockopt(one, SOL_SOCKET, SO_SNDBUF, &queue, sizeof queue), 0);
    ck_assert_int_eq(fcntl(other, F_SETFL, O_NONBLOCK), 0);
    close(listener);
    side_serve(&server, server_context, one);
    hand_client(&hand, other, version);
    hand_shake(&hand);
    TURN_UNTIL(server.log[0] == 'o');
}

/* A little of what has arrived goes to the hand's OpenSSL. False at FIN. */
static bool hand_sip(BIO *in)
{
    char bytes[200];
    ssize_t part = recv(hand.fd, bytes, sizeof bytes, MSG_DONTWAIT);

    if (part > 0)
        ck_assert_int_eq(BIO_write(in, bytes, (int)part), (int)part);
    else if (part < 0)
        ck_assert_int_eq(errno, EAGAIN);
    usleep(500);
    turn_now();
    return part != 0;
}

/* The kernel reports bytes as sent that it has no room for, and drops them at FIN. */
START_TEST(a_peer_that_reads_slowly_gets_every_byte_before_the_end)
{
    const size_t length = 16384 * ((size_t)_i / 2 + 1);
    size_t part, got = 0;
    BIO *in = BIO_new(BIO_s_mem());

    served_narrowly(_i % 2 == 0 ? TLS1_2_VERSION : TLS1_3_VERSION);
    pattern_fill(much, length, 11, 0);
    for (size_t sent = 0; sent < length; sent += 16384)
        QUIETLY(ck_assert_int_eq(kevy_tls_send(&server.tls, much + sent, 16384), 0));
    QUIETLY(kevy_tls_close(&server.tls));
    BIO_set_mem_eof_return(in, -1);
    SSL_set0_rbio(hand.ssl, in);
    while (hand_sip(in) && got < length)
        for (; SSL_read_ex(hand.ssl, much + MIB / 2, MIB / 2, &part) == 1; got += part)
            pattern_check(much + MIB / 2, part, 11, got);
    ck_assert_uint_eq(got, length);
    do /* before FIN, too: close_notify may have come with the last bytes */
        ck_assert_int_le(SSL_read(hand.ssl, much, 1), 0);
    while ((SSL_get_shutdown(hand.ssl) & SSL_RECEIVED_SHUTDOWN) == 0 && hand_sip(in));
    ck_assert_int_eq(SSL_get_shutdown(hand.ssl) & SSL_RECEIVED_SHUTDOWN, SSL_RECEIVED_SHUTDOWN);
    peer_leaves();
    ck_assert_int_eq(server.reason, 0);
}
END_TEST

/*
 * While this is on, no worker of the kernel runs on the processor that we are on, and so nobody but
 * us gives TCP what waits. Only root can have it.
 */
static bool workers_hold(bool on)
{
    struct sched_param priority = {.sched_priority = on ? 1 : 0};
    cpu_set_t one;

    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    return sched_setaffinity(0, sizeof one, &one) == 0 &&
           sched_setscheduler(0, on ? SCHED_FIFO : SCHED_OTHER, &priority) == 0;
}

/* The bytes that TCP has of the server, beyond those that the peer has read. */
static size_t tcp_holds(void)
{
    int unacked = 0, arrived = 0;

    ck_assert_int_eq(ioctl(kevy_stream_fd(&server.tls.stream), TIOCOUTQ, &unacked), 0);
    ck_assert_int_eq(ioctl(hand.fd, FIONREAD, &arrived), 0);
    return (size_t)unacked + (size_t)arrived;
}

/* Reads until the kernel has reported all as sent. Returns the bytes that it read. */
static size_t sip_until_reported(uint8_t *raw, size_t size)
{
    size_t got = 0;

    for (unsigned idle = 0; kevy_tls_queued(&server.tls) != 0; idle++) {
        ssize_t part = recv(hand.fd, raw + got, size - got < 100 ? size - got : 100, MSG_DONTWAIT);

        if (part > 0)
            got += (size_t)part;
        ck_assert_uint_lt(idle, TURNS_MAX);
        turn_now();
    }
    return got;
}

/* The rest of a record waits for room, and the peer does not read: FIN would drop it. */
START_TEST(a_record_that_waits_for_room_is_sent_before_the_end)
{
    const size_t length = 16384;
    size_t got, part;
    bool held;
    BIO *in = BIO_new(BIO_s_mem());

    served_narrowly(_i == 0 ? TLS1_2_VERSION : TLS1_3_VERSION);
    pattern_fill(much, length, 11, 0);
    held = workers_hold(true);
    QUIETLY(ck_assert_int_eq(kevy_tls_send(&server.tls, much, length), 0));
    QUIETLY(kevy_tls_close(&server.tls));
    got = sip_until_reported(much + MIB / 2, MIB / 2);
    if (expected == 1 && held)
        ck_assert_uint_lt(got + tcp_holds(), length);
    if (held)
        ck_assert(workers_hold(false));
    for (unsigned count = 0; count < 100; count++) { /* it looks more than once */
        usleep(1000);
        turn_now();
    }
    BIO_set_mem_eof_return(in, -1);
    ck_assert_int_eq(BIO_write(in, much + MIB / 2, (int)got), (int)got);
    SSL_set0_rbio(hand.ssl, in);
    for (got = 0; got < length; got += part) {
        while (SSL_read_ex(hand.ssl, much + MIB / 2, MIB / 2, &part) != 1)
            ck_assert_msg(hand_sip(in), "%zu of %zu bytes came before the end", got, length);
        pattern_check(much + MIB / 2, part, 11, got);
    }
    peer_leaves();
    ck_assert_int_eq(server.reason, 0);
}
END_TEST

/* Nothing can be sent behind close_notify, and the other direction is open. */
START_TEST(a_side_that_has_ended_reads_on)
{
    served(_i == 0 ? TLS1_2_VERSION : TLS1_3_VERSION, NULL);
    side_send_text(&server, "hello");
    QUIETLY(ck_assert_int_eq(kevy_tls_shutdown(&server.tls), 0));
    ck_assert_int_eq(kevy_tls_send(&server.tls, "x", 1), -EPIPE);
    hand_expect(&hand, "hello");
    hand_expect_end();
    hand_write(&hand, "question", 8);
    side_expect(&server, "question");
    QUIETLY(kevy_tls_close(&server.tls));
    peer_leaves();
    ck_assert_int_eq(server.reason, 0);
}
END_TEST

static void with_buffers_of(uint32_t buffer_size)
{
    reactor_setup_with(&(struct kevy_reactor_options){.buffer_size = buffer_size});
}

START_TEST(buffers_that_hold_no_record_leave_it_to_openssl)
{
    with_buffers_of(128);
    served(TLS1_3_VERSION, NULL);
    ck_assert_int_eq(encrypts(&server), expected == 1 ? -EMSGSIZE : expected);
    side_send_text(&server, "hello");
    hand_expect(&hand, "hello");
    peer_leaves();
}
END_TEST

START_TEST(buffers_that_hold_one_record_are_enough)
{
    with_buffers_of(160);
    served(TLS1_3_VERSION, NULL);
    ck_assert_int_eq(encrypts(&server), expected);
    side_send_text(&server, "hello");
    hand_expect(&hand, "hello");
    peer_leaves();
}
END_TEST

static int range_result, sends_done;
static uint64_t range_sent;

static void range_done(struct kevy_file_range *range, struct kevy_stream *stream, int result,
                       uint64_t sent)
{
    (void)range;
    (void)stream;
    range_result = result;
    range_sent = sent;
}

static void send_done(struct kevy_send *send, struct kevy_stream *stream, int result)
{
    (void)send;
    ck_assert_ptr_eq(stream, &server.tls.stream);
    ck_assert_int_eq(result, 0);
    sends_done++;
}

static int file_make(void)
{
    scratch_path path;
    int fd = scratch_file(path);

    ck_assert_int_ge(fd, 0);
    unlink(path);
    pattern_fill(much, sizeof much, 3, 0);
    ck_assert_int_eq(write(fd, much, sizeof much), (ssize_t)sizeof much);
    return fd;
}

/* From the file, from memory, and close_notify last. */
START_TEST(a_file_and_pinned_bytes_go_from_where_they_lie)
{
    static const struct iovec part = {much, sizeof much};
    struct kevy_file_range range = {.fd = file_make(), .length = MIB / 2, .done = range_done};
    struct kevy_send send = {.parts = &part, .count = 1, .done = send_done};

    served(_i == 0 ? TLS1_2_VERSION : TLS1_3_VERSION, NULL);
    range_result = 1;
    sends_done = 0;
    if (expected != 1) {
        support_skip("a_file_and_pinned_bytes_go_from_where_they_lie",
                     "this kernel does not encrypt, or has not loaded the module `tls`");
        ck_assert_int_eq(kevy_tls_send_file(&server.tls, &range), -EOPNOTSUPP);
        ck_assert_int_eq(kevy_tls_send_pinned(&server.tls, &send), -EOPNOTSUPP);
    } else {
        kevy_tls_set_watermarks(&server.tls, 2 * MIB, 3 * MIB);
        QUIETLY(ck_assert_int_eq(kevy_tls_send_file(&server.tls, &range), 0));
        QUIETLY(ck_assert_int_eq(kevy_tls_send(&server.tls, much + MIB / 2, MIB / 2), 0));
        hand_expect_pattern(sizeof much, 3);
        QUIETLY(ck_assert_int_eq(kevy_tls_send_pinned(&server.tls, &send), 0));
        QUIETLY(kevy_tls_close(&server.tls));
        hand_expect_pattern(sizeof much, 3);
        hand_expect_end();
        ck_assert_int_eq(range_result, 0);
        ck_assert_uint_eq(range_sent, MIB / 2);
        ck_assert_int_eq(sends_done, 1);
    }
    peer_leaves();
    close(range.fd);
}
END_TEST

static void hand_expect_alert(int description)
{
    char byte;

    for (unsigned idle = 0; SSL_get_error(hand.ssl, SSL_read(hand.ssl, &byte, 1)) != SSL_ERROR_SSL;
         idle++) {
        ck_assert_uint_lt(idle, TURNS_MAX);
        turn_waiting(idle);
    }
    ck_assert_int_eq(ERR_GET_REASON(ERR_peek_error()), SSL_AD_REASON_OFFSET + description);
    ERR_clear_error();
}

/* The kernel keeps the keys that it has. */
START_TEST(a_peer_that_asks_for_new_keys_is_left)
{
    served(TLS1_3_VERSION, NULL);
    side_send_text(&server, "before");
    hand_expect(&hand, "before");
    ck_assert_int_eq(SSL_key_update(hand.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
    hand_write(&hand, "x", 1);
    if (expected == 1) {
        char text[128];

        hand_expect_alert(SSL_AD_INTERNAL_ERROR);
        TURN_UNTIL(server.closed);
        ck_assert_int_eq(server.reason, -EOPNOTSUPP);
        kevy_tls_explain(&server.failure, text, sizeof text);
        ck_assert_msg(strstr(text, "new keys") != NULL, "%s", text);
    } else {
        side_expect(&server, "x");
        side_send_text(&server, "after");
        hand_expect(&hand, "after");
    }
    peer_leaves();
}
END_TEST

/* New keys for what the peer sends are OpenSSL's business, as always. */
START_TEST(a_peer_may_change_its_own_keys)
{
    served(TLS1_3_VERSION, NULL);
    ck_assert_int_eq(SSL_key_update(hand.ssl, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
    hand_write(&hand, "x", 1);
    side_expect(&server, "x");
    side_send_text(&server, "after");
    hand_expect(&hand, "after");
    peer_leaves();
}
END_TEST

START_TEST(a_session_is_resumed)
{
    struct kevy_tls_info info;

    for (unsigned count = 0; count < 2; count++) {
        sides_open(&server, &client);
        side_send_text(&server, "hello");
        side_expect(&client, "hello");
        ck_assert_int_eq(kevy_tls_info(&client.tls, &info), 0);
        ck_assert_int_eq(info.resumed, count == 1);
        ck_assert_int_eq(encrypts(&server), expected);
        QUIETLY(kevy_tls_close(&client.tls));
        TURN_UNTIL(server.closed && client.closed);
        ck_assert_int_eq(client.reason, 0);
    }
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("tls_kernel");
    TCase *tcase = tcase_create("kernel");

    tcase_add_unchecked_fixture(tcase, identities_make, NULL);
    tcase_add_checked_fixture(tcase, kernel_setup, tls_teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, a_mebibyte_goes_with_every_cipher, 0,
                        sizeof suites / sizeof *suites);
    tcase_add_test(tcase, bytes_go_both_ways_between_two_of_ours);
    tcase_add_test(tcase, without_the_option_openssl_encrypts);
    tcase_add_test(tcase, a_unix_socket_is_encrypted_by_openssl);
    tcase_add_loop_test(tcase, a_socket_that_is_full_in_the_handshake_is_encrypted_by_openssl, 0,
                        sizeof rooms / sizeof *rooms);
    tcase_add_test(tcase, an_abort_is_a_truncation_for_the_peer);
    tcase_add_loop_test(tcase, an_abort_is_a_reset, 0, 2);
    tcase_add_loop_test(tcase, a_peer_that_reads_slowly_gets_every_byte_before_the_end, 0, 8);
    tcase_add_loop_test(tcase, a_record_that_waits_for_room_is_sent_before_the_end, 0, 2);
    tcase_add_loop_test(tcase, a_side_that_has_ended_reads_on, 0, 2);
    tcase_add_test(tcase, buffers_that_hold_no_record_leave_it_to_openssl);
    tcase_add_test(tcase, buffers_that_hold_one_record_are_enough);
    tcase_add_loop_test(tcase, a_file_and_pinned_bytes_go_from_where_they_lie, 0, 2);
    tcase_add_test(tcase, a_peer_that_asks_for_new_keys_is_left);
    tcase_add_test(tcase, a_peer_may_change_its_own_keys);
    tcase_add_test(tcase, a_session_is_resumed);
    suite_add_tcase(suite, tcase);
    return suite;
}
