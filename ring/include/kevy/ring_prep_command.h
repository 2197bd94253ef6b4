/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/ring_prep_command.h - commands to a file's driver, and to the ring's own tables.
 *
 * Model. A driver command carries an opcode and bytes that only the driver understands: 16 of them
 * in an SQE of 64 bytes, 80 in one of 128. SQEs of 128 bytes are those of a KEVY_SETUP_SQE128 ring,
 * where every slot has the size, and of a KEVY_SETUP_SQE_MIXED ring, where two slots side by side
 * make one; the preps that say so write all 128 bytes but user_data, and the caller sees to it that
 * they are there.
 *
 * Part of <kevy/ring_prep.h>, which explains the rules.
 */
#ifndef KEVY_RING_PREP_COMMAND_H
#define KEVY_RING_PREP_COMMAND_H

#include <kevy/ring_prep_base.h>

#if KEVY_RING_SUPPORTED

KEVY_BEGIN_DECLS

#define KEVY_COMMAND_BYTES    16U /* in an SQE of 64 bytes */
#define KEVY_COMMAND128_BYTES 80U /* in one of 128 */

/* Private: a command without its bytes. */
static inline void kevy_x_prep_command_at(struct kevy_sqe *sqe, uint64_t head, uint32_t command,
                                          uint32_t uring_cmd_flags, uint16_t buffer)
{
    kevy_x_sqe_store(sqe, head, kevy_x_word_32_32(command, 0), 0,
                     kevy_x_word_32_32(0, uring_cmd_flags), kevy_x_word_buffer(buffer, 0), 0);
}

/* Private: the bytes of a command, or zeroes. */
static inline void kevy_x_prep_command_bytes(struct kevy_sqe *sqe, const void *bytes,
                                             uint32_t count)
{
    unsigned char *to = (unsigned char *)sqe + offsetof(struct kevy_sqe, cmd);

    if (bytes)
        __builtin_memcpy(to, bytes, count);
    else
        __builtin_memset(to, 0, count);
}

/*
 * Driver command `command` with the 16 bytes at `bytes`, or zeroes for NULL (5.19). res: the
 * driver's. `bytes` are copied now. -EOPNOTSUPP: the file has no commands.
 */
static inline void kevy_prep_uring_cmd(struct kevy_sqe *sqe, int fd, uint32_t command,
                                       const void *bytes)
{
    kevy_x_prep_command_at(sqe, kevy_x_word_head(KEVY_OP_URING_CMD, 0, 0, fd), command, 0, 0);
    kevy_x_prep_command_bytes(sqe, bytes, KEVY_COMMAND_BYTES);
}

/* The same with buffers of `buffer_group` (6.18). Multishot. */
static inline void kevy_prep_uring_cmd_multishot(struct kevy_sqe *sqe, int fd, uint32_t command,
                                                 const void *bytes, uint16_t buffer_group)
{
    kevy_x_prep_command_at(sqe, kevy_x_word_head(KEVY_OP_URING_CMD, KEVY_SQE_BUFFER_SELECT, 0, fd),
                           command, KEVY_URING_CMD_MULTISHOT, buffer_group);
    kevy_x_prep_command_bytes(sqe, bytes, KEVY_COMMAND_BYTES);
}

/* The same with the 80 bytes at `bytes`, or zeroes for NULL, on a KEVY_SETUP_SQE128 ring (5.19). */
static inline void kevy_prep_uring_cmd80(struct kevy_sqe *sqe, int fd, uint32_t command,
                                         const void *bytes)
{
    kevy_x_prep_command_at(sqe, kevy_x_word_head(KEVY_OP_URING_CMD, 0, 0, fd), command, 0, 0);
    kevy_x_prep_command_bytes(sqe, bytes, KEVY_COMMAND128_BYTES);
}

/* The same in two slots of a KEVY_SETUP_SQE_MIXED ring (newer: 6.19). */
static inline void kevy_prep_uring_cmd128(struct kevy_sqe *sqe, int fd, uint32_t command,
                                          const void *bytes)
{
    kevy_x_prep_command_at(sqe, kevy_x_word_head(KEVY_OP_URING_CMD128, 0, 0, fd), command, 0, 0);
    kevy_x_prep_command_bytes(sqe, bytes, KEVY_COMMAND128_BYTES);
}

/* NOP in two slots of a KEVY_SETUP_SQE_MIXED ring (newer: 6.19). res: 0. Writes 128 bytes. */
static inline void kevy_prep_nop128(struct kevy_sqe *sqe)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_NOP128, 0, 0, -1), 0, 0, 0, 0, 0);
    kevy_x_prep_command_bytes(sqe, 0, KEVY_COMMAND128_BYTES);
}

/* Driver commands only: lets the driver use registered buffer `buffer_index` (6.1). */
static inline void kevy_sqe_set_command_buffer(struct kevy_sqe *sqe, uint16_t buffer_index)
{
    sqe->uring_cmd_flags |= KEVY_URING_CMD_FIXED;
    sqe->buf_index = buffer_index;
}

/* Discards `length` bytes of a block device from `offset` (6.12). res: 0. Multiples of its block
 * size. */
static inline void kevy_prep_discard(struct kevy_sqe *sqe, int fd, uint64_t offset, uint64_t length)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_URING_CMD, 0, 0, fd),
                     kevy_x_word_32_32(KEVY_BLOCK_URING_CMD_DISCARD, 0), offset, 0, 0, length);
}

/* Resets every zone of a zoned block device (newer, 7.2; before it -EINVAL). res: 0. */
static inline void kevy_prep_zone_reset_all(struct kevy_sqe *sqe, int fd)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_URING_CMD, 0, 0, fd),
                     kevy_x_word_32_32(KEVY_BLOCK_URING_CMD_ZONE_RESET_ALL, 0), 0, 0, 0, 0);
}

/*
 * Makes a descriptor of registered file `slot` (6.8). res: the descriptor, close-on-exec unless
 * `install_fd_flags` holds KEVY_FIXED_FD_NO_CLOEXEC. The slot keeps its file.
 */
static inline void kevy_prep_fixed_fd_install(struct kevy_sqe *sqe, uint32_t slot,
                                              uint32_t install_fd_flags)
{
    kevy_x_sqe_store(sqe,
                     kevy_x_word_head(KEVY_OP_FIXED_FD_INSTALL, KEVY_SQE_FIXED_FILE, 0, (int)slot),
                     0, 0, kevy_x_word_32_32(0, install_fd_flags), 0, 0);
}

/*
 * Puts `count` descriptors into the slots from `first_slot` (5.6): -1 empties one,
 * KEVY_REGISTER_FILES_SKIP leaves it. res: how many were done. `fds` is PINNED; the descriptors may
 * be closed afterwards.
 */
static inline void kevy_prep_files_update(struct kevy_sqe *sqe, const int *fds, uint32_t count,
                                          uint32_t first_slot)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_FILES_UPDATE, 0, 0, -1), first_slot,
                     kevy_x_word_pointer(fds), kevy_x_word_32_32(count, 0), 0, 0);
}

/* The same into slots that the kernel chooses and writes over `fds` (6.0). -ENFILE: the table is
 * full. */
static inline void kevy_prep_files_update_alloc(struct kevy_sqe *sqe, int *fds, uint32_t count)
{
    kevy_prep_files_update(sqe, fds, count, KEVY_FILE_INDEX_ALLOC);
}

/*
 * Legacy: gives `count` buffers of `length` bytes at `memory` to `buffer_group`, numbered from
 * `first_buffer` (5.7). res: 0. The memory is PINNED until each was taken or removed. A buffer ring
 * is faster and safer; one group cannot be both.
 */
static inline void kevy_prep_provide_buffers(struct kevy_sqe *sqe, void *memory, uint32_t length,
                                             uint16_t count, uint16_t buffer_group,
                                             uint16_t first_buffer)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_PROVIDE_BUFFERS, 0, 0, count), first_buffer,
                     kevy_x_word_pointer(memory), kevy_x_word_32_32(length, 0),
                     kevy_x_word_buffer(buffer_group, 0), 0);
}

/* Legacy: takes up to `count` buffers back from `buffer_group` (5.7). res: how many; -ENOENT when
 * there is no such group, for which 6.1 says 0 below group 64. */
static inline void kevy_prep_remove_buffers(struct kevy_sqe *sqe, uint16_t count,
                                            uint16_t buffer_group)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_REMOVE_BUFFERS, 0, 0, count), 0, 0, 0,
                     kevy_x_word_buffer(buffer_group, 0), 0);
}

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_RING_PREP_COMMAND_H */
