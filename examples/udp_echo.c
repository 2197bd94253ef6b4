/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* udp_echo PORT: sends each datagram back to where it came from, until SIGTERM. */
#include "report.h"

#include <kevy/kevy.h>

#include <signal.h>
#include <stdlib.h>

/* Room for the longest datagram there is, its sender's address and a header. */
#define BUFFER_SIZE 65600

static void echo_read(struct kevy_datagram *socket, struct kevy_datagram_message *message)
{
    struct kevy_buffer *buffer = message->buffer;

    /* Full queue: the answer is lost, as the network might have lost it. */
    (void)kevy_datagram_send(socket, buffer->data, buffer->length, message->peer,
                             message->peer_length);
}

static void stop(struct kevy_signal *watch)
{
    kevy_reactor_finish(watch->reactor, KEVY_SECONDS(5));
}

int main(int argc, char **argv)
{
    char *rest = "";
    unsigned long port = argc == 2 ? strtoul(argv[1], &rest, 10) : 65536;
    struct kevy_datagram_options options = {.port = (uint16_t)port, .read = echo_read};
    struct kevy_reactor_options sizes = {.buffer_size = BUFFER_SIZE, .buffer_count = 256};
    struct kevy_datagram socket;
    struct kevy_signal term = {0};
    struct kevy_reactor *reactor = NULL;
    if (port > UINT16_MAX || *rest)
        return fputs("usage: udp_echo PORT\n", stderr), 2;
    int error = kevy_reactor_create(&reactor, &sizes);
    if (!error)
        error = kevy_signal_watch(&term, reactor, SIGTERM, stop);
    if (!error)
        error = kevy_datagram_open(&socket, reactor, &options);
    if (!error) {
        dprintf(1, "udp_echo: serving port %u\n", kevy_datagram_port(&socket));
        error = kevy_reactor_run(reactor);
    }
    return kevy_report("udp_echo", error) | (kevy_reactor_destroy(reactor) != 0);
}
