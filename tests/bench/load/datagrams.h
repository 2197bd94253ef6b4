/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Connected UDP sockets that send to an echo server, each as soon as its answer is complete.
 *
 * Model. One send is `segments` datagrams of `size` bytes, cut by the kernel (UDP_SEGMENT) where
 * there are more than one; the answers may come merged in the same way (UDP_GRO). A datagram may be
 * lost: a socket without an answer for 100 ms sends again, and what is lost is not counted.
 */
#ifndef BENCH_DATAGRAMS_H
#define BENCH_DATAGRAMS_H

#include "settings.h"
#include "tally.h"

/* Mode udp. Returns 0 or a negative errno. */
int datagrams_run(const struct settings *settings, struct tally *tally);

#endif
