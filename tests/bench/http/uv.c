/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * uv PORT: HTTP/1.1 on libuv and llhttp: GET is answered with a constant, POST with its body.
 *
 * Model. One receive buffer and one answer buffer for all connections: all requests of one read are
 * answered with one uv_try_write(). What the kernel does not take is copied and queued, and reading
 * waits for it. No limits, no time-outs, no Date.
 */
#include "server_uv.h"

#include <llhttp.h>
#include <stdbool.h>
#include <string.h>

#define ROOM 65536

struct client {
    uv_tcp_t tcp;
    llhttp_t parser;
    char *body;
    size_t length;
    size_t capacity;
    bool closing;
};

struct rest {
    uv_write_t request;
    char bytes[];
};

static const char constant[] = "HTTP/1.1 200 OK\r\n"
                               "Content-Type: text/plain\r\n"
                               "Content-Length: 41\r\n\r\n"
                               "GET / HTTP/1.1\r\nHost: 127.0.0.1:12345\r\n\r\n";
static const char constant_close[] = "HTTP/1.1 200 OK\r\n"
                                     "Connection: close\r\n"
                                     "Content-Type: text/plain\r\n"
                                     "Content-Length: 41\r\n\r\n"
                                     "GET / HTTP/1.1\r\nHost: 127.0.0.1:12345\r\n\r\n";

static char received[ROOM];
static llhttp_settings_t settings;
static struct {
    char *bytes;
    size_t length;
    size_t capacity;
} answers;

static void append(char **bytes, size_t *length, size_t *capacity, const char *more, size_t count)
{
    if (*length + count > *capacity) {
        *capacity = (*length + count) * 2;
        *bytes = realloc(*bytes, *capacity);
        if (*bytes == NULL)
            abort();
    }
    memcpy(*bytes + *length, more, count);
    *length += count;
}

static void answer(const char *bytes, size_t count)
{
    append(&answers.bytes, &answers.length, &answers.capacity, bytes, count);
}

static int body_came(llhttp_t *parser, const char *bytes, size_t count)
{
    struct client *client = parser->data;

    append(&client->body, &client->length, &client->capacity, bytes, count);
    return 0;
}

static int message_complete(llhttp_t *parser)
{
    struct client *client = parser->data;

    client->closing = !llhttp_should_keep_alive(parser);
    if (parser->method == HTTP_POST) {
        char head[128];
        int length = snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\n%sContent-Length: %zu\r\n\r\n",
                              client->closing ? "Connection: close\r\n" : "", client->length);

        answer(head, (size_t)length);
        answer(client->body, client->length);
        client->length = 0;
    } else if (client->closing) {
        answer(constant_close, sizeof constant_close - 1);
    } else {
        answer(constant, sizeof constant - 1);
    }
    return 0;
}

static void closed(uv_handle_t *handle)
{
    struct client *client = (struct client *)handle;

    free(client->body);
    free(client);
}

static void end(struct client *client)
{
    if (!uv_is_closing((uv_handle_t *)&client->tcp))
        uv_close((uv_handle_t *)&client->tcp, closed);
}

static void provide(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    (void)handle;
    (void)suggested;
    *buffer = uv_buf_init(received, sizeof received);
}

static void came(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer);

static void rest_written(uv_write_t *request, int status)
{
    struct client *client = (struct client *)request->handle;

    free(request);
    if (status == UV_ECANCELED)
        return;
    if (status < 0 || client->closing)
        end(client);
    else
        uv_read_start((uv_stream_t *)&client->tcp, provide, came);
}

static void rest_queue(struct client *client, size_t written)
{
    size_t length = answers.length - written;
    struct rest *rest = malloc(sizeof *rest + length);
    uv_buf_t part;

    if (rest == NULL)
        abort();
    memcpy(rest->bytes, answers.bytes + written, length);
    part = uv_buf_init(rest->bytes, (unsigned)length);
    uv_read_stop((uv_stream_t *)&client->tcp);
    if (uv_write(&rest->request, (uv_stream_t *)&client->tcp, &part, 1, rest_written) < 0) {
        free(rest);
        end(client);
    }
}

static void answers_write(struct client *client)
{
    uv_buf_t part = uv_buf_init(answers.bytes, (unsigned)answers.length);
    int written = uv_try_write((uv_stream_t *)&client->tcp, &part, 1);

    if (written == UV_EAGAIN)
        written = 0;
    if (written < 0)
        end(client);
    else if ((size_t)written < answers.length)
        rest_queue(client, (size_t)written);
    else if (client->closing)
        end(client);
}

static void came(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
    struct client *client = (struct client *)stream;

    if (count == 0)
        return;
    answers.length = 0;
    if (count < 0 || llhttp_execute(&client->parser, buffer->base, (size_t)count) != HPE_OK) {
        end(client);
        return;
    }
    if (answers.length > 0)
        answers_write(client);
}

static void incoming(uv_stream_t *listener, int status)
{
    struct client *client = status < 0 ? NULL : calloc(1, sizeof *client);

    if (client == NULL)
        return;
    llhttp_init(&client->parser, HTTP_REQUEST, &settings);
    client->parser.data = client;
    if (server_uv_accept(listener, &client->tcp) < 0)
        end(client);
    else
        uv_read_start((uv_stream_t *)&client->tcp, provide, came);
}

int main(int argc, char **argv)
{
    llhttp_settings_init(&settings);
    settings.on_body = body_came;
    settings.on_message_complete = message_complete;
    return server_uv_run(argc, argv, incoming);
}
