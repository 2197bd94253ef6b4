/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef FAULT_KERNEL_H
#define FAULT_KERNEL_H

/*
 * A kernel with faults in it: a struct kevy_ring_kernel that passes everything on to another kernel
 * and fails where a test tells it to. It also keeps count of what is mapped, so that a test can
 * show that a failure leaked nothing.
 *
 * A call "can fail" when the library has to live with its failure: setup, enter, register and map.
 * The state is the process's: libcheck's fork mode gives each test its own.
 */

#include <kevy/ring.h>
#include <kevy/ring_kernel.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fault_call { FAULT_SETUP, FAULT_ENTER, FAULT_REGISTER, FAULT_MAP, FAULT_CALLS };

/* A kernel that knows only these; all ones is the running kernel. */
struct fault_kernel {
    uint32_t setup_flags;
    uint32_t features;
    uint32_t register_ops; /* codes below this one are known */
};

/* The table for options.custom_kernel. Below it is io_uring, or the kernel that was set. */
const struct kevy_ring_kernel *fault_kernel(void);
void fault_kernel_over(const struct kevy_ring_kernel *kernel);

/* No faults, no emulated kernel, counts at zero. */
void fault_reset(void);

/* The `nth` call from now that can fail answers `error`, counted from 1; 0 for none. */
void fault_nth(uint32_t nth, int error);

/* The same, and from then on each call that can fail. */
void fault_lose(uint32_t nth, int error);

/* True when the fault of fault_nth(), or of fault_lose(), has come to pass. */
bool fault_happened(void);

/* The next `times` calls of one kind answer `error`. */
void fault_next(enum fault_call call, int error, uint32_t times);

/* The next enter submits at most `count` SQEs and says so, as when memory runs short half-way. */
void fault_submit_short(uint32_t count);

/* Has register calls with `opcode` answered by `answer`, as by a newer kernel. */
typedef int (*fault_answer)(void *argument);
void fault_answer_set(uint32_t opcode, fault_answer answer);

/* Shows each request of `ring` to `rewrite` before the kernel sees it, so that it can be made
 * another one; NULL for none. */
typedef void (*fault_rewrite)(struct kevy_sqe *sqe);
void fault_rewrite_set(const struct kevy_ring *ring, fault_rewrite rewrite);

/* True where a NOP can answer any result (6.10). */
bool fault_results_offered(void);

void fault_kernel_set(const struct fault_kernel *kernel);

/* Request codes below this one are known to a probe and to a list of restrictions; 0: all. */
void fault_opcodes_set(uint32_t opcodes);

/* Calls of one kind since the last reset, failed ones included. */
uint32_t fault_count(enum fault_call call);

/* Mappings made and not yet unmapped. */
int fault_mappings(void);

#endif
