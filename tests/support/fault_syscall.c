/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Faults between ring/ and the kernel; fault_syscall.h says which. */

/* The real calls come from the product's own header, under other names. */
#undef KEVY_SYSCALL_HEADER
#define kevy_x_syscall_setup    real_setup
#define kevy_x_syscall_enter    real_enter
#define kevy_x_syscall_register real_register
#define kevy_x_syscall_mmap     real_mmap
#define kevy_x_syscall_munmap   real_munmap
#define kevy_x_syscall_dontfork real_dontfork
#define kevy_x_syscall_discard  real_discard
#define kevy_x_syscall_close    real_close
#define kevy_x_syscall_thread   real_thread
#define kevy_x_syscall_now_ns   real_now_ns
#include "../../ring/src/syscall.h"
#undef kevy_x_syscall_setup
#undef kevy_x_syscall_enter
#undef kevy_x_syscall_register
#undef kevy_x_syscall_mmap
#undef kevy_x_syscall_munmap
#undef kevy_x_syscall_dontfork
#undef kevy_x_syscall_discard
#undef kevy_x_syscall_close
#undef kevy_x_syscall_thread
#undef kevy_x_syscall_now_ns

#include "fault_syscall.h"

#include <string.h>

static struct {
    uint32_t counts[FAULT_CALLS];
    int errors[FAULT_CALLS]; /* for the next times[] calls */
    uint32_t times[FAULT_CALLS];
    uint32_t nth; /* calls until the one that fails, 0 for none */
    int nth_error;
    bool happened;
    bool submit_short;
    uint32_t submit_count;
    int mappings;
    fault_answer answer; /* to answer_opcode, NULL for none */
    uint32_t answer_opcode;
    struct fault_kernel kernel;
    uint32_t opcodes;
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
    fault.happened = false;
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

int kevy_x_syscall_setup(uint32_t entries, struct kevy_params *params)
{
    int result = fault_draw(FAULT_SETUP);

    if (result < 0)
        return result;
    if ((params->flags & ~fault.kernel.setup_flags) != 0)
        return -EINVAL;
    result = real_setup(entries, params);
    params->features &= fault.kernel.features;
    return result;
}

int kevy_x_syscall_enter(int fd, uint32_t to_submit, uint32_t minimum, uint32_t flags,
                         const void *argument, size_t argument_size)
{
    int result = fault_draw(FAULT_ENTER);

    if (result < 0)
        return result;
    if (fault.submit_short && to_submit > fault.submit_count) {
        fault.submit_short = false;
        return real_enter(fd, fault.submit_count, 0, flags & ~KEVY_ENTER_EXT_ARG, NULL, 0);
    }
    return real_enter(fd, to_submit, minimum, flags, argument, argument_size);
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
static int register_aged(int fd, uint32_t opcode, void *argument, uint32_t count)
{
    int result;

    if (opcode == KEVY_REGISTER_RESTRICTIONS && !restrictions_known(argument, count))
        return -EINVAL;
    result = real_register(fd, opcode, argument, count);
    if (opcode == KEVY_REGISTER_PROBE && result == 0)
        probe_forget(argument);
    return result;
}

int kevy_x_syscall_register(int fd, uint32_t opcode, void *argument, uint32_t count)
{
    int result = fault_draw(FAULT_REGISTER);

    if (result < 0)
        return result;
    if (fault.answer != NULL && opcode == fault.answer_opcode)
        return fault.answer(argument);
    if ((opcode & ~KEVY_REGISTER_USE_REGISTERED_RING) >= fault.kernel.register_ops)
        return -EINVAL;
    if (fault.opcodes != 0)
        return register_aged(fd, opcode, argument, count);
    return real_register(fd, opcode, argument, count);
}

int kevy_x_syscall_mmap(void **memory, size_t size, int fd, uint64_t offset)
{
    int result = fault_draw(FAULT_MMAP);

    if (result < 0)
        return result;
    result = real_mmap(memory, size, fd, offset);
    fault.mappings += result == 0;
    return result;
}

int kevy_x_syscall_munmap(void *memory, size_t size)
{
    int result = real_munmap(memory, size);

    fault.mappings -= result == 0;
    return result;
}

int kevy_x_syscall_dontfork(void *memory, size_t size)
{
    int result = fault_draw(FAULT_DONTFORK);

    return result < 0 ? result : real_dontfork(memory, size);
}

int kevy_x_syscall_discard(void *memory, size_t size)
{
    return real_discard(memory, size);
}

int kevy_x_syscall_close(int fd)
{
    return real_close(fd);
}

int32_t kevy_x_syscall_thread(void)
{
    return real_thread();
}

uint64_t kevy_x_syscall_now_ns(int32_t clock)
{
    return real_now_ns(clock);
}
