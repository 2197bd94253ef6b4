/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What comes from one libuv stream goes to another, or back, the way libuv is fast.
 *
 * Model. One receive buffer for all connections, because uv_try_write() has handed the bytes to the
 * kernel before the next read needs it. Only what the kernel does not take is copied and queued,
 * and the source is not read until it is gone.
 */
#ifndef BENCH_RELAY_UV_H
#define BENCH_RELAY_UV_H

#include <uv.h>

struct relay {
    uv_tcp_t tcp;         /* first, so that a pointer to one is a pointer to the other */
    struct relay *target; /* where its bytes go; maybe itself */
};

/* Ends both sides, and frees them when libuv lets go. */
void relay_end(struct relay *relay);

void relay_start(struct relay *relay);

#endif
