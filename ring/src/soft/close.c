/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* KEVY_OP_CLOSE: a descriptor, or a slot of the registered files. */
#include "soft.h"

#if KEVY_RING_SUPPORTED

int close_prepare(struct soft *soft, struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;

    (void)soft;
    if (sqe->off != 0 || sqe->addr != 0 || sqe->len != 0 || sqe->rw_flags != 0 ||
        sqe->buf_index != 0)
        return -EINVAL;
    if (sqe->flags & KEVY_SQE_FIXED_FILE)
        return -EBADF;
    return sqe->file_index != 0 && sqe->fd != 0 ? -EINVAL : 0;
}

int close_run(struct soft *soft, struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;

    if (sqe->file_index != 0)
        return file_table_empty(soft, sqe->file_index - 1);
    if (sqe->fd == soft->epoll_fd)
        return -EBADF; /* the ring itself */
    return descriptor_close(soft, sqe->fd);
}

#endif /* KEVY_RING_SUPPORTED */
