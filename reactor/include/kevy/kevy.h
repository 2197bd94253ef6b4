/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* kevy/kevy.h - the whole of kevy-reactor in one include. */
#ifndef KEVY_KEVY_H
#define KEVY_KEVY_H

#include <kevy/address.h>
#include <kevy/child.h>
#include <kevy/completion.h>
#include <kevy/connect.h>
#include <kevy/datagram.h>
#include <kevy/file.h>
#include <kevy/group.h>
#include <kevy/listener.h>
#include <kevy/reactor.h>
#include <kevy/recv_pool.h>
#include <kevy/resolver.h>
#include <kevy/ring_explain.h>
#include <kevy/signal.h>
#include <kevy/stream.h>
#include <kevy/task.h>
#include <kevy/timer.h>
#include <kevy/work.h>

#endif /* KEVY_KEVY_H */
