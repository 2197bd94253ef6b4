/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * bulk [-c CONNECTIONS] [-m MEBIBYTES] [-s BYTES] -- SERVER [ARGUMENTS]: starts an echo server,
 * sends each connection's mebibytes in writes of so many bytes as fast as they are taken, reads
 * them back, and prints what that took in one line of name=value pairs. Every byte is compared.
 */
#include "server_process.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 256
#define PERIOD          4093 /* bytes after which the pattern repeats: no power of two */
#define ROOM            (1 << 18)

struct connection {
    uint64_t sent;
    uint64_t received;
};

static struct connection connections[CONNECTIONS_MAX];
static struct pollfd polls[CONNECTIONS_MAX];
static uint8_t pattern[ROOM + PERIOD], got[ROOM];
static unsigned count = 16;
static uint64_t total = 64 << 20;
static size_t size = 16384;

static bool connection_open(unsigned index, uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    polls[index] = (struct pollfd){.fd = fd, .events = POLLIN | POLLOUT};
    return fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
}

static bool send_some(unsigned index)
{
    struct connection *connection = &connections[index];
    uint64_t left = total - connection->sent;
    ssize_t sent = send(polls[index].fd, pattern + connection->sent % PERIOD,
                        left < size ? left : size, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (sent < 0)
        return errno == EAGAIN;
    connection->sent += (uint64_t)sent;
    if (connection->sent == total)
        polls[index].events = POLLIN;
    return true;
}

static bool receive_some(unsigned index)
{
    struct connection *connection = &connections[index];
    ssize_t length = recv(polls[index].fd, got, sizeof got, MSG_DONTWAIT);

    if (length <= 0)
        return length < 0 && errno == EAGAIN;
    if (memcmp(got, pattern + connection->received % PERIOD, (size_t)length) != 0)
        return false;
    connection->received += (uint64_t)length;
    if (connection->received == total)
        polls[index].events = 0;
    return true;
}

static bool all_back(void)
{
    for (unsigned index = 0; index < count; index++)
        if (connections[index].received < total)
            return false;
    return true;
}

static bool transfer(void)
{
    while (!all_back()) {
        if (poll(polls, count, -1) < 0)
            return false;
        for (unsigned index = 0; index < count; index++) {
            if ((polls[index].revents & POLLOUT) && !send_some(index))
                return false;
            if ((polls[index].revents & POLLIN) && !receive_some(index))
                return false;
            if (polls[index].events != 0 && (polls[index].revents & (POLLERR | POLLHUP)))
                return false;
        }
    }
    return true;
}

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static bool measure(const struct server_process *server)
{
    double mebibytes = (double)total * count / (1 << 20), begin = seconds();
    uint64_t begin_ns = server_process_cpu_ns(server);

    for (unsigned index = 0; index < count; index++)
        if (!connection_open(index, server->port))
            return false;
    if (!transfer())
        return false;
    printf("mebibytes=%.0f rate=%.0f server_ns=%" PRIu64 "\n", mebibytes,
           mebibytes / (seconds() - begin), server_process_cpu_ns(server) - begin_ns);
    return true;
}

static bool parse(int argc, char **argv)
{
    int option;

    while ((option = getopt(argc, argv, "+c:m:s:")) != -1) {
        unsigned long value = optarg != NULL ? strtoul(optarg, NULL, 10) : 0;

        if (option == 'c')
            count = (unsigned)value;
        else if (option == 'm')
            total = (uint64_t)value << 20;
        else if (option == 's')
            size = value;
        else
            return false;
    }
    return optind < argc && count > 0 && count <= CONNECTIONS_MAX && total > 0 && size > 0 &&
           size <= ROOM;
}

int main(int argc, char **argv)
{
    struct server_process server;
    bool done;

    if (!parse(argc, argv))
        return fputs("usage: bulk [-c N] [-m N] [-s N] -- SERVER...\n", stderr), 2;
    for (unsigned index = 0; index < sizeof pattern; index++)
        pattern[index] = (uint8_t)((index % PERIOD) * 31 >> 3);
    if (server_process_start(&server, argv + optind, SERVER_APART) < 0)
        return fprintf(stderr, "bulk: %s did not start\n", argv[optind]), 1;
    done = measure(&server);
    if (!done)
        fprintf(stderr, "bulk: %s sent other bytes, or none\n", argv[optind]);
    for (unsigned index = 0; index < count; index++)
        close(polls[index].fd);
    return (server_process_stop(&server) != 0) | !done;
}
