/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Scenarios of messages with addresses and descriptors. */

#include "scenario_requests.h"

/* Messages. */

static struct iovec parts[2];
static struct sockaddr_un name;
static union {
    struct cmsghdr header;
    char space[128];
} control;
static struct msghdr header;

static struct msghdr *message_make(struct scene *s)
{
    parts[0] = (struct iovec){s->bytes, 3};
    parts[1] = (struct iovec){s->bytes + 100, 64};
    header = (struct msghdr){.msg_name = &name,
                             .msg_namelen = sizeof name,
                             .msg_iov = parts,
                             .msg_iovlen = 2,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    return &header;
}

static void say_message(struct scene *s)
{
    say(s, "name %u control %zu flags %x\n", header.msg_namelen, (size_t)header.msg_controllen,
        (unsigned)header.msg_flags);
}

static void message_that_is_there(struct scene *s)
{
    put(s, s->local[1], "abcdef");
    kevy_prep_recvmsg(ask(s, 1), s->local[0], message_make(s), 0);
    submit_reap(s, 1);
    say_message(s);
    say_bytes(s, s->bytes, 3);
    say_bytes(s, s->bytes + 100, 3);
}

static void message_that_comes(struct scene *s)
{
    kevy_prep_recvmsg(ask(s, 1), s->local[0], message_make(s), 0);
    go(s);
    parts[0].iov_base = NULL; /* the vectors may go */
    parts[1].iov_len = 0;
    put(s, s->local[1], "abcdef");
    reap(s, 1);
    say_message(s);
    say_bytes(s, s->bytes, 3);
    say_bytes(s, s->bytes + 100, 3);
}

static void message_with_a_descriptor(struct scene *s)
{
    struct iovec part = {s->bytes + 200, 1};
    struct msghdr sent = {.msg_iov = &part,
                          .msg_iovlen = 1,
                          .msg_control = &control,
                          .msg_controllen = CMSG_SPACE(sizeof(int))};

    control.header = (struct cmsghdr){
        .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
    memcpy(CMSG_DATA(&control.header), &s->file, sizeof s->file);
    must(s->system->sendmsg(s->local[1], &sent, 0) == 1);
    memset(&control, 0, sizeof control);
    kevy_prep_recvmsg(ask(s, 1), s->local[0], message_make(s), MSG_CMSG_CLOEXEC);
    submit_reap(s, 1);
    say_message(s);
    say(s, "type %d\n", control.header.cmsg_type);
}

static void message_wanted_whole(struct scene *s)
{
    message_make(s);
    parts[1].iov_len = 5;
    kevy_prep_recvmsg(ask(s, 1), s->local[0], &header, MSG_WAITALL);
    go(s);
    put(s, s->local[1], "ab");
    quiet(s);
    put(s, s->local[1], "cdef");
    quiet(s);
    put(s, s->local[1], "gh");
    reap(s, 1);
    say_bytes(s, s->bytes, 3);
    say_bytes(s, s->bytes + 100, 5);
}

static void message_that_is_too_long(struct scene *s)
{
    put(s, s->packets[1], "abcdef");
    message_make(s);
    header.msg_iovlen = 1;
    kevy_prep_recvmsg(ask(s, 1), s->packets[0], &header, 0);
    submit_reap(s, 1);
    say_message(s);
}

static void message_into_a_group(struct scene *s)
{
    group_make(s, 0);
    message_make(s);
    header.msg_iovlen = 1;
    parts[0].iov_len = 0;
    kevy_prep_recvmsg_select(ask(s, 1), s->packets[0], &header, 5, 0);
    go(s);
    put(s, s->packets[1], "abcdef");
    reap(s, 1);
    say_message(s);
    say_bytes(s, s->group.buffers, 6);
}

static void messages_again_and_again(struct scene *s)
{
    static struct msghdr rooms = {.msg_namelen = 0, .msg_controllen = 0};
    struct kevy_buffer_ring_options options = {.entries = 4, .buffer_size = 64, .group = 5};

    must(kevy_buffer_ring_init(&s->group, &s->ring, &options) == 0);
    kevy_prep_recvmsg_multishot(ask(s, 1), s->packets[0], &rooms, 5, MSG_TRUNC);
    go(s);
    put(s, s->packets[1], "abc");
    put(s, s->packets[1], "0123456789012345678901234567890123456789012345678901234567890");
    reap(s, 2);
    say(s, "payload %u, %u\n", ((struct kevy_recvmsg_out *)(void *)s->group.buffers)->payloadlen,
        ((struct kevy_recvmsg_out *)(void *)(s->group.buffers + 64))->payloadlen);
    must(s->system->send(s->packets[1], "", 0, 0) == 0);
    reap(s, 1);
    quiet(s);
}

static void messages_with_too_little_room(struct scene *s)
{
    static struct msghdr rooms = {.msg_namelen = 20, .msg_controllen = 20};

    group_make(s, 0);
    kevy_prep_recvmsg_multishot(ask(s, 1), s->packets[0], &rooms, 5, 0);
    go(s);
    put(s, s->packets[1], "abc");
    reap(s, 1);
}

static void messages_name_their_sender(struct scene *s)
{
    static struct msghdr rooms = {.msg_namelen = 16};
    struct kevy_buffer_ring_options options = {.entries = 4, .buffer_size = 64, .group = 5};
    struct sockaddr_in address = loopback(0);
    int from = s->system->socket(AF_INET, SOCK_DGRAM, 0),
        to = s->system->socket(AF_INET, SOCK_DGRAM, 0);
    struct kevy_recvmsg_out *out;

    must(s->system->bind(to, (struct sockaddr *)&address, sizeof address) == 0);
    address = name_of(s, to);
    must(kevy_buffer_ring_init(&s->group, &s->ring, &options) == 0);
    kevy_prep_recvmsg_multishot(ask(s, 1), to, &rooms, 5, 0);
    go(s);
    must(s->system->sendto(from, "abc", 3, 0, (struct sockaddr *)&address, sizeof address) == 3);
    reap(s, 1);
    out = (void *)s->group.buffers;
    say(s, "name %u control %u payload %u flags %u family %d\n", out->namelen, out->controllen,
        out->payloadlen, out->flags, ((struct sockaddr *)(void *)(out + 1))->sa_family);
}

static void messages_are_malformed(struct scene *s)
{
    struct kevy_sqe *sqe;

    group_make(s, 0);
    sqe = ask(s, 1);
    kevy_prep_recvmsg(sqe, s->local[0], message_make(s), 0);
    sqe->ioprio = KEVY_RECVSEND_BUNDLE;
    sqe = ask(s, 2);
    kevy_prep_recvmsg_multishot(sqe, s->local[0], &header, 5, MSG_WAITALL);
    sqe = ask(s, 3);
    kevy_prep_recvmsg(sqe, s->local[0], &header, 0);
    sqe->flags = KEVY_SQE_BUFFER_SELECT; /* with two vectors */
    sqe->buf_group = 5;
    kevy_prep_recvmsg(ask(s, 4), s->local[0], NULL, 0);
    kevy_prep_recvmsg(ask(s, 5), s->file, &header, 0);
    go(s);
    reap_sorted(s, 5);
}

static const struct scenario scenarios[] = {
    PLAY(message_that_is_there),
    PLAY(message_that_comes),
    PLAY(message_with_a_descriptor),
    DIFFERS(message_wanted_whole,
            "io_uring ends it with what comes first (6.18), and does not do so with a recv"),
    PLAY(message_that_is_too_long),
    PLAY(message_into_a_group),
    PLAY(messages_again_and_again),
    PLAY(messages_with_too_little_room),
    PLAY(messages_name_their_sender),
    PLAY(messages_are_malformed),
};

Suite *test_suite(void)
{
    return scenario_suite("ring_scenario_message", scenarios, SCENARIO_COUNT(scenarios));
}
