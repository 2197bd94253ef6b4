/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/ring_prep_base.h - how an SQE is filled, and what may be added to a filled one.
 *
 * Part of <kevy/ring_prep.h>, which explains the rules.
 *
 * A prep builds seven words of 64 bits and stores them. It leaves out the eighth word, user_data.
 * So no byte of an earlier use survives, and the compiler emits a few wide stores: filling field by
 * field would take ten to fourteen stores of different widths. The functions kevy_sqe_set_*() add
 * to an SQE after its prep.
 *
 * Example: a write that goes to the disk at once, and a request that has no prep
 *
 *     #include <kevy/ring.h>
 *     #include <kevy/ring_prep.h>
 *     #include <sys/uio.h>
 *
 *     static void record_write(struct kevy_ring *ring, int fd, const void *record, uint32_t length)
 *     {
 *         struct kevy_sqe *sqe = kevy_ring_sqe(ring, 1);
 *
 *         kevy_prep_write(sqe, fd, record, length, KEVY_OFFSET_CURRENT);
 *         kevy_sqe_set_rw_flags(sqe, RWF_DSYNC);
 *     }
 *
 *     static void newer_request(struct kevy_ring *ring, int fd)
 *     {
 *         kevy_prep_opcode(kevy_ring_sqe(ring, 2), 65, fd, NULL, 0, 0);
 *     }
 */
#ifndef KEVY_RING_PREP_BASE_H
#define KEVY_RING_PREP_BASE_H

#include <kevy/api.h>

#if KEVY_RING_SUPPORTED

#include <stdint.h>

#include <kevy/ring_abi.h>

struct sockaddr;

KEVY_BEGIN_DECLS

/*
 * As an offset: the current position of the file. In a splice, pipes and sockets need it: they have
 * no offsets.
 */
#define KEVY_OFFSET_CURRENT UINT64_MAX

/* Private: the 64-bit word made of two 32-bit fields. `first` is the one at the lower address. */
static inline uint64_t kevy_x_word_32_32(uint32_t first, uint32_t second)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return (uint64_t)first << 32 | second;
#else
    return (uint64_t)second << 32 | first;
#endif
}

/* Private: the first word: opcode, KEVY_SQE_* flags, ioprio and fd. */
static inline uint64_t kevy_x_word_head(uint32_t opcode, uint32_t flags, uint32_t ioprio, int fd)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return kevy_x_word_32_32(opcode << 24 | flags << 16 | ioprio, (uint32_t)fd);
#else
    return kevy_x_word_32_32(opcode | flags << 8 | ioprio << 16, (uint32_t)fd);
#endif
}

/*
 * Private: the word of buf_index or buf_group, a personality of 0, and the field that lies at
 * file_index.
 */
static inline uint64_t kevy_x_word_buffer(uint16_t buffer, uint32_t file_index)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return kevy_x_word_32_32((uint32_t)buffer << 16, file_index);
#else
    return kevy_x_word_32_32(buffer, file_index);
#endif
}

/* Private: addr_len and the padding behind it, as one 32-bit field. */
static inline uint32_t kevy_x_word_addr_len(uint16_t addr_len)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return (uint32_t)addr_len << 16;
#else
    return addr_len;
#endif
}

/* Private: on big-endian machines the kernel reads poll32_events with its two halves swapped. So
 * does every other implementation of a ring, with this function again. */
static inline uint32_t kevy_x_word_poll_events(uint32_t events)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return events << 16 | events >> 16;
#else
    return events;
#endif
}

/*
 * Private: the value of file_index for a slot. It counts from 1, because 0 means a plain
 * descriptor. KEVY_FILE_INDEX_ALLOC stays as it is: plus 1 it would be 0, and quietly open a plain
 * descriptor.
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
 * Private: stores two words at once. Unless told so, compilers store words that are in registers
 * one by one, and fewer stores make filling a slot a fifth faster (AMD EPYC, gcc 12). The compiler
 * is free with words that are constants. Machines without such registers get two stores.
 */
typedef uint64_t kevy_x_sqe_pair __attribute__((vector_size(16)));

static inline void kevy_x_sqe_store_pair(unsigned char *bytes, uint64_t first, uint64_t second)
{
    kevy_x_sqe_pair pair = {first, second};

    __builtin_memcpy(bytes, &pair, sizeof pair);
}

/* Private: stores the last two words as a pair. Mostly both are zero. */
static inline void kevy_x_sqe_store_tail(unsigned char *bytes, uint64_t addr3)
{
    kevy_x_sqe_store_pair(bytes, addr3, 0);
}

/*
 * Private: writes every byte of *sqe except user_data. It uses memcpy() because the words overlay
 * fields of other types; each memcpy() becomes one store.
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
 * Adds KEVY_SQE_* flags:
 *
 *     - KEVY_SQE_FIXED_FILE: `fd` of the prep is the index of a registered file;
 *     - KEVY_SQE_IO_LINK, KEVY_SQE_IO_HARDLINK: the next SQE starts when this request is done;
 *     - KEVY_SQE_IO_DRAIN: this request starts when all earlier ones are done;
 *     - KEVY_SQE_ASYNC: a worker thread runs the request, without a first try by the submitting
 *       thread;
 *     - KEVY_SQE_CQE_SKIP_SUCCESS: no CQE on success (5.17). Zero-copy sends, multishot polls, and
 *       requests with IO_DRAIN refuse it with -EINVAL.
 *
 * The preps set KEVY_SQE_BUFFER_SELECT themselves.
 */
static inline void kevy_sqe_set_flags(struct kevy_sqe *sqe, uint32_t flags)
{
    sqe->flags = (uint8_t)(sqe->flags | flags);
}

/* Runs the request with registered credentials (5.6). res: -EINVAL if `id` is unknown. */
static inline void kevy_sqe_set_personality(struct kevy_sqe *sqe, uint16_t id)
{
    sqe->personality = id;
}

/* Only for reads and writes: an I/O priority as ioprio_set(2) takes it (5.1). */
static inline void kevy_sqe_set_priority(struct kevy_sqe *sqe, uint16_t ioprio)
{
    sqe->ioprio = ioprio;
}

/*
 * Only for reads and writes: RWF_* flags of preadv2(2), for example RWF_NOWAIT or RWF_DSYNC (5.1).
 */
static inline void kevy_sqe_set_rw_flags(struct kevy_sqe *sqe, uint32_t rw_flags)
{
    sqe->rw_flags = rw_flags;
}

/*
 * Only for receives and sends: KEVY_RECVSEND_POLL_FIRST (5.19), which skips the first try on a
 * socket that is known to be empty or full; and for zero-copy sends KEVY_SEND_ZC_REPORT_USAGE
 * (6.2).
 */
static inline void kevy_sqe_set_recvsend_flags(struct kevy_sqe *sqe, uint32_t recvsend_flags)
{
    sqe->ioprio = (uint16_t)(sqe->ioprio | recvsend_flags);
}

/* Only for accepts: KEVY_ACCEPT_DONTWAIT, KEVY_ACCEPT_POLL_FIRST (6.10). */
static inline void kevy_sqe_set_accept_mode(struct kevy_sqe *sqe, uint32_t accept_mode)
{
    sqe->ioprio = (uint16_t)(sqe->ioprio | accept_mode);
}

/*
 * Only for receives and sends: adds MSG_* flags to a prep that has no argument for them. For
 * example, with MSG_TRUNC on a multishot receive of datagrams `res` is the length of the datagram,
 * even if a part of it was cut off.
 */
static inline void kevy_sqe_set_msg_flags(struct kevy_sqe *sqe, uint32_t msg_flags)
{
    sqe->msg_flags |= msg_flags;
}

/*
 * Only for sends, not for sendmsg: the address to send to (6.0). For the preps that have no
 * argument for it, because they send from a buffer ring, from registered memory or from vectors.
 * `address` is BORROWED.
 */
static inline void kevy_sqe_set_address(struct kevy_sqe *sqe, const struct sockaddr *address,
                                        uint16_t address_length)
{
    sqe->addr2 = kevy_x_word_pointer(address);
    sqe->addr_len = address_length;
}

/*
 * Fills a request of any opcode, for opcodes without a prep. `fd`, `memory`, `length` and `offset`
 * go into the fields fd, addr, len and off. All other fields are 0: write those that the request
 * needs into *sqe afterwards.
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
