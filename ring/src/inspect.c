/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A look at requests before the kernel sees them, for programs that are being debugged.
 *
 * Model. A request that names memory which is not there is answered -EFAULT, long after the line
 * that made it, or it writes to whatever has come there since. So each enter looks at the requests
 * that it submits, and asserts that their memory is mapped, with the opcode in the assertion.
 * The kernel is asked by process_vm_readv() on ourselves. That sees a mapping without access, such
 * as a guard page, as the kernel does; mincore() would call it mapped. A write to a pipe would also
 * see it, and needs two descriptors for each thread. Where a sandbox refuses the call nothing is
 * asserted. AddressSanitizer and valgrind are asked as well: they know memory that was freed.
 *
 * Of a range the first and the last byte are looked at, and of an array of vectors at most
 * VECTORS_MAX. NULL is left to the kernel, whose -EFAULT nobody can miss; so is memory of a
 * registered buffer, which the kernel checks, and that of a group, which no request names. With
 * SQPOLL, requests that the kernel's thread has taken before an enter are not seen.
 *
 * Written. MemorySanitizer sees nothing that a ring does: memory that a request lets the kernel
 * write is called written when the request is submitted. That of a group comes from mmap(2), and
 * has a value. valgrind knows each system call of the soft kernel, and nothing that io_uring does.
 *
 * Messages. MSG_RING orders what its sender did before what its receiver does after; the kernel
 * carries that, where ThreadSanitizer cannot see it. So an enter that submits a message releases
 * the place of the descriptor that the message names, and an enter of that ring acquires it.
 */
#include "inspect.h"

#if KEVY_RING_SUPPORTED && TOOLS_TOLD

#include <assert.h>
#include <errno.h>
#include <kevy/ring_prep.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define VECTORS_MAX 64U
#define PLACES      1024U

static const void *pointer(uint64_t address)
{
    return (const void *)(uintptr_t)address;
}

static bool readable(const void *first, const void *last)
{
    char bytes[2];
    struct iovec local = {bytes, sizeof bytes};
    struct iovec remote[2] = {{(void *)(uintptr_t)first, 1}, {(void *)(uintptr_t)last, 1}};
    int saved = errno;
    ssize_t count = process_vm_readv(getpid(), &local, 1, remote, 2, 0);
    bool there = count == (ssize_t)sizeof bytes || (count < 0 && errno != EFAULT);

    errno = saved;
    return there;
}

static bool mapped(uint64_t address, uint64_t size)
{
    const char *memory = pointer(address);

    if (address == 0 || size == 0)
        return true;
    return address + size - 1 >= address && readable(memory, memory + size - 1) &&
           tools_forbidden(memory, size) == NULL;
}

/* A path, or another string: its first byte. */
static bool string_mapped(uint64_t address)
{
    return mapped(address, 1);
}

static bool selects(const struct kevy_sqe *sqe)
{
    return (sqe->flags & KEVY_SQE_BUFFER_SELECT) != 0;
}

static bool fixed(const struct kevy_sqe *sqe)
{
    return (sqe->ioprio & KEVY_RECVSEND_FIXED_BUF) != 0;
}

static bool vectors_mapped(const void *vectors, uint64_t count, bool contents)
{
    const struct iovec *vector = vectors;

    if (vector == NULL || count == 0)
        return true;
    if (!mapped((uintptr_t)vector, count * sizeof *vector))
        return false;
    if (count > VECTORS_MAX)
        count = VECTORS_MAX;
    for (uint64_t index = 0; contents && index < count; index++)
        if (!mapped((uintptr_t)vector[index].iov_base, vector[index].iov_len))
            return false;
    return true;
}

static bool bytes(const struct kevy_sqe *sqe)
{
    return selects(sqe) || mapped(sqe->addr, sqe->len);
}

/* The kernel refuses a length that no address has before it looks at the address. */
static bool name(uint64_t address, uint64_t length)
{
    return length > sizeof(struct sockaddr_storage) || mapped(address, length);
}

/* With an address to send to, where there is one. */
static bool bytes_sent(const struct kevy_sqe *sqe)
{
    if (!name(sqe->addr2, sqe->addr_len))
        return false;
    return fixed(sqe) || ((sqe->ioprio & KEVY_SEND_VECTORIZED) != 0
                              ? vectors_mapped(pointer(sqe->addr), sqe->len, true)
                              : bytes(sqe));
}

static bool vectors(const struct kevy_sqe *sqe)
{
    return vectors_mapped(pointer(sqe->addr), sqe->len, !selects(sqe));
}

static bool message(const struct kevy_sqe *sqe)
{
    const struct msghdr *header = pointer(sqe->addr);

    if (header == NULL)
        return true;
    if (!mapped(sqe->addr, sizeof *header))
        return false;
    /* A receive into a group has room for them in its buffers. */
    if (selects(sqe))
        return true;
    return mapped((uintptr_t)header->msg_name, header->msg_namelen) &&
           mapped((uintptr_t)header->msg_control, header->msg_controllen) &&
           vectors_mapped(header->msg_iov, header->msg_iovlen, !fixed(sqe));
}

static bool address_named(const struct kevy_sqe *sqe)
{
    return name(sqe->addr, sqe->off);
}

static bool address_wanted(const struct kevy_sqe *sqe)
{
    const socklen_t *length = pointer(sqe->addr2);

    if (length == NULL)
        return true;
    return mapped(sqe->addr2, sizeof *length) && mapped(sqe->addr, *length);
}

static bool time_limit(const struct kevy_sqe *sqe)
{
    return (sqe->timeout_flags & KEVY_TIMEOUT_IMMEDIATE_ARG) != 0 ||
           mapped(sqe->addr, sizeof(struct kevy_timespec));
}

static bool time_moved(const struct kevy_sqe *sqe)
{
    if ((sqe->timeout_flags & KEVY_TIMEOUT_UPDATE_MASK) == 0 ||
        (sqe->timeout_flags & KEVY_TIMEOUT_IMMEDIATE_ARG) != 0)
        return true;
    return mapped(sqe->addr2, sizeof(struct kevy_timespec));
}

static bool path(const struct kevy_sqe *sqe)
{
    return string_mapped(sqe->addr);
}

/* Two paths, or a path and a struct whose size the kernel knows. */
static bool path_and_place(const struct kevy_sqe *sqe)
{
    return string_mapped(sqe->addr) && string_mapped(sqe->addr2);
}

/* A path or a name, and `len` bytes. */
static bool path_and_bytes(const struct kevy_sqe *sqe)
{
    return string_mapped(sqe->addr) && mapped(sqe->addr2, sqe->len);
}

static bool numbers(const struct kevy_sqe *sqe)
{
    return mapped(sqe->addr, sqe->len * sizeof(int32_t));
}

static bool pair(const struct kevy_sqe *sqe)
{
    return mapped(sqe->addr, 2 * sizeof(int32_t));
}

static bool child_state(const struct kevy_sqe *sqe)
{
    return string_mapped(sqe->addr2);
}

/*
 * The opcodes that name memory, each with a function of its own: an assertion that fails says which
 * one it was.
 */
#define OPCODES(X)                \
    X(READV, vectors)             \
    X(WRITEV, vectors)            \
    X(SENDMSG, message)           \
    X(RECVMSG, message)           \
    X(TIMEOUT, time_limit)        \
    X(TIMEOUT_REMOVE, time_moved) \
    X(ACCEPT, address_wanted)     \
    X(LINK_TIMEOUT, time_limit)   \
    X(CONNECT, address_named)     \
    X(OPENAT, path)               \
    X(FILES_UPDATE, numbers)      \
    X(STATX, path_and_place)      \
    X(READ, bytes)                \
    X(WRITE, bytes)               \
    X(SEND, bytes_sent)           \
    X(RECV, bytes)                \
    X(OPENAT2, path_and_bytes)    \
    X(RENAMEAT, path_and_place)   \
    X(UNLINKAT, path)             \
    X(MKDIRAT, path)              \
    X(SYMLINKAT, path_and_place)  \
    X(LINKAT, path_and_place)     \
    X(FSETXATTR, path_and_bytes)  \
    X(SETXATTR, path_and_bytes)   \
    X(FGETXATTR, path_and_bytes)  \
    X(GETXATTR, path_and_bytes)   \
    X(SEND_ZC, bytes_sent)        \
    X(SENDMSG_ZC, message)        \
    X(WAITID, child_state)        \
    X(BIND, address_named)        \
    X(PIPE, pair)

#define INSPECTED(opcode, memory_is_there)                                                    \
    static void inspect_##opcode(const struct kevy_sqe *sqe)                                  \
    {                                                                                         \
        assert(memory_is_there(sqe) && "KEVY_OP_" #opcode " names memory that is not there"); \
    }
#define LISTED(opcode, memory_is_there) [KEVY_OP_##opcode] = inspect_##opcode,

OPCODES(INSPECTED)

static void (*const inspections[KEVY_OP_LAST])(const struct kevy_sqe *sqe) = {OPCODES(LISTED)};

#if TOOLS_MEMORY

static void written(uint64_t address, uint64_t size)
{
    if (address != 0 && size != 0)
        tools_written(pointer(address), size);
}

static void vectors_written(const struct iovec *vectors, uint64_t count)
{
    for (uint64_t index = 0; vectors != NULL && index < count; index++)
        written((uintptr_t)vectors[index].iov_base, vectors[index].iov_len);
}

static void bytes_come(const struct kevy_sqe *sqe)
{
    if (!selects(sqe))
        written(sqe->addr, sqe->len);
}

static void vectors_come(const struct kevy_sqe *sqe)
{
    if (!selects(sqe))
        vectors_written(pointer(sqe->addr), sqe->len);
}

static void message_comes(const struct kevy_sqe *sqe)
{
    const struct msghdr *header = pointer(sqe->addr);

    if (header == NULL || selects(sqe))
        return;
    written((uintptr_t)header->msg_name, header->msg_namelen);
    written((uintptr_t)header->msg_control, header->msg_controllen);
    vectors_written(header->msg_iov, header->msg_iovlen);
}

static void address_comes(const struct kevy_sqe *sqe)
{
    const socklen_t *length = pointer(sqe->addr2);

    if (length != NULL)
        written(sqe->addr, *length);
}

static void slots_come(const struct kevy_sqe *sqe)
{
    written(sqe->addr, sqe->len * sizeof(int32_t));
}

static void pair_comes(const struct kevy_sqe *sqe)
{
    written(sqe->addr, 2 * sizeof(int32_t));
}

static void status_comes(const struct kevy_sqe *sqe)
{
    written(sqe->addr2, sizeof(struct statx));
}

static void value_comes(const struct kevy_sqe *sqe)
{
    written(sqe->addr2, sqe->len);
}

static void child_state_comes(const struct kevy_sqe *sqe)
{
    written(sqe->addr2, sizeof(siginfo_t));
}

static void events_come(const struct kevy_sqe *sqe)
{
    written(sqe->addr, sqe->len * sizeof(struct epoll_event));
}

static void option_comes(const struct kevy_sqe *sqe)
{
    if (sqe->cmd_op == KEVY_SOCKET_OP_GETSOCKOPT)
        written(sqe->optval, sqe->optlen);
}

static void (*const writers[KEVY_OP_LAST])(const struct kevy_sqe *sqe) = {
    [KEVY_OP_READV] = vectors_come,     [KEVY_OP_READV_FIXED] = vectors_come,
    [KEVY_OP_READ] = bytes_come,        [KEVY_OP_READ_FIXED] = bytes_come,
    [KEVY_OP_RECV] = bytes_come,        [KEVY_OP_RECVMSG] = message_comes,
    [KEVY_OP_ACCEPT] = address_comes,   [KEVY_OP_FILES_UPDATE] = slots_come,
    [KEVY_OP_PIPE] = pair_comes,        [KEVY_OP_STATX] = status_comes,
    [KEVY_OP_GETXATTR] = value_comes,   [KEVY_OP_FGETXATTR] = value_comes,
    [KEVY_OP_EPOLL_WAIT] = events_come, [KEVY_OP_WAITID] = child_state_comes,
    [KEVY_OP_URING_CMD] = option_comes,
};

#endif

static void memory_written(const struct kevy_sqe *sqe)
{
    (void)sqe;
#if TOOLS_MEMORY
    if (sqe->opcode < KEVY_OP_LAST && writers[sqe->opcode] != NULL)
        writers[sqe->opcode](sqe);
#endif
}

#if TOOLS_THREAD
static char places[PLACES];
#endif

static void message_leaves(const struct kevy_sqe *sqe)
{
    (void)sqe;
#if TOOLS_THREAD
    if (sqe->opcode == KEVY_OP_MSG_RING)
        __tsan_release(&places[(uint32_t)sqe->fd % PLACES]);
#endif
}

void kevy_x_inspect_messages(const struct kevy_ring *ring)
{
    (void)ring;
#if TOOLS_THREAD
    if (ring->fd >= 0)
        __tsan_acquire(&places[(uint32_t)ring->fd % PLACES]);
#endif
}

void kevy_x_inspect_requests(const struct kevy_ring *ring)
{
    uint32_t head = __atomic_load_n(ring->sq_head, __ATOMIC_ACQUIRE);
    uint32_t count = ring->sqe_tail - head;

    /* The second half of a request of 128 bytes is none. */
    if ((ring->setup_flags & KEVY_SETUP_SQE_MIXED) != 0 || count > ring->sq_entries ||
        ring->addresses_unchecked)
        return;
    for (uint32_t number = head; number != ring->sqe_tail; number++) {
        size_t place = (size_t)(number & ring->sq_mask) << ring->sqe_shift;
        const struct kevy_sqe *sqe = (const void *)((const char *)ring->sqes + place);

        if (sqe->opcode < KEVY_OP_LAST && inspections[sqe->opcode] != NULL)
            inspections[sqe->opcode](sqe);
        memory_written(sqe);
        message_leaves(sqe);
    }
}

#endif /* KEVY_RING_SUPPORTED && TOOLS_TOLD */
