/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* uv PORT: takes what comes on libuv, and only counts it; one buffer for all connections. */
#include "server_uv.h"

static char received[65536];
static uint64_t total;

static void provide(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    (void)handle;
    (void)suggested;
    *buffer = uv_buf_init(received, sizeof received);
}

static void closed(uv_handle_t *handle)
{
    free(handle);
}

static void came(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
    (void)buffer;
    if (count >= 0)
        total += (size_t)count;
    else
        uv_close((uv_handle_t *)stream, closed);
}

static void incoming(uv_stream_t *listener, int status)
{
    uv_tcp_t *client = status < 0 ? NULL : malloc(sizeof *client);

    if (client == NULL)
        return;
    if (server_uv_accept(listener, client) < 0)
        uv_close((uv_handle_t *)client, closed);
    else
        uv_read_start((uv_stream_t *)client, provide, came);
}

int main(int argc, char **argv)
{
    return server_uv_run(argc, argv, incoming);
}
