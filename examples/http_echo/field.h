/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * field.h - the fields of a request that mean something to http_echo.
 */
#ifndef HTTP_ECHO_FIELD_H
#define HTTP_ECHO_FIELD_H

#include <stddef.h>

/* In the order in which their faults count; those up to FIELD_CONTENT_LENGTH frame or route the
 * message, which no trailer may do. */
enum field {
    FIELD_HOST,
    FIELD_TRANSFER_ENCODING,
    FIELD_CONTENT_LENGTH,
    FIELD_EXPECT,
    FIELD_CONTENT_TYPE,
    FIELD_CONNECTION,
    FIELD_COUNT,
    FIELD_OTHER = FIELD_COUNT,
};

/* The longest of their names. */
#define FIELD_NAME_MAX 17

/* The field of this name, whose characters are those of a token; case does not matter. */
enum field field_of(const char *name, size_t length);

#endif
