/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef SIM_EVENT_FILE_H
#define SIM_EVENT_FILE_H

/* eventfd(2) and signalfd(2), the latter without any signal: none of the scenarios has one. */

#include <stdint.h>

#include "file.h"

struct file *event_file_make(uint64_t value);
struct file *signal_file_make(void);

#endif
