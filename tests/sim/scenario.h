/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef SIM_SCENARIO_H
#define SIM_SCENARIO_H

/* A server built on the public interface of reactor/, and the world it lives in. */

#include <kevy/kevy.h>
#include <stdbool.h>

struct scenario {
    const char *name;
    /* Plays the whole world, with reactors of its own; NULL: the members below are called. */
    void (*play)(const struct kevy_reactor_options *options);
    /* Changes the options that were drawn for the reactor; NULL for nothing. */
    void (*options)(struct kevy_reactor_options *options);
    /* Sets everything up. Faults may strike: it tries as often as it takes. */
    void (*start)(struct kevy_reactor *reactor);
    /* After each turn; NULL for nothing. */
    void (*turned)(struct kevy_reactor *reactor);
    /* The world becomes quiet: everything comes to its end by itself from here on. */
    void (*quiet)(struct kevy_reactor *reactor);
    /* True when that has happened. */
    bool (*over)(void);
    /* Closes what is left, listeners above all. */
    void (*stop)(struct kevy_reactor *reactor);
    /* Gives back what would be in the way of destroying the reactor as it is; NULL for nothing. */
    void (*abandon)(void);
    /* The reactor has been destroyed: ends what is left of the world; NULL for nothing. */
    void (*gone)(void);
};

/* Lets the program have so many descriptors more than it has. */
void descriptors_limit(uint32_t more);

extern const struct scenario scenario_datagrams;
extern const struct scenario scenario_echo;
extern const struct scenario scenario_files;
extern const struct scenario scenario_group;
extern const struct scenario scenario_mix;
extern const struct scenario scenario_outside;
extern const struct scenario scenario_proxy;

/* For scenario_mix in this world, between its `options` and its start. */
void mix_sends_ranges(void);

#endif
