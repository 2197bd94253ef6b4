/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "clock.h"
#include "crowd_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#define HOG_PIECE      16384U
#define READING_PIECE  16384U
#define READING_BUFFER 65536

static uint32_t events_of(const struct crowd *crowd, bool more)
{
    return (crowd->pace == PACE_READING ? 0U : EPOLLIN) | (more ? EPOLLOUT : 0U);
}

int crowd_watch(struct crowd *crowd, struct connection *connection, int operation)
{
    struct epoll_event event = {.data.ptr = connection};

    connection->writing = connection_has_more(connection);
    event.events = events_of(crowd, connection->writing);
    return epoll_ctl(crowd->epoll, operation, connection->fd, &event) < 0 ? -errno : 0;
}

static int connect_all(struct crowd *crowd)
{
    int error = 0;

    crowd->epoll = epoll_create1(EPOLL_CLOEXEC);
    crowd->all = calloc(crowd->count_all, sizeof *crowd->all);
    crowd->begun_ns =
        calloc((size_t)crowd->count_all * crowd->settings->in_flight, sizeof *crowd->begun_ns);
    if (crowd->epoll < 0 || crowd->all == NULL || crowd->begun_ns == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < crowd->count_all && error >= 0; i++) {
        struct connection *connection = &crowd->all[i];

        connection->begun_ns = crowd->begun_ns + (size_t)i * crowd->settings->in_flight;
        error = connection_open(connection,
                                i < crowd->count ? &crowd->dialogue : &crowd->hog_dialogue, i);
        if (error >= 0)
            error = crowd_watch(crowd, connection, EPOLL_CTL_ADD);
    }
    return error;
}

static void prepare(struct crowd *crowd)
{
    const struct settings *settings = crowd->settings;
    bool is_receive = strcmp(settings->mode, "receive") == 0;
    bool is_send = strcmp(settings->mode, "send") == 0;

    crowd->count = settings->connections;
    crowd->count_all = settings->connections + settings->hogs;
    crowd->dialogue = (struct dialogue){
        .kind = is_send      ? DIALOGUE_SEND
                : is_receive ? DIALOGUE_RECEIVE
                             : DIALOGUE_ECHO,
        .port = settings->port,
        .closing = settings->closing,
        .request_length = is_receive ? 1 : settings->size,
        .answer_length = settings->request != NULL ? 0 : settings->size,
        .send_piece = CONNECTION_PIECE_MAX,
        .receive_piece = CONNECTION_PIECE_MAX,
    };
    crowd->hog_dialogue = crowd->dialogue;
    crowd->hog_dialogue.request_length = HOG_PIECE;
    crowd->hog_dialogue.answer_length = HOG_PIECE;
    if (settings->request != NULL)
        crowd->dialogue.kind = DIALOGUE_HTTP;
    if (settings->reading_rate > 0) {
        crowd->dialogue.receive_piece = READING_PIECE;
        crowd->dialogue.receive_buffer = READING_BUFFER;
    }
}

/* The pieces of an unlimited sender are its messages. */
static void pace_prepare(struct crowd *crowd)
{
    const struct settings *settings = crowd->settings;
    double rate = 0;

    crowd->hog_dialogue.send_piece = HOG_PIECE;
    if (settings->in_step) {
        crowd->pace = PACE_STEP;
    } else if (settings->rate > 0) {
        crowd->pace = PACE_OPEN;
        rate = settings->rate;
    } else if (settings->reading_rate > 0) {
        crowd->pace = PACE_READING;
        rate = settings->reading_rate * crowd->count / READING_PIECE;
    } else if (settings->unlimited) {
        crowd->pace = PACE_UNLIMITED;
        crowd->dialogue.send_piece = settings->size;
    }
    if (rate > 0)
        crowd->interval_ns = (uint64_t)(SECOND_NS / rate);
}

int crowd_open(struct crowd *crowd)
{
    int error;

    prepare(crowd);
    pace_prepare(crowd);
    error = dialogue_prepare(&crowd->dialogue, crowd->settings->request);
    if (error >= 0)
        error = dialogue_prepare(&crowd->hog_dialogue, NULL);
    if (error < 0)
        return error;
    tally_open(crowd->tally, &crowd->settings->servers, crowd->count);
    return connect_all(crowd);
}
