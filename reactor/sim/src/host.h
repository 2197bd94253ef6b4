/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef KEVY_SIM_SRC_HOST_H
#define KEVY_SIM_SRC_HOST_H

/*
 * Whom the program can connect to: the hosts of the test, by port, and the program itself.
 */

#include "names.h"

struct kevy_x_socket;
struct sockaddr;

void hosts_reset(void);

/* Begins to connect. 0, or the errno with which the address fails at once. */
int host_connect(struct kevy_x_socket *socket, const struct sockaddr *address);

#endif
