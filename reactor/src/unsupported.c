/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * All of kevy-reactor where there is no io_uring: it can be linked with, and holds nothing.
 *
 * A library of no objects is something that not every linker makes or takes, hence this one.
 */

/* ISO C wants a declaration in each file; this one leaves no symbol. */
enum { REACTOR_UNSUPPORTED };
