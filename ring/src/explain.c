/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Errors as sentences.
 *
 * Model. A table maps an errno to the function that writes its sentence out of the facts; what is
 * not in the table gets the C library's description. One errno has several causes, and the facts
 * tell them apart: a container's seccomp profile answers -EPERM just as the sysctl does, and many
 * programs send their users to the wrong one of the two.
 *
 * Invariants. No errno is left changed, no static state: any thread may call. The kernel's release
 * is used for the wording alone, never to decide what the kernel can do.
 *
 * This file calls no kernel of a ring: it asks about the machine.
 */
#include <kevy/ring_explain.h>

#if KEVY_RING_SUPPORTED

#include <errno.h>
#include <fcntl.h>
#include <kevy/ring.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "explain.h"

#define SECCOMP_NONE   0
#define SECCOMP_FILTER 2

/* Long enough for the Seccomp line of /proc/self/status, which comes after some 60 short ones. */
#define FILE_MAX_BYTES 8192

struct sentence {
    char *text;
    size_t size;
    int error;     /* positive */
    bool at_setup; /* it is known that setting a ring up has failed */
    const struct explain_facts *facts;
};

/* The start of a file as a string, "" when it cannot be read. */
static void file_read(const char *path, char *content, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t length = 0;

    if (fd >= 0) {
        while (length < size - 1) {
            ssize_t count = read(fd, content + length, size - 1 - length);

            if (count < 0 && errno == EINTR)
                continue;
            if (count <= 0)
                break;
            length += (size_t)count;
        }
        close(fd);
    }
    content[length] = '\0';
}

/* The non-negative number at the start of `text`, or EXPLAIN_UNKNOWN. */
static int number_parse(const char *text)
{
    char *end;
    long number = strtol(text, &end, 10);

    return end == text || number < 0 || number > INT16_MAX ? EXPLAIN_UNKNOWN : (int)number;
}

static uint64_t limit_read(int resource)
{
    struct rlimit limit;

    if (getrlimit((unsigned int)resource, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
        return EXPLAIN_UNLIMITED;
    return (uint64_t)limit.rlim_cur;
}

void kevy_x_explain_facts_read(struct explain_facts *facts, const char *disabled_path,
                               const char *status_path)
{
    static const char seccomp_key[] = "\nSeccomp:";
    char content[FILE_MAX_BYTES];
    const char *line;
    struct utsname names;

    memset(facts, 0, sizeof *facts);
    file_read(disabled_path, content, sizeof content);
    facts->io_uring_disabled = number_parse(content);
    file_read(status_path, content, sizeof content);
    line = strstr(content, seccomp_key);
    facts->seccomp = line != NULL ? number_parse(line + sizeof seccomp_key - 1) : EXPLAIN_UNKNOWN;
    facts->memlock_bytes = limit_read(RLIMIT_MEMLOCK);
    facts->open_files = limit_read(RLIMIT_NOFILE);
    if (uname(&names) == 0)
        snprintf(facts->release, sizeof facts->release, "%s", names.release);
}

static bool seccomp_filtered(const struct explain_facts *facts)
{
    return facts->seccomp > SECCOMP_NONE;
}

/* " 6.1.0" after "Linux", nothing where the release is not known. */
static const char *release_space(const struct explain_facts *facts)
{
    return facts->release[0] != '\0' ? " " : "";
}

#define CONTAINER_CURE                                                                        \
    "allow io_uring_setup, io_uring_enter and io_uring_register in a profile and start the "  \
    "container with `--security-opt seccomp=PROFILE.json` (Docker, Podman), or name it as a " \
    "Localhost seccompProfile (Kubernetes)"

static int permission_explain(const struct sentence *s)
{
    if (s->facts->io_uring_disabled >= 2)
        return snprintf(s->text, s->size,
                        "io_uring is switched off on this machine (sysctl "
                        "kernel.io_uring_disabled is %d): as root run `sysctl -w "
                        "kernel.io_uring_disabled=0`",
                        s->facts->io_uring_disabled);
    if (s->facts->io_uring_disabled == 1)
        return snprintf(s->text, s->size,
                        "io_uring is kept for privileged processes on this machine (sysctl "
                        "kernel.io_uring_disabled is 1): join the group that sysctl "
                        "kernel.io_uring_group names, run with CAP_SYS_ADMIN, or as root run "
                        "`sysctl -w kernel.io_uring_disabled=0`");
    if (seccomp_filtered(s->facts))
        return snprintf(s->text, s->size,
                        "a seccomp filter forbids io_uring, as the default profiles of container "
                        "runtimes do: " CONTAINER_CURE);
    return snprintf(s->text, s->size,
                    "the kernel does not permit it: io_uring is not switched off (sysctl "
                    "kernel.io_uring_disabled) and no seccomp filter is in force, so look for a "
                    "security module's rule or for a privilege that this process lacks");
}

/* Whether the release names a kernel that has io_uring at all, 5.1 or later; false if unknown. */
static bool release_has_io_uring(const char *release)
{
    char *end;
    long major = strtol(release, &end, 10);
    long minor = *end == '.' ? strtol(end + 1, NULL, 10) : 0;

    return major > 5 || (major == 5 && minor >= 1);
}

static int missing_explain(const struct sentence *s)
{
    if (!release_has_io_uring(s->facts->release))
        return snprintf(s->text, s->size,
                        "this kernel, Linux%s%s, has no io_uring: 5.1 or later is needed (6.1 for "
                        "the reactor)",
                        release_space(s->facts), s->facts->release);
    if (seccomp_filtered(s->facts))
        return snprintf(s->text, s->size,
                        "a seccomp filter hides io_uring from this process: " CONTAINER_CURE);
    return snprintf(s->text, s->size,
                    "this kernel, Linux %s, was built without io_uring: use one with "
                    "CONFIG_IO_URING=y",
                    s->facts->release);
}

static int memory_explain(const struct sentence *s)
{
    if (s->facts->memlock_bytes == EXPLAIN_UNLIMITED)
        return snprintf(s->text, s->size,
                        "out of memory: use a smaller ring or fewer and smaller buffers");
    return snprintf(s->text, s->size,
                    "out of memory, or of the %llu KiB that this user may lock (RLIMIT_MEMLOCK, "
                    "counted over all processes of the user): raise `ulimit -l`, or use fewer and "
                    "smaller rings; after a restart the old process's share takes a moment to "
                    "come back",
                    (unsigned long long)(s->facts->memlock_bytes / 1024));
}

static int descriptors_explain(const struct sentence *s)
{
    if (s->facts->open_files == EXPLAIN_UNLIMITED)
        return snprintf(s->text, s->size,
                        "no descriptor is left for this process: close some (`ulimit -n`)");
    return snprintf(s->text, s->size,
                    "all %llu descriptors that this process may have are open: raise `ulimit -n` "
                    "or close some",
                    (unsigned long long)s->facts->open_files);
}

static int system_files_explain(const struct sentence *s)
{
    return snprintf(s->text, s->size,
                    "the system has as many files open as it may (sysctl fs.file-max): raise it or "
                    "find out who holds them");
}

static int invalid_explain(const struct sentence *s)
{
    return snprintf(s->text, s->size,
                    "an invalid argument, or a size or feature that this kernel, Linux%s%s, does "
                    "not have (the reactor needs 6.1)",
                    release_space(s->facts), s->facts->release);
}

static int address_taken_explain(const struct sentence *s)
{
    return snprintf(s->text, s->size,
                    "another socket already uses this address and port: stop the program that "
                    "holds it (`ss -lptn` names it) or choose another port");
}

static int address_foreign_explain(const struct sentence *s)
{
    return snprintf(s->text, s->size,
                    "no interface of this machine has this address: `ip address` lists those that "
                    "there are");
}

static int access_explain(const struct sentence *s)
{
    bool filtered = seccomp_filtered(s->facts);

    if (s->at_setup)
        return snprintf(
            s->text, s->size, "%s",
            filtered ? "a seccomp filter or a security module forbids io_uring: " CONTAINER_CURE
                     : "a security module (SELinux, AppArmor) forbids io_uring: allow it "
                       "in its policy");
    if (filtered)
        return snprintf(s->text, s->size,
                        "permission denied: a seccomp filter is in force; if it forbids "
                        "io_uring, " CONTAINER_CURE);
    return snprintf(s->text, s->size,
                    "permission denied: by a security module, by the rights of a file, because a "
                    "restricted ring is not allowed this request, or because a port below 1024 "
                    "needs CAP_NET_BIND_SERVICE");
}

static int unsupported_explain(const struct sentence *s)
{
    return snprintf(s->text, s->size,
                    "not supported: by this kernel, Linux%s%s, by the kernel that the ring runs "
                    "on, or by this kind of file, socket or device",
                    release_space(s->facts), s->facts->release);
}

static int thread_explain(const struct sentence *s)
{
    return snprintf(s->text, s->size,
                    "it exists already, or the ring belongs to another thread: only the thread "
                    "that set a ring up (or enabled it) may use it, unless it was set up with "
                    "any_thread and without SINGLE_ISSUER");
}

static int child_explain(const struct sentence *s)
{
    return snprintf(s->text, s->size,
                    "there is no such child (perhaps somebody else has waited for it), or this "
                    "is a forked process and the ring is its parent's: set up a ring after fork(), "
                    "or the parent's with shared_on_fork");
}

static int success_explain(const struct sentence *s)
{
    return snprintf(s->text, s->size, "nothing went wrong");
}

/* strerror_r() returns an int by POSIX (musl) and a pointer by GNU; each gets its function. */
static const char *described_by_int(int error, const char *buffer)
{
    return error == 0 ? buffer : "unknown error";
}

static const char *described_by_pointer(const char *text, const char *buffer)
{
    (void)buffer;
    return text;
}

/* clang-format off */
#define DESCRIBED_BY(result) _Generic((result), int: described_by_int, char *: described_by_pointer)
/* clang-format on */

static int other_explain(const struct sentence *s)
{
    char buffer[128] = "";
    size_t size = sizeof buffer;
    const char *text =
        DESCRIBED_BY(strerror_r(0, buffer, size))(strerror_r(s->error, buffer, size), buffer);

    return snprintf(s->text, s->size, "%s (errno %d)", text, s->error);
}

static const struct {
    int error;
    int (*explain)(const struct sentence *sentence);
} explanations[] = {
    {0, success_explain},
    {EPERM, permission_explain},
    {ENOSYS, missing_explain},
    {ENOMEM, memory_explain},
    {EMFILE, descriptors_explain},
    {ENFILE, system_files_explain},
    {EINVAL, invalid_explain},
    {EADDRINUSE, address_taken_explain},
    {EADDRNOTAVAIL, address_foreign_explain},
    {EACCES, access_explain},
    {EOPNOTSUPP, unsupported_explain},
    {EEXIST, thread_explain},
    {ECHILD, child_explain},
};

static int error_explain(int error, bool at_setup, const struct explain_facts *facts, char *text,
                         size_t size)
{
    /* The kernel's errors end at 4095; what lies beyond must not overflow on its way. */
    struct sentence sentence = {.text = text,
                                .size = size,
                                .error = error < -4095 ? 4095
                                         : error < 0   ? -error
                                                       : 0,
                                .at_setup = at_setup,
                                .facts = facts};

    for (size_t i = 0; i < sizeof explanations / sizeof explanations[0]; i++)
        if (explanations[i].error == sentence.error)
            return explanations[i].explain(&sentence);
    return other_explain(&sentence);
}

int kevy_x_explain_text(int error, const struct explain_facts *facts, char *text, size_t size)
{
    return error_explain(error, false, facts, text, size);
}

int kevy_x_explain_kernel_text(const struct kevy_ring *ring, const struct explain_facts *facts,
                               char *text, size_t size)
{
    int length, rest;

    if (ring->sq_entries == 0)
        return snprintf(text, size, "the ring is not set up");
    if (ring->kernel == NULL)
        return snprintf(text, size, "the ring runs on io_uring of this kernel, Linux%s%s",
                        release_space(facts), facts->release);
    if (ring->kernel_error == 0)
        return snprintf(text, size, "the ring runs on the kernel \"%s\", as the program asked",
                        ring->kernel->name);
    length = snprintf(text, size, "the ring runs on the kernel \"%s\", because io_uring failed: ",
                      ring->kernel->name);
    rest = (size_t)length < size ? error_explain(ring->kernel_error, true, facts, text + length,
                                                 size - (size_t)length)
                                 : error_explain(ring->kernel_error, true, facts, NULL, 0);
    return length + rest;
}

static void machine_read(struct explain_facts *facts)
{
    kevy_x_explain_facts_read(facts, "/proc/sys/kernel/io_uring_disabled", "/proc/self/status");
}

int kevy_ring_explain(int error, char *text, size_t size)
{
    struct explain_facts facts;
    int saved = errno;
    int length;

    machine_read(&facts);
    length = kevy_x_explain_text(error, &facts, text, size);
    errno = saved;
    return length;
}

int kevy_ring_explain_kernel(const struct kevy_ring *ring, char *text, size_t size)
{
    struct explain_facts facts;
    int saved = errno;
    int length;

    machine_read(&facts);
    length = kevy_x_explain_kernel_text(ring, &facts, text, size);
    errno = saved;
    return length;
}

#endif /* KEVY_RING_SUPPORTED */
