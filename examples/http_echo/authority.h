/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * authority.h - hosts and ports, in the Host field and in targets that are whole URIs.
 *
 * Model. The grammar is that of RFC 3986, 3.2.2 and 3.2.3, with an address of IPv6 checked to its
 * last group. Three things that it has are refused all the same: a host that is empty, a comma in a
 * name, and addresses of a kind that no one has defined yet ("[v1.x]").
 */
#ifndef HTTP_ECHO_AUTHORITY_H
#define HTTP_ECHO_AUTHORITY_H

#include "text.h"

/* True for HOST or HOST:PORT without blanks around it. The port may be empty. */
bool is_authority(struct text text);

/* True for the text of an IPv6 address, without brackets. */
bool is_ipv6(struct text text);

/* True for http://AUTHORITY... and https://AUTHORITY... */
bool is_http_uri(struct text text);

#endif
