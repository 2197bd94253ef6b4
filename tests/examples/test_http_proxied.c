/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* http_echo behind a proxy that names its clients: whom it believes, and what it reports. */

#include "http_peer.h"

#include <sched.h>

#define GET "GET / HTTP/1.1\r\nHost: a\r\n"
#define V1  "PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n"
#define V2                                                                                 \
    "\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\1\x20\1\xd\xb8" \
    "\0\0\0\0\0\0\0\0\0\0\0\2\1\0\0\120"
#define V2_LOCAL "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"

static struct peer peer;
static struct answer answer;
static const char *const threads[] = {"1", "3"};

static void start(const char *proxies)
{
    server_start((const char *const[]){"--proxy-protocol", proxies, NULL});
}

/* What the server said about headers. */
static void check_refused(unsigned long count)
{
    server_stop();
    ck_assert_uint_eq(server_counted(" PROXY headers refused or missing"), count);
}

static void expect_client(const char *address)
{
    char field[128];

    peer_answer(&peer, &answer);
    ck_assert_uint_eq(answer.status, 200);
    snprintf(field, sizeof field, "\r\nClient-Address: %s\r\n", address);
    ck_assert_msg(strstr(answer.head, field) != NULL, "no %s in %s", field, answer.head);
}

/* The address that the peer itself has. */
static const char *own_address(void)
{
    static char text[KEVY_ADDRESS_TEXT_SIZE];
    struct sockaddr_in address;
    socklen_t length = sizeof address;

    ck_assert_int_eq(getsockname(peer.fd, (struct sockaddr *)&address, &length), 0);
    kevy_address_format((struct sockaddr *)&address, length, text, sizeof text);
    return text;
}

/* The connection ends, by a reset or not, and without an answer. */
static void expect_no_answer(void)
{
    ck_assert_int_le(recv(peer.fd, peer.in, sizeof peer.in, 0), 0);
    ck_assert(errno != EAGAIN);
    close(peer.fd);
}

START_TEST(the_client_is_the_one_that_the_proxy_names)
{
    server_start((const char *const[]){"--proxy-protocol=10.0.0.0/8,127.0.0.1", "--threads",
                                       threads[_i], NULL});
    peer_dial(&peer);
    peer_say(&peer, V1 GET "\r\n");
    expect_client("192.0.2.1:56324");
    peer_say(&peer, "DELETE / HTTP/1.1\r\nHost: a\r\n\r\n");
    expect_client("192.0.2.1:56324");
    close(peer.fd);
    peer_dial(&peer);
    peer_send(&peer, V2 GET "\r\n", sizeof V2 GET "\r\n" - 1);
    expect_client("[2001:db8::1]:256");
    close(peer.fd);
    check_refused(0);
}
END_TEST

START_TEST(a_proxy_may_speak_for_itself)
{
    start("127.0.0.1");
    peer_dial(&peer);
    peer_send(&peer, V2_LOCAL GET "\r\n", sizeof V2_LOCAL GET "\r\n" - 1);
    expect_client(own_address());
    close(peer.fd);
    peer_dial(&peer);
    peer_say(&peer, "PROXY UNKNOWN\r\n" GET "\r\n");
    expect_client(own_address());
    close(peer.fd);
    check_refused(0);
}
END_TEST

START_TEST(the_header_may_be_cut_anywhere)
{
    static const char bytes[] = V2 GET "\r\n";

    start("127.0.0.1");
    for (size_t cut = 1; cut < sizeof bytes; cut++) {
        peer_dial(&peer);
        peer_send(&peer, bytes, cut);
        sched_yield();
        peer_send(&peer, bytes + cut, sizeof bytes - 1 - cut);
        expect_client("[2001:db8::1]:256");
        close(peer.fd);
    }
    check_refused(0);
}
END_TEST

START_TEST(requests_follow_in_the_same_segment)
{
    static char text[8192] = V1 "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\n";
    size_t head = strlen(text);

    memset(text + head, 'b', 5000);
    strcat(text, GET "\r\n");
    start("127.0.0.1");
    peer_dial(&peer);
    peer_say(&peer, text);
    peer_answer(&peer, &answer);
    ck_assert_uint_eq(answer.length, 5000);
    ck_assert_mem_eq(answer.body, text + head, 5000);
    expect_client("192.0.2.1:56324");
    close(peer.fd);
    check_refused(0);
}
END_TEST

START_TEST(a_connection_without_a_valid_header_is_closed)
{
    static const char *const wrong[] = {GET "\r\n",
                                        "PROXY TCP4 192.0.2.1 198.51.100.2 56324\r\n" GET "\r\n",
                                        V1 V1 GET "\r\n", "\r\n" GET "\r\n", "\x16\x03\x01"};

    start("127.0.0.1");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        peer_dial(&peer);
        peer_say(&peer, wrong[i]);
        if (i == 2) { /* the second header is a request, and none that is valid */
            peer_expect(&peer, 400, NULL);
            close(peer.fd);
            continue;
        }
        expect_no_answer();
    }
    /* An end within the header. */
    peer_dial(&peer);
    peer_say(&peer, "PROXY TCP4");
    shutdown(peer.fd, SHUT_WR);
    expect_no_answer();
    check_refused(5);
    ck_assert_uint_eq(server_counted(" requests"), 0);
}
END_TEST

START_TEST(a_header_has_a_time_limit)
{
    server_start(
        (const char *const[]){"--proxy-protocol=127.0.0.1", "--header-timeout=0.05", NULL});
    peer_dial(&peer);
    peer_say(&peer, "PROXY TCP4");
    expect_no_answer();
    /* It ends with the header. */
    peer_dial(&peer);
    peer_say(&peer, V1);
    usleep(100000);
    peer_say(&peer, GET "\r\n");
    expect_client("192.0.2.1:56324");
    close(peer.fd);
    check_refused(1);
    ck_assert_uint_eq(server_counted(" timed out"), 1);
}
END_TEST

START_TEST(strangers_name_nobody)
{
    start("192.0.2.1,::1");
    peer_dial(&peer);
    peer_say(&peer, GET "\r\n");
    expect_client(own_address());
    close(peer.fd);
    peer_dial(&peer);
    peer_say(&peer, V1 GET "\r\n");
    peer_expect(&peer, 400, NULL);
    close(peer.fd);
    check_refused(0);
}
END_TEST

START_TEST(without_the_option_nobody_is_named)
{
    server_start(NULL);
    peer_dial(&peer);
    peer_say(&peer, GET "\r\n");
    peer_answer(&peer, &answer);
    ck_assert_ptr_null(strstr(answer.head, "Client-Address"));
    peer_say(&peer, V1 GET "\r\n");
    peer_expect(&peer, 400, NULL);
    close(peer.fd);
    server_stop();
    ck_assert_ptr_null(strstr(server.said, "PROXY"));
}
END_TEST

START_TEST(a_mistake_in_the_networks_is_told)
{
    program_spawn(&server, "http_echo",
                  (const char *const[]){"--proxy-protocol=10.0.0.0/33", NULL});
    ck_assert_int_eq(program_wait(&server), 2);
    ck_assert_ptr_nonnull(strstr(server.said, "--proxy-protocol takes up to 32 numeric addresses"));
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("examples_http_proxied");
    TCase *serving = tcase_create("serving");
    const char *why = why_no_reactor();

    if (why) {
        support_skip("serving", why);
        return suite;
    }
    tcase_add_loop_test(serving, the_client_is_the_one_that_the_proxy_names, 0, 2);
    tcase_add_test(serving, a_proxy_may_speak_for_itself);
    tcase_add_test(serving, the_header_may_be_cut_anywhere);
    tcase_add_test(serving, requests_follow_in_the_same_segment);
    tcase_add_test(serving, a_connection_without_a_valid_header_is_closed);
    tcase_add_test(serving, a_header_has_a_time_limit);
    tcase_add_test(serving, strangers_name_nobody);
    tcase_add_test(serving, without_the_option_nobody_is_named);
    tcase_add_test(serving, a_mistake_in_the_networks_is_told);
    suite_add_tcase(suite, serving);
    return suite;
}
