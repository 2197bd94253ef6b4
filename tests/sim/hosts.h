/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef SIM_HOSTS_H
#define SIM_HOSTS_H

/*
 * Whom the library can connect to.
 *
 * Model. A port is a host. Some answer after a while, some refuse, some cannot be reached, some
 * never say a word. Behind those that answer there is an echo, which ends its side when the other
 * has ended and all is sent back; where chance wants it, it resets the connection.
 */

#include "world.h"

enum {
    HOSTS = 8,
    HOST_PORT = 20000, /* of the first */
};

/* Draws what each host does; one at least answers. */
void hosts_open(void);

/* All hosts answer from now on. */
void hosts_quiet(void);

/* Ends what is left. */
void hosts_stop(void);

#endif
