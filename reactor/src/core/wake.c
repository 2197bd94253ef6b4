/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The wake of a loop that sleeps; the model is in wake.h. */
#include "core/wake.h"

#if KEVY_RING_SUPPORTED

void wake_loop(struct kevy_reactor *reactor)
{
    static const uint64_t one = 1;

    /* Full fence: what was posted before the load below. Partner: wake_expect(). */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (__atomic_load_n(&reactor->sleeping, __ATOMIC_RELAXED) == 0)
        return;
    if (__atomic_exchange_n(&reactor->sleeping, 0, __ATOMIC_ACQ_REL) == 0)
        return;
    /* Fails only when the counter is full, and then the loop is awake. */
    (void)SYSTEM(reactor, write, reactor->wake.fd, &one, sizeof one);
}

rare void reactor_called(struct kevy_reactor *reactor)
{
    owner_check(reactor);
    reactor->caller = reactor->owner;
    wake_loop(reactor);
}

#endif /* KEVY_RING_SUPPORTED */
