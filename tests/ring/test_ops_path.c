/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* The preps of <kevy/ring_prep_path.h>, run on this kernel, in a directory of their own. */

#include "ops.h"
#include "scratch.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/xattr.h>

/* musl has these in newer releases only. */
#ifndef STATX_SIZE
#include <linux/stat.h>
#endif
#ifndef RENAME_NOREPLACE
#include <linux/fs.h>
#endif

static scratch_path directory;
static int directory_fd;

static void directory_setup(void)
{
    ck_assert(scratch_folder(directory));
    directory_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_ge(directory_fd, 0);
}

/* The tests make nothing deeper than one level. */
static void directory_teardown(void)
{
    DIR *listing = fdopendir(directory_fd);

    for (const struct dirent *entry = readdir(listing); entry; entry = readdir(listing))
        if (unlinkat(directory_fd, entry->d_name, 0) != 0)
            unlinkat(directory_fd, entry->d_name, AT_REMOVEDIR);
    closedir(listing);
    rmdir(directory);
}

static int file_new(const char *name)
{
    int fd = openat(directory_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    ck_assert_int_ge(fd, 0);
    return fd;
}

static struct stat look(const char *name)
{
    struct stat status;

    memset(&status, 0, sizeof status);
    if (fstatat(directory_fd, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
        status.st_mode = 0;
    return status;
}

START_TEST(statx_describes_a_file)
{
    struct statx result;
    int fd = file_new("file");

    ck_assert_int_eq(write(fd, "hello", 5), 5);
    memset(&result, 0, sizeof result);
    kevy_prep_statx(request(1), directory_fd, "file", 0, STATX_SIZE | STATX_MODE, &result);
    expect(1, 0);
    ck_assert_uint_eq(result.stx_size, 5);
    ck_assert_uint_eq(result.stx_mode, S_IFREG | 0600);
    kevy_prep_statx(request(1), fd, "", AT_EMPTY_PATH, STATX_SIZE, &result);
    expect(1, 0);
    kevy_prep_statx(request(1), directory_fd, "none", 0, STATX_SIZE, &result);
    expect(1, -ENOENT);
}
END_TEST

START_TEST(statx_borrows_its_path)
{
    struct statx result;
    char name[] = "file";

    file_new("file");
    kevy_prep_statx(request(1), directory_fd, name, 0, STATX_SIZE, &result);
    submit();
    memset(name, 'x', sizeof name - 1);
    expect(1, 0);
}
END_TEST

START_TEST(renameat_renames)
{
    ino_t inode;

    file_new("old");
    inode = look("old").st_ino;
    kevy_prep_renameat(request(1), directory_fd, "old", directory_fd, "new", 0);
    expect(1, 0);
    ck_assert_uint_eq(look("old").st_mode, 0);
    ck_assert_uint_eq(look("new").st_ino, inode);
    file_new("old");
    kevy_prep_renameat(request(1), directory_fd, "old", directory_fd, "new", RENAME_NOREPLACE);
    expect(1, -EEXIST);
}
END_TEST

START_TEST(unlinkat_removes_files_and_directories)
{
    file_new("file");
    kevy_prep_unlinkat(request(1), directory_fd, "file", 0);
    expect(1, 0);
    ck_assert_uint_eq(look("file").st_mode, 0);
    ck_assert_int_eq(mkdirat(directory_fd, "below", 0700), 0);
    kevy_prep_unlinkat(request(1), directory_fd, "below", 0);
    expect(1, -EISDIR);
    kevy_prep_unlinkat(request(1), directory_fd, "below", AT_REMOVEDIR);
    expect(1, 0);
    ck_assert_uint_eq(look("below").st_mode, 0);
}
END_TEST

START_TEST(mkdirat_makes_a_directory)
{
    kevy_prep_mkdirat(request(1), directory_fd, "below", 0700);
    expect(1, 0);
    ck_assert_uint_eq(look("below").st_mode, S_IFDIR | 0700);
    kevy_prep_mkdirat(request(1), directory_fd, "below", 0700);
    expect(1, -EEXIST);
}
END_TEST

START_TEST(symlinkat_points_at_its_target)
{
    char target[16];

    kevy_prep_symlinkat(request(1), "where", directory_fd, "link");
    expect(1, 0);
    ck_assert_uint_eq(look("link").st_mode & S_IFMT, S_IFLNK);
    ck_assert_int_eq(readlinkat(directory_fd, "link", target, sizeof target), 5);
    ck_assert_mem_eq(target, "where", 5);
}
END_TEST

START_TEST(linkat_gives_a_second_name)
{
    file_new("file");
    kevy_prep_linkat(request(1), directory_fd, "file", directory_fd, "same", 0);
    expect(1, 0);
    ck_assert_uint_eq(look("same").st_ino, look("file").st_ino);
    ck_assert_uint_eq(look("same").st_nlink, 2);
    kevy_prep_linkat(request(1), directory_fd, "none", directory_fd, "same", 0);
    expect(1, -ENOENT);
}
END_TEST

START_TEST(fsetxattr_and_fgetxattr)
{
    char value[16] = "value";
    int fd = file_new("file");

    kevy_prep_fsetxattr(request(1), fd, "user.kevy", value, 5, XATTR_CREATE);
    submit();
    memset(value, 0, sizeof value); /* BORROWED only */
    expect(1, 0);
    ck_assert_int_eq(fgetxattr(fd, "user.kevy", value, sizeof value), 5);
    ck_assert_mem_eq(value, "value", 5);
    kevy_prep_fsetxattr(request(1), fd, "user.kevy", value, 5, XATTR_CREATE);
    expect(1, -EEXIST);
    memset(value, 0, sizeof value);
    kevy_prep_fgetxattr(request(1), fd, "user.kevy", value, sizeof value);
    expect(1, 5);
    ck_assert_mem_eq(value, "value", 5);
    kevy_prep_fgetxattr(request(1), fd, "user.kevy", NULL, 0);
    expect(1, 5);
    kevy_prep_fgetxattr(request(1), fd, "user.kevy", value, 2);
    expect(1, -ERANGE);
}
END_TEST

START_TEST(setxattr_and_getxattr)
{
    char value[16];
    char path[sizeof directory + 8];

    file_new("file");
    snprintf(path, sizeof path, "%s/file", directory);
    kevy_prep_setxattr(request(1), path, "user.kevy", "value", 5, 0);
    expect(1, 0);
    ck_assert_int_eq(getxattr(path, "user.kevy", value, sizeof value), 5);
    memset(value, 0, sizeof value);
    kevy_prep_getxattr(request(1), path, "user.kevy", value, sizeof value);
    expect(1, 5);
    ck_assert_mem_eq(value, "value", 5);
    kevy_prep_getxattr(request(1), path, "user.none", value, sizeof value);
    expect(1, -ENODATA);
}
END_TEST

/* A property of the file system that holds the temporary directory; asked outside any test. */
static int has_user_attributes(void)
{
    scratch_path name;
    int fd = scratch_file(name);
    int result = fd >= 0 && fsetxattr(fd, "user.kevy", "x", 1, 0) == 0;

    close(fd);
    unlink(name);
    return result;
}

Suite *test_suite(void)
{
    const struct ops_test names[] = {
        {statx_describes_a_file, 506},     {statx_borrows_its_path, 518},
        {renameat_renames, 511},           {unlinkat_removes_files_and_directories, 511},
        {mkdirat_makes_a_directory, 515},  {symlinkat_points_at_its_target, 515},
        {linkat_gives_a_second_name, 515},
    };
    const struct ops_test attributes[] = {
        {fsetxattr_and_fgetxattr, 519},
        {setxattr_and_getxattr, 519},
    };
    Suite *suite = suite_create("ring_ops_path");
    TCase *name = ops_case("name", names, COUNT(names));

    tcase_add_checked_fixture(name, directory_setup, directory_teardown);
    suite_add_tcase(suite, name);
    if (has_user_attributes()) {
        TCase *attribute = ops_case("attribute", attributes, COUNT(attributes));
        tcase_add_checked_fixture(attribute, directory_setup, directory_teardown);
        suite_add_tcase(suite, attribute);
    } else {
        support_skip("*xattr", "the file system of /tmp has no user attributes");
    }
    return suite;
}
