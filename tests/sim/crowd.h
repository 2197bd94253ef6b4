/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef SIM_CROWD_H
#define SIM_CROWD_H

/*
 * A server and its clients for worlds with a set-up that chance seldom makes: many streams in the
 * same state at once, and a loop that stands still in the middle of it.
 *
 * Model. Each seat is a stream of the server and the client at its other end. They are connected
 * before the test begins, in order, without faults. What the clients do is up to the test: it calls
 * the functions of <kevy/sim_peer.h>. What a stream does is up to the events of the test; those
 * that the crowd brings count, and echo where that is wanted.
 */

#include "sim_test.h"

enum { CROWD_MAX = 160 };

struct seat {
    struct kevy_stream stream;
    struct kevy_sim_peer peer;
    uint64_t received; /* bytes by the stream */
    uint64_t read;     /* bytes by the client */
    bool reads;        /* the client reads whatever comes */
    bool floods;       /* the client writes whatever there is room for */
    bool opened;
    bool closed;
    int reason;     /* that the stream was closed with */
    bool peer_over; /* the client has seen the end, or a reset ... */
    int peer_end;   /* ... and what a read has answered then */
};

struct crowd {
    struct kevy_sim *sim;
    struct kevy_reactor *reactor;
    struct kevy_listener listener;
    struct kevy_reactor_options options;
    struct seat seats[CROWD_MAX];
    unsigned count;
    unsigned accepted;
    bool listener_closed;
    const struct kevy_stream_events *events;
};

extern struct crowd crowd;

/* A reactor with a listener, `options` may be NULL. */
void crowd_open(struct kevy_sim *sim, const struct kevy_reactor_options *options,
                const struct kevy_stream_events *events);

/* So many more clients connect; `crowd_join` also waits until all of them are accepted. */
void crowd_connect(unsigned count);
void crowd_join(unsigned count);

/* Turns that do not sleep. */
void crowd_turns(unsigned count);

/* Turns until so much virtual time is over. */
void crowd_run(uint64_t duration_ns);

/* The program computes so long, and the world goes on meanwhile. */
void crowd_stand_still(uint64_t duration_ns);

/* Everything ends, and nothing is left. */
void crowd_close(void);

struct seat *crowd_seat(struct kevy_stream *stream);

/* Bytes wait in the socket of a stream. */
bool crowd_bytes_wait(const struct seat *seat);

/* For events of streams. */
void crowd_opened(struct kevy_stream *stream);
void crowd_read(struct kevy_stream *stream, struct kevy_buffer *buffer); /* counts */
void crowd_echo(struct kevy_stream *stream, struct kevy_buffer *buffer); /* and forwards */
void crowd_closed(struct kevy_stream *stream, int reason);

#endif
