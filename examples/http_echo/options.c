/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "options.h"

#include "../kernel_name.h"

#include <kevy/address.h>

#include <arpa/inet.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY 86400

/* Sizes, as numbers and as the texts of the defaults. */
#define KIB (UINT64_C(1) << 10)
#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

struct option;

/* A kind of value. */
struct kind {
    /* Stores what `text` says, or returns false. */
    bool (*store)(const struct option *option, void *field, const char *text);
    /* Prints what such an option takes, to stderr. */
    void (*explain)(const struct option *option);
};

struct option {
    const char *name;
    const char *unit;
    const struct kind *kind;
    size_t offset; /* of the field in struct options */
    const char *fallback;
    uint64_t minimum;
    uint64_t maximum;
    const char *purpose;
};

/* Reads digits. Returns what follows them, or NULL for no digit or a number above 2^64 - 1. */
static const char *read_digits(const char *text, uint64_t *number)
{
    const char *at = text;

    for (*number = 0; *at >= '0' && *at <= '9'; at++) {
        unsigned digit = (unsigned)(*at - '0');

        if (*number > (UINT64_MAX - digit) / 10)
            return NULL;
        *number = 10 * *number + digit;
    }
    return at > text ? at : NULL;
}

static bool store_in_range(const struct option *option, void *field, uint64_t number)
{
    if (number < option->minimum || number > option->maximum)
        return false;
    *(uint64_t *)field = number;
    return true;
}

static bool store_number(const struct option *option, void *field, const char *text)
{
    uint64_t number;
    const char *rest = read_digits(text, &number);

    return rest && !*rest && store_in_range(option, field, number);
}

static void explain_number(const struct option *option)
{
    fprintf(stderr, "a number from %" PRIu64 " to %" PRIu64, option->minimum, option->maximum);
}

/* Bytes, or KiB, MiB, GiB with a letter behind the number. */
static bool store_size(const struct option *option, void *field, const char *text)
{
    static const char letters[] = "KMG";
    uint64_t number, unit = 1;
    const char *rest = read_digits(text, &number);

    if (!rest)
        return false;
    for (const char *letter = letters; *rest && *letter; letter++) {
        unit <<= 10;
        if ((*rest & ~0x20) == *letter && !rest[1])
            return number <= UINT64_MAX / unit && store_in_range(option, field, number * unit);
    }
    return !*rest && store_in_range(option, field, number);
}

static void print_size(uint64_t size)
{
    static const char *const units[] = {"", "K", "M", "G"};
    unsigned unit = 0;

    while (unit < 3 && size && size % 1024 == 0) {
        size /= 1024;
        unit++;
    }
    fprintf(stderr, "%" PRIu64 "%s", size, units[unit]);
}

static void explain_size(const struct option *option)
{
    fputs("a size from ", stderr);
    print_size(option->minimum);
    fputs(" to ", stderr);
    print_size(option->maximum);
    fputs(" (bytes, or with K, M or G)", stderr);
}

/* Whole seconds or a decimal fraction, as nanoseconds. */
static bool store_seconds(const struct option *option, void *field, const char *text)
{
    char *rest;
    double seconds = strtod(text, &rest);

    if (text[strspn(text, "0123456789.")] || *rest || rest == text || !(seconds > 0) ||
        !(seconds <= (double)option->maximum))
        return false;
    *(uint64_t *)field = (uint64_t)(seconds * 1e9) + 1; /* 0 would turn the time limit off */
    return true;
}

static void explain_seconds(const struct option *option)
{
    fprintf(stderr, "seconds, more than 0 and at most %" PRIu64, option->maximum);
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

static void explain_address(const struct option *option)
{
    (void)option;
    fputs("a numeric IPv4 or IPv6 address (names are not looked up)", stderr);
}

/* NULL unless it is given. Whether it can be read is seen when it is. */
static bool store_file(const struct option *option, void *field, const char *text)
{
    *(const char **)field = text != option->fallback ? text : NULL;
    return text == option->fallback || *text;
}

static bool is_number(const char *text)
{
    return *text && !text[strspn(text, "0123456789")];
}

/* A port alone is one of this machine only. */
static bool store_where(const struct option *option, void *field, const char *text)
{
    struct options_where *where = field;
    const char *colon = strchr(text, ':');
    char whole[96];

    *where = (struct options_where){.text = text};
    if (text == option->fallback)
        return true;
    if (text[0] != '[' && (colon ? strchr(colon + 1, ':') != NULL : !is_number(text)))
        return false; /* the name of a socket, or an address without a port */
    snprintf(whole, sizeof whole, "%s%s", colon ? "" : "127.0.0.1:", text);
    return kevy_address_parse(&where->address, &where->length, whole, 0) == 0 &&
           where->address.ss_family != AF_UNIX && text[strlen(text) - 1] != ']';
}

static void explain_where(const struct option *option)
{
    (void)option;
    fputs("a port or a numeric address with a port, for example 9090 or [::1]:9090", stderr);
}

static void explain_file(const struct option *option)
{
    (void)option;
    fputs("the name of a file", stderr);
}

/* None unless they are given. */
static bool store_networks(const struct option *option, void *field, const char *text)
{
    struct networks *networks = field;

    networks->count = 0;
    return text == option->fallback || networks_read(networks, text);
}

static void explain_networks(const struct option *option)
{
    (void)option;
    fprintf(
        stderr,
        "up to %d numeric addresses or networks, for example 127.0.0.1,10.0.0.0/8,2001:db8::/32",
        NETWORKS_MAX);
}

static bool store_kernel(const struct option *option, void *field, const char *text)
{
    (void)option;
    return kernel_by_name(text, field);
}

static void explain_kernel(const struct option *option)
{
    (void)option;
    fputs(KERNEL_NAMES, stderr);
}

static const struct kind number = {store_number, explain_number};
static const struct kind size = {store_size, explain_size};
static const struct kind seconds = {store_seconds, explain_seconds};
static const struct kind address = {store_address, explain_address};
static const struct kind kernel = {store_kernel, explain_kernel};
static const struct kind file = {store_file, explain_file};
static const struct kind networks = {store_networks, explain_networks};
static const struct kind where = {store_where, explain_where};

#define FIELD(field) offsetof(struct options, field)

static const struct option table[] = {
    {"address", "A", &address, FIELD(address), "127.0.0.1", 0, 0,
     "numeric address to serve on; :: for every address"},
    {"port", "N", &number, FIELD(port), "8080", 0, 65535,
     "port to serve on; 0 lets the system choose"},
    {"threads", "N", &number, FIELD(threads), "1", 1, 256, "threads, each with its own reactor"},
    {"max-body", "SIZE", &size, FIELD(max_body), "1G", 0, UINT64_MAX >> 1,
     "largest body of a request"},
    {"max-header", "SIZE", &size, FIELD(max_header), "16K", 64, MIB,
     "largest request line and header together"},
    {"max-connections", "N", &number, FIELD(max_connections), "0", 0, UINT32_MAX,
     "connections of a thread at a time; 0: the limit of descriptors"},
    {"max-requests", "N", &number, FIELD(max_requests), "1000000", 1, UINT32_MAX,
     "requests of one connection"},
    {"memory-limit", "SIZE", &size, FIELD(memory_limit), "64M", MIB, 1024 * GIB,
     "memory for copies and queues of a thread"},
    {"watermark", "SIZE", &size, FIELD(watermark), "64K", 4 * KIB, 512 * MIB,
     "queued bytes at which the server stops reading from a client"},
    {"idle-timeout", "SECONDS", &seconds, FIELD(idle_ns), "60", 0, DAY,
     "time without a byte in either direction"},
    {"header-timeout", "SECONDS", &seconds, FIELD(header_ns), "10", 0, DAY,
     "time for a request line and its header"},
    {"body-timeout", "SECONDS", &seconds, FIELD(body_ns), "30", 0, DAY,
     "time for each KiB of a body"},
    {"write-timeout", "SECONDS", &seconds, FIELD(write_ns), "30", 0, DAY,
     "time in which a client reads no byte of its answers"},
    {"kernel", "NAME", &kernel, FIELD(kernel), "automatic", 0, 0,
     "kernel below the server: " KERNEL_NAMES},
    {"drain-timeout", "SECONDS", &seconds, FIELD(drain_ns), "30", 0, DAY,
     "time for running requests after SIGTERM or Ctrl-C"},
    {"status", "[ADDRESS:]PORT", &where, FIELD(status), "none", 0, 0,
     "page with counters, /metrics and /status.json; see below"},
    {"log", "FILE", &file, FIELD(log), "none", 0, 0,
     "access log; - is the standard output; SIGHUP opens it again"},
    {"tls-certificate", "FILE", &file, FIELD(tls_certificate), "none", 0, 0,
     "certificate for https, with its intermediate ones (PEM)"},
    {"tls-key", "FILE", &file, FIELD(tls_key), "none", 0, 0,
     "private key of the certificate; SIGHUP reads both again"},
    {"proxy-protocol", "NETWORKS", &networks, FIELD(proxies), "none", 0, 0,
     "proxies that name their clients, for example 127.0.0.1,10.0.0.0/8"},
};

#define COUNT (sizeof table / sizeof *table)

static bool store(const struct option *option, struct options *options, const char *text)
{
    return option->kind->store(option, (char *)options + option->offset, text);
}

static bool complain(const char *word, const char *problem)
{
    fprintf(stderr, "http_echo: %s %s; --help lists the options\n", word, problem);
    return false;
}

static bool complain_value(const struct option *option, const char *text)
{
    fprintf(stderr, "http_echo: --%s takes ", option->name);
    option->kind->explain(option);
    fprintf(stderr, ", not '%s'\n", text);
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
        return complain(name, "is not an option");
    if (name[length])
        return store(option, options, name + length + 1) ||
               complain_value(option, name + length + 1);
    if (!(*word)[1])
        return complain(name, "needs a value");
    ++*word;
    return store(option, options, **word) || complain_value(option, **word);
}

/* How many connections, unless the command line says it. */
#define EXPLAINED 10000

/* The number may be missing: then another option follows, or nothing. */
static bool read_explained(struct options *options, char ***word)
{
    static const struct option connections = {
        "explain-limits", "CONNECTIONS", &number, FIELD(explained), "", 1, UINT32_MAX, ""};
    char *value = strchr(**word, '=');

    options->explained = EXPLAINED;
    if (!value && (!(*word)[1] || strncmp((*word)[1], "--", 2) == 0))
        return true;
    value = value ? value + 1 : *++*word;
    return store(&connections, options, value) || complain_value(&connections, value);
}

static bool is_explained(const char *word)
{
    static const char name[] = "--explain-limits";
    size_t length = sizeof name - 1;

    return strncmp(word, name, length) == 0 && (!word[length] || word[length] == '=');
}

/* The options of TLS come together, and only where there is TLS. */
static bool check_tls(const struct options *options)
{
    if (!options->tls_certificate != !options->tls_key)
        return complain(options->tls_key ? "--tls-key" : "--tls-certificate",
                        "needs the other one of --tls-certificate and --tls-key");
#ifndef HTTP_ECHO_TLS
    if (options->tls_key)
        return complain("--tls-key", "is not possible: this program was built without OpenSSL");
#endif
    return true;
}

bool options_read(struct options *options, int argc, char **argv)
{
    (void)argc;
    *options = (struct options){.help = false};
    for (size_t i = 0; i < COUNT; i++)
        store(&table[i], options, table[i].fallback);
    for (char **word = argv + 1; *word; word++) {
        if (strcmp(*word, "--help") == 0 || strcmp(*word, "-h") == 0)
            options->help = true;
        else if (strcmp(*word, "--version") == 0)
            options->version = true;
        else if (is_explained(*word) ? !read_explained(options, &word)
                                     : !read_option(options, &word))
            return false;
    }
    return options->help || options->version || check_tls(options);
}

void options_print(void)
{
    puts(
        "usage: http_echo [OPTION]...\n"
        "An HTTP/1.1 server that sends the body of a request back to the client. After SIGTERM or\n"
        "Ctrl-C it finishes the running requests; a second signal stops it at once.\n\n"
        "SIZE is a number of bytes, or of KiB, MiB or GiB with K, M or G behind it, for example "
        "64K.\n"
        "--name=value is the same as --name value. The default is in brackets.\n");
    for (size_t i = 0; i < COUNT; i++) {
        int width = printf("  --%s %s", table[i].name, table[i].unit);
        printf("%*s%s [%s]\n", 28 - width, "", table[i].purpose, table[i].fallback);
    }
    puts("  --explain-limits [N]      what N connections need [10000] with the other options\n"
         "  -h, --help                this text\n"
         "  --version                 the version\n\n"
         "See what it does: with --status 9090 open http://127.0.0.1:9090/ in a browser, or let\n"
         "Prometheus read /metrics. Anybody who can reach that port can read the counters, so it "
         "is\n"
         "on 127.0.0.1 unless another address is given. The page belongs to the first thread, "
         "whose\n"
         "turns it takes part in. SIGUSR1 writes the same counters to stderr, also without "
         "--status.");
}
