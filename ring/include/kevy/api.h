/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef KEVY_API_H
#define KEVY_API_H

/*
 * kevy/api.h - the base of all public headers: the version, and the mark of an exported function.
 *
 * It includes no header and needs no -D. On a system other than Linux KEVY_RING_SUPPORTED is 0, all
 * other headers are empty, and the libraries contain nothing. So a portable program can include the
 * headers first and ask afterwards.
 *
 * Example: check that the library is not older than its headers
 *
 *     #include <kevy/api.h>
 *
 *     #if KEVY_RING_SUPPORTED
 *
 *     static int library_fits(void)
 *     {
 *         return kevy_version() >= KEVY_VERSION;
 *     }
 *
 *     #endif
 */

#define KEVY_VERSION_MAJOR  0
#define KEVY_VERSION_MINOR  2
#define KEVY_VERSION_PATCH  0
#define KEVY_VERSION_STRING "0.2.0"

/*
 * The version of these headers as one number: two decimal digits for minor and patch each. 0.2.0 is
 * 200.
 */
#define KEVY_VERSION (KEVY_VERSION_MAJOR * 10000 + KEVY_VERSION_MINOR * 100 + KEVY_VERSION_PATCH)

#if defined(__linux__)

#define KEVY_RING_SUPPORTED 1

/* Marks a function that the libraries export. All others stay hidden inside them. */
#define KEVY_API __attribute__((visibility("default")))

/* Private: the compiler warns where the result of such a function is not looked at. */
#define KEVY_X_CHECKED __attribute__((warn_unused_result))

#ifdef __cplusplus
#define KEVY_BEGIN_DECLS extern "C" {
#define KEVY_END_DECLS   }
#else
#define KEVY_BEGIN_DECLS
#define KEVY_END_DECLS
#endif

/* No time limit, for functions that take one in nanoseconds. */
#define KEVY_FOREVER UINT64_MAX

KEVY_BEGIN_DECLS

/* Returns the KEVY_VERSION of the library that the program runs with. From any thread. */
KEVY_API int kevy_version(void);

KEVY_END_DECLS

#else

#define KEVY_RING_SUPPORTED 0

#endif

#endif
