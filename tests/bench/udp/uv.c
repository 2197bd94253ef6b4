/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* uv PORT: sends datagrams back on libuv, at once where the socket takes them. */
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

static char received[65536];

static void provide(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    (void)handle;
    (void)suggested;
    *buffer = uv_buf_init(received, sizeof received);
}

static void came(uv_udp_t *socket, ssize_t count, const uv_buf_t *buffer,
                 const struct sockaddr *address, unsigned flags)
{
    uv_buf_t part = uv_buf_init(buffer->base, (unsigned)(count > 0 ? count : 0));

    (void)flags;
    if (count >= 0 && address != NULL)
        (void)uv_udp_try_send(socket, &part, 1, address); /* lost, where the buffer is full */
}

int main(int argc, char **argv)
{
    uv_loop_t *loop = uv_default_loop();
    struct sockaddr_in address;
    uv_udp_t socket;

    uv_ip4_addr("127.0.0.1", argc > 1 ? atoi(argv[1]) : 0, &address);
    uv_udp_init(loop, &socket);
    if (uv_udp_bind(&socket, (const struct sockaddr *)&address, 0) < 0 ||
        uv_udp_recv_start(&socket, provide, came) < 0) {
        perror(argv[0]);
        return 1;
    }
    return uv_run(loop, UV_RUN_DEFAULT);
}
