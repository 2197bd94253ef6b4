/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "tls_test.h"

#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/pem.h>

struct kevy_tls_context *server_context;
struct kevy_tls_context *client_context;

struct kevy_tls_options server_options(const struct identity *identity)
{
    return (struct kevy_tls_options){
        .certificate = identity->certificate,
        .certificate_length = strlen(identity->certificate),
        .key = identity->key,
        .key_length = strlen(identity->key),
        .authorities = authority.certificate,
        .authorities_length = strlen(authority.certificate),
    };
}

struct kevy_tls_options client_options(void)
{
    return (struct kevy_tls_options){
        .authorities = authority.certificate,
        .authorities_length = strlen(authority.certificate),
    };
}

struct kevy_tls_context *context_make(const struct kevy_tls_options *options)
{
    struct kevy_tls_context *context = NULL;
    struct kevy_tls_failure failure;
    char text[256] = "";
    int error = kevy_tls_context_create(&context, options, &failure);

    if (error < 0)
        kevy_tls_explain(&failure, text, sizeof text);
    ck_assert_msg(error == 0, "%s", text);
    return context;
}

void tls_setup(void)
{
    struct kevy_tls_options server, client = client_options();

    reactor_setup();
    server = server_options(&server_identity);
    client = client_options();
    server_context = context_make(&server);
    client_context = context_make(&client);
}

void tls_teardown(void)
{
    reactor_teardown();
    kevy_tls_context_destroy(server_context);
    kevy_tls_context_destroy(client_context);
    ck_assert_uint_eq(ERR_peek_error(), 0);
}

TCase *tls_case(const char *name, void (*teardown)(void))
{
    TCase *tcase = tcase_create(name);

    tcase_add_unchecked_fixture(tcase, identities_make, NULL);
    tcase_add_checked_fixture(tcase, tls_setup, teardown != NULL ? teardown : tls_teardown);
    return tcase;
}

struct side *side_of(struct kevy_tls *tls)
{
    return KEVY_CONTAINER_OF(tls, struct side, tls);
}

static struct side *side_log(struct kevy_tls *tls, char letter)
{
    struct side *side = side_of(tls);

    ck_assert_msg(quiet_depth == 0, "callback '%c' inside a call", letter);
    ck_assert_msg(!side->closed, "callback '%c' after the last", letter);
    if (letter == 'r' && side->log_end != side->log && side->log_end[-1] == 'r')
        return side;
    if (side->log_end < side->log + sizeof side->log - 1)
        *side->log_end++ = letter;
    return side;
}

static void side_opened(struct kevy_tls *tls)
{
    struct side *side = side_log(tls, 'o');

    if (side->on_open != NULL)
        side->on_open(side);
}

static void side_read(struct kevy_tls *tls, struct kevy_buffer *buffer)
{
    struct side *side = side_log(tls, 'r');
    size_t text = side->count < sizeof side->text - 1 ? sizeof side->text - 1 - side->count : 0;

    ck_assert_uint_gt(buffer->length, 0);
    if (side->check_bytes)
        pattern_check(buffer->data, buffer->length, side->seed, side->count);
    if (text > 0)
        memcpy(side->text + side->count, buffer->data,
               text < buffer->length ? text : buffer->length);
    side->count += buffer->length;
    if (side->echo)
        QUIETLY(ck_assert_int_eq(kevy_tls_forward(tls, buffer), 0));
    if (side->on_read != NULL)
        side->on_read(side, buffer);
}

static void side_ended(struct kevy_tls *tls)
{
    struct side *side = side_log(tls, 'e');

    if (side->on_end != NULL)
        side->on_end(side);
    else
        kevy_tls_close(tls);
}

static void side_drained(struct kevy_tls *tls)
{
    struct side *side = side_log(tls, 'd');

    side->drains++;
    if (side->on_drain != NULL)
        side->on_drain(side);
}

static void side_timeout(struct kevy_tls *tls, enum kevy_deadline deadline)
{
    struct side *side = side_log(tls, 't');

    if (side->on_timeout != NULL)
        side->on_timeout(side, deadline);
    else
        kevy_tls_abort(tls);
}

static void side_finish(struct kevy_tls *tls)
{
    struct side *side = side_log(tls, 'f');

    if (side->on_finish != NULL)
        side->on_finish(side);
    else
        kevy_tls_close(tls);
}

static void side_closed(struct kevy_tls *tls, int reason)
{
    struct side *side = side_log(tls, 'c');

    side->closed = true;
    side->reason = reason;
    side->failure = *kevy_tls_failure(tls);
    ck_assert_int_eq(side->failure.error, reason);
    ck_assert_ptr_null(kevy_tls_ssl(tls));
    memset(&side->tls, 0xA5, sizeof side->tls);
    if (side->on_close != NULL)
        side->on_close(side);
}

const struct kevy_tls_events side_events = {
    .open = side_opened,
    .read = side_read,
    .end = side_ended,
    .drain = side_drained,
    .timeout = side_timeout,
    .finish = side_finish,
    .close = side_closed,
};

const struct kevy_tls_events side_events_close_only = {.close = side_closed};

static void side_init(struct side *side)
{
    memset(&side->tls, 0, sizeof side->tls);
    memset(side->log, 0, sizeof side->log);
    memset(side->text, 0, sizeof side->text);
    side->log_end = side->log;
    side->closed = false;
    side->reason = 0;
    side->count = 0;
}

void side_serve(struct side *side, struct kevy_tls_context *context, int fd)
{
    side_init(side);
    QUIETLY(ck_assert_int_eq(
        kevy_stream_adopt(kevy_tls_server(&side->tls, context, &side_events), reactor, fd), 0));
}

void side_call(struct side *side, struct kevy_tls_context *context, const char *name, int fd)
{
    side_init(side);
    QUIETLY(ck_assert_int_eq(
        kevy_stream_adopt(kevy_tls_client(&side->tls, context, name, &side_events), reactor, fd),
        0));
}

void sides_pair(struct side *server, struct side *client)
{
    int one, other;

    tcp_pair(&one, &other);
    side_serve(server, server_context, one);
    side_call(client, client_context, "localhost", other);
}

void sides_open(struct side *server, struct side *client)
{
    sides_pair(server, client);
    TURN_UNTIL(strchr(server->log, 'o') != NULL && strchr(client->log, 'o') != NULL);
}

void side_abort(struct side *side)
{
    if (!side->closed)
        QUIETLY(kevy_tls_abort(&side->tls));
    TURN_UNTIL(side->closed);
}

void side_send_text(struct side *side, const char *text)
{
    QUIETLY(ck_assert_int_eq(kevy_tls_send(&side->tls, text, strlen(text)), 0));
}

void side_expect(struct side *side, const char *text)
{
    TURN_UNTIL(side->count >= strlen(text));
    ck_assert_str_eq(side->text, text);
}

static void hand_begin(struct hand *hand, int fd, int version)
{
    hand->fd = fd;
    hand->ctx = SSL_CTX_new(TLS_method());
    if (version != 0) {
        SSL_CTX_set_min_proto_version(hand->ctx, version);
        SSL_CTX_set_max_proto_version(hand->ctx, version);
    }
}

void hand_client(struct hand *hand, int fd, int version)
{
    hand_begin(hand, fd, version);
    hand->ssl = SSL_new(hand->ctx);
    SSL_set_fd(hand->ssl, fd);
    SSL_set_connect_state(hand->ssl);
}

void hand_server(struct hand *hand, int fd, const struct identity *identity, int version)
{
    BIO *certificate = BIO_new_mem_buf(identity->certificate, -1);
    BIO *key = BIO_new_mem_buf(identity->key, -1);
    X509 *x509 = PEM_read_bio_X509(certificate, NULL, NULL, NULL);
    EVP_PKEY *private_key = PEM_read_bio_PrivateKey(key, NULL, NULL, NULL);

    hand_begin(hand, fd, version);
    ck_assert_int_eq(SSL_CTX_use_certificate(hand->ctx, x509), 1);
    ck_assert_int_eq(SSL_CTX_use_PrivateKey(hand->ctx, private_key), 1);
    X509_free(x509);
    EVP_PKEY_free(private_key);
    BIO_free(certificate);
    BIO_free(key);
    hand->ssl = SSL_new(hand->ctx);
    SSL_set_fd(hand->ssl, fd);
    SSL_set_accept_state(hand->ssl);
}

static bool wants_more(SSL *ssl, int result)
{
    int error = SSL_get_error(ssl, result);

    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
}

void hand_shake(struct hand *hand)
{
    int result;

    for (unsigned count = 0; (result = SSL_do_handshake(hand->ssl)) != 1; count++) {
        ck_assert_msg(wants_more(hand->ssl, result), "the handshake failed: %s",
                      ERR_reason_error_string(ERR_get_error()));
        ck_assert_uint_lt(count, TURNS_MAX);
        turn_waiting(count);
    }
}

void hand_write(struct hand *hand, const void *data, size_t length)
{
    size_t written;

    for (unsigned count = 0; SSL_write_ex(hand->ssl, data, length, &written) != 1; count++) {
        ck_assert(wants_more(hand->ssl, 0));
        ck_assert_uint_lt(count, TURNS_MAX);
        turn_now();
    }
    ck_assert_uint_eq(written, length);
}

void hand_expect(struct hand *hand, const char *text)
{
    char bytes[256] = "";
    size_t length = 0, part;

    for (unsigned count = 0, idle = 0; length < strlen(text); count++) {
        ck_assert_uint_lt(count, TURNS_MAX);
        if (SSL_read_ex(hand->ssl, bytes + length, sizeof bytes - 1 - length, &part) == 1) {
            length += part;
            idle = 0;
            continue;
        }
        ck_assert(wants_more(hand->ssl, 0));
        turn_waiting(idle++);
    }
    ck_assert_str_eq(bytes, text);
}

void hand_free(struct hand *hand)
{
    SSL_free(hand->ssl);
    SSL_CTX_free(hand->ctx);
    ERR_clear_error();
    if (hand->fd >= 0)
        close(hand->fd);
}
