/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The names all differ in length, so the length leaves one candidate at most.
 */
#include "field.h"

static const struct {
    enum field field;
    const char *name; /* small letters */
} by_length[FIELD_NAME_MAX + 1] = {
    [4] = {FIELD_HOST, "host"},
    [6] = {FIELD_EXPECT, "expect"},
    [10] = {FIELD_CONNECTION, "connection"},
    [12] = {FIELD_CONTENT_TYPE, "content-type"},
    [14] = {FIELD_CONTENT_LENGTH, "content-length"},
    [17] = {FIELD_TRANSFER_ENCODING, "transfer-encoding"},
};

enum field field_of(const char *name, size_t length)
{
    const char *known = length <= FIELD_NAME_MAX ? by_length[length].name : NULL;

    if (!known)
        return FIELD_OTHER;
    /* The bit makes letters small and leaves '-' as it is; no other character of a token becomes
     * one of these. */
    for (size_t i = 0; i < length; i++)
        if ((name[i] | 0x20) != known[i])
            return FIELD_OTHER;
    return by_length[length].field;
}
