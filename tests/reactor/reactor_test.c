/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* The fixture, probes and peers of the tests of reactor/; reactor_test.h says what they promise. */

#include "reactor_test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <time.h>

#define LOST_WAKE_NS KEVY_SECONDS(8)
/* So much later than asked for a sleep ends only where the machine stood still: it may have done so
 * all the time, and nothing is known of wakes. */
#define STOOD_STILL_NS KEVY_MILLISECONDS(200)

struct kevy_reactor *reactor;
const struct kevy_ring_kernel *reactor_kernel;
unsigned quiet_depth;
static int descriptors_before;

void reactor_setup_with(const struct kevy_reactor_options *options)
{
    struct kevy_reactor_options complete = {0};

    if (options != NULL)
        complete = *options;
    if (complete.custom_kernel == NULL)
        complete.custom_kernel = reactor_kernel;
    if (reactor != NULL)
        ck_assert_uint_eq(kevy_reactor_destroy(reactor), 0);
    reactor = NULL;
    descriptors_before = support_fd_count();
    ck_assert_int_eq(kevy_reactor_create(&reactor, &complete), 0);
}

void reactor_setup(void)
{
    reactor_setup_with(NULL);
}

void reactor_teardown(void)
{
    struct kevy_reactor_stats stats = stats_now();

    ck_assert_uint_eq(stats.objects, 0);
    ck_assert_uint_eq(stats.buffers_lent, 0);
    /* What is left are cancels, whose results nobody waits for. */
    for (unsigned round = 0; stats.operations != 0; round++) {
        ck_assert_uint_lt(round, 10);
        turn_now();
        stats = stats_now();
    }
    ck_assert_uint_eq(kevy_reactor_destroy(reactor), 0);
    reactor = NULL;
    ck_assert_int_eq(support_fd_count(), descriptors_before);
}

uint64_t clock_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

void clock_pass(uint64_t ns)
{
    while (clock_ns() <= ns)
        ;
}

bool turn(void)
{
    uint64_t before_ns = clock_ns();
    uint64_t slept_ns;

    ck_assert_int_ge(kevy_reactor_run_once(reactor, LOST_WAKE_NS), 0);
    slept_ns = clock_ns() - before_ns;
    return slept_ns < LOST_WAKE_NS || slept_ns > LOST_WAKE_NS + STOOD_STILL_NS;
}

bool turn_waiting(unsigned idle)
{
    if (idle % 4 == 3)
        return turn();
    turn_now();
    return true;
}

void turn_now(void)
{
    ck_assert_int_ge(kevy_reactor_run_once(reactor, 0), 0);
}

void turns(unsigned count)
{
    while (count-- > 0)
        turn_now();
}

struct kevy_reactor_stats stats_now(void)
{
    struct kevy_reactor_stats stats;

    kevy_reactor_stats(reactor, &stats);
    return stats;
}

uint64_t random_next(uint64_t *state)
{
    uint64_t mixed = *state += 0x9E3779B97F4A7C15U;

    mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9U;
    mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EBU;
    return mixed ^ mixed >> 31;
}

void pattern_fill(uint8_t *data, size_t length, uint64_t seed, uint64_t position)
{
    for (size_t index = 0; index < length; index++)
        data[index] = pattern_byte(seed, position + index);
}

void pattern_check(const uint8_t *data, size_t length, uint64_t seed, uint64_t position)
{
    for (size_t index = 0; index < length; index++)
        if (data[index] != pattern_byte(seed, position + index))
            ck_abort_msg("byte %llu is not that of stream %llu",
                         (unsigned long long)(position + index), (unsigned long long)seed);
}

struct probe *probe_of(struct kevy_stream *stream)
{
    return KEVY_CONTAINER_OF(stream, struct probe, stream);
}

static struct probe *probe_note(struct kevy_stream *stream, char letter)
{
    struct probe *probe = probe_of(stream);

    ck_assert_msg(quiet_depth == 0, "callback '%c' inside a call", letter);
    ck_assert_msg(!probe->closed, "callback '%c' after the last", letter);
    if (letter == 'r' && probe->log_end > probe->log && probe->log_end[-1] == 'r')
        return probe;
    if (probe->log_end < probe->log + sizeof probe->log - 1)
        *probe->log_end++ = letter;
    return probe;
}

static void probe_open(struct kevy_stream *stream)
{
    struct probe *probe = probe_note(stream, 'o');

    if (probe->on_open != NULL)
        probe->on_open(probe);
}

static void probe_read(struct kevy_stream *stream, struct kevy_buffer *buffer)
{
    struct probe *probe = probe_note(stream, 'r');

    ck_assert_uint_gt(buffer->length, 0);
    if (probe->check_bytes)
        pattern_check(buffer->data, buffer->length, probe->seed, probe->count);
    probe->count += buffer->length;
    if (probe->on_read != NULL)
        probe->on_read(probe, buffer);
    if (probe->echo)
        QUIETLY(ck_assert_int_eq(kevy_stream_forward(stream, buffer), 0));
}

static void probe_end(struct kevy_stream *stream)
{
    struct probe *probe = probe_note(stream, 'e');

    if (probe->on_end != NULL)
        probe->on_end(probe);
}

static void probe_drain(struct kevy_stream *stream)
{
    struct probe *probe = probe_note(stream, 'd');

    probe->drains++;
    if (probe->on_drain != NULL)
        probe->on_drain(probe);
}

static void probe_timeout(struct kevy_stream *stream, enum kevy_deadline deadline)
{
    struct probe *probe = probe_note(stream, 't');

    probe->timeouts++;
    probe->deadlines[deadline]++;
    if (probe->on_timeout != NULL)
        probe->on_timeout(probe, deadline);
}

static void probe_finish_asked(struct kevy_stream *stream)
{
    struct probe *probe = probe_note(stream, 'f');

    if (probe->on_finish != NULL)
        probe->on_finish(probe);
}

static void probe_closed(struct kevy_stream *stream, int reason)
{
    struct probe *probe = probe_note(stream, 'c');

    probe->closed = true;
    probe->reason = reason;
    /* The memory is ours again: whatever still looks at it meets nonsense. */
    memset(stream, 0xA5, sizeof *stream);
    if (probe->on_close != NULL)
        probe->on_close(probe, reason);
}

const struct kevy_stream_events probe_events = {
    .open = probe_open,
    .read = probe_read,
    .end = probe_end,
    .drain = probe_drain,
    .timeout = probe_timeout,
    .finish = probe_finish_asked,
    .close = probe_closed,
};

const struct kevy_stream_events probe_events_close_only = {.close = probe_closed};

void probe_stream_init(struct probe *probe, const struct kevy_stream_events *events)
{
    memset(&probe->stream, 0, sizeof probe->stream);
    ck_assert_ptr_eq(kevy_stream_init(&probe->stream, events), &probe->stream);
}

void probe_init(struct probe *probe, const struct kevy_stream_events *events)
{
    memset(probe, 0, sizeof *probe);
    probe->log_end = probe->log;
    probe->peer = -1;
    probe_stream_init(probe, events);
}

int plain_listen(struct sockaddr_in *address)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    socklen_t length = sizeof *address;

    memset(address, 0, sizeof *address);
    address->sin_family = AF_INET;
    address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)address, sizeof *address), 0);
    ck_assert_int_eq(listen(fd, 512), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)address, &length), 0);
    return fd;
}

int plain_connect(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_ge(fd, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        ck_assert_int_eq(errno, EINPROGRESS);
    return fd;
}

void tcp_pair(int *one, int *other)
{
    static const int on = 1;
    struct sockaddr_in address;
    int listener = plain_listen(&address);

    *other = plain_connect(ntohs(address.sin_port));
    /* On loopback the handshake is mostly over by now, but not where a thread of the kernel's does
     * the receiving half of it. */
    ck_assert_int_eq(poll(&(struct pollfd){.fd = listener, .events = POLLIN}, 1, -1), 1);
    *one = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    ck_assert_int_ge(*one, 0);
    (void)setsockopt(*one, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)setsockopt(*other, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    close(listener);
}

static void probe_adopt(struct probe *probe, int fd)
{
    QUIETLY(ck_assert_int_eq(kevy_stream_adopt(&probe->stream, reactor, fd), 0));
}

void probe_tcp(struct probe *probe, const struct kevy_stream_events *events)
{
    int fd, peer;

    probe_init(probe, events);
    tcp_pair(&fd, &peer);
    probe->peer = peer;
    probe_adopt(probe, fd);
}

void probe_unix(struct probe *probe, const struct kevy_stream_events *events)
{
    int pair[2];

    probe_init(probe, events);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
    probe->peer = pair[1];
    probe_adopt(probe, pair[0]);
}

void probe_small(struct probe *probe, const struct kevy_stream_events *events)
{
    static const int size = 16384;

    probe_unix(probe, events);
    ck_assert_int_eq(
        setsockopt(kevy_stream_fd(&probe->stream), SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
    ck_assert_int_eq(setsockopt(probe->peer, SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
}

void probe_peer_close(struct probe *probe)
{
    if (probe->peer >= 0)
        close(probe->peer);
    probe->peer = -1;
}

void probe_finish(struct probe *probe)
{
    TURN_UNTIL(probe->closed);
    probe_peer_close(probe);
}

socklen_t unix_name(struct sockaddr_un *name, const char *word)
{
    size_t room = sizeof name->sun_path - 1;
    int length;

    memset(name, 0, sizeof *name);
    name->sun_family = AF_UNIX;
    length = snprintf(name->sun_path + 1, room, "kevy-%s-%d", word, (int)getpid());
    ck_assert_int_lt(length, (int)room);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
}

void peer_write(int peer, const void *data, size_t length)
{
    ck_assert_int_eq(send(peer, data, length, MSG_NOSIGNAL), (ssize_t)length);
}

void peer_write_text(int peer, const char *text)
{
    peer_write(peer, text, strlen(text));
}

int peer_read(int peer, void *data, size_t size)
{
    ssize_t result = recv(peer, data, size, MSG_DONTWAIT);

    return result < 0 ? -errno : (int)result;
}

void peer_expect(int peer, const void *data, size_t length)
{
    static uint8_t read_data[65536];
    size_t have = 0;
    unsigned idle = 0;
    bool woken = true;

    ck_assert_uint_le(length, sizeof read_data);
    for (unsigned count = 0; have < length; count++) {
        int result = peer_read(peer, read_data + have, length - have);

        ck_assert_uint_lt(count, TURNS_MAX);
        ck_assert_msg(result > 0 || (result == -EAGAIN && woken),
                      "peer reads %d after %zu of %zu bytes", result, have, length);
        if (result > 0) {
            have += (size_t)result;
            idle = 0;
        } else {
            woken = turn_waiting(idle++);
        }
    }
    ck_assert_mem_eq(read_data, data, length);
}

void peer_expect_text(int peer, const char *text)
{
    peer_expect(peer, text, strlen(text));
}

int peer_drain(int peer, uint64_t *count)
{
    static uint8_t data[65536];
    unsigned idle = 0;
    bool woken = true;

    *count = 0;
    for (unsigned attempts = 0; attempts < TURNS_MAX; attempts++) {
        int result = peer_read(peer, data, sizeof data);

        if (result == 0 || (result < 0 && result != -EAGAIN))
            return result;
        /* Once more after a sleep of the loop's: the rest may be under way in the kernel. */
        ck_assert_msg(result > 0 || woken, "the peer sees no end");
        if (result > 0) {
            *count += (uint64_t)result;
            idle = 0;
        } else {
            woken = turn_waiting(idle++);
        }
    }
    ck_abort_msg("the peer sees no end in %u turns", TURNS_MAX);
    return 0;
}
