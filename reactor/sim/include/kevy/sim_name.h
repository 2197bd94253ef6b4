/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/sim_name.h - the names that a program looks up in a simulated world.
 *
 * Part of <kevy/sim.h>, which explains the world as a whole.
 *
 * A resolver whose option `system` is that of the reactor options asks the world in place of
 * getaddrinfo(3). Its threads wait for the answer, in virtual time. A name that was not added does
 * not exist. A service must be a number.
 */
#ifndef KEVY_SIM_NAME_H
#define KEVY_SIM_NAME_H

#include <kevy/api.h>
#include <kevy/sim_world.h>

#if KEVY_RING_SUPPORTED

KEVY_BEGIN_DECLS

/* A name. Fill in the first members. It is your memory, PINNED until the end of the world. */
struct kevy_sim_name {
    const char *host;
    uint64_t delay_ns;          /* until the answer; may be changed, like the next ones */
    int code;                   /* of getaddrinfo(3), for example EAI_AGAIN; 0: it has addresses */
    uint32_t count;             /* of them: 127.0.0.1, 127.0.0.2 and so on */
    uint64_t asked;             /* times so far; readable, like the next one */
    uint32_t waiting;           /* threads of the program that wait for the answer */
    struct kevy_sim_name *next; /* private */
};

KEVY_API void kevy_sim_name_add(struct kevy_sim *sim, struct kevy_sim_name *name);

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_SIM_NAME_H */
