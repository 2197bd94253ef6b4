/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * The tests that need what a tool below the program may lack: valgrind knows the system calls of
 * its time, and plays the limit of descriptors itself. Each with the question that finds out, which
 * is asked of the system, and not of the tool. soft_skips.c asks before it adds a test.
 */

#include "tool_skips.h"

#include "tools.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool pidfds_are_unknown(void)
{
    long fd = syscall(SYS_pidfd_open, getpid(), 0);

    if (fd >= 0)
        close((int)fd);
    return fd < 0 && errno == ENOSYS;
}

static bool openat2_is_unknown(void)
{
    return syscall(SYS_openat2, -1, NULL, NULL, (size_t)0) < 0 && errno == ENOSYS;
}

/* The kernel's own limit of descriptors, from the open /proc/self/limits. */
static rlim_t limit_of_kernel(int fd)
{
    char text[4096];
    ssize_t count = pread(fd, text, sizeof text - 1, 0);
    const char *line;

    text[count > 0 ? count : 0] = '\0';
    line = strstr(text, "Max open files");
    return line != NULL ? strtoul(line + strlen("Max open files"), NULL, 10) : 0;
}

/* Whoever plays the limit closes a connection that is beyond it, and the kernel keeps it. */
static bool descriptors_are_counted_elsewhere(void)
{
    struct rlimit limit, lower;
    int fd = open("/proc/self/limits", O_RDONLY | O_CLOEXEC);
    bool elsewhere = false;

    if (fd >= 0 && getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        lower = limit;
        lower.rlim_cur = (rlim_t)fd + 1;
        if (setrlimit(RLIMIT_NOFILE, &lower) == 0) {
            elsewhere = limit_of_kernel(fd) != lower.rlim_cur;
            setrlimit(RLIMIT_NOFILE, &limit);
        }
    }
    if (fd >= 0)
        close(fd);
    return elsewhere;
}

/*
 * valgrind believes that a child has all that its parent had mapped. Memory that is not inherited
 * (MADV_DONTFORK) is not there, and an mmap(2) that the kernel answers with such an address ends
 * valgrind 3.19 by an assertion of its own. Which address that is, no question finds out before.
 */
static bool mappings_are_counted_elsewhere(void)
{
    return tools_valgrind();
}

/* The C library says of a thread's stack what mmap(2) said: that there is no memory, or another
 * thing. */
static bool large_mappings_are_no_matter_of_memory(void)
{
    size_t size = SIZE_MAX / 4096 * 1024;
    void *memory = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        return errno != ENOMEM;
    munmap(memory, size);
    return false;
}

static const struct need {
    bool (*lacking)(void);
    const char *why;
} pidfd = {pidfds_are_unknown, "pidfd_open(2) is not known here"},
  openat2 = {openat2_is_unknown, "openat2(2) is not known here"},
  limit = {descriptors_are_counted_elsewhere, "the limit of descriptors is not the kernel's here"},
  large = {large_mappings_are_no_matter_of_memory, "too large a stack is not told as such here"},
  maps = {mappings_are_counted_elsewhere, "valgrind does not know that memory is not inherited"};

static const struct {
    const char *file;
    const char *test; /* NULL: all tests of the file */
    const struct need *need;
    int at; /* the only round of a loop that needs it, counted from 1; 0: all */
} needs[] = {
    {"test_child.c", NULL, &pidfd, 0},
    {"test_object.c", NULL, &pidfd, 0},
    {"test_backlog.c", "a_watch_waits_for_a_slot", &pidfd, 0},
    {"test_backlog.c", "a_stop_of_a_watch_waits_for_a_slot", &pidfd, 0},
    {"test_backlog.c", "a_kernel_that_cannot_be_asked_gets_a_poll", &pidfd, 0},
    {"test_embedding.c", "the_end_of_a_child_wakes_the_foreign_loop", &pidfd, 0},
    {"test_interrupted.c", "a_child_is_reaped_though_its_wait_is_interrupted", &pidfd, 0},
    {"test_last_callback.c", "a_watch_of_a_child_is_started_again_and_freed", &pidfd, 0},
    {"test_misuse.c", "what_is_at_work_is_not_started_again", &pidfd, 8},
    {"test_owner.c", "a_call_from_a_foreign_thread_is_an_assertion", &pidfd, 36},
    {"test_owner.c", "a_forked_child_may_have_a_reactor_of_its_own_and_the_parents_goes_on", &maps,
     0},
    {"test_ops_open.c", "openat2_opens_into_descriptors_and_slots", &openat2, 0},
    {"test_each_call.c", "without_a_fault_everything_comes_to_its_good_end", &pidfd, 0},
    {"test_shortage_open.c", "threads_that_cannot_be_started_leave_nothing", &large, 0},
    {"test_stream_rights.c", "a_full_descriptor_table_is_told", &limit, 0},
    {"test_listener_descriptor.c", NULL, &limit, 0},
    {"test_footgun.c", "footgun_38_no_descriptor_loses_no_connection", &limit, 0},
    {"test_listener_limit.c", "footgun_38_emfile_stops_accepting_reports_and_does_not_spin", &limit,
     0},
    {"test_listener_limit.c",
     "footgun_38_accepting_goes_on_when_a_stream_closes_without_waiting_for_the_timer", &limit, 0},
    {"test_listener_limit.c", "footgun_38_accepting_goes_on_by_itself_after_100_milliseconds",
     &limit, 0},
    {"test_listener_limit.c", "footgun_37_a_full_descriptor_table_loses_no_client", &limit, 0},
    {"test_listener_limit.c", "a_listener_that_ran_out_of_descriptors_can_be_closed", &limit, 0},
    {"test_listener_limit.c", "the_listener_may_be_closed_from_state", &limit, 0},
};

const char *tool_lacks(const TTest *test, int *at)
{
    for (size_t i = 0; i < sizeof needs / sizeof needs[0]; i++)
        if (strstr(test->file, needs[i].file) != NULL &&
            (needs[i].test == NULL || strcmp(test->name, needs[i].test) == 0) &&
            needs[i].need->lacking()) {
            *at = needs[i].at - 1;
            return needs[i].need->why;
        }
    return NULL;
}
