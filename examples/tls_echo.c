/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* tls_echo: sends back what it receives, over TLS. SIGHUP reads the certificate and the key again.
 */
#include "serve.h"

#include <kevy/tls.h>

#include <stdlib.h>

struct client {
    struct kevy_tls tls;
};

static struct {
    struct kevy_tls_context *context;
    struct kevy_tls_options options;
    struct kevy_signal hangup;
} shared;

static void client_read(struct kevy_tls *tls, struct kevy_buffer *buffer)
{
    kevy_tls_forward(tls, buffer); /* a client that does not read its bytes is not read from */
}

static void client_close(struct kevy_tls *tls, int reason)
{
    char text[256];

    if (reason < 0) {
        kevy_tls_explain(kevy_tls_failure(tls), text, sizeof text);
        fprintf(stderr, "tls_echo: %s\n", text);
    }
    free(KEVY_CONTAINER_OF(tls, struct client, tls));
}

static const struct kevy_tls_events client_events = {.read = client_read, .close = client_close};

static struct kevy_stream *client_accept(struct kevy_listener *listener)
{
    struct client *client = calloc(1, sizeof *client);

    (void)listener;
    return client ? kevy_tls_server(&client->tls, shared.context, &client_events) : NULL;
}

/* Returns 0, or 1 after a sentence. */
static int complain(int error, const struct kevy_tls_failure *failure)
{
    char text[256];

    if (!error)
        return 0;
    kevy_tls_explain(failure, text, sizeof text);
    fprintf(stderr, "tls_echo: %s\n", text);
    return 1;
}

/* On an error the old certificate stays in use. */
static void reload(struct kevy_signal *watch)
{
    struct kevy_tls_failure failure;

    (void)watch;
    complain(kevy_tls_context_reload(shared.context, &shared.options, &failure), &failure);
}

static int begin(struct kevy_listener_options *options, char **arguments)
{
    struct serving *serving = KEVY_CONTAINER_OF(options, struct serving, options);
    struct kevy_tls_failure failure;

    shared.options.certificate_file = arguments[0];
    shared.options.key_file = arguments[1];
    if (complain(kevy_tls_context_create(&shared.context, &shared.options, &failure), &failure))
        return 1;
    return kevy_signal_watch(&shared.hangup, serving->reactor, SIGHUP, reload);
}

static void end(void)
{
    kevy_tls_context_destroy(shared.context);
}

int main(int argc, char **argv)
{
    static const struct usage usage = {
        "tls_echo", USAGE_WHERE " CERTIFICATE KEY",
        "Sends all bytes back to the client, over TLS. CERTIFICATE (with the intermediate\n"
        "certificates) and KEY are files in PEM form. SIGHUP reads them again.\n"};
    static const struct service service = {
        .usage = &usage, .accept = client_accept, .begin = begin, .end = end};

    return serve(&service, argc, argv);
}
