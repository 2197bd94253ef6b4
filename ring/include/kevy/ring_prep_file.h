/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/ring_prep_file.h - open files: open, read, write, splice, sync, allocate, advise.
 *
 * Part of <kevy/ring_prep.h>, which explains the rules.
 *
 *     offset     in bytes, from the start of the file. KEVY_OFFSET_CURRENT is the current position
 *                of the file; files without positions need it. Several requests in flight that
 *                use the current position race for it.
 *     length     a read or a write may transfer fewer bytes, as read(2) and write(2) do.
 *     _fixed     the memory lies in a registered buffer, so the kernel need not pin its pages
 *                for each request.
 *     _select    the kernel chooses a buffer of a buffer ring, see <kevy/buffer_ring.h>.
 *     _direct    the new file goes into a slot of the registered file table, and gets no
 *                descriptor. Then O_CLOEXEC is refused.
 *
 * kevy_sqe_set_rw_flags() adds RWF_* flags. kevy_prep_close() and kevy_prep_close_direct() are in
 * <kevy/ring_prep_net.h>.
 *
 * Example: write a block and sync it, in this order
 *
 *     #include <kevy/ring.h>
 *     #include <kevy/ring_prep.h>
 *
 *     static int block_save(struct kevy_ring *ring, int fd, const void *block, uint32_t length)
 *     {
 *         struct kevy_sqe *write, *sync;
 *
 *         if (kevy_ring_space(ring) < 2)
 *             return -1;
 *         write = kevy_ring_sqe(ring, 1);
 *         kevy_prep_write(write, fd, block, length, 0);
 *         kevy_sqe_set_flags(write, KEVY_SQE_IO_LINK);
 *         sync = kevy_ring_sqe(ring, 2);
 *         kevy_prep_fsync(sync, fd, KEVY_FSYNC_DATASYNC);
 *         return kevy_ring_submit(ring);
 *     }
 */
#ifndef KEVY_RING_PREP_FILE_H
#define KEVY_RING_PREP_FILE_H

#include <kevy/ring_prep_base.h>

#if KEVY_RING_SUPPORTED

struct iovec;

KEVY_BEGIN_DECLS

/* Private: all reads and writes. `length_and_flags` is a word. */
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
 * As kevy_prep_read(), into a buffer of `buffer_group` (5.7). Reads at most `length` bytes, or as
 * many as the buffer holds if `length` is 0 (6.0). The CQE carries KEVY_CQE_F_BUFFER and the id of
 * the buffer, see kevy_buffer_id(). -ENOBUFS: the group is empty.
 */
static inline void kevy_prep_read_select(struct kevy_sqe *sqe, int fd, uint16_t buffer_group,
                                         uint32_t length, uint64_t offset)
{
    kevy_x_prep_rw(sqe, kevy_x_word_head(KEVY_OP_READ, KEVY_SQE_BUFFER_SELECT, 0, fd), 0,
                   kevy_x_word_32_32(length, 0), offset, buffer_group);
}

/*
 * Reads each time that the file has data, into a buffer of `buffer_group` each time (6.7). For
 * files like pipes, terminals and eventfds. Multishot. res: bytes. -EBADFD: the file cannot be
 * polled. -ENOBUFS, when the group is empty, ends the request.
 */
static inline void kevy_prep_read_multishot(struct kevy_sqe *sqe, int fd, uint16_t buffer_group,
                                            uint64_t offset)
{
    kevy_x_prep_rw(sqe, kevy_x_word_head(KEVY_OP_READ_MULTISHOT, KEVY_SQE_BUFFER_SELECT, 0, fd), 0,
                   0, offset, buffer_group);
}

/* As kevy_prep_read(). `data` (PINNED) lies in registered buffer `buffer_index` (5.1). */
static inline void kevy_prep_read_fixed(struct kevy_sqe *sqe, int fd, void *data, uint32_t length,
                                        uint64_t offset, uint16_t buffer_index)
{
    kevy_x_prep_rw(sqe, kevy_x_word_head(KEVY_OP_READ_FIXED, 0, 0, fd), data,
                   kevy_x_word_32_32(length, 0), offset, buffer_index);
}

/* preadv2(2) (5.1). res: bytes. The array is BORROWED, the memory that it names is PINNED. */
static inline void kevy_prep_readv(struct kevy_sqe *sqe, int fd, const struct iovec *vectors,
                                   uint32_t count, uint64_t offset, uint32_t rw_flags)
{
    kevy_x_prep_rw(sqe, kevy_x_word_head(KEVY_OP_READV, 0, 0, fd), vectors,
                   kevy_x_word_32_32(count, rw_flags), offset, 0);
}

/* As kevy_prep_readv(). All vectors lie in registered buffer `buffer_index` (6.15). */
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

/* As kevy_prep_write(). `data` lies in registered buffer `buffer_index` (5.1). */
static inline void kevy_prep_write_fixed(struct kevy_sqe *sqe, int fd, const void *data,
                                         uint32_t length, uint64_t offset, uint16_t buffer_index)
{
    kevy_x_prep_rw(sqe, kevy_x_word_head(KEVY_OP_WRITE_FIXED, 0, 0, fd), data,
                   kevy_x_word_32_32(length, 0), offset, buffer_index);
}

/* pwritev2(2) (5.1). res: bytes. The array is BORROWED, the memory that it names is PINNED. */
static inline void kevy_prep_writev(struct kevy_sqe *sqe, int fd, const struct iovec *vectors,
                                    uint32_t count, uint64_t offset, uint32_t rw_flags)
{
    kevy_x_prep_rw(sqe, kevy_x_word_head(KEVY_OP_WRITEV, 0, 0, fd), vectors,
                   kevy_x_word_32_32(count, rw_flags), offset, 0);
}

/* As kevy_prep_writev(). All vectors lie in registered buffer `buffer_index` (6.15). */
static inline void kevy_prep_writev_fixed(struct kevy_sqe *sqe, int fd, const struct iovec *vectors,
                                          uint32_t count, uint64_t offset, uint32_t rw_flags,
                                          uint16_t buffer_index)
{
    kevy_x_prep_rw(sqe, kevy_x_word_head(KEVY_OP_WRITEV_FIXED, 0, 0, fd), vectors,
                   kevy_x_word_32_32(count, rw_flags), offset, buffer_index);
}

/*
 * Only for reads and writes: protection information beside the data (6.14). Needs direct I/O to a
 * device that supports it. `information` is BORROWED, the memory at its `addr` is PINNED.
 */
static inline void kevy_sqe_set_attribute_pi(struct kevy_sqe *sqe,
                                             const struct kevy_attr_pi *information)
{
    sqe->attr_ptr = kevy_x_word_pointer(information);
    sqe->attr_type_mask = KEVY_RW_ATTR_FLAG_PI;
}

/*
 * Only for writes: the write stream of the device, counted from 1 (6.16). Needs direct I/O to a
 * device that has streams.
 */
static inline void kevy_sqe_set_write_stream(struct kevy_sqe *sqe, uint8_t stream)
{
    sqe->write_stream = stream;
}

/*
 * splice(2) (5.7): moves bytes between two files. One of them is a pipe, and the offset of a pipe
 * is KEVY_OFFSET_CURRENT. res: bytes. A worker thread always runs it.
 *
 * KEVY_SQE_FIXED_FILE applies to `out_fd`. For `in_fd` set KEVY_SPLICE_F_FD_IN_FIXED in
 * `splice_flags`.
 */
static inline void kevy_prep_splice(struct kevy_sqe *sqe, int in_fd, uint64_t in_offset, int out_fd,
                                    uint64_t out_offset, uint32_t length, uint32_t splice_flags)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_SPLICE, 0, 0, out_fd), out_offset, in_offset,
                     kevy_x_word_32_32(length, splice_flags),
                     kevy_x_word_buffer(0, (uint32_t)in_fd), 0);
}

/*
 * tee(2) (5.8): copies from pipe to pipe, and leaves the bytes in the first. res: bytes. The flags
 * are those of kevy_prep_splice().
 */
static inline void kevy_prep_tee(struct kevy_sqe *sqe, int in_fd, int out_fd, uint32_t length,
                                 uint32_t splice_flags)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_TEE, 0, 0, out_fd), 0, 0,
                     kevy_x_word_32_32(length, splice_flags),
                     kevy_x_word_buffer(0, (uint32_t)in_fd), 0);
}

/* pipe2(2) (6.16). res: 0. The read end and the write end are stored in `fds` (PINNED). */
static inline void kevy_prep_pipe(struct kevy_sqe *sqe, int fds[2], uint32_t pipe_flags)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_PIPE, 0, 0, 0), 0, kevy_x_word_pointer(fds),
                     kevy_x_word_32_32(0, pipe_flags), 0, 0);
}

/*
 * As kevy_prep_pipe(), into the slots `slot` and `slot` + 1 (6.16), without O_CLOEXEC. Their
 * numbers are stored in `fds`.
 */
static inline void kevy_prep_pipe_direct(struct kevy_sqe *sqe, int fds[2], uint32_t pipe_flags,
                                         uint32_t slot)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_PIPE, 0, 0, 0), 0, kevy_x_word_pointer(fds),
                     kevy_x_word_32_32(0, pipe_flags),
                     kevy_x_word_buffer(0, kevy_x_word_slot(slot)), 0);
}

/*
 * As kevy_prep_pipe_direct(), into slots that the kernel chooses (6.16). -ENFILE: fewer than two
 * slots are free.
 */
static inline void kevy_prep_pipe_direct_alloc(struct kevy_sqe *sqe, int fds[2],
                                               uint32_t pipe_flags)
{
    kevy_prep_pipe_direct(sqe, fds, pipe_flags, KEVY_FILE_INDEX_ALLOC);
}

/* Private: openat into a descriptor (file_index is 0) or into a slot. */
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

/* As kevy_prep_openat(), into slot `slot` (5.15), without O_CLOEXEC. res: 0. */
static inline void kevy_prep_openat_direct(struct kevy_sqe *sqe, int dir_fd, const char *path,
                                           int open_flags, uint32_t mode, uint32_t slot)
{
    kevy_x_prep_openat_at(sqe, dir_fd, path, open_flags, mode, kevy_x_word_slot(slot));
}

/*
 * As kevy_prep_openat(), into a slot that the kernel chooses (5.19), without O_CLOEXEC. res: the
 * slot. -ENFILE: no slot is free.
 */
static inline void kevy_prep_openat_direct_alloc(struct kevy_sqe *sqe, int dir_fd, const char *path,
                                                 int open_flags, uint32_t mode)
{
    kevy_x_prep_openat_at(sqe, dir_fd, path, open_flags, mode, KEVY_FILE_INDEX_ALLOC);
}

/* Private: openat2 into a descriptor (file_index is 0) or into a slot. */
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

/* As kevy_prep_openat2(), into slot `slot` (5.15), without O_CLOEXEC. res: 0. */
static inline void kevy_prep_openat2_direct(struct kevy_sqe *sqe, int dir_fd, const char *path,
                                            const struct kevy_open_how *how, uint32_t slot)
{
    kevy_x_prep_openat2_at(sqe, dir_fd, path, how, kevy_x_word_slot(slot));
}

/*
 * As kevy_prep_openat2(), into a slot that the kernel chooses (5.19), without O_CLOEXEC. res: the
 * slot. -ENFILE: no slot is free.
 */
static inline void kevy_prep_openat2_direct_alloc(struct kevy_sqe *sqe, int dir_fd,
                                                  const char *path, const struct kevy_open_how *how)
{
    kevy_x_prep_openat2_at(sqe, dir_fd, path, how, KEVY_FILE_INDEX_ALLOC);
}

/*
 * fsync(2) (5.1), or fdatasync(2) with KEVY_FSYNC_DATASYNC. res: 0. It does not wait for writes
 * that are in flight: link it to them, or drain.
 */
static inline void kevy_prep_fsync(struct kevy_sqe *sqe, int fd, uint32_t fsync_flags)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_FSYNC, 0, 0, fd), 0, 0,
                     kevy_x_word_32_32(0, fsync_flags), 0, 0);
}

/*
 * As kevy_prep_fsync(), for `length` bytes from `offset` on (5.1). If both are 0: the whole file.
 */
static inline void kevy_prep_fsync_range(struct kevy_sqe *sqe, int fd, uint64_t offset,
                                         uint32_t length, uint32_t fsync_flags)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_FSYNC, 0, 0, fd), offset, 0,
                     kevy_x_word_32_32(length, fsync_flags), 0, 0);
}

/* sync_file_range(2) (5.2). res: 0. A `length` of 0 means up to the end. */
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
 * posix_fadvise(2) (5.6). res: 0. A `length` of more than 32 bits needs 6.10: the kernel reads it
 * from another field.
 */
static inline void kevy_prep_fadvise(struct kevy_sqe *sqe, int fd, uint64_t offset, uint64_t length,
                                     uint32_t advice)
{
    const uint32_t narrow = length > UINT32_MAX ? 0 : (uint32_t)length;

    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_FADVISE, 0, 0, fd), offset, narrow ? 0 : length,
                     kevy_x_word_32_32(narrow, advice), 0, 0);
}

/* madvise(2) (5.6). res: 0. The range is PINNED. For `length` see kevy_prep_fadvise(). */
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
