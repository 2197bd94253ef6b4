/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef KEVY_SIM_SRC_RESTRICTION_H
#define KEVY_SIM_SRC_RESTRICTION_H

/*
 * What a ring may be asked for: KEVY_REGISTER_RESTRICTIONS.
 *
 * Model. Rules are given once, while the ring is disabled. From when it is enabled, what no rule
 * allows is answered with -EACCES.
 */

#include "names.h"

#include <kevy/ring_abi.h>
#include <stdbool.h>
#include <stdint.h>

struct restrictions {
    bool opcodes[UINT8_MAX + 1];
    bool register_ops[UINT8_MAX + 1];
    uint32_t flags_allowed;
    uint32_t flags_required;
    bool given;
    bool in_force;
};

int restrictions_give(struct restrictions *rules, const struct kevy_restriction *given,
                      uint32_t count);

/* 0 or -EACCES. */
int restrictions_check(const struct restrictions *rules, const struct kevy_sqe *sqe);
int restrictions_check_register(const struct restrictions *rules, uint32_t opcode);

#endif
