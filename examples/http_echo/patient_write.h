/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * patient_write.h - writes to a descriptor that may be anything, for a limited time.
 *
 * Model. A blocking pipe or terminal whose reader has stopped would hold the writer for as long as
 * it likes. After poll(2) said that there is room, a pipe takes PIPE_BUF bytes without blocking. A
 * file is always ready, and takes all at once.
 */
#ifndef HTTP_ECHO_PATIENT_WRITE_H
#define HTTP_ECHO_PATIENT_WRITE_H

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stddef.h>
#include <sys/stat.h>
#include <unistd.h>

/* Writes until `patience_ms` have passed without room for more, or something failed. Returns the
 * number of bytes written. */
static inline size_t patient_write(int fd, const char *bytes, size_t length, int patience_ms)
{
    struct pollfd ready = {.fd = fd, .events = POLLOUT};
    struct stat status;
    size_t piece = fstat(fd, &status) == 0 && S_ISREG(status.st_mode) ? length : PIPE_BUF;
    size_t written = 0;

    while (written < length) {
        size_t next = length - written < piece ? length - written : piece;
        ssize_t count;

        if (poll(&ready, 1, patience_ms) <= 0 || !(ready.revents & POLLOUT))
            break;
        count = write(fd, bytes + written, next);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            break;
        written += (size_t)count;
    }
    return written;
}

#endif
