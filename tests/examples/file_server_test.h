/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef FILE_SERVER_TEST_H
#define FILE_SERVER_TEST_H

/*
 * What the tests of file_server have in common: a folder with files, links out of it and what is no
 * file, a server of it, and requests of one line.
 */

#include "http_peer.h"
#include "scratch.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>

#define BIG         (5U << 20)
#define HUGE_LENGTH (UINT64_C(5) << 30) /* of a file without a byte on disk */

static scratch_path base; /* has the folder, and a file beside it */
static char folder[64];
static struct peer peer;
static char bytes[BIG];

static inline void file_write(const char *name, size_t length)
{
    char path[256];
    int fd;

    snprintf(path, sizeof path, "%s/%s", base, name);
    fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, bytes, length), (ssize_t)length);
    close(fd);
}

static inline void link_make(const char *to, const char *name)
{
    char path[256];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    ck_assert_int_eq(symlink(to, path), 0);
}

static inline void name_make(int (*make)(const char *path, mode_t mode), const char *name,
                             mode_t mode)
{
    char path[256];

    snprintf(path, sizeof path, "%s/%s", base, name);
    ck_assert_int_eq(make(path, mode), 0);
}

/* A file of zeros, or an end for one that is there. */
static inline void file_truncate(const char *name, uint64_t length)
{
    char path[256];
    int fd;

    snprintf(path, sizeof path, "%s/%s", base, name);
    fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC | O_LARGEFILE, 0644);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(ftruncate(fd, (off_t)length), 0);
    close(fd);
}

static inline void files_make(void)
{
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 2654435761U >> 24);
    ck_assert(scratch_folder(base));
    snprintf(folder, sizeof folder, "%s/files", base);
    name_make(mkdir, "files", 0755);
    name_make(mkdir, "files/below", 0755);
    name_make(mkfifo, "files/pipe", 0644);
    file_write("secret", 100);
    file_write("files/0", 0);
    file_write("files/1", 1);
    file_write("files/4095", 4095);
    file_write("files/70000", 70000);
    file_write("files/5242880", BIG);
    file_write("files/below/1000", 1000);
    link_make("../secret", "out");
    link_make("/etc/passwd", "absolute");
    link_make("..", "up");
    link_make("/proc/self/root", "magic");
    link_make("below/1000", "inside");
    file_truncate("files/huge", HUGE_LENGTH);
}

static inline void start(void)
{
    files_make();
    program_start(&server, "file_server", (const char *const[]){"0", folder, NULL}, "port ");
}

static inline int entry_remove(const char *path, const struct stat *status, int kind,
                               struct FTW *where)
{
    (void)status, (void)kind, (void)where;
    return remove(path);
}

static inline void stop(void)
{
    if (server.pid) {
        kill(server.pid, SIGTERM);
        ck_assert_int_eq(program_wait(&server), 0);
        ck_assert_str_eq(server.said, "");
    }
    nftw(base, entry_remove, 8, FTW_DEPTH | FTW_PHYS);
}

/* The descriptors that the server has open. */
static inline unsigned server_descriptors(void)
{
    char path[64];
    unsigned count = 0;

    snprintf(path, sizeof path, "/proc/%d/fd", (int)server.pid);
    DIR *open_files = opendir(path);
    ck_assert_ptr_nonnull(open_files);
    while (readdir(open_files))
        count++;
    closedir(open_files);
    return count;
}

static inline void ask(const char *method, const char *name)
{
    char request[5000];
    int length =
        snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: here\r\n\r\n", method, name);

    peer_dial(&peer);
    peer_send(&peer, request, (size_t)length);
}

/* Reads a head, and returns the status; *length is what it says the body has. */
static inline unsigned head_read(size_t *length)
{
    struct answer head;

    peer_answer_head(&peer, &head, true);
    ck_assert(head.closes);
    const char *size = strstr(head.head, "\r\nContent-Length: ");
    ck_assert_ptr_nonnull(size);
    *length = strtoul(size + strlen("\r\nContent-Length: "), NULL, 10);
    return head.status;
}

static inline void body_check(size_t length)
{
    peer_check_bytes(&peer, bytes, length);
    peer_check_end(&peer);
}

static inline void expect_file(const char *name, size_t size)
{
    size_t length;

    ask("GET", name);
    ck_assert_uint_eq(head_read(&length), 200);
    ck_assert_uint_eq(length, size);
    body_check(size);
}

/* A GET with fields, each with CR LF. */
static inline void ask_with(const char *name, const char *fields)
{
    char request[1000];

    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: here\r\n%s\r\n", name, fields);
    peer_dial(&peer);
    peer_say(&peer, request);
}

static inline void expect_refusal(unsigned status)
{
    size_t length;

    ck_assert_uint_eq(head_read(&length), status);
    ck_assert_uint_eq(length, 0);
    peer_check_end(&peer);
}

/* Reads zeros. */
static inline void zeros_read(size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (peer_byte(&peer) != 0)
            ck_abort_msg("byte %zu is no zero", i);
}

/* Reads, whatever it is, until the server has reset the connection; an end is not that. */
static inline void reset_wait(struct peer *from)
{
    static char rest[65536];
    ssize_t count;

    do
        count = recv(from->fd, rest, sizeof rest, 0);
    while (count > 0);
    ck_assert_int_eq(count, -1);
    ck_assert_int_eq(errno, ECONNRESET);
    close(from->fd);
}

#endif
