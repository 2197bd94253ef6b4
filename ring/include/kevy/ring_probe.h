/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/ring_probe.h - what the running kernel offers, as the kernel itself tells it.
 *
 * There are three questions, which kernels from a certain age on answer:
 *
 *     set-up  (5.4)   the feature bits
 *     PROBE   (5.6)   the opcodes
 *     QUERY   (6.18)  all flags of set-up, enter and SQEs, and the number of register codes
 *
 * The answers go into one struct. If the kernel does not answer QUERY, `queried` is false and its
 * part is zero. A flag may exist nevertheless: try it. The library never looks at the version of
 * the kernel, because distributions backport features, and seccomp, restrictions and build options
 * remove them.
 *
 * Probe before kevy_ring_restrict(): a restricted ring answers -EACCES.
 *
 * Example: does this kernel have zero-copy sends?
 *
 *     #include <kevy/ring_probe.h>
 *
 *     static bool zero_copy_there(void)
 *     {
 *         struct kevy_ring_probe probe;
 *
 *         return kevy_ring_probe(NULL, &probe) == 0 &&
 *                kevy_ring_probe_opcode(&probe, KEVY_OP_SEND_ZC);
 *     }
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
    uint64_t opcodes[4];        /* one bit for each enum kevy_op that is supported */
    uint32_t opcode_count;      /* opcodes that the kernel has names for */
    uint32_t features;          /* KEVY_FEAT_* */
    bool queried;               /* the four fields below are valid (6.18) */
    uint32_t register_op_count; /* the codes below this one exist */
    uint32_t setup_flags;       /* KEVY_SETUP_* */
    uint32_t enter_flags;       /* KEVY_ENTER_* */
    uint32_t sqe_flags;         /* KEVY_SQE_* */
};

/*
 * Asks the kernel that *ring runs on. If `ring` is NULL it asks io_uring, by a small ring that it
 * sets up for that. At most six system calls. *probe is written only on success. Returns 0, or an
 * error of kevy_ring_init(), or
 *
 *     -EOPNOTSUPP  a kernel before 5.6
 *     -EACCES      the ring is restricted
 */
KEVY_API int kevy_ring_probe(const struct kevy_ring *ring, struct kevy_ring_probe *probe);

/*
 * Ask for more (newer, 6.19; events 7.2): zero-copy receive, its events, and the header in front of
 * the CQEs of a ring in the caller's memory. They ask the kernel that *ring runs on, or io_uring if
 * `ring` is NULL. *answer is written only on success. Return 0 or -EOPNOTSUPP.
 */
KEVY_API int kevy_ring_query_zcrx(const struct kevy_ring *ring, struct kevy_query_zcrx *answer);
KEVY_API int kevy_ring_query_zcrx_event(const struct kevy_ring *ring, /* newer, 7.2 */
                                        struct kevy_query_zcrx_event *answer);
KEVY_API int kevy_ring_query_scq(const struct kevy_ring *ring, struct kevy_query_scq *answer);

/*
 * Returns true if the kernel supports `opcode`, an enum kevy_op. For all other numbers it returns
 * false.
 */
static inline bool kevy_ring_probe_opcode(const struct kevy_ring_probe *probe, uint32_t opcode)
{
    return opcode < 256 && (probe->opcodes[opcode / 64] >> (opcode % 64) & 1) != 0;
}

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_RING_PROBE_H */
