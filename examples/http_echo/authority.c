/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "authority.h"

#include "bytes.h"

/* Groups of 16 bits in an address of IPv6. */
#define GROUPS 8

/* A port: nothing, or digits that make no more than 65535. */
static bool is_port(struct text text)
{
    unsigned port = 0;

    for (size_t i = 0; i < text.length; i++) {
        if (!is_digit(text.at[i]))
            return false;
        port = 10 * port + (unsigned)(text.at[i] - '0');
        if (port > 65535)
            return false;
    }
    return true;
}

/* One of the four numbers of an address of IPv4, without a leading zero. */
static bool is_octet(struct text text)
{
    unsigned value = 0;

    if (!text.length || text.length > 3 || (text.at[0] == '0' && text.length > 1))
        return false;
    for (size_t i = 0; i < text.length; i++) {
        if (!is_digit(text.at[i]))
            return false;
        value = 10 * value + (unsigned)(text.at[i] - '0');
    }
    return value <= 255;
}

static bool is_ipv4(struct text text)
{
    for (unsigned i = 0; i < 3; i++) {
        const char *dot = memchr(text.at, '.', text.length);
        size_t length = dot ? (size_t)(dot - text.at) : 0;

        if (!dot || !is_octet((struct text){text.at, length}))
            return false;
        text = text_skip(text, length + 1);
    }
    return is_octet(text);
}

/* The groups that one piece between colons makes: 1, or 2 for an address of IPv4 at the very end;
 * 0 when it is none. */
static unsigned groups_of(struct text piece, bool last)
{
    size_t i = 0;

    while (i < piece.length && is_hex(piece.at[i]))
        i++;
    if (i == piece.length)
        return i >= 1 && i <= 4;
    return last && is_ipv4(piece) ? 2 : 0;
}

/* Groups between single colons, with one "::" at most, which stands for a group of zeros or more.
 */
bool is_ipv6(struct text text)
{
    unsigned groups = 0;
    bool gap = text_begins(text, "::");

    if (gap)
        text = text_skip(text, 2);
    while (text.length) {
        const char *colon = memchr(text.at, ':', text.length);
        size_t length = colon ? (size_t)(colon - text.at) : text.length;
        unsigned count = groups_of((struct text){text.at, length}, !colon);

        if (!count)
            return false;
        groups += count;
        text = text_skip(text, length);
        if (text_begins(text, "::") && !gap) {
            gap = true;
            text = text_skip(text, 2);
        } else if (colon) {
            text = text_skip(text, 1);
            if (!text.length)
                return false; /* a single colon at the end */
        }
    }
    return gap ? groups < GROUPS : groups == GROUPS;
}

/* The length of the [address] that the text begins with, 0 for none. */
static size_t bracketed(struct text text)
{
    const char *end = memchr(text.at, ']', text.length);
    struct text inside = {text.at + 1, end ? (size_t)(end - text.at) - 1 : 0};

    return end && is_ipv6(inside) ? inside.length + 2 : 0;
}

/* The length of the name or IPv4 address that the text begins with, 0 for none. */
static size_t named(struct text text)
{
    const char *end = text.at + text.length, *at = text.at;

    for (;;) {
        at = (const char *)skip_run((const uint8_t *)at, (const uint8_t *)end, IN_HOST);
        if (end - at < 3 || *at != '%' || !is_hex(at[1]) || !is_hex(at[2]))
            return (size_t)(at - text.at);
        at += 3;
    }
}

bool is_authority(struct text text)
{
    size_t host = text.length && text.at[0] == '[' ? bracketed(text) : named(text);

    if (!host)
        return false;
    return host == text.length || (text.at[host] == ':' && is_port(text_skip(text, host + 1)));
}

bool is_http_uri(struct text text)
{
    size_t scheme = text_begins(text, "http://") ? 7 : text_begins(text, "https://") ? 8 : 0;
    size_t end = scheme;

    if (!scheme)
        return false;
    while (end < text.length && text.at[end] != '/' && text.at[end] != '?')
        end++;
    return is_authority((struct text){text.at + scheme, end - scheme});
}
