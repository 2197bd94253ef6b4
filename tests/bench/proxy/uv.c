/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* uv PORT SERVER_PORT: a proxy on libuv, with a connection to the server for each client;
 * relay_uv.h says how. */
#include "relay_uv.h"
#include "server_uv.h"

static struct sockaddr_in server_address;

static void connected(uv_connect_t *request, int status)
{
    struct relay *server = (struct relay *)request->handle;

    free(request);
    if (status < 0) {
        relay_end(server);
        return;
    }
    uv_tcp_nodelay(&server->tcp, 1);
    relay_start(server);
    relay_start(server->target);
}

static void incoming(uv_stream_t *listener, int status)
{
    struct relay *client = status < 0 ? NULL : malloc(sizeof *client);
    struct relay *server = malloc(sizeof *server);
    uv_connect_t *request = malloc(sizeof *request);

    if (client == NULL || server == NULL || request == NULL)
        exit(1);
    *client = (struct relay){.target = server};
    *server = (struct relay){.target = client};
    uv_tcp_init(listener->loop, &server->tcp);
    if (server_uv_accept(listener, &client->tcp) < 0 ||
        uv_tcp_connect(request, &server->tcp, (struct sockaddr *)&server_address, connected) < 0) {
        free(request);
        relay_end(client);
    }
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    uv_ip4_addr("127.0.0.1", atoi(argv[2]), &server_address);
    return server_uv_run(argc, argv, incoming);
}
