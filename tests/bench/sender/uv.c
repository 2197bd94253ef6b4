/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* uv PORT: answers each byte with a mebibyte on libuv, which writes by reference. */
#include "server_uv.h"
#include "value.h"

struct client {
    uv_tcp_t tcp;
    char byte[1];
};

static void closed(uv_handle_t *handle)
{
    free(handle);
}

static void end(struct client *client)
{
    if (!uv_is_closing((uv_handle_t *)&client->tcp))
        uv_close((uv_handle_t *)&client->tcp, closed);
}

static void provide(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    struct client *client = (struct client *)handle;

    (void)suggested;
    *buffer = uv_buf_init(client->byte, sizeof client->byte);
}

static void written(uv_write_t *request, int status)
{
    if (status < 0 && status != UV_ECANCELED)
        end((struct client *)request->handle);
    free(request);
}

static void asked(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
    struct client *client = (struct client *)stream;
    uv_buf_t part = uv_buf_init((char *)value, VALUE_SIZE);
    uv_write_t *request;

    (void)buffer;
    if (count == 0)
        return;
    request = count < 0 ? NULL : malloc(sizeof *request);
    if (request == NULL || uv_write(request, stream, &part, 1, written) < 0) {
        free(request);
        end(client);
    }
}

static void incoming(uv_stream_t *listener, int status)
{
    struct client *client = status < 0 ? NULL : malloc(sizeof *client);

    if (client == NULL)
        return;
    if (server_uv_accept(listener, &client->tcp) < 0)
        end(client);
    else
        uv_read_start((uv_stream_t *)&client->tcp, provide, asked);
}

int main(int argc, char **argv)
{
    value_prepare();
    return server_uv_run(argc, argv, incoming);
}
