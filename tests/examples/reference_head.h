/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef REFERENCE_HEAD_H
#define REFERENCE_HEAD_H

/*
 * A second reading of the head of a request, to compare http_echo's with: slow, over the whole text
 * at once, written down from the grammar of RFC 9110, RFC 9112 and RFC 3986 one rule after the
 * other, with what http_decisions.h adds. It shares the names of the refusals with http_echo, and
 * no code and no table.
 */

#include "head.h"
#include "refusal.h"
#include "request.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct reference {
    const uint8_t *bytes;
    size_t length;
    const struct request_limits *limits;
    size_t at;
    enum refusal refusal; /* NONE with `complete`, or when there is more to come */
    bool complete;

    char method[40];
    unsigned minor;
    unsigned hosts, lengths, codings, types, fields;
    enum refusal faults[6]; /* of host, coding, length, expectation, type */
    bool chunked, close, keep_alive, waits;
    uint64_t body_length;
};

/* The next byte, or -1 where there is none yet. */
static inline int reference_peek(const struct reference *head)
{
    return head->at < head->length ? head->bytes[head->at] : -1;
}

static inline bool reference_is(int byte, const char *set)
{
    return byte > 0 && strchr(set, byte) != NULL;
}

static inline bool reference_alnum(int c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* tchar of RFC 9110, 5.6.2 */
static inline bool reference_tchar(int c)
{
    return reference_alnum(c) || reference_is(c, "!#$%&'*+-.^_`|~");
}

/* Refuses the byte that comes next, or waits for it. Returns false, for the callers' sake. */
static inline bool reference_refuse(struct reference *head, enum refusal refusal)
{
    int byte = reference_peek(head);

    if (byte == '\n')
        refusal = REFUSAL_LINE_ENDING;
    head->refusal = byte < 0 ? REFUSAL_NONE : refusal;
    return false;
}

/* method SP request-target SP HTTP-version CRLF */
static inline bool reference_request_line(struct reference *head)
{
    size_t start = head->at;
    char version[16] = "";

    while (reference_tchar(reference_peek(head))) {
        if (head->at - start == 32)
            return reference_refuse(head, REFUSAL_REQUEST_LINE);
        head->method[head->at - start] = (char)reference_peek(head);
        head->at++;
    }
    if (head->at == start || reference_peek(head) != ' ')
        return reference_refuse(head, REFUSAL_REQUEST_LINE);
    start = ++head->at;
    while (reference_alnum(reference_peek(head)) ||
           reference_is(reference_peek(head), "-._~:/?[]@!$&'()*+,;=%{}|^`")) {
        if (head->at - start == head->limits->target_bytes)
            return reference_refuse(head, REFUSAL_TARGET_SIZE);
        head->at++;
    }
    if (head->at == start || reference_peek(head) != ' ')
        return reference_refuse(head, REFUSAL_REQUEST_LINE);
    start = ++head->at;
    while (reference_alnum(reference_peek(head)) ||
           reference_is(reference_peek(head), "-._~/?[]@!$&'()*+,%{}|^`")) {
        if (head->at - start < sizeof version - 1)
            version[head->at - start] = (char)reference_peek(head);
        head->at++;
    }
    if (reference_peek(head) != '\r')
        return reference_refuse(head, REFUSAL_REQUEST_LINE);
    head->at++;
    if (reference_peek(head) != '\n')
        return reference_refuse(head, REFUSAL_LINE_ENDING);
    head->at++;
    if (strlen(version) != 8 || strncmp(version, "HTTP/", 5) != 0 || version[6] != '.' ||
        strspn(version + 5, "0123456789") != 1 || strspn(version + 7, "0123456789") != 1)
        head->refusal = REFUSAL_REQUEST_LINE;
    else if (version[5] != '1')
        head->refusal = REFUSAL_VERSION;
    head->minor = (unsigned)(version[7] - '0');
    return head->refusal == REFUSAL_NONE;
}

/* uri-host [ ":" port ] */
static inline bool reference_authority(const char *text)
{
    char host[20000];
    const char *port;
    unsigned char address[16];
    size_t length;

    if (*text == '[') {
        const char *end = strchr(text, ']');

        if (!end || (size_t)(end - text) > 60)
            return false;
        memcpy(host, text + 1, (size_t)(end - text) - 1);
        host[end - text - 1] = '\0';
        if (inet_pton(AF_INET6, host, address) != 1)
            return false;
        port = end + 1;
    } else {
        length = strcspn(text, ":");
        memcpy(host, text, length);
        host[length] = '\0';
        for (const char *c = host; *c; c++)
            if (*c == '%' && strspn(c + 1, "0123456789abcdefABCDEF") < 2)
                return false;
            else if (*c != '%' && !reference_alnum(*c) && !strchr("-._~!$&'()*+;=", *c))
                return false;
        if (!length)
            return false;
        port = text + length;
    }
    if (*port == '\0')
        return true;
    return *port == ':' && strspn(port + 1, "0123456789") == strlen(port + 1) &&
           strtoull(port + 1, NULL, 10) <= 65535;
}

static inline bool reference_among(const char *word, const char *list)
{
    const char *found = strstr(list, word);

    return found && found[-1] == ' ' && found[strlen(word)] == ' ';
}

static inline enum refusal reference_target(const char *method, const char *target)
{
    char authority[20000];

    if (!reference_among(method, " GET HEAD POST PUT PATCH DELETE OPTIONS "))
        return reference_among(
                   method, " ACL BASELINE-CONTROL BIND CHECKIN CHECKOUT CONNECT COPY LABEL LINK"
                           " LOCK MERGE MKACTIVITY MKCALENDAR MKCOL MKREDIRECTREF MKWORKSPACE"
                           " MOVE ORDERPATCH PROPFIND PROPPATCH QUERY REBIND REPORT SEARCH TRACE"
                           " UNBIND UNCHECKOUT UNLINK UNLOCK UPDATE UPDATEREDIRECTREF"
                           " VERSION-CONTROL ")
                   ? REFUSAL_METHOD
                   : REFUSAL_METHOD_UNKNOWN;
    if (*target == '/' || (strcmp(method, "OPTIONS") == 0 && strcmp(target, "*") == 0))
        return REFUSAL_NONE;
    if (strncasecmp(target, "http://", 7) != 0 && strncasecmp(target, "https://", 8) != 0)
        return REFUSAL_TARGET;
    target = strchr(target, '/') + 2;
    memcpy(authority, target, strcspn(target, "/?"));
    authority[strcspn(target, "/?")] = '\0';
    return reference_authority(authority) ? REFUSAL_NONE : REFUSAL_TARGET;
}

/* The next element of a list, without its blanks, into `element`; false at the end. */
static inline bool reference_element(const char **list, char *element)
{
    for (;;) {
        size_t length;

        *list += strspn(*list, " \t,");
        length = strcspn(*list, ",");
        if (!length)
            return false;
        memcpy(element, *list, length);
        *list += length;
        while (length && strchr(" \t", element[length - 1]))
            length--;
        element[length] = '\0';
        if (length)
            return true;
    }
}

static inline enum refusal reference_coding(struct reference *head, const char *value)
{
    char element[20000];
    enum refusal refusal = REFUSAL_NONE;

    head->chunked = false;
    while (reference_element(&value, element)) {
        char *end = element + strcspn(element, ";");
        bool parameters = *end == ';';

        *end = '\0';
        while (end > element && strchr(" \t", end[-1]))
            *--end = '\0';
        for (const char *c = element; *c; c++)
            if (!reference_tchar((unsigned char)*c))
                return REFUSAL_CODING;
        if (head->chunked || !*element)
            return REFUSAL_CODING;
        head->chunked = strcasecmp(element, "chunked") == 0;
        if (head->chunked && parameters)
            return REFUSAL_CODING;
        if (!head->chunked)
            refusal = REFUSAL_CODING_UNKNOWN;
    }
    return head->chunked ? refusal : REFUSAL_CODING;
}

static inline enum refusal reference_length(struct reference *head, const char *value)
{
    if (!*value || strspn(value, "0123456789") != strlen(value) || (*value == '0' && value[1]))
        return REFUSAL_LENGTH;
    errno = 0;
    head->body_length = strtoull(value, NULL, 10);
    return errno ? REFUSAL_LENGTH : REFUSAL_NONE;
}

/* Of the fields 0 to 4 in the order in which their faults count. */
static inline void reference_fault(struct reference *head, unsigned field, enum refusal refusal)
{
    if (refusal)
        head->faults[field] = refusal;
}

/* A field that has been taken apart: what is in it is text without zeros. */
static inline void reference_field(struct reference *head, const char *name, const char *value)
{
    char element[20000];

    if (strcasecmp(name, "Host") == 0) {
        reference_fault(head, 0, reference_authority(value) ? REFUSAL_NONE : REFUSAL_HOST);
        reference_fault(head, 0, head->hosts++ ? REFUSAL_HOST : REFUSAL_NONE);
    } else if (strcasecmp(name, "Transfer-Encoding") == 0) {
        reference_fault(head, 1, reference_coding(head, value));
        reference_fault(head, 1, head->codings++ ? REFUSAL_CODING : REFUSAL_NONE);
    } else if (strcasecmp(name, "Content-Length") == 0) {
        reference_fault(head, 2, reference_length(head, value));
        reference_fault(head, 2, head->lengths++ ? REFUSAL_LENGTH : REFUSAL_NONE);
    } else if (strcasecmp(name, "Expect") == 0) {
        while (reference_element(&value, element))
            if (strcasecmp(element, "100-continue") == 0)
                head->waits = head->minor > 0;
            else
                reference_fault(head, 3, REFUSAL_EXPECTATION);
    } else if (strcasecmp(name, "Content-Type") == 0) {
        reference_fault(head, 4, head->types++ ? REFUSAL_REPEATED : REFUSAL_NONE);
    } else if (strcasecmp(name, "Connection") == 0) {
        while (reference_element(&value, element)) {
            head->close |= strcasecmp(element, "close") == 0;
            head->keep_alive |= strcasecmp(element, "keep-alive") == 0;
        }
    }
}

/* field-name ":" OWS field-value OWS CRLF, or the empty line. Returns false at the end. */
static inline bool reference_line(struct reference *head)
{
    static char name[20000], value[20000];
    size_t start = head->at, length;

    if (reference_peek(head) == '\r') {
        head->at++;
        head->complete = reference_peek(head) == '\n';
        head->at += head->complete;
        return head->complete ? false : reference_refuse(head, REFUSAL_LINE_ENDING);
    }
    if (reference_is(reference_peek(head), " \t"))
        return reference_refuse(head, REFUSAL_FOLD);
    if (reference_tchar(reference_peek(head)) && head->fields++ == head->limits->head_fields)
        return reference_refuse(head, REFUSAL_HEAD_SIZE);
    while (reference_tchar(reference_peek(head)))
        head->at++;
    if (head->at == start || reference_peek(head) != ':')
        return reference_refuse(head, REFUSAL_FIELD_NAME);
    memcpy(name, head->bytes + start, head->at - start);
    name[head->at - start] = '\0';
    start = ++head->at;
    while (reference_peek(head) >= ' ' || reference_peek(head) == '\t') {
        if (reference_peek(head) == 0x7f)
            return reference_refuse(head, REFUSAL_FIELD_VALUE);
        head->at++;
    }
    length = head->at - start;
    if (reference_peek(head) != '\r')
        return reference_refuse(head, REFUSAL_FIELD_VALUE);
    head->at++;
    if (reference_peek(head) != '\n')
        return reference_refuse(head, REFUSAL_LINE_ENDING);
    head->at++;
    for (; length && strchr(" \t", head->bytes[start]); length--)
        start++;
    while (length && strchr(" \t", head->bytes[start + length - 1]))
        length--;
    memcpy(value, head->bytes + start, length);
    value[length] = '\0';
    reference_field(head, name, value);
    return true;
}

static inline enum refusal reference_verdict(const struct reference *head)
{
    if (!head->hosts && head->minor > 0)
        return REFUSAL_HOST;
    if (head->codings && (head->lengths || head->minor == 0))
        return REFUSAL_CODING;
    for (unsigned i = 0; i < sizeof head->faults / sizeof *head->faults; i++)
        if (head->faults[i])
            return head->faults[i];
    return head->body_length > head->limits->body_bytes ? REFUSAL_BODY_SIZE : REFUSAL_NONE;
}

/* Reads the head that `bytes` begin with, from the request line on. */
static inline struct reference reference_read(const void *bytes, size_t length,
                                              const struct request_limits *limits)
{
    bool cut = length > limits->head_bytes;
    struct reference head = {
        .bytes = bytes, .length = cut ? limits->head_bytes : length, .limits = limits};
    char target[20000];
    size_t start;

    if (reference_request_line(&head)) {
        start = strlen(head.method) + 1;
        memcpy(target, head.bytes + start, head.at - start);
        target[head.at - start] = '\0';
        *strchr(target, ' ') = '\0';
        head.refusal = reference_target(head.method, target);
        while (!head.refusal && reference_line(&head))
            continue;
    }
    if (head.complete)
        head.refusal = reference_verdict(&head);
    else if (!head.refusal && cut)
        head.refusal = REFUSAL_HEAD_SIZE;
    head.complete &= !head.refusal;
    return head;
}

#endif
