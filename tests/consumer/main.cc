// SPDX-License-Identifier: MIT OR Apache-2.0
// main.c once more, in C++17: prints its port, echoes to one client, ends when that has gone.
#include <kevy/kevy.h>

#include <iostream>

namespace
{

struct Client {
    kevy_stream stream;
};

kevy_stream *client_accept(kevy_listener *listener)
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

    kevy_listener_close(listener);
    return kevy_stream_init(&(new Client{})->stream, &events);
}

} // namespace

int main()
{
    kevy_reactor *reactor = nullptr;
    kevy_listener listener{};
    kevy_listener_options options{};
    options.address = "127.0.0.1";
    options.accept = client_accept;

    int error = kevy_reactor_create(&reactor, nullptr);
    if (!error)
        error = kevy_listener_open(&listener, reactor, &options);
    if (!error) {
        std::cout << kevy_listener_port(&listener) << std::endl;
        error = kevy_reactor_run(reactor);
    }
    return kevy_reactor_destroy(reactor) || error;
}
