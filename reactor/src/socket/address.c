/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Addresses as text, both ways; the forms are in <kevy/address.h>.
 *
 * Model. inet_pton(3) and inet_ntop(3) know the numbers, this file the rest: ports, brackets, zones
 * and the names of Unix sockets. A zone is the name of an interface, which the system is asked for,
 * or else its number.
 *
 * Invariants. What kevy_address_format() writes of an internet address or of a Unix one with a
 * name, kevy_address_parse() reads. The text contains no control character, so that a peer which
 * chose its own name cannot forge a line of a log.
 */
#include "socket/socket.h"

#if KEVY_RING_SUPPORTED

#include <kevy/address.h>

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/un.h>

#define PORT_MAX   65535U
#define DIGITS_MAX 10U /* of a zone's number */
/* An IPv6 address with its zone. */
#define HOST_SIZE     (INET6_ADDRSTRLEN + IF_NAMESIZE)
#define NAME_OFFSET   offsetof(struct sockaddr_un, sun_path)
#define NAME_MAX_SIZE sizeof(((struct sockaddr_un *)NULL)->sun_path)

int address_port_parse(const char *text, uint16_t *port)
{
    uint32_t number = 0;

    if (*text == '\0')
        return -EINVAL;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9')
            return -EINVAL;
        if (number <= PORT_MAX)
            number = number * 10 + (uint32_t)(*text - '0');
    }
    if (number > PORT_MAX)
        return -ERANGE;
    *port = (uint16_t)number;
    return 0;
}

/* The number of an interface that has no such name: false for what is no number from 1 on. */
static bool zone_number(const char *text, uint32_t *zone)
{
    uint64_t number = 0;
    size_t digits = strspn(text, "0123456789");

    if (digits == 0 || digits > DIGITS_MAX || text[digits] != '\0')
        return false;
    while (digits-- > 0)
        number = number * 10 + (uint64_t)(*text++ - '0');
    *zone = (uint32_t)number;
    return number > 0 && number <= INT32_MAX;
}

static int zone_find(const struct kevy_system *system, const char *text, uint32_t *zone)
{
    struct ifreq request = {0};
    size_t length = strlen(text);
    int fd, error;

    if (length == 0 || length >= sizeof request.ifr_name)
        return -EINVAL;
    memcpy(request.ifr_name, text, length);
    fd = system->socket(system->context, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return fd;
    error = system->ioctl(system->context, fd, SIOCGIFINDEX, &request);
    (void)system->close(system->context, fd);
    if (error == 0)
        *zone = (uint32_t)request.ifr_ifindex;
    else if (!zone_number(text, zone))
        return -ENODEV;
    return 0;
}

/* True for addresses that mean nothing without an interface. */
static bool has_zone(const struct in6_addr *host)
{
    return IN6_IS_ADDR_LINKLOCAL(host) || IN6_IS_ADDR_MC_LINKLOCAL(host) ||
           IN6_IS_ADDR_MC_NODELOCAL(host);
}

static void address_v4(struct socket_address *address, struct in_addr host, uint16_t port)
{
    address->v4.sin_family = AF_INET;
    address->v4.sin_addr = host;
    address->v4.sin_port = htons(port);
    address->length = sizeof address->v4;
}

static void address_v6(struct socket_address *address, struct in6_addr host, uint16_t port)
{
    address->v6.sin6_family = AF_INET6;
    address->v6.sin6_addr = host;
    address->v6.sin6_port = htons(port);
    address->length = sizeof address->v6;
}

void address_any(struct socket_address *address, sa_family_t family, uint16_t port)
{
    const struct in_addr any = {.s_addr = htonl(INADDR_ANY)};

    memset(address, 0, sizeof *address);
    if (family == AF_INET)
        address_v4(address, any, port);
    else
        address_v6(address, in6addr_any, port);
}

void address_loopback(struct socket_address *address, sa_family_t family, uint16_t port)
{
    const struct in_addr loopback = {.s_addr = htonl(INADDR_LOOPBACK)};

    memset(address, 0, sizeof *address);
    if (family == AF_INET)
        address_v4(address, loopback, port);
    else
        address_v6(address, in6addr_loopback, port);
}

int address_numeric(struct socket_address *address, const struct kevy_system *system,
                    const char *host, uint16_t port)
{
    const char *zone = strchr(host, '%');
    size_t length = zone != NULL ? (size_t)(zone - host) : strlen(host);
    char text[INET6_ADDRSTRLEN];
    struct in_addr v4;
    struct in6_addr v6;

    memset(address, 0, sizeof *address);
    if (length >= sizeof text)
        return -EINVAL;
    memcpy(text, host, length);
    text[length] = '\0';
    if (zone == NULL && inet_pton(AF_INET, text, &v4) == 1) {
        address_v4(address, v4, port);
        return 0;
    }
    if (inet_pton(AF_INET6, text, &v6) != 1 || (zone != NULL && !has_zone(&v6)))
        return -EINVAL;
    address_v6(address, v6, port);
    return zone != NULL ? zone_find(system, zone + 1, &address->v6.sin6_scope_id) : 0;
}

static int hexadecimal(char digit)
{
    static const char digits[] = "0123456789abcdefABCDEF";
    const char *found = digit != '\0' ? strchr(digits, digit) : NULL;
    int value = found != NULL ? (int)(found - digits) : -1;

    return value < 16 ? value : value - 6;
}

/* Reads one byte of a Unix name, maybe of the form \xNN. Returns the characters that it takes, or 0
 * where they have no such form. */
static size_t byte_read(const char *text, char *byte)
{
    int high, low;

    *byte = *text;
    if (*text != '\\')
        return 1;
    high = text[1] == 'x' ? hexadecimal(text[2]) : -1;
    low = high >= 0 ? hexadecimal(text[3]) : -1;
    if (low < 0)
        return 0;
    *byte = (char)(high * 16 + low);
    return 4;
}

/* A path, or an abstract name behind '@'. */
static int unix_parse(struct sockaddr_un *address, socklen_t *length, const char *text)
{
    bool abstract = *text == '@';
    size_t filled = abstract; /* whose first byte is zero */

    address->sun_family = AF_UNIX;
    text += abstract;
    while (*text != '\0') {
        size_t taken;

        if (filled == NAME_MAX_SIZE)
            return -ENAMETOOLONG;
        taken = byte_read(text, &address->sun_path[filled]);
        if (taken == 0 || (!abstract && address->sun_path[filled] == '\0'))
            return -EINVAL;
        filled++;
        text += taken;
    }
    /* The zero behind a path is counted, but for the longest one, which has none. */
    *length = (socklen_t)(NAME_OFFSET + filled + (!abstract && filled < NAME_MAX_SIZE));
    return 0;
}

/* Copies the host out of the text and reads the port behind it, if there is one. */
static int host_split(const char *text, char *host, uint16_t *port)
{
    const char *end, *rest;
    bool brackets = *text == '[';

    text += brackets;
    end = brackets ? strchr(text, ']') : strchr(text, ':');
    if (brackets && end == NULL)
        return -EINVAL;
    if (end == NULL || (!brackets && strchr(end + 1, ':') != NULL))
        end = text + strlen(text);
    rest = end + brackets;
    if ((size_t)(end - text) >= HOST_SIZE || (*rest != '\0' && *rest != ':'))
        return -EINVAL;
    memcpy(host, text, (size_t)(end - text));
    host[end - text] = '\0';
    if (brackets && strchr(host, ':') == NULL)
        return -EINVAL;
    return *rest == ':' ? address_port_parse(rest + 1, port) : 0;
}

int kevy_address_parse(struct sockaddr_storage *address, socklen_t *length, const char *text,
                       uint16_t port)
{
    struct socket_address found;
    char host[HOST_SIZE];
    int error;

    memset(&found, 0, sizeof found);
    if (*text == '@' || strchr(text, '/') != NULL) {
        error = unix_parse((struct sockaddr_un *)(void *)&found.storage, &found.length, text);
    } else {
        error = host_split(text, host, &port);
        if (error == 0)
            error = address_numeric(&found, kevy_system_host(), host, port);
    }
    if (error < 0)
        return error;
    *address = found.storage;
    *length = found.length;
    return 0;
}

static int unix_format(const struct sockaddr_un *address, size_t size, char *text, size_t room)
{
    const char *name = address->sun_path;
    bool abstract = size > 0 && name[0] == '\0';
    size_t length = abstract ? size : strnlen(name, size);
    char whole[KEVY_ADDRESS_TEXT_SIZE];
    size_t filled = 0;

    if (length == 0)
        return snprintf(text, room, "unnamed");
    if (abstract)
        whole[filled++] = '@';
    else if (memchr(name, '/', length) == NULL)
        filled += (size_t)snprintf(whole, sizeof whole, "./");
    for (size_t at = abstract; at < length; at++) {
        unsigned char byte = (unsigned char)name[at];

        if (byte < ' ' || byte == 0x7F || byte == '\\' || (filled == 0 && byte == '@'))
            filled += (size_t)snprintf(whole + filled, sizeof whole - filled, "\\x%02x", byte);
        else
            whole[filled++] = (char)byte;
    }
    whole[filled] = '\0';
    return snprintf(text, room, "%s", whole);
}

static int v6_format(const struct sockaddr_in6 *address, char *text, size_t size)
{
    char host[INET6_ADDRSTRLEN], zone[2 + DIGITS_MAX] = "";

    (void)inet_ntop(AF_INET6, &address->sin6_addr, host, sizeof host);
    if (address->sin6_scope_id != 0)
        (void)snprintf(zone, sizeof zone, "%%%u", (unsigned)address->sin6_scope_id);
    return snprintf(text, size, "[%s%s]:%u", host, zone, ntohs(address->sin6_port));
}

static int v4_format(const struct sockaddr_in *address, char *text, size_t size)
{
    char host[INET_ADDRSTRLEN];

    (void)inet_ntop(AF_INET, &address->sin_addr, host, sizeof host);
    return snprintf(text, size, "%s:%u", host, ntohs(address->sin_port));
}

int kevy_address_format(const struct sockaddr *address, socklen_t length, char *text, size_t size)
{
    struct socket_address copy;

    _Static_assert(KEVY_ADDRESS_TEXT_SIZE > 4 * NAME_MAX_SIZE + sizeof "./",
                   "every byte of a name may take four characters");
    if (length < sizeof address->sa_family || length > sizeof copy.storage)
        return -EINVAL;
    memset(&copy, 0, sizeof copy);
    memcpy(&copy.storage, address, length);
    if (copy.any.sa_family == AF_INET && length >= sizeof copy.v4)
        return v4_format(&copy.v4, text, size);
    if (copy.any.sa_family == AF_INET6 && length >= sizeof copy.v6)
        return v6_format(&copy.v6, text, size);
    if (copy.any.sa_family == AF_UNIX && length <= sizeof(struct sockaddr_un))
        return unix_format((const struct sockaddr_un *)(const void *)&copy.storage,
                           length - NAME_OFFSET, text, size);
    return socket_is_internet(copy.any.sa_family) || copy.any.sa_family == AF_UNIX ? -EINVAL
                                                                                   : -EAFNOSUPPORT;
}

#endif /* KEVY_RING_SUPPORTED */
