/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "spelling.h"

#include "tally.h"

#include <kevy/kevy.h>

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#define PREFIX      "http_echo_"
#define COLUMNS_MAX 8
#define NANO        UINT64_C(1000000000)

static void put_value(FILE *to, const struct measure *measure, uint64_t value)
{
    if (measure->kind == MEASURE_TIME)
        fprintf(to, "%" PRIu64 ".%09" PRIu64, value / NANO, value % NANO);
    else
        fprintf(to, "%" PRIu64, value);
}

/* The value of a label, in small letters. */
static void put_small(FILE *to, const char *value)
{
    for (; *value; value++)
        putc(*value >= 'A' && *value <= 'Z' ? *value | 0x20 : *value, to);
}

/* Text between quotes: both formats read these escapes in the same way. */
static void put_quoted(FILE *to, const char *text)
{
    putc('"', to);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            putc('\\', to);
        putc(*text >= ' ' ? *text : ' ', to);
    }
    putc('"', to);
}

/* True for the first of the rows that have the same name. */
static bool is_first(size_t row)
{
    return row == 0 || strcmp(measures[row].name, measures[row - 1].name) != 0;
}

static void put_family(FILE *to, const char *name, const char *help, bool counter)
{
    fprintf(to, "# HELP " PREFIX "%s %s\n# TYPE " PREFIX "%s %s\n", name, help, name,
            counter ? "counter" : "gauge");
}

static void put_series(FILE *to, const struct tally *tally, const struct measure *measure)
{
    for (uint32_t i = 0; i < tally->count; i++) {
        fprintf(to, PREFIX "%s{thread=\"%" PRIu32 "\"", measure->name, i);
        if (measure->label) {
            fprintf(to, ",%s=\"", measure->label);
            put_small(to, measure->value);
            putc('"', to);
        }
        fputs("} ", to);
        put_value(to, measure, tally->samples[i].values[measure - measures]);
        putc('\n', to);
    }
}

void spell_metrics(FILE *to, const struct tally *tally, const struct facts *facts)
{
    put_family(to, "info", "The version, and the kernel that it runs on.", false);
    fputs(PREFIX "info{version=\"" KEVY_VERSION_STRING "\",kernel=", to);
    put_quoted(to, facts->kernel);
    fputs(",why=", to);
    put_quoted(to, facts->why);
    fputs("} 1\n", to);
    put_family(to, "start_time_seconds", "When it was started, in seconds since 1970.", false);
    fprintf(to, PREFIX "start_time_seconds %" PRIu64 ".%03" PRIu64 "\n", facts->started_ms / 1000,
            facts->started_ms % 1000);
    put_family(to, "buffers", "Receive buffers of each thread.", false);
    fprintf(to, PREFIX "buffers %" PRIu32 "\n", facts->buffers);
    for (size_t row = 0; row < measure_count; row++) {
        const struct measure *measure = &measures[row];

        if (is_first(row))
            put_family(to, measure->name, measure->help, measure->kind == MEASURE_COUNTER);
        put_series(to, tally, measure);
    }
}

/* The values of one sample; rows of the same name become one object. */
static void put_sample(FILE *to, const struct sample *sample)
{
    putc('{', to);
    for (size_t row = 0; row < measure_count; row++) {
        const struct measure *measure = &measures[row];

        if (is_first(row))
            fprintf(to, "%s\"%s\":%s", row ? "," : "", measure->name, measure->label ? "{" : "");
        else
            putc(',', to);
        if (measure->label) {
            putc('"', to);
            put_small(to, measure->value);
            fputs("\":", to);
        }
        put_value(to, measure, sample->values[row]);
        if (measure->label && (row + 1 == measure_count || is_first(row + 1)))
            putc('}', to);
    }
    putc('}', to);
}

void spell_json(FILE *to, const struct tally *tally, const struct facts *facts)
{
    fprintf(to,
            "{\"version\":\"" KEVY_VERSION_STRING "\",\"pid\":%ld,\"serving\":", (long)getpid());
    put_quoted(to, facts->what_for);
    fputs(",\"kernel\":", to);
    put_quoted(to, facts->kernel);
    fputs(",\"why\":", to);
    put_quoted(to, facts->why);
    fprintf(to,
            ",\"started_seconds\":%" PRIu64 ".%03" PRIu64 ",\"time_seconds\":%" PRIu64 ".%09" PRIu64
            ",\"buffers_of_a_thread\":%" PRIu32 ",\"total\":",
            facts->started_ms / 1000, facts->started_ms % 1000,
            (tally->time_ns - facts->started_ns) / NANO,
            (tally->time_ns - facts->started_ns) % NANO, facts->buffers);
    put_sample(to, &tally->total);
    fputs(",\"threads\":[", to);
    for (uint32_t i = 0; i < tally->count; i++) {
        if (i)
            putc(',', to);
        put_sample(to, &tally->samples[i]);
    }
    fputs("]}", to);
}

static void put_row(FILE *to, const struct tally *tally, size_t row)
{
    const struct measure *measure = &measures[row];
    const uint64_t scale = measure->kind == MEASURE_TIME ? 1000 : 1; /* microseconds */
    int width = fprintf(to, "http_echo:   ");

    if (measure->kind == MEASURE_TIME) {
        width += fprintf(to, "%.*s_us", (int)(strlen(measure->name) - strlen("_seconds")),
                         measure->name);
    } else {
        width += fprintf(to, "%s", measure->name);
    }
    if (measure->value) {
        width += fprintf(to, " ") + (int)strlen(measure->value);
        put_small(to, measure->value);
    }
    fprintf(to, "%*s%14" PRIu64, width < 48 ? 48 - width : 1, "", tally->total.values[row] / scale);
    for (uint32_t i = 0; tally->count > 1 && tally->count <= COLUMNS_MAX && i < tally->count; i++)
        fprintf(to, "%14" PRIu64, tally->samples[i].values[row] / scale);
    putc('\n', to);
}

void spell_table(FILE *to, const struct tally *tally, const struct facts *facts)
{
    uint64_t age_ms = (tally->time_ns - facts->started_ns) / 1000000;

    fprintf(to, "http_echo: counters after %" PRIu64 ".%03" PRIu64 " s, %" PRIu32 " thread%s; %s\n",
            age_ms / 1000, age_ms % 1000, tally->count, tally->count > 1 ? "s" : "", facts->why);
    if (tally->count > 1 && tally->count <= COLUMNS_MAX) {
        fprintf(to, "http_echo:   %*s%14s", 35, "", "total");
        for (uint32_t i = 0; i < tally->count; i++)
            fprintf(to, "%*s%" PRIu32, i < 10 ? 13 : 12, "thread ", i);
        putc('\n', to);
    }
    for (size_t row = 0; row < measure_count; row++)
        if (!measures[row].label || tally->total.values[row])
            put_row(to, tally, row);
}
