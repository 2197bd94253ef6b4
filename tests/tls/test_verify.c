/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Who is accepted: certificates of servers, and of clients. */
#include "scratch.h"
#include "tls_test.h"

#include <openssl/x509_vfy.h>

static struct side server, client;

static void connect_with(const struct kevy_tls_options *ours, const struct kevy_tls_options *theirs,
                         const char *name)
{
    struct kevy_tls_context *serving = context_make(ours), *calling = context_make(theirs);
    int one, other;

    tcp_pair(&one, &other);
    side_serve(&server, serving, one);
    side_call(&client, calling, name, other);
    TURN_UNTIL(server.closed || client.closed || (server.log[0] == 'o' && client.log[0] == 'o'));
    kevy_tls_context_destroy(serving);
    kevy_tls_context_destroy(calling);
}

static void both_close(void)
{
    QUIETLY(kevy_tls_close(&client.tls));
    TURN_UNTIL(client.closed && server.closed);
}

static const struct {
    const char *what;
    const struct identity *identity;
    const char *name;
    int verification;
} refused[] = {
    {"an expired certificate", &expired_identity, "localhost", X509_V_ERR_CERT_HAS_EXPIRED},
    {"one of the future", &future_identity, "localhost", X509_V_ERR_CERT_NOT_YET_VALID},
    {"that of another name", &named_identity, "localhost", X509_V_ERR_HOSTNAME_MISMATCH},
    {"one without this address", &named_identity, "127.0.0.1", X509_V_ERR_IP_ADDRESS_MISMATCH},
    {"that of another address", &server_identity, "127.0.0.2", X509_V_ERR_IP_ADDRESS_MISMATCH},
    {"a wildcard for two labels", &named_identity, "a.b.wild.test", X509_V_ERR_HOSTNAME_MISMATCH},
    {"one of an unknown authority", &untrusted_identity, "localhost",
     X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY},
};

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

START_TEST(a_client_refuses_the_certificate)
{
    struct kevy_tls_options ours = server_options(refused[_i].identity);
    struct kevy_tls_options theirs = client_options();
    char text[256];

    connect_with(&ours, &theirs, refused[_i].name);
    TURN_UNTIL(server.closed && client.closed);
    ck_assert_msg(client.reason == -EKEYREJECTED && strcmp(client.log, "c") == 0, "%s: %d, %s",
                  refused[_i].what, client.reason, client.log);
    ck_assert_msg(client.failure.verification == refused[_i].verification, "%s: %d",
                  refused[_i].what, client.failure.verification);
    kevy_tls_explain(&client.failure, text, sizeof text);
    ck_assert_ptr_nonnull(strstr(text, "the certificate of the peer is not accepted: "));
    /* The server is told. */
    ck_assert_int_eq(server.reason, -EPROTO);
    kevy_tls_explain(&server.failure, text, sizeof text);
    ck_assert_msg(strstr(text, "the peer ended the connection with an alert: ") != NULL, "%s",
                  text);
}
END_TEST

static const struct {
    const struct identity *identity;
    const char *name;
} accepted[] = {
    {&server_identity, "localhost"},
    {&server_identity, "127.0.0.1"},
    {&named_identity, "example.test"},
    {&named_identity, "any.wild.test"},
};

START_TEST(a_client_accepts_the_certificate)
{
    struct kevy_tls_options ours = server_options(accepted[_i].identity);
    struct kevy_tls_options theirs = client_options();
    struct kevy_tls_info info;

    connect_with(&ours, &theirs, accepted[_i].name);
    ck_assert_str_eq(client.log, "o");
    ck_assert_int_eq(kevy_tls_info(&client.tls, &info), 0);
    ck_assert(info.verified);
    both_close();
}
END_TEST

/* Where OpenSSL looks for those of the system. */
START_TEST(without_authorities_those_of_the_system_are_trusted)
{
    struct kevy_tls_options ours = server_options(_i == 0 ? &server_identity : &untrusted_identity);
    struct kevy_tls_options theirs = {0};
    scratch_path path;
    int fd = scratch_file(path);

    ck_assert_int_gt(write(fd, authority.certificate, strlen(authority.certificate)), 0);
    close(fd);
    setenv("SSL_CERT_FILE", path, 1);
    connect_with(&ours, &theirs, "localhost");
    unlink(path);
    if (_i == 0) {
        ck_assert_str_eq(client.log, "o");
        both_close();
    } else {
        TURN_UNTIL(client.closed && server.closed);
        ck_assert_int_eq(client.reason, -EKEYREJECTED);
    }
}
END_TEST

START_TEST(a_client_of_tests_verifies_nothing)
{
    struct kevy_tls_options ours = server_options(&untrusted_identity);
    struct kevy_tls_options theirs = client_options();
    struct kevy_tls_info info;

    theirs.verify_nothing = true;
    connect_with(&ours, &theirs, NULL);
    ck_assert_str_eq(client.log, "o");
    ck_assert_int_eq(kevy_tls_info(&client.tls, &info), 0);
    ck_assert(!info.verified);
    both_close();
}
END_TEST

START_TEST(a_client_without_a_name_is_a_mistake)
{
    side_call(&client, client_context, NULL, 0);
}
END_TEST

/* Which clients a server accepts. */
static const struct {
    enum kevy_tls_client_certificates clients;
    const struct identity *identity; /* of the client, or NULL */
    bool accepted, verified;
} visitors[] = {
    {KEVY_TLS_CLIENTS_ANONYMOUS, NULL, true, false},
    {KEVY_TLS_CLIENTS_ANONYMOUS, &client_identity, true, false},
    {KEVY_TLS_CLIENTS_ASKED, NULL, true, false},
    {KEVY_TLS_CLIENTS_ASKED, &client_identity, true, true},
    {KEVY_TLS_CLIENTS_ASKED, &untrusted_identity, false, false},
    {KEVY_TLS_CLIENTS_CERTIFIED, NULL, false, false},
    {KEVY_TLS_CLIENTS_CERTIFIED, &client_identity, true, true},
    {KEVY_TLS_CLIENTS_CERTIFIED, &expired_identity, false, false},
    {KEVY_TLS_CLIENTS_CERTIFIED, &untrusted_identity, false, false},
};

START_TEST(a_server_verifies_its_clients)
{
    struct kevy_tls_options ours = server_options(&server_identity);
    struct kevy_tls_options theirs =
        visitors[_i].identity != NULL ? server_options(visitors[_i].identity) : client_options();
    struct kevy_tls_info info;

    ours.clients = visitors[_i].clients;
    connect_with(&ours, &theirs, "localhost");
    if (!visitors[_i].accepted) {
        TURN_UNTIL(server.closed && client.closed);
        ck_assert_str_eq(server.log, "c");
        ck_assert_int_eq(server.reason, visitors[_i].identity != NULL ? -EKEYREJECTED : -EPROTO);
        ck_assert_int_eq(client.reason, -EPROTO);
        return;
    }
    ck_assert_int_eq(kevy_tls_info(&server.tls, &info), 0);
    ck_assert_int_eq(info.verified, visitors[_i].verified);
    both_close();
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("tls_verify");
    TCase *servers = tls_case("servers", NULL);
    TCase *clients = tls_case("clients", NULL);

    tcase_add_loop_test(servers, a_client_refuses_the_certificate, 0, COUNT_OF(refused));
    tcase_add_loop_test(servers, a_client_accepts_the_certificate, 0, COUNT_OF(accepted));
    tcase_add_loop_test(servers, without_authorities_those_of_the_system_are_trusted, 0, 2);
    tcase_add_test(servers, a_client_of_tests_verifies_nothing);
    support_add_abort(servers, a_client_without_a_name_is_a_mistake, 0, 1);
    suite_add_tcase(suite, servers);
    tcase_add_loop_test(clients, a_server_verifies_its_clients, 0, COUNT_OF(visitors));
    suite_add_tcase(suite, clients);
    return suite;
}
