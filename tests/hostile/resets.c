/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Resets: a table of the states of a connection, and a client for each that leaves in it. */

#include "hostile.h"

#include <stdio.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define BODY         (1U << 20)

static bool state_connected(struct link *link)
{
    return link_dial(link, 0);
}

static bool state_half_hello(struct link *link)
{
    return link_dial(link, 0) && link_send_hello(link, 100);
}

static bool state_hello(struct link *link)
{
    return link_dial(link, 0) && link_send_hello(link, SIZE_MAX);
}

static bool state_idle(struct link *link)
{
    return link_open(link) && good_client(link, 10, false);
}

static bool state_half_head(struct link *link)
{
    return link_open(link) && link_say(link, "GET / HTTP/1.1\r\nHo");
}

static bool state_asked(struct link *link)
{
    return link_open(link) && link_say(link, GET GET GET);
}

static bool state_in_body(struct link *link)
{
    return link_open(link) && link_say(link, POST "Content-Length: 100000\r\n\r\nhello");
}

static bool state_in_chunk(struct link *link)
{
    return link_open(link) &&
           link_say(link, POST "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n5\r\nhe");
}

static bool state_in_wait(struct link *link)
{
    return link_open(link) &&
           link_say(link, POST "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n");
}

/* Its answers fill all that lies between. */
static bool state_deaf(struct link *link)
{
    static struct exchange exchange;
    bool open = link_dial(link, WINDOW) && link_handshake(link);
    int moved = open ? 1 : -1;

    exchange_init(&exchange, BODY, false, 1);
    while (moved > 0)
        moved = exchange_step(&exchange, link, true);
    return moved == 0;
}

static bool state_half_closed(struct link *link)
{
    bool asked = state_in_body(link);

    link_half_close(link);
    return asked;
}

/* The server has said that it closes, and waits for the client to do so. */
static bool state_refused(struct link *link)
{
    char answer[64];
    ssize_t count = 0;

    if (!link_open(link) || !link_say(link, "garbage\r\n\r\n"))
        return false;
    while ((count = link_read_some(link, answer, sizeof answer)) == 0)
        if (!link_wait(link, false))
            return false;
    return count > 0;
}

static bool (*const states[])(struct link *) = {
    state_connected, state_half_hello, state_hello,   state_idle, state_half_head,   state_asked,
    state_in_body,   state_in_chunk,   state_in_wait, state_deaf, state_half_closed, state_refused,
};

const char *resets(unsigned scale)
{
    unsigned count = options.cycles / scale / 2;

    for (unsigned i = 0; i < count; i++) {
        struct link link;

        if (!states[i % COUNT(states)](&link))
            return NO_ANSWER;
        link_reset(&link);
    }
    snprintf(server.note, sizeof server.note, "%u resets in %zu states", count, COUNT(states));
    return good_visit(1000, true) ? NULL : NO_ANSWER;
}
