/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* A client: its socket, and with TLS what OpenSSL puts around it. */

#include "hostile.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifdef HOSTILE_TLS
#include "scratch.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#endif

/* A port of the client's stays taken for a minute after its end. Many addresses have many ports. */
#define ADDRESSES 200

const char *links_server_options[5];

#ifdef HOSTILE_TLS
static SSL_CTX *context;
static scratch_path folder;
static char certificate_path[64], key_path[64];

/* A certificate by itself, which nobody verifies, and its key. */
static bool certificate_write(void)
{
    X509 *certificate = X509_new();
    EVP_PKEY *key = EVP_EC_gen("P-256");
    FILE *to = fopen(certificate_path, "we"), *key_to = fopen(key_path, "we");
    bool written;

    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
    X509_set_pubkey(certificate, key);
    written = X509_sign(certificate, key, EVP_sha256()) > 0 && to && key_to &&
              PEM_write_X509(to, certificate) == 1 &&
              PEM_write_PrivateKey(key_to, key, NULL, NULL, 0, NULL, NULL) == 1;
    X509_free(certificate);
    EVP_PKEY_free(key);
    if (to)
        fclose(to);
    if (key_to)
        fclose(key_to);
    return written;
}

bool links_begin(void)
{
    if (!options.tls)
        return true;
    if (!scratch_folder(folder))
        return false;
    snprintf(certificate_path, sizeof certificate_path, "%s/server.pem", folder);
    snprintf(key_path, sizeof key_path, "%s/server.key", folder);
    if (!certificate_write())
        return false;
    links_server_options[0] = "--tls-certificate";
    links_server_options[1] = certificate_path;
    links_server_options[2] = "--tls-key";
    links_server_options[3] = key_path;
    context = SSL_CTX_new(TLS_client_method());
    if (context)
        SSL_CTX_set_mode(context,
                         SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    return context != NULL;
}

void links_end(void)
{
    if (!options.tls)
        return;
    SSL_CTX_free(context);
    unlink(certificate_path);
    unlink(key_path);
    rmdir(folder);
}

/* 0: later; -1: the connection is over. */
static ssize_t tls_result(struct link *link, int result)
{
    int error = SSL_get_error(link->ssl, result);

    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

static void tls_free(struct link *link)
{
    SSL_free(link->ssl);
    link->ssl = NULL;
}

static bool tls_begin(struct link *link)
{
    link->ssl = SSL_new(context);
    return link->ssl && SSL_set_fd(link->ssl, link->fd);
}

bool link_handshake(struct link *link)
{
    int result;

    if (!options.tls)
        return true;
    if (!tls_begin(link))
        return false;
    while ((result = SSL_connect(link->ssl)) != 1)
        if (tls_result(link, result) < 0 || !link_wait(link, SSL_want_write(link->ssl)))
            return false;
    return true;
}

/* OpenSSL writes it to memory. */
bool link_send_hello(struct link *link, size_t length)
{
    unsigned char hello[4096];
    BIO *to = BIO_new(BIO_s_mem());
    int got;

    if (!options.tls) {
        BIO_free(to);
        return true;
    }
    link->ssl = SSL_new(context);
    SSL_set_bio(link->ssl, BIO_new(BIO_s_mem()), to);
    SSL_connect(link->ssl);
    got = BIO_read(to, hello, sizeof hello);
    tls_free(link);
    if (got <= 0)
        return false;
    length = length < (size_t)got ? length : (size_t)got;
    return send(link->fd, hello, length, MSG_NOSIGNAL) == (ssize_t)length;
}
#else
bool links_begin(void)
{
    return true;
}

void links_end(void) {}

bool link_handshake(struct link *link)
{
    (void)link;
    return true;
}

bool link_send_hello(struct link *link, size_t length)
{
    (void)link;
    (void)length;
    return true;
}
#endif

bool link_dial(struct link *link, int window)
{
    static unsigned number;
    struct sockaddr_in here = {.sin_family = AF_INET,
                               .sin_addr.s_addr =
                                   htonl(INADDR_LOOPBACK + 1 + number++ % ADDRESSES)};
    struct sockaddr_in there = {.sin_family = AF_INET,
                                .sin_port = htons(server.port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int on = 1;

    *link = (struct link){.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (link->fd < 0)
        return false;
    if (window)
        setsockopt(link->fd, SOL_SOCKET, SO_RCVBUF, &window, sizeof window);
    setsockopt(link->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(link->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    if (bind(link->fd, (struct sockaddr *)&here, sizeof here) < 0 ||
        (connect(link->fd, (struct sockaddr *)&there, sizeof there) < 0 && errno != EINPROGRESS) ||
        !link_wait(link, true)) {
        link_close(link);
        return false;
    }
    return true;
}

bool link_open(struct link *link)
{
    if (link_dial(link, 0) && link_handshake(link))
        return true;
    link_close(link);
    return false;
}

ssize_t link_send_some(struct link *link, const void *bytes, size_t length)
{
    ssize_t count;

#ifdef HOSTILE_TLS
    if (link->ssl) {
        int result = SSL_write(link->ssl, bytes, (int)length);
        return result > 0 ? result : tls_result(link, result);
    }
#endif
    count = send(link->fd, bytes, length, MSG_NOSIGNAL);
    return count >= 0 ? count : errno == EAGAIN || errno == EINTR ? 0 : -1;
}

ssize_t link_read_some(struct link *link, void *bytes, size_t length)
{
    ssize_t count;

#ifdef HOSTILE_TLS
    if (link->ssl) {
        int result = SSL_read(link->ssl, bytes, (int)length);
        return result > 0 ? result : tls_result(link, result);
    }
#endif
    count = recv(link->fd, bytes, length, 0);
    return count > 0 ? count : count < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

bool link_wait(struct link *link, bool sending)
{
    struct pollfd ready = {.fd = link->fd, .events = POLLIN};

    if (sending)
        ready.events |= POLLOUT;
    return poll(&ready, 1, PATIENCE_MS) > 0;
}

bool link_send(struct link *link, const void *bytes, size_t length)
{
    const char *at = bytes;

    while (length) {
        ssize_t count = link_send_some(link, at, length);

        if (count < 0 || (count == 0 && !link_wait(link, true)))
            return false;
        at += count;
        length -= (size_t)count;
    }
    return true;
}

bool link_say(struct link *link, const char *text)
{
    return link_send(link, text, strlen(text));
}

bool link_drain(struct link *link)
{
    char rest[16384];
    ssize_t count;

    while ((count = link_read_some(link, rest, sizeof rest)) >= 0)
        if (count == 0 && !link_wait(link, false))
            return false;
    return true;
}

void link_half_close(struct link *link)
{
#ifdef HOSTILE_TLS
    if (link->ssl)
        SSL_shutdown(link->ssl);
#endif
    shutdown(link->fd, SHUT_WR);
}

void link_close(struct link *link)
{
#ifdef HOSTILE_TLS
    tls_free(link);
#endif
    if (link->fd >= 0)
        close(link->fd);
    link->fd = -1;
}

void link_reset(struct link *link)
{
    const struct linger linger = {.l_onoff = 1};

    setsockopt(link->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    link_close(link);
}

bool link_vanish(struct link *link)
{
    const int on = 1;
    bool permitted = setsockopt(link->fd, IPPROTO_TCP, TCP_REPAIR, &on, sizeof on) == 0;

    link_close(link);
    return permitted;
}

struct link *crowd_make(unsigned count)
{
    struct link *links = calloc(count, sizeof *links);

    for (unsigned i = 0; links && i < count; i++)
        links[i].fd = -1;
    return links;
}

void crowd_free(struct link *links, unsigned count)
{
    for (unsigned i = 0; links && i < count; i++)
        if (links[i].fd >= 0)
            link_close(&links[i]);
    free(links);
}
