/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef KEVY_SIM_SRC_FILE_H
#define KEVY_SIM_SRC_FILE_H

/*
 * Open files and the table of descriptors of the simulated process.
 *
 * Model. A descriptor is a reference to a file; so is a request in flight. A file is released with
 * the last of them, which is why closing a descriptor with a receive in flight sends no FIN. A file
 * whose state changes tells the requests that wait for it, and its watcher, if it has one.
 *
 * Invariants. Using or closing a descriptor that is not open fails the seed: the library never has
 * a reason to. Numbers are given out either as Linux does, the lowest first, so that a stale one
 * hits somebody else, or never twice.
 */

#include "names.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct file;
struct request;
struct watch;

enum file_kind {
    FILE_SOCKET,
    FILE_DATAGRAM,
    FILE_EPOLL,
    FILE_EVENT,
    FILE_PIPE,
    FILE_REGULAR,
    FILE_CHILD,
    FILE_RING,
};

/* What a kind of file can do; -EAGAIN where it would have to wait. NULL: it cannot. */
#define FILE_POSITION UINT64_MAX

struct file_operations {
    int (*read)(struct file *file, void *data, uint32_t length);
    int (*write)(struct file *file, const void *data, uint32_t length);
    /* Instead of them, for files with offsets. FILE_POSITION: its own, which moves. */
    int (*read_at)(struct file *file, void *data, uint32_t length, uint64_t offset);
    int (*write_at)(struct file *file, const void *data, uint32_t length, uint64_t offset);
    uint32_t (*poll)(const struct file *file); /* POLLIN and so on, as it is now */
    void (*release)(struct file *file);        /* the last reference is gone */
};

struct file {
    const struct file_operations *operations;
    struct request *waiting; /* requests that wait for a change, oldest first */
    struct watch *watches;   /* of epoll sets */
    void (*watcher)(struct file *file);
    enum file_kind kind;
    uint32_t references;
    uint32_t requests;      /* of these references, requests in flight */
    uint32_t refusals;      /* of requests, since threads are missing */
    int flags;              /* O_NONBLOCK, O_CLOEXEC and the access mode */
    uint64_t threadless_ns; /* until then the kernel has no thread for its requests */
};

void files_reset(void);

/* Descriptors open. */
uint32_t files_open(void);

/* Descriptors that there may be at once. */
void files_limit(uint32_t limit);

void file_init(struct file *file, enum file_kind kind, const struct file_operations *operations);
void file_hold(struct file *file);
void file_drop(struct file *file);

/* A descriptor for *file, which holds it, or -EMFILE. */
int file_install(struct file *file);

/* The file of a descriptor, or NULL. */
struct file *file_find(int fd);

/* The file of a descriptor; `what` is for the report when there is none. */
struct file *file_at(int fd, const char *what);

/*
 * Reads into the parts, or writes them, one after the other up to the first that is short. A file
 * without offsets takes no notice of `offset`. Returns the bytes, or the error of the first part.
 */
int64_t file_parts_read(struct file *file, const struct iovec *parts, int count, uint64_t offset);
int64_t file_parts_write(struct file *file, const struct iovec *parts, int count, uint64_t offset);

/* Takes the descriptor away. */
void file_close(int fd);

/* `events` have become true: whoever waits for one of them tries again. */
void file_changed(struct file *file, uint32_t events);

#endif
