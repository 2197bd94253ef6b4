/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A function for each part of the header takes one byte and says which part is next. Where a part
 * begins is where `count` is zero.
 */
#include "proxy_header.h"

#include <arpa/inet.h>
#include <assert.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

#define FIXED_BYTES 16

/* The 13th byte. */
#define COMMAND_LOCAL 0x20
#define COMMAND_PROXY 0x21

/* A value: its type, and its length in two bytes. */
#define VALUE_HEAD     3
#define VALUE_CHECKSUM 0x03
#define CHECKSUM_BYTES 4

static const char line_start[] = "PROXY ";
static const uint8_t signature[] = {13, 10, 13, 10, 0, 13, 10, 'Q', 'U', 'I', 'T', 10};

/* By the high half of the 14th byte; the low half is the protocol, of which there are three. */
static const struct family {
    uint8_t bytes; /* both addresses, with their ports */
} families[] = {{0}, {12}, {36}, {2 * PROXY_HEADER_UNIX}};

enum {
    FAMILY_NONE,
    FAMILY_V4,
    FAMILY_V6,
    FAMILY_UNIX,
    PROTOCOL_NONE = 0,
    PROTOCOL_STREAM = 1,
    PROTOCOL_COUNT = 3,
};

static unsigned two_bytes(const uint8_t *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

/* CRC-32C, of RFC 4960, without a table: headers are short and rare. */
static uint32_t checksum_next(uint32_t checksum, uint8_t byte)
{
    checksum ^= byte;
    for (int bit = 0; bit < 8; bit++)
        checksum = checksum >> 1 ^ (checksum & 1 ? 0x82F63B78U : 0);
    return checksum;
}

static bool checksum_fits(const struct proxy_header *header)
{
    return !header->checked || ~header->checksum == header->checksum_there;
}

/* The part behind the one that has ended, in the rest of a header of version 2. */
static enum proxy_header_phase next_value(const struct proxy_header *header)
{
    if (header->left > 0)
        return header->left < VALUE_HEAD ? PROXY_HEADER_REFUSED : PROXY_HEADER_TYPE;
    return checksum_fits(header) ? PROXY_HEADER_COMPLETE : PROXY_HEADER_REFUSED;
}

/* ---- Version 1 ---- */

/* A word of the line: up to `room` - 1 bytes and a zero. Moves *at behind it. */
static bool line_word(const char **at, const char *end, char *word, size_t room)
{
    const char *space = memchr(*at, ' ', (size_t)(end - *at));
    size_t length = (size_t)((space ? space : end) - *at);

    if (length == 0 || length >= room || memchr(*at, 0, length))
        return false;
    memcpy(word, *at, length);
    word[length] = 0;
    *at = space ? space + 1 : end;
    return true;
}

static bool read_port(const char *word, in_port_t *port)
{
    unsigned number = 0;

    if (word[0] == '0' && word[1])
        return false;
    for (; *word >= '0' && *word <= '9' && number <= UINT16_MAX; word++)
        number = number * 10 + (unsigned)(*word - '0');
    *port = htons((uint16_t)number);
    return !*word && number <= UINT16_MAX;
}

/* Two addresses and two ports; those of the server are only looked at. */
static bool read_addresses(struct proxy_header *header, int family, const char *at, const char *end)
{
    char word[INET6_ADDRSTRLEN];
    struct in6_addr addresses[2];
    in_port_t ports[2];

    for (size_t i = 0; i < 2; i++)
        if (!line_word(&at, end, word, sizeof word) || inet_pton(family, word, &addresses[i]) != 1)
            return false;
    for (size_t i = 0; i < 2; i++)
        if (!line_word(&at, end, word, sizeof word) || !read_port(word, &ports[i]))
            return false;
    if (at != end || end[-1] == ' ')
        return false;
    if (family == AF_INET) {
        header->address.v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = ports[0]};
        memcpy(&header->address.v4.sin_addr, &addresses[0], sizeof(struct in_addr));
        header->length = sizeof header->address.v4;
    } else {
        header->address.v6 = (struct sockaddr_in6){
            .sin6_family = AF_INET6, .sin6_port = ports[0], .sin6_addr = addresses[0]};
        header->length = sizeof header->address.v6;
    }
    return true;
}

/* The whole line, without its end. */
static bool read_line(struct proxy_header *header, const char *line, const char *end)
{
    const char *at = line + sizeof line_start - 1;
    char word[sizeof "UNKNOWN"];

    if (!line_word(&at, end, word, sizeof word))
        return false;
    if (strcmp(word, "UNKNOWN") == 0) /* whatever else it says */
        return true;
    if (strcmp(word, "TCP4") == 0)
        return read_addresses(header, AF_INET, at, end);
    return strcmp(word, "TCP6") == 0 && read_addresses(header, AF_INET6, at, end);
}

static enum proxy_header_phase take_line(struct proxy_header *header, uint8_t byte)
{
    const char *line = (const char *)header->bytes;
    size_t at = header->count;
    bool returned = at > 0 && header->bytes[at - 1] == '\r';

    if (at < sizeof line_start - 1 && byte != (uint8_t)line_start[at])
        return PROXY_HEADER_REFUSED;
    if (returned != (byte == '\n')) /* CR and LF come together */
        return PROXY_HEADER_REFUSED;
    if (returned)
        return read_line(header, line, line + at - 1) ? PROXY_HEADER_COMPLETE
                                                      : PROXY_HEADER_REFUSED;
    header->bytes[header->count++] = byte;
    return header->count < PROXY_HEADER_LINE_MAX ? PROXY_HEADER_LINE : PROXY_HEADER_REFUSED;
}

/* ---- Version 2 ---- */

/* The fixed bytes are there. The rest of a header that names no address is of no interest. */
static enum proxy_header_phase read_fixed(struct proxy_header *header)
{
    unsigned command = header->bytes[12], family = header->bytes[13] >> 4;
    unsigned protocol = header->bytes[13] & 15;

    header->left = (uint16_t)two_bytes(header->bytes + 14);
    header->count = 0;
    if (command != COMMAND_LOCAL && command != COMMAND_PROXY)
        return PROXY_HEADER_REFUSED;
    if (command == COMMAND_PROXY && (family >= COUNT_OF(families) || protocol >= PROTOCOL_COUNT))
        return PROXY_HEADER_REFUSED;
    if (command == COMMAND_LOCAL || family == FAMILY_NONE || protocol == PROTOCOL_NONE)
        return header->left ? PROXY_HEADER_IGNORED : PROXY_HEADER_COMPLETE;
    /* Datagrams have the same addresses, but no connection comes from one. */
    header->family = protocol == PROTOCOL_STREAM ? (uint8_t)family : FAMILY_NONE;
    header->value = families[family].bytes;
    return header->left < header->value ? PROXY_HEADER_REFUSED : PROXY_HEADER_ADDRESS;
}

static enum proxy_header_phase take_fixed(struct proxy_header *header, uint8_t byte)
{
    if (header->count < sizeof signature && byte != signature[header->count])
        return PROXY_HEADER_REFUSED;
    header->bytes[header->count++] = byte;
    return header->count < FIXED_BYTES ? PROXY_HEADER_FIXED : read_fixed(header);
}

static enum proxy_header_phase take_first(struct proxy_header *header, uint8_t byte)
{
    return byte == signature[0] ? take_fixed(header, byte) : take_line(header, byte);
}

static void keep_nothing(struct proxy_header *header)
{
    (void)header;
}

static void keep_v4(struct proxy_header *header)
{
    struct sockaddr_in *address = &header->address.v4;

    *address = (struct sockaddr_in){.sin_family = AF_INET};
    memcpy(&address->sin_addr, header->bytes, 4);
    memcpy(&address->sin_port, header->bytes + 8, 2);
    header->length = sizeof *address;
}

static void keep_v6(struct proxy_header *header)
{
    struct sockaddr_in6 *address = &header->address.v6;

    *address = (struct sockaddr_in6){.sin6_family = AF_INET6};
    memcpy(&address->sin6_addr, header->bytes, 16);
    memcpy(&address->sin6_port, header->bytes + 32, 2);
    header->length = sizeof *address;
}

/* A path ends with a zero, unless it is as long as can be. An abstract name, which begins with a
 * zero, is taken to end with its last byte that is none. */
static void keep_unix(struct proxy_header *header)
{
    struct sockaddr_un *address = &header->address.local;
    size_t length = PROXY_HEADER_UNIX;

    static_assert(sizeof address->sun_path == PROXY_HEADER_UNIX, "as on the wire");
    while (length > 0 && !header->bytes[length - 1])
        length--;
    address->sun_family = AF_UNIX;
    memcpy(address->sun_path, header->bytes, length);
    header->length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
}

static void (*const keep[])(struct proxy_header *header) = {
    [FAMILY_NONE] = keep_nothing,
    [FAMILY_V4] = keep_v4,
    [FAMILY_V6] = keep_v6,
    [FAMILY_UNIX] = keep_unix,
};

/* Of two Unix addresses the first is kept; the others fit. */
static enum proxy_header_phase take_address(struct proxy_header *header, uint8_t byte)
{
    if (header->count < sizeof header->bytes)
        header->bytes[header->count++] = byte;
    header->value--;
    if (header->value > 0)
        return PROXY_HEADER_ADDRESS;
    keep[header->family](header);
    header->count = 0;
    return next_value(header);
}

static enum proxy_header_phase take_type(struct proxy_header *header, uint8_t byte)
{
    bool checksum;

    header->bytes[header->count++] = byte;
    if (header->count < VALUE_HEAD)
        return PROXY_HEADER_TYPE;
    checksum = header->bytes[0] == VALUE_CHECKSUM;
    header->value = (uint16_t)two_bytes(header->bytes + 1);
    header->count = 0;
    if (header->value > header->left ||
        (checksum && (header->checked || header->value != CHECKSUM_BYTES)))
        return PROXY_HEADER_REFUSED;
    if (header->value == 0)
        return next_value(header);
    header->checked |= checksum;
    return checksum ? PROXY_HEADER_CHECKSUM : PROXY_HEADER_VALUE;
}

static enum proxy_header_phase take_value(struct proxy_header *header, uint8_t byte)
{
    (void)byte;
    header->value--;
    return header->value > 0 ? PROXY_HEADER_VALUE : next_value(header);
}

static enum proxy_header_phase take_checksum(struct proxy_header *header, uint8_t byte)
{
    header->checksum_there = header->checksum_there << 8 | byte;
    header->value--;
    return header->value > 0 ? PROXY_HEADER_CHECKSUM : next_value(header);
}

static enum proxy_header_phase take_ignored(struct proxy_header *header, uint8_t byte)
{
    (void)byte;
    return header->left > 0 ? PROXY_HEADER_IGNORED : PROXY_HEADER_COMPLETE;
}

/* ---- Both ---- */

static enum proxy_header_phase (*const parts[])(struct proxy_header *header, uint8_t byte) = {
    [PROXY_HEADER_FIRST] = take_first,       [PROXY_HEADER_LINE] = take_line,
    [PROXY_HEADER_FIXED] = take_fixed,       [PROXY_HEADER_ADDRESS] = take_address,
    [PROXY_HEADER_TYPE] = take_type,         [PROXY_HEADER_VALUE] = take_value,
    [PROXY_HEADER_CHECKSUM] = take_checksum, [PROXY_HEADER_IGNORED] = take_ignored,
};

/* The checksum itself counts as zeros. */
static void count_byte(struct proxy_header *header, uint8_t byte)
{
    uint8_t counted = header->phase == PROXY_HEADER_CHECKSUM ? 0 : byte;

    if (header->phase == PROXY_HEADER_FIRST)
        header->checksum = UINT32_MAX;
    header->checksum = checksum_next(header->checksum, counted);
    if (header->phase >= PROXY_HEADER_ADDRESS)
        header->left--;
}

size_t proxy_header_take(struct proxy_header *header, const uint8_t *bytes, size_t length)
{
    size_t at = 0;

    while (at < length && header->phase < PROXY_HEADER_COMPLETE) {
        count_byte(header, bytes[at]);
        header->phase = (uint8_t)parts[header->phase](header, bytes[at]);
        at++;
    }
    return at;
}
