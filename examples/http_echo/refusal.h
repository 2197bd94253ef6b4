/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * refusal.h - every reason for which http_echo refuses a request, with its status.
 *
 * One list holds the status, the sentence that the client reads and the counter that the operator
 * reads. A refused connection is closed after the answer, because the next request may not begin
 * where it seems to.
 */
#ifndef HTTP_ECHO_REFUSAL_H
#define HTTP_ECHO_REFUSAL_H

/* X(name, status, sentence) */
#define REFUSALS(X)                                                                             \
    X(LINE_ENDING, 400, "Lines end with CR LF, and neither stands alone.")                      \
    X(REQUEST_LINE, 400, "The request line is not METHOD SP TARGET SP HTTP/1.x.")               \
    X(FIELD_NAME, 400, "A field name is empty, or has a character that no name may have.")      \
    X(FIELD_VALUE, 400, "A field value has a control character.")                               \
    X(FOLD, 400, "A field value may not continue in the next line.")                            \
    X(TARGET, 400, "This method may not have such a target.")                                   \
    X(HOST, 400, "Exactly one Host field with a valid host is required.")                       \
    X(LENGTH, 400, "Content-Length has to be one plain decimal number.")                        \
    X(CODING, 400, "Transfer-Encoding has to end with chunked, in HTTP/1.1, without a length.") \
    X(REPEATED, 400, "A field that may be there only once is repeated.")                        \
    X(CHUNK, 400, "The chunked body is malformed.")                                             \
    X(TRAILER, 400, "A trailer may not frame or route the message.")                            \
    X(PARSER, 400, "The request is malformed.")                                                 \
    X(METHOD, 405, "This method is not supported here.")                                        \
    X(TIMEOUT, 408, "The request did not arrive in time.")                                      \
    X(BODY_SIZE, 413, "The body is larger than this server accepts.")                           \
    X(TARGET_SIZE, 414, "The target is longer than this server accepts.")                       \
    X(EXPECTATION, 417, "The only expectation known here is 100-continue.")                     \
    X(HEAD_SIZE, 431, "The header is larger than this server accepts.")                         \
    X(CODING_UNKNOWN, 501, "The only transfer coding known here is chunked.")                   \
    X(METHOD_UNKNOWN, 501, "This method is not known here.")                                    \
    X(MEMORY, 503, "The server is out of memory; try again later.")                             \
    X(VERSION, 505, "The versions spoken here are HTTP/1.0 and HTTP/1.1.")

#define REFUSAL_ENUMERATOR(name, status, sentence) REFUSAL_##name,

enum refusal {
    REFUSAL_NONE,
    REFUSALS(REFUSAL_ENUMERATOR) REFUSAL_COUNT,
};

#undef REFUSAL_ENUMERATOR

#endif
