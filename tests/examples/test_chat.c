/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* chat: one buffer, kept for many streams. */

#include "http_peer.h"

#define CLIENTS 6

static struct peer peers[CLIENTS];

static void start(void)
{
    program_start(&server, "chat", (const char *const[]){"0", NULL}, "port ");
}

static void stop(void)
{
    kill(server.pid, SIGTERM);
    ck_assert_int_eq(program_wait(&server), 0);
    ck_assert_str_eq(server.said, "");
}

/* Everybody is connected once everybody has heard the last one. */
static void gather(void)
{
    for (int i = 0; i < CLIENTS; i++)
        peer_dial(&peers[i]);
    peer_say(&peers[CLIENTS - 1], "!");
    for (int i = 0; i < CLIENTS - 1; i++)
        ck_assert_int_eq(peer_byte(&peers[i]), '!');
}

static void part(void)
{
    for (int i = 0; i < CLIENTS; i++)
        close(peers[i].fd);
}

START_TEST(all_others_hear_what_one_says)
{
    gather();
    for (int speaker = 0; speaker < CLIENTS; speaker++) {
        char word[2] = {(char)('a' + speaker), '\0'};

        peer_say(&peers[speaker], word);
        for (int i = 0; i < CLIENTS; i++)
            if (i != speaker)
                ck_assert_int_eq(peer_byte(&peers[i]), word[0]);
    }
    part();
}
END_TEST

START_TEST(who_does_not_listen_is_let_go_and_the_others_go_on)
{
    static char speech[64 << 10];
    struct peer *deaf = &peers[1];

    gather();
    memset(speech, 's', sizeof speech);
    /* The deaf one's socket and queue hold some megabytes at most; the last listener keeps pace. */
    for (int round = 0; round < 400; round++) {
        peer_send(&peers[0], speech, sizeof speech);
        for (int i = 2; i < CLIENTS; i++)
            for (size_t byte = 0; byte < sizeof speech; byte++)
                if (peer_byte(&peers[i]) != 's')
                    ck_abort_msg("client %d, round %d, byte %zu", i, round, byte);
    }
    while (recv(deaf->fd, speech, sizeof speech, 0) > 0)
        ;
    peer_say(&peers[0], ".");
    ck_assert_int_eq(peer_byte(&peers[2]), '.');
    part();
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("chat");
    TCase *serving = tcase_create("serving");
    const char *why = why_no_reactor();

    if (why) {
        support_skip("serving", why);
        return suite;
    }
    tcase_add_checked_fixture(serving, start, stop);
    tcase_add_test(serving, all_others_hear_what_one_says);
    tcase_add_test(serving, who_does_not_listen_is_let_go_and_the_others_go_on);
    tcase_set_timeout(serving, 60);
    suite_add_tcase(suite, serving);
    return suite;
}
