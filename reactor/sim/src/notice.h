/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef KEVY_SIM_SRC_NOTICE_H
#define KEVY_SIM_SRC_NOTICE_H

/*
 * Notices of zero-copy sends.
 *
 * Model. A notice is a request of its own, behind the answer of its send. It comes when the peer
 * has acknowledged the bytes, or when nobody asks for them any more.
 *
 * Invariants. The bytes that the kernel is sending from do not change before the notice.
 */

#include "names.h"

#include "request.h"

/* The notice of a send that is being answered. */
void notice_start(const struct request *request);

/* Answers a notice, and frees it. */
void notice_answer(struct request *notice);

#endif
