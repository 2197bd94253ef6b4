/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * io_uring_register: a table of small functions. What is not in it is answered with -EINVAL, as by
 * an older kernel.
 *
 * Not here: eventfds, which nobody could signal while the owner sleeps in another loop (poll the
 * ring's descriptor); registered ring descriptors and regions for waits, which save what an enter
 * here does not cost; workers, credentials, NAPI, other sizes for a living ring.
 */
#include "group.h"
#include "registration.h"

#if KEVY_RING_SUPPORTED

#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>

typedef int (*registration_call)(struct soft *soft, void *argument, uint32_t count);

static int buffers_add(struct soft *soft, void *argument, uint32_t count)
{
    return argument == NULL ? -EFAULT : buffer_table_register(soft, argument, count);
}

static int buffers_remove(struct soft *soft, void *argument, uint32_t count)
{
    return argument != NULL || count != 0 ? -EINVAL : buffer_table_unregister(soft);
}

static int files_add(struct soft *soft, void *argument, uint32_t count)
{
    return argument == NULL ? -EFAULT : file_table_register(soft, argument, count);
}

static int files_remove(struct soft *soft, void *argument, uint32_t count)
{
    return argument != NULL || count != 0 ? -EINVAL : file_table_unregister(soft);
}

static int files_change(struct soft *soft, void *argument, uint32_t count)
{
    const struct kevy_rsrc_update *update = argument;

    if (update->resv != 0)
        return -EINVAL;
    return file_table_update(soft, update->offset, sqe_pointer(update->data), count);
}

/* The newer forms of both tables. Their tags would have to be told when they are no longer in use;
 * a table without them is all there is. */
static int table_check(const struct kevy_rsrc_register *table, uint32_t count)
{
    if (count != sizeof *table || table->resv2 != 0 || table->tags != 0 ||
        (table->flags & ~KEVY_RSRC_REGISTER_SPARSE) != 0)
        return -EINVAL;
    if ((table->flags & KEVY_RSRC_REGISTER_SPARSE) != 0)
        return table->data != 0 ? -EINVAL : 0;
    return table->data == 0 ? -EFAULT : 0;
}

static int files_add_2(struct soft *soft, void *argument, uint32_t count)
{
    const struct kevy_rsrc_register *table = argument;
    int error = table_check(table, count);

    return error < 0 ? error : file_table_register(soft, sqe_pointer(table->data), table->nr);
}

static int buffers_add_2(struct soft *soft, void *argument, uint32_t count)
{
    const struct kevy_rsrc_register *table = argument;
    int error = table_check(table, count);

    return error < 0 ? error : buffer_table_register(soft, sqe_pointer(table->data), table->nr);
}

static int update_check(const struct kevy_rsrc_update2 *update, uint32_t count)
{
    return count != sizeof *update || update->resv != 0 || update->resv2 != 0 || update->tags != 0
               ? -EINVAL
               : 0;
}

static int files_change_2(struct soft *soft, void *argument, uint32_t count)
{
    const struct kevy_rsrc_update2 *update = argument;
    int error = update_check(update, count);

    return error < 0
               ? error
               : file_table_update(soft, update->offset, sqe_pointer(update->data), update->nr);
}

static int buffers_change(struct soft *soft, void *argument, uint32_t count)
{
    const struct kevy_rsrc_update2 *update = argument;
    int error = update_check(update, count);

    return error < 0
               ? error
               : buffer_table_update(soft, update->offset, sqe_pointer(update->data), update->nr);
}

static int files_range(struct soft *soft, void *argument, uint32_t count)
{
    return count != 0 ? -EINVAL : file_table_range(soft, argument);
}

/* openat2 is newer than our floor, and some profiles refuse it: asked with nothing to open. */
static bool openat2_works(const struct soft *soft)
{
#ifdef SYS_openat2
    const long arguments[6] = {-1, 0, 0, 0};
    long result = soft->os->call(soft->os, SYS_openat2, arguments);

    return result != -ENOSYS && result != -EPERM && result != -EACCES;
#else
    (void)soft;
    return false;
#endif
}

static int probe(struct soft *soft, void *argument, uint32_t count)
{
    struct kevy_probe *answer = argument;

    if (count > KEVY_PROBE_OPS_MAX)
        return -EINVAL;
    if (count > KEVY_OP_LAST)
        count = KEVY_OP_LAST;
    answer->last_op = KEVY_OP_PIPE;
    answer->ops_len = (uint8_t)count;
    for (uint32_t opcode = 0; opcode < count; opcode++) {
        answer->ops[opcode].op = (uint8_t)opcode;
        if (soft->operations[opcode].run != NULL &&
            (opcode != KEVY_OP_OPENAT2 || openat2_works(soft)))
            answer->ops[opcode].flags = KEVY_OP_SUPPORTED;
    }
    return 0;
}

static int enable(struct soft *soft, void *argument, uint32_t count)
{
    if (argument != NULL || count != 0)
        return -EINVAL;
    if ((soft->setup_flags & KEVY_SETUP_R_DISABLED) == 0)
        return -EBADFD;
    soft->setup_flags &= ~KEVY_SETUP_R_DISABLED;
    soft->owner = pthread_self();
    soft->restrictions.in_force = soft->restrictions.given;
    return 0;
}

static int group_add(struct soft *soft, void *argument, uint32_t count)
{
    return count != 1 ? -EINVAL : group_register(soft, argument);
}

static int group_remove(struct soft *soft, void *argument, uint32_t count)
{
    return count != 1 ? -EINVAL : group_unregister(soft, argument);
}

static int group_tell(struct soft *soft, void *argument, uint32_t count)
{
    return count != 1 ? -EINVAL : group_status(soft, argument);
}

static int cancel(struct soft *soft, void *argument, uint32_t count)
{
    const struct kevy_sync_cancel_reg *registration = argument;
    struct cancel_key key = {.user_data = registration->addr,
                             .fd = registration->fd,
                             .flags = registration->flags,
                             .opcode = registration->opcode};
    int result = count != 1 ? -EINVAL : cancel_flags_check(registration->flags);

    if (result == 0)
        result = cancel_answer(soft, &key);
    cq_look(soft);
    ready_run(soft); /* the call returns when what it has cancelled is over */
    cq_publish(soft);
    return result;
}

static int clock_set(struct soft *soft, void *argument, uint32_t count)
{
    const struct kevy_clock_register *registration = argument;

    if (count != 0 || registration->resv[0] != 0 || registration->resv[1] != 0 ||
        registration->resv[2] != 0)
        return -EINVAL;
    if (registration->clockid != CLOCK_MONOTONIC && registration->clockid != CLOCK_BOOTTIME)
        return -EINVAL;
    soft->clock = (int32_t)registration->clockid;
    return 0;
}

static const registration_call calls[KEVY_REGISTER_LAST] = {
    [KEVY_REGISTER_BUFFERS] = buffers_add,
    [KEVY_UNREGISTER_BUFFERS] = buffers_remove,
    [KEVY_REGISTER_FILES] = files_add,
    [KEVY_UNREGISTER_FILES] = files_remove,
    [KEVY_REGISTER_FILES_UPDATE] = files_change,
    [KEVY_REGISTER_PROBE] = probe,
    [KEVY_REGISTER_RESTRICTIONS] = restrictions_set,
    [KEVY_REGISTER_ENABLE_RINGS] = enable,
    [KEVY_REGISTER_FILES2] = files_add_2,
    [KEVY_REGISTER_FILES_UPDATE2] = files_change_2,
    [KEVY_REGISTER_BUFFERS2] = buffers_add_2,
    [KEVY_REGISTER_BUFFERS_UPDATE] = buffers_change,
    [KEVY_REGISTER_PBUF_RING] = group_add,
    [KEVY_UNREGISTER_PBUF_RING] = group_remove,
    [KEVY_REGISTER_SYNC_CANCEL] = cancel,
    [KEVY_REGISTER_FILE_ALLOC_RANGE] = files_range,
    [KEVY_REGISTER_PBUF_STATUS] = group_tell,
    [KEVY_REGISTER_CLOCK] = clock_set,
};

bool registration_known(uint32_t opcode)
{
    return opcode < KEVY_REGISTER_LAST && calls[opcode] != NULL;
}

/* A message to this ring, from any thread. */
static int message(struct soft *soft, const struct kevy_sqe *sqe, uint32_t count)
{
    if (count != 1 || sqe->opcode != KEVY_OP_MSG_RING || sqe->flags != 0 ||
        sqe->addr != KEVY_MSG_DATA)
        return -EINVAL;
    if ((sqe->msg_ring_flags & ~KEVY_MSG_RING_FLAGS_PASS) != 0)
        return -EINVAL;
    if (sqe->fd != soft->epoll_fd)
        return -EBADFD;
    return message_send(soft, sqe);
}

/* What the soft kernel has to offer, as KEVY_REGISTER_QUERY tells it. */
static int query_opcodes(const struct kevy_query_hdr *header)
{
    struct kevy_query_opcode answer = {
        .nr_request_opcodes = KEVY_OP_PIPE + 1,
        .nr_register_opcodes = KEVY_REGISTER_QUERY + 1,
        .feature_flags = SOFT_FEATURES,
        .ring_setup_flags = SOFT_SETUP_FLAGS,
        .enter_flags = SOFT_ENTER_FLAGS,
        .sqe_flags = SOFT_SQE_FLAGS,
        .nr_query_opcodes = 1,
    };
    size_t size = header->size < sizeof answer ? header->size : sizeof answer;

    memcpy(sqe_pointer(header->query_data), &answer, size);
    return 0;
}

static int query(struct kevy_query_hdr *header, uint32_t count)
{
    if (count != 0)
        return -EINVAL;
    while (header != NULL) {
        header->result =
            header->query_op == KEVY_QUERY_OPCODES ? query_opcodes(header) : -EOPNOTSUPP;
        header = sqe_pointer(header->next_entry);
    }
    return 0;
}

static int register_check(const struct soft *soft, int fd, uint32_t opcode)
{
    if (fd != soft->epoll_fd)
        return -EBADF;
    if ((soft->setup_flags & (KEVY_SETUP_SINGLE_ISSUER | KEVY_SETUP_R_DISABLED)) ==
            KEVY_SETUP_SINGLE_ISSUER &&
        !pthread_equal(soft->owner, pthread_self()))
        return -EEXIST;
    if (soft->restrictions.in_force && opcode < KEVY_REGISTER_LAST &&
        !restrictions_permit(soft, opcode))
        return -EACCES;
    return 0;
}

int soft_register(void *state, int fd, uint32_t opcode, void *argument, uint32_t count)
{
    struct soft *soft = state;
    int error;

    if (fd == -1 && opcode == KEVY_REGISTER_SEND_MSG_RING)
        return message(soft, argument, count);
    if (fd == -1)
        return opcode == KEVY_REGISTER_QUERY ? query(argument, count) : -EINVAL;
    error = register_check(soft, fd, opcode);
    if (error < 0)
        return error;
    return registration_known(opcode) ? calls[opcode](soft, argument, count) : -EINVAL;
}

#endif /* KEVY_RING_SUPPORTED */
