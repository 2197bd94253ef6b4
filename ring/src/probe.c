/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Asking the kernel what it offers.
 *
 * Invariant. *probe is written last, and only when PROBE was answered; QUERY is a bonus whose
 * absence is no failure.
 */
#include <kevy/ring_probe.h>

#if KEVY_RING_SUPPORTED

#include <errno.h>
#include <kevy/ring.h>
#include <kevy/ring_register.h>
#include <string.h>

#include "register.h"

static int opcodes_read(const struct kevy_ring *ring, struct kevy_ring_probe *found)
{
    struct kevy_probe answer;
    int error;

    memset(&answer, 0, sizeof answer);
    error = kevy_ring_register(ring, KEVY_REGISTER_PROBE, &answer, KEVY_PROBE_OPS_MAX);
    if (error < 0)
        return error == -EINVAL ? -EOPNOTSUPP : error;
    found->opcode_count = answer.last_op + 1U;
    for (uint32_t i = 0; i < answer.ops_len; i++)
        if (answer.ops[i].flags & KEVY_OP_SUPPORTED)
            found->opcodes[answer.ops[i].op / 64] |= UINT64_C(1) << (answer.ops[i].op % 64);
    return 0;
}

/* Asks the kernel, not one of its rings. Older kernels know no QUERY (6.18). */
static int query(const struct kevy_ring *ring, uint32_t op, void *answer, uint32_t size)
{
    struct kevy_query_hdr question;
    int error;

    memset(&question, 0, sizeof question);
    question.query_op = op;
    question.query_data = (uint64_t)(uintptr_t)answer;
    question.size = size;
    error = kevy_x_register_blind(ring, KEVY_REGISTER_QUERY, &question, 0);
    return error < 0 || question.result < 0 ? -EOPNOTSUPP : 0;
}

static void flags_read(const struct kevy_ring *ring, struct kevy_ring_probe *found)
{
    struct kevy_query_opcode answer;

    memset(&answer, 0, sizeof answer);
    if (query(ring, KEVY_QUERY_OPCODES, &answer, sizeof answer) < 0)
        return;
    found->queried = true;
    found->register_op_count = answer.nr_register_opcodes;
    found->setup_flags = (uint32_t)answer.ring_setup_flags;
    found->enter_flags = (uint32_t)answer.enter_flags;
    found->sqe_flags = (uint32_t)answer.sqe_flags;
}

int kevy_ring_query_zcrx(const struct kevy_ring *ring, struct kevy_query_zcrx *answer)
{
    struct kevy_query_zcrx found;

    memset(&found, 0, sizeof found);
    if (query(ring, KEVY_QUERY_ZCRX, &found, sizeof found) < 0)
        return -EOPNOTSUPP;
    *answer = found;
    return 0;
}

int kevy_ring_query_zcrx_event(const struct kevy_ring *ring, struct kevy_query_zcrx_event *answer)
{
    struct kevy_query_zcrx_event found;

    memset(&found, 0, sizeof found);
    if (query(ring, KEVY_QUERY_ZCRX_NOTIF, &found, sizeof found) < 0)
        return -EOPNOTSUPP;
    *answer = found;
    return 0;
}

int kevy_ring_query_scq(const struct kevy_ring *ring, struct kevy_query_scq *answer)
{
    struct kevy_query_scq found;

    memset(&found, 0, sizeof found);
    if (query(ring, KEVY_QUERY_SCQ, &found, sizeof found) < 0)
        return -EOPNOTSUPP;
    *answer = found;
    return 0;
}

static int probe_through(const struct kevy_ring *ring, struct kevy_ring_probe *probe)
{
    struct kevy_ring_probe found;
    int error;

    memset(&found, 0, sizeof found);
    error = opcodes_read(ring, &found);
    if (error < 0)
        return error;
    found.features = ring->features;
    flags_read(ring, &found);
    *probe = found;
    return 0;
}

int kevy_ring_probe(const struct kevy_ring *ring, struct kevy_ring_probe *probe)
{
    static const struct kevy_ring_options plain = {.plain = true};
    struct kevy_ring own = {0};
    int error;

    if (ring != NULL)
        return probe_through(ring, probe);
    error = kevy_ring_init(&own, 1, &plain);
    if (error < 0)
        return error;
    error = probe_through(&own, probe);
    kevy_ring_deinit(&own);
    return error;
}

#endif /* KEVY_RING_SUPPORTED */
