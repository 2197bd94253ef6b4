/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Files: operations that report once, results that are the kernel's, and a close that waits. */

#include "reactor_test.h"
#include "scratch.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

struct document {
    struct kevy_file file; /* overwritten after close */
    unsigned opens, finishes, closes;
    int reason;
    bool close_on_open;
};

/* One operation and what came of it. */
struct work {
    struct kevy_file_operation operation;
    unsigned dones;
    int result;
    struct document *document;
    void (*then)(struct work *work);
};

static struct document document, second;
static struct work work, later;
static scratch_path folder;
static char path[96];

static struct document *document_of(struct kevy_file *file)
{
    struct document *at = KEVY_CONTAINER_OF(file, struct document, file);

    ck_assert_uint_eq(quiet_depth, 0);
    ck_assert_uint_eq(at->closes, 0);
    return at;
}

static void document_open(struct kevy_file *file)
{
    struct document *at = document_of(file);

    at->opens++;
    ck_assert_int_ge(kevy_file_fd(file), 0);
    if (at->close_on_open)
        QUIETLY(kevy_file_close(file));
}

static void document_finish(struct kevy_file *file)
{
    document_of(file)->finishes++;
    QUIETLY(kevy_file_close(file));
}

static void document_close(struct kevy_file *file, int reason)
{
    struct document *at = document_of(file);

    at->closes++;
    at->reason = reason;
    memset(file, 0xA5, sizeof *file);
}

static struct kevy_file_options file_options(int flags)
{
    return (struct kevy_file_options){
        .path = path, .flags = flags, .mode = 0600, .open = document_open, .close = document_close};
}

static void document_start(struct document *at, const struct kevy_file_options *options)
{
    memset(at, 0, sizeof *at);
    QUIETLY(ck_assert_int_eq(kevy_file_open(&at->file, reactor, options), 0));
}

static void document_adopt(struct document *at, int fd)
{
    struct kevy_file_options options = file_options(0);

    options.path = NULL;
    memset(at, 0, sizeof *at);
    QUIETLY(ck_assert_int_eq(kevy_file_adopt(&at->file, reactor, fd, &options), 0));
}

static void document_create(struct document *at)
{
    struct kevy_file_options options = file_options(O_RDWR | O_CREAT | O_TRUNC);

    document_start(at, &options);
    TURN_UNTIL(at->opens);
}

static void document_end(struct document *at)
{
    QUIETLY(kevy_file_close(&at->file));
    TURN_UNTIL(at->closes);
    ck_assert_int_eq(at->reason, 0);
}

static void work_done(struct kevy_file_operation *operation, int result)
{
    struct work *at = KEVY_CONTAINER_OF(operation, struct work, operation);

    ck_assert_uint_eq(quiet_depth, 0);
    ck_assert(!kevy_file_operation_active(operation));
    at->dones++;
    at->result = result;
    if (at->document != NULL)
        ck_assert_uint_eq(at->document->closes, 0);
    if (at->then != NULL)
        at->then(at);
}

static void work_init(struct work *at)
{
    memset(at, 0, sizeof *at);
    at->operation.done = work_done;
}

/* Turns until it has reported, once, and returns with what. */
static int work_end(struct work *at)
{
    TURN_UNTIL(at->dones);
    ck_assert_uint_eq(at->dones, 1);
    return at->result;
}

static int write_text(const char *text, uint64_t offset)
{
    work_init(&work);
    QUIETLY(ck_assert_int_eq(
        kevy_file_write(&document.file, &work.operation, text, (uint32_t)strlen(text), offset), 0));
    return work_end(&work);
}

static int read_some(void *data, uint32_t length, uint64_t offset)
{
    work_init(&work);
    QUIETLY(
        ck_assert_int_eq(kevy_file_read(&document.file, &work.operation, data, length, offset), 0));
    return work_end(&work);
}

static void setup(void)
{
    ck_assert(scratch_folder(folder));
    snprintf(path, sizeof path, "%s/document", folder);
    reactor_setup();
}

static void teardown(void)
{
    reactor_teardown();
    (void)unlink(path);
    ck_assert_int_eq(rmdir(folder), 0);
}

START_TEST(what_was_written_is_read_where_it_was_written)
{
    char data[32];

    document_create(&document);
    ck_assert_int_eq(write_text("world", 6), 5);
    ck_assert_int_eq(write_text("hello ", 0), 6);
    ck_assert_int_eq(read_some(data, 11, 0), 11);
    ck_assert_mem_eq(data, "hello world", 11);
    ck_assert_int_eq(read_some(data, 3, 2), 3);
    ck_assert_mem_eq(data, "llo", 3);
    document_end(&document);
    ck_assert_uint_eq(document.opens, 1);
}
END_TEST

START_TEST(a_file_has_places_beyond_what_32_bits_count)
{
    static const uint64_t places[] = {INT32_MAX - 1, UINT32_MAX - 1, UINT64_C(1) << 40};
    struct kevy_file_options options = file_options(O_RDONLY);
    char text[8] = "";

    document_create(&document);
    for (unsigned index = 0; index < 3; index++)
        ck_assert_int_eq(write_text("four", places[index]), 4);
    document_end(&document);
    document_start(&document, &options); /* a large file can be opened, too */
    TURN_UNTIL(document.opens);
    for (unsigned index = 0; index < 3; index++) {
        ck_assert_int_eq(read_some(text, 4, places[index]), 4);
        ck_assert_str_eq(text, "four");
    }
    document_end(&document);
}
END_TEST

START_TEST(short_results_are_passed_on_unchanged)
{
    char data[100];

    document_create(&document);
    ck_assert_int_eq(write_text("0123456789", 0), 10);
    ck_assert_int_eq(read_some(data, sizeof data, 4), 6);
    ck_assert_int_eq(read_some(data, sizeof data, 10), 0);
    ck_assert_int_eq(read_some(data, 0, 0), 0);
    document_end(&document);
}
END_TEST

START_TEST(an_operation_reports_the_errno_of_the_kernel)
{
    struct kevy_file_options options = file_options(O_RDONLY);

    document_create(&document);
    document_end(&document);
    document_start(&document, &options);
    TURN_UNTIL(document.opens);
    ck_assert_int_eq(write_text("x", 0), -EBADF); /* opened for reading only */
    document_end(&document);
}
END_TEST

START_TEST(the_position_of_a_file_moves_on)
{
    char data[8];

    document_create(&document);
    ck_assert_int_eq(write_text("one", KEVY_FILE_POSITION), 3);
    ck_assert_int_eq(write_text("two", KEVY_FILE_POSITION), 3);
    ck_assert_int_eq(read_some(data, 6, 0), 6);
    ck_assert_mem_eq(data, "onetwo", 6);
    document_end(&document);
}
END_TEST

START_TEST(fsync_and_statx_report)
{
    struct statx status;

    document_create(&document);
    ck_assert_int_eq(write_text("12345", 0), 5);
    for (int data_only = 0; data_only < 2; data_only++) {
        work_init(&work);
        QUIETLY(ck_assert_int_eq(kevy_file_fsync(&document.file, &work.operation, data_only), 0));
        ck_assert_int_eq(work_end(&work), 0);
    }
    work_init(&work);
    QUIETLY(ck_assert_int_eq(
        kevy_file_statx(&document.file, &work.operation, STATX_SIZE | STATX_MODE, &status), 0));
    ck_assert_int_eq(work_end(&work), 0);
    ck_assert_uint_eq(status.stx_size, 5);
    ck_assert_uint_eq(status.stx_mode & 0777, 0600);
    document_end(&document);
}
END_TEST

START_TEST(many_operations_are_in_flight_at_once)
{
    static uint8_t data[64][512], got[64 * 512];
    static struct work works[64];

    document_create(&document);
    for (unsigned index = 0; index < 64; index++) {
        pattern_fill(data[index], 512, 1, index * 512);
        work_init(&works[index]);
        QUIETLY(ck_assert_int_eq(
            kevy_file_write(&document.file, &works[index].operation, data[index], 512, index * 512),
            0));
    }
    for (unsigned index = 0; index < 64; index++)
        ck_assert_int_eq(work_end(&works[index]), 512);
    ck_assert_int_eq(read_some(got, sizeof got, 0), (int)sizeof got);
    pattern_check(got, sizeof got, 1, 0);
    document_end(&document);
}
END_TEST

static void write_again(struct work *at)
{
    if (at->dones < 100)
        ck_assert_int_eq(
            kevy_file_write(&document.file, &at->operation, "x", 1, KEVY_FILE_POSITION), 0);
    else
        kevy_file_close(&document.file);
}

START_TEST(an_operation_may_be_started_again_from_its_callback)
{
    struct stat status;

    document_create(&document);
    work_init(&work);
    work.then = write_again;
    ck_assert_int_eq(kevy_file_write(&document.file, &work.operation, "x", 1, KEVY_FILE_POSITION),
                     0);
    TURN_UNTIL(document.closes);
    ck_assert_uint_eq(work.dones, 100);
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_int_eq(status.st_size, 100);
}
END_TEST

START_TEST(a_file_that_is_not_there_closes_with_the_reason)
{
    struct kevy_file_options options = file_options(O_RDONLY);

    document_start(&document, &options);
    work_init(&work);
    ck_assert_int_eq(kevy_file_read(&document.file, &work.operation, path, 1, 0), -EBADF);
    TURN_UNTIL(document.closes);
    ck_assert_uint_eq(document.opens, 0);
    ck_assert_int_eq(document.reason, -ENOENT);
}
END_TEST

START_TEST(a_path_may_start_from_a_directory)
{
    struct kevy_file_options options = file_options(O_RDWR | O_CREAT);
    int directory = open(folder, O_PATH | O_CLOEXEC);

    options.path = "document";
    memset(&document, 0, sizeof document);
    QUIETLY(ck_assert_int_eq(kevy_file_open_at(&document.file, reactor, directory, &options), 0));
    TURN_UNTIL(document.opens);
    document_end(&document);
    close(directory);
    ck_assert_int_eq(access(path, R_OK), 0);
}
END_TEST

START_TEST(an_opened_file_is_closed_on_exec)
{
    document_create(&document);
    TURN_UNTIL(document.opens);
    ck_assert_int_eq(fcntl(kevy_file_fd(&document.file), F_GETFD), FD_CLOEXEC);
    document_end(&document);
}
END_TEST

START_TEST(an_adopted_descriptor_is_a_file)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    document_adopt(&document, fd);
    ck_assert_uint_eq(document.opens, 0);
    TURN_UNTIL(document.opens);
    ck_assert_int_eq(write_text("adopted", 0), 7);
    ck_assert_int_eq(kevy_file_fd(&document.file), fd);
    ck_assert_ptr_eq(kevy_file_reactor(&document.file), reactor);
    document_end(&document);
    ck_assert_int_lt(fcntl(fd, F_GETFD), 0);
}
END_TEST

START_TEST(descriptor_0_is_a_file_and_a_directory_like_any_other)
{
    struct kevy_file_options options = file_options(O_RDWR);
    int before = dup(STDIN_FILENO), fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    ck_assert_int_eq(dup2(fd, STDIN_FILENO), STDIN_FILENO);
    close(fd);
    document_adopt(&document, STDIN_FILENO);
    TURN_UNTIL(document.opens);
    ck_assert_int_eq(write_text("adopted", 0), 7);
    document_end(&document);
    ck_assert_int_eq(open(folder, O_PATH | O_CLOEXEC), STDIN_FILENO);
    options.path = "document";
    memset(&document, 0, sizeof document);
    ck_assert_int_eq(kevy_file_open_at(&document.file, reactor, STDIN_FILENO, &options), 0);
    TURN_UNTIL(document.opens);
    document_end(&document);
    ck_assert_int_eq(dup2(before, STDIN_FILENO), STDIN_FILENO);
    close(before);
}
END_TEST

START_TEST(a_restricted_reactor_opens_files_only_when_told_so)
{
    static const uint8_t operations[] = {KEVY_OP_OPENAT};
    struct kevy_file_options options = file_options(O_RDWR | O_CREAT);

    reactor_setup_with(&(struct kevy_reactor_options){.restricted = true});
    document_start(&document, &options);
    TURN_UNTIL(document.closes);
    ck_assert_int_eq(document.reason, -EACCES);
    document_adopt(&document, open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    TURN_UNTIL(document.opens);
    ck_assert_int_eq(write_text("adopted", 0), 7);
    document_end(&document);
    reactor_setup_with(&(struct kevy_reactor_options){
        .restricted = true, .operations = operations, .operation_count = 1});
    document_create(&document);
    document_end(&document);
}
END_TEST

START_TEST(what_is_no_file_is_refused_at_once)
{
    struct kevy_file_options options = file_options(O_RDONLY);

    ck_assert_int_eq(kevy_file_open_at(&document.file, reactor, -1, &options), -EBADF);
    ck_assert_int_eq(kevy_file_adopt(&document.file, reactor, 1, &options), -EINVAL);
    options.path = NULL;
    ck_assert_int_eq(kevy_file_open(&document.file, reactor, &options), -EINVAL);
    ck_assert_int_eq(kevy_file_adopt(&document.file, reactor, 1000000, &options), -EBADF);
    ck_assert_int_eq(kevy_file_adopt(&document.file, reactor, -1, &options), -EBADF);
    ck_assert_uint_eq(stats_now().objects, 0);
}
END_TEST

/* A file whose read waits: the reading end of a pipe. The other end is returned. */
static int document_pipe(struct document *at)
{
    int pipes[2];

    ck_assert_int_eq(pipe2(pipes, O_CLOEXEC), 0);
    document_adopt(at, pipes[0]);
    TURN_UNTIL(at->opens);
    return pipes[1];
}

static void read_pipe(struct document *from, struct work *at, char *byte)
{
    work_init(at);
    at->document = from;
    QUIETLY(ck_assert_int_eq(
        kevy_file_read(&from->file, &at->operation, byte, 1, KEVY_FILE_POSITION), 0));
    ck_assert(kevy_file_operation_active(&at->operation));
}

START_TEST(closing_waits_for_what_is_in_flight_and_takes_no_more)
{
    char byte = 0;
    int fd = document_pipe(&document);

    read_pipe(&document, &work, &byte);
    turns(3);
    QUIETLY(kevy_file_close(&document.file));
    QUIETLY(kevy_file_close(&document.file));
    work_init(&later);
    ck_assert_int_eq(kevy_file_read(&document.file, &later.operation, &byte, 1, 0), -EBADF);
    turns(5);
    ck_assert_uint_eq(document.closes, 0);
    ck_assert_int_eq(write(fd, "!", 1), 1);
    ck_assert_int_eq(work_end(&work), 1);
    ck_assert_int_eq(byte, '!');
    TURN_UNTIL(document.closes);
    ck_assert_int_eq(document.reason, 0);
    close(fd);
}
END_TEST

START_TEST(a_cancelled_operation_reports_once_and_others_stay)
{
    char bytes[2] = {0};
    int fd = document_pipe(&document);

    read_pipe(&document, &work, &bytes[0]);
    read_pipe(&document, &later, &bytes[1]);
    turns(3);
    QUIETLY(ck_assert_int_eq(kevy_file_cancel(&work.operation), 0));
    ck_assert_int_eq(work_end(&work), -ECANCELED);
    ck_assert_int_eq(kevy_file_cancel(&work.operation), -ENOENT);
    ck_assert_uint_eq(later.dones, 0);
    ck_assert_int_eq(write(fd, "!", 1), 1);
    ck_assert_int_eq(work_end(&later), 1);
    document_end(&document);
    close(fd);
}
END_TEST

START_TEST(closing_while_opening_gives_the_descriptor_back)
{
    struct kevy_file_options options = file_options(O_RDWR | O_CREAT);

    document_start(&document, &options);
    if (_i)
        kevy_reactor_run_once(reactor, 0);
    if (document.closes == 0)
        document_end(&document);
}
END_TEST

START_TEST(closing_in_open_is_allowed)
{
    struct kevy_file_options options = file_options(O_RDWR | O_CREAT);

    document_start(&document, &options);
    document.close_on_open = true;
    TURN_UNTIL(document.closes);
    ck_assert_uint_eq(document.opens, 1);
    document_adopt(&document, open(path, O_RDONLY | O_CLOEXEC));
    document.close_on_open = true;
    TURN_UNTIL(document.closes);
    ck_assert_uint_eq(document.opens, 1);
}
END_TEST

START_TEST(an_opening_that_waits_is_given_up_by_closing)
{
    struct kevy_file_options options = file_options(O_RDONLY);

    ck_assert_int_eq(mkfifo(path, 0600), 0); /* no writer: opening it waits */
    document_start(&document, &options);
    turns(3);
    document_end(&document);
}
END_TEST

START_TEST(a_draining_reactor_asks_for_the_end_and_aborts_at_its_deadline)
{
    struct kevy_file_options options = file_options(O_RDWR | O_CREAT);
    char byte;
    int fd;

    options.finish = document_finish;
    document_start(&document, &options);
    fd = document_pipe(&second);
    read_pipe(&second, &work, &byte);
    TURN_UNTIL(document.opens);
    kevy_reactor_finish(reactor, KEVY_MILLISECONDS(20));
    TURN_UNTIL(document.closes);
    ck_assert_uint_eq(document.finishes, 1);
    ck_assert_uint_eq(second.closes, 0);
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
    ck_assert_int_eq(second.reason, -ECANCELED);
    ck_assert_int_eq(work.result, -ECANCELED);
    close(fd);
}
END_TEST

START_TEST(destroying_the_reactor_ends_files_in_every_state)
{
    static struct document documents[3];
    struct kevy_file_options options = file_options(O_RDWR | O_CREAT);
    char bytes[2];
    int fds[2];

    fds[0] = document_pipe(&document);
    fds[1] = document_pipe(&second);
    read_pipe(&document, &work, &bytes[0]);
    read_pipe(&second, &later, &bytes[1]);
    kevy_file_close(&second.file);
    turns(2);
    for (unsigned index = 0; index < 3; index++) {
        document_start(&documents[index], &options);
        if (index == 0)
            TURN_UNTIL(documents[0].opens);
    }
    kevy_file_close(&documents[1].file);
    ck_assert_uint_eq(kevy_reactor_destroy(reactor), 5);
    reactor = NULL;
    ck_assert_int_eq(document.reason, -ECANCELED);
    ck_assert_int_eq(second.reason, 0);
    ck_assert_uint_eq(work.dones, 1);
    ck_assert_uint_eq(later.dones, 1);
    for (unsigned index = 0; index < 3; index++)
        ck_assert_uint_eq(documents[index].closes, 1);
    close(fds[0]);
    close(fds[1]);
    reactor_setup();
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("file");
    TCase *tests = tcase_create("files");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 20);
    tcase_add_test(tests, what_was_written_is_read_where_it_was_written);
    tcase_add_test(tests, a_file_has_places_beyond_what_32_bits_count);
    tcase_add_test(tests, short_results_are_passed_on_unchanged);
    tcase_add_test(tests, an_operation_reports_the_errno_of_the_kernel);
    tcase_add_test(tests, the_position_of_a_file_moves_on);
    tcase_add_test(tests, fsync_and_statx_report);
    tcase_add_test(tests, many_operations_are_in_flight_at_once);
    tcase_add_test(tests, an_operation_may_be_started_again_from_its_callback);
    tcase_add_test(tests, a_file_that_is_not_there_closes_with_the_reason);
    tcase_add_test(tests, a_path_may_start_from_a_directory);
    tcase_add_test(tests, an_opened_file_is_closed_on_exec);
    tcase_add_test(tests, an_adopted_descriptor_is_a_file);
    tcase_add_test(tests, descriptor_0_is_a_file_and_a_directory_like_any_other);
    tcase_add_test(tests, a_restricted_reactor_opens_files_only_when_told_so);
    tcase_add_test(tests, what_is_no_file_is_refused_at_once);
    tcase_add_test(tests, closing_waits_for_what_is_in_flight_and_takes_no_more);
    tcase_add_test(tests, a_cancelled_operation_reports_once_and_others_stay);
    tcase_add_loop_test(tests, closing_while_opening_gives_the_descriptor_back, 0, 2);
    tcase_add_test(tests, closing_in_open_is_allowed);
    tcase_add_test(tests, an_opening_that_waits_is_given_up_by_closing);
    tcase_add_test(tests, a_draining_reactor_asks_for_the_end_and_aborts_at_its_deadline);
    tcase_add_test(tests, destroying_the_reactor_ends_files_in_every_state);
    suite_add_tcase(suite, tests);
    return suite;
}
