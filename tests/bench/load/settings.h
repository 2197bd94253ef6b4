/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef BENCH_SETTINGS_H
#define BENCH_SETTINGS_H

#include "processes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the command line asks for; main.c says what each is. */
struct settings {
    const char *mode;
    const char *request; /* of HTTP */
    uint16_t port;
    struct processes servers;
    uint32_t connections;
    uint32_t hogs;
    uint32_t in_flight;
    uint32_t segments;
    uint32_t messages; /* of a connection, instead of `seconds`; 0: these count */
    uint32_t size;     /* bytes of a message */
    double rate;
    double reading_rate;
    double seconds;
    double warm_up;
    bool in_step;
    bool unlimited;
    bool closing;
    bool idle; /* no messages at all, for `seconds` */
};

#endif
