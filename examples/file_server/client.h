/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * client.h - one connection: a head is read, one file is sent, and the connection is closed.
 *
 * A client has CLIENT_HEAD_SECONDS for its head, and for the body as much time as it takes as long
 * as it reads. A file that ends too early resets the connection: an answer that is cut short must
 * not look complete.
 */
#ifndef FILE_SERVER_CLIENT_H
#define FILE_SERVER_CLIENT_H

#include <kevy/stream.h>

#define CLIENT_HEAD_SECONDS 10

/* A stream for a client that is served from the folder `folder`, a descriptor that stays open. NULL
 * without memory. */
struct kevy_stream *client_create(int folder);

#endif
