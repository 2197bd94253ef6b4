/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/ring_prep_base.h - how an SQE is filled, and what may be added to a filled one.
 *
 * Model. A prep builds seven 64-bit words and stores them; the eighth, user_data, it leaves alone.
 * So no byte of an earlier use survives, and the compiler has plain aligned stores to emit where
 * filling field by field costs ten to fourteen of mixed width. What follows a prep is or-ed in by
 * the kevy_sqe_set_*() functions below.
 *
 * Part of <kevy/ring_prep.h>, which explains the rules.
 */
#ifndef KEVY_RING_PREP_BASE_H
#define KEVY_RING_PREP_BASE_H

#include <kevy/api.h>

#if KEVY_RING_SUPPORTED

#include <stdint.h>

#include <kevy/ring_abi.h>

struct sockaddr;

KEVY_BEGIN_DECLS

/* As an offset: the file's own position. What cannot seek (a pipe, a socket) needs it in splice. */
#define KEVY_OFFSET_CURRENT UINT64_MAX

/* Private: two 32-bit fields as the word they make, the one at the lower address first. */
static inline uint64_t kevy_x_word_32_32(uint32_t first, uint32_t second)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return (uint64_t)first << 32 | second;
#else
    return (uint64_t)second << 32 | first;
#endif
}

/* Private: opcode, KEVY_SQE_* flags, ioprio and fd: the first word. */
static inline uint64_t kevy_x_word_head(uint32_t opcode, uint32_t flags, uint32_t ioprio, int fd)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return kevy_x_word_32_32(opcode << 24 | flags << 16 | ioprio, (uint32_t)fd);
#else
    return kevy_x_word_32_32(opcode | flags << 8 | ioprio << 16, (uint32_t)fd);
#endif
}

/* Private: buf_index or buf_group, personality 0, and one of the 32-bit fields that share
 * file_index. */
static inline uint64_t kevy_x_word_buffer(uint16_t buffer, uint32_t file_index)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return kevy_x_word_32_32((uint32_t)buffer << 16, file_index);
#else
    return kevy_x_word_32_32(buffer, file_index);
#endif
}

/* Private: addr_len in front of its padding, as the 32-bit field that the two make. */
static inline uint32_t kevy_x_word_addr_len(uint16_t addr_len)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return (uint32_t)addr_len << 16;
#else
    return addr_len;
#endif
}

/* Private: the kernel reads poll32_events with its 16-bit halves swapped on big-endian machines. */
static inline uint32_t kevy_x_word_poll_events(uint32_t events)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return events << 16 | events >> 16;
#else
    return events;
#endif
}

/*
 * Private: file_index counts from 1, because 0 means a plain descriptor. KEVY_FILE_INDEX_ALLOC
 * stays what it is instead of wrapping round to 0, which would quietly open a plain descriptor.
 */
static inline uint32_t kevy_x_word_slot(uint32_t slot)
{
    return slot == KEVY_FILE_INDEX_ALLOC ? slot : slot + 1;
}

static inline uint64_t kevy_x_word_pointer(const void *pointer)
{
    return (uint64_t)(uintptr_t)pointer;
}

/*
 * Private: two words at once. Of words in registers compilers store each on its own unless told so,
 * and filling a slot takes a fifth less time with fewer stores (AMD EPYC, gcc 12). Words that are
 * constants are left to the compiler. Targets without such registers get two stores.
 */
typedef uint64_t kevy_x_sqe_pair __attribute__((vector_size(16)));

static inline void kevy_x_sqe_store_pair(unsigned char *bytes, uint64_t first, uint64_t second)
{
    kevy_x_sqe_pair pair = {first, second};

    __builtin_memcpy(bytes, &pair, sizeof pair);
}

/* Private: stores the last two words, mostly zeros, as one. */
static inline void kevy_x_sqe_store_tail(unsigned char *bytes, uint64_t addr3)
{
    kevy_x_sqe_store_pair(bytes, addr3, 0);
}

/*
 * Private: writes every byte of *sqe but user_data. memcpy, because the words overlay fields of
 * other types; each becomes one store.
 */
static inline void kevy_x_sqe_store(struct kevy_sqe *sqe, uint64_t head, uint64_t off,
                                    uint64_t addr, uint64_t len, uint64_t buffer, uint64_t addr3)
{
    unsigned char *bytes = (unsigned char *)sqe;

    kevy_x_sqe_store_pair(bytes, head, off);
    kevy_x_sqe_store_pair(bytes + 16, addr, len);
    __builtin_memcpy(bytes + 40, &buffer, 8);
    kevy_x_sqe_store_tail(bytes + 48, addr3);
}

/*
 * Adds KEVY_SQE_* flags: KEVY_SQE_FIXED_FILE turns every `fd` below into a registered index, LINK
 * and HARDLINK chain the next SQE, DRAIN and ASYNC change the order, CQE_SKIP_SUCCESS saves the CQE
 * of a success. The preps set KEVY_SQE_BUFFER_SELECT themselves. CQE_SKIP_SUCCESS is refused
 * (-EINVAL) by zero-copy sends, multishot polls and with DRAIN.
 */
static inline void kevy_sqe_set_flags(struct kevy_sqe *sqe, uint32_t flags)
{
    sqe->flags = (uint8_t)(sqe->flags | flags);
}

/* Runs the request with registered credentials (5.6); -EINVAL in its CQE when `id` is unknown. */
static inline void kevy_sqe_set_personality(struct kevy_sqe *sqe, uint16_t id)
{
    sqe->personality = id;
}

/* Reads and writes only: an I/O priority as ioprio_set(2) takes it (5.1). */
static inline void kevy_sqe_set_priority(struct kevy_sqe *sqe, uint16_t ioprio)
{
    sqe->ioprio = ioprio;
}

/* Reads and writes only: RWF_* of preadv2(2), such as RWF_NOWAIT or RWF_DSYNC (5.1). */
static inline void kevy_sqe_set_rw_flags(struct kevy_sqe *sqe, uint32_t rw_flags)
{
    sqe->rw_flags = rw_flags;
}

/*
 * Receives and sends only: KEVY_RECVSEND_POLL_FIRST (5.19), for a socket known to be empty or full,
 * and on zero-copy sends KEVY_SEND_ZC_REPORT_USAGE (6.2).
 */
static inline void kevy_sqe_set_recvsend_flags(struct kevy_sqe *sqe, uint32_t recvsend_flags)
{
    sqe->ioprio = (uint16_t)(sqe->ioprio | recvsend_flags);
}

/* Accepts only: KEVY_ACCEPT_DONTWAIT, KEVY_ACCEPT_POLL_FIRST (6.10). */
static inline void kevy_sqe_set_accept_mode(struct kevy_sqe *sqe, uint32_t accept_mode)
{
    sqe->ioprio = (uint16_t)(sqe->ioprio | accept_mode);
}

/*
 * Receives and sends only: adds MSG_* flags of recv(2) and send(2) to a prep that has no argument
 * for them. For example MSG_TRUNC on a multishot receive of datagrams: the result is then the whole
 * length of a datagram that was cut off.
 */
static inline void kevy_sqe_set_msg_flags(struct kevy_sqe *sqe, uint32_t msg_flags)
{
    sqe->msg_flags |= msg_flags;
}

/*
 * Sends only, and not sendmsg: the address to send to (6.0), for the preps that have no argument
 * for it: from a buffer ring, from registered memory, from vectors. `address` is BORROWED until the
 * request is submitted.
 */
static inline void kevy_sqe_set_address(struct kevy_sqe *sqe, const struct sockaddr *address,
                                        uint16_t address_length)
{
    sqe->addr2 = kevy_x_word_pointer(address);
    sqe->addr_len = address_length;
}

/*
 * A request of any opcode, for those that this library has no prep for. `fd`, `memory`, `length`
 * and `offset` go into the fields of these names, every other field is 0; what the opcode needs
 * beside them, write into *sqe afterwards.
 */
static inline void kevy_prep_opcode(struct kevy_sqe *sqe, uint8_t opcode, int fd,
                                    const void *memory, uint32_t length, uint64_t offset)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(opcode, 0, 0, fd), offset, kevy_x_word_pointer(memory),
                     kevy_x_word_32_32(length, 0), 0, 0);
}

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_RING_PREP_BASE_H */
