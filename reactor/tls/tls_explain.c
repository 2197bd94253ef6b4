/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Failures as sentences.
 *
 * Model. A table has the causes that a person meets, each with a sentence that says what to look
 * at. What is not in it is told in the words of OpenSSL or of the C library.
 */
#include "tls_internal.h"

#if KEVY_RING_SUPPORTED

#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#include <stdio.h>
#include <string.h>

struct sentence {
    int cause;
    const char *text;
};

/* Of OpenSSL's SSL library. */
static const struct sentence reasons[] = {
    {SSL_R_HTTP_REQUEST, "the peer speaks HTTP without TLS; use https"},
    {SSL_R_WRONG_VERSION_NUMBER, "the peer does not speak TLS"},
    {SSL_R_NO_SHARED_CIPHER, "the two sides have no cipher in common; does the server have a "
                             "certificate and a key?"},
    {SSL_R_UNSUPPORTED_PROTOCOL, "the two sides have no version of TLS in common"},
    {SSL_R_NO_APPLICATION_PROTOCOL, "the two sides have no protocol in common (ALPN)"},
    {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, "the client has no certificate, and one is required"},
    {SSL_R_CA_KEY_TOO_SMALL, "the key of an authority is too weak"},
    {SSL_R_EE_KEY_TOO_SMALL, "the key of the certificate is too weak"},
    {SSL_R_CA_MD_TOO_WEAK, "the signature of the certificate is too weak"},
    {SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC, "a record was damaged on its way, or forged"},
};

static const struct sentence errors[] = {
    {-ECONNABORTED, "the connection ended without close_notify: bytes may be missing"},
    {-ETIMEDOUT, "the peer did not answer in time"},
    {-EPROTO, "the peer broke the rules of TLS"},
    {-EKEYREJECTED, "the key does not belong to the certificate, or is too weak"},
    {-EBADMSG, "no certificate or key in PEM form, without a password, was found"},
    {-EINVAL, "an option is out of range, or there is a certificate without a key"},
    {-ENOBUFS, "no memory was left within memory_limit, or too many handshakes waited"},
    {-ECANCELED, "the connection was aborted"},
    {-EOPNOTSUPP, "the peer asked for new keys, which the kernel cannot be given (kTLS)"},
};

static const char *find(const struct sentence *sentences, size_t count, int cause)
{
    for (size_t i = 0; i < count; i++)
        if (sentences[i].cause == cause)
            return sentences[i].text;
    return NULL;
}

#define FIND(table, cause) find(table, sizeof(table) / sizeof *(table), cause)

unsigned long tls_error_take(void)
{
    unsigned long code = ERR_get_error(), last;

    if (code == 0)
        return 0;
    /* The first names the cause, unless it comes from the depth of an algorithm. */
    last = ERR_peek_last_error();
    ERR_clear_error();
    return ERR_GET_LIB(code) == ERR_LIB_PROV && last != 0 ? last : code;
}

/* An alert of the peer has a number above 1000. */
static bool is_alert(unsigned long code)
{
    int reason = ERR_GET_REASON(code);

    return ERR_GET_LIB(code) == ERR_LIB_SSL && reason > SSL_AD_REASON_OFFSET &&
           reason < SSL_AD_REASON_OFFSET + 256;
}

static void explain_code(const struct kevy_tls_failure *failure, char *text, size_t size)
{
    int reason = ERR_GET_REASON(failure->code);
    const char *ours = ERR_GET_LIB(failure->code) == ERR_LIB_SSL ? FIND(reasons, reason) : NULL;
    const char *theirs = ERR_reason_error_string(failure->code);

    if (is_alert(failure->code))
        snprintf(text, size, "the peer ended the connection with an alert: %s",
                 SSL_alert_desc_string_long(reason - SSL_AD_REASON_OFFSET));
    else
        snprintf(text, size, "%s",
                 ours != NULL     ? ours
                 : theirs != NULL ? theirs
                                  : "OpenSSL failed without a reason");
}

/* strerror_r() returns an int by POSIX (musl) and a pointer by GNU; each gets its function. */
static const char *words_posix(int result, const char *text)
{
    return result == 0 ? text : "unknown error";
}

static const char *words_gnu(const char *result, const char *text)
{
    (void)text;
    return result;
}

static void explain_errno(int error, char *text, size_t size)
{
    char words[128];

    snprintf(text, size, "%s",
             _Generic(strerror_r(0, words, sizeof words), int
                      : words_posix, char *
                      : words_gnu)(strerror_r(-error, words, sizeof words), words));
}

static void explain_cause(const struct kevy_tls_failure *failure, char *text, size_t size)
{
    const char *sentence = FIND(errors, failure->error);

    if (failure->verification != X509_V_OK)
        snprintf(text, size, "the certificate of the peer is not accepted: %s",
                 X509_verify_cert_error_string(failure->verification));
    else if (failure->code != 0)
        explain_code(failure, text, size);
    else if (sentence != NULL)
        snprintf(text, size, "%s", sentence);
    else
        explain_errno(failure->error, text, size);
}

int kevy_tls_explain(const struct kevy_tls_failure *failure, char *text, size_t size)
{
    char cause[256];

    if (failure->error == 0)
        return snprintf(text, size, "nothing failed");
    explain_cause(failure, cause, sizeof cause);
    return snprintf(text, size, "%s%s%s", failure->file != NULL ? failure->file : "",
                    failure->file != NULL ? ": " : "", cause);
}

#endif /* KEVY_RING_SUPPORTED */
