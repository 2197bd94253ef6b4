/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "regular_file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "chance.h"
#include "kernel.h"
#include "world.h"

#define PAGE 4096U
/* How long a disk takes, where chance wants it to. */
#define DISK_LEAST_NS 10000U
#define DISK_MOST_NS  100000000U

struct regular {
    struct file file;
    struct kevy_sim_file *contents;
    uint64_t position;
};

static struct {
    struct kevy_sim_file *first;
} regulars;

void regular_files_reset(void)
{
    regulars.first = NULL;
}

static struct regular *regular_of(struct file *file)
{
    EXPECT(file->kind == FILE_REGULAR, "not a regular file");
    return (void *)((char *)file - offsetof(struct regular, file));
}

static bool may_read(const struct file *file)
{
    return (file->flags & O_ACCMODE) != O_WRONLY;
}

static bool may_write(const struct file *file)
{
    return (file->flags & O_ACCMODE) != O_RDONLY;
}

/* Fewer bytes, where chance wants it. */
static uint32_t shortened(uint32_t length)
{
    return length > 1 && chance(KEVY_SIM_FILE_SHORT) ? (uint32_t)chance_between(1, length) : length;
}

static int regular_read(struct file *file, void *data, uint32_t length, uint64_t offset)
{
    struct regular *regular = regular_of(file);
    const struct kevy_sim_file *contents = regular->contents;
    uint64_t from = offset == FILE_POSITION ? regular->position : offset;

    if (!may_read(file))
        return -EBADF;
    if (chance(KEVY_SIM_FILE_FAILS))
        return chance_one_in(2) ? -EIO : -ENOMEM;
    if (from >= contents->size)
        return 0;
    if (length > contents->size - from)
        length = (uint32_t)(contents->size - from);
    length = shortened(length);
    memcpy(data, (const char *)contents->data + from, length);
    if (offset == FILE_POSITION)
        regular->position += length;
    return (int)length;
}

/* Where a write begins. */
static uint64_t place_of(const struct regular *regular, uint64_t offset)
{
    if (regular->file.flags & O_APPEND)
        return regular->contents->size;
    return offset == FILE_POSITION ? regular->position : offset;
}

static int regular_write(struct file *file, const void *data, uint32_t length, uint64_t offset)
{
    static const int errors[] = {-EIO, -ENOSPC, -ENOMEM};
    struct regular *regular = regular_of(file);
    struct kevy_sim_file *contents = regular->contents;
    uint64_t to = place_of(regular, offset);

    if (!may_write(file))
        return -EBADF;
    if (chance(KEVY_SIM_FILE_FAILS))
        return errors[chance_below(sizeof errors / sizeof *errors)];
    if (length > contents->room || to > contents->room - length)
        return -ENOSPC;
    length = shortened(length);
    if (to > contents->size)
        memset((char *)contents->data + contents->size, 0, to - contents->size);
    memcpy((char *)contents->data + to, data, length);
    if (to + length > contents->size)
        contents->size = to + length;
    if (offset == FILE_POSITION)
        regular->position = to + length;
    return (int)length;
}

static uint32_t regular_poll(const struct file *file)
{
    (void)file;
    return POLLIN | POLLOUT;
}

static void release(struct file *file)
{
    struct regular *regular = regular_of(file);

    regular->contents->open--;
    free(regular);
}

static const struct file_operations operations = {
    .read_at = regular_read, .write_at = regular_write, .poll = regular_poll, .release = release};

struct file *regular_file_make(struct kevy_sim_file *contents, int flags)
{
    struct regular *regular = calloc(1, sizeof *regular);

    assert(regular != NULL);
    file_init(&regular->file, FILE_REGULAR, &operations);
    regular->file.flags = flags;
    regular->contents = contents;
    contents->open++;
    return &regular->file;
}

struct kevy_sim_file *regular_file_find(const char *path)
{
    struct kevy_sim_file *found = regulars.first;

    while (found != NULL && strcmp(found->path, path) != 0)
        found = found->next;
    return found;
}

static int open_check(const struct kevy_sim_file *contents, int flags)
{
    if (contents == NULL || (contents->is_absent && (flags & O_CREAT) == 0))
        return -ENOENT;
    return !contents->is_absent && (flags & O_CREAT) != 0 && (flags & O_EXCL) != 0 ? -EEXIST : 0;
}

int regular_file_open(struct kevy_sim_file *contents, int flags)
{
    int error = open_check(contents, flags);
    struct file *file;
    int fd;

    if (error < 0)
        return error;
    file = regular_file_make(contents, flags & ~(O_CREAT | O_EXCL | O_TRUNC));
    fd = file_install(file);
    if (fd >= 0 && (contents->is_absent || (flags & O_TRUNC) != 0))
        contents->size = 0;
    if (fd >= 0)
        contents->is_absent = false;
    file_drop(file);
    return fd;
}

int64_t regular_file_seek(struct file *file, int64_t offset, int whence)
{
    struct regular *regular = regular_of(file);

    if (whence == SEEK_CUR)
        offset += (int64_t)regular->position;
    else if (whence == SEEK_END)
        offset += (int64_t)regular->contents->size;
    if (offset < 0)
        return -EINVAL;
    regular->position = (uint64_t)offset;
    return offset;
}

/* The last page is there as a whole. Linux before 6.5 cannot be asked. */
bool regular_file_cached(struct file *file, uint64_t offset, uint64_t length)
{
    uint64_t end = (regular_of(file)->contents->size + PAGE - 1) / PAGE * PAGE;

    return kernel_minor() >= 5 && length <= end && offset <= end - length &&
           !chance(KEVY_SIM_FILE_UNCACHED);
}

int regular_file_sync(struct file *file)
{
    (void)regular_of(file);
    return chance(KEVY_SIM_FILE_FAILS) ? -EIO : 0;
}

int regular_file_status(struct file *file, void *status)
{
    struct statx answer = {.stx_mask = STATX_TYPE | STATX_MODE | STATX_SIZE,
                           .stx_blksize = PAGE,
                           .stx_nlink = 1,
                           .stx_mode = S_IFREG | S_IRUSR | S_IWUSR};

    answer.stx_size = regular_of(file)->contents->size;
    if (chance(KEVY_SIM_FILE_FAILS))
        return -EIO;
    memcpy(status, &answer, sizeof answer);
    return 0;
}

static uint64_t disk_ns(void)
{
    return chance_magnitude(DISK_LEAST_NS, DISK_MOST_NS);
}

void regular_file_wait(const struct file *file)
{
    if (file->kind == FILE_REGULAR && chance(KEVY_SIM_FILE_LATE))
        kernel_work(disk_ns());
}

/* ---- Requests ------------------------------------------------------------------------------ */

bool regular_file_is_late(struct request *request)
{
    if (request->tried || (request->file != NULL && request->file->kind != FILE_REGULAR) ||
        !chance(KEVY_SIM_FILE_LATE))
        return false;
    request_timer(request, disk_ns());
    return true;
}

/* The path is read now. Whether there is such a file is seen later. */
int prepare_open(struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;

    if (sqe->buf_index != 0 || sqe->file_index != 0)
        return -EINVAL;
    request->named = regular_file_find((const char *)(uintptr_t)sqe->addr);
    return 0;
}

int run_open(struct request *request)
{
    if (regular_file_is_late(request))
        return REQUEST_TAKEN;
    if (chance(KEVY_SIM_FILE_FAILS))
        return chance_one_in(2) ? -EIO : -ENOMEM;
    return regular_file_open(request->named, (int)request->sqe.open_flags);
}

int prepare_sync(struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;

    return sqe->addr != 0 || sqe->buf_index != 0 || sqe->splice_fd_in != 0 ||
                   (sqe->fsync_flags & ~KEVY_FSYNC_DATASYNC) != 0
               ? -EINVAL
               : 0;
}

int run_sync(struct request *request)
{
    if (request->file->kind != FILE_REGULAR)
        return -EINVAL;
    return regular_file_is_late(request) ? REQUEST_TAKEN : regular_file_sync(request->file);
}

int prepare_status(struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;

    return sqe->buf_index != 0 || sqe->splice_fd_in != 0 ? -EINVAL : 0;
}

/* Of a descriptor. */
int run_status(struct request *request)
{
    const char *path = (const void *)(uintptr_t)request->sqe.addr;

    EXPECT((request->sqe.statx_flags & AT_EMPTY_PATH) != 0 && (path == NULL || *path == '\0') &&
               request->file->kind == FILE_REGULAR,
           "statx of something else than a descriptor of a file");
    return regular_file_is_late(request)
               ? REQUEST_TAKEN
               : regular_file_status(request->file, (void *)(uintptr_t)request->sqe.off);
}

/* ---- For the test function ----------------------------------------------------------------- */

void kevy_sim_file_add(struct kevy_sim *sim, struct kevy_sim_file *file)
{
    world_check(sim);
    assert(file->path != NULL && file->size <= file->room && "a file needs a path, and room");
    assert(regular_file_find(file->path) == NULL && "there is a file of that path");
    file->open = 0;
    file->next = regulars.first;
    regulars.first = file;
}

int kevy_sim_file_open(struct kevy_sim *sim, const char *path, int flags)
{
    world_check(sim);
    return regular_file_open(regular_file_find(path), flags);
}
