/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef STREAM_RANGE_TEST_H
#define STREAM_RANGE_TEST_H

/*
 * What the tests of ranges have in common: a stream, files that hold a pattern from their beginning
 * on, and ranges of them that write down how they end.
 */

#include "reactor_test.h"

#include <fcntl.h>
#include <sys/mman.h>

enum { MEGABYTE = 1 << 20, BIG = 5 * MEGABYTE };

struct sending {
    struct kevy_file_range range;
    unsigned done;
    int result;
    uint64_t sent;
    unsigned order; /* among all that are done */
};

static struct probe probe;
static struct sending sendings[8];
static unsigned order_next;
static int file;
static uint8_t big[BIG];

static inline void sending_done(struct kevy_file_range *range, struct kevy_stream *stream,
                                int result, uint64_t sent)
{
    struct sending *sending = KEVY_CONTAINER_OF(range, struct sending, range);

    ck_assert_uint_eq(quiet_depth, 0);
    ck_assert(!probe_of(stream)->closed);
    sending->done++;
    sending->result = result;
    sending->sent = sent;
    sending->order = ++order_next;
}

/* A file without a name. */
static inline int file_make(size_t length)
{
    int fd = memfd_create("pattern", MFD_CLOEXEC);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, big, length), (ssize_t)length);
    return fd;
}

static inline void setup(void)
{
    pattern_fill(big, sizeof big, 1, 0);
    file = file_make(BIG);
    reactor_setup();
}

static inline void teardown(void)
{
    reactor_teardown();
    close(file);
}

static inline struct sending *range_send(unsigned index, int fd, uint64_t offset, uint64_t length)
{
    struct sending *sending = &sendings[index];

    memset(sending, 0xA5, sizeof *sending);
    sending->done = 0;
    sending->range.fd = fd;
    sending->range.offset = offset;
    sending->range.length = length;
    sending->range.done = sending_done;
    QUIETLY(ck_assert_int_eq(kevy_stream_send_file(&probe.stream, &sending->range), 0));
    return sending;
}

static inline void send_copy(uint64_t offset, size_t length)
{
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, big + offset, length), 0));
}

static inline void open_tcp(void)
{
    probe_tcp(&probe, &probe_events);
    kevy_stream_set_watermarks(&probe.stream, 1 << 20, 64 << 20);
    turn_now();
}

/* Reads `length` bytes of the pattern from `position` on, at most `step` at once. */
static inline void peer_expect_pattern(uint64_t position, size_t length, size_t step)
{
    static uint8_t data[65536];
    size_t have = 0;

    for (unsigned count = 0, idle = 0; have < length; count++) {
        size_t room = length - have < step ? length - have : step;
        int result = peer_read(probe.peer, data, room < sizeof data ? room : sizeof data);

        ck_assert_uint_lt(count, TURNS_MAX);
        if (result == -EAGAIN) {
            ck_assert(turn_waiting(idle++));
            continue;
        }
        idle = 0;
        ck_assert_int_gt(result, 0);
        pattern_check(data, (size_t)result, 1, position + have);
        have += (size_t)result;
    }
}

static inline void sending_check(const struct sending *sending, int result, uint64_t sent)
{
    TURN_UNTIL(sending->done != 0);
    ck_assert_uint_eq(sending->done, 1);
    ck_assert_int_eq(sending->result, result);
    ck_assert_uint_eq(sending->sent, sent);
}

/* Nothing may come behind what was expected. */
static inline void close_and_finish(void)
{
    uint64_t rest;

    TURN_UNTIL(kevy_stream_queued(&probe.stream) == 0);
    QUIETLY(kevy_stream_close(&probe.stream));
    ck_assert_int_eq(peer_drain(probe.peer, &rest), 0);
    ck_assert_uint_eq(rest, 0);
    probe_peer_close(&probe);
    probe_finish(&probe);
    ck_assert_int_eq(probe.reason, 0);
}

/* What is cached is asked of the kernel (6.5); an older one has everything copied. */
static inline bool cache_told(void)
{
    const struct kevy_system *host = kevy_system_host();
    int fd = memfd_create("cached", MFD_CLOEXEC);
    bool told = write(fd, "x", 1) == 1 && host->file_cached(host->context, fd, 0, 1) > 0;

    close(fd);
    return told;
}

#define ADD_IF_CACHE_TOLD(tcase, name)              \
    do {                                            \
        if (cache_told())                           \
            tcase_add_test(tcase, name);            \
        else                                        \
            support_skip(#name, "needs Linux 6.5"); \
    } while (0)

/* From the page cache for 0, copying for 1. */
static inline void way_set(int way)
{
    if (way == 1)
        ck_assert_int_eq(fcntl(kevy_stream_fd(&probe.stream), F_SETFL, 0), 0);
}

#endif
