/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef HTTP_PEER_H
#define HTTP_PEER_H

/*
 * The other side of the examples: their process, started with the arguments of the test on a port
 * that the system chooses, and clients that talk to it over loopback with blocking sockets.
 * Whatever does not come within PATIENCE_SECONDS is a failed test, not one that hangs.
 */

#include "support.h"

#include <kevy/kevy.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_SECONDS 20

/* A process of an example, and what it said on stderr once it has ended. */
struct program {
    pid_t pid;
    int out;
    int err;
    uint16_t port;
    char kernel[1024]; /* what its first line tells of it */
    char said[16384];
};

/* One test, one server. */
static struct program server;

/* A listening socket for the programs to serve on, as systemd would pass it; 0: none. */
static int passed_socket;

/* In the process of the program. */
static inline void pass_socket(void)
{
    char pid[16];

    snprintf(pid, sizeof pid, "%d", (int)getpid());
    setenv("LISTEN_PID", pid, 1);
    setenv("LISTEN_FDS", "1", 1);
    if (dup2(passed_socket, 3) == passed_socket)
        fcntl(passed_socket, F_SETFD, 0);
}

static inline void program_exec(const char *name, const char *const *arguments)
{
    const char *folder = getenv("KEVY_EXAMPLES");
    const char *words[16] = {name};
    char path[4096];
    size_t count = 1;

    for (; arguments && *arguments; arguments++)
        words[count++] = *arguments;
    snprintf(path, sizeof path, "%s/%s", folder ? folder : "examples", name);
    execv(path, (char *const *)words);
    perror(path);
    exit(127);
}

/* Starts the program, which dies with the test. */
static inline void program_spawn(struct program *program, const char *name,
                                 const char *const *arguments)
{
    int out[2], err[2];

    ck_assert_int_eq(pipe(out), 0);
    ck_assert_int_eq(pipe(err), 0);
    program->pid = fork();
    ck_assert_int_ge(program->pid, 0);
    if (program->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(out[1], STDOUT_FILENO);
        dup2(err[1], STDERR_FILENO);
        for (int i = 0; i < 2; i++) {
            close(out[i]);
            close(err[i]);
        }
        if (passed_socket)
            pass_socket();
        program_exec(name, arguments);
    }
    close(out[1]);
    close(err[1]);
    program->out = out[0];
    program->err = err[0];
}

static inline size_t read_all(int fd, char *to, size_t size)
{
    size_t length = 0;
    ssize_t count;

    while ((count = read(fd, to + length, size - 1 - length)) > 0)
        length += (size_t)count;
    to[length] = 0;
    close(fd);
    return length;
}

/* Waits for its end. Returns the exit status, or 128 and the signal that ended it. */
static inline int program_wait(struct program *program)
{
    char rest[4096];
    int status;

    read_all(program->err, program->said, sizeof program->said);
    read_all(program->out, rest, sizeof rest);
    ck_assert_int_eq(waitpid(program->pid, &status, 0), program->pid);
    program->pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* The next line that it writes to stdout, as far as there is room. */
static inline void program_line(struct program *program, char *line, size_t room)
{
    size_t length = 0;

    while (length < room - 1 && read(program->out, line + length, 1) == 1)
        if (line[length++] == '\n')
            break;
    line[length] = 0;
}

/* Starts the program and waits for its line on stdout: the port stands after the last `before`, in
 * front of the semicolon behind which it tells its kernel. */
static inline void program_start(struct program *program, const char *name,
                                 const char *const *arguments, const char *before)
{
    char line[1024];
    const char *port = NULL;

    program_spawn(program, name, arguments);
    program_line(program, line, sizeof line);
    strcpy(program->kernel, line + strcspn(line, ";"));
    line[strcspn(line, ";")] = 0;
    for (const char *at = strstr(line, before); at; at = strstr(port, before))
        port = at + strlen(before);
    if (!port) {
        int status = program_wait(program);
        ck_abort_msg("%s ended with %d and said \"%s\"", name, status, program->said);
    }
    program->port = (uint16_t)atoi(port);
}

/* Starts http_echo on a port that the system chooses. */
static inline void server_start(const char *const *arguments)
{
    const char *words[14] = {"--port=0"};

    for (size_t i = 1; arguments && *arguments; i++)
        words[i] = *arguments++;
    program_start(&server, "http_echo", words, ":");
}

/* A clean end: status 0 and nothing left over. */
static inline void server_check_end(void)
{
    int status = program_wait(&server);

    ck_assert_msg(status == 0, "http_echo ended with %d and said \"%s\"", status, server.said);
    ck_assert_ptr_nonnull(strstr(server.said, " 0 objects left\n"));
}

static inline void server_stop(void)
{
    if (!server.pid)
        return;
    kill(server.pid, SIGTERM);
    server_check_end();
}

/* The number before `word` in the summary of a server that has ended. */
static inline unsigned long server_counted(const char *word)
{
    const char *at = strstr(server.said, word);

    ck_assert_ptr_nonnull(at);
    while (at > server.said && (at[-1] == ' ' || (at[-1] >= '0' && at[-1] <= '9')))
        at--;
    return strtoul(at, NULL, 10);
}

/* Resident memory of the server in KiB. */
static inline unsigned long server_memory(void)
{
    char path[64], text[8192];

    snprintf(path, sizeof path, "/proc/%d/status", (int)server.pid);
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    ck_assert_ptr_nonnull(strstr(text, "VmRSS:"));
    return strtoul(strstr(text, "VmRSS:") + strlen("VmRSS:"), NULL, 10);
}

struct peer {
    int fd;
    size_t at; /* of what was received and not looked at */
    size_t end;
    char in[65536];
};

struct answer {
    unsigned status;
    bool closes;
    bool chunked;
    size_t length; /* of the body, chunks undone */
    char head[2048];
    char body[65536];
};

static inline void peer_dial(struct peer *peer)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(server.port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval patience = {.tv_sec = PATIENCE_SECONDS};
    int on = 1;

    peer->at = peer->end = 0;
    peer->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(peer->fd, 0);
    setsockopt(peer->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(peer->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    setsockopt(peer->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    /* The server may have reset the connection before connect(2) looks at it. */
    ck_assert_msg(connect(peer->fd, (struct sockaddr *)&address, sizeof address) == 0 ||
                      errno == ECONNRESET,
                  "connect: %s", strerror(errno));
}

static inline void peer_send(struct peer *peer, const char *bytes, size_t length)
{
    ck_assert_int_eq(send(peer->fd, bytes, length, MSG_NOSIGNAL), (ssize_t)length);
}

static inline void peer_say(struct peer *peer, const char *text)
{
    peer_send(peer, text, strlen(text));
}

/* Closes in such a way that the server gets a reset. */
static inline void peer_reset(struct peer *peer)
{
    struct linger linger = {.l_onoff = 1};

    setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    close(peer->fd);
}

/* Receives once; false at the end of the stream. */
static inline bool peer_fill(struct peer *peer)
{
    ssize_t count;

    /* With a time limit recv(2) is not restarted by itself: signal(7). */
    do
        count = recv(peer->fd, peer->in, sizeof peer->in, 0);
    while (count < 0 && errno == EINTR);
    if (count < 0)
        ck_abort_msg("recv: %s", strerror(errno));
    peer->at = 0;
    peer->end = (size_t)count;
    return count != 0;
}

/* The next byte, or -1 at the end of the stream. An assertion for each would cost a system call. */
static inline int peer_byte(struct peer *peer)
{
    if (peer->at == peer->end && !peer_fill(peer))
        return -1;
    return (unsigned char)peer->in[peer->at++];
}

/* The next bytes are these: looked at in as large pieces as they come, for there may be many. */
static inline void peer_check_bytes(struct peer *peer, const char *bytes, size_t length)
{
    for (size_t seen = 0, part; seen < length; seen += part) {
        if (peer->at == peer->end && !peer_fill(peer))
            ck_abort_msg("the stream ends behind %zu bytes of %zu", seen, length);
        part = peer->end - peer->at;
        part = part < length - seen ? part : length - seen;
        if (memcmp(peer->in + peer->at, bytes + seen, part) != 0)
            ck_abort_msg("bytes behind %zu of %zu are not those expected", seen, length);
        peer->at += part;
    }
}

static inline void peer_check_end(struct peer *peer)
{
    ck_assert_int_eq(peer_byte(peer), -1);
    close(peer->fd);
}

/* A line, CR LF included, appended to `to`. Returns its length. */
static inline size_t peer_line(struct peer *peer, char *to, size_t room)
{
    size_t length = 0;
    int byte;

    do {
        byte = peer_byte(peer);
        if (byte < 0 || length >= room - 1)
            ck_abort_msg("the stream ends within an answer, or one of its lines does not");
        to[length++] = (char)byte;
    } while (byte != '\n');
    to[length] = 0;
    return length;
}

static inline void peer_body(struct peer *peer, struct answer *answer, size_t length)
{
    ck_assert_uint_lt(answer->length + length, sizeof answer->body);
    while (length--) {
        int byte = peer_byte(peer);

        if (byte < 0)
            ck_abort_msg("the stream ends within a body");
        answer->body[answer->length++] = (char)byte;
    }
}

static inline void peer_chunks(struct peer *peer, struct answer *answer)
{
    char line[64];
    size_t size;

    do {
        peer_line(peer, line, sizeof line);
        size = strtoul(line, NULL, 16);
        peer_body(peer, answer, size);
        ck_assert_uint_eq(peer_line(peer, line, sizeof line), 2);
    } while (size);
}

/* Reads one answer; `head_only` for the answer to HEAD. */
static inline void peer_answer_head(struct peer *peer, struct answer *answer, bool head_only)
{
    size_t length = 0, line;

    answer->length = 0;
    do {
        line = peer_line(peer, answer->head + length, sizeof answer->head - length);
        length += line;
    } while (line > 2);
    ck_assert_msg(strncmp(answer->head, "HTTP/1.1 ", 9) == 0, "an answer began with %s",
                  answer->head);
    answer->status = (unsigned)atoi(answer->head + 9);
    answer->closes = strstr(answer->head, "\r\nConnection: close\r\n") != NULL;
    answer->chunked = strstr(answer->head, "\r\nTransfer-Encoding: chunked\r\n") != NULL;
    const char *size = strstr(answer->head, "\r\nContent-Length: ");
    if (!head_only && answer->chunked)
        peer_chunks(peer, answer);
    else if (!head_only && size)
        peer_body(peer, answer, strtoul(size + strlen("\r\nContent-Length: "), NULL, 10));
    answer->body[answer->length] = 0;
}

static inline void peer_answer(struct peer *peer, struct answer *answer)
{
    peer_answer_head(peer, answer, false);
}

/* An answer with this status, and with this body unless it is NULL. */
static inline void peer_expect(struct peer *peer, unsigned status, const char *body)
{
    static struct answer answer;

    peer_answer(peer, &answer);
    ck_assert_uint_eq(answer.status, status);
    if (body)
        ck_assert_str_eq(answer.body, body);
}

/* A whole exchange on a connection of its own. */
static inline void expect(const char *request, unsigned status, const char *body)
{
    static struct peer peer;

    peer_dial(&peer);
    peer_say(&peer, request);
    peer_expect(&peer, status, body);
    close(peer.fd);
}

/*
 * Returns when the server has handled what was sent to it before: it answers in the order in which
 * its sockets become ready.
 */
static inline void ping(struct peer *peer)
{
    peer_say(peer, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
    peer_expect(peer, 204, "");
}

/* So many at once, on their way behind each other. */
static inline void ping_often(struct peer *peer, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        peer_say(peer, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
    for (unsigned i = 0; i < count; i++)
        peer_expect(peer, 204, "");
}

/* Why this machine cannot run a reactor, or NULL. */
static inline const char *why_no_reactor(void)
{
    static char text[512];
    struct kevy_reactor *reactor;
    int error = kevy_reactor_create(&reactor, NULL);

    if (!error) {
        kevy_reactor_destroy(reactor);
        return NULL;
    }
    kevy_ring_explain(error, text, sizeof text);
    return text;
}

#endif
