/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/ring_kernel.h - the kernel below a ring, also in a container; how to write one.
 *
 * A ring needs seven things from the kernel: set-up, enter, register, map, unmap, close and the
 * time. This header describes them as a table of functions. Everything above the table, in the ring
 * and in the reactor, is the same for every kernel.
 *
 * Which kernels there are
 *
 *     io_uring    Linux itself. Its system calls are compiled into the library; a ring on io_uring
 *                 follows no function pointer.
 *     soft        a ring in user space on epoll, for systems that refuse io_uring. It needs no
 *                 system call that is newer than Linux 4.18. A request that only Linux itself can
 *                 serve is missing from its probe and fails with -EINVAL, as on an older kernel.
 *     your own    any table of this type, for example a simulation, or a kernel that injects faults
 *                 and passes the rest on to another kernel
 *
 * `kernel` in struct kevy_ring_options chooses between the first two, `custom_kernel` names your
 * own.
 *
 * What a kernel of your own must do
 *
 *     The contract is that of io_uring_setup(2), io_uring_enter(2) and io_uring_register(2), with
 *     the structs and constants of <kevy/ring_abi.h>. The functions return the result, or an errno
 *     as a negative number; `errno` is not used. A kernel that lacks a flag, an operation or a
 *     register code answers -EINVAL, as an older Linux does, and the library does without it.
 *
 *     Each ring has a state of its own: `setup` stores a pointer in *state, and the ring passes it
 *     to all other functions until `close`, which is always the last call. `state` may stay NULL.
 *     The functions are called from the thread that uses the ring. The one exception is
 *     kevy_ring_message(), which calls `register_op` from any thread.
 *
 * Example: a kernel that counts how often it is entered
 *
 *     #include <kevy/ring.h>
 *
 *     static unsigned long enters;
 *
 *     static int counting_enter(void *state, int fd, uint32_t to_submit, uint32_t minimum,
 *                               uint32_t flags, const void *argument, size_t size)
 *     {
 *         enters++;
 *         return kevy_ring_kernel_io_uring()->enter(state, fd, to_submit, minimum, flags, argument,
 *                                                   size);
 *     }
 *
 *     int main(void)
 *     {
 *         struct kevy_ring_kernel counting = *kevy_ring_kernel_io_uring();
 *         struct kevy_ring_options options = {.custom_kernel = &counting};
 *         struct kevy_ring ring = {0};
 *         int error;
 *
 *         counting.name = "counting";
 *         counting.enter = counting_enter;
 *         error = kevy_ring_init(&ring, 8, &options);
 *         if (error == 0) {
 *             (void)kevy_ring_sqe(&ring, 1);
 *             error = kevy_ring_submit_and_wait(&ring, 1);
 *         }
 *         kevy_ring_deinit(&ring);
 *         return error == 1 && enters == 1 ? 0 : 1;
 *     }
 */
#ifndef KEVY_RING_KERNEL_H
#define KEVY_RING_KERNEL_H

#include <kevy/api.h>
#include <kevy/ring_abi.h>

#if KEVY_RING_SUPPORTED

#include <stddef.h>
#include <stdint.h>

KEVY_BEGIN_DECLS

/* Which kernel a ring or a reactor is to use. */
enum kevy_ring_kernel_choice {
    KEVY_RING_KERNEL_DEFAULT,   /* _IO_URING for a ring, _AUTOMATIC for a reactor */
    KEVY_RING_KERNEL_IO_URING,  /* io_uring, or an error */
    KEVY_RING_KERNEL_AUTOMATIC, /* io_uring; if the system refuses it, the soft kernel */
    KEVY_RING_KERNEL_SOFT       /* the soft kernel */
};

/* For `offset` of map(): not an area of the ring but fresh, private pages that hold zeros. */
#define KEVY_RING_MAP_PRIVATE UINT64_MAX

/* For `flags` of map(). */
#define KEVY_RING_MAP_DONTFORK 1U /* a forked child does not get the pages; best effort */

/*
 * A kernel. The table is BORROWED by each ring from kevy_ring_init() to kevy_ring_deinit(). Every
 * function is required.
 */
struct kevy_ring_kernel {
    /* One word, for messages and statistics. */
    const char *name;
    /* Passed to setup(); for the kernel's own use. */
    void *context;
    /*
     * io_uring_setup(2). Reads and writes *params; stores the state of the new ring in *state.
     * Returns the descriptor of the ring, OWNED by the ring until close(). poll(2) reports it as
     * readable when there are completions. On failure *state is not used.
     */
    int (*setup)(void *context, uint32_t entries, struct kevy_params *params, void **state);
    /*
     * io_uring_enter(2). `fd` is the ring's descriptor, or its registered index if `flags` has
     * KEVY_ENTER_REGISTERED_RING. `argument` depends on `flags`:
     *
     *     KEVY_ENTER_EXT_ARG                    a struct kevy_getevents_arg
     *     KEVY_ENTER_EXT_ARG and _EXT_ARG_REG   an offset in bytes into the registered region of
     *                                           struct kevy_reg_wait, as a pointer
     *     none of them                          a signal mask, or NULL
     */
    int (*enter)(void *state, int fd, uint32_t to_submit, uint32_t minimum, uint32_t flags,
                 const void *argument, size_t argument_size);
    /*
     * io_uring_register(2). `fd` is the ring's descriptor; its registered index when `opcode` has
     * KEVY_REGISTER_USE_REGISTERED_RING; or -1 for a call that concerns no ring. Then `state` is
     * that of the ring through which the library asks (KEVY_REGISTER_QUERY), or of the ring that
     * gets the message (KEVY_REGISTER_SEND_MSG_RING).
     */
    int (*register_op)(void *state, int fd, uint32_t opcode, void *argument, uint32_t count);
    /*
     * Stores in *memory the address of `size` bytes: the area of the ring that `offset` names
     * (KEVY_OFF_SQ_RING, KEVY_OFF_CQ_RING, KEVY_OFF_SQES, or KEVY_OFF_PBUF_RING with a group), or
     * private pages (KEVY_RING_MAP_PRIVATE). `flags` are KEVY_RING_MAP_*.
     */
    int (*map)(void *state, int fd, uint64_t offset, size_t size, uint32_t flags, void **memory);
    /* Takes back all that one map() returned. Must not fail. */
    void (*unmap)(void *state, void *memory, size_t size);
    /* Frees the state and closes `fd`, unless it is -1. Requests in flight are cancelled. */
    void (*close)(void *state, int fd);
    /*
     * The time in nanoseconds of the clock that limits the waits of this ring: CLOCK_MONOTONIC, or
     * the one that KEVY_REGISTER_CLOCK has set.
     */
    uint64_t (*now_ns)(void *state, int32_t clock);
};

/* Linux's own io_uring as such a table, for kernels that pass calls on to it. From any thread. */
KEVY_API const struct kevy_ring_kernel *kevy_ring_kernel_io_uring(void);

/* The soft kernel. From any thread. */
KEVY_API const struct kevy_ring_kernel *kevy_ring_kernel_soft(void);

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_RING_KERNEL_H */
