/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * server.h - what the connections of one reactor share.
 *
 * Model. One listener, the limits, the counters, the date of this second, and three kinds of memory
 * that is kept for later instead of being freed: connections, exchanges and parsers. A connection
 * is small and lives as long as the socket. An exchange has room for a whole head, and a parser. A
 * connection takes one at the first byte of a request and gives it back when the answer begins. If
 * the body has not come by then the connection keeps the parser until it has. So an idle connection
 * has neither.
 *
 * Invariant. Memory is allocated only while the number of connections, or of requests that arrive
 * at the same time, is larger than ever before.
 */
#ifndef HTTP_ECHO_SERVER_H
#define HTTP_ECHO_SERVER_H

#include "head.h"
#include "refusal.h"
#include "request.h"
#include "response.h"
#include "turns.h"

#include <kevy/listener.h>
#include <kevy/reactor.h>
#include <kevy/stream.h>

struct access_log;
struct access_log_file;
struct connection;
struct kevy_tls_context;
struct networks;

/* Connections that wait to be accepted. */
#define SERVER_BACKLOG 4096

struct server_options {
    const char *address;      /* numeric; NULL: every address, IPv4 and IPv6 */
    uint16_t port;            /* 0: the kernel picks one */
    int listening;            /* a socket that listens already, of which a copy is used; 0: none */
    bool reuse_port;          /* other servers of this process use the same port */
    uint32_t connections_max; /* at once; 0: as many as there are descriptors */
    uint32_t requests_max;    /* on one connection */
    uint32_t watermark;       /* bytes queued for a client at which reading from it stops */
    uint64_t idle_ns;         /* without a byte received or sent */
    uint64_t header_ns;       /* from the first byte of a head to its last */
    uint64_t body_ns;         /* for each further kibibyte of a body */
    uint64_t write_ns;        /* without a byte of the answer read by the client */
    uint64_t drain_ns;        /* at most, when the server finishes */
    struct request_limits limits;
    uint64_t memory_limit;          /* of the reactor */
    struct kevy_tls_context *tls;   /* NULL: not encrypted */
    struct access_log_file *log;    /* NULL: nothing is logged */
    const struct networks *proxies; /* whose connections begin with the client; may be NULL */
};

/* The time limits, as the options name them. */
enum timeout {
    TIMEOUT_IDLE,
    TIMEOUT_HEADER,
    TIMEOUT_BODY,
    TIMEOUT_WRITE,
    TIMEOUT_COUNT,
};

struct server_counters {
    uint64_t connections;             /* accepted */
    uint64_t requests;                /* heads understood */
    uint64_t answers[6];              /* by hundreds of the status */
    uint64_t refusals[REFUSAL_COUNT]; /* by cause */
    uint64_t timeouts[TIMEOUT_COUNT]; /* by cause */
    uint64_t cut_short;               /* clients that left within a request */
    uint64_t overflows;               /* connections aborted with a full queue */
    uint64_t proxy_headers_refused;   /* or missing */
    uint64_t bytes_in;
    uint64_t bytes_out;
};

/* Bytes of an echo that are kept until the answer begins: see answer.h. */
#define EXCHANGE_HELD_MAX 2048

/*
 * One request and its answer. The held bytes and the text of the head both have room in front of
 * them for the head of the answer, so an answer is one piece of memory and one send.
 */
struct exchange {
    struct exchange *next_spare;
    llhttp_t *parser; /* NULL: with a connection whose answer has begun */
    struct head head;
    uint32_t held_length;
    char bytes[]; /* RESPONSE_BYTES_MAX, what is held and its CR LF, limits.head_bytes of text */
};

/* Memory of llhttp's, or of nobody's. */
union parser {
    union parser *next_spare;
    llhttp_t llhttp;
};

static inline char *exchange_held(struct exchange *exchange)
{
    return exchange->bytes + RESPONSE_BYTES_MAX;
}

struct server {
    struct kevy_listener listener;
    struct kevy_reactor *reactor;
    const struct server_options *options;
    struct connection *spare_connections;
    struct exchange *spare_exchanges;
    union parser *spare_parsers;
    size_t connection_size; /* bytes */
    size_t peer_at;         /* bytes of a connection before its server_peer() */
    struct access_log *log; /* NULL: nothing is logged */
    uint32_t spare_connection_count;
    uint32_t spare_exchange_count;
    uint32_t spare_parser_count;
    uint64_t date_until_ns; /* reactor time at which `date` is no longer right */
    char date[RESPONSE_DATE_BYTES];
    struct server_counters counters;
    struct turns turns; /* for hooks of the reactor to measure */
};

/*
 * Starts serving. `options` is borrowed until server_free(), *server pinned until the reactor is
 * destroyed. Returns 0, -ENOMEM or a negative errno of kevy_listener_open().
 */
int server_open(struct server *server, struct kevy_reactor *reactor,
                const struct server_options *options);

/* Frees the spare memory, after all connections are closed. Idempotent. *server may be all zero. */
void server_free(struct server *server);

/* Memory for a connection, NULL when there is none; and back. */
struct connection *server_take_connection(struct server *server);
void server_give_connection(struct server *server, struct connection *connection);

/* Bytes of an exchange and its parser. */
size_t server_exchange_bytes(const struct server_options *options);

/* Memory for an exchange with a parser, NULL when there is none; and back, with or without it. */
struct exchange *server_take_exchange(struct server *server);
void server_give_exchange(struct server *server, struct exchange *exchange);

/* A parser that was taken out of an exchange. */
void server_give_parser(struct server *server, llhttp_t *parser);

/* The address of the client as text, "" if it is not known; NULL when nothing is logged. */
char *server_peer(const struct server *server, struct connection *connection);

/* Stores that text, if something is logged. */
void server_name_peer(const struct server *server, struct connection *connection,
                      const struct sockaddr *address);

/* The date of this second, RESPONSE_DATE_BYTES. */
const char *server_date(struct server *server);

/* Adds the counters of `more` to `sum`. */
void server_add_counters(struct server_counters *sum, const struct server_counters *more);

#endif
