/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A TLS server and a client that is out to harm it. The first byte says how the client begins: with
 * the bytes of the input as they are, or with a whole handshake. Then the input decides, step by
 * step, what the client sends (messages, records with a byte changed, left out or sent twice, bytes
 * of no record, updates of keys), and what the server's user does meanwhile.
 *
 * What the server's user reads is a beginning of what the client wrote, whatever came between; and
 * an end is told only after the client's close_notify.
 */
#include "drive.h"

#include <kevy/tls.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#define STEPS_MAX  200
#define RECORD_MAX 4096

static struct kevy_tls_context *context;
static SSL_CTX *client_ctx;

/* One connection. */
static struct {
    struct kevy_tls tls;
    SSL *client;
    BIO *to_client, *from_client;
    uint64_t counted; /* bytes that the client wrote */
    uint64_t read;
    bool notified;
    bool closed;
} talk;

/* The byte of the client at a position. */
static uint8_t byte_at(uint64_t position)
{
    return (uint8_t)(position * 7 + (position >> 8));
}

static void server_read(struct kevy_tls *tls, struct kevy_buffer *buffer)
{
    (void)tls;
    for (uint32_t i = 0; i < buffer->length; i++)
        MUST(buffer->data[i] == byte_at(talk.read + i));
    talk.read += buffer->length;
    MUST(talk.read <= talk.counted);
    MUST(kevy_tls_forward(tls, buffer) <= 0);
}

static void server_end(struct kevy_tls *tls)
{
    MUST(talk.notified);
    kevy_tls_close(tls);
}

static void server_close(struct kevy_tls *tls, int reason)
{
    char text[256];

    MUST(kevy_tls_explain(kevy_tls_failure(tls), text, sizeof text) > 0);
    MUST(reason <= 0);
    talk.closed = true;
}

static const struct kevy_tls_events events = {
    .read = server_read, .end = server_end, .close = server_close};

/* A certificate for itself, in PEM form. */
static void identity_make(char *certificate, char *key, int size)
{
    EVP_PKEY *pair = EVP_EC_gen("P-256");
    X509 *x509 = X509_new();
    BIO *bio = BIO_new(BIO_s_mem());

    X509_gmtime_adj(X509_getm_notBefore(x509), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x509), 86400);
    X509_set_pubkey(x509, pair);
    MUST(X509_sign(x509, pair, EVP_sha256()) > 0);
    MUST(PEM_write_bio_X509(bio, x509) == 1);
    certificate[BIO_read(bio, certificate, size - 1)] = '\0';
    MUST(PEM_write_bio_PrivateKey(bio, pair, NULL, NULL, 0, NULL, NULL) == 1);
    key[BIO_read(bio, key, size - 1)] = '\0';
    BIO_free(bio);
    X509_free(x509);
    EVP_PKEY_free(pair);
}

static void contexts_make(void)
{
    static char certificate[4096], key[4096];
    struct kevy_tls_options options = {0};

    identity_make(certificate, key, sizeof key);
    options.certificate = certificate;
    options.certificate_length = strlen(certificate);
    options.key = key;
    options.key_length = strlen(key);
    options.authorities = certificate;
    options.authorities_length = strlen(certificate);
    MUST(kevy_tls_context_create(&context, &options, NULL) == 0);
    client_ctx = SSL_CTX_new(TLS_method());
    MUST(client_ctx != NULL);
}

static void client_make(bool old)
{
    talk.client = SSL_new(client_ctx);
    talk.to_client = BIO_new(BIO_s_mem());
    talk.from_client = BIO_new(BIO_s_mem());
    SSL_set_bio(talk.client, talk.to_client, talk.from_client);
    SSL_set_connect_state(talk.client);
    if (old)
        SSL_set_max_proto_version(talk.client, TLS1_2_VERSION);
}

/* What the server said goes to the client. */
static void client_hears(struct drive *drive)
{
    drive_read(drive);
    if (drive->length != 0)
        BIO_write(talk.to_client, drive->out, (int)drive->length);
    drive->length = 0;
}

/* What the client wrote goes to the server. */
static void client_sends(struct drive *drive)
{
    uint8_t bytes[RECORD_MAX];
    int length;

    while ((length = BIO_read(talk.from_client, bytes, sizeof bytes)) > 0)
        drive_send(drive, bytes, (size_t)length);
}

static bool shake(struct drive *drive)
{
    for (unsigned turns = 0; turns < 1000 && !talk.closed; turns++) {
        int result = SSL_do_handshake(talk.client);

        client_sends(drive);
        if (result == 1)
            return true;
        drive_turn(drive);
        client_hears(drive);
    }
    return false;
}

/* The client writes a message; its records are in from_client. */
static void client_writes(uint32_t length)
{
    uint8_t bytes[RECORD_MAX];
    size_t written;

    if (length > sizeof bytes / 2)
        length = sizeof bytes / 2;
    for (uint32_t i = 0; i < length; i++)
        bytes[i] = byte_at(talk.counted + i);
    ERR_clear_error();
    if (length != 0 && SSL_write_ex(talk.client, bytes, length, &written) == 1)
        talk.counted += length;
}

/* The records of the client, changed in the way that the input says. */
static void records_harmed(struct drive *drive, struct choices *choices)
{
    uint8_t bytes[RECORD_MAX];
    int length = BIO_read(talk.from_client, bytes, sizeof bytes);
    uint32_t where = (uint32_t)choice(choices) << 4 | choice(choices) % 16;

    if (length <= 0)
        return;
    where %= (uint32_t)length;
    switch (choice(choices) % 4) {
    case 0:
        bytes[where] ^= (uint8_t)(1U << choice(choices) % 8);
        break;
    case 1:
        length = (int)where; /* the rest is missing */
        break;
    case 2:
        drive_send(drive, bytes, (size_t)length); /* and once more below */
        break;
    case 3:
        memmove(bytes, bytes + where, (size_t)length - where);
        length -= (int)where;
        break;
    }
    drive_send(drive, bytes, (size_t)length);
}

static void bytes_of_the_input(struct drive *drive, struct choices *choices)
{
    uint8_t bytes[256];
    uint8_t length = choice(choices);

    for (uint8_t i = 0; i < length; i++)
        bytes[i] = choice(choices);
    drive_send(drive, bytes, length);
}

static void step(struct drive *drive, struct choices *choices)
{
    uint8_t what = choice(choices);

    switch (what % 16) {
    case 0:
        kevy_tls_pause(&talk.tls);
        break;
    case 1:
        kevy_tls_resume(&talk.tls);
        break;
    case 2:
        ERR_clear_error();
        if (SSL_key_update(talk.client, what & 16 ? SSL_KEY_UPDATE_REQUESTED
                                                  : SSL_KEY_UPDATE_NOT_REQUESTED) == 1)
            SSL_do_handshake(talk.client);
        client_sends(drive);
        break;
    case 3:
        client_writes(choice(choices));
        records_harmed(drive, choices);
        break;
    case 4:
        bytes_of_the_input(drive, choices);
        break;
    case 5:
        talk.notified = true;
        SSL_shutdown(talk.client);
        client_sends(drive);
        break;
    case 6:
        if (what == 0xF6)
            kevy_tls_close(&talk.tls);
        else if (what == 0xE6)
            kevy_tls_abort(&talk.tls);
        else if (what == 0xD6)
            (void)kevy_tls_shutdown(&talk.tls);
        break;
    case 7:
        client_hears(drive);
        break;
    default:
        client_writes((uint32_t)choice(choices) << (what % 4));
        client_sends(drive);
        break;
    }
    drive_turn(drive);
}

static void turn_until_gone(struct drive *drive)
{
    shutdown(drive->client, SHUT_WR);
    if (!talk.closed)
        kevy_tls_resume(&talk.tls);
    for (unsigned turns = 0; !talk.closed; turns++) {
        MUST(turns < DRIVE_TURNS_MAX);
        drive_turn(drive);
        client_hears(drive);
    }
    MUST(drive_objects(drive) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct drive drive;
    struct choices choices = {data, data + size};
    uint8_t how = choice(&choices);
    int free_before, ends[2];

    if (drive.reactor == NULL) {
        drive_open(&drive);
        contexts_make();
    }
    free_before = lowest_free();
    memset(&talk, 0, sizeof talk);
    MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
    drive.client = ends[1];
    drive.ended = false;
    drive.length = 0;
    MUST(kevy_stream_adopt(kevy_tls_server(&talk.tls, context, &events), drive.reactor, ends[0]) ==
         0);
    drive_turn(&drive);
    client_make(how & 1);
    if (how & 2)
        drive_send(&drive, choices.at, (size_t)(choices.end - choices.at));
    else if (shake(&drive))
        for (unsigned i = 0; i < STEPS_MAX && choices.at < choices.end && !talk.closed; i++)
            step(&drive, &choices);
    turn_until_gone(&drive);
    close(drive.client);
    SSL_free(talk.client);
    ERR_clear_error();
    MUST(lowest_free() == free_before);
    return 0;
}
