/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* The attacks, in one table. */

#include "hostile.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

const char SKIPPED[] = "";

const char NO_ANSWER[] = "a good client was not served";
const char TOO_SLOW[] = "it did not end";

bool good_client(struct link *link, size_t size, bool chunked)
{
    static struct exchange exchange;

    exchange_init(&exchange, size, chunked, (uint32_t)size);
    return exchange_run(&exchange, link);
}

bool good_visit(size_t size, bool chunked)
{
    struct link link;
    bool good = link_open(&link) && good_client(&link, size, chunked);

    link_close(&link);
    return good;
}

static bool visit(unsigned kind)
{
    struct link link;
    bool good = kind == 0 ? link_dial(&link, 0) : link_open(&link);

    if (good && kind == 2)
        good = good_client(&link, 100, false);
    if (good && kind == 3)
        good = link_say(&link, GET);
    if (good && kind == 4)
        good = link_say(&link, POST "Content-Length: 10\r\n\r\nhello");
    if (good && kind == 5) {
        good = link_say(&link, GET);
        link_half_close(&link);
        good = good && link_drain(&link);
    }
    link_close(&link);
    return good;
}

/* Nothing, a handshake, an exchange, no patience, half a body, an end after the request. */
static const char *come_and_go(unsigned scale)
{
    for (unsigned i = 0; i < options.cycles / scale; i++)
        if (!visit(i % 6))
            return NO_ANSWER;
    snprintf(server.note, sizeof server.note, "%u clients", options.cycles / scale);
    return good_visit(1000, true) ? NULL : NO_ANSWER;
}

/* The server ends whoever does not go on, in its handshake as in its request. */
static const char *half_requests(unsigned scale)
{
    static const char request[] = GET;
    struct link *links = crowd_make(options.crowd);
    const char *failed = links ? NULL : "no memory";

    (void)scale;
    for (unsigned i = 0; !failed && i < options.crowd; i++) {
        if (!link_dial(&links[i], 0))
            failed = NO_ANSWER;
        else if (i % 2)
            link_send_hello(&links[i], i / 2 % 300);
        else if (link_handshake(&links[i])) /* on a slow machine its time may be up */
            link_send(&links[i], request, i / 2 % (sizeof request - 1));
    }
    for (unsigned i = 0; !failed && i < options.crowd; i++)
        if (!link_drain(&links[i]))
            failed = TOO_SLOW;
    crowd_free(links, options.crowd);
    snprintf(server.note, sizeof server.note, "%u clients", options.crowd);
    return failed;
}

/* The sockets of the clients go, and no packet says so. */
static const char *vanished(unsigned scale)
{
    struct link *links = crowd_make(options.crowd);
    const char *failed = links ? NULL : "no memory";

    (void)scale;
    for (unsigned i = 0; !failed && i < options.crowd; i++)
        if (!link_dial(&links[i], 0))
            failed = NO_ANSWER;
        else if (link_handshake(&links[i])) /* on a slow machine its time may be up */
            good_client(&links[i], i % 3 * 1000, i % 2);
    for (unsigned i = 0; !failed && i < options.crowd; i++) {
        if (i % 2)
            link_say(&links[i], ENDLESS "begun");
        if (!link_vanish(&links[i]))
            failed = SKIPPED;
    }
    crowd_free(links, options.crowd);
    snprintf(server.note, sizeof server.note, "%u clients", options.crowd);
    return failed;
}

/* More clients than descriptors: they are let in when others have gone. An accept of io_uring goes
 * by the limit at its request, so the limit is there from the start. */
static const char *descriptors(unsigned scale)
{
    unsigned count = options.crowd;
    struct link *links = crowd_make(count);
    const char *failed = links ? NULL : "no memory";
    uint64_t since_ms = 0, pauses = 0;

    (void)scale;
    for (unsigned i = 0; !failed && i < count; i++)
        if (!link_dial(&links[i], 0) || (!options.tls && !link_say(&links[i], GET)))
            failed = NO_ANSWER;
    while (!failed && server_descriptors() < server_descriptors_max())
        if (!patient(&since_ms))
            failed = "the descriptors did not run out";
    crowd_free(links, count);
    if (!failed && !good_visit(1000, false))
        failed = NO_ANSWER;
    if (!failed && (pauses = server_metric("accept_pauses_total")) == 0)
        failed = "accepting never stopped";
    snprintf(server.note, sizeof server.note, "%u clients, %" PRIu64 " pauses", count, pauses);
    return failed;
}

#define SOON "--header-timeout=1", "--idle-timeout=1", "--body-timeout=1", "--write-timeout=1"
/* Nobody is ended because the machine is slow. */
#define LATE \
    "--header-timeout=3600", "--idle-timeout=3600", "--body-timeout=3600", "--write-timeout=3600"

const struct attack attacks[] = {
    {"connect and leave", come_and_go, {LATE}, false},
    {"half a request", half_requests, {SOON}, false},
    {"clients that vanish", vanished, {"--idle-timeout=1", "--body-timeout=1"}, false},
    {"resets in every state", resets, {LATE}, false},
    {"nobody reads", never_readers, {LATE}, false},
    {"nobody reads until time is up", never_readers_end, {SOON}, false},
    {"descriptors run out", descriptors, {LATE}, true},
    {"the pool runs out", pool, {LATE, "--memory-limit=1G"}, false},
    {"mixed load", soak, {LATE}, false},
};

const size_t attack_count = COUNT(attacks);
