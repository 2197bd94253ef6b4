/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A whole connection of http_echo, on a reactor: what it answers is the same however the bytes of
 * the client arrive and however late it reads, but for the interim answers, which depend on what
 * had come. No client makes a queue overflow, and each leaves the server's memory where it was.
 */
#include "connection.h"
#include "drive.h"
#include "server.h"

static const struct server_options options = {
    .address = "127.0.0.1",
    .requests_max = 5,
    .watermark = 64 << 10,
    .idle_ns = KEVY_SECONDS(60),
    .header_ns = KEVY_SECONDS(60),
    .write_ns = KEVY_SECONDS(60),
    .limits =
        {
            .body_bytes = 16384,
            .head_bytes = 512,
            .head_fields = 8,
            .target_bytes = 64,
            .chunk_line_bytes = 32,
            .trailer_bytes = 64,
        },
};

static struct server server;

static void server_start(struct drive *drive)
{
    drive_open(drive);
    MUST(server_open(&server, drive->reactor, &options) == 0);
    /* The same second for ever. */
    response_write_date(server.date, 0);
    server.date_until_ns = UINT64_MAX;
}

/* At most one refusal for a client; one that is answered at all is answered with its status. */
static void counters_check(const struct server_counters *before)
{
    const struct server_counters *now = &server.counters;
    uint64_t refusals = 0;

    for (unsigned i = 0; i < REFUSAL_COUNT; i++)
        refusals += now->refusals[i] - before->refusals[i];
    MUST(refusals <= 1);
    MUST(now->refusals[REFUSAL_NONE] == 0 && now->refusals[REFUSAL_MEMORY] == 0);
    MUST(now->overflows == 0);
    MUST(now->answers[0] + now->answers[1] + now->answers[3] == 0);
    MUST(now->requests - before->requests <= options.requests_max);
}

static void without_interim(struct drive *drive)
{
    size_t length = strlen(response_continue);
    char *to = drive->out;

    for (const char *from = drive->out, *end = from + drive->length; from < end;) {
        if ((size_t)(end - from) >= length && memcmp(from, response_continue, length) == 0)
            from += length;
        else
            *to++ = *from++;
    }
    drive->length = (size_t)(to - drive->out);
}

static void exchange(struct drive *drive, const uint8_t *data, size_t size, struct cuts cuts)
{
    struct server_counters before = server.counters;

    drive_stream(drive, connection_init(server_take_connection(&server), &server), data, size,
                 cuts);
    counters_check(&before);
    MUST(server.counters.bytes_out - before.bytes_out >= drive->length);
    MUST(server.spare_connection_count == 1 && server.spare_exchange_count <= 1);
    MUST(drive->length == 0 || (drive->length > 12 && memcmp(drive->out, "HTTP/1.1 ", 9) == 0));
    without_interim(drive);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct cuts uncut = {.most = UINT32_MAX};
    static struct drive whole, pieces;

    if (size == 0)
        return 0;
    if (whole.reactor == NULL) {
        server_start(&whole);
        pieces.reactor = whole.reactor;
    }
    pieces.patient = data[0] & 1;
    exchange(&whole, data + 1, size - 1, uncut);
    exchange(&pieces, data + 1, size - 1, cuts_of(data[0]));
    MUST(whole.length == pieces.length);
    MUST(memcmp(whole.out, pieces.out, whole.length) == 0);
    return 0;
}
