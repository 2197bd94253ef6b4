/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * Proxies in random order: client - front = back - server, where front and back hand each other
 * what they receive, whole, in slices, kept for a moment or as copies, and client and server write,
 * pause and end as they like. What arrives is what was sent; an end comes through only after every
 * byte, unless somebody was cut off; nothing is left of the pool. Odd seeds run on a kernel that
 * refuses. A failing seed fails again.
 */

#include "reactor_test.h"

#include "fault_kernel.h"

enum {
    CHAINS = 6,
    STEPS = 800,
    SEEDS = 24,
};

enum role {
    CLIENT,
    FRONT,
    BACK,
    SERVER,
    ROLES,
};

struct chain {
    struct probe probes[ROLES];
    uint64_t accepted[ROLES]; /* bytes that client and server have written */
    bool cut;
};

static struct chain chains[CHAINS];
static uint64_t seed;
static uint8_t copy[20000];

static uint64_t random_below(uint64_t limit)
{
    return random_next(&seed) % limit;
}

static struct chain *chain_of(const struct probe *probe)
{
    return probe->context;
}

static struct probe *other_end(const struct probe *probe)
{
    return &chain_of(probe)->probes[ROLES - 1 - probe->tag];
}

/* Hands the bytes on; an error means that the other side is gone or has ended. */
static int hand_on(struct kevy_stream *target, struct kevy_buffer *buffer)
{
    uint32_t cut = (uint32_t)random_below(buffer->length + 1);
    struct kevy_buffer kept;
    int error;

    switch (random_below(4)) {
    case 0:
        error = kevy_stream_forward_slice(target, buffer, 0, cut);
        if (error == 0)
            error = kevy_stream_forward_slice(target, buffer, cut, buffer->length - cut);
        return error;
    case 1:
        error = kevy_buffer_retain(buffer, &kept);
        return error != 0 ? error : kevy_stream_forward(target, &kept);
    case 2:
        error = kevy_stream_send(target, buffer->data, buffer->length);
        if (error != -EAGAIN)
            return error;
        /* fall through */
    default:
        return kevy_stream_forward(target, buffer);
    }
}

static void proxy_read(struct probe *probe, struct kevy_buffer *buffer)
{
    struct chain *chain = chain_of(probe);
    struct probe *target = &chain->probes[probe->tag == FRONT ? BACK : FRONT];
    int error;

    QUIETLY(error = hand_on(&target->stream, buffer));
    if (error == 0)
        return;
    ck_assert(error == -EPIPE || error == -ENOBUFS);
    chain->cut = true;
    QUIETLY(kevy_stream_abort(&probe->stream));
}

static void proxy_end(struct probe *probe)
{
    struct chain *chain = chain_of(probe);

    QUIETLY((void)kevy_stream_shutdown(&chain->probes[probe->tag == FRONT ? BACK : FRONT].stream));
}

static void end_end(struct probe *probe)
{
    struct chain *chain = chain_of(probe);

    if (!chain->cut)
        ck_assert_uint_eq(probe->count, chain->accepted[other_end(probe)->tag]);
}

static void any_close(struct probe *probe, int reason)
{
    struct chain *chain = chain_of(probe);

    probe_stream_init(probe, &probe_events);
    if (reason != 0)
        chain->cut = true;
    if (probe->tag != FRONT && probe->tag != BACK)
        return;
    /* A proxy whose one side is gone lets go of the other. */
    chain->cut = true;
    QUIETLY(kevy_stream_abort(&chain->probes[probe->tag == FRONT ? BACK : FRONT].stream));
}

static void write_some(struct probe *probe)
{
    uint64_t length = 1 + random_below(sizeof copy);
    struct chain *chain = chain_of(probe);
    int error;

    pattern_fill(copy, length, other_end(probe)->seed, chain->accepted[probe->tag]);
    QUIETLY(error = kevy_stream_send(&probe->stream, copy, length));
    if (error == 0)
        chain->accepted[probe->tag] += length;
    else
        ck_assert(error == -EAGAIN || error == -EPIPE || error == -ENOBUFS);
}

static void do_something(struct chain *chain)
{
    struct probe *end = &chain->probes[random_below(2) ? CLIENT : SERVER];
    struct probe *any = &chain->probes[random_below(ROLES)];

    switch (random_below(60)) {
    case 0:
        chain->cut = true;
        QUIETLY(kevy_stream_abort(&any->stream));
        break;
    case 1:
        QUIETLY((void)kevy_stream_shutdown(&end->stream));
        break;
    case 2:
        chain->cut = true; /* what the other end still sends is nobody's */
        QUIETLY(kevy_stream_close(&end->stream));
        break;
    case 3:
    case 4:
    case 5:
        QUIETLY(kevy_stream_pause(&any->stream));
        break;
    case 6:
    case 7:
    case 8:
    case 9:
    case 10:
        QUIETLY(kevy_stream_resume(&any->stream));
        break;
    default:
        write_some(end);
    }
}

static void probe_start(struct chain *chain, enum role role, int fd)
{
    struct probe *probe = &chain->probes[role];
    bool proxy = role == FRONT || role == BACK;

    probe_init(probe, &probe_events);
    probe->tag = role;
    probe->context = chain;
    probe->seed = (uint64_t)(chain - chains) * ROLES + role;
    probe->check_bytes = !proxy;
    probe->on_read = proxy ? proxy_read : NULL;
    probe->on_end = proxy ? proxy_end : end_end;
    probe->on_close = any_close;
    QUIETLY(ck_assert_int_eq(kevy_stream_adopt(&probe->stream, reactor, fd), 0));
    kevy_stream_set_watermarks(&probe->stream, (uint32_t)random_below(5000),
                               5000 + (uint32_t)random_below(60000));
}

static void pair_start(struct chain *chain, enum role one, enum role other)
{
    int fds[2];

    if (random_below(2) == 0)
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    else
        tcp_pair(&fds[0], &fds[1]);
    probe_start(chain, one, fds[0]);
    probe_start(chain, other, fds[1]);
}

static void chain_start(struct chain *chain)
{
    memset(chain, 0, sizeof *chain);
    pair_start(chain, CLIENT, FRONT);
    pair_start(chain, BACK, SERVER);
}

static bool chain_closed(const struct chain *chain)
{
    for (unsigned role = 0; role < ROLES; role++)
        if (!chain->probes[role].closed)
            return false;
    return true;
}

static void chain_abort(struct chain *chain)
{
    chain->cut = true;
    for (unsigned role = 0; role < ROLES; role++)
        QUIETLY(kevy_stream_abort(&chain->probes[role].stream));
}

/* Nobody is cut off from here on: what was written has to arrive, both ways. */
static void chain_flush(struct chain *chain)
{
    for (unsigned role = 0; role < ROLES; role++)
        QUIETLY(kevy_stream_resume(&chain->probes[role].stream));
    QUIETLY((void)kevy_stream_shutdown(&chain->probes[CLIENT].stream));
    QUIETLY((void)kevy_stream_shutdown(&chain->probes[SERVER].stream));
    TURN_UNTIL(chain->cut || (chain->probes[CLIENT].count == chain->accepted[SERVER] &&
                              chain->probes[SERVER].count == chain->accepted[CLIENT]));
}

START_TEST(proxies_pass_on_what_they_get_in_random_order)
{
    struct kevy_reactor_options options;

    seed = (uint64_t)_i + 77;
    options = (struct kevy_reactor_options){
        .sq_entries = 1U << random_below(9),
        .cq_entries = 1U << random_below(12),
        .buffer_size = 256U << random_below(5),
        .buffer_count = 1U << random_below(9),
    };
    reactor_setup_with(&options);
    for (unsigned index = 0; index < CHAINS; index++)
        chain_start(&chains[index]);
    for (unsigned step = 0; step < support_rounds(STEPS); step++) {
        for (uint64_t calls = random_below(6); calls > 0; calls--)
            do_something(&chains[random_below(CHAINS)]);
        if (_i % 2 != 0 && random_below(10) == 0)
            fault_next(FAULT_ENTER, -EBUSY, 1 + (uint32_t)random_below(3));
        turns((unsigned)random_below(4));
        for (unsigned index = 0; index < CHAINS; index++) {
            if (chains[index].cut && random_below(20) == 0)
                chain_abort(&chains[index]);
            if (chain_closed(&chains[index]))
                chain_start(&chains[index]);
        }
    }
    fault_reset();
    for (unsigned index = 0; index < CHAINS; index++)
        chain_flush(&chains[index]);
    for (unsigned index = 0; index < CHAINS; index++)
        chain_abort(&chains[index]);
    for (unsigned index = 0; index < CHAINS; index++)
        TURN_UNTIL(chain_closed(&chains[index]));
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("stream_proxy");
    TCase *seeds = tcase_create("seeds");

    reactor_kernel = fault_kernel();
    tcase_add_checked_fixture(seeds, reactor_setup, reactor_teardown);
    tcase_set_timeout(seeds, 60);
    tcase_add_loop_test(seeds, proxies_pass_on_what_they_get_in_random_order, 0, SEEDS);
    suite_add_tcase(suite, seeds);
    return suite;
}
