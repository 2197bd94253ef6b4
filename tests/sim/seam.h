/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef SIM_SEAM_H
#define SIM_SEAM_H

/* The seam of ring/src/syscall.h, with the simulated kernel behind it. */

#include <kevy/ring_abi.h>
#include <stddef.h>
#include <stdint.h>

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
