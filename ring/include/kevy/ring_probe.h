/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/ring_probe.h - what the running kernel offers, as the kernel itself tells it.
 *
 * Model. Three questions, each answered by kernels of a certain age: PROBE (5.6) lists the opcodes,
 * set-up reports feature bits (5.4), QUERY (6.18) names every flag of set-up, enter and SQE and
 * counts the register codes. The answers go into one struct. An unanswered question leaves zeros
 * and `queried` false: the flag may be there all the same, so try it and see it refused.
 *
 * A version number is never looked at, because distributions backport and seccomp, restrictions and
 * build options take away.
 *
 * Probe before kevy_ring_restrict(): a restricted ring answers -EACCES.
 */
#ifndef KEVY_RING_PROBE_H
#define KEVY_RING_PROBE_H

#include <kevy/api.h>
#include <kevy/ring_abi.h>

#if KEVY_RING_SUPPORTED

#include <stdbool.h>
#include <stdint.h>

KEVY_BEGIN_DECLS

struct kevy_ring;

struct kevy_ring_probe {
    uint64_t opcodes[4];        /* one bit per supported enum kevy_op */
    uint32_t opcode_count;      /* opcodes the kernel has a name for */
    uint32_t features;          /* KEVY_FEAT_* */
    bool queried;               /* the four below hold an answer (6.18) */
    uint32_t register_op_count; /* codes below this one exist */
    uint32_t setup_flags;       /* KEVY_SETUP_* */
    uint32_t enter_flags;       /* KEVY_ENTER_* */
    uint32_t sqe_flags;         /* KEVY_SQE_* */
};

/*
 * Asks the kernel about itself through *ring, or, where `ring` is NULL, through a small ring made
 * for the question. Fills *probe on success alone.
 *
 * Returns 0, -EOPNOTSUPP (a kernel before 5.6 cannot be asked), -EACCES (a restricted ring), or
 * what kevy_ring_init() returns. Six or fewer system calls; not for the hot path.
 */
KEVY_API int kevy_ring_probe(const struct kevy_ring *ring, struct kevy_ring_probe *probe);

/*
 * What the kernel offers for zero-copy receive and for its events, and what a ring in the caller's
 * memory needs in front of its CQEs (newer, 6.19). They ask the kernel that *ring runs on, or
 * io_uring if `ring` is NULL. Fill the struct on success alone: 0, or -EOPNOTSUPP.
 */
KEVY_API int kevy_ring_query_zcrx(const struct kevy_ring *ring, struct kevy_query_zcrx *answer);
KEVY_API int kevy_ring_query_zcrx_event(const struct kevy_ring *ring, /* newer, 7.2 */
                                        struct kevy_query_zcrx_event *answer);
KEVY_API int kevy_ring_query_scq(const struct kevy_ring *ring, struct kevy_query_scq *answer);

/* True when the kernel supports `opcode`, an enum kevy_op; any other number is merely false. */
static inline bool kevy_ring_probe_opcode(const struct kevy_ring_probe *probe, uint32_t opcode)
{
    return opcode < 256 && (probe->opcodes[opcode / 64] >> (opcode % 64) & 1) != 0;
}

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_RING_PROBE_H */
