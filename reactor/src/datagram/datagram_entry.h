/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Entries of a datagram socket's queue: each a datagram with all that its request points at.
 *
 * Model. An entry is a completion, the message header and its parts, the address, the control data
 * and the payload, in one piece of a heap block. Many small entries share a block, the one that the
 * socket fills; a payload that does not fit goes on in further blocks.
 *
 * Invariants. An entry holds a reference to its block and those to the further ones, and so does
 * the socket to the block that it fills, as long as anything is queued.
 */
#ifndef KEVY_REACTOR_DATAGRAM_ENTRY_H
#define KEVY_REACTOR_DATAGRAM_ENTRY_H

#include "core/names.h"

#include "datagram/datagram_internal.h"

struct kevy_x_datagram_entry {
    struct kevy_completion completion;
    struct kevy_x_datagram_entry *next;
    struct kevy_datagram *datagram;
    struct kevy_x_block *block; /* that it lies in, with a reference */
    struct kevy_x_block *more;  /* the rest of the payload, linked by next_free */
    struct msghdr message;
    int32_t error; /* that its first attempt found on the socket, 0 for none */
    uint32_t charge;
    struct iovec parts[];
};

/* How an entry is laid out: offsets from its beginning. */
struct datagram_layout {
    uint32_t parts; /* of the payload: one in the entry's own block, the rest in blocks of their
                     * own */
    uint32_t peer;
    uint32_t control;
    uint32_t payload;
    uint32_t end; /* with the first part of the payload */
};

/* The fewest parts that the packet goes into, or false when no number of blocks does. */
bool datagram_layout_find(const struct kevy_datagram_packet *packet, uint32_t block_size,
                          struct datagram_layout *layout);

/* A copy of the packet whose request will end in `done`, or NULL when memory is short. */
struct kevy_x_datagram_entry *datagram_entry_make(struct kevy_datagram *datagram,
                                                  const struct datagram_layout *layout,
                                                  const struct kevy_datagram_packet *packet,
                                                  kevy_completion_done done);

void datagram_entry_release(struct kevy_reactor *reactor, struct kevy_x_datagram_entry *entry);

/* Lets go of the block that is being filled when nothing is queued: an idle socket holds none. */
void datagram_fill_release(struct kevy_datagram *datagram);

#endif /* KEVY_REACTOR_DATAGRAM_ENTRY_H */
