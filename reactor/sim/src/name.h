/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef KEVY_SIM_SRC_NAME_H
#define KEVY_SIM_SRC_NAME_H

/*
 * Names, in place of getaddrinfo(3).
 *
 * Model. A thread of the program asks, and sleeps until the answer has come, or longer where chance
 * wants it. A list of addresses is one block.
 *
 * Invariants. Each list that was given out is given back, once.
 */

#include "names.h"

#include <netdb.h>
#include <stdint.h>

void names_reset(void);

/* Lists that the program has. */
uint32_t names_lists(void);

/* For the table of system calls. */
int sim_lookup(void *context, const char *host, const char *service, const struct addrinfo *hints,
               struct addrinfo **found);
void sim_lookup_free(void *context, struct addrinfo *found);

#endif
