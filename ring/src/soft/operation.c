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

const struct operation operations[KEVY_OP_LAST] = {
    [KEVY_OP_NOP] = {nop_prepare, nop_run, NULL, 0},
    [KEVY_OP_READV] = {read_prepare, transfer_run, vectors_capture, FILE_READ},
    [KEVY_OP_WRITEV] = {write_prepare, transfer_run, vectors_capture, FILE_WRITE},
    [KEVY_OP_FSYNC] = {fsync_prepare, fsync_run, NULL, OPERATION_FILE},
    [KEVY_OP_READ_FIXED] = {fixed_prepare, transfer_run, NULL, FILE_WRITE},
    [KEVY_OP_WRITE_FIXED] = {fixed_prepare, transfer_run, NULL, FILE_WRITE},
    [KEVY_OP_POLL_ADD] = {poll_prepare, poll_run, NULL, OPERATION_FILE},
    [KEVY_OP_POLL_REMOVE] = {poll_remove_prepare, poll_remove_run, NULL, 0},
    [KEVY_OP_SYNC_FILE_RANGE] = {range_prepare, range_run, NULL, OPERATION_FILE},
    [KEVY_OP_SENDMSG] = {sendmsg_prepare, sendmsg_run, send_capture, STREAM, sendmsg_quick},
    [KEVY_OP_RECVMSG] = {recvmsg_prepare, recvmsg_run, recvmsg_capture, STREAM},
    [KEVY_OP_TIMEOUT] = {timeout_prepare, timeout_run, NULL, 0},
    [KEVY_OP_TIMEOUT_REMOVE] = {timeout_remove_prepare, timeout_remove_run, NULL, 0},
    [KEVY_OP_ACCEPT] = {accept_prepare, accept_run, NULL, OPERATION_FILE | OPERATION_PRIORITY},
    [KEVY_OP_ASYNC_CANCEL] = {cancel_prepare, cancel_run, NULL, 0},
    [KEVY_OP_LINK_TIMEOUT] = {link_timeout_prepare, link_timeout_run, NULL, 0},
    [KEVY_OP_CONNECT] = {connect_prepare, connect_run, connect_capture, OPERATION_FILE},
    [KEVY_OP_FALLOCATE] = {fallocate_prepare, fallocate_run, NULL, OPERATION_FILE},
    [KEVY_OP_OPENAT] = {open_prepare, open_run, path_capture, 0},
    [KEVY_OP_CLOSE] = {close_prepare, close_run, NULL, 0},
    [KEVY_OP_FILES_UPDATE] = {files_update_prepare, files_update_run, NULL, 0},
    [KEVY_OP_STATX] = {path_prepare, statx_run, path_capture, 0},
    [KEVY_OP_READ] = {read_prepare, transfer_run, NULL, FILE_READ},
    [KEVY_OP_WRITE] = {write_prepare, transfer_run, NULL, FILE_WRITE},
    [KEVY_OP_FADVISE] = {advice_prepare, fadvise_run, NULL, OPERATION_FILE},
    [KEVY_OP_MADVISE] = {advice_prepare, madvise_run, NULL, 0},
    [KEVY_OP_SEND] = {send_prepare, send_run, send_capture, STREAM, send_quick},
    [KEVY_OP_RECV] = {recv_prepare, recv_run, NULL, STREAM, NULL, recv_light},
    [KEVY_OP_OPENAT2] = {open_prepare, open_run, path_capture, 0},
    [KEVY_OP_EPOLL_CTL] = {advice_prepare, epoll_ctl_run, NULL, 0},
    [KEVY_OP_SPLICE] = {splice_prepare, splice_run, NULL, OPERATION_FILE},
    [KEVY_OP_TEE] = {splice_prepare, splice_run, NULL, OPERATION_FILE},
    [KEVY_OP_SHUTDOWN] = {shutdown_prepare, shutdown_run, NULL, OPERATION_FILE},
    [KEVY_OP_RENAMEAT] = {path_prepare, renameat_run, path_capture, 0},
    [KEVY_OP_UNLINKAT] = {unlinkat_prepare, unlinkat_run, path_capture, 0},
    [KEVY_OP_MKDIRAT] = {mkdirat_prepare, mkdirat_run, path_capture, 0},
    [KEVY_OP_SYMLINKAT] = {symlinkat_prepare, symlinkat_run, path_capture, 0},
    [KEVY_OP_LINKAT] = {path_prepare, linkat_run, path_capture, 0},
    [KEVY_OP_FSETXATTR] = {xattr_prepare, fsetxattr_run, path_capture, OPERATION_FILE},
    [KEVY_OP_SETXATTR] = {xattr_prepare, setxattr_run, path_capture, 0},
    [KEVY_OP_FGETXATTR] = {xattr_prepare, fgetxattr_run, path_capture, OPERATION_FILE},
    [KEVY_OP_GETXATTR] = {xattr_prepare, getxattr_run, path_capture, 0},
    [KEVY_OP_SOCKET] = {socket_prepare, socket_run, NULL, 0},
    [KEVY_OP_URING_CMD] = {command_prepare, command_run, NULL, OPERATION_FILE},
    [KEVY_OP_READ_MULTISHOT] = {read_multishot_prepare, read_multishot_run, NULL, FILE_READ},
    [KEVY_OP_WAITID] = {waitid_prepare, waitid_run, NULL, 0},
    [KEVY_OP_FIXED_FD_INSTALL] = {install_prepare, install_run, NULL, OPERATION_FILE},
    [KEVY_OP_FTRUNCATE] = {ftruncate_prepare, ftruncate_run, NULL, OPERATION_FILE},
    [KEVY_OP_BIND] = {bind_prepare, bind_run, connect_capture, OPERATION_FILE},
    [KEVY_OP_LISTEN] = {listen_prepare, listen_run, NULL, OPERATION_FILE},
    [KEVY_OP_EPOLL_WAIT] = {epoll_wait_prepare, epoll_wait_run, NULL, OPERATION_FILE},
    [KEVY_OP_READV_FIXED] = {fixed_prepare, transfer_run, vectors_capture, FILE_WRITE},
    [KEVY_OP_WRITEV_FIXED] = {fixed_prepare, transfer_run, vectors_capture, FILE_WRITE},
    [KEVY_OP_PIPE] = {pipe_prepare, pipe_run, NULL, 0},
};

#endif /* KEVY_RING_SUPPORTED */
