/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef EMBEDDING_TEST_H
#define EMBEDDING_TEST_H

/* What the tests of an embedded reactor have in common: the foreign loop, played by hand. */

#include "reactor_test.h"

#include <poll.h>

static void embedded_setup(void)
{
    reactor_setup_with(&(struct kevy_reactor_options){.embedded = true});
}

/* The foreign loop's side of a round; true when the descriptor is readable in time. */
static bool foreign_poll(int limit_ms)
{
    struct pollfd polled = {.fd = kevy_reactor_fd(reactor), .events = POLLIN};

    ck_assert_int_ge(polled.fd, 0);
    return poll(&polled, 1, limit_ms) == 1;
}

/* Turns until the foreign loop may sleep, and returns for how long. */
static uint64_t settle(void)
{
    uint64_t timeout_ns;

    do
        ck_assert_int_ge(kevy_reactor_run_once(reactor, 0), 0);
    while ((timeout_ns = kevy_reactor_next_timeout(reactor)) == 0);
    ck_assert(!foreign_poll(0));
    return timeout_ns;
}

#endif
