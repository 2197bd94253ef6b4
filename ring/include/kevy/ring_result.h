/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/ring_result.h - results that are more than a number.
 *
 * Some operations answer in a form of their own: a multishot recvmsg writes a header, the sender's
 * address and control messages in front of the data; a bundle fills several buffers and names the
 * first; a zero-copy send answers twice. Here is the reading of each, with nothing allocated and
 * nothing kept but what the caller's own struct holds.
 */
#ifndef KEVY_RING_RESULT_H
#define KEVY_RING_RESULT_H

#include <kevy/api.h>
#include <kevy/ring_abi.h>

#if KEVY_RING_SUPPORTED

#include <assert.h>
#include <kevy/buffer_ring.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

KEVY_BEGIN_DECLS

/* A message received by kevy_prep_recvmsg_multishot(): all of it BORROWED from the buffer. */
struct kevy_recvmsg {
    const void *name; /* the sender's address, `name_length` bytes of it */
    const void *control;
    const void *payload;
    uint32_t name_length; /* at most the room there was; see `name_whole` */
    uint32_t control_length;
    uint32_t payload_length; /* at most the room there was; see `payload_whole` */
    uint32_t name_whole;     /* what the address would have needed */
    uint32_t payload_whole;  /* length of the datagram as sent, with MSG_TRUNC in the request */
    uint32_t flags;          /* MSG_TRUNC, MSG_CTRUNC and the like */
};

/*
 * Reads the `length` bytes (res of the CQE) at `buffer` as a message. `request` is the struct given
 * to the prep: its msg_namelen and msg_controllen are the room that was left for each part. The
 * parts lie at: header (16 bytes), name, control, payload.
 *
 * Returns true and fills *message, or false when `length` does not even hold the room that was
 * asked for; then `request` is not the one of the prep, or the buffers are too small for it.
 */
static inline bool kevy_recvmsg_parse(struct kevy_recvmsg *message, const void *buffer,
                                      uint32_t length, const struct msghdr *request)
{
    const unsigned char *bytes = (const unsigned char *)buffer;
    uint64_t name_room = request->msg_namelen, control_room = request->msg_controllen;
    uint64_t front = sizeof(struct kevy_recvmsg_out) + name_room + control_room;
    struct kevy_recvmsg_out out;

    if (control_room > length || length < front)
        return false; /* the first test keeps the sum from wrapping */
    memcpy(&out, bytes, sizeof out);
    message->name = bytes + sizeof out;
    message->control = bytes + sizeof out + name_room;
    message->payload = bytes + front;
    message->name_whole = out.namelen;
    message->name_length = out.namelen < name_room ? out.namelen : (uint32_t)name_room;
    message->control_length =
        out.controllen < control_room ? out.controllen : (uint32_t)control_room;
    message->payload_whole = out.payloadlen;
    message->payload_length = length - (uint32_t)front;
    message->flags = out.flags;
    return true;
}

/* A struct msghdr for the CMSG_FIRSTHDR() and CMSG_NXTHDR() of the C library to walk. */
static inline struct msghdr kevy_recvmsg_control(const struct kevy_recvmsg *message)
{
    struct msghdr walk;

    memset(&walk, 0, sizeof walk);
    walk.msg_control = (void *)(uintptr_t)message->control;
    walk.msg_controllen = message->control_length;
    return walk;
}

/* The buffers of one bundle's CQE (6.10), in the order in which they were filled. */
struct kevy_bundle {
    struct kevy_buffer_ring *buffer_ring;
    uint32_t left;      /* bytes not yet walked */
    uint32_t cqe_flags; /* of the CQE, with the id of the buffer to come */
};

/* `length` and `cqe_flags` are res and flags of the CQE, which carries KEVY_CQE_F_BUFFER. */
static inline struct kevy_bundle kevy_bundle_begin(struct kevy_buffer_ring *buffer_ring,
                                                   uint32_t cqe_flags, uint32_t length)
{
    struct kevy_bundle bundle;

    assert(buffer_ring->addresses == NULL);
    bundle.buffer_ring = buffer_ring;
    bundle.left = length;
    bundle.cqe_flags = cqe_flags;
    return bundle;
}

/*
 * Takes the next buffer of the bundle, as kevy_buffer_ring_take() or, on an INCREMENTAL ring,
 * kevy_buffer_ring_take_piece() would, and stores how many bytes of it are data. NULL after the
 * last. Walk the whole bundle before giving any of its buffers back: a buffer given back has a new
 * place in the ring, and no longer tells its neighbour.
 */
static inline uint8_t *kevy_bundle_next(struct kevy_bundle *bundle, uint16_t *id, uint32_t *length)
{
    struct kevy_buffer_ring *buffer_ring = bundle->buffer_ring;
    uint32_t room = buffer_ring->buffer_size;
    uint32_t flags = bundle->cqe_flags;

    if (bundle->left == 0)
        return NULL;
    *id = kevy_buffer_id(flags);
    if (buffer_ring->offsets != NULL)
        room -= buffer_ring->offsets[*id];
    *length = bundle->left < room ? bundle->left : room;
    bundle->left -= *length;
    if (bundle->left != 0) {
        uint32_t next = kevy_buffer_ring_after(buffer_ring, *id);

        bundle->cqe_flags = (flags & UINT16_MAX) | next << KEVY_CQE_BUFFER_SHIFT;
        flags &= ~KEVY_CQE_F_BUF_MORE; /* that is said of the last buffer; this one is full */
    }
    if (buffer_ring->offsets != NULL)
        return kevy_buffer_ring_take_piece(buffer_ring, flags, *length);
    return kevy_buffer_ring_take(buffer_ring, *id);
}

/*
 * A zero-copy send answers twice: with its result, and, if that CQE says F_MORE, once more when the
 * kernel no longer needs the buffer. Failures come in two CQEs as well. Start from all zeros.
 */
struct kevy_zero_copy {
    int32_t result; /* of the send, once the first CQE has been noted */
    bool copied;    /* the kernel copied after all; told with KEVY_SEND_ZC_REPORT_USAGE (6.2) */
};

/* Notes a CQE. Returns true when it was the last: now the buffer may be reused. */
static inline bool kevy_zero_copy_note(struct kevy_zero_copy *send, const struct kevy_cqe *cqe)
{
    if (cqe->flags & KEVY_CQE_F_NOTIF)
        send->copied = ((uint32_t)cqe->res & KEVY_NOTIF_USAGE_ZC_COPIED) != 0;
    else
        send->result = cqe->res;
    return (cqe->flags & KEVY_CQE_F_MORE) == 0;
}

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_RING_RESULT_H */
