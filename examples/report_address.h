/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef EXAMPLES_REPORT_ADDRESS_H
#define EXAMPLES_REPORT_ADDRESS_H

/* The errors that an address may be the cause of. */

#include "report.h"

#include <kevy/address.h>
#include <kevy/resolver.h>

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

/* As kevy_report(), for a connection to `host`, whose look-up may have failed. */
static inline int report_lookup(const char *program, const char *host, const char *service,
                                const struct kevy_lookup *lookup, int error)
{
    char text[512];

    if (!lookup->code)
        return kevy_report(program, error);
    kevy_lookup_explain(lookup, error, text, sizeof text);
    fprintf(stderr, "%s: cannot look up %s, %s: %s\n", program, host, service, text);
    return 1;
}

#endif
