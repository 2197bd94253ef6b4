/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef KEVY_SIM_SRC_EVENT_FILE_H
#define KEVY_SIM_SRC_EVENT_FILE_H

/* eventfd(2). */

#include "names.h"

#include <stdint.h>

#include "file.h"

struct file *event_file_make(uint64_t value);

#endif
