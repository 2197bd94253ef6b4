/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Files by their names: open, stat, rename, unlink, link, make a folder, extended attributes.
 *
 * Model. Each is the system call of its name, made when the request begins. None of them waits for
 * another process: a FIFO is opened with O_NONBLOCK, which is taken back afterwards. So a FIFO for
 * reading opens at once, and one that nobody reads answers -ENXIO to who wants to write.
 *
 * Invariants. A request that begins later than its submit has copies of the strings that its SQE
 * names.
 */
#include "soft.h"

#if KEVY_RING_SUPPORTED

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

/* Which fields of the SQE name strings. */
#define STRING_ADDR  1U
#define STRING_ADDR2 2U
#define STRING_ADDR3 4U
/* `len` bytes at addr2: a value, or a struct. */
#define BYTES_ADDR2 8U

#define BYTES_MAX 65536U /* of an attribute, and more than any struct has */

static long call(struct soft *soft, long number, long a, long b, long c, long d, long e)
{
    const long arguments[6] = {a, b, c, d, e};

    return soft->os->call(soft->os, number, arguments);
}

static uint32_t strings_of(uint8_t opcode)
{
    switch (opcode) {
    case KEVY_OP_RENAMEAT:
    case KEVY_OP_LINKAT:
    case KEVY_OP_SYMLINKAT:
        return STRING_ADDR | STRING_ADDR2;
    case KEVY_OP_FSETXATTR:
        return STRING_ADDR | BYTES_ADDR2;
    case KEVY_OP_SETXATTR:
        return STRING_ADDR | BYTES_ADDR2 | STRING_ADDR3;
    case KEVY_OP_GETXATTR:
        return STRING_ADDR | STRING_ADDR3;
    case KEVY_OP_OPENAT2:
        return STRING_ADDR | BYTES_ADDR2;
    default:
        return STRING_ADDR;
    }
}

/* Moves the `size` bytes at *word to `place`, and has it point there. Returns what is behind. */
static char *bytes_move(uint64_t *word, size_t size, char *place)
{
    if (size == 0)
        return place;
    memcpy(place, sqe_pointer(*word), size);
    *word = (uint64_t)(uintptr_t)place;
    return place + size;
}

static size_t string_size(uint32_t strings, uint32_t field, uint64_t word)
{
    return (strings & field) != 0 && word != 0 ? strlen(sqe_pointer(word)) + 1 : 0;
}

int path_capture(struct soft *soft, struct request *request)
{
    struct kevy_sqe *sqe = &request->sqe;
    uint32_t strings = strings_of(sqe->opcode);
    size_t first = string_size(strings, STRING_ADDR, sqe->addr);
    size_t third = string_size(strings, STRING_ADDR3, sqe->addr3);
    size_t second = string_size(strings, STRING_ADDR2, sqe->addr2);
    char *place;

    if ((strings & BYTES_ADDR2) != 0 && sqe->addr2 != 0)
        second = sqe->len;
    if (second > BYTES_MAX)
        return -E2BIG;
    request->captured = place = capture_take(soft, second + first + third);
    if (place == NULL)
        return -ENOMEM;
    place = bytes_move(&sqe->addr2, second, place); /* in front: a struct has to be aligned */
    place = bytes_move(&sqe->addr, first, place);
    (void)bytes_move(&sqe->addr3, third, place);
    return 0;
}

/* The fields that no request by name uses. */
static int fields_check(const struct kevy_sqe *sqe)
{
    if (sqe->buf_index != 0)
        return -EINVAL;
    return sqe->flags & KEVY_SQE_FIXED_FILE ? -EBADF : 0;
}

int path_prepare(struct soft *soft, struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;

    (void)soft;
    if (sqe->splice_fd_in != 0)
        return -EINVAL;
    return fields_check(sqe);
}

int open_prepare(struct soft *soft, struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;
    const struct kevy_open_how *how = sqe_pointer(sqe->off);
    uint64_t flags = sqe->open_flags;

    (void)soft;
    if (sqe->opcode == KEVY_OP_OPENAT2) {
        if (sqe->len < sizeof *how)
            return -EINVAL;
        if (how == NULL)
            return -EFAULT;
        flags = how->flags;
    }
    if (sqe->file_index != 0 && (flags & O_CLOEXEC) != 0)
        return -EINVAL;
    return fields_check(sqe);
}

static long open_call(struct soft *soft, const struct request *request, uint64_t flags)
{
    const struct kevy_sqe *sqe = &request->sqe;
    struct kevy_open_how how;

    if (sqe->opcode == KEVY_OP_OPENAT)
        return call(soft, SYS_openat, sqe->fd, (long)sqe->addr, (long)flags, (long)sqe->len, 0);
    memcpy(&how, sqe_pointer(sqe->off), sizeof how);
    how.flags = flags;
    if (sqe->len == sizeof how)
        return call(soft, SYS_openat2, sqe->fd, (long)sqe->addr, (long)&how, sizeof how, 0);
    return call(soft, SYS_openat2, sqe->fd, (long)sqe->addr, (long)sqe->off, (long)sqe->len, 0);
}

int open_run(struct soft *soft, struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;
    const struct kevy_open_how *how = sqe_pointer(sqe->off);
    uint64_t asked = sqe->opcode == KEVY_OP_OPENAT2 ? how->flags : sqe->open_flags;
    uint64_t flags = asked | (sqe->file_index != 0 ? O_CLOEXEC : 0U);
    bool added = (asked & (O_NONBLOCK | O_PATH)) == 0;
    long fd = open_call(soft, request, added ? flags | O_NONBLOCK : flags);

    if (fd < 0)
        return (int)fd;
    if (added)
        (void)soft->os->fcntl(soft->os, (int)fd, F_SETFL, (long)asked);
    if (sqe->file_index == 0)
        return (int)fd;
    return file_table_install(soft, sqe->file_index, (int)fd);
}

int statx_run(struct soft *soft, struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;

    return (int)call(soft, SYS_statx, sqe->fd, (long)sqe->addr, (long)sqe->statx_flags,
                     (long)sqe->len, (long)sqe->off);
}

int renameat_run(struct soft *soft, struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;

    return (int)call(soft, SYS_renameat2, sqe->fd, (long)sqe->addr, (int)sqe->len, (long)sqe->addr2,
                     (long)sqe->rename_flags);
}

int unlinkat_prepare(struct soft *soft, struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;

    if (sqe->off != 0 || sqe->len != 0 || (sqe->unlink_flags & ~(uint32_t)AT_REMOVEDIR) != 0)
        return -EINVAL;
    return path_prepare(soft, request);
}

int unlinkat_run(struct soft *soft, struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;

    return (int)call(soft, SYS_unlinkat, sqe->fd, (long)sqe->addr, (long)sqe->unlink_flags, 0, 0);
}

int mkdirat_prepare(struct soft *soft, struct request *request)
{
    return request->sqe.off != 0 || request->sqe.rw_flags != 0 ? -EINVAL
                                                               : path_prepare(soft, request);
}

int mkdirat_run(struct soft *soft, struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;

    return (int)call(soft, SYS_mkdirat, sqe->fd, (long)sqe->addr, (long)sqe->len, 0, 0);
}

int symlinkat_prepare(struct soft *soft, struct request *request)
{
    return request->sqe.len != 0 || request->sqe.rw_flags != 0 ? -EINVAL
                                                               : path_prepare(soft, request);
}

int symlinkat_run(struct soft *soft, struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;

    return (int)call(soft, SYS_symlinkat, (long)sqe->addr, sqe->fd, (long)sqe->addr2, 0, 0);
}

int linkat_run(struct soft *soft, struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;

    return (int)call(soft, SYS_linkat, sqe->fd, (long)sqe->addr, (int)sqe->len, (long)sqe->addr2,
                     (long)sqe->hardlink_flags);
}

int xattr_prepare(struct soft *soft, struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;
    bool reads = sqe->opcode == KEVY_OP_GETXATTR || sqe->opcode == KEVY_OP_FGETXATTR;
    bool by_fd = sqe->opcode == KEVY_OP_FSETXATTR || sqe->opcode == KEVY_OP_FGETXATTR;

    (void)soft;
    if (!by_fd && (sqe->flags & KEVY_SQE_FIXED_FILE) != 0)
        return -EBADF;
    if ((sqe->xattr_flags & ~(reads ? 0U : XATTR_CREATE | XATTR_REPLACE)) != 0)
        return -EINVAL;
    return !reads && sqe->len > BYTES_MAX ? -E2BIG : 0;
}

int fsetxattr_run(struct soft *soft, struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;

    return (int)call(soft, SYS_fsetxattr, sqe->fd, (long)sqe->addr, (long)sqe->addr2,
                     (long)sqe->len, (long)sqe->xattr_flags);
}

int setxattr_run(struct soft *soft, struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;

    return (int)call(soft, SYS_setxattr, (long)sqe->addr3, (long)sqe->addr, (long)sqe->addr2,
                     (long)sqe->len, (long)sqe->xattr_flags);
}

int fgetxattr_run(struct soft *soft, struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;

    return (int)call(soft, SYS_fgetxattr, sqe->fd, (long)sqe->addr, (long)sqe->addr2,
                     (long)sqe->len, 0);
}

int getxattr_run(struct soft *soft, struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;

    return (int)call(soft, SYS_getxattr, (long)sqe->addr3, (long)sqe->addr, (long)sqe->addr2,
                     (long)sqe->len, 0);
}

#endif /* KEVY_RING_SUPPORTED */
