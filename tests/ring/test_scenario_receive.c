/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Scenarios of receiving: once and again and again, into memory and into groups, messages. */

#include "scenario.h"

static void end(struct scene *s)
{
    must(shutdown(s->tcp[1], SHUT_WR) == 0);
}

static void recv_once(struct scene *s, uint64_t user_data, uint32_t length, uint32_t flags)
{
    kevy_prep_recv(ask(s, user_data), s->tcp[0], s->bytes, length, flags);
}

/* Gives what has been sent the time to arrive: on loopback that is the time of a softirq. */
static void arrive(int fd)
{
    struct pollfd polled = {.fd = fd, .events = POLLIN | POLLRDHUP};

    must(poll(&polled, 1, 1000) == 1);
}

/* Into memory. */

static void recv_of_what_is_there(struct scene *s)
{
    put(s->tcp[1], "hello");
    arrive(s->tcp[0]);
    recv_once(s, 1, 64, 0);
    submit_reap(s, 1);
    say_bytes(s, s->bytes, 5);
}

static void recv_of_what_comes(struct scene *s)
{
    recv_once(s, 1, 64, 0);
    submit(s);
    quiet(s);
    put(s->tcp[1], "hello");
    reap(s, 1);
}

static void recv_of_a_part(struct scene *s)
{
    put(s->tcp[1], "hello");
    arrive(s->tcp[0]);
    recv_once(s, 1, 2, 0);
    recv_once(s, 2, 64, 0);
    go(s);
    reap(s, 2);
}

static void recv_at_the_end(struct scene *s)
{
    recv_once(s, 1, 64, 0);
    go(s);
    end(s);
    reap(s, 1);
    recv_once(s, 2, 64, 0);
    submit_reap(s, 1);
}

/* The end comes in the same moment as the last bytes. */
static void recv_of_bytes_and_the_end(struct scene *s)
{
    put(s->tcp[1], "last");
    end(s);
    arrive(s->tcp[0]);
    recv_once(s, 1, 64, 0);
    submit_reap(s, 1);
    recv_once(s, 2, 64, 0);
    submit_reap(s, 1);
}

static void recv_after_a_reset(struct scene *s)
{
    recv_once(s, 1, 64, 0);
    go(s);
    reset(s->tcp[1]);
    reap(s, 1);
    recv_once(s, 2, 64, 0);
    submit_reap(s, 1);
}

static void recv_of_bytes_and_a_reset(struct scene *s)
{
    put(s->tcp[1], "lost");
    arrive(s->tcp[0]);
    reset(s->tcp[1]);
    usleep(2000);
    recv_once(s, 1, 2, 0);
    submit_reap(s, 1);
    recv_once(s, 2, 64, 0);
    submit_reap(s, 1);
    recv_once(s, 3, 64, 0);
    submit_reap(s, 1);
}

static void recv_without_waiting(struct scene *s)
{
    recv_once(s, 1, 64, MSG_DONTWAIT);
    submit_reap(s, 1);
    put(s->tcp[1], "x");
    arrive(s->tcp[0]);
    recv_once(s, 2, 64, MSG_DONTWAIT);
    submit_reap(s, 1);
}

static void recv_that_peeks(struct scene *s)
{
    put(s->tcp[1], "abc");
    arrive(s->tcp[0]);
    recv_once(s, 1, 64, MSG_PEEK);
    submit_reap(s, 1);
    recv_once(s, 2, 64, 0);
    submit_reap(s, 1);
}

static void recv_of_nothing(struct scene *s)
{
    put(s->tcp[1], "abc");
    arrive(s->tcp[0]);
    recv_once(s, 1, 0, 0);
    submit_reap(s, 1);
}

static void recv_of_all(struct scene *s)
{
    recv_once(s, 1, 6, MSG_WAITALL);
    go(s);
    put(s->tcp[1], "abc");
    quiet(s);
    put(s->tcp[1], "def");
    reap(s, 1);
    say_bytes(s, s->bytes, 6);
}

static void recv_of_all_up_to_the_end(struct scene *s)
{
    recv_once(s, 1, 6, MSG_WAITALL);
    go(s);
    put(s->tcp[1], "abc");
    end(s);
    reap(s, 1);
}

static void recv_of_all_up_to_a_reset(struct scene *s)
{
    recv_once(s, 1, 6, MSG_WAITALL);
    go(s);
    put(s->tcp[1], "abc");
    quiet(s);
    reset(s->tcp[1]);
    reap(s, 1);
}

static void recvs_stand_in_line(struct scene *s)
{
    char second[4] = "";

    recv_once(s, 1, 2, 0);
    kevy_prep_recv(ask(s, 2), s->tcp[0], second, 2, 0);
    go(s);
    put(s->tcp[1], "ab");
    reap(s, 1);
    quiet(s);
    put(s->tcp[1], "cd");
    reap(s, 1);
    say_bytes(s, s->bytes, 2);
    say_bytes(s, second, 2);
}

static void recv_that_polls_first(struct scene *s)
{
    struct kevy_sqe *sqe = ask(s, 1);

    kevy_prep_recv(sqe, s->tcp[0], s->bytes, 64, 0);
    kevy_sqe_set_recvsend_flags(sqe, KEVY_RECVSEND_POLL_FIRST);
    go(s);
    quiet(s);
    put(s->tcp[1], "x");
    reap(s, 1);
    put(s->tcp[1], "y");
    arrive(s->tcp[0]);
    sqe = ask(s, 2);
    kevy_prep_recv(sqe, s->tcp[0], s->bytes, 64, 0);
    kevy_sqe_set_recvsend_flags(sqe, KEVY_RECVSEND_POLL_FIRST);
    submit_reap(s, 1);
}

static void recv_on_other_files(struct scene *s)
{
    kevy_prep_recv(ask(s, 1), s->listener, s->bytes, 4, 0);
    kevy_prep_recv(ask(s, 2), s->pipe[0], s->bytes, 4, 0);
    kevy_prep_recv(ask(s, 3), s->file, s->bytes, 4, 0);
    kevy_prep_recv(ask(s, 4), 900, s->bytes, 4, 0);
    kevy_prep_recv(ask(s, 5), -1, s->bytes, 4, 0);
    kevy_prep_recv(ask(s, 6), s->tcp[0], (void *)8, 4, 0);
    kevy_prep_recv(ask(s, 7), s->event, s->bytes, 4, 0);
    put(s->tcp[1], "x");
    go(s);
    reap_sorted(s, 7);
}

static void recv_of_a_datagram(struct scene *s)
{
    put(s->packets[1], "four");
    kevy_prep_recv(ask(s, 1), s->packets[0], s->bytes, 2, 0);
    submit_reap(s, 1);
    put(s->packets[1], "five5");
    kevy_prep_recv(ask(s, 2), s->packets[0], s->bytes, 2, MSG_TRUNC);
    submit_reap(s, 1);
    kevy_prep_recv(ask(s, 3), s->packets[0], s->bytes, 64, 0);
    go(s);
    must(send(s->packets[1], "", 0, 0) == 0);
    reap(s, 1);
}

/* Bytes with descriptors in between: a Unix read stops in front of them, though there is more. */
static void recv_stops_at_descriptors(struct scene *s)
{
    char x = 'x';
    struct iovec part = {&x, 1};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {.header = {.cmsg_level = SOL_SOCKET,
                            .cmsg_type = SCM_RIGHTS,
                            .cmsg_len = CMSG_LEN(sizeof(int))}};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.space,
                             .msg_controllen = sizeof control.space};

    memcpy(CMSG_DATA(&control.header), &s->file, sizeof s->file);
    group_make(s, 0);
    kevy_prep_recv_multishot(ask(s, 1), s->local[0], 5, 0);
    go(s);
    put(s->local[1], "ab");
    must(sendmsg(s->local[1], &message, 0) == 1);
    put(s->local[1], "cd");
    reap(s, 3);
    quiet(s);
}

/* Into a group. */

static void select_of_what_is_there(struct scene *s)
{
    group_make(s, 0);
    put(s->tcp[1], "hello");
    arrive(s->tcp[0]);
    kevy_prep_recv_select(ask(s, 1), s->tcp[0], 5, 0, 0);
    submit_reap(s, 1);
    say_bytes(s, s->group.buffers, 5);
}

static void select_of_what_comes(struct scene *s)
{
    group_make(s, 0);
    kevy_prep_recv_select(ask(s, 1), s->tcp[0], 5, 0, 0);
    go(s);
    quiet(s);
    say(s, "head %d\n", kevy_buffer_ring_head(&s->group));
    put(s->tcp[1], "hello");
    reap(s, 1);
    say(s, "head %d\n", kevy_buffer_ring_head(&s->group));
}

static void select_with_a_limit(struct scene *s)
{
    group_make(s, 0);
    put(s->tcp[1], "hello");
    arrive(s->tcp[0]);
    kevy_prep_recv_select(ask(s, 1), s->tcp[0], 5, 3, 0);
    submit_reap(s, 1);
    kevy_prep_recv_select(ask(s, 2), s->tcp[0], 5, 300, 0);
    submit_reap(s, 1);
}

static void select_at_the_end(struct scene *s)
{
    group_make(s, 0);
    end(s);
    arrive(s->tcp[0]);
    kevy_prep_recv_select(ask(s, 1), s->tcp[0], 5, 0, 0);
    submit_reap(s, 1);
    say(s, "head %d\n", kevy_buffer_ring_head(&s->group));
}

static void select_from_nothing(struct scene *s)
{
    kevy_prep_recv_select(ask(s, 1), s->tcp[0], 5, 0, 0);
    submit_reap(s, 1);
    group_make(s, 0);
    for (uint64_t i = 2; i < 10; i++) {
        put(s->tcp[1], "x");
        arrive(s->tcp[0]);
        kevy_prep_recv_select(ask(s, i), s->tcp[0], 5, 0, 0);
        submit_reap(s, 1);
    }
    kevy_prep_recv_select(ask(s, 10), s->tcp[0], 5, 0, 0);
    submit_reap(s, 1);
}

static void select_is_cancelled(struct scene *s)
{
    group_make(s, 0);
    kevy_prep_recv_select(ask(s, 1), s->tcp[0], 5, 0, 0);
    go(s);
    kevy_prep_cancel(ask(s, 2), 1, 0);
    go(s);
    reap_sorted(s, 2);
    say(s, "head %d\n", kevy_buffer_ring_head(&s->group));
}

static void bundle_of_what_is_there(struct scene *s)
{
    group_make(s, 0);
    put(s->tcp[1], "0123456789abcdefghijklmnopqrstuvwxyz");
    arrive(s->tcp[0]);
    kevy_prep_recv_bundle(ask(s, 1), s->tcp[0], 5, 0);
    submit_reap(s, 1);
    say(s, "head %d\n", kevy_buffer_ring_head(&s->group));
}

static void bundle_of_little(struct scene *s)
{
    group_make(s, 0);
    kevy_prep_recv_bundle(ask(s, 1), s->tcp[0], 5, 0);
    go(s);
    put(s->tcp[1], "hello");
    reap(s, 1);
    say(s, "head %d\n", kevy_buffer_ring_head(&s->group));
}

static void bundle_of_more_than_the_group(struct scene *s)
{
    group_make(s, 0);
    for (unsigned i = 0; i < 20; i++)
        put(s->tcp[1], "0123456789");
    arrive(s->tcp[0]);
    kevy_prep_recv_bundle(ask(s, 1), s->tcp[0], 5, 0);
    submit_reap(s, 1);
    say(s, "head %d\n", kevy_buffer_ring_head(&s->group));
}

/* Again and again. */

static void multishot_of_little(struct scene *s)
{
    group_make(s, 0);
    kevy_prep_recv_multishot(ask(s, 1), s->tcp[0], 5, 0);
    go(s);
    for (unsigned i = 0; i < 5; i++) {
        put(s->tcp[1], "hello");
        reap(s, 1);
        quiet(s);
    }
}

static void multishot_of_what_is_there(struct scene *s)
{
    group_make(s, 0);
    put(s->tcp[1], "hello");
    arrive(s->tcp[0]);
    kevy_prep_recv_multishot(ask(s, 1), s->tcp[0], 5, 0);
    submit_reap(s, 1);
    put(s->tcp[1], "world");
    reap(s, 1);
}

static void multishot_of_more_than_a_buffer(struct scene *s)
{
    group_make(s, 0);
    kevy_prep_recv_multishot(ask(s, 1), s->tcp[0], 5, 0);
    go(s);
    put(s->tcp[1], "0123456789abcdefghijklmnopqrstuvwxyz");
    reap(s, 3);
    put(s->tcp[1], "!");
    reap(s, 1);
    quiet(s);
}

static void multishot_of_exactly_a_buffer(struct scene *s)
{
    group_make(s, 0);
    kevy_prep_recv_multishot(ask(s, 1), s->tcp[0], 5, 0);
    go(s);
    put(s->tcp[1], "0123456789abcdef");
    reap(s, 1);
    quiet(s);
    put(s->tcp[1], "0123456789abcdef");
    reap(s, 1);
    end(s);
    reap(s, 1);
}

static void multishot_to_the_end(struct scene *s)
{
    group_make(s, 0);
    kevy_prep_recv_multishot(ask(s, 1), s->tcp[0], 5, 0);
    go(s);
    put(s->tcp[1], "x");
    reap(s, 1);
    end(s);
    reap(s, 1);
    quiet(s);
    say(s, "head %d\n", kevy_buffer_ring_head(&s->group));
}

static void multishot_of_bytes_and_the_end(struct scene *s)
{
    group_make(s, 0);
    kevy_prep_recv_multishot(ask(s, 1), s->tcp[0], 5, 0);
    go(s);
    put(s->tcp[1], "x");
    reap(s, 1);
    put(s->tcp[1], "last");
    end(s);
    arrive(s->tcp[0]);
    usleep(2000);
    reap(s, 2);
    quiet(s);
}

static void multishot_of_full_buffers_and_the_end(struct scene *s)
{
    group_make(s, 0);
    kevy_prep_recv_multishot(ask(s, 1), s->tcp[0], 5, 0);
    go(s);
    put(s->tcp[1], "0123456789abcdef0123456789abcdef");
    end(s);
    arrive(s->tcp[0]);
    usleep(2000);
    reap(s, 3);
    quiet(s);
}

static void multishot_armed_at_the_end(struct scene *s)
{
    group_make(s, 0);
    put(s->tcp[1], "last");
    end(s);
    arrive(s->tcp[0]);
    usleep(2000);
    kevy_prep_recv_multishot(ask(s, 1), s->tcp[0], 5, 0);
    go(s);
    reap(s, 2);
}

static void multishot_to_a_reset(struct scene *s)
{
    group_make(s, 0);
    kevy_prep_recv_multishot(ask(s, 1), s->tcp[0], 5, 0);
    go(s);
    put(s->tcp[1], "x");
    reap(s, 1);
    reset(s->tcp[1]);
    reap(s, 1);
    quiet(s);
}

static void multishot_empties_its_group(struct scene *s)
{
    group_make(s, 0);
    kevy_prep_recv_multishot(ask(s, 1), s->tcp[0], 5, 0);
    go(s);
    for (unsigned i = 0; i < 8; i++) {
        put(s->tcp[1], "x");
        reap(s, 1);
    }
    put(s->tcp[1], "y");
    reap(s, 1);
    quiet(s);
    kevy_prep_recv_multishot(ask(s, 2), s->tcp[0], 5, 0);
    submit_reap(s, 1);
}

static void multishot_that_polls_first_minds_no_empty_group(struct scene *s)
{
    group_make(s, 0);
    for (uint64_t i = 1; i < 9; i++) {
        put(s->tcp[1], "x");
        arrive(s->tcp[0]);
        kevy_prep_recv_select(ask(s, i), s->tcp[0], 5, 0, 0);
        submit_reap(s, 1);
    }
    kevy_prep_recv_multishot(ask(s, 9), s->tcp[0], 5, KEVY_RECVSEND_POLL_FIRST);
    go(s);
    quiet(s);
    put(s->tcp[1], "y");
    reap(s, 1);
}

static void multishot_without_a_group(struct scene *s)
{
    kevy_prep_recv_multishot(ask(s, 1), s->tcp[0], 5, 0);
    submit_reap(s, 1);
}

static void multishot_is_cancelled(struct scene *s)
{
    group_make(s, 0);
    kevy_prep_recv_multishot(ask(s, 1), s->tcp[0], 5, 0);
    go(s);
    put(s->tcp[1], "x");
    reap(s, 1);
    kevy_prep_cancel(ask(s, 2), 1, 0);
    go(s);
    reap_sorted(s, 2);
    put(s->tcp[1], "y");
    arrive(s->tcp[0]);
    quiet(s);
    say_arrived(s, s->tcp[0]);
}

static void multishot_with_a_length(struct scene *s)
{
    group_make(s, 0);
    kevy_prep_recv_multishot_limit(ask(s, 1), s->tcp[0], 5, 4, 0, 0);
    go(s);
    put(s->tcp[1], "0123456789");
    reap(s, 3);
    quiet(s);
}

static void multishot_with_a_total(struct scene *s)
{
    group_make(s, 0);
    kevy_prep_recv_multishot_limit(ask(s, 1), s->tcp[0], 5, 0, 20, 0);
    go(s);
    put(s->tcp[1], "0123456789abcdefghijklmnopqrstuvwxyz");
    reap(s, 2);
    quiet(s);
    say_arrived(s, s->tcp[0]);
}

static void multishot_with_a_total_in_pieces(struct scene *s)
{
    group_make(s, 0);
    kevy_prep_recv_multishot_limit(ask(s, 1), s->tcp[0], 5, 0, 6, 0);
    go(s);
    put(s->tcp[1], "abc");
    reap(s, 1);
    put(s->tcp[1], "defg");
    reap(s, 1);
    quiet(s);
    say_arrived(s, s->tcp[0]);
}

static void multishot_in_bundles(struct scene *s)
{
    group_make(s, 0);
    kevy_prep_recv_multishot(ask(s, 1), s->tcp[0], 5, KEVY_RECVSEND_BUNDLE);
    go(s);
    put(s->tcp[1], "hello");
    reap(s, 1);
    put(s->tcp[1], "world");
    reap(s, 1);
    end(s);
    reap(s, 1);
}

static void multishots_are_malformed(struct scene *s)
{
    struct kevy_sqe *sqe;

    group_make(s, 0);
    sqe = ask(s, 1);
    kevy_prep_recv_multishot(sqe, s->tcp[0], 5, 0);
    sqe->flags = 0;
    sqe = ask(s, 2);
    kevy_prep_recv_multishot(sqe, s->tcp[0], 5, 0);
    sqe->msg_flags = MSG_WAITALL;
    sqe = ask(s, 3);
    kevy_prep_recv_multishot(sqe, s->tcp[0], 5, 0x80);
    sqe = ask(s, 4);
    kevy_prep_recv(sqe, s->tcp[0], s->bytes, 4, 0);
    sqe->optlen = 5;
    sqe = ask(s, 5);
    kevy_prep_recv(sqe, s->tcp[0], s->bytes, 4, 0);
    sqe->ioprio = KEVY_RECVSEND_BUNDLE;
    sqe = ask(s, 6);
    kevy_prep_nop(sqe);
    sqe->flags = KEVY_SQE_BUFFER_SELECT;
    go(s);
    reap_sorted(s, 6);
}

static void two_multishots_share_a_socket(struct scene *s)
{
    group_make(s, 0);
    kevy_prep_recv_multishot(ask(s, 1), s->tcp[0], 5, 0);
    kevy_prep_recv_multishot(ask(s, 2), s->tcp[1], 5, 0);
    go(s);
    put(s->tcp[1], "a");
    reap(s, 1);
    put(s->tcp[0], "b");
    reap(s, 1);
    quiet(s);
}

static void multishot_outlives_a_full_queue(struct scene *s)
{
    group_make(s, 0);
    kevy_prep_recv_multishot(ask(s, 1), s->packets[0], 5, 0);
    go(s);
    for (unsigned i = 0; i < 40; i++)
        kevy_prep_nop(ask(s, 100 + i)), go(s);
    put(s->packets[1], "x");
    reap(s, 41);
    put(s->packets[1], "y");
    reap(s, 1);
}

/* Incremental groups. */

static void pieces_of_a_buffer(struct scene *s)
{
    group_make(s, KEVY_BUFFER_RING_INCREMENTAL);
    kevy_prep_recv_multishot(ask(s, 1), s->tcp[0], 5, 0);
    go(s);
    put(s->tcp[1], "hello");
    reap(s, 1);
    put(s->tcp[1], "world");
    reap(s, 1);
    say(s, "head %d\n", kevy_buffer_ring_head(&s->group));
    put(s->tcp[1], "0123456789");
    reap(s, 2);
    say_bytes(s, s->group.buffers, 20);
    say(s, "head %d\n", kevy_buffer_ring_head(&s->group));
}

static void piece_that_ends_a_buffer(struct scene *s)
{
    group_make(s, KEVY_BUFFER_RING_INCREMENTAL);
    kevy_prep_recv_multishot(ask(s, 1), s->tcp[0], 5, 0);
    go(s);
    put(s->tcp[1], "0123456789abcdef");
    reap(s, 1);
    put(s->tcp[1], "x");
    reap(s, 1);
    end(s);
    reap(s, 1);
}

static void pieces_in_bundles(struct scene *s)
{
    group_make(s, KEVY_BUFFER_RING_INCREMENTAL);
    put(s->tcp[1], "0123456789abcdefghij");
    arrive(s->tcp[0]);
    kevy_prep_recv_bundle(ask(s, 1), s->tcp[0], 5, 0);
    submit_reap(s, 1);
    put(s->tcp[1], "klm");
    arrive(s->tcp[0]);
    kevy_prep_recv_bundle(ask(s, 2), s->tcp[0], 5, 0);
    submit_reap(s, 1);
    say_bytes(s, s->group.buffers, 23);
}

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
    put(s->local[1], "abcdef");
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
    put(s->local[1], "abcdef");
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
    must(sendmsg(s->local[1], &sent, 0) == 1);
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
    put(s->local[1], "ab");
    quiet(s);
    put(s->local[1], "cdef");
    quiet(s);
    put(s->local[1], "gh");
    reap(s, 1);
    say_bytes(s, s->bytes, 3);
    say_bytes(s, s->bytes + 100, 5);
}

static void message_that_is_too_long(struct scene *s)
{
    put(s->packets[1], "abcdef");
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
    put(s->packets[1], "abcdef");
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
    put(s->packets[1], "abc");
    put(s->packets[1], "0123456789012345678901234567890123456789012345678901234567890");
    reap(s, 2);
    say(s, "payload %u, %u\n", ((struct kevy_recvmsg_out *)(void *)s->group.buffers)->payloadlen,
        ((struct kevy_recvmsg_out *)(void *)(s->group.buffers + 64))->payloadlen);
    must(send(s->packets[1], "", 0, 0) == 0);
    reap(s, 1);
    quiet(s);
}

static void messages_with_too_little_room(struct scene *s)
{
    static struct msghdr rooms = {.msg_namelen = 20, .msg_controllen = 20};

    group_make(s, 0);
    kevy_prep_recvmsg_multishot(ask(s, 1), s->packets[0], &rooms, 5, 0);
    go(s);
    put(s->packets[1], "abc");
    reap(s, 1);
}

static void messages_name_their_sender(struct scene *s)
{
    static struct msghdr rooms = {.msg_namelen = 16};
    struct kevy_buffer_ring_options options = {.entries = 4, .buffer_size = 64, .group = 5};
    struct sockaddr_in address = loopback(0);
    int from = socket(AF_INET, SOCK_DGRAM, 0), to = socket(AF_INET, SOCK_DGRAM, 0);
    struct kevy_recvmsg_out *out;

    must(bind(to, (struct sockaddr *)&address, sizeof address) == 0);
    address = name_of(to);
    must(kevy_buffer_ring_init(&s->group, &s->ring, &options) == 0);
    kevy_prep_recvmsg_multishot(ask(s, 1), to, &rooms, 5, 0);
    go(s);
    must(sendto(from, "abc", 3, 0, (struct sockaddr *)&address, sizeof address) == 3);
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

#define PLAY(function)                         \
    {                                          \
#function, function, NULL, 0, 0, false \
    }
#define DIFFERS(function, why)                \
    {                                         \
#function, function, why, 0, 0, false \
    }

static const struct scenario scenarios[] = {
    PLAY(recv_of_what_is_there),
    PLAY(recv_of_what_comes),
    PLAY(recv_of_a_part),
    PLAY(recv_at_the_end),
    PLAY(recv_of_bytes_and_the_end),
    PLAY(recv_after_a_reset),
    PLAY(recv_of_bytes_and_a_reset),
    PLAY(recv_without_waiting),
    PLAY(recv_that_peeks),
    PLAY(recv_of_nothing),
    PLAY(recv_of_all),
    PLAY(recv_of_all_up_to_the_end),
    PLAY(recv_of_all_up_to_a_reset),
    DIFFERS(recvs_stand_in_line, "io_uring wakes the last first; the contract has no order here"),
    PLAY(recv_that_polls_first),
    PLAY(recv_on_other_files),
    PLAY(recv_of_a_datagram),
    PLAY(recv_stops_at_descriptors),
    PLAY(select_of_what_is_there),
    PLAY(select_of_what_comes),
    PLAY(select_with_a_limit),
    PLAY(select_at_the_end),
    PLAY(select_from_nothing),
    PLAY(select_is_cancelled),
    DIFFERS(bundle_of_what_is_there,
            "how many buffers a bundle begins with is a guess of io_uring's"),
    PLAY(bundle_of_little),
    PLAY(bundle_of_more_than_the_group),
    PLAY(multishot_of_little),
    PLAY(multishot_of_what_is_there),
    PLAY(multishot_of_more_than_a_buffer),
    PLAY(multishot_of_exactly_a_buffer),
    PLAY(multishot_to_the_end),
    PLAY(multishot_of_bytes_and_the_end),
    PLAY(multishot_of_full_buffers_and_the_end),
    PLAY(multishot_armed_at_the_end),
    PLAY(multishot_to_a_reset),
    PLAY(multishot_empties_its_group),
    PLAY(multishot_that_polls_first_minds_no_empty_group),
    PLAY(multishot_without_a_group),
    PLAY(multishot_is_cancelled),
    PLAY(multishot_with_a_length),
    DIFFERS(multishot_with_a_total, "io_uring fills the buffer in which the total is reached"),
    DIFFERS(multishot_with_a_total_in_pieces,
            "io_uring fills the buffer in which the total is reached"),
    PLAY(multishot_in_bundles),
    PLAY(multishots_are_malformed),
    PLAY(two_multishots_share_a_socket),
    {"multishot_outlives_a_full_queue", multishot_outlives_a_full_queue,
     "a multishot request waits for room in the completion queue", 32, 0, false},
    PLAY(pieces_of_a_buffer),
    PLAY(piece_that_ends_a_buffer),
    PLAY(pieces_in_bundles),
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
    return scenario_suite("ring_scenario_receive", scenarios, SCENARIO_COUNT(scenarios));
}
