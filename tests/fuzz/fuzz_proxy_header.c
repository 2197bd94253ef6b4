/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The header of the PROXY protocol. Its verdict depends on the bytes and not on how they are cut;
 * nothing behind it is taken; and an address that it names can be written.
 */
#include "fuzz.h"
#include "proxy_header.h"

#include <kevy/address.h>

static size_t walk(struct proxy_header *header, const uint8_t *data, size_t size, struct cuts cuts)
{
    size_t taken = 0;

    for (size_t at = 0; at < size;) {
        size_t length = cut(&cuts, size - at);
        uint8_t *piece = exact_copy(data + at, length);
        bool over = header->phase >= PROXY_HEADER_COMPLETE;
        size_t took = proxy_header_take(header, piece, length);

        MUST(took <= length && (took == length || header->phase >= PROXY_HEADER_COMPLETE));
        MUST(!over || took == 0);
        taken += took;
        at += length;
        free(piece);
    }
    return taken;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct cuts uncut = {.most = UINT32_MAX};
    struct proxy_header whole = {0}, pieces = {0};
    char text[KEVY_ADDRESS_TEXT_SIZE];

    if (size == 0)
        return 0;
    MUST(walk(&whole, data + 1, size - 1, uncut) ==
         walk(&pieces, data + 1, size - 1, cuts_of(data[0])));
    MUST(whole.phase == pieces.phase && whole.length == pieces.length);
    MUST(memcmp(&whole.address, &pieces.address, whole.length) == 0);
    if (whole.phase == PROXY_HEADER_COMPLETE && whole.length != 0)
        MUST(kevy_address_format((struct sockaddr *)&whole.address, whole.length, text,
                                 sizeof text) > 0);
    return 0;
}
