/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * The timing wheel against a model that cannot be wrong: an array of deadlines, searched from end
 * to end. Whatever the wheel hands out must be due, and when it says that nothing is, the model may
 * hold nothing whose tick has passed.
 */

#include "reactor_test.h"

#include "core/wheel.h"

#define TICK_NS (UINT64_C(1) << WHEEL_TICK_SHIFT)

enum {
    NODES = 300,
};

static struct wheel wheel;
static struct kevy_x_wheel_node nodes[NODES];

/* The first instant at which the wheel may hand out a deadline: its tick, rounded up. */
static uint64_t due_from(uint64_t deadline_ns)
{
    uint64_t part = deadline_ns & (TICK_NS - 1);

    if (part == 0)
        return deadline_ns;
    return deadline_ns > UINT64_MAX - TICK_NS ? deadline_ns - part : deadline_ns - part + TICK_NS;
}

static void file(struct kevy_x_wheel_node *node, uint64_t deadline_ns)
{
    node->deadline_ns = deadline_ns;
    wheel_file(&wheel, node);
    ck_assert(wheel_filed(node));
}

static struct kevy_x_wheel_node *only_due(void)
{
    struct kevy_x_wheel_node *node = wheel_due(&wheel);

    ck_assert_ptr_nonnull(node);
    ck_assert(!wheel_filed(node));
    ck_assert_ptr_null(wheel_due(&wheel));
    return node;
}

static uint64_t model_next(void)
{
    uint64_t next = UINT64_MAX;

    for (unsigned index = 0; index < NODES; index++)
        if (wheel_filed(&nodes[index]) && due_from(nodes[index].deadline_ns) < next)
            next = due_from(nodes[index].deadline_ns);
    return next;
}

/* Moves the clock, takes out all that is due, and asks the model whether it was right. */
static unsigned advance_checked(uint64_t now_ns)
{
    struct kevy_x_wheel_node *node;
    unsigned fired = 0;

    if (wheel_advance(&wheel, now_ns)) {
        while ((node = wheel_due(&wheel)) != NULL) {
            ck_assert_uint_le(node->deadline_ns, now_ns);
            fired++;
        }
    }
    ck_assert_uint_gt(model_next(), now_ns);
    ck_assert_uint_le(wheel.next_ns, model_next());
    return fired;
}

/* A span of any magnitude: as likely a microsecond as a century. */
static uint64_t random_span(uint64_t *seed)
{
    return random_next(seed) >> (random_next(seed) % 63 + 1);
}

static void random_step(uint64_t *seed, uint64_t *now_ns, unsigned span_bits)
{
    struct kevy_x_wheel_node *node = &nodes[random_next(seed) % NODES];
    uint64_t span = random_next(seed) >> (64 - span_bits) >> random_next(seed) % span_bits;

    switch (random_next(seed) % 8) {
    case 0:
        wheel_unfile(node);
        break;
    case 1:
        *now_ns += span;
        advance_checked(*now_ns);
        break;
    default:
        wheel_unfile(node);
        file(node, *now_ns + span);
    }
}

START_TEST(agrees_with_a_brute_force_model_for_a_random_seed)
{
    uint64_t seed = (uint64_t)_i + 1;
    uint64_t now_ns = random_span(&seed);
    /* From clocks that crawl within a few ticks to clocks that leap over every level. */
    unsigned span_bits = 22 + (unsigned)_i * 3 % 34;

    memset(nodes, 0, sizeof nodes);
    wheel_init(&wheel, now_ns);
    for (unsigned step = 0; step < 100000 && now_ns < UINT64_MAX / 2; step++)
        random_step(&seed, &now_ns, span_bits);
}
END_TEST

START_TEST(an_empty_wheel_has_nothing_due)
{
    wheel_init(&wheel, 0);
    ck_assert_uint_eq(wheel.next_ns, UINT64_MAX);
    ck_assert(!wheel_advance(&wheel, UINT64_MAX - 1));
    ck_assert_ptr_null(wheel_due(&wheel));
}
END_TEST

START_TEST(a_deadline_is_never_handed_out_early_nor_later_than_its_tick)
{
    static const uint64_t spans[] = {1,
                                     TICK_NS - 1,
                                     TICK_NS,
                                     TICK_NS + 1,
                                     63 * TICK_NS,
                                     64 * TICK_NS,
                                     65 * TICK_NS,
                                     4095 * TICK_NS,
                                     4096 * TICK_NS,
                                     4097 * TICK_NS,
                                     UINT64_C(1) << 38,
                                     UINT64_C(1) << 44,
                                     UINT64_C(1) << 50,
                                     UINT64_C(1) << 56,
                                     UINT64_C(1) << 62};

    for (unsigned index = 0; index < sizeof spans / sizeof spans[0]; index++) {
        for (uint64_t now_ns = 0; now_ns < 70 * TICK_NS; now_ns += TICK_NS * 3 / 7) {
            uint64_t due_ns = due_from(now_ns + spans[index]);

            memset(nodes, 0, sizeof nodes[0]);
            wheel_init(&wheel, now_ns);
            file(&nodes[0], now_ns + spans[index]);
            ck_assert_uint_le(wheel.next_ns, due_ns);
            ck_assert(!wheel_advance(&wheel, due_ns - 1));
            ck_assert(wheel_advance(&wheel, due_ns));
            ck_assert_ptr_eq(only_due(), &nodes[0]);
        }
    }
}
END_TEST

START_TEST(a_deadline_that_has_passed_is_due_at_once)
{
    memset(nodes, 0, sizeof nodes[0]);
    wheel_init(&wheel, 1000 * TICK_NS + 5);
    file(&nodes[0], 999 * TICK_NS);
    ck_assert_uint_le(wheel.next_ns, 1000 * TICK_NS);
    ck_assert(wheel_advance(&wheel, 1000 * TICK_NS + 5));
    ck_assert_ptr_eq(only_due(), &nodes[0]);
    file(&nodes[0], 0);
    ck_assert(wheel_advance(&wheel, 1000 * TICK_NS + 5));
    ck_assert_ptr_eq(only_due(), &nodes[0]);
}
END_TEST

START_TEST(the_ends_of_64_bits_are_deadlines_like_any_other)
{
    memset(nodes, 0, sizeof nodes);
    wheel_init(&wheel, 0);
    file(&nodes[0], UINT64_MAX);
    file(&nodes[1], UINT64_MAX - TICK_NS);
    file(&nodes[2], 1);
    file(&nodes[3], 0);
    ck_assert_uint_eq(advance_checked(0), 1);
    ck_assert_uint_eq(advance_checked(TICK_NS), 1);
    ck_assert(!wheel_advance(&wheel, UINT64_MAX / 2));
    ck_assert(wheel_filed(&nodes[0]) && wheel_filed(&nodes[1]));
    ck_assert(wheel_advance(&wheel, UINT64_MAX));
    ck_assert_ptr_nonnull(wheel_due(&wheel));
    ck_assert_ptr_nonnull(wheel_due(&wheel));
    ck_assert_ptr_null(wheel_due(&wheel));
}
END_TEST

START_TEST(a_wheel_that_starts_at_the_end_of_time_works)
{
    memset(nodes, 0, sizeof nodes);
    wheel_init(&wheel, UINT64_MAX - 10 * TICK_NS);
    file(&nodes[0], UINT64_MAX - 5 * TICK_NS);
    file(&nodes[1], UINT64_MAX);
    ck_assert_uint_eq(advance_checked(UINT64_MAX - 4 * TICK_NS), 1);
    ck_assert(wheel_filed(&nodes[1]));
}
END_TEST

START_TEST(every_boundary_between_levels_is_crossed_in_order)
{
    for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
        uint64_t boundary = TICK_NS << (level * WHEEL_SLOT_BITS);
        uint64_t last_ns = 0;

        if (level * WHEEL_SLOT_BITS + WHEEL_TICK_SHIFT >= 63)
            break;
        memset(nodes, 0, sizeof nodes);
        wheel_init(&wheel, boundary - 2 * TICK_NS < boundary ? boundary - 2 * TICK_NS : 0);
        for (unsigned index = 0; index < 6; index++)
            file(&nodes[5 - index], boundary + index * TICK_NS / 2);
        for (uint64_t now_ns = boundary - TICK_NS; now_ns <= boundary + 4 * TICK_NS;
             now_ns += TICK_NS / 4) {
            struct kevy_x_wheel_node *node;

            (void)wheel_advance(&wheel, now_ns);
            while ((node = wheel_due(&wheel)) != NULL) {
                ck_assert_uint_le(node->deadline_ns, now_ns);
                ck_assert_uint_ge(due_from(node->deadline_ns), last_ns);
                last_ns = due_from(node->deadline_ns);
            }
            ck_assert_uint_gt(model_next(), now_ns);
        }
        ck_assert_uint_eq(model_next(), UINT64_MAX);
    }
}
END_TEST

START_TEST(nodes_that_are_due_can_be_taken_out_and_filed_again_meanwhile)
{
    memset(nodes, 0, sizeof nodes);
    wheel_init(&wheel, 0);
    for (unsigned index = 0; index < 4; index++)
        file(&nodes[index], TICK_NS);
    ck_assert(wheel_advance(&wheel, TICK_NS));
    ck_assert_ptr_eq(wheel_due(&wheel), &nodes[0]);
    wheel_unfile(&nodes[1]);
    wheel_unfile(&nodes[2]);
    file(&nodes[2], 9 * TICK_NS);
    ck_assert_ptr_eq(wheel_due(&wheel), &nodes[3]);
    ck_assert_ptr_null(wheel_due(&wheel));
    ck_assert_uint_eq(wheel.next_ns, 9 * TICK_NS);
    wheel_unfile(&nodes[1]);
    ck_assert(!wheel_filed(&nodes[1]));
}
END_TEST

START_TEST(the_next_time_is_never_later_than_the_earliest_deadline)
{
    uint64_t seed = 7;

    memset(nodes, 0, sizeof nodes);
    wheel_init(&wheel, 0);
    for (unsigned index = 0; index < NODES; index++) {
        file(&nodes[index], random_span(&seed));
        ck_assert_uint_le(wheel.next_ns, model_next());
    }
    for (unsigned index = 0; index < NODES; index++) {
        wheel_unfile(&nodes[index]);
        ck_assert_uint_le(wheel.next_ns, model_next());
    }
    /* Nothing is filed any more: one look, and the wheel knows it. */
    ck_assert(!wheel_advance(&wheel, wheel.next_ns));
    ck_assert_uint_eq(wheel.next_ns, UINT64_MAX);
}
END_TEST

START_TEST(waking_at_the_next_time_reaches_every_deadline_in_few_steps)
{
    uint64_t seed = 11, now_ns = 0;
    unsigned fired = 0, steps = 0;

    memset(nodes, 0, sizeof nodes);
    wheel_init(&wheel, 0);
    for (unsigned index = 0; index < NODES; index++)
        file(&nodes[index], random_span(&seed) >> 2);
    while (wheel.next_ns != UINT64_MAX) {
        ck_assert_uint_gt(wheel.next_ns + 1, now_ns);
        now_ns = wheel.next_ns;
        fired += advance_checked(now_ns);
        steps++;
    }
    ck_assert_uint_eq(fired, NODES);
    /* A node comes down one level a step at most. */
    ck_assert_uint_le(steps, NODES * WHEEL_LEVELS);
}
END_TEST

/* A clock that runs on by itself: a thousand nodes, each filed anew as soon as it was due. */
START_TEST(ten_million_expiries_none_early_and_none_later_than_a_tick_and_a_step)
{
    static struct kevy_x_wheel_node crowd[1000];
    static struct wheel crowded;
    const uint64_t tick_ns = 1ULL << WHEEL_TICK_SHIFT;
    uint64_t now_ns = 12345678901234567ULL, step_ns = 0, state = 42;
    unsigned long expiries = 0;

    wheel_init(&crowded, now_ns);
    memset(crowd, 0, sizeof crowd);
    for (unsigned i = 0; i < 1000; i++) {
        crowd[i].deadline_ns = now_ns + random_next(&state) % (64 * tick_ns);
        wheel_file(&crowded, &crowd[i]);
    }
    while (expiries < 10000000) {
        struct kevy_x_wheel_node *node;

        step_ns = random_next(&state) % (8 * tick_ns);
        now_ns += step_ns;
        if (!wheel_advance(&crowded, now_ns))
            continue;
        while ((node = wheel_due(&crowded)) != NULL) {
            if (node->deadline_ns > now_ns)
                ck_abort_msg("%lu: early", expiries);
            if (now_ns - node->deadline_ns > step_ns + tick_ns)
                ck_abort_msg("%lu: late", expiries);
            expiries++;
            node->deadline_ns = now_ns + 1 + random_next(&state) % (64 * tick_ns);
            wheel_file(&crowded, node);
        }
    }
}
END_TEST

/* Deadlines that nobody could have spread: one slot of the third level holds them all. */
START_TEST(a_slot_with_a_hundred_thousand_nodes_moves_down_a_bounded_number_a_step)
{
    enum { CROWD = 100000 };
    static struct kevy_x_wheel_node crowd[CROWD];
    const uint64_t block_ns = TICK_NS << (2 * WHEEL_SLOT_BITS);
    uint64_t now_ns = block_ns;
    unsigned due = 0, steps = 0;

    wheel_init(&wheel, 0);
    for (unsigned index = 0; index < CROWD; index++)
        file(&crowd[index], block_ns + index % 64 * 64 * TICK_NS);
    for (; wheel.next_ns <= now_ns; steps++) {
        unsigned before = due;

        (void)wheel_advance(&wheel, now_ns);
        while (wheel_due(&wheel) != NULL)
            due++;
        ck_assert_uint_le(due - before, WHEEL_MOVES);
    }
    ck_assert_uint_ge(steps, CROWD / WHEEL_MOVES);
    /* All have moved: what was due at the block's begin has come, and the next are a slot off. */
    ck_assert_uint_eq(due, (CROWD + 63) / 64);
    ck_assert_uint_eq(wheel.next_ns, block_ns + 64 * TICK_NS);
    wheel_empty(&wheel);
}
END_TEST

START_TEST(a_node_that_waits_to_move_can_be_taken_out_and_new_ones_come_first)
{
    static struct kevy_x_wheel_node crowd[2 * WHEEL_MOVES];
    const uint64_t block_ns = TICK_NS << (2 * WHEEL_SLOT_BITS);

    memset(nodes, 0, sizeof nodes);
    wheel_init(&wheel, 0);
    for (unsigned index = 0; index < 2 * WHEEL_MOVES; index++)
        file(&crowd[index], block_ns + 99 * TICK_NS);
    wheel.next_ns = block_ns; /* as after any deadline before */
    ck_assert(!wheel_advance(&wheel, block_ns + 5 * TICK_NS));
    ck_assert_uint_eq(wheel.next_ns, 0);
    wheel_unfile(&crowd[2 * WHEEL_MOVES - 1]);
    file(&nodes[0], block_ns);
    ck_assert_ptr_eq(wheel_due(&wheel), &nodes[0]);
    ck_assert_ptr_null(wheel_due(&wheel));
    ck_assert_uint_eq(wheel.next_ns, 0);
    ck_assert(!wheel_advance(&wheel, block_ns + 5 * TICK_NS));
    ck_assert_uint_eq(wheel.next_ns, block_ns + 64 * TICK_NS);
    for (unsigned index = 0; index < 2 * WHEEL_MOVES - 1; index++)
        ck_assert(wheel_filed(&crowd[index]));
    wheel_empty(&wheel);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("wheel");
    TCase *model = tcase_create("model");
    TCase *edges = tcase_create("edges");

    /* 8 seeds of 100,000 operations. */
    tcase_set_timeout(model, 60);
    tcase_add_loop_test(model, agrees_with_a_brute_force_model_for_a_random_seed, 0, 8);
    tcase_add_test(model, ten_million_expiries_none_early_and_none_later_than_a_tick_and_a_step);
    tcase_add_test(edges, an_empty_wheel_has_nothing_due);
    tcase_add_test(edges, a_deadline_is_never_handed_out_early_nor_later_than_its_tick);
    tcase_add_test(edges, a_deadline_that_has_passed_is_due_at_once);
    tcase_add_test(edges, the_ends_of_64_bits_are_deadlines_like_any_other);
    tcase_add_test(edges, a_wheel_that_starts_at_the_end_of_time_works);
    tcase_add_test(edges, every_boundary_between_levels_is_crossed_in_order);
    tcase_add_test(edges, nodes_that_are_due_can_be_taken_out_and_filed_again_meanwhile);
    tcase_add_test(edges, the_next_time_is_never_later_than_the_earliest_deadline);
    tcase_add_test(edges, waking_at_the_next_time_reaches_every_deadline_in_few_steps);
    tcase_add_test(edges, a_slot_with_a_hundred_thousand_nodes_moves_down_a_bounded_number_a_step);
    tcase_add_test(edges, a_node_that_waits_to_move_can_be_taken_out_and_new_ones_come_first);
    suite_add_tcase(suite, model);
    suite_add_tcase(suite, edges);
    return suite;
}
