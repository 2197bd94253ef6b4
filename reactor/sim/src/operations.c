/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "operations.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>

#include "chance.h"
#include "child_file.h"
#include "completion.h"
#include "kernel.h"
#include "message.h"
#include "poll_request.h"
#include "receive.h"
#include "regular_file.h"
#include "ring.h"
#include "send.h"
#include "socket.h"
#include "socket_call.h"
#include "splice.h"
#include "timeout.h"
#include "world.h"

/* For `flags` of an operation. */
#define ON_FILE  1U  /* `fd` is a descriptor that the request holds */
#define PROMPT   2U  /* never late */
#define SELECTS  4U  /* may take its buffers from a group */
#define PRIORITY 8U  /* `ioprio` has flags of its own */
#define DISK     16U /* of a file or of a pipe it may wait, and then a thread does it */
#define THREAD   32U /* a thread does it in any case */

#define SQE_FLAGS_KNOWN 0x7fU
#define NOP_FLAGS_KNOWN 0x3fU

struct operation {
    const char *name;
    uint32_t minor; /* of the 6.x that brought it */
    uint32_t flags;
    uint32_t events;
    int (*prepare)(struct request *request);
    int (*run)(struct request *request);
};

int operation_prepare_bytes(struct request *request)
{
    struct iovec part = {.iov_base = (void *)(uintptr_t)request->sqe.addr,
                         .iov_len = request->sqe.len};

    if ((request->sqe.flags & KEVY_SQE_BUFFER_SELECT) != 0)
        return 0;
    return request_parts_copy(request, &part, 1);
}

int operation_whole(struct request *request, int result)
{
    request->falls_short = true; /* should it end before that */
    if (result == -EAGAIN)
        return REQUEST_WAITS;
    if (result < 0 || (result == 0 && request_left(request) != 0))
        return request->done != 0 ? (int)request->done : result;
    request_consume(request, (uint32_t)result);
    if (request_left(request) != 0)
        return REQUEST_AGAIN;
    request->falls_short = false;
    return (int)request->done;
}

static int prepare_vector(struct request *request)
{
    return request_parts_copy(request, (const void *)(uintptr_t)request->sqe.addr,
                              request->sqe.len);
}

static int prepare_nop(struct request *request)
{
    uint32_t flags = request->sqe.nop_flags;

    return (flags & ~NOP_FLAGS_KNOWN) != 0 || (flags & KEVY_NOP_CQE32) != 0 ? -EINVAL : 0;
}

/* There is no table of files and no table of buffers to find something in. */
static int run_nop(struct request *request)
{
    uint32_t flags = request->sqe.nop_flags;

    if ((flags & KEVY_NOP_FILE) != 0 &&
        ((flags & KEVY_NOP_FIXED_FILE) != 0 || file_find(request->sqe.fd) == NULL))
        return -EBADF;
    if (flags & KEVY_NOP_FIXED_BUFFER)
        return -EFAULT;
    return flags & KEVY_NOP_INJECT_RESULT ? (int)request->sqe.len : 0;
}

static int prepare_post(struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;
    uint32_t known = KEVY_MSG_RING_CQE_SKIP | KEVY_MSG_RING_FLAGS_PASS;

    return sqe->buf_index != 0 || (sqe->msg_ring_flags & ~known) != 0 ? -EINVAL : 0;
}

/* A completion of another ring. Files cannot be handed over: there is no table of them. */
static int run_post(struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;
    bool passes = (sqe->msg_ring_flags & KEVY_MSG_RING_FLAGS_PASS) != 0;

    if (request->file->kind != FILE_RING)
        return -EBADFD;
    if (sqe->addr != KEVY_MSG_DATA || sqe->addr3 != 0 || (!passes && sqe->file_index != 0) ||
        (sqe->msg_ring_flags & KEVY_MSG_RING_CQE_SKIP) != 0)
        return -EINVAL;
    return ring_message(ring_of(request->file), sqe);
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

static int prepare_close(struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;

    return sqe->off != 0 || sqe->addr != 0 || sqe->len != 0 || sqe->rw_flags != 0 ||
                   sqe->buf_index != 0
               ? -EINVAL
               : 0;
}

static int run_close(struct request *request)
{
    const struct file *file = file_find(request->sqe.fd);

    if (request->sqe.file_index != 0)
        return -ENXIO;
    REQUIRE(file != NULL, -EBADF, "closing of descriptor %d, which is not open", request->sqe.fd);
    if (!world_tolerates())
        EXPECT(file->requests == 0, "descriptor %d is closed with %u requests in flight",
               request->sqe.fd, file->requests);
    file_close(request->sqe.fd);
    return 0;
}

int operation_cancel_check(const struct kevy_sqe *sqe)
{
    uint32_t keys = KEVY_ASYNC_CANCEL_FD | KEVY_ASYNC_CANCEL_OP;
    uint32_t known = keys | KEVY_ASYNC_CANCEL_ALL | KEVY_ASYNC_CANCEL_ANY |
                     KEVY_ASYNC_CANCEL_FD_FIXED | KEVY_ASYNC_CANCEL_USERDATA;
    uint32_t flags = sqe->cancel_flags;

    if ((flags & ~known) != 0 || ((flags & KEVY_ASYNC_CANCEL_ANY) != 0 && (flags & keys) != 0))
        return -EINVAL;
    return 0;
}

static int prepare_cancel(struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;

    return sqe->off != 0 || sqe->splice_fd_in != 0 ? -EINVAL : operation_cancel_check(sqe);
}

static int run_cancel(struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;

    if (sqe->cancel_flags & KEVY_ASYNC_CANCEL_FD)
        REQUIRE((sqe->cancel_flags & KEVY_ASYNC_CANCEL_FD_FIXED) == 0 && file_find(sqe->fd) != NULL,
                -EBADF, "cancel of descriptor %d, which is not open", sqe->fd);
    return requests_cancel(request->ring, sqe);
}

static const struct operation operations[KEVY_OP_LAST] = {
    [KEVY_OP_NOP] = {"nop", 1, 0, 0, prepare_nop, run_nop},
    [KEVY_OP_READV] = {"readv", 1, ON_FILE | PRIORITY | DISK, POLLIN, prepare_vector, run_read},
    [KEVY_OP_WRITEV] = {"writev", 1, ON_FILE | PRIORITY | DISK, POLLOUT, prepare_vector, run_write},
    [KEVY_OP_FSYNC] = {"fsync", 1, ON_FILE | DISK, 0, prepare_sync, run_sync},
    [KEVY_OP_POLL_ADD] = {"poll", 1, ON_FILE, 0, prepare_poll, run_poll},
    [KEVY_OP_POLL_REMOVE] = {"poll_remove", 1, PROMPT, 0, prepare_poll_remove, run_poll_remove},
    [KEVY_OP_SENDMSG] = {"sendmsg", 1, ON_FILE | PRIORITY, POLLOUT, prepare_send_message, run_send},
    [KEVY_OP_RECVMSG] = {"recvmsg", 1, ON_FILE | PRIORITY | SELECTS, POLLIN, message_prepare,
                         message_collect},
    [KEVY_OP_TIMEOUT] = {"timeout", 1, PROMPT, 0, prepare_timeout, run_timeout},
    [KEVY_OP_TIMEOUT_REMOVE] = {"timeout_remove", 1, PROMPT, 0, prepare_timeout_remove,
                                run_timeout_remove},
    [KEVY_OP_ACCEPT] = {"accept", 1, ON_FILE | PRIORITY, POLLIN, prepare_accept, run_accept},
    [KEVY_OP_ASYNC_CANCEL] = {"cancel", 1, PROMPT, 0, prepare_cancel, run_cancel},
    [KEVY_OP_LINK_TIMEOUT] = {"link_timeout", 1, PROMPT, 0, prepare_limit, run_limit},
    [KEVY_OP_CONNECT] = {"connect", 1, ON_FILE, POLLOUT, prepare_connect, run_connect},
    [KEVY_OP_OPENAT] = {"openat", 1, DISK, 0, prepare_open, run_open},
    [KEVY_OP_CLOSE] = {"close", 1, 0, 0, prepare_close, run_close},
    [KEVY_OP_STATX] = {"statx", 1, ON_FILE | DISK, 0, prepare_status, run_status},
    [KEVY_OP_READ] = {"read", 1, ON_FILE | PRIORITY | SELECTS | DISK, POLLIN,
                      operation_prepare_bytes, run_read},
    [KEVY_OP_WRITE] = {"write", 1, ON_FILE | PRIORITY | DISK, POLLOUT, operation_prepare_bytes,
                       run_write},
    [KEVY_OP_SEND] = {"send", 1, ON_FILE | PRIORITY | SELECTS, POLLOUT, prepare_send, run_send},
    [KEVY_OP_RECV] = {"recv", 1, ON_FILE | PRIORITY | SELECTS, POLLIN, prepare_receive,
                      run_receive},
    [KEVY_OP_SPLICE] = {"splice", 1, ON_FILE | THREAD, 0, prepare_splice, run_splice},
    [KEVY_OP_TEE] = {"tee", 1, ON_FILE | THREAD, 0, prepare_splice, run_splice},
    [KEVY_OP_SHUTDOWN] = {"shutdown", 1, ON_FILE, 0, prepare_shutdown, run_shutdown},
    [KEVY_OP_SOCKET] = {"socket", 1, 0, 0, prepare_socket, run_socket},
    [KEVY_OP_MSG_RING] = {"msg_ring", 1, ON_FILE, 0, prepare_post, run_post},
    [KEVY_OP_SEND_ZC] = {"send_zc", 1, ON_FILE | PRIORITY, POLLOUT, prepare_send_zero_copy,
                         run_send_zero_copy},
    [KEVY_OP_SENDMSG_ZC] = {"sendmsg_zc", 1, ON_FILE | PRIORITY, POLLOUT,
                            prepare_send_message_zero_copy, run_send_zero_copy},
    [KEVY_OP_READ_MULTISHOT] = {"read_multishot", 7, ON_FILE | PRIORITY | SELECTS, POLLIN,
                                prepare_read_multishot, run_read_multishot},
    [KEVY_OP_WAITID] = {"waitid", 7, ON_FILE, POLLPRI, prepare_waitid, run_waitid},
    [KEVY_OP_BIND] = {"bind", 11, ON_FILE, 0, prepare_bind, run_bind},
    [KEVY_OP_LISTEN] = {"listen", 11, ON_FILE, 0, prepare_listen, run_listen},
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

static bool has(const struct request *request, uint32_t flag)
{
    return (operations[request->sqe.opcode].flags & flag) != 0;
}

/* What no operation accepts, in io_uring's order. */
static int flags_check(struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;
    struct chains *chains = &request->ring->chains;
    int error;

    if ((sqe->flags & ~SQE_FLAGS_KNOWN) != 0)
        return -EINVAL;
    if ((sqe->flags & KEVY_SQE_BUFFER_SELECT) != 0 && !has(request, SELECTS))
        return -EOPNOTSUPP;
    chains->skips |= (sqe->flags & KEVY_SQE_CQE_SKIP_SUCCESS) != 0;
    if ((sqe->flags & KEVY_SQE_IO_DRAIN) != 0 && chains->skips)
        return -EOPNOTSUPP;
    error = restrictions_check(&request->ring->restrictions, sqe);
    if (error < 0)
        return error;
    return (sqe->ioprio != 0 && !has(request, PRIORITY)) || sqe->personality != 0 ? -EINVAL : 0;
}

int operation_prepare(struct request *request)
{
    uint8_t opcode = request->sqe.opcode;
    int error;

    if (!operation_known(opcode))
        return -EINVAL;
    error = flags_check(request);
    return error < 0 ? error : operations[opcode].prepare(request);
}

int operation_begin(struct request *request)
{
    const struct operation *operation = &operations[request->sqe.opcode];
    struct file *file = file_find(request->sqe.fd);

    if ((operation->flags & ON_FILE) == 0)
        return 0;
    if (request->sqe.fd == -1 || (request->sqe.flags & KEVY_SQE_FIXED_FILE) != 0)
        return -EBADF; /* somebody asks whether the kernel knows the other fields */
    REQUIRE(file != NULL, -EBADF, "%s of descriptor %d, which is not open", operation->name,
            request->sqe.fd);
    request->file = file;
    file_hold(file);
    file->requests++;
    request->events |= operation->events | POLLERR | POLLHUP;
    return 0;
}

int operation_try(struct request *request)
{
    return operations[request->sqe.opcode].run(request);
}

bool operation_may_be_late(const struct request *request)
{
    return !has(request, PROMPT);
}

/* What a signal may interrupt before it has done anything: no poll, and no connect. */
bool operation_interruptible(const struct request *request)
{
    const struct operation *operation = &operations[request->sqe.opcode];

    return has(request, ON_FILE) && operation->events != 0 && operation->run != run_connect;
}

bool operation_needs_worker(const struct request *request)
{
    const struct file *file = request->file;

    return operation_on_thread(request) ||
           (has(request, DISK) &&
            (file == NULL || file->kind == FILE_REGULAR || file->kind == FILE_PIPE));
}

bool operation_on_thread(const struct request *request)
{
    return has(request, THREAD);
}

bool operation_polls_first(const struct request *request)
{
    uint8_t opcode = request->sqe.opcode;

    return (opcode == KEVY_OP_RECV || opcode == KEVY_OP_RECVMSG) &&
           (request->sqe.ioprio & KEVY_RECVSEND_POLL_FIRST) != 0;
}
