/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Pages: all memory of a ring but its queues.
 *
 * Model. Each allocation is a mapping of its own, with a header in front that links it to the
 * others. What grows takes a larger one and gives the smaller back; the rest stays until the ring
 * is closed.
 *
 * Invariants. A ring has MEMORY_MAX bytes at most. Memory is zeroed, and aligned to a cache line.
 */
#include "soft.h"

#if KEVY_RING_SUPPORTED

#define PAGE       4096U
#define CACHE_LINE 64U
/* About eight million requests that wait, where a pointer has 64 bits. */
#define MEMORY_MAX (sizeof(void *) == 8 ? (size_t)1 << 30 : (size_t)1 << 28)

struct page_header {
    struct page_header *next;
    struct page_header *previous;
    size_t size;
};

_Static_assert(sizeof(struct page_header) <= CACHE_LINE, "the header fits in front");

void *pages_take(struct soft *soft, size_t size)
{
    struct page_header *header;
    void *memory;

    size = (size + CACHE_LINE + PAGE - 1) & ~(size_t)(PAGE - 1);
    if (size > MEMORY_MAX - soft->memory || soft->os->map(soft->os, size, &memory) < 0)
        return NULL;
    header = memory;
    header->size = size;
    header->next = soft->pages;
    if (soft->pages != NULL)
        soft->pages->previous = header;
    soft->pages = header;
    soft->memory += size;
    return (char *)memory + CACHE_LINE;
}

void pages_give(struct soft *soft, void *memory)
{
    struct page_header *header;

    if (memory == NULL)
        return;
    header = (void *)((char *)memory - CACHE_LINE);
    if (header->previous != NULL)
        header->previous->next = header->next;
    else
        soft->pages = header->next;
    if (header->next != NULL)
        header->next->previous = header->previous;
    soft->memory -= header->size;
    soft->os->unmap(soft->os, header, header->size);
}

void pages_give_all(struct soft *soft)
{
    while (soft->pages != NULL)
        pages_give(soft, (char *)soft->pages + CACHE_LINE);
}

#endif /* KEVY_RING_SUPPORTED */
