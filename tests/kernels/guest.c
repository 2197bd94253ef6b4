/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The first process of a guest: makes the machine one that tests can run on, runs them one after
 * the other, and switches it off.
 *
 * Model. Programs are the files of a folder whose names match one of the patterns. Each runs as the
 * leader of a session of its own, which is killed when its time is up, or when it has ended and
 * left something behind. The console is the only way out: what the programs print goes there, and
 * after each
 *
 *     END test_ring_abi 0 1.25
 *
 * with its exit status (128 and more for a signal) and the seconds it took. The last line is ENDED;
 * without it the guest has not come to its end.
 *
 * A word NAME=VALUE of the kernel's command line arrives here as an environment variable:
 *
 *     KEVY_FOLDER      where the programs are: /tests without it
 *     KEVY_PROGRAMS    patterns, separated by commas; without them, every program
 *     KEVY_SECONDS     that a program may take
 *
 * The files of /modules, if there are any, are modules of the kernel, and loaded in their order.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <net/if.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FOLDER_DEFAULT  "/tests"
#define SECONDS_DEFAULT 600
#define STATUS_SIGNAL   128
#define STATUS_NO_EXEC  127

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void folder_mount(const char *folder, const char *type, mode_t mode)
{
    (void)mkdir(folder, mode);
    if (mount(type, folder, type, 0, NULL) < 0)
        printf("%s: %s\n", folder, strerror(errno));
    (void)chmod(folder, mode);
}

static void console_open(void)
{
    int fd = open("/dev/console", O_RDWR);

    for (int standard = 0; fd >= 0 && standard <= STDERR_FILENO; standard++)
        dup2(fd, standard);
    if (fd > STDERR_FILENO)
        close(fd);
    setvbuf(stdout, NULL, _IONBF, 0);
}

static void loopback_up(void)
{
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (ioctl(fd, SIOCSIFFLAGS, &request) < 0)
        printf("lo: %s\n", strerror(errno));
    close(fd);
}

static int visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void modules_load(void)
{
    struct dirent **entries = NULL;
    int count = scandir("/modules", &entries, visible, alphasort);

    for (int i = 0; i < count; i++) {
        char path[512];
        int fd;

        snprintf(path, sizeof path, "/modules/%s", entries[i]->d_name);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (syscall(SYS_finit_module, fd, "", 0) < 0)
            printf("%s: %s\n", path, strerror(errno));
        close(fd);
    }
}

static void machine_prepare(void)
{
    struct utsname names;

    folder_mount("/proc", "proc", 0755);
    folder_mount("/sys", "sysfs", 0755);
    folder_mount("/dev", "devtmpfs", 0755);
    folder_mount("/dev/pts", "devpts", 0755);
    folder_mount("/tmp", "tmpfs", 01777);
    console_open();
    loopback_up();
    modules_load();
    uname(&names);
    printf("\nGUEST Linux %s %s, pages of %ld bytes\n", names.release, names.machine,
           sysconf(_SC_PAGESIZE));
}

static bool matches(const char *name, const char *patterns)
{
    char copy[1024];
    char *rest = NULL;

    if (patterns == NULL)
        return true;
    snprintf(copy, sizeof copy, "%s", patterns);
    for (char *one = strtok_r(copy, ",", &rest); one != NULL; one = strtok_r(NULL, ",", &rest))
        if (fnmatch(one, name, 0) == 0)
            return true;
    return false;
}

static void program_become(const char *path)
{
    setsid();
    if (chdir("/tmp") == 0)
        execl(path, path, (char *)NULL);
    printf("%s: %s\n", path, strerror(errno));
    _exit(STATUS_NO_EXEC);
}

/* Whoever is left of the session; the orphans among them are children of ours. */
static void session_end(pid_t leader)
{
    kill(-leader, SIGKILL);
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
}

/* SIGCHLD is blocked: it waits for this wait. */
static int program_wait(pid_t pid, double until)
{
    sigset_t child;
    int status = 0;

    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    while (waitpid(pid, &status, WNOHANG) == 0) {
        double left = until - now();
        struct timespec time = {.tv_sec = (time_t)left};

        if (left <= 0) {
            printf("out of time\n");
            kill(pid, SIGKILL);
            waitpid(pid, &status, 0);
            break;
        }
        time.tv_nsec = (long)((left - (double)time.tv_sec) * 1e9);
        sigtimedwait(&child, NULL, &time);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : STATUS_SIGNAL + WTERMSIG(status);
}

static const char *folder(void)
{
    const char *named = getenv("KEVY_FOLDER");

    return named != NULL ? named : FOLDER_DEFAULT;
}

static void program_run(const char *name, int seconds, const sigset_t *mask)
{
    char path[512];
    double begin = now();
    pid_t pid;
    int status;

    snprintf(path, sizeof path, "%s/%s", folder(), name);
    pid = fork();
    if (pid == 0) {
        sigprocmask(SIG_SETMASK, mask, NULL);
        program_become(path);
    }
    status = program_wait(pid, begin + seconds);
    session_end(pid);
    printf("END %s %d %.2f\n", name, status, now() - begin);
}

static void programs_run(void)
{
    const char *patterns = getenv("KEVY_PROGRAMS");
    const char *limit = getenv("KEVY_SECONDS");
    int seconds = limit != NULL ? atoi(limit) : SECONDS_DEFAULT;
    struct dirent **entries = NULL;
    int count = scandir(folder(), &entries, visible, alphasort);
    sigset_t child, mask;

    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, &mask);
    for (int i = 0; i < count; i++)
        if (matches(entries[i]->d_name, patterns))
            program_run(entries[i]->d_name, seconds, &mask);
    printf("ENDED\n");
}

int main(void)
{
    machine_prepare();
    setenv("PATH", "/bin", 1);
    setenv("HOME", "/tmp", 1);
    setenv("KEVY_EXAMPLES", "/build/examples", 1);
    setenv("KEVY_SOURCE", "", 1);
    programs_run();
    sync();
    reboot(RB_POWER_OFF);
    /* A first process that ends is a panic. */
    for (;;)
        pause();
}
