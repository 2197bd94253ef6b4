/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * proxied.h - clients that come through a proxy, which names them.
 *
 * Model. A connection from one of options->proxies begins with the header of proxy_header.h, in
 * front of TLS too; one from elsewhere does not. The address of who connects decides alone, never
 * the bytes: a client that is not trusted cannot name another address, and its header is a
 * malformed request. The time limit of a head is for the header as well.
 *
 * Invariant. Before the header is complete no byte is looked at as a request. A connection from a
 * proxy that ends without a valid header is counted, once.
 */
#ifndef HTTP_ECHO_PROXIED_H
#define HTTP_ECHO_PROXIED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct connection;
struct kevy_listener;
struct server_options;

/* Does the connection that is being accepted come from a proxy? */
bool proxied_expected(const struct server_options *options, const struct kevy_listener *listener);

/* Lets the connection expect a header. False when there is no memory. */
bool proxied_begin(struct connection *connection);

/* Takes the bytes that belong to the header. Returns their number, fewer than `length` when it is
 * complete, or -EPROTO when it is refused. */
int proxied_take(struct connection *connection, const uint8_t *bytes, size_t length);

/* True when no header is expected (any more). */
bool proxied_is_known(const struct connection *connection);

/* Counts a header that did not come, and frees the memory. Without a proxy it does nothing. */
void proxied_end(struct connection *connection);

/* Writes the address of the client as text, cut at `size` and always terminated: the one that a
 * proxy named, or else that of the connection. */
void proxied_write_client(struct connection *connection, char *text, size_t size);

#endif
