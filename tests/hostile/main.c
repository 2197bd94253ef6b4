/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * hostile PROGRAM [OPTION]...: attacks http_echo, and takes the account after each attack. A line
 * for each, and a last one for all.
 *
 *     --kernel NAME   automatic, io_uring or soft
 *     --threads N     of the server
 *     --tls           with TLS
 *     --cycles N      clients that come one after the other
 *     --crowd N       clients that are there at the same time
 *     --seconds N     of mixed load
 *     --only WORD     the attacks with this word in their name
 */
#include "hostile.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define EXIT_SKIPPED    77
#define DESCRIPTORS_OWN 24 /* more than a server of two threads has without connections */
#define SMALL           10 /* the part of an attack that shows what a server keeps */
#define SMALL_TIMES     8  /* that it is made, at most */
#define GROWTHS         4  /* attacks in a row after which there is more memory: it is lost */
/* More bytes than the buffers of two threads have: each of them was used once. */
#define VISITS      16
#define VISIT_BYTES (2U << 20)

struct options options = {
    .kernel = "automatic", .threads = "1", .cycles = 120, .crowd = 32, .seconds = 1};

static unsigned passed, failed, skipped;

static bool options_read(char **words)
{
    struct {
        const char *name;
        const char **text;
        unsigned *number;
    } const known[] = {
        {"--kernel", &options.kernel, NULL}, {"--threads", &options.threads, NULL},
        {"--only", &options.only, NULL},     {"--cycles", NULL, &options.cycles},
        {"--crowd", NULL, &options.crowd},   {"--seconds", NULL, &options.seconds},
    };

    options.program = *words++;
    for (; options.program && *words; words++) {
        size_t i = 0;

        if (strcmp(*words, "--tls") == 0) {
            options.tls = true;
            continue;
        }
        while (i < sizeof known / sizeof *known && strcmp(*words, known[i].name) != 0)
            i++;
        if (i == sizeof known / sizeof *known || !*++words)
            return false;
        if (known[i].text)
            *known[i].text = *words;
        else
            *known[i].number = (unsigned)strtoul(*words, NULL, 10);
    }
    return options.program && options.cycles && options.crowd && options.seconds;
}

static void say_account(const char *title, const struct account *account)
{
    printf("  %s: %" PRIu64 " descriptors, %" PRIu64 " operations, %" PRIu64 " objects, %" PRIu64
           " buffers lent, %" PRIu64 " bytes for queues, %" PRIu64 " connections, %" PRIu64
           " KiB\n",
           title, account->descriptors, account->operations, account->objects, account->lent,
           account->queued, account->open, account->rss_kib);
}

/* On a small scale, again while the server needs more memory for it. */
static const char *attack_prepare(const struct attack *attack, struct account *before)
{
    uint64_t rss_kib = 0;

    for (unsigned i = 0; i < SMALL_TIMES; i++) {
        const char *why = attack->run(SMALL);

        if (why)
            return why;
        if (!account_open(before))
            return "the account is never the same";
        if (i > 0 && before->rss_kib < rss_kib + RSS_MORE_KIB / 4)
            break;
        rss_kib = before->rss_kib;
    }
    return NULL;
}

/*
 * On the full scale. A server that needs more memory than in an earlier round keeps it, and has
 * enough for the next one; but what is lost is lost in each.
 */
static const char *attack_in_full(const struct attack *attack, struct account *before,
                                  struct account *after)
{
    for (unsigned i = 0; i < GROWTHS; i++) {
        const char *why = attack->run(1);

        if (why || account_balance(before, after))
            return why;
        if (!account_grew(before, after))
            break;
        before->rss_kib = after->rss_kib;
    }
    return "the account does not balance";
}

/* Returns NULL or why it failed. */
static const char *attack_run(const struct attack *attack, struct account *before,
                              struct account *after)
{
    const uint64_t few = DESCRIPTORS_OWN + options.crowd / 2;
    const char *why;

    if (!server_start(attack->arguments, attack->few_descriptors ? few : 0))
        return "the server did not start";
    for (unsigned i = 0; i < VISITS; i++)
        good_visit(VISIT_BYTES, i % 2);
    why = attack_prepare(attack, before);
    return why ? why : attack_in_full(attack, before, after);
}

static void attack_make(const struct attack *attack)
{
    struct account before = {0}, after = {0};
    uint64_t since_ms = clock_ms();
    const char *why = attack_run(attack, &before, &after);

    if (!server_stop() && !why)
        why = "the server did not end well, or had something left";
    if (!why) {
        passed++;
        printf("PASS %s: %s; %" PRIu64 " KiB and %+" PRId64 " KiB; %" PRIu64 " s\n", attack->name,
               server.note, before.rss_kib, (int64_t)(after.rss_kib - before.rss_kib),
               (clock_ms() - since_ms) / 1000);
    } else if (why == SKIPPED) {
        skipped++;
        printf("SKIP %s: this machine does not permit it\n", attack->name);
    } else {
        failed++;
        printf("FAIL %s: %s; %s\n", attack->name, why, server.note);
        say_account("before", &before);
        say_account("after", &after);
    }
    fflush(stdout);
}

static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv)
{
    (void)argc;
    if (!options_read(argv + 1)) {
        fputs("usage: hostile PROGRAM [--kernel NAME] [--threads N] [--tls] [--cycles N]"
              " [--crowd N] [--seconds N] [--only WORD]\n",
              stderr);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    raise_descriptor_limit();
    if (!links_begin()) {
        puts("FAIL no certificate");
        return 1;
    }
    for (size_t i = 0; i < attack_count; i++)
        if (!options.only || strstr(attacks[i].name, options.only))
            attack_make(&attacks[i]);
    links_end();
    printf("RESULT hostile: %u passed, %u failed, %u skipped\n", passed, failed, skipped);
    if (failed || !(passed || skipped))
        return 1;
    return passed ? 0 : EXIT_SKIPPED;
}
