/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef FAULT_SYSTEM_H
#define FAULT_SYSTEM_H

/*
 * The plain system calls of a reactor with a fault in them: a struct kevy_system that passes
 * everything on to the host's and lets one call fail. Each call has a list of the errors with which
 * it may fail in life although everything was done right; a close fails after it has closed. Calls
 * without such an error are not counted.
 *
 * The state is the process's: libcheck's fork mode gives each test its own.
 */

#include <kevy/system.h>
#include <stdbool.h>
#include <stdint.h>

const struct kevy_system *fault_system(void);

/* The `nth` call from now, counted from 1, fails with error number `choice` of its list, counted
 * from 0; 0 for no call. */
void fault_system_nth(uint32_t nth, uint32_t choice);

/* The errno with which that call has failed; 0 where it has not come, or has a shorter list. */
int fault_system_failed(void);

/* The name of that call, or NULL where it has not come. */
const char *fault_system_name(void);

#endif
