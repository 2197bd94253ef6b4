/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "tls_identity.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stddef.h>

#define DAY_S 86400L

struct tls_identity tls_authority;
struct tls_identity tls_stranger;
struct tls_identity tls_local;
struct tls_identity tls_named;
struct tls_identity tls_strange;
struct tls_identity tls_visitor;

static bool extension_add(X509 *certificate, int number, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, number, value);
    bool added = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;

    X509_EXTENSION_free(extension);
    return added;
}

static bool pem_take(BIO *bio, char *text, size_t size)
{
    int length = BIO_read(bio, text, (int)size - 1);

    if (length > 0)
        text[length] = '\0';
    return length > 0;
}

static bool pem_write(struct tls_identity *identity)
{
    BIO *bio = BIO_new(BIO_s_mem());
    bool done = bio != NULL && PEM_write_bio_X509(bio, identity->x509) == 1 &&
                pem_take(bio, identity->certificate, sizeof identity->certificate) &&
                PEM_write_bio_PrivateKey(bio, identity->pkey, NULL, NULL, 0, NULL, NULL) == 1 &&
                pem_take(bio, identity->key, sizeof identity->key);

    BIO_free(bio);
    return done;
}

/* A certificate for `names` by an issuer, or an authority where that is NULL. */
static bool make(struct tls_identity *identity, const char *common_name, const char *names,
                 const struct tls_identity *issuer)
{
    static long serial = 1;
    const struct tls_identity *by = issuer != NULL ? issuer : identity;
    X509_NAME *name;

    identity->pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    identity->x509 = X509_new();
    if (identity->pkey == NULL || identity->x509 == NULL)
        return false;
    name = X509_get_subject_name(identity->x509);
    X509_set_version(identity->x509, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(identity->x509), serial++);
    X509_gmtime_adj(X509_getm_notBefore(identity->x509), -DAY_S);
    X509_gmtime_adj(X509_getm_notAfter(identity->x509), DAY_S);
    X509_set_pubkey(identity->x509, identity->pkey);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)common_name, -1, -1,
                               0);
    X509_set_issuer_name(identity->x509, X509_get_subject_name(by->x509));
    return extension_add(identity->x509,
                         issuer != NULL ? NID_subject_alt_name : NID_basic_constraints,
                         issuer != NULL ? names : "critical,CA:TRUE") &&
           X509_sign(identity->x509, by->pkey, NULL) > 0 && pem_write(identity);
}

bool tls_identities_make(void)
{
    return make(&tls_authority, "authority", NULL, NULL) &&
           make(&tls_stranger, "stranger", NULL, NULL) &&
           make(&tls_local, "local", "DNS:localhost,IP:127.0.0.1", &tls_authority) &&
           make(&tls_named, "named", "DNS:example.test", &tls_authority) &&
           make(&tls_strange, "strange", "DNS:localhost,IP:127.0.0.1,DNS:example.test",
                &tls_stranger) &&
           make(&tls_visitor, "visitor", "DNS:visitor.test", &tls_authority);
}

void tls_identity_use(SSL *ssl, const struct tls_identity *identity)
{
    (void)SSL_use_certificate(ssl, identity->x509);
    (void)SSL_use_PrivateKey(ssl, identity->pkey);
}
