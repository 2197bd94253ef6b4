/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The reactor's time; the model is in clock.h. */
#include "core/clock.h"

#if KEVY_RING_SUPPORTED

void clock_read(struct kevy_reactor *reactor)
{
    uint64_t now_ns = reactor->system->now_ns(reactor->system->context);

    assert(now_ns >= reactor->now_ns);
    reactor->now_ns = now_ns;
}

#endif /* KEVY_RING_SUPPORTED */
