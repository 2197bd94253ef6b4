/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef KEVY_SIM_SRC_MESSAGE_H
#define KEVY_SIM_SRC_MESSAGE_H

/*
 * Requests that carry datagrams, with their addresses and control data.
 *
 * Model. A multishot receive divides each buffer of the group: a header, room for the name, room
 * for control data, and the data. Only the sizes of the two rooms are read from the user's header,
 * when the request is submitted. An empty datagram ends the multishot, as in Linux.
 */

#include "names.h"

#include "request.h"

/* As operations.h says: of recvmsg, and of sendmsg on a datagram socket. */
int message_prepare_send(struct request *request);
int message_prepare(struct request *request);
int message_collect(struct request *request);
int message_transmit(struct request *request);

#endif
