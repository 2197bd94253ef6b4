/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Scenarios of sending: bytes, vectors, messages with descriptors, buffers of a group, writes. */

#include "scenario.h"

/* More than a Unix socket holds. */
#define MUCH (1U << 20)

static char much[MUCH];

static void send_once(struct scene *s, uint64_t user_data, const char *text, uint32_t flags)
{
    kevy_prep_send(ask(s, user_data), s->local[0], text, (uint32_t)strlen(text), flags);
}

/* Takes `total` bytes out of scene->local[1], while the ring goes on with its send. */
static void take_while_sending(struct scene *s, size_t total)
{
    for (size_t taken = 0; taken < total; taken += drain(s, s->local[1]))
        must(kevy_ring_flush(&s->ring) >= 0);
}

/* Bytes. */

static void send_of_little(struct scene *s)
{
    send_once(s, 1, "hello", 0);
    submit_reap(s, 1);
    say_arrived(s, s->local[1]);
}

static void sends_in_one_submit(struct scene *s)
{
    send_once(s, 1, "a", 0);
    send_once(s, 2, "b", 0);
    send_once(s, 3, "c", MSG_DONTWAIT);
    submit_reap(s, 3);
    say_arrived(s, s->local[1]);
}

static void send_of_nothing(struct scene *s)
{
    send_once(s, 1, "", 0);
    kevy_prep_send(ask(s, 2), s->packets[0], "", 0, 0);
    submit_reap(s, 2);
    quiet(s);
    say_arrived(s, s->packets[1]);
}

static void send_to_a_full_socket(struct scene *s)
{
    must(stuff(s, s->local[0]) > 0);
    send_once(s, 1, "hello", 0);
    submit(s);
    quiet(s);
    (void)drain(s, s->local[1]);
    reap(s, 1);
    say_arrived(s, s->local[1]);
}

static void send_to_a_full_socket_without_waiting(struct scene *s)
{
    must(stuff(s, s->local[0]) > 0);
    send_once(s, 1, "hello", MSG_DONTWAIT);
    submit_reap(s, 1);
}

static void send_to_a_full_socket_is_cancelled(struct scene *s)
{
    must(stuff(s, s->local[0]) > 0);
    send_once(s, 1, "hello", 0);
    go(s);
    kevy_prep_cancel(ask(s, 2), 1, 0);
    go(s);
    reap_sorted(s, 2);
    (void)drain(s, s->local[1]);
    quiet(s);
    say_arrived(s, s->local[1]);
}

static void send_of_more_than_fits(struct scene *s)
{
    int result;

    kevy_prep_send(ask(s, 1), s->local[0], much, MUCH, 0);
    go(s);
    result = result_of_next(s);
    say(s, "%s\n", result > 0 && result < (int)MUCH ? "a part" : "not a part");
    say(s, "%s\n", drain(s, s->local[1]) == (size_t)result ? "as told" : "not as told");
    quiet(s);
}

static void send_of_all(struct scene *s)
{
    kevy_prep_send(ask(s, 1), s->local[0], much, MUCH, MSG_WAITALL);
    go(s);
    take_while_sending(s, MUCH);
    reap(s, 1);
    quiet(s);
    say_arrived(s, s->local[1]);
}

static void send_of_all_is_cancelled(struct scene *s)
{
    int result;

    kevy_prep_send(ask(s, 1), s->local[0], much, MUCH, MSG_WAITALL);
    go(s);
    must(kevy_ring_flush(&s->ring) >= 0);
    kevy_prep_cancel(ask(s, 2), 1, 0);
    go(s);
    must(kevy_ring_flush(&s->ring) >= 0);
    for (unsigned i = 0; i < 2; i++) {
        struct kevy_cqe cqe;

        must(cqe_next(s, SCENE_PATIENCE_NS, &cqe));
        if (cqe.user_data == 1) {
            result = cqe.res;
            say(s, "%s\n", result > 0 && result < (int)MUCH ? "a part" : "not a part");
            say(s, "%s\n", drain(s, s->local[1]) == (size_t)result ? "as told" : "not as told");
        }
    }
    quiet(s);
}

static void send_of_all_to_one_who_leaves(struct scene *s)
{
    int result;

    kevy_prep_send(ask(s, 1), s->local[0], much, MUCH, MSG_WAITALL);
    go(s);
    must(kevy_ring_flush(&s->ring) >= 0);
    must(s->system->close(s->local[1]) == 0);
    result = result_of_next(s);
    say(s, "%s\n", result > 0 && result < (int)MUCH ? "a part" : "not a part");
    send_once(s, 2, "more", 0);
    submit_reap(s, 1);
}

static void send_to_nobody(struct scene *s)
{
    (void)signal(SIGPIPE, SIG_DFL);
    must(s->system->close(s->local[1]) == 0);
    send_once(s, 1, "hello", 0);
    submit_reap(s, 1);
}

static void send_after_a_shutdown(struct scene *s)
{
    must(s->system->shutdown(s->local[0], SHUT_WR) == 0);
    send_once(s, 1, "hello", 0);
    submit_reap(s, 1);
}

static void send_to_other_files(struct scene *s)
{
    kevy_prep_send(ask(s, 1), s->file, "x", 1, 0);
    kevy_prep_send(ask(s, 2), s->pipe[1], "x", 1, 0);
    kevy_prep_send(ask(s, 3), -1, "x", 1, 0);
    kevy_prep_send(ask(s, 4), 1000, "x", 1, 0);
    kevy_prep_send(ask(s, 5), s->listener, "x", 1, 0);
    go(s);
    reap_sorted(s, 5);
}

static void send_that_polls_first(struct scene *s)
{
    struct kevy_sqe *sqe = ask(s, 1);

    kevy_prep_send(sqe, s->local[0], "hello", 5, 0);
    sqe->ioprio = KEVY_RECVSEND_POLL_FIRST;
    submit_reap(s, 1);
    say_arrived(s, s->local[1]);
}

static void send_names_its_target(struct scene *s)
{
    struct sockaddr_in address = loopback(0);
    int from = s->system->socket(AF_INET, SOCK_DGRAM, 0),
        to = s->system->socket(AF_INET, SOCK_DGRAM, 0);

    must(s->system->bind(to, (struct sockaddr *)&address, sizeof address) == 0);
    address = name_of(s, to);
    kevy_prep_sendto(ask(s, 1), from, "abc", 3, 0, (struct sockaddr *)&address, sizeof address);
    submit_reap(s, 1);
    say_arrived(s, to);
    kevy_prep_send(ask(s, 2), from, "abc", 3, 0);
    submit_reap(s, 1);
}

static void sends_are_malformed(struct scene *s)
{
    struct kevy_sqe *sqe = ask(s, 1);

    kevy_prep_send(sqe, s->local[0], "x", 1, 0);
    sqe->ioprio = 0x80;
    sqe = ask(s, 2);
    kevy_prep_send(sqe, s->local[0], "x", 1, 0);
    sqe->addr3 = 1;
    sqe = ask(s, 3);
    kevy_prep_send(sqe, s->local[0], "x", 1, 0);
    sqe->addr_len = 1;
    sqe = ask(s, 4);
    kevy_prep_send(sqe, s->local[0], "x", 1, 0);
    sqe->pad3[0] = 1;
    kevy_prep_sendmsg(ask(s, 5), s->local[0], NULL, 0);
    kevy_prep_send(ask(s, 6), s->local[0], NULL, 4, 0);
    sqe = ask(s, 7);
    kevy_prep_sendmsg(sqe, s->local[0], NULL, 0);
    sqe->ioprio = KEVY_RECVSEND_BUNDLE;
    go(s);
    reap_sorted(s, 7);
}

static void send_of_a_bundle_without_a_group(struct scene *s)
{
    struct kevy_sqe *sqe = ask(s, 1);

    kevy_prep_send(sqe, s->local[0], "x", 1, 0);
    sqe->ioprio = KEVY_RECVSEND_BUNDLE;
    submit_reap(s, 1);
}

/* Vectors and messages. */

static struct iovec parts[2];
static union {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int))];
} control;

/* A message of two parts; with `rights`, a descriptor goes with it. */
static struct msghdr message_make(struct scene *s, size_t length, bool rights)
{
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};

    parts[0] = (struct iovec){much, 3};
    parts[1] = (struct iovec){much + 3, length - 3};
    memcpy(much, "hello", 5);
    if (!rights)
        return message;
    control.header = (struct cmsghdr){
        .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
    memcpy(CMSG_DATA(&control.header), &s->file, sizeof s->file);
    message.msg_control = control.space;
    message.msg_controllen = sizeof control.space;
    return message;
}

/* What has arrived on scene->local[1]; says how many descriptors came with it. */
static size_t take_with_rights(struct scene *s, unsigned *descriptors)
{
    static char bytes[65536];
    size_t total = 0;

    for (;;) {
        union {
            struct cmsghdr header;
            char space[CMSG_SPACE(8 * sizeof(int))];
        } room;
        struct iovec part = {bytes, sizeof bytes};
        struct msghdr message = {.msg_iov = &part,
                                 .msg_iovlen = 1,
                                 .msg_control = room.space,
                                 .msg_controllen = sizeof room.space};
        ssize_t length = s->system->recvmsg(s->local[1], &message, MSG_DONTWAIT);

        if (length <= 0)
            return total;
        total += (size_t)length;
        if (message.msg_controllen != 0)
            *descriptors += (unsigned)((room.header.cmsg_len - CMSG_LEN(0)) / sizeof(int));
    }
}

static void send_of_vectors(struct scene *s)
{
    parts[0] = (struct iovec){much, 3};
    parts[1] = (struct iovec){much + 3, 2};
    memcpy(much, "hello", 5);
    kevy_prep_send_vectored(ask(s, 1), s->local[0], parts, 2, 0);
    submit_reap(s, 1);
    say_arrived(s, s->local[1]);
}

static void message_of_little(struct scene *s)
{
    struct msghdr message = message_make(s, 5, false);

    kevy_prep_sendmsg(ask(s, 1), s->local[0], &message, 0);
    submit_reap(s, 1);
    say_arrived(s, s->local[1]);
}

static void message_to_a_full_socket_keeps_its_vectors(struct scene *s)
{
    struct msghdr message = message_make(s, 5, true);
    unsigned descriptors = 0;
    size_t before = stuff(s, s->local[0]);

    kevy_prep_sendmsg(ask(s, 1), s->local[0], &message, 0);
    go(s);
    memset(&message, 0, sizeof message);
    memset(parts, 0, sizeof parts);
    must(drain(s, s->local[1]) == before);
    reap(s, 1);
    say(s, "bytes %zu\n", take_with_rights(s, &descriptors));
    say(s, "descriptors %u\n", descriptors);
}

static void descriptors_go_once_though_the_message_goes_on(struct scene *s)
{
    struct msghdr message = message_make(s, MUCH, true);
    unsigned descriptors = 0;
    size_t taken = 0;

    kevy_prep_sendmsg(ask(s, 1), s->local[0], &message, MSG_WAITALL);
    go(s);
    while (taken < MUCH) {
        taken += take_with_rights(s, &descriptors);
        must(kevy_ring_flush(&s->ring) >= 0);
    }
    reap(s, 1);
    say(s, "bytes %zu, descriptors %u\n", taken, descriptors);
    quiet(s);
}

static void message_to_nobody(struct scene *s)
{
    struct msghdr message = message_make(s, 5, false);

    (void)signal(SIGPIPE, SIG_DFL);
    must(s->system->close(s->local[1]) == 0);
    kevy_prep_sendmsg(ask(s, 1), s->local[0], &message, 0);
    submit_reap(s, 1);
}

static void message_that_is_a_datagram_too_long(struct scene *s)
{
    struct msghdr message = message_make(s, MUCH, false);

    kevy_prep_sendmsg(ask(s, 1), s->packets[0], &message, 0);
    submit_reap(s, 1);
}

/* From a group. */

static void buffers_fill(struct scene *s)
{
    group_make(s, 0);
    memcpy(s->group.buffers, "0123456789abcdefGHIJKLMNOPQRSTUV", 32);
}

static void send_from_a_group(struct scene *s)
{
    buffers_fill(s);
    kevy_prep_send_select(ask(s, 1), s->local[0], 5, 4, 0);
    kevy_prep_send_select(ask(s, 2), s->local[0], 5, 0, 0);
    submit_reap(s, 2);
    say_arrived(s, s->local[1]);
    say(s, "head %d\n", kevy_buffer_ring_head(&s->group));
}

static void send_from_no_group(struct scene *s)
{
    kevy_prep_send_select(ask(s, 1), s->local[0], 5, 4, 0);
    submit_reap(s, 1);
}

static void bundle_from_no_group(struct scene *s)
{
    kevy_prep_send_bundle(ask(s, 1), s->local[0], 5, 0);
    kevy_prep_recv_bundle(ask(s, 2), s->local[0], 5, 0);
    submit_reap(s, 1);
    put(s, s->local[1], "x");
    reap(s, 1);
}

static void bundle_of_a_group(struct scene *s)
{
    buffers_fill(s);
    kevy_prep_send_bundle(ask(s, 1), s->local[0], 5, 0);
    submit_reap(s, 1);
    quiet(s);
    say(s, "arrived %zu, head %d\n", drain(s, s->local[1]), kevy_buffer_ring_head(&s->group));
}

/* Writes. */

static void write_to_a_pipe(struct scene *s)
{
    kevy_prep_write(ask(s, 1), s->pipe[1], "hello", 5, UINT64_MAX);
    submit_reap(s, 1);
    must(s->system->read(s->pipe[0], s->bytes, 8) == 5);
    say_bytes(s, s->bytes, 5);
}

static void write_to_a_full_pipe(struct scene *s)
{
    kevy_prep_write(ask(s, 1), s->pipe[1], much, 65536, UINT64_MAX);
    submit_reap(s, 1);
    kevy_prep_write(ask(s, 2), s->pipe[1], "x", 1, UINT64_MAX);
    submit(s);
    quiet(s);
    for (unsigned i = 0; i < 16; i++)
        must(s->system->read(s->pipe[0], s->bytes, 4096) == 4096);
    reap(s, 1);
}

static void writes_of_vectors(struct scene *s)
{
    parts[0] = (struct iovec){much, 3};
    parts[1] = (struct iovec){much + 3, 2};
    memcpy(much, "hello", 5);
    kevy_prep_writev(ask(s, 1), s->local[0], parts, 2, 0, 0);
    kevy_prep_writev(ask(s, 2), s->file, parts, 2, 2, 0);
    submit_reap(s, 2);
    say_arrived(s, s->local[1]);
    must(s->system->pread(s->file, s->bytes, 10, 0) == 10);
    say_bytes(s, s->bytes, 10);
}

static void write_to_other_files(struct scene *s)
{
    uint64_t one = 1;

    must(s->system->lseek(s->file, 4, SEEK_SET) == 4);
    kevy_prep_write(ask(s, 1), s->file, "x", 1, UINT64_MAX);
    kevy_prep_write(ask(s, 2), s->file, "y", 1, 7);
    kevy_prep_write(ask(s, 3), s->event, &one, 8, UINT64_MAX);
    kevy_prep_write(ask(s, 4), s->pipe[0], "x", 1, UINT64_MAX);
    kevy_prep_write(ask(s, 5), -1, "x", 1, 0);
    go(s);
    reap_sorted(s, 5);
    must(s->system->pread(s->file, s->bytes, 10, 0) == 10);
    say_bytes(s, s->bytes, 10);
}

static volatile sig_atomic_t signals;

static void signal_count(int number)
{
    (void)number;
    signals++;
}

/* As write(2) does, and unlike a send. */
static void writes_to_nobody_raise_a_signal(struct scene *s)
{
    (void)signal(SIGPIPE, signal_count);
    must(s->system->close(s->pipe[0]) == 0 && s->system->close(s->local[1]) == 0);
    kevy_prep_write(ask(s, 1), s->pipe[1], "x", 1, UINT64_MAX);
    submit_reap(s, 1);
    say(s, "signals %d\n", (int)signals);
    kevy_prep_write(ask(s, 2), s->local[0], "x", 1, UINT64_MAX);
    submit_reap(s, 1);
    say(s, "signals %d\n", (int)signals);
}

static const struct scenario scenarios[] = {
    PLAY(send_of_little),
    PLAY(sends_in_one_submit),
    PLAY(send_of_nothing),
    PLAY(send_to_a_full_socket),
    PLAY(send_to_a_full_socket_without_waiting),
    PLAY(send_to_a_full_socket_is_cancelled),
    PLAY(send_of_more_than_fits),
    PLAY(send_of_all),
    PLAY(send_of_all_is_cancelled),
    PLAY(send_of_all_to_one_who_leaves),
    PLAY(send_to_nobody),
    PLAY(send_after_a_shutdown),
    PLAY(send_to_other_files),
    PLAY(send_that_polls_first),
    PLAY(send_names_its_target),
    PLAY(sends_are_malformed),
    DIFFERS(send_of_a_bundle_without_a_group, "io_uring sends it, and then a bundle of nothing"),
    PLAY(send_of_vectors),
    PLAY(message_of_little),
    PLAY(message_to_a_full_socket_keeps_its_vectors),
    PLAY(descriptors_go_once_though_the_message_goes_on),
    PLAY(message_to_nobody),
    PLAY(message_that_is_a_datagram_too_long),
    PLAY(send_from_a_group),
    PLAY(send_from_no_group),
    PLAY(bundle_from_no_group),
    PLAY(bundle_of_a_group),
    PLAY(write_to_a_pipe),
    PLAY(write_to_a_full_pipe),
    PLAY(writes_of_vectors),
    PLAY(writes_to_nobody_raise_a_signal),
    PLAY(write_to_other_files),
};

Suite *test_suite(void)
{
    return scenario_suite("ring_scenario_send", scenarios, SCENARIO_COUNT(scenarios));
}
