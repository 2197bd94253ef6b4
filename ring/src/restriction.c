/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What a ring may do: lists of restrictions, and filters.
 *
 * Invariant. Every list ends with the rules about flags, and permits ENABLE_RINGS, without which a
 * restricted ring could not be started. No list is longer than RULES_MAX.
 */
#include <kevy/ring_register.h>

#if KEVY_RING_SUPPORTED

#include <assert.h>
#include <errno.h>
#include <string.h>

/* The list, the two rules about flags, and ENABLE_RINGS. */
#define RULES_MAX (KEVY_RING_RESTRICTIONS_MAX + 3)

/* Adds one rule; the caller has made sure that there is room. */
static void rule_add(struct kevy_restriction *rules, uint32_t *count, uint32_t kind, uint8_t value)
{
    rules[*count].opcode = (uint16_t)kind;
    rules[*count].sqe_op = value; /* the union's members share the byte */
    ++*count;
}

/* Writes the list as the kernel wants it; returns its length or -EINVAL. */
static int rules_write(struct kevy_restriction *rules,
                       const struct kevy_ring_restrictions *restrictions)
{
    uint32_t count = 0;

    if (restrictions->opcode_count > KEVY_RING_RESTRICTIONS_MAX ||
        restrictions->register_op_count > KEVY_RING_RESTRICTIONS_MAX - restrictions->opcode_count)
        return -EINVAL;
    memset(rules, 0, RULES_MAX * sizeof *rules);
    for (uint32_t i = 0; i < restrictions->opcode_count; i++)
        rule_add(rules, &count, KEVY_RESTRICTION_SQE_OP, restrictions->opcodes[i]);
    for (uint32_t i = 0; i < restrictions->register_op_count; i++)
        rule_add(rules, &count, KEVY_RESTRICTION_REGISTER_OP, restrictions->register_ops[i]);
    /* From 7.0 on register calls are restricted only where a rule names one. */
    rule_add(rules, &count, KEVY_RESTRICTION_REGISTER_OP, KEVY_REGISTER_ENABLE_RINGS);
    rule_add(rules, &count, KEVY_RESTRICTION_SQE_FLAGS_ALLOWED, restrictions->sqe_flags_allowed);
    rule_add(rules, &count, KEVY_RESTRICTION_SQE_FLAGS_REQUIRED, restrictions->sqe_flags_required);
    assert(count <= RULES_MAX);
    return (int)count;
}

int kevy_ring_restrict(struct kevy_ring *ring, const struct kevy_ring_restrictions *restrictions)
{
    struct kevy_restriction rules[RULES_MAX];
    int count = rules_write(rules, restrictions);

    if (count < 0)
        return count;
    return kevy_ring_register(ring, KEVY_REGISTER_RESTRICTIONS, rules, (uint32_t)count);
}

int kevy_task_restrict(const struct kevy_ring_restrictions *restrictions)
{
    struct {
        struct kevy_task_restriction header;
        struct kevy_restriction rules[RULES_MAX];
    } argument;
    int count = rules_write(argument.rules, restrictions);

    if (count < 0)
        return count;
    memset(&argument.header, 0, sizeof argument.header);
    argument.header.nr_res = (uint16_t)count;
    return kevy_ring_register(NULL, KEVY_REGISTER_RESTRICTIONS, &argument, 1);
}

int kevy_ring_filter(struct kevy_ring *ring, uint8_t opcode, const void *program, uint32_t count,
                     uint32_t flags)
{
    struct kevy_bpf argument;

    memset(&argument, 0, sizeof argument);
    argument.cmd_type = KEVY_BPF_CMD_FILTER;
    argument.filter.opcode = opcode;
    argument.filter.flags = flags;
    argument.filter.filter_len = count;
    argument.filter.filter_ptr = (uint64_t)(uintptr_t)program;
    return kevy_ring_register(ring, KEVY_REGISTER_BPF_FILTER, &argument, 1);
}

#endif /* KEVY_RING_SUPPORTED */
