/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* udp_echo: sends each datagram back to its sender, until SIGTERM. */
#include "report_address.h"
#include "serving.h"
#include "usage.h"

#include <kevy/kevy.h>

#include <signal.h>
#include <stdlib.h>

/* Room for the longest datagram, the address of its sender and a header. */
#define BUFFER_SIZE 65600

static void echo_read(struct kevy_datagram *socket, struct kevy_datagram_message *message)
{
    struct kevy_buffer *buffer = message->buffer;

    /* With a full queue the answer is lost, as it could have been lost in the network. */
    (void)kevy_datagram_send(socket, buffer->data, buffer->length, message->peer,
                             message->peer_length);
}

struct server {
    struct kevy_reactor *reactor;
    struct kevy_datagram socket;
    struct kevy_signal term;
};

static void stop(struct kevy_signal *watch)
{
    struct server *server = KEVY_CONTAINER_OF(watch, struct server, term);

    kevy_reactor_finish(server->reactor, KEVY_SECONDS(5));
}

int main(int argc, char **argv)
{
    static const struct usage usage = {
        "udp_echo", USAGE_WHERE, "Sends each datagram back to its sender. SIGTERM ends it.\n"};
    struct kevy_reactor_options sizes = {.buffer_size = BUFFER_SIZE, .buffer_count = 256};
    struct server server = {0};
    struct where where;
    int error, status = usage_check(&usage, argc, argv, &where);

    if (status >= 0)
        return status;
    sizes.kernel = where.kernel;
    struct kevy_datagram_options options = {
        .address = where.address, .port = where.port, .read = echo_read};
    error = kevy_reactor_create(&server.reactor, &sizes);
    if (error)
        return kevy_report("udp_echo", error);
    error = kevy_signal_watch(&server.term, server.reactor, SIGTERM, stop);
    if (!error)
        error = kevy_datagram_open(&server.socket, server.reactor, &options);
    if (!error) {
        say_serving("udp_echo", kevy_datagram_port(&server.socket), server.reactor);
        error = kevy_reactor_run(server.reactor);
    }
    status = report_start("udp_echo", where.address, where.port, error);
    return status | (kevy_reactor_destroy(server.reactor) != 0);
}
