/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef EXAMPLES_REPORT_ADDRESS_H
#define EXAMPLES_REPORT_ADDRESS_H

/* The errors that an address may be the cause of. */

#include "report.h"

#include <kevy/address.h>

#include <netdb.h>

/* As kevy_report(), for a server that cannot be opened at an address (NULL: every one) and port. */
static inline int report_start(const char *program, const char *address, unsigned port, int error)
{
    char text[512];

    if (error >= 0)
        return 0;
    kevy_address_explain(error, address, (uint16_t)port, text, sizeof text);
    fprintf(stderr, "%s: %s\n", program, text);
    return 1;
}

/* As kevy_report(), for a connection: `code` is what the look-up of its host said (EAI_*, 0 for
 * success), whose errors are errno values that are usually about files. */
static inline int report_lookup(const char *program, const char *host, const char *service,
                                int code, int error)
{
    if (!code)
        return kevy_report(program, error);
    fprintf(stderr, "%s: cannot look up %s, %s: %s\n", program, host, service, gai_strerror(code));
    return 1;
}

#endif
