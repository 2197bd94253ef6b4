/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef LISTENER_TEST_H
#define LISTENER_TEST_H

/*
 * What the tests of listeners have in common: one listener whose accepted streams are the probes,
 * in order, and plain sockets as the clients of these.
 */

#include "reactor_test.h"

#include <fcntl.h>
#include <sys/resource.h>

enum {
    CLIENTS = 64,
};

static struct kevy_listener listener;
static struct probe probes[CLIENTS];
static unsigned accepted, listener_closes, states;
static int last_state;
static bool shed;
static int clients[CLIENTS];

static inline struct kevy_stream *accept_probe(struct kevy_listener *from)
{
    struct probe *probe = &probes[accepted % CLIENTS];

    ck_assert_ptr_eq(from, &listener);
    ck_assert_uint_eq(quiet_depth, 0);
    ck_assert_uint_eq(listener_closes, 0);
    if (shed)
        return NULL;
    accepted++;
    probe_init(probe, &probe_events);
    return &probe->stream;
}

static inline void state_note(struct kevy_listener *from, int error)
{
    ck_assert_ptr_eq(from, &listener);
    ck_assert_uint_eq(quiet_depth, 0);
    states++;
    last_state = error;
}

static inline void closed_note(struct kevy_listener *from)
{
    ck_assert_uint_eq(quiet_depth, 0);
    listener_closes++;
    memset(from, 0xA5, sizeof *from);
}

static inline struct kevy_listener_options options_here(void)
{
    return (struct kevy_listener_options){.address = "127.0.0.1",
                                          .accept = accept_probe,
                                          .stalled = state_note,
                                          .close = closed_note};
}

static inline void open_with(const struct kevy_listener_options *options)
{
    int error;

    memset(&listener, 0, sizeof listener);
    QUIETLY(error = kevy_listener_open(&listener, reactor, options));
    ck_assert_int_eq(error, 0);
}

/* Listens on a socket that listens already. */
static inline void adopt(int fd)
{
    struct kevy_listener_options options = options_here();
    int error;

    options.address = NULL;
    memset(&listener, 0, sizeof listener);
    QUIETLY(error = kevy_listener_adopt(&listener, reactor, fd, &options));
    ck_assert_int_eq(error, 0);
}

static inline void open_here(void)
{
    struct kevy_listener_options options = options_here();

    open_with(&options);
}

static inline void listener_end(void)
{
    QUIETLY(kevy_listener_close(&listener));
    TURN_UNTIL(listener_closes == 1);
}

static inline void connect_clients(unsigned count)
{
    for (unsigned index = 0; index < count; index++)
        clients[index] = plain_connect(kevy_listener_port(&listener));
}

static inline void end_all(unsigned streams, unsigned sockets)
{
    for (unsigned index = 0; index < streams; index++)
        if (!probes[index].closed)
            QUIETLY(kevy_stream_abort(&probes[index].stream));
    for (unsigned index = 0; index < streams; index++)
        probe_finish(&probes[index]);
    for (unsigned index = 0; index < sockets; index++)
        close(clients[index]);
}

/* Leaves exactly `room` descriptors, whatever is open. */
static struct rlimit limit_before;

static inline void descriptors_leave(unsigned room)
{
    struct rlimit limit;
    int last = 0;

    getrlimit(RLIMIT_NOFILE, &limit_before);
    limit = limit_before;
    for (int fd = 0; room > 0; fd++)
        if (fcntl(fd, F_GETFD) < 0) {
            last = fd;
            room--;
        }
    limit.rlim_cur = (rlim_t)last + 1;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static inline void descriptors_restore(void)
{
    setrlimit(RLIMIT_NOFILE, &limit_before);
}

static inline void echo_check(int client, struct probe *probe)
{
    probe->echo = true;
    peer_write_text(client, "hello");
    peer_expect_text(client, "hello");
}

#endif
