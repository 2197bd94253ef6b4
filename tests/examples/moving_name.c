/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * For examples that are built once more for their tests: name servers in a file. The name to look
 * up is a path; what stands there is a port of this host, and nothing there is no such name. The
 * two functions take the place of the C library's in the program and its libraries.
 */

#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

struct answer {
    struct addrinfo info;
    struct sockaddr_in address;
};

static unsigned port_read(const char *path)
{
    FILE *file = fopen(path, "re");
    unsigned port = 0;

    if (file == NULL || fscanf(file, "%u", &port) != 1)
        port = 0;
    if (file != NULL)
        fclose(file);
    return port;
}

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                struct addrinfo **list)
{
    unsigned port = port_read(host);
    struct answer *answer = port != 0 ? calloc(1, sizeof *answer) : NULL;

    (void)service;
    if (answer == NULL)
        return EAI_NONAME;
    answer->address.sin_family = AF_INET;
    answer->address.sin_port = htons((uint16_t)port);
    answer->address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    answer->info.ai_family = AF_INET;
    answer->info.ai_socktype = hints->ai_socktype;
    answer->info.ai_addr = (struct sockaddr *)&answer->address;
    answer->info.ai_addrlen = sizeof answer->address;
    *list = &answer->info;
    return 0;
}

void freeaddrinfo(struct addrinfo *list)
{
    free(list); /* the first member of its answer */
}
