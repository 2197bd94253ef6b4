/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef KEVY_API_H
#define KEVY_API_H

/*
 * What every public header shares: whether this target can have io_uring at all, the mark of an
 * exported function, and the C++ linkage brackets. It includes nothing and needs no -D.
 *
 * On a target that is not Linux KEVY_RING_SUPPORTED is 0, every other header is empty and the
 * libraries hold nothing, so that a portable program may include us first and ask afterwards.
 */

#if defined(__linux__)

#define KEVY_RING_SUPPORTED 1

/* The libraries are compiled with hidden visibility: what lacks this mark stays inside them. */
#define KEVY_API __attribute__((visibility("default")))

#ifdef __cplusplus
#define KEVY_BEGIN_DECLS extern "C" {
#define KEVY_END_DECLS   }
#else
#define KEVY_BEGIN_DECLS
#define KEVY_END_DECLS
#endif

#else

#define KEVY_RING_SUPPORTED 0

#endif

#endif
