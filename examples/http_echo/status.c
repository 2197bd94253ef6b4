/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A client's request goes the way of all requests (request.h), up to its head; bodies are refused.
 *
 * Invariant. A client is in the list from `accept` to `close`. After its answer it is CLOSING, and
 * further bytes are ignored.
 */
#include "status.h"

#include "page.h"
#include "request.h"
#include "response.h"

#include <kevy/stream.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CLIENT_PATIENCE_NS KEVY_SECONDS(10)
#define EVENT_PERIOD_NS    KEVY_SECONDS(1)
#define HEAD_BYTES         16384

/* A browser may ask for nothing elsewhere, run no other script and show the page in no frame. */
#define POLICY                                                               \
    "Content-Security-Policy: default-src 'none'; script-src 'self'; "       \
    "style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; " \
    "form-action 'none'; frame-ancestors 'none'\r\n"                         \
    "Referrer-Policy: no-referrer\r\n"

#define ALWAYS                            \
    "Cache-Control: no-store\r\n"         \
    "X-Content-Type-Options: nosniff\r\n" \
    "Connection: close\r\n\r\n"

enum client_mode {
    CLIENT_ASKS,    /* its request is not complete */
    CLIENT_WAITS,   /* for a collection of counters to begin */
    CLIENT_COUNTS,  /* for its end */
    CLIENT_WATCHES, /* events */
    CLIENT_CLOSING,
};

struct resource {
    const char *path;
    const char *type;
    const unsigned char *bytes; /* NULL: made of the counters, by */
    const size_t *length;
    void (*spell)(FILE *to, const struct tally *tally, const struct facts *facts);
    bool events;
};

static const struct resource resources[] = {
    {"/", "text/html; charset=utf-8", page_html, &page_html_length, NULL, false},
    {"/page.css", "text/css; charset=utf-8", page_css, &page_css_length, NULL, false},
    {"/page.js", "text/javascript; charset=utf-8", page_js, &page_js_length, NULL, false},
    {"/metrics", "text/plain; version=0.0.4; charset=utf-8", NULL, NULL, spell_metrics, false},
    {"/status.json", "application/json", NULL, NULL, spell_json, false},
    {"/events", "text/event-stream", NULL, NULL, spell_json, true},
};

struct status_client {
    struct kevy_stream stream;
    struct status *status;
    struct status_client *next;
    struct status_client **link; /* the pointer that points at it */
    const struct resource *resource;
    enum client_mode mode;
    bool head_only;
    bool watching; /* it is counted as a watcher */
    struct request request;
    llhttp_t parser;
    struct head head;
    char text[HEAD_BYTES];
};

static const struct request_limits limits = {.head_bytes = HEAD_BYTES,
                                             .head_fields = 100,
                                             .target_bytes = 1024,
                                             .chunk_line_bytes = 64,
                                             .trailer_bytes = 64};

/* Queues bytes for an open client. If there is no memory for them it is ended. */
static void put(struct status_client *client, const void *bytes, size_t length)
{
    if (client->mode != CLIENT_CLOSING && length &&
        kevy_stream_send(&client->stream, bytes, length) < 0) {
        client->mode = CLIENT_CLOSING;
        kevy_stream_abort(&client->stream);
    }
}

static void let_go(struct status_client *client)
{
    client->mode = CLIENT_CLOSING;
    kevy_stream_close(&client->stream);
}

/* The head of an answer; `length` is -1 for one without an end. */
static void put_head(struct status_client *client, const char *status, const char *type,
                     long length, const char *more)
{
    char date[RESPONSE_DATE_BYTES], head[1024], size[64] = "";
    int written;

    response_write_date(date, time(NULL));
    if (length >= 0)
        snprintf(size, sizeof size, "Content-Length: %ld\r\n", length);
    written =
        snprintf(head, sizeof head, "HTTP/1.1 %s\r\nDate: %.*s\r\nContent-Type: %s\r\n%s%s" ALWAYS,
                 status, RESPONSE_DATE_BYTES, date, type, size, more);
    put(client, head, (size_t)written);
}

static void answer(struct status_client *client, const char *status, const char *type,
                   const void *bytes, size_t length, const char *more)
{
    put_head(client, status, type, (long)length, more);
    if (!client->head_only)
        put(client, bytes, length);
    if (client->mode != CLIENT_CLOSING)
        let_go(client);
}

static void answer_text(struct status_client *client, const char *status, const char *more,
                        const char *sentence)
{
    answer(client, status, "text/plain; charset=utf-8", sentence, strlen(sentence), more);
}

/* The text of the counters, to be freed; NULL without memory. */
static char *spell(const struct status *status, const struct resource *resource, size_t *length)
{
    char *text = NULL;
    FILE *to = open_memstream(&text, length);

    if (!to)
        return NULL;
    if (resource->events)
        fputs("data: ", to);
    resource->spell(to, status->tally, status->facts);
    fputs(resource->events ? "\n\n" : resource->spell == spell_json ? "\n" : "", to);
    if (fclose(to) == 0)
        return text;
    free(text);
    return NULL;
}

static void answer_counters(struct status_client *client)
{
    size_t length;
    char *text = spell(client->status, client->resource, &length);

    if (text)
        answer(client, "200 OK", client->resource->type, text, length, "");
    else
        answer_text(client, "503 Service Unavailable", "", "There is no memory for the answer.\n");
    free(text);
}

/* An event for each watcher that has read the one before. */
static void send_event(struct status *status)
{
    const struct resource *events = &resources[sizeof resources / sizeof *resources - 1];
    size_t length;
    char *text = spell(status, events, &length);

    for (struct status_client *client = status->clients; text && client; client = client->next)
        if (client->mode == CLIENT_WATCHES && kevy_stream_queued(&client->stream) == 0)
            put(client, text, length);
    free(text);
}

/* For all that wait now. Who comes later gets counters that are not older than his request. */
static void collect(struct status *status)
{
    if (status->collecting)
        return;
    status->collecting = true;
    for (struct status_client *client = status->clients; client; client = client->next)
        if (client->mode == CLIENT_WAITS)
            client->mode = CLIENT_COUNTS;
    tally_collect(status->tally, &status->wait);
}

static void collected(struct tally_wait *wait, const struct tally *tally)
{
    struct status *status = KEVY_CONTAINER_OF(wait, struct status, wait);
    bool waiting = false;

    (void)tally;
    status->collecting = false;
    if (status->event_due)
        send_event(status);
    status->event_due = false;
    for (struct status_client *client = status->clients; client; client = client->next) {
        waiting |= client->mode == CLIENT_WAITS;
        if (client->mode == CLIENT_COUNTS)
            answer_counters(client);
    }
    if (waiting)
        collect(status);
}

static void tick(struct kevy_timer *timer)
{
    struct status *status = KEVY_CONTAINER_OF(timer, struct status, tick);

    status->event_due = true;
    collect(status);
}

static void watch(struct status_client *client)
{
    static const char again[] = "retry: 1000\n\n"; /* milliseconds, after the end of the stream */
    struct status *status = client->status;

    put_head(client, "200 OK", client->resource->type, -1, "");
    if (client->head_only && client->mode != CLIENT_CLOSING)
        let_go(client);
    put(client, again, sizeof again - 1);
    if (client->mode == CLIENT_CLOSING)
        return;
    client->mode = CLIENT_WATCHES;
    client->watching = true;
    if (status->watchers++ == 0)
        kevy_timer_start_periodic(&status->tick, kevy_stream_reactor(&client->stream),
                                  EVENT_PERIOD_NS, tick);
    tick(&status->tick);
}

/* The resource of a target, which may be a whole URI and may have a query. */
static const struct resource *find(const struct head *head, const struct guard *guard)
{
    struct text target = {head->text + guard->target_at, guard->target_end - guard->target_at};
    const char *at;

    if (target.at[0] != '/') {
        target = text_skip(target, strlen("http://"));
        at = memchr(target.at, '/', target.length);
        target = at ? text_skip(target, (size_t)(at - target.at)) : (struct text){"/", 1};
    }
    at = memchr(target.at, '?', target.length);
    target.length = at ? (size_t)(at - target.at) : target.length;
    for (size_t i = 0; i < sizeof resources / sizeof *resources; i++)
        if (text_equals(target, resources[i].path))
            return &resources[i];
    return NULL;
}

/* The head is complete. */
static void step_head(struct status_client *client)
{
    const struct resource *resource = find(&client->head, &client->request.guard);

    kevy_stream_set_deadline(&client->stream, KEVY_DEADLINE_TOTAL, 0);
    client->resource = resource;
    client->head_only = client->head.method == METHOD_HEAD;
    if (client->head.method != METHOD_GET && client->head.method != METHOD_HEAD)
        answer_text(client, "405 Method Not Allowed", "Allow: GET, HEAD\r\n",
                    "Only GET and HEAD are possible here.\n");
    else if (!resource)
        answer_text(client, "404 Not Found", "",
                    "There are /, /events, /metrics and /status.json.\n");
    else if (resource->bytes)
        answer(client, "200 OK", resource->type, resource->bytes, *resource->length, POLICY);
    else if (resource->events)
        watch(client);
    else {
        client->mode = CLIENT_WAITS;
        collect(client->status);
    }
}

static void refuse(struct status_client *client)
{
    char bytes[RESPONSE_BYTES_MAX], date[RESPONSE_DATE_BYTES];
    struct text text;

    response_write_date(date, time(NULL));
    text = response_write_refusal(bytes, (enum refusal)client->request.refusal,
                                  head_answer(&client->head), date);
    put(client, text.at, text.length);
    if (client->mode != CLIENT_CLOSING)
        let_go(client);
}

static struct status_client *client_of(struct kevy_stream *stream)
{
    return KEVY_CONTAINER_OF(stream, struct status_client, stream);
}

static void client_open(struct kevy_stream *stream)
{
    kevy_stream_set_deadline(stream, KEVY_DEADLINE_TOTAL, CLIENT_PATIENCE_NS);
    kevy_stream_set_deadline(stream, KEVY_DEADLINE_SEND, CLIENT_PATIENCE_NS);
}

static void client_read(struct kevy_stream *stream, struct kevy_buffer *buffer)
{
    struct status_client *client = client_of(stream);
    struct request_input input = {buffer->data, buffer->data + buffer->length};
    enum request_step step = REQUEST_AGAIN;

    while (client->mode == CLIENT_ASKS && step != REQUEST_MORE) {
        step = request_next(&client->request, &input);
        if (step == REQUEST_BEGIN)
            request_begin(&client->request, &client->head, &client->parser);
        else if (step == REQUEST_HEAD)
            step_head(client);
        else if (step == REQUEST_REFUSED)
            refuse(client);
    }
}

/* Who asks and sends no more still gets his answer. */
static void client_end(struct kevy_stream *stream)
{
    struct status_client *client = client_of(stream);

    if (client->mode != CLIENT_WAITS && client->mode != CLIENT_COUNTS)
        let_go(client);
}

static void client_close(struct kevy_stream *stream, int reason)
{
    struct status_client *client = client_of(stream);
    struct status *status = client->status;

    (void)reason;
    if (client->watching && --status->watchers == 0)
        kevy_timer_stop(&status->tick);
    *client->link = client->next;
    if (client->next)
        client->next->link = client->link;
    free(client);
}

static const struct kevy_stream_events client_events = {
    .open = client_open,
    .read = client_read,
    .end = client_end,
    .close = client_close,
};

static struct kevy_stream *client_accept(struct kevy_listener *listener)
{
    struct status *status = KEVY_CONTAINER_OF(listener, struct status, listener);
    struct status_client *client = malloc(sizeof *client);

    if (!client)
        return NULL;
    memset(client, 0, offsetof(struct status_client, text));
    client->status = status;
    client->head.text = client->text;
    request_init(&client->request, &limits);
    client->next = status->clients;
    client->link = &status->clients;
    if (client->next)
        client->next->link = &client->next;
    status->clients = client;
    return kevy_stream_init(&client->stream, &client_events);
}

int status_open(struct status *status, struct kevy_reactor *reactor,
                const struct sockaddr_storage *address, socklen_t address_length,
                struct tally *tally, const struct facts *facts)
{
    *status = (struct status){.tally = tally, .facts = facts, .wait.done = collected};
    return kevy_listener_open(&status->listener, reactor,
                              &(struct kevy_listener_options){
                                  .socket_address = (const struct sockaddr *)address,
                                  .socket_address_length = address_length,
                                  .connections_max = STATUS_CLIENTS_MAX,
                                  .accept = client_accept,
                              });
}
