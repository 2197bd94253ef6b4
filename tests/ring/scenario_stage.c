/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* The stage of the scenarios, with the sockets and files of Linux, and the performances on it. */

#include "scenario.h"

static int listener_make(void)
{
    struct sockaddr_in address = loopback(0);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    must(bind(fd, (struct sockaddr *)&address, sizeof address) == 0);
    must(listen(fd, 8) == 0);
    return fd;
}

static void linux_open(struct scene *scene)
{
    scene->listener = listener_make();
    scene->tcp[0] = connect_to(scene, scene->listener);
    scene->tcp[1] = accept4(scene->listener, NULL, NULL, SOCK_CLOEXEC);
    must(scene->tcp[1] >= 0);
    must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, scene->local) == 0);
    must(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, scene->packets) == 0);
    must(pipe2(scene->pipe, O_CLOEXEC) == 0);
    scene->event = eventfd(0, EFD_CLOEXEC);
    scene->file = memfd_create("scene", MFD_CLOEXEC);
    put(scene, scene->file, "0123456789");
}

static int linux_fcntl(int fd, int command, int argument)
{
    return fcntl(fd, command, argument);
}

/* The C library declares some of the others with types of its own for addresses. */
static int linux_bind(int fd, const struct sockaddr *address, socklen_t length)
{
    return bind(fd, address, length);
}

static int linux_connect(int fd, const struct sockaddr *address, socklen_t length)
{
    return connect(fd, address, length);
}

static int linux_getsockname(int fd, struct sockaddr *address, socklen_t *length)
{
    return getsockname(fd, address, length);
}

static ssize_t linux_sendto(int fd, const void *data, size_t length, int flags,
                            const struct sockaddr *address, socklen_t address_length)
{
    return sendto(fd, data, length, flags, address, address_length);
}

static const struct scene_system linux_system = {
    .open = linux_open,
    .socket = socket,
    .socketpair = socketpair,
    .bind = linux_bind,
    .connect = linux_connect,
    .getsockname = linux_getsockname,
    .setsockopt = setsockopt,
    .shutdown = shutdown,
    .recv = recv,
    .recvmsg = recvmsg,
    .send = send,
    .sendto = linux_sendto,
    .sendmsg = sendmsg,
    .read = read,
    .pread = pread,
    .write = write,
    .lseek = lseek,
    .poll = poll,
    .fcntl = linux_fcntl,
    .dup2 = dup2,
    .pipe = pipe,
    .close = close,
    .usleep = usleep,
};

const struct scene_kernel scene_io_uring = {"io_uring", KEVY_RING_KERNEL_IO_URING, NULL,
                                            &linux_system};
const struct scene_kernel scene_soft = {"soft", KEVY_RING_KERNEL_SOFT, NULL, &linux_system};

char *scene_traces(unsigned count)
{
    char *traces = mmap(NULL, (size_t)count * SCENE_TRACE, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    must(traces != MAP_FAILED);
    return traces;
}

static void scene_open(struct scene *scene, const struct scenario *scenario,
                       const struct scene_kernel *kernel)
{
    uint32_t usual = KEVY_SETUP_SINGLE_ISSUER | KEVY_SETUP_DEFER_TASKRUN | KEVY_SETUP_TASKRUN_FLAG;
    struct kevy_ring_options options = {
        .required_flags = scenario->flags != 0 ? scenario->flags : usual,
        .cq_entries = scenario->cq_entries != 0 ? scenario->cq_entries : 64,
        .kernel = kernel->choice,
        .custom_kernel = kernel->custom,
        .plain = scenario->plain,
    };

    scene->system = kernel->system;
    scene->system->open(scene);
    must(kevy_ring_init(&scene->ring, 32, &options) == 0);
}

void scene_play(struct scene *scene, const struct scenario *scenario,
                const struct scene_kernel *kernel, char *trace)
{
    memset(scene, 0, sizeof *scene);
    scene->trace = trace;
    scene_open(scene, scenario, kernel);
    scenario->play(scene);
}

/* What is in flight ends, and the ring goes. */
static void scene_close(struct scene *scene)
{
    if (scene->group.ring != NULL) {
        kevy_prep_cancel_any(ask(scene, 0));
        go(scene);
        kevy_buffer_ring_deinit(&scene->group);
    }
    kevy_ring_deinit(&scene->ring);
}

void scene_perform(const struct scenario *scenario, const struct scene_kernel *kernel, char *trace)
{
    static struct scene scene;
    pid_t child = fork();
    int status;

    if (child == 0) {
        scene_play(&scene, scenario, kernel, trace);
        scene_close(&scene);
        _exit(0);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s: ends with %x on %s",
                  scenario->name, (unsigned)status, kernel->name);
}

/* In a child, which ends with all that its scene has open. */
bool scene_is_faulty(const struct scenario *scenario)
{
    static struct scene scene;
    static char trace[SCENE_TRACE];
    pid_t child;
    int status = 0;

    if (scenario->fault == NULL)
        return false;
    child = fork();
    if (child == 0) {
        scene.trace = trace;
        scene_open(&scene, scenario, &scene_io_uring);
        _exit(scenario->fault->is_there(&scene) ? 1 : 0);
    }
    return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 1;
}

bool scene_io_uring_is_there(void)
{
    struct kevy_ring_options options = {.kernel = KEVY_RING_KERNEL_IO_URING};
    struct kevy_ring_probe probe;
    struct kevy_ring ring = {0};
    bool found = kevy_ring_init(&ring, 4, &options) == 0 && kevy_ring_probe(&ring, &probe) == 0 &&
                 kevy_ring_probe_opcode(&probe, KEVY_OP_PIPE);

    kevy_ring_deinit(&ring);
    return found;
}
