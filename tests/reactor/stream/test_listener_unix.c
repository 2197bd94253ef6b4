/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Listening on Unix sockets: by a path, whose file is the user's, or by an abstract name. */

#include "listener_test.h"
#include "scratch.h"

#include <stddef.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/un.h>

#define PATH_OFFSET offsetof(struct sockaddr_un, sun_path)

static scratch_path folder;
static struct sockaddr_un where;
static socklen_t where_length;

/* A folder of its own, and a path in it to listen on. */
static void setup(void)
{
    int length;

    ck_assert(scratch_folder(folder));
    where.sun_family = AF_UNIX;
    length = snprintf(where.sun_path, sizeof where.sun_path, "%s/socket", folder);
    where_length = (socklen_t)(PATH_OFFSET + (size_t)length + 1);
    reactor_setup();
}

static void teardown(void)
{
    reactor_teardown();
    (void)unlink(where.sun_path);
    ck_assert_int_eq(rmdir(folder), 0);
}

static void where_abstract(void)
{
    int length = snprintf(where.sun_path + 1, sizeof where.sun_path - 1, "%s", folder);

    where.sun_path[0] = 0;
    where_length = (socklen_t)(PATH_OFFSET + 1 + (size_t)length);
}

static struct kevy_listener_options options_where(void)
{
    struct kevy_listener_options options = options_here();

    options.address = NULL;
    options.socket_address = (struct sockaddr *)&where;
    options.socket_address_length = where_length;
    return options;
}

static int open_where(void)
{
    struct kevy_listener_options options = options_where();
    int error;

    listener_closes = 0;
    memset(&listener, 0, sizeof listener);
    QUIETLY(error = kevy_listener_open(&listener, reactor, &options));
    return error;
}

/* Connects as clients[0]; 0 or a negative errno. */
static int client_connect(void)
{
    int error = 0;

    clients[0] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    ck_assert_int_ge(clients[0], 0);
    if (connect(clients[0], (struct sockaddr *)&where, where_length) < 0)
        error = -errno;
    if (error < 0)
        close(clients[0]);
    return error;
}

static void one_client_is_served(void)
{
    unsigned before = accepted;

    ck_assert_int_eq(client_connect(), 0);
    TURN_UNTIL(accepted == before + 1);
    echo_check(clients[0], &probes[before]);
    QUIETLY(kevy_stream_abort(&probes[before].stream));
    probe_finish(&probes[before]);
    close(clients[0]);
}

START_TEST(a_path_is_listened_on_and_has_no_port)
{
    ck_assert_int_eq(open_where(), 0);
    ck_assert_uint_eq(kevy_listener_port(&listener), 0);
    one_client_is_served();
    one_client_is_served();
    listener_end();
}
END_TEST

START_TEST(the_file_of_a_path_has_the_rights_that_umask_leaves)
{
    mode_t before = umask(077);
    struct stat status;

    ck_assert_int_eq(open_where(), 0);
    (void)umask(before);
    ck_assert_int_eq(stat(where.sun_path, &status), 0);
    ck_assert(S_ISSOCK(status.st_mode));
    ck_assert_uint_eq(status.st_mode & 077, 0);
    listener_end();
}
END_TEST

START_TEST(a_path_that_somebody_listens_on_is_in_use)
{
    struct kevy_listener_options options = options_where();
    struct kevy_listener second = {0};
    int descriptors;

    ck_assert_int_eq(open_where(), 0);
    descriptors = support_fd_count();
    ck_assert_int_eq(kevy_listener_open(&second, reactor, &options), -EADDRINUSE);
    ck_assert_int_eq(support_fd_count(), descriptors);
    one_client_is_served();
    listener_end();
}
END_TEST

START_TEST(a_file_left_behind_is_in_use_until_the_user_removes_it)
{
    ck_assert_int_eq(open_where(), 0);
    listener_end();
    ck_assert_int_eq(client_connect(), -ECONNREFUSED);
    ck_assert_int_eq(open_where(), -EADDRINUSE);
    ck_assert_int_eq(unlink(where.sun_path), 0);
    ck_assert_int_eq(open_where(), 0);
    one_client_is_served();
    listener_end();
}
END_TEST

START_TEST(closing_a_listener_leaves_the_file_of_its_successor_alone)
{
    struct kevy_listener_options options = options_where();
    struct kevy_listener predecessor = {0};

    options.close = NULL;
    ck_assert_int_eq(kevy_listener_open(&predecessor, reactor, &options), 0);
    ck_assert_int_eq(unlink(where.sun_path), 0);
    ck_assert_int_eq(open_where(), 0);
    QUIETLY(kevy_listener_close(&predecessor));
    turns(5);
    one_client_is_served();
    listener_end();
}
END_TEST

START_TEST(clients_that_wait_when_a_listener_closes_are_told)
{
    char byte;

    ck_assert_int_eq(open_where(), 0);
    QUIETLY(kevy_listener_pause(&listener));
    turns(3);
    ck_assert_int_eq(client_connect(), 0);
    turns(3);
    listener_end();
    ck_assert_int_eq(peer_read(clients[0], &byte, 1), -ECONNRESET);
    ck_assert_uint_eq(accepted, 0);
    close(clients[0]);
}
END_TEST

START_TEST(a_path_that_cannot_be_made_is_refused_and_leaves_nothing)
{
    struct kevy_listener_options options = options_where();
    struct sockaddr_storage longer = {.ss_family = AF_UNIX};
    struct sockaddr_un elsewhere = where;
    int descriptors = support_fd_count();

    snprintf(elsewhere.sun_path, sizeof elsewhere.sun_path, "%s/none/socket", folder);
    options.socket_address = (struct sockaddr *)&elsewhere;
    options.socket_address_length = sizeof elsewhere;
    ck_assert_int_eq(kevy_listener_open(&listener, reactor, &options), -ENOENT);
    memset((char *)&longer + PATH_OFFSET, 'x', sizeof longer - PATH_OFFSET);
    options.socket_address = (struct sockaddr *)&longer;
    options.socket_address_length = sizeof elsewhere + 1;
    ck_assert_int_eq(kevy_listener_open(&listener, reactor, &options), -EINVAL);
    options.socket_address_length = sizeof longer + 1;
    ck_assert_int_eq(kevy_listener_open(&listener, reactor, &options), -EINVAL);
    ck_assert_int_eq(support_fd_count(), descriptors);
    ck_assert_uint_eq(stats_now().objects, 0);
}
END_TEST

START_TEST(an_abstract_name_is_listened_on_and_is_free_again_in_close)
{
    where_abstract();
    for (unsigned round = 0; round < 3; round++) {
        ck_assert_int_eq(open_where(), 0);
        ck_assert_uint_eq(kevy_listener_port(&listener), 0);
        one_client_is_served();
        listener_end();
    }
    ck_assert_int_eq(client_connect(), -ECONNREFUSED);
}
END_TEST

START_TEST(an_abstract_name_that_somebody_has_is_in_use)
{
    struct kevy_listener_options options;
    struct kevy_listener second = {0};

    where_abstract();
    options = options_where();
    ck_assert_int_eq(open_where(), 0);
    ck_assert_int_eq(kevy_listener_open(&second, reactor, &options), -EADDRINUSE);
    listener_end();
}
END_TEST

START_TEST(an_adopted_unix_socket_serves_and_its_file_stays)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_eq(bind(fd, (struct sockaddr *)&where, where_length), 0);
    ck_assert_int_eq(listen(fd, 5), 0);
    adopt(fd);
    one_client_is_served();
    listener_end();
    ck_assert_int_eq(access(where.sun_path, F_OK), 0);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("listener_unix");
    TCase *paths = tcase_create("paths");

    tcase_add_checked_fixture(paths, setup, teardown);
    tcase_set_timeout(paths, 20);
    tcase_add_test(paths, a_path_is_listened_on_and_has_no_port);
    tcase_add_test(paths, the_file_of_a_path_has_the_rights_that_umask_leaves);
    tcase_add_test(paths, a_path_that_somebody_listens_on_is_in_use);
    tcase_add_test(paths, a_file_left_behind_is_in_use_until_the_user_removes_it);
    tcase_add_test(paths, closing_a_listener_leaves_the_file_of_its_successor_alone);
    tcase_add_test(paths, clients_that_wait_when_a_listener_closes_are_told);
    tcase_add_test(paths, a_path_that_cannot_be_made_is_refused_and_leaves_nothing);
    tcase_add_test(paths, an_abstract_name_is_listened_on_and_is_free_again_in_close);
    tcase_add_test(paths, an_abstract_name_that_somebody_has_is_in_use);
    tcase_add_test(paths, an_adopted_unix_socket_serves_and_its_file_stays);
    suite_add_tcase(suite, paths);
    return suite;
}
