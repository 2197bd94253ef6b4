/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef KEVY_SIM_SRC_SOCKET_CALL_H
#define KEVY_SIM_SRC_SOCKET_CALL_H

/*
 * What rings do to sockets besides moving bytes: KEVY_OP_ACCEPT, _CONNECT, _SHUTDOWN, _SOCKET,
 * _BIND and _LISTEN.
 *
 * Model. Accept and connect wait; the others are what the system call does, in system.c. On a file
 * of another kind each fails as in Linux.
 */

#include "names.h"

#include "request.h"

int prepare_accept(struct request *request);
int run_accept(struct request *request);
int prepare_connect(struct request *request);
int run_connect(struct request *request);
int prepare_shutdown(struct request *request);
int run_shutdown(struct request *request);
int prepare_socket(struct request *request);
int run_socket(struct request *request);
int prepare_bind(struct request *request);
int run_bind(struct request *request);
int prepare_listen(struct request *request);
int run_listen(struct request *request);

#endif
