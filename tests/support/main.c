/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* The main() of every test program; support.h says what it prints and returns. */

#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    EXIT_SKIPPED = 77,
};

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

int main(int argc, char **argv)
{
    (void)argc;
    support_core_limit_zero();
    /* libcheck allows 4 s: too few under sanitizers on a busy machine. For tcase_create(). */
    setenv("CK_DEFAULT_TIMEOUT", "30", 0);

    SRunner *runner = srunner_create(test_suite());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    int passed = srunner_ntests_run(runner) - failed;
    srunner_free(runner);

    printf("RESULT %s: %d passed, %d failed, %d skipped\n", base_name(argv[0]), passed, failed,
           support_skipped());
    if (failed)
        return EXIT_FAILURE;
    if (passed)
        return EXIT_SUCCESS;
    /* A suite that neither ran nor skipped anything is a mistake in the suite, not a success. */
    return support_skipped() ? EXIT_SKIPPED : EXIT_FAILURE;
}
