/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * What a reactor asks the kernel about runs of receiving when it is made: with a socket that is
 * closed next. The kernel here answers late, and signals cut its waits short.
 */

#include "reactor_test.h"

#include "kernel_choice.h"

#include <kevy/ring_kernel.h>
#include <kevy/ring_prep.h>
#include <kevy/system.h>

#define CUTS      12                     /* enters that signals cut short, one after the other */
#define ANSWER_NS KEVY_MILLISECONDS(200) /* until the answer */

static const struct kevy_timespec answer_in = {.tv_nsec = ANSWER_NS};

static struct {
    const struct kevy_ring_kernel *below;
    struct kevy_sqe *sqes;
    size_t count;
    int fd; /* that the question names; -1: nothing has been asked */
    unsigned cuts;
    uint64_t answer_ns; /* when it comes */
    bool closed;
} late = {.fd = -1};

static int late_map(void *state, int fd, uint64_t offset, size_t size, uint32_t flags,
                    void **memory)
{
    int result = late.below->map(state, fd, offset, size, flags, memory);

    if (result == 0 && offset == KEVY_OFF_SQES) {
        late.sqes = *memory;
        late.count = size / sizeof *late.sqes;
    }
    return result;
}

/* In place of a recv that ends at once the kernel gets a request that takes its time. */
static void question_delay(void)
{
    for (size_t i = 0; late.fd < 0 && i < late.count; i++) {
        struct kevy_sqe *sqe = &late.sqes[i];

        if (sqe->opcode != KEVY_OP_RECV || sqe->fd < 0)
            continue;
        late.fd = sqe->fd;
        late.cuts = CUTS;
        late.answer_ns = clock_ns() + ANSWER_NS;
        kevy_prep_timeout(sqe, &answer_in, 0, 0);
    }
}

/* A signal comes after the requests were taken: an enter that took some tells of them alone. */
static int late_enter(void *state, int fd, uint32_t to_submit, uint32_t minimum, uint32_t flags,
                      const void *argument, size_t argument_size)
{
    int taken = 0;

    if (to_submit != 0)
        question_delay();
    if (late.cuts == 0)
        return late.below->enter(state, fd, to_submit, minimum, flags, argument, argument_size);
    late.cuts--;
    if (to_submit != 0)
        taken = late.below->enter(state, fd, to_submit, 0, flags & ~KEVY_ENTER_EXT_ARG, NULL, 0);
    return taken != 0 ? taken : -EINTR;
}

static int late_close(void *context, int fd)
{
    if (fd == late.fd && !late.closed) {
        late.closed = true;
        ck_assert(late.cuts == 0 || clock_ns() >= late.answer_ns);
    }
    return kevy_system_host()->close(context, fd);
}

START_TEST(a_descriptor_is_closed_when_nothing_is_asked_of_it_any_more)
{
    struct kevy_ring_kernel kernel;
    struct kevy_system system = *kevy_system_host();
    struct kevy_reactor_options options = {.custom_kernel = &kernel, .system = &system};

    late.below = kernel_is_soft() ? kevy_ring_kernel_soft() : kevy_ring_kernel_io_uring();
    kernel = *late.below;
    kernel.map = late_map;
    kernel.enter = late_enter;
    system.close = late_close;
    ck_assert_int_eq(kevy_reactor_create(&reactor, &options), 0);
    kevy_reactor_destroy(reactor);
    if (late.fd < 0)
        support_skip("a_descriptor_is_closed_when_nothing_is_asked_of_it_any_more",
                     "a recv has no limit before Linux 6.17");
    else
        ck_assert(late.closed);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("recv_run");
    TCase *asked = tcase_create("asked");

    tcase_set_timeout(asked, 60);
    tcase_add_test(asked, a_descriptor_is_closed_when_nothing_is_asked_of_it_any_more);
    suite_add_tcase(suite, asked);
    return suite;
}
