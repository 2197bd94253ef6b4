/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* The sentence for each errno, on machines that these facts describe. */

#include "ring_test.h"
#include "scratch.h"

#include <kevy/ring_explain.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "explain.h"

static const struct explain_facts good = {
    .io_uring_disabled = 0,
    .seccomp = 0,
    .memlock_bytes = 8U << 20,
    .open_files = 1024,
    .release = "6.18.44",
};

static struct explain_facts facts;
static char text[KEVY_RING_EXPLAIN_SIZE];

static void facts_reset(void)
{
    facts = good;
    memset(text, 'x', sizeof text);
}

/* The sentence for `error` holds `part`, whole. */
static void sentence_has(int error, const char *part)
{
    int length = kevy_x_explain_text(error, &facts, text, sizeof text);

    ck_assert_int_gt(length, 0);
    ck_assert_uint_lt((size_t)length, sizeof text);
    ck_assert_uint_eq(strlen(text), (size_t)length);
    ck_assert_msg(strstr(text, part) != NULL, "\"%s\" is not in: %s", part, text);
}

START_TEST(permission_by_sysctl)
{
    facts.io_uring_disabled = 2;
    facts.seccomp = 2; /* the sysctl comes first: it is the one that must be lifted anyway */
    sentence_has(-EPERM, "kernel.io_uring_disabled is 2");
    sentence_has(-EPERM, "sysctl -w kernel.io_uring_disabled=0");
    facts.io_uring_disabled = 1;
    sentence_has(-EPERM, "kernel.io_uring_group");
    sentence_has(-EPERM, "CAP_SYS_ADMIN");
}
END_TEST

START_TEST(permission_by_container)
{
    facts.seccomp = 2;
    sentence_has(-EPERM, "--security-opt seccomp=");
    sentence_has(-EPERM, "Localhost seccompProfile");
    facts.io_uring_disabled = EXPLAIN_UNKNOWN; /* before 6.6 there is no such sysctl */
    sentence_has(-EPERM, "--security-opt seccomp=");
}
END_TEST

START_TEST(permission_by_something_else)
{
    sentence_has(-EPERM, "security module");
}
END_TEST

START_TEST(no_io_uring_at_all)
{
    facts.seccomp = 2;
    strcpy(facts.release, "5.0.21-generic");
    sentence_has(-ENOSYS, "5.0.21-generic");
    sentence_has(-ENOSYS, "5.1 or later");
    strcpy(facts.release, "4.19.0");
    sentence_has(-ENOSYS, "5.1 or later");
    strcpy(facts.release, "");
    sentence_has(-ENOSYS, "5.1 or later");
    strcpy(facts.release, "5.1.0");
    sentence_has(-ENOSYS, "--security-opt seccomp=");
    facts.seccomp = 0;
    sentence_has(-ENOSYS, "CONFIG_IO_URING");
    facts.seccomp = EXPLAIN_UNKNOWN;
    sentence_has(-ENOSYS, "CONFIG_IO_URING");
}
END_TEST

START_TEST(memory_names_the_limit)
{
    sentence_has(-ENOMEM, "8192 KiB");
    sentence_has(-ENOMEM, "over all processes of the user");
    sentence_has(-ENOMEM, "ulimit -l");
    facts.memlock_bytes = EXPLAIN_UNLIMITED;
    sentence_has(-ENOMEM, "out of memory: use");
}
END_TEST

START_TEST(descriptors_name_the_limit)
{
    sentence_has(-EMFILE, "all 1024 descriptors");
    sentence_has(-EMFILE, "ulimit -n");
    facts.open_files = EXPLAIN_UNLIMITED;
    sentence_has(-EMFILE, "ulimit -n");
    sentence_has(-ENFILE, "fs.file-max");
}
END_TEST

START_TEST(invalid_names_the_kernel)
{
    sentence_has(-EINVAL, "Linux 6.18.44");
    sentence_has(-EINVAL, "6.1");
}
END_TEST

START_TEST(addresses)
{
    sentence_has(-EADDRINUSE, "already uses this address and port");
    sentence_has(-EADDRNOTAVAIL, "no interface");
}
END_TEST

START_TEST(a_denial_is_blamed_on_the_filter_that_is_in_force)
{
    sentence_has(-EACCES, "below 1024");
    sentence_has(-EACCES, "security module");
    facts.seccomp = 2;
    sentence_has(-EACCES, "seccomp filter is in force");
    sentence_has(-EACCES, "--security-opt seccomp=");
    ck_assert_ptr_null(strstr(text, "1024"));
}
END_TEST

static void kernel_is(const struct kevy_ring *ring, const char *sentence)
{
    int length = kevy_x_explain_kernel_text(ring, &facts, text, sizeof text);

    ck_assert_int_eq(length, (int)strlen(text));
    ck_assert_msg(strstr(text, sentence) == text, "\"%s\" does not begin: %s", sentence, text);
}

static struct kevy_ring running_on(const struct kevy_ring_kernel *kernel, int error)
{
    struct kevy_ring ring = {.sq_entries = 4, .kernel = kernel, .kernel_error = error};

    return ring;
}

static const struct kevy_ring_kernel instead = {.name = "soft"};

START_TEST(each_kernel_has_its_sentence)
{
    static const struct kevy_ring_kernel mine = {.name = "mine"};
    struct kevy_ring ring = {0};

    kernel_is(&ring, "the ring is not set up");
    ring = running_on(NULL, 0);
    kernel_is(&ring, "the ring runs on io_uring of this kernel, Linux 6.18.44");
    ring = running_on(&mine, 0);
    kernel_is(&ring, "the ring runs on the kernel \"mine\", as the program asked");
}
END_TEST

START_TEST(a_kernel_that_stands_in_for_io_uring_says_why)
{
    struct kevy_ring ring = running_on(&instead, -EACCES);
    char small[70];
    int whole;

    facts.seccomp = 2;
    kernel_is(&ring, "the ring runs on the kernel \"soft\", because io_uring failed: a seccomp "
                     "filter or a security module forbids io_uring: allow");
    ck_assert_ptr_null(strstr(text, "1024"));
    whole = (int)strlen(text);
    ck_assert_int_eq(kevy_x_explain_kernel_text(&ring, &facts, small, 10), whole);
    ck_assert_str_eq(small, "the ring ");
    ck_assert_int_eq(kevy_x_explain_kernel_text(&ring, &facts, small, sizeof small), whole);
    ck_assert_uint_eq(strlen(small), sizeof small - 1);
    ck_assert_mem_eq(small, text, sizeof small - 1);
}
END_TEST

START_TEST(a_ring_tells_its_kernel)
{
    struct kevy_ring ring = {0};

    ck_assert_int_eq(kevy_ring_init(&ring, 4, NULL), 0);
    errno = 77;
    ck_assert_int_gt(kevy_ring_explain_kernel(&ring, text, sizeof text), 0);
    ck_assert_int_eq(errno, 77);
    ck_assert_ptr_nonnull(strstr(text, "runs on io_uring"));
    kevy_ring_deinit(&ring);
}
END_TEST

START_TEST(any_sentence_fits_the_size_named)
{
    facts.seccomp = 2;
    for (int error = 0; error < 4096; error++) {
        struct kevy_ring ring = running_on(&instead, -error);

        ck_assert_int_lt(kevy_x_explain_text(-error, &facts, NULL, 0), KEVY_RING_EXPLAIN_SIZE);
        ck_assert_int_lt(kevy_x_explain_kernel_text(&ring, &facts, NULL, 0),
                         KEVY_RING_EXPLAIN_SIZE);
    }
}
END_TEST

START_TEST(everything_else_is_described)
{
    sentence_has(-EEXIST, "another thread");
    sentence_has(-EOPNOTSUPP, "not supported: by this kernel, Linux 6.18.44");
    sentence_has(-EPIPE, "Broken pipe");
    sentence_has(-EPIPE, "(errno 32)");
    sentence_has(-4000, "(errno 4000)");
    sentence_has(-1000000, "(errno 4095)");
    sentence_has(-2147483647 - 1, "(errno 4095)");
    sentence_has(0, "nothing went wrong");
    sentence_has(5, "nothing went wrong");
}
END_TEST

START_TEST(text_is_cut_and_measured_as_by_snprintf)
{
    char small[8];
    int whole = kevy_ring_explain(-EMFILE, NULL, 0);

    ck_assert_int_gt(whole, 8);
    ck_assert_int_eq(kevy_ring_explain(-EMFILE, small, sizeof small), whole);
    ck_assert_uint_eq(strlen(small), sizeof small - 1);
    ck_assert_int_eq(kevy_ring_explain(-EMFILE, text, (size_t)whole + 1), whole);
    ck_assert_uint_eq(strlen(text), (size_t)whole);
}
END_TEST

START_TEST(errno_is_left_alone)
{
    errno = 77;
    kevy_ring_explain(-EPERM, text, sizeof text);
    ck_assert_int_eq(errno, 77);
}
END_TEST

/* A file with the given content; its name comes back in `path`. */
static void file_make(scratch_path path, const char *content)
{
    int fd = scratch_file(path);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, content, strlen(content)), (ssize_t)strlen(content));
    close(fd);
}

static void facts_from(const char *disabled, const char *status)
{
    scratch_path disabled_path, status_path;

    file_make(disabled_path, disabled);
    file_make(status_path, status);
    kevy_x_explain_facts_read(&facts, disabled_path, status_path);
    unlink(disabled_path);
    unlink(status_path);
}

START_TEST(facts_come_from_the_files)
{
    facts_from("2\n", "Name:\tx\nSeccomp:\t2\nSeccomp_filters:\t1\n");
    ck_assert_int_eq(facts.io_uring_disabled, 2);
    ck_assert_int_eq(facts.seccomp, 2);
    facts_from("", "Name:\tSeccomp:\t2\n");
    ck_assert_int_eq(facts.io_uring_disabled, EXPLAIN_UNKNOWN);
    ck_assert_int_eq(facts.seccomp, EXPLAIN_UNKNOWN);
    facts_from("garbage", "\nSeccomp:\n");
    ck_assert_int_eq(facts.io_uring_disabled, EXPLAIN_UNKNOWN);
    ck_assert_int_eq(facts.seccomp, EXPLAIN_UNKNOWN);
    facts_from("-1", "\nSeccomp: 99999999999999999999\n");
    ck_assert_int_eq(facts.io_uring_disabled, EXPLAIN_UNKNOWN);
    ck_assert_int_eq(facts.seccomp, EXPLAIN_UNKNOWN);
    kevy_x_explain_facts_read(&facts, "/nonexistent/a", "/nonexistent/b");
    ck_assert_int_eq(facts.io_uring_disabled, EXPLAIN_UNKNOWN);
    ck_assert_int_eq(facts.seccomp, EXPLAIN_UNKNOWN);
    ck_assert_uint_ne(facts.release[0], '\0');
}
END_TEST

START_TEST(a_long_file_is_read_as_far_as_it_goes)
{
    char *content = malloc(20000);

    memset(content, 'a', 19999);
    content[19999] = '\0';
    facts_from(content, content);
    ck_assert_int_eq(facts.seccomp, EXPLAIN_UNKNOWN);
    free(content);
}
END_TEST

START_TEST(limits_are_those_in_force)
{
    struct rlimit limit = {1000, 1000};

    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    kevy_x_explain_facts_read(&facts, "/nonexistent/a", "/nonexistent/b");
    ck_assert_uint_eq(facts.open_files, 1000);
    limit.rlim_cur = 4096;
    limit.rlim_max = 4096;
    ck_assert_int_eq(setrlimit(RLIMIT_MEMLOCK, &limit), 0);
    kevy_x_explain_facts_read(&facts, "/nonexistent/a", "/nonexistent/b");
    ck_assert_uint_eq(facts.memlock_bytes, 4096);
}
END_TEST

static void *explain_often(void *argument)
{
    for (int i = 0; i < 500; i++) {
        char own[600];

        kevy_ring_explain(-1 - i % 130, own, sizeof own);
        ck_assert_uint_gt(strlen(own), 3);
    }
    return argument;
}

START_TEST(any_thread_may_ask)
{
    pthread_t threads[2];

    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, explain_often, NULL), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("explain");
    TCase *sentences = tcase_create("sentences");
    TCase *machine = tcase_create("machine");

    tcase_add_checked_fixture(sentences, facts_reset, NULL);
    tcase_add_test(sentences, permission_by_sysctl);
    tcase_add_test(sentences, permission_by_container);
    tcase_add_test(sentences, permission_by_something_else);
    tcase_add_test(sentences, no_io_uring_at_all);
    tcase_add_test(sentences, memory_names_the_limit);
    tcase_add_test(sentences, descriptors_name_the_limit);
    tcase_add_test(sentences, invalid_names_the_kernel);
    tcase_add_test(sentences, addresses);
    tcase_add_test(sentences, a_denial_is_blamed_on_the_filter_that_is_in_force);
    tcase_add_test(sentences, each_kernel_has_its_sentence);
    tcase_add_test(sentences, a_kernel_that_stands_in_for_io_uring_says_why);
    tcase_add_test(sentences, a_ring_tells_its_kernel);
    tcase_add_test(sentences, any_sentence_fits_the_size_named);
    tcase_add_test(sentences, everything_else_is_described);
    suite_add_tcase(suite, sentences);

    tcase_add_checked_fixture(machine, facts_reset, NULL);
    tcase_add_test(machine, text_is_cut_and_measured_as_by_snprintf);
    tcase_add_test(machine, errno_is_left_alone);
    tcase_add_test(machine, facts_come_from_the_files);
    tcase_add_test(machine, a_long_file_is_read_as_far_as_it_goes);
    tcase_add_test(machine, limits_are_those_in_force);
    tcase_add_test(machine, any_thread_may_ask);
    suite_add_tcase(suite, machine);
    return suite;
}
