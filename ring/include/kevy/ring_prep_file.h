/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/ring_prep_file.h - open files: open, read, write, splice, sync, allocate, advise.
 *
 * Model. `offset` counts bytes from the start of the file; KEVY_OFFSET_CURRENT means the file's own
 * position, which reads and writes in flight at once race for, and is the only choice where nothing
 * can seek. A short read or write is normal. The `_fixed` forms work inside a registered buffer,
 * whose pages need no pinning each time. kevy_sqe_set_rw_flags() adds RWF_*.
 *
 * A direct open puts the file into a slot of the registered file table and not into a descriptor;
 * there O_CLOEXEC is refused. kevy_prep_close() and kevy_prep_close_direct() are in
 * <kevy/ring_prep_net.h>.
 *
 * Part of <kevy/ring_prep.h>, which explains the rules.
 */
#ifndef KEVY_RING_PREP_FILE_H
#define KEVY_RING_PREP_FILE_H

#include <kevy/ring_prep_base.h>

#if KEVY_RING_SUPPORTED

struct iovec;

KEVY_BEGIN_DECLS

/* Private: every read and write, `length_and_flags` and `buffer` being words. */
static inline void kevy_x_prep_rw(struct kevy_sqe *sqe, uint64_t head, const void *data,
                                  uint64_t length_and_flags, uint64_t offset, uint16_t buffer)
{
    kevy_x_sqe_store(sqe, head, offset, kevy_x_word_pointer(data), length_and_flags,
                     kevy_x_word_buffer(buffer, 0), 0);
}

/* read(2), pread(2) (5.6). res: bytes, 0 at the end of the file. `data` is PINNED. */
static inline void kevy_prep_read(struct kevy_sqe *sqe, int fd, void *data, uint32_t length,
                                  uint64_t offset)
{
    kevy_x_prep_rw(sqe, kevy_x_word_head(KEVY_OP_READ, 0, 0, fd), data,
                   kevy_x_word_32_32(length, 0), offset, 0);
}

/*
 * The same into a buffer of `buffer_group` (5.7), named by the upper 16 bits of the CQE's flags
 * with KEVY_CQE_F_BUFFER. At most `length` bytes, 0 for the buffer's size (6.0). -ENOBUFS: the
 * group is empty.
 */
static inline void kevy_prep_read_select(struct kevy_sqe *sqe, int fd, uint16_t buffer_group,
                                         uint32_t length, uint64_t offset)
{
    kevy_x_prep_rw(sqe, kevy_x_word_head(KEVY_OP_READ, KEVY_SQE_BUFFER_SELECT, 0, fd), 0,
                   kevy_x_word_32_32(length, 0), offset, buffer_group);
}

/*
 * Reads whenever there is something, each time into a buffer of `buffer_group` (6.7): for pipes,
 * terminals, eventfds and the like. Multishot; res: bytes each. -EBADFD: a file that cannot be
 * polled. -ENOBUFS ends it.
 */
static inline void kevy_prep_read_multishot(struct kevy_sqe *sqe, int fd, uint16_t buffer_group,
                                            uint64_t offset)
{
    kevy_x_prep_rw(sqe, kevy_x_word_head(KEVY_OP_READ_MULTISHOT, KEVY_SQE_BUFFER_SELECT, 0, fd), 0,
                   0, offset, buffer_group);
}

/* The same as read inside registered buffer `buffer_index`, where `data` lies (5.1). PINNED. */
static inline void kevy_prep_read_fixed(struct kevy_sqe *sqe, int fd, void *data, uint32_t length,
                                        uint64_t offset, uint16_t buffer_index)
{
    kevy_x_prep_rw(sqe, kevy_x_word_head(KEVY_OP_READ_FIXED, 0, 0, fd), data,
                   kevy_x_word_32_32(length, 0), offset, buffer_index);
}

/* preadv2(2) (5.1). res: bytes. The array is BORROWED, what it points to PINNED. */
static inline void kevy_prep_readv(struct kevy_sqe *sqe, int fd, const struct iovec *vectors,
                                   uint32_t count, uint64_t offset, uint32_t rw_flags)
{
    kevy_x_prep_rw(sqe, kevy_x_word_head(KEVY_OP_READV, 0, 0, fd), vectors,
                   kevy_x_word_32_32(count, rw_flags), offset, 0);
}

/* The same inside registered buffer `buffer_index`, where all vectors lie (6.15). */
static inline void kevy_prep_readv_fixed(struct kevy_sqe *sqe, int fd, const struct iovec *vectors,
                                         uint32_t count, uint64_t offset, uint32_t rw_flags,
                                         uint16_t buffer_index)
{
    kevy_x_prep_rw(sqe, kevy_x_word_head(KEVY_OP_READV_FIXED, 0, 0, fd), vectors,
                   kevy_x_word_32_32(count, rw_flags), offset, buffer_index);
}

/* write(2), pwrite(2) (5.6). res: bytes. `data` is PINNED. */
static inline void kevy_prep_write(struct kevy_sqe *sqe, int fd, const void *data, uint32_t length,
                                   uint64_t offset)
{
    kevy_x_prep_rw(sqe, kevy_x_word_head(KEVY_OP_WRITE, 0, 0, fd), data,
                   kevy_x_word_32_32(length, 0), offset, 0);
}

/* The same from registered buffer `buffer_index`, where `data` lies (5.1). */
static inline void kevy_prep_write_fixed(struct kevy_sqe *sqe, int fd, const void *data,
                                         uint32_t length, uint64_t offset, uint16_t buffer_index)
{
    kevy_x_prep_rw(sqe, kevy_x_word_head(KEVY_OP_WRITE_FIXED, 0, 0, fd), data,
                   kevy_x_word_32_32(length, 0), offset, buffer_index);
}

/* pwritev2(2) (5.1). res: bytes. The array is BORROWED, what it points to PINNED. */
static inline void kevy_prep_writev(struct kevy_sqe *sqe, int fd, const struct iovec *vectors,
                                    uint32_t count, uint64_t offset, uint32_t rw_flags)
{
    kevy_x_prep_rw(sqe, kevy_x_word_head(KEVY_OP_WRITEV, 0, 0, fd), vectors,
                   kevy_x_word_32_32(count, rw_flags), offset, 0);
}

/* The same from registered buffer `buffer_index`, where all vectors lie (6.15). */
static inline void kevy_prep_writev_fixed(struct kevy_sqe *sqe, int fd, const struct iovec *vectors,
                                          uint32_t count, uint64_t offset, uint32_t rw_flags,
                                          uint16_t buffer_index)
{
    kevy_x_prep_rw(sqe, kevy_x_word_head(KEVY_OP_WRITEV_FIXED, 0, 0, fd), vectors,
                   kevy_x_word_32_32(count, rw_flags), offset, buffer_index);
}

/*
 * Reads and writes only: protection information alongside the data (6.14, direct I/O to a device
 * that has it). `information` is BORROWED, what its addr points to PINNED.
 */
static inline void kevy_sqe_set_attribute_pi(struct kevy_sqe *sqe,
                                             const struct kevy_attr_pi *information)
{
    sqe->attr_ptr = kevy_x_word_pointer(information);
    sqe->attr_type_mask = KEVY_RW_ATTR_FLAG_PI;
}

/* Writes only: the device's write stream, from 1 (6.16, direct I/O to a device that has streams).
 */
static inline void kevy_sqe_set_write_stream(struct kevy_sqe *sqe, uint8_t stream)
{
    sqe->write_stream = stream;
}

/*
 * splice(2) (5.7): moves bytes between two files of which one is a pipe. res: bytes. A pipe's
 * offset is KEVY_OFFSET_CURRENT. KEVY_SQE_FIXED_FILE concerns `out_fd`; for `in_fd` it is
 * KEVY_SPLICE_F_FD_IN_FIXED among `splice_flags`. Always runs on an io-wq worker.
 */
static inline void kevy_prep_splice(struct kevy_sqe *sqe, int in_fd, uint64_t in_offset, int out_fd,
                                    uint64_t out_offset, uint32_t length, uint32_t splice_flags)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_SPLICE, 0, 0, out_fd), out_offset, in_offset,
                     kevy_x_word_32_32(length, splice_flags),
                     kevy_x_word_buffer(0, (uint32_t)in_fd), 0);
}

/* tee(2) (5.8): copies from pipe to pipe without consuming. res: bytes. Flags as for splice. */
static inline void kevy_prep_tee(struct kevy_sqe *sqe, int in_fd, int out_fd, uint32_t length,
                                 uint32_t splice_flags)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_TEE, 0, 0, out_fd), 0, 0,
                     kevy_x_word_32_32(length, splice_flags),
                     kevy_x_word_buffer(0, (uint32_t)in_fd), 0);
}

/* pipe2(2) (6.16). res: 0, and the read and write ends in `fds`, which is PINNED. */
static inline void kevy_prep_pipe(struct kevy_sqe *sqe, int fds[2], uint32_t pipe_flags)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_PIPE, 0, 0, 0), 0, kevy_x_word_pointer(fds),
                     kevy_x_word_32_32(0, pipe_flags), 0, 0);
}

/* The same into slots `slot` and `slot` + 1 (6.16), which `fds` receives; without O_CLOEXEC. */
static inline void kevy_prep_pipe_direct(struct kevy_sqe *sqe, int fds[2], uint32_t pipe_flags,
                                         uint32_t slot)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_PIPE, 0, 0, 0), 0, kevy_x_word_pointer(fds),
                     kevy_x_word_32_32(0, pipe_flags),
                     kevy_x_word_buffer(0, kevy_x_word_slot(slot)), 0);
}

/* The same into slots that the kernel chooses (6.16). -ENFILE: fewer than two are free. */
static inline void kevy_prep_pipe_direct_alloc(struct kevy_sqe *sqe, int fds[2],
                                               uint32_t pipe_flags)
{
    kevy_prep_pipe_direct(sqe, fds, pipe_flags, KEVY_FILE_INDEX_ALLOC);
}

/* Private: openat into a descriptor (file_index 0) or a slot. */
static inline void kevy_x_prep_openat_at(struct kevy_sqe *sqe, int dir_fd, const char *path,
                                         int open_flags, uint32_t mode, uint32_t file_index)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_OPENAT, 0, 0, dir_fd), 0,
                     kevy_x_word_pointer(path), kevy_x_word_32_32(mode, (uint32_t)open_flags),
                     kevy_x_word_buffer(0, file_index), 0);
}

/* openat(2) (5.6). res: the descriptor. `path` is BORROWED. */
static inline void kevy_prep_openat(struct kevy_sqe *sqe, int dir_fd, const char *path,
                                    int open_flags, uint32_t mode)
{
    kevy_x_prep_openat_at(sqe, dir_fd, path, open_flags, mode, 0);
}

/* The same into slot `slot` (5.15), without O_CLOEXEC. res: 0. */
static inline void kevy_prep_openat_direct(struct kevy_sqe *sqe, int dir_fd, const char *path,
                                           int open_flags, uint32_t mode, uint32_t slot)
{
    kevy_x_prep_openat_at(sqe, dir_fd, path, open_flags, mode, kevy_x_word_slot(slot));
}

/* The same into a slot that the kernel chooses (5.19). res: the slot; -ENFILE: the table is full.
 */
static inline void kevy_prep_openat_direct_alloc(struct kevy_sqe *sqe, int dir_fd, const char *path,
                                                 int open_flags, uint32_t mode)
{
    kevy_x_prep_openat_at(sqe, dir_fd, path, open_flags, mode, KEVY_FILE_INDEX_ALLOC);
}

/* Private: openat2 into a descriptor (file_index 0) or a slot. */
static inline void kevy_x_prep_openat2_at(struct kevy_sqe *sqe, int dir_fd, const char *path,
                                          const struct kevy_open_how *how, uint32_t file_index)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_OPENAT2, 0, 0, dir_fd), kevy_x_word_pointer(how),
                     kevy_x_word_pointer(path), kevy_x_word_32_32(sizeof *how, 0),
                     kevy_x_word_buffer(0, file_index), 0);
}

/* openat2(2) (5.6). res: the descriptor. `path` and `how` are BORROWED. */
static inline void kevy_prep_openat2(struct kevy_sqe *sqe, int dir_fd, const char *path,
                                     const struct kevy_open_how *how)
{
    kevy_x_prep_openat2_at(sqe, dir_fd, path, how, 0);
}

/* The same into slot `slot` (5.15), without O_CLOEXEC. res: 0. */
static inline void kevy_prep_openat2_direct(struct kevy_sqe *sqe, int dir_fd, const char *path,
                                            const struct kevy_open_how *how, uint32_t slot)
{
    kevy_x_prep_openat2_at(sqe, dir_fd, path, how, kevy_x_word_slot(slot));
}

/* The same into a slot that the kernel chooses (5.19). res: the slot; -ENFILE: the table is full.
 */
static inline void kevy_prep_openat2_direct_alloc(struct kevy_sqe *sqe, int dir_fd,
                                                  const char *path, const struct kevy_open_how *how)
{
    kevy_x_prep_openat2_at(sqe, dir_fd, path, how, KEVY_FILE_INDEX_ALLOC);
}

/*
 * fsync(2), or fdatasync(2) with KEVY_FSYNC_DATASYNC (5.1). res: 0. Not ordered after writes in
 * flight: link or drain.
 */
static inline void kevy_prep_fsync(struct kevy_sqe *sqe, int fd, uint32_t fsync_flags)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_FSYNC, 0, 0, fd), 0, 0,
                     kevy_x_word_32_32(0, fsync_flags), 0, 0);
}

/* The same for `length` bytes from `offset` (5.1); 0 bytes at offset 0 mean the whole file. res: 0.
 */
static inline void kevy_prep_fsync_range(struct kevy_sqe *sqe, int fd, uint64_t offset,
                                         uint32_t length, uint32_t fsync_flags)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_FSYNC, 0, 0, fd), offset, 0,
                     kevy_x_word_32_32(length, fsync_flags), 0, 0);
}

/* sync_file_range(2) (5.2). res: 0. `length` 0: to the end. */
static inline void kevy_prep_sync_file_range(struct kevy_sqe *sqe, int fd, uint64_t offset,
                                             uint32_t length, uint32_t sync_range_flags)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_SYNC_FILE_RANGE, 0, 0, fd), offset, 0,
                     kevy_x_word_32_32(length, sync_range_flags), 0, 0);
}

/* fallocate(2) (5.6). res: 0. */
static inline void kevy_prep_fallocate(struct kevy_sqe *sqe, int fd, int mode, uint64_t offset,
                                       uint64_t length)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_FALLOCATE, 0, 0, fd), offset, length,
                     kevy_x_word_32_32((uint32_t)mode, 0), 0, 0);
}

/* ftruncate(2) (6.9). res: 0. */
static inline void kevy_prep_ftruncate(struct kevy_sqe *sqe, int fd, uint64_t length)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_FTRUNCATE, 0, 0, fd), length, 0, 0, 0, 0);
}

/*
 * posix_fadvise(2) (5.6). res: 0. A `length` beyond 32 bits travels in another field (6.10); up to
 * 32 bits it stays where older kernels look for it.
 */
static inline void kevy_prep_fadvise(struct kevy_sqe *sqe, int fd, uint64_t offset, uint64_t length,
                                     uint32_t advice)
{
    const uint32_t narrow = length > UINT32_MAX ? 0 : (uint32_t)length;

    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_FADVISE, 0, 0, fd), offset, narrow ? 0 : length,
                     kevy_x_word_32_32(narrow, advice), 0, 0);
}

/* madvise(2) (5.6). res: 0. As kevy_prep_fadvise() for `length`. The range is PINNED. */
static inline void kevy_prep_madvise(struct kevy_sqe *sqe, void *start, uint64_t length,
                                     uint32_t advice)
{
    const uint32_t narrow = length > UINT32_MAX ? 0 : (uint32_t)length;

    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_MADVISE, 0, 0, -1), narrow ? 0 : length,
                     kevy_x_word_pointer(start), kevy_x_word_32_32(narrow, advice), 0, 0);
}

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_RING_PREP_FILE_H */
