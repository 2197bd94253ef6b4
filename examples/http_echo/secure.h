/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * secure.h - connections by TLS: where the program is built with kevy-tls.
 *
 * Model. One context for all threads. Its certificate and key are read again at each SIGHUP; when
 * that fails the old ones stay in use. A connection's kevy_tls lies behind it in the same memory,
 * and its callbacks are those of connection.h.
 */
#ifndef HTTP_ECHO_SECURE_H
#define HTTP_ECHO_SECURE_H

#include <stddef.h>

struct connection;
struct kevy_stream;
struct kevy_tls_context;

/*
 * Creates the context from two files, or reads them again. Returns 0, or an exit status after a
 * sentence on stderr.
 */
int secure_create(struct kevy_tls_context **context, const char *certificate, const char *key);
int secure_reload(struct kevy_tls_context *context, const char *certificate, const char *key);

/* Says on stderr what handshakes there were, and frees the context, which may be NULL. */
void secure_destroy(struct kevy_tls_context *context);

/* Bytes of a connection with its kevy_tls. */
size_t secure_connection_size(void);

/* Prepares a connection of that size, and returns the stream that is to be accepted. */
struct kevy_stream *secure_init(struct connection *connection, struct kevy_tls_context *context);

#endif
