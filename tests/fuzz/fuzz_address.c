/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Where a listener or a datagram socket is to be: a numeric address as text, or a sockaddr of the
 * caller's, any bytes of any length. The first byte of an input chooses. What is found fits, is the
 * address that the C library writes back, and what is refused is refused with -EINVAL.
 */
#include "fuzz.h"
#include "socket/socket.h"

#include <arpa/inet.h>
#include <errno.h>

#define PORT 4660

static void check_text(const struct socket_address *address)
{
    char text[INET6_ADDRSTRLEN];
    struct socket_address again;
    const void *host = address->any.sa_family == AF_INET ? (const void *)&address->v4.sin_addr
                                                         : (const void *)&address->v6.sin6_addr;

    MUST(address->any.sa_family == AF_INET || address->any.sa_family == AF_INET6);
    MUST(!address->dual);
    MUST(inet_ntop(address->any.sa_family, host, text, sizeof text) != NULL);
    MUST(socket_address_find(&again, &(struct socket_name){.address = text, .port = PORT}) == 0);
    MUST(again.length == address->length);
    MUST(memcmp(&again.storage, &address->storage, again.length) == 0);
}

static void from_text(const uint8_t *data, size_t size)
{
    char *text = exact_string(data, size);
    struct socket_address address;
    const struct socket_name name = {.address = text, .port = PORT};
    int error = socket_address_find(&address, &name);

    MUST(error == 0 || error == -EINVAL);
    if (error == 0)
        check_text(&address);
    free(text);
}

static void from_bytes(const uint8_t *data, size_t size)
{
    uint8_t *given = exact_copy(data, size);
    struct socket_address address;
    const struct socket_name name = {
        .port = PORT, .socket_address = (void *)given, .socket_address_length = (socklen_t)size};
    int error = socket_address_find(&address, &name);

    MUST(error == (size > sizeof address.storage ? -EINVAL : 0));
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
