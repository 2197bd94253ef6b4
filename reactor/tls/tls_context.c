/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Contexts.
 *
 * Model. A context has one setup at a time. A reload makes a new one and exchanges the pointer; the
 * connections that have begun keep a reference to theirs. The context itself lives as long as its
 * user has not destroyed it, or a connection is left.
 *
 * Threads. The lock protects what changes; it is held for a few instructions, once or twice in a
 * connection. Partner of the release in tls_context_release() is the acquire there: whoever frees
 * sees what the others did.
 */
#include "tls_internal.h"

#if KEVY_RING_SUPPORTED

#include <stdlib.h>
#include <string.h>

#define SESSIONS_DEFAULT 64U
#define TICKET_KEYS_SIZE 80

static const struct kevy_tls_options no_options;

/* Without the lock: it is not there yet, or there is nobody else. */
static void context_free(struct kevy_tls_context *context)
{
    assert(context->loops == NULL);
    if (context->sessions != NULL)
        tls_sessions_clear(context);
    free(context->sessions);
    if (context->setup != NULL)
        tls_setup_release(context->setup);
    if (context->method != NULL)
        BIO_meth_free(context->method);
    pthread_mutex_destroy(&context->lock);
    free(context);
}

static struct kevy_tls_context *context_make(const struct kevy_tls_options *options)
{
    struct kevy_tls_context *context = calloc(1, sizeof *context);

    if (context == NULL)
        return NULL;
    pthread_mutex_init(&context->lock, NULL); /* which does not fail on Linux */
    context->refs = 1;
    context->sessions_max = options->sessions_max != 0 ? options->sessions_max : SESSIONS_DEFAULT;
    context->sessions = calloc(context->sessions_max, sizeof *context->sessions);
    context->method = tls_bio_method();
    if (context->sessions != NULL && context->method != NULL)
        return context;
    context_free(context);
    return NULL;
}

int kevy_tls_context_create(struct kevy_tls_context **context,
                            const struct kevy_tls_options *options,
                            struct kevy_tls_failure *failure)
{
    struct kevy_tls_failure unwanted;
    struct kevy_tls_context *made;
    int error = -ENOMEM;

    if (options == NULL)
        options = &no_options;
    if (failure == NULL)
        failure = &unwanted;
    *failure = (struct kevy_tls_failure){0};
    made = context_make(options);
    if (made != NULL)
        error = tls_setup_create(&made->setup, options, failure);
    failure->error = error;
    if (error < 0) {
        if (made != NULL)
            context_free(made);
        return error;
    }
    *context = made;
    return 0;
}

/* The tickets of the time before stay valid. */
static void ticket_keys_move(SSL_CTX *to, SSL_CTX *from)
{
    unsigned char keys[TICKET_KEYS_SIZE];

    if (SSL_CTX_get_tlsext_ticket_keys(from, keys, sizeof keys) == 1)
        (void)SSL_CTX_set_tlsext_ticket_keys(to, keys, sizeof keys);
    OPENSSL_cleanse(keys, sizeof keys);
}

int kevy_tls_context_reload(struct kevy_tls_context *context,
                            const struct kevy_tls_options *options,
                            struct kevy_tls_failure *failure)
{
    struct kevy_tls_failure unwanted;
    struct kevy_x_tls_setup *setup, *before;
    int error;

    if (options == NULL)
        options = &no_options;
    if (failure == NULL)
        failure = &unwanted;
    *failure = (struct kevy_tls_failure){0};
    error = tls_setup_create(&setup, options, failure);
    failure->error = error;
    if (error < 0)
        return error;
    pthread_mutex_lock(&context->lock);
    before = context->setup;
    if (options->ticket_keys == NULL)
        ticket_keys_move(setup->ctx, before->ctx);
    context->setup = setup;
    tls_sessions_clear(context);
    pthread_mutex_unlock(&context->lock);
    tls_setup_release(before);
    return 0;
}

void tls_context_keep(struct kevy_tls_context *context)
{
    __atomic_add_fetch(&context->refs, 1, __ATOMIC_RELAXED);
}

void tls_context_release(struct kevy_tls_context *context)
{
    if (__atomic_sub_fetch(&context->refs, 1, __ATOMIC_ACQ_REL) == 0)
        context_free(context);
}

void kevy_tls_context_destroy(struct kevy_tls_context *context)
{
    if (context != NULL)
        tls_context_release(context);
}

struct kevy_x_tls_setup *tls_context_setup(struct kevy_tls_context *context)
{
    struct kevy_x_tls_setup *setup;

    pthread_mutex_lock(&context->lock);
    setup = context->setup;
    __atomic_add_fetch(&setup->refs, 1, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&context->lock);
    return setup;
}

struct kevy_x_tls_setup *tls_context_enter(struct kevy_tls_context *context, bool client)
{
    struct kevy_x_tls_setup *setup = tls_context_setup(context);

    tls_context_keep(context);
    if (client) {
        pthread_mutex_lock(&context->lock);
        tls_setup_trust(setup);
        pthread_mutex_unlock(&context->lock);
    }
    return setup;
}

bool tls_context_verifies_nothing(struct kevy_tls_context *context)
{
    struct kevy_x_tls_setup *setup = tls_context_setup(context);
    bool nothing = setup->verify_nothing;

    tls_setup_release(setup);
    return nothing;
}

void kevy_tls_context_stats(const struct kevy_tls_context *context, struct kevy_tls_stats *stats)
{
    uint64_t counts[TLS_COUNTS];

    for (unsigned count = 0; count < TLS_COUNTS; count++)
        counts[count] = __atomic_load_n(&context->counts[count], __ATOMIC_RELAXED);
    *stats = (struct kevy_tls_stats){
        .handshakes = counts[TLS_COUNT_HANDSHAKES],
        .handshakes_resumed = counts[TLS_COUNT_RESUMED],
        .handshakes_kernel = counts[TLS_COUNT_KERNEL],
        .handshakes_failed = counts[TLS_COUNT_FAILED],
        .handshakes_waited = counts[TLS_COUNT_WAITED],
        .handshakes_shed = counts[TLS_COUNT_SHED],
        .truncations = counts[TLS_COUNT_TRUNCATIONS],
    };
}

#endif /* KEVY_RING_SUPPORTED */
