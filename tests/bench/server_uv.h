/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the servers on libuv have in common. */
#ifndef BENCH_SERVER_UV_H
#define BENCH_SERVER_UV_H

#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

/* main() of a server on 127.0.0.1, its port the first argument. */
static inline int server_uv_run(int argc, char **argv, uv_connection_cb incoming)
{
    uv_loop_t *loop = uv_default_loop();
    struct sockaddr_in address;
    uv_tcp_t listener;

    uv_ip4_addr("127.0.0.1", argc > 1 ? atoi(argv[1]) : 0, &address);
    uv_tcp_init(loop, &listener);
    if (uv_tcp_bind(&listener, (const struct sockaddr *)&address, 0) < 0 ||
        uv_listen((uv_stream_t *)&listener, 4096, incoming) < 0) {
        perror(argv[0]);
        return 1;
    }
    return uv_run(loop, UV_RUN_DEFAULT);
}

/* Takes the next client. Returns 0, or a negative number after which the handle is to be closed. */
static inline int server_uv_accept(uv_stream_t *listener, uv_tcp_t *client)
{
    uv_tcp_init(listener->loop, client);
    return uv_accept(listener, (uv_stream_t *)client) < 0 ? -1 : uv_tcp_nodelay(client, 1);
}

#endif
