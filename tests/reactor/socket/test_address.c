/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Addresses as text, both ways, and the sentence for one that cannot be used. */

#include <arpa/inet.h>
#include <errno.h>
#include <kevy/address.h>
#include <kevy/ring_explain.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "support.h"

static struct sockaddr_storage address;
static socklen_t length;
static char text[KEVY_ADDRESS_TEXT_SIZE];

static int parse(const char *from, uint16_t port)
{
    return kevy_address_parse(&address, &length, from, port);
}

static int format(void)
{
    return kevy_address_format((const struct sockaddr *)&address, length, text, sizeof text);
}

/* `from` is read, and written as `to`. */
static void comes_back_as(const char *from, const char *to)
{
    ck_assert_msg(parse(from, 7) == 0, "%s is refused", from);
    ck_assert_int_eq(format(), (int)strlen(to));
    ck_assert_str_eq(text, to);
}

START_TEST(internet_addresses_are_read_and_written)
{
    static const char *const pairs[][2] = {
        {"127.0.0.1", "127.0.0.1:7"},
        {"127.0.0.1:80", "127.0.0.1:80"},
        {"0.0.0.0:65535", "0.0.0.0:65535"},
        {"127.0.0.1:0080", "127.0.0.1:80"},
        {"::1", "[::1]:7"},
        {"[::1]", "[::1]:7"},
        {"[::1]:80", "[::1]:80"},
        {"[0:0::0:1]:0", "[::1]:0"},
        {"::ffff:192.0.2.1", "[::ffff:192.0.2.1]:7"},
    };

    for (size_t index = 0; index < sizeof pairs / sizeof *pairs; index++)
        comes_back_as(pairs[index][0], pairs[index][1]);
    ck_assert_int_eq(parse("[::1]:80", 7), 0);
    ck_assert_uint_eq(length, sizeof(struct sockaddr_in6));
    ck_assert_int_eq(parse("127.0.0.1", 7), 0);
    ck_assert_uint_eq(length, sizeof(struct sockaddr_in));
}
END_TEST

START_TEST(a_zone_is_a_name_or_a_number)
{
    unsigned loopback = if_nametoindex("lo");
    char numbered[64], whole[80];

    ck_assert_uint_gt(loopback, 0);
    snprintf(numbered, sizeof numbered, "fe80::1%%%u", loopback);
    snprintf(whole, sizeof whole, "[%s]:7", numbered);
    comes_back_as("fe80::1%lo", whole);
    comes_back_as("[fe80::1%lo]", whole);
    comes_back_as("[fe80::1%lo]:7", whole);
    comes_back_as(numbered, whole);
    ck_assert_uint_eq(((struct sockaddr_in6 *)(void *)&address)->sin6_scope_id, loopback);
    ck_assert_int_eq(parse("fe80::1%nowhere", 7), -ENODEV);
    ck_assert_int_eq(parse("fe80::1%0", 7), -ENODEV);
    ck_assert_int_eq(parse("fe80::1%99999999999", 7), -ENODEV);
    ck_assert_int_eq(parse("fe80::1%", 7), -EINVAL);
    ck_assert_int_eq(parse("fe80::1%this_name_is_too_long_for_one", 7), -EINVAL);
    ck_assert_int_eq(parse("::1%lo", 7), -EINVAL);
    ck_assert_int_eq(parse("127.0.0.1%lo", 7), -EINVAL);
}
END_TEST

START_TEST(unix_names_are_read_and_written)
{
    static const char *const pairs[][2] = {
        {"/run/x.sock", "/run/x.sock"},
        {"./x", "./x"},
        {"@name", "@name"},
        {"@a/b", "@a/b"},
        {"@a\\x00b", "@a\\x00b"},
        {"/a\\x0ab", "/a\\x0ab"},
        {"/back\\x5cslash", "/back\\x5cslash"},
        {"\\x40a/b@c", "\\x40a/b@c"},
        {"/\\x4a\\x4A", "/JJ"},
        {"@", "@"},
    };

    for (size_t index = 0; index < sizeof pairs / sizeof *pairs; index++)
        comes_back_as(pairs[index][0], pairs[index][1]);
    ck_assert_int_eq(parse("@name", 0), 0);
    ck_assert_uint_eq(length, offsetof(struct sockaddr_un, sun_path) + strlen("@name"));
    ck_assert_int_eq(parse("/a\\x00b", 0), -EINVAL);
    ck_assert_int_eq(parse("/a\\x4", 0), -EINVAL);
    ck_assert_int_eq(parse("/a\\x4g", 0), -EINVAL);
    ck_assert_int_eq(parse("/a\\x4\x11", 0), -EINVAL); /* '1' without one of its bits */
    ck_assert_int_eq(parse("/a\\n", 0), -EINVAL);
    ck_assert_int_eq(parse("/a\\", 0), -EINVAL);
}
END_TEST

START_TEST(a_unix_name_may_have_108_bytes)
{
    char name[110];

    memset(name, 'x', sizeof name);
    name[0] = '/';
    name[109] = '\0';
    ck_assert_int_eq(parse(name, 0), -ENAMETOOLONG);
    name[108] = '\0';
    comes_back_as(name, name);
    ck_assert_uint_eq(length, sizeof(struct sockaddr_un));
    name[0] = '@';
    comes_back_as(name, name);
    for (size_t at = 0; at < 108; at++)
        ((struct sockaddr_un *)(void *)&address)->sun_path[at] = at == 0 ? '/' : '\x1b';
    length = sizeof(struct sockaddr_un);
    ck_assert_int_eq(format(), 1 + 107 * 4);
    ck_assert_int_eq(parse(text, 0), 0);
}
END_TEST

START_TEST(a_unix_path_without_a_slash_is_written_so_that_it_is_read_as_one)
{
    struct sockaddr_un *un = (struct sockaddr_un *)(void *)&address;

    memset(&address, 0, sizeof address);
    un->sun_family = AF_UNIX;
    strcpy(un->sun_path, "@x");
    length = sizeof *un;
    ck_assert_int_eq(format(), 4);
    ck_assert_str_eq(text, "./@x");
    length = offsetof(struct sockaddr_un, sun_path);
    ck_assert_int_eq(format(), 7);
    ck_assert_str_eq(text, "unnamed");
    ck_assert_int_eq(parse("unnamed", 0), -EINVAL);
}
END_TEST

START_TEST(what_is_no_address_is_refused_and_changes_nothing)
{
    static const char *const invalid[] = {
        "",
        "localhost",
        "example.org:80",
        "127.0.0.1:",
        "127.0.0.1:x",
        "127.0.0.1:-1",
        "127.0.0.1:+1",
        "127.0.0.1: 1",
        "127.1",
        "0x7f.0.0.1",
        "1.2.3.4.5",
        "[::1",
        "[::1]80",
        "[127.0.0.1]",
        "[127.0.0.1]:80",
        "::1]",
        "1:2:3",
        " 127.0.0.1",
        "127.0.0.1 ",
        ":80",
        "[]:80",
        "[::1]:",
        "::g",
        "256.0.0.1",
    };

    length = 12345;
    memset(&address, 7, sizeof address);
    for (size_t index = 0; index < sizeof invalid / sizeof *invalid; index++)
        ck_assert_msg(parse(invalid[index], 7) == -EINVAL, "'%s' is taken", invalid[index]);
    ck_assert_int_eq(parse("127.0.0.1:65536", 7), -ERANGE);
    ck_assert_int_eq(parse("[::1]:65616", 7), -ERANGE);
    ck_assert_int_eq(parse("127.0.0.1:99999999999999999999999999", 7), -ERANGE);
    ck_assert_uint_eq(length, 12345);
    ck_assert_uint_eq(address.ss_family, 0x0707);
}
END_TEST

START_TEST(a_length_that_cannot_be_is_refused)
{
    ck_assert_int_eq(parse("[::1]:80", 0), 0);
    for (length = 0; length < sizeof(struct sockaddr_in6); length++)
        ck_assert_int_eq(format(), -EINVAL);
    length = sizeof address + 1;
    ck_assert_int_eq(format(), -EINVAL);
    ck_assert_int_eq(parse("/x", 0), 0);
    length = sizeof(struct sockaddr_un) + 1;
    ck_assert_int_eq(format(), -EINVAL);
    memset(&address, 0, sizeof address);
    address.ss_family = AF_PACKET;
    length = sizeof address;
    ck_assert_int_eq(format(), -EAFNOSUPPORT);
}
END_TEST

START_TEST(a_text_that_does_not_fit_is_cut_and_ended)
{
    char room[8];

    ck_assert_int_eq(parse("127.0.0.1:80", 0), 0);
    ck_assert_int_eq(
        kevy_address_format((const struct sockaddr *)&address, length, room, sizeof room), 12);
    ck_assert_str_eq(room, "127.0.0");
    ck_assert_int_eq(kevy_address_format((const struct sockaddr *)&address, length, NULL, 0), 12);
}
END_TEST

/* The sentence for `error` at an address holds `part`. */
static void sentence_has(int error, const char *where, uint16_t port, const char *part)
{
    int written = kevy_address_explain(error, where, port, text, sizeof text);

    ck_assert_int_gt(written, 0);
    ck_assert_uint_lt((size_t)written, sizeof text);
    ck_assert_msg(strstr(text, part) != NULL, "\"%s\" is not in: %s", part, text);
}

START_TEST(a_place_that_cannot_be_listened_on_has_a_sentence)
{
    sentence_has(-EADDRNOTAVAIL, "localhost", 80, "'localhost' is not a numeric address");
    sentence_has(-ENODEV, "fe80::1%nowhere", 80, "no interface");
    sentence_has(-EINVAL, "fe80::1", 80, "needs its interface");
    sentence_has(-EADDRNOTAVAIL, "192.0.2.1", 80, "192.0.2.1 is not an address of this machine");
    sentence_has(-EADDRINUSE, NULL, 8080, "port 8080 of every address is in use");
    sentence_has(-EACCES, "127.0.0.1", 80, "port 80 needs privileges");
    sentence_has(-EAFNOSUPPORT, "::1", 80, "does not know");
    sentence_has(-EINVAL, "::1", 80, "an option");
}
END_TEST

START_TEST(an_error_that_is_not_of_the_address_is_explained_as_any_other)
{
    char other[sizeof text];

    sentence_has(-EMFILE, "127.0.0.1", 80, "descriptors");
    kevy_ring_explain(-EACCES, other, sizeof other);
    sentence_has(-EACCES, "127.0.0.1", 0, other);
    sentence_has(-EACCES, "127.0.0.1", 8080, other);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("address");
    TCase *forms = tcase_create("forms");
    TCase *sentences = tcase_create("sentences");

    tcase_add_test(forms, internet_addresses_are_read_and_written);
    tcase_add_test(forms, a_zone_is_a_name_or_a_number);
    tcase_add_test(forms, unix_names_are_read_and_written);
    tcase_add_test(forms, a_unix_name_may_have_108_bytes);
    tcase_add_test(forms, a_unix_path_without_a_slash_is_written_so_that_it_is_read_as_one);
    tcase_add_test(forms, what_is_no_address_is_refused_and_changes_nothing);
    tcase_add_test(forms, a_length_that_cannot_be_is_refused);
    tcase_add_test(forms, a_text_that_does_not_fit_is_cut_and_ended);
    suite_add_tcase(suite, forms);
    tcase_add_test(sentences, a_place_that_cannot_be_listened_on_has_a_sentence);
    tcase_add_test(sentences, an_error_that_is_not_of_the_address_is_explained_as_any_other);
    suite_add_tcase(suite, sentences);
    return suite;
}
