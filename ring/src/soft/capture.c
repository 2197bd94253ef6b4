/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Copies of what requests point to: vectors, message headers, addresses.
 *
 * Model. The user may reuse all that after the submit (KEVY_FEAT_SUBMIT_STABLE), so a request that
 * does not end within its submit takes a copy. Copies come in five sizes, each with a free list
 * that is filled a chunk of pages at a time.
 *
 * Invariants. A copy knows its size. The largest holds the most vectors that a request can have,
 * with a header and an address.
 */
#include "capture.h"

#if KEVY_RING_SUPPORTED

#define CHUNK_BYTES 65536U
#define SIZE_LEAST  192U
#define SIZE_FACTOR 4U /* from one class to the next: 192, 768, 3072, 12288, 49152 */

/* In front of each copy; while it is free, `next` is the link. */
struct header {
    union {
        struct header *next;
        uint64_t size_class;
        max_align_t alignment;
    };
};

static size_t class_size(uint32_t size_class)
{
    size_t size = SIZE_LEAST;

    while (size_class-- > 0)
        size *= SIZE_FACTOR;
    return size;
}

static int class_fill(struct soft *soft, uint32_t size_class)
{
    size_t size = class_size(size_class);
    char *chunk = pages_take(soft, CHUNK_BYTES);

    if (chunk == NULL)
        return -ENOMEM;
    for (size_t offset = 0; offset + size <= CHUNK_BYTES; offset += size) {
        struct header *header = (void *)(chunk + offset);

        header->next = soft->captures[size_class];
        soft->captures[size_class] = header;
    }
    return 0;
}

/* `size` bytes, NULL without memory or if it is more than any request needs. */
void *capture_take(struct soft *soft, size_t size)
{
    uint32_t size_class = 0;
    struct header *header;

    while (size_class < CAPTURE_CLASSES && class_size(size_class) < size + sizeof *header)
        size_class++;
    if (size_class == CAPTURE_CLASSES)
        return NULL;
    if (soft->captures[size_class] == NULL && class_fill(soft, size_class) < 0)
        return NULL;
    header = soft->captures[size_class];
    soft->captures[size_class] = header->next;
    header->size_class = size_class;
    return header + 1;
}

void capture_give(struct soft *soft, void *memory)
{
    struct header *header = (struct header *)memory - 1;
    uint64_t size_class = header->size_class;

    header->next = soft->captures[size_class];
    soft->captures[size_class] = header;
}

int capture_vectors(struct soft *soft, struct request *request, const struct iovec *vectors,
                    size_t count)
{
    struct captured_vectors *copy;

    if (count > VECTORS_MAX)
        return -EINVAL;
    copy = capture_take(soft, sizeof *copy + count * sizeof *vectors);
    if (copy == NULL)
        return -ENOMEM;
    copy->count = count;
    if (count != 0)
        memcpy(copy->vectors, vectors, count * sizeof *vectors);
    request->captured = copy;
    return 0;
}

int capture_message(struct soft *soft, struct request *request, const struct msghdr *message)
{
    struct captured_message *copy;
    bool named = message->msg_name != NULL && message->msg_namelen <= sizeof copy->name;

    if ((size_t)message->msg_iovlen > VECTORS_MAX)
        return -EMSGSIZE;
    copy = capture_take(soft, sizeof *copy + (size_t)message->msg_iovlen * sizeof(struct iovec));
    if (copy == NULL)
        return -ENOMEM;
    memset(&copy->message, 0, sizeof copy->message); /* some C libraries have padding there */
    copy->message.msg_name = message->msg_name;
    copy->message.msg_namelen = message->msg_namelen;
    copy->message.msg_control = message->msg_control;
    copy->message.msg_controllen = message->msg_controllen;
    copy->message.msg_iov = copy->vectors;
    copy->message.msg_iovlen = message->msg_iovlen;
    if (message->msg_iovlen != 0)
        memcpy(copy->vectors, message->msg_iov, message->msg_iovlen * sizeof(struct iovec));
    if (named && request->sqe.opcode != KEVY_OP_RECVMSG)
        copy->message.msg_name = memcpy(&copy->name, message->msg_name, message->msg_namelen);
    copy->user = (struct msghdr *)(uintptr_t)message;
    request->captured = copy;
    return 0;
}

/* Cuts the first `length` bytes off an array of vectors. Returns how many vectors that empties. */
size_t vectors_advance(struct iovec *vectors, size_t count, size_t length)
{
    size_t index = 0;

    while (index < count && length >= vectors[index].iov_len) {
        length -= vectors[index].iov_len;
        index++;
    }
    if (index < count && length > 0) {
        vectors[index].iov_base = (char *)vectors[index].iov_base + length;
        vectors[index].iov_len -= length;
    }
    return index;
}

size_t vectors_length(const struct iovec *vectors, size_t count)
{
    size_t length = 0;

    for (size_t index = 0; index < count; index++)
        length += vectors[index].iov_len;
    return length;
}

#endif /* KEVY_RING_SUPPORTED */
