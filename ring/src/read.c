/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Reading many pieces of files with one ring.
 *
 * Model. Each piece is one request at a time. `result` counts the bytes that it has so far. A short
 * read is queued again for the rest, in front of the pieces that have not begun: the slot of the
 * SQ is there, because its request has just completed.
 *
 * Invariants. At most sq_entries requests are in flight, so the CQ never overflows. A request names
 * its piece by index, and no CQE names any other.
 */
#include <kevy/ring_read.h>

#if KEVY_RING_SUPPORTED

#include <assert.h>
#include <errno.h>
#include <kevy/ring_mode.h>
#include <kevy/ring_prep_file.h>

struct batch {
    struct kevy_ring *ring;
    struct kevy_file_read *reads;
    uint32_t count;
    uint32_t begun;
    uint32_t in_flight;
    uint32_t whole;
};

/* The kernel's thread (SQPOLL) may have completed a request before it says that it has taken it. */
static int slot_reserve(struct kevy_ring *ring, uint32_t index, struct kevy_sqe **sqe)
{
    while ((*sqe = kevy_ring_sqe(ring, index)) == NULL) {
        int result = kevy_ring_wait_space(ring);

        if (result < 0)
            return result;
    }
    return 0;
}

static int piece_queue(struct batch *batch, uint32_t index)
{
    struct kevy_file_read *read = &batch->reads[index];
    uint32_t done = (uint32_t)read->result;
    uint64_t offset = read->offset;
    struct kevy_sqe *sqe;
    int error = slot_reserve(batch->ring, index, &sqe);

    if (error < 0)
        return error;
    if (offset != KEVY_OFFSET_CURRENT)
        offset += done;
    kevy_prep_read(sqe, read->fd, (char *)read->memory + done, read->length - done, offset);
    batch->in_flight++;
    return 0;
}

static int pieces_begin(struct batch *batch)
{
    while (batch->begun < batch->count && batch->in_flight < batch->ring->sq_entries) {
        int error;

        assert(batch->reads[batch->begun].length <= KEVY_FILE_READ_MAX);
        batch->reads[batch->begun].result = 0;
        error = piece_queue(batch, batch->begun);
        if (error < 0)
            return error;
        batch->begun++;
    }
    return 0;
}

/* A read that was interrupted, or came back with a part, goes on. */
static bool piece_goes_on(const struct kevy_file_read *read, int result)
{
    if (result == -EINTR)
        return true;
    return result > 0 && (uint32_t)read->result < read->length;
}

static int piece_done(struct batch *batch, const struct kevy_cqe *cqe)
{
    uint32_t index = (uint32_t)cqe->user_data;
    int result = cqe->res;
    struct kevy_file_read *read;

    assert(cqe->user_data < batch->begun); /* else the ring was not idle */
    read = &batch->reads[index];
    batch->in_flight--;
    if (result > 0)
        read->result += result;
    if (piece_goes_on(read, result))
        return piece_queue(batch, index);
    if (result < 0)
        read->result = result;
    else if ((uint32_t)read->result == read->length)
        batch->whole++;
    return 0;
}

static int pieces_reap(struct batch *batch)
{
    const struct kevy_cqe *cqe;
    int error = 0;

    while (error == 0 && (cqe = kevy_ring_next(batch->ring)) != NULL)
        error = piece_done(batch, cqe);
    kevy_ring_release(batch->ring);
    return error;
}

/* Errors that pass. Without memory for requests (-EAGAIN) those in flight have to end first. */
static bool error_passes(const struct batch *batch, int error)
{
    uint32_t queued = batch->ring->sq_entries - kevy_ring_space(batch->ring);

    if (error == -EAGAIN)
        return queued < batch->in_flight;
    return error == -EINTR || error == -EBUSY;
}

int kevy_ring_read_files(struct kevy_ring *ring, struct kevy_file_read *reads, uint32_t count)
{
    struct batch batch = {.ring = ring, .reads = reads, .count = count};

    assert(kevy_ring_space(ring) == ring->sq_entries && kevy_ring_ready(ring) == 0);
    assert(count <= INT32_MAX);
    for (;;) {
        int result = pieces_begin(&batch);

        if (result == 0 && batch.in_flight == 0)
            return (int)batch.whole;
        if (result == 0)
            result = kevy_ring_submit_and_wait(ring, 1);
        if (result >= 0 || error_passes(&batch, result))
            result = pieces_reap(&batch);
        if (result < 0)
            return result;
    }
}

#endif /* KEVY_RING_SUPPORTED */
