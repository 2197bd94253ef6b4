/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* What a reactor can be asked for at creation, and keep-alive references. */

#include "reactor_test.h"

#include <kevy/ring_explain.h>
#include <kevy/ring_register.h>

#include <fcntl.h>

#include "cage_filter.h"
#include "kernel_choice.h"

#include "core/reactor.h"

static void echo_once(void)
{
    struct probe probe;

    probe_tcp(&probe, &probe_events);
    probe.echo = true;
    peer_write_text(probe.peer, "hello");
    peer_expect_text(probe.peer, "hello");
    kevy_stream_close(&probe.stream);
    probe_finish(&probe);
}

static int last_result;

static void keep_result(struct kevy_completion *completion, int result, uint32_t flags)
{
    (void)completion;
    (void)flags;
    last_result = result;
}

static int open_by_ring(void)
{
    struct kevy_completion completion = {0};

    kevy_completion_init(&completion, reactor, keep_result);
    kevy_prep_openat(kevy_completion_sqe(&completion), AT_FDCWD, "/", O_RDONLY | O_CLOEXEC, 0);
    TURN_UNTIL(!kevy_completion_active(&completion));
    return last_result;
}

START_TEST(a_restricted_reactor_serves_and_opens_no_files)
{
    reactor_setup_with(&(struct kevy_reactor_options){.restricted = true});
    echo_once();
    ck_assert_int_eq(open_by_ring(), -EACCES);
}
END_TEST

START_TEST(a_restricted_reactor_does_what_it_was_told_it_may)
{
    static const uint8_t operations[] = {KEVY_OP_OPENAT};
    int fd;

    reactor_setup_with(&(struct kevy_reactor_options){
        .restricted = true, .operations = operations, .operation_count = 1});
    fd = open_by_ring();
    ck_assert_int_ge(fd, 0);
    close(fd);
    echo_once();
}
END_TEST

START_TEST(a_restricted_reactor_registers_nothing_more)
{
    int fds[1] = {-1};

    reactor_setup_with(&(struct kevy_reactor_options){.restricted = true});
    ck_assert_int_eq(kevy_ring_register(&reactor->ring, KEVY_REGISTER_FILES, fds, 1), -EACCES);
    reactor_setup_with(NULL);
    ck_assert_int_eq(kevy_ring_register(&reactor->ring, KEVY_REGISTER_FILES, fds, 1), 0);
    ck_assert_int_eq(kevy_ring_register(&reactor->ring, KEVY_UNREGISTER_FILES, NULL, 0), 0);
}
END_TEST

START_TEST(too_many_operations_are_refused)
{
    struct kevy_reactor *other = NULL;
    static const uint8_t operations[65];

    ck_assert_int_eq(
        kevy_reactor_create(&other, &(struct kevy_reactor_options){.restricted = true,
                                                                   .operations = operations,
                                                                   .operation_count = 65}),
        -EINVAL);
    ck_assert_ptr_null(other);
}
END_TEST

START_TEST(the_kernel_is_chosen_and_told)
{
    struct kevy_reactor_options options = {.kernel = KEVY_RING_KERNEL_SOFT};
    struct kevy_reactor *created = NULL;
    struct kevy_reactor_stats stats;
    char text[KEVY_RING_EXPLAIN_SIZE];

    ck_assert_int_eq(kevy_reactor_create(&created, &options), 0);
    kevy_reactor_stats(created, &stats);
    ck_assert_str_eq(stats.kernel, "soft");
    ck_assert_int_eq(stats.kernel_error, 0);
    ck_assert_int_gt(kevy_reactor_explain_kernel(created, text, sizeof text), 0);
    ck_assert_msg(strstr(text, "\"soft\", as the program asked") != NULL, "%s", text);
    ck_assert_uint_eq(kevy_reactor_destroy(created), 0);
}
END_TEST

/* What io_uring refuses after it has made a ring: the pool (with any error, Ubuntu's 6.8.0-149 with
 * EINVAL), the list of restrictions, or to be entered. */
static const struct {
    uint32_t code; /* of a registration, or UINT32_MAX for an enter */
    int error;
    bool restricted;
} refusals[] = {
    {KEVY_REGISTER_PBUF_RING, EINVAL, false},
    {KEVY_REGISTER_PBUF_RING, EPERM, true},
    {KEVY_REGISTER_PBUF_RING, ENOMEM, false},
    {KEVY_REGISTER_RESTRICTIONS, EACCES, true},
    {KEVY_REGISTER_ENABLE_RINGS, EPERM, true},
    {UINT32_MAX, EPERM, false},
    {UINT32_MAX, ENOSYS, true},
};

static void cage_build(int index)
{
    uint32_t code = refusals[index].code;
    int error = refusals[index].error;

    if (code == UINT32_MAX)
        ck_assert_int_eq(cage_forbid(KEVY_NR_ENTER, KEVY_NR_ENTER, error), 0);
    else
        ck_assert_int_eq(cage_forbid_registration(code, error), 0);
}

START_TEST(automatic_falls_back_whatever_io_uring_refuses_of_a_reactor)
{
    const struct kevy_reactor_options options = {.restricted = refusals[_i].restricted};

    reactor_setup_with(&options);
    if (kernel_is_soft())
        return;
    ck_assert_str_eq(stats_now().kernel, "io_uring");
    cage_build(_i);
    reactor_setup_with(&options);
    ck_assert_str_eq(stats_now().kernel, "soft");
    ck_assert_int_eq(stats_now().kernel_error, -refusals[_i].error);
    echo_once();
}
END_TEST

START_TEST(io_uring_that_is_asked_for_says_what_it_refuses)
{
    const struct kevy_reactor_options options = {.kernel = KEVY_RING_KERNEL_IO_URING,
                                                 .restricted = refusals[_i].restricted};
    int descriptors = support_fd_count();
    struct kevy_reactor *created = NULL;

    cage_build(_i);
    ck_assert_int_eq(kevy_reactor_create(&created, &options), -refusals[_i].error);
    ck_assert_ptr_null(created);
    ck_assert_int_eq(support_fd_count(), descriptors);
    reactor_setup_with(&(struct kevy_reactor_options){.kernel = KEVY_RING_KERNEL_SOFT});
}
END_TEST

START_TEST(a_reference_keeps_the_loop_and_an_unref_lets_an_object_not_keep_it)
{
    struct probe probe;

    kevy_reactor_ref(reactor);
    ck_assert_int_eq(kevy_reactor_run_once(reactor, 0), 1);
    kevy_reactor_unref(reactor);
    ck_assert_int_eq(kevy_reactor_run_once(reactor, 0), 0);
    probe_tcp(&probe, &probe_events);
    kevy_reactor_unref(reactor);
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
    ck_assert(!probe.closed);
    kevy_reactor_ref(reactor);
    kevy_stream_close(&probe.stream);
    probe_finish(&probe);
}
END_TEST

/* Where io_uring serves no reactor at all, it refuses for a reason of its own. */
static bool io_uring_serves(void)
{
    const struct kevy_reactor_options options = {.kernel = KEVY_RING_KERNEL_IO_URING};
    struct kevy_reactor *created;

    if (kevy_reactor_create(&created, &options) < 0)
        return false;
    kevy_reactor_destroy(created);
    return true;
}

Suite *test_suite(void)
{
    Suite *suite = suite_create("options");
    TCase *options = tcase_create("options");

    tcase_add_checked_fixture(options, reactor_setup, reactor_teardown);
    tcase_add_test(options, a_restricted_reactor_serves_and_opens_no_files);
    tcase_add_test(options, a_restricted_reactor_does_what_it_was_told_it_may);
    tcase_add_test(options, a_restricted_reactor_registers_nothing_more);
    tcase_add_test(options, too_many_operations_are_refused);
    tcase_add_test(options, the_kernel_is_chosen_and_told);
    tcase_add_loop_test(options, automatic_falls_back_whatever_io_uring_refuses_of_a_reactor, 0,
                        (int)(sizeof refusals / sizeof *refusals));
    if (io_uring_serves())
        tcase_add_loop_test(options, io_uring_that_is_asked_for_says_what_it_refuses, 0,
                            (int)(sizeof refusals / sizeof *refusals));
    else
        support_skip("io_uring_that_is_asked_for_says_what_it_refuses",
                     "io_uring of this kernel serves no reactor");
    tcase_add_test(options, a_reference_keeps_the_loop_and_an_unref_lets_an_object_not_keep_it);
    suite_add_tcase(suite, options);
    return suite;
}
