/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * For examples that are built once more for their tests, with kevy_stream_set_deadline() renamed to
 * what is below: the program is the same, and all its deadlines are a hundredth of what they are.
 */

#include <kevy/kevy.h>

void hurried_deadline(struct kevy_stream *stream, enum kevy_deadline deadline, uint64_t timeout_ns);

void hurried_deadline(struct kevy_stream *stream, enum kevy_deadline deadline, uint64_t timeout_ns)
{
    kevy_stream_set_deadline(stream, deadline, timeout_ns / 100);
}
