/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The whole of file_server, on a reactor: what it answers does not depend on how the request is
 * cut, is a head that it can give, and never has a word of the file beside its folder.
 */
#include "client.h"
#include "drive.h"
#include "scratch.h"

#include <fcntl.h>
#include <sys/stat.h>

static const char secret[] = "what lies outside";
static int folder;
static scratch_path place;

static void path_of(char path[128], const char *name)
{
    snprintf(path, 128, "%s%s", place, name);
}

static void file_make(const char *name, const char *text)
{
    char path[128];
    FILE *file;

    path_of(path, name);
    file = fopen(path, "w");
    MUST(file != NULL);
    fputs(text, file);
    fclose(file);
}

static const char *const folders[] = {"", "/public", "/public/a"};
static const char *const files[] = {"/secret", "/public/index.html", "/public/a/b"};
static const char *const links[] = {"/public/inside", "/public/outside", "/public/a/up"};
static const char *const targets[] = {"a/b", "../secret", ".."};

static void place_remove(void)
{
    char path[128];

    for (unsigned i = 3; i-- > 0;) {
        path_of(path, files[i]);
        unlink(path);
        path_of(path, links[i]);
        unlink(path);
    }
    path_of(path, "/public/pipe");
    unlink(path);
    for (unsigned i = 3; i-- > 0;) {
        path_of(path, folders[i]);
        rmdir(path);
    }
}

static void place_make(void)
{
    char path[128];

    MUST(scratch_folder(place));
    atexit(place_remove);
    for (unsigned i = 1; i < 3; i++) {
        path_of(path, folders[i]);
        MUST(mkdir(path, 0700) == 0);
    }
    for (unsigned i = 0; i < 3; i++) {
        file_make(files[i], i == 0 ? secret : "public");
        path_of(path, links[i]);
        MUST(symlink(targets[i], path) == 0);
    }
    path_of(path, "/public/pipe");
    MUST(mkfifo(path, 0600) == 0);
    path_of(path, "/public");
    folder = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    MUST(folder >= 0);
}

static void answer_check(const struct drive *drive)
{
    static const char *const heads[] = {
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 206 Partial Content\r\n",
        "HTTP/1.1 304 Not Modified\r\n",
        "HTTP/1.1 400 Bad Request\r\n",
        "HTTP/1.1 403 Forbidden\r\n",
        "HTTP/1.1 404 Not Found\r\n",
        "HTTP/1.1 405 Method Not Allowed\r\n",
        "HTTP/1.1 416 Range Not Satisfiable\r\n",
        "HTTP/1.1 431 Request Header Fields Too Large\r\n",
        "HTTP/1.1 505 HTTP Version Not Supported\r\n",
    };
    const size_t count = sizeof heads / sizeof *heads;
    size_t i = 0;

    MUST(memmem(drive->out, drive->length, secret, sizeof secret - 1) == NULL);
    if (drive->length == 0)
        return; /* the client left before its head was complete */
    while (i < count && (drive->length < strlen(heads[i]) ||
                         memcmp(drive->out, heads[i], strlen(heads[i])) != 0))
        i++;
    MUST(i < count);
    MUST(memmem(drive->out, drive->length, "\r\n\r\n", 4) != NULL);
}

/* The second may have changed meanwhile. */
static void without_date(struct drive *drive)
{
    static const char name[] = "\r\nDate: ";
    char *date = memmem(drive->out, drive->length, name, sizeof name - 1);

    if (date != NULL)
        memset(date + sizeof name - 1, 'x', sizeof "Sun, 06 Nov 1994 08:49:37 GMT" - 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct cuts uncut = {.most = UINT32_MAX};
    static struct drive whole, pieces;

    if (size == 0)
        return 0;
    if (whole.reactor == NULL) {
        drive_open(&whole);
        place_make();
        pieces.reactor = whole.reactor;
    }
    drive_stream(&whole, client_create(folder), data + 1, size - 1, uncut);
    answer_check(&whole);
    drive_stream(&pieces, client_create(folder), data + 1, size - 1, cuts_of(data[0]));
    answer_check(&pieces);
    MUST(whole.length == pieces.length);
    without_date(&whole);
    without_date(&pieces);
    MUST(memcmp(whole.out, pieces.out, whole.length) == 0);
    return 0;
}
