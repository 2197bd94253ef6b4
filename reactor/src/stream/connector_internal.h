/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The connector, as the table of kinds names it; its model is in connector.c. */
#ifndef KEVY_REACTOR_CONNECTOR_INTERNAL_H
#define KEVY_REACTOR_CONNECTOR_INTERNAL_H

#include "core/names.h"

#include "core/kind.h"

extern const struct object_kind_operations connector_kind;

#endif /* KEVY_REACTOR_CONNECTOR_INTERNAL_H */
