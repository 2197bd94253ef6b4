/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "networks.h"

#include <arpa/inet.h>
#include <string.h>

/* Bits in front of an IPv4 address in the IPv6 one. */
#define MAPPED_BITS 96
#define BITS_MAX    128

static struct in6_addr mapped(struct in_addr v4)
{
    struct in6_addr address = {.s6_addr = {[10] = 0xFF, [11] = 0xFF}};

    memcpy(address.s6_addr + MAPPED_BITS / 8, &v4, sizeof v4);
    return address;
}

/* At least one digit, and none in front that does not count. */
static bool read_bits(const char *text, unsigned most, uint8_t *bits)
{
    unsigned number = 0;
    const char *at = text;

    for (; *at >= '0' && *at <= '9' && number <= most; at++)
        number = number * 10 + (unsigned)(*at - '0');
    if (at == text || *at || number > most || (text[0] == '0' && text[1]))
        return false;
    *bits = (uint8_t)(BITS_MAX - most + number);
    return true;
}

static bool read_network(struct network *network, char *text)
{
    char *slash = strchr(text, '/');
    struct in_addr v4;
    bool is_v4;

    if (slash)
        *slash = 0;
    is_v4 = inet_pton(AF_INET, text, &v4) == 1;
    if (is_v4)
        network->address = mapped(v4);
    else if (inet_pton(AF_INET6, text, &network->address) != 1)
        return false;
    network->bits = BITS_MAX;
    return !slash ||
           read_bits(slash + 1, is_v4 ? BITS_MAX - MAPPED_BITS : BITS_MAX, &network->bits);
}

bool networks_read(struct networks *networks, const char *text)
{
    char word[INET6_ADDRSTRLEN + sizeof "/128"];

    networks->count = 0;
    for (;;) {
        size_t length = strcspn(text, ",");

        if (networks->count == NETWORKS_MAX || length >= sizeof word)
            return false;
        memcpy(word, text, length);
        word[length] = 0;
        if (!read_network(&networks->list[networks->count], word))
            return false;
        networks->count++;
        if (!text[length])
            return true;
        text += length + 1;
    }
}

static bool network_contains(const struct network *network, const struct in6_addr *address)
{
    size_t bytes = network->bits / 8;
    unsigned rest = network->bits % 8;
    unsigned differs;

    if (network->bits < MAPPED_BITS && IN6_IS_ADDR_V4MAPPED(address))
        return false;
    if (memcmp(network->address.s6_addr, address->s6_addr, bytes) != 0)
        return false;
    if (rest == 0)
        return true;
    differs = (unsigned)(network->address.s6_addr[bytes] ^ address->s6_addr[bytes]);
    return differs >> (8 - rest) == 0;
}

bool networks_contain(const struct networks *networks, const struct sockaddr *address)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    if (address->sa_family == AF_INET6) {
        memcpy(&v6, address, sizeof v6);
    } else if (address->sa_family == AF_INET) {
        memcpy(&v4, address, sizeof v4);
        v6.sin6_addr = mapped(v4.sin_addr);
    } else {
        return false;
    }
    for (uint32_t i = 0; i < networks->count; i++)
        if (network_contains(&networks->list[i], &v6.sin6_addr))
            return true;
    return false;
}
