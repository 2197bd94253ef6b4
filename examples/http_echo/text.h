/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * text.h - some characters of a message: where they are and how many.
 *
 * A struct text points into memory that it does not own and is not terminated. The functions ask no
 * locale: letters and digits are those of ASCII. What is written is put together from its end to
 * its beginning, so that it can stand right in front of what is there already.
 */
#ifndef HTTP_ECHO_TEXT_H
#define HTTP_ECHO_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct text {
    const char *at;
    size_t length;
};

/* The text without its first `count` characters, of which it has at least so many. */
static inline struct text text_skip(struct text text, size_t count)
{
    return (struct text){text.at + count, text.length - count};
}

static inline bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static inline bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline bool is_letter(char c)
{
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static inline bool is_hex(char c)
{
    return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

/* The text without the optional blanks around it, spaces and TABs: OWS of RFC 9110, 5.6.3. */
static inline struct text text_trim(struct text text)
{
    while (text.length && is_blank(text.at[0]))
        text = text_skip(text, 1);
    while (text.length && is_blank(text.at[text.length - 1]))
        text.length--;
    return text;
}

/* Equal to the last character; case matters. */
static inline bool text_equals(struct text a, const char *b)
{
    return a.length == strlen(b) && memcmp(a.at, b, a.length) == 0;
}

/* Begins with `word`, in which letters are small; case does not matter. */
static inline bool text_begins(struct text text, const char *word)
{
    size_t i = 0;

    while (word[i] && i < text.length) {
        char c = text.at[i];

        if ((c >= 'A' && c <= 'Z' ? c | 0x20 : c) != word[i])
            return false;
        i++;
    }
    return !word[i];
}

/* Equal to `word`, in which letters are small; case does not matter. */
static inline bool text_is(struct text text, const char *word)
{
    return text.length == strlen(word) && text_begins(text, word);
}

/*
 * Takes the next element of a list as RFC 9110, 5.6.1 writes them, without blanks around it, off
 * the front of *list. Elements that are empty are passed over. Returns false when there is none
 * left.
 */
static inline bool text_next_element(struct text *list, struct text *element)
{
    while (list->length) {
        const char *comma = memchr(list->at, ',', list->length);
        size_t length = comma ? (size_t)(comma - list->at) : list->length;

        *element = text_trim((struct text){list->at, length});
        *list = text_skip(*list, comma ? length + 1 : length);
        if (element->length)
            return true;
    }
    return false;
}

/* Writes `length` bytes so that they end before `end`. Returns the first of them. */
static inline char *text_put_before(char *end, const char *bytes, size_t length)
{
    return memcpy(end - length, bytes, length);
}

/* The same for a number to the base 10 or 16, 20 bytes at most. */
static inline char *text_put_number_before(char *end, uint64_t number, unsigned base)
{
    do
        *--end = "0123456789abcdef"[number % base];
    while (number /= base);
    return end;
}

#endif
