/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * To be preloaded into a program: counts its calls to the allocator, all threads together, in a
 * 64-bit word at the start of the file that descriptor $COUNT_ALLOCATIONS_FD names, for another
 * process to read at any moment.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static uint64_t unseen;
static uint64_t *calls = &unseen;

/* Before the program starts; whatever a library allocated earlier is nobody's question. */
static void __attribute__((constructor)) share(void)
{
    const char *fd = getenv("COUNT_ALLOCATIONS_FD");
    void *shared;

    if (fd == NULL)
        return;
    shared = mmap(NULL, sizeof *calls, PROT_READ | PROT_WRITE, MAP_SHARED, atoi(fd), 0);
    if (shared != MAP_FAILED)
        calls = shared;
}

static void count(void)
{
    __atomic_fetch_add(calls, 1, __ATOMIC_RELAXED);
}

/* The C library's own function. C has no cast from an object pointer to a function pointer. */
static void find(void *function, const char *name)
{
    void *found;

    if (memcmp(function, &(void *){NULL}, sizeof found) != 0)
        return;
    found = dlsym(RTLD_NEXT, name);
    memcpy(function, &found, sizeof found);
}

void *malloc(size_t size)
{
    static void *(*next)(size_t);

    count();
    find(&next, "malloc");
    return next(size);
}

void *calloc(size_t number, size_t size)
{
    static void *(*next)(size_t, size_t);

    count();
    find(&next, "calloc");
    return next(number, size);
}

void *realloc(void *memory, size_t size)
{
    static void *(*next)(void *, size_t);

    count();
    find(&next, "realloc");
    return next(memory, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    static void *(*next)(size_t, size_t);

    count();
    find(&next, "aligned_alloc");
    return next(alignment, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
    static int (*next)(void **, size_t, size_t);

    count();
    find(&next, "posix_memalign");
    return next(memory, alignment, size);
}

void free(void *memory)
{
    static void (*next)(void *);

    /* Freeing nothing is no call to the allocator worth counting. */
    if (memory == NULL)
        return;
    count();
    find(&next, "free");
    next(memory);
}
