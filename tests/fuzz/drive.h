/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef FUZZ_DRIVE_H
#define FUZZ_DRIVE_H

/*
 * A server's streams without its sockets: each input goes to a stream that is one end of a Unix
 * socket pair, on a reactor and a kernel that are the real ones; the other end is the client, on
 * the same thread, between the turns. At the end nothing may be left of the stream: no object, no
 * buffer, no descriptor.
 */
#include "fuzz.h"

#include <errno.h>
#include <kevy/kevy.h>
#include <kevy/ring_explain.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#define DRIVE_OUT_MAX (1 << 20)

/* Far beyond what any input needs: whoever takes them all spins, or waits for nothing. */
#define DRIVE_TURNS_MAX 100000U

struct drive {
    struct kevy_reactor *reactor;
    int client;
    bool ended;   /* the client has seen the end of the stream, or that it was reset */
    bool patient; /* the client reads nothing before it has sent everything, unless it must */
    size_t length;
    char out[DRIVE_OUT_MAX]; /* what the client has read */
};

/* Creates the reactor; where there can be none the program is skipped, which 77 says. */
static inline void drive_open(struct drive *drive)
{
    char sentence[512];
    int error = kevy_reactor_create(&drive->reactor, NULL);

    if (error == 0)
        return;
    kevy_ring_explain(error, sentence, sizeof sentence);
    printf("SKIP all inputs: %s\n", sentence);
    exit(77);
}

static inline void drive_turn(struct drive *drive)
{
    MUST(kevy_reactor_run_once(drive->reactor, 0) >= 0);
}

static inline void drive_read(struct drive *drive)
{
    while (!drive->ended) {
        ssize_t count = recv(drive->client, drive->out + drive->length,
                             DRIVE_OUT_MAX - drive->length, MSG_DONTWAIT);

        MUST(drive->length < DRIVE_OUT_MAX);
        if (count < 0 && errno == EAGAIN)
            return;
        drive->ended = count <= 0;
        drive->length += count > 0 ? (size_t)count : 0;
    }
}

/* Sends a piece. A server that closes early is no fault: the rest is not sent then. */
static inline void drive_send(struct drive *drive, const uint8_t *data, size_t length)
{
    for (unsigned turns = 0; length > 0 && !drive->ended; turns++) {
        ssize_t count = send(drive->client, data, length, MSG_DONTWAIT | MSG_NOSIGNAL);

        MUST(turns < DRIVE_TURNS_MAX);
        if (count > 0) {
            data += count;
            length -= (size_t)count;
        } else if (errno != EAGAIN) {
            length = 0;
        }
        drive_turn(drive);
        if (!drive->patient || length > 0)
            drive_read(drive);
    }
}

static inline uint32_t drive_objects(const struct drive *drive)
{
    struct kevy_reactor_stats stats;

    kevy_reactor_stats(drive->reactor, &stats);
    MUST(stats.objects != 0 || stats.buffers_lent == 0);
    return stats.objects;
}

/* The lowest descriptor that is free: one higher after each that was forgotten. */
static inline int lowest_free(void)
{
    int fd = dup(STDERR_FILENO);

    MUST(fd >= 0);
    close(fd);
    return fd;
}

/*
 * Gives the stream all of `data` in pieces, then the end, reads until its end and waits until it is
 * gone. drive->out[0, length) is what it said.
 */
static inline void drive_stream(struct drive *drive, struct kevy_stream *stream,
                                const uint8_t *data, size_t size, struct cuts cuts)
{
    uint32_t objects = drive_objects(drive);
    int free_before = lowest_free();
    int ends[2];
    unsigned turns;

    if (cuts.most < size / 32)
        cuts.most = (uint32_t)(size / 32); /* each piece takes turns, and turns take time */
    MUST(stream != NULL);
    MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
    drive->client = ends[1];
    drive->ended = false;
    drive->length = 0;
    MUST(kevy_stream_adopt(stream, drive->reactor, ends[0]) == 0);
    drive_turn(drive);
    for (size_t at = 0; at < size && !drive->ended;) {
        size_t length = cut(&cuts, size - at);

        drive_send(drive, data + at, length);
        at += length;
    }
    shutdown(drive->client, SHUT_WR);
    for (turns = 0; !drive->ended; turns++) {
        MUST(turns < DRIVE_TURNS_MAX);
        drive_turn(drive);
        drive_read(drive);
    }
    close(drive->client);
    for (turns = 0; drive_objects(drive) != objects; turns++) {
        MUST(turns < DRIVE_TURNS_MAX);
        drive_turn(drive);
    }
    MUST(lowest_free() == free_before);
}

#endif
