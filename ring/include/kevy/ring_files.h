/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/ring_files.h - registered files and registered buffers: resources that a ring holds.
 *
 * Model. Each ring has one table of files and one of buffers, filled here and named by index in
 * requests: files by KEVY_SQE_FIXED_FILE with the index for a descriptor, or as the slot in which a
 * direct open, accept or socket puts its result; buffers by buf_index. A slot may be empty. The
 * ring holds a reference of its own: a registered descriptor may be closed at once.
 *
 * Replacing or emptying a slot does not touch requests in flight; they end with the old resource.
 * Its tag, when it had one, arrives as the user_data of a CQE with result 0 once the last of them
 * is through: then its memory may be reused.
 *
 * Errors: -ENXIO there is no table, -EBUSY there is one already, -EBADF a descriptor that is none,
 * -EMFILE more files than RLIMIT_NOFILE allows (raise it first, the library does not), -EINVAL an
 * index out of the table or a function that this kernel lacks, -ENOMEM (buffers are pinned and
 * count towards RLIMIT_MEMLOCK), -EFAULT. With KEVY_SETUP_SINGLE_ISSUER -EEXIST from any thread but
 * the owner.
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

/* In an update of files: empty this slot. KEVY_REGISTER_FILES_SKIP leaves it as it is (5.12). */
#define KEVY_FILE_NONE (-1)

/* Registers a table of `count` files, -1 for an empty slot (5.1; empty slots 5.5). 0 or an error.
 */
KEVY_API int kevy_ring_files_register(struct kevy_ring *ring, const int *fds, uint32_t count);

/* The same with a tag for each file, 0 for none (5.13). `tags` NULL: no tags. */
KEVY_API int kevy_ring_files_register_tagged(struct kevy_ring *ring, const int *fds,
                                             const uint64_t *tags, uint32_t count);

/* Registers a table of `count` empty slots (5.19). */
KEVY_API int kevy_ring_files_register_sparse(struct kevy_ring *ring, uint32_t count);

/*
 * Puts `count` files into the slots from `first` on (5.5): KEVY_FILE_NONE empties one. Returns how
 * many slots were dealt with; fewer than `count` means that the next one failed.
 */
KEVY_API int kevy_ring_files_update(struct kevy_ring *ring, uint32_t first, const int *fds,
                                    uint32_t count);
KEVY_API int kevy_ring_files_update_tagged(struct kevy_ring *ring, uint32_t first, const int *fds,
                                           const uint64_t *tags, uint32_t count); /* 5.13 */

/*
 * Confines KEVY_FILE_INDEX_ALLOC to the slots [first, first + count) (6.0), so that those the
 * program numbers itself stay free.
 */
KEVY_API int kevy_ring_files_alloc_range(struct kevy_ring *ring, uint32_t first, uint32_t count);

/* Drops the whole table (5.1). Requests in flight end with the files they have. */
KEVY_API int kevy_ring_files_unregister(struct kevy_ring *ring);

/*
 * Registers a table of `count` buffers, of 1 GiB at most each and 16384 in number (5.1). `buffers`
 * is BORROWED, the memory it names PINNED until unregistered or replaced. An iovec of { NULL, 0 }
 * is an empty slot (5.13). Before 6.5 memory that is mapped from a file is refused (-EINVAL), and
 * so is the page that a program's zeroed data shares with the rest of it. 0 or an error.
 */
KEVY_API int kevy_ring_buffers_register(struct kevy_ring *ring, const struct iovec *buffers,
                                        uint32_t count);
KEVY_API int kevy_ring_buffers_register_tagged(struct kevy_ring *ring, const struct iovec *buffers,
                                               const uint64_t *tags, uint32_t count);   /* 5.13 */
KEVY_API int kevy_ring_buffers_register_sparse(struct kevy_ring *ring, uint32_t count); /* 5.19 */

/* Replaces `count` buffers from slot `first` on (5.13); `tags` may be NULL. Returns the count. */
KEVY_API int kevy_ring_buffers_update(struct kevy_ring *ring, uint32_t first,
                                      const struct iovec *buffers, const uint64_t *tags,
                                      uint32_t count);

KEVY_API int kevy_ring_buffers_unregister(struct kevy_ring *ring); /* 5.1 */

/* Which part of the source's table goes where; all zero: the whole table into an empty one. */
struct kevy_ring_clone {
    uint32_t source_first; /* 6.13, as the next three */
    uint32_t first;
    uint32_t count; /* 0 for all from source_first on */
    bool replace;   /* overwrite what `ring` has in these slots */
};

/*
 * Shares registered buffers of `source` with `ring` (6.12), which is far cheaper than to pin them
 * twice. `options` may be NULL. -EBUSY when `ring` has buffers there and may not replace them.
 */
KEVY_API int kevy_ring_buffers_clone(struct kevy_ring *ring, const struct kevy_ring *source,
                                     const struct kevy_ring_clone *options);

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_RING_FILES_H */
