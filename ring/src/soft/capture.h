/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Copies of what requests point to; capture.c says when they are made. */
#ifndef KEVY_RING_SRC_SOFT_CAPTURE_H
#define KEVY_RING_SRC_SOFT_CAPTURE_H

#include "soft.h"

#include <sys/socket.h>
#include <sys/uio.h>

#define VECTORS_MAX 1024U /* UIO_MAXIOV */

struct captured_vectors {
    size_t count;
    struct iovec vectors[];
};

struct captured_message {
    struct msghdr message;
    struct msghdr *user; /* that of the request, for what is written back to it */
    struct sockaddr_storage name;
    struct iovec vectors[];
};

/* Copies an array of vectors; the request finds it in `captured`. 0, -EINVAL or -ENOMEM. */
int capture_vectors(struct soft *soft, struct request *request, const struct iovec *vectors,
                    size_t count);

/* Copies a header, its vectors and the name to send to. 0, -EMSGSIZE or -ENOMEM. */
int capture_message(struct soft *soft, struct request *request, const struct msghdr *message);

size_t vectors_advance(struct iovec *vectors, size_t count, size_t length);
size_t vectors_length(const struct iovec *vectors, size_t count);

#endif
