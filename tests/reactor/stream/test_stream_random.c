/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * Streams on both ends of their connections, and calls of every kind in random order from outside
 * and from callbacks, over reactors of every size. Whatever happens,
 *
 *     - what arrives is what was sent, from the first byte on,
 *     - a clean end comes only after every byte that a write accepted,
 *     - every accepted write and range of a file reports once, before close,
 *     - the callbacks come in their order, and the last one comes,
 *     - the loop never sleeps while something is left to do.
 *
 * What is sent are writes by reference and copies, ranges of a file, and what came in elsewhere and
 * is forwarded at once or later. With odd seeds the kernel refuses enters or cuts batches short,
 * too. A failing seed fails again.
 */

#include "expected.h"

#include <sys/mman.h>

#include "fault_kernel.h"

enum {
    PAIRS = 12,
    STREAMS = 2 * PAIRS,
    KEPT = 64,
    STEPS = 1500,
    SEEDS = 40,
    FILE_LENGTH = 200000,
    FILE_SEED = 1000,
};

struct end {
    struct probe probe;
    struct end *partner;
    uint64_t accepted;        /* bytes that it was asked to send, and took */
    uint64_t written;         /* of these, bytes of its own pattern */
    unsigned outstanding;     /* writes and ranges accepted and not reported */
    struct expected expected; /* what the partner was accepted for, and has yet to come */
    bool cut;                 /* ended otherwise than by close or shutdown: bytes may be missing */
    bool started;
};

/* A buffer of which it is known where its first bytes come from. */
struct keepsake {
    struct kevy_buffer buffer;
    struct piece piece;
};

struct letter {
    struct kevy_send write;
    struct iovec parts[3];
    struct end *owner;
    uint8_t bytes[];
};

struct excerpt {
    struct kevy_file_range range;
    struct end *owner;
    uint64_t number; /* of its piece, among those expected */
};

static struct end ends[STREAMS];
static struct keepsake kept[KEPT];
static int file;
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

static uint64_t account(struct end *end, struct piece piece)
{
    end->accepted += piece.length;
    return expected_add(&end->partner->expected, piece);
}

/* The piece of its own pattern that it writes next. */
static struct piece own_next(const struct end *end, uint64_t length)
{
    return (struct piece){.seed = end->probe.seed, .position = end->written, .length = length};
}

static void own_accept(struct end *end, uint64_t length)
{
    (void)account(end, own_next(end, length));
    end->written += length;
}

static void report_check(struct end *end, struct kevy_stream *stream, int result)
{
    ck_assert_uint_eq(quiet_depth, 0);
    ck_assert_ptr_eq(probe_of(stream), &end->probe);
    ck_assert(!end->probe.closed);
    ck_assert_uint_gt(end->outstanding, 0);
    if (result != 0 && result != -ENOBUFS)
        end->cut = true;
    end->outstanding--;
}

static void letter_done(struct kevy_send *write, struct kevy_stream *stream, int result)
{
    struct letter *letter = KEVY_CONTAINER_OF(write, struct letter, write);

    report_check(letter->owner, stream, result);
    if (result != 0)
        letter->owner->cut = true;
    free(letter);
}

static void do_write(struct end *end)
{
    uint64_t length = 3 + random_below(sizeof copy - 3);
    struct letter *letter = malloc(sizeof *letter + length);
    uint64_t first = 1 + random_below(length - 2);
    int error;

    ck_assert_ptr_nonnull(letter);
    pattern_fill(letter->bytes, length, end->probe.seed, end->written);
    letter->owner = end;
    letter->parts[0] = (struct iovec){letter->bytes, first};
    letter->parts[1] = (struct iovec){letter->bytes + first, 0};
    letter->parts[2] = (struct iovec){letter->bytes + first, length - first};
    letter->write = (struct kevy_send){.parts = letter->parts, .count = 3, .done = letter_done};
    QUIETLY(error = kevy_stream_send_pinned(&end->probe.stream, &letter->write));
    if (error == 0) {
        own_accept(end, length);
        end->outstanding++;
        return;
    }
    ck_assert(error == -EAGAIN || error == -EPIPE || error == -ENOBUFS);
    free(letter);
}

static void do_send(struct end *end)
{
    uint64_t length = random_below(4) ? random_below(300) : random_below(sizeof copy);
    int error;

    pattern_fill(copy, length, end->probe.seed, end->written);
    QUIETLY(error = kevy_stream_send(&end->probe.stream, copy, length));
    if (error == 0)
        own_accept(end, length);
    else
        ck_assert(error == -EAGAIN || error == -EPIPE || error == -ENOBUFS);
}

static uint64_t in_file(uint64_t offset, uint64_t length)
{
    uint64_t left = offset < FILE_LENGTH ? FILE_LENGTH - offset : 0;

    return length < left ? length : left;
}

/* A range that finds no memory ends early, and its stream goes on. */
static void excerpt_done(struct kevy_file_range *range, struct kevy_stream *stream, int result,
                         uint64_t sent)
{
    struct excerpt *excerpt = KEVY_CONTAINER_OF(range, struct excerpt, range);
    struct end *end = excerpt->owner;
    uint64_t missing = in_file(range->offset, range->length) - sent;

    report_check(end, stream, result);
    if (result == 0)
        ck_assert_uint_eq(missing, 0);
    if (missing != 0)
        expected_shorten(&end->partner->expected, excerpt->number, sent);
    end->accepted -= missing;
    free(excerpt);
}

static void do_range(struct end *end)
{
    struct excerpt *excerpt = calloc(1, sizeof *excerpt);
    struct kevy_file_range *range = &excerpt->range;
    int error;

    ck_assert_ptr_nonnull(excerpt);
    excerpt->owner = end;
    range->fd = file;
    range->offset = random_below(FILE_LENGTH + 10000);
    range->length = random_below(3) ? random_below(5000) : random_below(FILE_LENGTH);
    range->done = excerpt_done;
    QUIETLY(error = kevy_stream_send_file(&end->probe.stream, range));
    if (error == 0) {
        excerpt->number =
            account(end, (struct piece){.seed = FILE_SEED,
                                        .position = range->offset,
                                        .length = in_file(range->offset, range->length),
                                        .alone = true});
        end->outstanding++;
        return;
    }
    ck_assert(error == -EAGAIN || error == -EPIPE);
    free(excerpt);
}

/* Hands on bytes that came for somebody: `piece` are the first of the buffer, or all. */
static void do_forward(struct end *end, struct kevy_buffer *buffer, struct piece piece)
{
    struct kevy_stream *stream = &end->probe.stream;
    int error;

    if (random_below(3) == 0 && piece.length == buffer->length) {
        QUIETLY(error = kevy_stream_forward(stream, buffer));
    } else {
        uint64_t skipped = random_below(piece.length);

        piece.position += skipped;
        piece.length = 1 + random_below(piece.length - skipped);
        QUIETLY(error = kevy_stream_forward_slice(stream, buffer, (uint32_t)skipped,
                                                  (uint32_t)piece.length));
    }
    if (error == 0)
        (void)account(end, piece);
    else if (error == -ENOBUFS)
        end->cut = true;
    else
        ck_assert_int_eq(error, -EPIPE);
}

static void do_forward_kept(struct end *end)
{
    struct keepsake *keepsake = &kept[random_below(KEPT)];

    if (keepsake->buffer.data != NULL)
        do_forward(end, &keepsake->buffer, keepsake->piece);
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
        QUIETLY(kevy_stream_set_deadline(stream, (enum kevy_deadline)random_below(3),
                                         random_below(KEVY_MILLISECONDS(30))));
        break;
    case 12:
    case 13:
    case 14:
    case 15:
    case 16:
        do_write(end);
        break;
    case 17:
    case 18:
    case 19:
        do_range(end);
        break;
    case 20:
    case 21:
        do_forward_kept(end);
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
    struct keepsake *place = &kept[random_below(KEPT)];
    struct piece piece = expected_take(&end_of(probe)->expected, buffer->data, buffer->length);

    if (random_below(8) == 0) {
        QUIETLY(kevy_buffer_release(&place->buffer));
        QUIETLY((void)kevy_buffer_retain(buffer, &place->buffer));
        place->piece = piece;
    }
    if (random_below(8) == 0)
        do_forward(&ends[random_below(STREAMS)], buffer, piece);
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
    probe_stream_init(probe, &probe_events);
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
    expected_free(&end->expected);
    memset(end, 0, sizeof *end);
    probe_init(&end->probe, &probe_events);
    end->partner = &ends[number ^ 1];
    end->probe.seed = number;
    end->probe.on_open = maybe;
    end->probe.on_read = on_read;
    end->probe.on_end = on_end;
    end->probe.on_drain = maybe;
    end->probe.on_timeout = on_timeout;
    end->probe.on_close = on_close;
    end->started = true;
    QUIETLY(ck_assert_int_eq(kevy_stream_adopt(&end->probe.stream, reactor, fd), 0));
    kevy_stream_set_watermarks(&end->probe.stream, (uint32_t)random_below(10000),
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
        .memory_limit = (size_t)100000 << random_below(10),
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
        kevy_buffer_release(&kept[index].buffer);
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

static void setup(void)
{
    static uint8_t bytes[FILE_LENGTH];

    pattern_fill(bytes, sizeof bytes, FILE_SEED, 0);
    file = memfd_create("pattern", MFD_CLOEXEC);
    ck_assert_int_ge(file, 0);
    ck_assert_int_eq(write(file, bytes, sizeof bytes), FILE_LENGTH);
    reactor_setup();
}

static void teardown(void)
{
    for (unsigned number = 0; number < STREAMS; number++)
        expected_free(&ends[number].expected);
    reactor_teardown();
    close(file);
}

START_TEST(random_calls_in_random_order_keep_every_promise)
{
    seed = (uint64_t)_i + 1000;
    reactor_of_random_size();
    for (unsigned number = 0; number < STREAMS; number += 2)
        pair_init(number);
    for (unsigned step = 0; step < support_rounds(STEPS); step++) {
        for (uint64_t calls = random_below(6); calls > 0; calls--)
            do_something(&ends[random_below(STREAMS)]);
        if (random_below(3) == 0)
            kevy_buffer_release(&kept[random_below(KEPT)].buffer);
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

    reactor_kernel = fault_kernel();
    tcase_add_checked_fixture(seeds, setup, teardown);
    tcase_set_timeout(seeds, 60);
    tcase_add_loop_test(seeds, random_calls_in_random_order_keep_every_promise, 0, SEEDS);
    suite_add_tcase(suite, seeds);
    return suite;
}
