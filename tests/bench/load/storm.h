/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Connections that live for one message: connect, send, receive the echo, close, and once more.
 *
 * Model. So many at a time, in one epoll set; all of it non-blocking. Latency runs from socket(2)
 * to the last byte of the echo. The client closes first, so that it is the one that keeps closed
 * connections in TIME_WAIT: 60,000 local addresses in turn see to it that ports do not run out.
 */
#ifndef BENCH_STORM_H
#define BENCH_STORM_H

#include "settings.h"
#include "tally.h"

/* Mode storm. Returns 0 or a negative errno. */
int storm_run(const struct settings *settings, struct tally *tally);

#endif
