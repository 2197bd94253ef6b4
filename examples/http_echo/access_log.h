/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * access_log.h - a line for each request, written by a worker.
 *
 * Model. One file and one worker for the program; for each thread one log with two buffers. The
 * loop fills one of them, while the worker writes the other one:
 *
 *     request --> filled --(swap, when the worker is free)--> written --> the file
 *
 * The loop never waits. If the filled buffer has no room for a line, the line is lost and counted.
 * So are lines that the file does not take within a second, and, until it takes some again, at
 * once: nothing piles up behind a reader that has stopped, and the program can end.
 *
 * Invariants.
 * - The file gets whole lines: one worker writes for all threads.
 * - The buffer that is written belongs to the worker until its work is done.
 */
#ifndef HTTP_ECHO_ACCESS_LOG_H
#define HTTP_ECHO_ACCESS_LOG_H

#include "text.h"

#include <stdbool.h>
#include <stdint.h>

struct access_log;
struct access_log_file;
struct access_log_line;
struct kevy_reactor;

struct access_log_counters {
    uint64_t lines;   /* all, also the dropped ones */
    uint64_t dropped; /* lost */
};

/*
 * Opens the file at `path`, "-" for the standard output, which is appended to, and starts the
 * worker. Stores it in *file. Returns 0 or a negative errno of open(2), or of
 * kevy_workers_create().
 */
int access_log_file_open(struct access_log_file **file, const char *path);

/* Opens the path again before the next line is written, or with the next access_log_flush(): the
 * file may have been moved away. From any thread. If that fails the old file stays in use, and a
 * sentence on stderr says so. */
void access_log_file_reopen(struct access_log_file *file);

/* Frees it, after all its logs, and says on stderr how many lines were lost. NULL is accepted. */
void access_log_file_close(struct access_log_file *file);

/* A log of this reactor, NULL without memory. `file` is borrowed until access_log_destroy(). */
struct access_log *access_log_create(struct access_log_file *file, struct kevy_reactor *reactor);

/* Writes all that is left, after the reactor is destroyed. NULL is accepted. */
void access_log_destroy(struct access_log *log);

/* Adds a line: see log_line.h. `bytes` of body were sent. */
void access_log_add(struct access_log *log, const char *peer, struct text request, unsigned status,
                    uint64_t bytes);

/* Keeps a line whose answer has begun. Returns it, or NULL without memory: it is counted as lost.
 */
struct access_log_line *access_log_hold(struct access_log *log, const char *peer,
                                        struct text request, unsigned status);

/* Adds that line, and frees it. */
void access_log_release(struct access_log *log, struct access_log_line *line, uint64_t bytes);

/* Gives the worker what there is to write or to open, unless it is busy: then it comes after that.
 */
void access_log_flush(struct access_log *log);

const struct access_log_counters *access_log_counters(const struct access_log *log);

#endif
