/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Contexts: options, errors, reload, names, protocols, sessions. */
#include "scratch.h"
#include "tls_test.h"

#include <stdio.h>
#include <unistd.h>

static struct side server, client;
static struct kevy_tls_context *one, *other;

static void connect_with(struct kevy_tls_context *serving, struct kevy_tls_context *calling,
                         const char *name)
{
    int ours, theirs;

    tcp_pair(&ours, &theirs);
    side_serve(&server, serving, ours);
    side_call(&client, calling, name, theirs);
    TURN_UNTIL((server.log[0] != '\0' && client.log[0] != '\0') || client.closed);
}

static void both_close(void)
{
    if (!client.closed)
        QUIETLY(kevy_tls_close(&client.tls));
    TURN_UNTIL(client.closed && server.closed);
}

static void contexts_free(void)
{
    kevy_tls_context_destroy(one);
    kevy_tls_context_destroy(other);
    one = NULL;
    other = NULL;
}

static void teardown(void)
{
    contexts_free();
    tls_teardown();
}

/* Options that are refused. */
static const char *const long_name =
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

static const char encrypted_key[] = "-----BEGIN RSA PRIVATE KEY-----\n"
                                    "Proc-Type: 4,ENCRYPTED\n"
                                    "DEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\n"
                                    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
                                    "-----END RSA PRIVATE KEY-----\n";

static void without_key(struct kevy_tls_options *options)
{
    options->key = NULL;
}

static void key_of_another(struct kevy_tls_options *options)
{
    options->key = client_identity.key;
    options->key_length = strlen(client_identity.key);
}

static void key_with_password(struct kevy_tls_options *options)
{
    options->key = encrypted_key;
    options->key_length = sizeof encrypted_key - 1;
}

static void no_pem(struct kevy_tls_options *options)
{
    options->certificate = "hello";
    options->certificate_length = 5;
}

static void damaged(struct kevy_tls_options *options)
{
    options->certificate_length /= 2;
}

static void no_such_file(struct kevy_tls_options *options)
{
    options->certificate_file = "/nonexistent/server.pem";
}

static void unknown_cipher(struct kevy_tls_options *options)
{
    options->ciphers = "CAESAR";
}

static void unknown_group(struct kevy_tls_options *options)
{
    options->groups = "CAESAR";
}

static void unknown_clients(struct kevy_tls_options *options)
{
    options->clients = (enum kevy_tls_client_certificates)9;
}

static void long_protocol(struct kevy_tls_options *options)
{
    options->protocols = &long_name;
    options->protocol_count = 1;
}

static const struct {
    const char *name;
    void (*change)(struct kevy_tls_options *options);
    int error;
    const char *sentence;
} refusals[] = {
    {"a certificate without a key", without_key, -EINVAL, "without a key"},
    {"the key of another", key_of_another, -EKEYREJECTED, "key values mismatch"},
    {"a key with a password", key_with_password, -EBADMSG, "password"},
    {"a file without PEM", no_pem, -EBADMSG, "no start line"},
    {"half a file", damaged, -EBADMSG, "bad end line"},
    {"no such file", no_such_file, -ENOENT, "/nonexistent/server.pem: No such file"},
    {"an unknown cipher", unknown_cipher, -EINVAL, "no cipher match"},
    {"an unknown group", unknown_group, -EINVAL, ""},
    {"an unknown way with clients", unknown_clients, -EINVAL, "out of range"},
    {"a protocol of 256 bytes", long_protocol, -EINVAL, "out of range"},
};

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

START_TEST(an_option_that_cannot_be_is_refused_with_a_sentence)
{
    const char *name = refusals[_i].name;
    struct kevy_tls_options options = server_options(&server_identity);
    struct kevy_tls_failure failure;
    char text[256];

    refusals[_i].change(&options);
    ck_assert_msg(kevy_tls_context_create(&one, &options, &failure) == refusals[_i].error, "%s: %d",
                  name, failure.error);
    ck_assert_ptr_null(one);
    kevy_tls_explain(&failure, text, sizeof text);
    ck_assert_msg(strstr(text, refusals[_i].sentence) != NULL, "%s: %s", name, text);
    /* And a reload changes nothing. */
    ck_assert_int_eq(kevy_tls_context_reload(server_context, &options, NULL), refusals[_i].error);
    connect_with(server_context, client_context, "localhost");
    ck_assert_str_eq(client.log, "o");
    both_close();
}
END_TEST

static void file_write(scratch_path path, const char *text)
{
    int fd = scratch_file(path);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

START_TEST(certificates_come_from_files)
{
    scratch_path certificate, key, authorities;

    file_write(certificate, server_identity.certificate);
    file_write(key, server_identity.key);
    file_write(authorities, authority.certificate);
    one = context_make(&(struct kevy_tls_options){
        .certificate_file = certificate, .key_file = key, .authorities_file = authorities});
    other = context_make(&(struct kevy_tls_options){.authorities_file = authorities});
    unlink(certificate);
    unlink(key);
    unlink(authorities);
    connect_with(one, other, "localhost");
    ck_assert_str_eq(client.log, "o");
    both_close();
}
END_TEST

/* The subject of the certificate that the client was shown. */
static void shown(char *text, size_t size)
{
    X509 *certificate = SSL_get0_peer_certificate(kevy_tls_ssl(&client.tls));

    ck_assert_ptr_nonnull(certificate);
    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, text, (int)size);
}

START_TEST(a_reload_is_for_the_next_connections)
{
    struct kevy_tls_options options = server_options(&named_identity);
    char name[32];

    connect_with(server_context, client_context, "localhost");
    ck_assert_int_eq(kevy_tls_context_reload(server_context, &options, NULL), 0);
    side_send_text(&client, "still");
    side_expect(&server, "still");
    both_close();
    connect_with(server_context, client_context, "example.test");
    shown(name, sizeof name);
    ck_assert_str_eq(name, "named");
    both_close();
}
END_TEST

/* The server chooses by name. */
static unsigned names_asked;

static struct kevy_tls_context *choose(struct kevy_tls *tls, const char *name)
{
    names_asked++;
    if (strcmp(name, "example.test") == 0)
        return other;
    return strcmp(name, "localhost") == 0 ? kevy_tls_context(tls) : NULL;
}

static void contexts_by_name(void)
{
    struct kevy_tls_options options = server_options(&server_identity);

    options.server_name = choose;
    one = context_make(&options);
    options = server_options(&named_identity);
    other = context_make(&options);
    names_asked = 0;
}

START_TEST(the_server_chooses_a_certificate_by_name)
{
    struct kevy_tls_info info;
    char name[32];

    contexts_by_name();
    connect_with(one, client_context, "example.test");
    shown(name, sizeof name);
    ck_assert_str_eq(name, "named");
    ck_assert_int_eq(kevy_tls_info(&server.tls, &info), 0);
    ck_assert_ptr_eq(kevy_tls_context(&server.tls), one);
    both_close();
    connect_with(one, client_context, "localhost");
    shown(name, sizeof name);
    ck_assert_str_eq(name, "server");
    both_close();
    ck_assert_uint_eq(names_asked, 2);
}
END_TEST

START_TEST(a_name_that_is_not_served_is_refused)
{
    char text[256];

    contexts_by_name();
    connect_with(one, client_context, "nobody.test");
    TURN_UNTIL(client.closed && server.closed);
    ck_assert_int_eq(client.reason, -EPROTO);
    kevy_tls_explain(&client.failure, text, sizeof text);
    ck_assert_ptr_nonnull(strstr(text, "alert: unrecognized name"));
}
END_TEST

START_TEST(an_address_is_not_asked_for_as_a_name)
{
    contexts_by_name();
    connect_with(one, client_context, "127.0.0.1");
    ck_assert_str_eq(client.log, "o");
    ck_assert_uint_eq(names_asked, 0);
    both_close();
}
END_TEST

static const char *const web[] = {"h2", "http/1.1"};
static const char *const old_web[] = {"http/1.0", "http/1.1"};
static const char *const mail[] = {"smtp"};

static void contexts_with(const char *const *ours, uint32_t our_count, const char *const *theirs,
                          uint32_t their_count)
{
    struct kevy_tls_options options = server_options(&server_identity);

    options.protocols = ours;
    options.protocol_count = our_count;
    one = context_make(&options);
    options = client_options();
    options.protocols = theirs;
    options.protocol_count = their_count;
    other = context_make(&options);
}

START_TEST(the_server_chooses_a_protocol)
{
    struct kevy_tls_info info;

    contexts_with(web, 2, old_web, 2);
    connect_with(one, other, "localhost");
    ck_assert_int_eq(kevy_tls_info(&client.tls, &info), 0);
    ck_assert_uint_eq(info.protocol_length, 8);
    ck_assert_mem_eq(info.protocol, "http/1.1", 8);
    both_close();
}
END_TEST

START_TEST(without_a_protocol_in_common_there_is_no_connection)
{
    char text[256];

    contexts_with(web, 2, mail, 1);
    connect_with(one, other, "localhost");
    TURN_UNTIL(client.closed && server.closed);
    ck_assert_str_eq(client.log, "c");
    kevy_tls_explain(&client.failure, text, sizeof text);
    ck_assert_ptr_nonnull(strstr(text, "no application protocol"));
    kevy_tls_explain(&server.failure, text, sizeof text);
    ck_assert_ptr_nonnull(strstr(text, "no protocol in common"));
}
END_TEST

static bool resumed(void)
{
    struct kevy_tls_info info;

    ck_assert_int_eq(kevy_tls_info(&client.tls, &info), 0);
    return info.resumed;
}

/* A connection that receives something, and with it the tickets of TLS 1.3. */
static void connect_and_talk(struct kevy_tls_context *serving, struct kevy_tls_context *calling,
                             const char *name)
{
    connect_with(serving, calling, name);
    ck_assert_str_eq(client.log, "o");
    TURN_UNTIL(server.log[0] == 'o');
    side_send_text(&server, "hello");
    side_expect(&client, "hello");
}

START_TEST(the_second_connection_is_resumed)
{
    struct kevy_tls_stats stats;

    connect_and_talk(server_context, client_context, "localhost");
    ck_assert(!resumed());
    both_close();
    for (unsigned round = 0; round < 3; round++) {
        connect_and_talk(server_context, client_context, "localhost");
        ck_assert(resumed());
        both_close();
    }
    kevy_tls_context_stats(client_context, &stats);
    ck_assert_uint_eq(stats.handshakes, 4);
    ck_assert_uint_eq(stats.handshakes_resumed, 3);
}
END_TEST

/* A connection by hand, in a version of the table; *session is offered, and gets the new one. */
static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

static void hand_connect(struct hand *hand, struct kevy_tls_context *context, const char *name,
                         int version, SSL_SESSION **session)
{
    int ours, theirs;

    tcp_pair(&ours, &theirs);
    side_serve(&server, context, ours);
    hand_client(hand, theirs, version);
    SSL_set_tlsext_host_name(hand->ssl, name);
    if (*session != NULL)
        SSL_set_session(hand->ssl, *session);
    SSL_SESSION_free(*session);
    *session = NULL;
    while (!server.closed && server.log[0] != 'o') {
        SSL_do_handshake(hand->ssl);
        turn_now();
    }
    if (server.closed)
        return;
    side_send_text(&server, "hello");
    hand_expect(hand, "hello");
    *session = SSL_get1_session(hand->ssl);
}

static void hand_leave(struct hand *hand)
{
    SSL_set_shutdown(hand->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    hand_free(hand);
    TURN_UNTIL(server.closed);
}

START_TEST(clients_of_both_versions_are_resumed)
{
    SSL_SESSION *session = NULL;
    struct hand hand;

    hand_connect(&hand, server_context, "localhost", versions[_i], &session);
    ck_assert_int_eq(SSL_session_reused(hand.ssl), 0);
    hand_leave(&hand);
    hand_connect(&hand, server_context, "localhost", versions[_i], &session);
    ck_assert_int_eq(SSL_session_reused(hand.ssl), 1);
    hand_leave(&hand);
    SSL_SESSION_free(session);
}
END_TEST

START_TEST(a_session_is_for_its_name)
{
    connect_and_talk(server_context, client_context, "localhost");
    both_close();
    connect_and_talk(server_context, client_context, "127.0.0.1");
    ck_assert(!resumed());
    both_close();
}
END_TEST

START_TEST(a_reload_keeps_the_tickets)
{
    struct kevy_tls_options options = server_options(&server_identity);

    connect_and_talk(server_context, client_context, "localhost");
    both_close();
    ck_assert_int_eq(kevy_tls_context_reload(server_context, &options, NULL), 0);
    connect_and_talk(server_context, client_context, "localhost");
    ck_assert(resumed());
    both_close();
}
END_TEST

START_TEST(a_reload_with_other_authorities_ends_the_tickets)
{
    struct kevy_tls_options options = server_options(&server_identity);

    connect_and_talk(server_context, client_context, "localhost");
    both_close();
    options.authorities = other_authority.certificate;
    options.authorities_length = strlen(other_authority.certificate);
    ck_assert_int_eq(kevy_tls_context_reload(server_context, &options, NULL), 0);
    connect_and_talk(server_context, client_context, "localhost");
    ck_assert(!resumed());
    both_close();
}
END_TEST

START_TEST(a_client_that_trusts_others_resumes_nothing)
{
    struct kevy_tls_options options = client_options();

    connect_and_talk(server_context, client_context, "localhost");
    both_close();
    options.authorities = other_authority.certificate;
    options.authorities_length = strlen(other_authority.certificate);
    ck_assert_int_eq(kevy_tls_context_reload(client_context, &options, NULL), 0);
    connect_with(server_context, client_context, "localhost");
    TURN_UNTIL(client.closed && server.closed);
    ck_assert_int_eq(client.reason, -EKEYREJECTED);
}
END_TEST

/* The ticket comes when those who trusted the server are others already. */
START_TEST(a_ticket_that_comes_after_a_reload_is_not_used)
{
    struct kevy_tls_options options = client_options();

    connect_with(server_context, client_context, "localhost");
    ck_assert_str_eq(client.log, "o");
    options.authorities = other_authority.certificate;
    options.authorities_length = strlen(other_authority.certificate);
    ck_assert_int_eq(kevy_tls_context_reload(client_context, &options, NULL), 0);
    TURN_UNTIL(server.log[0] == 'o');
    side_send_text(&server, "hello");
    side_expect(&client, "hello");
    both_close();
    connect_with(server_context, client_context, "localhost");
    TURN_UNTIL(client.closed && server.closed);
    ck_assert_int_eq(client.reason, -EKEYREJECTED);
}
END_TEST

START_TEST(without_tickets_nothing_is_resumed)
{
    struct kevy_tls_options options = server_options(&server_identity);

    options.no_tickets = true;
    one = context_make(&options);
    for (unsigned round = 0; round < 2; round++) {
        connect_and_talk(one, client_context, "localhost");
        ck_assert(!resumed());
        both_close();
    }
}
END_TEST

START_TEST(servers_with_the_same_ticket_keys_accept_each_others_tickets)
{
    struct kevy_tls_options options = server_options(&server_identity);
    uint8_t keys[80];

    pattern_fill(keys, sizeof keys, 3, 0);
    options.ticket_keys = keys;
    one = context_make(&options);
    other = context_make(&options);
    connect_and_talk(one, client_context, "localhost");
    both_close();
    connect_and_talk(other, client_context, "localhost");
    ck_assert(resumed());
    both_close();
}
END_TEST

/* A client without a certificate has a ticket of one name, and asks for another with it. */
START_TEST(a_ticket_does_not_open_what_asks_for_a_certificate)
{
    struct kevy_tls_options options = server_options(&server_identity);
    SSL_SESSION *session = NULL;
    struct hand hand;

    options.server_name = choose;
    one = context_make(&options);
    options = server_options(&named_identity);
    options.clients = KEVY_TLS_CLIENTS_CERTIFIED;
    other = context_make(&options);
    hand_connect(&hand, one, "localhost", versions[_i], &session);
    ck_assert_ptr_nonnull(session);
    hand_leave(&hand);
    hand_connect(&hand, one, "example.test", versions[_i], &session);
    ck_assert_str_eq(server.log, "c");
    ck_assert_int_eq(server.reason, -EPROTO);
    ck_assert_ptr_null(session);
    hand_leave(&hand);
}
END_TEST

START_TEST(all_reasons_have_a_sentence)
{
    static const int reasons[] = {0,          -ECONNABORTED, -ETIMEDOUT, -EPROTO,
                                  -ECANCELED, -ECONNRESET,   -ENOMEM,    -ENOBUFS};
    char text[256], cut[8];

    for (size_t i = 0; i < COUNT_OF(reasons); i++) {
        struct kevy_tls_failure failure = {.error = reasons[i]};
        int length = kevy_tls_explain(&failure, text, sizeof text);

        ck_assert_int_eq(length, (int)strlen(text));
        ck_assert_int_gt(length, 10);
        ck_assert_int_eq(kevy_tls_explain(&failure, cut, sizeof cut), length);
        ck_assert_uint_eq(strlen(cut), sizeof cut - 1);
    }
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("tls_context");
    TCase *options = tls_case("options", teardown);
    TCase *sessions = tls_case("sessions", teardown);

    tcase_add_loop_test(options, an_option_that_cannot_be_is_refused_with_a_sentence, 0,
                        COUNT_OF(refusals));
    tcase_add_test(options, certificates_come_from_files);
    tcase_add_test(options, a_reload_is_for_the_next_connections);
    tcase_add_test(options, the_server_chooses_a_certificate_by_name);
    tcase_add_test(options, a_name_that_is_not_served_is_refused);
    tcase_add_test(options, an_address_is_not_asked_for_as_a_name);
    tcase_add_test(options, the_server_chooses_a_protocol);
    tcase_add_test(options, without_a_protocol_in_common_there_is_no_connection);
    tcase_add_test(options, all_reasons_have_a_sentence);
    suite_add_tcase(suite, options);
    tcase_add_test(sessions, the_second_connection_is_resumed);
    tcase_add_loop_test(sessions, clients_of_both_versions_are_resumed, 0, 2);
    tcase_add_test(sessions, a_session_is_for_its_name);
    tcase_add_test(sessions, a_reload_keeps_the_tickets);
    tcase_add_test(sessions, a_reload_with_other_authorities_ends_the_tickets);
    tcase_add_test(sessions, a_client_that_trusts_others_resumes_nothing);
    tcase_add_test(sessions, a_ticket_that_comes_after_a_reload_is_not_used);
    tcase_add_test(sessions, without_tickets_nothing_is_resumed);
    tcase_add_test(sessions, servers_with_the_same_ticket_keys_accept_each_others_tickets);
    tcase_add_loop_test(sessions, a_ticket_does_not_open_what_asks_for_a_certificate, 0, 2);
    suite_add_tcase(suite, sessions);
    return suite;
}
