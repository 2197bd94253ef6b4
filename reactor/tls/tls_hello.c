/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What is chosen in the handshake: the context by name, the protocol by ALPN, and who is verified.
 *
 * Model. OpenSSL calls back within SSL_do_handshake(). Each SSL knows its connection, and that its
 * setup, which another context replaces when the client asks for a name.
 *
 * Invariant. An SSL and its connection have the same setup: the one that SSL_get_SSL_CTX() is of.
 */
#include "tls_internal.h"

#if KEVY_RING_SUPPORTED

#include <openssl/x509v3.h>

#include <arpa/inet.h>
#include <string.h>

/* Of a host, by DNS and by RFC 6066. */
#define NAME_MAX_LENGTH 255

static void verify_by_setup(struct kevy_tls *tls)
{
    int mode = SSL_VERIFY_NONE;

    if (tls_has(tls, TLS_CLIENT) ? !tls->setup->verify_nothing
                                 : tls->setup->clients != KEVY_TLS_CLIENTS_ANONYMOUS)
        mode = SSL_VERIFY_PEER;
    if (!tls_has(tls, TLS_CLIENT) && tls->setup->clients == KEVY_TLS_CLIENTS_CERTIFIED)
        mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    SSL_set_verify(tls->ssl, mode, NULL);
}

/* The setup of another context, which the client asked for. */
static bool setup_choose(struct kevy_tls *tls, struct kevy_tls_context *context)
{
    struct kevy_x_tls_setup *before = tls->setup;

    tls->setup = tls_context_setup(context);
    tls_setup_release(before); /* the SSL_CTX of the tickets stays with the SSL */
    if (SSL_set_SSL_CTX(tls->ssl, tls->setup->ctx) == NULL)
        return false;
    verify_by_setup(tls);
    return true;
}

/*
 * The name in a server_name extension: the length of a list, a type, a length, the name; as text
 * into `to`, which has room for any. False when there is none that can be one.
 */
static bool name_read(SSL *ssl, char to[NAME_MAX_LENGTH + 1])
{
    const unsigned char *bytes;
    size_t length, name;

    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &bytes, &length) != 1 || length < 5)
        return false;
    name = (size_t)bytes[3] << 8 | bytes[4];
    if (bytes[2] != TLSEXT_NAMETYPE_host_name || name == 0 || name > NAME_MAX_LENGTH ||
        name > length - 5 || memchr(bytes + 5, 0, name) != NULL)
        return false;
    memcpy(to, bytes + 5, name);
    to[name] = '\0';
    return true;
}

/*
 * Before OpenSSL looks at anything else of the client's first message. The servername callback
 * comes too late: by then a session is resumed, perhaps one whose client has not shown the
 * certificate that the other context asks for.
 */
static int on_hello(SSL *ssl, int *alert, void *context)
{
    struct kevy_tls *tls = SSL_get_app_data(ssl);
    char name[NAME_MAX_LENGTH + 1];
    struct kevy_tls_context *chosen;

    (void)context;
    if (tls->setup->server_name == NULL || !name_read(ssl, name))
        return SSL_CLIENT_HELLO_SUCCESS;
    chosen = tls->setup->server_name(tls, name);
    *alert = chosen == NULL ? SSL_AD_UNRECOGNIZED_NAME : SSL_AD_INTERNAL_ERROR;
    if (chosen == NULL || (chosen != tls->context && !setup_choose(tls, chosen)))
        return SSL_CLIENT_HELLO_ERROR;
    return SSL_CLIENT_HELLO_SUCCESS;
}

/* The name was looked at in on_hello(); this keeps it, and tells the client that it was. */
static int on_server_name(SSL *ssl, int *alert, void *context)
{
    const struct kevy_tls *tls = SSL_get_app_data(ssl);

    (void)alert;
    (void)context;
    return tls->setup->server_name != NULL ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

static int on_protocols(SSL *ssl, const unsigned char **chosen, unsigned char *length,
                        const unsigned char *offered, unsigned offered_length, void *context)
{
    const struct kevy_tls *tls = SSL_get_app_data(ssl);
    const struct kevy_x_tls_setup *setup = tls->setup;
    unsigned char *found = NULL;

    (void)context;
    if (setup->protocols == NULL)
        return SSL_TLSEXT_ERR_NOACK;
    if (SSL_select_next_proto(&found, length, setup->protocols, setup->protocols_length, offered,
                              offered_length) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *chosen = found;
    return SSL_TLSEXT_ERR_OK;
}

/* A KeyUpdate with update_requested (RFC 8446, 4.6.3): a type, a length of three bytes, that. */
static bool asks_for_keys(const unsigned char *message, size_t length)
{
    return length == 5 && message[0] == SSL3_MT_KEY_UPDATE &&
           message[4] == SSL_KEY_UPDATE_REQUESTED;
}

/* Counts what the peer sends beside the user's bytes. */
static void on_message(int writes, int version, int type, const void *bytes, size_t length,
                       SSL *ssl, void *context)
{
    struct kevy_tls *tls = context;

    (void)version;
    (void)ssl;
    if (writes || type != SSL3_RT_HANDSHAKE)
        return;
    if (tls->messages < UINT16_MAX)
        tls->messages++;
    if (tls_has(tls, TLS_KERNEL) && asks_for_keys(bytes, length))
        tls_set(tls, TLS_KEYS_ASKED);
}

void tls_hello_install(SSL_CTX *ctx)
{
    SSL_CTX_set_client_hello_cb(ctx, on_hello, NULL);
    SSL_CTX_set_tlsext_servername_callback(ctx, on_server_name);
    SSL_CTX_set_alpn_select_cb(ctx, on_protocols, NULL);
    SSL_CTX_set_msg_callback(ctx, on_message);
}

static bool is_address(const char *name)
{
    unsigned char address[16];

    return inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1;
}

/* Whom a client asks for, and whose certificate it accepts. An address is not sent: RFC 6066. */
static bool name_begin(struct kevy_tls *tls)
{
    X509_VERIFY_PARAM *parameters = SSL_get0_param(tls->ssl);

    if (tls->name == NULL)
        return true;
    if (is_address(tls->name))
        return X509_VERIFY_PARAM_set1_ip_asc(parameters, tls->name) == 1;
    SSL_set_hostflags(tls->ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(tls->ssl, tls->name) == 1 &&
           SSL_set_tlsext_host_name(tls->ssl, tls->name) == 1;
}

bool tls_hello_begin(struct kevy_tls *tls)
{
    const struct kevy_x_tls_setup *setup = tls->setup;

    SSL_set_app_data(tls->ssl, tls);
    SSL_set_msg_callback_arg(tls->ssl, tls);
    verify_by_setup(tls);
    if (!tls_has(tls, TLS_CLIENT)) {
        SSL_set_accept_state(tls->ssl);
        return true;
    }
    SSL_set_connect_state(tls->ssl);
    if (setup->protocols != NULL &&
        SSL_set_alpn_protos(tls->ssl, setup->protocols, setup->protocols_length) != 0)
        return false;
    if (!name_begin(tls))
        return false;
    tls_session_offer(tls);
    return true;
}

int kevy_tls_info(const struct kevy_tls *tls, struct kevy_tls_info *info)
{
    const unsigned char *protocol = NULL;
    unsigned length = 0;
    X509 *certificate;

    if (tls->state != TLS_OPEN)
        return -ENOTCONN;
    SSL_get0_alpn_selected(tls->ssl, &protocol, &length);
    certificate = SSL_get0_peer_certificate(tls->ssl);
    *info = (struct kevy_tls_info){
        .version = SSL_get_version(tls->ssl),
        .cipher = SSL_get_cipher_name(tls->ssl),
        .protocol = (const char *)protocol,
        .protocol_length = length,
        .resumed = SSL_session_reused(tls->ssl) == 1,
        .verified = certificate != NULL && SSL_get_verify_mode(tls->ssl) != SSL_VERIFY_NONE &&
                    SSL_get_verify_result(tls->ssl) == X509_V_OK,
        .kernel_encrypts = tls->kernel,
        .server_name = SSL_get_servername(tls->ssl, TLSEXT_NAMETYPE_host_name),
    };
    return 0;
}

#endif /* KEVY_RING_SUPPORTED */
