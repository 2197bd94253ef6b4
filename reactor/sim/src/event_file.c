/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "event_file.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct event_file {
    struct file file;
    uint64_t count;
};

static struct event_file *event_file_of(struct file *file)
{
    return (void *)((char *)file - offsetof(struct event_file, file));
}

static int count_read(struct file *file, void *data, uint32_t length)
{
    struct event_file *event = event_file_of(file);

    if (length < sizeof event->count)
        return -EINVAL;
    if (event->count == 0)
        return -EAGAIN;
    memcpy(data, &event->count, sizeof event->count);
    event->count = 0;
    return (int)sizeof event->count;
}

static int count_write(struct file *file, const void *data, uint32_t length)
{
    uint64_t more;

    if (length != sizeof more)
        return -EINVAL;
    memcpy(&more, data, sizeof more);
    event_file_of(file)->count += more;
    file_changed(file, POLLIN);
    return (int)length;
}

static uint32_t count_poll(const struct file *file)
{
    const struct event_file *event =
        (const void *)((const char *)file - offsetof(struct event_file, file));

    return event->count != 0 ? POLLIN | POLLOUT : POLLOUT;
}

static void release(struct file *file)
{
    free(event_file_of(file));
}

static const struct file_operations operations = {
    .read = count_read, .write = count_write, .poll = count_poll, .release = release};

struct file *event_file_make(uint64_t value)
{
    struct event_file *event = calloc(1, sizeof *event);

    assert(event != NULL);
    file_init(&event->file, FILE_EVENT, &operations);
    event->count = value;
    return &event->file;
}
