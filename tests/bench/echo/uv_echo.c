/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * uv_echo PORT: the libuv echo that tcp_echo is measured beside, written the way libuv is fast.
 *
 * One receive buffer for all connections, because uv_try_write() has handed the bytes to the kernel
 * before the next read needs it. Only what the kernel does not take is copied and queued, and
 * reading waits for it.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

struct rest {
    uv_write_t request;
    char bytes[];
};

static char received[65536];

static void provide(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    (void)handle;
    (void)suggested;
    *buffer = uv_buf_init(received, sizeof received);
}

static void handle_free(uv_handle_t *handle)
{
    free(handle);
}

static void end(uv_stream_t *client)
{
    if (!uv_is_closing((uv_handle_t *)client))
        uv_close((uv_handle_t *)client, handle_free);
}

static void echo(uv_stream_t *client, ssize_t count, const uv_buf_t *buffer);

static void rest_written(uv_write_t *request, int status)
{
    uv_stream_t *client = request->handle;

    free(request);
    if (status < 0)
        end(client);
    else
        uv_read_start(client, provide, echo);
}

static void rest_queue(uv_stream_t *client, const char *bytes, size_t length)
{
    struct rest *rest = malloc(sizeof *rest + length);
    uv_buf_t part;

    if (rest == NULL) {
        end(client);
        return;
    }
    memcpy(rest->bytes, bytes, length);
    part = uv_buf_init(rest->bytes, (unsigned)length);
    uv_read_stop(client);
    if (uv_write(&rest->request, client, &part, 1, rest_written) < 0) {
        free(rest);
        end(client);
    }
}

static void echo(uv_stream_t *client, ssize_t count, const uv_buf_t *buffer)
{
    uv_buf_t part;
    int written;

    if (count == 0)
        return;
    if (count < 0) {
        end(client);
        return;
    }
    part = uv_buf_init(buffer->base, (unsigned)count);
    written = uv_try_write(client, &part, 1);
    if (written == UV_EAGAIN)
        written = 0;
    if (written < 0)
        end(client);
    else if (written < count)
        rest_queue(client, buffer->base + written, (size_t)(count - written));
}

static void incoming(uv_stream_t *listener, int status)
{
    uv_tcp_t *client = status < 0 ? NULL : malloc(sizeof *client);

    if (client == NULL)
        return;
    uv_tcp_init(listener->loop, client);
    if (uv_accept(listener, (uv_stream_t *)client) < 0) {
        end((uv_stream_t *)client);
        return;
    }
    uv_tcp_nodelay(client, 1);
    uv_read_start((uv_stream_t *)client, provide, echo);
}

static void stop(uv_signal_t *signal, int number)
{
    (void)number;
    uv_stop(signal->loop);
}

int main(int argc, char **argv)
{
    uv_loop_t *loop = uv_default_loop();
    uv_tcp_t listener;
    uv_signal_t term;
    struct sockaddr_in address;
    int length = sizeof address;

    uv_signal_init(loop, &term);
    uv_signal_start(&term, stop, SIGTERM);
    uv_ip4_addr("127.0.0.1", argc > 1 ? atoi(argv[1]) : 0, &address);
    uv_tcp_init(loop, &listener);
    if (uv_tcp_bind(&listener, (const struct sockaddr *)&address, 0) < 0 ||
        uv_listen((uv_stream_t *)&listener, 4096, incoming) < 0)
        return 1;
    uv_tcp_getsockname(&listener, (struct sockaddr *)&address, &length);
    printf("uv_echo: serving port %u\n", ntohs(address.sin_port));
    fflush(stdout);
    uv_run(loop, UV_RUN_DEFAULT);
    return 0;
}
