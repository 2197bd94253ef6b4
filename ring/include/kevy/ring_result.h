/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/ring_result.h - results that are more than a number.
 *
 * Some requests answer in a form of their own:
 *
 *     recvmsg, multishot  the buffer holds a header, the sender's address, control messages, data
 *     a bundle            the data lies in several buffers, and the CQE names the first
 *     a zero-copy send    there are two CQEs
 *
 * The functions here read these forms. They allocate nothing.
 *
 * Example: print the datagrams of a multishot recvmsg
 *
 *     #include <kevy/ring.h>
 *     #include <kevy/ring_result.h>
 *     #include <stdio.h>
 *
 *     static void datagram_print(struct kevy_buffer_ring *buffers, const struct kevy_cqe *cqe,
 *                                const struct msghdr *request)
 *     {
 *         struct kevy_recvmsg message;
 *         uint16_t id;
 *
 *         if ((cqe->flags & KEVY_CQE_F_BUFFER) == 0)
 *             return;
 *         id = kevy_buffer_id(cqe->flags);
 *         if (kevy_recvmsg_parse(&message, kevy_buffer_ring_take(buffers, id), (uint32_t)cqe->res,
 *                                request))
 *             printf("%.*s\n", (int)message.payload_length, (const char *)message.payload);
 *         kevy_buffer_ring_give(buffers, id);
 *         kevy_buffer_ring_publish(buffers);
 *     }
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

/* A message of kevy_prep_recvmsg_multishot(). The pointers point into the buffer (BORROWED). */
struct kevy_recvmsg {
    const void *name; /* the address of the sender */
    const void *control;
    const void *payload;
    uint32_t name_length; /* in bytes, at most the room for it */
    uint32_t control_length;
    uint32_t payload_length; /* in bytes, at most the room for it */
    uint32_t name_whole;     /* in bytes, the size of the address */
    uint32_t payload_whole;  /* in bytes, as sent, if the request has MSG_TRUNC */
    uint32_t flags;          /* MSG_TRUNC, MSG_CTRUNC, and other MSG_* */
};

/*
 * Reads a message out of a buffer. `length` is the `res` of the CQE. `request` is the struct that
 * was given to the prep: its msg_namelen and msg_controllen tell the room for name and control. The
 * buffer holds a header of 16 bytes, the name, the control messages and the payload, in this order.
 *
 * Returns true and fills *message. Returns false if `length` is less than the header and both
 * rooms: then `request` is not the one of the prep, or the buffers are too small.
 */
static inline bool kevy_recvmsg_parse(struct kevy_recvmsg *message, const void *buffer,
                                      uint32_t length, const struct msghdr *request)
{
    const unsigned char *bytes = (const unsigned char *)buffer;
    uint64_t name_room = request->msg_namelen, control_room = request->msg_controllen;
    uint64_t front = sizeof(struct kevy_recvmsg_out) + name_room + control_room;
    struct kevy_recvmsg_out out;

    if (control_room > length || length < front)
        return false; /* the first test keeps the sum from wrapping round */
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

/*
 * Returns a struct msghdr for CMSG_FIRSTHDR() and CMSG_NXTHDR(), which walk the control messages.
 */
static inline struct msghdr kevy_recvmsg_control(const struct kevy_recvmsg *message)
{
    struct msghdr walk;

    memset(&walk, 0, sizeof walk);
    walk.msg_control = (void *)(uintptr_t)message->control;
    walk.msg_controllen = message->control_length;
    return walk;
}

/* The buffers of one CQE of a bundle (6.10), in the order in which the kernel filled them. */
struct kevy_bundle {
    struct kevy_buffer_ring *buffer_ring;
    uint32_t left;      /* bytes that are not walked yet */
    uint32_t cqe_flags; /* flags of the CQE, with the id of the next buffer */
};

/*
 * Begins to walk a bundle. `cqe_flags` and `length` are flags and res of the CQE, which carries
 * KEVY_CQE_F_BUFFER. Not for rings with KEVY_BUFFER_RING_CALLERS (asserted).
 */
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
 * Takes the next buffer of the bundle, like kevy_buffer_ring_take(), or
 * kevy_buffer_ring_take_piece() on an INCREMENTAL ring. Stores its id and how many bytes of it are
 * data. Returns NULL after the last.
 *
 * Walk the whole bundle before you give one of its buffers back: a buffer that was given back has
 * another place in the ring, and another neighbour.
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
        flags &= ~KEVY_CQE_F_BUF_MORE; /* the flag is about the last buffer; this one is full */
    } else if (*length < room && buffer_ring->offsets != NULL && !buffer_ring->ends_early) {
        /* It has room, so it stays. 6.18.15 drops the flag of a bundle received in parts. */
        flags |= KEVY_CQE_F_BUF_MORE;
    }
    if (buffer_ring->offsets != NULL)
        return kevy_buffer_ring_take_piece(buffer_ring, flags, *length);
    return kevy_buffer_ring_take(buffer_ring, *id);
}

/*
 * A zero-copy send with its two CQEs: the first has the result, the second tells that the kernel no
 * longer needs the memory. The second comes only if the first carries KEVY_CQE_F_MORE, also after
 * an error.
 * Start with a zeroed struct.
 */
struct kevy_zero_copy {
    int32_t result; /* valid when the first CQE has been noted */
    bool copied;    /* the data was copied, if KEVY_SEND_ZC_REPORT_USAGE asks (6.2) */
};

/* Notes a CQE. Returns true if it is the last one: then the memory may be reused. */
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
