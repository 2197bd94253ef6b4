/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * examples/tls_echo.c in simulated worlds, with clients that are OpenSSL in memory.
 *
 * The key is an Ed25519 one, whose signatures all have the same length: records of the same sizes
 * make the same run.
 *
 * Invariants. A client gets its bytes back in order, and the end only behind the last of them. A
 * connection ends early only if the network has cut it, or the program was refused something.
 */
#include "program.h"
#include "scratch.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PORT     7000
#define CLIENTS  4
#define PLAN_MAX 50000
#define PIECE    4096
#define PACE_NS  KEVY_MILLISECONDS(20)
#define BIRTH_NS KEVY_SECONDS(1)
#define DAY_S    86400L

struct client {
    struct kevy_sim_peer peer;
    struct kevy_sim_event birth;
    SSL *ssl;
    BIO *in;  /* what came from the server */
    BIO *out; /* what is to go to it */
    uint8_t wire[PIECE];
    int wire_first, wire_end; /* of what is being written */
    uint32_t plan, sent, got;
    bool ended; /* close_notify was sent */
};

static struct client clients[CLIENTS];
static struct kevy_sim *world;
static SSL_CTX *context;
static scratch_path certificate_path;
static scratch_path key_path;

static uint8_t plain_byte(const struct client *client, uint32_t at)
{
    return (uint8_t)((unsigned)(client - clients) * 31 + at * 7 + (at >> 8));
}

static void leave(struct client *client)
{
    kevy_sim_peer_close(&client->peer);
    SSL_free(client->ssl);
    client->ssl = NULL;
    kevy_sim_release(world);
}

/* Writes to the network. Returns as kevy_sim_peer_write(), 0 when there is nothing. */
static int flush(struct client *client)
{
    int written;

    if (client->wire_first == client->wire_end) {
        int count = BIO_read(client->out, client->wire, sizeof client->wire);

        client->wire_first = 0;
        client->wire_end = count > 0 ? count : 0;
    }
    if (client->wire_first == client->wire_end)
        return 0;
    written = kevy_sim_peer_write(&client->peer, client->wire + client->wire_first,
                                  (uint32_t)(client->wire_end - client->wire_first));
    if (written > 0)
        client->wire_first += written;
    return written;
}

/* Encrypts the next piece, and the end behind the last one that has come back. */
static void encrypt(struct client *client)
{
    uint8_t bytes[PIECE];
    uint32_t length = client->plan - client->sent;

    if (!SSL_is_init_finished(client->ssl) || BIO_ctrl_pending(client->out) != 0)
        return;
    if (length > sizeof bytes)
        length = sizeof bytes;
    if (length == 0) {
        if (client->got == client->plan && !client->ended)
            client->ended = SSL_shutdown(client->ssl) >= 0;
        return;
    }
    length = (uint32_t)kevy_sim_magnitude(world, 1, length);
    for (uint32_t at = 0; at < length; at++)
        bytes[at] = plain_byte(client, client->sent + at);
    if (SSL_write(client->ssl, bytes, (int)length) == (int)length)
        client->sent += length;
}

/* Decrypts all that there is. Returns false at the end of the TLS connection. */
static bool decrypt(struct client *client)
{
    uint8_t bytes[PIECE];
    int count;

    if (!SSL_is_init_finished(client->ssl))
        (void)SSL_do_handshake(client->ssl);
    while ((count = SSL_read(client->ssl, bytes, sizeof bytes)) > 0)
        for (int at = 0; at < count; at++)
            KEVY_SIM_CHECK(world, bytes[at] == plain_byte(client, client->got++));
    KEVY_SIM_CHECK(world, client->got <= client->sent);
    switch (SSL_get_error(client->ssl, count)) {
    case SSL_ERROR_WANT_READ:
        return true;
    case SSL_ERROR_ZERO_RETURN:
        KEVY_SIM_CHECK(world, client->got == client->plan || kevy_sim_refused(world));
        return false;
    default:
        kevy_sim_fail(world, "TLS: %s", ERR_error_string(ERR_get_error(), NULL));
    }
}

/* The TCP connection is over. */
static void ended(struct client *client)
{
    KEVY_SIM_CHECK(world, client->ended || kevy_sim_peer_was_cut(&client->peer) ||
                              kevy_sim_refused(world));
    leave(client);
}

static void ready(struct kevy_sim_peer *peer)
{
    struct client *client = KEVY_CONTAINER_OF(peer, struct client, peer);
    uint8_t bytes[PIECE];
    int got, gave;

    if (kevy_sim_fault(world, KEVY_SIM_NETWORK_RESETS))
        kevy_sim_peer_cut(peer);
    got = kevy_sim_peer_read(peer, bytes, sizeof bytes);
    if (got > 0)
        (void)BIO_write(client->in, bytes, got);
    if (!decrypt(client)) {
        leave(client);
        return;
    }
    encrypt(client);
    gave = got == 0 ? 0 : flush(client);
    if (got == 0 || (got < 0 && got != -EAGAIN) || (gave < 0 && gave != -EAGAIN)) {
        ended(client);
        return;
    }
    if (got > 0 || gave > 0)
        kevy_sim_peer_wake(peer);
}

static void come(struct kevy_sim_event *event)
{
    struct client *client = KEVY_CONTAINER_OF(event, struct client, birth);

    client->peer.ready = ready;
    client->peer.pace_ns = kevy_sim_magnitude(world, 1000, PACE_NS);
    if (kevy_sim_peer_connect(world, &client->peer, PORT) < 0) {
        kevy_sim_event_start(world, event, kevy_sim_between(world, 1, BIRTH_NS), come);
        return;
    }
    client->ssl = SSL_new(context);
    client->in = BIO_new(BIO_s_mem());
    client->out = BIO_new(BIO_s_mem());
    KEVY_SIM_CHECK(world, client->ssl != NULL && client->in != NULL && client->out != NULL);
    SSL_set_bio(client->ssl, client->in, client->out);
    SSL_set_connect_state(client->ssl);
}

static void test(struct kevy_sim *sim)
{
    const char *const arguments[] = {"tls_echo", "7000", certificate_path, key_path, NULL};

    world = sim;
    context = SSL_CTX_new(TLS_client_method());
    KEVY_SIM_CHECK(sim, context != NULL);
    for (int number = 0; number < CLIENTS; number++) {
        clients[number].plan = (uint32_t)kevy_sim_magnitude(sim, 1, PLAN_MAX);
        kevy_sim_event_start(sim, &clients[number].birth, kevy_sim_below(sim, BIRTH_NS), come);
        kevy_sim_hold(sim);
    }
    program_run(sim, arguments);
    for (int number = 0; number < CLIENTS && kevy_sim_faults(sim) == 0; number++)
        KEVY_SIM_CHECK(sim, clients[number].got == clients[number].plan);
    SSL_CTX_free(context);
}

/* A file of our own, which main() removes. */
static FILE *file_make(scratch_path path)
{
    int fd = scratch_file(path);

    return fd >= 0 ? fdopen(fd, "w") : NULL;
}

static bool identity_write(void)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    X509 *certificate = X509_new();
    X509_NAME *name = X509_get_subject_name(certificate);
    FILE *certificate_file = file_make(certificate_path), *key_file = file_make(key_path);
    bool done;

    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -DAY_S);
    X509_gmtime_adj(X509_getm_notAfter(certificate), DAY_S);
    X509_set_pubkey(certificate, key);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"sim", -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    done = certificate_file != NULL && key_file != NULL && X509_sign(certificate, key, NULL) > 0 &&
           PEM_write_X509(certificate_file, certificate) == 1 &&
           PEM_write_PrivateKey(key_file, key, NULL, NULL, 0, NULL, NULL) == 1;
    if (certificate_file != NULL)
        (void)fclose(certificate_file);
    if (key_file != NULL)
        (void)fclose(key_file);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return done;
}

int main(int argc, char **argv)
{
    int status = EXIT_FAILURE;

    if (identity_write())
        status =
            kevy_sim_main(argc, argv, &(struct kevy_sim_options){.name = "tls_echo", .test = test});
    (void)unlink(certificate_path);
    (void)unlink(key_path);
    return status;
}
