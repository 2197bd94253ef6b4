/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * By which number a ring enters the kernel: its descriptor, or an index in the calling thread's
 * table, which saves the kernel a look-up in each enter.
 *
 * Invariants. `enter_fd` is the registered index exactly when `enter_flags` holds
 * KEVY_ENTER_REGISTERED_RING, and `registered_by` names a thread exactly then; otherwise it is
 * `fd`. `fd` is -1 for a ring that has an index and nothing else. kevy_x_descriptor_check() asserts
 * these.
 */
#include "descriptor.h"

#if KEVY_RING_SUPPORTED

#include <assert.h>
#include <errno.h>
#include <kevy/ring_mode.h>
#include <kevy/ring_register.h>
#include <unistd.h>

#include "owner.h"

void kevy_x_descriptor_check(const struct kevy_ring *ring)
{
    bool registered = (ring->enter_flags & KEVY_ENTER_REGISTERED_RING) != 0;

    assert(ring->sq_entries != 0);
    assert(ring->wait_flags == (ring->enter_flags | KEVY_ENTER_GETEVENTS));
    assert(registered == (ring->registered_by != 0));
    assert(registered ? ring->enter_fd >= 0 : ring->enter_fd == ring->fd && ring->fd >= 0);
    (void)registered; /* without asserts nobody reads it */
}

void kevy_x_enter_flags_set(struct kevy_ring *ring, uint32_t flags)
{
    ring->enter_flags = flags;
    ring->wait_flags = flags | KEVY_ENTER_GETEVENTS;
}

int kevy_ring_fd_register(struct kevy_ring *ring)
{
    struct kevy_rsrc_update update = {.offset = UINT32_MAX, .data = (uint64_t)ring->fd};
    int result;

    if (ring->enter_flags & KEVY_ENTER_REGISTERED_RING)
        return -EALREADY;
    result = kevy_ring_register(ring, KEVY_REGISTER_RING_FDS, &update, 1);
    if (result != 1)
        return result < 0 ? result : -EBUSY;
    ring->enter_fd = (int32_t)update.offset;
    kevy_x_enter_flags_set(ring, ring->enter_flags | KEVY_ENTER_REGISTERED_RING);
    ring->registered_by = thread_id();
    kevy_x_descriptor_check(ring);
    return 0;
}

/*
 * In another thread's table the same index is some other ring, which must not be touched; the
 * owner's table goes when the owner ends.
 */
void kevy_ring_fd_unregister(struct kevy_ring *ring)
{
    struct kevy_rsrc_update update = {.offset = (uint32_t)ring->enter_fd};

    if ((ring->enter_flags & KEVY_ENTER_REGISTERED_RING) == 0)
        return;
    if (ring->registered_by != thread_id())
        return;
    (void)kevy_ring_register(ring, KEVY_UNREGISTER_RING_FDS, &update, 1);
    kevy_x_enter_flags_set(ring, ring->enter_flags & ~KEVY_ENTER_REGISTERED_RING);
    ring->enter_fd = ring->fd;
    ring->registered_by = 0;
}

int kevy_ring_fd_close(struct kevy_ring *ring)
{
    if (ring->fd < 0 || ring->registered_by != thread_id())
        return -EINVAL;
    if ((ring->features & KEVY_FEAT_REG_REG_RING) == 0)
        return -EOPNOTSUPP;
    (void)close(ring->fd);
    ring->fd = -1;
    return 0;
}

#endif /* KEVY_RING_SUPPORTED */
