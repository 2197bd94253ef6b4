/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Options become an SSL_CTX.
 *
 * Model. One function for each group of options, tried in a row; the first error ends it. The same
 * SSL_CTX serves both sides: which one a connection is, and what it verifies, is set for each SSL.
 *
 * Invariants. TLS 1.2 is the least, with forward secrecy and authenticated encryption only, at
 * OpenSSL's security level 2. A renegotiation is refused. Tickets are valid only for the
 * authorities that they were given under: the name of the session context is made of these.
 */
#include "tls_internal.h"

#if KEVY_RING_SUPPORTED

#include <openssl/err.h>
#include <openssl/evp.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define TICKET_KEYS_SIZE          80
#define TICKET_LIFETIME_DEFAULT   7200U
#define HANDSHAKE_TIMEOUT_DEFAULT KEVY_SECONDS(10)
#define PER_TURN_DEFAULT          16U
#define WAITING_DEFAULT           1024U
#define PROTOCOL_MAX              255U
#define PROTOCOLS_MAX             65534U
#define SECURITY_LEVEL            2

static const char ciphers_default[] = "ECDHE+AESGCM:ECDHE+CHACHA20";
static const char groups_default[] = "X25519:P-256:P-384";

/* The error of an option that OpenSSL did not like. */
static int refused(struct kevy_tls_failure *failure)
{
    failure->code = tls_error_take();
    return ERR_GET_REASON(failure->code) == ERR_R_MALLOC_FAILURE ? -ENOMEM : -EINVAL;
}

static int set_versions(struct kevy_x_tls_setup *setup, const struct kevy_tls_options *options,
                        struct kevy_tls_failure *failure)
{
    const uint64_t refusals = SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                              SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA;
    int least = options->tls_1_3_only ? TLS1_3_VERSION : TLS1_2_VERSION;

    SSL_CTX_set_options(setup->ctx, refusals);
    SSL_CTX_set_security_level(setup->ctx, SECURITY_LEVEL);
    /* The chain is what the user gave. OpenSSL would look in each handshake whether the authorities
     * make it longer, and read files for that. */
    SSL_CTX_set_mode(setup->ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
    if (SSL_CTX_set_min_proto_version(setup->ctx, least) != 1 ||
        SSL_CTX_set_max_proto_version(setup->ctx, TLS1_3_VERSION) != 1)
        return refused(failure);
    return 0;
}

static int set_ciphers(struct kevy_x_tls_setup *setup, const struct kevy_tls_options *options,
                       struct kevy_tls_failure *failure)
{
    const char *ciphers = options->ciphers != NULL ? options->ciphers : ciphers_default;
    const char *groups = options->groups != NULL ? options->groups : groups_default;

    if (SSL_CTX_set_cipher_list(setup->ctx, ciphers) != 1 ||
        SSL_CTX_set1_groups_list(setup->ctx, groups) != 1)
        return refused(failure);
    return 0;
}

static int set_certificates(struct kevy_x_tls_setup *setup, const struct kevy_tls_options *options,
                            struct kevy_tls_failure *failure)
{
    int error = tls_pem_load(setup->ctx, options, failure);

    if (error < 0 || options->authorities_file != NULL || options->authorities != NULL)
        return error;
    setup->authorities_due = true;
    if (options->clients != KEVY_TLS_CLIENTS_ANONYMOUS)
        tls_setup_trust(setup);
    return 0;
}

static int set_protocols(struct kevy_x_tls_setup *setup, const struct kevy_tls_options *options,
                         struct kevy_tls_failure *failure)
{
    size_t length = 0;
    unsigned char *to;

    (void)failure;
    for (uint32_t i = 0; i < options->protocol_count; i++) {
        size_t name = strlen(options->protocols[i]);

        if (name == 0 || name > PROTOCOL_MAX)
            return -EINVAL;
        length += 1 + name;
        if (length > PROTOCOLS_MAX)
            return -EINVAL;
    }
    if (length == 0)
        return 0;
    to = malloc(length);
    if (to == NULL)
        return -ENOMEM;
    setup->protocols = to;
    setup->protocols_length = (unsigned)length;
    for (uint32_t i = 0; i < options->protocol_count; i++) {
        size_t name = strlen(options->protocols[i]);

        *to++ = (unsigned char)name;
        memcpy(to, options->protocols[i], name);
        to += name;
    }
    return 0;
}

/* The name of the session context: a digest of whom we trust, and of what we ask for. */
static int set_session_context(struct kevy_x_tls_setup *setup)
{
    STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(SSL_CTX_get_cert_store(setup->ctx));
    EVP_MD_CTX *sum = EVP_MD_CTX_new();
    unsigned char one[TLS_SESSION_CONTEXT_SIZE];
    bool done = sum != NULL && EVP_DigestInit_ex(sum, EVP_sha256(), NULL) == 1 &&
                EVP_DigestUpdate(sum, &setup->clients, sizeof setup->clients) == 1;

    for (int i = 0; done && i < sk_X509_OBJECT_num(objects); i++) {
        const X509 *authority = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));

        if (authority != NULL)
            done = X509_digest(authority, EVP_sha256(), one, NULL) == 1 &&
                   EVP_DigestUpdate(sum, one, sizeof one) == 1;
    }
    done = done && EVP_DigestFinal_ex(sum, setup->session_context, NULL) == 1 &&
           SSL_CTX_set_session_id_context(setup->ctx, setup->session_context,
                                          sizeof setup->session_context) == 1;
    EVP_MD_CTX_free(sum);
    return done ? 0 : -ENOMEM;
}

static int set_tickets(struct kevy_x_tls_setup *setup, const struct kevy_tls_options *options,
                       struct kevy_tls_failure *failure)
{
    uint32_t lifetime_s = options->ticket_lifetime_s;

    if (lifetime_s > INT_MAX)
        return -EINVAL;
    if (options->no_tickets) {
        SSL_CTX_set_options(setup->ctx, SSL_OP_NO_TICKET);
        SSL_CTX_set_num_tickets(setup->ctx, 0);
    }
    /* Not kept here: the tickets hold all that a server needs. */
    SSL_CTX_set_session_cache_mode(setup->ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_set_timeout(setup->ctx, lifetime_s != 0 ? lifetime_s : TICKET_LIFETIME_DEFAULT);
    if (options->ticket_keys != NULL &&
        SSL_CTX_set_tlsext_ticket_keys(setup->ctx, (void *)(uintptr_t)options->ticket_keys,
                                       TICKET_KEYS_SIZE) != 1)
        return refused(failure);
    return set_session_context(setup);
}

static int set_limits(struct kevy_x_tls_setup *setup, const struct kevy_tls_options *options,
                      struct kevy_tls_failure *failure)
{
    (void)failure;
    if (options->clients > KEVY_TLS_CLIENTS_CERTIFIED)
        return -EINVAL;
    setup->clients = options->clients;
    setup->verify_nothing = options->verify_nothing;
    setup->kernel_encrypts = options->kernel_encrypts;
    setup->server_name = options->server_name;
    setup->handshakes_per_turn =
        options->handshakes_per_turn != 0 ? options->handshakes_per_turn : PER_TURN_DEFAULT;
    setup->handshakes_waiting =
        options->handshakes_waiting != 0 ? options->handshakes_waiting : WAITING_DEFAULT;
    setup->handshake_timeout_ns = options->handshake_timeout_ns != 0 ? options->handshake_timeout_ns
                                                                     : HANDSHAKE_TIMEOUT_DEFAULT;
    return 0;
}

int tls_setup_create(struct kevy_x_tls_setup **setup, const struct kevy_tls_options *options,
                     struct kevy_tls_failure *failure)
{
    static int (*const steps[])(struct kevy_x_tls_setup *, const struct kevy_tls_options *,
                                struct kevy_tls_failure *) = {
        set_limits, set_versions, set_ciphers, set_certificates, set_protocols, set_tickets,
    };
    struct kevy_x_tls_setup *made = calloc(1, sizeof *made);
    int error = 0;

    if (made == NULL)
        return -ENOMEM;
    (void)tls_error_take();
    made->refs = 1;
    made->ctx = SSL_CTX_new(TLS_method());
    if (made->ctx == NULL)
        error = -ENOMEM;
    for (size_t i = 0; i < sizeof steps / sizeof *steps && error == 0; i++)
        error = steps[i](made, options, failure);
    if (error < 0) {
        (void)tls_error_take();
        tls_setup_release(made);
        return error;
    }
    tls_hello_install(made->ctx);
    tls_session_install(made->ctx);
    *setup = made;
    return 0;
}

void tls_setup_trust(struct kevy_x_tls_setup *setup)
{
    if (!setup->authorities_due)
        return;
    setup->authorities_due = false;
    if (SSL_CTX_set_default_verify_paths(setup->ctx) != 1)
        (void)tls_error_take(); /* without memory nobody is trusted */
}

void tls_setup_release(struct kevy_x_tls_setup *setup)
{
    if (__atomic_sub_fetch(&setup->refs, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    SSL_CTX_free(setup->ctx);
    free(setup->protocols);
    free(setup);
}

#endif /* KEVY_RING_SUPPORTED */
