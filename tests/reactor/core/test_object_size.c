/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* What an idle connection costs the user: the sizes of the objects are part of the contract. */

#include "reactor_test.h"

START_TEST(a_stream_has_at_most_192_bytes)
{
    ck_assert_uint_le(sizeof(struct kevy_stream), 192);
}
END_TEST

START_TEST(a_timer_has_at_most_48_bytes)
{
    ck_assert_uint_le(sizeof(struct kevy_timer), 48);
}
END_TEST

START_TEST(a_completion_has_at_most_32_bytes)
{
    ck_assert_uint_le(sizeof(struct kevy_completion), 32);
}
END_TEST

START_TEST(zeroed_objects_are_valid_and_idle)
{
    struct kevy_timer timer = {0};
    struct kevy_signal watch = {0};
    struct kevy_buffer kept;

    memset(&timer, 0, sizeof timer);
    memset(&watch, 0, sizeof watch);
    memset(&kept, 0, sizeof kept);
    ck_assert(!kevy_timer_armed(&timer));
    kevy_timer_stop(&timer);
    kevy_signal_unwatch(&watch);
    kevy_buffer_release(&kept);
    ck_assert_uint_eq(kevy_reactor_destroy(NULL), 0);
    ck_assert_int_eq(kevy_group_join(NULL), 0);
}
END_TEST

START_TEST(a_member_leads_to_its_struct)
{
    struct probe probe;

    ck_assert_ptr_eq(KEVY_CONTAINER_OF(&probe.stream, struct probe, stream), &probe);
    ck_assert_ptr_eq(KEVY_CONTAINER_OF(&probe.count, struct probe, count), &probe);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("object_size");
    TCase *sizes = tcase_create("sizes");

    tcase_add_test(sizes, a_stream_has_at_most_192_bytes);
    tcase_add_test(sizes, a_timer_has_at_most_48_bytes);
    tcase_add_test(sizes, a_completion_has_at_most_32_bytes);
    tcase_add_test(sizes, zeroed_objects_are_valid_and_idle);
    tcase_add_test(sizes, a_member_leads_to_its_struct);
    suite_add_tcase(suite, sizes);
    return suite;
}
