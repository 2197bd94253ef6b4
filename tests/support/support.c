/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * Shared by all test programs. The one piece of state is the count of skipped tests; it is written
 * before libcheck forks its first child and read after the last one.
 */

#include "support.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

static int skipped;

void support_skip(const char *test, const char *why)
{
    skipped++;
    printf("SKIP %s: %s\n", test, why);
    /* libcheck forks next: a line still in the buffer would be printed once by every child. */
    fflush(stdout);
}

bool support_asserts(void)
{
#ifdef NDEBUG
    return false;
#else
    return true;
#endif
}

void support_add_abort(TCase *tcase, const TTest *test, int from, int to)
{
    if (support_asserts())
        tcase_add_loop_test_raise_signal(tcase, test, SIGABRT, from, to);
    else
        support_skip(test->name, "this build has no assertions");
}

#ifdef __has_feature
#define CLANG_HAS(feature) __has_feature(feature)
#else
#define CLANG_HAS(feature) 0
#endif

bool support_sizes_tell(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || \
    CLANG_HAS(address_sanitizer) || CLANG_HAS(memory_sanitizer) || CLANG_HAS(thread_sanitizer)
    return false;
#else
    return true;
#endif
}

void support_add_sized(TCase *tcase, const TTest *test)
{
    if (support_sizes_tell())
        tcase_add_test(tcase, test);
    else
        support_skip(test->name, "a sanitizer keeps a shadow of all memory");
}

int support_skipped(void)
{
    return skipped;
}

unsigned support_rounds(unsigned rounds)
{
    return getenv("KEVY_TEST_SLOW") != NULL ? rounds / 10 + 1 : rounds;
}

int support_fd_count(void)
{
    DIR *directory = opendir("/proc/self/fd");
    int count = 0;

    ck_assert_ptr_nonnull(directory);
    for (const struct dirent *entry = readdir(directory); entry; entry = readdir(directory))
        count += entry->d_name[0] != '.';
    closedir(directory);
    return count - 1; /* without the descriptor of the directory itself */
}

void support_core_limit_zero(void)
{
    struct rlimit limit;

    getrlimit(RLIMIT_CORE, &limit);
    limit.rlim_cur = 0;
    setrlimit(RLIMIT_CORE, &limit);
}
