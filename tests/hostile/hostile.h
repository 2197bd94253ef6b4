/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef HOSTILE_H
#define HOSTILE_H

/*
 * Hostile clients of http_echo, and what is left of them.
 *
 * Model. Each attack has a server of its own. It is made on a small scale first, until the server
 * needs no more memory for it: it keeps what it once needed. Then the account is taken, the attack
 * is made on the full scale, and the account must balance: as many descriptors, operations,
 * objects, lent buffers and connections as before, and at most RSS_MORE_KIB of memory more. At the
 * end the server ends by itself and has nothing left.
 *
 * The reactor keeps the memory for its queues until its end: how much that is depends on how many
 * clients were slow at the same moment. It counts within the resident memory. A block that did not
 * come back ends the server with an assertion, and server_stop() sees that.
 *
 * Whatever does not come within PATIENCE_MS has failed. Nothing else is a matter of time.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef HOSTILE_TLS
#include <openssl/ssl.h>
#endif

#define PATIENCE_MS  60000
#define RSS_MORE_KIB 1024

#define HOST    "Host: a\r\n"
#define GET     "GET / HTTP/1.1\r\n" HOST "\r\n"
#define POST    "POST / HTTP/1.1\r\n" HOST
#define ENDLESS POST "Content-Length: 1000000000\r\n\r\n"
#define WINDOW  4096 /* bytes of a client's receive buffer: little of an answer fits into it */

struct options {
    const char *program; /* http_echo */
    const char *kernel;
    const char *threads;
    const char *only; /* attacks whose name has this in it; NULL: all */
    bool tls;
    unsigned cycles;  /* clients that come one after the other */
    unsigned crowd;   /* clients that are there at the same time */
    unsigned seconds; /* of mixed load */
};

extern struct options options;

/* What a server has. */
struct account {
    uint64_t descriptors;
    uint64_t operations;
    uint64_t objects;
    uint64_t lent;
    uint64_t queued; /* bytes that are kept for queues and copies */
    uint64_t open;   /* connections */
    uint64_t rss_kib;
};

struct server {
    pid_t pid;
    int output;
    uint16_t port;
    uint16_t status_port;
    char note[128]; /* of the attack, for its line */
};

extern struct server server;

/* Starts it, with more arguments that NULL ends, and at most so many descriptors; 0: as usual. */
bool server_start(const char *const *more, uint64_t descriptors);

/* Ends it. True when it ended well and had no objects left. */
bool server_stop(void);

/* The sum of a metric over all threads; UINT64_MAX: no answer. */
uint64_t server_metric(const char *name);

/* How many it has, and how many it may have. */
uint64_t server_descriptors(void);
uint64_t server_descriptors_max(void);

bool account_take(struct account *account);

/* Waits until nobody is connected and the account stays the same. *before is an earlier one, or
 * zero. */
bool account_open(struct account *before);

/* Waits until the account balances. On failure *now is what there is in place of it. */
bool account_balance(const struct account *before, struct account *now);

/* True if nothing but the memory keeps the account from its balance. */
bool account_grew(const struct account *before, const struct account *now);

/* Sleeps a little. False when PATIENCE_MS have passed since *since_ms, which begins as 0. */
bool patient(uint64_t *since_ms);
uint64_t clock_ms(void);

/* A client, whose socket never blocks. */
struct link {
    int fd; /* negative: none */
#ifdef HOSTILE_TLS
    SSL *ssl; /* NULL: none yet */
#endif
};

/* Prepares certificates, and the options of the server that name them; NULL without TLS. */
bool links_begin(void);
void links_end(void);
extern const char *links_server_options[];

/* Connects, from one of many addresses; without a handshake. `window` is its receive buffer in
 * bytes, 0 the usual one. */
bool link_dial(struct link *link, int window);

/* With TLS the handshake; else nothing. */
bool link_handshake(struct link *link);

/* Both. */
bool link_open(struct link *link);

/* Return how many bytes went or came, 0 when none can, and -1 when the connection is over. */
ssize_t link_send_some(struct link *link, const void *bytes, size_t length);
ssize_t link_read_some(struct link *link, void *bytes, size_t length);

/* Sends all, which no one may need to read meanwhile. */
bool link_send(struct link *link, const void *bytes, size_t length);
bool link_say(struct link *link, const char *text);

/* Waits until some bytes can go or come. False when patience is over. */
bool link_wait(struct link *link, bool sending);

/* Reads until there is no more. False when patience is over. */
bool link_drain(struct link *link);

/* Says that no more comes: close_notify, and FIN. */
void link_half_close(struct link *link);

void link_close(struct link *link);
void link_reset(struct link *link);

/* The socket goes, and the other side is not told. False: not permitted here. */
bool link_vanish(struct link *link);

/* `count` links without a socket, and the end of them and of their sockets; NULL: no memory. */
struct link *crowd_make(unsigned count);
void crowd_free(struct link *links, unsigned count);

/* Sends this much of what a handshake begins with. Nothing to do without TLS. */
bool link_send_hello(struct link *link, size_t length);

#define EXCHANGE_PIECE 16384

enum answer_phase {
    ANSWER_HEAD,
    ANSWER_BODY,
    ANSWER_CHUNK_SIZE,
    ANSWER_CHUNK_DATA,
    ANSWER_CHUNK_END,
    ANSWER_COMPLETE,
    ANSWER_WRONG,
};

/* A request whose body comes back. */
struct exchange {
    uint32_t seed; /* of the body */
    size_t size;   /* of the body */
    bool chunked;
    bool begun;
    bool ended;   /* all is in `out` */
    size_t taken; /* of the body, into `out` */
    size_t out_at, out_end;
    char out[EXCHANGE_PIECE + 256];
    enum answer_phase phase;
    size_t head_length;
    char head[1024];
    size_t left;  /* of the answer's body or chunk */
    size_t given; /* of the body, back */
};

void exchange_init(struct exchange *exchange, size_t size, bool chunked, uint32_t seed);

/* Sends and reads what can be, only sends with `deaf`. Returns 1 when something moved, 0 when
 * nothing did, and -1 when the connection is over or a byte is wrong. */
int exchange_step(struct exchange *exchange, struct link *link, bool deaf);

bool exchange_complete(const struct exchange *exchange);

/* All of it. */
bool exchange_run(struct exchange *exchange, struct link *link);

/* An attack; `scale` divides how much is done, not how many do it at the same time. It returns NULL
 * or why it failed, with SKIPPED when the machine does not allow it. */
extern const char SKIPPED[], NO_ANSWER[], TOO_SLOW[];

struct attack {
    const char *name;
    const char *(*run)(unsigned scale);
    const char *arguments[6]; /* of the server */
    bool few_descriptors;     /* it has them for half of the crowd */
};

extern const struct attack attacks[];
extern const size_t attack_count;

/* A client that does everything right, on a connection of its own. */
bool good_visit(size_t size, bool chunked);

/* The same on a connection that is open. */
bool good_client(struct link *link, size_t size, bool chunked);

/* Resets in every state of a connection. */
const char *resets(unsigned scale);

/* Clients that do not read: they leave; the server ends them; they need all receive buffers. */
const char *never_readers(unsigned scale);
const char *never_readers_end(unsigned scale);
const char *pool(unsigned scale);

/* Mixed load with verified bytes, for options.seconds. */
const char *soak(unsigned scale);

#endif
