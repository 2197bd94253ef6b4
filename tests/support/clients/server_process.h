/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A server under test: a child process that prints the port it listens on.
 *
 * Model. Its standard output comes to us: the port is the first number in it that follows "port "
 * or a colon. SIGTERM asks it to end, SIGKILL follows when it does not. It dies with us, also when
 * a failing test ends without a chance to stop it.
 */
#ifndef SUPPORT_SERVER_PROCESS_H
#define SUPPORT_SERVER_PROCESS_H

#include <stdint.h>
#include <sys/types.h>

struct server_process {
    pid_t pid;
    int output; /* the reading end of its standard output */
    uint16_t port;
};

/*
 * Starts `arguments` (NULL-terminated, a program of $PATH first) and waits for its port. Returns 0
 * or a negative errno: -EPROTO when it ended or printed no port, -ETIMEDOUT.
 */
int server_process_start(struct server_process *server, char *const *arguments);

/* Bytes of memory that it has resident. */
uint64_t server_process_resident(const struct server_process *server);

/* Ends it. Returns its exit status, or -1 when it had to be killed or died by a signal. */
int server_process_stop(struct server_process *server);

#endif
