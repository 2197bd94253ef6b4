/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "connection.h"
#include "pattern.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define PHASE       67U /* between one connection's bytes and the next one's */
#define ANSWER_HEAD 16384U

static uint8_t received[CONNECTION_PIECE_MAX];

static int socket_open(const struct dialogue *dialogue)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(dialogue->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    if (dialogue->receive_buffer > 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &dialogue->receive_buffer, sizeof(int));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    close(fd);
    return -errno;
}

int connection_open(struct connection *connection, const struct dialogue *dialogue, uint32_t index)
{
    int fd = socket_open(dialogue);

    if (fd < 0)
        return fd;
    connection->dialogue = dialogue;
    connection->index = index;
    connection->fd = fd;
    return 0;
}

int connection_send(struct connection *connection)
{
    const struct dialogue *dialogue = connection->dialogue;
    uint64_t left = connection->allowed * dialogue->request_length - connection->sent;
    size_t length = left < dialogue->send_piece ? (size_t)left : dialogue->send_piece;
    uint64_t offset = connection->sent, complete;
    ssize_t count;

    if (dialogue->kind != DIALOGUE_HTTP)
        offset += (uint64_t)connection->index * PHASE;
    count = send(connection->fd, dialogue->bytes + offset % dialogue->period, length,
                 MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count < 0)
        return errno == EAGAIN ? 0 : -errno;
    connection->sent += (uint64_t)count;
    if (dialogue->kind != DIALOGUE_SEND)
        return 0;
    complete = connection->sent / dialogue->request_length - connection->answered;
    connection->answered += complete;
    return (int)complete;
}

static bool echo_right(const struct connection *connection, size_t length)
{
    uint64_t offset = connection->received + (uint64_t)connection->index * PHASE;

    return memcmp(received, connection->dialogue->bytes + offset % PATTERN_PERIOD, length) == 0;
}

/* Each answer begins with the pattern's first byte. */
static bool answers_right(const struct connection *connection, size_t length)
{
    const struct dialogue *dialogue = connection->dialogue;
    uint64_t at = connection->received % dialogue->answer_length;

    for (size_t checked = 0; checked < length; at = 0) {
        uint64_t left = dialogue->answer_length - at;
        size_t part = left < length - checked ? (size_t)left : length - checked;

        if (memcmp(received + checked, dialogue->bytes + at % PATTERN_PERIOD, part) != 0)
            return false;
        checked += part;
    }
    return true;
}

/* All answers are of one length, so each status line is where it is expected. */
static bool heads_right(const struct connection *connection, size_t length)
{
    static const char ok[] = "HTTP/1.1 200";
    size_t answer = connection->dialogue->answer_length;
    size_t at = (size_t)((answer - connection->received % answer) % answer);

    for (; at < length; at += answer)
        if (memcmp(received + at, ok, length - at < strlen(ok) ? length - at : strlen(ok)) != 0)
            return false;
    return true;
}

static bool is_right(const struct connection *connection, size_t length)
{
    static bool (*const checks[])(const struct connection *, size_t) = {
        [DIALOGUE_ECHO] = echo_right,
        [DIALOGUE_RECEIVE] = answers_right,
        [DIALOGUE_HTTP] = heads_right,
    };

    return connection->dialogue->kind != DIALOGUE_SEND &&
           checks[connection->dialogue->kind](connection, length);
}

int connection_receive(struct connection *connection)
{
    const struct dialogue *dialogue = connection->dialogue;
    ssize_t length = recv(connection->fd, received, dialogue->receive_piece, MSG_DONTWAIT);
    uint64_t answered;

    if (length < 0)
        return errno == EAGAIN ? 0 : -errno;
    if (length == 0)
        return dialogue->closing && connection->received % dialogue->answer_length == 0
                   ? -EPIPE
                   : -ECONNRESET;
    if (!is_right(connection, (size_t)length))
        return -EBADMSG;
    connection->received += (uint64_t)length;
    answered = connection->received / dialogue->answer_length;
    length = (ssize_t)(answered - connection->answered);
    connection->answered = answered;
    return connection->answered <= connection->allowed ? (int)length : -EBADMSG;
}

bool connection_is_acknowledged(const struct connection *connection)
{
    int left = 0;

    return ioctl(connection->fd, SIOCOUTQ, &left) < 0 || left == 0;
}

/* The length of a head and the body that it announces; 0 when the head is not complete. */
static size_t answer_length(const char *text, size_t length)
{
    static const char name[] = "\r\nContent-Length:";
    const char *body = memmem(text, length, "\r\n\r\n", 4);
    const char *field = text;

    if (body == NULL)
        return 0;
    while (field < body && strncasecmp(field, name, strlen(name)) != 0)
        field++;
    if (field == body)
        return 0;
    return (size_t)(body + 4 - text) + strtoul(field + strlen(name), NULL, 10);
}

/* Makes one request, on a connection of its own, and sees how long the answer is. */
static int answer_learn(struct dialogue *dialogue)
{
    static char text[ANSWER_HEAD + 1];
    size_t length = 0;
    ssize_t count = 1;
    int fd = socket_open(dialogue);

    if (fd < 0)
        return fd;
    if (send(fd, dialogue->bytes, dialogue->request_length, MSG_NOSIGNAL) < 0)
        count = -1;
    while (count > 0 && length < ANSWER_HEAD && dialogue->answer_length == 0) {
        count = recv(fd, text + length, ANSWER_HEAD - length, 0);
        if (count > 0)
            length += (size_t)count;
        dialogue->answer_length = answer_length(text, length);
    }
    close(fd);
    return dialogue->answer_length > 0 ? 0 : -EBADMSG;
}

int dialogue_prepare(struct dialogue *dialogue, const char *text)
{
    size_t room = CONNECTION_PIECE_MAX + (text != NULL ? strlen(text) : PATTERN_PERIOD);
    uint8_t *bytes = malloc(room);

    if (bytes == NULL)
        return -ENOMEM;
    dialogue->bytes = bytes;
    dialogue->period = PATTERN_PERIOD;
    if (text == NULL) {
        pattern_fill(bytes, room);
        return 0;
    }
    dialogue->request_length = strlen(text);
    dialogue->period = dialogue->request_length;
    for (size_t i = 0; i < room; i++)
        bytes[i] = (uint8_t)text[i % dialogue->period];
    return answer_learn(dialogue);
}
