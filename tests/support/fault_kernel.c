/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Faults between a ring and a kernel; fault_kernel.h says which. */

#include "fault_kernel.h"

#include <errno.h>
#include <kevy/ring_prep.h>
#include <string.h>

#include "kernel_choice.h"

static const struct kevy_ring_kernel *below;

static struct {
    uint32_t counts[FAULT_CALLS];
    int errors[FAULT_CALLS]; /* for the next times[] calls */
    uint32_t times[FAULT_CALLS];
    uint32_t nth; /* calls until the one that fails, 0 for none */
    int nth_error;
    bool lost; /* and each one after that */
    bool happened;
    bool submit_short;
    uint32_t submit_count;
    int mappings;
    fault_answer answer; /* to answer_opcode, NULL for none */
    uint32_t answer_opcode;
    struct fault_kernel kernel;
    uint32_t opcodes;
    const struct kevy_ring *rewritten; /* NULL for none */
    fault_rewrite rewrite;
} fault = {.kernel = {UINT32_MAX, UINT32_MAX, UINT32_MAX}};

void fault_reset(void)
{
    int mappings = fault.mappings;

    memset(&fault, 0, sizeof fault);
    fault.mappings = mappings;
    fault.kernel = (struct fault_kernel){UINT32_MAX, UINT32_MAX, UINT32_MAX};
}

void fault_nth(uint32_t nth, int error)
{
    fault.nth = nth;
    fault.nth_error = error;
    fault.lost = false;
    fault.happened = false;
}

void fault_lose(uint32_t nth, int error)
{
    fault_nth(nth, error);
    fault.lost = true;
}

bool fault_happened(void)
{
    return fault.happened;
}

void fault_next(enum fault_call call, int error, uint32_t times)
{
    fault.errors[call] = error;
    fault.times[call] = times;
}

void fault_submit_short(uint32_t count)
{
    fault.submit_short = true;
    fault.submit_count = count;
}

void fault_answer_set(uint32_t opcode, fault_answer answer)
{
    fault.answer_opcode = opcode;
    fault.answer = answer;
}

void fault_rewrite_set(const struct kevy_ring *ring, fault_rewrite rewrite)
{
    fault.rewritten = rewrite != NULL ? ring : NULL;
    fault.rewrite = rewrite;
}

bool fault_results_offered(void)
{
    const struct kevy_ring_options options = {.custom_kernel = fault_kernel()};
    const struct kevy_cqe *cqe = NULL;
    struct kevy_ring ring = {0};
    bool offered;

    if (kevy_ring_init(&ring, 1, &options) < 0)
        return false;
    kevy_prep_nop_result(kevy_ring_sqe(&ring, 1), -EINTR);
    if (kevy_ring_submit_and_wait(&ring, 1) == 1)
        cqe = kevy_ring_next(&ring);
    offered = cqe != NULL && cqe->res == -EINTR;
    kevy_ring_deinit(&ring);
    return offered;
}

void fault_kernel_set(const struct fault_kernel *kernel)
{
    fault.kernel = *kernel;
}

void fault_opcodes_set(uint32_t opcodes)
{
    fault.opcodes = opcodes;
}

uint32_t fault_count(enum fault_call call)
{
    return fault.counts[call];
}

int fault_mappings(void)
{
    return fault.mappings;
}

/* The error that this call has to answer, or 0. */
static int fault_draw(enum fault_call call)
{
    fault.counts[call]++;
    if (fault.happened && fault.lost)
        return fault.nth_error;
    if (fault.nth != 0 && --fault.nth == 0) {
        fault.happened = true;
        return fault.nth_error;
    }
    if (fault.times[call] != 0) {
        fault.times[call]--;
        return fault.errors[call];
    }
    return 0;
}

static int setup(void *context, uint32_t entries, struct kevy_params *params, void **state)
{
    int result = fault_draw(FAULT_SETUP);

    (void)context;
    if (result < 0)
        return result;
    if ((params->flags & ~fault.kernel.setup_flags) != 0)
        return -EINVAL;
    result = below->setup(below->context, entries, params, state);
    params->features &= fault.kernel.features;
    return result;
}

static void requests_rewrite(uint32_t count)
{
    uint32_t number = fault.rewritten->sqe_tail - count;

    for (; count-- > 0; number++) {
        struct kevy_sqe *sqe = kevy_ring_sqe_at(fault.rewritten, number);

        if (sqe != NULL)
            fault.rewrite(sqe);
    }
}

static int enter(void *state, int fd, uint32_t to_submit, uint32_t minimum, uint32_t flags,
                 const void *argument, size_t argument_size)
{
    int result = fault_draw(FAULT_ENTER);

    if (result < 0)
        return result;
    if (fault.rewritten != NULL)
        requests_rewrite(to_submit);
    if (fault.submit_short && to_submit > fault.submit_count) {
        fault.submit_short = false;
        return below->enter(state, fd, fault.submit_count, 0, flags & ~KEVY_ENTER_EXT_ARG, NULL, 0);
    }
    return below->enter(state, fd, to_submit, minimum, flags, argument, argument_size);
}

/* What the emulated kernel knows no code of is refused in a list of restrictions. */
static bool restrictions_known(const struct kevy_restriction *rules, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (rules[i].opcode == KEVY_RESTRICTION_SQE_OP && rules[i].sqe_op >= fault.opcodes)
            return false;
        if (rules[i].opcode == KEVY_RESTRICTION_REGISTER_OP &&
            rules[i].register_op >= fault.kernel.register_ops)
            return false;
    }
    return true;
}

static void probe_forget(struct kevy_probe *probe)
{
    for (uint32_t i = fault.opcodes; i < probe->ops_len; i++)
        probe->ops[i].flags = 0;
}

/* Requests that the emulated kernel does not know. */
static int register_aged(void *state, int fd, uint32_t opcode, void *argument, uint32_t count)
{
    int result;

    if (opcode == KEVY_REGISTER_RESTRICTIONS && !restrictions_known(argument, count))
        return -EINVAL;
    result = below->register_op(state, fd, opcode, argument, count);
    if (opcode == KEVY_REGISTER_PROBE && result == 0)
        probe_forget(argument);
    return result;
}

static int register_op(void *state, int fd, uint32_t opcode, void *argument, uint32_t count)
{
    int result = fault_draw(FAULT_REGISTER);

    if (result < 0)
        return result;
    if (fault.answer != NULL && opcode == fault.answer_opcode)
        return fault.answer(argument);
    if ((opcode & ~KEVY_REGISTER_USE_REGISTERED_RING) >= fault.kernel.register_ops)
        return -EINVAL;
    if (fault.opcodes != 0)
        return register_aged(state, fd, opcode, argument, count);
    return below->register_op(state, fd, opcode, argument, count);
}

static int map(void *state, int fd, uint64_t offset, size_t size, uint32_t flags, void **memory)
{
    int result = fault_draw(FAULT_MAP);

    if (result < 0)
        return result;
    result = below->map(state, fd, offset, size, flags, memory);
    fault.mappings += result == 0;
    return result;
}

static void unmap(void *state, void *memory, size_t size)
{
    below->unmap(state, memory, size);
    fault.mappings--;
}

static void close_ring(void *state, int fd)
{
    below->close(state, fd);
}

static uint64_t now_ns(void *state, int32_t clock)
{
    return below->now_ns(state, clock);
}

void fault_kernel_over(const struct kevy_ring_kernel *kernel)
{
    below = kernel;
}

const struct kevy_ring_kernel *fault_kernel(void)
{
    static const struct kevy_ring_kernel table = {
        .name = "faulty",
        .setup = setup,
        .enter = enter,
        .register_op = register_op,
        .map = map,
        .unmap = unmap,
        .close = close_ring,
        .now_ns = now_ns,
    };

    if (below == NULL)
        below = kernel_is_soft() ? kevy_ring_kernel_soft() : kevy_ring_kernel_io_uring();
    return &table;
}
