/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Sessions that clients remember, to be resumed.
 *
 * Model. A context has a table with one session for each name. A new one replaces that of the same
 * name, or the oldest. A connection takes the session out when it offers it: used twice, it would
 * let those who listen link the two connections (RFC 8446, C.4). The server sends another one.
 *
 * Invariants. An entry has a name and a session, or neither. A session is offered only for the name
 * that its server was verified for.
 */
#include "tls_internal.h"

#if KEVY_RING_SUPPORTED

#include <stdlib.h>
#include <string.h>

static void entry_clear(struct tls_session *entry)
{
    free(entry->name);
    if (entry->session != NULL)
        SSL_SESSION_free(entry->session);
    *entry = (struct tls_session){0};
}

static struct tls_session *entry_find(struct kevy_tls_context *context, const char *name)
{
    for (uint32_t i = 0; i < context->sessions_max; i++)
        if (context->sessions[i].name != NULL && strcmp(context->sessions[i].name, name) == 0)
            return &context->sessions[i];
    return NULL;
}

/* Called by OpenSSL, which passes a reference on when 1 is returned. */
static int on_session(SSL *ssl, SSL_SESSION *session)
{
    struct kevy_tls *tls = SSL_get_app_data(ssl);
    struct kevy_tls_context *context = tls->context;
    char *name;
    struct tls_session *entry;

    if (!tls_has(tls, TLS_CLIENT) || tls->name == NULL || tls->setup->verify_nothing)
        return 0;
    name = strdup(tls->name);
    if (name == NULL)
        return 0;
    pthread_mutex_lock(&context->lock);
    entry = entry_find(context, name);
    if (entry == NULL) {
        entry = &context->sessions[context->session_next];
        context->session_next = (context->session_next + 1) % context->sessions_max;
    }
    entry_clear(entry);
    *entry = (struct tls_session){name, session};
    pthread_mutex_unlock(&context->lock);
    return 1;
}

void tls_session_install(SSL_CTX *ctx)
{
    SSL_CTX_sess_set_new_cb(ctx, on_session);
}

/* A reload may have come between: then those who trusted the server are perhaps others. */
static bool session_fits(const struct kevy_tls *tls, const SSL_SESSION *session)
{
    unsigned length;
    const unsigned char *name = SSL_SESSION_get0_id_context(session, &length);

    return length == TLS_SESSION_CONTEXT_SIZE &&
           memcmp(name, tls->setup->session_context, length) == 0;
}

void tls_session_offer(struct kevy_tls *tls)
{
    struct kevy_tls_context *context = tls->context;
    struct tls_session taken = {0}, *entry = NULL;

    if (tls->name == NULL)
        return;
    pthread_mutex_lock(&context->lock);
    entry = entry_find(context, tls->name);
    if (entry != NULL) {
        taken = *entry;
        *entry = (struct tls_session){0};
    }
    pthread_mutex_unlock(&context->lock);
    if (taken.session != NULL && session_fits(tls, taken.session))
        (void)SSL_set_session(tls->ssl, taken.session); /* if not, a whole handshake */
    entry_clear(&taken);
}

void tls_sessions_clear(struct kevy_tls_context *context)
{
    for (uint32_t i = 0; i < context->sessions_max; i++)
        entry_clear(&context->sessions[i]);
}

#endif /* KEVY_RING_SUPPORTED */
