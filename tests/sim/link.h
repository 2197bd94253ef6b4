/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef SIM_LINK_H
#define SIM_LINK_H

/*
 * A stream of the server under test, and what has to hold for each of them.
 *
 * Invariants. open, reads, at most one end, close: in that order, close exactly once, and nothing
 * behind it (the memory is freed then). What is read is what the client sent, from the first byte
 * on, also behind a detach. A stream that ends with an error has a reason for it in the world. No
 * callback comes inside a call. Drain follows each stay at the high mark, before a read finds the
 * queue at its low mark. At the mark bytes are refused, but for those that were reserved. A stream
 * that is closed names no descriptor.
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
    void (*timeout)(struct link *link, enum kevy_deadline deadline);
    void (*close)(struct link *link, int reason);
    /* The stream has given its descriptor back, and goes on with it: `open` follows. */
    void (*detach)(struct link *link);
};

struct link {
    struct kevy_stream stream;
    struct link *next;
    struct link *previous;
    const struct link_manner *manner;
    struct story *story; /* NULL when the client was gone before `open` */
    uint64_t received;
    uint64_t accepted; /* bytes, by all that queues */
    uint64_t reserved; /* as kevy_stream_reserve() wants it: up to this count of them */
    int fd;            /* given back by the stream, or -1 */
    bool owes_drain;   /* the queue was at its high mark */
    bool opened;
    bool ended;
    bool shares;  /* the story is that of another's client */
    bool limited; /* it was closed, or limited, so that it may end with -ETIMEDOUT */
};

/* Memory for a stream, as kevy_listener_options.accept wants it: `size` bytes that begin with a
 * link. */
struct kevy_stream *link_make(const struct link_manner *manner, size_t size);
struct link *link_of(struct kevy_stream *stream);

/* `length` bytes have been queued behind `before` others. */
void link_queued(struct link *link, uint64_t length, uint64_t before);

/* The same for bytes that are taken at the mark, too. */
void link_forwarded(struct link *link, uint64_t length);

/* Gives *link the story of another's client, whose bytes come to it, too. */
void link_share(struct link *link, const struct link *of);

/* Frees a link whose stream was never started. */
void link_forget(struct link *link);

/* From now on any of them may end with -ETIMEDOUT: the reactor drains. */
void links_limit(void);

/* Between two turns: no two of them name the same descriptor. */
void links_check(void);

/* The live ones, newest first, and one of them by chance; NULL when there is none. */
struct link *links_first(void);
struct link *links_any(void);

/* The server cuts the connection short, so that anything may be missing at the other end. */
void link_break(struct link *link);

/* Streams without their last callback. */
uint32_t links_open(void);

/* `little_memory`: the reactor has a limit that its streams may reach. */
void links_reset(bool little_memory);

/* A call of the user's, in which no callback may come. */
extern unsigned quiet_calls;
#define QUIETLY(call)  \
    do {               \
        quiet_calls++; \
        call;          \
        quiet_calls--; \
    } while (0)

#endif
