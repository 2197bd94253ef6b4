/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef OPS_TRANSFER_H
#define OPS_TRANSFER_H

/* For tests of receive and send: a TCP connection, a group of buffers, messages. */

#include <kevy/buffer_ring.h>
#include <sys/uio.h>

#include "ops_net.h"

enum { GROUP = 3, BUFFERS = 8, BUFFER_SIZE = 64 };

static struct kevy_buffer_ring buffers;
static int ends[2];

/* Every test has a TCP connection beside its ring. */
static inline void pair_setup(void)
{
    tcp_pair(ends);
}

/* Those of groups have a buffer ring, too. */
static inline void group_setup(void)
{
    const struct kevy_buffer_ring_options options = {
        .entries = BUFFERS, .buffer_size = BUFFER_SIZE, .group = GROUP};

    ck_assert_int_eq(kevy_buffer_ring_init(&buffers, &ring, &options), 0);
}

/* A request that was left armed must let go of the group before the ring ends. */
static inline void group_teardown(void)
{
    kevy_prep_cancel_any(request(15));
    while (next_cqe().user_data != 15)
        continue;
    kevy_buffer_ring_deinit(&buffers);
}

static inline struct msghdr message_of(struct iovec *vectors, size_t count)
{
    struct msghdr message;

    memset(&message, 0, sizeof message);
    message.msg_iov = vectors;
    message.msg_iovlen = count;
    return message;
}

static inline struct iovec vector_of(char *text)
{
    return (struct iovec){text, strlen(text)};
}

#endif
