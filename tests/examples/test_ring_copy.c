/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* ring_cat and ring_cp, the examples on ring/ alone: what comes out is what went in. */

#include "scratch.h"
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static scratch_path folder;

static void folder_make(void)
{
    ck_assert(scratch_folder(folder));
    ck_assert_int_eq(chdir(folder), 0);
}

static void folder_remove(void)
{
    ck_assert_int_eq(system("rm -rf -- \"$PWD\""), 0);
}

/* The exit status of a shell command; $KEVY_EXAMPLES is where the programs are. */
static int shell(const char *command)
{
    int status = system(command);

    ck_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static const unsigned sizes[] = {0, 1, 262143, 262144, 262145, 4194304, 10000003};

START_TEST(copies_are_equal)
{
    char command[100];

    snprintf(command, sizeof command, "head -c %u /dev/urandom >in", sizes[_i]);
    ck_assert_int_eq(shell(command), 0);
    ck_assert_int_eq(shell("\"$KEVY_EXAMPLES/ring_cp\" in out && cmp in out"), 0);
    ck_assert_int_eq(shell("\"$KEVY_EXAMPLES/ring_cat\" in | cmp - in"), 0);
    ck_assert_int_eq(shell("cat in | \"$KEVY_EXAMPLES/ring_cat\" >out && cmp in out"), 0);
    ck_assert_int_eq(shell("cat in in >twice && \"$KEVY_EXAMPLES/ring_cat\" in in | cmp - twice"),
                     0);
}
END_TEST

START_TEST(failures_are_told)
{
    ck_assert_int_eq(shell("\"$KEVY_EXAMPLES/ring_cp\" 2>text"), 2);
    ck_assert_int_eq(shell("grep -q '^usage: ring_cp SOURCE TARGET$' text"), 0);
    ck_assert_int_eq(shell("\"$KEVY_EXAMPLES/ring_cp\" none out 2>text"), 1);
    ck_assert_int_eq(shell("grep -q '^none: No such file' text"), 0);
    ck_assert_int_eq(shell("\"$KEVY_EXAMPLES/ring_cp\" /dev/null none/out 2>text"), 1);
    ck_assert_int_eq(shell("\"$KEVY_EXAMPLES/ring_cat\" none . /dev/null 2>text"), 1);
    ck_assert_int_eq(shell("grep -q '^none: No such' text && grep -q '^\\.: Is a dir' text"), 0);
    ck_assert_int_eq(shell("echo x | \"$KEVY_EXAMPLES/ring_cat\" >/dev/full 2>text"), 1);
    ck_assert_int_eq(shell("grep -q 'No space left' text"), 0);
}
END_TEST

START_TEST(what_has_no_size_and_what_is_the_same_file_is_refused_and_left_alone)
{
    ck_assert_int_eq(shell("echo precious >in && ln in also && ln -s in link && cp in kept"), 0);
    ck_assert_int_eq(shell("\"$KEVY_EXAMPLES/ring_cp\" in in 2>text"), 1);
    ck_assert_int_eq(shell("\"$KEVY_EXAMPLES/ring_cp\" in also 2>>text"), 1);
    ck_assert_int_eq(shell("\"$KEVY_EXAMPLES/ring_cp\" link in 2>>text"), 1);
    ck_assert_int_eq(shell("cmp in kept && test `grep -c 'the same file' text` = 3"), 0);
    ck_assert_int_eq(shell("\"$KEVY_EXAMPLES/ring_cp\" /dev/zero in 2>text"), 1);
    ck_assert_int_eq(shell("\"$KEVY_EXAMPLES/ring_cp\" . in 2>>text"), 1);
    ck_assert_int_eq(shell("cmp in kept && test `grep -c 'not a regular file' text` = 2"), 0);
}
END_TEST

START_TEST(a_longer_target_is_cut_off)
{
    ck_assert_int_eq(shell("echo a longer one >out && echo short >in"), 0);
    ck_assert_int_eq(shell("\"$KEVY_EXAMPLES/ring_cp\" in out && cmp in out"), 0);
    ck_assert_int_eq(shell("\"$KEVY_EXAMPLES/ring_cp\" in /dev/null"), 0);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("ring_copy");
    TCase *copy = tcase_create("copy");

    tcase_add_checked_fixture(copy, folder_make, folder_remove);
    tcase_add_loop_test(copy, copies_are_equal, 0, sizeof sizes / sizeof sizes[0]);
    tcase_add_test(copy, failures_are_told);
    tcase_add_test(copy, what_has_no_size_and_what_is_the_same_file_is_refused_and_left_alone);
    tcase_add_test(copy, a_longer_target_is_cut_off);
    suite_add_tcase(suite, copy);
    return suite;
}
