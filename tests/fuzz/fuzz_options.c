/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The command line of http_echo, one word a line of the input: values that are accepted are within
 * the ranges of the help.
 */
#include "fuzz.h"
#include "options.h"

#include <arpa/inet.h>

#define WORDS_MAX 32
#define DAY_NS    (UINT64_C(86400) * 1000000000 + 1)

static void check(const struct options *options)
{
    unsigned char address[16];

    MUST(inet_pton(AF_INET, options->address, address) == 1 ||
         inet_pton(AF_INET6, options->address, address) == 1);
    MUST(options->port <= 65535);
    MUST(options->threads >= 1 && options->threads <= 256);
    MUST(options->max_body <= UINT64_MAX >> 1);
    MUST(options->max_header >= 64 && options->max_header <= 1 << 20);
    MUST(options->max_connections <= UINT32_MAX);
    MUST(options->memory_limit >= 1 << 20 && options->memory_limit <= UINT64_C(1) << 40);
    MUST(options->watermark >= 4 << 10 && options->watermark <= 512 << 20);
    MUST(options->idle_ns >= 1 && options->idle_ns <= DAY_NS);
    MUST(options->header_ns >= 1 && options->header_ns <= DAY_NS);
    MUST(options->write_ns >= 1 && options->write_ns <= DAY_NS);
    MUST(options->drain_ns >= 1 && options->drain_ns <= DAY_NS);
}

/* The complaints of thousands of inputs a second are nobody's to read. The descriptor stays as it
 * is, for the sanitizers; only glibc lets a program change the stream. */
static FILE *stderr_set(FILE *to)
{
    FILE *before = stderr;

#ifdef __GLIBC__
    stderr = to;
#endif
    (void)to;
    return before;
}

static bool read_silently(struct options *options, int count, char **words)
{
    static FILE *nowhere;
    FILE *before;
    bool accepted;

    if (nowhere == NULL)
        nowhere = fopen("/dev/null", "w");
    MUST(nowhere != NULL);
    before = stderr_set(nowhere);
    accepted = options_read(options, count, words);
    stderr_set(before);
    return accepted;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char program[] = "http_echo";
    char *words[WORDS_MAX + 2] = {program};
    int count = 1;
    struct options options;
    bool accepted;

    for (size_t at = 0; at < size && count <= WORDS_MAX; count++) {
        const uint8_t *end = memchr(data + at, '\n', size - at);
        size_t length = end != NULL ? (size_t)(end - data) - at : size - at;

        words[count] = exact_string(data + at, length);
        at += length + 1;
    }
    accepted = read_silently(&options, count, words);
    if (accepted)
        check(&options);
    MUST(count > 1 || accepted);
    while (count > 1)
        free(words[--count]);
    return 0;
}
