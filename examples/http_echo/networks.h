/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * networks.h - a list of addresses and of networks, as it stands on the command line.
 *
 * Model. A network is an address and the number of its bits that count: 10.0.0.0/8, 2001:db8::/32.
 * Without a number all of them count. IPv4 addresses are kept as the IPv6 addresses that a socket
 * for both shows them as (::ffff:10.0.0.0/104), but an IPv6 network that is larger than all of
 * these contains none of them: ::/0 is every IPv6 address.
 */
#ifndef HTTP_ECHO_NETWORKS_H
#define HTTP_ECHO_NETWORKS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define NETWORKS_MAX 32

struct network {
    struct in6_addr address;
    uint8_t bits;
};

struct networks {
    uint32_t count;
    struct network list[NETWORKS_MAX];
};

/* Reads ADDRESS[/BITS] with commas between several. Returns false when it is no such list, or has
 * more than NETWORKS_MAX. */
bool networks_read(struct networks *networks, const char *text);

/* Is the address in one of them? A Unix address never is. */
bool networks_contain(const struct networks *networks, const struct sockaddr *address);

#endif
