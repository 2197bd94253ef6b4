/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "restriction.h"

#include <errno.h>

static int rule_add(struct restrictions *rules, const struct kevy_restriction *rule)
{
    switch (rule->opcode) {
    case KEVY_RESTRICTION_REGISTER_OP:
        if (rule->register_op >= KEVY_REGISTER_LAST)
            return -EINVAL;
        rules->register_ops[rule->register_op] = true;
        return 0;
    case KEVY_RESTRICTION_SQE_OP:
        if (rule->sqe_op >= KEVY_OP_LAST)
            return -EINVAL;
        rules->opcodes[rule->sqe_op] = true;
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

int restrictions_give(struct restrictions *rules, const struct kevy_restriction *given,
                      uint32_t count)
{
    int error = 0;

    if (rules->given)
        return -EBUSY;
    for (uint32_t i = 0; i < count && error == 0; i++)
        error = rule_add(rules, &given[i]);
    if (error < 0)
        *rules = (struct restrictions){.given = false};
    else
        rules->given = true;
    return error;
}

int restrictions_check(const struct restrictions *rules, const struct kevy_sqe *sqe)
{
    if (!rules->in_force)
        return 0;
    if (!rules->opcodes[sqe->opcode] ||
        (sqe->flags & rules->flags_required) != rules->flags_required ||
        (sqe->flags & ~(rules->flags_allowed | rules->flags_required)) != 0)
        return -EACCES;
    return 0;
}

int restrictions_check_register(const struct restrictions *rules, uint32_t opcode)
{
    return rules->in_force && !rules->register_ops[opcode] ? -EACCES : 0;
}
