/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The sentence about an error, for whatever the two files of /proc say, whatever the error is and
 * however little room there is. It is never longer than its room and always a string.
 */
#include "explain.h"
#include "fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

/* A file of these bytes, by a path to it. */
static int file_of(const uint8_t *data, size_t size, char path[64])
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);

    MUST(fd >= 0);
    MUST(write(fd, data, size) == (ssize_t)size);
    snprintf(path, 64, "/proc/self/fd/%d", fd);
    return fd;
}

static int error_of(struct choices *choices)
{
    uint32_t value = 0;

    for (int i = 0; i < 4; i++)
        value = value << 8 | choice(choices);
    /* Errors that have a sentence of their own are small and negative. */
    return value >> 31 ? (int)(value << 1) : -(int)(value % 140);
}

static void sentence_check(int error, const struct explain_facts *facts, size_t room)
{
    char *text = malloc(room + 1);
    int length;

    MUST(text != NULL);
    memset(text, 'x', room + 1);
    length = kevy_x_explain_text(error, facts, text, room);
    MUST(length > 0 && length < 1000);
    MUST(text[room] == 'x');
    if (room != 0)
        MUST(strlen(text) == ((size_t)length < room ? (size_t)length : room - 1));
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct choices choices = {data, data + size};
    int error = error_of(&choices);
    size_t room = (size_t)choice(&choices) * 4;
    size_t half = (size_t)choice(&choices);
    size_t left = (size_t)(choices.end - choices.at);
    struct explain_facts facts;
    char disabled[64], status[64];
    int fds[2];

    half = half < left ? half : left;
    fds[0] = file_of(choices.at, half, disabled);
    fds[1] = file_of(choices.at + half, left - half, status);
    kevy_x_explain_facts_read(&facts, disabled, status);
    close(fds[0]);
    close(fds[1]);
    MUST(facts.io_uring_disabled >= EXPLAIN_UNKNOWN && facts.seccomp >= EXPLAIN_UNKNOWN);
    /* The release as any other kernel might have it. */
    memset(facts.release, 0, sizeof facts.release);
    memcpy(facts.release, choices.at,
           half < sizeof facts.release ? half : sizeof facts.release - 1);
    sentence_check(error, &facts, room);
    return 0;
}
