/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "documents.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "link.h"
#include "pattern.h"
#include "world.h"

enum {
    DOCUMENTS = 6,
    WORKS = 5,
    ROOM = 60000,
    LENGTH_MAX = 20000,
};

enum kind { KIND_READ, KIND_WRITE, KIND_SYNC, KIND_STATUS, KINDS };

struct document;

/* An operation. */
struct work {
    struct kevy_file_operation operation;
    struct document *document;
    enum kind kind;
    uint64_t offset;
    uint64_t size; /* of the file when it began */
    uint32_t length;
    bool out;
    bool given_up;
    struct statx status;
    uint8_t bytes[LENGTH_MAX];
};

struct document {
    struct kevy_file file;
    struct kevy_sim_file contents;
    uint64_t seed;
    char path[16];
    bool out;    /* `close` is to come */
    bool opened; /* it takes operations */
    bool closing;
    struct work works[WORKS];
    uint8_t data[ROOM];
};

static struct {
    struct kevy_reactor *reactor;
    const struct kevy_system *system;
    struct document documents[DOCUMENTS];
    bool quiet;
    bool abandoned;
} all;

static struct document *document_of(struct kevy_file *file)
{
    EXPECT(quiet_calls == 0, "a file is told inside a call");
    return KEVY_CONTAINER_OF(file, struct document, file);
}

/* ---- What is told -------------------------------------------------------------------------- */

static void opened(struct kevy_file *file)
{
    struct document *document = document_of(file);

    EXPECT(document->out && !document->opened && !document->closing,
           "a file is told to be open out of its order");
    EXPECT(document->contents.open == 1, "a file is told to be open, and is not");
    EXPECT(all.system->fcntl(all.system->context, kevy_file_fd(file), F_GETFD) == FD_CLOEXEC,
           "a file is not closed on exec");
    document->opened = true;
}

/* The reactor finishes. */
static void finished(struct kevy_file *file)
{
    struct document *document = document_of(file);

    EXPECT(all.abandoned && document->opened, "a file is told to finish out of its order");
    document->closing = true;
    QUIETLY(kevy_file_close(file));
}

static bool reason_known(const struct document *document, int reason)
{
    switch (reason) {
    case 0:
        return document->closing;
    case -ECANCELED:
        return all.abandoned;
    case -EMFILE:
        return !document->opened && kevy_sim_refused(world);
    case -EIO:
    case -ENOMEM:
    case -EAGAIN: /* no thread */
        return !document->opened;
    default:
        return false;
    }
}

static void closed(struct kevy_file *file, int reason)
{
    struct document *document = document_of(file);

    EXPECT(document->out, "a file is closed twice");
    EXPECT(reason_known(document, reason), "a file is closed with %d", reason);
    EXPECT(document->contents.open == 0, "a file is told to be closed, and is not");
    for (int index = 0; index < WORKS; index++)
        EXPECT(!document->works[index].out, "a file is closed before an operation has reported");
    document->out = document->opened = document->closing = false;
}

/* Bytes nobody has written lie between those that were, and are 0. */
static void read_check(const struct work *work, uint32_t length)
{
    const struct document *document = work->document;

    EXPECT(length == 0 ||
               (length <= work->length && work->offset + length <= document->contents.size),
           "a read has more bytes than there are");
    EXPECT(length != 0 || work->length == 0 || work->offset >= work->size,
           "a read is told of an end that is not there");
    for (uint32_t i = 0; i < length; i++)
        EXPECT(work->bytes[i] == pattern_byte(document->seed, work->offset + i) ||
                   work->bytes[i] == 0,
               "a read has a wrong byte");
}

static void write_check(const struct work *work, uint32_t length)
{
    const struct document *document = work->document;

    EXPECT(length <= work->length, "a write has more bytes than it was given");
    pattern_check(document->data + work->offset, length, document->seed, work->offset, "file");
}

static void success_check(const struct work *work, uint32_t result)
{
    if (work->kind == KIND_READ)
        read_check(work, result);
    else if (work->kind == KIND_WRITE)
        write_check(work, result);
    else
        EXPECT(result == 0, "an operation has result %u", result);
    if (work->kind == KIND_STATUS)
        EXPECT(work->status.stx_size >= work->size &&
                   work->status.stx_size <= work->document->contents.size,
               "a file has the wrong size");
}

static bool error_known(const struct work *work, int error)
{
    switch (error) {
    case -EIO:
    case -ENOMEM:
    case -EAGAIN: /* no thread */
        return true;
    case -ENOSPC:
        return work->kind == KIND_WRITE;
    case -EINTR:
        return work->kind == KIND_READ || work->kind == KIND_WRITE;
    case -ECANCELED:
        return work->given_up || all.abandoned;
    default:
        return false;
    }
}

static void done(struct kevy_file_operation *operation, int result)
{
    struct work *work = KEVY_CONTAINER_OF(operation, struct work, operation);

    EXPECT(quiet_calls == 0, "an operation reports inside a call");
    EXPECT(work->out && work->document->out, "an operation reports twice");
    work->out = false;
    if (result >= 0)
        success_check(work, (uint32_t)result);
    else
        EXPECT(error_known(work, result), "an operation on a file ends with %d", result);
    memset(work->bytes, 0xDB, work->length);
}

/* ---- What is asked ------------------------------------------------------------------------- */

static int work_ask(struct work *work)
{
    struct kevy_file *file = &work->document->file;

    if (work->kind == KIND_READ)
        return kevy_file_read(file, &work->operation, work->bytes, work->length, work->offset);
    if (work->kind == KIND_WRITE)
        return kevy_file_write(file, &work->operation, work->bytes, work->length, work->offset);
    if (work->kind == KIND_SYNC)
        return kevy_file_fsync(file, &work->operation, kevy_sim_one_in(world, 2));
    return kevy_file_statx(file, &work->operation, STATX_SIZE, &work->status);
}

static void work_start(struct document *document, struct work *work)
{
    int error;

    memset(&work->operation, 0, sizeof work->operation);
    work->operation.done = done;
    work->document = document;
    work->kind = (enum kind)kevy_sim_below(world, KINDS);
    work->offset = kevy_sim_below(world, ROOM);
    work->length = (uint32_t)kevy_sim_magnitude(world, 1, LENGTH_MAX);
    if (work->kind == KIND_WRITE && !kevy_sim_one_in(world, 8) &&
        work->length > ROOM - work->offset)
        work->length = (uint32_t)(ROOM - work->offset);
    work->size = document->contents.size;
    work->given_up = false;
    pattern_fill(work->bytes, work->length, document->seed, work->offset);
    QUIETLY(error = work_ask(work));
    EXPECT(document->opened && !document->closing ? error == 0 || error == -EAGAIN
                                                  : error == -EBADF,
           "an operation on a file answers %d", error);
    work->out = error == 0;
}

static void work_give_up(struct work *work)
{
    int error;

    QUIETLY(error = kevy_file_cancel(&work->operation));
    EXPECT(error == 0 || error == -EAGAIN, "a cancel of an operation answers %d", error);
    work->given_up |= error == 0;
}

static void document_open(struct document *document)
{
    struct kevy_file_options options = {.path = document->path,
                                        .flags = O_RDWR | O_CREAT,
                                        .open = opened,
                                        .finish = finished,
                                        .close = closed};
    int error;

    QUIETLY(error = kevy_file_open(&document->file, all.reactor, &options));
    EXPECT(error == 0 || error == -EAGAIN, "opening a file answers %d", error);
    document->out = error == 0;
}

static void document_close(struct document *document)
{
    document->closing = true;
    QUIETLY(kevy_file_close(&document->file));
}

static void document_act(struct document *document)
{
    struct work *work = &document->works[kevy_sim_below(world, WORKS)];

    if (!document->out) {
        if (!all.quiet && kevy_sim_one_in(world, 2))
            document_open(document);
    } else if (all.quiet || kevy_sim_one_in(world, 30)) {
        document_close(document);
    } else if (!work->out) {
        work_start(document, work);
    } else if (kevy_sim_one_in(world, 10)) {
        work_give_up(work);
    }
}

void documents_start(struct kevy_reactor *reactor, const struct kevy_system *system)
{
    memset(&all, 0, sizeof all);
    all.system = system;
    all.reactor = reactor;
    for (int index = 0; index < DOCUMENTS; index++) {
        struct document *document = &all.documents[index];

        document->seed = kevy_sim_below(world, UINT64_MAX);
        (void)snprintf(document->path, sizeof document->path, "document-%d", index);
        document->contents =
            (struct kevy_sim_file){.path = document->path, .data = document->data, .room = ROOM};
        document->contents.is_absent = kevy_sim_one_in(world, 2);
        document->contents.size = kevy_sim_magnitude(world, 0, ROOM);
        pattern_fill(document->data, document->contents.size, document->seed, 0);
        kevy_sim_file_add(world, &document->contents);
    }
}

void documents_turned(void)
{
    if (!all.abandoned)
        document_act(&all.documents[kevy_sim_below(world, DOCUMENTS)]);
}

void documents_quiet(void)
{
    all.quiet = true;
}

bool documents_over(void)
{
    bool over = true;

    for (int index = 0; index < DOCUMENTS; index++) {
        struct document *document = &all.documents[index];

        over &= !document->out;
        if (document->out && !document->closing)
            document_close(document);
    }
    return over;
}

void documents_abandon(void)
{
    all.abandoned = true;
}

void documents_gone(void)
{
    for (int index = 0; index < DOCUMENTS; index++)
        EXPECT(!all.documents[index].out, "a file has not been closed");
}
