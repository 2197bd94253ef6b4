/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Many connections of one server, in one thread, at one pace.
 *
 * Model. Sockets in one epoll set. A pace says when a connection may send its next request:
 *
 *     closed     as soon as an earlier one is answered, `in_flight` at a time
 *     in step    all together, once all are answered: the same batch for the server each time
 *     open       at a fixed rate over all connections, whether anything was answered or not
 *     unlimited  always; hogs are connections of this pace beside those of another
 *     reading    as closed, but answers are received at a fixed rate, from one after the other
 *
 * Latency runs from the moment a request was allowed, at the open pace from the moment at which it
 * was due: a server that stalls delays all that was due meanwhile, and all of that is counted.
 *
 * A run is a warm-up and a measured phase. At the end of a phase nothing more is allowed, and what
 * was allowed is waited for; only at the reading pace, where that would take as long as a whole
 * answer, it goes on.
 */
#ifndef BENCH_CROWD_H
#define BENCH_CROWD_H

#include "settings.h"
#include "tally.h"

/* Modes echo, send, receive and http. Returns 0 or a negative errno. */
int crowd_run(const struct settings *settings, struct tally *tally);

#endif
