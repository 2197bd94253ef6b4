/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* file_server: files byte for byte, clients that are slow or leave, files that change. */

#include "file_server_test.h"

#include <sys/syscall.h>

START_TEST(files_arrive_byte_for_byte)
{
    static const size_t sizes[] = {0, 1, 4095, 70000, BIG};
    char name[32];

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        snprintf(name, sizeof name, "/%zu", sizes[i]);
        expect_file(name, sizes[i]);
    }
    expect_file("/below/1000", 1000);
}
END_TEST

START_TEST(links_and_dots_that_stay_in_the_folder_are_followed)
{
    expect_file("/inside", 1000);
    expect_file("/below/../below/1000", 1000);
}
END_TEST

/* Linux 5.6, and what a filter makes of it. */
static bool openat2_is_there(void)
{
    return syscall(SYS_openat2, AT_FDCWD, ".", NULL, 0) < 0 && errno == EINVAL;
}

START_TEST(head_has_the_length_and_no_body)
{
    size_t length;

    ask("HEAD", "/70000");
    ck_assert_uint_eq(head_read(&length), 200);
    ck_assert_uint_eq(length, 70000);
    peer_check_end(&peer);
    ask("HEAD", "/none");
    expect_refusal(404);
}
END_TEST

START_TEST(the_folder_has_an_index)
{
    ask("GET", "/");
    expect_refusal(404);
    file_write("files/index.html", 300);
    expect_file("/", 300);
    file_write("files/below/index.html", 200);
    expect_file("/below/", 200);
}
END_TEST

START_TEST(names_are_decoded_and_queries_left_out)
{
    file_write("files/a b%c", 400);
    expect_file("/a%20b%25c", 400);
    expect_file("/%61%20b%25%63?x=%2f", 400);
    expect_file("/1?", 1);
    expect_file("http://here:80/1?x", 1);
}
END_TEST

START_TEST(a_part_of_a_file_is_sent)
{
    static const struct {
        const char *range;
        size_t offset;
        size_t length;
    } parts[] = {
        {"Range: bytes=0-0\r\n", 0, 1},
        {"Range: bytes=4000-\r\n", 4000, 66000},
        {"Range: bytes=69990-99999\r\n", 69990, 10},
        {"Range: bytes=-65537\r\n", 4463, 65537},
    };
    struct answer answer;

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        char expected[100];

        ask_with("/70000", parts[i].range);
        peer_answer_head(&peer, &answer, true);
        ck_assert_uint_eq(answer.status, 206);
        snprintf(expected, sizeof expected, "\r\nContent-Range: bytes %zu-%zu/70000\r\n",
                 parts[i].offset, parts[i].offset + parts[i].length - 1);
        ck_assert_ptr_nonnull(strstr(answer.head, expected));
        for (size_t at = 0; at < parts[i].length; at++)
            if (peer_byte(&peer) != (unsigned char)bytes[parts[i].offset + at])
                ck_abort_msg("byte %zu is not the one of the file", at);
        peer_check_end(&peer);
    }
    ask_with("/70000", "Range: bytes=70000-\r\n");
    peer_answer(&peer, &answer);
    ck_assert_uint_eq(answer.status, 416);
    ck_assert_ptr_nonnull(strstr(answer.head, "\r\nContent-Range: bytes */70000\r\n"));
    peer_check_end(&peer);
}
END_TEST

START_TEST(a_file_that_the_client_has_is_not_sent_again)
{
    struct answer answer;
    char fields[100];
    const char *date;

    ask("HEAD", "/1");
    peer_answer_head(&peer, &answer, true);
    ck_assert_ptr_nonnull(strstr(answer.head, "\r\nContent-Type: application/octet-stream\r\n"));
    ck_assert_ptr_nonnull(strstr(answer.head, "\r\nAccept-Ranges: bytes\r\n"));
    ck_assert_ptr_nonnull(strstr(answer.head, "\r\nDate: "));
    date = strstr(answer.head, "\r\nLast-Modified: ");
    ck_assert_ptr_nonnull(date);
    snprintf(fields, sizeof fields, "If-Modified-Since: %.29s\r\n", date + 17);
    peer_check_end(&peer);
    ask_with("/1", fields);
    peer_answer_head(&peer, &answer, true);
    ck_assert_uint_eq(answer.status, 304);
    peer_check_end(&peer);
    ask_with("/1", "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
    peer_answer(&peer, &answer);
    ck_assert_uint_eq(answer.status, 200);
    peer_check_end(&peer);
}
END_TEST

/* However it is cut: more than the room for a head, a zero, or a request that nobody asked for. */
START_TEST(what_stands_behind_the_head_does_not_matter)
{
    static const char head[] = "GET /1 HTTP/1.0\r\n\r\n";
    char request[8000] = "";
    size_t length;

    memcpy(request, head, sizeof head);
    peer_dial(&peer);
    peer_send(&peer, request, sizeof request);
    ck_assert_uint_eq(head_read(&length), 200);
    body_check(1);
}
END_TEST

START_TEST(the_request_line_is_the_first_line_alone)
{
    static const char request[] = "GETS\r\n\r\nGET /1 HTTP/1.1";

    peer_dial(&peer);
    peer_send(&peer, request, sizeof request - 1);
    expect_refusal(400);
}
END_TEST

START_TEST(a_request_may_come_in_pieces)
{
    const char *request = "GET /1 HTTP/1.0\r\nA: b\r\n\r\n";
    size_t length;

    peer_dial(&peer);
    for (; *request; request++)
        peer_send(&peer, request, 1);
    ck_assert_uint_eq(head_read(&length), 200);
    body_check(1);
}
END_TEST

START_TEST(a_client_that_has_ended_its_side_is_answered)
{
    size_t length;

    ask("GET", "/70000");
    shutdown(peer.fd, SHUT_WR);
    ck_assert_uint_eq(head_read(&length), 200);
    body_check(70000);
    peer_dial(&peer);
    peer_say(&peer, "GET /1");
    shutdown(peer.fd, SHUT_WR);
    peer_check_end(&peer);
}
END_TEST

START_TEST(a_slow_reader_gets_all_of_it)
{
    struct peer slow;
    size_t length;

    ask("GET", "/5242880");
    ck_assert_uint_eq(head_read(&length), 200);
    slow = peer;
    for (unsigned i = 0; i < 50; i++)
        expect_file("/70000", 70000); /* which goes on meanwhile */
    peer = slow;
    body_check(BIG);
}
END_TEST

START_TEST(drain_finishes_what_is_being_sent)
{
    size_t length;

    ask("GET", "/5242880");
    ck_assert_uint_eq(head_read(&length), 200);
    kill(server.pid, SIGTERM);
    body_check(BIG);
    ck_assert_int_eq(program_wait(&server), 0);
}
END_TEST

START_TEST(a_file_of_5_gib_is_told_and_begun)
{
    struct answer head;

    ask("HEAD", "/huge");
    peer_answer_head(&peer, &head, true);
    ck_assert_ptr_nonnull(strstr(head.head, "\r\nContent-Length: 5368709120\r\n"));
    peer_check_end(&peer);
    ask("GET", "/huge");
    peer_answer_head(&peer, &head, true);
    ck_assert_ptr_nonnull(strstr(head.head, "\r\nContent-Length: 5368709120\r\n"));
    zeros_read(20U << 20);
    peer_reset(&peer);
}
END_TEST

START_TEST(a_file_that_shrinks_on_the_way_does_not_look_complete)
{
    struct answer head;

    ask("GET", "/huge");
    peer_answer_head(&peer, &head, true);
    zeros_read(1U << 20);
    file_truncate("files/huge", 1U << 20);
    reset_wait(&peer);
}
END_TEST

START_TEST(a_file_that_grows_on_the_way_ends_where_it_was_said_to)
{
    size_t length;

    ask("GET", "/5242880");
    ck_assert_uint_eq(head_read(&length), 200);
    file_truncate("files/5242880", 2 * BIG);
    body_check(BIG);
}
END_TEST

START_TEST(descriptors_do_not_leak)
{
    unsigned before, after = 0;
    size_t length;

    expect_file("/5242880", BIG);
    before = server_descriptors();
    for (unsigned i = 0; i < 30; i++) {
        expect_file("/1", 1);
        ask("HEAD", "/1");
        ck_assert_uint_eq(head_read(&length), 200);
        peer_check_end(&peer);
        ask("GET", "/below");
        expect_refusal(403);
        ask("GET", "/5242880");
        ck_assert_uint_eq(head_read(&length), 200);
        peer_reset(&peer); /* in the middle */
        ask("GET", "/5242880");
        peer_reset(&peer); /* before the answer, as a rule */
    }
    for (unsigned i = 0; i < 5000 && after != before; i++) {
        expect_file("/1", 1); /* turns of the server's */
        after = server_descriptors();
    }
    ck_assert_uint_eq(after, before);
}
END_TEST

START_TEST(a_folder_that_is_none_is_told)
{
    program_spawn(&server, "file_server", (const char *const[]){"0", "/none/at/all", NULL});
    ck_assert_int_eq(program_wait(&server), 1);
    ck_assert_str_eq(server.said, "file_server: /none/at/all: No such file or directory\n");
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("file_server");
    TCase *serving = tcase_create("serving");
    TCase *usage = tcase_create("usage");
    const char *why = why_no_reactor();

    if (why) {
        support_skip("serving", why);
        return suite;
    }
    tcase_add_test(usage, a_folder_that_is_none_is_told);
    suite_add_tcase(suite, usage);
    tcase_add_checked_fixture(serving, start, stop);
    tcase_add_test(serving, files_arrive_byte_for_byte);
    if (openat2_is_there())
        tcase_add_test(serving, links_and_dots_that_stay_in_the_folder_are_followed);
    else
        support_skip("links_and_dots_that_stay_in_the_folder_are_followed", "needs openat2");
    tcase_add_test(serving, head_has_the_length_and_no_body);
    tcase_add_test(serving, the_folder_has_an_index);
    tcase_add_test(serving, names_are_decoded_and_queries_left_out);
    tcase_add_test(serving, a_part_of_a_file_is_sent);
    tcase_add_test(serving, a_file_that_the_client_has_is_not_sent_again);
    tcase_add_test(serving, what_stands_behind_the_head_does_not_matter);
    tcase_add_test(serving, the_request_line_is_the_first_line_alone);
    tcase_add_test(serving, a_request_may_come_in_pieces);
    tcase_add_test(serving, a_client_that_has_ended_its_side_is_answered);
    tcase_add_test(serving, a_slow_reader_gets_all_of_it);
    tcase_add_test(serving, drain_finishes_what_is_being_sent);
    tcase_add_test(serving, descriptors_do_not_leak);
    tcase_add_test(serving, a_file_of_5_gib_is_told_and_begun);
    tcase_add_test(serving, a_file_that_shrinks_on_the_way_does_not_look_complete);
    tcase_add_test(serving, a_file_that_grows_on_the_way_ends_where_it_was_said_to);
    tcase_set_timeout(serving, 60);
    suite_add_tcase(suite, serving);
    return suite;
}
