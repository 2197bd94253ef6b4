/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "server_process.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Ample: a busy machine takes seconds. */
#define START_LIMIT_MS 60000
#define STOP_LIMIT_MS  30000

/* The number behind "port " or ":", 0 when there is none yet. */
static uint16_t port_find(const char *text)
{
    for (const char *at = text; *at != '\0'; at++) {
        const char *digits = *at == ':' ? at + 1 : strncmp(at, "port ", 5) == 0 ? at + 5 : NULL;
        char *end;
        unsigned long port;

        if (digits == NULL || !isdigit((unsigned char)*digits))
            continue;
        port = strtoul(digits, &end, 10);
        /* A number at the very end may still lack digits. */
        if (*end != '\0' && port > 0 && port <= UINT16_MAX)
            return (uint16_t)port;
    }
    return 0;
}

static int port_wait(struct server_process *server)
{
    char text[1024];
    size_t used = 0;

    while (used < sizeof text - 1) {
        struct pollfd readable = {.fd = server->output, .events = POLLIN};
        ssize_t got;

        if (poll(&readable, 1, START_LIMIT_MS) <= 0)
            return -ETIMEDOUT;
        got = read(server->output, text + used, sizeof text - 1 - used);
        if (got <= 0)
            break;
        used += (size_t)got;
        text[used] = '\0';
        server->port = port_find(text);
        if (server->port != 0)
            return 0;
    }
    return -EPROTO;
}

static void child(char *const *arguments, int output)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(output, STDOUT_FILENO);
    execvp(arguments[0], arguments);
    fprintf(stderr, "%s: %s\n", arguments[0], strerror(errno));
    _exit(127);
}

int server_process_start(struct server_process *server, char *const *arguments)
{
    int ends[2];
    int error;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    server->pid = fork();
    if (server->pid < 0)
        return -errno;
    if (server->pid == 0)
        child(arguments, ends[1]);
    close(ends[1]);
    server->output = ends[0];
    server->port = 0;
    error = port_wait(server);
    if (error < 0)
        (void)server_process_stop(server);
    return error;
}

uint64_t server_process_resident(const struct server_process *server)
{
    char path[64];
    uint64_t pages = 0;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/statm", (int)server->pid);
    file = fopen(path, "re");
    if (file == NULL)
        return 0;
    if (fscanf(file, "%*u %" SCNu64, &pages) != 1)
        pages = 0;
    fclose(file);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

int server_process_stop(struct server_process *server)
{
    int pidfd = (int)syscall(SYS_pidfd_open, server->pid, 0);
    struct pollfd ended = {.fd = pidfd, .events = POLLIN};
    int status = -1;

    kill(server->pid, SIGTERM);
    if (pidfd < 0 || poll(&ended, 1, STOP_LIMIT_MS) <= 0)
        kill(server->pid, SIGKILL);
    close(pidfd);
    waitpid(server->pid, &status, 0);
    close(server->output);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
