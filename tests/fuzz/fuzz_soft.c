/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The SQ of the soft kernel: any opcode, flags, lengths, descriptors, names and order. Every
 * request is answered once and none is forgotten, whatever was asked for; no memory is touched that
 * a request does not name, and nothing blocks.
 *
 * Model. An input is a program: a byte chooses what is done next, the bytes behind it choose how. A
 * field of an SQE that an operation takes for a pointer points to memory of that kind; every other
 * field is any number. A pointer that is wrong is the system call's to find, and some requests are
 * not a call: they are not made up here.
 *
 * Memory lies below a large range that nobody may touch, so that a length beyond it is seen.
 */
#include "soft_request.h"
#include "scratch.h"

#include <ftw.h>
#include <kevy/buffer_ring.h>
#include <kevy/ring.h>
#include <kevy/ring_files.h>
#include <kevy/ring_prep.h>
#include <kevy/ring_register.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define SPACE_BYTES  (UINT64_C(5) << 30) /* more than any length */
#define REQUESTS_MAX 2000U
#define BUFFERS      8U
#define PATIENCE     300U /* rounds until everything that was cancelled has ended */

static scratch_path folder;

/* Memory. */

static void fixed_fill(void)
{
    static const char names[8][8] = {"a", "b", "c", "d", "user.a", "", ".", "a/b"};
    struct fixed *fixed = world.fixed;

    for (unsigned i = 0; i < 1024; i++)
        fixed->vectors[i] =
            (struct iovec){world.data + (i * 768) % DATA_BYTES, i % 7 == 0 ? 0 : 64U << i % 9};
    for (unsigned i = 0; i < 4; i++) {
        fixed->addresses[i] = (struct sockaddr_in){.sin_family = i < 3 ? AF_INET : 200,
                                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        fixed->times[i] = (struct kevy_timespec){.tv_sec = (int)i - 1, .tv_nsec = i * 1000U};
    }
    fixed->times[1].tv_nsec = 100000;
    fixed->how[0] = O_RDWR | O_CREAT;
    fixed->how[1] = 0600;
    memcpy(fixed->names, names, sizeof names);
}

static void messages_fill(void)
{
    for (unsigned i = 0; i < 8; i++) {
        struct msghdr *header = &world.messages->headers[i];

        memset(header, 0, sizeof *header);
        header->msg_iov = &world.fixed->vectors[i * 50];
        header->msg_iovlen = i == 7 ? 1024 : i;
        if (i % 2 == 0) {
            header->msg_name = world.data + 1024 * i;
            header->msg_namelen = 16U << i;
        }
        if (i % 4 > 1) {
            header->msg_control = world.data + 2048 * i;
            header->msg_controllen = 16U << i;
        }
    }
}

/* A part of the memory, from the front. */
static void *part(uint8_t **at, size_t size)
{
    void *memory = *at;

    *at += (size + 4095) & ~(size_t)4095;
    return memory;
}

static int leaf_remove(const char *name, const struct stat *status, int kind, struct FTW *place)
{
    (void)status;
    (void)kind;
    (void)place;
    (void)remove(name);
    return 0;
}

/* Has the numbers from `world.first` on be free, and taken one after the other: those below, which
 * the fuzzer opens and closes as it likes, are taken. */
static void numbers_begin(void)
{
    int highest = STDERR_FILENO, fd;

    for (fd = 0; fd < 1024; fd++)
        highest = fcntl(fd, F_GETFD) >= 0 ? fd : highest;
    while ((fd = dup(STDERR_FILENO)) < highest)
        MUST(fd >= 0);
    MUST(close(fd) == 0);
    world.first = fd;
}

static void prepare_once(void)
{
    const struct rlimit size = {.rlim_cur = 1 << 20, .rlim_max = 1 << 20};
    uint8_t *space, *at;

    if (world.data != NULL)
        return;
    space = mmap(NULL, SPACE_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    MUST(space != MAP_FAILED);
    at = space;
    world.fixed = part(&at, sizeof *world.fixed);
    world.messages = part(&at, sizeof *world.messages);
    world.group = part(&at, BUFFERS * sizeof *world.group);
    at += 4096; /* nobody's */
    world.data = part(&at, MEMORY_BYTES);
    MUST(mprotect(space, (size_t)(world.data - 4096 - space), PROT_READ | PROT_WRITE) == 0);
    MUST(mprotect(world.data, MEMORY_BYTES, PROT_READ | PROT_WRITE) == 0);
    fixed_fill();
    MUST(mprotect(world.fixed, sizeof *world.fixed, PROT_READ) == 0);
    (void)signal(SIGPIPE, SIG_IGN); /* a write raises it, on io_uring as well */
    (void)signal(SIGXFSZ, SIG_IGN);
    MUST(setrlimit(RLIMIT_FSIZE, &size) == 0);
    world.home = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    MUST(world.home >= 0);
}

/* Descriptors. */

static int opened(int fd)
{
    MUST(fd == world.first + (int)world.descriptors);
    world.descriptors++;
    return fd;
}

static void pair_open(int kind, int end)
{
    int fds[2];

    MUST(socketpair(AF_UNIX, kind, 0, fds) == 0);
    (void)opened(fds[0]);
    world.ends[end] = opened(fds[1]);
}

static void tcp_open(int end)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int listener = opened(socket(AF_INET, SOCK_STREAM, 0));

    MUST(bind(listener, (struct sockaddr *)&address, sizeof address) == 0);
    MUST(listen(listener, 4) == 0);
    MUST(getsockname(listener, (struct sockaddr *)&address, &length) == 0);
    world.ends[end] = opened(socket(AF_INET, SOCK_STREAM, 0));
    MUST(connect(world.ends[end], (struct sockaddr *)&address, sizeof address) == 0);
    (void)opened(accept(listener, NULL, NULL));
}

static void world_open(struct choices *choices)
{
    static const uint32_t setups[] = {KEVY_SETUP_SINGLE_ISSUER | KEVY_SETUP_DEFER_TASKRUN |
                                          KEVY_SETUP_TASKRUN_FLAG,
                                      KEVY_SETUP_COOP_TASKRUN, 0};
    struct kevy_ring_options options = {.required_flags = setups[choice(choices) % 3],
                                        .cq_entries = 16U << choice(choices) % 4,
                                        .kernel = KEVY_RING_KERNEL_SOFT,
                                        .plain = choice(choices) % 4 == 0};
    int pipe_ends[2];

    MUST(scratch_folder(folder) && chdir(folder) == 0);
    numbers_begin();
    world.descriptors = 0;
    MUST(kevy_ring_init(&world.ring, 16, &options) == 0);
    world.ring.addresses_unchecked = true;
    (void)opened(world.ring.fd);
    pair_open(SOCK_STREAM, 0);
    pair_open(SOCK_DGRAM, 1);
    pair_open(SOCK_SEQPACKET, 2);
    tcp_open(3);
    MUST(pipe(pipe_ends) == 0);
    (void)opened(pipe_ends[0]);
    (void)opened(pipe_ends[1]);
    (void)opened(eventfd(1, 0));
    world.epoll = opened(epoll_create1(0));
    (void)opened(open("a", O_RDWR | O_CREAT | O_NONBLOCK, 0600));
    (void)opened(open(".", O_RDONLY));
}

static void world_close(void)
{
    kevy_ring_deinit(&world.ring);
    MUST(fchdir(world.home) == 0);
    (void)nftw(folder, leaf_remove, 8, FTW_DEPTH | FTW_PHYS);
    for (int fd = world.first; fd < world.first + 256; fd++)
        (void)close(fd);
}

/* Steps. */

static void ask(struct choices *choices)
{
    struct kevy_sqe *slot = world.asked < REQUESTS_MAX ? kevy_ring_sqe(&world.ring, 0) : NULL;
    struct kevy_sqe sqe;

    if (slot == NULL)
        return;
    sqe = request_make(choices);
    world.skips = world.skips || (sqe.flags & KEVY_SQE_CQE_SKIP_SUCCESS) != 0;
    world.asked++;
    *slot = sqe;
}

static void reap(void)
{
    const struct kevy_cqe *cqe;

    while ((cqe = kevy_ring_next(&world.ring)) != NULL) {
        world.answered += (cqe->flags & KEVY_CQE_F_MORE) == 0;
        kevy_ring_release(&world.ring);
    }
}

static void enter(struct choices *choices)
{
    struct kevy_ring_wait wait = {.minimum = choice(choices) % 3U,
                                  .timeout_ns = choice(choices) * 500U};

    (void)kevy_ring_wait(&world.ring, &wait);
    if (choice(choices) % 2 == 0)
        reap();
}

static void peer_sends(struct choices *choices)
{
    static char bytes[4096];

    memset(bytes, 'x', sizeof bytes);
    (void)send(world.ends[choice(choices) % 4], bytes, number(choices) % sizeof bytes,
               MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void peer_receives(struct choices *choices)
{
    static char bytes[65536];

    (void)recv(world.ends[choice(choices) % 4], bytes, sizeof bytes, MSG_DONTWAIT);
}

static void peer_ends(struct choices *choices)
{
    (void)shutdown(world.ends[choice(choices) % 4], choice(choices) % 3);
}

static void file_closes(struct choices *choices)
{
    int fd = descriptor(choices);

    if (fd > world.ring.fd)
        (void)close(fd);
}

static void buffer_gives(struct choices *choices)
{
    struct kevy_buf *buffer = &world.group[world.tail % BUFFERS];

    buffer->addr = data(choices);
    buffer->len = number(choices);
    buffer->bid = choice(choices);
    world.tail++;
    __atomic_store_n(&world.group[0].resv, world.tail, __ATOMIC_RELEASE);
}

static void group_registers(struct choices *choices)
{
    struct kevy_buf_reg registration = {.ring_addr = address_of(world.group),
                                        .ring_entries = BUFFERS,
                                        .bgid = GROUP,
                                        .flags = choice(choices) % 2 == 0 ? 0 : KEVY_PBUF_RING_INC};

    if (kevy_ring_register(&world.ring, KEVY_REGISTER_PBUF_RING, &registration, 1) < 0)
        (void)kevy_ring_register(&world.ring, KEVY_UNREGISTER_PBUF_RING, &registration, 1);
    world.tail = 0;
    world.group[0].resv = 0;
}

static void files_register(struct choices *choices)
{
    int fds[4] = {descriptor(choices), -1, descriptor(choices), -1};

    if (kevy_ring_register(&world.ring, KEVY_REGISTER_FILES, fds, 4) < 0)
        (void)kevy_ring_register(&world.ring, KEVY_UNREGISTER_FILES, NULL, 0);
}

static void memory_registers(struct choices *choices)
{
    struct iovec vectors[2] = {{world.data, 4096}, {world.data + 8192, choice(choices) * 16U}};

    if (kevy_ring_register(&world.ring, KEVY_REGISTER_BUFFERS, vectors, 2) < 0)
        (void)kevy_ring_register(&world.ring, KEVY_UNREGISTER_BUFFERS, NULL, 0);
}

static void (*const steps[])(struct choices *choices) = {
    ask,
    ask,
    ask,
    ask,
    ask,
    ask,
    enter,
    enter,
    enter,
    peer_sends,
    peer_sends,
    peer_receives,
    peer_ends,
    buffer_gives,
    buffer_gives,
    buffer_gives,
    group_registers,
    files_register,
    memory_registers,
    file_closes,
};

/* All that is in flight is cancelled, and has to end. */
static void everything_ends(void)
{
    struct kevy_ring_wait wait = {.minimum = 1, .timeout_ns = 1000000};

    for (unsigned round = 0; round < PATIENCE; round++) {
        struct kevy_sync_cancel_reg all = {.flags = KEVY_ASYNC_CANCEL_ANY,
                                           .timeout = {.tv_sec = -1, .tv_nsec = -1}};

        (void)kevy_ring_flush(&world.ring);
        reap();
        (void)kevy_ring_register(&world.ring, KEVY_REGISTER_SYNC_CANCEL, &all, 1);
        if (world.answered == world.asked || (world.skips && round > 8))
            break;
        (void)kevy_ring_wait(&world.ring, &wait);
    }
    reap();
    MUST(world.answered <= world.asked);
    MUST(world.skips || world.answered == world.asked);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    struct choices choices = {input, input + size};

    prepare_once();
    memset(world.data, 'x', MEMORY_BYTES);
    memset(world.group, 0, BUFFERS * sizeof *world.group);
    messages_fill();
    world.asked = world.answered = 0;
    world.skips = false;
    world.tail = 0;
    world_open(&choices);
    while (choices.at < choices.end)
        steps[choice(&choices) % (sizeof steps / sizeof steps[0])](&choices);
    everything_ends();
    world_close();
    return 0;
}
