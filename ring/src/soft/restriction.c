/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * KEVY_REGISTER_RESTRICTIONS: what the ring may do, once for good.
 *
 * Model. A list of rules fills sets of permitted operations, registrations and flags. They come
 * into force when the ring is enabled. A hijacked program that can write to our memory is not
 * stopped by that; one whose requests are composed from outside is.
 *
 * Invariants. A list that is refused changes nothing. There is one list a ring.
 */
#include "registration.h"

#if KEVY_RING_SUPPORTED

/* io_uring's own limit. */
#define RULES_MAX 256U

static void bit_add(uint64_t *words, uint32_t bit)
{
    words[bit / 64] |= UINT64_C(1) << (bit % 64);
}

static int rule_add(struct restrictions *rules, const struct kevy_restriction *rule)
{
    switch (rule->opcode) {
    case KEVY_RESTRICTION_REGISTER_OP:
        if (rule->register_op >= KEVY_REGISTER_LAST)
            return -EINVAL;
        bit_add(rules->register_ops, rule->register_op);
        return 0;
    case KEVY_RESTRICTION_SQE_OP:
        if (rule->sqe_op >= KEVY_OP_LAST)
            return -EINVAL;
        bit_add(rules->opcodes, rule->sqe_op);
        return 0;
    case KEVY_RESTRICTION_SQE_FLAGS_ALLOWED:
        rules->flags_allowed = rule->sqe_flags;
        return 0;
    case KEVY_RESTRICTION_SQE_FLAGS_REQUIRED:
        rules->flags_required = rule->sqe_flags;
        return 0;
    default:
        return -EINVAL;
    }
}

int restrictions_set(struct soft *soft, void *argument, uint32_t count)
{
    const struct kevy_restriction *list = argument;
    struct restrictions rules;

    memset(&rules, 0, sizeof rules);
    if ((soft->setup_flags & KEVY_SETUP_R_DISABLED) == 0)
        return -EBADFD;
    if (soft->restrictions.given)
        return -EBUSY;
    if (list == NULL || count > RULES_MAX)
        return -EINVAL;
    for (uint32_t index = 0; index < count; index++) {
        int error = rule_add(&rules, &list[index]);

        if (error < 0)
            return error;
    }
    rules.given = true;
    soft->restrictions = rules;
    return 0;
}

bool restrictions_permit(const struct soft *soft, uint32_t register_op)
{
    return (soft->restrictions.register_ops[register_op / 64] >> (register_op % 64) & 1) != 0;
}

#endif /* KEVY_RING_SUPPORTED */
