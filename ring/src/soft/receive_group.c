/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * KEVY_OP_RECV into buffers of a group; once, or again and again.
 *
 * Model. A multishot recv reads until the socket is empty or it has had its share, and then waits
 * or yields. The first share is small, so that many sockets with little to say are served before
 * the floods among them.
 *
 * With KEVY_RECVSEND_BUNDLE a completion has several buffers. Each vector costs instructions, so
 * one that was waiting begins with a plain recv(2), and only a flood has many.
 *
 * A read that got less than it asked for has emptied a TCP socket; asking again would cost a system
 * call for each message. descriptor_drained() says where that does not hold.
 *
 * Invariants. Nothing is read before there is room in the CQ for it. No buffer leaves its group
 * without bytes in it. The end of a stream is a completion of its own.
 */
#include "capture.h"
#include "group.h"
#include "socket.h"

#if KEVY_RING_SUPPORTED

/* What a request that has been waiting receives before the others have their turn, and what one
 * does that has had that: 4 and 16 buffers of 4 KiB. */
#define HELPING 16384U
#define SHARE   65536U

/* Not read yet. */
#define UNREAD (-5000L)

/* The reads that make a completion. */
struct reading {
    long next;       /* what the next read(2) has said already, or UNREAD */
    uint32_t length; /* what that could have read */
    uint32_t flags;  /* for the completion */
    bool full;       /* all the room has been filled: there may be more */
};

static bool is_bundle(const struct request *request)
{
    return (request->sqe.ioprio & KEVY_RECVSEND_BUNDLE) != 0;
}

static bool is_multishot(const struct request *request)
{
    return (request->sqe.ioprio & KEVY_RECV_MULTISHOT) != 0;
}

/* How long a completion may be. */
static uint32_t limit_of(const struct request *request)
{
    uint32_t length = request->sqe.len;

    return length != 0 && length < request->limit ? length : request->limit;
}

/* Reads into many buffers at once. The flags are those of the last buffer, without a number; *first
 * is the number of the first. */
static rare long buffers_read(struct soft *soft, const struct request *request, uint32_t limit,
                              struct reading *reading, uint16_t *first)
{
    const struct kevy_sqe *sqe = &request->sqe;
    struct iovec vectors[BUNDLE_MAX];
    struct msghdr message;
    long result;
    int count = group_select_many(soft, sqe->buf_group, limit, vectors, BUNDLE_MAX, first);

    if (count < 0)
        return count;
    for (int index = 0; TOOLS_TOLD && index < count; index++)
        tools_make_room(vectors[index].iov_base, vectors[index].iov_len);
    memset(&message, 0, sizeof message);
    message.msg_iov = vectors;
    message.msg_iovlen = (size_t)count;
    result = soft->os->recvmsg(soft->os, sqe->fd, &message, call_flags(request, 0));
    if (result <= 0)
        return result;
    reading->full = (size_t)result == vectors_length(vectors, (size_t)count);
    reading->flags = group_take(group_find(soft, sqe->buf_group), (uint32_t)result);
    return result;
}

/* A bundle that has filled its first buffer goes on with the next ones. Returns the bytes of all;
 * what stops it is what the next read says. */
static rare long bundle_continue(struct soft *soft, const struct request *request, uint32_t done,
                                 struct reading *reading)
{
    uint32_t limit = limit_of(request);
    uint32_t helping = limit < HELPING ? limit : HELPING;
    uint16_t id;
    long more;

    if (!is_bundle(request) || (reading->flags & KEVY_CQE_F_BUF_MORE) != 0 || done >= helping)
        return (long)done;
    more = buffers_read(soft, request, helping - done, reading, &id);
    if (more > 0)
        return (long)done + more;
    reading->next = more;
    reading->length = 0;
    return (long)done;
}

/* A flood's bundle, or the only one of a request. */
static rare long bundle_read(struct soft *soft, const struct request *request,
                             struct reading *reading)
{
    uint16_t id = 0;
    long result = buffers_read(soft, request, limit_of(request), reading, &id);

    reading->flags |= (uint32_t)id << KEVY_CQE_BUFFER_SHIFT;
    return result;
}

/* Reads for one completion. A multishot that is not known to be a flood begins with one buffer. */
static long completion_read(struct soft *soft, const struct request *request,
                            struct reading *reading)
{
    const struct kevy_sqe *sqe = &request->sqe;
    struct group *group = group_find(soft, sqe->buf_group);
    /* A byte that a light request has read already is no room. */
    const struct kevy_buf *buffer =
        reading->next == UNREAD ? group_next_room(group) : group_next(group);
    long result = reading->next;
    uint32_t id;

    reading->next = UNREAD;
    if (result == UNREAD && is_bundle(request) &&
        (!is_multishot(request) || (request->marks & MARK_YIELDED) != 0))
        return bundle_read(soft, request, reading);
    if (result <= 0 && result != UNREAD)
        return result;
    if (buffer == NULL)
        return -ENOBUFS;
    if (result == UNREAD) {
        reading->length = group_length(buffer, limit_of(request));
        result = soft->os->recv(soft->os, sqe->fd, sqe_pointer(buffer->addr), reading->length,
                                call_flags(request, 0));
        if (result <= 0)
            return result;
    }
    id = (uint32_t)buffer->bid << KEVY_CQE_BUFFER_SHIFT;
    reading->full = (uint32_t)result == reading->length;
    reading->flags = group_take(group, (uint32_t)result);
    if (reading->full)
        result = bundle_continue(soft, request, (uint32_t)result, reading);
    reading->flags |= id;
    return result;
}

/* The end of a multishot that has more to receive: the next recv on the socket is a flood's. */
static int recv_limited(struct descriptor *descriptor, struct request *request, uint32_t flags,
                        long result)
{
    if (descriptor != NULL && (flags & KEVY_CQE_F_SOCK_NONEMPTY) != 0)
        descriptor->flags |= DESCRIPTOR_FLOODED;
    request->flags = flags;
    return (int)result;
}

/* The socket is empty: whatever it has been, it is no flood now. */
static void flood_ended(struct descriptor *descriptor, struct request *request)
{
    request->marks &= (uint16_t)~MARK_YIELDED;
    if (is_multishot(request) && request->sqe.len == 0 && request->sqe.msg_flags == 0)
        request->marks |= MARK_LIGHT;
    if (descriptor != NULL)
        descriptor->flags &= ~DESCRIPTOR_FLOODED;
}

static int flood_begun(struct descriptor *descriptor, struct request *request)
{
    request->marks &= (uint16_t)~MARK_LIGHT;
    if (descriptor != NULL)
        descriptor->flags |= DESCRIPTOR_FLOODED;
    return RUN_AGAIN;
}

/* Receives until the share is used up; what the first read says may be known already. */
static int receive(struct soft *soft, struct request *request, struct reading *reading)
{
    const struct kevy_sqe *sqe = &request->sqe;
    struct descriptor *descriptor = descriptor_known(soft, sqe->fd);
    uint32_t share = request->marks & MARK_YIELDED ? SHARE : HELPING;
    uint32_t taken = 0;

    while (reading->next != UNREAD ||
           (taken < share && (cq_room(soft) || !is_multishot(request)))) {
        long result = completion_read(soft, request, reading);

        if (result == -EAGAIN) {
            flood_ended(descriptor, request);
            return read_waits(soft, request);
        }
        if (result <= 0)
            return (int)result;
        taken += (uint32_t)result;
        soft->received += (uint64_t)result;
        if (request->limit != UINT32_MAX)
            request->limit -= (uint32_t)result;
        if (reading->full || descriptor_ended(descriptor))
            reading->flags |= KEVY_CQE_F_SOCK_NONEMPTY;
        if (!is_multishot(request) || request->limit == 0)
            return recv_limited(descriptor, request, reading->flags, result);
        cq_post(soft, sqe->user_data, (int)result, reading->flags | KEVY_CQE_F_MORE);
        if (!reading->full && descriptor_drained(soft, descriptor, sqe->fd)) {
            flood_ended(descriptor, request);
            return RUN_WAITS;
        }
    }
    return flood_begun(descriptor, request);
}

int recv_group(struct soft *soft, struct request *request)
{
    struct reading reading = {.next = UNREAD};

    return receive(soft, request, &reading);
}

/* What a light request has read turns out to be more, or less, than a little. */
static rare int recv_heavy(struct soft *soft, struct request *request, long result, uint32_t length)
{
    struct reading reading = {.next = result, .length = length};

    return receive(soft, request, &reading);
}

/* A multishot with news, most often a little, and room in the CQ. Does what receive() would. */
int recv_light(struct soft *soft, struct request *request)
{
    struct group *group = group_find(soft, request->sqe.buf_group);
    const struct kevy_buf *buffer = group_next_room(group);
    uint32_t flags = KEVY_CQE_F_BUFFER | KEVY_CQE_F_MORE;
    uint32_t length;
    long result;

    if (unlikely(buffer == NULL))
        return -ENOBUFS;
    length = buffer->len < request->limit ? buffer->len : request->limit;
    flags |= (uint32_t)buffer->bid << KEVY_CQE_BUFFER_SHIFT;
    result =
        soft->os->recv(soft->os, request->sqe.fd, sqe_pointer(buffer->addr), length, MSG_DONTWAIT);
    if (unlikely(result <= 0 || (uint32_t)result == length ||
                 (group->flags & KEVY_PBUF_RING_INC) != 0))
        return recv_heavy(soft, request, result, length);
    group->head++;
    if (request->limit != UINT32_MAX)
        request->limit -= (uint32_t)result;
    soft->received += (uint64_t)result;
    cq_push(soft, request->sqe.user_data, (int)result, flags);
    return RUN_SHORT;
}

#endif /* KEVY_RING_SUPPORTED */
