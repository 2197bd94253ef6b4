/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "identity.h"

#include <check.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stddef.h>

#define DAY_S 86400L

struct identity authority;
struct identity other_authority;
struct identity server_identity;
struct identity expired_identity;
struct identity future_identity;
struct identity named_identity;
struct identity untrusted_identity;
struct identity client_identity;

/* What a certificate is made of. */
struct wish {
    const char *common_name;
    const char *names;    /* subjectAltName, NULL for an authority */
    long from_s, until_s; /* from now */
};

/* An authority that can sign; the PEM form alone would have to be read again. */
struct issuer {
    X509 *certificate;
    EVP_PKEY *key;
};

static void pem_write(struct identity *identity, X509 *certificate, EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_mem());
    int length;

    ck_assert_int_eq(PEM_write_bio_X509(bio, certificate), 1);
    length = BIO_read(bio, identity->certificate, sizeof identity->certificate - 1);
    ck_assert_int_gt(length, 0);
    identity->certificate[length] = '\0';
    ck_assert_int_eq(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
    length = BIO_read(bio, identity->key, sizeof identity->key - 1);
    ck_assert_int_gt(length, 0);
    identity->key[length] = '\0';
    BIO_free(bio);
}

static void extension_add(X509 *certificate, int number, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, number, value);

    ck_assert_ptr_nonnull(extension);
    ck_assert_int_eq(X509_add_ext(certificate, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

/* Makes a certificate by an issuer, or by itself where that is NULL; *made may be NULL. */
static void identity_make(struct identity *identity, const struct wish *wish,
                          const struct issuer *issuer, struct issuer *made)
{
    static long serial = 1;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    X509_NAME *name = X509_get_subject_name(certificate);

    ck_assert_int_eq(X509_set_version(certificate, X509_VERSION_3), 1);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
    X509_gmtime_adj(X509_getm_notBefore(certificate), wish->from_s);
    X509_gmtime_adj(X509_getm_notAfter(certificate), wish->until_s);
    X509_set_pubkey(certificate, key);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)wish->common_name,
                               -1, -1, 0);
    X509_set_issuer_name(certificate,
                         issuer != NULL ? X509_get_subject_name(issuer->certificate) : name);
    if (wish->names != NULL)
        extension_add(certificate, NID_subject_alt_name, wish->names);
    else
        extension_add(certificate, NID_basic_constraints, "critical,CA:TRUE");
    ck_assert_int_gt(X509_sign(certificate, issuer != NULL ? issuer->key : key, EVP_sha256()), 0);
    pem_write(identity, certificate, key);
    if (made != NULL) {
        *made = (struct issuer){certificate, key};
        return;
    }
    X509_free(certificate);
    EVP_PKEY_free(key);
}

void identities_make(void)
{
    static const char here[] = "DNS:localhost,IP:127.0.0.1";
    const struct wish root = {"kevy test authority", NULL, -DAY_S, 30 * DAY_S};
    struct issuer ours, others;

    identity_make(&authority, &root, NULL, &ours);
    identity_make(&other_authority, &(struct wish){"another authority", NULL, -DAY_S, 30 * DAY_S},
                  NULL, &others);
    identity_make(&server_identity, &(struct wish){"server", here, -DAY_S, DAY_S}, &ours, NULL);
    identity_make(&expired_identity, &(struct wish){"server", here, -9 * DAY_S, -DAY_S}, &ours,
                  NULL);
    identity_make(&future_identity, &(struct wish){"server", here, DAY_S, 9 * DAY_S}, &ours, NULL);
    identity_make(&named_identity,
                  &(struct wish){"named", "DNS:example.test,DNS:*.wild.test", -DAY_S, DAY_S}, &ours,
                  NULL);
    identity_make(&untrusted_identity, &(struct wish){"server", here, -DAY_S, DAY_S}, &others,
                  NULL);
    identity_make(&client_identity, &(struct wish){"client", "DNS:client.test", -DAY_S, DAY_S},
                  &ours, NULL);
    X509_free(ours.certificate);
    EVP_PKEY_free(ours.key);
    X509_free(others.certificate);
    EVP_PKEY_free(others.key);
}
