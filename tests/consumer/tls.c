/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* echo_tls CERTIFICATE KEY: prints its port, and sends all bytes back to their client by TLS, until
 * SIGTERM. Says why a connection ended, if it was not in good order. */
#include <kevy/kevy.h>
#include <kevy/tls.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static struct kevy_reactor *reactor;
static struct kevy_tls_context *context;

struct client {
    struct kevy_tls tls;
};

static void client_read(struct kevy_tls *tls, struct kevy_buffer *buffer)
{
    kevy_tls_forward(tls, buffer);
}

static void client_close(struct kevy_tls *tls, int reason)
{
    char text[256];

    if (reason < 0) {
        kevy_tls_explain(kevy_tls_failure(tls), text, sizeof text);
        fprintf(stderr, "%s\n", text);
    }
    free(KEVY_CONTAINER_OF(tls, struct client, tls));
}

static const struct kevy_tls_events client_events = {
    .read = client_read,
    .close = client_close,
};

static struct kevy_stream *client_accept(struct kevy_listener *listener)
{
    struct client *client = calloc(1, sizeof *client);

    (void)listener;
    return client ? kevy_tls_server(&client->tls, context, &client_events) : NULL;
}

static void term_fire(struct kevy_signal *watch)
{
    (void)watch;
    kevy_reactor_finish(reactor, KEVY_SECONDS(5));
}

static int serve(void)
{
    struct kevy_listener_options options = {.address = "127.0.0.1", .accept = client_accept};
    struct kevy_listener listener = {0};
    struct kevy_signal term = {0};
    int error = kevy_reactor_create(&reactor, NULL);

    if (!error)
        error = kevy_signal_watch(&term, reactor, SIGTERM, term_fire);
    if (!error)
        error = kevy_listener_open(&listener, reactor, &options);
    if (!error) {
        printf("%u\n", kevy_listener_port(&listener));
        fflush(stdout);
        error = kevy_reactor_run(reactor);
    }
    kevy_reactor_destroy(reactor);
    return error;
}

int main(int argc, char **argv)
{
    struct kevy_tls_options options = {0};
    struct kevy_tls_failure failure;
    char text[512];
    int error;

    if (argc != 3)
        return 2;
    options.certificate_file = argv[1];
    options.key_file = argv[2];
    error = kevy_tls_context_create(&context, &options, &failure);
    if (error) {
        kevy_tls_explain(&failure, text, sizeof text);
    } else {
        error = serve();
        kevy_tls_context_destroy(context);
        kevy_ring_explain(error, text, sizeof text);
    }
    if (error)
        fprintf(stderr, "echo_tls: %s\n", text);
    return error != 0;
}
