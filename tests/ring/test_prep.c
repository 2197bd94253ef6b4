/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * What each prep writes: every byte but user_data, whatever the slot held before, and exactly the
 * fields of prep_table.h. What the kernel makes of it is the business of test_ops_*.
 */

#include "prep_table.h"
#include "support.h"

#include <kevy/ring_prep.h>

#include <string.h>

/* clang-format off */
#define COMMAND_16 {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
/* clang-format on */

static unsigned char command_bytes[KEVY_COMMAND128_BYTES];

#define FUNCTION(name, call, ...)                 \
    static void prep_##name(struct kevy_sqe *sqe) \
    {                                             \
        call;                                     \
    }

PREPS_NET(FUNCTION)
PREPS_TRANSFER(FUNCTION)
PREPS_FILE(FUNCTION)
PREPS_PATH(FUNCTION)
PREPS_EVENT(FUNCTION)
PREPS_COMMAND(FUNCTION)
PREPS_WIDE(FUNCTION)

struct prep_case {
    const char *name;
    void (*prep)(struct kevy_sqe *sqe);
    struct kevy_sqe expected;
};

#define CASE(name, call, ...) {#name, prep_##name, {__VA_ARGS__}},

static const struct prep_case cases[] = {PREPS_NET(CASE) PREPS_TRANSFER(CASE) PREPS_FILE(
    CASE) PREPS_PATH(CASE) PREPS_EVENT(CASE) PREPS_COMMAND(CASE)};
static const struct prep_case wide_cases[] = {PREPS_WIDE(CASE)};

enum {
    CASES = sizeof cases / sizeof cases[0],
    WIDE_CASES = sizeof wide_cases / sizeof wide_cases[0],
    PATTERNS = 2,
};

static const int patterns[PATTERNS] = {0xa5, 0x5a};
static const uint64_t pattern_user_data[PATTERNS] = {UINT64_C(0xa5a5a5a5a5a5a5a5),
                                                     UINT64_C(0x5a5a5a5a5a5a5a5a)};

static void number_command_bytes(void)
{
    for (unsigned i = 0; i < sizeof command_bytes; i++)
        command_bytes[i] = (unsigned char)(i + 1);
}

static void check_first_64(const struct prep_case *test, const struct kevy_sqe *written,
                           uint64_t user_data)
{
    struct kevy_sqe expected = test->expected;

    ck_assert_msg(written->user_data == user_data, "%s touched user_data", test->name);
    expected.user_data = user_data;
    for (size_t i = 0; i < sizeof expected; i++)
        ck_assert_msg(((const unsigned char *)written)[i] == ((const unsigned char *)&expected)[i],
                      "%s: byte %zu is 0x%02x and should be 0x%02x", test->name, i,
                      ((const unsigned char *)written)[i], ((const unsigned char *)&expected)[i]);
}

START_TEST(a_prep_writes_its_fields_and_zeroes_over_whatever_was_there)
{
    const struct prep_case *test = &cases[_i];

    number_command_bytes();
    for (int i = 0; i < PATTERNS; i++) {
        struct kevy_sqe128 slot;
        memset(&slot, patterns[i], sizeof slot);
        test->prep(&slot.sqe);
        check_first_64(test, &slot.sqe, pattern_user_data[i]);
        for (size_t at = 0; at < sizeof slot.cmd_rest; at++)
            ck_assert_msg(slot.cmd_rest[at] == patterns[i], "%s wrote behind the SQE", test->name);
    }
}
END_TEST

START_TEST(a_wide_prep_writes_all_128_bytes)
{
    const struct prep_case *test = &wide_cases[_i];
    const unsigned char *rest = command_bytes + KEVY_COMMAND_BYTES;
    static const unsigned char zeroes[64];

    number_command_bytes();
    if (test->expected.cmd[0] == 0)
        rest = zeroes;
    for (int i = 0; i < PATTERNS; i++) {
        struct kevy_sqe128 slot;
        memset(&slot, patterns[i], sizeof slot);
        test->prep(&slot.sqe);
        check_first_64(test, &slot.sqe, pattern_user_data[i]);
        ck_assert_mem_eq(slot.cmd_rest, rest, sizeof slot.cmd_rest);
    }
}
END_TEST

START_TEST(every_opcode_has_a_prep)
{
    static unsigned count[KEVY_OP_LAST];

    for (int i = 0; i < CASES; i++)
        count[cases[i].expected.opcode]++;
    for (int i = 0; i < WIDE_CASES; i++)
        count[wide_cases[i].expected.opcode]++;
    for (int i = 0; i < KEVY_OP_LAST; i++)
        ck_assert_msg(count[i] > 0, "opcode %d has no prep", i);
}
END_TEST

START_TEST(flags_are_added_to_those_of_the_prep)
{
    struct kevy_sqe sqe;

    kevy_prep_recv_multishot(&sqe, 5, 3, 0);
    kevy_sqe_set_flags(&sqe, KEVY_SQE_FIXED_FILE);
    kevy_sqe_set_flags(&sqe, KEVY_SQE_IO_LINK);
    ck_assert_uint_eq(sqe.flags, KEVY_SQE_BUFFER_SELECT | KEVY_SQE_FIXED_FILE | KEVY_SQE_IO_LINK);
    kevy_prep_recv_multishot(&sqe, 5, 3, 0);
    ck_assert_uint_eq(sqe.flags, KEVY_SQE_BUFFER_SELECT);
}
END_TEST

START_TEST(receive_and_accept_modes_keep_multishot)
{
    struct kevy_sqe sqe;

    kevy_prep_recv_multishot(&sqe, 5, 3, 0);
    kevy_sqe_set_recvsend_flags(&sqe, KEVY_RECVSEND_POLL_FIRST);
    ck_assert_uint_eq(sqe.ioprio, KEVY_RECV_MULTISHOT | KEVY_RECVSEND_POLL_FIRST);
    kevy_prep_accept_multishot(&sqe, 5, 0);
    kevy_sqe_set_accept_mode(&sqe, KEVY_ACCEPT_POLL_FIRST);
    ck_assert_uint_eq(sqe.ioprio, KEVY_ACCEPT_MULTISHOT | KEVY_ACCEPT_POLL_FIRST);
}
END_TEST

START_TEST(setters_write_their_field_and_no_other)
{
    struct kevy_sqe sqe;
    struct kevy_sqe expected;

    kevy_prep_write(&sqe, 5, AT(0x1000), 99, 7);
    sqe.user_data = 0;
    expected = sqe;
    kevy_sqe_set_personality(&sqe, 11);
    kevy_sqe_set_priority(&sqe, 12);
    kevy_sqe_set_rw_flags(&sqe, 13);
    kevy_sqe_set_write_stream(&sqe, 14);
    kevy_sqe_set_attribute_pi(&sqe, AT(0x2000));
    expected.personality = 11;
    expected.ioprio = 12;
    expected.rw_flags = 13;
    expected.write_stream = 14;
    expected.attr_ptr = 0x2000;
    expected.attr_type_mask = KEVY_RW_ATTR_FLAG_PI;
    ck_assert_mem_eq(&sqe, &expected, sizeof sqe);
}
END_TEST

START_TEST(message_flags_are_added_and_an_address_is_set)
{
    struct kevy_sqe sqe;

    kevy_prep_send_select(&sqe, 5, 3, 0, 0x40);
    kevy_sqe_set_msg_flags(&sqe, 0x8000);
    kevy_sqe_set_address(&sqe, ADDRESS(0x2000), 28);
    ck_assert_uint_eq(sqe.msg_flags, 0x8040);
    ck_assert_uint_eq(sqe.addr2, 0x2000);
    ck_assert_uint_eq(sqe.addr_len, 28);
    ck_assert_uint_eq(sqe.pad3[0], 0);
    ck_assert_uint_eq(sqe.flags, KEVY_SQE_BUFFER_SELECT);
    ck_assert_uint_eq(sqe.buf_group, 3);
}
END_TEST

START_TEST(a_time_is_made_of_nanoseconds)
{
    struct kevy_timespec time = kevy_timespec_from_ns(UINT64_C(12345678901));

    ck_assert_int_eq(time.tv_sec, 12);
    ck_assert_int_eq(time.tv_nsec, 345678901);
    time = kevy_timespec_from_ns(UINT64_MAX);
    ck_assert_int_eq(time.tv_sec, INT64_C(18446744073));
    ck_assert_int_eq(time.tv_nsec, 709551615);
}
END_TEST

START_TEST(a_command_takes_a_registered_buffer)
{
    struct kevy_sqe sqe;

    kevy_prep_uring_cmd(&sqe, 5, 0x1234, 0);
    kevy_sqe_set_command_buffer(&sqe, 9);
    ck_assert_uint_eq(sqe.uring_cmd_flags, KEVY_URING_CMD_FIXED);
    ck_assert_uint_eq(sqe.buf_index, 9);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("ring_prep");
    TCase *preps = tcase_create("preps");
    TCase *setters = tcase_create("setters");

    tcase_add_loop_test(preps, a_prep_writes_its_fields_and_zeroes_over_whatever_was_there, 0,
                        CASES);
    tcase_add_loop_test(preps, a_wide_prep_writes_all_128_bytes, 0, WIDE_CASES);
    tcase_add_test(preps, every_opcode_has_a_prep);
    tcase_add_test(setters, flags_are_added_to_those_of_the_prep);
    tcase_add_test(setters, receive_and_accept_modes_keep_multishot);
    tcase_add_test(setters, setters_write_their_field_and_no_other);
    tcase_add_test(setters, message_flags_are_added_and_an_address_is_set);
    tcase_add_test(setters, a_time_is_made_of_nanoseconds);
    tcase_add_test(setters, a_command_takes_a_registered_buffer);
    suite_add_tcase(suite, preps);
    suite_add_tcase(suite, setters);
    return suite;
}
