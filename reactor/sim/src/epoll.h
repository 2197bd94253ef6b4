/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef KEVY_SIM_SRC_EPOLL_H
#define KEVY_SIM_SRC_EPOLL_H

/*
 * epoll(7), edge-triggered, over the files of the world.
 *
 * Model. A watch belongs to a descriptor and the file behind it. A change of the file, and being
 * added, make it ready; a wait reports the ready ones by the state that their files have then, and
 * forgets them until the next change. Where chance wants it, a change is noticed later, and the
 * ready ones are reported in another order.
 *
 * Invariants. A file that is released takes its watches with it. What has changed is reported, if
 * it still is so.
 */

#include "names.h"

#include <sys/epoll.h>

#include "file.h"

/* A set with one reference. */
struct file *epoll_make(void);

/* As epoll_ctl(2); `add` and `change` name the state to watch, `remove` takes the watch away. */
int epoll_add(struct file *set, int fd, const struct epoll_event *event);
int epoll_change(struct file *set, int fd, const struct epoll_event *event);
int epoll_remove(struct file *set, int fd);

/* True when a watch may have something to report. */
bool epoll_ready(const struct file *set);

/* Reports up to `room` watches. */
int epoll_collect(struct file *set, struct epoll_event *events, int room);

/* For file.c. */
void epoll_changed(struct file *file, uint32_t events);
void epoll_forget(struct file *file);

#endif
