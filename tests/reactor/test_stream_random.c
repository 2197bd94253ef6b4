/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * Streams on both ends of their connections, and calls of every kind in random order from outside
 * and from callbacks, over reactors of every size. Whatever happens,
 *
 *     - what arrives is what was sent, from the first byte on,
 *     - a clean end comes only after every byte that a write accepted,
 *     - every accepted write reports once, before close,
 *     - the callbacks come in their order, and the last one comes,
 *     - the loop never sleeps while something is left to do.
 *
 * With odd seeds the kernel refuses enters or cuts batches short, too. A failing seed fails again.
 */

#include "reactor_test.h"

#include "fault_syscall.h"

enum {
    PAIRS = 12,
    STREAMS = 2 * PAIRS,
    KEPT = 64,
    STEPS = 1500,
    SEEDS = 40,
};

struct end {
    struct probe probe;
    struct end *partner;
    uint64_t accepted;    /* bytes that its writes and sends were accepted for */
    unsigned outstanding; /* writes accepted and not reported */
    bool cut;             /* ended otherwise than by close or shutdown: bytes may be missing */
    bool started;
};

struct piece {
    struct kevy_write write;
    struct iovec parts[3];
    struct end *owner;
    uint8_t bytes[];
};

static struct end ends[STREAMS];
static struct kevy_buffer kept[KEPT];
static uint64_t seed;
static uint8_t copy[30000];

static uint64_t random_below(uint64_t limit)
{
    return random_next(&seed) % limit;
}

static struct end *end_of(struct probe *probe)
{
    return KEVY_CONTAINER_OF(probe, struct end, probe);
}

static void piece_done(struct kevy_write *write, struct kevy_stream *stream, int result)
{
    struct piece *piece = KEVY_CONTAINER_OF(write, struct piece, write);

    ck_assert_uint_eq(quiet_depth, 0);
    ck_assert_ptr_eq(probe_of(stream), &piece->owner->probe);
    ck_assert(!piece->owner->probe.closed);
    ck_assert_uint_gt(piece->owner->outstanding, 0);
    if (result != 0)
        piece->owner->cut = true;
    piece->owner->outstanding--;
    free(piece);
}

static void do_write(struct end *end)
{
    uint64_t length = 3 + random_below(sizeof copy - 3);
    struct piece *piece = malloc(sizeof *piece + length);
    uint64_t first = 1 + random_below(length - 2);
    int error;

    ck_assert_ptr_nonnull(piece);
    pattern_fill(piece->bytes, length, end->probe.seed ^ 1, end->accepted);
    piece->owner = end;
    piece->parts[0] = (struct iovec){piece->bytes, first};
    piece->parts[1] = (struct iovec){piece->bytes + first, 0};
    piece->parts[2] = (struct iovec){piece->bytes + first, length - first};
    piece->write = (struct kevy_write){.parts = piece->parts, .count = 3, .done = piece_done};
    QUIETLY(error = kevy_stream_write(&end->probe.stream, &piece->write));
    if (error == 0) {
        end->accepted += length;
        end->outstanding++;
        return;
    }
    ck_assert(error == -EAGAIN || error == -EPIPE || error == -ENOBUFS);
    free(piece);
}

static void do_send(struct end *end)
{
    uint64_t length = random_below(4) ? random_below(300) : random_below(sizeof copy);
    int error;

    pattern_fill(copy, length, end->probe.seed ^ 1, end->accepted);
    QUIETLY(error = kevy_stream_send(&end->probe.stream, copy, length));
    if (error == 0)
        end->accepted += length;
    else
        ck_assert(error == -EAGAIN || error == -EPIPE || error == -ENOBUFS);
}

static void do_abort(struct end *end)
{
    end->cut = true;
    QUIETLY(kevy_stream_abort(&end->probe.stream));
}

static void do_something(struct end *end)
{
    struct kevy_stream *stream = &end->probe.stream;

    switch (random_below(40)) {
    case 0:
        QUIETLY(kevy_stream_close(stream));
        break;
    case 1:
        do_abort(end);
        break;
    case 2:
        QUIETLY((void)kevy_stream_shutdown(stream));
        break;
    case 3:
    case 4:
        QUIETLY(kevy_stream_pause(stream));
        break;
    case 5:
    case 6:
    case 7:
        QUIETLY(kevy_stream_resume(stream));
        break;
    case 8:
    case 9:
        QUIETLY(kevy_stream_hold(stream, stream));
        break;
    case 10:
        QUIETLY(kevy_stream_hold(stream, &ends[random_below(STREAMS)].probe.stream));
        break;
    case 11:
        QUIETLY(kevy_stream_deadline(stream, (enum kevy_deadline)random_below(3),
                                     random_below(KEVY_MILLISECONDS(30))));
        break;
    case 12:
    case 13:
    case 14:
    case 15:
    case 16:
        do_write(end);
        break;
    default:
        do_send(end);
    }
}

static void maybe(struct probe *probe)
{
    if (random_below(4) == 0)
        do_something(end_of(probe));
}

static void on_read(struct probe *probe, struct kevy_buffer *buffer)
{
    struct kevy_buffer *place = &kept[random_below(KEPT)];

    if (random_below(8) == 0) {
        QUIETLY(kevy_buffer_release(place));
        QUIETLY((void)kevy_buffer_retain(buffer, place));
    }
    maybe(probe);
}

static void on_end(struct probe *probe)
{
    struct end *end = end_of(probe);

    if (!end->partner->cut)
        ck_assert_uint_eq(probe->count, end->partner->accepted);
    if (random_below(2) == 0)
        QUIETLY(kevy_stream_close(&probe->stream));
}

static void on_timeout(struct probe *probe, enum kevy_deadline deadline)
{
    (void)deadline;
    maybe(probe);
}

static void on_close(struct probe *probe, int reason)
{
    struct end *end = end_of(probe);

    ck_assert_uint_eq(end->outstanding, 0);
    if (reason != 0)
        end->cut = true;
    /* Calls go on to arrive here: let them find a stream that is in no use. */
    kevy_stream_init(&probe->stream, &probe_events);
}

static void order_check(const struct probe *probe)
{
    const char *rest = probe->log;

    rest += *rest == 'o';
    rest += strspn(rest, "rdt");
    rest += *rest == 'e';
    rest += strspn(rest, "dt");
    if (probe->log_end < probe->log + sizeof probe->log - 1)
        ck_assert_msg(strcmp(rest, "c") == 0 || strlen(probe->log) >= sizeof probe->log - 1,
                      "callbacks in the order %s", probe->log);
}

static void end_init(struct end *end, unsigned number, int fd)
{
    memset(end, 0, sizeof *end);
    probe_init(&end->probe, &probe_events);
    end->partner = &ends[number ^ 1];
    end->probe.seed = number;
    end->probe.check_bytes = true;
    end->probe.on_open = maybe;
    end->probe.on_read = on_read;
    end->probe.on_end = on_end;
    end->probe.on_drain = maybe;
    end->probe.on_timeout = on_timeout;
    end->probe.on_close = on_close;
    end->started = true;
    QUIETLY(ck_assert_int_eq(kevy_stream_adopt(&end->probe.stream, reactor, fd), 0));
    kevy_stream_marks(&end->probe.stream, (uint32_t)random_below(10000),
                      10000 + (uint32_t)random_below(60000));
}

static void pair_init(unsigned number)
{
    int fds[2];

    if (random_below(3) == 0)
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    else
        tcp_pair(&fds[0], &fds[1]);
    end_init(&ends[number], number, fds[0]);
    end_init(&ends[number + 1], number + 1, fds[1]);
}

static bool both_closed(unsigned number)
{
    return ends[number].probe.closed && ends[number + 1].probe.closed;
}

static void pair_check(unsigned number)
{
    order_check(&ends[number].probe);
    order_check(&ends[number + 1].probe);
}

static void reactor_of_random_size(void)
{
    struct kevy_reactor_options options = {
        .sq_entries = 1U << random_below(10),
        .cq_entries = 1U << random_below(12),
        .turn_completions = 1U << random_below(10),
        .buffer_size = 64U << random_below(7),
        .buffer_count = 1U << random_below(9),
        .memory_limit = (size_t)400000 << random_below(8),
    };

    reactor_setup_with(&options);
}

/* Every eighth seed waits for what takes its time, the lingering of a second; the others abort it.
 */
static void finish(bool patiently)
{
    for (unsigned number = 0; number < STREAMS; number++) {
        QUIETLY(kevy_stream_resume(&ends[number].probe.stream));
        QUIETLY(kevy_stream_close(&ends[number].probe.stream));
    }
    for (unsigned index = 0; index < KEPT; index++)
        kevy_buffer_release(&kept[index]);
    turns(300);
    for (unsigned number = 0; number < STREAMS && !patiently; number++)
        do_abort(&ends[number]);
    for (unsigned number = 0; number < STREAMS; number += 2) {
        TURN_UNTIL(both_closed(number));
        pair_check(number);
    }
}

static void refuse_something(void)
{
    static const int errors[] = {-EBUSY, -EAGAIN, -ENOMEM, -EINTR};

    if (random_below(2) == 0)
        fault_next(FAULT_ENTER, errors[random_below(4)], 1 + (uint32_t)random_below(3));
    else
        fault_submit_short((uint32_t)random_below(3));
}

START_TEST(random_calls_in_random_order_keep_every_promise)
{
    seed = (uint64_t)_i + 1000;
    reactor_of_random_size();
    for (unsigned number = 0; number < STREAMS; number += 2)
        pair_init(number);
    for (unsigned step = 0; step < STEPS; step++) {
        for (uint64_t calls = random_below(6); calls > 0; calls--)
            do_something(&ends[random_below(STREAMS)]);
        if (random_below(3) == 0)
            kevy_buffer_release(&kept[random_below(KEPT)]);
        if (_i % 2 != 0 && random_below(10) == 0)
            refuse_something();
        turns((unsigned)random_below(4));
        for (unsigned number = 0; number < STREAMS; number += 2)
            if (both_closed(number)) {
                pair_check(number);
                pair_init(number);
            }
    }
    fault_reset();
    finish(_i % 8 == 0);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("stream_random");
    TCase *seeds = tcase_create("seeds");

    tcase_add_checked_fixture(seeds, reactor_setup, reactor_teardown);
    tcase_set_timeout(seeds, 60);
    tcase_add_loop_test(seeds, random_calls_in_random_order_keep_every_promise, 0, SEEDS);
    suite_add_tcase(suite, seeds);
    return suite;
}
