/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * The decisions of http_decisions.h, by the answers of the server. Each is sent whole, and in two
 * pieces cut at every byte; the second piece is sent when the server has read the first.
 */

#include "http_decisions.h"
#include "http_peer.h"

#define SENTENCE(name, status, sentence) {status, sentence "\n"},

static const struct {
    unsigned status;
    const char *sentence;
} refusals[] = {{0, ""}, REFUSALS(SENTENCE)};

static struct peer peer, other;
static struct answer answer;

static void start(void)
{
    server_start(NULL);
    peer_dial(&other);
}

static void stop(void)
{
    close(other.fd);
    server_stop();
}

/* It may be refused, and closed, before the last byte. */
static void send_some(const char *bytes, size_t length)
{
    (void)!send(peer.fd, bytes, length, MSG_NOSIGNAL);
}

static void check_answer(const struct decision *decision, size_t cut)
{
    do
        peer_answer(&peer, &answer);
    while (answer.status == 100);
    if (decision->refusal) {
        ck_assert_msg(answer.status == refusals[decision->refusal].status,
                      "%s Cut at %zu: %u instead of %u", decision->reason, cut, answer.status,
                      refusals[decision->refusal].status);
        /* Where the method is not known, the answer is without a body. */
        if (answer.length)
            ck_assert_str_eq(answer.body, refusals[decision->refusal].sentence);
        ck_assert(answer.closes);
        shutdown(peer.fd, SHUT_WR);
        peer_check_end(&peer);
        return;
    }
    ck_assert_msg(answer.status / 100 == 2, "%s Cut at %zu: %u", decision->reason, cut,
                  answer.status);
    if (decision->body)
        ck_assert_str_eq(answer.body, decision->body);
    close(peer.fd);
}

START_TEST(decisions_are_kept_by_the_server_however_a_request_is_cut)
{
    const struct decision *decision = &decisions[_i];
    unsigned rounds = support_rounds((unsigned)decision->length);

    for (unsigned round = 0; round < rounds; round++) {
        size_t cut = round * decision->length / rounds;

        peer_dial(&peer);
        if (cut) {
            send_some(decision->bytes, cut);
            ping(&other);
        }
        send_some(decision->bytes + cut, decision->length - cut);
        check_answer(decision, cut);
    }
}
END_TEST

/* A row that is not explained, or is there twice, would not be one decision in one place. */
START_TEST(decisions_have_a_reason_and_are_not_repeated)
{
    for (int i = 0; i < DECISIONS; i++) {
        ck_assert_int_eq(strncmp(decisions[i].section, "RFC ", 4), 0);
        ck_assert_int_eq(decisions[i].reason[strlen(decisions[i].reason) - 1], '.');
        for (int j = 0; j < i; j++)
            ck_assert(decisions[i].length != decisions[j].length ||
                      memcmp(decisions[i].bytes, decisions[j].bytes, decisions[j].length) != 0);
    }
}
END_TEST

/* Refused for every cause that a HEAD may have, and in each part of it. */
static const struct {
    unsigned status;
    const char *request;
    bool known; /* to be a HEAD, by the time that it is refused */
} heads[] = {
    {400, " HEAD / HTTP/1.1\r\n\r\n", false},
    {400, "\rHEAD / HTTP/1.1\r\n\r\n", false},
    {400, "\r\n\r\nHEAD / HTTP/1.1\r\n\r\n", false},
    {400, "H\x01", false},
    {400, "HEAD\r\n\r\n", false},
    {400, "HEAD\t/ HTTP/1.1\r\n\r\n", false},
    {400, "HEAD  / HTTP/1.1\r\n\r\n", true},
    {400, "HEAD /\r\n\r\n", true},
    {400, "HEAD / HTTP/1.1\n\n", true},
    {400, "HEAD / HTTP/1.x\r\n", true},
    {400, "HEAD * HTTP/1.1\r\n", true},
    {400, "HEAD / HTTP/1.1\r\n: a\r\n", true},
    {400, "HEAD / HTTP/1.1\r\nX: \x01", true},
    {400, "HEAD / HTTP/1.1\r\nX: a\r\n b\r\n", true},
    {400, "HEAD / HTTP/1.1\r\n\r\n", true},
    {400, "HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", true},
    {400, "HEAD / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: x\r\n\r\n", true},
    {400, "HEAD / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx", true},
    {400, "HEAD / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nHost: a\r\n", true},
    {413, "HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999999\r\n\r\n", true},
    {413, "HEAD / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nfffffffff\r\n", true},
    {417, "HEAD / HTTP/1.1\r\nHost: a\r\nExpect: x\r\n\r\n", true},
    {501, "HEAD / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: x, chunked\r\n\r\n", true},
    {505, "HEAD / HTTP/2.0\r\n", true},
};

/* The end of the stream follows the head: nothing that could be taken for another answer. */
static void check_no_body(unsigned status, bool known)
{
    peer_answer_head(&peer, &answer, true);
    ck_assert_uint_eq(answer.status, status);
    ck_assert(answer.closes);
    ck_assert(!strstr(answer.head, "\r\nContent-Length: 0\r\n") == known);
    shutdown(peer.fd, SHUT_WR);
    peer_check_end(&peer);
}

START_TEST(refused_heads_have_no_body)
{
    peer_dial(&peer);
    peer_say(&peer, heads[_i].request);
    check_no_body(heads[_i].status, heads[_i].known);
}
END_TEST

START_TEST(heads_that_are_too_long_have_no_body)
{
    static char flood[100000];

    memset(flood, 'x', sizeof flood - 1);
    memcpy(flood, "HEAD /", 6);
    peer_dial(&peer);
    peer_say(&peer, flood);
    check_no_body(414, true);
    memcpy(flood, "HEAD / HTTP/1.1\r\nX: ", 20);
    peer_dial(&peer);
    peer_say(&peer, flood);
    check_no_body(431, true);
}
END_TEST

/* Late in the method, in the head, and in the body. */
START_TEST(heads_that_are_late_have_no_body)
{
    static const char *const arguments[] = {"--header-timeout=0.05", "--body-timeout=0.05", NULL};
    static const char *const parts[] = {
        "HEAD", "HEAD / HTTP/1.1\r\nHost: a\r\n",
        "HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab"};

    server_start(arguments);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        peer_dial(&peer);
        peer_say(&peer, parts[i]);
        check_no_body(408, i > 0);
    }
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

Suite *test_suite(void)
{
    Suite *suite = suite_create("http_decisions");
    TCase *table = tcase_create("table");
    TCase *cases = tcase_create("decisions");
    TCase *late = tcase_create("late");
    const char *why = why_no_reactor();

    tcase_add_test(table, decisions_have_a_reason_and_are_not_repeated);
    suite_add_tcase(suite, table);
    if (why) {
        support_skip("http_decisions", why);
        return suite;
    }
    tcase_add_checked_fixture(cases, start, stop);
    tcase_add_loop_test(cases, decisions_are_kept_by_the_server_however_a_request_is_cut, 0,
                        DECISIONS);
    tcase_add_loop_test(cases, refused_heads_have_no_body, 0, COUNT(heads));
    tcase_add_test(cases, heads_that_are_too_long_have_no_body);
    tcase_set_timeout(cases, 30);
    suite_add_tcase(suite, cases);
    tcase_add_checked_fixture(late, NULL, server_stop);
    tcase_add_test(late, heads_that_are_late_have_no_body);
    tcase_set_timeout(late, 30);
    suite_add_tcase(suite, late);
    return suite;
}
