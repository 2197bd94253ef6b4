/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef HTTP_DECISIONS_H
#define HTTP_DECISIONS_H

/*
 * How http_echo decides wherever RFC 9110 and RFC 9112 are not obvious, leave a choice, or are not
 * followed. Each row is one case with its reason. test_request.c parses each case in pieces of many
 * sizes; test_http_decisions.c sends each case to the server, whole and cut at every byte.
 *
 * The kinds of a decision:
 *
 *     LETTER    the RFC says so
 *     CHOICE    the RFC leaves it open, and this is what was chosen
 *     STRICTER  the RFC allows or asks for it, and it is refused
 *     LOOSER    the RFC does not allow it, and it is accepted
 */

#include "refusal.h"

#include <stddef.h>

enum decision_kind {
    LETTER,
    CHOICE,
    STRICTER,
    LOOSER,
};

struct decision {
    enum decision_kind kind;
    enum refusal refusal; /* REFUSAL_NONE: accepted */
    const char *section;
    const char *reason;
    const char *bytes;
    size_t length;
    const char *body; /* of the answer where it tells something, or NULL */
};

/* clang-format off */
#define DECISION(kind, refusal, section, reason, bytes) \
    {kind, REFUSAL_##refusal, section, reason, bytes, sizeof(bytes) - 1, NULL}
#define ECHOES(kind, section, reason, bytes, body) \
    {kind, REFUSAL_NONE, section, reason, bytes, sizeof(bytes) - 1, body}
/* clang-format on */

#define LINED(line)    line "\r\nHost: a\r\n\r\n"
#define FIELDS(fields) "GET / HTTP/1.1\r\n" fields "\r\n"
#define POSTED(rest)   "POST / HTTP/1.1\r\nHost: a\r\n" rest
#define CODED(coding)  POSTED(coding "\r\n5\r\nhello\r\n0\r\n\r\n")
#define CHUNKS(body)   POSTED("Transfer-Encoding: chunked\r\n\r\n" body)

static const struct decision decisions[] = {
    /* Versions. */
    DECISION(LETTER, NONE, "RFC 9110, 2.5",
             "A later minor version is read as HTTP/1.1: it may only add to it.",
             LINED("GET / HTTP/1.2")),
    DECISION(LETTER, NONE, "RFC 9110, 2.5", "The same for the last minor version.",
             LINED("GET / HTTP/1.9")),
    DECISION(LETTER, VERSION, "RFC 9110, 15.6.6",
             "505 means that the major version is not supported.", LINED("GET / HTTP/2.0")),
    DECISION(CHOICE, VERSION, "RFC 9110, 15.6.6",
             "The answer to the preface of HTTP/2 does not wait for the rest of it.",
             "PRI * HTTP/2.0\r\n"),
    DECISION(LETTER, VERSION, "RFC 9110, 15.6.6", "Major version 0 is not supported either.",
             LINED("GET / HTTP/0.9")),
    DECISION(LETTER, REQUEST_LINE, "RFC 9112, 2.3", "A version is one digit, a dot, one digit.",
             LINED("GET / HTTP/1.10")),
    DECISION(LETTER, REQUEST_LINE, "RFC 9112, 2.3", "The name HTTP is in capital letters.",
             LINED("GET / http/1.1")),
    DECISION(CHOICE, REQUEST_LINE, "RFC 9112, 2.3",
             "A line without a version is HTTP/0.9, which is not supported.", "GET /\r\n"),

    /* Lines. */
    DECISION(LETTER, NONE, "RFC 9112, 2.2",
             "One empty line before a request is skipped: some old clients send it.",
             "\r\n" FIELDS("Host: a\r\n")),
    DECISION(CHOICE, REQUEST_LINE, "RFC 9112, 2.2",
             "A second empty line is refused: the RFC asks for at least one.",
             "\r\n\r\n" FIELDS("Host: a\r\n")),
    DECISION(CHOICE, LINE_ENDING, "RFC 9112, 2.2",
             "LF alone may end a line. Refused: a proxy could see another message.",
             "GET / HTTP/1.1\nHost: a\n\n"),
    DECISION(CHOICE, LINE_ENDING, "RFC 9112, 2.2", "The same in a field.",
             FIELDS("Host: a\nX: y\r\n")),
    DECISION(LETTER, LINE_ENDING, "RFC 9112, 2.2", "CR alone is invalid.",
             FIELDS("Host: a\rX: y\r\n")),
    DECISION(CHOICE, REQUEST_LINE, "RFC 9112, 3",
             "Two spaces in the request line may be accepted. Refused: no client sends them.",
             LINED("GET  / HTTP/1.1")),
    DECISION(CHOICE, REQUEST_LINE, "RFC 9112, 3", "The same for a TAB.", LINED("GET\t/ HTTP/1.1")),
    DECISION(CHOICE, FOLD, "RFC 9112, 5.2",
             "A folded value may be unfolded. Refused: folding has been used to hide a length.",
             FIELDS("Host: a\r\nX: y\r\n z\r\n")),
    DECISION(CHOICE, FOLD, "RFC 9112, 2.2",
             "A line that begins with a blank may be dropped. Refused, as with folding.",
             FIELDS(" X: y\r\nHost: a\r\n")),

    /* Methods. */
    DECISION(LETTER, METHOD_UNKNOWN, "RFC 9110, 9.1", "The case of a method matters.",
             LINED("get / HTTP/1.1")),
    DECISION(LETTER, METHOD_UNKNOWN, "RFC 9110, 9.1", "501 means that the method is not known.",
             LINED("ECHO / HTTP/1.1")),
    DECISION(LETTER, METHOD, "RFC 9110, 9.1",
             "405 means that the method is known and not supported.", LINED("TRACE / HTTP/1.1")),
    DECISION(LETTER, METHOD, "RFC 9110, 9.3.6", "The same for tunnels.",
             LINED("CONNECT a:443 HTTP/1.1")),
    DECISION(STRICTER, REQUEST_LINE, "RFC 9112, 3",
             "A method of more than 32 characters should get 501. It is noise, not a method.",
             LINED("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG / HTTP/1.1")),

    /* Targets. */
    DECISION(LOOSER, NONE, "RFC 3986, 3.3",
             "Some browsers send these characters unescaped. An echo does not interpret them.",
             LINED("GET /{a}|[b]^`c HTTP/1.1")),
    DECISION(LOOSER, NONE, "RFC 3986, 2.1",
             "An echo does not decode a target, so it does not check the escapes either.",
             LINED("GET /%zz%00 HTTP/1.1")),
    DECISION(LETTER, REQUEST_LINE, "RFC 9112, 3.2", "A fragment is never sent to a server.",
             LINED("GET /a#b HTTP/1.1")),
    DECISION(LETTER, REQUEST_LINE, "RFC 3986, 2", "Characters outside ASCII have to be escaped.",
             LINED("GET /caf\xc3\xa9 HTTP/1.1")),
    DECISION(LETTER, NONE, "RFC 9112, 3.2.2",
             "A whole URI has to be accepted. Its host counts, not that of the Host field.",
             "GET http://b.example:80/x HTTP/1.1\r\nHost: a\r\n\r\n"),
    DECISION(LETTER, HOST, "RFC 9112, 3.2", "The Host field is still required.",
             "GET http://b.example/ HTTP/1.1\r\n\r\n"),
    DECISION(LETTER, TARGET, "RFC 9110, 4.2.4", "A user name before the host is an error.",
             LINED("GET http://u@a/ HTTP/1.1")),
    DECISION(LETTER, TARGET, "RFC 9110, 4.2.1", "The host of an http URI is not empty.",
             LINED("GET http:///a HTTP/1.1")),
    DECISION(LETTER, NONE, "RFC 9112, 3.2.4", "The target of OPTIONS may be an asterisk.",
             LINED("OPTIONS * HTTP/1.1")),
    DECISION(LETTER, TARGET, "RFC 9112, 3.2.4", "The target of another method may not.",
             LINED("GET * HTTP/1.1")),

    /* Host. */
    DECISION(LETTER, HOST, "RFC 9112, 3.2", "HTTP/1.1 requires a Host field.", FIELDS("")),
    DECISION(LETTER, NONE, "RFC 9112, 3.2", "HTTP/1.0 does not require it.",
             "GET / HTTP/1.0\r\n\r\n"),
    DECISION(LETTER, HOST, "RFC 9112, 3.2", "Two Host fields are an error, even if they are equal.",
             FIELDS("Host: a\r\nHost: a\r\n")),
    DECISION(LETTER, HOST, "RFC 9112, 3.2", "The same in HTTP/1.0.",
             "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"),
    DECISION(CHOICE, HOST, "RFC 9112, 3.3",
             "An empty Host field may be refused, because an http URI needs a host.",
             FIELDS("Host:\r\n")),
    DECISION(STRICTER, HOST, "RFC 3986, 3.2.2",
             "A name may have a comma. Refused: two Host fields joined into one look like this.",
             FIELDS("Host: a,b\r\n")),
    DECISION(LETTER, NONE, "RFC 3986, 3.2.2", "A name may have these characters, and escapes.",
             FIELDS("Host: a_b!$&'()*+;=~%2d.\r\n")),
    DECISION(LETTER, HOST, "RFC 3986, 3.2.2", "An escape has two hexadecimal digits.",
             FIELDS("Host: a%2\r\n")),
    DECISION(LETTER, NONE, "RFC 3986, 3.2.2", "Four numbers that are no IPv4 address are a name.",
             FIELDS("Host: 1.2.3.999\r\n")),
    DECISION(LETTER, NONE, "RFC 3986, 3.2.2", "An IPv6 address is in brackets.",
             FIELDS("Host: [2001:db8::1]:80\r\n")),
    DECISION(LETTER, NONE, "RFC 3986, 3.2.2", "It may end with an IPv4 address.",
             FIELDS("Host: [::ffff:192.0.2.1]\r\n")),
    DECISION(LETTER, NONE, "RFC 3986, 3.2.2", "The gap \"::\" stands for one group or more.",
             FIELDS("Host: [1:2:3:4:5:6:7::]\r\n")),
    DECISION(LETTER, HOST, "RFC 3986, 3.2.2", "The gap does not stand for nothing.",
             FIELDS("Host: [1:2:3:4::5:6:7:8]\r\n")),
    DECISION(LETTER, HOST, "RFC 3986, 3.2.2", "An IPv6 address with too few groups.",
             FIELDS("Host: [1:2]\r\n")),
    DECISION(LETTER, HOST, "RFC 3986, 3.2.2", "An IPv6 address with two gaps.",
             FIELDS("Host: [4712::abcd::]\r\n")),
    DECISION(LETTER, HOST, "RFC 3986, 3.2.2",
             "The numbers of an IPv4 address have no leading zeros.",
             FIELDS("Host: [::ffff:192.0.2.01]\r\n")),
    DECISION(LETTER, HOST, "RFC 3986, 3.2.2", "An address of a future kind is not supported.",
             FIELDS("Host: [v1.a:b]\r\n")),
    DECISION(LETTER, HOST, "RFC 3986, 3.2.2",
             "An address has no zone: that is local to the client.",
             FIELDS("Host: [fe80::1%25eth0]\r\n")),
    DECISION(LETTER, NONE, "RFC 3986, 3.2.3", "A port may have leading zeros.",
             FIELDS("Host: a:000080\r\n")),
    DECISION(LETTER, NONE, "RFC 3986, 3.2.3", "A port may be empty.", FIELDS("Host: a:\r\n")),
    DECISION(STRICTER, HOST, "RFC 3986, 3.2.3",
             "A port may be any number. Refused: TCP has none above 65535.",
             FIELDS("Host: a:65536\r\n")),

    /* Fields. */
    DECISION(LETTER, NONE, "RFC 9110, 5.6.3", "A value may have spaces and TABs around it.",
             FIELDS("Host:\t a \t\r\nConnection:\tclose\t\r\n")),
    DECISION(LETTER, FIELD_NAME, "RFC 9112, 5.1", "A name may not have a blank behind it.",
             FIELDS("Host : a\r\n")),
    DECISION(LETTER, NONE, "RFC 9110, 5.5", "A value may have bytes above 0x7f.",
             FIELDS("Host: a\r\nX: \x80\xff\r\n")),
    DECISION(CHOICE, FIELD_VALUE, "RFC 9110, 5.5", "A zero byte may be replaced. Refused.",
             FIELDS("Host: a\r\nX: a\0b\r\n")),
    DECISION(CHOICE, FIELD_VALUE, "RFC 9110, 5.5", "Other control characters may be kept. Refused.",
             FIELDS("Host: a\r\nX: a\x7f\r\n")),
    DECISION(LETTER, NONE, "RFC 9110, 5.1",
             "An underscore makes another name: names are never normalised.",
             FIELDS("Host: a\r\nTransfer_Encoding: chunked\r\n")),
    DECISION(CHOICE, NONE, "RFC 9110, 7.8", "Upgrade may be ignored, and is, whatever it asks for.",
             FIELDS("Host: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                    "Sec-WebSocket-Version: 99\r\n")),
    DECISION(CHOICE, REPEATED, "RFC 9110, 5.3",
             "Two Content-Type fields: servers differ in which one they use. Refused.",
             POSTED("Content-Type: a/b\r\nContent-Type: c/d\r\n\r\n")),
    DECISION(CHOICE, EXPECTATION, "RFC 9110, 10.1.1",
             "An unknown expectation may be ignored. Refused.",
             FIELDS("Host: a\r\nExpect: 200-ok\r\n")),
    ECHOES(LETTER, "RFC 9110, 5.6.1", "Empty elements of a list are ignored.",
           POSTED("Expect: , 100-Continue,\r\nContent-Length: 2\r\n\r\nhi"), "hi"),
    DECISION(LETTER, NONE, "RFC 9110, 10.1.1", "A list may have empty elements alone.",
             FIELDS("Host: a\r\nExpect: ,\r\n")),

    /* Content-Length. */
    ECHOES(LETTER, "RFC 9110, 5.6.3", "A length may have spaces and TABs around it.",
           POSTED("Content-Length:\t5 \t\r\n\r\nhello"), "hello"),
    DECISION(STRICTER, LENGTH, "RFC 9110, 8.6",
             "A leading zero is legal. Refused: some read it as octal, and no client sends it.",
             POSTED("Content-Length: 005\r\n\r\nhello")),
    DECISION(STRICTER, LENGTH, "RFC 9110, 8.6", "The same for zero itself.",
             POSTED("Content-Length: 00\r\n\r\n")),
    DECISION(LETTER, LENGTH, "RFC 9112, 6.3", "A length has no sign.",
             POSTED("Content-Length: +5\r\n\r\nhello")),
    DECISION(LETTER, LENGTH, "RFC 9112, 6.3", "A length has at least one digit.",
             POSTED("Content-Length:\r\n\r\n")),
    DECISION(CHOICE, LENGTH, "RFC 9110, 8.6", "A list of the same number may be accepted. Refused.",
             POSTED("Content-Length: 5, 5\r\n\r\nhello")),
    DECISION(CHOICE, LENGTH, "RFC 9110, 8.6",
             "Two fields with the same number may be accepted. Refused.",
             POSTED("Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello")),
    DECISION(LETTER, LENGTH, "RFC 9112, 6.3", "Two different numbers are an error.",
             POSTED("Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello")),
    DECISION(LETTER, BODY_SIZE, "RFC 9110, 15.5.14",
             "A length above the limit is refused before the body.",
             POSTED("Content-Length: 18446744073709551615\r\n\r\n")),
    DECISION(CHOICE, LENGTH, "RFC 9110, 8.6",
             "A length of 2^64 or more is refused as malformed: a counter could wrap around.",
             POSTED("Content-Length: 18446744073709551616\r\n\r\n")),
    ECHOES(CHOICE, "RFC 9110, 9.3.1", "A GET may have a body. It is read and ignored.",
           "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
           "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"),

    /* Transfer-Encoding. */
    DECISION(CHOICE, CODING, "RFC 9112, 6.1",
             "A coding beside a length may be accepted. Refused: a proxy could use the length.",
             CODED("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n")),
    DECISION(LETTER, CODING, "RFC 9112, 6.1", "A coding in HTTP/1.0 makes the framing faulty.",
             "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ECHOES(LETTER, "RFC 9110, 5.6.3", "A coding may have spaces and TABs around it.",
           CODED("Transfer-Encoding:\t chunked\t\r\n"), "hello"),
    ECHOES(LETTER, "RFC 9110, 5.6.1", "Empty elements of a list are ignored.",
           CODED("Transfer-Encoding: , chunked\t,,\r\n"), "hello"),
    ECHOES(LETTER, "RFC 9112, 7", "The case of a coding does not matter.",
           CODED("Transfer-Encoding: cHUNKED\r\n"), "hello"),
    DECISION(LETTER, CODING, "RFC 9112, 6.3",
             "Where chunked is not the last coding, nobody knows where the body ends.",
             POSTED("Transfer-Encoding:\r\n\r\n")),
    DECISION(LETTER, CODING, "RFC 9112, 6.3",
             "That has to get 400. An unknown coding alone only should get 501.",
             POSTED("Transfer-Encoding: gzip\r\n\r\n")),
    DECISION(LETTER, CODING, "RFC 9112, 6.3", "The same with chunked before another coding.",
             CODED("Transfer-Encoding: chunked, gzip\r\n")),
    DECISION(LETTER, CODING_UNKNOWN, "RFC 9112, 6.1", "An unknown coding before chunked gets 501.",
             CODED("Transfer-Encoding: gzip, chunked\r\n")),
    DECISION(LETTER, CODING_UNKNOWN, "RFC 9112, 7", "The coding identity no longer exists.",
             CODED("Transfer-Encoding: identity, chunked\r\n")),
    DECISION(LETTER, CODING, "RFC 9112, 7.1", "The coding chunked has no parameters.",
             CODED("Transfer-Encoding: chunked;a=b\r\n")),
    DECISION(LETTER, CODING, "RFC 9112, 6.1", "The coding chunked may be applied only once.",
             CODED("Transfer-Encoding: chunked, chunked\r\n")),
    DECISION(STRICTER, CODING, "RFC 9110, 5.3",
             "Two fields make one list. Refused: proxies differ in which one they use.",
             CODED("Transfer-Encoding: \r\nTransfer-Encoding: chunked\r\n")),

    /* Chunks. */
    ECHOES(LETTER, "RFC 9110, 5.6.3",
           "Blanks around ';' and '=' of an extension have to be skipped.",
           CHUNKS("5 \t; a\t= \"b;c\" ;d\r\nhello\r\n0\r\n\r\n"), "hello"),
    DECISION(LETTER, CHUNK, "RFC 9112, 7.1", "A size without an extension has no blank behind it.",
             CHUNKS("5 \r\nhello\r\n0\r\n\r\n")),
    DECISION(LETTER, CHUNK, "RFC 9112, 7.1", "A size has no blank before it.",
             CHUNKS(" 5\r\nhello\r\n0\r\n\r\n")),
    DECISION(LETTER, CHUNK, "RFC 9112, 7.1.1", "An extension has a name.",
             CHUNKS("5;\r\nhello\r\n0\r\n\r\n")),
    DECISION(LETTER, CHUNK, "RFC 9112, 7.1.1", "An extension with '=' has a value.",
             CHUNKS("5;a=\r\nhello\r\n0\r\n\r\n")),
    ECHOES(LETTER, "RFC 9112, 7.1", "A size may have leading zeros, as some clients send them.",
           CHUNKS("00000000000000000005\r\nhello\r\n000\r\n\r\n"), "hello"),
    DECISION(LETTER, BODY_SIZE, "RFC 9110, 15.5.14",
             "A size above the limit is refused before the data.", CHUNKS("ffffffffffffffff\r\n")),
    DECISION(CHOICE, CHUNK, "RFC 9112, 7.1",
             "A size of 2^64 or more is refused as malformed, like such a length.",
             CHUNKS("10000000000000000\r\n")),
    DECISION(CHOICE, LINE_ENDING, "RFC 9112, 2.2", "LF alone does not end the line of a size.",
             CHUNKS("5\nhello\r\n0\r\n\r\n")),
    DECISION(LETTER, CHUNK, "RFC 9112, 7.1", "LF alone does not end the data.",
             CHUNKS("5\r\nhello\n0\r\n\r\n")),
    ECHOES(LETTER, "RFC 9110, 6.5.1", "Trailers may be discarded, and are.",
           CHUNKS("5\r\nhello\r\n0\r\nX: y\r\nExpect: z\r\n\r\n"), "hello"),
    DECISION(CHOICE, TRAILER, "RFC 9110, 6.5.1",
             "A trailer that frames the message must not be used. Refused rather than ignored.",
             CHUNKS("5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n")),
    DECISION(CHOICE, TRAILER, "RFC 9110, 6.5.1", "The same for a coding.",
             CHUNKS("0\r\nTransfer-Encoding: chunked\r\n\r\n")),
    DECISION(CHOICE, TRAILER, "RFC 9110, 6.5.1", "The same for a host.",
             CHUNKS("0\r\nX: y\r\nHost: b\r\n\r\n")),
};

#define DECISIONS ((int)(sizeof decisions / sizeof *decisions))

#undef LINED
#undef FIELDS
#undef POSTED
#undef CODED
#undef CHUNKS

#endif
