/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/sim.h - kevy-sim: a simulated world in which your server runs in a test.
 *
 * A test function creates a reactor as your program does, on a simulated kernel. Your callbacks run
 * on it, unmodified. The clients, the network, the clock and all faults come from one number, the
 * seed: the same seed gives the same run, every time. A run takes milliseconds, because nobody
 * waits: when the program sleeps, the clock moves to the next event.
 *
 * kevy-sim is a library of its own, for tests alone: dependency('kevy-sim') in Meson. Do not link
 * it into a product.
 *
 * A world
 *
 *     1. kevy_sim_run() makes a world for each seed, in a child process, and calls your test
 *        function. So a crash is found like any other failure, and each world begins with the
 *        global variables as they were.
 *     2. The test function creates a reactor with kevy_sim_reactor_options(), starts the server and
 *        its peers, and calls kevy_sim_serve(). This runs the reactor until the world is over: all
 *        scripts have come to their end.
 *     3. It closes the server, destroys the reactor and returns. Then nothing may be left: no
 *        descriptor, no memory of the reactor, no request, no script.
 *
 *     Faults happen until the world has had a number of events (`events` in the options). Then it
 *     is quiet: no fault happens, partitions are healed, and everything must come to its end by
 *     itself, in `quiet_ns` of virtual time.
 *
 * Failures
 *
 *     A world fails if a script gets something that it does not expect; if an invariant of yours
 *     does not hold; if the program asserts, crashes, or a sanitizer reports; if it uses a
 *     descriptor that is not open, or writes to memory that the kernel is sending from; if it spins
 *     or sleeps without end; if something is left at the end.
 *
 *     Then the world runs again with fewer faults, until the smallest number of faults is found
 *     with which it still fails. The report has the seed, this number, and the last of these
 *     faults. A run with the same seed and number of faults, and with `traced`, shows everything.
 *
 * Threads
 *
 *     A world may have several reactors: a group (<kevy/group.h>), whose `reactor` options are from
 *     kevy_sim_reactor_options(), or reactors whose turns the test function runs. The threads of a
 *     group are real, but only one of them runs at a time: the seed chooses which one goes on when
 *     another enters the kernel or waits. So posts, streams that move to another reactor, and the
 *     end of the group come in many orders, and in the same one for the same seed. A pool of
 *     workers and a resolver have such threads if their option `system` is that of the reactor
 *     options.
 *
 *     A callback must not hold a lock while it calls the library, nor wait for another thread.
 *     Set `count` of the group, because the default depends on the machine. What two threads do at
 *     the very same time is no subject of a world: use ThreadSanitizer.
 *
 * Limits
 *
 *     A process has one world at a time. Peers are TCP and UDP sockets. Children, files and names
 *     are those of <kevy/sim_child.h>, <kevy/sim_file.h> and <kevy/sim_name.h>. A program that
 *     reads another clock or other random numbers is not repeated exactly. TLS works, with keys
 *     whose signatures all have the same length (RSA, Ed25519).
 *
 * Callable from one thread at a time, and from the threads of a group. The library prints the
 * report to standard output, and ends the process of a world that has failed.
 *
 * Kernel: no requirements, the world brings its own: an io_uring of Linux 6.1 to 6.18, or with the
 * option `soft` the soft kernel of the library, on simulated sockets and a simulated epoll.
 *
 * For requests of your own (kevy_reactor_sqe()) the simulated io_uring has the opcodes of sockets,
 * polls, time-outs, cancels and chains, those that open, read, write and sync a file, statx of a
 * descriptor, and that which waits for a child (6.7). It answers -EINVAL to the others, as an older
 * kernel. It has no registered files and no registered buffers.
 *
 * Example: an echo server, 50 worlds
 *
 *     #include <kevy/sim.h>
 *     #include <stdlib.h>
 *
 *     static void client_read(struct kevy_stream *stream, struct kevy_buffer *buffer)
 *     {
 *         kevy_stream_forward(stream, buffer);
 *     }
 *
 *     static void client_close(struct kevy_stream *stream, int reason)
 *     {
 *         (void)reason;
 *         free(stream);
 *     }
 *
 *     static const struct kevy_stream_events client_events = {.read = client_read,
 *                                                             .close = client_close};
 *
 *     static struct kevy_stream *client_accept(struct kevy_listener *listener)
 *     {
 *         struct kevy_stream *stream = calloc(1, sizeof *stream);
 *
 *         (void)listener;
 *         return stream ? kevy_stream_init(stream, &client_events) : NULL;
 *     }
 *
 *     static const struct kevy_sim_step talk[] = {
 *         KEVY_SIM_SEND("hello"),
 *         KEVY_SIM_EXPECT("hello"),
 *         KEVY_SIM_SHUTDOWN,
 *         KEVY_SIM_EXPECT_END,
 *     };
 *
 *     static void test(struct kevy_sim *sim)
 *     {
 *         static struct kevy_sim_script client;
 *         struct kevy_reactor_options options = {0};
 *         struct kevy_listener listener = {0};
 *         struct kevy_reactor *reactor = NULL;
 *
 *         kevy_sim_reactor_options(sim, &options);
 *         kevy_sim_set_calm(sim, true);
 *         kevy_reactor_create(&reactor, &options);
 *         kevy_listener_open(&listener, reactor,
 *                            &(struct kevy_listener_options){.port = 7000,
 *                                                            .accept = client_accept});
 *         kevy_sim_set_calm(sim, false);
 *         kevy_sim_script_start(sim, &client, "client", 7000, talk, 4, 3);
 *         kevy_sim_serve(sim, reactor);
 *         kevy_listener_close(&listener);
 *         kevy_reactor_run(reactor);
 *         kevy_reactor_destroy(reactor);
 *     }
 *
 *     int main(void)
 *     {
 *         return kevy_sim_run(&(struct kevy_sim_options){.test = test, .seeds = 50}, NULL);
 *     }
 */
#ifndef KEVY_SIM_H
#define KEVY_SIM_H

#include <kevy/kevy.h>
#include <kevy/sim_child.h>
#include <kevy/sim_datagram.h>
#include <kevy/sim_file.h>
#include <kevy/sim_name.h>
#include <kevy/sim_peer.h>
#include <kevy/sim_world.h>

#if KEVY_RING_SUPPORTED

KEVY_BEGIN_DECLS

/* ---- Running worlds ------------------------------------------------------------------------ */

/* Options of kevy_sim_run(). A member that is zero means the default, which stands in brackets. */
struct kevy_sim_options {
    const char *name;                   /* for messages ["sim"] */
    void (*test)(struct kevy_sim *sim); /* required */
    void *context;                      /* for you: kevy_sim_context() */
    uint64_t seed;                      /* of the first world; 0 is a seed like any other */
    uint64_t seeds;                     /* worlds, each with the seed after the one before [1] */
    uint64_t events;                    /* of each world, until it is quiet [20000] */
    uint64_t quiet_ns;                  /* for its end after that [600 s] */
    uint64_t fault_limit;               /* faults in each world, if `limited` is true */
    uint32_t linux_minor; /* of Linux 6.x, 1 to 18: the features of this kernel [by the seed] */
    bool limited;
    bool soft;       /* the soft kernel of the library, on the sockets of the world */
    bool traced;     /* print all that happens */
    bool in_process; /* for a debugger: no child process, so no search and no second world */
    bool quick;      /* after a failure, do not search for the smallest number of faults */
};

/* The result of kevy_sim_run(). */
struct kevy_sim_report {
    uint64_t passed;       /* worlds */
    uint64_t events_total; /* of all worlds */
    bool failed;      /* one has failed; the members below are about it, otherwise the last one */
    uint64_t seed;    /* of that world */
    uint64_t faults;  /* that happened in it; after the search, the smallest number */
    uint64_t events;  /* that it had */
    uint64_t time_ns; /* the virtual time when it ended */
    uint64_t digest;  /* of all that happened: equal for equal runs */
    char last_fault[64];
    char reason[256];
};

/*
 * Runs one world after the other, until one fails. Stores the result in *report, unless `report` is
 * NULL, and prints it if a world has failed. Returns 0 if all worlds passed, 1 if one failed, or an
 * error of fork(2), waitpid(2) or mmap(2).
 */
KEVY_API int kevy_sim_run(const struct kevy_sim_options *options, struct kevy_sim_report *report);

/*
 * main() of a test program. Reads the command line, which goes before `options`, runs the worlds
 * and prints the count:
 *
 *     PROGRAM [SEED [EVENTS]]                one world
 *     PROGRAM --seeds FROM COUNT [EVENTS]    many
 *     --faults N                             before it: at most N faults
 *     --soft, --trace, --in-process          before it: see the options
 *     --help                                 alone: prints these
 *
 * Returns the exit status: 0 if all worlds passed.
 */
KEVY_API int kevy_sim_main(int argc, char **argv, const struct kevy_sim_options *options);

/* ---- In a test function -------------------------------------------------------------------- */

KEVY_API void *kevy_sim_context(const struct kevy_sim *sim);
KEVY_API uint64_t kevy_sim_seed(const struct kevy_sim *sim);

/* Makes a reactor with these options run in the world: sets `custom_kernel`, `system` and
 * `allocator`. They are valid until the world ends. Faults strike at once: creating the reactor
 * and opening a listener can fail, as in real life. Repeat them, or see kevy_sim_set_calm(). */
KEVY_API void kevy_sim_reactor_options(struct kevy_sim *sim, struct kevy_reactor_options *options);

/* Runs turns of the reactor until the world is over. Fails the test if the reactor has nothing to
 * wait for before that. */
KEVY_API void kevy_sim_serve(struct kevy_sim *sim, struct kevy_reactor *reactor);

/* Waits until the world is over, for a program whose reactors have threads of their own: a group.
 * Fails the test if no thread has anything to wait for before that. */
KEVY_API void kevy_sim_wait(struct kevy_sim *sim);

/*
 * True when all scripts are over and nobody holds the world. kevy_sim_hold() and kevy_sim_release()
 * are for peers of your own: the world is not over between the two. Each hold needs its release.
 */
KEVY_API bool kevy_sim_over(const struct kevy_sim *sim);
KEVY_API void kevy_sim_hold(struct kevy_sim *sim);
KEVY_API void kevy_sim_release(struct kevy_sim *sim);

/* Calls `run` once when the world is over, for a program that runs its reactor by itself: `run` can
 * send it a signal. A callback of the world. */
KEVY_API void kevy_sim_when_over(struct kevy_sim *sim, void (*run)(struct kevy_sim *sim));

/* Sends a signal to the program, which gets it if it watches it with kevy_signal_watch(); otherwise
 * the signal is lost. */
KEVY_API void kevy_sim_signal(struct kevy_sim *sim, int number);

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_SIM_H */
