/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * posts burst|paced SECONDS: four threads hand work to a loop, and one line of name=value pairs
 * says what that took. server_ns is the CPU time of the loop, load_ns that of those who post.
 *
 * burst: each thread posts 1000 pieces and waits for the last of them to have run, again and again.
 * paced: each thread posts a piece every 250 us, so that the loop sleeps in between.
 *
 * The loop has the last CPU to itself, the others share the first.
 */
#include "clock.h"
#include "library.h"

#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define THREADS 4U
#define BURST   1000U
#define PACE_NS 250000U
#define IN_PACE 65536U /* more than a loop ever falls behind */

struct poster {
    pthread_t thread;
    sem_t ran;
    uint64_t count;
    uint64_t spent_ns;
    bool done; /* the next post with a context is its last */
};

static struct poster posters[THREADS];
static uint64_t end_ns;
static uint32_t ended;
static bool paced;

static void pin(long cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    sched_setaffinity(0, sizeof set, &set);
}

/* The loop's: the last of a burst, or of all, has a poster to be told. */
void posted(void *context)
{
    struct poster *poster = context;

    if (poster == NULL)
        return;
    if (!poster->done)
        sem_post(&poster->ran);
    else if (++ended == THREADS)
        library_stop();
}

static void post_burst(struct poster *poster, struct post *posts)
{
    library_post(posts, 0, BURST, poster);
    poster->count += BURST;
    sem_wait(&poster->ran);
}

static void post_one(struct poster *poster, struct post *posts, void *context)
{
    library_post(posts, (uint32_t)(poster->count++ % IN_PACE), 1, context);
}

static void post_paced(struct poster *poster, struct post *posts)
{
    for (uint64_t next_ns = now_ns(); next_ns < end_ns; next_ns += PACE_NS) {
        const struct timespec at = {.tv_sec = (time_t)(next_ns / SECOND_NS),
                                    .tv_nsec = (long)(next_ns % SECOND_NS)};

        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
        post_one(poster, posts, NULL);
    }
}

static void *post_all(void *context)
{
    struct poster *poster = context;
    struct post *posts = library_posts(IN_PACE);

    if (posts == NULL)
        exit(1);
    pin(0);
    if (paced)
        post_paced(poster, posts);
    while (!paced && now_ns() < end_ns)
        post_burst(poster, posts);
    poster->done = true;
    post_one(poster, posts, poster);
    poster->spent_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    return NULL;
}

int main(int argc, char **argv)
{
    uint64_t begin_ns, spent_ns, load_ns = 0, count = 0;

    if (argc != 3 || (strcmp(argv[1], "burst") != 0 && strcmp(argv[1], "paced") != 0))
        return fputs("usage: posts burst|paced SECONDS\n", stderr), 2;
    paced = strcmp(argv[1], "paced") == 0;
    pin(sysconf(_SC_NPROCESSORS_ONLN) - 1);
    library_open();
    begin_ns = now_ns();
    end_ns = begin_ns + (uint64_t)(strtod(argv[2], NULL) * SECOND_NS);
    for (unsigned i = 0; i < THREADS; i++) {
        sem_init(&posters[i].ran, 0, 0);
        if (pthread_create(&posters[i].thread, NULL, post_all, &posters[i]) != 0)
            return 1;
    }
    spent_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    library_run();
    spent_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - spent_ns;
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(posters[i].thread, NULL);
        count += posters[i].count;
        load_ns += posters[i].spent_ns;
    }
    printf("messages=%" PRIu64 " seconds=%.6f server_ns=%" PRIu64 " load_ns=%" PRIu64 "\n", count,
           (double)(now_ns() - begin_ns) / SECOND_NS, spent_ns, load_ns);
    return 0;
}
