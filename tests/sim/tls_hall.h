/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef SIM_TLS_HALL_H
#define SIM_TLS_HALL_H

/* What the server of tls_server.c and its guests of tls_guest.c know of each other. */

#include <kevy/kevy.h>
#include <kevy/sim.h>
#include <kevy/tls.h>

#include "tls_peer.h"

enum {
    TLS_GUESTS = 12,
    TLS_PORT = 7000,
    TLS_PIECE_MAX = 4096,
    TLS_IDENTITIES = 3,
};

enum kind { KIND_ECHO, KIND_DEAF, KIND_SILENT, KIND_CUTS, KIND_KEYS, KIND_AGAIN, KINDS };
enum identity { IDENTITY_NONE, IDENTITY_VISITOR, IDENTITY_STRANGE };

struct seat;

struct guest {
    struct tls_peer tls;
    struct kevy_sim_event birth;
    struct kevy_sim_event nudge;
    struct seat *seat; /* the other end, as long as there is one */
    uint64_t seed;     /* of the bytes */
    uint64_t plan, sent, got;
    uint64_t moved_ns;
    enum kind kind;
    enum identity identity;
    uint32_t lives;
    uint32_t changes;    /* of what is asked of clients, when it came */
    unsigned handshakes; /* complete */
    int offered;         /* what was asked for when its session was made, or -1: no session */
    bool old;            /* TLS 1.2 */
    bool said_end;
    bool did; /* the one thing of its kind */
};

struct seat {
    struct kevy_tls tls;
    struct kevy_timer resume;
    struct seat *next;
    struct guest *guest; /* NULL: it was gone before it said hello */
    uint64_t began_ns;
    uint64_t awake_ns; /* that the program had computed by then */
    uint64_t number;   /* in the order of hellos; 0: none yet */
    uint64_t received, answered;
    uint32_t changes; /* as of a guest */
    uint32_t crowd;   /* the most that were in a handshake at the same time */
    bool whole;       /* its hello came in one piece */
    bool asked;       /* it was answered */
    bool opened;
    bool sends; /* instead of forwarding */
    bool paused;
    bool ended;
    bool closing;
};

struct ticket {
    SSL_SESSION *session;
    int asked; /* of clients */
};

struct tls_hall {
    struct kevy_reactor *reactor;
    struct kevy_listener listener;
    struct kevy_tls_context *context;
    struct kevy_tls_options options;
    SSL_CTX *guests_context;
    struct guest guests[TLS_GUESTS];
    struct seat *seats;
    struct ticket tickets[2][TLS_IDENTITIES]; /* by version and identity */
    uint64_t hellos;
    uint64_t turn; /* of the answers below */
    uint32_t answers;
    uint32_t changes; /* of what is asked of clients */
    uint32_t high;
    bool little_memory;
    bool burst; /* the guests come at once */
};

extern struct tls_hall tls_hall;

/* The guests come, and each comes again some times. */
void tls_guests_invite(void);

#endif
