/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "secure.h"

#include "connection.h"
#include "proxied.h"

#include <inttypes.h>
#include <kevy/tls.h>
#include <stdio.h>
#include <string.h>

struct secure {
    struct connection connection;
    struct kevy_tls tls;
};

static struct connection *connection_of(struct kevy_tls *tls)
{
    return &KEVY_CONTAINER_OF(tls, struct secure, tls)->connection;
}

static int complain(const struct kevy_tls_failure *failure)
{
    char text[256];

    if (!failure->error)
        return 0;
    kevy_tls_explain(failure, text, sizeof text);
    fprintf(stderr, "http_echo: %s\n", text);
    return 1;
}

static const char *const protocols[] = {"http/1.1"};

static struct kevy_tls_options options_of(const char *certificate, const char *key)
{
    return (struct kevy_tls_options){.certificate_file = certificate,
                                     .key_file = key,
                                     .protocols = protocols,
                                     .protocol_count = 1};
}

int secure_create(struct kevy_tls_context **context, const char *certificate, const char *key)
{
    const struct kevy_tls_options options = options_of(certificate, key);
    struct kevy_tls_failure failure;

    kevy_tls_context_create(context, &options, &failure);
    return complain(&failure);
}

int secure_reload(struct kevy_tls_context *context, const char *certificate, const char *key)
{
    const struct kevy_tls_options options = options_of(certificate, key);
    struct kevy_tls_failure failure;

    kevy_tls_context_reload(context, &options, &failure);
    return complain(&failure);
}

void secure_destroy(struct kevy_tls_context *context)
{
    struct kevy_tls_stats stats;

    if (!context)
        return;
    kevy_tls_context_stats(context, &stats);
    fprintf(stderr,
            "http_echo: %" PRIu64 " handshakes, %" PRIu64 " of them resumed, %" PRIu64
            " failed, %" PRIu64 " truncations\n",
            stats.handshakes, stats.handshakes_resumed, stats.handshakes_failed, stats.truncations);
    kevy_tls_context_destroy(context);
}

/* What a proxy says of its client is not encrypted. */
static int secure_preamble(struct kevy_tls *tls, const uint8_t *bytes, size_t length)
{
    struct connection *connection = connection_of(tls);

    return proxied_is_known(connection) ? 0 : proxied_take(connection, bytes, length);
}

static void secure_open(struct kevy_tls *tls)
{
    connection_open(connection_of(tls));
}

static void secure_read(struct kevy_tls *tls, struct kevy_buffer *buffer)
{
    connection_read(connection_of(tls), buffer, 0);
}

static void secure_end(struct kevy_tls *tls)
{
    connection_end(connection_of(tls));
}

static void secure_timeout(struct kevy_tls *tls, enum kevy_deadline deadline)
{
    connection_timeout(connection_of(tls), deadline);
}

static void secure_finish(struct kevy_tls *tls)
{
    connection_finish(connection_of(tls));
}

static void secure_close(struct kevy_tls *tls, int reason)
{
    (void)reason;
    connection_closed(connection_of(tls));
}

static const struct kevy_tls_events events = {
    .preamble = secure_preamble,
    .open = secure_open,
    .read = secure_read,
    .end = secure_end,
    .timeout = secure_timeout,
    .finish = secure_finish,
    .close = secure_close,
};

size_t secure_connection_size(void)
{
    return sizeof(struct secure);
}

struct kevy_stream *secure_init(struct connection *connection, struct kevy_tls_context *context)
{
    struct kevy_tls *tls = &KEVY_CONTAINER_OF(connection, struct secure, connection)->tls;

    memset(tls, 0, sizeof *tls);
    connection->tls = tls;
    return kevy_tls_server(tls, context, &events);
}
