/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Many pieces of files at once. */

#include "ring_test.h"
#include "scratch.h"

#include <fcntl.h>
#include <kevy/ring_prep.h>
#include <kevy/ring_read.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define PIECES 50U
#define PIECE  1000U

static struct kevy_ring ring;
static int file = -1;

static unsigned char byte_at(size_t offset)
{
    return (unsigned char)(offset * 7 / 5);
}

static void file_make(void)
{
    scratch_path name;

    file = scratch_file(name);
    ck_assert_int_ge(file, 0);
    unlink(name);
    for (size_t i = 0; i < PIECES; i++) {
        unsigned char bytes[PIECE];

        for (size_t j = 0; j < PIECE; j++)
            bytes[j] = byte_at(i * PIECE + j);
        ck_assert_int_eq(write(file, bytes, PIECE), PIECE);
    }
}

static void file_drop(void)
{
    kevy_ring_deinit(&ring);
    close(file);
}

/* Reads the whole file backwards, in pieces, and compares. */
static void pieces_read(void)
{
    static unsigned char memory[PIECES][PIECE];
    struct kevy_file_read reads[PIECES];

    for (uint32_t i = 0; i < PIECES; i++) {
        uint64_t offset = (uint64_t)(PIECES - 1 - i) * PIECE;

        reads[i] = (struct kevy_file_read){
            .memory = memory[i], .offset = offset, .length = PIECE, .fd = file};
    }
    ck_assert_int_eq(kevy_ring_read_files(&ring, reads, PIECES), PIECES);
    for (uint32_t i = 0; i < PIECES; i++) {
        size_t same = 0;

        ck_assert_int_eq(reads[i].result, PIECE);
        while (same < PIECE && memory[i][same] == byte_at((PIECES - 1 - i) * PIECE + same))
            same++;
        ck_assert_uint_eq(same, PIECE);
    }
    ck_assert_uint_eq(kevy_ring_ready(&ring), 0);
    ck_assert_uint_eq(kevy_ring_space(&ring), ring.sq_entries);
}

START_TEST(more_pieces_than_the_queue_holds_are_read)
{
    ring_open(&ring, 4, NULL);
    pieces_read();
    pieces_read();
}
END_TEST

START_TEST(fewer_pieces_than_the_queue_holds_are_read)
{
    ring_open(&ring, 64, NULL);
    pieces_read();
}
END_TEST

START_TEST(pieces_are_read_with_sqpoll)
{
    struct kevy_ring_options options = {.required_flags = KEVY_SETUP_SQPOLL};

    ring_open(&ring, 4, &options);
    for (int i = 0; i < 50; i++)
        pieces_read();
}
END_TEST

START_TEST(no_pieces_are_read_at_once)
{
    ring_open(&ring, 4, NULL);
    ck_assert_int_eq(kevy_ring_read_files(&ring, NULL, 0), 0);
}
END_TEST

START_TEST(a_piece_ends_with_its_file_and_an_error_is_its_own)
{
    char memory[4][100];
    struct kevy_file_read reads[4] = {
        {.memory = memory[0], .length = 100, .fd = file, .offset = PIECES * PIECE - 30},
        {.memory = memory[1], .length = 100, .fd = -1},
        {.memory = memory[2], .length = 100, .fd = file, .offset = PIECES * PIECE},
        {.memory = memory[3], .length = 100, .fd = file, .result = 77},
    };

    ring_open(&ring, 2, NULL);
    ck_assert_int_eq(kevy_ring_read_files(&ring, reads, 4), 1);
    ck_assert_int_eq(reads[0].result, 30);
    ck_assert_int_eq(reads[1].result, -EBADF);
    ck_assert_int_eq(reads[2].result, 0);
    ck_assert_int_eq(reads[3].result, 100);
    ck_assert_uint_eq((unsigned char)memory[0][29], byte_at(PIECES * PIECE - 1));
}
END_TEST

/* What a pipe gives comes in parts, and the last byte after a signal. */
static void pipe_feed(int fd, pid_t reader)
{
    for (int i = 0; i < 10; i++) {
        usleep(2000);
        if (i == 5)
            kill(reader, SIGUSR1);
        if (write(fd, "0123456789", 10) != 10)
            _exit(1);
    }
    _exit(0);
}

static void signal_note(int number)
{
    (void)number;
}

START_TEST(short_reads_go_on_and_signals_end_nothing)
{
    struct sigaction action = {.sa_handler = signal_note};
    char memory[100];
    struct kevy_file_read read = {
        .memory = memory, .length = sizeof memory, .offset = KEVY_OFFSET_CURRENT};
    int pipes[2], status;
    pid_t feeder, reader = getpid();

    ck_assert_int_eq(sigaction(SIGUSR1, &action, NULL), 0);
    ck_assert_int_eq(pipe(pipes), 0);
    read.fd = pipes[0];
    ring_open(&ring, 2, NULL);
    feeder = fork();
    ck_assert_int_ge(feeder, 0);
    if (feeder == 0)
        pipe_feed(pipes[1], reader);
    ck_assert_int_eq(kevy_ring_read_files(&ring, &read, 1), 1);
    ck_assert_int_eq(read.result, 100);
    ck_assert_mem_eq(memory + 90, "0123456789", 10);
    ck_assert_int_eq(waitpid(feeder, &status, 0), feeder);
    ck_assert_int_eq(status, 0);
    close(pipes[0]);
    close(pipes[1]);
}
END_TEST

START_TEST(want_of_memory_for_requests_passes_or_is_told)
{
    ring_kernel = fault_kernel();
    ring_open(&ring, 4, NULL);
    for (uint32_t nth = 1; nth <= 20; nth++) {
        fault_reset();
        fault_nth(nth, nth % 2 ? -EINTR : -EBUSY);
        pieces_read();
    }
    fault_reset();
    fault_submit_short(1);
    pieces_read();
    fault_next(FAULT_ENTER, -EAGAIN, 1);
    {
        char memory[10];
        struct kevy_file_read read = {.memory = memory, .length = 10, .fd = file};

        ck_assert_int_eq(kevy_ring_read_files(&ring, &read, 1), -EAGAIN);
    }
}
END_TEST

static int interruptions;

/* As of a worker that a signal hits before it has read anything. */
static int enter_interrupting(void *state, int fd, uint32_t to_submit, uint32_t minimum,
                              uint32_t flags, const void *argument, size_t argument_size)
{
    int result = kevy_ring_kernel_io_uring()->enter(state, fd, to_submit, minimum, flags, argument,
                                                    argument_size);
    struct kevy_cqe *cqe;

    if (interruptions > 0 && kevy_ring_ready(&ring) != 0) {
        cqe = (struct kevy_cqe *)(uintptr_t)&ring.cqes[ring.cqe_head & ring.cq_mask];
        cqe->res = -EINTR;
        interruptions--;
    }
    return result;
}

START_TEST(a_read_that_was_interrupted_is_read_again)
{
    static struct kevy_ring_kernel interrupting; /* used until the end of the fixture */
    struct kevy_ring_options options = {.custom_kernel = &interrupting};
    char memory[100] = {0}; /* valgrind does not see what io_uring writes */
    struct kevy_file_read read = {.memory = memory, .length = 100, .fd = file, .offset = 7};

    interrupting = *kevy_ring_kernel_io_uring();
    interrupting.enter = enter_interrupting;
    interruptions = 3;
    ring_open(&ring, 2, &options);
    ck_assert_int_eq(kevy_ring_read_files(&ring, &read, 1), 1);
    ck_assert_int_eq(read.result, 100);
    ck_assert_int_eq(interruptions, 0);
    for (uint64_t i = 0; i < 100; i++)
        ck_assert_uint_eq((unsigned char)memory[i], byte_at(7 + i));
}
END_TEST

/* As if the kernel had read half, and somebody else the other half: the position is behind both. */
static int enter_shortening(void *state, int fd, uint32_t to_submit, uint32_t minimum,
                            uint32_t flags, const void *argument, size_t argument_size)
{
    int result = kevy_ring_kernel_io_uring()->enter(state, fd, to_submit, minimum, flags, argument,
                                                    argument_size);
    struct kevy_cqe *cqe;

    if (interruptions > 0 && kevy_ring_ready(&ring) != 0) {
        cqe = (struct kevy_cqe *)(uintptr_t)&ring.cqes[ring.cqe_head & ring.cq_mask];
        cqe->res /= 2;
        interruptions--;
    }
    return result;
}

START_TEST(a_short_read_at_the_files_position_goes_on_there)
{
    static struct kevy_ring_kernel shortening; /* used until the end of the fixture */
    struct kevy_ring_options options = {.custom_kernel = &shortening};
    char memory[100] = {0}; /* valgrind does not see what io_uring writes */
    struct kevy_file_read read = {
        .memory = memory, .length = 100, .fd = file, .offset = KEVY_OFFSET_CURRENT};

    shortening = *kevy_ring_kernel_io_uring();
    shortening.enter = enter_shortening;
    interruptions = 1;
    ring_open(&ring, 2, &options);
    ck_assert_int_eq(lseek(file, 0, SEEK_SET), 0);
    ck_assert_int_eq(kevy_ring_read_files(&ring, &read, 1), 1);
    for (uint64_t i = 0; i < 50; i++)
        ck_assert_uint_eq((unsigned char)memory[i], byte_at(i));
    for (uint64_t i = 50; i < 100; i++)
        ck_assert_uint_eq((unsigned char)memory[i], byte_at(i + 50));
}
END_TEST

static void *elsewhere_read(void *argument)
{
    char memory[10];
    struct kevy_file_read read = {.memory = memory, .length = 10, .fd = file};

    *(int *)argument = kevy_ring_read_files(&ring, &read, 1);
    return NULL;
}

START_TEST(a_foreign_thread_is_told)
{
    pthread_t thread;
    int result = 0;

    ring_open(&ring, 4, NULL);
    ck_assert_int_eq(pthread_create(&thread, NULL, elsewhere_read, &result), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_int_eq(result, -EEXIST);
}
END_TEST

START_TEST(a_ring_that_is_not_idle_is_caught)
{
    struct kevy_file_read read = {.memory = NULL, .length = 0, .fd = file};

    ring_open(&ring, 4, NULL);
    nop_queue(&ring, 1, 0);
    (void)kevy_ring_read_files(&ring, &read, 1);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("read");
    TCase *tcase = tcase_create("read");

    tcase_add_checked_fixture(tcase, file_make, file_drop);
    tcase_add_test(tcase, more_pieces_than_the_queue_holds_are_read);
    tcase_add_test(tcase, fewer_pieces_than_the_queue_holds_are_read);
    if (setup_grants(KEVY_SETUP_SQPOLL))
        tcase_add_test(tcase, pieces_are_read_with_sqpoll);
    else
        support_skip("pieces_are_read_with_sqpoll", "privileges before 5.11");
    tcase_add_test(tcase, no_pieces_are_read_at_once);
    tcase_add_test(tcase, a_piece_ends_with_its_file_and_an_error_is_its_own);
    tcase_add_test(tcase, short_reads_go_on_and_signals_end_nothing);
    tcase_add_test(tcase, a_read_that_was_interrupted_is_read_again);
    tcase_add_test(tcase, a_short_read_at_the_files_position_goes_on_there);
    tcase_add_test(tcase, want_of_memory_for_requests_passes_or_is_told);
    if (setup_grants(KEVY_SETUP_SINGLE_ISSUER))
        tcase_add_test(tcase, a_foreign_thread_is_told);
    else
        support_skip("a_foreign_thread_is_told", "Linux 6.0");
    support_add_abort(tcase, a_ring_that_is_not_idle_is_caught, 0, 1);
    suite_add_tcase(suite, tcase);
    return suite;
}
