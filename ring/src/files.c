/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The tables of registered files and buffers.
 *
 * Model. The kernel has an old form of each call (an array and its length) and a newer one (a
 * struct, 5.13) that takes tags and sparse tables. The old form is used where it suffices, so that
 * old kernels get all they can do.
 */
#include <kevy/ring_files.h>

#if KEVY_RING_SUPPORTED

#include <assert.h>
#include <kevy/ring.h>
#include <kevy/ring_register.h>
#include <string.h>

static uint64_t pointer_word(const void *pointer)
{
    return (uint64_t)(uintptr_t)pointer;
}

/* The register call takes a pointer to what it may write; these arrays it only reads. */
static void *argument_cast(const void *pointer)
{
    return (void *)(uintptr_t)pointer;
}

static int table_register(struct kevy_ring *ring, uint32_t opcode, const void *data,
                          const uint64_t *tags, uint32_t count)
{
    struct kevy_rsrc_register table;

    memset(&table, 0, sizeof table);
    table.nr = count;
    table.data = pointer_word(data);
    table.tags = pointer_word(tags);
    if (data == NULL)
        table.flags = KEVY_RSRC_REGISTER_SPARSE;
    return kevy_ring_register(ring, opcode, &table, sizeof table);
}

static int table_update(struct kevy_ring *ring, uint32_t opcode, uint32_t first, const void *data,
                        const uint64_t *tags, uint32_t count)
{
    struct kevy_rsrc_update2 update;

    memset(&update, 0, sizeof update);
    update.offset = first;
    update.data = pointer_word(data);
    update.tags = pointer_word(tags);
    update.nr = count;
    return kevy_ring_register(ring, opcode, &update, sizeof update);
}

int kevy_ring_files_register(struct kevy_ring *ring, const int *fds, uint32_t count)
{
    return kevy_ring_register(ring, KEVY_REGISTER_FILES, argument_cast(fds), count);
}

int kevy_ring_files_register_tagged(struct kevy_ring *ring, const int *fds, const uint64_t *tags,
                                    uint32_t count)
{
    assert(fds != NULL && "a table without members is registered as a sparse one");
    return table_register(ring, KEVY_REGISTER_FILES2, fds, tags, count);
}

int kevy_ring_files_register_sparse(struct kevy_ring *ring, uint32_t count)
{
    return table_register(ring, KEVY_REGISTER_FILES2, NULL, NULL, count);
}

int kevy_ring_files_update(struct kevy_ring *ring, uint32_t first, const int *fds, uint32_t count)
{
    struct kevy_rsrc_update update;

    memset(&update, 0, sizeof update);
    update.offset = first;
    update.data = pointer_word(fds);
    return kevy_ring_register(ring, KEVY_REGISTER_FILES_UPDATE, &update, count);
}

int kevy_ring_files_update_tagged(struct kevy_ring *ring, uint32_t first, const int *fds,
                                  const uint64_t *tags, uint32_t count)
{
    return table_update(ring, KEVY_REGISTER_FILES_UPDATE2, first, fds, tags, count);
}

int kevy_ring_files_alloc_range(struct kevy_ring *ring, uint32_t first, uint32_t count)
{
    struct kevy_file_index_range range;

    memset(&range, 0, sizeof range);
    range.off = first;
    range.len = count;
    return kevy_ring_register(ring, KEVY_REGISTER_FILE_ALLOC_RANGE, &range, 0);
}

int kevy_ring_files_unregister(struct kevy_ring *ring)
{
    return kevy_ring_register(ring, KEVY_UNREGISTER_FILES, NULL, 0);
}

int kevy_ring_buffers_register(struct kevy_ring *ring, const struct iovec *buffers, uint32_t count)
{
    return kevy_ring_register(ring, KEVY_REGISTER_BUFFERS, argument_cast(buffers), count);
}

int kevy_ring_buffers_register_tagged(struct kevy_ring *ring, const struct iovec *buffers,
                                      const uint64_t *tags, uint32_t count)
{
    assert(buffers != NULL && "a table without members is registered as a sparse one");
    return table_register(ring, KEVY_REGISTER_BUFFERS2, buffers, tags, count);
}

int kevy_ring_buffers_register_sparse(struct kevy_ring *ring, uint32_t count)
{
    return table_register(ring, KEVY_REGISTER_BUFFERS2, NULL, NULL, count);
}

int kevy_ring_buffers_update(struct kevy_ring *ring, uint32_t first, const struct iovec *buffers,
                             const uint64_t *tags, uint32_t count)
{
    return table_update(ring, KEVY_REGISTER_BUFFERS_UPDATE, first, buffers, tags, count);
}

int kevy_ring_buffers_unregister(struct kevy_ring *ring)
{
    return kevy_ring_register(ring, KEVY_UNREGISTER_BUFFERS, NULL, 0);
}

int kevy_ring_buffers_clone(struct kevy_ring *ring, const struct kevy_ring *source,
                            const struct kevy_ring_clone *options)
{
    struct kevy_clone_buffers clone;

    memset(&clone, 0, sizeof clone);
    clone.src_fd = (uint32_t)source->fd;
    if (source->fd < 0) {
        clone.src_fd = (uint32_t)source->enter_fd;
        clone.flags |= KEVY_REGISTER_SRC_REGISTERED;
    }
    if (options != NULL) {
        clone.src_off = options->source_first;
        clone.dst_off = options->first;
        clone.nr = options->count;
        if (options->replace)
            clone.flags |= KEVY_REGISTER_DST_REPLACE;
    }
    return kevy_ring_register(ring, KEVY_REGISTER_CLONE_BUFFERS, &clone, 1);
}

#endif /* KEVY_RING_SUPPORTED */
