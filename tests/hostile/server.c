/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* The server, and its account: from /proc, and from its own metrics. */

#include "hostile.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WORDS_MAX 24
#define NAP_NS    5000000
#define LOOKS     5 /* as many that see the same are believed */

struct server server;

uint64_t clock_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

bool patient(uint64_t *since_ms)
{
    uint64_t now = clock_ms();

    if (!*since_ms)
        *since_ms = now;
    nanosleep(&(struct timespec){.tv_nsec = NAP_NS}, NULL);
    return now - *since_ms < PATIENCE_MS;
}

static void server_exec(const char *const *more, uint64_t descriptors, int output)
{
    const struct rlimit few = {.rlim_cur = descriptors, .rlim_max = descriptors};
    const char *words[WORDS_MAX] = {options.program, "--port=0",  "--status=0",   "--kernel",
                                    options.kernel,  "--threads", options.threads};
    size_t count = 7;

    for (const char *const *word = links_server_options; *word; word++)
        words[count++] = *word;
    for (; *more; more++)
        words[count++] = *more;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(output, STDOUT_FILENO);
    dup2(output, STDERR_FILENO);
    if (descriptors)
        setrlimit(RLIMIT_NOFILE, &few);
    execv(words[0], (char *const *)words);
    perror(words[0]);
    _exit(127);
}

/* The next line that it writes; false at the end. */
static bool server_line(char *line, size_t room)
{
    size_t length = 0;

    while (length < room - 1 && read(server.output, line + length, 1) == 1)
        if (line[length++] == '\n')
            break;
    line[length] = '\0';
    return length > 0;
}

/* The port stands behind "127.0.0.1:". */
static uint16_t server_port(const char *behind)
{
    char line[1024];
    const char *at;

    if (!server_line(line, sizeof line))
        return 0;
    at = strstr(line, behind);
    at = at ? strstr(at, "127.0.0.1:") : NULL;
    if (!at)
        fputs(line, stderr);
    return at ? (uint16_t)strtoul(strchr(at, ':') + 1, NULL, 10) : 0;
}

bool server_start(const char *const *more, uint64_t descriptors)
{
    int ends[2];

    server = (struct server){.pid = -1};
    if (pipe(ends) < 0)
        return false;
    server.pid = fork();
    if (server.pid == 0) {
        close(ends[0]);
        server_exec(more, descriptors, ends[1]);
    }
    close(ends[1]);
    server.output = ends[0];
    if (server.pid > 0) {
        server.port = server_port("serving");
        server.status_port = server_port("status");
    }
    return server.port && server.status_port;
}

bool server_stop(void)
{
    char line[1024];
    bool nothing_left = false;
    int status = -1;

    if (server.pid <= 0)
        return false;
    kill(server.pid, SIGTERM);
    while (server_line(line, sizeof line)) {
        if (strstr(line, " 0 objects left\n"))
            nothing_left = true;
        else
            fputs(line, stderr);
    }
    close(server.output);
    waitpid(server.pid, &status, 0);
    server.pid = 0;
    return nothing_left && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Fills `text` with the answer of /metrics; false when there is none. */
static bool metrics_read(char *text, size_t room)
{
    static const char request[] = "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n";
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(server.status_port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval limit = {.tv_sec = PATIENCE_MS / 1000};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    size_t length = 0;
    ssize_t count;

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
        send(fd, request, sizeof request - 1, MSG_NOSIGNAL) == (ssize_t)sizeof request - 1)
        while ((count = recv(fd, text + length, room - 1 - length, 0)) > 0)
            length += (size_t)count;
    close(fd);
    text[length] = '\0';
    return length > 0;
}

/* The sum of the values of all lines that begin with this name. */
static uint64_t metric_sum(const char *text, const char *name)
{
    char begin[128];
    uint64_t sum = 0;
    bool found = false;

    snprintf(begin, sizeof begin, "\nhttp_echo_%s{", name);
    for (const char *at = text; (at = strstr(at, begin)) != NULL; at++) {
        const char *value = strstr(at, "} ");

        found = value != NULL;
        sum += value ? strtoull(value + 2, NULL, 10) : 0;
    }
    return found ? sum : UINT64_MAX;
}

static char metrics[256 << 10];

uint64_t server_metric(const char *name)
{
    return metrics_read(metrics, sizeof metrics) ? metric_sum(metrics, name) : UINT64_MAX;
}

uint64_t server_descriptors(void)
{
    char path[64];
    uint64_t count = 0;
    DIR *folder;

    snprintf(path, sizeof path, "/proc/%d/fd", (int)server.pid);
    folder = opendir(path);
    if (!folder)
        return UINT64_MAX;
    while (readdir(folder))
        count++;
    closedir(folder);
    return count - 2; /* . and .. */
}

uint64_t server_descriptors_max(void)
{
    struct rlimit limit = {0};

    prlimit(server.pid, RLIMIT_NOFILE, NULL, &limit);
    return limit.rlim_cur;
}

static uint64_t server_rss_kib(void)
{
    char path[64], line[256];
    uint64_t rss = 0;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)server.pid);
    file = fopen(path, "re");
    while (file && !rss && fgets(line, sizeof line, file))
        if (strncmp(line, "Rss:", 4) == 0)
            rss = strtoull(line + 4, NULL, 10);
    if (file)
        fclose(file);
    return rss;
}

bool account_take(struct account *account)
{
    /* First: on a busy machine the server has the connection of this look for some time yet. */
    uint64_t descriptors = server_descriptors();

    if (!metrics_read(metrics, sizeof metrics))
        return false;
    *account = (struct account){
        .operations = metric_sum(metrics, "operations"),
        .objects = metric_sum(metrics, "objects"),
        .lent = metric_sum(metrics, "buffers_lent"),
        .queued = metric_sum(metrics, "memory_bytes"),
        .open = metric_sum(metrics, "open_connections"),
        .descriptors = descriptors,
        .rss_kib = server_rss_kib(),
    };
    return account->operations != UINT64_MAX && account->descriptors != UINT64_MAX;
}

static bool small(const struct account *before, const struct account *now)
{
    return SANITIZED || now->rss_kib <= before->rss_kib + RSS_MORE_KIB;
}

/* The same but for memory and descriptors: that of the last look may or may not be closed yet. */
static bool same_objects(const struct account *before, const struct account *now)
{
    return now->operations == before->operations && now->objects == before->objects &&
           now->lent == before->lent && now->open == before->open;
}

static bool alike(const struct account *before, const struct account *now)
{
    return same_objects(before, now) && small(before, now);
}

static bool balanced(const struct account *before, const struct account *now)
{
    return now->descriptors <= before->descriptors && alike(before, now);
}

bool account_grew(const struct account *before, const struct account *now)
{
    return same_objects(before, now) && !small(before, now);
}

/* The fewest descriptors of all looks are those without a connection of ours. */
bool account_open(struct account *before)
{
    struct account now;
    uint64_t since_ms = 0;
    unsigned same = 0;

    do {
        if (!account_take(&now))
            return false;
        same = now.open == 0 && alike(before, &now) ? same + 1 : 0;
        if (same && before->descriptors < now.descriptors)
            now.descriptors = before->descriptors;
        *before = now;
        if (same == LOOKS)
            return true;
    } while (patient(&since_ms));
    return false;
}

bool account_balance(const struct account *before, struct account *now)
{
    uint64_t since_ms = 0;

    do {
        if (!account_take(now))
            return false;
        if (balanced(before, now))
            return true;
    } while (patient(&since_ms));
    return false;
}
