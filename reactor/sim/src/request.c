/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "request.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chain.h"
#include "chance.h"
#include "completion.h"
#include "notice.h"
#include "operations.h"
#include "ring.h"
#include "socket.h"
#include "timeout.h"
#include "world.h"

#define LATE_LEAST_NS 1000U
#define LATE_MOST_NS  3000000U
/* Without threads; and requests to a pipe that are refused meanwhile. */
#define THREADLESS_MOST_NS 100000000U
#define REFUSALS_MOST      16U

bool requests_ready(const struct ring *ring)
{
    return ring->requests.ready != 0;
}

struct request *request_make(struct ring *ring, const struct kevy_sqe *sqe)
{
    struct requests *requests = &ring->requests;
    struct request *request = calloc(1, sizeof *request);

    assert(request != NULL);
    request->ring = ring;
    request->sqe = *sqe;
    request->previous = requests->last;
    if (requests->last != NULL)
        requests->last->next = request;
    else
        requests->first = request;
    requests->last = request;
    requests->count++;
    return request;
}

static void waiting_remove(struct request *request)
{
    struct request **link = &request->file->waiting;

    while (*link != request)
        link = &(*link)->waiting_next;
    *link = request->waiting_next;
    request->waiting_next = NULL;
}

static void ready_remove(struct request *request)
{
    struct requests *requests = &request->ring->requests;
    struct request *before = NULL;

    for (struct request *at = requests->ready_first; at != request; at = at->ready_next)
        before = at;
    if (before != NULL)
        before->ready_next = request->ready_next;
    else
        requests->ready_first = request->ready_next;
    if (requests->ready_last == request)
        requests->ready_last = before;
    request->ready_next = NULL;
    requests->ready--;
}

void request_ready(struct request *request)
{
    struct requests *requests = &request->ring->requests;

    request->ready_next = NULL;
    if (requests->ready_last != NULL)
        requests->ready_last->ready_next = request;
    else
        requests->ready_first = request;
    requests->ready_last = request;
    requests->ready++;
    ring_work_came(request->ring);
}

int request_parts_copy(struct request *request, const struct iovec *parts, uint32_t count)
{
    EXPECT(count <= REQUEST_PARTS_MAX, "%u parts", count);
    request->parts = calloc(count + 1, sizeof *parts);
    assert(request->parts != NULL);
    memcpy(request->parts, parts, count * sizeof *parts);
    request->part_count = count;
    return 0;
}

static void file_release(struct file *file)
{
    if (file == NULL)
        return;
    file->requests--;
    file_drop(file);
}

void request_free(struct request *request)
{
    struct requests *requests = &request->ring->requests;

    if (request->previous != NULL)
        request->previous->next = request->next;
    else
        requests->first = request->next;
    if (request->next != NULL)
        request->next->previous = request->previous;
    else
        requests->last = request->previous;
    requests->count--;
    event_stop(&request->late);
    file_release(request->file);
    file_release(request->other);
    free(request->parts);
    free(request);
}

static void late_over(struct kevy_sim_event *event)
{
    struct request *request = (void *)((char *)event - offsetof(struct request, late));

    if (request->state != REQUEST_DONE)
        request->state = REQUEST_READY;
    request_ready(request);
}

static void request_delay(struct request *request)
{
    event_start(&request->late, chance_magnitude(LATE_LEAST_NS, LATE_MOST_NS), late_over);
}

void request_timer(struct request *request, uint64_t duration_ns)
{
    event_start(&request->late, duration_ns, late_over);
}

static bool has_failed(const struct request *request)
{
    return !request->succeeds && (request->result < 0 || request->falls_short);
}

static void request_answer(struct request *request)
{
    bool failed = has_failed(request);

    if (request->flags & KEVY_CQE_F_NOTIF) {
        notice_answer(request);
        return;
    }
    if (request->notices) {
        request->flags |= KEVY_CQE_F_MORE;
        notice_start(request);
    }
    TRACE("  cqe %s %" PRIx64 " = %d flags %x fd %d", operation_name(request->sqe.opcode),
          request->sqe.user_data & 7, request->result, request->flags, request->sqe.fd);
    if (failed || (request->sqe.flags & KEVY_SQE_CQE_SKIP_SUCCESS) == 0)
        completion_post(request->ring, request->sqe.user_data, request->result, request->flags);
    chain_follow(request, failed);
    request_free(request);
}

void request_refuse(struct request *request, int error)
{
    request->result = error;
    request->state = REQUEST_DONE;
    request_answer(request);
}

void request_finish(struct request *request, int result)
{
    request_unwait(request);
    request->result = result;
    request->state = REQUEST_DONE;
    request_ready(request);
}

void request_complete(struct request *request, int result)
{
    request->result = result;
    request->state = REQUEST_DONE;
    /* An error of a socket is told once, to whoever asks first: who asks next must not be answered
     * before. And buffers are told in the order in which they were taken. */
    if (!request->inline_only && (result >= 0 || request->file == NULL) &&
        (request->flags & KEVY_CQE_F_BUFFER) == 0 && chance(KEVY_SIM_COMPLETION_LATE))
        request_delay(request);
    else
        request_answer(request);
}

void request_complete_cancelled(struct request *request, int result)
{
    request->result = result;
    request->state = REQUEST_DONE;
    if (chance(KEVY_SIM_CANCEL_FIRST))
        request_delay(request);
    else
        request_answer(request);
}

/* Waits for the file to change, unless it has already. */
static void request_wait(struct request *request)
{
    struct request **link = &request->file->waiting;
    uint32_t now = request->file->operations->poll(request->file) & request->events;

    /* A multishot poll tells changes: what is so already has been told. */
    if (now != 0 && !request->silent &&
        !(request->sqe.opcode == KEVY_OP_POLL_ADD && request->tried)) {
        request->state = REQUEST_READY;
        request_ready(request);
        return;
    }
    if (chance(KEVY_SIM_WAKE_SPURIOUS)) {
        request->spurious = true;
        request->state = REQUEST_DELAYED;
        request_delay(request);
        return;
    }
    while (*link != NULL)
        link = &(*link)->waiting_next;
    *link = request;
    request->state = REQUEST_WAITING;
}

/*
 * The kernel has no thread for what is asked of a file, and for some time there will be none. Who
 * asks on about a pipe then spins: it could have waited for the pipe.
 */
static bool worker_missing(struct file *file)
{
    if (file == NULL)
        return chance(KEVY_SIM_FILE_CANCELLED);
    if (chance(KEVY_SIM_FILE_CANCELLED)) {
        file->threadless_ns = clock_now() + chance_magnitude(1, THREADLESS_MOST_NS);
        file->refusals = 0;
    } else if (chance_is_quiet() || clock_now() >= file->threadless_ns) {
        return false;
    }
    EXPECT(file->kind != FILE_PIPE || ++file->refusals <= REFUSALS_MOST,
           "a pipe is asked all the time, and there is no thread for it");
    return true;
}

/* What a request ends with before it has done anything, or 0. */
static int request_fault(const struct request *request)
{
    if (operation_needs_worker(request) && !request->tried && worker_missing(request->file))
        return -ECANCELED;
    if (!operation_interruptible(request))
        return 0;
    if (chance(KEVY_SIM_REQUEST_SIGNAL))
        return -EINTR;
    if (request->file->kind == FILE_DATAGRAM && request->sqe.opcode == KEVY_OP_SENDMSG &&
        chance(KEVY_SIM_DATAGRAM_SEND_CANCELLED))
        return -ECANCELED;
    return 0;
}

static void request_try(struct request *request)
{
    int result = request_fault(request);

    if (result == 0)
        result = operation_try(request);
    request->tried = true;
    request->spurious = false;
    if (result == REQUEST_WAITS && request->inline_only)
        result = -EAGAIN;
    if (result == REQUEST_AGAIN) {
        request->state = REQUEST_READY;
        request_ready(request);
    } else if (result == REQUEST_WAITS) {
        request_wait(request);
    } else if (result == REQUEST_TAKEN) {
        request->state = REQUEST_DELAYED;
    } else {
        request_complete(request, result);
    }
}

void request_start(struct request *request)
{
    int error = operation_begin(request);

    if (error < 0) { /* refused within the enter that submits it */
        request_refuse(request, error);
        return;
    }
    limit_arm(request);
    if (!request->inline_only && operation_may_be_late(request) && chance(KEVY_SIM_ISSUE_LATE)) {
        request->state = REQUEST_DELAYED;
        request_delay(request);
    } else if (operation_polls_first(request)) {
        request_wait(request);
    } else {
        request_try(request);
    }
}

int request_issue(struct ring *ring, const struct kevy_sqe *sqe)
{
    struct request *request = request_make(ring, sqe);
    int error = operation_prepare(request);

    TRACE("  sqe %s %" PRIx64 " fd %d", operation_name(sqe->opcode), sqe->user_data & 7, sqe->fd);
    if (error < 0 || chain_concerns(request))
        return chain_take(request, error);
    request_start(request);
    return 0;
}

static void request_run(struct request *request)
{
    if (request->state == REQUEST_DONE)
        request_answer(request);
    else if (request->state == REQUEST_BEGINS)
        request_start(request);
    else
        request_try(request);
}

void requests_run(struct ring *ring, uint32_t limit)
{
    for (; limit > 0 && ring->requests.ready_first != NULL; limit--) {
        struct request *request = ring->requests.ready_first;

        if (chance(KEVY_SIM_WAKE_REORDERED))
            for (uint64_t skip = chance_below(ring->requests.ready); skip > 0; skip--)
                request = request->ready_next;
        ready_remove(request);
        request_run(request);
        timeouts_reached(ring);
        chains_run(ring);
    }
}

void requests_wake(struct file *file, uint32_t events)
{
    struct request **link = &file->waiting;

    while (*link != NULL) {
        struct request *request = *link;

        if ((request->events & events) == 0) {
            link = &request->waiting_next;
            continue;
        }
        *link = request->waiting_next;
        request->waiting_next = NULL;
        request->state = REQUEST_READY;
        /* Bytes are all that a file says of its own accord; else it is asked. */
        request->woken = events == POLLIN ? events : 0;
        if (chance(KEVY_SIM_WAKE_LATE)) {
            request->state = REQUEST_DELAYED;
            request_delay(request);
        } else {
            request_ready(request);
        }
    }
}

/* Takes a request out of whatever it waits in. */
void request_unwait(struct request *request)
{
    if (request->state == REQUEST_WAITING)
        waiting_remove(request);
    else if (event_started(&request->late))
        event_stop(&request->late);
    else
        ready_remove(request);
}

uint32_t request_left(const struct request *request)
{
    uint32_t left = 0;

    for (uint32_t part = 0; part < request->part_count; part++)
        left += (uint32_t)request->parts[part].iov_len;
    return left;
}

void request_consume(struct request *request, uint32_t length)
{
    request->done += length;
    for (uint32_t part = 0; length > 0; part++) {
        struct iovec *at = &request->parts[part];
        uint32_t here = at->iov_len < length ? (uint32_t)at->iov_len : length;

        at->iov_base = (char *)at->iov_base + here;
        at->iov_len -= here;
        length -= here;
    }
}

void requests_describe(const struct ring *ring)
{
    static const char *const states[] = {"delayed", "waiting", "ready",
                                         "done",    "linked",  "beginning"};

    for (const struct request *request = ring->requests.first; request != NULL;
         request = request->next)
        printf("  in flight: %s on %d, %s, for events %x\n", operation_name(request->sqe.opcode),
               request->sqe.fd, states[request->state], request->events);
}
