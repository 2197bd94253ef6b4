/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "operations.h"

#include <assert.h>
#include <errno.h>
#include <kevy/ring_prep_base.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "chance.h"
#include "completion.h"
#include "host.h"
#include "kernel.h"
#include "message.h"
#include "ring.h"
#include "socket.h"
#include "world.h"

/* Completions that a multishot may have in one go before others have their turn. */
#define MULTISHOT_RETRIES 32

struct operation {
    const char *name;
    uint32_t minor; /* of the 6.x that brought it */
    bool on_file;   /* `fd` is a descriptor that the request holds */
    bool prompt;    /* never late */
    uint32_t events;
    int (*prepare)(struct request *request);
    int (*run)(struct request *request);
};

/* One run of bytes. */
static int prepare_bytes(struct request *request)
{
    struct iovec part = {.iov_base = (void *)(uintptr_t)request->sqe.addr,
                         .iov_len = request->sqe.len};

    if ((request->sqe.flags & KEVY_SQE_BUFFER_SELECT) != 0)
        return 0;
    return request_parts_copy(request, &part, 1);
}

static int prepare_vector(struct request *request)
{
    return request_parts_copy(request, (const void *)(uintptr_t)request->sqe.addr,
                              request->sqe.len);
}

/* A send without a copy. Which refusals have a notice differs from kernel to kernel. */
static int zero_copy_check(struct request *request)
{
    uint32_t known = KEVY_RECVSEND_POLL_FIRST | KEVY_RECVSEND_FIXED_BUF;

    if (kernel_minor() >= 2)
        known |= KEVY_SEND_ZC_REPORT_USAGE;
    request->notices = (request->sqe.ioprio & ~known) == 0 || chance_one_in(2);
    return (request->sqe.ioprio & ~known) != 0 ? -EINVAL : 0;
}

static int prepare_bytes_zc(struct request *request)
{
    int error = zero_copy_check(request);

    return error < 0 ? error : prepare_bytes(request);
}

static int prepare_message_zc(struct request *request)
{
    int error = zero_copy_check(request);

    return error < 0 ? error : message_prepare_send(request);
}

static int prepare_receive(struct request *request)
{
    uint32_t known = KEVY_RECVSEND_POLL_FIRST | KEVY_RECV_MULTISHOT;

    if (kernel_minor() >= 10)
        known |= KEVY_RECVSEND_BUNDLE;
    request->multishot = (request->sqe.ioprio & KEVY_RECV_MULTISHOT) != 0;
    request->limit = request->sqe.optlen; /* where a multishot ends, from 6.17 on */
    if ((request->sqe.ioprio & ~known) != 0 || request->sqe.addr2 != 0 ||
        (request->limit != 0 && (kernel_minor() < 17 || !request->multishot)))
        return -EINVAL;
    return prepare_bytes(request);
}

static int prepare_accept(struct request *request)
{
    request->multishot = (request->sqe.ioprio & KEVY_ACCEPT_MULTISHOT) != 0;
    return 0;
}

static int prepare_connect(struct request *request)
{
    EXPECT(request->sqe.off <= sizeof request->address, "an address of %u bytes",
           (unsigned)request->sqe.off);
    memcpy(&request->address, (const void *)(uintptr_t)request->sqe.addr, request->sqe.off);
    return 0;
}

static int prepare_poll(struct request *request)
{
    request->multishot = (request->sqe.len & KEVY_POLL_ADD_MULTI) != 0;
    request->events = kevy_x_word_poll_events(request->sqe.poll32_events);
    return 0;
}

static int run_nop(struct request *request)
{
    (void)request;
    return 0;
}

bool operation_post_more(struct request *request, int result, uint32_t flags)
{
    if (chance(KEVY_SIM_MULTISHOT_ENDS) ||
        !completion_post_more(request->ring, request->sqe.user_data, result,
                              flags | KEVY_CQE_F_MORE)) {
        request->flags = flags;
        return false;
    }
    TRACE("  cqe %s %x = %d flags %x fd %d", operation_name(request->sqe.opcode),
          (unsigned)(request->sqe.user_data & 7), result, flags | KEVY_CQE_F_MORE, request->sqe.fd);
    return true;
}

static int run_poll(struct request *request)
{
    uint32_t now = request->file->operations->poll(request->file) & request->events;

    /* Who polls a counter looks at it; a socket that is writable is connected. */
    if (now == 0 && request->spurious && request->file->kind != FILE_SOCKET)
        now = request->events;
    if (now == 0)
        return REQUEST_WAITS;
    if (request->multishot && operation_post_more(request, (int)now, 0))
        return REQUEST_WAITS;
    return (int)now;
}

static bool more_to_read(const struct request *request)
{
    return request->file->kind == FILE_SOCKET && socket_more(socket_of(request->file));
}

/* Reads into the next buffers of the group: one, or a bundle, `most` bytes at most. Returns as a
 * read; *used is how many buffers it took. */
static int read_bundle(struct request *request, uint32_t most, uint32_t *used)
{
    int (*const read)(struct file *, void *, uint32_t) = request->file->operations->read;
    struct buffers *buffers = &request->ring->buffers;
    bool bundle = (request->sqe.ioprio & KEVY_RECVSEND_BUNDLE) != 0;
    uint32_t total = 0, size;
    void *data;

    *used = 0;
    if (!buffers_peek(buffers, request->sqe.buf_group, 0, &data, &size) ||
        chance(KEVY_SIM_RECV_NO_BUFFERS))
        return -ENOBUFS;
    do {
        uint32_t wanted = most - total < size ? most - total : size;
        int result = read(request->file, data, wanted);

        if (result <= 0)
            return result;
        total += (uint32_t)result;
        ++*used;
        /* One receive: what it leaves behind, an error for instance, is for the next. */
        if (!bundle || (uint32_t)result < size || total == most ||
            socket_readable(socket_of(request->file)) == 0)
            break;
    } while (buffers_peek(buffers, request->sqe.buf_group, *used, &data, &size));
    return (int)total;
}

/* Receives into buffers of the group. */
static int run_select(struct request *request)
{
    if (request->tried && request->multishot && chance(KEVY_SIM_MULTISHOT_ENDS))
        return chance_one_in(2) ? -EINTR : -EAGAIN;
    for (int count = 0; count < MULTISHOT_RETRIES; count++) {
        uint32_t limit = request->limit, used;
        int result = read_bundle(request, limit != 0 ? limit : INT32_MAX, &used);

        if (result == -EAGAIN)
            return REQUEST_WAITS;
        request->flags = more_to_read(request) ? KEVY_CQE_F_SOCK_NONEMPTY : 0;
        if (result <= 0)
            return result;
        request->flags |= KEVY_CQE_F_BUFFER | (uint32_t)buffers_take(&request->ring->buffers, used)
                                                  << KEVY_CQE_BUFFER_SHIFT;
        if (limit != 0)
            request->limit -= (uint32_t)result;
        if (!request->multishot || (limit != 0 && request->limit == 0) ||
            !operation_post_more(request, result, request->flags))
            return result;
        request->flags = 0;
    }
    return REQUEST_AGAIN;
}

/* Reads into the request's own parts. */
static int run_read(struct request *request)
{
    uint32_t total = 0;

    if ((request->sqe.flags & KEVY_SQE_BUFFER_SELECT) != 0)
        return run_select(request);
    for (uint32_t part = 0; part < request->part_count; part++) {
        int result = request->file->operations->read(request->file, request->parts[part].iov_base,
                                                     (uint32_t)request->parts[part].iov_len);

        if (result < 0 && total == 0)
            return result == -EAGAIN ? REQUEST_WAITS : result;
        if (result <= 0)
            break;
        total += (uint32_t)result;
    }
    return (int)total;
}

static int run_write(struct request *request)
{
    uint32_t total = 0;

    for (uint32_t part = 0; part < request->part_count; part++) {
        const struct iovec *from = &request->parts[part];
        int result = 0;

        /* One send: an error that comes of its first part is for the next. */
        if (total != 0 && request->file->kind == FILE_SOCKET &&
            socket_of(request->file)->error != 0)
            break;
        if (from->iov_len != 0)
            result = request->file->operations->write(request->file, from->iov_base,
                                                      (uint32_t)from->iov_len);
        if (result < 0 && total == 0)
            return result == -EAGAIN ? REQUEST_WAITS : result;
        if (result < 0)
            break;
        total += (uint32_t)result;
        if ((uint32_t)result < from->iov_len)
            break;
    }
    return (int)total;
}

static int run_message(struct request *request)
{
    return request->file->kind == FILE_DATAGRAM ? message_transmit(request) : run_write(request);
}

static int run_zero_copy(struct request *request)
{
    if (socket_of(request->file)->family == AF_UNIX)
        return -EOPNOTSUPP;
    if (chance(KEVY_SIM_ZERO_COPY_FAILS))
        return chance_one_in(2) ? -ENOMEM : -ENOBUFS;
    return run_write(request);
}

static int run_accept(struct request *request)
{
    struct kevy_x_socket *listener = socket_of(request->file);

    for (int count = 0; count < MULTISHOT_RETRIES; count++) {
        int result = socket_take(listener, (int)request->sqe.accept_flags);

        if (result == -EAGAIN)
            return REQUEST_WAITS;
        if (result < 0)
            return result;
        if (!request->multishot || !operation_post_more(request, result, 0))
            return result;
    }
    return REQUEST_AGAIN;
}

static int run_connect(struct request *request)
{
    struct kevy_x_socket *socket = socket_of(request->file);

    if (socket->state == SOCKET_NEW) {
        int error = host_connect(socket, (const struct sockaddr *)&request->address);

        if (error < 0)
            return error;
        /* The attempt goes on, and whoever began it has to ask for its end. */
        if (chance(KEVY_SIM_REQUEST_SIGNAL))
            return -EINTR;
    }
    if (socket->state == SOCKET_CONNECTED)
        return 0;
    return socket->error != 0 ? -socket->error : REQUEST_WAITS;
}

static int run_close(struct request *request)
{
    struct file *file = file_at(request->sqe.fd, "closing");

    EXPECT(file->requests == 0, "descriptor %d is closed with %u requests in flight",
           request->sqe.fd, file->requests);
    file_close(request->sqe.fd);
    return 0;
}

static int run_cancel(struct request *request)
{
    return requests_cancel(request);
}

static const struct operation operations[KEVY_OP_LAST] = {
    [KEVY_OP_NOP] = {"nop", 1, false, false, 0, NULL, run_nop},
    [KEVY_OP_READV] = {"readv", 1, true, false, POLLIN, prepare_vector, run_read},
    [KEVY_OP_WRITEV] = {"writev", 1, true, false, POLLOUT, prepare_vector, run_write},
    [KEVY_OP_POLL_ADD] = {"poll", 1, true, false, 0, prepare_poll, run_poll},
    [KEVY_OP_SENDMSG] = {"sendmsg", 1, true, false, POLLOUT, message_prepare_send, run_message},
    [KEVY_OP_ACCEPT] = {"accept", 1, true, false, POLLIN, prepare_accept, run_accept},
    [KEVY_OP_ASYNC_CANCEL] = {"cancel", 1, false, true, 0, NULL, run_cancel},
    [KEVY_OP_CONNECT] = {"connect", 1, true, false, POLLOUT, prepare_connect, run_connect},
    [KEVY_OP_CLOSE] = {"close", 1, false, false, 0, NULL, run_close},
    [KEVY_OP_READ] = {"read", 1, true, false, POLLIN, prepare_bytes, run_read},
    [KEVY_OP_WRITE] = {"write", 1, true, false, POLLOUT, prepare_bytes, run_write},
    [KEVY_OP_SEND] = {"send", 1, true, false, POLLOUT, prepare_bytes, run_write},
    [KEVY_OP_SEND_ZC] = {"send_zc", 1, true, false, POLLOUT, prepare_bytes_zc, run_zero_copy},
    [KEVY_OP_SENDMSG_ZC] = {"sendmsg_zc", 1, true, false, POLLOUT, prepare_message_zc,
                            run_zero_copy},
    [KEVY_OP_RECVMSG] = {"recvmsg", 1, true, false, POLLIN, message_prepare, message_collect},
    [KEVY_OP_RECV] = {"recv", 1, true, false, POLLIN, prepare_receive, run_read},
};

bool operation_known(uint8_t opcode)
{
    return opcode < KEVY_OP_LAST && operations[opcode].run != NULL &&
           operations[opcode].minor <= kernel_minor();
}

const char *operation_name(uint8_t opcode)
{
    return opcode < KEVY_OP_LAST && operations[opcode].name != NULL ? operations[opcode].name
                                                                    : "unknown";
}

int operation_prepare(struct request *request)
{
    const struct operation *operation = &operations[request->sqe.opcode];
    int error = 0;

    if (!operation_known(request->sqe.opcode))
        return -EINVAL;
    EXPECT((request->sqe.flags & ~KEVY_SQE_BUFFER_SELECT) == 0, "%s with flags %x", operation->name,
           request->sqe.flags);
    if (operation->prepare != NULL)
        error = operation->prepare(request);
    if (error < 0 || !operation->on_file)
        return error;
    if (request->sqe.fd == -1)
        return -EBADF; /* somebody asks whether the kernel knows the other fields */
    request->file = file_at(request->sqe.fd, operation->name);
    file_hold(request->file);
    request->file->requests++;
    request->events |= operation->events | POLLERR | POLLHUP;
    return 0;
}

int operation_try(struct request *request)
{
    return operations[request->sqe.opcode].run(request);
}

bool operation_may_be_late(const struct request *request)
{
    return !operations[request->sqe.opcode].prompt;
}

/* What a signal may interrupt before it has done anything: no poll, and no connect. */
bool operation_interruptible(const struct request *request)
{
    const struct operation *operation = &operations[request->sqe.opcode];

    return operation->on_file && operation->events != 0 && operation->run != run_connect &&
           !request->inline_only;
}

bool operation_polls_first(const struct request *request)
{
    uint8_t opcode = request->sqe.opcode;

    return (opcode == KEVY_OP_RECV || opcode == KEVY_OP_RECVMSG) &&
           (request->sqe.ioprio & KEVY_RECVSEND_POLL_FIRST) != 0;
}
