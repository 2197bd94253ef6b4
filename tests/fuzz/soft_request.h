/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef FUZZ_SOFT_REQUEST_H
#define FUZZ_SOFT_REQUEST_H

/* The world of fuzz_soft.c, and requests within it, made of the bytes of an input. */

#include "fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <kevy/ring.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define MEMORY_BYTES 65536U
#define DATA_BYTES   32768U /* a pointer to data lies in here, and 32 KiB follow */
#define DESCRIPTORS  28U    /* that requests name; the world opens fewer, requests open others */
#define GROUP        5U

/* Structures that requests point to and the kernel only reads. */
struct fixed {
    struct iovec vectors[1024];
    struct sockaddr_in addresses[4];
    struct kevy_timespec times[4];
    uint64_t how[4]; /* struct open_how, its size at most */
    char names[8][8];
};

/* Those that it writes to; requests do not name them as data. */
struct messages {
    struct msghdr headers[8];
};

struct world {
    struct kevy_ring ring;
    uint8_t *data;
    struct fixed *fixed;
    struct messages *messages;
    struct kevy_buf *group;
    int first;            /* descriptor of the world */
    unsigned descriptors; /* that it opened, one after the other */
    int ends[4];          /* of connections, the peers' */
    int epoll;
    int home;      /* where the fuzzer's own files are: a request's are in the folder */
    uint16_t tail; /* of the group */
    unsigned asked, answered;
    bool skips; /* a request may have been answered with silence */
};

static struct world world;

static inline uint32_t number(struct choices *choices)
{
    uint32_t value = choice(choices);

    switch (value % 4) {
    case 0:
        return choice(choices);
    case 1:
        return choice(choices) | (uint32_t)choice(choices) << 8;
    case 2:
        return 1U << choice(choices) % 32;
    default:
        return value < 128 ? 0 : UINT32_MAX - value % 8;
    }
}

static inline uint64_t number_long(struct choices *choices)
{
    return number(choices) | (uint64_t)number(choices) << 32;
}

static inline int descriptor(struct choices *choices)
{
    uint8_t which = choice(choices);

    if (which > 240)
        return which > 250 ? -1 : which > 245 ? AT_FDCWD : 10000;
    return world.first + which % (int)DESCRIPTORS;
}

static inline uint64_t address_of(const void *memory)
{
    return (uint64_t)(uintptr_t)memory;
}

static inline uint64_t data(struct choices *choices)
{
    return address_of(world.data + (choice(choices) * 128U) % DATA_BYTES);
}

static inline uint64_t path(struct choices *choices)
{
    return address_of(world.fixed->names[choice(choices) % 8]);
}

static inline uint64_t moment(struct choices *choices)
{
    return address_of(&world.fixed->times[choice(choices) % 4]);
}

static inline uint64_t vectors(struct choices *choices)
{
    return address_of(&world.fixed->vectors[choice(choices)]);
}

static inline void sqe_message(struct kevy_sqe *sqe, struct choices *choices)
{
    sqe->addr = address_of(&world.messages->headers[choice(choices) % 8]);
}

static inline void sqe_data(struct kevy_sqe *sqe, struct choices *choices)
{
    sqe->addr = data(choices);
}

static inline void sqe_vectors(struct kevy_sqe *sqe, struct choices *choices)
{
    sqe->addr = vectors(choices);
}

static inline void sqe_send(struct kevy_sqe *sqe, struct choices *choices)
{
    sqe->addr = sqe->ioprio & KEVY_SEND_VECTORIZED ? vectors(choices) : data(choices);
    sqe->addr2 = choice(choices) % 4 == 0 ? address_of(&world.fixed->addresses[0]) : 0;
}

static inline void sqe_time(struct kevy_sqe *sqe, struct choices *choices)
{
    sqe->addr = moment(choices);
}

static inline void sqe_time_remove(struct kevy_sqe *sqe, struct choices *choices)
{
    sqe->addr2 = moment(choices);
}

static inline void sqe_address(struct kevy_sqe *sqe, struct choices *choices)
{
    sqe->addr = address_of(&world.fixed->addresses[choice(choices) % 4]);
}

static inline void sqe_accept(struct kevy_sqe *sqe, struct choices *choices)
{
    sqe->addr = choice(choices) % 2 == 0 ? 0 : data(choices);
    sqe->addr2 = sqe->addr != 0 ? data(choices) : 0;
}

static inline void sqe_path(struct kevy_sqe *sqe, struct choices *choices)
{
    sqe->addr = path(choices);
}

static inline void sqe_open(struct kevy_sqe *sqe, struct choices *choices)
{
    sqe->addr = path(choices);
    sqe->addr2 = address_of(world.fixed->how);
    sqe->open_flags &= ~(uint32_t)O_DIRECT;
}

static inline void sqe_statx(struct kevy_sqe *sqe, struct choices *choices)
{
    sqe->addr = path(choices);
    sqe->addr2 = data(choices);
}

static inline void sqe_two_paths(struct kevy_sqe *sqe, struct choices *choices)
{
    sqe->addr = path(choices);
    sqe->addr2 = path(choices);
}

static inline void sqe_attribute(struct kevy_sqe *sqe, struct choices *choices)
{
    sqe->addr = path(choices);
    sqe->addr2 = data(choices);
    sqe->addr3 = path(choices);
    sqe->len = sqe->len > 65536 ? sqe->len : sqe->len % 32768; /* read as it is submitted */
}

static inline void sqe_epoll(struct kevy_sqe *sqe, struct choices *choices)
{
    sqe->fd = world.epoll; /* the ring's own set is not the user's to change */
    sqe->addr = data(choices);
    sqe->off = (uint32_t)descriptor(choices);
}

static inline void sqe_splice(struct kevy_sqe *sqe, struct choices *choices)
{
    sqe->splice_fd_in = descriptor(choices);
}

/* Advice that frees memory or pretends that it is broken is not for memory of others. */
static inline void sqe_advice(struct kevy_sqe *sqe, struct choices *choices)
{
    sqe->addr = data(choices);
    sqe->fadvise_advice %= 4;
}

/* The families that load no module. */
static inline void sqe_socket(struct kevy_sqe *sqe, struct choices *choices)
{
    static const int families[] = {AF_INET, AF_UNIX, AF_INET6, 200};

    sqe->fd = families[choice(choices) % 4];
}

/* Options of sockets, but for the time that a close(2) may take. */
static inline void sqe_command(struct kevy_sqe *sqe, struct choices *choices)
{
    uint32_t option = choice(choices) % 80U;

    sqe->cmd_op = choice(choices) % 6U;
    sqe->level = SOL_SOCKET;
    sqe->optname = option != SO_LINGER ? option : SO_TYPE;
    sqe->optval = data(choices);
}

static inline void sqe_information(struct kevy_sqe *sqe, struct choices *choices)
{
    sqe->addr2 = data(choices);
}

/* Sets the pointers of an SQE whose other fields are any numbers. */
typedef void (*shape)(struct kevy_sqe *sqe, struct choices *choices);

static const shape shapes[KEVY_OP_LAST] = {
    [KEVY_OP_READV] = sqe_vectors,
    [KEVY_OP_WRITEV] = sqe_vectors,
    [KEVY_OP_READV_FIXED] = sqe_vectors,
    [KEVY_OP_WRITEV_FIXED] = sqe_vectors,
    [KEVY_OP_READ] = sqe_data,
    [KEVY_OP_WRITE] = sqe_data,
    [KEVY_OP_READ_FIXED] = sqe_data,
    [KEVY_OP_WRITE_FIXED] = sqe_data,
    [KEVY_OP_RECV] = sqe_data,
    [KEVY_OP_SEND] = sqe_send,
    [KEVY_OP_SEND_ZC] = sqe_send,
    [KEVY_OP_SENDMSG] = sqe_message,
    [KEVY_OP_RECVMSG] = sqe_message,
    [KEVY_OP_SENDMSG_ZC] = sqe_message,
    [KEVY_OP_TIMEOUT] = sqe_time,
    [KEVY_OP_LINK_TIMEOUT] = sqe_time,
    [KEVY_OP_TIMEOUT_REMOVE] = sqe_time_remove,
    [KEVY_OP_ACCEPT] = sqe_accept,
    [KEVY_OP_CONNECT] = sqe_address,
    [KEVY_OP_BIND] = sqe_address,
    [KEVY_OP_OPENAT] = sqe_open,
    [KEVY_OP_OPENAT2] = sqe_open,
    [KEVY_OP_STATX] = sqe_statx,
    [KEVY_OP_FILES_UPDATE] = sqe_data,
    [KEVY_OP_MADVISE] = sqe_advice,
    [KEVY_OP_FADVISE] = sqe_advice,
    [KEVY_OP_EPOLL_CTL] = sqe_epoll,
    [KEVY_OP_EPOLL_WAIT] = sqe_data,
    [KEVY_OP_SPLICE] = sqe_splice,
    [KEVY_OP_TEE] = sqe_splice,
    [KEVY_OP_RENAMEAT] = sqe_two_paths,
    [KEVY_OP_LINKAT] = sqe_two_paths,
    [KEVY_OP_SYMLINKAT] = sqe_two_paths,
    [KEVY_OP_UNLINKAT] = sqe_path,
    [KEVY_OP_MKDIRAT] = sqe_path,
    [KEVY_OP_FSETXATTR] = sqe_attribute,
    [KEVY_OP_SETXATTR] = sqe_attribute,
    [KEVY_OP_FGETXATTR] = sqe_attribute,
    [KEVY_OP_GETXATTR] = sqe_attribute,
    [KEVY_OP_SOCKET] = sqe_socket,
    [KEVY_OP_URING_CMD] = sqe_command,
    [KEVY_OP_WAITID] = sqe_information,
    [KEVY_OP_PIPE] = sqe_data,
};

/* Any request. */
static inline struct kevy_sqe request_make(struct choices *choices)
{
    struct kevy_sqe sqe = {.opcode = 0};

    sqe.opcode = choice(choices) % (KEVY_OP_LAST + 2U);
    sqe.flags = choice(choices) % 2 == 0 ? 0 : choice(choices);
    sqe.ioprio = choice(choices) % 2 == 0 ? 0 : (uint16_t)number(choices);
    sqe.fd = descriptor(choices);
    sqe.off = choice(choices) % 2 == 0 ? 0 : number_long(choices);
    sqe.addr = choice(choices) % 8; /* mostly a name */
    sqe.len = choice(choices) % 2 == 0 ? choice(choices) : number(choices);
    sqe.rw_flags = choice(choices) % 2 == 0 ? 0 : number(choices);
    sqe.user_data = choice(choices) % 8;
    sqe.buf_group = choice(choices) % 2 == 0 ? GROUP : choice(choices);
    sqe.personality = choice(choices) == 255;
    sqe.file_index = choice(choices) % 2 == 0 ? 0 : number(choices);
    if (sqe.opcode < KEVY_OP_LAST && shapes[sqe.opcode] != NULL)
        shapes[sqe.opcode](&sqe, choices);
    return sqe;
}

#endif
