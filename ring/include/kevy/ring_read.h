/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/ring_read.h - many pieces of files at once, and back when all are there.
 *
 * For programs that load data before they serve, and have nothing else to do meanwhile. The pieces
 * are read in parallel, as many at a time as the SQ has entries.
 *
 * Example: the headers of two files
 *
 *     #include <kevy/ring_read.h>
 *
 *     static int headers_load(struct kevy_ring *ring, const int fds[2], char headers[2][64])
 *     {
 *         struct kevy_file_read reads[2] = {
 *             {.fd = fds[0], .memory = headers[0], .length = 64},
 *             {.fd = fds[1], .memory = headers[1], .length = 64},
 *         };
 *         int whole = kevy_ring_read_files(ring, reads, 2);
 *
 *         return whole == 2 ? 0 : -1;
 *     }
 */
#ifndef KEVY_RING_READ_H
#define KEVY_RING_READ_H

#include <kevy/ring.h>

#if KEVY_RING_SUPPORTED

KEVY_BEGIN_DECLS

/* One piece of a file. */
struct kevy_file_read {
    void *memory;    /* where the bytes go; PINNED while the call runs */
    uint64_t offset; /* in bytes; KEVY_OFFSET_CURRENT for a pipe or a socket */
    uint32_t length; /* in bytes, at most KEVY_FILE_READ_MAX */
    int fd;          /* BORROWED while the call runs */
    int32_t result;  /* set by the call: the number of bytes read, or -errno */
};

/* Read(2) takes no more at once. */
#define KEVY_FILE_READ_MAX 0x7ffff000U

/*
 * Reads `count` pieces and returns when each one has its result. A read that ends early goes on
 * from where it ended, so `result` is less than `length` only at the end of the file.
 *
 * The ring must be idle: no request may be queued or in flight, and no CQE unreaped. Signals do not
 * end the call. It allocates nothing.
 *
 * Returns the number of pieces that were read in full: `count` if all is well. Otherwise the
 * `result` of each piece tells. Returns -errno if the ring itself cannot be used, for example
 * -EEXIST from a foreign thread. Then reads may still be in flight: the memory stays PINNED until
 * kevy_ring_deinit().
 */
KEVY_API int kevy_ring_read_files(struct kevy_ring *ring, struct kevy_file_read *reads,
                                  uint32_t count);

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_RING_READ_H */
