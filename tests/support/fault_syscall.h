/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef FAULT_SYSCALL_H
#define FAULT_SYSCALL_H

/*
 * The seam of ring/src/syscall.h with faults in it: the functions below have the signatures given
 * there, go to the real kernel and fail where a test tells them to. Also keeps count of what is
 * mapped, so that a test can show that a failure leaked nothing.
 *
 * A call "can fail" when the library has to live with its failure: setup, enter, register, mmap and
 * dontfork. The state is the process's: libcheck's fork mode gives each test its own.
 */

#include <kevy/ring_abi.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fault_call {
    FAULT_SETUP,
    FAULT_ENTER,
    FAULT_REGISTER,
    FAULT_MMAP,
    FAULT_DONTFORK,
    FAULT_CALLS
};

/* A kernel that knows only these; all ones is the running kernel. */
struct fault_kernel {
    uint32_t setup_flags;
    uint32_t features;
    uint32_t register_ops; /* codes below this one are known */
};

/* No faults, no emulated kernel, counts at zero. */
void fault_reset(void);

/* The `nth` call from now that can fail answers `error`, counted from 1; 0 for none. */
void fault_nth(uint32_t nth, int error);

/* True when the fault of fault_nth() has come to pass. */
bool fault_happened(void);

/* The next `times` calls of one kind answer `error`. */
void fault_next(enum fault_call call, int error, uint32_t times);

/* The next enter submits at most `count` SQEs and says so, as when memory runs short half-way. */
void fault_submit_short(uint32_t count);

/* Has register calls with `opcode` answered by `answer`, as by a newer kernel. */
typedef int (*fault_answer)(void *argument);
void fault_answer_set(uint32_t opcode, fault_answer answer);

void fault_kernel_set(const struct fault_kernel *kernel);

/* Request codes below this one are known to a probe and to a list of restrictions; 0: all. */
void fault_opcodes_set(uint32_t opcodes);

/* Calls of one kind since the last reset, failed ones included. */
uint32_t fault_count(enum fault_call call);

/* Mappings made and not yet unmapped. */
int fault_mappings(void);

int kevy_x_syscall_setup(uint32_t entries, struct kevy_params *params);
int kevy_x_syscall_enter(int fd, uint32_t to_submit, uint32_t minimum, uint32_t flags,
                         const void *argument, size_t argument_size);
int kevy_x_syscall_register(int fd, uint32_t opcode, void *argument, uint32_t count);
int kevy_x_syscall_mmap(void **memory, size_t size, int fd, uint64_t offset);
int kevy_x_syscall_munmap(void *memory, size_t size);
int kevy_x_syscall_dontfork(void *memory, size_t size);
int kevy_x_syscall_discard(void *memory, size_t size);
int kevy_x_syscall_close(int fd);
int32_t kevy_x_syscall_thread(void);
uint64_t kevy_x_syscall_now_ns(int32_t clock);

#endif
