/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "file.h"

#include <errno.h>
#include <string.h>

#include "chance.h"
#include "epoll.h"
#include "request.h"
#include "world.h"

enum {
    DESCRIPTOR_FIRST = 3,
    DESCRIPTORS_MAX = 1 << 16,
};

static struct {
    struct file *at[DESCRIPTORS_MAX];
    uint32_t open;
    uint32_t limit;
    int end; /* behind the highest number given out */
    bool once;
} table;

void files_reset(void)
{
    memset(table.at, 0, (size_t)table.end * sizeof table.at[0]);
    table.open = 0;
    table.limit = DESCRIPTORS_MAX;
    table.end = DESCRIPTOR_FIRST;
    table.once = chance_one_in(3);
}

void files_limit(uint32_t limit)
{
    table.limit = limit;
}

uint32_t files_open(void)
{
    return table.open;
}

void file_init(struct file *file, enum file_kind kind, const struct file_operations *operations)
{
    memset(file, 0, sizeof *file);
    file->kind = kind;
    file->operations = operations;
    file->references = 1;
}

void file_hold(struct file *file)
{
    file->references++;
}

void file_drop(struct file *file)
{
    EXPECT(file->references > 0, "a file is released twice");
    if (--file->references != 0)
        return;
    epoll_forget(file);
    if (file->operations->release != NULL)
        file->operations->release(file);
}

int file_install(struct file *file)
{
    int fd = table.once && table.end < DESCRIPTORS_MAX ? table.end : DESCRIPTOR_FIRST;

    if (table.open >= table.limit) {
        world_refuses();
        return -EMFILE;
    }
    while (fd < table.end && table.at[fd] != NULL)
        fd++;
    if (fd == DESCRIPTORS_MAX)
        return -EMFILE;
    if (fd == table.end)
        table.end++;
    table.at[fd] = file;
    table.open++;
    file_hold(file);
    return fd;
}

struct file *file_find(int fd)
{
    return fd >= 0 && fd < table.end ? table.at[fd] : NULL;
}

struct file *file_at(int fd, const char *what)
{
    struct file *file = file_find(fd);

    if (file == NULL)
        FAIL("%s of descriptor %d, which is not open", what, fd);
    return file;
}

void file_close(int fd)
{
    struct file *file = file_at(fd, "close");

    table.at[fd] = NULL;
    table.open--;
    file_drop(file);
}

void file_changed(struct file *file, uint32_t events)
{
    requests_wake(file, events);
    epoll_changed(file, events);
    if (file->watcher != NULL)
        file->watcher(file);
}

static int part_read(struct file *file, const struct iovec *part, uint64_t offset)
{
    const struct file_operations *operations = file->operations;
    uint32_t length = (uint32_t)part->iov_len;

    if (operations->read_at != NULL)
        return operations->read_at(file, part->iov_base, length, offset);
    return operations->read(file, part->iov_base, length);
}

static int part_write(struct file *file, const struct iovec *part, uint64_t offset)
{
    const struct file_operations *operations = file->operations;
    uint32_t length = (uint32_t)part->iov_len;

    if (operations->write_at != NULL)
        return operations->write_at(file, part->iov_base, length, offset);
    return operations->write(file, part->iov_base, length);
}

static int64_t parts_move(struct file *file, const struct iovec *parts, int count, uint64_t offset,
                          int (*move)(struct file *, const struct iovec *, uint64_t))
{
    int64_t total = 0;

    for (int part = 0; part < count; part++) {
        uint64_t at = offset != FILE_POSITION ? offset + (uint64_t)total : FILE_POSITION;
        int result = move(file, &parts[part], at);

        if (result < 0)
            return total != 0 ? total : result;
        total += result;
        if ((size_t)result < parts[part].iov_len)
            break;
    }
    return total;
}

int64_t file_parts_read(struct file *file, const struct iovec *parts, int count, uint64_t offset)
{
    return parts_move(file, parts, count, offset, part_read);
}

int64_t file_parts_write(struct file *file, const struct iovec *parts, int count, uint64_t offset)
{
    return parts_move(file, parts, count, offset, part_write);
}
