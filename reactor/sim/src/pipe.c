/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "pipe.h"

#include <assert.h>
#include <fcntl.h>
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>

#include "chance.h"
#include "epoll.h"
#include "world.h"

#include <kevy/sim_file.h>

/* A write of no more bytes is taken whole, and room for so many is room to write. */
#define PIPE_ATOMIC 4096U

enum { READS, WRITES, ENDS };

struct pipe {
    struct file ends[ENDS];
    bool closed[ENDS];
    uint32_t begin;
    uint32_t length;
    uint32_t room;
    char bytes[];
};

static struct pipe *pipe_of(const struct file *file, int end)
{
    return (void *)((char *)(uintptr_t)file - offsetof(struct pipe, ends) -
                    (size_t)end * sizeof(struct file));
}

static int pipe_read(struct file *file, void *data, uint32_t length)
{
    struct pipe *pipe = pipe_of(file, READS);
    char *to = data;

    if (pipe->length == 0)
        return pipe->closed[WRITES] ? 0 : -EAGAIN;
    if (length > pipe->length)
        length = pipe->length;
    if (length > 1 && chance(KEVY_SIM_RECV_SHORT)) {
        length = (uint32_t)chance_between(1, length);
        epoll_changed(file, POLLIN); /* as if the rest had come right behind it */
    }
    for (uint32_t i = 0; i < length; i++)
        to[i] = pipe->bytes[(pipe->begin + i) % pipe->room];
    pipe->begin = (pipe->begin + length) % pipe->room;
    pipe->length -= length;
    file_changed(&pipe->ends[WRITES], POLLOUT);
    return (int)length;
}

/* How much of a write a pipe takes, which has room for some. */
static uint32_t taken(const struct pipe *pipe, uint32_t length)
{
    uint32_t room = pipe->room - pipe->length;

    if (length > room)
        return length <= PIPE_ATOMIC ? 0 : room;
    if (length > PIPE_ATOMIC && chance(KEVY_SIM_SEND_SHORT))
        return (uint32_t)chance_between(1, length);
    return length;
}

static int pipe_write(struct file *file, const void *data, uint32_t length)
{
    struct pipe *pipe = pipe_of(file, WRITES);
    const char *from = data;
    uint32_t wanted = length;

    if (pipe->closed[READS])
        return -EPIPE;
    length = taken(pipe, length);
    if (length == 0 && wanted != 0)
        return -EAGAIN;
    if (length < wanted && pipe->length + length < pipe->room)
        epoll_changed(file, POLLOUT); /* as if there was room again right behind it */
    for (uint32_t i = 0; i < length; i++)
        pipe->bytes[(pipe->begin + pipe->length + i) % pipe->room] = from[i];
    pipe->length += length;
    file_changed(&pipe->ends[READS], POLLIN);
    return (int)length;
}

bool pipe_is_of(const struct file *reads, const struct file *writes)
{
    return writes->kind == FILE_PIPE && pipe_of(reads, READS) == pipe_of(writes, WRITES);
}

int pipe_peek(struct file *reads, void *data, uint32_t skip, uint32_t length)
{
    const struct pipe *pipe = pipe_of(reads, READS);
    char *to = data;

    if (skip >= pipe->length)
        return pipe->closed[WRITES] ? 0 : -EAGAIN;
    if (length > pipe->length - skip)
        length = pipe->length - skip;
    for (uint32_t i = 0; i < length; i++)
        to[i] = pipe->bytes[(pipe->begin + skip + i) % pipe->room];
    return (int)length;
}

int pipe_shortage(const struct file *writes)
{
    const struct pipe *pipe = pipe_of(writes, WRITES);

    if (pipe->closed[READS])
        return -EPIPE;
    return pipe->length == pipe->room ? -EAGAIN : 0;
}

int pipe_fill(struct file *writes, const void *data, uint32_t length)
{
    const struct pipe *pipe = pipe_of(writes, WRITES);
    uint32_t room = pipe->room - pipe->length;

    return pipe_write(writes, data, length < room ? length : room);
}

static uint32_t read_end_poll(const struct file *file)
{
    const struct pipe *pipe = pipe_of(file, READS);

    return (pipe->length != 0 ? POLLIN : 0) | (pipe->closed[WRITES] ? POLLHUP : 0);
}

static uint32_t write_end_poll(const struct file *file)
{
    const struct pipe *pipe = pipe_of(file, WRITES);

    return (pipe->room - pipe->length >= PIPE_ATOMIC ? POLLOUT : 0) |
           (pipe->closed[READS] ? POLLERR : 0);
}

static void pipe_close(struct pipe *pipe, int end)
{
    pipe->closed[end] = true;
    if (pipe->closed[1 - end])
        free(pipe);
    else
        file_changed(&pipe->ends[1 - end], end == READS ? POLLERR : POLLHUP);
}

static void read_end_release(struct file *file)
{
    pipe_close(pipe_of(file, READS), READS);
}

static void write_end_release(struct file *file)
{
    pipe_close(pipe_of(file, WRITES), WRITES);
}

void pipe_make(struct file *ends[2], uint32_t room)
{
    static const struct file_operations operations[ENDS] = {
        {.read = pipe_read, .poll = read_end_poll, .release = read_end_release},
        {.write = pipe_write, .poll = write_end_poll, .release = write_end_release}};
    struct pipe *pipe = calloc(1, sizeof *pipe + room);

    assert(pipe != NULL && room >= PIPE_ATOMIC);
    pipe->room = room;
    for (int end = 0; end < ENDS; end++) {
        ends[end] = &pipe->ends[end];
        file_init(ends[end], FILE_PIPE, &operations[end]);
    }
    ends[READS]->flags = O_RDONLY;
    ends[WRITES]->flags = O_WRONLY;
}

int kevy_sim_pipe_open(struct kevy_sim *sim, int fds[2], int flags)
{
    struct file *ends[ENDS];

    world_check(sim);
    pipe_make(ends, (uint32_t)chance_magnitude(PIPE_ATOMIC, PIPE_ROOM));
    for (int end = 0; end < ENDS; end++)
        ends[end]->flags |= flags & O_NONBLOCK;
    fds[READS] = file_install(ends[READS]);
    fds[WRITES] = fds[READS] < 0 ? fds[READS] : file_install(ends[WRITES]);
    if (fds[READS] >= 0 && fds[WRITES] < 0)
        file_close(fds[READS]);
    file_drop(ends[READS]);
    file_drop(ends[WRITES]);
    return fds[WRITES] < 0 ? fds[WRITES] : 0;
}
