/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* guide/numbers.c: answers that are larger than the memory of the server. */

#include "http_peer.h"

static struct peer peer;

static void start(void)
{
    program_start(&server, "guide_numbers", (const char *const[]){"0", NULL}, "port ");
}

static void stop(void)
{
    if (server.pid != 0) {
        kill(server.pid, SIGTERM);
        ck_assert_int_eq(program_wait(&server), 0);
    }
    ck_assert_str_eq(server.said, "");
}

/* Lines from `next` on, to the end of the stream. Returns the last number. */
static unsigned long numbers_read(unsigned long next)
{
    for (;; next++) {
        unsigned long number = 0;
        int byte = peer_byte(&peer);

        if (byte < 0)
            return next - 1;
        for (; byte != '\n'; byte = peer_byte(&peer)) {
            if (byte < '0' || byte > '9')
                ck_abort_msg("byte %d in the line of %lu", byte, next);
            number = 10 * number + (unsigned long)(byte - '0');
        }
        if (number != next)
            ck_abort_msg("%lu stands in place of %lu", number, next);
    }
}

START_TEST(all_numbers_come)
{
    static const unsigned long lasts[] = {1, 10, 2000, 300000};

    for (size_t i = 0; i < sizeof lasts / sizeof *lasts; i++) {
        char request[32];

        snprintf(request, sizeof request, "%lu\n", lasts[i]);
        peer_dial(&peer);
        peer_say(&peer, request);
        ck_assert_uint_eq(numbers_read(1), lasts[i]);
        close(peer.fd);
    }
}
END_TEST

START_TEST(a_client_that_has_ended_its_side_gets_all)
{
    peer_dial(&peer);
    peer_say(&peer, "300000\n");
    shutdown(peer.fd, SHUT_WR);
    ck_assert_uint_eq(numbers_read(1), 300000);
    close(peer.fd);
}
END_TEST

/* 1 to 10^18 would be 18 exabytes. */
START_TEST(an_answer_without_end_takes_no_memory)
{
    unsigned long before;

    peer_dial(&peer);
    peer_say(&peer, "10\n");
    ck_assert_uint_eq(numbers_read(1), 10);
    close(peer.fd);
    before = server_memory();
    for (int i = 0; i < 4; i++) {
        peer_dial(&peer);
        peer_say(&peer, "1000000000000000000\n"); /* nobody reads, and nobody closes */
    }
    peer_dial(&peer);
    peer_say(&peer, "1000000000000000000\n");
    for (long bytes = 0; bytes < 16L << 20; bytes++)
        if (peer_byte(&peer) < 0)
            ck_abort_msg("the answer ends after %ld bytes", bytes);
    close(peer.fd);
    ck_assert_uint_lt(server_memory(), before + 8 * 1024);
    kill(server.pid, SIGKILL); /* it would wait for its clients */
    ck_assert_int_eq(program_wait(&server), 128 + SIGKILL);
}
END_TEST

START_TEST(sigterm_cuts_no_answer)
{
    unsigned last = 100000 + support_rounds(1400000), next = 0;
    char request[32];

    snprintf(request, sizeof request, "%u\n", last);
    peer_dial(&peer);
    peer_say(&peer, request);
    while (next < 100000)
        next += peer_byte(&peer) == '\n';
    kill(server.pid, SIGTERM);
    ck_assert_uint_eq(numbers_read(next + 1), last);
    close(peer.fd);
    ck_assert_int_eq(program_wait(&server), 0);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("guide_numbers");
    TCase *serving = tcase_create("serving");
    const char *why = why_no_reactor();

    if (why) {
        support_skip("serving", why);
        return suite;
    }
    tcase_add_checked_fixture(serving, start, stop);
    tcase_set_timeout(serving, 60);
    tcase_add_test(serving, all_numbers_come);
    tcase_add_test(serving, a_client_that_has_ended_its_side_gets_all);
    support_add_sized(serving, an_answer_without_end_takes_no_memory);
    tcase_add_test(serving, sigterm_cuts_no_answer);
    suite_add_tcase(suite, serving);
    return suite;
}
