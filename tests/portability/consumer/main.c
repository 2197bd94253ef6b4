/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * A program that wants to run everywhere: it includes us first and asks afterwards. The target says
 * with -DEXPECTED=0 or 1 what the answer must be.
 */

#include <kevy/kevy.h>
#include <kevy/ring.h>
#include <stdio.h>

#if KEVY_RING_SUPPORTED != EXPECTED
#error "KEVY_RING_SUPPORTED is wrong"
#endif

#if KEVY_RING_SUPPORTED

static int ring_try(void)
{
    struct kevy_ring ring = {0};
    int error = kevy_ring_init(&ring, 8, NULL);

    if (error == 0)
        kevy_ring_deinit(&ring);
    return error;
}

#else

static int ring_try(void)
{
    return -1;
}

#endif

int main(void)
{
    puts(ring_try() == 0 ? "io_uring" : "something else");
    return 0;
}
