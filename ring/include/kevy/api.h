/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef KEVY_API_H
#define KEVY_API_H

/*
 * What every public header shares: the version, whether this target can have io_uring at all, the
 * mark of an exported function, and the C++ linkage brackets. It includes nothing and needs no -D.
 *
 * On a target that is not Linux KEVY_RING_SUPPORTED is 0, every other header is empty and the
 * libraries hold nothing, so that a portable program may include us first and ask afterwards.
 */

#define KEVY_VERSION_MAJOR  0
#define KEVY_VERSION_MINOR  2
#define KEVY_VERSION_PATCH  0
#define KEVY_VERSION_STRING "0.2.0"

/* The version of these headers as one number, to be compared: major, minor and patch in two decimal
 * places each, so 0.2.0 is 200. */
#define KEVY_VERSION (KEVY_VERSION_MAJOR * 10000 + KEVY_VERSION_MINOR * 100 + KEVY_VERSION_PATCH)

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

/* No time limit, where a function takes one in nanoseconds. */
#define KEVY_FOREVER UINT64_MAX

KEVY_BEGIN_DECLS

/* The KEVY_VERSION of the library that the program runs with, from any thread. */
KEVY_API int kevy_version(void);

KEVY_END_DECLS

#else

#define KEVY_RING_SUPPORTED 0

#endif

#endif
