/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* uv PORT: an echo on libuv; relay_uv.h says how. */
#include "relay_uv.h"
#include "server_uv.h"

static void incoming(uv_stream_t *listener, int status)
{
    struct relay *client = status < 0 ? NULL : malloc(sizeof *client);

    if (client == NULL)
        return;
    client->target = client;
    if (server_uv_accept(listener, &client->tcp) < 0)
        relay_end(client);
    else
        relay_start(client);
}

int main(int argc, char **argv)
{
    return server_uv_run(argc, argv, incoming);
}
