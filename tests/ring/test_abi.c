/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * The ABI header against three witnesses: the table in abi_table.h, the system's <linux/io_uring.h>
 * as far as its version goes, and the running kernel's own answers to QUERY and PROBE.
 */

#include "abi_table.h"
#include "support.h"

#include <kevy/ring_abi.h>

/* Footgun 44: our header and the system's in one file. */
#include <linux/io_uring.h>
#include <linux/version.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

/* First witness, at compile time: the table. */
#define SAME_AS_TABLE(name, value, major, minor) \
    KEVY_STATIC_ASSERT((uint64_t)KEVY_##name == (value), "KEVY_" #name);
#define SAME_SQE_FLAG(name, value, major, minor) \
    KEVY_STATIC_ASSERT(KEVY_SQE_##name == (value), "KEVY_SQE_" #name);
#define SAME_OTHER(name, value) KEVY_STATIC_ASSERT((uint64_t)KEVY_##name == (value), "KEVY_" #name);

ABI_OPS_OLD(SAME_AS_TABLE)
ABI_OPS_618(SAME_AS_TABLE)
ABI_OPS_NEW(SAME_AS_TABLE)
ABI_REGISTERS_OLD(SAME_AS_TABLE)
ABI_REGISTERS_618(SAME_AS_TABLE)
ABI_REGISTERS_NEW(SAME_AS_TABLE)
ABI_SETUP_OLD(SAME_AS_TABLE)
ABI_SETUP_618(SAME_AS_TABLE)
ABI_SETUP_NEW(SAME_AS_TABLE)
ABI_FEATURES_OLD(SAME_AS_TABLE)
ABI_FEATURES_618(SAME_AS_TABLE)
ABI_ENTER_OLD(SAME_AS_TABLE)
ABI_ENTER_618(SAME_AS_TABLE)
ABI_SQE_FLAGS_OLD(SAME_SQE_FLAG)
ABI_FLAGS_OLD(SAME_AS_TABLE)
ABI_FLAGS_618(SAME_AS_TABLE)
ABI_FLAGS_NEW(SAME_AS_TABLE)
ABI_OTHERS(SAME_OTHER)

KEVY_STATIC_ASSERT(KEVY_REGISTER_FILES_SKIP == -2, "the one negative constant");

/* Second witness, at compile time as well: the system's header, in the parts that its version has.
 */
#define SAME_AS_SYSTEM(name, value, major, minor) \
    KEVY_STATIC_ASSERT((uint64_t)IORING_##name == (value), "IORING_" #name);
#define SAME_SQE_FLAG_AS_SYSTEM(name, value, major, minor) \
    KEVY_STATIC_ASSERT(IOSQE_##name == (value), "IOSQE_" #name);

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 1, 0)
ABI_OPS_OLD(SAME_AS_SYSTEM)
ABI_REGISTERS_OLD(SAME_AS_SYSTEM)
ABI_SETUP_OLD(SAME_AS_SYSTEM)
ABI_FEATURES_OLD(SAME_AS_SYSTEM)
ABI_ENTER_OLD(SAME_AS_SYSTEM)
ABI_SQE_FLAGS_OLD(SAME_SQE_FLAG_AS_SYSTEM)
ABI_FLAGS_OLD(SAME_AS_SYSTEM)
KEVY_STATIC_ASSERT(IORING_REGISTER_FILES_SKIP == KEVY_REGISTER_FILES_SKIP, "FILES_SKIP");
KEVY_STATIC_ASSERT(IO_URING_OP_SUPPORTED == KEVY_OP_SUPPORTED, "OP_SUPPORTED");
KEVY_STATIC_ASSERT(SPLICE_F_FD_IN_FIXED == KEVY_SPLICE_F_FD_IN_FIXED, "FD_IN_FIXED");
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 18, 0)
ABI_OPS_618(SAME_AS_SYSTEM)
ABI_REGISTERS_618(SAME_AS_SYSTEM)
ABI_SETUP_618(SAME_AS_SYSTEM)
ABI_FEATURES_618(SAME_AS_SYSTEM)
ABI_ENTER_618(SAME_AS_SYSTEM)
ABI_FLAGS_618(SAME_AS_SYSTEM)
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 1, 0)
ABI_OPS_NEW(SAME_AS_SYSTEM)
ABI_REGISTERS_NEW(SAME_AS_SYSTEM)
ABI_SETUP_NEW(SAME_AS_SYSTEM)
ABI_FLAGS_NEW(SAME_AS_SYSTEM)
#endif

/* The system's structures, in the fields they have had since 6.1; ours were asserted field by
 * field. */
#define SAME_SIZE(system, ours) \
    KEVY_STATIC_ASSERT(sizeof(struct system) == sizeof(struct ours), #ours)
#define SAME_FIELD(system, ours, field)                                                  \
    KEVY_STATIC_ASSERT(offsetof(struct system, field) == offsetof(struct ours, field) && \
                           sizeof(((struct system *)0)->field) ==                        \
                               sizeof(((struct ours *)0)->field),                        \
                       #ours "." #field)

SAME_SIZE(io_uring_sqe, kevy_sqe);
SAME_FIELD(io_uring_sqe, kevy_sqe, opcode);
SAME_FIELD(io_uring_sqe, kevy_sqe, flags);
SAME_FIELD(io_uring_sqe, kevy_sqe, ioprio);
SAME_FIELD(io_uring_sqe, kevy_sqe, fd);
SAME_FIELD(io_uring_sqe, kevy_sqe, off);
SAME_FIELD(io_uring_sqe, kevy_sqe, cmd_op);
SAME_FIELD(io_uring_sqe, kevy_sqe, addr);
SAME_FIELD(io_uring_sqe, kevy_sqe, len);
SAME_FIELD(io_uring_sqe, kevy_sqe, msg_flags);
SAME_FIELD(io_uring_sqe, kevy_sqe, poll_events);
SAME_FIELD(io_uring_sqe, kevy_sqe, user_data);
SAME_FIELD(io_uring_sqe, kevy_sqe, buf_index);
SAME_FIELD(io_uring_sqe, kevy_sqe, personality);
SAME_FIELD(io_uring_sqe, kevy_sqe, file_index);
SAME_FIELD(io_uring_sqe, kevy_sqe, addr_len);
SAME_FIELD(io_uring_sqe, kevy_sqe, addr3);
SAME_SIZE(io_uring_cqe, kevy_cqe);
SAME_FIELD(io_uring_cqe, kevy_cqe, res);
SAME_FIELD(io_uring_cqe, kevy_cqe, flags);
SAME_SIZE(io_uring_params, kevy_params);
SAME_FIELD(io_uring_params, kevy_params, features);
SAME_FIELD(io_uring_params, kevy_params, sq_off);
SAME_FIELD(io_uring_params, kevy_params, cq_off);
SAME_SIZE(io_sqring_offsets, kevy_sqring_offsets);
SAME_SIZE(io_cqring_offsets, kevy_cqring_offsets);
SAME_SIZE(io_uring_getevents_arg, kevy_getevents_arg);
SAME_SIZE(io_uring_rsrc_register, kevy_rsrc_register);
SAME_SIZE(io_uring_rsrc_update, kevy_rsrc_update);
SAME_SIZE(io_uring_rsrc_update2, kevy_rsrc_update2);
SAME_SIZE(io_uring_probe_op, kevy_probe_op);
SAME_SIZE(io_uring_restriction, kevy_restriction);
SAME_SIZE(io_uring_buf, kevy_buf);
SAME_SIZE(io_uring_buf_reg, kevy_buf_reg);
SAME_FIELD(io_uring_buf_ring, kevy_buf_ring, tail);
SAME_SIZE(io_uring_sync_cancel_reg, kevy_sync_cancel_reg);
SAME_SIZE(io_uring_file_index_range, kevy_file_index_range);
SAME_SIZE(io_uring_recvmsg_out, kevy_recvmsg_out);
SAME_SIZE(__kernel_timespec, kevy_timespec);

/* Third witness: the running kernel. */
struct entry {
    const char *name;
    uint64_t value;
    unsigned kernel; /* major * 100 + minor */
};

#define ENTRY(name, value, major, minor) {#name, (value), 100 * (major) + (minor)},

static const struct entry ops[] = {ABI_OPS_OLD(ENTRY) ABI_OPS_618(ENTRY) ABI_OPS_NEW(ENTRY)};
static const struct entry registers[] = {ABI_REGISTERS_OLD(ENTRY) ABI_REGISTERS_618(ENTRY)
                                             ABI_REGISTERS_NEW(ENTRY)};
static const struct entry setup_flags[] = {ABI_SETUP_OLD(ENTRY) ABI_SETUP_618(ENTRY)
                                               ABI_SETUP_NEW(ENTRY)};
static const struct entry features[] = {ABI_FEATURES_OLD(ENTRY) ABI_FEATURES_618(ENTRY)};
static const struct entry enter_flags[] = {ABI_ENTER_OLD(ENTRY) ABI_ENTER_618(ENTRY)};
static const struct entry sqe_flags[] = {ABI_SQE_FLAGS_OLD(ENTRY)};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* The newest kernel whose ABI the table describes. */
enum { TABLE_KERNEL = 701 };

/* Versions are for the test alone: the libraries ask the kernel what it can do. */
static unsigned running_kernel(void)
{
    struct utsname name;
    unsigned major = 0;
    unsigned minor = 0;

    if (uname(&name) != 0 || sscanf(name.release, "%u.%u", &major, &minor) != 2)
        return 0;
    return major * 100 + minor;
}

static int query(uint32_t operation, void *data, uint32_t size)
{
    struct kevy_query_hdr header = {
        .query_data = (uint64_t)(uintptr_t)data,
        .query_op = operation,
        .size = size,
    };

    if (syscall(KEVY_NR_REGISTER, -1, KEVY_REGISTER_QUERY, &header, 0) != 0)
        return -1;
    return header.result;
}

static int probe(struct kevy_probe *result)
{
    struct kevy_params params;
    memset(&params, 0, sizeof params);
    memset(result, 0, sizeof *result);

    int fd = (int)syscall(KEVY_NR_SETUP, 1, &params);
    if (fd < 0)
        return -1;
    int error = (int)syscall(KEVY_NR_REGISTER, fd, KEVY_REGISTER_PROBE, result, KEVY_PROBE_OPS_MAX);
    close(fd);
    return error;
}

/* What the kernel reports must hold what its version brought and, unless it is newer, nothing else.
 */
static void check_mask(const char *what, uint64_t reported, const struct entry *entries,
                       size_t count)
{
    uint64_t known = 0;

    for (size_t i = 0; i < count; i++) {
        known |= entries[i].value;
        if (entries[i].kernel <= running_kernel())
            ck_assert_msg((reported & entries[i].value) != 0, "the kernel lacks %s",
                          entries[i].name);
    }
    if (running_kernel() <= TABLE_KERNEL)
        ck_assert_msg((reported & ~known) == 0, "%s: 0x%llx is not in the table", what,
                      (unsigned long long)(reported & ~known));
}

static void check_codes(const char *what, uint32_t reported, const struct entry *entries,
                        size_t count)
{
    for (size_t i = 0; i < count; i++) {
        ck_assert_msg(entries[i].value == i, "%s is out of order", entries[i].name);
        if (entries[i].kernel <= running_kernel())
            ck_assert_msg(i < reported, "the kernel lacks %s", entries[i].name);
    }
    if (running_kernel() <= TABLE_KERNEL)
        ck_assert_msg(reported <= count, "%s: code %u is not in the table", what, reported - 1);
}

START_TEST(query_reports_nothing_unknown_and_lacks_nothing_due)
{
    struct kevy_query_opcode answer;
    memset(&answer, 0, sizeof answer);

    ck_assert_int_eq(query(KEVY_QUERY_OPCODES, &answer, sizeof answer), 0);
    check_codes("opcodes", answer.nr_request_opcodes, ops, COUNT(ops));
    check_codes("register codes", answer.nr_register_opcodes, registers, COUNT(registers));
    check_mask("features", answer.feature_flags, features, COUNT(features));
    check_mask("set-up flags", answer.ring_setup_flags, setup_flags, COUNT(setup_flags));
    check_mask("enter flags", answer.enter_flags, enter_flags, COUNT(enter_flags));
    check_mask("SQE flags", answer.sqe_flags, sqe_flags, COUNT(sqe_flags));
}
END_TEST

START_TEST(query_fills_the_whole_structure_and_no_more)
{
    struct {
        struct kevy_query_opcode answer;
        uint64_t guard;
    } room;
    memset(&room, 0xa5, sizeof room);

    ck_assert_int_eq(query(KEVY_QUERY_OPCODES, &room, sizeof room), 0);
    ck_assert_uint_ge(room.answer.nr_query_opcodes, 1);
    ck_assert_uint_le(room.answer.nr_query_opcodes, 64);
    /* What the kernel does not know it clears: a longer structure of a later ABI reads as zeroes.
     */
    ck_assert_uint_eq(room.guard, 0);
}
END_TEST

START_TEST(probe_supports_every_opcode_of_its_version)
{
    static struct kevy_probe result;

    ck_assert_int_eq(probe(&result), 0);
    ck_assert_uint_eq(result.ops_len, result.last_op + 1u);
    for (size_t i = 0; i < COUNT(ops); i++) {
        if (ops[i].kernel > running_kernel())
            continue;
        ck_assert_msg(ops[i].value <= result.last_op, "the kernel lacks %s", ops[i].name);
        ck_assert_uint_eq(result.ops[i].op, i);
        ck_assert_msg((result.ops[i].flags & KEVY_OP_SUPPORTED) != 0, "%s is not supported",
                      ops[i].name);
    }
    if (running_kernel() <= TABLE_KERNEL)
        ck_assert_uint_lt(result.last_op, COUNT(ops));
}
END_TEST

START_TEST(setup_reports_every_feature_of_its_version)
{
    struct kevy_params params;
    memset(&params, 0, sizeof params);

    int fd = (int)syscall(KEVY_NR_SETUP, 4, &params);
    ck_assert_int_ge(fd, 0);
    close(fd);
    check_mask("features", params.features, features, COUNT(features));
    ck_assert_uint_eq(params.sq_entries, 4);
    ck_assert_uint_eq(params.cq_entries, 8);
    ck_assert_uint_ne(params.cq_off.cqes, 0);
}
END_TEST

START_TEST(the_buffer_ring_hides_its_tail_in_the_first_buffer)
{
    struct kevy_buf_ring ring;
    memset(&ring, 0, sizeof ring);

    ring.bufs[0].resv = 0x1234;
    ck_assert_uint_eq(ring.tail, 0x1234);
}
END_TEST

Suite *test_suite(void)
{
    struct kevy_query_opcode answer;
    struct kevy_probe *result = calloc(1, sizeof *result);
    Suite *suite = suite_create("ring_abi");
    TCase *header = tcase_create("header");
    TCase *kernel = tcase_create("kernel");

    tcase_add_test(header, the_buffer_ring_hides_its_tail_in_the_first_buffer);
    if (query(KEVY_QUERY_OPCODES, &answer, sizeof answer) == 0) {
        tcase_add_test(kernel, query_reports_nothing_unknown_and_lacks_nothing_due);
        tcase_add_test(kernel, query_fills_the_whole_structure_and_no_more);
    } else {
        support_skip("query_*", "the kernel has no QUERY (6.18)");
    }
    if (result && probe(result) == 0) {
        tcase_add_test(kernel, probe_supports_every_opcode_of_its_version);
        tcase_add_test(kernel, setup_reports_every_feature_of_its_version);
    } else {
        support_skip("probe_*", "no ring, or no PROBE (5.6)");
    }
    free(result);
    suite_add_tcase(suite, header);
    suite_add_tcase(suite, kernel);
    return suite;
}
