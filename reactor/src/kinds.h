/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* All kinds of objects, named in one place. */
#ifndef KEVY_REACTOR_KINDS_H
#define KEVY_REACTOR_KINDS_H

#include "core/names.h"

#include "core/kind.h"

extern const struct kind_table kinds_all;

#endif /* KEVY_REACTOR_KINDS_H */
