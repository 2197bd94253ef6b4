/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * load [OPTIONS] -- SERVER [ARGUMENTS]: starts a server, keeps it busy, stops it, and prints what
 * that took in one line of name=value pairs.
 *
 *     -c N    connections [64]                 -w N    messages before the clock starts [0]
 *     -s N    bytes of a message [64]          -b      in step: all send before the server runs
 *     -n N    messages of a connection [1000]  -H      HTTP instead of an echo
 *
 * server_ns is the CPU time of the server during the measured messages. The exit status is 0 when
 * every message was answered rightly and the server ended well when told to.
 */
#include "client.h"
#include "server_process.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct settings {
    uint32_t connections;
    uint32_t messages;
    uint32_t warm_up;
    size_t size;
    bool in_step;
    bool http;
};

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static int usage(void)
{
    fputs("usage: load [-bH] [-c N] [-s N] [-n N] [-w N] -- SERVER...\n", stderr);
    return 2;
}

static bool parse(struct settings *settings, int argc, char **argv)
{
    int option;

    while ((option = getopt(argc, argv, "+bHc:s:n:w:")) != -1) {
        uint32_t value = optarg != NULL ? (uint32_t)strtoul(optarg, NULL, 10) : 0;

        if (option == 'b')
            settings->in_step = true;
        else if (option == 'H')
            settings->http = true;
        else if (option == 'c')
            settings->connections = value;
        else if (option == 's')
            settings->size = value;
        else if (option == 'n')
            settings->messages = value;
        else if (option == 'w')
            settings->warm_up = value;
        else
            return false;
    }
    return optind < argc && settings->connections > 0 && settings->size > 0 &&
           settings->size <= CLIENT_ROOM;
}

static int measure(const struct settings *settings, const struct server_process *server)
{
    const struct client_protocol *protocol = settings->http ? &protocol_http : &protocol_echo;
    struct clients clients;
    uint64_t messages = (uint64_t)settings->messages * settings->connections;
    uint64_t begin_ns, begin_cpu_ns, elapsed_ns, cpu_ns;
    int error =
        clients_open(&clients, server->port, settings->connections, protocol, &settings->size);

    if (error < 0)
        return error;
    clients.in_step = settings->in_step;
    error = clients_run(&clients, settings->warm_up);
    begin_cpu_ns = server_process_cpu_ns(server);
    begin_ns = now_ns();
    if (error == 0)
        error = clients_run(&clients, settings->messages);
    elapsed_ns = now_ns() - begin_ns;
    cpu_ns = server_process_cpu_ns(server) - begin_cpu_ns;
    clients_close(&clients);
    if (error < 0)
        return error;
    printf("messages=%" PRIu64 " seconds=%.3f rate=%.0f server_ns=%" PRIu64 "\n", messages,
           (double)elapsed_ns / 1e9, (double)messages * 1e9 / (double)elapsed_ns, cpu_ns);
    return 0;
}

int main(int argc, char **argv)
{
    struct settings settings = {.connections = 64, .messages = 1000, .size = 64};
    struct server_process server;
    int error, status;

    if (!parse(&settings, argc, argv))
        return usage();
    error = server_process_start(&server, argv + optind,
                                 settings.in_step ? SERVER_BEHIND : SERVER_APART);
    if (error < 0) {
        fprintf(stderr, "load: %s did not start: %s\n", argv[optind], strerror(-error));
        return 1;
    }
    error = measure(&settings, &server);
    status = server_process_stop(&server);
    if (error < 0)
        fprintf(stderr, "load: %s: %s\n", argv[optind], strerror(-error));
    if (status != 0)
        fprintf(stderr, "load: %s ended with status %d\n", argv[optind], status);
    return error < 0 || status != 0;
}
