/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * load MODE [OPTIONS] PORT: keeps a server on 127.0.0.1 busy, and prints what that took in one line
 * of name=value pairs. Modes:
 *
 *     echo     messages that come back                  storm  connect, echo, close
 *     send     messages without an answer               udp    datagrams that come back
 *     receive  a byte, answered with a message          http   the request in FILE (-q)
 *
 *     -c N    connections [64]                 -t N     seconds of the clock [1]
 *     -s N    bytes of a message [64]          -w N     seconds before the clock starts [0]
 *     -f N    in flight on a connection [1];   -n N     messages of a connection instead of -t; 0:
 *             0: as the socket takes them               none, for -t seconds
 *     -r N    messages a second over all       -b       in step: all send before one receives
 *             connections, answered or not     -k       http: the server closes behind an answer
 *     -y N    bytes a second that each         -g N     hogs: connections beside the others that
 *             connection receives                       echo as much as they can [0]
 *     -p PID,PID...  the server                -m N     udp: datagrams in one send [1]
 *
 * server_ns is the CPU time of the server during the measured messages; resident, slab and
 * descriptors are what it has more of at their end than before the first connection. The exit
 * status is 0 when every message was answered rightly.
 */
#include "connection.h"
#include "crowd.h"
#include "datagrams.h"
#include "settings.h"
#include "storm.h"
#include "tally.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define REQUEST_MAX 131072
#define NOT_GIVEN   UINT32_MAX

static const struct {
    const char *name;
    int (*run)(const struct settings *settings, struct tally *tally);
} modes[] = {
    {"echo", crowd_run}, {"send", crowd_run},  {"receive", crowd_run},
    {"http", crowd_run}, {"storm", storm_run}, {"udp", datagrams_run},
};

static struct tally tally;

static int usage(void)
{
    fputs("usage: load echo|send|receive|http|storm|udp [-bk] [-cfgmnrstwy N] [-q FILE]"
          " [-p PID,PID...] PORT\n",
          stderr);
    return 2;
}

static const char *file_read(const char *path)
{
    char *text = calloc(1, REQUEST_MAX + 1);
    FILE *file = fopen(path, "re");

    if (text == NULL || file == NULL || fread(text, 1, REQUEST_MAX, file) == 0)
        return NULL;
    fclose(file);
    return text;
}

static bool store_flag(void *field, const char *text)
{
    (void)text;
    *(bool *)field = true;
    return true;
}

static bool store_count(void *field, const char *text)
{
    char *rest;
    unsigned long number = strtoul(text, &rest, 10);

    *(uint32_t *)field = (uint32_t)number;
    return *rest == '\0' && number < NOT_GIVEN;
}

static bool store_real(void *field, const char *text)
{
    char *rest;

    *(double *)field = strtod(text, &rest);
    return *rest == '\0' && *(double *)field >= 0;
}

static bool store_file(void *field, const char *text)
{
    *(const char **)field = file_read(text);
    return *(const char **)field != NULL;
}

static bool store_processes(void *field, const char *text)
{
    return processes_parse(field, text);
}

#define FIELD(name) offsetof(struct settings, name)

static const struct {
    int letter;
    bool (*store)(void *field, const char *text);
    size_t offset; /* of the field */
} options[] = {
    {'b', store_flag, FIELD(in_step)},      {'k', store_flag, FIELD(closing)},
    {'c', store_count, FIELD(connections)}, {'f', store_count, FIELD(in_flight)},
    {'g', store_count, FIELD(hogs)},        {'m', store_count, FIELD(segments)},
    {'n', store_count, FIELD(messages)},    {'s', store_count, FIELD(size)},
    {'r', store_real, FIELD(rate)},         {'t', store_real, FIELD(seconds)},
    {'w', store_real, FIELD(warm_up)},      {'y', store_real, FIELD(reading_rate)},
    {'q', store_file, FIELD(request)},      {'p', store_processes, FIELD(servers)},
};

static bool store(struct settings *settings, int letter, const char *text)
{
    for (unsigned i = 0; i < sizeof options / sizeof *options; i++)
        if (options[i].letter == letter)
            return options[i].store((char *)settings + options[i].offset, text);
    return false;
}

static bool is_sensible(const struct settings *settings)
{
    return settings->port != 0 && settings->connections > 0 && settings->size > 0 &&
           settings->segments > 0 &&
           (strcmp(settings->mode, "http") == 0) == (settings->request != NULL) &&
           (!settings->unlimited || settings->size <= CONNECTION_PIECE_MAX);
}

static bool parse(struct settings *settings, int argc, char **argv)
{
    int letter;

    if (argc < 2)
        return false;
    settings->mode = argv[1];
    while ((letter = getopt(argc - 1, argv + 1, "+bkc:f:g:m:n:p:q:r:s:t:w:y:")) != -1)
        if (!store(settings, letter, optarg))
            return false;
    if (optind != argc - 2)
        return false;
    settings->port = (uint16_t)strtoul(argv[argc - 1], NULL, 10);
    settings->idle = settings->messages == 0;
    settings->messages = settings->messages == NOT_GIVEN ? 0 : settings->messages;
    settings->unlimited = settings->in_flight == 0;
    settings->in_flight = settings->unlimited ? 1 : settings->in_flight;
    return is_sensible(settings);
}

int main(int argc, char **argv)
{
    struct settings settings = {.connections = 64,
                                .in_flight = 1,
                                .segments = 1,
                                .messages = NOT_GIVEN,
                                .size = 64,
                                .seconds = 1};
    unsigned mode = 0;
    int error;

    if (!parse(&settings, argc, argv))
        return usage();
    while (mode < sizeof modes / sizeof *modes && strcmp(modes[mode].name, settings.mode) != 0)
        mode++;
    if (mode == sizeof modes / sizeof *modes)
        return usage();
    prctl(PR_SET_TIMERSLACK, 1); /* what is due is due */
    error = modes[mode].run(&settings, &tally);
    if (error < 0) {
        fprintf(stderr, "load: %s: %s\n", settings.mode, strerror(-error));
        return 1;
    }
    tally_print(&tally);
    return 0;
}
