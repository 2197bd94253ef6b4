/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The units of systemd: valid, safe by systemd's own measure, and not too strict for http_echo. */

#include "http_peer.h"
#include "cage_filter.h"
#include "scratch.h"

#include <sys/syscall.h>

#define SERVICE "examples/systemd/http_echo.service"
#define SOCKET  "examples/systemd/http_echo.socket"
#define BUILT   "/usr/local/bin/http_echo"

/* Of 100; below 10 is the best that systemd has a word for. */
#define EXPOSURE_MAX "5"

#define CALL(name)        \
    {                     \
#name, SYS_##name \
    }

/* The system calls that units may name: where a machine has one not, systemd ignores its name. */
static const struct {
    const char *name;
    uint32_t number;
} calls[] = {
    CALL(accept4),
    CALL(brk),
    CALL(clone),
    CALL(clone3),
    CALL(close),
    CALL(epoll_create1),
    CALL(epoll_ctl),
    CALL(epoll_pwait),
    CALL(epoll_pwait2),
    CALL(eventfd2),
    CALL(execve),
    CALL(exit),
    CALL(exit_group),
    CALL(faccessat),
    CALL(fcntl),
    CALL(fstat),
    CALL(futex),
    CALL(getpeername),
    CALL(getpid),
    CALL(getrandom),
    CALL(getsockname),
    CALL(getsockopt),
    CALL(gettid),
    CALL(io_uring_enter),
    CALL(io_uring_register),
    CALL(io_uring_setup),
    CALL(ioctl),
    CALL(kill),
    CALL(lseek),
    CALL(madvise),
    CALL(mmap),
    CALL(mprotect),
    CALL(mremap),
    CALL(munmap),
    CALL(newfstatat),
    CALL(openat),
    CALL(ppoll),
    CALL(pread64),
    CALL(prlimit64),
    CALL(read),
    CALL(readlinkat),
    CALL(recvfrom),
    CALL(recvmsg),
    CALL(rseq),
    CALL(rt_sigaction),
    CALL(rt_sigprocmask),
    CALL(rt_sigreturn),
    CALL(rt_sigtimedwait),
    CALL(sched_getaffinity),
    CALL(sched_yield),
    CALL(sendmsg),
    CALL(sendto),
    CALL(set_robust_list),
    CALL(set_tid_address),
    CALL(setsockopt),
    CALL(shutdown),
    CALL(signalfd4),
    CALL(sysinfo),
    CALL(uname),
    CALL(write),
    CALL(writev),
#ifdef SYS_access
    CALL(access),
#endif
#ifdef SYS_arch_prctl
    CALL(arch_prctl),
#endif
#ifdef SYS_poll
    CALL(poll),
#endif
#ifdef SYS_readlink
    CALL(readlink),
#endif
#ifdef SYS_socketcall
    CALL(socketcall),
#endif
};

#define CALLS (sizeof calls / sizeof *calls)

static struct peer peer;
static scratch_path folder;
static char text[16384];

/* Reads a unit into `text`. */
static void unit_read(const char *name)
{
    char path[4096];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", getenv("KEVY_SOURCE"), name);
    file = fopen(path, "r");
    ck_assert_msg(file != NULL, "%s", path);
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
}

/* Copies a unit into the folder, with the program that was built. */
static void unit_copy(const char *name)
{
    char path[4096];
    const char *built;
    FILE *file;

    unit_read(name);
    snprintf(path, sizeof path, "%s%s", folder, strrchr(name, '/'));
    file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    built = strstr(text, BUILT);
    if (built)
        fprintf(file, "%.*s%s/http_echo%s", (int)(built - text), text, getenv("KEVY_EXAMPLES"),
                built + strlen(BUILT));
    else
        fputs(text, file);
    ck_assert_int_eq(fclose(file), 0);
}

static int shell(const char *format)
{
    char command[256];

    snprintf(command, sizeof command, format, folder, folder);
    return system(command);
}

static void setup(void)
{
    ck_assert(scratch_folder(folder));
    unit_copy(SERVICE);
    unit_copy(SOCKET);
}

static void teardown(void)
{
    shell("rm -r %s");
}

START_TEST(systemd_finds_no_mistake_in_them)
{
    ck_assert_int_eq(shell("systemd-analyze verify %s/http_echo.service %s/http_echo.socket"), 0);
    ck_assert_int_eq(shell("test -z \"$(systemd-analyze verify %s/http_echo.service "
                           "%s/http_echo.socket 2>&1)\""),
                     0);
}
END_TEST

START_TEST(systemd_finds_the_service_safe)
{
    ck_assert_int_eq(
        shell("systemd-analyze security --no-pager --offline=true --threshold=" EXPOSURE_MAX
              " %s/http_echo.service >/dev/null"),
        0);
}
END_TEST

/* Allows what the unit allows, in this process and what it executes. Descriptor 3, to which
 * assertions report, is the socket by then. */
static void filter_install(const bool *allowed)
{
    static struct sock_filter program[2 * CALLS + 2];
    size_t length = 0;

    program[length++] =
        (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < CALLS; i++) {
        if (!allowed[i])
            continue;
        program[length++] =
            (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls[i].number, 0, 1);
        program[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    }
    program[length++] =
        (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)EPERM);
    if (cage_lock(program, length) < 0)
        exit(126);
}

static void filter_read(bool *allowed)
{
    static const char key[] = "\nSystemCallFilter=";
    char *rest;

    unit_read(SERVICE);
    for (char *line = strstr(text, key); line; line = strstr(line, key)) {
        char *end = strchr(line + 1, '\n');

        line += sizeof key - 1;
        *end = 0;
        for (char *word = strtok_r(line, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
            for (size_t i = 0; i < CALLS; i++)
                allowed[i] |= strcmp(calls[i].name, word) == 0;
        }
        *end = '\n';
        line = end;
    }
}

/* In a process of its own, because a filter is for good: the server inherits it. */
START_TEST(the_filter_lets_the_server_serve)
{
    static const char *const kernels[] = {"--kernel=automatic", "--kernel=soft"};
    bool allowed[CALLS] = {false};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    size_t count = 0;
    int gate[2];

    filter_read(allowed);
    for (size_t i = 0; i < CALLS; i++)
        count += allowed[i];
    ck_assert_uint_eq(count, CALLS);
    passed_socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(passed_socket, (struct sockaddr *)&address, length), 0);
    ck_assert_int_eq(listen(passed_socket, 4), 0);
    ck_assert_int_eq(getsockname(passed_socket, (struct sockaddr *)&address, &length), 0);
    ck_assert_int_eq(pipe(gate), 0);
    server.pid = fork();
    if (server.pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(gate[1], STDOUT_FILENO);
        dup2(gate[1], STDERR_FILENO);
        pass_socket();
        filter_install(allowed);
        program_exec(
            "http_echo",
            (const char *const[]){kernels[_i / 2], _i % 2 ? "--threads=2" : "--threads=1", NULL});
    }
    close(gate[1]);
    server.port = ntohs(address.sin_port);
    for (unsigned i = 0; i < 4; i++) {
        peer_dial(&peer);
        peer_say(&peer, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
        peer_expect(&peer, 200, "hello");
        close(peer.fd);
    }
    kill(server.pid, SIGTERM);
    server.out = open("/dev/null", O_RDONLY);
    server.err = gate[0];
    ck_assert_int_eq(program_wait(&server), 0);
    ck_assert_ptr_nonnull(strstr(server.said, " 0 objects left\n"));
    close(passed_socket);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("examples_systemd");
    const char *why = why_no_reactor();
    TCase *units, *filter;

    if (system("systemd-analyze security --offline=true --help >/dev/null 2>&1") == 0) {
        units = tcase_create("units");
        tcase_add_checked_fixture(units, setup, teardown);
        tcase_add_test(units, systemd_finds_no_mistake_in_them);
        tcase_add_test(units, systemd_finds_the_service_safe);
        suite_add_tcase(suite, units);
    } else {
        support_skip("units", "no systemd-analyze that looks at files (Debian package systemd)");
    }
    if (!why && !support_sizes_tell())
        why = "a sanitizer makes system calls of its own";
    if (why) {
        support_skip("filter", why);
        return suite;
    }
    filter = tcase_create("filter");
    tcase_add_loop_test(filter, the_filter_lets_the_server_serve, 0, 4);
    suite_add_tcase(suite, filter);
    return suite;
}
