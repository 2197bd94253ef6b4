/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* kevy_gso PORT: sends datagrams back that came merged, as one send. */
#include "report.h"

#include <kevy/kevy.h>

#include <signal.h>
#include <stdlib.h>

#define BUFFER_SIZE 65664

static void echo(struct kevy_datagram *socket, struct kevy_datagram_message *message)
{
    const struct kevy_datagram_packet packet = {.data = message->buffer->data,
                                                .length = message->buffer->length,
                                                .peer = message->peer,
                                                .peer_length = message->peer_length,
                                                .segment_size = message->segment_size};

    (void)kevy_datagram_send_packet(socket, &packet);
}

static void stop(struct kevy_signal *watch)
{
    kevy_reactor_finish(watch->reactor, KEVY_SECONDS(5));
}

int main(int argc, char **argv)
{
    struct kevy_datagram_options options = {.gro = true, .read = echo};
    struct kevy_reactor_options sizes = {.buffer_size = BUFFER_SIZE, .buffer_count = 256};
    struct kevy_datagram socket = {0};
    struct kevy_signal term = {0};
    struct kevy_reactor *reactor = NULL;
    int error = kevy_reactor_create(&reactor, &sizes);

    if (argc > 1)
        options.port = (uint16_t)strtoul(argv[1], NULL, 10);
    if (!error)
        error = kevy_signal_watch(&term, reactor, SIGTERM, stop);
    if (!error)
        error = kevy_datagram_open(&socket, reactor, &options);
    if (!error)
        error = kevy_reactor_run(reactor);
    return kevy_report("kevy_gso", error) | (kevy_reactor_destroy(reactor) != 0);
}
