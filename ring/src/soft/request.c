/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Requests: where they come from, and how a cancel finds them.
 *
 * Model. Requests come from blocks of pages and go back to a free list; blocks are never given
 * back before the ring is closed, so a request's address stays its own. Most requests end within
 * the enter that submits them and are never looked for. One that does not is put into a hash by
 * its user_data.
 *
 * Invariants. A request is in the hash exactly while it has MARK_FOUND. The hash has at least as
 * many chains as there are requests in it, so chains are short.
 */
#include "soft.h"

#if KEVY_RING_SUPPORTED

#define BLOCK_BYTES     65536U
#define HASH_ROOM_LEAST 64U

/* A block: the first request is the block's own, and links it to the others. */
#define BLOCK_REQUESTS ((BLOCK_BYTES - 64U) / sizeof(struct request))

_Static_assert(sizeof(void *) != 8 || sizeof(struct request) == 128, "two cache lines");

int requests_grow(struct soft *soft)
{
    struct request *block = pages_take(soft, BLOCK_REQUESTS * sizeof *block);

    if (block == NULL)
        return -ENOMEM;
    block[0].next = soft->blocks;
    soft->blocks = block;
    for (size_t index = BLOCK_REQUESTS - 1; index > 0; index--) {
        block[index].next = soft->free;
        soft->free = &block[index];
    }
    soft->made += BLOCK_REQUESTS - 1;
    return 0;
}

struct request *request_each(const struct soft *soft, const struct request *request)
{
    struct request *block = soft->blocks;

    if (request == NULL)
        return block != NULL ? block + 1 : NULL;
    while (request < block || request >= block + BLOCK_REQUESTS)
        block = block->next;
    if (request + 1 < block + BLOCK_REQUESTS)
        return block + (request - block) + 1;
    return block->next != NULL ? block->next + 1 : NULL;
}

/* Fibonacci hashing: the addresses that user_data usually is differ in their middle bits. */
static struct request **chain_of(const struct soft *soft, uint64_t user_data)
{
    uint64_t hash = user_data * UINT64_C(0x9E3779B97F4A7C15);

    return &soft->found.entries[(hash >> 32) & (soft->found.room - 1)];
}

static void hash_add(struct soft *soft, struct request *request)
{
    struct request **chain = chain_of(soft, request->sqe.user_data);

    request->hash_next = *chain;
    *chain = request;
}

static int hash_grow(struct soft *soft)
{
    struct request_table old = soft->found;
    uint32_t room = old.room != 0 ? 2 * old.room : HASH_ROOM_LEAST;
    struct request **entries = pages_take(soft, room * sizeof(struct request *));

    if (entries == NULL)
        return -ENOMEM;
    soft->found.entries = entries;
    soft->found.room = room;
    for (uint32_t index = 0; index < old.room; index++) {
        struct request *request = old.entries[index];

        while (request != NULL) {
            struct request *next = request->hash_next;

            hash_add(soft, request);
            request = next;
        }
    }
    pages_give(soft, old.entries);
    return 0;
}

/* Makes the request one that a cancel finds. 0, or -ENOMEM. */
int request_keep(struct soft *soft, struct request *request)
{
    if (request->marks & MARK_FOUND)
        return 0;
    if (soft->found.count == soft->found.room && hash_grow(soft) < 0)
        return -ENOMEM;
    hash_add(soft, request);
    soft->found.count++;
    request->marks |= MARK_FOUND;
    return 0;
}

void request_hide(struct soft *soft, struct request *request)
{
    struct request **link;

    if ((request->marks & MARK_FOUND) == 0)
        return;
    link = chain_of(soft, request->sqe.user_data);
    while (*link != request)
        link = &(*link)->hash_next;
    *link = request->hash_next;
    soft->found.count--;
    request->marks &= (uint8_t)~MARK_FOUND;
}

void request_show_as(struct soft *soft, struct request *request, uint64_t user_data)
{
    bool found = (request->marks & MARK_FOUND) != 0;

    request_hide(soft, request);
    request->sqe.user_data = user_data;
    if (found)
        (void)request_keep(soft, request); /* there is room: it was in */
}

struct request *request_find(const struct soft *soft, uint64_t user_data,
                             const struct request *after)
{
    struct request *request;

    if (soft->found.count == 0)
        return NULL;
    request = after != NULL ? after->hash_next : *chain_of(soft, user_data);
    while (request != NULL && request->sqe.user_data != user_data)
        request = request->hash_next;
    return request;
}

void request_make_ready(struct soft *soft, struct request *request)
{
    request->state = REQUEST_READY;
    list_append(&soft->ready, request);
}

/* Ends the request in its turn, with `result`. */
void request_end_later(struct soft *soft, struct request *request, int result)
{
    request->result = result;
    request->state = REQUEST_ENDING;
    list_append(&soft->ready, request);
}

#endif /* KEVY_RING_SUPPORTED */
