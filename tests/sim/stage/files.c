/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "files.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define PIPE_ROOM    65536U
#define PIPE_ATOMIC  4096U
#define REGULAR_ROOM 4096U

/* ---- Pipes --------------------------------------------------------------------------------- */

struct pipe {
    struct file ends[2]; /* for reading, and for writing */
    bool closed[2];
    uint32_t begin;
    uint32_t length;
    char bytes[PIPE_ROOM];
};

static struct pipe *pipe_of(const struct file *file, int end)
{
    return (void *)((char *)(uintptr_t)file - offsetof(struct pipe, ends) -
                    (size_t)end * sizeof(struct file));
}

static int pipe_read(struct file *file, void *data, uint32_t length)
{
    struct pipe *pipe = pipe_of(file, 0);
    char *to = data;

    if (pipe->length == 0)
        return pipe->closed[1] ? 0 : -EAGAIN;
    if (length > pipe->length)
        length = pipe->length;
    for (uint32_t i = 0; i < length; i++)
        to[i] = pipe->bytes[(pipe->begin + i) % PIPE_ROOM];
    pipe->begin += length;
    pipe->length -= length;
    file_changed(&pipe->ends[1], POLLOUT);
    return (int)length;
}

static int pipe_write(struct file *file, const void *data, uint32_t length)
{
    struct pipe *pipe = pipe_of(file, 1);
    const char *from = data;

    if (pipe->closed[0])
        return -EPIPE;
    if (pipe->length == PIPE_ROOM)
        return -EAGAIN;
    if (length > PIPE_ROOM - pipe->length)
        length = PIPE_ROOM - pipe->length;
    for (uint32_t i = 0; i < length; i++)
        pipe->bytes[(pipe->begin + pipe->length + i) % PIPE_ROOM] = from[i];
    pipe->length += length;
    file_changed(&pipe->ends[0], POLLIN);
    return (int)length;
}

static uint32_t read_end_poll(const struct file *file)
{
    const struct pipe *pipe = pipe_of(file, 0);

    return (pipe->length != 0 ? POLLIN : 0) | (pipe->closed[1] ? POLLHUP : 0);
}

static uint32_t write_end_poll(const struct file *file)
{
    const struct pipe *pipe = pipe_of(file, 1);

    return (pipe->length <= PIPE_ROOM - PIPE_ATOMIC ? POLLOUT : 0) |
           (pipe->closed[0] ? POLLERR : 0);
}

static void pipe_close(struct pipe *pipe, int end)
{
    pipe->closed[end] = true;
    if (pipe->closed[1 - end])
        free(pipe);
    else
        file_changed(&pipe->ends[1 - end], end == 0 ? POLLERR : POLLHUP);
}

static void read_end_release(struct file *file)
{
    pipe_close(pipe_of(file, 0), 0);
}

static void write_end_release(struct file *file)
{
    pipe_close(pipe_of(file, 1), 1);
}

void files_pipe_make(struct file *ends[2])
{
    static const struct file_operations operations[2] = {
        {.read = pipe_read, .poll = read_end_poll, .release = read_end_release},
        {.write = pipe_write, .poll = write_end_poll, .release = write_end_release}};
    struct pipe *pipe = calloc(1, sizeof *pipe);

    if (pipe == NULL)
        abort();
    for (int end = 0; end < 2; end++) {
        ends[end] = &pipe->ends[end];
        file_init(ends[end], FILE_PIPE, &operations[end]);
    }
}

/* ---- Regular files ------------------------------------------------------------------------- */

struct regular {
    struct file file;
    uint64_t position;
    uint32_t size;
    char bytes[REGULAR_ROOM];
};

static struct regular *regular_of(struct file *file)
{
    return (void *)((char *)file - offsetof(struct regular, file));
}

static uint64_t place_of(struct regular *regular, uint64_t offset)
{
    return offset == FILE_POSITION ? regular->position : offset;
}

static void advance(struct regular *regular, uint64_t offset, uint32_t length)
{
    if (offset == FILE_POSITION)
        regular->position += length;
}

static int regular_read(struct file *file, void *data, uint32_t length, uint64_t offset)
{
    struct regular *regular = regular_of(file);
    uint64_t from = place_of(regular, offset);

    if (from >= regular->size)
        return 0;
    if (length > regular->size - from)
        length = (uint32_t)(regular->size - from);
    memcpy(data, regular->bytes + from, length);
    advance(regular, offset, length);
    return (int)length;
}

static int regular_write(struct file *file, const void *data, uint32_t length, uint64_t offset)
{
    struct regular *regular = regular_of(file);
    uint64_t to = place_of(regular, offset);

    if (to + length > REGULAR_ROOM)
        return -ENOSPC;
    memcpy(regular->bytes + to, data, length);
    if (to + length > regular->size)
        regular->size = (uint32_t)(to + length);
    advance(regular, offset, length);
    return (int)length;
}

static uint32_t regular_poll(const struct file *file)
{
    (void)file;
    return POLLIN | POLLOUT;
}

static void regular_release(struct file *file)
{
    free(regular_of(file));
}

struct file *files_regular_make(void)
{
    static const struct file_operations operations = {.read_at = regular_read,
                                                      .write_at = regular_write,
                                                      .poll = regular_poll,
                                                      .release = regular_release};
    struct regular *regular = calloc(1, sizeof *regular);

    if (regular == NULL)
        abort();
    file_init(&regular->file, FILE_PIPE, &operations);
    return &regular->file;
}

void files_seek(struct file *file, uint64_t position)
{
    regular_of(file)->position = position;
}
