/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "needs.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

/* The first number in a file, or 0. */
static uint64_t first_number(const char *path)
{
    FILE *file = fopen(path, "re");
    uint64_t number = 0;

    if (!file)
        return 0;
    if (fscanf(file, "%" SCNu64, &number) != 1)
        number = 0;
    fclose(file);
    return number;
}

static uint64_t descriptors_open(void)
{
    DIR *folder = opendir("/proc/self/fd");
    uint64_t count = 0;

    if (!folder)
        return 0;
    while (readdir(folder))
        count++;
    closedir(folder);
    return count - 3; /* the two dots, and the folder itself */
}

struct footprint needs_footprint(void)
{
    return (struct footprint){
        .descriptors = descriptors_open(),
        .memory = first_number("/proc/self/statm") * (uint64_t)sysconf(_SC_PAGESIZE),
    };
}

static void print_need(const char *name, uint64_t number, const char *of_what)
{
    printf("%-14s %12" PRIu64 "  %s\n", name, number, of_what);
}

static void print_memory(const char *name, uint64_t bytes, const char *of_what)
{
    printf("%-14s %8.1f MiB  %s\n", name, (double)bytes / (1 << 20), of_what);
}

static bool print_verdict(const char *limit, uint64_t there, uint64_t needed, const char *remedy)
{
    printf("%-14s %12" PRIu64 "  %s: ", "", there, limit);
    if (there >= needed)
        puts("enough");
    else
        printf("too low; %s\n", remedy);
    return there >= needed;
}

static bool print_descriptors(const struct needs *needs)
{
    uint64_t each = needs->open.descriptors - needs->closed.descriptors;
    uint64_t needed = needs->connections + needs->closed.descriptors + each * needs->threads;
    struct rlimit limit = {0};
    char remedy[128];
    bool enough;

    print_need("descriptors", needed, "one for each connection; the others are for the server");
    getrlimit(RLIMIT_NOFILE, &limit);
    snprintf(remedy, sizeof remedy, "ulimit -Hn %" PRIu64 ", or in a unit LimitNOFILE=%" PRIu64,
             needed, needed);
    enough = print_verdict("limit of this process (RLIMIT_NOFILE)", limit.rlim_max, needed, remedy);
    return print_verdict("limit of the system (fs.file-max)", first_number("/proc/sys/fs/file-max"),
                         needed, "sysctl fs.file-max has to be raised") &&
           enough;
}

static void print_memories(const struct needs *needs)
{
    uint64_t start = (needs->open.memory - needs->closed.memory) * needs->threads;
    uint64_t connections = needs->connections * needs->connection_bytes;
    uint64_t heads = needs->connections * needs->exchange_bytes;
    uint64_t queues = needs->memory_limit * needs->threads;
    char text[128];

    print_memory("memory", start + connections, "with idle connections");
    print_memory("", start, "of it from the start, with the receive buffers");
    snprintf(text, sizeof text, "of it for connections, %" PRIu64 " bytes each",
             needs->connection_bytes);
    print_memory("", connections, text);
    snprintf(text, sizeof text, "more when all send a head at a time, %" PRIu64 " bytes each",
             needs->exchange_bytes);
    print_memory("", heads, text);
    print_memory("", queues, "more when clients do not read their answers (--memory-limit)");
    print_memory("", start + connections + heads + queues,
                 "at most; the memory of the kernel, and that of OpenSSL, is not in it");
    print_need("locked memory", 0, "Linux counts no ring as such since 5.12");
}

static bool print_backlog(const struct needs *needs)
{
    print_need("queue", needs->backlog, "connections that may wait to be accepted");
    return print_verdict("limit of the system (net.core.somaxconn)",
                         first_number("/proc/sys/net/core/somaxconn"), needs->backlog,
                         "sysctl net.core.somaxconn has to be raised");
}

bool needs_print(const struct needs *needs)
{
    bool enough, queue;

    printf("http_echo: for %" PRIu64 " connections, with %" PRIu64 " thread%s\n\n",
           needs->connections, needs->threads, needs->threads == 1 ? "" : "s");
    enough = print_descriptors(needs);
    print_memories(needs);
    queue = print_backlog(needs);
    return enough && queue;
}
