/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * file_server PORT FOLDER: the files below FOLDER to GET and HEAD, one request a connection. Names
 * are resolved by the kernel, beneath the folder or not at all; bodies are spliced. Opening alone
 * blocks: where disks are slow, give kevy_prep_openat2() to a kevy_completion instead.
 */
#include "serve.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct client {
    struct kevy_stream stream;
    struct kevy_file_range file;
    size_t length;
    char request[4096];
};

static long folder;

static int answer(struct kevy_stream *stream, const char *status, uint64_t length)
{
    char head[128];
    int size = snprintf(head, sizeof head,
                        "HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: %llu\r\n\r\n", status,
                        (unsigned long long)length);
    return kevy_stream_send(stream, head, (size_t)size);
}

static void file_done(struct kevy_file_range *file, struct kevy_stream *stream, int result,
                      uint64_t sent)
{
    close(file->fd);
    if (result || sent != file->length)
        kevy_stream_abort(stream); /* what is cut short must not look complete */
}

/* A complete head: METHOD /NAME HTTP/1.x, and NAME is taken as it is. Returns why it is refused. */
static const char *ask(struct kevy_stream *stream, struct kevy_file_range *file, char *line)
{
    line[strcspn(line, "\r\n")] = 0;
    /* 0x0A: RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS. A named pipe is not waited for. */
    struct kevy_open_how how = {.flags = O_CLOEXEC | O_NONBLOCK | O_LARGEFILE, .resolve = 0x0A};
    char *name = strchr(line, ' '), *version = name ? strchr(++name, ' ') : NULL;
    bool head_only = !strncmp(line, "HEAD ", 5);
    struct stat status;
    if (!version || *name != '/' || strncmp(version, " HTTP/1.", 8) || strlen(version) != 9 ||
        strpbrk(name, "%?#"))
        return "400 Bad Request";
    *version = 0;
    if (!head_only && strncmp(line, "GET ", 4))
        return "405 Method Not Allowed\r\nAllow: GET, HEAD";
    name = name[1] ? name + 1 : "index.html";
    file->fd = (int)syscall(SYS_openat2, folder, name, &how, sizeof how);
    if (file->fd < 0)
        return errno == EMFILE || errno == ENFILE || errno == ENOMEM ? "503 Service Unavailable"
               : errno == EXDEV || errno == EACCES                   ? "403 Forbidden"
                                                                     : "404 Not Found";
    if (fstat(file->fd, &status) || !S_ISREG(status.st_mode))
        return close(file->fd), "403 Forbidden";
    file->length = (uint64_t)status.st_size;
    file->done = file_done;
    if (answer(stream, "200 OK", file->length) || head_only || kevy_stream_send_file(stream, file))
        close(file->fd);
    return NULL;
}

static void client_open(struct kevy_stream *stream)
{
    kevy_stream_set_deadline(stream, KEVY_DEADLINE_TOTAL, KEVY_SECONDS(10));
}

static void client_read(struct kevy_stream *stream, struct kevy_buffer *buffer)
{
    struct client *client = KEVY_CONTAINER_OF(stream, struct client, stream);
    size_t room = sizeof client->request - 1 - client->length; /* what is not used stays zero */
    size_t length = buffer->length < room ? buffer->length : room;
    const char *refusal = "400 Bad Request";
    memcpy(client->request + client->length, buffer->data, length);
    client->length += length;
    if (strstr(client->request, "\r\n\r\n"))
        refusal = ask(stream, &client->file, client->request);
    else if (length == buffer->length && strlen(client->request) == client->length)
        return; /* there is more to come */
    if (refusal)
        answer(stream, refusal, 0);
    kevy_stream_close(stream); /* once everything is sent; nothing more is read */
}

static void client_close(struct kevy_stream *stream, int reason)
{
    (void)reason;
    free(KEVY_CONTAINER_OF(stream, struct client, stream));
}

static struct kevy_stream *client_accept(struct kevy_listener *listener)
{
    static const struct kevy_stream_events events = {
        .open = client_open, .read = client_read, .close = client_close};
    struct client *client = calloc(1, sizeof *client);
    (void)listener;
    return client ? kevy_stream_init(&client->stream, &events) : NULL;
}

static int begin(struct kevy_reactor *reactor, struct kevy_listener *listener, char **arguments)
{
    (void)reactor, (void)listener;
    folder = open(arguments[0], O_PATH | O_DIRECTORY | O_CLOEXEC);
    return folder < 0 ? -errno : 0;
}

int main(int argc, char **argv)
{
    static const struct service files = {"file_server", " FOLDER", client_accept, begin, NULL};
    return serve(&files, argc, argv);
}
