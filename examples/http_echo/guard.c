/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * There are two ways through a line, and they accept the same lines.
 *
 * - pass_line() takes a whole line in a few loops, which is what nearly every line of a head needs.
 *   It refuses nothing: a line that is cut, wrong or unusual is left to the other way.
 * - walk_line() goes from state to state, byte by byte or run by run, by a table: a row is a state,
 *   a column a class of bytes, an entry the next state. The empty entry refuses. The sections share
 *   the states that they have in common: trailers are the fields of a head, and all end with an LF.
 *
 * The tests cut each request at every byte, so that each line goes both ways.
 */
#include "guard.h"

#include "bytes.h"

#include <string.h>

/* No registered method is longer: more is noise, not an unknown method. */
#define METHOD_BYTES_MAX 32

enum state {
    REFUSED,
    METHOD_FIRST = GUARD_HEAD,
    SIZE_FIRST = GUARD_CHUNK_LINE,
    FIELD = GUARD_TRAILERS,
    METHOD,
    TARGET_FIRST,
    TARGET,
    VERSION,
    LINE_LF,
    NAME,
    VALUE,
    VALUE_LF,
    SIZE,
    EXTENSION_FIRST,
    EXTENSION,
    EXTENSION_BLANK, /* blanks before '=' or ';' */
    ARGUMENT_FIRST,
    ARGUMENT,
    ARGUMENT_BLANK, /* blanks before ';' */
    QUOTED,
    QUOTED_PAIR,
    QUOTED_END,
    END_LF,
    ENDED,
    STATES,
};

#define ON(byte_class) [CLASS & (byte_class)]
/* "Tokens lead to `next`", and so on. */
#define TOKENS(next)   ON(HEX) = (next), ON(TOK) = (next), ON(NUM) = (next)
#define BLANKS(next)   ON(SP) = (next), ON(TAB) = (next)
#define VERSIONS(next) ON(HEX) = (next), ON(TOK) = (next), ON(TGT) = (next)
#define TARGETS(next)  VERSIONS(next), ON(COL) = (next), ON(SEM) = (next), ON(EQU) = (next)
#define PLAIN(next)                                                                   \
    TOKENS(next), BLANKS(next), ON(COL) = (next), ON(SEM) = (next), ON(EQU) = (next), \
                                ON(TGT) = (next), ON(ANG) = (next), ON(TXT) = (next)

static const uint8_t transitions[STATES][CLASSES] = {
    [METHOD_FIRST] = {TOKENS(METHOD)},
    [METHOD] = {TOKENS(METHOD), ON(SP) = TARGET_FIRST},
    [TARGET_FIRST] = {TARGETS(TARGET)},
    [TARGET] = {TARGETS(TARGET), ON(SP) = VERSION},
    [VERSION] = {VERSIONS(VERSION), ON(CR) = LINE_LF},
    [LINE_LF] = {ON(LF) = FIELD},
    [FIELD] = {TOKENS(NAME), ON(CR) = END_LF},
    [NAME] = {TOKENS(NAME), ON(COL) = VALUE},
    [VALUE] = {PLAIN(VALUE), ON(QUO) = VALUE, ON(BSL) = VALUE, ON(CR) = VALUE_LF},
    [VALUE_LF] = {ON(LF) = FIELD},
    [SIZE_FIRST] = {ON(HEX) = SIZE},
    [SIZE] = {ON(HEX) = SIZE, BLANKS(ARGUMENT_BLANK), ON(SEM) = EXTENSION_FIRST, ON(CR) = END_LF},
    [EXTENSION_FIRST] = {BLANKS(EXTENSION_FIRST), TOKENS(EXTENSION)},
    [EXTENSION] = {TOKENS(EXTENSION), BLANKS(EXTENSION_BLANK), ON(EQU) = ARGUMENT_FIRST,
                   ON(SEM) = EXTENSION_FIRST, ON(CR) = END_LF},
    [EXTENSION_BLANK] = {BLANKS(EXTENSION_BLANK), ON(EQU) = ARGUMENT_FIRST,
                         ON(SEM) = EXTENSION_FIRST},
    [ARGUMENT_FIRST] = {BLANKS(ARGUMENT_FIRST), TOKENS(ARGUMENT), ON(QUO) = QUOTED},
    [ARGUMENT] = {TOKENS(ARGUMENT), BLANKS(ARGUMENT_BLANK), ON(SEM) = EXTENSION_FIRST,
                  ON(CR) = END_LF},
    [ARGUMENT_BLANK] = {BLANKS(ARGUMENT_BLANK), ON(SEM) = EXTENSION_FIRST},
    [QUOTED] = {PLAIN(QUOTED), ON(BSL) = QUOTED_PAIR, ON(QUO) = QUOTED_END},
    [QUOTED_PAIR] = {PLAIN(QUOTED), ON(BSL) = QUOTED, ON(QUO) = QUOTED},
    [QUOTED_END] = {BLANKS(ARGUMENT_BLANK), ON(SEM) = EXTENSION_FIRST, ON(CR) = END_LF},
    [END_LF] = {ON(LF) = ENDED},
};

/* The bytes that leave a state as it is. In values skip_value() does better. */
static const uint8_t runs[STATES] = {
    [METHOD] = IN_NAME,
    [TARGET] = IN_TARGET,
    [VERSION] = IN_VERSION,
    [NAME] = IN_NAME,
};

/* The fault of a byte that is refused in a state. The states of a chunk line are not listed:
 * REFUSAL_NONE stands for CHUNK. */
static const uint8_t refusals[STATES] = {
    [METHOD_FIRST] = REFUSAL_REQUEST_LINE, [METHOD] = REFUSAL_REQUEST_LINE,
    [TARGET_FIRST] = REFUSAL_REQUEST_LINE, [TARGET] = REFUSAL_REQUEST_LINE,
    [VERSION] = REFUSAL_REQUEST_LINE,      [LINE_LF] = REFUSAL_LINE_ENDING,
    [FIELD] = REFUSAL_FIELD_NAME,          [NAME] = REFUSAL_FIELD_NAME,
    [VALUE] = REFUSAL_FIELD_VALUE,         [VALUE_LF] = REFUSAL_LINE_ENDING,
    [END_LF] = REFUSAL_LINE_ENDING,
};

static unsigned refusal_of(unsigned state, unsigned byte_class)
{
    if (byte_class == LF)
        return REFUSAL_LINE_ENDING;
    if (state == FIELD && (byte_class == SP || byte_class == TAB))
        return REFUSAL_FOLD;
    return refusals[state] ? refusals[state] : REFUSAL_CHUNK;
}

/* Keeps a piece of a name that comes in several. */
static void keep_name(struct guard *guard, const uint8_t *name, size_t length)
{
    size_t room = FIELD_NAME_MAX - guard->name_length;

    memcpy(guard->name + guard->name_length, name, length < room ? length : room);
    guard->name_length += (uint8_t)(length < room ? length : room);
    if (length > room)
        guard->name_cut = true;
}

/* The name is complete; its last `length` bytes, which may be all, are at `name`. */
static enum field end_name(struct guard *guard, const uint8_t *name, size_t length)
{
    if (!guard->name_length)
        return field_of((const char *)name, length);
    keep_name(guard, name, length);
    return guard->name_cut ? FIELD_OTHER : field_of(guard->name, guard->name_length);
}

static unsigned add_digit(struct guard *guard, uint8_t digit)
{
    unsigned value = digit <= '9' ? digit - 0x30U : (digit | 0x20U) - 0x61U + 10;

    if (guard->size > UINT64_MAX >> 4)
        return REFUSAL_CHUNK;
    guard->size = guard->size << 4 | value;
    return REFUSAL_NONE;
}

/* The place at which a method or target becomes too long, or `at` if it is not. */
static const uint8_t *limit_run(const struct guard *guard, const struct guard_limits *limits,
                                unsigned state, const uint8_t *bytes, const uint8_t *at)
{
    size_t most = state == TARGET ? guard->target_at + limits->target : METHOD_BYTES_MAX;
    size_t passed = guard->bytes + (size_t)(at - bytes);

    return (state == TARGET || state == METHOD) && passed > most ? at - (passed - most) : at;
}

/*
 * The byte at `at` leads from one state to the next: notes what begins or ends there. *name is
 * where the name begins, as far as it is in this piece. Returns a refusal.
 */
static unsigned pass_on(struct guard *guard, const struct guard_limits *limits, unsigned state,
                        unsigned next, const uint8_t *at, uint32_t offset, const uint8_t **name)
{
    switch (next) {
    case REFUSED:
        return refusal_of(state, byte_classes[*at]);
    case TARGET_FIRST:
        guard->target_at = offset + 1;
        break;
    case VERSION:
        guard->target_end = offset;
        break;
    case NAME:
        *name = at;
        guard->name_length = 0;
        guard->name_cut = false;
        return guard->fields++ < limits->fields ? REFUSAL_NONE : limits->too_long;
    case VALUE:
        guard->field = (uint8_t)end_name(guard, *name, (size_t)(at - *name));
        guard->value_at = offset + 1;
        break;
    case FIELD:
        if (state == LINE_LF)
            guard->stop = GUARD_REQUEST_LINE;
        else if (guard->field != FIELD_OTHER)
            guard->stop = GUARD_FIELD;
        break;
    case SIZE:
        return add_digit(guard, *at);
    default:
        break;
    }
    return REFUSAL_NONE;
}

/* A request line that is all there. Returns its end, or NULL. */
static const uint8_t *pass_request_line(struct guard *guard, const struct guard_limits *limits,
                                        const uint8_t *line, const uint8_t *end)
{
    const uint8_t *method_end = skip_run(line, end, IN_NAME);
    size_t method = (size_t)(method_end - line);

    if (!method || method > METHOD_BYTES_MAX || method_end == end || *method_end != ' ')
        return NULL;
    const uint8_t *target_end = skip_run(method_end + 1, end, IN_TARGET);
    size_t target = (size_t)(target_end - method_end) - 1;
    if (!target || target > limits->target || end - target_end < 11 ||
        memcmp(target_end, " HTTP/1.", 8) != 0 || target_end[8] < '0' || target_end[8] > '9' ||
        target_end[9] != '\r' || target_end[10] != '\n')
        return NULL;
    guard->target_at = (uint32_t)method + 1;
    guard->target_end = guard->target_at + (uint32_t)target;
    guard->stop = GUARD_REQUEST_LINE;
    return target_end + 11;
}

/* A field that is all there and has no TAB. Returns its end, or NULL. */
static const uint8_t *pass_field(struct guard *guard, const struct guard_limits *limits,
                                 const uint8_t *line, const uint8_t *end, uint32_t offset)
{
    const uint8_t *colon = skip_run(line, end, IN_NAME);

    if (colon == line || colon == end || *colon != ':' || guard->fields >= limits->fields)
        return NULL;
    const uint8_t *value_end = skip_value(colon + 1, end);
    if (end - value_end < 2 || value_end[0] != '\r' || value_end[1] != '\n')
        return NULL;
    guard->fields++;
    guard->field = (uint8_t)field_of((const char *)line, (size_t)(colon - line));
    if (guard->field != FIELD_OTHER)
        guard->stop = GUARD_FIELD;
    guard->value_at = offset + (uint32_t)(colon + 1 - line);
    return value_end + 2;
}

void guard_start(struct guard *guard, enum guard_section section)
{
    *guard = (struct guard){.state = (uint8_t)section};
}

/* Passes a whole line, from where one begins, and returns its end. NULL: walk_line() has to do it.
 */
static const uint8_t *pass_line(struct guard *guard, const struct guard_limits *limits,
                                const uint8_t *at, const uint8_t *end, uint32_t offset)
{
    const uint8_t *line_end = NULL;

    if (guard->state == FIELD && end - at >= 2 && at[0] == '\r' && at[1] == '\n') {
        guard->state = ENDED;
        guard->stop = GUARD_END;
        return at + 2;
    }
    if (guard->state == FIELD)
        line_end = pass_field(guard, limits, at, end, offset);
    else if (guard->state == METHOD_FIRST)
        line_end = pass_request_line(guard, limits, at, end);
    if (line_end)
        guard->state = FIELD;
    return line_end;
}

static const uint8_t *refuse(struct guard *guard, unsigned refusal, const uint8_t *at)
{
    guard->stop = GUARD_REFUSED;
    guard->refusal = (uint8_t)refusal;
    return at;
}

/*
 * Walks to the end of the line, to the end of the bytes, or to a byte that is refused. `bytes` is
 * where the piece begins.
 */
static const uint8_t *walk_line(struct guard *guard, const struct guard_limits *limits,
                                const uint8_t *bytes, const uint8_t *at, const uint8_t *end)
{
    const uint8_t *name = at;
    unsigned state = guard->state, refusal = REFUSAL_NONE;

    do {
        const uint8_t *run_end =
            state == VALUE ? skip_value(at, end) : skip_run(at, end, runs[state]);

        at = limit_run(guard, limits, state, bytes, run_end);
        if (at != run_end)
            refusal = state == TARGET ? REFUSAL_TARGET_SIZE : REFUSAL_REQUEST_LINE;
        if (at != run_end || at == end)
            break;
        unsigned next = transitions[state][byte_classes[*at] & CLASS];
        if (next != state || next == SIZE)
            refusal = pass_on(guard, limits, state, next, at, guard->bytes + (uint32_t)(at - bytes),
                              &name);
        if (refusal)
            break;
        state = next;
        at++;
    } while (state != FIELD && state != ENDED);
    if (state == NAME && !refusal)
        keep_name(guard, name, (size_t)(at - name));
    guard->state = (uint8_t)state;
    if (state == ENDED)
        guard->stop = GUARD_END;
    return refusal ? refuse(guard, refusal, at) : at;
}

size_t guard_pass(struct guard *guard, const struct guard_limits *limits, const uint8_t *bytes,
                  size_t length)
{
    size_t room = limits->bytes - guard->bytes;
    const uint8_t *end = bytes + (length < room ? length : room);
    const uint8_t *at = bytes;

    guard->stop = GUARD_MORE;
    while (at < end && !guard->stop) {
        uint32_t offset = guard->bytes + (uint32_t)(at - bytes);
        const uint8_t *line_end = pass_line(guard, limits, at, end, offset);

        at = line_end ? line_end : walk_line(guard, limits, bytes, at, end);
    }
    guard->bytes += (uint32_t)(at - bytes);
    if (!guard->stop && length > room)
        refuse(guard, limits->too_long, at);
    return (size_t)(at - bytes);
}
