/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/sim_child.h - child processes of the program in a simulated world.
 *
 * Part of <kevy/sim.h>, which explains the world as a whole.
 *
 * The program cannot fork in a world. The test starts a child in its place, and the program watches
 * the number that it gets, with kevy_child_watch(). A child exits when its time has come, or when
 * it is killed:
 *
 *     runs --life_ns, or killed--> exited --held_ns--> can be reaped --the program--> reaped
 *                                     \--is_stolen----------------------------------> reaped
 */
#ifndef KEVY_SIM_CHILD_H
#define KEVY_SIM_CHILD_H

#include <kevy/api.h>
#include <kevy/sim_world.h>

#if KEVY_RING_SUPPORTED

#include <sys/types.h>

KEVY_BEGIN_DECLS

/* The states of a child. */
enum kevy_sim_child_state {
    KEVY_SIM_CHILD_NONE, /* it was never started */
    KEVY_SIM_CHILD_RUNS,
    KEVY_SIM_CHILD_EXITED,
    KEVY_SIM_CHILD_REAPED
};

/* A child. Fill in the first members. It is your memory, PINNED from its start until it
 * is reaped, or to the end of the world. */
struct kevy_sim_child {
    uint64_t life_ns; /* KEVY_FOREVER: until it is killed */
    uint64_t held_ns; /* since its exit: a tracer holds it, so waitid(2) says nothing */
    int code;         /* CLD_EXITED, CLD_KILLED or CLD_DUMPED of <signal.h> */
    int status;       /* the exit status, or the number of the signal */
    bool is_stolen;   /* reaped elsewhere when it exits: the program gets -ECHILD */
    pid_t pid;        /* readable, like the next one */
    enum kevy_sim_child_state state;
    uint64_t exited_ns; /* private, like the next ones */
    struct kevy_sim_event change;
    struct kevy_sim_child *next;
};

/* Starts a child that does not run (asserted). Returns its number, which no other child had. */
KEVY_API pid_t kevy_sim_child_start(struct kevy_sim *sim, struct kevy_sim_child *child);

/* Ends a child with CLD_KILLED and the number of the signal, if it still runs. */
KEVY_API void kevy_sim_child_kill(struct kevy_sim *sim, struct kevy_sim_child *child, int number);

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_SIM_CHILD_H */
