/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* The interface to the kernel below a ring: which one is taken, and what a table gets to see. */

#include "ring_test.h"

#include "cage.h"
#include "fault_kernel.h"

#include <kevy/buffer_ring.h>
#include <kevy/ring_explain.h>
#include <kevy/ring_prep.h>
#include <kevy/ring_register.h>
#include <stdlib.h>

/* A kernel that keeps a state for each ring and checks that it gets the right one. */
struct tracked {
    int fd;
    int maps;
    int messages;
};

static int tracked_alive;
static uint64_t tracked_now_ns;

static struct tracked *tracked_of(void *state, int fd)
{
    struct tracked *ring = state;

    ck_assert_ptr_nonnull(ring);
    ck_assert_int_eq(ring->fd, fd);
    return ring;
}

static int tracked_setup(void *context, uint32_t entries, struct kevy_params *params, void **state)
{
    const struct kevy_ring_kernel *below = context;
    struct tracked *ring = calloc(1, sizeof *ring);

    ring->fd = below->setup(below->context, entries, params, state);
    *state = ring;
    if (ring->fd < 0) {
        int error = ring->fd;

        *state = (void *)1; /* of no meaning after a failure */
        free(ring);
        return error;
    }
    tracked_alive++;
    return ring->fd;
}

static int tracked_enter(void *state, int fd, uint32_t to_submit, uint32_t minimum, uint32_t flags,
                         const void *argument, size_t size)
{
    const struct tracked *ring = state;

    if ((flags & KEVY_ENTER_REGISTERED_RING) == 0)
        ck_assert_int_eq(ring->fd, fd);
    return kevy_ring_kernel_io_uring()->enter(NULL, fd, to_submit, minimum, flags, argument, size);
}

static int tracked_register_op(void *state, int fd, uint32_t opcode, void *argument, uint32_t count)
{
    struct tracked *ring = tracked_of(state, fd >= 0 ? fd : ((struct tracked *)state)->fd);

    ring->messages += fd < 0 && opcode == KEVY_REGISTER_SEND_MSG_RING;
    return kevy_ring_kernel_io_uring()->register_op(NULL, fd, opcode, argument, count);
}

static int tracked_map(void *state, int fd, uint64_t offset, size_t size, uint32_t flags,
                       void **memory)
{
    struct tracked *ring = tracked_of(state, fd);
    int error = kevy_ring_kernel_io_uring()->map(NULL, fd, offset, size, flags, memory);

    ring->maps += error == 0;
    return error;
}

static void tracked_unmap(void *state, void *memory, size_t size)
{
    struct tracked *ring = state;

    ring->maps--;
    kevy_ring_kernel_io_uring()->unmap(NULL, memory, size);
}

static void tracked_close(void *state, int fd)
{
    struct tracked *ring = tracked_of(state, fd);

    ck_assert_int_eq(ring->maps, 0);
    kevy_ring_kernel_io_uring()->close(NULL, fd);
    free(ring);
    tracked_alive--;
}

static uint64_t tracked_clock(void *state, int32_t clock)
{
    (void)state;
    (void)clock;
    return tracked_now_ns;
}

static struct kevy_ring_kernel tracked_kernel(void)
{
    struct kevy_ring_kernel table = {
        .name = "tracked",
        .context = (void *)(uintptr_t)kevy_ring_kernel_io_uring(),
        .setup = tracked_setup,
        .enter = tracked_enter,
        .register_op = tracked_register_op,
        .map = tracked_map,
        .unmap = tracked_unmap,
        .close = tracked_close,
        .now_ns = tracked_clock,
    };

    return table;
}

START_TEST(a_ring_runs_on_io_uring_unless_told_otherwise)
{
    struct kevy_ring_options options = {.custom_kernel = kevy_ring_kernel_io_uring()};
    struct kevy_ring ring = {0};

    ring_open(&ring, 4, NULL);
    ck_assert_ptr_null(ring.kernel);
    ck_assert_str_eq(kevy_ring_kernel_name(&ring), "io_uring");
    ck_assert_int_eq(ring.kernel_error, 0);
    kevy_ring_deinit(&ring);
    /* Its own table is no detour. */
    ring_open(&ring, 4, &options);
    ck_assert_ptr_null(ring.kernel);
    kevy_ring_deinit(&ring);
}
END_TEST

START_TEST(a_table_gets_every_call_with_the_state_of_its_ring)
{
    struct kevy_ring_kernel table = tracked_kernel();
    struct kevy_ring_options options = {.custom_kernel = &table, .registered_wait = true};
    struct kevy_ring rings[2] = {{0}};

    for (uint64_t i = 0; i < 2; i++)
        ring_open(&rings[i], 4, &options);
    ck_assert_int_eq(tracked_alive, 2);
    ck_assert_str_eq(kevy_ring_kernel_name(&rings[1]), "tracked");
    for (uint64_t i = 0; i < 2; i++) {
        nop_queue(&rings[i], i, 0);
        cqe_expect(&rings[i], i, 0);
    }
    for (uint64_t i = 0; i < 2; i++)
        kevy_ring_deinit(&rings[i]);
    ck_assert_int_eq(tracked_alive, 0);
}
END_TEST

START_TEST(the_memory_of_buffers_comes_from_the_table_too)
{
    struct kevy_ring_kernel table = tracked_kernel();
    struct kevy_ring_options options = {.custom_kernel = &table};
    struct kevy_buffer_ring_options group = {.entries = 4, .buffer_size = 64};
    struct kevy_buffer_ring buffers = {0};
    const struct tracked *state;
    struct kevy_ring ring = {0};
    int maps;

    ring_open(&ring, 4, &options);
    state = ring.kernel_state;
    maps = state->maps;
    ck_assert_int_eq(kevy_buffer_ring_init(&buffers, &ring, &group), 0);
    ck_assert_int_gt(state->maps, maps);
    kevy_buffer_ring_deinit(&buffers);
    ck_assert_int_eq(state->maps, maps);
    kevy_ring_deinit(&ring);
}
END_TEST

START_TEST(a_message_goes_through_the_kernel_of_its_target)
{
    struct kevy_ring_kernel table = tracked_kernel();
    struct kevy_ring_options options = {.custom_kernel = &table};
    const struct tracked *state;
    struct kevy_ring ring = {0};

    ring_open(&ring, 4, &options);
    state = ring.kernel_state;
    (void)kevy_ring_message(&ring, 7, 8, 0);
    ck_assert_int_eq(state->messages, 1);
    kevy_ring_deinit(&ring);
}
END_TEST

START_TEST(the_clock_of_a_wait_is_the_tables)
{
    struct kevy_ring_kernel table = tracked_kernel();
    struct kevy_ring_options options = {.custom_kernel = &table};
    struct kevy_ring_wait wait = {.minimum = 2, .timeout_ns = 1000000};
    struct kevy_timespec late = {.tv_sec = 60};
    struct kevy_ring ring = {0};

    ring_open(&ring, 4, &options);
    /* A request is submitted, so that the kernel keeps to itself how the wait ended. */
    kevy_prep_timeout(kevy_ring_sqe(&ring, 1), &late, 0, 0);
    tracked_now_ns = 5; /* and stays so: for this clock the time is never over */
    ck_assert_int_eq(kevy_ring_wait(&ring, &wait), -EINTR);
    kevy_ring_deinit(&ring);
}
END_TEST

START_TEST(a_table_that_fails_half_way_gets_its_state_back)
{
    struct kevy_ring_kernel table = tracked_kernel();
    struct kevy_ring_options options = {.custom_kernel = fault_kernel()};
    int descriptors = support_fd_count();
    struct kevy_ring ring = {0};

    fault_kernel_over(&table);
    fault_reset();
    fault_next(FAULT_MAP, -ENOMEM, 1);
    ck_assert_int_eq(kevy_ring_init(&ring, 4, &options), -ENOMEM);
    ck_assert_int_eq(tracked_alive, 0);
    ck_assert_int_eq(fault_mappings(), 0);
    ck_assert_int_eq(support_fd_count(), descriptors);
    ring_open(&ring, 4, &options);
    nop_queue(&ring, 1, 0);
    cqe_expect(&ring, 1, 0);
    kevy_ring_deinit(&ring);
    ck_assert_int_eq(tracked_alive, 0);
}
END_TEST

START_TEST(want_of_memory_halves_the_queues_as_often_as_allowed)
{
    struct kevy_ring_options options = {.custom_kernel = fault_kernel(), .cq_entries = 64};
    struct kevy_ring ring = {0};

    for (uint32_t allowed = 0; allowed < 4; allowed++) {
        options.shrink_rounds = allowed;
        fault_next(FAULT_SETUP, -ENOMEM, allowed);
        ring_open(&ring, 32, &options);
        ck_assert_uint_eq(ring.sq_entries, 32U >> allowed);
        ck_assert_uint_eq(ring.cq_entries, 64U >> allowed);
        kevy_ring_deinit(&ring);
        fault_next(FAULT_SETUP, -ENOMEM, allowed + 1);
        ck_assert_int_eq(kevy_ring_init(&ring, 32, &options), -ENOMEM);
    }
    /* Other errors are none that a smaller ring would cure. */
    fault_next(FAULT_SETUP, -EPERM, 1);
    ck_assert_int_eq(kevy_ring_init(&ring, 32, &options), -EPERM);
}
END_TEST

START_TEST(no_queue_is_halved_away)
{
    struct kevy_ring_options options = {.custom_kernel = fault_kernel(), .shrink_rounds = 40};
    struct kevy_ring ring = {0};

    fault_next(FAULT_SETUP, -ENOMEM, 40);
    ring_open(&ring, 4, &options);
    ck_assert_uint_eq(ring.sq_entries, 1);
    kevy_ring_deinit(&ring);
    fault_reset();
    ck_assert_int_eq(kevy_ring_init(&ring, 0, &options), -EINVAL);
}
END_TEST

START_TEST(soft_takes_the_soft_kernel)
{
    struct kevy_ring_options options = {.kernel = KEVY_RING_KERNEL_SOFT};
    struct kevy_ring ring = {0};

    ring_open(&ring, 4, &options);
    ck_assert_str_eq(kevy_ring_kernel_name(&ring), "soft");
    ck_assert_ptr_eq(ring.kernel, kevy_ring_kernel_soft());
    ck_assert_int_eq(ring.kernel_error, 0);
    kevy_ring_deinit(&ring);
}
END_TEST

START_TEST(an_unknown_choice_is_refused)
{
    struct kevy_ring_options options = {.kernel = (enum kevy_ring_kernel_choice)99};
    struct kevy_ring ring = {0};

    ck_assert_int_eq(kevy_ring_init(&ring, 4, &options), -EINVAL);
}
END_TEST

START_TEST(automatic_takes_io_uring_where_it_may)
{
    struct kevy_ring_options options = {.kernel = KEVY_RING_KERNEL_AUTOMATIC};
    struct kevy_ring ring = {0};

    ring_open(&ring, 4, &options);
    ck_assert_str_eq(kevy_ring_kernel_name(&ring), "io_uring");
    ck_assert_int_eq(ring.kernel_error, 0);
    kevy_ring_deinit(&ring);
}
END_TEST

static const int refusals[] = {EPERM, EACCES, ENOSYS, EINVAL, ENOMEM};

START_TEST(automatic_takes_the_soft_kernel_where_io_uring_is_refused)
{
    struct kevy_ring_options options = {
        .kernel = KEVY_RING_KERNEL_AUTOMATIC,
        .required_flags = KEVY_SETUP_SINGLE_ISSUER | KEVY_SETUP_DEFER_TASKRUN,
        .shrink_rounds = 2,
    };
    struct kevy_ring ring = {0};
    char text[KEVY_RING_EXPLAIN_SIZE];

    cage_forbid_setup(refusals[_i]);
    ring_open(&ring, 4, &options);
    ck_assert_str_eq(kevy_ring_kernel_name(&ring), "soft");
    ck_assert_int_eq(ring.kernel_error, -refusals[_i]);
    ck_assert_uint_eq(ring.sq_entries, 4);
    nop_queue(&ring, 1, 0);
    cqe_expect(&ring, 1, 0);
    kevy_ring_explain_kernel(&ring, text, sizeof text);
    ck_assert_msg(strstr(text, "\"soft\", because io_uring failed: ") != NULL, "%s", text);
    kevy_ring_deinit(&ring);
}
END_TEST

/* No fault of the system's: the soft kernel would do no better. */
START_TEST(automatic_answers_what_no_kernel_can_help)
{
    struct kevy_ring_options options = {.kernel = KEVY_RING_KERNEL_AUTOMATIC};
    struct kevy_ring ring = {0};

    ck_assert_int_eq(kevy_ring_init(&ring, 0, &options), -EINVAL);
    cage_forbid_setup(EMFILE);
    ck_assert_int_eq(kevy_ring_init(&ring, 4, &options), -EMFILE);
}
END_TEST

START_TEST(io_uring_takes_nothing_else)
{
    struct kevy_ring_options options = {.kernel = KEVY_RING_KERNEL_IO_URING};
    struct kevy_ring ring = {0};

    cage_forbid_setup(refusals[_i]);
    ck_assert_int_eq(kevy_ring_init(&ring, 4, &options), -refusals[_i]);
}
END_TEST

/* Since Linux 5.19. */
static bool buffer_rings_granted(void)
{
    struct kevy_buffer_ring_options options = {.entries = 4, .buffer_size = 64};
    struct kevy_buffer_ring buffers = {0};
    struct kevy_ring ring = {0};
    bool granted = kevy_ring_init(&ring, 4, NULL) == 0 &&
                   kevy_buffer_ring_init(&buffers, &ring, &options) == 0;

    kevy_buffer_ring_deinit(&buffers);
    kevy_ring_deinit(&ring);
    return granted;
}

static void kernel_add(Suite *suite)
{
    TCase *tables = tcase_create("tables");

    tcase_add_test(tables, a_ring_runs_on_io_uring_unless_told_otherwise);
    tcase_add_test(tables, a_table_gets_every_call_with_the_state_of_its_ring);
    if (buffer_rings_granted())
        tcase_add_test(tables, the_memory_of_buffers_comes_from_the_table_too);
    else
        support_skip("the_memory_of_buffers_comes_from_the_table_too", "needs Linux 5.19");
    tcase_add_test(tables, a_message_goes_through_the_kernel_of_its_target);
    tcase_add_test(tables, the_clock_of_a_wait_is_the_tables);
    tcase_add_test(tables, a_table_that_fails_half_way_gets_its_state_back);
    suite_add_tcase(suite, tables);
}

Suite *test_suite(void)
{
    Suite *suite = suite_create("kernel");
    TCase *choice = tcase_create("choice");

    kernel_add(suite);
    tcase_add_checked_fixture(choice, fault_reset, NULL);
    tcase_add_test(choice, want_of_memory_halves_the_queues_as_often_as_allowed);
    tcase_add_test(choice, no_queue_is_halved_away);
    tcase_add_test(choice, an_unknown_choice_is_refused);
    tcase_add_test(choice, automatic_takes_io_uring_where_it_may);
    tcase_add_test(choice, soft_takes_the_soft_kernel);
    tcase_add_loop_test(choice, automatic_takes_the_soft_kernel_where_io_uring_is_refused, 0,
                        sizeof refusals / sizeof refusals[0]);
    tcase_add_test(choice, automatic_answers_what_no_kernel_can_help);
    tcase_add_loop_test(choice, io_uring_takes_nothing_else, 0,
                        sizeof refusals / sizeof refusals[0]);
    suite_add_tcase(suite, choice);
    return suite;
}
