/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* The settings of a ring, on the running kernel: each does something, or is refused as it says. */

#include "ring_test.h"

#include <fcntl.h>
#include <kevy/ring_prep.h>
#include <kevy/ring_register.h>
#include <kevy/ring_zcrx.h>
#include <net/if.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static struct kevy_ring ring;

static void ring_set_up(void)
{
    ring_open(&ring, 8, NULL);
}

static void ring_tear_down(void)
{
    kevy_ring_deinit(&ring);
}

static uint64_t eventfd_count(int fd)
{
    uint64_t count = 0;

    return read(fd, &count, sizeof count) == sizeof count ? count : 0;
}

static void nop_complete(void)
{
    nop_queue(&ring, 1, 0);
    ck_assert_int_eq(kevy_ring_submit(&ring), 1);
    cqe_take(&ring);
}

/* Footgun 29: a hint, so never less than one, and perhaps no more. */
START_TEST(an_eventfd_counts_completions)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    ck_assert_int_eq(kevy_ring_eventfd_unregister(&ring), -ENXIO);
    ck_assert_int_eq(kevy_ring_eventfd_register(&ring, fd, false), 0);
    ck_assert_int_eq(kevy_ring_eventfd_register(&ring, fd, false), -EBUSY);
    nop_complete();
    ck_assert_uint_ge(eventfd_count(fd), 1);
    ck_assert_int_eq(kevy_ring_eventfd_enable(&ring, false), 0);
    nop_complete();
    ck_assert_uint_eq(eventfd_count(fd), 0);
    ck_assert_int_eq(kevy_ring_eventfd_enable(&ring, true), 0);
    nop_complete();
    ck_assert_uint_ge(eventfd_count(fd), 1);
    ck_assert_int_eq(kevy_ring_eventfd_unregister(&ring), 0);
    nop_complete();
    ck_assert_uint_eq(eventfd_count(fd), 0);
    close(fd);
}
END_TEST

START_TEST(an_eventfd_can_leave_inline_completions_out)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    ck_assert_int_eq(kevy_ring_eventfd_register(&ring, fd, true), 0);
    nop_complete();
    ck_assert_uint_eq(eventfd_count(fd), 0);
    ck_assert_int_eq(kevy_ring_eventfd_register(&ring, -1, true), -EBUSY);
    ck_assert_int_eq(kevy_ring_eventfd_unregister(&ring), 0);
    ck_assert_int_eq(kevy_ring_eventfd_register(&ring, -1, true), -EBADF);
    close(fd);
}
END_TEST

START_TEST(an_old_kernel_cannot_switch_its_eventfd)
{
    ring.cq_flags = NULL; /* as before 5.8 */
    ck_assert_int_eq(kevy_ring_eventfd_enable(&ring, false), -EOPNOTSUPP);
}
END_TEST

START_TEST(requests_run_with_registered_rights)
{
    int id = kevy_ring_personality_register(&ring);
    struct kevy_sqe *sqe;

    ck_assert_int_ge(id, 1);
    sqe = kevy_ring_sqe(&ring, 1);
    kevy_sqe_set_personality(sqe, (uint16_t)id);
    cqe_expect(&ring, 1, 0);
    ck_assert_int_eq(kevy_ring_personality_unregister(&ring, (uint16_t)id), 0);
    sqe = kevy_ring_sqe(&ring, 2);
    kevy_sqe_set_personality(sqe, (uint16_t)id);
    cqe_expect(&ring, 2, -EINVAL);
    ck_assert_int_eq(kevy_ring_personality_unregister(&ring, (uint16_t)id), -EINVAL);
}
END_TEST

START_TEST(a_restricted_ring_does_only_what_is_listed)
{
    static const uint8_t opcodes[] = {KEVY_OP_NOP, KEVY_OP_READ};
    static const uint8_t registers[] = {KEVY_REGISTER_RING_FDS, KEVY_UNREGISTER_RING_FDS,
                                        KEVY_REGISTER_PERSONALITY};
    struct kevy_ring_restrictions restrictions = {.opcodes = opcodes,
                                                  .opcode_count = 2,
                                                  .register_ops = registers,
                                                  .register_op_count = 3,
                                                  .sqe_flags_allowed = KEVY_SQE_ASYNC};
    struct kevy_ring_options options = {.required_flags = KEVY_SETUP_R_DISABLED};
    char byte;

    ck_assert_int_eq(kevy_ring_restrict(&ring, &restrictions), -EBADFD); /* enabled already */
    kevy_ring_deinit(&ring);
    ring_open(&ring, 8, &options);
    ck_assert_int_eq(kevy_ring_restrict(&ring, &restrictions), 0);
    ck_assert_int_eq(kevy_ring_restrict(&ring, &restrictions), -EBUSY);
    ck_assert_int_eq(kevy_ring_enable(&ring), 0);
    ck_assert_uint_ne(ring.enter_flags & KEVY_ENTER_REGISTERED_RING, 0);
    nop_queue(&ring, 1, 0);
    cqe_expect(&ring, 1, 0);
    kevy_prep_write(kevy_ring_sqe(&ring, 2), 1, &byte, 0, 0);
    cqe_expect(&ring, 2, -EACCES);
    nop_queue(&ring, 3, 0);
    ring.sqes[(ring.sqe_tail - 1) & ring.sq_mask].flags = KEVY_SQE_IO_DRAIN;
    cqe_expect(&ring, 3, -EACCES);
    ck_assert_int_ge(kevy_ring_personality_register(&ring), 1);
    ck_assert_int_eq(kevy_ring_personality_unregister(&ring, 1), -EACCES);
}
END_TEST

START_TEST(a_restricted_ring_requires_the_flags_that_are_listed)
{
    static const uint8_t opcodes[] = {KEVY_OP_NOP};
    struct kevy_ring_restrictions restrictions = {.opcodes = opcodes,
                                                  .opcode_count = 1,
                                                  .sqe_flags_allowed = KEVY_SQE_ASYNC,
                                                  .sqe_flags_required = KEVY_SQE_ASYNC};
    struct kevy_ring_options options = {.required_flags = KEVY_SETUP_R_DISABLED};

    kevy_ring_deinit(&ring);
    ring_open(&ring, 8, &options);
    ck_assert_int_eq(kevy_ring_restrict(&ring, &restrictions), 0);
    ck_assert_int_eq(kevy_ring_enable(&ring), 0);
    nop_queue(&ring, 1, 0);
    cqe_expect(&ring, 1, -EACCES);
    kevy_sqe_set_flags(kevy_ring_sqe(&ring, 2), KEVY_SQE_ASYNC);
    cqe_expect(&ring, 2, 0);
}
END_TEST

static bool enable_listed;

/* Looks for the rule without which a kernel from 7.0 on would not let the ring be enabled. */
static int list_noting(void *state, int fd, uint32_t opcode, void *argument, uint32_t count)
{
    const struct kevy_restriction *rules = argument;

    if (opcode == KEVY_REGISTER_RESTRICTIONS)
        for (uint32_t i = 0; i < count; i++)
            if (rules[i].opcode == KEVY_RESTRICTION_REGISTER_OP &&
                rules[i].register_op == KEVY_REGISTER_ENABLE_RINGS)
                enable_listed = true;
    return kevy_ring_kernel_io_uring()->register_op(state, fd, opcode, argument, count);
}

START_TEST(a_restricted_ring_may_always_be_enabled)
{
    static const uint8_t codes[] = {KEVY_REGISTER_PERSONALITY};
    struct kevy_ring_restrictions restrictions = {.register_ops = codes, .register_op_count = 1};
    static struct kevy_ring_kernel noting; /* used until the end of the fixture */
    struct kevy_ring_options options = {.required_flags = KEVY_SETUP_R_DISABLED,
                                        .custom_kernel = &noting};

    noting = *kevy_ring_kernel_io_uring();
    noting.register_op = list_noting;
    kevy_ring_deinit(&ring);
    ring_open(&ring, 8, &options);
    ck_assert_int_eq(kevy_ring_restrict(&ring, &restrictions), 0);
    ck_assert(enable_listed);
    ck_assert_int_eq(kevy_ring_enable(&ring), 0);
}
END_TEST

START_TEST(too_long_a_list_of_restrictions_is_refused)
{
    static const uint8_t codes[KEVY_RING_RESTRICTIONS_MAX + 1];
    struct kevy_ring_restrictions restrictions = {.opcodes = codes,
                                                  .opcode_count = KEVY_RING_RESTRICTIONS_MAX + 1};

    ck_assert_int_eq(kevy_ring_restrict(&ring, &restrictions), -EINVAL);
    restrictions.opcode_count = KEVY_RING_RESTRICTIONS_MAX;
    restrictions.register_ops = codes;
    restrictions.register_op_count = 1;
    ck_assert_int_eq(kevy_ring_restrict(&ring, &restrictions), -EINVAL);
}
END_TEST

/* Footgun 34: blocking work breeds threads, unless limited. */
START_TEST(workers_can_be_confined_and_limited)
{
    uint32_t bounded = 3, unbounded = 5;
    cpu_set_t cpus;

    CPU_ZERO(&cpus);
    CPU_SET(0, &cpus);
    ck_assert_int_eq(kevy_ring_workers_affinity(&ring, &cpus, sizeof cpus), 0);
    ck_assert_int_eq(kevy_ring_workers_affinity_reset(&ring), 0);
    ck_assert_int_eq(kevy_ring_workers_limit(&ring, &bounded, &unbounded), 0);
    ck_assert_uint_ne(bounded, 3); /* what was in force before */
    bounded = unbounded = 0;
    ck_assert_int_eq(kevy_ring_workers_limit(&ring, &bounded, &unbounded), 0);
    ck_assert_uint_eq(bounded, 3);
    ck_assert_uint_eq(unbounded, 5);
    ck_assert_int_eq(kevy_ring_workers_limit(&ring, NULL, NULL), 0);
}
END_TEST

START_TEST(busy_polling_is_set_and_told)
{
    struct kevy_napi previous;

    memset(&previous, 0xa5, sizeof previous);
    ck_assert_int_eq(
        kevy_ring_napi_register(&ring, 50, true, KEVY_NAPI_TRACKING_DYNAMIC, &previous), 0);
    ck_assert_uint_eq(previous.busy_poll_to, 0);
    ck_assert_int_eq(
        kevy_ring_napi_register(&ring, 70, false, KEVY_NAPI_TRACKING_DYNAMIC, &previous), 0);
    ck_assert_uint_eq(previous.busy_poll_to, 50);
    ck_assert_uint_eq(previous.prefer_busy_poll, 1);
    ck_assert_int_eq(kevy_ring_napi_unregister(&ring, &previous), 0);
    ck_assert_uint_eq(previous.busy_poll_to, 70);
    ck_assert_int_eq(kevy_ring_napi_unregister(&ring, NULL), 0);
}
END_TEST

START_TEST(queues_to_busy_poll_can_be_named)
{
    /* Ids begin above the number of CPUs; whether a device has this one is not looked up. */
    const uint32_t id = 1U << 20;

    ck_assert_int_eq(kevy_ring_napi_register(&ring, 50, false, KEVY_NAPI_TRACKING_STATIC, NULL), 0);
    ck_assert_int_eq(kevy_ring_napi_add(&ring, 1), -EINVAL);
    ck_assert_int_eq(kevy_ring_napi_add(&ring, id), 0);
    ck_assert_int_eq(kevy_ring_napi_add(&ring, id), -EEXIST);
    ck_assert_int_eq(kevy_ring_napi_remove(&ring, id), 0);
    ck_assert_int_eq(kevy_ring_napi_remove(&ring, id), -ENOENT);
    ck_assert_int_eq(kevy_ring_napi_unregister(&ring, NULL), 0);
}
END_TEST

/* Footgun 40's kin: NAPI and IOPOLL exclude each other, whatever the manual says. */
START_TEST(iopoll_rings_do_not_busy_poll_the_network)
{
    struct kevy_ring_options options = {.required_flags = KEVY_SETUP_IOPOLL};

    kevy_ring_deinit(&ring);
    ring_open(&ring, 8, &options);
    ck_assert_int_eq(kevy_ring_napi_register(&ring, 50, false, KEVY_NAPI_TRACKING_DYNAMIC, NULL),
                     -EINVAL);
}
END_TEST

/* A read that only a cancel ends. */
static int endless_queue(uint64_t user_data, uint64_t *value)
{
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);

    kevy_prep_read(kevy_ring_sqe(&ring, user_data), fd, value, sizeof *value, 0);
    ck_assert_int_eq(kevy_ring_submit(&ring), 1);
    return fd;
}

START_TEST(cancelling_waits_until_it_is_done)
{
    struct kevy_ring_cancel cancel = {.user_data = 9, .timeout_ns = KEVY_FOREVER};
    uint64_t value;
    int fd = endless_queue(9, &value);

    ck_assert_int_eq(kevy_ring_cancel_sync(&ring, &cancel), 0);
    ck_assert_uint_eq(kevy_ring_ready(&ring), 1); /* no wait, no enter */
    cqe_expect(&ring, 9, -ECANCELED);
    ck_assert_int_eq(kevy_ring_cancel_sync(&ring, &cancel), -ENOENT);
    cancel.timeout_ns = 1000;
    ck_assert_int_eq(kevy_ring_cancel_sync(&ring, &cancel), -ENOENT);
    close(fd);
}
END_TEST

START_TEST(cancelling_goes_by_descriptor_and_by_opcode)
{
    uint64_t values[4];
    int first = endless_queue(1, &values[0]), second = endless_queue(2, &values[1]);
    struct kevy_ring_cancel cancel = {.flags = KEVY_ASYNC_CANCEL_FD | KEVY_ASYNC_CANCEL_ALL,
                                      .timeout_ns = KEVY_FOREVER};

    cancel.fd = first;
    ck_assert_int_ge(kevy_ring_cancel_sync(&ring, &cancel), 0);
    cqe_expect(&ring, 1, -ECANCELED);
    ck_assert_uint_eq(kevy_ring_ready(&ring), 0);
    cancel.flags = KEVY_ASYNC_CANCEL_OP | KEVY_ASYNC_CANCEL_ALL;
    cancel.opcode = KEVY_OP_READ;
    ck_assert_int_ge(kevy_ring_cancel_sync(&ring, &cancel), 0);
    cqe_expect(&ring, 2, -ECANCELED);
    close(first);
    close(second);
}
END_TEST

START_TEST(a_message_needs_no_ring_of_its_own)
{
    struct kevy_cqe cqe;

    ck_assert_int_eq(kevy_ring_message(&ring, 77, -5, 0), 0);
    cqe_expect(&ring, 77, -5);
    ck_assert_int_eq(kevy_ring_message(&ring, 78, 6, KEVY_CQE_F_SOCK_NONEMPTY), 0);
    cqe = cqe_wait(&ring);
    ck_assert_uint_eq(cqe.flags, KEVY_CQE_F_SOCK_NONEMPTY);
}
END_TEST

/* Footgun 31: a peer's flag bits 5 and 15 mean nothing here, and must not make us lose count. */
START_TEST(a_messages_flags_do_not_derail_the_reaping)
{
    static const uint32_t flags[] = {KEVY_CQE_F_32, KEVY_CQE_F_SKIP, 0};

    for (uint64_t i = 0; i < 3; i++) {
        int error = kevy_ring_message(&ring, i, 0, flags[i]);

        /* From about 7.0 on the kernel does not let the peer do that. */
        ck_assert_msg(error == 0 || (error == -EINVAL && flags[i] != 0), "message: %d", error);
        if (error == 0)
            cqe_expect(&ring, i, 0);
    }
    ck_assert_uint_eq(kevy_ring_ready(&ring), 0);
}
END_TEST

/* Here is no card that could do it: the refusals are checked, and the queue on memory of ours. */
START_TEST(zero_copy_receive_is_refused_without_a_card)
{
    struct kevy_ring_options big = {.required_flags = KEVY_SETUP_SINGLE_ISSUER |
                                                      KEVY_SETUP_DEFER_TASKRUN | KEVY_SETUP_CQE32};
    struct kevy_zcrx_options options = {.entries = 0};
    struct kevy_zcrx zcrx = {0};
    int error;

    ck_assert_int_eq(kevy_zcrx_init(&zcrx, &ring, &options), -EINVAL);
    options.entries = 64;
    options.area_size = 65536;
    options.area = aligned_alloc(65536, options.area_size);
    options.interface_index = if_nametoindex("lo");
    error = kevy_zcrx_init(&zcrx, &ring, &options);
    ck_assert_msg(error == -EINVAL || error == -EPERM, "on a plain ring: %d", error);
    kevy_ring_deinit(&ring);
    ring_open(&ring, 8, &big);
    error = kevy_zcrx_init(&zcrx, &ring, &options);
    ck_assert_msg(error == -EOPNOTSUPP || error == -EPERM, "on the loopback: %d", error);
    kevy_zcrx_deinit(&zcrx);
    ck_assert_int_lt(kevy_zcrx_flush(&ring, &zcrx), 0);
    ck_assert_int_lt(kevy_zcrx_export(&ring, &zcrx), 0);
    free(options.area);
}
END_TEST

START_TEST(zero_copy_pieces_go_round)
{
    uint8_t area[64];
    struct kevy_zcrx_rqe entries[2];
    uint32_t head = UINT32_MAX, tail = UINT32_MAX; /* about to wrap */
    struct kevy_zcrx zcrx = {.area = area,
                             .area_token = UINT64_C(5) << KEVY_ZCRX_AREA_SHIFT,
                             .entries = entries,
                             .head = &head,
                             .shared_tail = &tail,
                             .tail = tail,
                             .mask = 1};
    struct kevy_cqe32 cqe = {.cqe.res = 7, .big_cqe = {(UINT64_C(9) << 48) | 16, 0}};
    struct kevy_zcrx_cqe token = kevy_zcrx_token(&cqe.cqe);

    ck_assert_ptr_eq(kevy_zcrx_data(&zcrx, token), area + 16);
    ck_assert(kevy_zcrx_give(&zcrx, token, 7));
    ck_assert_uint_eq(tail, UINT32_MAX);
    kevy_zcrx_publish(&zcrx);
    ck_assert_uint_eq(tail, 0);
    ck_assert_uint_eq(entries[1].off, (UINT64_C(5) << 48) | 16);
    ck_assert_uint_eq(entries[1].len, 7);
    ck_assert(kevy_zcrx_give(&zcrx, token, 8));
    ck_assert(!kevy_zcrx_give(&zcrx, token, 9));
    head++;
    ck_assert(kevy_zcrx_give(&zcrx, token, 9));
    ck_assert_uint_eq(entries[1].len, 9);
}
END_TEST

START_TEST(what_this_kernel_lacks_is_refused)
{
    static const uint8_t opcodes[] = {KEVY_OP_NOP};
    struct kevy_ring_restrictions restrictions = {.opcodes = opcodes, .opcode_count = 1};
    struct kevy_ring_restrictions wrong = {.opcode_count = KEVY_RING_RESTRICTIONS_MAX + 1};
    struct kevy_query_zcrx zcrx;
    struct kevy_query_scq scq;

    ck_assert_int_eq(kevy_ring_query_zcrx(NULL, &zcrx), -EOPNOTSUPP);
    ck_assert_int_eq(kevy_ring_query_scq(NULL, &scq), -EOPNOTSUPP);
    ck_assert_int_eq(kevy_ring_filter(&ring, KEVY_OP_NOP, NULL, 0, 0), -EINVAL);
    ck_assert_int_lt(kevy_task_restrict(&restrictions), 0);
    ck_assert_int_eq(kevy_task_restrict(&wrong), -EINVAL);
}
END_TEST

START_TEST(what_is_newer_goes_through_the_raw_call)
{
    ck_assert_int_eq(kevy_ring_register(&ring, 200, NULL, 0), -EINVAL);
    ck_assert_int_lt(kevy_ring_register(NULL, KEVY_REGISTER_FILES, NULL, 0), 0);
}
END_TEST

/* One list for what needs how new a kernel: the number of register codes tells the age. */
static const struct {
    const TTest *const *test;
    uint32_t code; /* the newest register code in it */
    const char *needs;
} tests[] = {
    {&an_eventfd_counts_completions, KEVY_REGISTER_EVENTFD_ASYNC, "Linux 5.8"},
    {&an_eventfd_can_leave_inline_completions_out, KEVY_REGISTER_EVENTFD_ASYNC, "Linux 5.6"},
    {&an_old_kernel_cannot_switch_its_eventfd, 0, ""},
    {&requests_run_with_registered_rights, KEVY_UNREGISTER_PERSONALITY, "Linux 5.6"},
    {&a_restricted_ring_does_only_what_is_listed, KEVY_UNREGISTER_RING_FDS, "Linux 5.18"},
    {&a_restricted_ring_requires_the_flags_that_are_listed, KEVY_UNREGISTER_RING_FDS, "Linux 5.18"},
    {&a_restricted_ring_may_always_be_enabled, KEVY_UNREGISTER_RING_FDS, "Linux 5.18"},
    {&too_long_a_list_of_restrictions_is_refused, 0, ""},
    {&workers_can_be_confined_and_limited, KEVY_REGISTER_IOWQ_MAX_WORKERS, "Linux 5.15"},
    {&busy_polling_is_set_and_told, KEVY_UNREGISTER_NAPI, "Linux 6.9"},
    {&queues_to_busy_poll_can_be_named, KEVY_REGISTER_SEND_MSG_RING, "Linux 6.13"},
    {&iopoll_rings_do_not_busy_poll_the_network, KEVY_UNREGISTER_NAPI, "Linux 6.9"},
    {&cancelling_waits_until_it_is_done, KEVY_REGISTER_SYNC_CANCEL, "Linux 6.0"},
    {&cancelling_goes_by_descriptor_and_by_opcode, KEVY_REGISTER_PBUF_STATUS, "Linux 6.6"},
    {&a_message_needs_no_ring_of_its_own, KEVY_REGISTER_SEND_MSG_RING, "Linux 6.13"},
    {&a_messages_flags_do_not_derail_the_reaping, KEVY_REGISTER_SEND_MSG_RING, "Linux 6.13"},
    {&zero_copy_receive_is_refused_without_a_card, KEVY_REGISTER_RESIZE_RINGS, "Linux 6.15"},
    {&zero_copy_pieces_go_round, 0, ""},
    {&what_is_newer_goes_through_the_raw_call, 0, ""},
};

/* A known code answers a NULL argument with anything but "no such code", which is -EINVAL too; so
 * the opcodes of the same age are asked instead. */
static bool code_known(const struct kevy_ring_probe *probe, uint32_t code)
{
    static const struct {
        uint32_t code, opcode;
    } ages[] = {
        {KEVY_UNREGISTER_PERSONALITY, KEVY_OP_OPENAT2},
        {KEVY_REGISTER_IOWQ_MAX_WORKERS, KEVY_OP_LINKAT},
        {KEVY_UNREGISTER_RING_FDS, KEVY_OP_MSG_RING},
        {KEVY_REGISTER_SYNC_CANCEL, KEVY_OP_SEND_ZC},
        {KEVY_REGISTER_PBUF_STATUS, KEVY_OP_FIXED_FD_INSTALL},
        {KEVY_UNREGISTER_NAPI, KEVY_OP_FTRUNCATE},
        {KEVY_REGISTER_RESIZE_RINGS, KEVY_OP_RECV_ZC},
    };

    if (probe->queried)
        return code < probe->register_op_count;
    for (size_t i = 0; i < sizeof ages / sizeof ages[0]; i++)
        if (code <= ages[i].code)
            return code == 0 || kevy_ring_probe_opcode(probe, ages[i].opcode);
    return false;
}

Suite *test_suite(void)
{
    Suite *suite = suite_create("register");
    TCase *settings = tcase_create("settings");
    struct kevy_ring_probe probe = kernel_probe();

    tcase_add_checked_fixture(settings, ring_set_up, ring_tear_down);
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {
        if (code_known(&probe, tests[i].code))
            tcase_add_test(settings, *tests[i].test);
        else
            support_skip((*tests[i].test)->name, tests[i].needs);
    }
    if (probe.register_op_count <= KEVY_REGISTER_ZCRX_CTRL)
        tcase_add_test(settings, what_this_kernel_lacks_is_refused);
    else
        support_skip("what_this_kernel_lacks_is_refused", "needs a kernel before 6.19");
    suite_add_tcase(suite, settings);
    return suite;
}
