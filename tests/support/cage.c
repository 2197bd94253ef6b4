/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* cage NAME PROGRAM [ARGUMENT...]: runs the program in a cage; cage_filter.h names them. */

#include "cage_filter.h"

#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    int error = argc > 2 ? cage_enter(argv[1]) : -EINVAL;

    if (error < 0) {
        fprintf(stderr, "cage: %s\n", strerror(-error));
        return 99;
    }
    execvp(argv[2], &argv[2]);
    fprintf(stderr, "cage: %s: %s\n", argv[2], strerror(errno));
    return 99;
}
