/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The hardened ring.
 *
 * Model. io_uring executes system calls that a seccomp filter never sees. A ring can be told,
 * before it is enabled and once for good, which requests and registrations it accepts
 * (KEVY_REGISTER_RESTRICTIONS, 5.10); the rest is answered with -EACCES. The list holds what the
 * files of this folder prepare, and what the user names, as far as the running kernel knows it: one
 * that it does not know makes it refuse the whole list (-EINVAL).
 *
 * Invariants. An operation that an object of the reactor uses is in the list: the tests run every
 * object on a restricted reactor. The registrations are those of Linux 6.1, the floor.
 */
#include "restriction.h"

#if KEVY_RING_SUPPORTED

#include <kevy/ring_probe.h>
#include <kevy/ring_register.h>

#include <assert.h>
#include <errno.h>

#define EXTRA_MAX 64U

/* Streams, listeners, datagrams, connecting, the wake, signals, children, and what cancels them. */
static const uint8_t own_operations[] = {
    KEVY_OP_RECV,       KEVY_OP_SEND,         KEVY_OP_RECVMSG,  KEVY_OP_SENDMSG,
    KEVY_OP_ACCEPT,     KEVY_OP_CONNECT,      KEVY_OP_CLOSE,    KEVY_OP_SEND_ZC,
    KEVY_OP_SENDMSG_ZC, KEVY_OP_POLL_ADD,     KEVY_OP_SHUTDOWN, KEVY_OP_TIMEOUT,
    KEVY_OP_WAITID,     KEVY_OP_ASYNC_CANCEL, KEVY_OP_NOP,      KEVY_OP_READ,
    KEVY_OP_READV,      KEVY_OP_WRITE,        KEVY_OP_WRITEV,   KEVY_OP_READ_MULTISHOT,
    KEVY_OP_SPLICE,
};

/* Set-up and tear-down of the ring and its pool. */
static const uint8_t own_registrations[] = {
    KEVY_REGISTER_ENABLE_RINGS, KEVY_REGISTER_RING_FDS,    KEVY_UNREGISTER_RING_FDS,
    KEVY_REGISTER_PBUF_RING,    KEVY_UNREGISTER_PBUF_RING,
};

/* Appends those of `operations` that the kernel knows; returns the new length of the list. */
static uint32_t known_add(const struct kevy_ring_probe *probe, const uint8_t *operations,
                          uint32_t count, uint8_t *list, uint32_t length)
{
    for (uint32_t index = 0; index < count; index++)
        if (kevy_ring_probe_opcode(probe, operations[index]))
            list[length++] = operations[index];
    return length;
}

int restriction_apply(struct kevy_ring *ring, const struct kevy_reactor_options *options)
{
    uint8_t operations[sizeof own_operations + EXTRA_MAX];
    struct kevy_ring_restrictions restrictions = {
        .opcodes = operations,
        .register_ops = own_registrations,
        .register_op_count = sizeof own_registrations,
        .sqe_flags_allowed = KEVY_SQE_BUFFER_SELECT | KEVY_SQE_IO_LINK | KEVY_SQE_ASYNC,
    };
    struct kevy_ring_probe probe;
    uint32_t count;
    int error;

    if (options->operation_count > EXTRA_MAX)
        return -EINVAL;
    error = kevy_ring_probe(ring, &probe);
    if (error < 0)
        return error;
    count = known_add(&probe, own_operations, sizeof own_operations, operations, 0);
    count = known_add(&probe, options->operations, options->operation_count, operations, count);
    assert(count > 0 && count <= sizeof operations);
    restrictions.opcode_count = count;
    return kevy_ring_restrict(ring, &restrictions);
}

#endif /* KEVY_RING_SUPPORTED */
