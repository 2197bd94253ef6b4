/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "access_log.h"

#include "log_line.h"
#include "patient_write.h"

#include <kevy/work.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define BUFFER_BYTES (64 << 10)
#define PATIENCE_MS  1000

/* Without O_NONBLOCK the opening of a FIFO would wait for its reader. */
#define LOG_FLAGS (O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)

struct access_log_file {
    const char *path;
    int fd;       /* of the worker, while there is work */
    bool in_line; /* the last write ended within a line */
    bool stopped; /* the last write was not complete */
    atomic_bool reopen;
    struct kevy_workers *workers;
    struct access_log_counters counters; /* of the logs that are gone */
};

struct lines {
    size_t length; /* bytes */
    char bytes[BUFFER_BYTES];
};

struct access_log {
    struct access_log_file *file;
    struct kevy_reactor *reactor;
    struct kevy_work work;
    bool busy; /* `written` belongs to the worker */
    struct lines *filled;
    struct lines *written;
    uint64_t date_until_ns; /* reactor time at which `date` is no longer right */
    char date[LOG_DATE_BYTES];
    struct access_log_counters counters;
    struct lines buffers[2];
};

struct access_log_line {
    size_t length;
    char bytes[];
};

/* Returns a descriptor or a negative errno. */
static int open_path(const char *path)
{
    int fd = strcmp(path, "-") == 0 ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0)
                                    : open(path, LOG_FLAGS, 0644);

    return fd < 0 ? -errno : fd;
}

int access_log_file_open(struct access_log_file **file, const char *path)
{
    const struct kevy_workers_options options = {.threads = 1};
    struct access_log_file *opened = calloc(1, sizeof *opened);
    int error;

    if (!opened)
        return -ENOMEM;
    opened->path = path;
    opened->fd = error = open_path(path);
    if (error >= 0)
        error = kevy_workers_create(&opened->workers, &options);
    if (error < 0) {
        access_log_file_close(opened);
        return error;
    }
    *file = opened;
    return 0;
}

void access_log_file_reopen(struct access_log_file *file)
{
    atomic_store(&file->reopen, true);
}

void access_log_file_close(struct access_log_file *file)
{
    if (!file)
        return;
    kevy_workers_destroy(file->workers);
    if (file->fd >= 0)
        close(file->fd);
    if (file->counters.dropped)
        fprintf(stderr, "http_echo: %" PRIu64 " of %" PRIu64 " lines of the log were lost\n",
                file->counters.dropped, file->counters.lines);
    free(file);
}

static void reopen(struct access_log_file *file)
{
    int fd = open_path(file->path);

    if (fd < 0) {
        fprintf(stderr, "http_echo: the log stays in its old file: %s: %s\n", file->path,
                strerror(-fd));
        return;
    }
    close(file->fd);
    file->fd = fd;
    file->in_line = false;
}

static uint64_t count_lines(const char *bytes, size_t length)
{
    uint64_t count = 0;

    for (size_t i = 0; i < length; i++)
        count += bytes[i] == '\n';
    return count;
}

/* Returns how many bytes of them the file took. It gets time only if it took all the last time. */
static size_t put_lines(struct access_log_file *file, const struct lines *lines)
{
    int patience_ms = file->stopped ? 0 : PATIENCE_MS;
    size_t written;

    if (file->in_line && patient_write(file->fd, "\n", 1, patience_ms) == 0)
        return 0;
    written = patient_write(file->fd, lines->bytes, lines->length, patience_ms);
    file->in_line = written && lines->bytes[written - 1] != '\n';
    return written;
}

/* Returns how many lines were lost. */
static uint64_t write_lines(struct access_log_file *file, const struct lines *lines)
{
    size_t written;

    if (atomic_exchange(&file->reopen, false))
        reopen(file);
    if (!lines->length)
        return 0;
    written = put_lines(file, lines);
    file->stopped = written < lines->length;
    return count_lines(lines->bytes + written, lines->length - written);
}

/* On the worker. */
static int write_run(struct kevy_work *work)
{
    struct access_log *log = KEVY_CONTAINER_OF(work, struct access_log, work);

    return (int)write_lines(log->file, log->written);
}

void access_log_flush(struct access_log *log)
{
    struct lines *lines = log->filled;

    if (log->busy || (!lines->length && !atomic_load(&log->file->reopen)))
        return;
    log->filled = log->written;
    log->written = lines;
    log->busy = kevy_work_submit(&log->work, log->file->workers, log->reactor) == 0;
    if (!log->busy) { /* the queue is full: with the next line */
        log->written = log->filled;
        log->filled = lines;
    }
}

static void write_done(struct kevy_work *work, int result)
{
    struct access_log *log = KEVY_CONTAINER_OF(work, struct access_log, work);

    log->busy = false;
    if (result == -ECANCELED) /* the reactor ends: access_log_destroy() writes it */
        return;
    log->counters.dropped += (uint64_t)result;
    log->written->length = 0;
    access_log_flush(log);
}

struct access_log *access_log_create(struct access_log_file *file, struct kevy_reactor *reactor)
{
    struct access_log *log = malloc(sizeof *log);

    if (!log)
        return NULL;
    memset(log, 0, offsetof(struct access_log, buffers));
    log->file = file;
    log->reactor = reactor;
    log->work = (struct kevy_work){.run = write_run, .done = write_done};
    log->filled = &log->buffers[0];
    log->written = &log->buffers[1];
    log->filled->length = log->written->length = 0;
    return log;
}

void access_log_destroy(struct access_log *log)
{
    if (!log)
        return;
    log->counters.dropped += write_lines(log->file, log->written);
    log->counters.dropped += write_lines(log->file, log->filled);
    log->file->counters.lines += log->counters.lines;
    log->file->counters.dropped += log->counters.dropped;
    free(log);
}

static const char *log_date(struct access_log *log)
{
    uint64_t now = kevy_reactor_now(log->reactor);
    struct timespec wall;

    if (now >= log->date_until_ns) {
        clock_gettime(CLOCK_REALTIME, &wall);
        log_line_date(log->date, wall.tv_sec);
        log->date_until_ns = now + KEVY_SECONDS(1) - (uint64_t)wall.tv_nsec;
    }
    return log->date;
}

static void append(struct access_log *log, const char *begin, size_t length, uint64_t bytes)
{
    struct lines *lines = log->filled;
    char *at = lines->bytes + lines->length;

    log->counters.lines++;
    if (sizeof lines->bytes - lines->length < length + LOG_END_MAX) {
        log->counters.dropped++;
        return;
    }
    memcpy(at, begin, length);
    lines->length += length + log_line_end(at + length, bytes);
    access_log_flush(log);
}

void access_log_add(struct access_log *log, const char *peer, struct text request, unsigned status,
                    uint64_t bytes)
{
    char begin[LOG_BEGIN_MAX];

    append(log, begin, log_line_begin(begin, peer, log_date(log), request, status), bytes);
}

struct access_log_line *access_log_hold(struct access_log *log, const char *peer,
                                        struct text request, unsigned status)
{
    char begin[LOG_BEGIN_MAX];
    size_t length = log_line_begin(begin, peer, log_date(log), request, status);
    struct access_log_line *line = malloc(sizeof *line + length);

    if (!line) {
        log->counters.lines++;
        log->counters.dropped++;
        return NULL;
    }
    line->length = length;
    memcpy(line->bytes, begin, length);
    return line;
}

void access_log_release(struct access_log *log, struct access_log_line *line, uint64_t bytes)
{
    append(log, line->bytes, line->length, bytes);
    free(line);
}

const struct access_log_counters *access_log_counters(const struct access_log *log)
{
    return &log->counters;
}
