/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * workers: a client sends a line with a number and gets the count of primes below it. Counting is
 * slow and happens on THREADS worker threads, so the loop serves other clients meanwhile. A line
 * without a number is answered at once, and so is a line while too many are waiting.
 */
#include "serve.h"

#include <string.h>

#define WORK_WAITING 64
#define NUMBER_MAX   1000000 /* about a second of work, which nothing can interrupt */

static struct kevy_workers *workers;

struct client {
    struct kevy_stream stream;
    struct kevy_work work;
    char line[32];
    size_t length;
    unsigned long number;
};

/* Runs on a worker. The loop does not touch `number` meanwhile. */
static int primes_count(struct kevy_work *work)
{
    unsigned long number = KEVY_CONTAINER_OF(work, struct client, work)->number;
    int count = 0;
    for (unsigned long n = 2; n < number; n++) {
        unsigned long divisor = 2;
        while (divisor * divisor <= n && n % divisor != 0)
            divisor++;
        count += divisor * divisor > n;
    }
    return count;
}

static void client_answer(struct client *client, const char *answer)
{
    bool sent = kevy_stream_send(&client->stream, answer, strlen(answer)) == 0;
    (sent ? kevy_stream_close : kevy_stream_abort)(&client->stream);
}

static void primes_counted(struct kevy_work *work, int result)
{
    struct client *client = KEVY_CONTAINER_OF(work, struct client, work);
    char answer[32];
    if (kevy_stream_fd(&client->stream) < 0) {
        free(client); /* it has gone meanwhile */
        return;
    }
    snprintf(answer, sizeof answer, "%d\n", result);
    client_answer(client, answer);
}

static void client_asks(struct client *client)
{
    char *rest;
    client->number = strtoul(client->line, &rest, 10);
    client->work = (struct kevy_work){.run = primes_count, .done = primes_counted};
    kevy_stream_pause(&client->stream);
    if (rest == client->line || (*rest != '\n' && *rest != '\r'))
        client_answer(client, "not a number\n");
    else if (client->number > NUMBER_MAX)
        client_answer(client, "too large\n");
    else if (kevy_work_submit(&client->work, workers, kevy_stream_reactor(&client->stream)))
        client_answer(client, "busy\n");
}

static void client_read(struct kevy_stream *stream, struct kevy_buffer *buffer)
{
    struct client *client = KEVY_CONTAINER_OF(stream, struct client, stream);
    size_t room = sizeof client->line - 1 - client->length;
    size_t length = buffer->length < room ? buffer->length : room;
    memcpy(client->line + client->length, buffer->data, length);
    client->length += length;
    if (strchr(client->line, '\n') || length == room)
        client_asks(client);
}

static void client_close(struct kevy_stream *stream, int reason)
{
    struct client *client = KEVY_CONTAINER_OF(stream, struct client, stream);
    (void)reason;
    if (kevy_work_cancel(&client->work) == -ENOENT)
        free(client); /* no work was under way; else primes_counted() frees it */
}

static const struct kevy_stream_events client_events = {.read = client_read, .close = client_close};

static struct kevy_stream *client_accept(struct kevy_listener *listener)
{
    struct client *client = calloc(1, sizeof *client);
    (void)listener;
    return client ? kevy_stream_init(&client->stream, &client_events) : NULL;
}

static const struct usage usage = {"workers", USAGE_WHERE " THREADS", "Counts prime numbers.\n"};

static int begin(struct kevy_listener_options *options, char **arguments)
{
    unsigned long threads;
    (void)options;
    if (!usage_number(&usage, "THREADS", arguments[0], 1, 1024, &threads))
        return 2;
    return kevy_workers_create(&workers, &(struct kevy_workers_options){
                                             .queue = WORK_WAITING, .threads = (uint32_t)threads});
}

static void end(void)
{
    kevy_workers_destroy(workers);
}

int main(int argc, char **argv)
{
    static const struct service primes = {&usage, client_accept, begin, end};
    return serve(&primes, argc, argv);
}
