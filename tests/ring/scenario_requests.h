/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef SCENARIO_REQUESTS_H
#define SCENARIO_REQUESTS_H

/* Requests that scenarios of every kind are made of. */

#include "scenario.h"

static const struct kevy_timespec soon __attribute__((unused)) = {.tv_nsec = 3000000};
static const struct kevy_timespec late __attribute__((unused)) = {.tv_sec = 100};
static char byte __attribute__((unused));

static inline void flag(struct kevy_sqe *sqe, uint32_t flags)
{
    kevy_sqe_set_flags(sqe, flags);
}

static inline void nop(struct scene *scene, uint64_t user_data, int32_t result, uint32_t flags)
{
    struct kevy_sqe *sqe = ask(scene, user_data);

    kevy_prep_nop_result(sqe, result);
    flag(sqe, flags);
}

/* A request that waits until something is written to scene->local[1]. */
static inline void waiting(struct scene *scene, uint64_t user_data, uint32_t flags)
{
    struct kevy_sqe *sqe = ask(scene, user_data);

    kevy_prep_recv(sqe, scene->local[0], &byte, 1, 0);
    flag(sqe, flags);
}

static inline void malformed(struct scene *scene, uint64_t user_data, uint32_t flags)
{
    struct kevy_sqe *sqe = ask(scene, user_data);

    sqe->opcode = 250;
    flag(sqe, flags);
}

static inline void limit(struct scene *scene, uint64_t user_data, const struct kevy_timespec *time,
                         uint32_t flags)
{
    struct kevy_sqe *sqe = ask(scene, user_data);

    kevy_prep_link_timeout(sqe, time, 0);
    flag(sqe, flags);
}

static inline void end(struct scene *s)
{
    must(s->system->shutdown(s->tcp[1], SHUT_WR) == 0);
}

static inline void recv_once(struct scene *s, uint64_t user_data, uint32_t length, uint32_t flags)
{
    kevy_prep_recv(ask(s, user_data), s->tcp[0], s->bytes, length, flags);
}

/* Gives what has been sent the time to arrive: on loopback that is the time of a softirq. */
static inline void arrive(struct scene *s, int fd)
{
    struct pollfd polled = {.fd = fd, .events = POLLIN | POLLRDHUP};

    must(s->system->poll(&polled, 1, 1000) == 1);
}

#endif
