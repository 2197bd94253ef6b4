/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef EXAMPLES_USAGE_H
#define EXAMPLES_USAGE_H

/* The command lines of the small examples: help, version, and arguments that stand in a row. */

#include "kernel_name.h"

#include <kevy/api.h>

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* For the name of the first argument of a server, which where_read() reads. */
#define USAGE_WHERE "[ADDRESS:]PORT"

struct usage {
    const char *program;
    const char *arguments; /* their names, each a word; "..." for as many as there are */
    const char *purpose;   /* one sentence or more, each line ending with a newline */
};

/* Where a server listens, and where it runs. */
struct where {
    char text[INET6_ADDRSTRLEN];
    const char *address; /* for the options of a listener: the text, or NULL for every address */
    uint16_t port;
    enum kevy_ring_kernel_choice kernel; /* for the options of a reactor */
};

/* Reads PORT, ADDRESS:PORT or [ADDRESS]:PORT. Returns false after a complaint. */
static inline bool where_read(const struct usage *usage, const char *text, struct where *where)
{
    const char *colon = strrchr(text, ':'), *digits = colon ? colon + 1 : text;
    size_t length = colon ? (size_t)(colon - text) : 0;
    bool brackets = length > 2 && text[0] == '[' && colon[-1] == ']';
    unsigned char address[16];
    unsigned long port;
    char *rest;

    strcpy(where->text, "127.0.0.1");
    if (colon && length - 2 * brackets < sizeof where->text) {
        memcpy(where->text, text + brackets, length - 2 * brackets);
        where->text[length - 2 * brackets] = '\0';
    }
    where->address = strcmp(where->text, "::") == 0 ? NULL : where->text;
    port = strtoul(digits, &rest, 10);
    where->port = (uint16_t)port;
    if (*digits >= '0' && *digits <= '9' && !*rest && port <= UINT16_MAX &&
        inet_pton(brackets ? AF_INET6 : AF_INET, where->text, address) == 1)
        return true;
    fprintf(stderr,
            "%s: needs a port or a numeric address with a port, for example 7000, "
            "127.0.0.1:7000 or [::1]:7000, not '%s'\n",
            usage->program, text);
    return false;
}

/* Takes "--kernel NAME" off the front of the arguments. Returns false after a complaint. */
static inline bool kernel_read(const struct usage *usage, int *argc, char **argv,
                               struct where *where)
{
    where->kernel = KEVY_RING_KERNEL_DEFAULT;
    if (*argc < 3 || strcmp(argv[1], "--kernel") != 0)
        return true;
    if (!kernel_by_name(argv[2], &where->kernel)) {
        fprintf(stderr, "%s: --kernel takes " KERNEL_NAMES ", not '%s'\n", usage->program, argv[2]);
        return false;
    }
    *argc -= 2;
    memmove(argv + 1, argv + 3, (size_t)*argc * sizeof *argv); /* with the NULL at the end */
    return true;
}

/*
 * Handles --help, -h and --version, checks the number of arguments, and reads the first into *where
 * unless that is NULL. For a server, one with `where`, --kernel and its name may stand in front:
 * they are taken out of `argv`. Returns -1 to go on, or the exit status: 0 after the text that was
 * asked for, 2 after a complaint.
 */
static inline int usage_check(const struct usage *usage, int argc, char **argv, struct where *where)
{
    static const char about_where[] =
        "ADDRESS is numeric [127.0.0.1]; [::] is every address. PORT 0 "
        "lets the system choose.\n"
        "--kernel NAME before it chooses the kernel below: " KERNEL_NAMES " [automatic].\n";
    int wanted = *usage->arguments != '\0';

    for (const char *at = usage->arguments; *at; at++)
        wanted += *at == ' ';
    if (argc == 2 && strcmp(argv[1], "--version") == 0)
        return printf("%s %s\n", usage->program, KEVY_VERSION_STRING), 0;
    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
        return printf("usage: %s %s\n%s%s", usage->program, usage->arguments, usage->purpose,
                      where ? about_where : ""),
               0;
    if (where && !kernel_read(usage, &argc, argv, where))
        return 2;
    if (argc - 1 != wanted && !strstr(usage->arguments, "..."))
        return fprintf(stderr, "usage: %s %s\n", usage->program, usage->arguments), 2;
    return !where || where_read(usage, argv[1], where) ? -1 : 2;
}

/* Reads an argument of digits. Returns false after a complaint that calls it `name`. */
static inline bool usage_number(const struct usage *usage, const char *name, const char *text,
                                unsigned long least, unsigned long most, unsigned long *number)
{
    char *rest;

    *number = strtoul(text, &rest, 10);
    if (*text >= '0' && *text <= '9' && !*rest && *number >= least && *number <= most)
        return true;
    fprintf(stderr, "%s: %s must be a number from %lu to %lu, not '%s'\n", usage->program, name,
            least, most, text);
    return false;
}

#endif
