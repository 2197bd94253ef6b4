/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* The scenarios that the simulated kernel does not play as io_uring does, and why. */

#include "stage.h"

const struct stage_reason stage_reasons[] = {
    {"a world passes no descriptors from one process to another",
     (const char *const[]){"message_with_a_descriptor", "recv_stops_at_descriptors",
                           "message_to_a_full_socket_keeps_its_vectors",
                           "descriptors_go_once_though_the_message_goes_on", NULL}},
    {"the signals, timers and limits of the process are Linux's own",
     (const char *const[]){"wait_is_interrupted", "wait_with_a_mask",
                           "writes_to_nobody_raise_a_signal", "accept_at_the_limit_of_files",
                           NULL}},
    {"the simulated kernel has no tables of files and of buffers",
     (const char *const[]){"tables_that_are_not_there", NULL}},
    {"io_uring wakes the last first; the contract has no order here",
     (const char *const[]){"recvs_stand_in_line", NULL}},
    {"how many buffers a bundle begins with is a guess of io_uring's",
     (const char *const[]){"bundle_of_what_is_there", NULL}},
    {"io_uring's limit ends no splice that waits",
     (const char *const[]){"splice_reaches_its_limit", NULL}},
    {"io_uring sends it, and then a bundle of nothing",
     (const char *const[]){"send_of_a_bundle_without_a_group", NULL}},
};

const unsigned stage_reason_count = sizeof stage_reasons / sizeof stage_reasons[0];
