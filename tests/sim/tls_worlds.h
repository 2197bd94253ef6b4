/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef SIM_TLS_WORLDS_H
#define SIM_TLS_WORLDS_H

/*
 * kevy-tls in worlds, with peers that are OpenSSL.
 *
 *     server    guests of all kinds come; the context is reloaded
 *     client    connections to servers, some of which are not whom they should be
 *     memory    there is none for the plain bytes of a server, for some time
 *
 * Each file says what holds.
 */

#include <kevy/tls.h>

void tls_world_server(void);
void tls_world_client(void);
void tls_world_memory(void);

/* A context of the program, made with these options. */
struct kevy_tls_context *tls_context_make(const struct kevy_tls_options *options);

#endif
