/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef EXAMPLES_KERNEL_NAME_H
#define EXAMPLES_KERNEL_NAME_H

/* The names that the option --kernel of the servers takes. */

#include <kevy/ring_kernel.h>

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* For help and complaints. */
#define KERNEL_NAMES "automatic, io_uring or soft"

/* Stores the kernel of this name in *choice. Returns false if there is none. */
static inline bool kernel_by_name(const char *name, enum kevy_ring_kernel_choice *choice)
{
    static const struct {
        const char *name;
        enum kevy_ring_kernel_choice choice;
    } kernels[] = {
        {"automatic", KEVY_RING_KERNEL_AUTOMATIC},
        {"io_uring", KEVY_RING_KERNEL_IO_URING},
        {"soft", KEVY_RING_KERNEL_SOFT},
    };

    for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++)
        if (strcmp(kernels[i].name, name) == 0)
            return *choice = kernels[i].choice, true;
    return false;
}

#endif
