/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What debugging tools are told: AddressSanitizer, MemorySanitizer, ThreadSanitizer, valgrind.
 *
 * Model. A tool sees what the program reads and writes, and not what a kernel does for a ring. So
 * it is told whose memory is: the kernel's, which nobody else may touch; room, which the kernel may
 * write through a system call that the tool watches; or written by the kernel. And it is told the
 * order that a message from ring to ring makes between two threads.
 *
 * Posts and the eventfd need nothing: ThreadSanitizer knows atomic operations and descriptors. The
 * queues need nothing either, unless the caller lends their memory: for every tool, memory from
 * mmap(2) has a value.
 *
 * Invariants. Without the Meson option `debug_checks` all functions are empty, and the compiler
 * leaves nothing of them. Memory is nobody's but the kernel's only from tools_take_away() to one of
 * the two others.
 */
#ifndef KEVY_RING_SRC_TOOLS_H
#define KEVY_RING_SRC_TOOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(KEVY_X_DEBUG_CHECKS) && !defined(NDEBUG)
#define TOOLS_TOLD 1
#else
#define TOOLS_TOLD 0
#endif

/* gcc has a macro for each sanitizer, clang a question. */
#ifdef __has_feature
#define TOOLS_CLANG_HAS(feature) __has_feature(feature)
#else
#define TOOLS_CLANG_HAS(feature) 0
#endif
#if TOOLS_TOLD && (defined(__SANITIZE_ADDRESS__) || TOOLS_CLANG_HAS(address_sanitizer))
#define TOOLS_ADDRESS 1
#include <sanitizer/asan_interface.h>
#else
#define TOOLS_ADDRESS 0
#endif
#if TOOLS_TOLD && TOOLS_CLANG_HAS(memory_sanitizer)
#define TOOLS_MEMORY 1
#include <sanitizer/msan_interface.h>
#else
#define TOOLS_MEMORY 0
#endif
#if TOOLS_TOLD && (defined(__SANITIZE_THREAD__) || TOOLS_CLANG_HAS(thread_sanitizer))
#define TOOLS_THREAD 1
#include <sanitizer/tsan_interface.h>
#else
#define TOOLS_THREAD 0
#endif
#if TOOLS_TOLD && defined(KEVY_X_VALGRIND)
#define TOOLS_VALGRIND 1
#include <valgrind/memcheck.h>
#else
#define TOOLS_VALGRIND 0
#endif

/* The kernel's: a read or write by anybody else is a mistake. */
static inline void tools_take_away(const void *memory, size_t size)
{
    (void)memory;
    (void)size;
#if TOOLS_ADDRESS
    __asan_poison_memory_region(memory, size);
#endif
#if TOOLS_VALGRIND
    (void)VALGRIND_MAKE_MEM_NOACCESS(memory, size);
#endif
}

/* Room for what a system call of libc will write. */
static inline void tools_make_room(const void *memory, size_t size)
{
    (void)memory;
    (void)size;
#if TOOLS_ADDRESS
    __asan_unpoison_memory_region(memory, size);
#endif
#if TOOLS_VALGRIND
    (void)VALGRIND_MAKE_MEM_UNDEFINED(memory, size);
#endif
}

/* The kernel has written all of it. */
static inline void tools_written(const void *memory, size_t size)
{
    (void)memory;
    (void)size;
#if TOOLS_ADDRESS
    __asan_unpoison_memory_region(memory, size);
#endif
#if TOOLS_MEMORY
    __msan_unpoison(memory, size);
#endif
#if TOOLS_VALGRIND
    (void)VALGRIND_MAKE_MEM_DEFINED(memory, size);
#endif
}

/* A byte that is nobody's to hand to the kernel, freed memory for example; or NULL. */
static inline const void *tools_forbidden(const void *memory, size_t size)
{
    (void)memory;
    (void)size;
#if TOOLS_ADDRESS
    return __asan_region_is_poisoned((void *)(uintptr_t)memory, size);
#elif TOOLS_VALGRIND
    return (const void *)(uintptr_t)VALGRIND_CHECK_MEM_IS_ADDRESSABLE(memory, size);
#else
    return NULL;
#endif
}

/* For tests: valgrind runs this program. */
static inline bool tools_valgrind(void)
{
#if TOOLS_VALGRIND
    return RUNNING_ON_VALGRIND != 0;
#else
    return false;
#endif
}

/* For tests: how many mistakes valgrind has told. */
static inline unsigned long tools_mistakes(void)
{
#if TOOLS_VALGRIND
    return VALGRIND_COUNT_ERRORS;
#else
    return 0;
#endif
}

#endif
