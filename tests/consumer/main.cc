// SPDX-License-Identifier: MIT OR Apache-2.0
// main.c once more, in C++17.
#include <kevy/kevy.h>

#include <csignal>
#include <cstdlib>
#include <iostream>

namespace
{

struct Client {
    kevy_stream stream;
};

struct Server {
    kevy_reactor *reactor;
    kevy_listener listener;
    kevy_signal term;
};

kevy_stream *client_accept(kevy_listener *)
{
    static const kevy_stream_events events = [] {
        kevy_stream_events table{};
        table.read = [](kevy_stream *stream, kevy_buffer *buffer) {
            kevy_stream_forward(stream, buffer);
        };
        table.close = [](kevy_stream *stream, int) {
            delete KEVY_CONTAINER_OF(stream, Client, stream);
        };
        return table;
    }();

    return kevy_stream_init(&(new Client{})->stream, &events);
}

void term_fire(kevy_signal *watch)
{
    kevy_reactor_finish(KEVY_CONTAINER_OF(watch, Server, term)->reactor, KEVY_SECONDS(5));
}

} // namespace

int main(int argc, char **argv)
{
    Server server{};
    kevy_listener_options options{};
    options.address = "127.0.0.1";
    options.port = static_cast<uint16_t>(argc > 1 ? std::atoi(argv[1]) : 7000);
    options.accept = client_accept;

    int error = kevy_reactor_create(&server.reactor, nullptr);
    if (!error)
        error = kevy_signal_watch(&server.term, server.reactor, SIGTERM, term_fire);
    if (!error)
        error = kevy_listener_open(&server.listener, server.reactor, &options);
    if (!error) {
        std::cout << kevy_listener_port(&server.listener) << std::endl;
        error = kevy_reactor_run(server.reactor);
    }
    kevy_reactor_destroy(server.reactor);
    return error != 0;
}
