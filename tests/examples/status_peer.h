/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef STATUS_PEER_H
#define STATUS_PEER_H

/* http_echo with its status page, and clients of that. */

#include "http_peer.h"

static uint16_t status_port;

/* Starts http_echo with --status on a port that the system chooses. */
static inline void status_start(const char *const *arguments)
{
    const char *words[12] = {"--status=0"};
    char line[256];
    const char *port;

    for (size_t i = 1; arguments && *arguments; i++)
        words[i] = *arguments++;
    server_start(words);
    program_line(&server, line, sizeof line);
    port = strstr(line, "status at http://127.0.0.1:");
    ck_assert_msg(port != NULL, "no port in \"%s\"", line);
    status_port = (uint16_t)atoi(strrchr(port, ':') + 1);
}

static inline void status_dial(struct peer *peer)
{
    uint16_t port = server.port;

    server.port = status_port;
    peer_dial(peer);
    server.port = port;
}

static inline void status_ask(struct peer *peer, const char *method, const char *path)
{
    char request[256];

    snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: a\r\n\r\n", method, path);
    peer_say(peer, request);
}

/* The answer of the status page; the connection is closed after it. */
static inline void status_get(const char *path, struct answer *answer)
{
    static struct peer peer;

    status_dial(&peer);
    status_ask(&peer, "GET", path);
    peer_answer(&peer, answer);
    ck_assert(answer->closes);
    peer_check_end(&peer);
}

/*
 * The value of a metric in the text of /metrics, added over all threads; `label` as it is spelled
 * after the thread, or "".
 */
static inline double metric(const struct answer *metrics, const char *name, const char *label)
{
    char begin[128], end[128];
    double sum = 0;
    unsigned found = 0;

    snprintf(begin, sizeof begin, "\nhttp_echo_%s{thread=\"", name);
    snprintf(end, sizeof end, "\"%s%s} ", *label ? "," : "", label);
    for (const char *at = metrics->body; (at = strstr(at, begin)) != NULL; at++) {
        const char *rest = at + strlen(begin) + strspn(at + strlen(begin), "0123456789");

        if (strncmp(rest, end, strlen(end)) != 0)
            continue;
        sum += strtod(rest + strlen(end), NULL);
        found++;
    }
    ck_assert_msg(found > 0, "no metric %s {%s}", name, label);
    return sum;
}

#endif
