/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* file_server: files byte for byte, what it refuses, clients that are slow or leave. */

#include "http_peer.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define BIG         (5U << 20)
#define HUGE_LENGTH (UINT64_C(5) << 30) /* of a file without a byte on disk */

static char base[] = "/tmp/kevy_files_XXXXXX"; /* has the folder, and a file beside it */
static char folder[64];
static struct peer peer;
static char bytes[BIG];

static void file_write(const char *name, size_t length)
{
    char path[256];
    int fd;

    snprintf(path, sizeof path, "%s/%s", base, name);
    fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, bytes, length), (ssize_t)length);
    close(fd);
}

static void link_make(const char *to, const char *name)
{
    char path[256];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    ck_assert_int_eq(symlink(to, path), 0);
}

static void name_make(int (*make)(const char *path, mode_t mode), const char *name, mode_t mode)
{
    char path[256];

    snprintf(path, sizeof path, "%s/%s", base, name);
    ck_assert_int_eq(make(path, mode), 0);
}

/* A file of zeros, or an end for one that is there. */
static void file_truncate(const char *name, uint64_t length)
{
    char path[256];
    int fd;

    snprintf(path, sizeof path, "%s/%s", base, name);
    fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC | O_LARGEFILE, 0644);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(ftruncate(fd, (off_t)length), 0);
    close(fd);
}

static void files_make(void)
{
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 2654435761U >> 24);
    ck_assert_ptr_nonnull(mkdtemp(base));
    snprintf(folder, sizeof folder, "%s/files", base);
    name_make(mkdir, "files", 0755);
    name_make(mkdir, "files/below", 0755);
    name_make(mkfifo, "files/pipe", 0644);
    file_write("secret", 100);
    file_write("files/0", 0);
    file_write("files/1", 1);
    file_write("files/4095", 4095);
    file_write("files/70000", 70000);
    file_write("files/5242880", BIG);
    file_write("files/below/1000", 1000);
    link_make("../secret", "out");
    link_make("/etc/passwd", "absolute");
    link_make("..", "up");
    link_make("/proc/self/root", "magic");
    link_make("below/1000", "inside");
    file_truncate("files/huge", HUGE_LENGTH);
}

static void start(void)
{
    files_make();
    program_start(&server, "file_server", (const char *const[]){"0", folder, NULL}, "port ");
}

static void start_hurried(void)
{
    files_make();
    program_start(&server, "../tests/hurried_file_server", (const char *const[]){"0", folder, NULL},
                  "port ");
}

static int entry_remove(const char *path, const struct stat *status, int kind, struct FTW *where)
{
    (void)status, (void)kind, (void)where;
    return remove(path);
}

static void stop(void)
{
    if (server.pid) {
        kill(server.pid, SIGTERM);
        ck_assert_int_eq(program_wait(&server), 0);
        ck_assert_str_eq(server.said, "");
    }
    nftw(base, entry_remove, 8, FTW_DEPTH | FTW_PHYS);
}

/* The descriptors that the server has open. */
static unsigned server_descriptors(void)
{
    char path[64];
    unsigned count = 0;

    snprintf(path, sizeof path, "/proc/%d/fd", (int)server.pid);
    DIR *open_files = opendir(path);
    ck_assert_ptr_nonnull(open_files);
    while (readdir(open_files))
        count++;
    closedir(open_files);
    return count;
}

static void ask(const char *method, const char *name)
{
    char request[5000];
    int length =
        snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: here\r\n\r\n", method, name);

    peer_dial(&peer);
    peer_send(&peer, request, (size_t)length);
}

/* Reads a head, and returns the status; *length is what it says the body has. */
static unsigned head_read(size_t *length)
{
    struct answer head;

    peer_answer_head(&peer, &head, true);
    ck_assert(head.closes);
    const char *size = strstr(head.head, "\r\nContent-Length: ");
    ck_assert_ptr_nonnull(size);
    *length = strtoul(size + strlen("\r\nContent-Length: "), NULL, 10);
    return head.status;
}

static void body_check(size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (peer_byte(&peer) != (unsigned char)bytes[i])
            ck_abort_msg("byte %zu of %zu is not the file's", i, length);
    peer_check_end(&peer);
}

static void expect_file(const char *name, size_t size)
{
    size_t length;

    ask("GET", name);
    ck_assert_uint_eq(head_read(&length), 200);
    ck_assert_uint_eq(length, size);
    body_check(size);
}

static void expect_refusal(unsigned status)
{
    size_t length;

    ck_assert_uint_eq(head_read(&length), status);
    ck_assert_uint_eq(length, 0);
    peer_check_end(&peer);
}

START_TEST(files_arrive_byte_for_byte)
{
    static const size_t sizes[] = {0, 1, 4095, 70000, BIG};
    char name[32];

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        snprintf(name, sizeof name, "/%zu", sizes[i]);
        expect_file(name, sizes[i]);
    }
    expect_file("/below/1000", 1000);
    expect_file("/inside", 1000);
    expect_file("/below/../below/1000", 1000);
}
END_TEST

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
}
END_TEST

/* However it is cut: more than the room for a head, a zero, or a request that nobody asked for. */
START_TEST(what_stands_behind_the_head_does_not_matter)
{
    static const char head[] = "GET /1 HTTP/1.1\r\n\r\n";
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

static const struct {
    unsigned status;
    const char *method;
    const char *name;
} refused[] = {
    {404, "GET", "/none"},
    {404, "GET", "/1/more"},
    {403, "GET", "/below"},
    {403, "GET", "/below/"},
    {403, "GET", "/pipe"},
    {403, "GET", "/../secret"},
    {403, "GET", "/.."},
    {403, "GET", "/below/../../secret"},
    {403, "GET", "/./../secret"},
    {403, "GET", "/up/secret"},
    {403, "GET", "/out"},
    {403, "GET", "/absolute"},
    {403, "GET", "/magic/etc/passwd"},
    {403, "GET", "//etc/passwd"},
    {403, "GET", "///etc/passwd"},
    {404, "GET", "/..\\secret"},
    {404, "GET", "/....//secret"},
    {400, "GET", "/%2e%2e/secret"},
    {400, "GET", "/..%2fsecret"},
    {400, "GET", "/%2e./secret"},
    {400, "GET", "/below/%2E%2E/%2E%2E/secret"},
    {400, "GET", "/%252e%252e/secret"},
    {400, "GET", "/%c0%ae%c0%ae/secret"},
    {400, "GET", "/1%00"},
    {400, "GET", "/1?x"},
    {400, "GET", "../secret"},
    {400, "GET", "http://here/1"},
    {400, "GET", "/a b"},
    {400, "GET", ""},
    {405, "POST", "/1"},
    {405, "DELETE", "/1"},
    {405, "get", "/1"},
    {405, "GETS", "/1"},
};

START_TEST(everything_else_is_refused)
{
    ask(refused[_i].method, refused[_i].name);
    expect_refusal(refused[_i].status);
}
END_TEST

START_TEST(long_names_are_refused)
{
    static char name[5000] = "/";

    memset(name + 1, 'x', 300);
    ask("GET", name);
    expect_refusal(404);
    memset(name + 1, 'x', sizeof name - 200);
    ask("GET", name);
    expect_refusal(400);
}
END_TEST

static const char *const malformed[] = {
    "\r\n\r\n",
    "GET\r\n\r\n",
    "GET /1\r\n\r\n",
    "GET /1 HTTP/2.0\r\n\r\n",
    "GET  /1 HTTP/1.1\r\n\r\n",
    "GET /1 HTTP/1.12\r\n\r\n",
    "GET\r\nA: /1 HTTP/1.1\r\n\r\n",
    "GET /1\r\nA: HTTP/1.1\r\n\r\n",
};

START_TEST(what_is_no_request_is_refused)
{
    peer_dial(&peer);
    peer_say(&peer, malformed[_i]);
    expect_refusal(400);
}
END_TEST

START_TEST(a_zero_byte_is_refused)
{
    peer_dial(&peer);
    peer_send(&peer, "GET /1\0 HTTP/1.1\r\n\r\n", 20);
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

/* Reads zeros. */
static void zeros_read(size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (peer_byte(&peer) != 0)
            ck_abort_msg("byte %zu is no zero", i);
}

/* Reads, whatever it is, until the server has reset the connection; an end is not that. */
static void reset_wait(struct peer *from)
{
    static char rest[65536];
    ssize_t count;

    do
        count = recv(from->fd, rest, sizeof rest, 0);
    while (count > 0);
    ck_assert_int_eq(count, -1);
    ck_assert_int_eq(errno, ECONNRESET);
    close(from->fd);
}

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

START_TEST(a_client_that_says_nothing_is_reset)
{
    peer_dial(&peer);
    reset_wait(&peer);
}
END_TEST

/* A byte now and then is activity, and no head. */
START_TEST(a_client_that_says_its_head_too_slowly_is_reset)
{
    struct pollfd readable = {.events = POLLIN};
    int ready = 0;

    peer_dial(&peer);
    readable.fd = peer.fd;
    peer_say(&peer, "GET /1 HTTP/1.1\r\n");
    while (ready == 0) {
        (void)send(peer.fd, "x", 1, MSG_NOSIGNAL); /* it may be reset by then */
        ready = poll(&readable, 1, 1);
    }
    reset_wait(&peer);
}
END_TEST

START_TEST(a_client_has_its_time_for_the_head_and_as_much_as_it_takes_for_the_body)
{
    struct peer silent;
    struct answer head;

    ask("GET", "/huge");
    peer_answer_head(&peer, &head, true);
    peer_dial(&silent);
    reset_wait(&silent); /* whose time began later */
    zeros_read(20U << 20);
    peer_reset(&peer);
}
END_TEST

/* Few descriptors, and clients that say nothing until the last of them is taken. */
START_TEST(a_file_that_cannot_be_opened_now_is_not_said_to_be_none)
{
    enum { DESCRIPTORS = 24 };
    static struct peer silent[DESCRIPTORS];
    struct rlimit few = {.rlim_cur = DESCRIPTORS, .rlim_max = RLIM_INFINITY}, before;

    stop();
    strcpy(base + strlen(base) - 6, "XXXXXX");
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    few.rlim_max = before.rlim_max;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    start();
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    for (unsigned i = 0; i < DESCRIPTORS; i++)
        peer_dial(&silent[i]);
    while (server_descriptors() < DESCRIPTORS + 2) /* "." and ".." are counted, too */
        sched_yield();
    peer = silent[0];
    peer_say(&peer, "GET /1 HTTP/1.1\r\n\r\n");
    expect_refusal(503);
    for (unsigned i = 1; i < DESCRIPTORS; i++)
        close(silent[i].fd);
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

START_TEST(wrong_arguments_get_the_usage)
{
    program_spawn(&server, "file_server", (const char *const[]){"0", NULL});
    ck_assert_int_eq(program_wait(&server), 2);
    ck_assert_str_eq(server.said, "usage: file_server PORT FOLDER\n");
}
END_TEST

START_TEST(a_folder_that_is_none_is_told)
{
    program_spawn(&server, "file_server", (const char *const[]){"0", "/none/at/all", NULL});
    ck_assert_int_eq(program_wait(&server), 1);
    ck_assert_ptr_nonnull(strstr(server.said, "file_server: "));
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("file_server");
    TCase *serving = tcase_create("serving");
    TCase *hurried = tcase_create("hurried");
    TCase *usage = tcase_create("usage");
    const char *why = why_no_reactor();

    tcase_add_test(usage, wrong_arguments_get_the_usage);
    suite_add_tcase(suite, usage);
    if (why) {
        support_skip("serving", why);
        return suite;
    }
    tcase_add_test(usage, a_folder_that_is_none_is_told);
    tcase_add_checked_fixture(serving, start, stop);
    tcase_add_test(serving, files_arrive_byte_for_byte);
    tcase_add_test(serving, head_has_the_length_and_no_body);
    tcase_add_test(serving, the_folder_has_an_index);
    tcase_add_test(serving, what_stands_behind_the_head_does_not_matter);
    tcase_add_test(serving, the_request_line_is_the_first_line_alone);
    tcase_add_loop_test(serving, everything_else_is_refused, 0,
                        (int)(sizeof refused / sizeof *refused));
    tcase_add_test(serving, long_names_are_refused);
    tcase_add_loop_test(serving, what_is_no_request_is_refused, 0,
                        (int)(sizeof malformed / sizeof *malformed));
    tcase_add_test(serving, a_zero_byte_is_refused);
    tcase_add_test(serving, a_request_may_come_in_pieces);
    tcase_add_test(serving, a_client_that_has_ended_its_side_is_answered);
    tcase_add_test(serving, a_slow_reader_gets_all_of_it);
    tcase_add_test(serving, drain_finishes_what_is_being_sent);
    tcase_add_test(serving, a_file_that_cannot_be_opened_now_is_not_said_to_be_none);
    tcase_add_test(serving, descriptors_do_not_leak);
    tcase_add_test(serving, a_file_of_5_gib_is_told_and_begun);
    tcase_add_test(serving, a_file_that_shrinks_on_the_way_does_not_look_complete);
    tcase_add_test(serving, a_file_that_grows_on_the_way_ends_where_it_was_said_to);
    tcase_set_timeout(serving, 60);
    suite_add_tcase(suite, serving);
    tcase_add_checked_fixture(hurried, start_hurried, stop);
    tcase_add_test(hurried, a_client_that_says_nothing_is_reset);
    tcase_add_test(hurried, a_client_that_says_its_head_too_slowly_is_reset);
    tcase_add_test(hurried,
                   a_client_has_its_time_for_the_head_and_as_much_as_it_takes_for_the_body);
    suite_add_tcase(suite, hurried);
    return suite;
}
