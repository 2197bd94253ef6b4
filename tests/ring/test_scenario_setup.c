/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Scenarios of set-up and registration. */

#include "scenario_requests.h"

/* Set-up, registration. */

static void disabled_ring(struct scene *s)
{
    nop(s, 1, 0, 0);
    submit(s);
    say_result(s, "enable", kevy_ring_enable(&s->ring));
    submit(s);
    reap(s, 1);
    say_result(s, "again", kevy_ring_enable(&s->ring));
}

static void restricted_ring(struct scene *s)
{
    static const uint8_t opcodes[] = {KEVY_OP_NOP, KEVY_OP_RECV, KEVY_OP_ASYNC_CANCEL};
    static const uint8_t register_ops[] = {KEVY_REGISTER_PROBE};
    struct kevy_ring_restrictions rules = {
        .opcodes = opcodes,
        .opcode_count = 3,
        .register_ops = register_ops,
        .register_op_count = 1,
        .sqe_flags_allowed = KEVY_SQE_IO_LINK,
    };
    struct kevy_ring_probe probe;

    say_result(s, "restrict", kevy_ring_restrict(&s->ring, &rules));
    say_result(s, "twice", kevy_ring_restrict(&s->ring, &rules));
    say_result(s, "enable", kevy_ring_enable(&s->ring));
    nop(s, 1, 0, 0);
    nop(s, 2, 0, KEVY_SQE_ASYNC);
    kevy_prep_send(ask(s, 3), s->local[0], "x", 1, 0);
    nop(s, 4, 0, KEVY_SQE_IO_LINK);
    kevy_prep_send(ask(s, 5), s->local[0], "x", 1, 0);
    nop(s, 6, 0, KEVY_SQE_IO_LINK);
    nop(s, 7, 0, 0);
    go(s);
    reap_sorted(s, 7);
    say_result(s, "probe", kevy_ring_probe(&s->ring, &probe));
    say_result(s, "clock", kevy_ring_clock(&s->ring, CLOCK_MONOTONIC));
    say_result(s, "restrict", kevy_ring_restrict(&s->ring, &rules));
}

static void flags_may_be_required(struct scene *s)
{
    static const uint8_t opcodes[] = {KEVY_OP_NOP};
    struct kevy_ring_restrictions rules = {
        .opcodes = opcodes, .opcode_count = 1, .sqe_flags_required = KEVY_SQE_ASYNC};

    say_result(s, "restrict", kevy_ring_restrict(&s->ring, &rules));
    say_result(s, "enable", kevy_ring_enable(&s->ring));
    nop(s, 1, 0, 0);
    nop(s, 2, 0, KEVY_SQE_ASYNC);
    go(s);
    reap_sorted(s, 2);
}

static void rules_come_too_late(struct scene *s)
{
    static const uint8_t opcodes[] = {KEVY_OP_NOP};
    struct kevy_ring_restrictions rules = {.opcodes = opcodes, .opcode_count = 1};

    say_result(s, "restrict", kevy_ring_restrict(&s->ring, &rules));
}

static void tables_that_are_not_there(struct scene *s)
{
    int fds[2] = {s->file, s->file};
    struct iovec buffer = {s->bytes, 64};

    say_result(s, "files", kevy_ring_files_unregister(&s->ring));
    say_result(s, "buffers", kevy_ring_buffers_unregister(&s->ring));
    say_result(s, "update", kevy_ring_files_update(&s->ring, 0, fds, 1));
    say_result(s, "no files", kevy_ring_files_register(&s->ring, fds, 0));
    say_result(s, "register", kevy_ring_files_register(&s->ring, fds, 2));
    say_result(s, "twice", kevy_ring_files_register(&s->ring, fds, 2));
    say_result(s, "beyond", kevy_ring_files_update(&s->ring, 1, fds, 2));
    fds[1] = 900;
    say_result(s, "update", kevy_ring_files_update(&s->ring, 0, fds, 2));
    say_result(s, "range", kevy_ring_files_alloc_range(&s->ring, 1, 1));
    say_result(s, "range beyond", kevy_ring_files_alloc_range(&s->ring, 1, 2));
    say_result(s, "unregister", kevy_ring_files_unregister(&s->ring));
    say_result(s, "a bad file", kevy_ring_files_register(&s->ring, fds, 2));
    say_result(s, "register", kevy_ring_buffers_register(&s->ring, &buffer, 1));
    say_result(s, "twice", kevy_ring_buffers_register(&s->ring, &buffer, 1));
    say_result(s, "unregister", kevy_ring_buffers_unregister(&s->ring));
    say_result(s, "sparse", kevy_ring_buffers_register_sparse(&s->ring, 4));
    say_result(s, "update", kevy_ring_buffers_update(&s->ring, 2, &buffer, NULL, 1));
    say_result(s, "beyond", kevy_ring_buffers_update(&s->ring, 4, &buffer, NULL, 1));
}

static void groups_are_malformed(struct scene *s)
{
    static _Alignas(4096) char pages[4096];
    struct kevy_buf_reg reg = {.ring_addr = (uintptr_t)pages, .ring_entries = 8, .bgid = 2};
    struct kevy_buf_status status = {.buf_group = 2};

    say_result(s, "status", kevy_ring_register(&s->ring, KEVY_REGISTER_PBUF_STATUS, &status, 1));
    say_result(s, "unregister", kevy_ring_register(&s->ring, KEVY_UNREGISTER_PBUF_RING, &reg, 1));
    say_result(s, "count", kevy_ring_register(&s->ring, KEVY_REGISTER_PBUF_RING, &reg, 2));
    say_result(s, "register", kevy_ring_register(&s->ring, KEVY_REGISTER_PBUF_RING, &reg, 1));
    say_result(s, "twice", kevy_ring_register(&s->ring, KEVY_REGISTER_PBUF_RING, &reg, 1));
    say_result(s, "status", kevy_ring_register(&s->ring, KEVY_REGISTER_PBUF_STATUS, &status, 1));
    say(s, "head %u\n", status.head);
    reg.bgid = 3;
    reg.ring_entries = 7;
    say_result(s, "no power", kevy_ring_register(&s->ring, KEVY_REGISTER_PBUF_RING, &reg, 1));
    reg.ring_entries = 65536;
    say_result(s, "too many", kevy_ring_register(&s->ring, KEVY_REGISTER_PBUF_RING, &reg, 1));
    reg.ring_entries = 8;
    reg.ring_addr += 8;
    say_result(s, "askew", kevy_ring_register(&s->ring, KEVY_REGISTER_PBUF_RING, &reg, 1));
    reg.ring_addr -= 8;
    reg.flags = 0x80;
    say_result(s, "flag", kevy_ring_register(&s->ring, KEVY_REGISTER_PBUF_RING, &reg, 1));
    reg.flags = 0;
    reg.min_left = 4;
    say_result(s, "min_left", kevy_ring_register(&s->ring, KEVY_REGISTER_PBUF_RING, &reg, 1));
    reg.min_left = 0;
    reg.resv[0] = 1;
    say_result(s, "reserved", kevy_ring_register(&s->ring, KEVY_REGISTER_PBUF_RING, &reg, 1));
}

static void clocks(struct scene *s)
{
    struct kevy_ring_wait wait = {.minimum = 1, .timeout_ns = 1, .flags = KEVY_RING_WAIT_ABSOLUTE};

    say_result(s, "boottime", kevy_ring_clock(&s->ring, CLOCK_BOOTTIME));
    say_result(s, "wait", kevy_ring_wait(&s->ring, &wait));
    say_result(s, "realtime", kevy_ring_clock(&s->ring, CLOCK_REALTIME));
    say_result(s, "monotonic", kevy_ring_clock(&s->ring, CLOCK_MONOTONIC));
}

static void message_to_itself(struct scene *s)
{
    say_result(s, "send", kevy_ring_message(&s->ring, 7, -5, 0));
    say_result(s, "send", kevy_ring_message(&s->ring, 8, 5, KEVY_CQE_F_MORE));
    reap(s, 2);
    quiet(s);
}

static void unknown_registrations(struct scene *s)
{
    say_result(s, "code", kevy_ring_register(&s->ring, 200, NULL, 0));
    say_result(s, "enable", kevy_ring_register(&s->ring, KEVY_REGISTER_ENABLE_RINGS, NULL, 1));
    say_result(s, "probe of too many",
               kevy_ring_register(&s->ring, KEVY_REGISTER_PROBE, s->bytes, 257));
}

static const struct scenario scenarios[] = {
    {"disabled_ring", disabled_ring, NULL, 0, KEVY_SETUP_R_DISABLED, false, NULL},
    {"restricted_ring", restricted_ring, NULL, 0, KEVY_SETUP_R_DISABLED, false, NULL},
    {"flags_may_be_required", flags_may_be_required, NULL, 0, KEVY_SETUP_R_DISABLED, false, NULL},
    PLAY(rules_come_too_late),
    PLAY(tables_that_are_not_there),
    PLAY(groups_are_malformed),
    PLAY(clocks),
    PLAY(message_to_itself),
    PLAY(unknown_registrations),
};

Suite *test_suite(void)
{
    return scenario_suite("ring_scenario_setup", scenarios, SCENARIO_COUNT(scenarios));
}
