/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * bytes.h - what each byte may be part of, and runs of them.
 *
 * Model. One table gives each byte a class, for the tables of guard.c, and four bits, one for each
 * kind of run. Most bytes of a head are in the middle of a run; values, the longest of them, are
 * passed over eight bytes at a time.
 */
#ifndef HTTP_ECHO_BYTES_H
#define HTTP_ECHO_BYTES_H

#include <stdint.h>
#include <string.h>

/* Beside the class, the runs that a byte may be part of. */
enum {
    CLASS = 0x0f,
    IN_NAME = 0x10, /* and in methods */
    IN_TARGET = 0x20,
    IN_VERSION = 0x40,
    IN_VALUE = 0x80,
    IN_HOST = 0x100, /* reg-name of RFC 3986 without '%' and ',' */
};

enum byte_class {
    CTL = 0, /* control characters and DEL; also what no table names */
    CR = 1,
    LF = 2,
    SP = 3 | IN_VALUE,
    TAB = 4 | IN_VALUE,
    /* 0-9 a-f A-F, all of them token characters too */
    HEX = 5 | IN_NAME | IN_TARGET | IN_VERSION | IN_VALUE | IN_HOST,
    /* the other token characters of RFC 9110, those that no host has and those that it may have */
    TOK = 6 | IN_NAME | IN_TARGET | IN_VERSION | IN_VALUE,
    TKH = TOK | IN_HOST,
    NUM = 7 | IN_NAME | IN_VALUE,   /* '#': in a token, but in a target the start of a fragment */
    COL = 8 | IN_TARGET | IN_VALUE, /* ':' */
    SEM = 9 | IN_TARGET | IN_VALUE | IN_HOST,  /* ';' */
    EQU = 10 | IN_TARGET | IN_VALUE | IN_HOST, /* '=' */
    QUO = 11 | IN_VALUE,                       /* '"' */
    BSL = 12 | IN_VALUE,                       /* '\\' */
    /* what else may stand in a target, not in a host and in it; browsers leave braces and the like
     * as they are */
    TGT = 13 | IN_TARGET | IN_VERSION | IN_VALUE,
    TGH = TGT | IN_HOST,
    ANG = 14 | IN_VALUE, /* '<' and '>' */
    TXT = 15 | IN_VALUE, /* obs-text, 0x80 and above: in values, nowhere else */
    CLASSES = 16,
};

extern const uint16_t byte_classes[256];

/* The first byte that is in none of the runs, or `end`. */
static inline const uint8_t *skip_run(const uint8_t *at, const uint8_t *end, unsigned run)
{
    for (; end - at >= 4; at += 4) {
        if (!(byte_classes[at[0]] & run))
            return at;
        if (!(byte_classes[at[1]] & run))
            return at + 1;
        if (!(byte_classes[at[2]] & run))
            return at + 2;
        if (!(byte_classes[at[3]] & run))
            return at + 3;
    }
    while (at < end && (byte_classes[*at] & run))
        at++;
    return at;
}

#define EACH_BYTE(byte) (UINT64_C(0x0101010101010101) * (byte))

/*
 * The first byte of eight that does not belong into a value, or is a TAB; 8 for none. In a
 * difference the top bit of a byte tells that it was smaller, as far as no lower byte borrowed:
 * the lowest such bit is right. Bytes above 0x7f are masked out: they are text.
 */
static inline unsigned first_control(const uint8_t *bytes)
{
    uint64_t word, is_delete, found;

    memcpy(&word, bytes, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    is_delete = word ^ EACH_BYTE(0x7f);
    found = ((word - EACH_BYTE(0x20)) & ~word) | ((is_delete - EACH_BYTE(1)) & ~is_delete);
    found &= EACH_BYTE(0x80);
    return found ? (unsigned)__builtin_ctzll(found) / 8 : 8;
}

/* The first byte that does not belong into a value, or is a TAB, or `end`. */
static inline const uint8_t *skip_value(const uint8_t *at, const uint8_t *end)
{
    while (end - at >= 8) {
        unsigned passed = first_control(at);

        at += passed;
        if (passed < 8)
            return at;
    }
    return skip_run(at, end, IN_VALUE);
}

#endif
