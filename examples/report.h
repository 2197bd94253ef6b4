/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef EXAMPLES_REPORT_H
#define EXAMPLES_REPORT_H

/* The errors of the examples: one sentence on stderr, and the exit status that goes with it. */

#include <kevy/ring_explain.h>

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

/* The exit status for a library's result: 0, or 1 after a sentence about the error. */
static inline int kevy_report(const char *program, int error)
{
    char text[512];

    if (error >= 0)
        return 0;
    kevy_ring_explain(error, text, sizeof text);
    fprintf(stderr, "%s: %s\n", program, text);
    return 1;
}

/* The same for the start of a server, whose address and port may be the cause. */
static inline int report_start(const char *program, const char *address, unsigned port, int error)
{
    const char *cause = error == -EADDRINUSE      ? "is in use by another program: choose a port"
                        : error == -EADDRNOTAVAIL ? "is not of this machine: choose an address"
                        : error == -EACCES        ? "needs privileges: choose a port above 1023"
                                                  : NULL;

    if (!cause)
        return kevy_report(program, error);
    fprintf(stderr, "%s: %s port %u %s\n", program, address, port, cause);
    return 1;
}

/* The same for a connection: `code` is what the look-up of its host said (EAI_*, 0 for success),
 * whose errors are errno values that are usually about files. */
static inline int report_lookup(const char *program, const char *host, const char *service,
                                int code, int error)
{
    if (!code)
        return kevy_report(program, error);
    fprintf(stderr, "%s: cannot look up %s, %s: %s\n", program, host, service, gai_strerror(code));
    return 1;
}

#endif
