/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Opening a file blocks the loop. That is right for a disk that is fast; for a slow one, give
 * kevy_prep_openat2() to a kevy_completion instead.
 */
#include "client.h"

#include "answer.h"
#include "beneath.h"
#include "request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEAD_BYTES_MAX 8192

struct client {
    struct kevy_stream stream;
    struct kevy_file_range file;
    int folder;
    size_t length;
    char text[HEAD_BYTES_MAX + 1];
};

static void file_done(struct kevy_file_range *file, struct kevy_stream *stream, int result,
                      uint64_t sent)
{
    close(file->fd);
    if (result || sent != file->length)
        kevy_stream_abort(stream);
}

static int status_of(int error)
{
    return error == -EMFILE || error == -ENFILE || error == -ENOMEM ? 503
           : error == -EXDEV || error == -ELOOP || error == -EACCES ? 403
                                                                    : 404;
}

/* Queues the head, and the bytes of the file, which it closes unless they are to be sent. */
static void send_file(struct client *client, const struct request *request, int fd,
                      const struct stat *status)
{
    time_t now = time(NULL);
    struct answer answer = answer_decide(request, (uint64_t)status->st_size, status->st_mtime, now);
    char head[ANSWER_BYTES_MAX];
    size_t length = answer_write(head, &answer, now);

    client->file = (struct kevy_file_range){
        .fd = fd, .offset = answer.offset, .length = answer.length, .done = file_done};
    if (kevy_stream_send(&client->stream, head, length) || request->head_only || !answer.length ||
        kevy_stream_send_file(&client->stream, &client->file))
        close(fd);
}

/* A whole head of `length` bytes is there. Returns 0, or the status of a refusal. */
static int answer_head(struct client *client, size_t length)
{
    struct request request;
    struct stat status;
    int fd, refusal = request_read(&request, client->text, length);

    if (refusal)
        return refusal;
    fd = beneath_open(client->folder, request.path);
    if (fd < 0)
        return status_of(fd);
    if (fstat(fd, &status) || !S_ISREG(status.st_mode))
        return close(fd), 403;
    send_file(client, &request, fd, &status);
    return 0;
}

static struct client *client_of(struct kevy_stream *stream)
{
    return KEVY_CONTAINER_OF(stream, struct client, stream);
}

static void client_open(struct kevy_stream *stream)
{
    kevy_stream_set_deadline(stream, KEVY_DEADLINE_TOTAL, KEVY_SECONDS(CLIENT_HEAD_SECONDS));
}

static void client_read(struct kevy_stream *stream, struct kevy_buffer *buffer)
{
    struct client *client = client_of(stream);
    size_t room = HEAD_BYTES_MAX - client->length;
    size_t length = buffer->length < room ? buffer->length : room;
    size_t seen = client->length > 3 ? client->length - 3 : 0; /* the end may be cut */
    char *end;
    int refusal = 431;

    memcpy(client->text + client->length, buffer->data, length);
    client->length += length;
    end = memmem(client->text + seen, client->length - seen, "\r\n\r\n", 4);
    if (!end && length == buffer->length)
        return; /* there is more to come */
    if (end)
        refusal = answer_head(client, (size_t)(end + 4 - client->text));
    if (refusal) {
        char head[ANSWER_BYTES_MAX];
        size_t size = answer_write_refusal(head, refusal, time(NULL));

        if (kevy_stream_send(stream, head, size) < 0)
            kevy_stream_abort(stream);
    }
    kevy_stream_close(stream); /* once everything is sent; nothing more is read */
}

static void client_close(struct kevy_stream *stream, int reason)
{
    (void)reason;
    free(client_of(stream));
}

static const struct kevy_stream_events events = {
    .open = client_open, .read = client_read, .close = client_close};

struct kevy_stream *client_create(int folder)
{
    struct client *client = malloc(sizeof *client);

    if (!client)
        return NULL;
    client->stream = (struct kevy_stream){0};
    client->folder = folder;
    client->length = 0;
    return kevy_stream_init(&client->stream, &events);
}
