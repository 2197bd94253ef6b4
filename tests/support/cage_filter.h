/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef CAGE_FILTER_H
#define CAGE_FILTER_H

/*
 * Cages: what a process may not do from here on, nor any program that it starts. There is no way
 * out of a cage.
 */

#include <errno.h>
#include <kevy/ring_abi.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>

/* The last system call that Linux 4.18 has; from 5.1 on all machines count on from 424. */
#if defined(__x86_64__)
#define CAGE_LAST_OF_4_18 334U /* rseq; what x86-64 has between it and 424 is of 6.11 */
#else
#define CAGE_LAST_OF_4_18 423U
#endif

/* Has the kernel ask `program` before each system call. Returns 0 or what prctl(2) fails with. */
static inline int cage_lock(struct sock_filter *program, size_t length)
{
    struct sock_fprog filter = {.len = (unsigned short)length, .filter = program};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) < 0)
        return -errno;
    return 0;
}

/* System calls from `first` to `last` fail with `error`, a positive errno. */
static inline int cage_forbid(uint32_t first, uint32_t last, int error)
{
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, first, 0, 2),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, last, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };

    return cage_lock(program, sizeof program / sizeof program[0]);
}

/* io_uring_register(2) of this code fails with `error`, a positive errno. */
static inline int cage_forbid_registration(uint32_t code, int error)
{
    const uint32_t low = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? sizeof(uint32_t) : 0;
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, KEVY_NR_REGISTER, 0, 4),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1]) + low),
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, ~KEVY_REGISTER_USE_REGISTERED_RING),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, code, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };

    return cage_lock(program, sizeof program / sizeof program[0]);
}

/*
 * Enters the cage of this name:
 *
 *     EPERM, EACCES, ENOSYS   the three calls of io_uring fail so, as the default profiles of
 *                             containers have it
 *     EINVAL                  a ring cannot be set up with any flag, as in gVisor
 *     4.18                    there is no system call that is newer than Linux 4.18
 *
 * Returns 0, -EINVAL for another name, or what prctl(2) fails with.
 */
static inline int cage_enter(const char *name)
{
    static const struct {
        const char *name;
        uint32_t first, last;
        int error;
    } cages[] = {
        {"EPERM", KEVY_NR_SETUP, KEVY_NR_REGISTER, EPERM},
        {"EACCES", KEVY_NR_SETUP, KEVY_NR_REGISTER, EACCES},
        {"ENOSYS", KEVY_NR_SETUP, KEVY_NR_REGISTER, ENOSYS},
        {"EINVAL", KEVY_NR_SETUP, KEVY_NR_SETUP, EINVAL},
        {"4.18", KEVY_NR_BASE + CAGE_LAST_OF_4_18 + 1, UINT32_MAX, ENOSYS},
    };

    for (size_t i = 0; i < sizeof cages / sizeof cages[0]; i++)
        if (strcmp(cages[i].name, name) == 0)
            return cage_forbid(cages[i].first, cages[i].last, cages[i].error);
    return -EINVAL;
}

#endif
