/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a request holds besides itself, and gives back when it has told its end. */
#include "soft.h"

#if KEVY_RING_SUPPORTED

rare void request_free_slowly(struct soft *soft, struct request *request)
{
    assert(request->state == REQUEST_RUNNING && request->chain == NULL);
    if (request->captured != NULL)
        capture_give(soft, request->captured);
    request_hide(soft, request);
    if (request->marks & MARK_WATCHED)
        descriptor_release(soft, request->sqe.fd);
}

#endif /* KEVY_RING_SUPPORTED */
