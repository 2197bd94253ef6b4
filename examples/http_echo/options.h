/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * options.h - the command line of http_echo.
 *
 * Model. One table has the name of each option, its unit, range, default and purpose. The help is
 * this table, printed; the defaults are read by the same code as the command line.
 */
#ifndef HTTP_ECHO_OPTIONS_H
#define HTTP_ECHO_OPTIONS_H

#include "networks.h"

#include <kevy/ring_kernel.h>

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* Where a listener listens. */
struct options_where {
    const char *text;
    struct sockaddr_storage address;
    socklen_t length; /* 0: nowhere */
};

struct options {
    const char *address;
    uint64_t port;
    uint64_t threads;
    uint64_t max_body;
    uint64_t max_header;
    uint64_t max_connections;
    uint64_t max_requests;
    uint64_t memory_limit;
    uint64_t watermark;
    uint64_t idle_ns;
    uint64_t header_ns;
    uint64_t body_ns;
    uint64_t write_ns;
    uint64_t drain_ns;
    enum kevy_ring_kernel_choice kernel;
    const char *tls_certificate; /* NULL: not encrypted; both or none */
    const char *tls_key;
    struct networks proxies;     /* count 0: none */
    struct options_where status; /* zero: no status page */
    const char *log;             /* NULL: nothing is logged; "-": the standard output */
    uint64_t explained;          /* connections, whose needs were asked for; 0: they were not */
    bool help;                   /* one of these two was asked for: the rest does not matter */
    bool version;
};

/*
 * Fills *options from the command line, to whose texts it points. Returns false after a sentence
 * about the first mistake on stderr.
 */
bool options_read(struct options *options, int argc, char **argv);

/* Prints the help to stdout. */
void options_print(void);

#endif
