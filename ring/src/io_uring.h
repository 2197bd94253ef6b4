/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * io_uring: the system calls of Linux that a ring consists of, as functions that return -errno.
 *
 * kernel.h inlines them for rings on io_uring; io_uring.c makes a table of them. Nothing else in
 * ring/ enters the kernel for a ring or reads errno.
 */
#ifndef KEVY_RING_SRC_IO_URING_H
#define KEVY_RING_SRC_IO_URING_H

#include <errno.h>
#include <kevy/ring_kernel.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "system_call.h"

static inline int io_uring_setup(uint32_t entries, struct kevy_params *params)
{
    return (int)system_call5(KEVY_NR_SETUP, entries, (long)params, 0, 0, 0);
}

static inline int io_uring_enter(int fd, uint32_t to_submit, uint32_t minimum, uint32_t flags,
                                 const void *argument, size_t argument_size)
{
    return (int)system_call6(KEVY_NR_ENTER, fd, to_submit, minimum, flags, (long)argument,
                             (long)argument_size);
}

/* Without an argument nobody reads its size. A long, because each narrowing is an instruction. */
static inline long io_uring_enter_plain(int fd, uint32_t to_submit, uint32_t minimum,
                                        uint32_t flags)
{
    return system_call5_count(KEVY_NR_ENTER, fd, to_submit, minimum, flags, 0);
}

static inline int io_uring_register(int fd, uint32_t opcode, void *argument, uint32_t count)
{
    return (int)system_call5(KEVY_NR_REGISTER, fd, opcode, (long)argument, count, 0);
}

/* Meson sees to it; the offset of a kernel-mapped buffer ring has its sign bit set in 32 bits. */
_Static_assert(sizeof(off_t) == 8, "compile with -D_FILE_OFFSET_BITS=64");

static inline int io_uring_map(int fd, uint64_t offset, size_t size, uint32_t flags, void **memory)
{
    int kind = MAP_SHARED | MAP_POPULATE;
    void *mapped;

    if (offset == KEVY_RING_MAP_PRIVATE) {
        kind = MAP_PRIVATE | MAP_ANONYMOUS;
        fd = -1;
        offset = 0;
    }
    mapped = mmap(NULL, size, PROT_READ | PROT_WRITE, kind, fd, (off_t)offset);
    if (mapped == MAP_FAILED)
        return -errno;
    if (flags & KEVY_RING_MAP_DONTFORK)
        (void)madvise(mapped, size, MADV_DONTFORK);
    *memory = mapped;
    return 0;
}

static inline void io_uring_unmap(void *memory, size_t size)
{
    (void)munmap(memory, size);
}

static inline void io_uring_close(int fd)
{
    if (fd >= 0)
        (void)close(fd);
}

static inline uint64_t io_uring_now_ns(int32_t clock)
{
    struct timespec now;

    (void)clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

#endif
