/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "sample.h"

#include "access_log.h"
#include "server.h"

#include <assert.h>

/* All that the table takes its values from. */
struct source {
    struct server_counters counters;
    struct kevy_reactor_stats stats;
    struct access_log_counters log;
    uint64_t connections; /* open */
    uint64_t memory_limit;
    uint64_t objects;
    uint64_t operations;
    uint64_t turn_longest_ns;
    uint64_t turn_recent_ns;
};

#define ROW(kind, name, member, help)                                           \
    {                                                                           \
        name, help, NULL, NULL, MEASURE_##kind, offsetof(struct source, member) \
    }
#define PART(kind, name, label, value, member, help)                              \
    {                                                                             \
        name, help, label, value, MEASURE_##kind, offsetof(struct source, member) \
    }

#define ANSWERS(hundreds)                                                               \
    PART(COUNTER, "answers_total", "class", #hundreds "XX", counters.answers[hundreds], \
         "Answers, by the hundreds of their status.")
/* clang-format off */
#define REFUSED(name, status, sentence)                                                \
    PART(COUNTER, "refusals_total", "cause", #name, counters.refusals[REFUSAL_##name], \
         "Requests refused, by cause."),
#define TIMED_OUT(name)                                                                \
    PART(COUNTER, "timeouts_total", "cause", #name, counters.timeouts[TIMEOUT_##name], \
         "Time limits that ended a connection or a request, by cause.")

/* clang-format on */

const struct measure measures[] = {
    ROW(GAUGE, "open_connections", connections, "Connections that are open now."),
    ROW(COUNTER, "connections_total", counters.connections, "Connections accepted."),
    ROW(COUNTER, "requests_total", counters.requests, "Requests whose head was understood."),
    ANSWERS(2),
    ANSWERS(4),
    ANSWERS(5),
    ROW(COUNTER, "received_bytes_total", counters.bytes_in, "Bytes received from clients."),
    ROW(COUNTER, "sent_bytes_total", counters.bytes_out, "Bytes queued for clients."),
    /* clang-format off */
    REFUSALS(REFUSED)
    TIMED_OUT(IDLE), TIMED_OUT(WRITE), TIMED_OUT(HEADER), TIMED_OUT(BODY),
    /* clang-format on */
    ROW(COUNTER, "cut_short_total", counters.cut_short, "Clients that left within a request."),
    ROW(COUNTER, "dropped_total", counters.overflows,
        "Connections aborted because their queue or the memory was full."),
    ROW(COUNTER, "proxy_headers_refused_total", counters.proxy_headers_refused,
        "Connections of a proxy whose PROXY header was malformed or missing."),
    ROW(COUNTER, "turns_total", stats.turns, "Turns of the loop."),
    ROW(COUNTER, "completions_total", stats.completions, "Completions handled."),
    ROW(COUNTER, "enters_total", stats.enters, "System calls that entered the kernel's ring."),
    ROW(COUNTER, "submissions_total", stats.submissions, "Requests that the kernel took."),
    ROW(COUNTER, "submit_retries_total", stats.submit_retries,
        "Enters that the kernel refused and that were repeated."),
    ROW(COUNTER, "overflows_total", stats.overflows, "Overflows of the completion queue."),
    ROW(TIME, "turn_longest_seconds", turn_longest_ns,
        "Longest turn since the start, without its wait; 0 without --status."),
    ROW(TIME, "turn_longest_recent_seconds", turn_recent_ns,
        "Longest turn of the last one to two seconds; 0 without --status."),
    ROW(GAUGE, "buffers_lent", stats.buffers_lent, "Receive buffers that are not in the pool."),
    ROW(GAUGE, "buffers_lent_peak", stats.buffers_lent_peak,
        "Most receive buffers that were not in the pool."),
    ROW(COUNTER, "starvations_total", stats.starvations,
        "Times that a connection waited for a receive buffer."),
    ROW(COUNTER, "copies_total", stats.copies, "Receive buffers copied because few were left."),
    ROW(GAUGE, "memory_bytes", stats.memory, "Memory that is kept for copies and queues."),
    ROW(GAUGE, "memory_peak_bytes", stats.memory_peak, "Most memory that was in use."),
    ROW(GAUGE, "memory_limit_bytes", memory_limit, "Limit of the memory for copies and queues."),
    ROW(COUNTER, "memory_failures_total", stats.memory_failures, "Allocations that failed."),
    ROW(COUNTER, "evictions_total", stats.evictions, "Connections ended to make room for others."),
    ROW(COUNTER, "accepts_shed_total", stats.accepts_shed,
        "Connections closed as soon as they were accepted."),
    ROW(COUNTER, "accept_pauses_total", stats.accept_pauses,
        "Times that accepting stopped for lack of descriptors or memory."),
    ROW(COUNTER, "timers_fired_total", stats.timers_fired, "Timers and time limits that fired."),
    ROW(COUNTER, "tasks_run_total", stats.tasks_run, "Tasks that ran."),
    ROW(COUNTER, "wakes_total", stats.wakes, "Times that another thread woke the loop."),
    ROW(GAUGE, "objects", objects, "Live objects of the reactor."),
    ROW(GAUGE, "operations", operations, "Requests that the kernel has not finished."),
    ROW(COUNTER, "log_lines_total", log.lines, "Lines of the access log."),
    ROW(COUNTER, "log_lines_dropped_total", log.dropped,
        "Lines that the access log lost because its file was too slow or failed."),
};

const size_t measure_count = sizeof measures / sizeof *measures;

static_assert(sizeof measures / sizeof *measures <= SAMPLE_VALUES_MAX, "a value for each row");

void sample_take(struct sample *sample, struct server *server)
{
    struct source source = {
        .counters = server->counters,
        .connections = kevy_listener_connections(&server->listener),
        .memory_limit = server->options->memory_limit,
        .turn_longest_ns = server->turns.longest_ns,
        .turn_recent_ns = turns_recent(&server->turns),
    };

    kevy_reactor_stats(server->reactor, &source.stats);
    source.objects = source.stats.objects;
    source.operations = source.stats.operations;
    if (server->log)
        source.log = *access_log_counters(server->log);
    for (size_t i = 0; i < measure_count; i++)
        sample->values[i] = *(const uint64_t *)((const char *)&source + measures[i].offset);
}

void sample_add(struct sample *sum, const struct sample *more)
{
    for (size_t i = 0; i < measure_count; i++) {
        if (measures[i].kind != MEASURE_TIME)
            sum->values[i] += more->values[i];
        else if (sum->values[i] < more->values[i])
            sum->values[i] = more->values[i];
    }
}
