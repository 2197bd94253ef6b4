/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "options.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY 86400

struct option {
    const char *name;
    const char *unit;
    /* Stores what `text` says, or returns false. */
    bool (*store)(const struct option *option, void *field, const char *text);
    size_t offset; /* of the field in struct options */
    const char *fallback;
    uint64_t minimum;
    uint64_t maximum;
    const char *purpose;
};

static bool starts_with_digit(const char *text)
{
    return text[0] >= '0' && text[0] <= '9';
}

static bool store_number(const struct option *option, void *field, const char *text)
{
    char *rest;

    errno = 0;
    uint64_t number = strtoull(text, &rest, 10);
    if (!starts_with_digit(text) || *rest || errno || number < option->minimum ||
        number > option->maximum)
        return false;
    *(uint64_t *)field = number;
    return true;
}

/* Whole seconds or a fraction, as nanoseconds. */
static bool store_seconds(const struct option *option, void *field, const char *text)
{
    char *rest;
    double seconds = strtod(text, &rest);

    if (!starts_with_digit(text) || *rest || !(seconds > (double)option->minimum) ||
        !(seconds <= (double)option->maximum))
        return false;
    *(uint64_t *)field = (uint64_t)(seconds * 1e9) + 1; /* 0 would turn the time limit off */
    return true;
}

static bool store_address(const struct option *option, void *field, const char *text)
{
    unsigned char address[16];

    (void)option;
    if (inet_pton(AF_INET, text, address) != 1 && inet_pton(AF_INET6, text, address) != 1)
        return false;
    *(const char **)field = text;
    return true;
}

#define FIELD(field) offsetof(struct options, field)

static const struct option table[] = {
    {"address", "A", store_address, FIELD(address), "127.0.0.1", 0, 0,
     "numeric address to serve on; :: for every one"},
    {"port", "N", store_number, FIELD(port), "8080", 0, 65535,
     "port to serve on; 0 lets the system choose"},
    {"threads", "N", store_number, FIELD(threads), "1", 1, 256,
     "threads, each with a reactor of its own"},
    {"max-body", "BYTES", store_number, FIELD(max_body), "1073741824", 0, UINT64_MAX >> 1,
     "largest body accepted"},
    {"max-header", "BYTES", store_number, FIELD(max_header), "16384", 64, 1 << 20,
     "largest request line with header accepted"},
    {"max-connections", "N", store_number, FIELD(max_connections), "0", 0, UINT32_MAX,
     "connections at once on a thread; 0 for what the descriptors allow"},
    {"max-requests", "N", store_number, FIELD(max_requests), "1000000", 1, UINT32_MAX,
     "requests on one connection"},
    {"idle-timeout", "SECONDS", store_seconds, FIELD(idle_ns), "60", 0, DAY,
     "nothing received and nothing sent"},
    {"header-timeout", "SECONDS", store_seconds, FIELD(header_ns), "10", 0, DAY,
     "from the first byte of a request to the end of its header"},
    {"body-timeout", "SECONDS", store_seconds, FIELD(body_ns), "30", 0, DAY,
     "for each further KiB of a body"},
    {"write-timeout", "SECONDS", store_seconds, FIELD(write_ns), "30", 0, DAY,
     "answers waiting, and the client takes none of them"},
    {"drain-timeout", "SECONDS", store_seconds, FIELD(drain_ns), "30", 0, DAY,
     "for running requests to end after SIGTERM or Ctrl-C"},
};

#define COUNT (sizeof table / sizeof *table)

static bool store(const struct option *option, struct options *options, const char *text)
{
    return option->store(option, (char *)options + option->offset, text);
}

static bool complain(const char *name, const char *problem)
{
    fprintf(stderr, "http_echo: %s %s; --help lists the options\n", name, problem);
    return false;
}

static bool complain_value(const struct option *option, const char *text)
{
    if (option->store == store_address)
        fprintf(stderr, "http_echo: --address takes an IPv4 or IPv6 address, not '%s'\n", text);
    else
        fprintf(stderr,
                "http_echo: --%s takes a number from %" PRIu64 " to %" PRIu64 ", not '%s'\n",
                option->name, option->minimum, option->maximum, text);
    return false;
}

/* The option that `word` names up to its end or to '='. */
static const struct option *find(const char *word, size_t length)
{
    for (size_t i = 0; i < COUNT; i++)
        if (strlen(table[i].name) == length && memcmp(table[i].name, word, length) == 0)
            return &table[i];
    return NULL;
}

/* Reads the option at *word and, unless it says "=value", the word after it. */
static bool read_option(struct options *options, char ***word)
{
    char *name = **word;
    size_t length = strcspn(name, "=");
    const struct option *option = strncmp(name, "--", 2) == 0 ? find(name + 2, length - 2) : NULL;

    if (!option)
        return complain(name, "is no option");
    if (name[length])
        return store(option, options, name + length + 1) ||
               complain_value(option, name + length + 1);
    if (!(*word)[1])
        return complain(name, "needs a value");
    ++*word;
    return store(option, options, **word) || complain_value(option, **word);
}

bool options_read(struct options *options, int argc, char **argv)
{
    (void)argc;
    *options = (struct options){.help = false};
    for (size_t i = 0; i < COUNT; i++)
        store(&table[i], options, table[i].fallback);
    for (char **word = argv + 1; *word; word++) {
        if (strcmp(*word, "--help") == 0)
            options->help = true;
        else if (!read_option(options, &word))
            return false;
    }
    return true;
}

void options_print(void)
{
    puts("usage: http_echo [option]...\n"
         "An HTTP/1.1 server that answers with what it was sent. SIGTERM or Ctrl-C lets running\n"
         "requests end; a second one stops at once.\n");
    for (size_t i = 0; i < COUNT; i++) {
        int width = printf("  --%s %s", table[i].name, table[i].unit);
        printf("%*s%s [%s]\n", 28 - width, "", table[i].purpose, table[i].fallback);
    }
    puts("  --help                    this text");
}
