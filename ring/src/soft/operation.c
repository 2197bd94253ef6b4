/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The table of operations. What is not in it is answered with -EINVAL, as by an older kernel, and
 * missing from the answer to KEVY_REGISTER_PROBE.
 *
 * Not here: zero-copy sends and receives, which are the kernel's to make; futexes, which nothing
 * but a thread can wait for; KEVY_OP_MSG_RING (message.c says why); the forms of provided buffers
 * before buffer rings; requests of 128 bytes.
 */
#include "operation.h"
#include "socket.h"

#if KEVY_RING_SUPPORTED

#define FILE_READ  (OPERATION_FILE | OPERATION_PRIORITY | OPERATION_SELECTS)
#define FILE_WRITE (OPERATION_FILE | OPERATION_PRIORITY)
#define STREAM     (OPERATION_FILE | OPERATION_PRIORITY | OPERATION_SELECTS)

#define OPERATION(prepare_by, run_by, capture_by, has)                            \
    {                                                                             \
        .prepare = prepare_by, .run = run_by, .capture = capture_by, .flags = has \
    }

const struct operation operations[KEVY_OP_LAST] = {
    [KEVY_OP_NOP] = OPERATION(nop_prepare, nop_run, NULL, 0),
    [KEVY_OP_READV] = OPERATION(read_prepare, transfer_run, vectors_capture, FILE_READ),
    [KEVY_OP_WRITEV] = OPERATION(write_prepare, transfer_run, vectors_capture, FILE_WRITE),
    [KEVY_OP_FSYNC] = OPERATION(fsync_prepare, fsync_run, NULL, OPERATION_FILE),
    [KEVY_OP_READ_FIXED] = OPERATION(fixed_prepare, transfer_run, NULL, FILE_WRITE),
    [KEVY_OP_WRITE_FIXED] = OPERATION(fixed_prepare, transfer_run, NULL, FILE_WRITE),
    [KEVY_OP_POLL_ADD] = OPERATION(poll_prepare, poll_run, NULL, OPERATION_FILE),
    [KEVY_OP_POLL_REMOVE] = OPERATION(poll_remove_prepare, poll_remove_run, NULL, 0),
    [KEVY_OP_SYNC_FILE_RANGE] = OPERATION(range_prepare, range_run, NULL, OPERATION_FILE),
    [KEVY_OP_SENDMSG] = {.prepare = sendmsg_prepare,
                         .run = sendmsg_run,
                         .capture = send_capture,
                         .flags = STREAM,
                         .quick = sendmsg_quick},
    [KEVY_OP_RECVMSG] = OPERATION(recvmsg_prepare, recvmsg_run, recvmsg_capture, STREAM),
    [KEVY_OP_TIMEOUT] = OPERATION(timeout_prepare, timeout_run, NULL, 0),
    [KEVY_OP_TIMEOUT_REMOVE] = OPERATION(timeout_remove_prepare, timeout_remove_run, NULL, 0),
    [KEVY_OP_ACCEPT] =
        OPERATION(accept_prepare, accept_run, NULL, OPERATION_FILE | OPERATION_PRIORITY),
    [KEVY_OP_ASYNC_CANCEL] = OPERATION(cancel_prepare, cancel_run, NULL, 0),
    [KEVY_OP_LINK_TIMEOUT] = OPERATION(link_timeout_prepare, link_timeout_run, NULL, 0),
    [KEVY_OP_CONNECT] = OPERATION(connect_prepare, connect_run, connect_capture, OPERATION_FILE),
    [KEVY_OP_FALLOCATE] = OPERATION(fallocate_prepare, fallocate_run, NULL, OPERATION_FILE),
    [KEVY_OP_OPENAT] = OPERATION(open_prepare, open_run, path_capture, 0),
    [KEVY_OP_CLOSE] = OPERATION(close_prepare, close_run, NULL, 0),
    [KEVY_OP_FILES_UPDATE] = OPERATION(files_update_prepare, files_update_run, NULL, 0),
    [KEVY_OP_STATX] = OPERATION(path_prepare, statx_run, path_capture, 0),
    [KEVY_OP_READ] = OPERATION(read_prepare, transfer_run, NULL, FILE_READ),
    [KEVY_OP_WRITE] = OPERATION(write_prepare, transfer_run, NULL, FILE_WRITE),
    [KEVY_OP_FADVISE] = OPERATION(advice_prepare, fadvise_run, NULL, OPERATION_FILE),
    [KEVY_OP_MADVISE] = OPERATION(advice_prepare, madvise_run, NULL, 0),
    [KEVY_OP_SEND] = {.prepare = send_prepare,
                      .run = send_run,
                      .capture = send_capture,
                      .flags = STREAM,
                      .quick = send_quick},
    [KEVY_OP_RECV] = {.prepare = recv_prepare,
                      .run = recv_run,
                      .capture = NULL,
                      .flags = STREAM,
                      .light = recv_light},
    [KEVY_OP_OPENAT2] = OPERATION(open_prepare, open_run, path_capture, 0),
    [KEVY_OP_EPOLL_CTL] = OPERATION(advice_prepare, epoll_ctl_run, NULL, 0),
    [KEVY_OP_SPLICE] = OPERATION(splice_prepare, splice_run, NULL, OPERATION_FILE),
    [KEVY_OP_TEE] = OPERATION(splice_prepare, splice_run, NULL, OPERATION_FILE),
    [KEVY_OP_SHUTDOWN] = OPERATION(shutdown_prepare, shutdown_run, NULL, OPERATION_FILE),
    [KEVY_OP_RENAMEAT] = OPERATION(path_prepare, renameat_run, path_capture, 0),
    [KEVY_OP_UNLINKAT] = OPERATION(unlinkat_prepare, unlinkat_run, path_capture, 0),
    [KEVY_OP_MKDIRAT] = OPERATION(mkdirat_prepare, mkdirat_run, path_capture, 0),
    [KEVY_OP_SYMLINKAT] = OPERATION(symlinkat_prepare, symlinkat_run, path_capture, 0),
    [KEVY_OP_LINKAT] = OPERATION(path_prepare, linkat_run, path_capture, 0),
    [KEVY_OP_FSETXATTR] = OPERATION(xattr_prepare, fsetxattr_run, path_capture, OPERATION_FILE),
    [KEVY_OP_SETXATTR] = OPERATION(xattr_prepare, setxattr_run, path_capture, 0),
    [KEVY_OP_FGETXATTR] = OPERATION(xattr_prepare, fgetxattr_run, path_capture, OPERATION_FILE),
    [KEVY_OP_GETXATTR] = OPERATION(xattr_prepare, getxattr_run, path_capture, 0),
    [KEVY_OP_SOCKET] = OPERATION(socket_prepare, socket_run, NULL, 0),
    [KEVY_OP_URING_CMD] = OPERATION(command_prepare, command_run, NULL, OPERATION_FILE),
    [KEVY_OP_READ_MULTISHOT] =
        OPERATION(read_multishot_prepare, read_multishot_run, NULL, FILE_READ),
    [KEVY_OP_WAITID] = OPERATION(waitid_prepare, waitid_run, NULL, 0),
    [KEVY_OP_FIXED_FD_INSTALL] = OPERATION(install_prepare, install_run, NULL, OPERATION_FILE),
    [KEVY_OP_FTRUNCATE] = OPERATION(ftruncate_prepare, ftruncate_run, NULL, OPERATION_FILE),
    [KEVY_OP_BIND] = OPERATION(bind_prepare, bind_run, connect_capture, OPERATION_FILE),
    [KEVY_OP_LISTEN] = OPERATION(listen_prepare, listen_run, NULL, OPERATION_FILE),
    [KEVY_OP_EPOLL_WAIT] = OPERATION(epoll_wait_prepare, epoll_wait_run, NULL, OPERATION_FILE),
    [KEVY_OP_READV_FIXED] = OPERATION(fixed_prepare, transfer_run, vectors_capture, FILE_WRITE),
    [KEVY_OP_WRITEV_FIXED] = OPERATION(fixed_prepare, transfer_run, vectors_capture, FILE_WRITE),
    [KEVY_OP_PIPE] = OPERATION(pipe_prepare, pipe_run, NULL, 0),
};

#endif /* KEVY_RING_SUPPORTED */
