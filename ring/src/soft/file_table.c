/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Registered files, and what is done with them: KEVY_OP_FILES_UPDATE, KEVY_OP_FIXED_FD_INSTALL.
 *
 * Model. A slot holds a descriptor of our own: a duplicate of the one that was registered, or the
 * one that an accept or an open has made for it. So the file stays when the user closes the
 * original, as in io_uring. Unlike there, it takes a number of the process.
 *
 * Invariants. A slot's descriptor is closed when the slot is emptied or filled anew; requests in
 * flight on it keep the file until they end (descriptor.c). Slots have no tags.
 */
#include "soft.h"

#if KEVY_RING_SUPPORTED

#include <fcntl.h>

#define SLOTS_MAX (1U << 20)

static int duplicate(struct soft *soft, int fd)
{
    return soft->os->fcntl(soft->os, fd, F_DUPFD_CLOEXEC, 0);
}

static void slot_set(struct soft *soft, uint32_t slot, int fd)
{
    int before = soft->files.fds[slot];

    soft->files.fds[slot] = fd;
    if (before >= 0)
        (void)descriptor_close(soft, before);
}

/* An empty slot of those that are ours to choose, or -ENFILE. */
static int slot_choose(struct soft *soft)
{
    struct file_table *files = &soft->files;
    uint32_t room = files->end - files->first;

    for (uint32_t step = 0; step < room; step++) {
        uint32_t slot = files->first + (files->hint - files->first + step) % room;

        if (files->fds[slot] < 0) {
            files->hint = slot + 1 < files->end ? slot + 1 : files->first;
            return (int)slot;
        }
    }
    return -ENFILE;
}

/*
 * Puts a new descriptor into the slot that `file_index` names: one more than its number, or
 * KEVY_FILE_INDEX_ALLOC. The descriptor is ours in any case. Returns 0, or the slot chosen, or a
 * negative errno.
 */
int file_table_install(struct soft *soft, uint32_t file_index, int fd)
{
    bool chosen = file_index == KEVY_FILE_INDEX_ALLOC;
    int slot = (int)(file_index - 1);

    if (soft->files.fds == NULL)
        slot = -ENXIO;
    else if (chosen)
        slot = slot_choose(soft);
    else if (file_index > soft->files.count)
        slot = -EINVAL;
    if (slot < 0) {
        (void)descriptor_close(soft, fd);
        return slot;
    }
    slot_set(soft, (uint32_t)slot, fd);
    return chosen ? slot : 0;
}

int file_table_empty(struct soft *soft, uint32_t slot)
{
    if (soft->files.fds == NULL)
        return -ENXIO;
    if (slot >= soft->files.count)
        return -EINVAL;
    if (soft->files.fds[slot] < 0)
        return -EBADF;
    slot_set(soft, slot, -1);
    return 0;
}

/* Puts duplicates of `fds` into the slots from `first`. Returns how many; an error only for the
 * first. */
static int slots_update(struct soft *soft, uint32_t first, const int32_t *fds, uint32_t count)
{
    uint32_t done;

    for (done = 0; done < count; done++) {
        int fd = fds[done];

        if (fd == KEVY_REGISTER_FILES_SKIP)
            continue;
        if (fd < -1)
            return done != 0 ? (int)done : -EBADF;
        if (fd >= 0) {
            fd = fd != soft->epoll_fd ? duplicate(soft, fd) : -EBADF;
            if (fd < 0)
                return done != 0 ? (int)done : fd;
        }
        slot_set(soft, first + done, fd);
    }
    return (int)done;
}

int file_table_update(struct soft *soft, uint32_t first, const int32_t *fds, uint32_t count)
{
    if (soft->files.fds == NULL)
        return -ENXIO;
    if (count == 0 || first > soft->files.count || count > soft->files.count - first)
        return -EINVAL;
    return slots_update(soft, first, fds, count);
}

int file_table_unregister(struct soft *soft)
{
    struct file_table *files = &soft->files;

    if (files->fds == NULL)
        return -ENXIO;
    for (uint32_t slot = 0; slot < files->count; slot++)
        if (files->fds[slot] >= 0)
            slot_set(soft, slot, -1);
    pages_give(soft, files->fds);
    memset(files, 0, sizeof *files);
    return 0;
}

/* Makes a table of `count` slots, empty with `fds` NULL. */
int file_table_register(struct soft *soft, const int32_t *fds, uint32_t count)
{
    struct file_table *files = &soft->files;
    int result = 0;

    if (files->fds != NULL)
        return -EBUSY;
    if (count == 0)
        return -EINVAL;
    if (count > SLOTS_MAX)
        return -EMFILE;
    files->fds = pages_take(soft, count * sizeof *files->fds);
    if (files->fds == NULL)
        return -ENOMEM;
    files->count = files->end = count;
    for (uint32_t slot = 0; slot < count; slot++)
        files->fds[slot] = -1;
    if (fds != NULL)
        result = slots_update(soft, 0, fds, count);
    if (result < 0 || (fds != NULL && (uint32_t)result != count)) {
        (void)file_table_unregister(soft);
        return result < 0 ? result : -EBADF;
    }
    return 0;
}

/* The slots that are ours to choose. */
int file_table_range(struct soft *soft, const struct kevy_file_index_range *range)
{
    struct file_table *files = &soft->files;

    if (range->resv != 0)
        return -EINVAL;
    if (range->len > UINT32_MAX - range->off)
        return -EOVERFLOW;
    if (range->off + range->len > files->count)
        return -EINVAL;
    files->first = files->hint = range->off;
    files->end = range->off + range->len;
    return 0;
}

int files_update_prepare(struct soft *soft, struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;

    (void)soft;
    if ((sqe->flags & KEVY_SQE_FIXED_FILE) != 0 || sqe->rw_flags != 0 || sqe->splice_fd_in != 0 ||
        sqe->len == 0)
        return -EINVAL;
    return sqe->addr == 0 ? -EFAULT : 0;
}

/* Puts each descriptor into a slot of our choice, and writes its number over it. */
static int files_choose(struct soft *soft, int32_t *fds, uint32_t count)
{
    uint32_t done;

    for (done = 0; done < count; done++) {
        int fd = duplicate(soft, fds[done]);
        int slot = fd < 0 ? fd : file_table_install(soft, KEVY_FILE_INDEX_ALLOC, fd);

        if (slot < 0)
            return done != 0 ? (int)done : slot;
        fds[done] = slot;
    }
    return (int)done;
}

int files_update_run(struct soft *soft, struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;
    int32_t *fds = sqe_pointer(sqe->addr);

    if (soft->files.fds == NULL)
        return -ENXIO;
    if ((uint32_t)sqe->off == KEVY_FILE_INDEX_ALLOC)
        return files_choose(soft, fds, sqe->len);
    return file_table_update(soft, (uint32_t)sqe->off, fds, sqe->len);
}

int install_prepare(struct soft *soft, struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;

    (void)soft;
    if (sqe->off != 0 || sqe->addr != 0 || sqe->len != 0 || sqe->buf_index != 0 ||
        sqe->splice_fd_in != 0 || sqe->addr3 != 0)
        return -EINVAL;
    if ((sqe->flags & KEVY_SQE_FIXED_FILE) == 0)
        return -EBADF;
    return (sqe->install_fd_flags & ~KEVY_FIXED_FD_NO_CLOEXEC) != 0 ? -EINVAL : 0;
}

int install_run(struct soft *soft, struct request *request)
{
    bool inherited = (request->sqe.install_fd_flags & KEVY_FIXED_FD_NO_CLOEXEC) != 0;

    return soft->os->fcntl(soft->os, request->sqe.fd, inherited ? F_DUPFD : F_DUPFD_CLOEXEC, 0);
}

#endif /* KEVY_RING_SUPPORTED */
