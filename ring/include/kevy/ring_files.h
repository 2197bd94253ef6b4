/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/ring_files.h - registered files and registered buffers.
 *
 * Model
 *
 *     A ring has a table of files and a table of buffers. The functions here fill them, and
 *     requests name a slot of a table by its index:
 *
 *     - files by KEVY_SQE_FIXED_FILE, with the index instead of a descriptor;
 *     - files also as the slot into which a direct open, accept or socket puts its file;
 *     - buffers by the argument `buffer_index` of some preps.
 *
 *     A slot may be empty. The ring has its own reference to a file, so the descriptor may be
 *     closed at once.
 *
 *     To replace or empty a slot does not disturb requests in flight: they end with the old
 *     file or buffer. If the slot had a tag, a CQE with the tag as user_data and a result of 0
 *     tells that the last of them has ended. Then the memory may be reused.
 *
 * Errors
 *
 *     -ENXIO   there is no table
 *     -EBUSY   there is a table already
 *     -EBADF   a descriptor is not valid
 *     -EMFILE  more files than RLIMIT_NOFILE allows. The library does not raise the limit
 *     -EINVAL  an index outside of the table, or the kernel lacks the function
 *     -ENOMEM  buffers are pinned, and count towards RLIMIT_MEMLOCK
 *     -EFAULT  a pointer that is not valid
 *     -EEXIST  the ring belongs to another thread (KEVY_SETUP_SINGLE_ISSUER)
 *
 * Example: 100 slots for files that the program numbers itself, and 900 that the kernel fills
 *
 *     #include <kevy/ring.h>
 *     #include <kevy/ring_files.h>
 *
 *     static int table_make(struct kevy_ring *ring)
 *     {
 *         int error = kevy_ring_files_register_sparse(ring, 1000);
 *
 *         return error < 0 ? error : kevy_ring_files_alloc_range(ring, 100, 900);
 *     }
 */
#ifndef KEVY_RING_FILES_H
#define KEVY_RING_FILES_H

#include <kevy/api.h>
#include <kevy/ring_abi.h>

#if KEVY_RING_SUPPORTED

#include <stdbool.h>
#include <stdint.h>

KEVY_BEGIN_DECLS

struct iovec;
struct kevy_ring;

/*
 * In kevy_ring_files_update(): empty this slot. KEVY_REGISTER_FILES_SKIP leaves it as it is (5.12).
 */
#define KEVY_FILE_NONE (-1)

/*
 * Registers a table of `count` files (5.1). KEVY_FILE_NONE is an empty slot (5.5). Returns 0 or
 * -errno.
 */
KEVY_API int kevy_ring_files_register(struct kevy_ring *ring, const int *fds, uint32_t count);

/* As kevy_ring_files_register(), with a tag for each file (5.13). A tag of 0 is none; `tags` may be
 * NULL. */
KEVY_API int kevy_ring_files_register_tagged(struct kevy_ring *ring, const int *fds,
                                             const uint64_t *tags, uint32_t count);

/* Registers a table of `count` empty slots (5.19). Returns 0 or -errno. */
KEVY_API int kevy_ring_files_register_sparse(struct kevy_ring *ring, uint32_t count);

/*
 * Puts `count` files into the slots from `first` on (5.5). Returns how many slots were done. If
 * these are fewer than `count`, the next one failed.
 */
KEVY_API int kevy_ring_files_update(struct kevy_ring *ring, uint32_t first, const int *fds,
                                    uint32_t count);
KEVY_API int kevy_ring_files_update_tagged(struct kevy_ring *ring, uint32_t first, const int *fds,
                                           const uint64_t *tags, uint32_t count); /* 5.13 */

/*
 * Tells the kernel to choose only slots from `first` to `first + count - 1` (6.0). The other slots
 * are for the program to number.
 */
KEVY_API int kevy_ring_files_alloc_range(struct kevy_ring *ring, uint32_t first, uint32_t count);

/* Removes the whole table (5.1). Requests in flight end with the files that they have. */
KEVY_API int kevy_ring_files_unregister(struct kevy_ring *ring);

/*
 * Registers a table of `count` buffers (5.1): at most 16384, each of at most 1 GiB. `buffers` is
 * BORROWED for the call. The memory that it names is PINNED until it is unregistered or replaced. A
 * vector of {NULL, 0} is an empty slot (5.13). Returns 0 or -errno.
 *
 * Before 6.5 the kernel refuses memory that is mapped from a file (-EINVAL). That includes the page
 * which a program's zeroed variables share with its initialised ones.
 */
KEVY_API int kevy_ring_buffers_register(struct kevy_ring *ring, const struct iovec *buffers,
                                        uint32_t count);
KEVY_API int kevy_ring_buffers_register_tagged(struct kevy_ring *ring, const struct iovec *buffers,
                                               const uint64_t *tags, uint32_t count);   /* 5.13 */
KEVY_API int kevy_ring_buffers_register_sparse(struct kevy_ring *ring, uint32_t count); /* 5.19 */

/*
 * Replaces `count` buffers from slot `first` on (5.13). `tags` may be NULL. Returns the count or
 * -errno.
 */
KEVY_API int kevy_ring_buffers_update(struct kevy_ring *ring, uint32_t first,
                                      const struct iovec *buffers, const uint64_t *tags,
                                      uint32_t count);

KEVY_API int kevy_ring_buffers_unregister(struct kevy_ring *ring); /* 5.1 */

/* Which part of the table is cloned, and to where. All zero: the whole table, into an empty one. */
struct kevy_ring_clone {
    uint32_t source_first; /* 6.13, like the next three */
    uint32_t first;
    uint32_t count; /* 0 for all from source_first on */
    bool replace;   /* replace buffers of `ring` in these slots */
};

/*
 * Shares registered buffers of `source` with `ring` (6.12). That is far cheaper than to pin the
 * memory twice. `options` may be NULL. -EBUSY: `ring` has buffers there, and may not replace them.
 */
KEVY_API int kevy_ring_buffers_clone(struct kevy_ring *ring, const struct kevy_ring *source,
                                     const struct kevy_ring_clone *options);

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_RING_FILES_H */
