/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What getaddrinfo(3) fails with, as errno and as a sentence.
 *
 * Model. Its codes are neither negative errno values nor distinct from them, so each gets the errno
 * that says the same; the look-up keeps the code, whose sentence is the better one.
 */
#include "threads/threads_internal.h"

#if KEVY_RING_SUPPORTED

#include <kevy/resolver.h>
#include <kevy/ring_explain.h>

#include <errno.h>
#include <netdb.h>
#include <stdio.h>

static const struct {
    int code;
    int error;
} codes[] = {
    {EAI_NONAME, -ENOENT},
    {EAI_AGAIN, -EAGAIN},
    {EAI_FAIL, -EREMOTEIO},
    {EAI_SERVICE, -ESRCH},
    {EAI_OVERFLOW, -ENAMETOOLONG},
    {EAI_FAMILY, -EAFNOSUPPORT},
    {EAI_MEMORY, -ENOMEM},
/* These two are not in POSIX, nor in every C library. */
#ifdef EAI_NODATA
    {EAI_NODATA, -ENODATA},
#endif
#ifdef EAI_ADDRFAMILY
    {EAI_ADDRFAMILY, -EADDRNOTAVAIL},
#endif
};

int resolver_error(int code, int system_error)
{
    if (code == EAI_SYSTEM)
        return system_error > 0 ? -system_error : -EIO;
    for (size_t index = 0; index < sizeof codes / sizeof codes[0]; index++)
        if (codes[index].code == code)
            return codes[index].error;
    return -EINVAL;
}

int kevy_lookup_explain(const struct kevy_lookup *lookup, int result, char *text, size_t size)
{
    if (result == -ETIMEDOUT && lookup->code == 0)
        return snprintf(text, size, "the name is not found within the time limit");
    if (result == -EADDRNOTAVAIL && lookup->code == 0)
        return snprintf(text, size, "the numeric address is of another family");
    if (lookup->code == 0 || lookup->code == EAI_SYSTEM)
        return kevy_ring_explain(result, text, size);
    return snprintf(text, size, "%s", gai_strerror(lookup->code));
}

#endif /* KEVY_RING_SUPPORTED */
