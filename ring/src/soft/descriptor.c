/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Descriptors: which of them epoll watches, and when they are closed.
 *
 * Model. A descriptor is added to the epoll set when a request first has to wait for it,
 * edge-triggered, and never again as long as it is open: a socket for every event, another file for
 * what it has to read, until a request waits for room to write. (The eventfd of a wake has room
 * after each read, and a foreign loop that polls the ring would be woken for that.) An edge that
 * nobody waits for is no loss, because every request tries before it waits; harvest.c says which
 * news are kept though.
 *
 * The user may close(2) a descriptor behind our back, and open another file under its number. Each
 * first wait of a request therefore asks epoll to add the descriptor: "it is there already" is the
 * answer that is expected, and success means that this is another file.
 *
 * Invariants. `generation` is part of what epoll hands back, so that news of an earlier file of the
 * same number are told from those of this one. `requests` counts those with MARK_WATCHED. A
 * descriptor is taken out of the epoll set before KEVY_OP_CLOSE closes it: the file may live on
 * behind another number or in another process, and would go on reporting.
 *
 * A close with requests in flight: in io_uring they hold the file, and the socket stays connected
 * until they end. Here the file moves to a number of our own, which its last request closes.
 */
#include "soft.h"

#if KEVY_RING_SUPPORTED

#include <fcntl.h>
#include <netinet/in.h>

/* Linux has no descriptor above that. */
#define DESCRIPTORS_MAX (1U << 30)

#define EVENTS_IN (EPOLLIN | EPOLLRDHUP | EPOLLPRI | EPOLLET)

/* Has the table of chunks reach to `chunk`. */
static int chunks_reach(struct soft *soft, uint32_t chunk)
{
    uint32_t count = soft->chunk_count != 0 ? soft->chunk_count : 64;
    struct descriptor **chunks;

    if (chunk < soft->chunk_count)
        return 0;
    while (count <= chunk)
        count *= 2;
    chunks = pages_take(soft, count * sizeof *chunks);
    if (chunks == NULL)
        return -ENOMEM;
    if (soft->chunk_count != 0)
        memcpy(chunks, soft->chunks, soft->chunk_count * sizeof *chunks);
    pages_give(soft, soft->chunks);
    soft->chunks = chunks;
    soft->chunk_count = count;
    return 0;
}

/* As descriptor_known(), with room for it; NULL without memory. */
static struct descriptor *descriptor_at(struct soft *soft, int fd)
{
    uint32_t chunk = (uint32_t)fd >> CHUNK_SHIFT;

    if (chunks_reach(soft, chunk) < 0)
        return NULL;
    if (soft->chunks[chunk] == NULL)
        soft->chunks[chunk] = pages_take(soft, CHUNK_ENTRIES * sizeof(struct descriptor));
    return descriptor_known(soft, fd);
}

static int watch(struct soft *soft, int operation, int fd, uint32_t generation, bool out)
{
    struct epoll_event event = {.events = EVENTS_IN | (out ? EPOLLOUT : 0),
                                .data.u64 = (uint64_t)generation << 32 | (uint32_t)fd};

    return soft->os->epoll_ctl(soft->os, soft->epoll_fd, operation, fd, &event);
}

/* Requests that wait for a file that is gone: closed behind our back. */
static rare void waiting_cancel(struct soft *soft, struct descriptor *descriptor)
{
    while (descriptor->waiting.first != NULL) {
        struct request *request = descriptor->waiting.first;

        list_remove(&descriptor->waiting, request);
        request_end_later(soft, request, -ECANCELED);
    }
}

/* It is watched already, maybe not for room to write. */
static int watch_out(struct soft *soft, struct descriptor *descriptor, int fd, bool out)
{
    int error;

    assert(descriptor->flags & DESCRIPTOR_WATCHED);
    if (!out || (descriptor->flags & DESCRIPTOR_OUT) != 0)
        return 0;
    error = watch(soft, EPOLL_CTL_MOD, fd, descriptor->generation, true);
    if (error == 0)
        descriptor->flags |= DESCRIPTOR_OUT;
    return error;
}

/*
 * Has epoll watch `fd`, with `out` for room to write as well. Returns 0, -EPERM (it cannot be
 * polled), -ENOMEM, -ENOSPC, -EBADF, or -EINVAL (it is the ring itself).
 */
int descriptor_watch(struct soft *soft, int fd, bool out)
{
    struct descriptor *descriptor;
    int result;

    if ((uint32_t)fd >= DESCRIPTORS_MAX)
        return -EBADF;
    descriptor = descriptor_at(soft, fd);
    if (descriptor == NULL)
        return -ENOMEM;
    result = watch(soft, EPOLL_CTL_ADD, fd, descriptor->generation + 1, out);
    if (result == -EEXIST)
        return watch_out(soft, descriptor, fd, out);
    if (result < 0)
        return result;
    waiting_cancel(soft, descriptor);
    descriptor->generation++;
    descriptor->latched = 0;
    descriptor->flags = DESCRIPTOR_WATCHED | (out ? DESCRIPTOR_OUT : 0);
    return 0;
}

/* The bytes of a TCP socket end where the read ended; a Unix socket may have stopped in between,
 * where other credentials or descriptors begin. */
static bool descriptor_is_tcp(struct soft *soft, struct descriptor *descriptor, int fd)
{
    int protocol = 0;
    socklen_t length = sizeof protocol;

    descriptor->flags |= DESCRIPTOR_ASKED;
    if (soft->os->getsockopt(soft->os, fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &length) == 0 &&
        protocol == IPPROTO_TCP)
        descriptor->flags |= DESCRIPTOR_TCP;
    return (descriptor->flags & DESCRIPTOR_TCP) != 0;
}

/*
 * Before a descriptor is watched every read may be the last: epoll reports what it finds when the
 * descriptor is added.
 */
rare bool descriptor_drained_slowly(struct soft *soft, struct descriptor *descriptor, int fd)
{
    if (descriptor == NULL || (descriptor->flags & DESCRIPTOR_WATCHED) == 0)
        return true;
    if (descriptor->latched != 0 || (descriptor->flags & DESCRIPTOR_ASKED) != 0)
        return false;
    return descriptor_is_tcp(soft, descriptor, fd);
}

/* Moves the file of a descriptor, and the requests that hold it, to a number of our own. */
static rare void detach(struct soft *soft, struct descriptor *descriptor, int fd)
{
    int own = soft->os->fcntl(soft->os, fd, F_DUPFD_CLOEXEC, 0);
    struct descriptor *to = own >= 0 ? descriptor_at(soft, own) : NULL;
    int error = to != NULL ? descriptor_watch(soft, own, true) : -EMFILE;

    if (error < 0) {
        struct cancel_key key = {.fd = fd, .flags = KEVY_ASYNC_CANCEL_FD | KEVY_ASYNC_CANCEL_ALL};

        (void)cancel_matching(soft, &key);
        if (own >= 0)
            (void)soft->os->close(soft->os, own);
        return;
    }
    to->flags |= DESCRIPTOR_DETACHED;
    for (struct request *request = request_each(soft, NULL); request != NULL;
         request = request_each(soft, request))
        if ((request->marks & MARK_WATCHED) != 0 && request->sqe.fd == fd)
            request->sqe.fd = own;
    while (descriptor->waiting.first != NULL) {
        struct request *request = descriptor->waiting.first;

        list_remove(&descriptor->waiting, request);
        list_append(&to->waiting, request);
    }
    to->requests = descriptor->requests;
    descriptor->requests = 0;
}

/* close(2), for KEVY_OP_CLOSE and for registered files. */
int descriptor_close(struct soft *soft, int fd)
{
    struct descriptor *descriptor = descriptor_known(soft, fd);

    if (descriptor != NULL && (descriptor->flags & DESCRIPTOR_WATCHED) != 0) {
        if (unlikely(descriptor->requests != 0))
            detach(soft, descriptor, fd);
        /* Fails if the file has been closed behind our back. */
        (void)soft->os->epoll_ctl(soft->os, soft->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
        descriptor->generation++;
        descriptor->latched = 0;
        descriptor->flags = 0;
    }
    return soft->os->close(soft->os, fd);
}

/* A request that has waited for the descriptor has ended. */
void descriptor_release(struct soft *soft, int fd)
{
    struct descriptor *descriptor = descriptor_known(soft, fd);

    assert(descriptor->requests > 0);
    descriptor->requests--;
    if (unlikely((descriptor->flags & DESCRIPTOR_DETACHED) != 0) && descriptor->requests == 0)
        (void)descriptor_close(soft, fd);
}

#endif /* KEVY_RING_SUPPORTED */
