/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * file_server: the files below a folder to GET and HEAD, one request a connection. Bodies go
 * from the page cache to the socket.
 */
#include "../serve.h"
#include "client.h"

#include <fcntl.h>
#include <sys/resource.h>

/*
 * A download takes two descriptors: its socket and its file. Beside the downloads there are the
 * three standard ones, the ring, what wakes it, the signals, the listener and the folder: less than
 * 16. A server with a limit of 1,024 descriptors so has room for 504 clients. More of them wait in
 * the backlog of the listener, where they take none of the descriptors that the others need to be
 * answered.
 */
#define DESCRIPTORS_OF_A_CLIENT 2
#define DESCRIPTORS_OF_THE_REST 16

static int folder = -1;

static struct kevy_stream *client_accept(struct kevy_listener *listener)
{
    (void)listener;
    return client_create(folder);
}

/* Raises the limit of descriptors as far as it goes. Returns the clients that it is enough for. */
static uint32_t clients_max(void)
{
    struct rlimit limit = {.rlim_cur = 1024};
    rlim_t most = UINT32_MAX;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
            getrlimit(RLIMIT_NOFILE, &limit);
    }
    if (limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < most)
        most = limit.rlim_cur;
    if (most < DESCRIPTORS_OF_THE_REST + DESCRIPTORS_OF_A_CLIENT)
        return 1;
    return (uint32_t)((most - DESCRIPTORS_OF_THE_REST) / DESCRIPTORS_OF_A_CLIENT);
}

static int begin(struct kevy_listener_options *options, char **arguments)
{
    options->connections_max = clients_max();
    folder = open(arguments[0], O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder >= 0)
        return 0;
    fprintf(stderr, "file_server: %s: %s\n", arguments[0], strerror(errno));
    return 1;
}

int main(int argc, char **argv)
{
    static const struct usage usage = {"file_server", USAGE_WHERE " FOLDER",
                                       "Serves the files below FOLDER to HTTP clients.\n"};
    static const struct service files = {&usage, client_accept, begin, NULL};

    return serve(&files, argc, argv);
}
