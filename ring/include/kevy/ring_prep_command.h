/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/ring_prep_command.h - commands to drivers, and to the tables of the ring.
 *
 * Part of <kevy/ring_prep.h>, which explains the rules.
 *
 * A command to a driver has a number, and bytes that only the driver understands: 16 bytes in an
 * SQE of 64 bytes, 80 bytes in an SQE of 128 bytes. There are two kinds of rings with SQEs of 128
 * bytes:
 *
 *     KEVY_SETUP_SQE128     every slot has 128 bytes
 *     KEVY_SETUP_SQE_MIXED  two neighbouring slots make an SQE of 128 bytes
 *
 * kevy_ring_sqe128() in <kevy/ring_mode.h> reserves one on both. The preps that need it say so.
 * They write all 128 bytes except user_data.
 *
 * Example: make a descriptor of a registered file, and empty its slot
 *
 *     #include <kevy/ring.h>
 *     #include <kevy/ring_prep.h>
 *
 *     static int descriptor_take(struct kevy_ring *ring, uint32_t slot)
 *     {
 *         struct kevy_sqe *sqe;
 *
 *         if (kevy_ring_space(ring) < 2)
 *             return -1;
 *         sqe = kevy_ring_sqe(ring, 1);
 *         kevy_prep_fixed_fd_install(sqe, slot, 0);
 *         kevy_sqe_set_flags(sqe, KEVY_SQE_IO_LINK);
 *         kevy_prep_close_direct(kevy_ring_sqe(ring, 2), slot);
 *         return kevy_ring_submit(ring);
 *     }
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
 * A command to the driver of `fd` (5.19). The 16 bytes at `bytes` are copied by this function; NULL
 * means zeroes. res: as the driver says. -EOPNOTSUPP: this file takes no commands.
 */
static inline void kevy_prep_uring_cmd(struct kevy_sqe *sqe, int fd, uint32_t command,
                                       const void *bytes)
{
    kevy_x_prep_command_at(sqe, kevy_x_word_head(KEVY_OP_URING_CMD, 0, 0, fd), command, 0, 0);
    kevy_x_prep_command_bytes(sqe, bytes, KEVY_COMMAND_BYTES);
}

/* As kevy_prep_uring_cmd(), with buffers of `buffer_group` (6.18). Multishot. */
static inline void kevy_prep_uring_cmd_multishot(struct kevy_sqe *sqe, int fd, uint32_t command,
                                                 const void *bytes, uint16_t buffer_group)
{
    kevy_x_prep_command_at(sqe, kevy_x_word_head(KEVY_OP_URING_CMD, KEVY_SQE_BUFFER_SELECT, 0, fd),
                           command, KEVY_URING_CMD_MULTISHOT, buffer_group);
    kevy_x_prep_command_bytes(sqe, bytes, KEVY_COMMAND_BYTES);
}

/*
 * As kevy_prep_uring_cmd(), with the 80 bytes at `bytes`, on a ring with KEVY_SETUP_SQE128 (5.19).
 */
static inline void kevy_prep_uring_cmd80(struct kevy_sqe *sqe, int fd, uint32_t command,
                                         const void *bytes)
{
    kevy_x_prep_command_at(sqe, kevy_x_word_head(KEVY_OP_URING_CMD, 0, 0, fd), command, 0, 0);
    kevy_x_prep_command_bytes(sqe, bytes, KEVY_COMMAND128_BYTES);
}

/* As kevy_prep_uring_cmd80(), in two slots of a ring with KEVY_SETUP_SQE_MIXED (newer, 6.19). */
static inline void kevy_prep_uring_cmd128(struct kevy_sqe *sqe, int fd, uint32_t command,
                                          const void *bytes)
{
    kevy_x_prep_command_at(sqe, kevy_x_word_head(KEVY_OP_URING_CMD128, 0, 0, fd), command, 0, 0);
    kevy_x_prep_command_bytes(sqe, bytes, KEVY_COMMAND128_BYTES);
}

/* A NOP of 128 bytes, in two slots of a ring with KEVY_SETUP_SQE_MIXED (newer, 6.19). res: 0. */
static inline void kevy_prep_nop128(struct kevy_sqe *sqe)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_NOP128, 0, 0, -1), 0, 0, 0, 0, 0);
    kevy_x_prep_command_bytes(sqe, 0, KEVY_COMMAND128_BYTES);
}

/* Only for commands to drivers: lets the driver use registered buffer `buffer_index` (6.1). */
static inline void kevy_sqe_set_command_buffer(struct kevy_sqe *sqe, uint16_t buffer_index)
{
    sqe->uring_cmd_flags |= KEVY_URING_CMD_FIXED;
    sqe->buf_index = buffer_index;
}

/*
 * Discards `length` bytes of a block device from `offset` on (6.12). Both are multiples of its
 * block size. res: 0.
 */
static inline void kevy_prep_discard(struct kevy_sqe *sqe, int fd, uint64_t offset, uint64_t length)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_URING_CMD, 0, 0, fd),
                     kevy_x_word_32_32(KEVY_BLOCK_URING_CMD_DISCARD, 0), offset, 0, 0, length);
}

/* Resets all zones of a zoned block device (newer, 7.2; older kernels answer -EINVAL). res: 0. */
static inline void kevy_prep_zone_reset_all(struct kevy_sqe *sqe, int fd)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_URING_CMD, 0, 0, fd),
                     kevy_x_word_32_32(KEVY_BLOCK_URING_CMD_ZONE_RESET_ALL, 0), 0, 0, 0, 0);
}

/*
 * Makes a descriptor of registered file `slot` (6.8). res: the descriptor. It is closed on exec,
 * unless `install_fd_flags` holds KEVY_FIXED_FD_NO_CLOEXEC. The slot keeps the file as well.
 */
static inline void kevy_prep_fixed_fd_install(struct kevy_sqe *sqe, uint32_t slot,
                                              uint32_t install_fd_flags)
{
    kevy_x_sqe_store(sqe,
                     kevy_x_word_head(KEVY_OP_FIXED_FD_INSTALL, KEVY_SQE_FIXED_FILE, 0, (int)slot),
                     0, 0, kevy_x_word_32_32(0, install_fd_flags), 0, 0);
}

/*
 * Puts `count` descriptors into the slots from `first_slot` on (5.6). -1 empties a slot,
 * KEVY_REGISTER_FILES_SKIP leaves it as it is. res: how many slots were done. `fds` is PINNED. The
 * descriptors may be closed afterwards.
 */
static inline void kevy_prep_files_update(struct kevy_sqe *sqe, const int *fds, uint32_t count,
                                          uint32_t first_slot)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_FILES_UPDATE, 0, 0, -1), first_slot,
                     kevy_x_word_pointer(fds), kevy_x_word_32_32(count, 0), 0, 0);
}

/*
 * As kevy_prep_files_update(), into slots that the kernel chooses and stores in `fds` (6.0).
 * -ENFILE: too few slots are free.
 */
static inline void kevy_prep_files_update_alloc(struct kevy_sqe *sqe, int *fds, uint32_t count)
{
    kevy_prep_files_update(sqe, fds, count, KEVY_FILE_INDEX_ALLOC);
}

/*
 * Legacy: gives `count` buffers of `length` bytes at `memory` to `buffer_group` (5.7). Their ids
 * start at `first_buffer`. res: 0. The memory is PINNED until each buffer has been taken or
 * removed. A buffer ring is faster and safer. A group is either the one or the other.
 */
static inline void kevy_prep_provide_buffers(struct kevy_sqe *sqe, void *memory, uint32_t length,
                                             uint16_t count, uint16_t buffer_group,
                                             uint16_t first_buffer)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_PROVIDE_BUFFERS, 0, 0, count), first_buffer,
                     kevy_x_word_pointer(memory), kevy_x_word_32_32(length, 0),
                     kevy_x_word_buffer(buffer_group, 0), 0);
}

/*
 * Legacy: takes at most `count` buffers back from `buffer_group` (5.7). res: how many. -ENOENT:
 * there is no such group; for groups below 64, 6.1 answers 0 instead.
 */
static inline void kevy_prep_remove_buffers(struct kevy_sqe *sqe, uint16_t count,
                                            uint16_t buffer_group)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_REMOVE_BUFFERS, 0, 0, count), 0, 0, 0,
                     kevy_x_word_buffer(buffer_group, 0), 0);
}

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_RING_PREP_COMMAND_H */
