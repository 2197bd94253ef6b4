/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef SIM_TEST_H
#define SIM_TEST_H

/* What the tests of kevy-sim share: a server for their worlds, and worlds that have to pass. */

#include "support.h"

#include <kevy/sim.h>
#include <stdlib.h>

#define SIM_PORT 7000

struct sim_server {
    struct kevy_reactor *reactor;
    struct kevy_listener listener;
};

/* Starts a server, as often as the faults of the world want it. */
static inline void sim_server_open_at(struct kevy_sim *sim, struct sim_server *server,
                                      uint16_t port,
                                      struct kevy_stream *(*accept)(struct kevy_listener *))
{
    struct kevy_reactor_options options = {0};
    struct kevy_listener_options listen = {.port = port, .accept = accept};

    *server = (struct sim_server){0};
    kevy_sim_reactor_options(sim, &options);
    while (kevy_reactor_create(&server->reactor, &options) < 0)
        continue;
    while (kevy_listener_open(&server->listener, server->reactor, &listen) < 0)
        continue;
}

static inline void sim_server_open(struct kevy_sim *sim, struct sim_server *server,
                                   struct kevy_stream *(*accept)(struct kevy_listener *listener))
{
    sim_server_open_at(sim, server, SIM_PORT, accept);
}

/* Closes it in good order, and checks that nothing is left. */
static inline void sim_server_close(struct kevy_sim *sim, struct sim_server *server)
{
    kevy_reactor_finish(server->reactor, KEVY_SECONDS(60));
    KEVY_SIM_CHECK(sim, kevy_reactor_run(server->reactor) == 0);
    KEVY_SIM_CHECK(sim, kevy_reactor_destroy(server->reactor) == 0);
}

static inline void sim_echo_read(struct kevy_stream *stream, struct kevy_buffer *buffer)
{
    (void)kevy_stream_forward(stream, buffer);
}

static inline void sim_stream_free(struct kevy_stream *stream, int reason)
{
    (void)reason;
    free(stream);
}

static inline struct kevy_stream *sim_echo_accept(struct kevy_listener *listener)
{
    static const struct kevy_stream_events events = {.read = sim_echo_read,
                                                     .close = sim_stream_free};
    struct kevy_stream *stream = calloc(1, sizeof *stream);

    (void)listener;
    return stream != NULL ? kevy_stream_init(stream, &events) : NULL;
}

/* Worlds that have to pass, on the simulated io_uring or on the soft kernel. */
static inline void sim_passes_on(void (*test)(struct kevy_sim *sim), uint64_t seeds, bool soft)
{
    const struct kevy_sim_options options = {.test = test, .seed = 1, .seeds = seeds, .soft = soft};
    struct kevy_sim_report report;

    ck_assert_int_eq(kevy_sim_run(&options, &report), 0);
    ck_assert_uint_eq(report.passed, seeds);
    ck_assert(!report.failed);
}

static inline void sim_passes(void (*test)(struct kevy_sim *sim), uint64_t seeds)
{
    sim_passes_on(test, seeds, false);
}

#endif
