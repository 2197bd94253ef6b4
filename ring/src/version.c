/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The version that was built, for programs that were compiled with another one's headers. */
#include <kevy/api.h>

#if KEVY_RING_SUPPORTED

int kevy_version(void)
{
    return KEVY_VERSION;
}

#endif /* KEVY_RING_SUPPORTED */
