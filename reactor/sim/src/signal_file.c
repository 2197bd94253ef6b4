/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "signal_file.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>

#include "world.h"

struct signal_file {
    struct file file;
    sigset_t mask;
    struct signal_file *next;
};

static struct {
    struct signal_file *files;
    uint64_t waiting; /* a bit for each number below 64 */
} signals;

enum {
    SIGNALS = 64,
};

void signal_files_reset(void)
{
    memset(&signals, 0, sizeof signals);
}

static struct signal_file *signal_file_of(struct file *file)
{
    return (void *)((char *)file - offsetof(struct signal_file, file));
}

/* The next that waits for this descriptor, or 0. */
static int next_signal(const struct signal_file *signal)
{
    for (int number = 1; number < SIGNALS; number++)
        if ((signals.waiting >> number & 1) != 0 && sigismember(&signal->mask, number) == 1)
            return number;
    return 0;
}

static int signals_read(struct file *file, void *data, uint32_t length)
{
    struct signalfd_siginfo *infos = data;
    uint32_t count = 0;
    int number;

    if (length < sizeof *infos)
        return -EINVAL;
    while (count < length / sizeof *infos && (number = next_signal(signal_file_of(file))) != 0) {
        infos[count++] = (struct signalfd_siginfo){.ssi_signo = (uint32_t)number};
        signals.waiting &= ~(UINT64_C(1) << number);
    }
    return count != 0 ? (int)(count * sizeof *infos) : -EAGAIN;
}

static uint32_t signals_poll(const struct file *file)
{
    const struct signal_file *signal =
        (const void *)((const char *)file - offsetof(struct signal_file, file));

    return next_signal(signal) != 0 ? POLLIN : 0;
}

static void release(struct file *file)
{
    struct signal_file *signal = signal_file_of(file);
    struct signal_file **link = &signals.files;

    while (*link != signal)
        link = &(*link)->next;
    *link = signal->next;
    free(signal);
}

static const struct file_operations operations = {
    .read = signals_read, .poll = signals_poll, .release = release};

struct file *signal_file_make(const void *mask)
{
    struct signal_file *signal = calloc(1, sizeof *signal);

    assert(signal != NULL);
    file_init(&signal->file, FILE_EVENT, &operations);
    memcpy(&signal->mask, mask, sizeof signal->mask);
    signal->next = signals.files;
    signals.files = signal;
    return &signal->file;
}

void signal_file_set(struct file *file, const void *mask)
{
    EXPECT(file->operations == &operations, "signalfd of another kind of descriptor");
    memcpy(&signal_file_of(file)->mask, mask, sizeof signal_file_of(file)->mask);
    if (signals_poll(file) != 0)
        file_changed(file, POLLIN);
}

void kevy_sim_signal(struct kevy_sim *sim, int number)
{
    struct signal_file *signal = signals.files;

    world_check(sim);
    assert(number > 0 && number < SIGNALS);
    TRACE("signal %d", number);
    while (signal != NULL && sigismember(&signal->mask, number) != 1)
        signal = signal->next;
    if (signal == NULL)
        return;
    signals.waiting |= UINT64_C(1) << number;
    file_changed(&signal->file, POLLIN);
}
