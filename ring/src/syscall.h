/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The seam: every call that ring/ makes into the kernel, as functions that return -errno.
 *
 * Nothing else in ring/ calls the kernel or reads errno. The product inlines this file. Tests build
 * the same sources with KEVY_SYSCALL_HEADER naming a header that declares the same functions, for
 * fault injection and for simulation; the signatures below are the contract.
 */
#ifndef KEVY_RING_SYSCALL_H
#define KEVY_RING_SYSCALL_H

#include <kevy/ring_abi.h>

#ifdef KEVY_SYSCALL_HEADER
#include KEVY_SYSCALL_HEADER
#else

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static inline int kevy_x_syscall_setup(uint32_t entries, struct kevy_params *params)
{
    long result = syscall(KEVY_NR_SETUP, entries, params);
    return result < 0 ? -errno : (int)result;
}

static inline int kevy_x_syscall_enter(int fd, uint32_t to_submit, uint32_t minimum, uint32_t flags,
                                       const void *argument, size_t argument_size)
{
    long result = syscall(KEVY_NR_ENTER, fd, to_submit, minimum, flags, argument, argument_size);
    return result < 0 ? -errno : (int)result;
}

static inline int kevy_x_syscall_register(int fd, uint32_t opcode, void *argument, uint32_t count)
{
    long result = syscall(KEVY_NR_REGISTER, fd, opcode, argument, count);
    return result < 0 ? -errno : (int)result;
}

/* Meson sees to it; the offset of a kernel-mapped buffer ring has its sign bit set in 32 bits. */
_Static_assert(sizeof(off_t) == 8, "compile with -D_FILE_OFFSET_BITS=64");

/* Shared, populated mapping of `fd` at `offset`; anonymous and private where `fd` is -1. */
static inline int kevy_x_syscall_mmap(void **memory, size_t size, int fd, uint64_t offset)
{
    int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED | MAP_POPULATE;
    void *mapped = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, (off_t)offset);

    if (mapped == MAP_FAILED)
        return -errno;
    *memory = mapped;
    return 0;
}

static inline int kevy_x_syscall_munmap(void *memory, size_t size)
{
    return munmap(memory, size) < 0 ? -errno : 0;
}

/* Keeps a forked child from inheriting the mapping. */
static inline int kevy_x_syscall_dontfork(void *memory, size_t size)
{
    return madvise(memory, size, MADV_DONTFORK) < 0 ? -errno : 0;
}

/* Puts zero pages in the place of private memory; who has pinned the old ones keeps them. */
static inline int kevy_x_syscall_discard(void *memory, size_t size)
{
    return madvise(memory, size, MADV_DONTNEED) < 0 ? -errno : 0;
}

static inline int kevy_x_syscall_close(int fd)
{
    return close(fd) < 0 ? -errno : 0;
}

/* The calling thread as the kernel names it: whose table of registered rings this is. */
static inline int32_t kevy_x_syscall_thread(void)
{
    return (int32_t)syscall(SYS_gettid);
}

/* The time of `clock`, CLOCK_MONOTONIC for 0, in nanoseconds. */
static inline uint64_t kevy_x_syscall_now_ns(int32_t clock)
{
    struct timespec now;

    clock_gettime(clock != 0 ? clock : CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

#endif /* KEVY_SYSCALL_HEADER */
#endif /* KEVY_RING_SYSCALL_H */
