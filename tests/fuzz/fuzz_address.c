/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Addresses: any text, and a sockaddr of any bytes and any length. The first byte of an input
 * chooses. A text that is read comes back from its written form as the same address; a written form
 * has no control characters; everything else is refused with a listed error.
 */
#include "fuzz.h"
#include "socket/socket.h"

#include <errno.h>
#include <kevy/address.h>

#define PORT 4660

/* The address is written, without control characters, and read again. */
static void comes_back(const struct sockaddr_storage *address, socklen_t length)
{
    char text[KEVY_ADDRESS_TEXT_SIZE];
    struct sockaddr_storage again;
    socklen_t again_length;
    int written = kevy_address_format((const struct sockaddr *)address, length, text, sizeof text);

    MUST(written > 0 && (size_t)written < sizeof text && strlen(text) == (size_t)written);
    for (const char *at = text; *at != '\0'; at++)
        MUST((unsigned char)*at >= ' ' && *at != 0x7F);
    MUST(kevy_address_parse(&again, &again_length, text, 0) == 0);
    MUST(again_length == length && memcmp(&again, address, length) == 0);
}

static void from_text(const uint8_t *data, size_t size)
{
    char *text = exact_string(data, size);
    struct sockaddr_storage address;
    socklen_t length;
    int error = kevy_address_parse(&address, &length, text, PORT);

    MUST(error == 0 || error == -EINVAL || error == -ERANGE || error == -ENODEV ||
         error == -ENAMETOOLONG);
    if (error == 0)
        comes_back(&address, length);
    free(text);
}

static void from_bytes(const uint8_t *data, size_t size)
{
    uint8_t *given = exact_copy(data, size);
    char text[KEVY_ADDRESS_TEXT_SIZE];
    struct socket_address address;
    const struct socket_name name = {.socket_address = (void *)given,
                                     .socket_address_length = (socklen_t)size};
    int error = socket_address_find(&address, kevy_system_host(), &name);
    int written = kevy_address_format((void *)given, (socklen_t)size, text, sizeof text);

    MUST(error == (size < sizeof(sa_family_t) || size > sizeof address.storage ? -EINVAL : 0));
    MUST(written == -EINVAL || written == -EAFNOSUPPORT || strlen(text) == (size_t)written);
    if (error == 0) {
        MUST(address.length == size);
        MUST(memcmp(&address.storage, data, size) == 0);
    }
    free(given);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    if (data[0] % 2 == 0)
        from_text(data + 1, size - 1);
    else
        from_bytes(data + 1, size - 1);
    return 0;
}
