/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "notice.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "chance.h"
#include "completion.h"
#include "socket.h"
#include "world.h"

/* What the peer takes at most to acknowledge, and how often it is looked whether it has. */
#define NOTICE_NS 50000000U

/* A sum of the bytes that a zero-copy send took; reads memory that the user has to leave alone. */
static uint32_t parts_sum(const struct request *request)
{
    uint32_t left = request->result > 0 ? (uint32_t)request->result : 0;
    uint32_t sum = 0;

    for (uint32_t part = 0; left > 0 && part < request->part_count; part++) {
        const uint8_t *bytes = request->parts[part].iov_base;

        for (size_t i = 0; left > 0 && i < request->parts[part].iov_len; i++, left--)
            sum = sum * 31 + bytes[i];
    }
    return sum;
}

/* The peer has everything, or nobody asks for it any more. */
static void notice_due(struct kevy_sim_event *event)
{
    struct request *notice = (void *)((char *)event - offsetof(struct request, late));
    struct request **link;

    if (notice->notice_of != NULL && socket_silent(notice->notice_of)) {
        event_start(event, NOTICE_NS, notice_due);
        return;
    }
    if (notice->notice_of != NULL) {
        for (link = &notice->notice_of->notices; *link != notice;)
            link = &(*link)->notice_next;
        *link = notice->notice_next;
    }
    request_ready(notice);
}

void notice_start(const struct request *request)
{
    struct request *notice = request_make(request->ring, &request->sqe);

    notice->state = REQUEST_DONE;
    notice->flags = KEVY_CQE_F_NOTIF;
    notice->result = request->result;
    if (request->result > 0) {
        notice->parts = calloc(request->part_count, sizeof *notice->parts);
        assert(notice->parts != NULL);
        memcpy(notice->parts, request->parts, request->part_count * sizeof *notice->parts);
        notice->part_count = request->part_count;
    }
    notice->check = parts_sum(notice);
    if (request->file != NULL) {
        notice->notice_of = socket_of(request->file);
        notice->notice_next = notice->notice_of->notices;
        notice->notice_of->notices = notice;
    }
    event_start(&notice->late, chance_magnitude(0, NOTICE_NS), notice_due);
}

void requests_notices_end(struct kevy_x_socket *socket)
{
    for (struct request *notice = socket->notices; notice != NULL; notice = notice->notice_next)
        notice->notice_of = NULL;
    socket->notices = NULL;
}

void notice_answer(struct request *notice)
{
    bool copied = chance(KEVY_SIM_ZERO_COPY_COPIES);

    EXPECT(parts_sum(notice) == notice->check, "memory changes that the kernel is sending from");
    completion_post(notice->ring, notice->sqe.user_data,
                    copied ? (int)KEVY_NOTIF_USAGE_ZC_COPIED : 0, KEVY_CQE_F_NOTIF);
    request_free(notice);
}
