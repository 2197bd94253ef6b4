/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Points that perf, bpftrace and SystemTap can attach to (USDT, provider `kevy`), where <sys/sdt.h>
 * is there at build time: a nop each, and a note in the ELF file. Elsewhere they are nothing.
 *
 *     turn(turns)           a turn begins
 *     woken(ready)          the wait is over, so many completions are there
 *     stream_open(fd)       a stream has its descriptor
 *     stream_close(reason)  its last callback comes
 *     starved(fd)           it found the receive pool empty
 */
#ifndef KEVY_REACTOR_PROBES_H
#define KEVY_REACTOR_PROBES_H

#if defined(__has_include)
#if __has_include(<sys/sdt.h>)
#include <sys/sdt.h>
#endif
#endif

#ifdef DTRACE_PROBE1
#ifdef __clang__ /* which minds how the header counts the arguments of its macros */
#pragma clang diagnostic ignored "-Wgnu-zero-variadic-macro-arguments"
#endif
#define PROBE(name, value) DTRACE_PROBE1(kevy, name, value)
#else
#define PROBE(name, value) ((void)(value))
#endif

#endif /* KEVY_REACTOR_PROBES_H */
