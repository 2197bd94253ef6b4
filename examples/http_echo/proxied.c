/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proxied.h"

#include "connection.h"
#include "networks.h"
#include "proxy_header.h"
#include "server.h"
#include "transport.h"

#include <errno.h>
#include <kevy/address.h>
#include <stdlib.h>

bool proxied_expected(const struct server_options *options, const struct kevy_listener *listener)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof address;

    return options->proxies && options->proxies->count &&
           kevy_listener_peer_address(listener, (struct sockaddr *)&address, &length) == 0 &&
           networks_contain(options->proxies, (struct sockaddr *)&address);
}

bool proxied_begin(struct connection *connection)
{
    connection->proxy = calloc(1, sizeof *connection->proxy);
    return connection->proxy != NULL;
}

bool proxied_is_known(const struct connection *connection)
{
    return !connection->proxy || connection->proxy->phase == PROXY_HEADER_COMPLETE;
}

int proxied_take(struct connection *connection, const uint8_t *bytes, size_t length)
{
    const struct proxy_header *proxy = connection->proxy;
    size_t taken = proxy_header_take(connection->proxy, bytes, length);

    if (proxy->phase == PROXY_HEADER_COMPLETE && proxy->length)
        server_name_peer(connection->server, connection, (const struct sockaddr *)&proxy->address);
    return connection->proxy->phase == PROXY_HEADER_REFUSED ? -EPROTO : (int)taken;
}

void proxied_end(struct connection *connection)
{
    if (!proxied_is_known(connection))
        connection->server->counters.proxy_headers_refused++;
    free(connection->proxy);
    connection->proxy = NULL;
}

void proxied_write_client(struct connection *connection, char *text, size_t size)
{
    const struct proxy_header *proxy = connection->proxy;
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    int error;

    if (proxy && proxy->length)
        error = kevy_address_format((const struct sockaddr *)&proxy->address, proxy->length, text,
                                    size);
    else if (!(error = kevy_stream_peer_address(transport_stream(connection),
                                                (struct sockaddr *)&address, &length)))
        error = kevy_address_format((struct sockaddr *)&address, length, text, size);
    if (error < 0 && size > 0)
        text[0] = 0;
}
