/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "kernel.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "chance.h"
#include "clock.h"
#include "file.h"
#include "registration.h"
#include "request.h"
#include "world.h"

/* A DEFER_TASKRUN ring runs so much task work an enter, unless more was asked for. */
#define WORK_LIMIT 20U
/* Enters in a row that neither submit, complete, reap nor sleep. */
#define IDLE_ENTERS_MAX 100U
#define PAGE            4096U

struct overflowed {
    struct kevy_cqe cqe;
    struct overflowed *next;
};

struct cursors {
    uint32_t sq_head, sq_tail, cq_head, cq_tail;
    uint32_t sq_mask, cq_mask, sq_entries, cq_entries;
    uint32_t dropped, sq_flags, cq_flags, overflow;
};

static struct {
    uint32_t minor;
    struct file file;
    struct kevy_params params;
    struct cursors *cursors; /* at the beginning of the rings' memory */
    struct kevy_cqe *cqes;
    uint32_t *array; /* NULL with NO_SQARRAY */
    struct kevy_sqe *sqes;
    struct overflowed *overflow_first;
    struct overflowed **overflow_end;
    struct kevy_reg_wait *wait_region;
    uint32_t mappings;
    uint32_t idle_enters;
    uint32_t seen_head;
    uint64_t posted;
    uint64_t busy_ns;
    uint64_t work_ns; /* since when it is at work, if it is */
    bool working;
    bool registered;
} kernel;

/* What came with which 6.x; the bits of 6.1 are there always. */
static const struct {
    uint32_t minor, setup_flags, enter_flags, features;
} news[] = {
    {1, 0x3fff, 0x1f, 0x1fff},
    {3, 0, 0, KEVY_FEAT_REG_REG_RING},
    {6, KEVY_SETUP_NO_MMAP | KEVY_SETUP_REGISTERED_FD_ONLY | KEVY_SETUP_NO_SQARRAY, 0, 0},
    {10, 0, 0, KEVY_FEAT_RECVSEND_BUNDLE},
    {12, 0, KEVY_ENTER_ABS_TIMER, KEVY_FEAT_MIN_TIMEOUT},
    {13, KEVY_SETUP_HYBRID_IOPOLL, KEVY_ENTER_EXT_ARG_REG, 0},
    {14, 0, 0, KEVY_FEAT_RW_ATTR},
    {15, 0, KEVY_ENTER_NO_IOWAIT, KEVY_FEAT_NO_IOWAIT},
    {18, KEVY_SETUP_CQE_MIXED, 0, 0},
};

static uint32_t known(size_t offset)
{
    uint32_t bits = 0;

    for (size_t i = 0; i < sizeof news / sizeof *news; i++)
        if (news[i].minor <= kernel.minor)
            bits |= *(const uint32_t *)(const void *)((const char *)&news[i] + offset);
    return bits;
}

#define KNOWN(field) known((size_t)((const char *)&news[0].field - (const char *)&news[0]))

static void ring_release(struct file *file);
static uint32_t ring_poll(const struct file *file);

static const struct file_operations ring_operations = {.poll = ring_poll, .release = ring_release};

void kernel_reset(uint32_t minor)
{
    memset(&kernel, 0, sizeof kernel);
    kernel.minor = minor;
    kernel.overflow_end = &kernel.overflow_first;
}

uint32_t kernel_minor(void)
{
    return kernel.minor;
}

uint64_t kernel_posted(void)
{
    return kernel.posted;
}

uint64_t kernel_busy_ns(void)
{
    return kernel.busy_ns + (kernel.working ? clock_now() - kernel.work_ns : 0);
}

uint32_t kernel_mappings(void)
{
    return kernel.mappings;
}

void kernel_work(uint64_t ns)
{
    kernel.work_ns = clock_now();
    kernel.working = true;
    clock_pass(ns);
    kernel.working = false;
    kernel.busy_ns += ns;
}

void kernel_take_time(void)
{
    kernel_work(chance(KEVY_SIM_TURN_SLOW) ? chance_magnitude(1000000, 100000000)
                                           : chance_between(200, 2000));
}

void kernel_work_came(void)
{
    if (kernel.params.flags & KEVY_SETUP_TASKRUN_FLAG)
        kernel.cursors->sq_flags |= KEVY_SQ_TASKRUN;
}

void kernel_region_set(void *region)
{
    kernel.wait_region = region;
}

bool kernel_registered_set(bool registered)
{
    bool before = kernel.registered;

    kernel.registered = registered;
    return before;
}

bool kernel_enable(void)
{
    bool disabled = (kernel.params.flags & KEVY_SETUP_R_DISABLED) != 0;

    kernel.params.flags &= ~KEVY_SETUP_R_DISABLED;
    return disabled;
}

static bool cq_full(void)
{
    return kernel.cursors->cq_tail - kernel.cursors->cq_head == kernel.cursors->cq_entries;
}

static void cq_push(const struct kevy_cqe *cqe)
{
    kernel.cqes[kernel.cursors->cq_tail++ & kernel.cursors->cq_mask] = *cqe;
}

static void cq_overflow(const struct kevy_cqe *cqe)
{
    struct overflowed *entry = calloc(1, sizeof *entry);

    assert(entry != NULL);
    entry->cqe = *cqe;
    *kernel.overflow_end = entry;
    kernel.overflow_end = &entry->next;
    kernel.cursors->sq_flags |= KEVY_SQ_CQ_OVERFLOW;
}

/* Not the user data, which are addresses. */
static void note(const struct kevy_cqe *cqe)
{
    world_note(clock_now());
    world_note((uint32_t)cqe->res | (uint64_t)cqe->flags << 32);
}

void kernel_post(uint64_t user_data, int result, uint32_t flags)
{
    struct kevy_cqe cqe = {.user_data = user_data, .res = result, .flags = flags};

    kernel.posted++;
    note(&cqe);
    if (kernel.overflow_first != NULL || cq_full())
        cq_overflow(&cqe);
    else
        cq_push(&cqe);
}

bool kernel_post_more(uint64_t user_data, int result, uint32_t flags)
{
    struct kevy_cqe cqe = {.user_data = user_data, .res = result, .flags = flags};

    if (kernel.overflow_first != NULL || cq_full())
        return false;
    kernel.posted++;
    note(&cqe);
    cq_push(&cqe);
    return true;
}

static void overflow_flush(void)
{
    while (kernel.overflow_first != NULL && !cq_full()) {
        struct overflowed *entry = kernel.overflow_first;

        cq_push(&entry->cqe);
        kernel.overflow_first = entry->next;
        free(entry);
    }
    if (kernel.overflow_first == NULL) {
        kernel.overflow_end = &kernel.overflow_first;
        kernel.cursors->sq_flags &= ~KEVY_SQ_CQ_OVERFLOW;
    }
}

static uint32_t cq_ready(void)
{
    return kernel.cursors->cq_tail - kernel.cursors->cq_head;
}

static void work_run(uint32_t minimum)
{
    requests_run(minimum > WORK_LIMIT ? minimum : WORK_LIMIT);
    if (!requests_ready())
        kernel.cursors->sq_flags &= ~KEVY_SQ_TASKRUN;
}

/* Takes up to `count` requests, fewer where chance wants so. */
static uint32_t submit(uint32_t count)
{
    struct cursors *cursors = kernel.cursors;
    uint32_t queued = cursors->sq_tail - cursors->sq_head;
    uint32_t taken = 0;

    EXPECT(queued <= cursors->sq_entries, "the SQ's tail is %u before its head", queued);
    if (count > queued)
        count = queued;
    if (count > 0 && chance(KEVY_SIM_SUBMIT_SHORT))
        count = (uint32_t)chance_below(count);
    for (; taken < count; taken++) {
        uint32_t slot = cursors->sq_head & cursors->sq_mask;
        struct kevy_sqe sqe;

        if (kernel.array != NULL)
            slot = kernel.array[slot];
        sqe = kernel.sqes[slot];
        memset(&kernel.sqes[slot], 0xDB, sizeof sqe);
        cursors->sq_head++;
        request_issue(&sqe);
    }
    return taken;
}

/* Sleeps until there are `minimum` completions. */
static int wait_for(uint32_t minimum, uint64_t deadline_ns)
{
    if (minimum > kernel.cursors->cq_entries)
        minimum = kernel.cursors->cq_entries;
    overflow_flush();
    work_run(minimum);
    while (cq_ready() < minimum) {
        if (chance(KEVY_SIM_WAIT_SIGNAL))
            return -EINTR;
        if (!requests_ready() && !clock_next(deadline_ns)) {
            EXPECT(deadline_ns != CLOCK_NEVER, "the loop sleeps for ever");
            return -ETIME;
        }
        work_run(minimum);
    }
    return 0;
}

static uint64_t deadline_of(const struct kevy_timespec *limit, uint32_t flags)
{
    uint64_t ns = (uint64_t)limit->tv_sec * 1000000000U + (uint64_t)limit->tv_nsec;

    return flags & KEVY_ENTER_ABS_TIMER ? ns : clock_now() + ns;
}

/* The instant that an enter's argument limits its wait to. */
static uint64_t argument_deadline(uint32_t flags, const void *argument, size_t size)
{
    const struct kevy_getevents_arg *pointed = argument;

    if ((flags & KEVY_ENTER_EXT_ARG) == 0)
        return CLOCK_NEVER;
    if (flags & KEVY_ENTER_EXT_ARG_REG) {
        EXPECT(kernel.wait_region != NULL && size == sizeof *kernel.wait_region,
               "a wait without its region");
        if ((kernel.wait_region->flags & KEVY_REG_WAIT_TS) == 0)
            return CLOCK_NEVER;
        return deadline_of(&kernel.wait_region->ts, flags);
    }
    EXPECT(size == sizeof *pointed, "a wait whose argument has %zu bytes", size);
    if (pointed->ts == 0)
        return CLOCK_NEVER;
    return deadline_of((const void *)(uintptr_t)pointed->ts, flags);
}

/* What an enter fails with before it does anything, or 0. */
static int enter_fault(void)
{
    static const struct {
        enum kevy_sim_fault which;
        int error;
    } faults[] = {{KEVY_SIM_ENTER_BUSY, -EBUSY},
                  {KEVY_SIM_ENTER_AGAIN, -EAGAIN},
                  {KEVY_SIM_ENTER_MEMORY, -ENOMEM},
                  {KEVY_SIM_ENTER_SIGNAL, -EINTR}};

    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        if (chance(faults[i].which))
            return faults[i].error;
    return 0;
}

/* A loop with nothing to do has to sleep. */
static void idle_check(uint64_t posted, uint64_t since_ns, uint32_t submitted)
{
    bool reaped = kernel.seen_head != kernel.cursors->cq_head;

    kernel.seen_head = kernel.cursors->cq_head;
    if (submitted != 0 || kernel.posted != posted || clock_now() != since_ns || reaped) {
        kernel.idle_enters = 0;
        return;
    }
    EXPECT(++kernel.idle_enters <= IDLE_ENTERS_MAX,
           "the loop spins: %u enters in which nothing happened", kernel.idle_enters);
}

static int ring_enter(void *state, int fd, uint32_t to_submit, uint32_t minimum, uint32_t flags,
                      const void *argument, size_t argument_size)
{
    uint64_t posted = kernel.posted, since_ns;
    uint32_t submitted;
    int result = 0;

    (void)state;
    world_entered();
    EXPECT((flags & ~KNOWN(enter_flags)) == 0, "enter flags %x on 6.%u", flags, kernel.minor);
    if (flags & KEVY_ENTER_REGISTERED_RING)
        EXPECT(kernel.registered && fd == KERNEL_REGISTERED_FD, "enter on index %d", fd);
    else
        EXPECT(file_at(fd, "enter") == &kernel.file, "enter on descriptor %d", fd);
    EXPECT((kernel.params.flags & KEVY_SETUP_R_DISABLED) == 0, "enter on a ring not enabled");
    kernel_take_time();
    result = enter_fault();
    TRACE("enter submit %u minimum %u flags %x%s", to_submit, minimum, flags,
          result != 0 ? " fails" : "");
    if (result < 0)
        return result;
    submitted = submit(to_submit);
    if (submitted < to_submit)
        return submitted != 0 ? (int)submitted : -EAGAIN;
    since_ns = clock_now();
    if (flags & KEVY_ENTER_GETEVENTS)
        result = wait_for(minimum, argument_deadline(flags, argument, argument_size));
    idle_check(posted, since_ns, submitted);
    return submitted != 0 ? (int)submitted : result;
}

/* Where the parts lie: close together since 6.x, a cache line each before. */
static void *ring_lay_out(struct kevy_params *params)
{
    uint32_t cqes = kernel.minor >= 6 ? 64 : 320;
    size_t size =
        cqes + params->cq_entries * sizeof(struct kevy_cqe) + params->sq_entries * sizeof(uint32_t);
    char *memory = calloc(1, (size + PAGE - 1) & ~(size_t)(PAGE - 1));

    assert(memory != NULL);
    kernel.cursors = (void *)memory;
    kernel.cqes = (void *)(memory + cqes);
    kernel.array = NULL;
    params->cq_off.cqes = cqes;
    params->sq_off.head = offsetof(struct cursors, sq_head);
    params->sq_off.tail = offsetof(struct cursors, sq_tail);
    params->sq_off.ring_mask = offsetof(struct cursors, sq_mask);
    params->sq_off.ring_entries = offsetof(struct cursors, sq_entries);
    params->sq_off.flags = offsetof(struct cursors, sq_flags);
    params->sq_off.dropped = offsetof(struct cursors, dropped);
    params->cq_off.head = offsetof(struct cursors, cq_head);
    params->cq_off.tail = offsetof(struct cursors, cq_tail);
    params->cq_off.ring_mask = offsetof(struct cursors, cq_mask);
    params->cq_off.ring_entries = offsetof(struct cursors, cq_entries);
    params->cq_off.flags = offsetof(struct cursors, cq_flags);
    params->cq_off.overflow = offsetof(struct cursors, overflow);
    if ((params->flags & KEVY_SETUP_NO_SQARRAY) == 0) {
        params->sq_off.array = cqes + (uint32_t)(params->cq_entries * sizeof(struct kevy_cqe));
        kernel.array = (void *)(memory + params->sq_off.array);
    }
    return memory;
}

static uint32_t rounded(uint32_t entries)
{
    uint32_t power = 1;

    while (power < entries)
        power *= 2;
    return power;
}

static int ring_setup(void *context, uint32_t entries, struct kevy_params *params, void **state)
{
    static const uint32_t needed = KEVY_SETUP_SINGLE_ISSUER | KEVY_SETUP_DEFER_TASKRUN;
    int fd;

    (void)context;
    *state = NULL;
    if (params->flags & ~KNOWN(setup_flags))
        return -EINVAL;
    EXPECT((params->flags & needed) == needed, "the reactor's ring has flags %x", params->flags);
    EXPECT(kernel.cursors == NULL, "a second ring");
    EXPECT(entries > 0 && params->cq_entries >= entries, "a ring of %u entries", entries);
    file_init(&kernel.file, FILE_RING, &ring_operations);
    fd = file_install(&kernel.file);
    file_drop(&kernel.file);
    if (fd < 0)
        return fd;
    params->sq_entries = rounded(entries);
    params->cq_entries = rounded(params->cq_entries);
    params->features = KNOWN(features);
    (void)ring_lay_out(params);
    kernel.cursors->sq_mask = params->sq_entries - 1;
    kernel.cursors->cq_mask = params->cq_entries - 1;
    kernel.cursors->sq_entries = params->sq_entries;
    kernel.cursors->cq_entries = params->cq_entries;
    kernel.sqes = calloc(params->sq_entries, sizeof *kernel.sqes);
    assert(kernel.sqes != NULL);
    kernel.params = *params;
    return fd;
}

static uint32_t ring_poll(const struct file *file)
{
    (void)file;
    return 0;
}

static void ring_release(struct file *file)
{
    (void)file;
    EXPECT(requests_count() == 0, "the ring is closed with %u requests in flight",
           requests_count());
    EXPECT(kernel.overflow_first == NULL, "the ring is closed with completions to be reaped");
    free(kernel.cursors);
    free(kernel.sqes);
    kernel.cursors = NULL;
    kernel.sqes = NULL;
}

/* Memory of the ring goes with the ring, which is closed after it was unmapped. */
static int ring_map(void *state, int fd, uint64_t offset, size_t size, uint32_t flags,
                    void **memory)
{
    (void)state;
    (void)flags;
    if (chance(KEVY_SIM_ALLOCATION))
        return -ENOMEM;
    if (offset != KEVY_RING_MAP_PRIVATE) {
        EXPECT(file_at(fd, "map") == &kernel.file, "map of descriptor %d", fd);
        *memory = offset == KEVY_OFF_SQES ? (void *)kernel.sqes : (void *)kernel.cursors;
    } else {
        *memory = aligned_alloc(PAGE, (size + PAGE - 1) & ~(size_t)(PAGE - 1));
        assert(*memory != NULL);
        memset(*memory, 0, size);
    }
    kernel.mappings++;
    return 0;
}

static void ring_unmap(void *state, void *memory, size_t size)
{
    (void)state;
    (void)size;
    EXPECT(kernel.mappings > 0, "a mapping is given back twice");
    kernel.mappings--;
    if (memory == kernel.wait_region)
        kernel.wait_region = NULL;
    if (memory != kernel.cursors && memory != kernel.sqes)
        free(memory);
}

static void ring_close(void *state, int fd)
{
    (void)state;
    file_close(fd);
}

static uint64_t ring_now_ns(void *state, int32_t clock)
{
    (void)state;
    (void)clock;
    return clock_now();
}

const struct kevy_ring_kernel sim_kernel = {
    .name = "simulated",
    .setup = ring_setup,
    .enter = ring_enter,
    .register_op = registration_run,
    .map = ring_map,
    .unmap = ring_unmap,
    .close = ring_close,
    .now_ns = ring_now_ns,
};
