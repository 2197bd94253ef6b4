/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef OPS_FILE_H
#define OPS_FILE_H

/* For tests of files: files in memory, and what they hold. */

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "ops.h"

/* A file in memory that holds `text`. */
static inline int file_with(const char *text)
{
    int fd = memfd_create("kevy", MFD_CLOEXEC);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (int)strlen(text));
    return fd;
}

/* The file holds exactly `text`. */
static inline void file_holds(int fd, const char *text)
{
    char bytes[256];
    ssize_t got = pread(fd, bytes, sizeof bytes, 0);

    ck_assert_int_eq(got, (int)strlen(text));
    ck_assert_mem_eq(bytes, text, strlen(text));
}

static inline off_t size_of(int fd)
{
    struct stat status = {0};

    ck_assert_int_eq(fstat(fd, &status), 0);
    return status.st_size;
}

#endif
