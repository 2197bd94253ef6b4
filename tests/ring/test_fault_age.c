/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* ring/ over kernels older and newer than the running one. */

#include "fault_test.h"

#include <kevy/buffer_ring.h>
#include <kevy/ring_register.h>
#include <kevy/ring_zcrx.h>

START_TEST(an_older_kernel_has_no_wait_region)
{
    struct fault_kernel kernel = {UINT32_MAX, UINT32_MAX, KEVY_REGISTER_MEM_REGION};
    struct fault_kernel oldest = {0, UINT32_MAX, KEVY_REGISTER_PROBE};
    struct kevy_ring_options options = {.registered_wait = true};
    struct kevy_ring ring = {0};

    fault_kernel_set(&kernel);
    ring_open(&ring, 4, &options);
    ck_assert_ptr_null(ring.wait_region);
    nop_queue(&ring, 1, 0);
    cqe_expect(&ring, 1, 0);
    kevy_ring_deinit(&ring);
    fault_kernel_set(&oldest); /* which does not even have disabled rings */
    ring_open(&ring, 4, &options);
    nop_queue(&ring, 1, 0);
    cqe_expect(&ring, 1, 0);
    kevy_ring_deinit(&ring);
    leak_check();
}
END_TEST

START_TEST(an_older_kernel_refuses_a_wait_that_it_cannot_keep)
{
    struct fault_kernel before_5_11 = {UINT32_MAX, ~KEVY_FEAT_EXT_ARG & ~KEVY_FEAT_MIN_TIMEOUT,
                                       UINT32_MAX};
    struct fault_kernel before_6_12 = {UINT32_MAX, ~KEVY_FEAT_MIN_TIMEOUT, UINT32_MAX};
    struct kevy_ring_wait wait = {.minimum = 1};
    struct kevy_ring ring = {0};

    fault_kernel_set(&before_5_11);
    ring_open(&ring, 4, NULL);
    ck_assert_uint_ne(ring.modes, 0);
    ck_assert_int_eq(kevy_ring_wait(&ring, &wait), -EOPNOTSUPP);
    wait.timeout_ns = KEVY_FOREVER;
    wait.signal_mask = &wait;
    ck_assert_int_eq(kevy_ring_wait(&ring, &wait), -EOPNOTSUPP);
    kevy_ring_deinit(&ring);
    wait = (struct kevy_ring_wait){.minimum = 1, .min_wait_us = 1};
    fault_kernel_set(&before_6_12);
    ring_open(&ring, 4, NULL);
    ck_assert_int_eq(kevy_ring_wait(&ring, &wait), -EOPNOTSUPP);
    wait.min_wait_us = 0;
    wait.flags = KEVY_RING_WAIT_ABSOLUTE;
    ck_assert_int_eq(kevy_ring_wait(&ring, &wait), -EOPNOTSUPP);
    wait.flags = 0;
    ck_assert_int_eq(kevy_ring_wait(&ring, &wait), -ETIME);
    kevy_ring_deinit(&ring);
    leak_check();
}
END_TEST

/* A kernel with a card: cursors at 0 and 64, entries behind. */
static int zcrx_answer(void *argument)
{
    struct kevy_zcrx_ifq_reg *queue = argument;
    struct kevy_zcrx_area_reg *area = (struct kevy_zcrx_area_reg *)(uintptr_t)queue->area_ptr;
    const struct kevy_region_desc *region =
        (const struct kevy_region_desc *)(uintptr_t)queue->region_ptr;

    ck_assert_uint_eq(queue->if_idx, 3);
    ck_assert_uint_eq(queue->if_rxq, 5);
    ck_assert_uint_eq(area->dmabuf_fd, 9);
    ck_assert_uint_eq(region->flags, KEVY_MEM_REGION_TYPE_USER);
    ck_assert_uint_ge(region->size, 128 + queue->rq_entries * sizeof(struct kevy_zcrx_rqe));
    ck_assert_uint_eq(queue->event_desc, 0); /* which an older kernel would not take */
    area->rq_area_token = UINT64_C(7) << KEVY_ZCRX_AREA_SHIFT;
    queue->offsets.head = 0;
    queue->offsets.tail = 64;
    queue->offsets.rqes = 128;
    queue->zcrx_id = 11;
    return 0;
}

static int export_answer(void *argument)
{
    struct kevy_zcrx_ctrl *control = argument;

    ck_assert_uint_eq(control->zcrx_id, 11);
    if (control->op == KEVY_ZCRX_CTRL_EXPORT)
        control->zc_export.zcrx_fd = 33;
    return 0;
}

/* A kernel of 7.2 without a card: events are asked for, and counters kept. */
static int events_answer(void *argument)
{
    struct kevy_zcrx_ifq_reg *queue = argument;
    const struct kevy_region_desc *region =
        (const struct kevy_region_desc *)(uintptr_t)queue->region_ptr;
    const struct kevy_zcrx_event_desc *events =
        (const struct kevy_zcrx_event_desc *)(uintptr_t)queue->event_desc;
    struct kevy_zcrx_stats *stats;

    ck_assert_uint_eq(queue->flags, KEVY_ZCRX_REG_NODEV);
    queue->offsets.tail = 64;
    queue->offsets.rqes = 128;
    ck_assert_ptr_nonnull(events);
    ck_assert_uint_eq(events->user_data, 77);
    ck_assert_uint_eq(events->type_mask, 1U << KEVY_ZCRX_EVENT_COPY);
    ck_assert_uint_eq(events->flags, KEVY_ZCRX_EVENT_DESC_FLAG_STATS);
    ck_assert_uint_eq(events->stats_offset % _Alignof(struct kevy_zcrx_stats), 0);
    ck_assert_uint_ge(events->stats_offset, 128 + queue->rq_entries * sizeof(struct kevy_zcrx_rqe));
    ck_assert_uint_le(events->stats_offset + sizeof *stats, region->size);
    stats = (struct kevy_zcrx_stats *)(uintptr_t)(region->user_addr + events->stats_offset);
    stats->copy_bytes = 4711;
    return 0;
}

static int arm_answer(void *argument)
{
    const struct kevy_zcrx_ctrl *control = argument;

    ck_assert_uint_eq(control->op, KEVY_ZCRX_CTRL_ARM_EVENT);
    ck_assert_uint_eq(control->zc_arm_event.event_type, KEVY_ZCRX_EVENT_COPY);
    return 0;
}

START_TEST(events_and_counters_of_zero_copy_receive_would_be_had)
{
    struct kevy_zcrx_options options = {.entries = 1024,
                                        .flags = KEVY_ZCRX_REG_NODEV,
                                        .events = 1U << KEVY_ZCRX_EVENT_COPY,
                                        .event_user_data = 77,
                                        .statistics = true};
    struct kevy_zcrx zcrx = {0};
    struct kevy_ring ring = {0};

    ring_open(&ring, 4, NULL);
    fault_answer_set(KEVY_REGISTER_ZCRX_IFQ, events_answer);
    ck_assert_int_eq(kevy_zcrx_init(&zcrx, &ring, &options), 0);
    ck_assert_uint_eq(zcrx.stats->copy_bytes, 4711);
    fault_answer_set(KEVY_REGISTER_ZCRX_CTRL, arm_answer);
    ck_assert_int_eq(kevy_zcrx_arm_event(&ring, &zcrx, KEVY_ZCRX_EVENT_COPY), 0);
    kevy_zcrx_deinit(&zcrx);
    kevy_ring_deinit(&ring);
    leak_check();
}
END_TEST

static int import_answer(void *argument)
{
    struct kevy_zcrx_ifq_reg *queue = argument;
    struct kevy_zcrx_ifq_reg wanted;

    memset(&wanted, 0, sizeof wanted);
    wanted.if_idx = 33;
    wanted.flags = KEVY_ZCRX_REG_IMPORT;
    ck_assert_mem_eq(queue, &wanted, sizeof wanted); /* the kernel refuses anything else */
    queue->zcrx_id = 5;
    return 0;
}

START_TEST(a_queue_that_was_exported_would_be_shared)
{
    uint8_t area[8192];
    const struct kevy_zcrx owner = {.area = area, .area_token = UINT64_C(7) << 48};
    struct kevy_zcrx_cqe token = {.off = (UINT64_C(7) << 48) | 4096};
    struct kevy_zcrx imported = {0};
    struct kevy_ring ring = {0};

    ring_open(&ring, 4, NULL);
    ck_assert_int_lt(kevy_zcrx_import(&imported, &ring, -1, &owner), 0);
    fault_answer_set(KEVY_REGISTER_ZCRX_IFQ, import_answer);
    ck_assert_int_eq(kevy_zcrx_import(&imported, &ring, 33, &owner), 0);
    ck_assert_uint_eq(imported.id, 5);
    ck_assert_ptr_eq(kevy_zcrx_data(&imported, token), area + 4096);
    ck_assert(!kevy_zcrx_give(&imported, token, 1)); /* that is for the owner's */
    kevy_zcrx_deinit(&imported);
    ck_assert_int_eq(kevy_zcrx_import(&imported, &ring, 33, NULL), 0);
    ck_assert_ptr_null(imported.area);
    kevy_zcrx_deinit(&imported);
    kevy_ring_deinit(&ring);
    leak_check();
}
END_TEST

START_TEST(a_card_would_be_used)
{
    struct kevy_zcrx_options options = {.interface_index = 3,
                                        .queue = 5,
                                        .entries = 64,
                                        .area_flags = KEVY_ZCRX_AREA_DMABUF,
                                        .dmabuf_fd = 9};
    struct kevy_zcrx_cqe token = {.off = 4096};
    struct kevy_zcrx zcrx = {0};
    struct kevy_ring ring = {0};

    ring_open(&ring, 4, NULL);
    fault_answer_set(KEVY_REGISTER_ZCRX_IFQ, zcrx_answer);
    ck_assert_int_eq(kevy_zcrx_init(&zcrx, &ring, &options), 0);
    ck_assert_uint_eq(zcrx.id, 11);
    for (uint32_t i = 0; i < 64; i++)
        ck_assert(kevy_zcrx_give(&zcrx, token, i));
    ck_assert(!kevy_zcrx_give(&zcrx, token, 64));
    kevy_zcrx_publish(&zcrx);
    ck_assert_uint_eq(*zcrx.shared_tail, 64);
    ck_assert_uint_eq(zcrx.entries[63].off, (UINT64_C(7) << KEVY_ZCRX_AREA_SHIFT) | 4096);
    fault_answer_set(KEVY_REGISTER_ZCRX_CTRL, export_answer);
    ck_assert_int_eq(kevy_zcrx_flush(&ring, &zcrx), 0);
    ck_assert_int_eq(kevy_zcrx_export(&ring, &zcrx), 33);
    kevy_zcrx_deinit(&zcrx);
    kevy_ring_deinit(&ring);
    leak_check();
}
END_TEST

static int query_answer(void *argument)
{
    struct kevy_query_hdr *question = argument;

    memset((void *)(uintptr_t)question->query_data, 1, question->size);
    return 0;
}

START_TEST(a_newer_kernel_would_be_asked_more)
{
    struct kevy_query_zcrx zcrx;
    struct kevy_query_zcrx_event event;
    struct kevy_query_scq scq;
    struct kevy_ring ring = {0};

    ring_open(&ring, 4, NULL);
    fault_answer_set(KEVY_REGISTER_QUERY, query_answer);
    ck_assert_int_eq(kevy_ring_query_zcrx(&ring, &zcrx), 0);
    ck_assert_uint_eq(zcrx.features, 0x01010101);
    ck_assert_int_eq(kevy_ring_query_zcrx_event(&ring, &event), 0);
    ck_assert_uint_eq(event.stats_size, 0x01010101);
    ck_assert_int_eq(kevy_ring_query_scq(&ring, &scq), 0);
    ck_assert_uint_eq(scq.hdr_size, UINT64_C(0x0101010101010101));
    kevy_ring_deinit(&ring);
    leak_check();
}
END_TEST

/* A kernel with two requests, both supported. */
static int probe_answer(void *argument)
{
    struct kevy_probe *probe = argument;

    probe->last_op = 1;
    probe->ops_len = 2;
    for (uint8_t op = 0; op < 2; op++)
        probe->ops[op] = (struct kevy_probe_op){.op = op, .flags = KEVY_OP_SUPPORTED};
    return 0;
}

START_TEST(the_last_request_that_a_kernel_names_is_known)
{
    struct kevy_ring_probe probe;
    struct kevy_ring ring = {0};

    ring_open(&ring, 4, NULL);
    fault_answer_set(KEVY_REGISTER_PROBE, probe_answer);
    ck_assert_int_eq(kevy_ring_probe(&ring, &probe), 0);
    ck_assert_uint_eq(probe.opcode_count, 2);
    ck_assert(kevy_ring_probe_opcode(&probe, 0));
    ck_assert(kevy_ring_probe_opcode(&probe, 1));
    ck_assert(!kevy_ring_probe_opcode(&probe, 2));
    kevy_ring_deinit(&ring);
    leak_check();
}
END_TEST

/* A time of 584 years would overflow the kernel's clock, and be over at once. */
static int cancel_answer(void *argument)
{
    const struct kevy_sync_cancel_reg *cancel = argument;

    ck_assert_int_eq(cancel->timeout.tv_sec, -1);
    ck_assert_int_eq(cancel->timeout.tv_nsec, -1);
    return 0;
}

START_TEST(a_cancel_without_a_limit_is_no_limit_of_584_years)
{
    const struct kevy_ring_cancel cancel = {.timeout_ns = KEVY_FOREVER};
    struct kevy_ring ring = {0};

    ring_open(&ring, 4, NULL);
    fault_answer_set(KEVY_REGISTER_SYNC_CANCEL, cancel_answer);
    ck_assert_int_eq(kevy_ring_cancel_sync(&ring, &cancel), 0);
    kevy_ring_deinit(&ring);
    leak_check();
}
END_TEST

/* The set-up flags of some kernels, and what each makes of the wishes of the reactor. */
#define FLAGS_5_1  (KEVY_SETUP_IOPOLL | KEVY_SETUP_SQPOLL | KEVY_SETUP_SQ_AFF)
#define FLAGS_5_10 (FLAGS_5_1 | KEVY_SETUP_CQSIZE | KEVY_SETUP_CLAMP | KEVY_SETUP_R_DISABLED)
#define FLAGS_5_18 (FLAGS_5_10 | KEVY_SETUP_SUBMIT_ALL)
#define FLAGS_5_19 (FLAGS_5_18 | KEVY_SETUP_COOP_TASKRUN | KEVY_SETUP_TASKRUN_FLAG)
#define FLAGS_6_0  (FLAGS_5_19 | KEVY_SETUP_SINGLE_ISSUER)
#define FLAGS_6_1  (FLAGS_6_0 | KEVY_SETUP_DEFER_TASKRUN)
#define FLAGS_6_6  (FLAGS_6_1 | KEVY_SETUP_NO_SQARRAY)

#define WISHES                                                                       \
    (KEVY_SETUP_SINGLE_ISSUER | KEVY_SETUP_DEFER_TASKRUN | KEVY_SETUP_TASKRUN_FLAG | \
     KEVY_SETUP_SQ_REWIND)

static const struct {
    uint32_t known, granted;
} old_kernels[] = {
    {FLAGS_5_1, 0},
    {FLAGS_5_10, KEVY_SETUP_CLAMP},
    {FLAGS_5_18, KEVY_SETUP_CLAMP | KEVY_SETUP_SUBMIT_ALL},
    {FLAGS_5_19, KEVY_SETUP_CLAMP | KEVY_SETUP_SUBMIT_ALL},
    {FLAGS_6_0, KEVY_SETUP_CLAMP | KEVY_SETUP_SUBMIT_ALL | KEVY_SETUP_SINGLE_ISSUER},
    {FLAGS_6_1, KEVY_SETUP_CLAMP | KEVY_SETUP_SUBMIT_ALL | KEVY_SETUP_SINGLE_ISSUER |
                    KEVY_SETUP_DEFER_TASKRUN | KEVY_SETUP_TASKRUN_FLAG},
    {FLAGS_6_6, KEVY_SETUP_CLAMP | KEVY_SETUP_SUBMIT_ALL | KEVY_SETUP_SINGLE_ISSUER |
                    KEVY_SETUP_DEFER_TASKRUN | KEVY_SETUP_TASKRUN_FLAG | KEVY_SETUP_NO_SQARRAY},
};

START_TEST(an_older_kernel_grants_what_it_knows)
{
    struct kevy_ring_options options = {.preferred_flags = WISHES | KEVY_SETUP_CLAMP};
    struct fault_kernel kernel = {old_kernels[_i].known, UINT32_MAX, UINT32_MAX};
    struct kevy_ring ring = {0};

    fault_kernel_set(&kernel);
    ring_open(&ring, 4, &options);
    ck_assert_uint_eq(ring.setup_flags, old_kernels[_i].granted);
    nop_queue(&ring, 1, 0);
    cqe_expect(&ring, 1, 0);
    kevy_ring_deinit(&ring);
    leak_check();
}
END_TEST

START_TEST(an_older_kernel_refuses_what_is_required)
{
    struct fault_kernel kernel = {FLAGS_5_19, UINT32_MAX, UINT32_MAX};
    struct kevy_ring_options options = {.required_flags = KEVY_SETUP_SINGLE_ISSUER};
    struct kevy_ring_options sized = {.cq_entries = 64};
    struct kevy_ring ring = {0};

    fault_kernel_set(&kernel);
    ck_assert_int_eq(ring_make(&ring, 4, &options), -EINVAL);
    kernel.setup_flags = FLAGS_5_1;
    fault_kernel_set(&kernel);
    ck_assert_int_eq(ring_make(&ring, 4, &sized), -EINVAL);
    leak_check();
}
END_TEST

START_TEST(a_ring_that_cannot_be_registered_works_all_the_same)
{
    struct fault_kernel kernel = {UINT32_MAX, UINT32_MAX, KEVY_REGISTER_RING_FDS};
    struct kevy_ring ring = {0};

    fault_kernel_set(&kernel);
    ring_open(&ring, 4, NULL);
    ck_assert_int_eq(ring.enter_fd, ring.fd);
    nop_queue(&ring, 1, 0);
    cqe_expect(&ring, 1, 0);
    kevy_ring_deinit(&ring);
    leak_check();
}
END_TEST

START_TEST(older_kernels_cannot_be_asked_everything)
{
    struct fault_kernel kernel = {UINT32_MAX, UINT32_MAX, KEVY_REGISTER_QUERY};
    struct kevy_ring_probe probe;
    struct kevy_ring ring = {0};

    fault_kernel_set(&kernel);
    ring_open(&ring, 4, NULL);
    ck_assert_int_eq(kevy_ring_probe(&ring, &probe), 0);
    ck_assert(!probe.queried);
    ck_assert_uint_eq(probe.setup_flags, 0);
    ck_assert(kevy_ring_probe_opcode(&probe, KEVY_OP_NOP));
    kernel.register_ops = KEVY_REGISTER_PROBE;
    fault_kernel_set(&kernel);
    ck_assert_int_eq(kevy_ring_probe(&ring, &probe), -EOPNOTSUPP);
    kevy_ring_deinit(&ring);
    leak_check();
}
END_TEST

START_TEST(the_kernels_head_is_not_known_before_6_8)
{
    struct fault_kernel kernel = {UINT32_MAX, UINT32_MAX, KEVY_REGISTER_PBUF_STATUS};
    struct kevy_buffer_ring_options options = {.entries = 2, .buffer_size = 16};
    struct kevy_buffer_ring buffers = {0};
    struct kevy_ring ring = {0};

    fault_kernel_set(&kernel);
    ring_open(&ring, 4, NULL);
    ck_assert_int_eq(kevy_buffer_ring_init(&buffers, &ring, &options), 0);
    ck_assert_int_eq(kevy_buffer_ring_head(&buffers), -EINVAL);
    kevy_buffer_ring_deinit(&buffers);
    kevy_ring_deinit(&ring);
    leak_check();
}
END_TEST

/* The emulated kernels that are no newer than the running one. */
static int kernels_older(void)
{
    int count = 0;

    for (size_t i = 0; i < sizeof old_kernels / sizeof old_kernels[0]; i++)
        count += setup_grants(old_kernels[i].granted);
    return count;
}

static bool buffer_rings_granted(void)
{
    struct kevy_buffer_ring_options options = {.entries = 2, .buffer_size = 16};
    struct kevy_buffer_ring buffers = {0};
    struct kevy_ring ring = {0};
    int error;

    memset(&buffers, 0, sizeof buffers);
    error = ring_make(&ring, 4, NULL);
    if (error == 0)
        error = kevy_buffer_ring_init(&buffers, &ring, &options);
    kevy_buffer_ring_deinit(&buffers);
    kevy_ring_deinit(&ring);
    return error == 0;
}

Suite *test_suite(void)
{
    Suite *suite = suite_create("fault_age");
    TCase *age = case_add(suite, "age");

    tcase_add_test(age, an_older_kernel_has_no_wait_region);
    tcase_add_test(age, an_older_kernel_refuses_a_wait_that_it_cannot_keep);
    tcase_add_test(age, a_card_would_be_used);
    tcase_add_test(age, events_and_counters_of_zero_copy_receive_would_be_had);
    tcase_add_test(age, a_queue_that_was_exported_would_be_shared);
    tcase_add_test(age, a_newer_kernel_would_be_asked_more);
    tcase_add_test(age, the_last_request_that_a_kernel_names_is_known);
    tcase_add_test(age, a_cancel_without_a_limit_is_no_limit_of_584_years);
    tcase_add_loop_test(age, an_older_kernel_grants_what_it_knows, 0, kernels_older());
    tcase_add_test(age, an_older_kernel_refuses_what_is_required);
    tcase_add_test(age, a_ring_that_cannot_be_registered_works_all_the_same);
    tcase_add_test(age, older_kernels_cannot_be_asked_everything);
    if (buffer_rings_granted())
        tcase_add_test(age, the_kernels_head_is_not_known_before_6_8);
    else
        support_skip("the_kernels_head_is_not_known_before_6_8", "needs Linux 5.19");
    return suite;
}
