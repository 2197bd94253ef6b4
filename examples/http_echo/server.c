/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Spare memory is kept in three stacks: the memory that was given back last is taken first, because
 * it is still in the cache.
 */
#include "server.h"

#include "access_log.h"
#include "connection.h"
#include "secure.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* More spares than these are freed. An exchange has about 19 KiB; a short head uses one page of it.
 */
#define SPARE_CONNECTIONS_MAX 16384
#define SPARE_EXCHANGES_MAX   512
#define SPARE_PARSERS_MAX     512

/* An address of IPv4 that came in by a socket of IPv6 is spelled as one of IPv4. */
void server_name_peer(const struct server *server, struct connection *connection,
                      const struct sockaddr *address)
{
    static const char mapped[] = "::ffff:";
    char *to = server_peer(server, connection);

    if (!to)
        return;
    *to = '\0';
    if (address->sa_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)address)->sin_addr, to,
                  INET6_ADDRSTRLEN);
    else if (address->sa_family == AF_INET6)
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, to,
                  INET6_ADDRSTRLEN);
    if (strncmp(to, mapped, sizeof mapped - 1) == 0 && strchr(to, '.'))
        memmove(to, to + sizeof mapped - 1, strlen(to) - sizeof mapped + 2);
}

static struct kevy_stream *accept_connection(struct kevy_listener *listener)
{
    struct server *server = KEVY_CONTAINER_OF(listener, struct server, listener);
    struct connection *connection = server_take_connection(server);

    if (!connection)
        return NULL;
    if (server->log) {
        struct sockaddr_storage peer = {.ss_family = AF_UNSPEC};
        socklen_t length = sizeof peer;

        kevy_listener_peer_address(listener, (struct sockaddr *)&peer, &length);
        server_name_peer(server, connection, (struct sockaddr *)&peer);
    }
    return connection_init(connection, server);
}

char *server_peer(const struct server *server, struct connection *connection)
{
    return server->log ? (char *)connection + server->peer_at : NULL;
}

/* Serves on a copy of a socket that listens already: the socket outlives the listener. */
static int adopt(struct server *server, int listening, const struct kevy_listener_options *options)
{
    int fd = fcntl(listening, F_DUPFD_CLOEXEC, 0);
    int error =
        fd < 0 ? -errno : kevy_listener_adopt(&server->listener, server->reactor, fd, options);

    if (error && fd >= 0)
        close(fd);
    return error;
}

int server_open(struct server *server, struct kevy_reactor *reactor,
                const struct server_options *options)
{
    struct kevy_listener_options listener = {.connections_max = options->connections_max,
                                             .accept = accept_connection};

    *server = (struct server){.reactor = reactor, .options = options};
    server->connection_size = sizeof(struct connection);
#ifdef HTTP_ECHO_TLS
    if (options->tls)
        server->connection_size = secure_connection_size();
#endif
    if (options->log) {
        server->log = access_log_create(options->log, reactor);
        if (!server->log)
            return -ENOMEM;
        server->peer_at = server->connection_size;
        server->connection_size += INET6_ADDRSTRLEN;
    }
    if (options->listening)
        return adopt(server, options->listening, &listener);
    listener.address = options->address;
    listener.port = options->port;
    listener.reuse_port = options->reuse_port;
    listener.backlog = SERVER_BACKLOG;
    return kevy_listener_open(&server->listener, reactor, &listener);
}

static void exchange_free(struct exchange *exchange)
{
    free(exchange->parser);
    free(exchange);
}

void server_free(struct server *server)
{
    while (server->spare_connections) {
        struct connection *connection = server->spare_connections;
        server->spare_connections = connection->next_spare;
        free(connection);
    }
    while (server->spare_exchanges) {
        struct exchange *exchange = server->spare_exchanges;
        server->spare_exchanges = exchange->next_spare;
        exchange_free(exchange);
    }
    while (server->spare_parsers) {
        union parser *parser = server->spare_parsers;
        server->spare_parsers = parser->next_spare;
        free(parser);
    }
    access_log_destroy(server->log);
    server->log = NULL;
}

struct connection *server_take_connection(struct server *server)
{
    struct connection *connection = server->spare_connections;

    if (!connection)
        return malloc(server->connection_size);
    server->spare_connections = connection->next_spare;
    server->spare_connection_count--;
    return connection;
}

void server_give_connection(struct server *server, struct connection *connection)
{
    if (server->spare_connection_count == SPARE_CONNECTIONS_MAX) {
        free(connection);
        return;
    }
    connection->next_spare = server->spare_connections;
    server->spare_connections = connection;
    server->spare_connection_count++;
}

static size_t exchange_size(const struct server_options *options)
{
    return sizeof(struct exchange) + RESPONSE_BYTES_MAX + EXCHANGE_HELD_MAX + 2 +
           options->limits.head_bytes;
}

size_t server_exchange_bytes(const struct server_options *options)
{
    return exchange_size(options) + sizeof(union parser);
}

static llhttp_t *take_parser(struct server *server)
{
    union parser *parser = server->spare_parsers;

    if (!parser)
        parser = malloc(sizeof *parser);
    else {
        server->spare_parsers = parser->next_spare;
        server->spare_parser_count--;
    }
    return parser ? &parser->llhttp : NULL;
}

void server_give_parser(struct server *server, llhttp_t *llhttp)
{
    union parser *parser = KEVY_CONTAINER_OF(llhttp, union parser, llhttp);

    if (server->spare_parser_count == SPARE_PARSERS_MAX) {
        free(parser);
        return;
    }
    parser->next_spare = server->spare_parsers;
    server->spare_parsers = parser;
    server->spare_parser_count++;
}

static struct exchange *exchange_new(struct server *server)
{
    struct exchange *exchange = malloc(exchange_size(server->options));

    if (exchange)
        exchange->parser = NULL;
    return exchange;
}

struct exchange *server_take_exchange(struct server *server)
{
    struct exchange *exchange = server->spare_exchanges;

    if (exchange) {
        server->spare_exchanges = exchange->next_spare;
        server->spare_exchange_count--;
    } else {
        exchange = exchange_new(server);
        if (!exchange)
            return NULL;
    }
    if (!exchange->parser && !(exchange->parser = take_parser(server))) {
        server_give_exchange(server, exchange);
        return NULL;
    }
    exchange->held_length = 0;
    exchange->head.text = exchange_held(exchange) + EXCHANGE_HELD_MAX + 2;
    return exchange;
}

void server_give_exchange(struct server *server, struct exchange *exchange)
{
    if (server->spare_exchange_count == SPARE_EXCHANGES_MAX) {
        exchange_free(exchange);
        return;
    }
    exchange->next_spare = server->spare_exchanges;
    server->spare_exchanges = exchange;
    server->spare_exchange_count++;
}

/* Checked at each answer. A timer would wake an idle server every second. */
const char *server_date(struct server *server)
{
    uint64_t now = kevy_reactor_now(server->reactor);
    struct timespec wall;

    if (now >= server->date_until_ns) {
        clock_gettime(CLOCK_REALTIME, &wall);
        response_write_date(server->date, wall.tv_sec);
        server->date_until_ns = now + KEVY_SECONDS(1) - (uint64_t)wall.tv_nsec;
    }
    return server->date;
}

static void add(uint64_t *sum, const uint64_t *more, size_t count)
{
    for (size_t i = 0; i < count; i++)
        sum[i] += more[i];
}

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

void server_add_counters(struct server_counters *sum, const struct server_counters *more)
{
    sum->connections += more->connections;
    sum->requests += more->requests;
    add(sum->answers, more->answers, COUNT_OF(sum->answers));
    add(sum->refusals, more->refusals, COUNT_OF(sum->refusals));
    add(sum->timeouts, more->timeouts, COUNT_OF(sum->timeouts));
    sum->cut_short += more->cut_short;
    sum->overflows += more->overflows;
    sum->proxy_headers_refused += more->proxy_headers_refused;
    sum->bytes_in += more->bytes_in;
    sum->bytes_out += more->bytes_out;
}
