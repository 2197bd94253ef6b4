/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef KEVY_SIM_SRC_RING_H
#define KEVY_SIM_SRC_RING_H

/*
 * The rings of the simulated kernel: a table for the reactor's options, and what each ring is.
 *
 * Model. Set-up makes a ring, and its file is released with the last reference, as any other. All
 * that belongs to one ring lies in its struct: the two queues, the requests in flight, the buffer
 * group, the region of waits. Descriptors, sockets, the clock and chance are the world's.
 *
 * A ring is SINGLE_ISSUER | DEFER_TASKRUN as the reactor asks for it, so that everything happens
 * inside enter (enter.h): requests are taken and tried, ready ones tried again, and time passes
 * until there are as many completions as were asked for.
 *
 * Invariants. A ring goes when nothing of it is in flight, everything has been reaped, and its
 * memory has been unmapped. Each ring that registers itself has an index of its own.
 */

#include "names.h"

#include <kevy/ring_kernel.h>
#include <stdbool.h>
#include <stdint.h>

#include "buffers.h"
#include "chain.h"
#include "file.h"
#include "request.h"
#include "restriction.h"

struct overflowed;

/* The part of the rings' memory that the program and the kernel share. */
struct cursors {
    uint32_t sq_head, sq_tail, cq_head, cq_tail;
    uint32_t sq_mask, cq_mask, sq_entries, cq_entries;
    uint32_t dropped, sq_flags, cq_flags, overflow;
};

struct ring {
    struct file file;
    struct ring *next; /* of all */
    struct kevy_params params;
    struct cursors *cursors; /* at the beginning of the rings' memory */
    struct kevy_cqe *cqes;
    uint32_t *array; /* NULL with NO_SQARRAY */
    struct kevy_sqe *sqes;
    struct overflowed *overflow_first;
    struct overflowed **overflow_end;
    struct kevy_reg_wait *wait_region; /* NULL: none */
    struct requests requests;
    struct chains chains;
    struct restrictions restrictions;
    struct buffers buffers;
    uint32_t mappings;
    uint32_t idle_enters;
    uint32_t seen_head;
    uint64_t posted;          /* completions */
    uint64_t timeouts_posted; /* of these, of time-outs */
    int registered;           /* its index; -1: none */
};

extern const struct kevy_ring_kernel sim_kernel;

void rings_reset(void);

/* Of all rings: completions posted so far, mappings left, requests in flight. */
uint64_t rings_posted(void);
uint32_t rings_mappings(void);
uint32_t rings_requests(void);

/* Prints what is in flight, for the report of a stall. */
void rings_describe(void);

/* Gives the ring an index, and takes it away. False when it has one, or has none. */
bool ring_index_add(struct ring *ring);
bool ring_index_remove(struct ring *ring);

/* The ring of such a file. */
struct ring *ring_of(struct file *file);

/* Gives the ring the completion that a message names. It may sleep, so that its next enter posts
 * it. Returns 0 or an error. */
int ring_message(struct ring *ring, const struct kevy_sqe *sqe);

/* Something can be done in the next enter. */
void ring_work_came(struct ring *ring);

#endif
