/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * ring_cat: files, or standard input, to standard output, on ring/ alone. One block is written
 * while the next is read: both requests go to the kernel in one call.
 */
#include "report.h"
#include "usage.h"

#include <kevy/ring.h>
#include <kevy/ring_prep.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    BLOCK_SIZE = 256 * 1024,
};

struct block {
    char data[BLOCK_SIZE];
    int32_t length; /* of what was read, 0 at the end, or -errno */
};

/* user_data of the two requests that may be under way. */
enum request {
    READ,
    WRITE,
    REQUESTS,
};

static struct block blocks[2];

/* Submits the queue and waits for `count` results, each stored where its request says. Ends the
 * program if the ring fails. */
static void results_wait(struct kevy_ring *ring, uint32_t count, int32_t results[REQUESTS])
{
    const struct kevy_cqe *cqe;

    while (count != 0) {
        int submitted = kevy_ring_submit_and_wait(ring, count);

        if (submitted < 0 && submitted != -EINTR)
            exit(kevy_report("ring_cat", submitted));
        for (; (cqe = kevy_ring_next(ring)) != NULL; count--)
            results[cqe->user_data] = cqe->res;
        kevy_ring_release(ring);
    }
}

static void read_queue(struct kevy_ring *ring, int fd, struct block *block)
{
    kevy_prep_read(kevy_ring_sqe(ring, READ), fd, block->data, BLOCK_SIZE, KEVY_OFFSET_CURRENT);
}

static void write_queue(struct kevy_ring *ring, const struct block *block, int32_t done)
{
    kevy_prep_write(kevy_ring_sqe(ring, WRITE), STDOUT_FILENO, block->data + done,
                    (uint32_t)(block->length - done), KEVY_OFFSET_CURRENT);
}

/* Writes `full` while `next` is read; a write may take several calls to get everything out. */
static int block_pass(struct kevy_ring *ring, int fd, const struct block *full, struct block *next)
{
    int32_t results[REQUESTS] = {0, 0};
    int32_t done = 0;
    uint32_t count = 2;

    read_queue(ring, fd, next);
    do {
        write_queue(ring, full, done);
        results_wait(ring, count, results);
        if (results[WRITE] <= 0)
            return results[WRITE] < 0 ? results[WRITE] : -EIO;
        done += results[WRITE];
        count = 1;
    } while (done < full->length);
    next->length = results[READ];
    return 0;
}

static int file_pass(struct kevy_ring *ring, int fd)
{
    int32_t results[REQUESTS] = {0, 0};
    int current = 0, error = 0;

    read_queue(ring, fd, &blocks[0]);
    results_wait(ring, 1, results);
    blocks[0].length = results[READ];
    while (error == 0 && blocks[current].length > 0) {
        error = block_pass(ring, fd, &blocks[current], &blocks[!current]);
        current = !current;
    }
    return error < 0 ? error : blocks[current].length;
}

static int path_pass(struct kevy_ring *ring, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int error = fd < 0 ? -errno : file_pass(ring, fd);

    if (fd >= 0)
        close(fd);
    return error;
}

/* The exit status for one file. */
static int file_report(const char *path, int error)
{
    return error < 0 ? fprintf(stderr, "%s: %s\n", path, strerror(-error)), 1 : 0;
}

int main(int argc, char **argv)
{
    static const struct usage usage = {"ring_cat", "[FILE]...",
                                       "Copies files, or standard input, to standard output.\n"};
    static const struct kevy_ring_options options = {.kernel = KEVY_RING_KERNEL_AUTOMATIC};
    struct kevy_ring ring = {0};
    int error, status = usage_check(&usage, argc, argv, NULL);

    if (status >= 0)
        return status;
    status = 0;
    error = kevy_ring_init(&ring, REQUESTS, &options);
    if (error < 0)
        return kevy_report("ring_cat", error);
    if (argc < 2)
        status = file_report("standard input", file_pass(&ring, STDIN_FILENO));
    for (int i = 1; i < argc; i++)
        status |= file_report(argv[i], path_pass(&ring, argv[i]));
    kevy_ring_deinit(&ring);
    return status;
}
