/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What the files of the soft kernel share: the ring, its requests, its descriptors.
 *
 * Model. A ring in user space. SQ, CQ and their flags lie in plain memory, laid out as io_uring
 * lays them out. An enter takes requests from the SQ and tries each of them at once, without
 * blocking. A request that would block is parked at its descriptor, which epoll watches from then
 * on, edge-triggered, for as long as it is open. An event moves the requests that wait for it to
 * the ready list; the ready list is worked off in order, within an enter.
 *
 *     SQ --take--> running --result--> CQ
 *                  |     ^
 *          blocks  |     | its turn
 *                  v     |
 *                waiting --event--> ready
 *
 * Whatever the kernel does on its own between two enters (a time limit that passes, data that
 * arrives) becomes visible in the next enter, as on a ring with KEVY_SETUP_DEFER_TASKRUN.
 *
 * Invariants. A request is in one list at most, the one that its state names. Each request posts
 * one CQE without KEVY_CQE_F_MORE, unless it skips it. No call blocks, except the wait itself and
 * calls on regular files. There is no thread, and no variable outside of `struct soft`.
 *
 * Threads. A ring is used by one thread at a time. Only `messages` (message.c) is shared.
 */
#ifndef KEVY_RING_SRC_SOFT_H
#define KEVY_RING_SRC_SOFT_H

#include "names.h"

#include <kevy/ring_abi.h>
#include <kevy/ring_kernel.h>

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "os.h"

#define likely(condition)   __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)

/* Kept out of its caller, so that the caller's usual way saves no registers for it. */
#define rare __attribute__((noinline, cold))

enum request_state {
    REQUEST_FREE,
    REQUEST_RUNNING,  /* being prepared or tried; in no list */
    REQUEST_WAITING,  /* at its descriptor, for events */
    REQUEST_READY,    /* in the ready list, to be tried */
    REQUEST_ENDING,   /* in the ready list, to post `result` */
    REQUEST_YIELDING, /* in the list of those that have had their share, to be tried */
    REQUEST_TIMED,    /* among the timers */
    REQUEST_CHAINED,  /* behind another request of its chain, not begun */
    REQUEST_DEFERRED, /* behind a drain, not begun */
};

/* For request.marks. */
#define MARK_FAILED  0x001U  /* breaks its chain, whatever the result */
#define MARK_WATCHED 0x002U  /* has waited at its descriptor before */
#define MARK_FOUND   0x004U  /* can be found by its user_data */
#define MARK_NO_POLL 0x008U  /* its file cannot be polled: it may block */
#define MARK_STARTED 0x010U  /* has been tried before */
#define MARK_STREAM  0x020U  /* its file is no regular one: it must not block */
#define MARK_PARTIAL 0x040U  /* `done` bytes have been moved, and a cancel tells so */
#define MARK_REFUSED 0x080U  /* refused before its chain began: `result` says why */
#define MARK_SUCCESS 0x100U  /* does not break its chain, whatever the result */
#define MARK_YIELDED 0x200U  /* has had its first share */
#define MARK_LIGHT   0x400U  /* a multishot recv without peculiarities, which waits for a little */
#define MARK_POLL    0x800U  /* wants to be told the events, in `done` */
#define MARK_COUNTS  0x1000U /* a timer that counts completions as well */

/* A request, from the SQ to its last CQE. */
struct request {
    struct kevy_sqe sqe;       /* as submitted; `fd` is a descriptor, also for a registered file */
    struct request *next;      /* in the list that the state names, or in the free list */
    struct request **link;     /* what points to this request there */
    struct request *hash_next; /* another one with a similar user_data */
    struct request *chain;     /* what begins when this one has succeeded */
    union {
        void *captured;          /* a copy of what the SQE points to and the user may reuse */
        struct request *limited; /* KEVY_OP_LINK_TIMEOUT that is armed: what it limits */
    };
    union {
        uint64_t deadline_ns; /* timers */
        int32_t result;       /* REQUEST_ENDING, and MARK_REFUSED */
        uint32_t limit;       /* KEVY_OP_RECV into a group: bytes that it may still receive */
    };
    uint32_t done;   /* bytes moved so far; timers: where in the heap */
    uint32_t flags;  /* KEVY_CQE_F_* of the last CQE */
    uint16_t events; /* EPOLL* that it waits for */
    uint16_t marks;  /* MARK_* */
    uint32_t state;  /* enum request_state */
};

/* A list that is appended to at its end; a request leaves it from anywhere. All zero is empty. */
struct list {
    struct request *first;
    struct request **end;
};

/* For descriptor.flags. */
#define DESCRIPTOR_WATCHED  0x01U /* in the epoll set, as far as anybody can tell */
#define DESCRIPTOR_DETACHED 0x02U /* ours alone: closed with its last request */
#define DESCRIPTOR_ASKED    0x04U /* DESCRIPTOR_TCP is known */
#define DESCRIPTOR_TCP      0x08U /* a short read means that the socket is empty */
#define DESCRIPTOR_FLOODED  0x10U /* the last recv ended before its data did */
#define DESCRIPTOR_OUT      0x20U /* watched for room to write as well */

/* What is known about a file descriptor of the process. */
struct descriptor {
    struct list waiting;
    uint32_t generation; /* of what epoll reports: other files had this number before */
    uint32_t requests;   /* that wait here or are ready, so that their file has to stay */
    uint32_t latched;    /* EPOLL* that were seen and no read has met since */
    uint32_t flags;      /* DESCRIPTOR_* */
};

/* Descriptors are kept by so many. */
#define CHUNK_SHIFT   10
#define CHUNK_ENTRIES (1U << CHUNK_SHIFT)

/* The cursors and flags, as io_uring lays them out. */
struct cursors {
    uint32_t sq_head, sq_tail, cq_head, cq_tail;
    uint32_t sq_mask, cq_mask, sq_entries, cq_entries;
    uint32_t sq_dropped, sq_flags, cq_flags, cq_overflow;
    uint32_t padding[4];
};

/* Memory that map() hands out. */
struct area {
    void *memory;
    size_t size;
    uint32_t mappings;
};

/* Completions for which the CQ had no room: a queue in an array that grows. */
struct overflow {
    struct kevy_cqe *entries;
    uint32_t room; /* a power of two */
    uint32_t first;
    uint32_t count;
};

/* Requests of an array that grows: a heap, or a hash. */
struct request_table {
    struct request **entries;
    uint32_t room;
    uint32_t count;
};

/* For captures; see capture.c. */
#define CAPTURE_CLASSES 5U

/* What one enter receives at most, if it does not have to go on: it stays in a small L2 cache. */
#define RECEIVED_MAX (256U << 10)

/* Sizes of the bit sets in struct restrictions. */
#define OPCODE_WORDS 4U

struct restrictions {
    uint64_t opcodes[OPCODE_WORDS];
    uint64_t register_ops[OPCODE_WORDS];
    uint8_t flags_allowed;
    uint8_t flags_required;
    bool given;
    bool in_force; /* from the moment the ring is enabled */
};

/* Files and buffers that requests name by an index. */
struct file_table {
    int32_t *fds; /* -1: empty; OWNED */
    uint32_t count;
    uint32_t first; /* of the slots that are ours to choose */
    uint32_t end;
    uint32_t hint; /* where to look for an empty one */
};

struct buffer_table {
    struct iovec *buffers;
    uint32_t count;
};

struct group;
struct messages;
struct operation;
struct page_header;

#define EVENTS_ROOM 128U

struct soft {
    const struct soft_os *os;
    const struct operation *operations; /* by opcode, KEVY_OP_LAST of them */
    struct cursors *cursors;
    struct kevy_sqe *sqes;
    struct kevy_cqe *cqes;
    uint32_t *sq_array; /* NULL with KEVY_SETUP_NO_SQARRAY */
    uint32_t sq_mask;
    uint32_t cq_mask;
    uint32_t cq_entries;
    uint32_t cq_tail;  /* published at the end of each call */
    uint32_t cq_limit; /* there is no room from here on */
    uint32_t setup_flags;
    int epoll_fd;

    struct request *free;       /* requests to take */
    struct list ready;          /* to be tried, or to end */
    struct list yielding;       /* to be tried after these */
    struct descriptor **chunks; /* of descriptors, by the upper bits of their number */
    uint32_t chunk_count;       /* how far that table reaches */
    uint64_t received;          /* bytes, in this enter */
    uint32_t active;            /* requests that have begun and not ended, with their chains */
    uint32_t made;              /* requests that the blocks hold, free or not */
    uint32_t harvests_skipped;  /* enters in a row that did not ask epoll */
    uint32_t turn;              /* counts enters */
    struct group *groups;       /* of provided buffers, by number */
    uint32_t group_count;       /* how far the table reaches */
    struct overflow overflow;
    struct request_table timers; /* a heap, the earliest first */
    struct request_table found;  /* hash of those that a cancel may ask for */
    uint32_t counting;           /* time-outs that count completions */
    uint32_t timeouts_posted;    /* completions that these do not count: time-outs' own */
    struct list deferred;        /* behind a drain, in order */
    struct request *chain_first; /* of the chain that this submit puts together */
    struct request *chain_last;
    void *captures[CAPTURE_CLASSES]; /* free ones, by size */
    struct request *blocks;          /* of requests, newest first, linked by the first of each */
    struct file_table files;
    struct buffer_table buffers;
    struct restrictions restrictions;
    struct page_header *pages; /* all memory but the areas */
    size_t memory;             /* bytes of it */
    struct area rings;
    struct area sqe_area;
    pthread_t owner;     /* with KEVY_SETUP_SINGLE_ISSUER */
    uint64_t timer_ns;   /* when timer_fd fires, UINT64_MAX for never */
    int timer_fd;        /* makes the ring's descriptor readable for timers; -1 before the first */
    int32_t clock;       /* of waits: CLOCK_* */
    bool no_pwait2;      /* epoll_pwait2 is missing */
    bool timed_out;      /* a time-out has fired in this enter, which ends the wait */
    bool drain_disabled; /* KEVY_SQE_CQE_SKIP_SUCCESS has been used */
    bool draining;       /* what is submitted goes behind a drain */
    bool drain_next;     /* the next request drains, because a chain before it did */
    struct messages *messages; /* from other threads */
    struct epoll_event events[EVENTS_ROOM];
};

/*
 * What an operation's `run` returns besides a result: 0 or more, or -errno, which is never below
 * -4095.
 */
#define RUN_WAITS (-5000) /* would block: wait for request->events */
#define RUN_AGAIN (-5001) /* there is more to do, after the others */
#define RUN_TAKEN (-5002) /* goes on: the operation has put it where it belongs */
#define RUN_SHORT (-5003) /* has read less than it asked for: RUN_WAITS if that was all there is */

/* For operation.flags. */
#define OPERATION_SELECTS  1U /* KEVY_SQE_BUFFER_SELECT is known */
#define OPERATION_PRIORITY 2U /* `ioprio` means something */
#define OPERATION_FILE     4U /* `fd` is a file, and may be a registered one */

struct operation {
    /* Checks the fields of the SQE, as the kernel does before a chain begins. 0 or -errno. */
    int (*prepare)(struct soft *soft, struct request *request);
    /* Tries it. A result, or RUN_*. */
    int (*run)(struct soft *soft, struct request *request);
    /* Copies what the SQE points to and the user may reuse after the submit; NULL: nothing. */
    int (*capture)(struct soft *soft, struct request *request);
    uint32_t flags;
    /*
     * Tries a usual request as it stands in the SQ. A result; RUN_WAITS: it has been tried, and
     * would block; RUN_TAKEN: it is not usual, and has not been tried. NULL: none is.
     */
    int (*quick)(struct soft *soft, const struct kevy_sqe *sqe);
    /* Tries a request with MARK_LIGHT, as `run` does. */
    int (*light)(struct soft *soft, struct request *request);
};

/* enter.c */
int soft_enter(void *state, int fd, uint32_t to_submit, uint32_t minimum, uint32_t flags,
               const void *argument, size_t argument_size);

/* registration.c */
int soft_register(void *state, int fd, uint32_t opcode, void *argument, uint32_t count);

/* submit.c: takes up to `count` requests from the SQ. Returns how many, or -EAGAIN. */
int submit(struct soft *soft, uint32_t count);

/* memory.c: whole pages, given back when the ring is closed if not before. */
void *pages_take(struct soft *soft, size_t size);
void pages_give(struct soft *soft, void *memory);
void pages_give_all(struct soft *soft);

/* request.c: requests, and how to find them. */
int requests_grow(struct soft *soft);
int request_keep(struct soft *soft, struct request *request);
struct request *request_find(const struct soft *soft, uint64_t user_data,
                             const struct request *after);
void request_hide(struct soft *soft, struct request *request);
void request_show_as(struct soft *soft, struct request *request, uint64_t user_data);
/* All requests that the blocks hold, free ones too: the one after `request`, or NULL. */
struct request *request_each(const struct soft *soft, const struct request *request);

/* To the ready list: to be tried, or to end with `result` in its turn. */
void request_make_ready(struct soft *soft, struct request *request);
void request_end_later(struct soft *soft, struct request *request, int result);

/* release.c: what a request holds. */
void request_free_slowly(struct soft *soft, struct request *request);

/* completion.c: the CQ. */
void cq_post_overflow(struct soft *soft, uint64_t user_data, int result, uint32_t flags);
void cq_overflow_flush(struct soft *soft);
int cq_overflow_reserve(struct soft *soft, uint32_t count);

/* schedule.c: running requests. */
void request_begin(struct soft *soft, struct request *request);
void request_settle(struct soft *soft, struct request *request, int result);
void request_end(struct soft *soft, struct request *request, int result);
int request_watch(struct soft *soft, struct request *request);
void request_park(struct soft *soft, struct request *request);
void request_yield(struct soft *soft, struct request *request);
void ready_run(struct soft *soft);

/* chain.c: links and drains. */
uint32_t chain_length(const struct request *request);
void chain_continue(struct soft *soft, struct request *request, bool failed);
void deferred_run(struct soft *soft);

/* chain_submit.c: putting them together. */
int chain_submit(struct soft *soft, struct request *request, int error);
void chain_close(struct soft *soft);

/* descriptor.c: descriptors and epoll. */
int descriptor_watch(struct soft *soft, int fd, bool out);
bool descriptor_drained_slowly(struct soft *soft, struct descriptor *descriptor, int fd);
int descriptor_close(struct soft *soft, int fd);
void descriptor_release(struct soft *soft, int fd);

/* harvest.c: news from epoll. */
int harvest(struct soft *soft, uint64_t limit_ns, const void *mask, size_t mask_size);

/* nonblocking.c: makes a descriptor non-blocking for a moment. */
int nonblocking_begin(struct soft *soft, int fd, bool *changed);
void nonblocking_end(struct soft *soft, int fd, bool changed);

/* sigpipe.c: calls that may raise it, and must not. */
void sigpipe_begin(struct soft *soft, uint64_t *before);
void sigpipe_end(struct soft *soft, const uint64_t *before, long result, uint32_t length);

/* timer.c: requests with a time. */
int timer_start(struct soft *soft, struct request *request, uint64_t deadline_ns);
void timer_stop(struct soft *soft, struct request *request);
void timers_publish(struct soft *soft);
uint64_t timers_next(const struct soft *soft);

/* timeout.c: what happens when the time of a request has come, or its count. */
void timers_run(struct soft *soft);
void timeouts_count(struct soft *soft);
void link_timeout_arm(struct soft *soft, struct request *request);

/* cancel.c */
struct cancel_key {
    uint64_t user_data;
    int fd;
    uint32_t flags; /* KEVY_ASYNC_CANCEL_* */
    uint8_t opcode;
};
int cancel_matching(struct soft *soft, const struct cancel_key *key);
bool request_cancel(struct soft *soft, struct request *request);

/* capture.c: copies of what requests point to. */
void *capture_take(struct soft *soft, size_t size);
void capture_give(struct soft *soft, void *memory);

/* file_table.c, buffer_table.c: registered files and buffers. */
int file_table_install(struct soft *soft, uint32_t file_index, int fd);
int file_table_empty(struct soft *soft, uint32_t slot);

/* message.c: completions from other threads. */
void messages_close(struct soft *soft);
int message_send(struct soft *soft, const struct kevy_sqe *sqe);
void messages_take(struct soft *soft);

/* Short forms of what nearly every file needs. */

static inline const struct operation *operation_of(const struct soft *soft,
                                                   const struct request *request)
{
    return &soft->operations[request->sqe.opcode];
}

static inline void *sqe_pointer(uint64_t word)
{
    return (void *)(uintptr_t)word;
}

static inline void list_append(struct list *list, struct request *request)
{
    if (list->first == NULL)
        list->end = &list->first;
    request->next = NULL;
    request->link = list->end;
    *list->end = request;
    list->end = &request->next;
}

static inline void list_remove(struct list *list, struct request *request)
{
    *request->link = request->next;
    if (request->next != NULL)
        request->next->link = request->link;
    else
        list->end = request->link;
}

/* True when the CQ takes another completion. */
static inline bool cq_room(const struct soft *soft)
{
    return soft->cq_tail != soft->cq_limit;
}

/* Looks how far the user has come. While completions overflow, they come first. */
static inline void cq_look(struct soft *soft)
{
    /* Acquire, pairs with the release of the head: the user has read what lies before it. */
    uint32_t head = __atomic_load_n(&soft->cursors->cq_head, __ATOMIC_ACQUIRE);

    soft->cq_limit = soft->overflow.count == 0 ? head + soft->cq_entries : soft->cq_tail;
}

/* Shows the user what has been posted. */
static inline void cq_publish(const struct soft *soft)
{
    /* Release, pairs with the acquire in kevy_ring_ready(): the CQEs are written before the tail.
     */
    __atomic_store_n(&soft->cursors->cq_tail, soft->cq_tail, __ATOMIC_RELEASE);
}

static inline uint32_t cq_ready(const struct soft *soft)
{
    return soft->cq_tail - __atomic_load_n(&soft->cursors->cq_head, __ATOMIC_RELAXED);
}

/* True while requests can be run without asking epoll. */
static inline bool work_waits(const struct soft *soft)
{
    return soft->ready.first != NULL || soft->yielding.first != NULL;
}

/* Completions posted since set-up. */
static inline uint32_t cq_posted(const struct soft *soft)
{
    return soft->cq_tail + soft->overflow.count;
}

/* Posts a completion for which there is room. */
static inline void cq_push(struct soft *soft, uint64_t user_data, int result, uint32_t flags)
{
    struct kevy_cqe *cqe = &soft->cqes[soft->cq_tail++ & soft->cq_mask];

    cqe->user_data = user_data;
    cqe->res = result;
    cqe->flags = flags;
}

static inline void cq_post(struct soft *soft, uint64_t user_data, int result, uint32_t flags)
{
    if (unlikely(!cq_room(soft)))
        cq_post_overflow(soft, user_data, result, flags);
    else
        cq_push(soft, user_data, result, flags);
}

/* The descriptor in slot `index` of the registered files, negative if there is none. */
static inline int file_table_find(const struct soft *soft, int index)
{
    return (uint32_t)index < soft->files.count ? soft->files.fds[index] : -EBADF;
}

/* What is known about `fd`, NULL for nothing. */
static inline struct descriptor *descriptor_known(const struct soft *soft, int fd)
{
    uint32_t chunk = (uint32_t)fd >> CHUNK_SHIFT;

    if (unlikely(chunk >= soft->chunk_count || soft->chunks[chunk] == NULL))
        return NULL;
    return &soft->chunks[chunk][(uint32_t)fd % CHUNK_ENTRIES];
}

/* A read found nothing: what was latched has been seen. */
static inline void descriptor_emptied(struct descriptor *descriptor)
{
    if (descriptor != NULL)
        descriptor->latched = 0;
}

/* True when the end of a stream, or an error, has been reported and no read has met it since. */
static inline bool descriptor_ended(const struct descriptor *descriptor)
{
    return descriptor != NULL && (descriptor->latched & ~(uint32_t)EPOLLPRI) != 0;
}

/* True for TCP without news that a read has yet to meet. */
static inline bool descriptor_surely_drained(const struct descriptor *descriptor)
{
    const uint32_t sure = DESCRIPTOR_WATCHED | DESCRIPTOR_TCP;

    return (descriptor->flags & sure) == sure && descriptor->latched == 0;
}

/*
 * After a read that got less than it asked for: true when nothing more is there, so that the next
 * news come with an edge.
 */
static inline bool descriptor_drained(struct soft *soft, struct descriptor *descriptor, int fd)
{
    if (likely(descriptor != NULL && descriptor_surely_drained(descriptor)))
        return true;
    return descriptor_drained_slowly(soft, descriptor, fd);
}

/* A request that a caller fills; NULL when there is no memory for another. */
static inline struct request *request_take(struct soft *soft)
{
    struct request *request = soft->free;

    if (unlikely(request == NULL)) {
        if (requests_grow(soft) < 0)
            return NULL;
        request = soft->free;
    }
    soft->free = request->next;
    return request;
}

/*
 * There is news for a request that waits. Mostly it can be run on the spot, and waits on: then it
 * keeps its place in the list. Nothing that it runs touches the list.
 */
static inline void request_woken(struct soft *soft, struct descriptor *descriptor,
                                 struct request *request, uint32_t events)
{
    const struct operation *operation;
    int result;

    if ((request->marks & MARK_POLL) != 0)
        request->done = events;
    if (unlikely(soft->ready.first != NULL || !cq_room(soft))) {
        list_remove(&descriptor->waiting, request);
        request_make_ready(soft, request);
        return;
    }
    operation = operation_of(soft, request);
    result = likely((request->marks & MARK_LIGHT) != 0) ? operation->light(soft, request)
                                                        : operation->run(soft, request);
    if (likely(result == RUN_SHORT && descriptor_surely_drained(descriptor)) || result == RUN_WAITS)
        return;
    list_remove(&descriptor->waiting, request);
    request->state = REQUEST_RUNNING;
    request_settle(soft, request, result);
}

/* Gives a request back that has told its end. */
static inline void request_free(struct soft *soft, struct request *request)
{
    if (unlikely(request->captured != NULL || (request->marks & (MARK_FOUND | MARK_WATCHED)) != 0))
        request_free_slowly(soft, request);
    request->state = REQUEST_FREE;
    request->next = soft->free;
    soft->free = request;
    soft->active--;
}

#endif
