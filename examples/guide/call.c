/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * guide_call: sends one line to the port SERVICE of HOST and prints the line that comes back. If
 * there is no answer it tries again, up to five times, and waits longer each time.
 */
#include "report_address.h"
#include "usage.h"

#include <kevy/kevy.h>

#include <unistd.h>

#define TRIES 5

static const char *text;
static struct kevy_reactor *reactor;
static struct kevy_resolver resolver;
static struct kevy_lookup lookup;
static struct kevy_connector connector;
static struct kevy_stream stream;
static struct kevy_timer again;
static unsigned tries;
static int failure; /* of the last try */
static char answer[1024];
static size_t length;
static bool answered;
static void call_begin(struct kevy_timer *timer);

/* A part of the delay is random, or all clients of a server that was away come at the same time. */
static void call_again(int error)
{
    uint64_t half_ns = KEVY_MILLISECONDS(50) << tries;
    failure = error;
    if (error == -ENOENT || error == -ESRCH || ++tries == TRIES)
        return; /* no such name, no such service, or enough: nothing is left, and the loop ends */
    kevy_timer_start(&again, reactor, half_ns + (uint64_t)random() % half_ns, call_begin);
}

static void stream_open(struct kevy_stream *opened)
{
    kevy_stream_set_deadline(opened, KEVY_DEADLINE_TOTAL, KEVY_SECONDS(2));
    if (kevy_stream_send(opened, text, strlen(text)) < 0 || kevy_stream_send(opened, "\n", 1) < 0)
        kevy_stream_abort(opened);
}

static void stream_read(struct kevy_stream *opened, struct kevy_buffer *buffer)
{
    size_t room = sizeof answer - length;
    size_t part = buffer->length < room ? buffer->length : room;
    memcpy(answer + length, buffer->data, part);
    length += part;
    answered = memchr(answer, '\n', length) != NULL;
    if (answered || length == sizeof answer)
        kevy_stream_close(opened);
}

/* Reason 0 without an answer: the server closed the connection in good order, but too soon. */
static void stream_close(struct kevy_stream *closed, int reason)
{
    (void)closed;
    if (!answered)
        call_again(reason ? reason : -ECONNRESET);
}

static void connected(struct kevy_connector *ended, int result)
{
    (void)ended;
    kevy_lookup_release(&lookup);
    if (result)
        call_again(result);
}

static void found(struct kevy_lookup *ended, int result)
{
    struct kevy_connector_options options = {
        .stream = &stream, .addresses = ended->addresses, .count = ended->count, .done = connected};
    if (result || (result = kevy_connector_start(&connector, reactor, &options)))
        connected(&connector, result);
}

static struct kevy_lookup_options where = {
    .resolver = &resolver, .timeout_ns = KEVY_SECONDS(5), .done = found};

static void call_begin(struct kevy_timer *timer)
{
    int error = kevy_lookup_start(&lookup, reactor, &where);
    (void)timer;
    length = 0;
    if (error)
        call_again(error);
}

int main(int argc, char **argv)
{
    static const struct usage usage = {"guide_call", "HOST SERVICE TEXT",
                                       "Sends TEXT as a line, and prints the answer.\n"};
    static const struct kevy_stream_events events = {
        .open = stream_open, .read = stream_read, .close = stream_close};
    int error, status = usage_check(&usage, argc, argv, NULL);
    if (status >= 0)
        return status;
    where.host = argv[1];
    where.service = argv[2];
    text = argv[3];
    srandom((unsigned)getpid());
    kevy_stream_init(&stream, &events);
    error = kevy_reactor_create(&reactor, NULL);
    if (!error)
        error = kevy_resolver_open(&resolver, NULL);
    if (!error) {
        call_begin(&again);
        error = kevy_reactor_run(reactor);
    }
    kevy_resolver_close(&resolver);
    kevy_reactor_destroy(reactor);
    if (answered)
        return fwrite(answer, 1, length, stdout) != length;
    return report_lookup("guide_call", where.host, where.service, &lookup, error ? error : failure);
}
