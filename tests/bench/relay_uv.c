/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "relay_uv.h"

#include <stdlib.h>
#include <string.h>

struct rest {
    uv_write_t request;
    struct relay *source;
    char bytes[];
};

static char received[65536];

static void provide(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    (void)handle;
    (void)suggested;
    *buffer = uv_buf_init(received, sizeof received);
}

static void closed(uv_handle_t *handle)
{
    free(handle);
}

static void close_one(struct relay *relay)
{
    if (!uv_is_closing((uv_handle_t *)&relay->tcp))
        uv_close((uv_handle_t *)&relay->tcp, closed);
}

void relay_end(struct relay *relay)
{
    close_one(relay->target);
    close_one(relay);
}

static void rest_written(uv_write_t *request, int status)
{
    struct rest *rest = (struct rest *)request;

    if (status == 0)
        relay_start(rest->source);
    else if (status != UV_ECANCELED) /* which says that both are being closed */
        relay_end(rest->source);
    free(rest);
}

static void rest_queue(struct relay *relay, const char *bytes, size_t length)
{
    struct rest *rest = malloc(sizeof *rest + length);
    uv_buf_t part;

    if (rest == NULL) {
        relay_end(relay);
        return;
    }
    rest->source = relay;
    memcpy(rest->bytes, bytes, length);
    part = uv_buf_init(rest->bytes, (unsigned)length);
    uv_read_stop((uv_stream_t *)&relay->tcp);
    if (uv_write(&rest->request, (uv_stream_t *)&relay->target->tcp, &part, 1, rest_written) < 0) {
        free(rest);
        relay_end(relay);
    }
}

static void came(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
    struct relay *relay = (struct relay *)stream;
    uv_buf_t part;
    int written;

    if (count == 0)
        return;
    if (count < 0) {
        relay_end(relay);
        return;
    }
    part = uv_buf_init(buffer->base, (unsigned)count);
    written = uv_try_write((uv_stream_t *)&relay->target->tcp, &part, 1);
    if (written == UV_EAGAIN)
        written = 0;
    if (written < 0)
        relay_end(relay);
    else if (written < count)
        rest_queue(relay, buffer->base + written, (size_t)(count - written));
}

void relay_start(struct relay *relay)
{
    if (!uv_is_closing((uv_handle_t *)&relay->tcp))
        uv_read_start((uv_stream_t *)&relay->tcp, provide, came);
}
