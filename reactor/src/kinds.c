/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * All kinds of objects: the one place where the core meets them.
 *
 * Model. Each kind exports a table of operations and the handlers of its requests. A new kind gets
 * a number in core/kind.h and a row here; nothing else in the core, and no other kind, changes.
 */
#include "kinds.h"

#if KEVY_RING_SUPPORTED

#include "core/completion.h"
#include "core/descriptor.h"
#include "core/submission.h"
#include "datagram/datagram_internal.h"
#include "stream/connector_internal.h"
#include "stream/listener_internal.h"
#include "stream/stream_internal.h"
#include "system/system_internal.h"
#include "threads/threads_internal.h"

const struct kind_table kinds_all = {
    .kinds =
        {
            [KIND_STREAM] = &stream_kind,
            [KIND_LISTENER] = &listener_kind,
            [KIND_WORK] = &work_kind,
            [KIND_LOOKUP] = &lookup_kind,
            [KIND_CONNECTOR] = &connector_kind,
            [KIND_CHILD] = &child_kind,
            [KIND_DATAGRAM] = &datagram_kind,
            [KIND_FILE] = &file_kind,
        },
    .handlers =
        {
            [OPERATION_COMPLETION] = completion_done,
            [OPERATION_RECV] = stream_recv_done,
            [OPERATION_SEND] = stream_send_done,
            [OPERATION_CONNECT] = stream_connect_done,
            [OPERATION_ACCEPT] = listener_accept_done,
            [OPERATION_CLOSE] = descriptor_closed,
            [OPERATION_CANCEL] = submission_cancelled,
            [OPERATION_ZERO_COPY] = stream_zero_copy_done,
        },
    .operation_names =
        {
            [OPERATION_COMPLETION] = "completion",
            [OPERATION_RECV] = "recv",
            [OPERATION_SEND] = "send",
            [OPERATION_CONNECT] = "connect",
            [OPERATION_ACCEPT] = "accept",
            [OPERATION_CLOSE] = "close",
            [OPERATION_CANCEL] = "cancel",
            [OPERATION_ZERO_COPY] = "send without copy",
        },
    .deadline_due = stream_due,
    .descriptor_free = listener_descriptor_free,
    .job_delivered = job_delivered,
};

#endif /* KEVY_RING_SUPPORTED */
