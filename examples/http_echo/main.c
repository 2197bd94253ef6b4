/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * http_echo: signals, and one server for each thread.
 *
 * With one thread everything happens on the reactor of the main thread. With more, the threads of a
 * group serve, and the main thread waits for signals. In both cases the first SIGTERM or SIGINT
 * lets running requests end, a second one aborts them, and the last line on stderr says what was
 * served and how many objects were left. SIGUSR1 writes the counters to stderr meanwhile, SIGHUP
 * reads certificate and key again and opens the log again.
 *
 * Exit status: 0 after a drain; 1 when serving failed, was stopped by a second signal, or left
 * something behind; 2 for a mistake in the command line.
 */
#include "../listen_fds.h"
#include "../report_address.h"
#include "access_log.h"
#include "needs.h"
#include "program.h"
#include "proxy_header.h"
#include "secure.h"

#include <kevy/kevy.h>

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define BUFFERS 1024 /* receive buffers of a thread */

static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* The context of a reactor is its server. Each hook reads the clock, for the status page alone. */
static void measure_begin(struct kevy_reactor *reactor, void *context)
{
    (void)reactor;
    turns_begin(&((struct server *)context)->turns);
}

static void measure_end(struct kevy_reactor *reactor, void *context)
{
    (void)reactor;
    turns_end(&((struct server *)context)->turns);
}

static void fill_options(struct program *program)
{
    const struct options *options = &program->options;

    program->reactor_options.memory_limit = options->memory_limit;
    program->reactor_options.kernel = options->kernel;
    program->reactor_options.buffer_count = BUFFERS;
    program->reactor_options.restricted = true;
    if (options->status.length) {
        program->reactor_options.before_wait = measure_end;
        program->reactor_options.after_wait = measure_begin;
    }

    program->server_options = (struct server_options){
        .address = strcmp(options->address, "::") == 0 ? NULL : options->address,
        .port = (uint16_t)options->port,
        .reuse_port = options->threads > 1,
        .connections_max = (uint32_t)options->max_connections,
        .requests_max = (uint32_t)options->max_requests,
        .watermark = (uint32_t)options->watermark,
        .idle_ns = options->idle_ns,
        .header_ns = options->header_ns,
        .body_ns = options->body_ns,
        .write_ns = options->write_ns,
        .memory_limit = options->memory_limit,
        .drain_ns = options->drain_ns,
        .limits = REQUEST_LIMITS,
        .proxies = &options->proxies,
    };
    program->server_options.limits.body_bytes = options->max_body;
    program->server_options.limits.head_bytes = (uint32_t)options->max_header;
}

void program_note_port(struct program *program, unsigned port)
{
    const char *address = program->options.address, *tls = program->server_options.tls ? "s" : "";
    char text[KEVY_ADDRESS_TEXT_SIZE] = "";
    struct sockaddr_storage passed;
    socklen_t length = sizeof passed;
    bool v6 = strchr(address, ':') != NULL;

    if (program->server_options.listening) {
        getsockname(program->server_options.listening, (struct sockaddr *)&passed, &length);
        kevy_address_format((struct sockaddr *)&passed, length, text, sizeof text);
        snprintf(program->url, sizeof program->url, "http%s://%s/", tls, text);
    } else {
        snprintf(program->url, sizeof program->url, "http%s://%s%s%s:%u/", tls, v6 ? "[" : "",
                 address, v6 ? "]" : "", port);
    }
}

void program_say_serving(struct program *program)
{
    printf("http_echo: serving %s; %s\n", program->url, program->kernel);
    if (*program->observer.where)
        printf("http_echo: status at http://%s/\n", program->observer.where);
    fflush(stdout);
    program->served = true;
}

/* Returns 0, or an exit status after a sentence. A build without TLS has refused the options. */
static int tls_create(struct program *program)
{
#ifdef HTTP_ECHO_TLS
    if (program->options.tls_certificate)
        return secure_create(&program->server_options.tls, program->options.tls_certificate,
                             program->options.tls_key);
#endif
    (void)program;
    return 0;
}

static void tls_destroy(struct program *program)
{
#ifdef HTTP_ECHO_TLS
    secure_destroy(program->server_options.tls);
#endif
    (void)program;
}

static int report_status(const struct program *program, int error)
{
    const char *where = program->options.status.text;
    char text[512];

    kevy_ring_explain(error, text, sizeof text);
    fprintf(stderr, "http_echo: no status page at %s: %s\n", where,
            error == -EADDRINUSE ? "the port is in use" : text);
    return 1;
}

static int log_open(struct program *program)
{
    const char *path = program->options.log;
    int error = path ? access_log_file_open(&program->server_options.log, path) : 0;

    if (error < 0)
        fprintf(stderr, "http_echo: cannot write the log %s: %s\n", path, strerror(-error));
    return error < 0;
}

int program_report(const struct program *program, int error)
{
    if (program->status_failed)
        return report_status(program, error);
    return report_start("http_echo", program->options.address, (unsigned)program->options.port,
                        error);
}

static uint64_t sum(const uint64_t *counts, size_t count)
{
    uint64_t total = 0;

    while (count)
        total += counts[--count];
    return total;
}

static void say_served(const struct program *program)
{
    struct server_counters all = {0};

    for (uint64_t i = 0; i < program->options.threads; i++)
        server_add_counters(&all, &program->servers[i].counters);
    if (program->options.proxies.count)
        fprintf(stderr, "http_echo: %" PRIu64 " PROXY headers refused or missing\n",
                all.proxy_headers_refused);
    fprintf(stderr,
            "http_echo: %" PRIu64 " connections, %" PRIu64 " requests, answers %" PRIu64
            " 2xx %" PRIu64 " 4xx %" PRIu64 " 5xx, %" PRIu64 " refused, %" PRIu64
            " timed out, %" PRIu64 " cut short, %" PRIu64 " dropped, %" PRIu64 " bytes in, %" PRIu64
            " out, %" PRIu32 " objects left\n",
            all.connections, all.requests, all.answers[2], all.answers[4], all.answers[5],
            sum(all.refusals, REFUSAL_COUNT), sum(all.timeouts, TIMEOUT_COUNT), all.cut_short,
            all.overflows, all.bytes_in, all.bytes_out, program->left);
}

/* One reactor, on this thread. */
struct single {
    struct program *program;
    struct kevy_reactor *reactor;
    struct kevy_signal term;
    struct kevy_signal interrupt;
    struct kevy_signal hangup;
    struct kevy_signal table;
    uint64_t drain_ns;
    bool draining;
    bool stopped;
};

static void on_signal(struct single *single)
{
    single->stopped = single->draining;
    single->draining = true;
    kevy_reactor_finish(single->reactor, single->stopped ? 0 : single->drain_ns);
}

static void on_term(struct kevy_signal *watch)
{
    on_signal(KEVY_CONTAINER_OF(watch, struct single, term));
}

static void on_interrupt(struct kevy_signal *watch)
{
    on_signal(KEVY_CONTAINER_OF(watch, struct single, interrupt));
}

static void on_hangup(struct kevy_signal *watch)
{
    program_hang_up(KEVY_CONTAINER_OF(watch, struct single, hangup)->program);
}

static void on_table(struct kevy_signal *watch)
{
    observer_write_table(&KEVY_CONTAINER_OF(watch, struct single, table)->program->observer);
}

/* What the first thread serves: clients, and the status page. */
int program_open_first(struct program *program, struct kevy_reactor *reactor)
{
    int error;

    kevy_reactor_explain_kernel(reactor, program->kernel, sizeof program->kernel);
    kevy_reactor_set_context(reactor, &program->servers[0]);
    error = server_open(&program->servers[0], reactor, &program->server_options);
    if (error)
        return error;
    error = observer_open(&program->observer, reactor, &program->options);
    program->status_failed = error != 0;
    return error;
}

static int single_open(struct single *single)
{
    struct program *program = single->program;
    int error = kevy_signal_watch(&single->term, single->reactor, SIGTERM, on_term);

    if (!error)
        error = kevy_signal_watch(&single->interrupt, single->reactor, SIGINT, on_interrupt);
    if (!error)
        error = kevy_signal_watch(&single->table, single->reactor, SIGUSR1, on_table);
    if (!error && program_heeds_hangup(program))
        error = kevy_signal_watch(&single->hangup, single->reactor, SIGHUP, on_hangup);
    if (!error)
        error = program_open_first(program, single->reactor);
    return error;
}

static int serve_single(struct program *program)
{
    struct single single = {.program = program, .drain_ns = program->options.drain_ns};
    int error = kevy_reactor_create(&single.reactor, &program->reactor_options);

    if (error)
        return kevy_report("http_echo", error);
    error = single_open(&single);
    if (!error) {
        program_note_port(program, kevy_listener_port(&program->servers[0].listener));
        program_say_serving(program);
        error = kevy_reactor_run(single.reactor);
    }
    program->left = kevy_reactor_destroy(single.reactor);
    return error ? program_report(program, error) : single.stopped;
}

/* The server of one thread is opened, on ports that nobody uses, and closed again. */
static int explain_limits(struct program *program)
{
    struct single single = {.program = program};
    struct needs needs = {
        .connections = program->options.explained,
        .threads = program->options.threads,
        .closed = needs_footprint(),
        .exchange_bytes = server_exchange_bytes(&program->server_options),
        .memory_limit = program->options.memory_limit,
        .backlog = SERVER_BACKLOG,
    };
    int error;

    program->server_options.port = 0;
    ((struct sockaddr_in *)(void *)&program->options.status.address)->sin_port = 0; /* or IPv6 */
    error = kevy_reactor_create(&single.reactor, &program->reactor_options);
    if (error)
        return kevy_report("http_echo", error);
    error = single_open(&single);
    needs.open = needs_footprint();
    needs.connection_bytes = program->servers[0].connection_size;
    if (program->options.proxies.count)
        needs.connection_bytes += sizeof(struct proxy_header);
    kevy_reactor_destroy(single.reactor);
    if (error)
        return program_report(program, error);
    return needs_print(&needs) ? 0 : 1;
}

/* Returns 0, or an exit status after a sentence. */
static int find_passed_socket(struct program *program)
{
    int fd = listen_fds_socket();

    if (fd < 0)
        return fputs("http_echo: serves on one socket, and more than one was passed\n", stderr), 1;
    program->server_options.listening = fd;
    return 0;
}

static int serve(struct program *program)
{
    int error = observer_init(&program->observer, program->servers,
                              (uint32_t)program->options.threads, &program->group, program->kernel);
    int status;

    if (error)
        return program_report(program, error);
    program->observer.facts.what_for = program->url;
    program->observer.facts.buffers = BUFFERS;
    if (program->options.explained)
        status = explain_limits(program);
    else
        status = program->options.threads > 1 ? serve_threads(program) : serve_single(program);
    observer_deinit(&program->observer);
    for (uint64_t i = 0; i < program->options.threads; i++)
        server_free(&program->servers[i]);
    return status;
}

int main(int argc, char **argv)
{
    static struct program program;

    if (!options_read(&program.options, argc, argv))
        return 2;
    if (program.options.help)
        return options_print(), 0;
    if (program.options.version)
        return puts("http_echo " KEVY_VERSION_STRING), 0;
    raise_descriptor_limit();
    signal(SIGPIPE, SIG_IGN); /* the log, or stderr, may be a pipe that nobody reads any more */
    fill_options(&program);
    program.servers = calloc(program.options.threads, sizeof *program.servers);
    if (!program.servers)
        return program_report(&program, -ENOMEM);
    int status = find_passed_socket(&program);
    if (!status)
        status = tls_create(&program);
    if (!status)
        status = log_open(&program);
    if (!status)
        status = serve(&program);
    tls_destroy(&program);
    access_log_file_close(program.server_options.log);
    if (program.served)
        say_served(&program);
    free(program.servers);
    return status || program.left;
}
