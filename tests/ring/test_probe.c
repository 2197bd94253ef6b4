/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* What the kernel says about itself, and that it is the truth. */

#include "ring_test.h"

#include <kevy/ring_register.h>

START_TEST(with_a_ring_or_without_the_answer_is_the_same)
{
    struct kevy_ring_probe alone, through;
    struct kevy_ring ring = {0};
    int descriptors = support_fd_count();

    memset(&alone, 0xa5, sizeof alone);
    memset(&through, 0x5a, sizeof through);
    ck_assert_int_eq(kevy_ring_probe(NULL, &alone), 0);
    ck_assert_int_eq(support_fd_count(), descriptors);
    ring_open(&ring, 4, NULL);
    ck_assert_int_eq(kevy_ring_probe(&ring, &through), 0);
    ck_assert_mem_eq(alone.opcodes, through.opcodes, sizeof alone.opcodes);
    ck_assert_uint_eq(alone.opcode_count, through.opcode_count);
    ck_assert_uint_eq(alone.features, through.features);
    ck_assert_uint_eq(alone.features, ring.features);
    ck_assert_uint_eq(alone.queried, through.queried);
    ck_assert_uint_eq(alone.setup_flags, through.setup_flags);
    ck_assert_uint_eq(alone.enter_flags, through.enter_flags);
    ck_assert_uint_eq(alone.sqe_flags, through.sqe_flags);
    ck_assert_uint_eq(alone.register_op_count, through.register_op_count);
    kevy_ring_deinit(&ring);
}
END_TEST

START_TEST(numbers_that_are_no_opcode_are_not_supported)
{
    struct kevy_ring_probe probe = kernel_probe();

    ck_assert(kevy_ring_probe_opcode(&probe, KEVY_OP_NOP));
    ck_assert(!kevy_ring_probe_opcode(&probe, probe.opcode_count));
    ck_assert(!kevy_ring_probe_opcode(&probe, 255));
    ck_assert(!kevy_ring_probe_opcode(&probe, 256));
    ck_assert(!kevy_ring_probe_opcode(&probe, UINT32_MAX));
}
END_TEST

/* An opcode is supported exactly when the kernel does not refuse it for what it is. */
START_TEST(unsupported_opcodes_are_refused)
{
    struct kevy_ring_probe probe = kernel_probe();
    struct kevy_ring ring = {0};

    ring_open(&ring, 4, NULL);
    for (uint32_t opcode = probe.opcode_count; opcode < 256; opcode += 17) {
        struct kevy_sqe *sqe = kevy_ring_sqe(&ring, opcode);

        sqe->opcode = (uint8_t)opcode;
        cqe_expect(&ring, opcode, -EINVAL);
    }
    kevy_ring_deinit(&ring);
}
END_TEST

START_TEST(flags_that_query_names_are_those_that_setup_takes)
{
    static const uint32_t alone[] = {KEVY_SETUP_CLAMP,        KEVY_SETUP_SUBMIT_ALL,
                                     KEVY_SETUP_COOP_TASKRUN, KEVY_SETUP_SINGLE_ISSUER,
                                     KEVY_SETUP_NO_SQARRAY,   KEVY_SETUP_CQE_MIXED,
                                     KEVY_SETUP_SQE_MIXED};
    struct kevy_ring_probe probe = kernel_probe();

    for (size_t i = 0; i < sizeof alone / sizeof alone[0]; i++)
        ck_assert_int_eq(setup_grants(alone[i]), (probe.setup_flags & alone[i]) != 0);
}
END_TEST

START_TEST(a_restricted_ring_must_be_probed_before)
{
    struct kevy_ring_options options = {.required_flags = KEVY_SETUP_R_DISABLED};
    static const uint8_t nop[] = {KEVY_OP_NOP};
    struct kevy_ring_restrictions restrictions = {.opcodes = nop, .opcode_count = 1};
    struct kevy_ring_probe probe;
    struct kevy_ring ring = {0};

    ring_open(&ring, 4, &options);
    ck_assert_int_eq(kevy_ring_probe(&ring, &probe), 0);
    ck_assert_int_eq(kevy_ring_restrict(&ring, &restrictions), 0);
    ck_assert_int_eq(kevy_ring_enable(&ring), 0);
    ck_assert_int_eq(kevy_ring_probe(&ring, &probe), -EACCES);
    kevy_ring_deinit(&ring);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("probe");
    TCase *probe = tcase_create("probe");

    if (kernel_probe().opcode_count == 0) {
        support_skip("probe", "needs Linux 5.6");
        return suite;
    }
    tcase_add_test(probe, with_a_ring_or_without_the_answer_is_the_same);
    tcase_add_test(probe, numbers_that_are_no_opcode_are_not_supported);
    tcase_add_test(probe, unsupported_opcodes_are_refused);
    if (kernel_probe().queried)
        tcase_add_test(probe, flags_that_query_names_are_those_that_setup_takes);
    else
        support_skip("flags_that_query_names_are_those_that_setup_takes", "needs Linux 6.18");
    if (setup_grants(KEVY_SETUP_R_DISABLED))
        tcase_add_test(probe, a_restricted_ring_must_be_probed_before);
    else
        support_skip("a_restricted_ring_must_be_probed_before", "needs Linux 5.10");
    suite_add_tcase(suite, probe);
    return suite;
}
