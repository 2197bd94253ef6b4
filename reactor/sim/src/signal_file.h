/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef KEVY_SIM_SRC_SIGNAL_FILE_H
#define KEVY_SIM_SRC_SIGNAL_FILE_H

/*
 * signalfd(2), and the signals of the program.
 *
 * Model. As in Linux a signal waits once, whoever reads first has it. One that no descriptor asks
 * for when it comes is lost.
 */

#include "names.h"

#include "file.h"

void signal_files_reset(void);

/* `mask` is a sigset_t. */
struct file *signal_file_make(const void *mask);
void signal_file_set(struct file *file, const void *mask);

#endif
