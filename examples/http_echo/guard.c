/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The tables behind guard.h. A row is a state, a column a class of bytes, an entry the next state;
 * the empty entry refuses. The sections share the states that they have in common: trailers are the
 * fields of a head, and all three end with an LF.
 */
#include "guard.h"

/* Longer than any method ever registered: noise, not a method that we do not know. */
#define METHOD_BYTES_MAX 32

enum byte_class {
    CTL, /* control characters and DEL; also what no table names */
    CR,
    LF,
    SP,
    TAB,
    HEX, /* 0-9 a-f A-F, all of them token characters too */
    TOK, /* the other token characters of RFC 9110 */
    NUM, /* '#': in a token, but in a target the start of a fragment */
    COL, /* ':' */
    SEM, /* ';' */
    EQU, /* '=' */
    QUO, /* '"' */
    BSL, /* '\\' */
    TGT, /* what else may stand in a target; browsers leave braces and the like as they are */
    ANG, /* '<' and '>' */
    TXT, /* obs-text, 0x80 and above: in values, nowhere else */
    CLASSES,
};

static const uint8_t classes[256] = {
    CTL, CTL, CTL, CTL, CTL, CTL, CTL, CTL, CTL, TAB, LF,  CTL, CTL, CR,  CTL, CTL, /* 00 */
    CTL, CTL, CTL, CTL, CTL, CTL, CTL, CTL, CTL, CTL, CTL, CTL, CTL, CTL, CTL, CTL, /* 10 */
    SP,  TOK, QUO, NUM, TOK, TOK, TOK, TOK, TGT, TGT, TOK, TOK, TGT, TOK, TOK, TGT, /* 20 */
    HEX, HEX, HEX, HEX, HEX, HEX, HEX, HEX, HEX, HEX, COL, SEM, ANG, EQU, ANG, TGT, /* 30 */
    TGT, HEX, HEX, HEX, HEX, HEX, HEX, TOK, TOK, TOK, TOK, TOK, TOK, TOK, TOK, TOK, /* 40 */
    TOK, TOK, TOK, TOK, TOK, TOK, TOK, TOK, TOK, TOK, TOK, TGT, BSL, TGT, TOK, TOK, /* 50 */
    TOK, HEX, HEX, HEX, HEX, HEX, HEX, TOK, TOK, TOK, TOK, TOK, TOK, TOK, TOK, TOK, /* 60 */
    TOK, TOK, TOK, TOK, TOK, TOK, TOK, TOK, TOK, TOK, TOK, TGT, TOK, TGT, TOK, CTL, /* 70 */
    TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, /* 80 */
    TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, /* 90 */
    TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, /* a0 */
    TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, /* b0 */
    TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, /* c0 */
    TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, /* d0 */
    TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, /* e0 */
    TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, TXT, /* f0 */
};

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
    SIZE,
    EXTENSION_FIRST,
    EXTENSION,
    ARGUMENT_FIRST,
    ARGUMENT,
    QUOTED,
    QUOTED_PAIR,
    QUOTED_END,
    END_LF,
    ENDED,
    STATES,
};

/* "Tokens lead to `next`", and so on. */
#define TOKENS(next) [HEX] = (next), [TOK] = (next), [NUM] = (next)
#define TARGETS(next) \
    [HEX] = (next), [TOK] = (next), [COL] = (next), [SEM] = (next), [EQU] = (next), [TGT] = (next)
#define PLAIN(next)                                                                              \
    TOKENS(next), [SP] = (next), [TAB] = (next), [COL] = (next), [SEM] = (next), [EQU] = (next), \
                  [TGT] = (next), [ANG] = (next), [TXT] = (next)

static const uint8_t transitions[STATES][CLASSES] = {
    [METHOD_FIRST] = {TOKENS(METHOD)},
    [METHOD] = {TOKENS(METHOD), [SP] = TARGET_FIRST},
    [TARGET_FIRST] = {TARGETS(TARGET)},
    [TARGET] = {TARGETS(TARGET), [SP] = VERSION},
    [VERSION] = {[HEX] = VERSION, [TOK] = VERSION, [TGT] = VERSION, [CR] = LINE_LF},
    [LINE_LF] = {[LF] = FIELD},
    [FIELD] = {TOKENS(NAME), [CR] = END_LF},
    [NAME] = {TOKENS(NAME), [COL] = VALUE},
    [VALUE] = {PLAIN(VALUE), [QUO] = VALUE, [BSL] = VALUE, [CR] = LINE_LF},
    [SIZE_FIRST] = {[HEX] = SIZE},
    [SIZE] = {[HEX] = SIZE, [SEM] = EXTENSION_FIRST, [CR] = END_LF},
    [EXTENSION_FIRST] = {TOKENS(EXTENSION)},
    [EXTENSION] =
        {TOKENS(EXTENSION), [EQU] = ARGUMENT_FIRST, [SEM] = EXTENSION_FIRST, [CR] = END_LF},
    [ARGUMENT_FIRST] = {TOKENS(ARGUMENT), [QUO] = QUOTED},
    [ARGUMENT] = {TOKENS(ARGUMENT), [SEM] = EXTENSION_FIRST, [CR] = END_LF},
    [QUOTED] = {PLAIN(QUOTED), [BSL] = QUOTED_PAIR, [QUO] = QUOTED_END},
    [QUOTED_PAIR] = {PLAIN(QUOTED), [BSL] = QUOTED, [QUO] = QUOTED},
    [QUOTED_END] = {[SEM] = EXTENSION_FIRST, [CR] = END_LF},
    [END_LF] = {[LF] = ENDED},
};

/* What a refused byte means. The states of a chunk line are not listed: REFUSAL_NONE stands for
 * CHUNK. */
static const uint8_t refusals[STATES] = {
    [METHOD_FIRST] = REFUSAL_REQUEST_LINE, [METHOD] = REFUSAL_REQUEST_LINE,
    [TARGET_FIRST] = REFUSAL_REQUEST_LINE, [TARGET] = REFUSAL_REQUEST_LINE,
    [VERSION] = REFUSAL_REQUEST_LINE,      [LINE_LF] = REFUSAL_LINE_ENDING,
    [FIELD] = REFUSAL_FIELD_NAME,          [NAME] = REFUSAL_FIELD_NAME,
    [VALUE] = REFUSAL_FIELD_VALUE,         [END_LF] = REFUSAL_LINE_ENDING,
};

static uint8_t refusal_of(unsigned state, unsigned byte_class)
{
    if (byte_class == LF)
        return REFUSAL_LINE_ENDING;
    if (state == FIELD && (byte_class == SP || byte_class == TAB))
        return REFUSAL_FOLD;
    return refusals[state] ? refusals[state] : REFUSAL_CHUNK;
}

/* Notes what begins or ends with the byte `at`, which leads to another state. Returns a refusal. */
static unsigned pass_on(struct guard *guard, const struct guard_limits *limits, unsigned state,
                        unsigned next, uint32_t at)
{
    if (next == TARGET_FIRST)
        guard->word_at = at + 1;
    else if (state == TARGET || state == SIZE)
        guard->word_end = at;
    else if (next == NAME && guard->fields++ >= limits->fields)
        return limits->too_long;
    return REFUSAL_NONE;
}

void guard_start(struct guard *guard, enum guard_section section)
{
    *guard = (struct guard){.state = (uint8_t)section};
}

size_t guard_pass(struct guard *guard, const struct guard_limits *limits, const uint8_t *bytes,
                  size_t length)
{
    uint32_t at = guard->bytes;
    unsigned state = guard->state;
    unsigned refusal = REFUSAL_NONE;
    size_t i;

    for (i = 0; i < length && state != ENDED; i++, at++) {
        unsigned byte_class = classes[bytes[i]];
        unsigned next = transitions[state][byte_class];

        if (at >= limits->bytes)
            refusal = limits->too_long;
        else if (next == REFUSED)
            refusal = refusal_of(state, byte_class);
        else if (next != state)
            refusal = pass_on(guard, limits, state, next, at);
        else if (state == TARGET && at - guard->word_at >= limits->target)
            refusal = REFUSAL_TARGET_SIZE;
        else if (state == METHOD && at >= METHOD_BYTES_MAX)
            refusal = REFUSAL_REQUEST_LINE;
        if (refusal)
            break;
        state = next;
    }
    guard->bytes = at;
    guard->state = (uint8_t)(refusal ? REFUSED : state);
    guard->refusal = (uint8_t)refusal;
    return i;
}

uint32_t guard_digits(const struct guard *guard)
{
    return guard->word_end ? guard->word_end : guard->bytes;
}

bool guard_ended(const struct guard *guard)
{
    return guard->state == ENDED;
}
