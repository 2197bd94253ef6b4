/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef SIM_HOSTS_H
#define SIM_HOSTS_H

/* Whom the library can connect to. */

#include "socket.h"

/* Begins to connect. 0, or the errno with which the address fails at once. */
int hosts_connect(struct socket *socket, const struct sockaddr *address);

#endif
