/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What main.c measures, written once for each library. */
#ifndef BENCH_POSTS_LIBRARY_H
#define BENCH_POSTS_LIBRARY_H

#include <stdint.h>

/* Something that a thread hands to the loop; each library has its own. */
struct post;

/* So many posts, never freed. */
struct post *library_posts(uint32_t count);

/* Makes the loop, which belongs to this thread. */
void library_open(void);

/* Runs the loop until library_stop(). */
void library_run(void);

/* From any thread: has the loop call posted() for each of `count` posts from `first` on, with
 * `context` for the last and NULL for the others. */
void library_post(struct post *posts, uint32_t first, uint32_t count, void *context);

/* From the loop. */
void library_stop(void);

/* Of main.c: a post has arrived. */
void posted(void *context);

#endif
