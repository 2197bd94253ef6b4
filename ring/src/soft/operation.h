/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The operations, for their table. Each file has the model of its own. */
#ifndef KEVY_RING_SRC_SOFT_OPERATION_H
#define KEVY_RING_SRC_SOFT_OPERATION_H

#include "soft.h"

int accept_prepare(struct soft *soft, struct request *request);
int accept_run(struct soft *soft, struct request *request);
int advice_prepare(struct soft *soft, struct request *request);
int bind_prepare(struct soft *soft, struct request *request);
int bind_run(struct soft *soft, struct request *request);
int cancel_prepare(struct soft *soft, struct request *request);
int cancel_run(struct soft *soft, struct request *request);
int close_prepare(struct soft *soft, struct request *request);
int close_run(struct soft *soft, struct request *request);
int command_prepare(struct soft *soft, struct request *request);
int command_run(struct soft *soft, struct request *request);
int connect_capture(struct soft *soft, struct request *request);
int connect_prepare(struct soft *soft, struct request *request);
int connect_run(struct soft *soft, struct request *request);
int epoll_ctl_run(struct soft *soft, struct request *request);
int epoll_wait_prepare(struct soft *soft, struct request *request);
int epoll_wait_run(struct soft *soft, struct request *request);
int fadvise_run(struct soft *soft, struct request *request);
int fallocate_prepare(struct soft *soft, struct request *request);
int fallocate_run(struct soft *soft, struct request *request);
int fgetxattr_run(struct soft *soft, struct request *request);
int files_update_prepare(struct soft *soft, struct request *request);
int files_update_run(struct soft *soft, struct request *request);
int fixed_prepare(struct soft *soft, struct request *request);
int fsetxattr_run(struct soft *soft, struct request *request);
int fsync_prepare(struct soft *soft, struct request *request);
int fsync_run(struct soft *soft, struct request *request);
int ftruncate_prepare(struct soft *soft, struct request *request);
int ftruncate_run(struct soft *soft, struct request *request);
int getxattr_run(struct soft *soft, struct request *request);
int install_prepare(struct soft *soft, struct request *request);
int install_run(struct soft *soft, struct request *request);
int link_timeout_prepare(struct soft *soft, struct request *request);
int link_timeout_run(struct soft *soft, struct request *request);
int linkat_run(struct soft *soft, struct request *request);
int listen_prepare(struct soft *soft, struct request *request);
int listen_run(struct soft *soft, struct request *request);
int madvise_run(struct soft *soft, struct request *request);
int mkdirat_prepare(struct soft *soft, struct request *request);
int mkdirat_run(struct soft *soft, struct request *request);
int nop_prepare(struct soft *soft, struct request *request);
int nop_run(struct soft *soft, struct request *request);
int open_prepare(struct soft *soft, struct request *request);
int open_run(struct soft *soft, struct request *request);
int path_capture(struct soft *soft, struct request *request);
int path_prepare(struct soft *soft, struct request *request);
int pipe_prepare(struct soft *soft, struct request *request);
int pipe_run(struct soft *soft, struct request *request);
int poll_prepare(struct soft *soft, struct request *request);
int poll_remove_prepare(struct soft *soft, struct request *request);
int poll_remove_run(struct soft *soft, struct request *request);
int poll_run(struct soft *soft, struct request *request);
int range_prepare(struct soft *soft, struct request *request);
int range_run(struct soft *soft, struct request *request);
int read_multishot_prepare(struct soft *soft, struct request *request);
int read_multishot_run(struct soft *soft, struct request *request);
int read_prepare(struct soft *soft, struct request *request);
int recv_prepare(struct soft *soft, struct request *request);
int recv_run(struct soft *soft, struct request *request);
int recvmsg_capture(struct soft *soft, struct request *request);
int recvmsg_prepare(struct soft *soft, struct request *request);
int recvmsg_run(struct soft *soft, struct request *request);
int renameat_run(struct soft *soft, struct request *request);
int send_capture(struct soft *soft, struct request *request);
int send_prepare(struct soft *soft, struct request *request);
int send_run(struct soft *soft, struct request *request);
int sendmsg_prepare(struct soft *soft, struct request *request);
int sendmsg_run(struct soft *soft, struct request *request);
int setxattr_run(struct soft *soft, struct request *request);
int shutdown_prepare(struct soft *soft, struct request *request);
int shutdown_run(struct soft *soft, struct request *request);
int socket_prepare(struct soft *soft, struct request *request);
int socket_run(struct soft *soft, struct request *request);
int splice_prepare(struct soft *soft, struct request *request);
int splice_run(struct soft *soft, struct request *request);
int statx_run(struct soft *soft, struct request *request);
int symlinkat_prepare(struct soft *soft, struct request *request);
int symlinkat_run(struct soft *soft, struct request *request);
int timeout_prepare(struct soft *soft, struct request *request);
int timeout_remove_prepare(struct soft *soft, struct request *request);
int timeout_remove_run(struct soft *soft, struct request *request);
int timeout_run(struct soft *soft, struct request *request);
int transfer_run(struct soft *soft, struct request *request);
int unlinkat_prepare(struct soft *soft, struct request *request);
int unlinkat_run(struct soft *soft, struct request *request);
int vectors_capture(struct soft *soft, struct request *request);
int waitid_prepare(struct soft *soft, struct request *request);
int waitid_run(struct soft *soft, struct request *request);
int write_prepare(struct soft *soft, struct request *request);
int xattr_prepare(struct soft *soft, struct request *request);
int send_quick(struct soft *soft, const struct kevy_sqe *sqe);
int sendmsg_quick(struct soft *soft, const struct kevy_sqe *sqe);

/* operation.c: the table. `run` is NULL for what the soft kernel does not do. */
extern const struct operation operations[KEVY_OP_LAST];

#endif
