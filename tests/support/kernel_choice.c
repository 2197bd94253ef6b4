/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* The kernel below a test program; kernel_choice.h says how it is chosen. */

#include "kernel_choice.h"

#include <stdlib.h>
#include <string.h>

int __real_kevy_ring_init(struct kevy_ring *ring, uint32_t entries,
                          const struct kevy_ring_options *options);
int __wrap_kevy_ring_init(struct kevy_ring *ring, uint32_t entries,
                          const struct kevy_ring_options *options);

bool kernel_is_soft(void)
{
    const char *name = getenv("KEVY_TEST_KERNEL");

    return name != NULL && strcmp(name, "soft") == 0;
}

const struct kevy_ring_kernel *kernel_chosen(void)
{
    return kernel_is_soft() ? kevy_ring_kernel_soft() : NULL;
}

int __wrap_kevy_ring_init(struct kevy_ring *ring, uint32_t entries,
                          const struct kevy_ring_options *options)
{
    struct kevy_ring_options complete = {0};

    if (options != NULL)
        complete = *options;
    if (kernel_is_soft() && complete.custom_kernel == NULL &&
        complete.kernel != KEVY_RING_KERNEL_IO_URING)
        complete.kernel = KEVY_RING_KERNEL_SOFT;
    return __real_kevy_ring_init(ring, entries, &complete);
}
