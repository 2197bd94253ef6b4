/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A server under measurement: a child process that prints the port it listens on.
 *
 * Model. Its standard output comes to us: the port is the first number in it that follows "port "
 * or a colon. SIGTERM asks it to end, SIGKILL follows when it does not. It dies with us, also when
 * a failing test ends without a chance to stop it. What it leaves behind (the tracer of strace -D)
 * is waited for as well, so that its output is complete.
 */
#ifndef BENCH_SERVER_PROCESS_H
#define BENCH_SERVER_PROCESS_H

#include <stdint.h>
#include <sys/types.h>

struct server_process {
    pid_t pid;
    int output; /* the reading end of its standard output */
    uint16_t port;
};

/* Where a server runs, beside us who keep it busy. */
enum server_place {
    SERVER_ANYWHERE,
    SERVER_APART, /* we on the first CPU, it on the last */
    /* Both on the first CPU, and it only while we sleep: what it finds is the same each time, but
     * for the moments in which a third program takes the CPU from us. */
    SERVER_BEHIND,
};

/*
 * Starts `arguments` (NULL-terminated, a program of $PATH first) and waits for its port. Returns 0
 * or a negative errno: -EPROTO when it ended or printed no port, -ETIMEDOUT.
 */
int server_process_start(struct server_process *server, char *const *arguments,
                         enum server_place place);

/* CPU time of all its threads so far, user and system, in nanoseconds; 0 when it cannot be told. */
uint64_t server_process_cpu_ns(const struct server_process *server);

/* Bytes of memory that it has resident. */
uint64_t server_process_resident(const struct server_process *server);

/* Ends it. Returns its exit status, or -1 when it had to be killed or died by a signal. */
int server_process_stop(struct server_process *server);

#endif
