/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "beneath.h"

#include <kevy/ring_prep.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define READ_FLAGS (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_LARGEFILE)

/* RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS of <linux/openat2.h>, which older systems lack. */
#define RESOLVE 0x0a

/* Takes the first name off *path, into NAME_MAX + 1 bytes. Returns 0, or a negative errno. */
static int next_name(const char **path, char *name)
{
    size_t length = strcspn(*path, "/");

    if (length > NAME_MAX)
        return -ENAMETOOLONG;
    memcpy(name, *path, length);
    name[length] = '\0';
    *path += length;
    *path += strspn(*path, "/");
    return strcmp(name, "..") == 0 ? -EXDEV : 0;
}

int beneath_open_by_name(int folder, const char *path)
{
    char name[NAME_MAX + 1];
    int fd = dup(folder);
    int next = *path == '/' ? -EXDEV : *path ? 0 : -ENOENT;

    if (fd < 0)
        return -errno;
    while (!next && *path) {
        next = next_name(&path, name);
        if (next)
            break;
        /* O_PATH opens a link itself, which is no directory. */
        next =
            openat(fd, name,
                   *path ? O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC : READ_FLAGS | O_NOFOLLOW);
        next = next < 0 ? -errno : next;
        close(fd);
        fd = next;
        next = fd < 0 ? fd : 0;
    }
    if (next && fd >= 0)
        close(fd);
    return next ? next : fd;
}

int beneath_open(int folder, const char *path)
{
    struct kevy_open_how how = {.flags = READ_FLAGS, .resolve = RESOLVE};
    int fd = (int)syscall(SYS_openat2, folder, path, &how, sizeof how);

    /* Filters of older container managers answer -EPERM to what they do not know. */
    if (fd < 0 && (errno == ENOSYS || errno == EPERM))
        return beneath_open_by_name(folder, path);
    return fd < 0 ? -errno : fd;
}
