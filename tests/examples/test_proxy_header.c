/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Headers of the PROXY protocol, valid and invalid, cut anywhere; and the networks that may send
 * them. */

#include "networks.h"
#include "proxy_header.h"
#include "support.h"

#include <kevy/address.h>
#include <stdlib.h>
#include <string.h>

/* What stands behind a header. It is never touched. */
#define REST "GET / HTTP/1.1\r\n"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define V4        "\300\0\2\1\306\063\144\2\337\354\1\273" /* 192.0.2.1, 198.51.100.2, two ports */
#define V6                                                                         \
    "\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\1\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\2\1" \
    "\0\0\120"
#define Z9  "\0\0\0\0\0\0\0\0\0"
#define Z99 Z9 Z9 Z9 Z9 Z9 Z9 Z9 Z9 Z9 Z9 Z9

#define CASE(bytes, named)              \
    {                                   \
        bytes, sizeof(bytes) - 1, named \
    }
#define BAD(bytes, at)               \
    {                                \
        bytes, sizeof(bytes) - 1, at \
    }
#define LINE(bytes) BAD(bytes, sizeof(bytes) - 2)

/* The client that it names, or "" for none. */
static const struct {
    const char *bytes;
    size_t length;
    const char *named;
} valid[] = {
    CASE("PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n", "192.0.2.1:56324"),
    CASE("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", "255.255.255.255:65535"),
    CASE("PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n", "0.0.0.0:0"),
    CASE("PROXY TCP6 2001:db8::1 2001:DB8::2 256 80\r\n", "[2001:db8::1]:256"),
    CASE("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
         "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
         "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"),
    CASE("PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n", "[::ffff:192.0.2.1]:1"),
    CASE("PROXY UNKNOWN\r\n", ""),
    CASE("PROXY UNKNOWN \r\n", ""),
    CASE("PROXY UNKNOWN whatever  \1 it says\r\n", ""),
    CASE("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
         "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
         ""),
    CASE(SIGNATURE "\x21\x11\0\x0c" V4, "192.0.2.1:57324"),
    CASE(SIGNATURE "\x21\x21\0\x24" V6, "[2001:db8::1]:256"),
    CASE(SIGNATURE "\x21\x31\0\xd8/run/client" Z99 Z99 "\0\0\0\0\0\0\0", "/run/client"),
    CASE(SIGNATURE "\x21\x31\0\xd8\0client" Z9 Z99 Z99 "\0\0", "@client"),
    CASE(SIGNATURE "\x21\x31\0\xd8" Z99 Z99 Z9 Z9, "unnamed"),
    /* Names none: of itself, or of what is no stream. */
    CASE(SIGNATURE "\x20\0\0\0", ""),
    CASE(SIGNATURE "\x20\x11\0\x0c" V4, ""),
    CASE(SIGNATURE "\x20\xff\0\1x", ""),
    CASE(SIGNATURE "\x21\0\0\0", ""),
    CASE(SIGNATURE "\x21\0\0\5abcde", ""),
    CASE(SIGNATURE "\x21\1\0\0", ""),
    CASE(SIGNATURE "\x21\x10\0\0", ""),
    CASE(SIGNATURE "\x21\x12\0\x0c" V4, ""),
    CASE(SIGNATURE "\x21\x22\0\x24" V6, ""),
    /* Values behind the addresses: ALPN, nothing to say, an unknown one, a checksum. */
    CASE(SIGNATURE "\x21\x11\0\x11" V4 "\1\0\2h2", "192.0.2.1:57324"),
    CASE(SIGNATURE "\x21\x11\0\x16" V4 "\4\0\0\1\0\1h\xee\0\0", "192.0.2.1:57324"),
    CASE(SIGNATURE "\x21\x11\0\x13" V4 "\3\0\4\x83\xdf\x14\x8a", "192.0.2.1:57324"),
    CASE(SIGNATURE "\x21\x11\0\x18" V4 "\3\0\4\x0e\x8f\xe1\x55\1\0\2h2", "192.0.2.1:57324"),
};

/* Refused at this byte: the first that cannot be right. */
static const struct {
    const char *bytes;
    size_t length;
    size_t at;
} invalid[] = {
    BAD(REST, 0),
    BAD("\x16\x03\x01", 0),
    BAD("PROXX", 4),
    BAD("PROXY\tTCP4", 5),
    BAD("proxy TCP4", 0),
    BAD("PUT / HTTP/1.1\r\n", 1),
    LINE("PROXY \r\n"),
    LINE("PROXY TCP4\r\n"),
    LINE("PROXY TCP5 1.1.1.1 2.2.2.2 1 2\r\n"),
    LINE("PROXY UDP4 1.1.1.1 2.2.2.2 1 2\r\n"),
    LINE("PROXY UNKNOWNS\r\n"),
    LINE("PROXY  TCP4 1.1.1.1 2.2.2.2 1 2\r\n"),
    LINE("PROXY TCP4  1.1.1.1 2.2.2.2 1 2\r\n"),
    LINE("PROXY TCP4 1.1.1.1 2.2.2.2 1 2 \r\n"),
    LINE("PROXY TCP4 1.1.1.1 2.2.2.2 1 2 3\r\n"),
    LINE("PROXY TCP4 1.1.1.1 2.2.2.2 1\r\n"),
    LINE("PROXY TCP4 1.1.1.1 2.2.2.2 1 \r\n"),
    LINE("PROXY TCP4 1.1.1.1 2.2.2.2\r\n"),
    LINE("PROXY TCP4 01.1.1.1 2.2.2.2 1 2\r\n"),
    LINE("PROXY TCP4 1.1.1 2.2.2.2 1 2\r\n"),
    LINE("PROXY TCP4 1.1.1.256 2.2.2.2 1 2\r\n"),
    LINE("PROXY TCP4 1.1.1.1 2.2.2.300 1 2\r\n"),
    LINE("PROXY TCP4 ::1 ::2 1 2\r\n"),
    LINE("PROXY TCP6 1.1.1.1 2.2.2.2 1 2\r\n"),
    LINE("PROXY TCP6 1::2::3 ::2 1 2\r\n"),
    LINE("PROXY TCP6 fe80::1%1 ::2 1 2\r\n"),
    LINE("PROXY TCP4 1.1.1.1\0 2.2.2.2 1 2\r\n"),
    LINE("PROXY TCP4 1.1.1.1 2.2.2.2 01 2\r\n"),
    LINE("PROXY TCP4 1.1.1.1 2.2.2.2 1 65536\r\n"),
    LINE("PROXY TCP4 1.1.1.1 2.2.2.2 4294967297 2\r\n"),
    LINE("PROXY TCP4 1.1.1.1 2.2.2.2 -1 2\r\n"),
    LINE("PROXY TCP4 1.1.1.1 2.2.2.2 1 2x\r\n"),
    BAD("PROXY TCP4 1.1.1.1 2.2.2.2 1 2\n", 30),
    BAD("PROXY TCP4 1.1.1.1 2.2.2.2 1 2\rG", 31),
    BAD("PROXY UNKNOWN a\nb\r\n", 15),
    BAD("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535 \r\n",
        106),
    BAD("\r\n\r\n\1", 4),
    BAD("\r\nGET / HTTP/1.1\r\n", 2),
    BAD("\r\n\r\n\0\r\nQUIT\r", 11),
    BAD(SIGNATURE "\x11\x11\0\x0c" V4, 15),
    BAD(SIGNATURE "\x31\x11\0\x0c" V4, 15),
    BAD(SIGNATURE "\x22\x11\0\x0c" V4, 15),
    BAD(SIGNATURE "\x21\x41\0\x0c" V4, 15),
    BAD(SIGNATURE "\x21\x13\0\x0c" V4, 15),
    BAD(SIGNATURE "\x21\x11\0\x0b" V4, 15),
    BAD(SIGNATURE "\x21\x21\0\x23" V6, 15),
    BAD(SIGNATURE "\x21\x31\0\xd7/", 15),
    /* Values that are cut, or longer than the header. */
    BAD(SIGNATURE "\x21\x11\0\x0d" V4 "\4", 27),
    BAD(SIGNATURE "\x21\x11\0\x0e" V4 "\4\0", 27),
    BAD(SIGNATURE "\x21\x11\0\x0f" V4 "\4\0\1", 30),
    BAD(SIGNATURE "\x21\x11\0\x11" V4 "\1\0\1h\4", 31),
    /* Checksums: false, too short, twice. */
    BAD(SIGNATURE "\x21\x11\0\x13" V4 "\3\0\4\x83\xdf\x14\x8b", 34),
    BAD(SIGNATURE "\x21\x11\0\x12" V4 "\3\0\3abc", 30),
    BAD(SIGNATURE "\x21\x11\0\x1a" V4 "\3\0\4abcd\3\0\4abcd", 37),
};

#define VALID   ((int)(sizeof valid / sizeof *valid))
#define INVALID ((int)(sizeof invalid / sizeof *invalid))

static struct proxy_header header;

static void check_named(const char *named)
{
    char text[KEVY_ADDRESS_TEXT_SIZE] = "";

    ck_assert_uint_eq(header.phase, PROXY_HEADER_COMPLETE);
    if (header.length)
        kevy_address_format((struct sockaddr *)&header.address, header.length, text, sizeof text);
    ck_assert_str_eq(text, named);
}

/* Takes the bytes in pieces, of `first` and then of `piece` bytes. Returns how many it took. */
static size_t take(const char *bytes, size_t length, size_t first, size_t piece)
{
    size_t at = 0, taken = 0, part = first;

    header = (struct proxy_header){.phase = PROXY_HEADER_FIRST};
    for (; at < length; part = piece) {
        if (part > length - at)
            part = length - at;
        taken += proxy_header_take(&header, (const uint8_t *)bytes + at, part);
        at += part;
    }
    return taken;
}

START_TEST(a_valid_header_names_the_client)
{
    size_t length = valid[_i].length;
    char *whole = malloc(length + sizeof REST);

    memcpy(whole, valid[_i].bytes, length);
    memcpy(whole + length, REST, sizeof REST);
    for (size_t cut = 0; cut <= length + 1; cut++) {
        ck_assert_uint_eq(take(whole, length + sizeof REST, cut, SIZE_MAX), length);
        check_named(valid[_i].named);
    }
    ck_assert_uint_eq(take(whole, length + sizeof REST, 1, 1), length);
    check_named(valid[_i].named);
    for (size_t part = 0; part < length; part++) {
        ck_assert_uint_eq(take(whole, part, 1, 1), part);
        ck_assert_uint_lt(header.phase, PROXY_HEADER_COMPLETE);
    }
    free(whole);
}
END_TEST

START_TEST(an_invalid_header_is_refused_at_its_first_wrong_byte)
{
    for (size_t cut = 0; cut <= invalid[_i].length; cut++) {
        size_t taken = take(invalid[_i].bytes, invalid[_i].length, cut, 1);

        ck_assert_uint_eq(header.phase, PROXY_HEADER_REFUSED);
        ck_assert_uint_eq(taken, invalid[_i].at + 1);
    }
}
END_TEST

/* One value of the greatest length that a header has room for. */
START_TEST(the_longest_header_is_passed_over)
{
    static char bytes[16 + UINT16_MAX] = SIGNATURE "\x21\x11\xff\xff" V4 "\x20\xff\xf0";

    ck_assert_uint_eq(take(bytes, sizeof bytes, 1000, 1000), sizeof bytes);
    check_named("192.0.2.1:57324");
}
END_TEST

START_TEST(every_changed_bit_is_seen_by_the_checksum)
{
    static const char bytes[] = SIGNATURE "\x21\x11\0\x18" V4 "\3\0\4\x0e\x8f\xe1\x55\1\0\2h2";
    char changed[sizeof bytes];

    for (size_t bit = 16 * 8; bit < (sizeof bytes - 1) * 8; bit++) {
        memcpy(changed, bytes, sizeof bytes);
        changed[bit / 8] = (char)(changed[bit / 8] ^ 1 << bit % 8);
        if (bit / 8 >= 28 && bit / 8 < 31) /* it is another value then */
            continue;
        take(changed, sizeof bytes - 1, 1, 1);
        ck_assert_uint_ne(header.phase, PROXY_HEADER_COMPLETE);
    }
}
END_TEST

static const struct {
    const char *list;
    const char *inside; /* addresses, with blanks between them */
    const char *outside;
} networks[] = {
    {"127.0.0.1", "127.0.0.1 ::ffff:127.0.0.1", "127.0.0.2 ::1 ::127.0.0.1"},
    {"10.0.0.0/8", "10.0.0.0 10.255.255.255 ::ffff:10.1.2.3", "9.255.255.255 11.0.0.0 ::1"},
    {"10.1.2.3/8", "10.0.0.0", "11.1.2.3"},
    {"192.0.2.128/25", "192.0.2.128 192.0.2.255", "192.0.2.127 192.0.3.128"},
    {"192.0.2.7/31", "192.0.2.6 192.0.2.7", "192.0.2.5 192.0.2.8"},
    {"192.0.2.7/32", "192.0.2.7", "192.0.2.6"},
    {"0.0.0.0/0", "1.2.3.4 ::ffff:1.2.3.4", "::1 2001:db8::1"},
    {"::/0", "::1 2001:db8::1", "1.2.3.4 ::ffff:1.2.3.4"},
    {"2001:db8::/33", "2001:db8::1 2001:db8:7fff::", "2001:db8:8000:: 2001:db9::"},
    {"::1/128,10.0.0.0/8", "::1 10.1.1.1", "::2 127.0.0.1"},
    {"::ffff:10.0.0.0/104", "10.1.2.3 ::ffff:10.1.2.3", "11.0.0.0"},
};

static bool contains(const struct networks *list, const char *text)
{
    struct sockaddr_storage address;
    socklen_t length;

    ck_assert_int_eq(kevy_address_parse(&address, &length, text, 80), 0);
    return networks_contain(list, (struct sockaddr *)&address);
}

static void check_all(const struct networks *list, const char *addresses, bool inside)
{
    char copy[128], *rest = copy;

    strcpy(copy, addresses);
    for (char *word; (word = strtok_r(rest, " ", &rest));)
        ck_assert_msg(contains(list, word) == inside, "%s", word);
}

START_TEST(a_network_contains_its_addresses)
{
    struct networks list;

    ck_assert(networks_read(&list, networks[_i].list));
    check_all(&list, networks[_i].inside, true);
    check_all(&list, networks[_i].outside, false);
    ck_assert(!contains(&list, "/run/client"));
}
END_TEST

START_TEST(mistakes_in_networks_are_seen)
{
    static const char *const wrong[] = {
        "",         ",",         "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/8/8",
        "10.0.0/8", "/8",        "localhost", "::/129",      "::/-1",
        "::1,",     ",::1",      "::1 ,::2",  "10.0.0.0/ 8", "10.0.0.0/08",
        "::/1x",    "fe80::1%1", "[::1]",     "1.2.3.4:5",   "::1/4294967297"};
    struct networks list;
    char many[2 * (NETWORKS_MAX + 1) * sizeof "::1"] = "::1";

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        ck_assert_msg(!networks_read(&list, wrong[i]), "%s", wrong[i]);
    for (int i = 1; i < NETWORKS_MAX; i++)
        strcat(many, ",::1");
    ck_assert(networks_read(&list, many));
    ck_assert(!networks_read(&list, strcat(many, ",::1")));
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("examples_proxy_header");
    TCase *headers = tcase_create("headers");
    TCase *lists = tcase_create("networks");

    tcase_add_loop_test(headers, a_valid_header_names_the_client, 0, VALID);
    tcase_add_loop_test(headers, an_invalid_header_is_refused_at_its_first_wrong_byte, 0, INVALID);
    tcase_add_test(headers, the_longest_header_is_passed_over);
    tcase_add_test(headers, every_changed_bit_is_seen_by_the_checksum);
    suite_add_tcase(suite, headers);
    tcase_add_loop_test(lists, a_network_contains_its_addresses, 0,
                        (int)(sizeof networks / sizeof *networks));
    tcase_add_test(lists, mistakes_in_networks_are_seen);
    suite_add_tcase(suite, lists);
    return suite;
}
