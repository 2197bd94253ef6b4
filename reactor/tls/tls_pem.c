/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Certificates and keys in PEM form, from files or from memory.
 *
 * Model. Both become a BIO, and are read in the same way. Nobody is asked for a password: a key
 * that has one is an error.
 *
 * Invariant. A certificate and its key come together.
 */
#include "tls_internal.h"

#if KEVY_RING_SUPPORTED

#include <openssl/err.h>
#include <openssl/pem.h>

#include <limits.h>

/* A file, or memory where there is no file. */
struct pem {
    const char *file;
    const void *data;
    size_t length;
};

static bool pem_given(const struct pem *pem)
{
    return pem->file != NULL || pem->data != NULL;
}

/* Notes that there is a password, in *context, a bool. */
static int password_none(char *to, int size, int writing, void *context)
{
    (void)to;
    (void)size;
    (void)writing;
    *(bool *)context = true;
    return -1;
}

/* Opens what was given. Returns 0 or an error. */
static int pem_open(const struct pem *pem, BIO **bio, struct kevy_tls_failure *failure)
{
    failure->file = pem->file;
    if (pem->file == NULL) {
        *bio = pem->length <= INT_MAX ? BIO_new_mem_buf(pem->data, (int)pem->length) : NULL;
        return *bio != NULL ? 0 : -ENOMEM;
    }
    errno = 0;
    *bio = BIO_new_file(pem->file, "re");
    if (*bio != NULL)
        return 0;
    (void)tls_error_take();
    return errno != 0 ? -errno : -ENOMEM;
}

/* Why there was not another one: the end is an error of OpenSSL, too. */
static int pem_stopped(unsigned count, struct kevy_tls_failure *failure)
{
    unsigned long code = ERR_peek_last_error();
    bool end = ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;

    failure->code = tls_error_take();
    if (!end || count == 0)
        return -EBADMSG;
    failure->code = 0;
    return 0;
}

static int use_certificate(SSL_CTX *ctx, X509 *certificate, unsigned number)
{
    /* The first is ours, and the others lead to an authority. */
    int used = number == 0 ? SSL_CTX_use_certificate(ctx, certificate)
                           : (int)SSL_CTX_add1_chain_cert(ctx, certificate);

    return used == 1 ? 0 : -EKEYREJECTED;
}

static int use_authority(SSL_CTX *ctx, X509 *certificate, unsigned number)
{
    (void)number;
    if (X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), certificate) != 1 ||
        SSL_CTX_add_client_CA(ctx, certificate) != 1)
        return -ENOMEM;
    return 0;
}

/* Reads all certificates of a file or memory. */
static int certificates_load(SSL_CTX *ctx, const struct pem *pem,
                             int (*use)(SSL_CTX *, X509 *, unsigned),
                             struct kevy_tls_failure *failure)
{
    BIO *bio = NULL;
    X509 *certificate;
    unsigned count = 0;
    bool password = false;
    int error = pem_open(pem, &bio, failure);

    while (error == 0 &&
           (certificate = PEM_read_bio_X509(bio, NULL, password_none, &password)) != NULL) {
        error = use(ctx, certificate, count++);
        X509_free(certificate);
    }
    if (error == 0)
        error = pem_stopped(count, failure);
    else if (failure->code == 0)
        failure->code = tls_error_take();
    BIO_free(bio);
    return error;
}

static int key_load(SSL_CTX *ctx, const struct pem *pem, struct kevy_tls_failure *failure)
{
    BIO *bio = NULL;
    EVP_PKEY *key = NULL;
    bool password = false;
    int error = pem_open(pem, &bio, failure);

    if (error < 0)
        return error;
    key = PEM_read_bio_PrivateKey(bio, NULL, password_none, &password);
    if (key == NULL)
        error = -EBADMSG;
    else if (SSL_CTX_use_PrivateKey(ctx, key) != 1 || SSL_CTX_check_private_key(ctx) != 1)
        error = -EKEYREJECTED;
    if (error < 0)
        failure->code = tls_error_take();
    if (password)
        failure->code = 0; /* our own sentence says it better */
    EVP_PKEY_free(key);
    BIO_free(bio);
    return error;
}

int tls_pem_load(SSL_CTX *ctx, const struct kevy_tls_options *options,
                 struct kevy_tls_failure *failure)
{
    const struct pem certificate = {options->certificate_file, options->certificate,
                                    options->certificate_length};
    const struct pem key = {options->key_file, options->key, options->key_length};
    const struct pem authorities = {options->authorities_file, options->authorities,
                                    options->authorities_length};
    int error = 0;

    if (pem_given(&certificate) != pem_given(&key))
        return -EINVAL;
    if (pem_given(&certificate))
        error = certificates_load(ctx, &certificate, use_certificate, failure);
    if (error == 0 && pem_given(&key))
        error = key_load(ctx, &key, failure);
    if (error == 0 && pem_given(&authorities))
        error = certificates_load(ctx, &authorities, use_authority, failure);
    if (error == 0)
        failure->file = NULL;
    return error;
}

#endif /* KEVY_RING_SUPPORTED */
