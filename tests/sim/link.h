/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef SIM_LINK_H
#define SIM_LINK_H

/*
 * A stream of the server under test, and what has to hold for each of them.
 *
 * Invariants. open, reads, at most one end, close: in that order, close exactly once, and nothing
 * behind it (the memory is freed then). What is read is what the client sent, from the first byte
 * on. A stream that ends with an error has a reason for it in the world. No callback comes inside
 * a call.
 */

#include <kevy/kevy.h>
#include <stdbool.h>
#include <stdint.h>

#include "client.h"

struct link;

/* What a scenario does with its streams; NULL for nothing. */
struct link_manner {
    void (*open)(struct link *link);
    void (*read)(struct link *link, struct kevy_buffer *buffer);
    void (*end)(struct link *link); /* NULL: the library's own default */
    void (*drain)(struct link *link);
    void (*close)(struct link *link, int reason);
};

struct link {
    struct kevy_stream stream;
    const struct link_manner *manner;
    struct story *story; /* NULL when the client was gone before `open` */
    uint64_t received;
    uint64_t answered; /* bytes that it has queued; the scenario's */
    bool opened;
    bool ended;
    bool excused; /* an error may end it: the scenario has seen one, or made one */
};

/* Memory for a stream, as kevy_listener_options.accept wants it. */
struct kevy_stream *link_make(const struct link_manner *manner);
struct link *link_of(struct kevy_stream *stream);

/* Streams without their last callback. */
uint32_t links_open(void);
void links_reset(void);

/* A call of the user's, in which no callback may come. */
extern unsigned quiet_calls;
#define QUIETLY(call)  \
    do {               \
        quiet_calls++; \
        call;          \
        quiet_calls--; \
    } while (0)

#endif
