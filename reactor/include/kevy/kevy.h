/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/kevy.h - the whole of kevy-reactor in one include.
 *
 * To write a server, read on in this order:
 *
 *     reactor.h     the loop, and what holds for all that follows: ownership, order, threads
 *     listener.h    accepts connections; each is
 *     stream.h      a stream: reads, a write queue, deadlines, closing
 *     recv_pool.h   the bytes that a read callback gets
 *     timer.h       something to do later
 *     signal.h      SIGTERM and its like
 *     group.h       the same on every core
 *
 * and as needed connector.h (to one address of many), resolver.h (names to addresses), datagram.h,
 * file.h, child.h, task.h (from other threads), work.h (blocking work on other threads),
 * completion.h (any request of io_uring), system.h (to put something in the place of the system).
 * kevy_ring_explain() of <kevy/ring_explain.h> says why there is no ring.
 *
 * One rule for memory
 *
 *     A struct of this library that is all zero is valid and idle. Zero its memory before you use
 *     it for the first time:
 *
 *         struct kevy_timer timer = {0};
 *         struct client *client = calloc(1, sizeof *client);
 *
 *     An object that has ended is idle again: in its last callback, and after it, it can be started
 *     again as it is. Nothing else may be started. The library asserts this, with a sentence: an
 *     object that is started twice, memory that was never zeroed, a required callback that is NULL.
 *
 * How callbacks are given
 *
 *     object                                  its callbacks are
 *     timer, signal, child, completion        one argument of the function that starts it
 *     listener, datagram, file, connector,    members of the options, which are copied
 *     lookup, group, reactor (its hooks)
 *     stream                                  a table that many streams share, named to
 *                                             kevy_stream_init(), and not copied
 *     task, work, file operation, send,       members of the struct itself, set before it is handed
 *     file range                              over
 */
#ifndef KEVY_KEVY_H
#define KEVY_KEVY_H

#include <kevy/address.h>
#include <kevy/child.h>
#include <kevy/completion.h>
#include <kevy/connector.h>
#include <kevy/datagram.h>
#include <kevy/file.h>
#include <kevy/group.h>
#include <kevy/listener.h>
#include <kevy/reactor.h>
#include <kevy/recv_pool.h>
#include <kevy/resolver.h>
#include <kevy/ring_explain.h>
#include <kevy/signal.h>
#include <kevy/stream.h>
#include <kevy/system.h>
#include <kevy/task.h>
#include <kevy/timer.h>
#include <kevy/work.h>

#endif /* KEVY_KEVY_H */
