/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef REACTOR_TEST_H
#define REACTOR_TEST_H

/*
 * What the tests of reactor/ have in common: one reactor, turned by hand, and streams that write
 * down what happens to them. The other end of each stream is a plain socket that the test drives
 * between the turns, on the same thread, so every run is the same.
 *
 * A probe is a stream with a log: each callback appends one letter,
 *
 *     o open   r read (one letter for a run of them)   e end   d drain   t timeout   f finish
 *     c close
 *
 * and then calls the test's own hook, where there is one. Two rules of the library are checked in
 * every test: no callback comes inside a call (calls go through QUIETLY()), and none comes after
 * the last, for the stream's memory is overwritten there.
 */

#include <errno.h>
#include <kevy/kevy.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "support.h"

/* Turns that a condition may take to come true; a loop that never sleeps takes all of them. */
#define TURNS_MAX 200000U

/* The reactor of the test that runs. */
extern struct kevy_reactor *reactor;

/* The kernel of every reactor that the fixture makes; NULL for the default. */
extern const struct kevy_ring_kernel *reactor_kernel;

/* Fixture: a reactor with default options; at the end nothing may be left of it. */
void reactor_setup(void);
void reactor_teardown(void);

/* Replaces the fixture's reactor. */
void reactor_setup_with(const struct kevy_reactor_options *options);

/* One turn that may sleep, for eight seconds at most; false when nothing woke it. */
bool turn(void);

/* One turn that does not sleep. */
void turn_now(void);

void turns(unsigned count);

/*
 * A turn of a wait, after `idle` turns in a row that brought nothing. The first three do not sleep:
 * what a turn sends before its wait would be seen only after it, and nothing may wake the loop in
 * the meantime. False when it slept and nothing woke it.
 */
bool turn_waiting(unsigned idle);

#define TURN_UNTIL(condition)                                                       \
    do {                                                                            \
        bool turns_woken = true;                                                    \
                                                                                    \
        for (unsigned turns_taken = 0; !(condition); turns_taken++) {               \
            ck_assert_msg(turns_woken, "nothing wakes the loop: " #condition);      \
            ck_assert_msg(turns_taken < TURNS_MAX, "never came true: " #condition); \
            turns_woken = turn_waiting(turns_taken);                                \
        }                                                                           \
    } while (0)

struct kevy_reactor_stats stats_now(void);

/* CLOCK_MONOTONIC, and time that passes without sleeping: until the clock is past `ns`. */
uint64_t clock_ns(void);
void clock_pass(uint64_t ns);

/* A call of the user's, in which no callback may come. */
extern unsigned quiet_depth;
#define QUIETLY(call)  \
    do {               \
        quiet_depth++; \
        call;          \
        quiet_depth--; \
    } while (0)

/* For a result that does not matter. */
static inline void ignore(int result)
{
    (void)result;
}

struct probe {
    struct kevy_stream stream; /* overwritten after close */
    char log[64];
    char *log_end;
    bool closed;
    int reason;
    int peer;         /* the other end, -1 when the test has closed it */
    uint64_t count;   /* bytes received */
    uint64_t sum;     /* their checksum by position, see pattern_check() */
    uint64_t seed;    /* of the bytes expected */
    bool check_bytes; /* compare what comes with pattern_byte(seed, position) */
    bool echo;        /* forward what comes */
    unsigned drains, timeouts, deadlines[3];
    int tag; /* the test's */
    void *context;
    void (*on_open)(struct probe *probe);
    void (*on_read)(struct probe *probe, struct kevy_buffer *buffer);
    void (*on_end)(struct probe *probe);
    void (*on_drain)(struct probe *probe);
    void (*on_timeout)(struct probe *probe, enum kevy_deadline deadline);
    void (*on_finish)(struct probe *probe);
    void (*on_close)(struct probe *probe, int reason);
};

/* With every callback, and with `close` alone. */
extern const struct kevy_stream_events probe_events;
extern const struct kevy_stream_events probe_events_close_only;

void probe_init(struct probe *probe, const struct kevy_stream_events *events);

/* Once more from `close` on, in which the stream's memory was overwritten. */
void probe_stream_init(struct probe *probe, const struct kevy_stream_events *events);

/* A stream on one end of a connection, adopted; probe->peer is the other, non-blocking. */
void probe_tcp(struct probe *probe, const struct kevy_stream_events *events);
void probe_unix(struct probe *probe, const struct kevy_stream_events *events);

/*
 * The same with socket buffers so small that a peer that does not read is soon felt. Unix sockets,
 * because TCP with small buffers waits for its own timers.
 */
void probe_small(struct probe *probe, const struct kevy_stream_events *events);

/* Turns until the stream has had its last callback; closes the peer afterwards. */
void probe_finish(struct probe *probe);

void probe_peer_close(struct probe *probe);

/* Probe that a stream lies in. */
struct probe *probe_of(struct kevy_stream *stream);

/* A connected pair of TCP sockets on 127.0.0.1, both non-blocking. */
void tcp_pair(int *one, int *other);

/* A plain listening socket on 127.0.0.1, and what connects to a port there, non-blocking. */
int plain_listen(struct sockaddr_in *address);
int plain_connect(uint16_t port);

/* Makes *name one that no other process has, in the abstract namespace; returns its length. */
socklen_t unix_name(struct sockaddr_un *name, const char *word);

/* The peer's side, each call with an outcome that must be: all bytes written, exactly these read.
 */
void peer_write(int peer, const void *data, size_t length);
void peer_write_text(int peer, const char *text);

/* Reads once: > 0 bytes, 0 end of stream, -errno. */
int peer_read(int peer, void *data, size_t size);

/* Turns and reads until `length` bytes have come, and compares them. */
void peer_expect(int peer, const void *data, size_t length);
void peer_expect_text(int peer, const char *text);

/* Turns and reads, discarding, until the end of the stream (0) or an error, which it returns;
 * *count gets the bytes read. */
int peer_drain(int peer, uint64_t *count);

/* The byte at a position of a stream that `seed` makes unlike any other. */
static inline uint8_t pattern_byte(uint64_t seed, uint64_t position)
{
    uint64_t mixed = (position + seed * 0x9E3779B97F4A7C15U) * 0xD1B54A32D192ED03U;

    return (uint8_t)(mixed >> 56);
}

void pattern_fill(uint8_t *data, size_t length, uint64_t seed, uint64_t position);

/* Asserts that the bytes are those of the pattern. */
void pattern_check(const uint8_t *data, size_t length, uint64_t seed, uint64_t position);

/* The same sequence of numbers on every run. */
uint64_t random_next(uint64_t *state);

#endif
