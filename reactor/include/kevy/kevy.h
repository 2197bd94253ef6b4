/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/kevy.h - all of kevy-reactor in one include, and the first page of its manual.
 *
 * The headers are the manual. To write a server, read them in this order:
 *
 *     reactor.h      the loop, and the rules for all objects: order, ownership, threads, errors
 *     listener.h     accepts connections
 *     stream.h       a connection: reading, a write queue, deadlines, closing
 *     recv_pool.h    the received bytes
 *     timer.h        callbacks at a later time
 *     signal.h       signals as callbacks
 *     group.h        one reactor for each CPU
 *
 * Read these when you need them:
 *
 *     connector.h    connects a stream to the first of several addresses that answers
 *     resolver.h     names to addresses
 *     address.h      addresses as text, and in lists
 *     datagram.h     UDP and Unix datagrams
 *     file.h         files
 *     child.h        exits of child processes
 *     task.h         callbacks that another thread asks for
 *     work.h         blocking work on other threads
 *     completion.h   any other request of io_uring
 *     ring_kernel.h  the kernel below: io_uring, the soft kernel, one of your own
 *     system.h       replaces the system calls, for tests
 *     ring_explain.h errors as sentences, for a human
 *     tls.h          encrypted streams; a library of its own, and not part of this include
 *
 * Where to find
 *
 *     a guide, chapter by chapter      examples/guide/README.md
 *     a TLS server                     the example in tls.h, and examples/tls_echo.c
 *     why a stream was closed          `close` in stream.h, and in tls.h for TLS
 *     a restart that loses no request  "Replacing a running server" in listener.h,
 *                                      kevy_reactor_finish(), and examples/handover.c
 *     a server in a container          "Kernel" in reactor.h; kevy_reactor_explain_kernel() says
 *                                      on which kernel it runs, and why
 *     clients that do not read         "Memory" in reactor.h, and the deadlines in stream.h
 *
 * Memory
 *
 *     There is one rule. A struct of this library that is all zero is valid and idle, so zero the
 *     memory before you use it for the first time:
 *
 *         struct kevy_timer timer = {0};
 *         struct client *client = calloc(1, sizeof *client);
 *
 *     An object that has ended is idle again. You can start it again as it is, from its last
 *     callback on. The library asserts, with a sentence, that an object is not started twice, that
 *     its memory was zeroed, and that a required callback is not NULL.
 *
 * Descriptors
 *
 *     A function that makes an object of a descriptor takes 0 like any other, and returns -EBADF
 *     for a negative one. No options contain a descriptor, because zero means the default there.
 *
 * Callbacks
 *
 *     object                                    its callbacks are
 *     stream                                    a table for many streams, which is not copied
 *     listener, datagram socket, file,          members of the options, which are copied
 *     connector, look-up, group, reactor
 *     timer, signal, child, completion          an argument of the function that starts it
 *     task, work, file operation, pinned send,  members of the struct itself; set them before you
 *     file range                                hand it over
 *
 * Start and end
 *
 *     object        starts with                       ends with                    last callback
 *     reactor       _create()                         _destroy()                   none
 *       its loop    _run(), _run_once()               _stop(), _finish()           none
 *     group         _start()                          _finish(), then _join()      none
 *     listener      _open(), _adopt()                 _close(); _finish() accepts  close
 *                                                     the backlog before
 *     stream        _init(), then accepted by a       _close() after its queue     close
 *                   listener, _connect(), _adopt(),   is sent, _abort() at once,
 *                   or a connector                    _detach() keeps it open
 *     connector     _start()                          by itself, _cancel()         done
 *     datagram      _open(), _adopt()                 _close()                     close
 *     file          _open(), _open_at(), _adopt()     _close()                     close
 *       operation   _read(), _write(), _fsync(),      by itself, _cancel()         done
 *                   _statx()
 *     completion    _init(), then a request in the    by itself, _cancel()         done
 *                   slot of _sqe()
 *       time limit  _timeout_start()                  by itself, _timeout_stop()   none
 *     timer         _start(), _start_slack(),         a one-shot by itself,        none
 *                   _start_periodic()                 _stop()
 *     signal        _watch()                          _unwatch()                   none
 *     child         _watch()                          by itself, _unwatch()        done
 *     task          kevy_reactor_post(), _defer()     by itself                    run
 *     workers       _create()                         _destroy()                   none
 *     work          _submit()                         by itself, _cancel()         done
 *     resolver      _open()                           _close()                     none
 *     look-up       _start()                          by itself, _cancel()         done
 *       addresses   with a successful `done`          kevy_lookup_release()        none
 *     kept buffer   _retain(), _share()               _release(), or a forward     none
 *
 *     An object with a last callback ends later: after _close(), _abort(), _cancel() or _unwatch()
 *     its memory is still in use until that callback. An object without one ends at once: after
 *     _stop(), or _unwatch() of a signal, its memory is yours again when the function returns.
 *
 *     Each function that ends something may be called several times, and from any callback.
 *     Exceptions are kevy_reactor_destroy(), kevy_group_join() and kevy_workers_destroy(), because
 *     they free memory of the library.
 *
 * Example: an echo server for many clients, which ends at SIGTERM
 *
 *     #include <kevy/kevy.h>
 *
 *     #include <signal.h>
 *     #include <stdio.h>
 *     #include <stdlib.h>
 *
 *     static struct kevy_reactor *reactor;
 *
 *     struct client {
 *         struct kevy_stream stream;
 *     };
 *
 *     static void client_read(struct kevy_stream *stream, struct kevy_buffer *buffer)
 *     {
 *         kevy_stream_forward(stream, buffer);
 *     }
 *
 *     static void client_close(struct kevy_stream *stream, int reason)
 *     {
 *         (void)reason;
 *         free(KEVY_CONTAINER_OF(stream, struct client, stream));
 *     }
 *
 *     static const struct kevy_stream_events client_events = {
 *         .read = client_read,
 *         .close = client_close,
 *     };
 *
 *     static struct kevy_stream *client_accept(struct kevy_listener *listener)
 *     {
 *         struct client *client = calloc(1, sizeof *client);
 *
 *         (void)listener;
 *         return client ? kevy_stream_init(&client->stream, &client_events) : NULL;
 *     }
 *
 *     static void term_fire(struct kevy_signal *watch)
 *     {
 *         (void)watch;
 *         kevy_reactor_finish(reactor, KEVY_SECONDS(5));
 *     }
 *
 *     int main(int argc, char **argv)
 *     {
 *         struct kevy_listener_options options = {.address = "127.0.0.1", .accept = client_accept};
 *         struct kevy_listener listener = {0};
 *         struct kevy_signal term = {0};
 *         char text[512];
 *         int error = kevy_reactor_create(&reactor, NULL);
 *
 *         options.port = (uint16_t)(argc > 1 ? atoi(argv[1]) : 7000);
 *         if (!error)
 *             error = kevy_signal_watch(&term, reactor, SIGTERM, term_fire);
 *         if (!error)
 *             error = kevy_listener_open(&listener, reactor, &options);
 *         if (!error) {
 *             printf("%u\n", kevy_listener_port(&listener));
 *             fflush(stdout);
 *             error = kevy_reactor_run(reactor);
 *         }
 *         kevy_reactor_destroy(reactor);
 *         if (!error)
 *             return 0;
 *         kevy_ring_explain(error, text, sizeof text);
 *         fprintf(stderr, "echo: %s\n", text);
 *         return 1;
 *     }
 */
#ifndef KEVY_KEVY_H
#define KEVY_KEVY_H

#include <kevy/address.h>
#include <kevy/child.h>
#include <kevy/completion.h>
#include <kevy/connector.h>
#include <kevy/datagram.h>
#include <kevy/file.h>
#include <kevy/group.h>
#include <kevy/listener.h>
#include <kevy/reactor.h>
#include <kevy/recv_pool.h>
#include <kevy/resolver.h>
#include <kevy/ring_explain.h>
#include <kevy/signal.h>
#include <kevy/stream.h>
#include <kevy/system.h>
#include <kevy/task.h>
#include <kevy/timer.h>
#include <kevy/work.h>

#endif /* KEVY_KEVY_H */
