/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "processes.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

bool processes_parse(struct processes *processes, const char *text)
{
    char *rest = (char *)text;

    for (processes->count = 0; processes->count < PROCESSES_MAX; text = rest + 1) {
        long pid = strtol(text, &rest, 10);

        if (pid <= 0 || rest == text)
            return false;
        processes->pids[processes->count++] = (pid_t)pid;
        if (*rest != ',')
            return *rest == '\0';
    }
    return false;
}

/* The number in the file that `format` finds; 0 where there is none, of a thread that ended. */
static uint64_t number_in(const char *path, const char *format)
{
    uint64_t number = 0;
    FILE *file = fopen(path, "re");

    if (file == NULL)
        return 0;
    if (fscanf(file, format, &number) != 1)
        number = 0;
    fclose(file);
    return number;
}

/* Calls `visit` for each entry of a folder of a process; returns the sum. */
static uint64_t sum_of_entries(pid_t pid, const char *folder, uint64_t (*visit)(const char *path))
{
    char path[64];
    uint64_t sum = 0;
    DIR *entries;

    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, folder);
    entries = opendir(path);
    if (entries == NULL)
        return 0;
    for (const struct dirent *entry = readdir(entries); entry; entry = readdir(entries)) {
        char name[sizeof path + sizeof entry->d_name];

        if (entry->d_name[0] == '.')
            continue;
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        sum += visit(name);
    }
    closedir(entries);
    return sum;
}

/* Time on a CPU, user and system, is the first number of schedstat. */
static uint64_t thread_cpu_ns(const char *path)
{
    char name[512];

    snprintf(name, sizeof name, "%s/schedstat", path);
    return number_in(name, "%" SCNu64);
}

static uint64_t one(const char *path)
{
    (void)path;
    return 1;
}

static uint64_t slab_unreclaimable(void)
{
    char line[128];
    uint64_t kibibytes = 0;
    FILE *file = fopen("/proc/meminfo", "re");

    if (file == NULL)
        return 0;
    while (fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "SUnreclaim: %" SCNu64, &kibibytes) == 1)
            break;
    fclose(file);
    return kibibytes * 1024;
}

uint64_t processes_cpu_ns(const struct processes *processes)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < processes->count; i++)
        sum += sum_of_entries(processes->pids[i], "task", thread_cpu_ns);
    return sum;
}

void processes_usage(const struct processes *processes, struct usage *usage)
{
    char path[64];

    *usage = (struct usage){.slab = slab_unreclaimable()};
    for (unsigned i = 0; i < processes->count; i++) {
        snprintf(path, sizeof path, "/proc/%d/statm", (int)processes->pids[i]);
        usage->resident += number_in(path, "%*u %" SCNu64) * (uint64_t)sysconf(_SC_PAGESIZE);
        usage->descriptors += sum_of_entries(processes->pids[i], "fd", one);
    }
    usage->cpu_ns = processes_cpu_ns(processes);
}
