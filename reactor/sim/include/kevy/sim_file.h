/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/sim_file.h - the files and pipes of a simulated world.
 *
 * Part of <kevy/sim.h>, which explains the world as a whole.
 *
 * A file is a path and an array of yours, which holds its bytes. The program opens it with
 * kevy_file_open(), or gets a descriptor from kevy_sim_file_open(). Paths are compared as text:
 * there are no folders, and a path that was not added does not exist. Reads, writes, fsync and
 * statx work, and so do ranges with kevy_stream_send_file().
 *
 * Bytes can be spliced between a pipe and another descriptor, see kevy_prep_splice().
 *
 * The faults KEVY_SIM_FILE_* make a file fail, slow, or read in pieces. A world does not simulate
 * rename, unlink, or any other request on names.
 *
 * Example: a server reads its greeting from a file that is slow and fails now and then
 *
 *     #include <fcntl.h>
 *     #include <kevy/sim.h>
 *     #include <stdio.h>
 *     #include <string.h>
 *
 *     static char text[] = "hello";
 *     static struct greeting {
 *         struct kevy_file file;
 *         struct kevy_file_operation read;
 *         struct kevy_sim *sim;
 *         char bytes[16];
 *     } greeting;
 *
 *     static void read_done(struct kevy_file_operation *operation, int result)
 *     {
 *         (void)operation;
 *         if (result == 5)
 *             KEVY_SIM_CHECK(greeting.sim, memcmp(greeting.bytes, "hello", 5) == 0);
 *         kevy_file_close(&greeting.file);
 *     }
 *
 *     static void file_open(struct kevy_file *file)
 *     {
 *         greeting.read.done = read_done;
 *         if (kevy_file_read(file, &greeting.read, greeting.bytes, sizeof greeting.bytes, 0) != 0)
 *             kevy_file_close(file);
 *     }
 *
 *     static void test(struct kevy_sim *sim)
 *     {
 *         static struct kevy_sim_file file;
 *         struct kevy_file_options open = {.path = "/etc/greeting", .open = file_open};
 *         struct kevy_reactor_options options = {0};
 *         struct kevy_reactor *reactor = NULL;
 *
 *         file = (struct kevy_sim_file){
 *             .path = "/etc/greeting", .data = text, .size = 5, .room = 5};
 *         greeting.sim = sim;
 *         kevy_sim_file_add(sim, &file);
 *         kevy_sim_reactor_options(sim, &options);
 *         while (kevy_reactor_create(&reactor, &options) != 0)
 *             continue;
 *         if (kevy_file_open(&greeting.file, reactor, &open) == 0)
 *             kevy_reactor_run(reactor);
 *         kevy_reactor_destroy(reactor);
 *     }
 *
 *     int main(void)
 *     {
 *         return kevy_sim_run(&(struct kevy_sim_options){.test = test, .seeds = 20}, NULL);
 *     }
 */
#ifndef KEVY_SIM_FILE_H
#define KEVY_SIM_FILE_H

#include <kevy/api.h>
#include <kevy/sim_world.h>

#if KEVY_RING_SUPPORTED

KEVY_BEGIN_DECLS

/* A file. Fill in the first members. It is your memory, like its bytes and its path: PINNED until
 * the end of the world. */
struct kevy_sim_file {
    const char *path;
    void *data;
    uint64_t size;              /* bytes in it; may be changed, like the next ones */
    uint64_t room;              /* of `data`: a write of more bytes gets -ENOSPC */
    bool is_absent;             /* it does not exist until the program opens it with O_CREAT */
    uint32_t open;              /* times that it is open now; readable */
    struct kevy_sim_file *next; /* private */
};

KEVY_API void kevy_sim_file_add(struct kevy_sim *sim, struct kevy_sim_file *file);

/*
 * open(2), by the program: `flags` are O_RDONLY, O_WRONLY or O_RDWR, with O_CREAT, O_EXCL, O_TRUNC
 * and O_APPEND. It does not fail by chance. Returns a descriptor, which is OWNED by the program, or
 *
 *     -ENOENT  there is no such file
 *     -EEXIST  O_EXCL was asked for, and it exists
 *     -EMFILE  the program has as many descriptors as it may have
 */
KEVY_API int kevy_sim_file_open(struct kevy_sim *sim, const char *path, int flags);

/*
 * pipe2(2), by the program: stores the end to read from, and the end to write to. `flags` is 0 or
 * O_NONBLOCK. How many bytes it keeps depends on the seed: 4 KiB to 64 KiB. It does not fail by
 * chance. Both descriptors are OWNED by the program. Returns 0 or
 *
 *     -EMFILE  the program has as many descriptors as it may have
 */
KEVY_API int kevy_sim_pipe_open(struct kevy_sim *sim, int fds[2], int flags);

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_SIM_FILE_H */
