/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS_MAX     64
#define SILENT_MAX_MS  30000 /* without an answer for so long: the server hangs */
#define REQUEST_IS_OUT 0

static int send_next(struct clients *clients, struct client *client)
{
    uint8_t text[CLIENT_ROOM];
    size_t length;
    ssize_t sent;

    client->left--;
    client->number++;
    length = clients->protocol->request(clients->context, client->number, text);
    sent = send(client->fd, text, length, MSG_NOSIGNAL);
    if (sent < 0)
        return -errno;
    /* One request at a time always fits into the socket's buffer. */
    return (size_t)sent == length ? REQUEST_IS_OUT : -EPROTO;
}

/* Returns 1 when the answer is complete, 0 when more is to come, or a negative errno. */
static int receive(struct clients *clients, struct client *client)
{
    ssize_t got =
        recv(client->fd, client->text + client->received, CLIENT_ROOM - client->received, 0);
    ptrdiff_t length;

    if (got < 0)
        return -errno;
    if (got == 0)
        return -ECONNRESET;
    client->received += (size_t)got;
    length =
        clients->protocol->answer(clients->context, client->number, client->text, client->received);
    if (length == 0 && client->received < CLIENT_ROOM)
        return 0;
    /* Nothing was asked yet that more bytes could be the answer to. */
    if (length != (ptrdiff_t)client->received)
        return -EBADMSG;
    client->received = 0;
    return 1;
}

static int client_open(struct clients *clients, struct client *client, uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
    int on = 1;

    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client->fd < 0)
        return -errno;
    if (connect(client->fd, (struct sockaddr *)&address, sizeof address) < 0)
        return -errno;
    setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return epoll_ctl(clients->epoll, EPOLL_CTL_ADD, client->fd, &event) < 0 ? -errno : 0;
}

int clients_open(struct clients *clients, uint16_t port, uint32_t count,
                 const struct client_protocol *protocol, const void *context)
{
    int error = 0;

    *clients = (struct clients){.protocol = protocol, .context = context};
    clients->epoll = epoll_create1(EPOLL_CLOEXEC);
    clients->all = calloc(count, sizeof *clients->all);
    clients->memory = malloc((size_t)count * CLIENT_ROOM);
    if (clients->epoll < 0 || clients->all == NULL || clients->memory == NULL)
        error = -ENOMEM;
    while (error == 0 && clients->count < count) {
        struct client *client = &clients->all[clients->count];

        client->text = clients->memory + (size_t)clients->count * CLIENT_ROOM;
        client->number = (uint64_t)clients->count << 32;
        error = client_open(clients, client, port);
        clients->count++;
    }
    if (error < 0)
        clients_close(clients);
    return error;
}

static int send_all(struct clients *clients)
{
    for (uint32_t i = 0; i < clients->count; i++) {
        int error = send_next(clients, &clients->all[i]);

        if (error < 0)
            return error;
    }
    return 0;
}

int clients_run(struct clients *clients, uint32_t requests)
{
    uint64_t missing = (uint64_t)requests * clients->count;
    int result;

    if (missing == 0)
        return 0;
    for (uint32_t i = 0; i < clients->count; i++)
        clients->all[i].left = requests;
    result = send_all(clients);
    while (result >= 0 && missing > 0) {
        struct epoll_event events[EVENTS_MAX];
        int count = epoll_wait(clients->epoll, events, EVENTS_MAX, SILENT_MAX_MS);

        if (count == 0)
            return -ETIMEDOUT;
        for (int i = 0; i < count && result >= 0; i++) {
            struct client *client = events[i].data.ptr;

            result = receive(clients, client);
            if (result <= 0)
                continue;
            missing--;
            if (client->left > 0 && !clients->in_step)
                result = send_next(clients, client);
        }
        if (result >= 0 && clients->in_step && missing > 0 && missing % clients->count == 0)
            result = send_all(clients);
    }
    return result < 0 ? result : 0;
}

int clients_run_one(struct clients *clients, uint32_t index)
{
    struct client *client = &clients->all[index];
    int result;

    client->left = 1;
    result = send_next(clients, client);
    while (result == 0)
        result = receive(clients, client);
    return result < 0 ? result : 0;
}

void clients_close(struct clients *clients)
{
    for (uint32_t i = 0; i < clients->count; i++)
        if (clients->all[i].fd >= 0)
            close(clients->all[i].fd);
    if (clients->epoll >= 0)
        close(clients->epoll);
    free(clients->all);
    free(clients->memory);
    *clients = (struct clients){.epoll = -1};
}
