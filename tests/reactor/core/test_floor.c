/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * The floor of the reactor, Linux 6.1: what is below it is refused in words, and on it everything
 * that is newer is done without. The kernels are emulated; where the running one is older than the
 * floor itself, the refusals come from it.
 */

#include "reactor_test.h"

#include "fault_kernel.h"

#include <kevy/ring_explain.h>
#include <kevy/ring_register.h>

/* What Linux 6.1 knows. */
static const struct fault_kernel floor_kernel = {
    .setup_flags = KEVY_SETUP_SINGLE_ISSUER | KEVY_SETUP_DEFER_TASKRUN | KEVY_SETUP_CQSIZE |
                   KEVY_SETUP_CLAMP | KEVY_SETUP_SUBMIT_ALL | KEVY_SETUP_TASKRUN_FLAG |
                   KEVY_SETUP_R_DISABLED,
    .features = ~(KEVY_FEAT_MIN_TIMEOUT | KEVY_FEAT_NO_IOWAIT | KEVY_FEAT_RECVSEND_BUNDLE),
    .register_ops = KEVY_REGISTER_FILE_ALLOC_RANGE + 1,
};

static struct probe probe;

static void setup(void)
{
    fault_kernel_set(&floor_kernel);
    fault_opcodes_set(KEVY_OP_SENDMSG_ZC + 1);
    reactor_setup();
}

static void teardown(void)
{
    reactor_teardown();
    fault_reset();
    ck_assert_int_eq(fault_mappings(), 0);
}

/* Each lacks one thing that the floor has. */
static const struct fault_kernel lacking[] = {
    {UINT32_MAX & ~KEVY_SETUP_DEFER_TASKRUN, UINT32_MAX, UINT32_MAX},
    {UINT32_MAX & ~KEVY_SETUP_SINGLE_ISSUER, UINT32_MAX, UINT32_MAX},
    {UINT32_MAX, UINT32_MAX, KEVY_REGISTER_PBUF_RING},
};

START_TEST(a_kernel_below_the_floor_is_refused_with_a_sentence_that_names_the_floor)
{
    struct kevy_reactor_options faulty = {.custom_kernel = fault_kernel()};
    struct kevy_reactor *created = NULL;
    int descriptors = support_fd_count();
    char sentence[512];
    int error;

    fault_kernel_set(&lacking[_i]);
    error = kevy_reactor_create(&created, &faulty);
    ck_assert_int_eq(error, -EINVAL);
    ck_assert_ptr_null(created);
    kevy_ring_explain(error, sentence, sizeof sentence);
    ck_assert_ptr_nonnull(strstr(sentence, "the reactor needs 6.1"));
    fault_reset();
    ck_assert_int_eq(fault_mappings(), 0);
    ck_assert_int_eq(support_fd_count(), descriptors);
}
END_TEST

static void echo_once(void)
{
    probe_tcp(&probe, &probe_events);
    probe.echo = true;
    peer_write_text(probe.peer, "hello");
    peer_expect_text(probe.peer, "hello");
    QUIETLY(kevy_stream_abort(&probe.stream));
    probe_finish(&probe);
}

START_TEST(a_kernel_of_the_floor_is_enough)
{
    struct kevy_timer timer = {0};

    memset(&timer, 0, sizeof timer);
    echo_once();
    kevy_timer_start(&timer, reactor, KEVY_MILLISECONDS(2), (kevy_timer_fire)kevy_timer_stop);
    TURN_UNTIL(!kevy_timer_armed(&timer));
}
END_TEST

static void result_keep(struct kevy_completion *completion, int result, uint32_t flags)
{
    (void)completion;
    (void)flags;
    probe.tag = result;
}

static int result_of(uint8_t opcode)
{
    struct kevy_completion completion = {0};
    struct kevy_sqe *sqe;

    kevy_completion_init(&completion, reactor, result_keep);
    sqe = kevy_completion_sqe(&completion);
    ck_assert_ptr_nonnull(sqe);
    sqe->opcode = opcode;
    sqe->fd = -1;
    TURN_UNTIL(!kevy_completion_active(&completion));
    return probe.tag;
}

/* The list of what is allowed may name only what the kernel knows. */
START_TEST(a_kernel_of_the_floor_can_be_restricted)
{
    static const uint8_t operations[] = {KEVY_OP_SYNC_FILE_RANGE, KEVY_OP_PIPE};

    reactor_setup_with(&(struct kevy_reactor_options){
        .restricted = true, .operations = operations, .operation_count = 2});
    echo_once();
    ck_assert_int_eq(result_of(KEVY_OP_OPENAT), -EACCES);
    ck_assert_int_eq(result_of(KEVY_OP_SYNC_FILE_RANGE), -EBADF);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("floor");
    TCase *below = tcase_create("below");
    TCase *on = tcase_create("on");
    struct kevy_reactor_options faulty = {.custom_kernel = fault_kernel()};
    struct kevy_reactor *created = NULL;

    reactor_kernel = fault_kernel();
    tcase_add_loop_test(below,
                        a_kernel_below_the_floor_is_refused_with_a_sentence_that_names_the_floor, 0,
                        sizeof lacking / sizeof lacking[0]);
    suite_add_tcase(suite, below);
    if (kevy_reactor_create(&created, &faulty) < 0) {
        support_skip("a_kernel_of_the_floor_*", "needs Linux 6.1");
        return suite;
    }
    kevy_reactor_destroy(created);
    tcase_add_checked_fixture(on, setup, teardown);
    tcase_add_test(on, a_kernel_of_the_floor_is_enough);
    tcase_add_test(on, a_kernel_of_the_floor_can_be_restricted);
    suite_add_tcase(suite, on);
    return suite;
}
