/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/stream.h - a byte stream, and why it was closed: TCP, a Unix socket, a pipe or a terminal.
 *
 * Model
 *
 *     A stream reads by itself, into the receive pool of its reactor, and calls `read` with the
 *     bytes. It writes through a queue of its own. It comes from a listener, from a connector,
 *     from kevy_stream_connect(), or from a descriptor that you already have
 *     (kevy_stream_adopt()).
 *
 * States
 *
 *     idle -- accepted, or kevy_stream_adopt() --> open
 *     idle -- kevy_stream_connect() --> connecting -- connected --> open
 *
 *     open -- kevy_stream_close() --> closing -- the queue is sent, then FIN --> lingering
 *     lingering -- the peer has ended, too, or its time is over --> ending
 *     any of these -- kevy_stream_abort(), an error, a deadline without `timeout` --> ending
 *     connecting -- kevy_stream_close() --> ending
 *
 *     open -- kevy_stream_detach() --> detaching -- the queue is sent: `detach`, `close` --> idle
 *     ending -- nothing is in flight, the descriptor is closed: `close` --> idle
 *
 * Order of the callbacks
 *
 *     `open`, then any number of `read`, then at most one `end`, then `close`. `descriptor`,
 *     `drain`, `timeout`, `finish` and `detach` come between `open` and `close`. `close` is always
 *     the last one. If a stream ends before it is open, `close` is the only one.
 *
 *     In the states closing, lingering and ending only two more callbacks come before `close`: the
 *     reports of sends that were queued (`done` and `released`). Each send reports before `close`.
 *
 * Writing
 *
 *     - One request to send is in flight at a time. All that a turn queues leaves in one such
 *       request at its end, in order. If the kernel takes only a part, the rest follows. The bytes
 *       of two sends never mix.
 *     - When the queue is at the high watermark or above, the functions that send return -EAGAIN.
 *       kevy_stream_reserve() makes an exception for the rest of an answer.
 *     - Each time that the queue has been at the high watermark or above, `drain` follows when it
 *       is down to the low watermark, whether a send was refused or not.
 *     - kevy_stream_forward() is different: it always takes the bytes, and holds back the stream
 *       that they came from.
 *     - If the peer does not accept bytes any more, further sends fail with -EPIPE. The stream
 *       still reads the bytes that the peer sent before, and then ends with the error of the send.
 *       It ends at once if it is paused, or if it is no socket.
 *
 * Reading
 *
 *     Pausing loses nothing and changes no order: bytes that were received before the pause are
 *     delivered after kevy_stream_resume().
 *
 * Ownership
 *
 *     The struct is PINNED from its start (accepted, connected, adopted) until `close`. From
 *     `close` on it is initialised and idle, and keeps its events and its watermarks.
 *
 * Callbacks
 *
 *     The stream may be freed or started again in `close`, and in no other callback.
 *
 * Threads
 *
 *     The thread of the reactor.
 *
 * Kernel
 *
 *     Sends without a copy need 6.2. To read a pipe with one request for many reads needs 6.7 and
 *     O_NONBLOCK. Without them the stream does the same in another way.
 *
 *     io_uring of Linux 6.8 and later can miss a TCP reset that arrives right after data. The
 *     latest stable releases miss very few. So the stream asks the socket after data has come:
 *     it ends at its next send, or 15 s later at most.
 *
 * Example: one stream says hello, another one prints it
 *
 *     #include <kevy/kevy.h>
 *     #include <stdio.h>
 *     #include <sys/socket.h>
 *
 *     static void hello_open(struct kevy_stream *stream)
 *     {
 *         if (kevy_stream_send(stream, "hello\n", 6) == 0)
 *             kevy_stream_close(stream);
 *         else
 *             kevy_stream_abort(stream);
 *     }
 *
 *     static void print_open(struct kevy_stream *stream)
 *     {
 *         kevy_stream_set_deadline(stream, KEVY_DEADLINE_IDLE, KEVY_SECONDS(10));
 *     }
 *
 *     static void print_read(struct kevy_stream *stream, struct kevy_buffer *buffer)
 *     {
 *         (void)stream;
 *         fwrite(buffer->data, 1, buffer->length, stdout);
 *     }
 *
 *     static void ended(struct kevy_stream *stream, int reason)
 *     {
 *         (void)stream;
 *         printf("ended: %d\n", reason);
 *     }
 *
 *     static const struct kevy_stream_events hello_events = {.open = hello_open, .close = ended};
 *     static const struct kevy_stream_events print_events = {
 *         .open = print_open, .read = print_read, .close = ended};
 *
 *     int main(void)
 *     {
 *         struct kevy_reactor *reactor = NULL;
 *         struct kevy_stream hello = {0}, print = {0};
 *         int fds[2];
 *         int error = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds);
 *
 *         if (error == 0)
 *             error = kevy_reactor_create(&reactor, NULL);
 *         if (error == 0)
 *             error = kevy_stream_adopt(kevy_stream_init(&hello, &hello_events), reactor, fds[0]);
 *         if (error == 0)
 *             error = kevy_stream_adopt(kevy_stream_init(&print, &print_events), reactor, fds[1]);
 *         if (error == 0)
 *             error = kevy_reactor_run(reactor);
 *         kevy_reactor_destroy(reactor);
 *         return error == 0 ? 0 : 1;
 *     }
 *
 * Example: an answer of any size, of which 64 KiB or a little more are queued at a time
 *
 *     struct client {
 *         struct kevy_stream stream;
 *         const char *next;
 *         size_t left;
 *     };
 *
 *     // Call it when the answer begins. `drain` calls it again.
 *     static void client_continue(struct kevy_stream *stream)
 *     {
 *         struct client *client = KEVY_CONTAINER_OF(stream, struct client, stream);
 *
 *         while (client->left > 0) {
 *             size_t part = client->left < 16384 ? client->left : 16384;
 *             int error = kevy_stream_send(stream, client->next, part);
 *
 *             if (error == -EAGAIN)
 *                 return;
 *             if (error < 0) {
 *                 kevy_stream_abort(stream);
 *                 return;
 *             }
 *             client->next += part;
 *             client->left -= part;
 *         }
 *     }
 *
 *     static const struct kevy_stream_events client_events = {
 *         .read = client_read, .drain = client_continue, .close = client_close};
 *
 * Example: an answer of a few parts that belong together
 *
 *     int error = kevy_stream_reserve(stream, head_length + body_length);
 *
 *     if (error == -EAGAIN)
 *         return; // nothing was sent; answer in `drain`
 *     if (error == 0)
 *         error = kevy_stream_send(stream, head, head_length);
 *     if (error == 0)
 *         error = kevy_stream_send(stream, body, body_length);
 *     if (error < 0)
 *         kevy_stream_abort(stream);
 */
#ifndef KEVY_STREAM_H
#define KEVY_STREAM_H

#include <kevy/reactor.h>
#include <kevy/recv_pool.h>
#include <kevy/stream_queue.h>
#include <kevy/timer.h>

#if KEVY_RING_SUPPORTED

#include <sys/socket.h>

KEVY_BEGIN_DECLS

struct kevy_listener;
struct kevy_stream;

/* The three time limits of a stream. Each is off until kevy_stream_set_deadline() sets it. */
enum kevy_deadline {
    KEVY_DEADLINE_IDLE,  /* for so long nothing was received and nothing was sent */
    KEVY_DEADLINE_SEND,  /* for so long bytes were queued, and the kernel took none of them */
    KEVY_DEADLINE_TOTAL, /* so long after it was set, in any case */
};

/*
 * The callbacks of one kind of stream: a table that many streams share. Only `close` is required.
 */
struct kevy_stream_events {
    /* The stream is connected, and reads from now on. For an accepted stream it comes immediately
     * after the `accept` of its listener. */
    void (*open)(struct kevy_stream *stream);
    /* Bytes were received: 1 to buffer_size of them. *buffer is BORROWED. Without this callback
     * they are discarded. */
    void (*read)(struct kevy_stream *stream, struct kevy_buffer *buffer);
    /*
     * A descriptor was received from a Unix socket. It comes before the `read` of the bytes that it
     * was sent with, or of earlier bytes in the same buffer. `fd` is close-on-exec and OWNED by the
     * callback. It is -EMSGSIZE if descriptors were lost: more than 16 came at once, or the table
     * of this process is full.
     *
     * This callback needs `read` (asserted). It costs 96 bytes of each receive buffer. Without it,
     * or if buffer_size is below 256, the kernel closes received descriptors.
     */
    void (*descriptor)(struct kevy_stream *stream, int fd);
    /* The peer has sent its last byte. The stream can still send; close it when you are done.
     * Without this callback the stream is closed, after its queue is sent. */
    void (*end)(struct kevy_stream *stream);
    /* The queue has been at the high watermark or above, and is down to the low watermark. */
    void (*drain)(struct kevy_stream *stream);
    /* A deadline has passed. It is off until it is set again. Without this callback the stream is
     * aborted, with -ETIMEDOUT. */
    void (*timeout)(struct kevy_stream *stream, enum kevy_deadline deadline);
    /*
     * The peer is gone while the stream is paused or held back, so that neither `end` nor `close`
     * can tell. `error` is 0 if the peer has sent its last byte; it may still read. It is
     * -ECONNRESET if the peer has reset the connection, or has closed its end of a Unix socket or a
     * pipe. The bytes that it sent before come after kevy_stream_resume(). This callback comes
     * once. Without it nobody is told, and the kernel is not asked.
     */
    void (*gone)(struct kevy_stream *stream, int error);
    /* kevy_reactor_finish() was called: bring the stream to its end. Without this callback the
     * stream is closed. */
    void (*finish)(struct kevy_stream *stream);
    /* kevy_stream_detach() is done: `fd` is OWNED by the callback, and `close` follows, with reason
     * 0. */
    void (*detach)(struct kevy_stream *stream, int fd);
    /*
     * The last callback, required. `reason` is 0 if the stream was closed, by kevy_stream_close()
     * or as described above. Then the kernel has taken all bytes that were queued before, unless
     * the stream was closed before it was open. Otherwise `reason` is
     *
     *     -ECANCELED  after kevy_stream_abort(), at the end of the reactor, or at the limit of
     *                 kevy_reactor_finish()
     *     -ETIMEDOUT  a deadline, or the time limit of kevy_stream_connect()
     *     -ENOMEM     memory_limit: memory was short, and of all streams this one held much and had
     *                 sent nothing for long; see "Memory" in <kevy/reactor.h>
     *     -ENOBUFS    memory_limit: received bytes had to be copied to be held back or forwarded
     *     -EAGAIN     what is no socket needs a worker thread of the kernel, which can make none
     *                 (RLIMIT_NPROC, pids.max)
     *
     * or an error of connect(2), recv(2) or send(2), for example -ECONNREFUSED, -ECONNRESET, -EPIPE
     * or -EHOSTUNREACH.
     */
    void (*close)(struct kevy_stream *stream, int reason);
};

/* A stream. Its fields are private; 192 bytes at most. */
struct kevy_stream {
    union {
        struct kevy_x_reader reader;
        struct kevy_x_object object; /* of the reader */
    };
    /* A message reads and writes in the line that follows and in that of the object. */
    const struct kevy_stream_events *events;
    struct kevy_buffer *queue_last; /* the write queue: circular, first is next */
    uint64_t received;              /* bytes */
    uint64_t accepted;              /* bytes queued and not dropped */
    uint32_t queued;                /* bytes */
    uint32_t low_watermark;
    uint32_t high_watermark;
    uint32_t send_slot; /* of the send in flight: its place in the submission queue */
    int32_t fd;
    uint32_t notes; /* flags that the hot path does not look at */
    int16_t reason;
    uint16_t notices; /* zero-copy sends whose memory the kernel still uses */
    uint32_t idle_at; /* in ticks, the low half of them; 0: off */
    union {
        struct kevy_listener *listener; /* the one that accepted it and counts it, or NULL */
        struct kevy_x_block *again;     /* the address, to be tried again */
    };
    struct kevy_x_waiter *holding;     /* first of the streams held back by this one's queue */
    struct kevy_x_wheel_node deadline; /* filed at or before the earliest of the three */
    uint64_t reserved; /* up to this count of accepted bytes the marks do not matter */
    uint32_t send_at;
    uint32_t total_at;
    uint32_t idle_ticks; /* how long each lasts; 0: off */
    uint32_t send_ticks;
};

/* ---- Starting ---- */

/*
 * Initialises *stream and returns it. Its memory must be all zero, or that of a stream that has
 * ended or was never started (asserted). `events` is PINNED as long as the stream is used; a
 * static const table is the usual choice.
 *
 * There is no deinit: a stream that is not started owns nothing. Before the start only
 * kevy_stream_pause(), kevy_stream_resume() and kevy_stream_set_watermarks() have an effect. All
 * other calls fail or do nothing.
 */
KEVY_API struct kevy_stream *kevy_stream_init(struct kevy_stream *stream,
                                              const struct kevy_stream_events *events);

/*
 * Starts *stream, which is initialised and idle (asserted), with the descriptor `fd`: a connected
 * socket, a pipe, a terminal or a character device, for example standard input. It may be blocking
 * or not, and its flags are not changed. On success the stream OWNS `fd`; to keep one for yourself,
 * pass the result of dup(2). `open` comes from the next turn.
 *
 * Descriptors that are not sockets are different in some points:
 *
 *     - kevy_stream_close() sends the queue and closes. It does not wait for a peer.
 *     - kevy_stream_shutdown() fails.
 *     - A descriptor that is open only for writing gets no `read` and no `end`. With one that is
 *       open only for reading, sends fail with -EPIPE.
 *     - A write to a pipe that no process reads raises SIGPIPE. Ignore the signal; the stream then
 *       ends with -EPIPE.
 *     - The master of a terminal gets `end` when no process has the other side open. read(2)
 *       reports this as -EIO.
 *
 * Returns 0 or an error; then no callback comes:
 *
 *     -EINVAL      `fd` is a regular file, a directory or a block device
 *     -EPROTOTYPE  `fd` is a socket, but not a SOCK_STREAM one
 *     -EBADF       `fd` is negative or not open
 *
 * A socket that is not connected is accepted, and then ends with -ENOTCONN.
 */
KEVY_API int kevy_stream_adopt(struct kevy_stream *stream, struct kevy_reactor *reactor, int fd);

/*
 * Connects *stream, which is initialised and idle (asserted), to `address`: IPv4, IPv6 or Unix,
 * BORROWED, `address_length` bytes. TCP_NODELAY is set. To connect by name, or to one of several
 * addresses, see <kevy/connector.h>.
 *
 * `open` comes when the stream is connected. If that fails, `close` comes with the error, or with
 * -ETIMEDOUT after `timeout_ns`. 0 means that it must connect at once, KEVY_FOREVER that only the
 * kernel's own limit counts. kevy_stream_close() and kevy_stream_abort() give up at any time.
 *
 * A Unix socket whose listener has a full backlog is tried again until `timeout_ns` is over. The
 * kernel has no limit of its own for it. With a buffer_size below 256 it is not tried again, and
 * `close` comes with -EAGAIN.
 *
 * Returns 0 or an error; then no callback comes:
 *
 *     -EINVAL   the length is out of range
 *     -EAGAIN   the kernel takes no requests at the moment
 *     -ENOBUFS  a Unix socket, and no memory is left below memory_limit
 *
 * or an error of socket(2).
 */
KEVY_API int kevy_stream_connect(struct kevy_stream *stream, struct kevy_reactor *reactor,
                                 const struct sockaddr *address, socklen_t address_length,
                                 uint64_t timeout_ns);

/*
 * Like kevy_stream_connect(), with a socket of your own (SOCK_STREAM), for example one that is
 * bound to an address or has options set. Make it close-on-exec. On success the stream OWNS `fd`.
 * TCP_NODELAY is left as it is. Also returns
 *
 *     -EBADF       `fd` is negative or not open
 *     -ENOTSOCK    it is no socket
 *     -EPROTOTYPE  it is not a SOCK_STREAM one
 */
KEVY_API int kevy_stream_connect_fd(struct kevy_stream *stream, struct kevy_reactor *reactor,
                                    int fd, const struct sockaddr *address,
                                    socklen_t address_length, uint64_t timeout_ns);

/* ---- Sending: files, your own memory and descriptors are in <kevy/stream_queue.h> ---- */

/*
 * Queues a copy of `length` bytes, at most 1 GiB. It takes all of them or none. If the queue is
 * below the high watermark, all are taken, even if the queue grows above it. If nothing is queued
 * and `length` is 64 KiB or more, the bytes are offered to the socket at once. What it takes is not
 * copied and does not count as queued, but `drain` comes as if it did. Returns 0 or
 *
 *     -EAGAIN   the queue is at the high watermark or above; `drain` follows
 *     -ENOBUFS  memory_limit is reached, or `length` is above 1 GiB
 *     -EPIPE    the stream is not open, kevy_stream_shutdown() was called, or the peer does not
 *               accept bytes any more
 */
KEVY_X_CHECKED KEVY_API int kevy_stream_send(struct kevy_stream *stream, const void *data,
                                             size_t length);

/*
 * Makes sure that an answer of several sends is not refused in its middle: until `length` more
 * bytes have been accepted, no send returns -EAGAIN. The last of these sends may go beyond them. A
 * new call replaces the earlier one; with a `length` of 0 it ends the exception. Returns 0 or
 *
 *     -EAGAIN  the queue is at the high watermark or above; `drain` follows
 *     -EPIPE   as for kevy_stream_send()
 *
 * memory_limit still counts, so check the result of each send. A part that is missing in the middle
 * must not look like the end: call kevy_stream_abort() if a send fails.
 */
KEVY_X_CHECKED KEVY_API int kevy_stream_reserve(struct kevy_stream *stream, uint64_t length);

/*
 * Queues received bytes without a copy. `buffer` belongs to the same reactor, and is one of these:
 *
 *     - the buffer of the `read` callback that is running. Do not use it after this call.
 *     - a buffer that you keep. It is released by this call in any case, and left empty.
 *
 * The bytes are taken even if the queue is at its high watermark. In the first case the stream that
 * received them is then held back: it does not read until the queue of `stream` is down to the low
 * watermark, or `stream` is closed or has ended. A kept buffer holds no stream back; see
 * kevy_stream_hold(). Returns 0 or
 *
 *     -EPIPE    as for kevy_stream_send(); the bytes are not taken
 *     -ENOBUFS  memory_limit is reached, or 3 GiB are queued. Because bytes would be missing,
 *               `stream` ends with this reason.
 */
KEVY_API int kevy_stream_forward(struct kevy_stream *stream, struct kevy_buffer *buffer);

/*
 * Like kevy_stream_forward(), for `length` bytes from `offset` on, which must lie within the buffer
 * (asserted). *buffer does not change, so you can queue several parts of it.
 */
KEVY_API int kevy_stream_forward_slice(struct kevy_stream *stream, struct kevy_buffer *buffer,
                                       uint32_t offset, uint32_t length);

/*
 * Sets the watermarks of the queue, in bytes [16 KiB and 64 KiB]. `low` is at most `high`, and
 * `high` is from 1 to 1 GiB (asserted). At any time, also before the start.
 */
KEVY_API void kevy_stream_set_watermarks(struct kevy_stream *stream, uint32_t low, uint32_t high);

/* The watermarks, in bytes. */
static inline uint32_t kevy_stream_low_watermark(const struct kevy_stream *stream)
{
    return stream->low_watermark;
}

static inline uint32_t kevy_stream_high_watermark(const struct kevy_stream *stream)
{
    return stream->high_watermark;
}

/* ---- Reading ---- */

/* Stops `read`, `descriptor` and `end` at once. Idempotent. */
KEVY_API void kevy_stream_pause(struct kevy_stream *stream);

/* Lets `read`, `descriptor` and `end` come again, from the next turn on. Idempotent. */
KEVY_API void kevy_stream_resume(struct kevy_stream *stream);

/*
 * Holds `source` back: it does not read until the queue of `target` is down to its low watermark,
 * or `target` is closed or has ended. Both may be the same stream.
 *
 * It is for servers that answer with kevy_stream_send(). Call it at the end of `read`, after the
 * sends: the server then stops reading from a client that does not read its answers, and the next
 * `read` comes when there is room for its answers. Together with KEVY_DEADLINE_SEND it limits the
 * memory and the time that a slow client takes.
 *
 * It does nothing if the queue of `target` is at the low watermark or below, if `source` is held
 * back already, or if one of them is not open.
 */
KEVY_API void kevy_stream_hold(struct kevy_stream *source, struct kevy_stream *target);

/*
 * The number of queued bytes above which kevy_stream_forward() holds its source back: the high
 * watermark, or less if memory is short ("Memory" in <kevy/reactor.h>). It is for programs that
 * call kevy_stream_hold() only above a watermark.
 */
KEVY_API uint32_t kevy_stream_hold_watermark(const struct kevy_stream *stream);

/* ---- Ending ---- */

/*
 * Ends the sending side: FIN follows the queue. Reading goes on. Idempotent. Returns 0 or
 *
 *     -EPIPE       the stream is not open
 *     -EOPNOTSUPP  it is no socket
 */
KEVY_API int kevy_stream_shutdown(struct kevy_stream *stream);

/*
 * Closes the stream in good order:
 *
 *     1. The queue is sent. The send deadline limits this, or 30 s if none is set.
 *     2. FIN is sent.
 *     3. Bytes that the peer still sends are read and discarded, until its own FIN. Otherwise the
 *        kernel would send a reset, which can destroy our last bytes. This takes at most 1 s, or
 *        30 s as long as the kernel of the peer has not acknowledged all our bytes.
 *     4. `close` comes, with reason 0 or with the error of the send.
 *
 * A stream that is connecting gives up, with reason 0. On a stream that is idle, closing or ending
 * it has no effect.
 */
KEVY_API void kevy_stream_close(struct kevy_stream *stream);

/*
 * Closes the stream at once, also if it is closing: the queue is dropped, a TCP peer gets a reset,
 * and `close` comes with -ECANCELED. On a stream that is idle or ending it has no effect.
 */
KEVY_API void kevy_stream_abort(struct kevy_stream *stream);

/*
 * Ends the stream without closing its descriptor, for example to hand it to another reactor or
 * library:
 *
 *     1. The queue is sent. Further sends fail with -EPIPE.
 *     2. Reading ends. Bytes that were received before are delivered by `read`, also if the stream
 *        is paused or held back. Later bytes stay in the socket.
 *     3. `detach` comes with the descriptor, and `close` with reason 0.
 *
 * If the stream ends before, for example by an error, a deadline or kevy_stream_abort(), only
 * `close` comes, with that reason. kevy_stream_close() has no effect meanwhile. The callback `end`
 * does not come: the new owner reads the end itself. Requires the callback `detach` (asserted).
 * Idempotent. Returns 0 or
 *
 *     -EPIPE  the stream is not open
 */
KEVY_API int kevy_stream_detach(struct kevy_stream *stream);

/* ---- Deadlines ---- */

/*
 * Sets a deadline of an open stream, `timeout_ns` from now, at most 24 days; 0 turns it off. Every
 * activity starts KEVY_DEADLINE_IDLE and KEVY_DEADLINE_SEND again, at the cost of one store.
 *
 * A deadline never passes early. It passes late by at most two ticks of 1.05 ms and the duration of
 * one turn. On a stream that is not open this function has no effect.
 */
KEVY_API void kevy_stream_set_deadline(struct kevy_stream *stream, enum kevy_deadline deadline,
                                       uint64_t timeout_ns);

/* ---- Information ---- */

/*
 * Asks the kernel for the address of the peer. *length is the room at `address` in bytes; on
 * success it becomes the size of the address, which is larger than the room if it was cut. Returns
 * 0 or
 *
 *     -ENOTCONN  the stream is not connected: not yet, or after a reset or its end
 *     -ENOTSOCK  it is no socket
 */
KEVY_API int kevy_stream_peer_address(const struct kevy_stream *stream, struct sockaddr *address,
                                      socklen_t *length);

/* As kevy_stream_peer_address(), for our own address: the one that the peer is connected to. */
KEVY_API int kevy_stream_local_address(const struct kevy_stream *stream, struct sockaddr *address,
                                       socklen_t *length);

/* The process at the other end of a Unix socket, as the kernel saw it when they were connected
 * (SO_PEERCRED of unix(7)). */
struct kevy_credentials {
    int32_t process; /* pid; 0 if this process cannot see it (another pid namespace) */
    uint32_t user;   /* effective uid */
    uint32_t group;  /* effective gid */
};

/*
 * Writes the credentials of the peer into *peer. Returns 0 or
 *
 *     -ENOTCONN    the stream is not started, or is closed
 *     -EOPNOTSUPP  it is no Unix socket
 */
KEVY_API int kevy_stream_credentials(const struct kevy_stream *stream,
                                     struct kevy_credentials *peer);

/* Counters of a stream since its start. */
struct kevy_stream_stats {
    uint64_t received; /* bytes received, also those that are not delivered yet */
    uint64_t sent;     /* bytes that the kernel took */
};

/* Copies the counters into *stats. In `close` they are final. */
KEVY_API void kevy_stream_stats(const struct kevy_stream *stream, struct kevy_stream_stats *stats);

/* Bytes in the queue that the kernel has not taken yet. */
static inline size_t kevy_stream_queued(const struct kevy_stream *stream)
{
    return stream->queued;
}

/* The descriptor, or -1 if there is none. BORROWED, for example for socket options. Never close
 * it. */
static inline int kevy_stream_fd(const struct kevy_stream *stream)
{
    return stream->object.state != 0 ? stream->fd : -1;
}

/* The reactor, or NULL if the stream was never started. */
static inline struct kevy_reactor *kevy_stream_reactor(const struct kevy_stream *stream)
{
    return stream->object.reactor;
}

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_STREAM_H */
