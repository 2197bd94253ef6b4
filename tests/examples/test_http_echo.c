/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* http_echo as its clients see it: what it answers, however they send. */

#include "http_peer.h"

#define HOST  "Host: a\r\n"
#define GET   "GET / HTTP/1.1\r\n" HOST
#define POST  "POST / HTTP/1.1\r\n" HOST
#define CHUNK POST "Transfer-Encoding: chunked\r\n"

static struct peer peer, other;
static struct answer answer;

static void start(void)
{
    server_start(NULL);
}

static void request(const char *text)
{
    peer_say(&peer, text);
    peer_answer(&peer, &answer);
}

static void expect_field(const char *field)
{
    ck_assert_msg(strstr(answer.head, field), "no %s in %s", field, answer.head);
}

START_TEST(get_and_delete_tell_the_request_back)
{
    peer_dial(&peer);
    request("GET /a?b HTTP/1.1\r\nHost: a\r\nX:  y \r\n\r\n");
    ck_assert_uint_eq(answer.status, 200);
    ck_assert_str_eq(answer.body, "GET /a?b HTTP/1.1\r\nHost: a\r\nX:  y \r\n");
    expect_field("\r\nContent-Type: text/plain\r\n");
    expect_field("\r\nDate: ");
    ck_assert(!answer.closes);
    request("DELETE /c HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
    ck_assert_str_eq(answer.body, "DELETE /c HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n");
    close(peer.fd);
}
END_TEST

START_TEST(head_is_get_without_the_body)
{
    peer_dial(&peer);
    peer_say(&peer, "HEAD / HTTP/1.1\r\n" HOST "\r\n" GET "\r\n");
    peer_answer_head(&peer, &answer, true);
    expect_field("\r\nContent-Length: 26\r\n");
    peer_expect(&peer, 200, GET);
    peer_say(&peer, "HEAD / HTTP/1.1\r\n\r\n");
    peer_answer_head(&peer, &answer, true);
    ck_assert_uint_eq(answer.status, 400);
    close(peer.fd);
}
END_TEST

START_TEST(options_lists_the_methods)
{
    peer_dial(&peer);
    request("OPTIONS * HTTP/1.1\r\n" HOST "\r\n");
    ck_assert_uint_eq(answer.status, 204);
    expect_field("\r\nAllow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n");
    ck_assert_ptr_null(strstr(answer.head, "Content-Length"));
    request("TRACE / HTTP/1.1\r\n" HOST "\r\n");
    ck_assert_uint_eq(answer.status, 405);
    expect_field("\r\nAllow: GET,");
    peer_check_end(&peer);
}
END_TEST

START_TEST(bodies_come_back_as_they_came)
{
    peer_dial(&peer);
    request(POST "Content-Length: 5\r\nContent-Type: a/b;c=d\r\n\r\nhello");
    ck_assert_str_eq(answer.body, "hello");
    expect_field("\r\nContent-Type: a/b;c=d\r\n");
    expect_field("\r\nContent-Length: 5\r\n");
    request("PUT / HTTP/1.1\r\n" HOST "\r\n");
    ck_assert_uint_eq(answer.length, 0);
    expect_field("\r\nContent-Type: application/octet-stream\r\n");
    request("PATCH / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
            "5;x=1\r\nhello\r\n6\r\n world\r\n0\r\nX: y\r\n\r\n");
    ck_assert_str_eq(answer.body, "hello world");
    close(peer.fd);
}
END_TEST

/* What fits is held until its end is known, and then its length is told. */
START_TEST(small_chunked_bodies_come_back_with_their_length)
{
    peer_dial(&peer);
    request(CHUNK "\r\n5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n");
    ck_assert(!answer.chunked);
    expect_field("\r\nContent-Length: 6\r\n");
    ck_assert_str_eq(answer.body, "hello!");
    request(CHUNK "\r\n0\r\n\r\n");
    ck_assert(!answer.chunked);
    expect_field("\r\nContent-Length: 0\r\n");
    close(peer.fd);
}
END_TEST

/* No answer comes before the last byte of the head, and one does with it. */
START_TEST(every_beginning_of_a_request_is_waited_for)
{
    static const char whole[] = "GET /hello HTTP/1.1\r\nhoSt:\tlocalhost\r\nempty:\r\n\r\n";
    char byte;

    peer_dial(&other);
    for (size_t length = 1; length < sizeof whole - 1; length++) {
        peer_dial(&peer);
        peer_send(&peer, whole, length);
        ping(&other);
        ck_assert_int_eq(recv(peer.fd, &byte, 1, MSG_DONTWAIT), -1);
        ck_assert_int_eq(errno, EAGAIN);
        peer_say(&peer, whole + length);
        peer_expect(&peer, 200, NULL);
        close(peer.fd);
    }
    close(other.fd);
}
END_TEST

/* Requests of every kind one after the other, and what has to come back. */
static const char medley[] = GET "\r\n" POST "Content-Length: 5\r\n\r\nhello" CHUNK
                                 "\r\n5;a=b\r\nworld\r\n1\r\n!\r\n0\r\nX: y\r\n\r\n"
                                 "OPTIONS / HTTP/1.1\r\n" HOST "\r\n";

static void expect_medley(void)
{
    peer_expect(&peer, 200, GET);
    peer_expect(&peer, 200, "hello");
    peer_expect(&peer, 200, "world!");
    peer_expect(&peer, 204, "");
}

START_TEST(a_request_may_be_cut_anywhere)
{
    peer_dial(&peer);
    peer_dial(&other);
    for (size_t cut = 1; cut < strlen(medley); cut++) {
        peer_send(&peer, medley, cut);
        ping(&other);
        peer_send(&peer, medley + cut, strlen(medley) - cut);
        expect_medley();
    }
    close(peer.fd);
    close(other.fd);
}
END_TEST

START_TEST(a_request_may_come_byte_by_byte)
{
    peer_dial(&peer);
    peer_dial(&other);
    for (size_t i = 0; i < strlen(medley); i++) {
        peer_send(&peer, medley + i, 1);
        ping(&other);
    }
    expect_medley();
    close(peer.fd);
    close(other.fd);
}
END_TEST

START_TEST(pipelines_are_answered_in_order)
{
    static char batch[64 * 256];

    peer_dial(&peer);
    for (unsigned count = 1; count <= 64; count++) {
        size_t length = 0;

        for (unsigned i = 0; i < count; i++)
            length += (size_t)sprintf(batch + length,
                                      i % 2 ? POST "Content-Length: 4\r\n\r\n%04u"
                                            : CHUNK "\r\n4\r\n%04u\r\n0\r\n\r\n",
                                      i);
        peer_send(&peer, batch, length);
        for (unsigned i = 0; i < count; i++) {
            char number[8];

            sprintf(number, "%04u", i);
            peer_expect(&peer, 200, number);
        }
    }
    close(peer.fd);
}
END_TEST

/* A byte that depends on its place, so that a lost, doubled or moved one is seen. */
static char pattern(uint64_t at)
{
    return (char)(at * 2654435761U >> 13);
}

static size_t upload_piece(char *to, uint64_t at, size_t size, bool chunked)
{
    char *end = to;

    if (chunked)
        end += sprintf(end, "%zx\r\n", size);
    for (size_t i = 0; i < size; i++)
        *end++ = pattern(at + i);
    if (chunked)
        end += sprintf(end, "\r\n");
    return (size_t)(end - to);
}

/* Sends a body of `bytes`, in chunks of `piece` bytes unless that is 0. */
static void upload(uint64_t bytes, size_t piece)
{
    static char out[70000];
    size_t most = piece ? piece : 60000;

    sprintf(out, piece ? CHUNK "\r\n" : POST "Content-Length: %lu\r\n\r\n", (unsigned long)bytes);
    peer_say(&peer, out);
    for (uint64_t at = 0; at < bytes;) {
        size_t size = most < bytes - at ? most : (size_t)(bytes - at);

        peer_send(&peer, out, upload_piece(out, at, size, piece != 0));
        at += size;
    }
    if (piece)
        peer_say(&peer, "0\r\n\r\n");
}

static void download_data(uint64_t at, uint64_t size)
{
    for (uint64_t i = 0; i < size; i++)
        if ((char)peer_byte(&peer) != pattern(at + i))
            ck_abort_msg("byte %lu is not what was sent", (unsigned long)(at + i));
}

static void download(uint64_t bytes)
{
    char line[64];
    uint64_t at = 0, size;

    peer_answer_head(&peer, &answer, true);
    ck_assert_uint_eq(answer.status, 200);
    if (!answer.chunked)
        download_data(0, bytes);
    for (; answer.chunked && at <= bytes; at += size) {
        peer_line(&peer, line, sizeof line);
        size = strtoul(line, NULL, 16);
        download_data(at, size);
        ck_assert_uint_eq(peer_line(&peer, line, sizeof line), 2);
        if (!size)
            break;
    }
    ck_assert_uint_eq(answer.chunked ? at : bytes, bytes);
}

/* Another process sends, or both sides would wait for each other's full buffers. */
static void check_large(uint64_t bytes, size_t piece)
{
    int status;

    peer_dial(&peer);
    pid_t sender = fork();
    ck_assert_int_ge(sender, 0);
    if (sender == 0) {
        upload(bytes, piece);
        exit(0);
    }
    download(bytes);
    ck_assert_int_eq(waitpid(sender, &status, 0), sender);
    ck_assert_int_eq(status, 0);
    close(peer.fd);
}

START_TEST(large_bodies_come_back_whole)
{
    static const struct {
        uint64_t bytes;
        size_t piece;
    } cases[] = {
        {2047, 0},     {2048, 0},       {2049, 0},        {70000, 0},
        {20000000, 0}, {2040, 2040},    {2048, 2048},     {2049, 2049},
        {4000, 1500},  {2049, 1},       {30000, 1},       {300000, 511},
        {300000, 512}, {1000000, 4096}, {8000000, 65536}, {10000000, 60001},
    };

    check_large(cases[_i].bytes, cases[_i].piece);
}
END_TEST

START_TEST(half_closed_client_is_answered)
{
    peer_dial(&peer);
    peer_say(&peer, GET "\r\n" POST "Content-Length: 2\r\n\r\nhi");
    shutdown(peer.fd, SHUT_WR);
    peer_expect(&peer, 200, GET);
    peer_expect(&peer, 200, "hi");
    peer_check_end(&peer);
}
END_TEST

START_TEST(half_a_request_gets_no_answer)
{
    static const char *const halves[] = {"GET", GET, POST "Content-Length: 2\r\n\r\nh",
                                         CHUNK "\r\n2\r\nhi\r\n"};

    for (size_t i = 0; i < sizeof halves / sizeof *halves; i++) {
        peer_dial(&peer);
        peer_say(&peer, halves[i]);
        shutdown(peer.fd, SHUT_WR);
        peer_check_end(&peer);
    }
    server_stop();
    ck_assert_uint_eq(server_counted(" cut short"), 4);
}
END_TEST

START_TEST(continue_is_said_to_who_waits)
{
    peer_dial(&peer);
    request(POST "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    ck_assert_uint_eq(answer.status, 100);
    ck_assert_str_eq(answer.head, "HTTP/1.1 100 Continue\r\n\r\n");
    request("hi");
    ck_assert_str_eq(answer.body, "hi");
    /* Not to one who did not wait, not for no body, not in HTTP/1.0, and not before a refusal. */
    request(POST "Expect: 100-continue\r\nContent-Length: 2\r\n\r\nhi");
    ck_assert_uint_eq(answer.status, 200);
    request(POST "Expect: 100-continue\r\n\r\n");
    ck_assert_uint_eq(answer.status, 200);
    request(POST "Expect: 100-continue\r\nContent-Length: 9999999999\r\n\r\n");
    ck_assert_uint_eq(answer.status, 413);
    peer_check_end(&peer);
    expect(POST "Expect: x\r\nContent-Length: 2\r\n\r\n", 417, NULL);
    peer_dial(&peer);
    peer_dial(&other);
    peer_say(&peer, "POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    ping(&other);
    request("hi");
    ck_assert_uint_eq(answer.status, 200);
    peer_check_end(&peer);
    close(other.fd);
}
END_TEST

START_TEST(connections_stay_or_close_as_agreed)
{
    peer_dial(&peer);
    request("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    expect_field("\r\nConnection: keep-alive\r\n");
    request(GET "Connection: close\r\n\r\n" GET "\r\n");
    ck_assert(answer.closes);
    peer_check_end(&peer);
    peer_dial(&peer);
    request("GET / HTTP/1.0\r\n\r\n");
    ck_assert(answer.closes);
    peer_check_end(&peer);
}
END_TEST

static const struct {
    unsigned status;
    const char *request;
} refused[] = {
    {400, "GET / HTTP/1.1\r\n\r\n"},
    {400, "GET / HTTP/1.1\n" HOST "\r\n"},
    {400, GET "X: y\r\n z\r\n\r\n"},
    {400, POST "Content-Length: -1\r\n\r\n"},
    {400, POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
    {400, CHUNK "\r\n5\r\nhello!\r\n0\r\n\r\n"},
    {400, CHUNK "\r\n5\r\nhello\r\n0\r\nHost: a\r\n\r\n"},
    {400, "\x16\x03\x01\x02"},
    {405, "CONNECT a:1 HTTP/1.1\r\n" HOST "\r\n"},
    {413, CHUNK "\r\n40000001\r\n"},
    {501, "get / HTTP/1.1\r\n" HOST "\r\n"},
    {501, POST "Transfer-Encoding: gzip, chunked\r\n\r\n"},
    {505, "GET / HTTP/2.0\r\n" HOST "\r\n"},
};

/* What came before is answered, the bad request too, and what follows it is not even looked at. */
START_TEST(refused_requests_are_the_last)
{
    peer_dial(&peer);
    peer_say(&peer, GET "\r\n");
    peer_say(&peer, refused[_i].request);
    peer_say(&peer, GET "\r\n" GET "\r\n");
    peer_expect(&peer, 200, GET);
    peer_answer(&peer, &answer);
    ck_assert_uint_eq(answer.status, refused[_i].status);
    ck_assert(answer.closes);
    shutdown(peer.fd, SHUT_WR);
    peer_check_end(&peer);
    expect(GET "\r\n", 200, GET);
    server_stop();
    ck_assert_uint_eq(server_counted(" refused"), 1);
}
END_TEST

/* Sent whole before anything is read: the answer must not be lost to a reset. */
START_TEST(oversized_heads_are_told_so)
{
    static char flood[100000];

    memset(flood, 'x', sizeof flood - 1);
    memcpy(flood, "GET /", 5);
    expect(flood, 414, NULL);
    memcpy(flood, GET "X: ", strlen(GET "X: "));
    expect(flood, 431, NULL);
}
END_TEST

START_TEST(options_set_the_limits)
{
    static const char *const arguments[] = {"--max-body", "10", "--max-header=100", NULL};
    char large[256] = GET "X: ";

    server_start(arguments);
    expect(POST "Content-Length: 10\r\n\r\n0123456789", 200, "0123456789");
    expect(POST "Content-Length: 11\r\n\r\n", 413, NULL);
    expect(CHUNK "\r\n9\r\n012345678\r\n2\r\n", 413, NULL);
    memset(large + strlen(large), 'x', 100);
    expect(large, 431, NULL);
}
END_TEST

START_TEST(threads_share_the_port)
{
    static const char *const arguments[] = {"--threads=3", NULL};

    server_start(arguments);
    for (int i = 0; i < 50; i++)
        expect(GET "\r\n", 200, GET);
    server_stop();
    ck_assert_uint_eq(server_counted(" requests"), 50);
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

Suite *test_suite(void)
{
    Suite *suite = suite_create("http_echo");
    TCase *usual = tcase_create("usual");
    TCase *optioned = tcase_create("options");
    const char *why = why_no_reactor();

    if (why) {
        support_skip("http_echo", why);
        return suite;
    }
    tcase_add_checked_fixture(usual, start, server_stop);
    tcase_add_test(usual, get_and_delete_tell_the_request_back);
    tcase_add_test(usual, head_is_get_without_the_body);
    tcase_add_test(usual, options_lists_the_methods);
    tcase_add_test(usual, bodies_come_back_as_they_came);
    tcase_add_test(usual, small_chunked_bodies_come_back_with_their_length);
    tcase_add_test(usual, every_beginning_of_a_request_is_waited_for);
    tcase_add_test(usual, a_request_may_be_cut_anywhere);
    tcase_add_test(usual, a_request_may_come_byte_by_byte);
    tcase_add_test(usual, pipelines_are_answered_in_order);
    tcase_add_loop_test(usual, large_bodies_come_back_whole, 0, 16);
    tcase_add_test(usual, half_closed_client_is_answered);
    tcase_add_test(usual, half_a_request_gets_no_answer);
    tcase_add_test(usual, continue_is_said_to_who_waits);
    tcase_add_test(usual, connections_stay_or_close_as_agreed);
    tcase_add_loop_test(usual, refused_requests_are_the_last, 0, COUNT(refused));
    tcase_add_test(usual, oversized_heads_are_told_so);
    tcase_set_timeout(usual, 30);
    suite_add_tcase(suite, usual);
    tcase_add_checked_fixture(optioned, NULL, server_stop);
    tcase_add_test(optioned, options_set_the_limits);
    tcase_add_test(optioned, threads_share_the_port);
    tcase_set_timeout(optioned, 30);
    suite_add_tcase(suite, optioned);
    return suite;
}
