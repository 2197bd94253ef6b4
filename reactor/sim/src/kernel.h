/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef KEVY_SIM_SRC_KERNEL_H
#define KEVY_SIM_SRC_KERNEL_H

/*
 * Which Linux the world has, and what it takes to compute in it.
 *
 * Model. The release, from 6.1 to 6.18, is drawn by the seed; what is newer is refused as that
 * release does. All rings of a world are on it. Time that is spent otherwise than asleep is
 * counted, whoever spends it.
 */

#include "names.h"

#include <stdint.h>

/* A kernel with the features of one release; `minor` is that of 6.x. */
void kernel_reset(uint32_t minor);
uint32_t kernel_minor(void);

/* What this release knows: flags of set-up and of enter, and the features that it reports. */
uint32_t kernel_setup_flags(void);
uint32_t kernel_enter_flags(void);
uint32_t kernel_features(void);

/* Virtual time spent otherwise than asleep. */
uint64_t kernel_busy_ns(void);

/* Takes time: what the program computes, naps. */
void kernel_work(uint64_t ns);

/* What an enter takes, and the callbacks before it. */
void kernel_take_time(void);

#endif
