/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* guide/lines.c: lines that come in pieces, are too long, too slow, or are never read back. */

#include "http_peer.h"

#define LINE_BYTES 1024

static struct peer peer, other;
static char line[2 * LINE_BYTES];

static void start_patient(void)
{
    program_start(&server, "guide_lines", (const char *const[]){"0", "20000", NULL}, "port ");
}

/* A line has 100 ms, a silence 1 s. */
static void start_hasty(void)
{
    program_start(&server, "guide_lines", (const char *const[]){"0", "100", NULL}, "port ");
}

static void stop(void)
{
    if (server.pid != 0) {
        kill(server.pid, SIGTERM);
        ck_assert_int_eq(program_wait(&server), 0);
    }
    ck_assert_str_eq(server.said, "");
}

static void expect_line(struct peer *from, const char *expected)
{
    peer_line(from, line, sizeof line);
    ck_assert_str_eq(line, expected);
}

START_TEST(lines_come_in_pieces_and_several_at_once)
{
    peer_dial(&peer);
    peer_say(&peer, "a");
    peer_say(&peer, "bc");
    peer_say(&peer, "\n");
    expect_line(&peer, "cba\n");
    peer_say(&peer, "one\r\n\ntwo\nthr");
    expect_line(&peer, "eno\n");
    expect_line(&peer, "\n");
    expect_line(&peer, "owt\n");
    peer_say(&peer, "ee\n");
    expect_line(&peer, "eerht\n");
    close(peer.fd);
}
END_TEST

START_TEST(a_line_of_the_greatest_length_is_answered_and_a_longer_one_refused)
{
    static char text[LINE_BYTES + 2], back[LINE_BYTES + 2];

    memset(text, 'x', LINE_BYTES);
    text[LINE_BYTES] = '\n';
    text[0] = '<';
    memcpy(back, text, sizeof text);
    back[0] = 'x';
    back[LINE_BYTES - 1] = '<';
    peer_dial(&peer);
    peer_say(&peer, text);
    expect_line(&peer, back);
    text[LINE_BYTES] = 'x';
    peer_say(&peer, text);
    expect_line(&peer, "too long\n");
    peer_check_end(&peer);
}
END_TEST

START_TEST(a_line_that_never_ends_is_refused)
{
    static char text[64 << 10];
    ssize_t sent = 1;

    memset(text, 'x', sizeof text);
    peer_dial(&peer);
    while (sent > 0) /* until the server has closed and reads no more */
        sent = send(peer.fd, text, sizeof text, MSG_NOSIGNAL);
    close(peer.fd);
    peer_dial(&other);
    peer_say(&other, "ok\n");
    expect_line(&other, "ko\n");
    close(other.fd);
}
END_TEST

/* Each byte is activity: a time limit that it extended would never pass. */
START_TEST(a_line_whose_bytes_come_one_by_one_is_late)
{
    struct timeval pause = {.tv_usec = 20000};
    ssize_t count;

    peer_dial(&peer);
    setsockopt(peer.fd, SOL_SOCKET, SO_RCVTIMEO, &pause, sizeof pause);
    do {
        (void)!send(peer.fd, "x", 1, MSG_NOSIGNAL);
        count = recv(peer.fd, line, sizeof line, 0);
    } while (count < 0 && errno == EAGAIN);
    ck_assert_int_eq(count, (int)strlen("too slow\n"));
    ck_assert_int_eq(memcmp(line, "too slow\n", strlen("too slow\n")), 0);
    close(peer.fd);
}
END_TEST

START_TEST(a_client_that_reads_no_answer_is_not_read_from_and_ends)
{
    static char text[64 << 10];
    unsigned long before;

    memset(text, 'x', sizeof text);
    for (size_t at = 31; at < sizeof text; at += 32)
        text[at] = '\n';
    peer_dial(&other);
    peer_say(&other, "ok\n");
    expect_line(&other, "ko\n");
    before = server_memory();
    peer_dial(&peer);
    /* How much goes is the machine's affair: what comes after the time limit is read, and dropped,
     * until the client has seen the end or another time limit has passed. */
    while (send(peer.fd, text, sizeof text, MSG_NOSIGNAL) > 0)
        continue;
    ck_assert(errno == ECONNRESET || errno == EPIPE); /* the silence was too long */
    ck_assert_uint_lt(server_memory(), before + 8192);
    close(peer.fd);
    peer_dial(&peer);
    peer_say(&peer, "ok\n");
    expect_line(&peer, "ko\n");
    close(peer.fd);
    close(other.fd);
}
END_TEST

/* The last line has no end: it may be half of a line. */
START_TEST(half_a_line_is_not_answered)
{
    peer_dial(&peer);
    peer_say(&peer, "whole\nha");
    shutdown(peer.fd, SHUT_WR);
    expect_line(&peer, "elohw\n");
    peer_check_end(&peer);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("guide_lines");
    TCase *patient = tcase_create("patient");
    TCase *hasty = tcase_create("hasty");
    const char *why = why_no_reactor();

    if (why) {
        support_skip("patient", why);
        support_skip("hasty", why);
        return suite;
    }
    tcase_add_checked_fixture(patient, start_patient, stop);
    tcase_set_timeout(patient, 60);
    tcase_add_test(patient, lines_come_in_pieces_and_several_at_once);
    tcase_add_test(patient, a_line_of_the_greatest_length_is_answered_and_a_longer_one_refused);
    tcase_add_test(patient, a_line_that_never_ends_is_refused);
    tcase_add_test(patient, half_a_line_is_not_answered);
    suite_add_tcase(suite, patient);
    tcase_add_checked_fixture(hasty, start_hasty, stop);
    tcase_set_timeout(hasty, 60);
    tcase_add_test(hasty, a_line_whose_bytes_come_one_by_one_is_late);
    support_add_sized(hasty, a_client_that_reads_no_answer_is_not_read_from_and_ends);
    suite_add_tcase(suite, hasty);
    return suite;
}
