/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * The tests that do not run on the soft kernel, each with its reason. Everything else does.
 *
 * Programs are linked with -Wl,--wrap=_tcase_add_test, the function behind libcheck's macros: on
 * the soft kernel a test that is listed here is reported as skipped instead of added, and so is one
 * that tool_skips.c finds on any kernel.
 */

#include "kernel_choice.h"
#include "support.h"
#include "tool_skips.h"

#include <string.h>

#define ZERO_COPY  "sends without a copy are the kernel's to make: they are not in the probe"
#define SIZES      "there are no SQEs of 128 bytes and no CQEs of 32"
#define INDEX      "a ring's descriptor cannot be registered: an index would save nothing"
#define EVENTFD    "nobody could signal an eventfd while the ring is not entered: poll the ring"
#define WORKERS    "there are no workers"
#define NAPI       "the network is not polled"
#define CREDENTIAL "requests run with the credentials of the process"
#define MESSAGE    "the operation is not in the probe: a ring is not found by its descriptor"
#define FUTEX      "the operation is not in the probe: a thread would have to wait"
#define OVERFLOW   "a multishot request waits for room in the completion queue and is not ended"
#define THREADS    "a ring is used by one thread at a time"
#define SHARED     "what a ring consists of is in the memory of one process"

static const struct {
    const char *test;
    const char *why;
} skips[] = {
    {"sendto_names_its_target", ZERO_COPY},
    {"send_zc_notifies_when_it_let_go", ZERO_COPY},
    {"send_zc_reports_that_loopback_copies", ZERO_COPY},
    {"footgun_23_send_zc_notifies_after_an_error_too", ZERO_COPY},
    {"zero_copy_sends_use_registered_buffers", ZERO_COPY},
    {"zero_copy_sends_gather", ZERO_COPY},
    {"a_zero_copy_send_answers_twice", ZERO_COPY},
    {"a_failed_zero_copy_send_answers_twice_too", ZERO_COPY},
    {"zero_copy_receive_is_refused_without_a_card", ZERO_COPY},
    {"footgun_23_released_waits_for_the_peer_and_done_does_not", ZERO_COPY},
    {"any_send_names_its_target", ZERO_COPY},
    {"the_next_write_does_not_wait_for_the_release", ZERO_COPY},
    {"short_sends_are_resumed", ZERO_COPY},
    {"close_waits_until_the_peer_has_acknowledged", ZERO_COPY},
    {"a_peer_that_never_acknowledges_is_bounded_by_the_write_deadline", ZERO_COPY},
    {"abort_releases_before_close", ZERO_COPY},
    {"abort_ends_a_zero_copy_send_that_waits_for_room", ZERO_COPY},
    {"a_reset_by_the_peer_releases_before_close", ZERO_COPY},
    {"destroy_releases_what_is_unread", ZERO_COPY},

    {"uring_cmd80_fits_rings_of_wide_sqes", SIZES},
    {"wide_opcodes_are_newer_than_6_18", SIZES},
    {"nop_cqe32_carries_two_words", SIZES},
    {"lent_memory_has_room_for_big_requests_and_completions", SIZES},
    {"tx_timestamp_reports_when_a_packet_left", SIZES},

    {"init_asks_for_the_good_defaults", INDEX},
    {"h2_nothing_is_left_registered_or_open", INDEX},
    {"a_disabled_ring_waits_for_enable", INDEX},
    {"deinit_elsewhere_leaves_that_threads_rings_alone", INDEX},
    {"a_restricted_ring_does_only_what_is_listed", INDEX},

    {"a_ring_can_move_to_another_thread", INDEX},
    {"another_thread_is_told_that_the_ring_is_not_its_own", INDEX},
    {"a_thread_with_a_ring_at_the_same_index_is_told_as_well", INDEX},
    {"whoever_asks_is_told_whose_the_ring_is", INDEX},
    {"a_foreign_thread_is_told", INDEX},

    {"an_eventfd_counts_completions", EVENTFD},
    {"an_eventfd_can_leave_inline_completions_out", EVENTFD},

    {"workers_can_be_shared", WORKERS},
    {"an_operation_on_a_file_does_not_look_cancelled", WORKERS},
    {"an_opening_does_not_look_cancelled", WORKERS},
    {"workers_can_be_confined_and_limited", WORKERS},

    {"busy_polling_is_set_and_told", NAPI},
    {"queues_to_busy_poll_can_be_named", NAPI},
    {"iopoll_rings_do_not_busy_poll_the_network", NAPI},

    {"a_request_runs_with_registered_credentials", CREDENTIAL},
    {"requests_run_with_registered_rights", CREDENTIAL},

    {"msg_ring_posts_a_completion", MESSAGE},
    {"msg_ring_passes_flags", MESSAGE},
    {"msg_ring_hands_files_over", MESSAGE},

    {"futex_wait_is_woken", FUTEX},
    {"futex_waitv_says_which", FUTEX},

    {"footgun_2_recv_ended_by_cq_overflow_with_data_in_the_last_cqe_loses_nothing", OVERFLOW},
    {"footgun_2_a_stream_that_an_overflow_ended_hears_what_comes_later", OVERFLOW},
    {"footgun_2_signals_are_heard_though_an_overflow_ended_their_poll", OVERFLOW},
    {"footgun_2_a_multishot_ended_by_an_overflow_goes_on_and_its_last_datagram_counts", OVERFLOW},

    {"overflow_ends_a_multishot_that_still_has_data", OVERFLOW},

    {"another_process_adopts_a_ring_where_it_stands", SHARED},
    {"another_process_adopts_a_ring_without_an_index_array", SHARED},
    {"a_ring_shared_on_fork_takes_requests_of_the_child", SHARED},

    {"one_thread_submits_while_another_waits_and_reaps", THREADS},
    {"a_wait_of_split_queues_submits_nothing", THREADS},
    {"a_registered_wait_of_split_queues_submits_nothing", THREADS},

    {"reactors_that_share_a_socket_share_its_connections",
     "both loops are told of a connection, and the one that looks first accepts it"},
    {"footgun_24_too_much_to_pin_is_an_error_to_handle", "no memory is pinned"},
    {"footgun_10_close_does_not_end_what_is_in_flight",
     "a request holds no file open that the program closes beside the ring"},
    {"a_command_may_use_a_registered_buffer", "of the commands there are those of sockets"},
    {"provided_buffers_are_taken_and_removed", "buffers are provided by rings alone"},
    {"a_deferring_ring_can_be_drained_beyond_twenty", "an enter hands over all that is ready"},
    {"cancel_fixed_fd_finds_its_target_by_slot",
     "a slot holds a descriptor of its own, and a cancel by descriptor compares numbers"},
};

void __real__tcase_add_test(TCase *tcase, const TTest *test, int signal, int status, int from,
                            int to);
void __wrap__tcase_add_test(TCase *tcase, const TTest *test, int signal, int status, int from,
                            int to);

static const char *soft_lacks(const TTest *test)
{
    for (size_t i = 0; kernel_is_soft() && i < sizeof skips / sizeof skips[0]; i++)
        if (strcmp(skips[i].test, test->name) == 0)
            return skips[i].why;
    return NULL;
}

void __wrap__tcase_add_test(TCase *tcase, const TTest *test, int signal, int status, int from,
                            int to)
{
    const char *why = soft_lacks(test);
    int at = -1;

    if (why == NULL)
        why = tool_lacks(test, &at);
    if (why != NULL)
        support_skip(test->name, why);
    if (why == NULL) {
        __real__tcase_add_test(tcase, test, signal, status, from, to);
    } else if (at >= from && at < to) {
        __real__tcase_add_test(tcase, test, signal, status, from, at);
        __real__tcase_add_test(tcase, test, signal, status, at + 1, to);
    }
}
