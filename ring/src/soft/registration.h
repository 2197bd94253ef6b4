/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What registrations reach, and what the soft kernel says that it has. */
#ifndef KEVY_RING_SRC_SOFT_REGISTRATION_H
#define KEVY_RING_SRC_SOFT_REGISTRATION_H

#include "soft.h"

/* Set-up flags that are kept, or that change nothing here. */
#define SOFT_SETUP_FLAGS                                                                    \
    (KEVY_SETUP_CQSIZE | KEVY_SETUP_CLAMP | KEVY_SETUP_R_DISABLED | KEVY_SETUP_SUBMIT_ALL | \
     KEVY_SETUP_COOP_TASKRUN | KEVY_SETUP_TASKRUN_FLAG | KEVY_SETUP_SINGLE_ISSUER |         \
     KEVY_SETUP_DEFER_TASKRUN | KEVY_SETUP_NO_MMAP | KEVY_SETUP_NO_SQARRAY)

#define SOFT_ENTER_FLAGS \
    (KEVY_ENTER_GETEVENTS | KEVY_ENTER_EXT_ARG | KEVY_ENTER_ABS_TIMER | KEVY_ENTER_NO_IOWAIT)

#define SOFT_SQE_FLAGS 0x7fU

/* Without registered rings, worker threads, tags, and attributes of reads and writes. */
#define SOFT_FEATURES                                                                              \
    (KEVY_FEAT_SINGLE_MMAP | KEVY_FEAT_NODROP | KEVY_FEAT_SUBMIT_STABLE | KEVY_FEAT_RW_CUR_POS |   \
     KEVY_FEAT_CUR_PERSONALITY | KEVY_FEAT_FAST_POLL | KEVY_FEAT_POLL_32BITS | KEVY_FEAT_EXT_ARG | \
     KEVY_FEAT_CQE_SKIP | KEVY_FEAT_LINKED_FILE | KEVY_FEAT_RECVSEND_BUNDLE |                      \
     KEVY_FEAT_MIN_TIMEOUT | KEVY_FEAT_NO_IOWAIT)

struct iovec;

/* file_table.c */
int file_table_register(struct soft *soft, const int32_t *fds, uint32_t count);
int file_table_unregister(struct soft *soft);
int file_table_update(struct soft *soft, uint32_t first, const int32_t *fds, uint32_t count);
int file_table_range(struct soft *soft, const struct kevy_file_index_range *range);

/* buffer_table.c */
int buffer_table_register(struct soft *soft, const struct iovec *buffers, uint32_t count);
int buffer_table_unregister(struct soft *soft);
int buffer_table_update(struct soft *soft, uint32_t first, const struct iovec *buffers,
                        uint32_t count);

/* cancel.c */
int cancel_answer(struct soft *soft, struct cancel_key *key);
int cancel_flags_check(uint32_t flags);

/* restriction.c */
int restrictions_set(struct soft *soft, void *argument, uint32_t count);
bool restrictions_permit(const struct soft *soft, uint32_t register_op);

/* registration.c */
bool registration_known(uint32_t opcode);

#endif
