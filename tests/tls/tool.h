/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef TLS_TOOL_H
#define TLS_TOOL_H

/*
 * Programs of others, as peers: openssl and curl. Each is a child that ends with the test, with a
 * pipe to its input and one from its output and errors. Certificates lie in a folder of the test.
 */

#include "identity.h"
#include "scratch.h"

#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define TOOL_PATIENCE_MS 20000

struct tool {
    pid_t pid;
    int in;
    int out;
    char said[16384];
    size_t said_length;
};

/* The folder with what files_write() wrote. */
static scratch_path files;

static inline void file_write(const char *name, const char *text)
{
    char path[64];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", files, name);
    file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

/* server.pem, server.key, named.pem, named.key, authority.pem. */
static inline void files_write(void)
{
    ck_assert(scratch_folder(files));
    file_write("server.pem", server_identity.certificate);
    file_write("server.key", server_identity.key);
    file_write("named.pem", named_identity.certificate);
    file_write("named.key", named_identity.key);
    file_write("authority.pem", authority.certificate);
}

static inline void files_remove(void)
{
    static const char *const names[] = {"server.pem",    "server.key", "named.pem", "named.key",
                                        "authority.pem", "session",    "body",      "back"};
    char path[64];

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", files, names[i]);
        unlink(path);
    }
    rmdir(files);
}

/* True where there is such a program. */
static inline bool tool_is_there(const char *name)
{
    char command[64];

    snprintf(command, sizeof command, "command -v %s >/dev/null 2>&1", name);
    return system(command) == 0;
}

/* Starts a command of the shell, in which every "~" is the folder of the files. */
static inline void tool_start(struct tool *tool, const char *command)
{
    int in[2], out[2];
    char line[1024] = "exec ";

    for (char *to = line + strlen(line); *command; command++)
        to += snprintf(to, (size_t)(line + sizeof line - to), *command == '~' ? "%s" : "%.1s",
                       *command == '~' ? files : command);
    *tool = (struct tool){0};
    ck_assert_int_eq(pipe2(in, O_CLOEXEC), 0);
    ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
    tool->pid = fork();
    ck_assert_int_ge(tool->pid, 0);
    if (tool->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(in[0], STDIN_FILENO);
        dup2(out[1], STDOUT_FILENO);
        dup2(out[1], STDERR_FILENO);
        execl("/bin/sh", "sh", "-c", line, (char *)NULL);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    tool->in = in[1];
    tool->out = out[0];
    fcntl(tool->out, F_SETFL, O_NONBLOCK);
}

static inline void tool_say(struct tool *tool, const char *text)
{
    ck_assert_int_eq(write(tool->in, text, strlen(text)), (ssize_t)strlen(text));
}

/* Reads what is there. False at its end. */
static inline bool tool_listen(struct tool *tool)
{
    ssize_t count =
        read(tool->out, tool->said + tool->said_length, sizeof tool->said - 1 - tool->said_length);

    if (count > 0)
        tool->said_length += (size_t)count;
    return count != 0;
}

/* Waits until the tool has said this. */
static inline void tool_expect(struct tool *tool, const char *text)
{
    struct pollfd poll_out = {.fd = tool->out, .events = POLLIN};

    while (strstr(tool->said, text) == NULL) {
        ck_assert_msg(poll(&poll_out, 1, TOOL_PATIENCE_MS) == 1, "it does not say \"%s\" but: %s",
                      text, tool->said);
        ck_assert_msg(tool_listen(tool), "it ends without saying \"%s\": %s", text, tool->said);
    }
}

/* Ends its input, and waits for its end. Returns the exit status. */
static inline int tool_end(struct tool *tool)
{
    struct pollfd poll_out = {.fd = tool->out, .events = POLLIN};
    int status;

    close(tool->in);
    do
        ck_assert_int_eq(poll(&poll_out, 1, TOOL_PATIENCE_MS), 1);
    while (tool_listen(tool));
    close(tool->out);
    ck_assert_int_eq(waitpid(tool->pid, &status, 0), tool->pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static inline void tool_stop(struct tool *tool)
{
    kill(tool->pid, SIGTERM);
    (void)tool_end(tool);
}

#endif
