/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * ring_cp: copies a file, on ring/ alone. Sixteen blocks are under way at once. Each is a read into
 * a registered buffer with a linked write, which the kernel starts by itself after the read. A
 * short read breaks the link; then the rest of the block is requested again.
 */
#include "report.h"
#include "usage.h"

#include <kevy/ring.h>
#include <kevy/ring_files.h>
#include <kevy/ring_prep.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { BLOCKS = 16, BLOCK_SIZE = 256 * 1024 };
struct block {
    uint64_t offset;
    uint32_t length, asked; /* 0: not in use; of that, in the requests under way */
    uint32_t waiting;       /* results still to come */
    int32_t results[2];
};

struct copy {
    struct kevy_ring ring;
    struct block blocks[BLOCKS];
    int source, target;
    uint64_t size, next, done;
    uint32_t busy; /* blocks in use */
    int percent;   /* shown last */
};

/* Aligned to the largest page size: kernels before 6.5 do not register a page that belongs to a
 * file, and the page in which zeroed data begins may belong to the file of the program. */
static _Alignas(65536) char buffers[BLOCKS][BLOCK_SIZE];

/* user_data is twice the number of the block, plus 1 for its write. */
static void block_queue(struct copy *copy, uint16_t number, uint32_t length)
{
    struct block *block = &copy->blocks[number];
    struct kevy_sqe *sqe = kevy_ring_sqe(&copy->ring, number * 2U);
    kevy_prep_read_fixed(sqe, copy->source, buffers[number], length, block->offset, number);
    kevy_sqe_set_flags(sqe, KEVY_SQE_IO_LINK);
    sqe = kevy_ring_sqe(&copy->ring, number * 2U + 1);
    kevy_prep_write_fixed(sqe, copy->target, buffers[number], length, block->offset, number);
    block->asked = length;
    block->waiting = 2;
}

static void blocks_queue(struct copy *copy)
{
    for (uint16_t number = 0; number < BLOCKS && copy->next < copy->size; number++) {
        struct block *block = &copy->blocks[number];
        uint64_t left = copy->size - copy->next;
        if (block->length != 0)
            continue;
        block->offset = copy->next;
        block->length = left < BLOCK_SIZE ? (uint32_t)left : BLOCK_SIZE;
        copy->next += block->length;
        copy->busy++;
        block_queue(copy, number, block->length);
    }
}

static void progress_show(struct copy *copy)
{
    int percent = (int)(copy->done * 100 / copy->size);
    if (percent != copy->percent && isatty(STDERR_FILENO))
        fprintf(stderr, "\r%3d %%%s", percent, percent == 100 ? "\n" : "");
    copy->percent = percent;
}

/* Both results of a block are there. What they did not copy is requested again. */
static int block_finish(struct copy *copy, uint16_t number)
{
    struct block *block = &copy->blocks[number];
    int32_t got = block->results[0], put = block->results[1];
    if (got <= 0)
        return got < 0 ? got : -ENODATA; /* the file has become shorter */
    if ((uint32_t)got < block->asked)
        return block_queue(copy, number, (uint32_t)got), 0;
    if (put <= 0)
        return put < 0 ? put : -EIO;
    block->offset += (uint32_t)put;
    block->length -= (uint32_t)put;
    copy->done += (uint32_t)put;
    copy->busy -= block->length == 0;
    if (block->length != 0)
        block_queue(copy, number, block->length);
    return 0;
}

static int copy_run(struct copy *copy)
{
    const struct kevy_cqe *cqe;
    int error = 0;
    blocks_queue(copy);
    while (copy->busy != 0 && error == 0) {
        int submitted = kevy_ring_submit_and_wait(&copy->ring, 1);
        if (submitted < 0 && submitted != -EINTR)
            return submitted;
        while (error == 0 && (cqe = kevy_ring_next(&copy->ring)) != NULL) {
            uint16_t number = (uint16_t)(cqe->user_data / 2);
            copy->blocks[number].results[cqe->user_data % 2] = cqe->res;
            if (--copy->blocks[number].waiting == 0)
                error = block_finish(copy, number);
        }
        kevy_ring_release(&copy->ring);
        blocks_queue(copy);
        progress_show(copy);
    }
    return error;
}

/* Opens both. A target that is the source is left alone; a source without a size is refused. */
static int files_open(struct copy *copy, const char *from, const char *to)
{
    struct stat source, target;
    bool same;
    copy->source = open(from, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (copy->source < 0 || fstat(copy->source, &source) < 0)
        return perror(from), 1;
    if (!S_ISREG(source.st_mode))
        return fprintf(stderr, "%s: not a regular file\n", from), 1;
    copy->target = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, source.st_mode & 0777);
    if (copy->target < 0 || fstat(copy->target, &target) < 0)
        return perror(to), 1;
    same = target.st_dev == source.st_dev && target.st_ino == source.st_ino;
    if (!same && S_ISREG(target.st_mode) && ftruncate(copy->target, 0) < 0)
        return perror(to), 1;
    copy->size = (uint64_t)source.st_size;
    return same ? fprintf(stderr, "%s: the same file as %s\n", to, from), 1 : 0;
}

int main(int argc, char **argv)
{
    static const struct usage usage = {"ring_cp", "SOURCE TARGET", "Copies a file.\n"};
    static const struct kevy_ring_options options = {.kernel = KEVY_RING_KERNEL_AUTOMATIC};
    struct copy copy = {.percent = -1};
    struct iovec vectors[BLOCKS];
    int status = usage_check(&usage, argc, argv, NULL);
    if (status >= 0)
        return status;
    if (files_open(&copy, argv[1], argv[2]) != 0)
        return 1;
    for (int i = 0; i < BLOCKS; i++)
        vectors[i] = (struct iovec){buffers[i], BLOCK_SIZE};
    int error = kevy_ring_init(&copy.ring, 2 * BLOCKS, &options);
    error = error ? error : kevy_ring_buffers_register(&copy.ring, vectors, BLOCKS);
    error = error ? error : copy_run(&copy);
    kevy_ring_deinit(&copy.ring);
    return kevy_report("ring_cp", close(copy.target) < 0 && !error ? -errno : error);
}
