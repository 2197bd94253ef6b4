/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "visits.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "core/kind.h"
#include "datagram/datagram_internal.h"
#include "stream/listener_internal.h"
#include "stream/stream_internal.h"
#include "system/system_internal.h"
#include "world.h"

/* How a completion ends its request, or does not. */
enum result {
    RESULT_MORE, /* and the request goes on */
    RESULT_DONE,
    RESULT_END, /* of what is read */
    RESULT_CANCELLED,
    RESULT_INTERRUPTED,
    RESULT_SHORTAGE,
    RESULT_ERROR,
    RESULTS,
};

static const char *const result_names[RESULTS] = {"more",        "done",     "end",  "cancelled",
                                                  "interrupted", "shortage", "error"};

#define MORE        (1U << RESULT_MORE)
#define DONE        (1U << RESULT_DONE)
#define END         (1U << RESULT_END)
#define CANCELLED   (1U << RESULT_CANCELLED)
#define INTERRUPTED (1U << RESULT_INTERRUPTED)
#define SHORTAGE    (1U << RESULT_SHORTAGE)
#define ERROR       (1U << RESULT_ERROR)
#define FAILED      (INTERRUPTED | SHORTAGE | ERROR)
#define ALL         ((1U << RESULTS) - 1)

/* What may come to an object of one kind in one state. */
static const struct row {
    const char *name;
    const char *operation;
    uint8_t kind;
    uint8_t state;
    uint8_t results;
} rows[] = {
    {"open stream", "recv", KIND_STREAM, STREAM_OPEN, ALL},
    {"closing stream", "recv", KIND_STREAM, STREAM_CLOSING, ALL},
    {"lingering stream", "recv", KIND_STREAM, STREAM_LINGERING, ALL},
    {"terminating stream", "recv", KIND_STREAM, STREAM_TERMINATING, ALL},
    {"cancelling stream", "recv", KIND_STREAM, STREAM_CANCELLING, ALL},
    {"open stream", "send", KIND_STREAM, STREAM_OPEN, DONE | FAILED | CANCELLED},
    {"closing stream", "send", KIND_STREAM, STREAM_CLOSING, DONE | FAILED | CANCELLED},
    {"terminating stream", "send", KIND_STREAM, STREAM_TERMINATING, DONE | FAILED | CANCELLED},
    {"cancelling stream", "send", KIND_STREAM, STREAM_CANCELLING, DONE | FAILED | CANCELLED},
    {"connecting stream", "connect", KIND_STREAM, STREAM_CONNECTING, DONE | FAILED},
    {"terminating stream", "connect", KIND_STREAM, STREAM_TERMINATING, DONE | FAILED},
    {"cancelling stream", "connect", KIND_STREAM, STREAM_CANCELLING, DONE | FAILED | CANCELLED},
    {"closed stream", "close", KIND_STREAM, STREAM_CLOSED, DONE},
    {"open listener", "accept", KIND_LISTENER, LISTENER_OPEN, MORE | DONE | FAILED | CANCELLED},
    {"finishing listener", "accept", KIND_LISTENER, LISTENER_FINISHING,
     MORE | DONE | FAILED | CANCELLED},
    {"closing listener", "accept", KIND_LISTENER, LISTENER_CLOSING,
     MORE | DONE | FAILED | CANCELLED},
    {"closed listener", "close", KIND_LISTENER, LISTENER_CLOSED, DONE},
    {"closed datagram", "close", KIND_DATAGRAM, DATAGRAM_CLOSED, DONE},
    {"closed file", "close", KIND_FILE, FILE_CLOSED, DONE},
};

#define ANY (~0U)

/* What of that cannot come on the soft kernel. */
static const struct lack {
    const char *operation;
    uint32_t states; /* a bit for each */
    uint8_t results;
    const char *why;
} lacks[] = {
    {"recv", ANY, INTERRUPTED, "no call of a recv sleeps, and one without bytes is tried again"},
    {"send", ANY, INTERRUPTED, "no call of a send sleeps, and one without room is tried again"},
    {"connect", ANY, INTERRUPTED, "no call of a connect sleeps; it is asked how that went"},
    {"accept", ANY, INTERRUPTED, "no call of an accept sleeps, and one without anybody goes on"},
    {"send", STATE(STREAM_OPEN) | STATE(STREAM_CLOSING) | STATE(STREAM_TERMINATING), CANCELLED,
     "no send needs a thread of the kernel, so none is cancelled for want of one"},
};

enum {
    ROWS = sizeof rows / sizeof *rows,
    LACKS = sizeof lacks / sizeof *lacks,
    FEW = 12,
};

static struct {
    bool soft;
    uint64_t counts[ROWS][RESULTS];
} * visits;

void visits_open(void)
{
    void *memory =
        mmap(NULL, sizeof *visits, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    visits = memory != MAP_FAILED ? memory : NULL;
}

void visits_kernel(const struct kevy_ring_kernel *kernel)
{
    if (visits != NULL)
        visits->soft = strcmp(kernel->name, "soft") == 0;
}

static uint8_t results_lacking(const struct row *row, const struct lack *lack)
{
    bool concerned =
        strcmp(row->operation, lack->operation) == 0 && (lack->states & STATE(row->state)) != 0;

    return concerned ? row->results & lack->results : 0;
}

/* What may come on the kernel of these worlds. */
static uint8_t results_possible(const struct row *row)
{
    uint8_t possible = row->results;

    for (size_t index = 0; visits->soft && index < LACKS; index++)
        possible &= (uint8_t)~results_lacking(row, &lacks[index]);
    return possible;
}

/* A recv brings bytes or the end; 0 is success to the others. */
static enum result result_of(const struct kevy_trace *trace)
{
    switch (trace->result) {
    case -ECANCELED:
        return RESULT_CANCELLED;
    case -EINTR:
    case -EAGAIN:
        return RESULT_INTERRUPTED;
    case -ENOBUFS:
    case -ENOMEM:
    case -EMFILE:
    case -ENFILE:
        return RESULT_SHORTAGE;
    default:
        break;
    }
    if (trace->result < 0)
        return RESULT_ERROR;
    if ((trace->flags & KEVY_CQE_F_MORE) != 0)
        return RESULT_MORE;
    return trace->result == 0 && strcmp(trace->operation, "recv") == 0 ? RESULT_END : RESULT_DONE;
}

/* Whether the request has an object for its owner, and not a completion, a send or the reactor. */
static bool is_of_object(const char *operation)
{
    static const char *const operations[] = {"recv", "send", "connect", "accept", "close"};

    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
        if (strcmp(operation, operations[i]) == 0)
            return true;
    return false;
}

void visits_trace(struct kevy_reactor *reactor, const struct kevy_trace *trace, void *context)
{
    const struct kevy_x_object *object = trace->owner;
    enum result result = result_of(trace);
    size_t row = 0;

    (void)reactor;
    (void)context;
    if (visits == NULL || !is_of_object(trace->operation))
        return;
    while (row < ROWS && (rows[row].kind != object->kind || rows[row].state != object->state ||
                          strcmp(rows[row].operation, trace->operation) != 0))
        row++;
    EXPECT(row < ROWS && (results_possible(&rows[row]) & 1U << result) != 0,
           "a %s that comes with %d (%s) to kind %u in state %u", trace->operation, trace->result,
           result_names[result], object->kind, object->state);
    visits->counts[row][result]++;
}

static bool is_pair(size_t row, int result)
{
    return (results_possible(&rows[row]) & 1U << result) != 0;
}

static void missed_print(void)
{
    for (size_t row = 0; row < ROWS; row++)
        for (int result = 0; result < RESULTS; result++)
            if (is_pair(row, result) && visits->counts[row][result] == 0)
                printf("  not visited: %s, %s %s\n", rows[row].name, rows[row].operation,
                       result_names[result]);
}

static void lacks_print(void)
{
    for (size_t index = 0; visits->soft && index < LACKS; index++) {
        int pairs = 0;

        for (size_t row = 0; row < ROWS; row++)
            pairs += __builtin_popcount(results_lacking(&rows[row], &lacks[index]));
        printf("  %d more cannot come on the soft kernel: %s\n", pairs, lacks[index].why);
    }
}

void visits_print(void)
{
    unsigned visited = 0, pairs = 0;

    if (visits == NULL)
        return;
    for (size_t row = 0; row < ROWS; row++)
        for (int result = 0; result < RESULTS; result++) {
            pairs += is_pair(row, result);
            visited += visits->counts[row][result] != 0;
        }
    printf("sim: %u of %u pairs visited\n", visited, pairs);
    if (pairs - visited <= FEW)
        missed_print();
    lacks_print();
}
