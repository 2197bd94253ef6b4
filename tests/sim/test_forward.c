/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Received bytes that go back in part: what the server drops of them, and says of its own. */
#include "crowd.h"

#include <string.h>

static char answer[64], expected[64];
static size_t answer_length, expected_length;
static struct kevy_task words;

static void answer_read(struct kevy_sim_peer *peer)
{
    struct seat *seat = KEVY_CONTAINER_OF(peer, struct seat, peer);
    int result;

    while ((result = kevy_sim_peer_read(peer, answer + answer_length,
                                        (uint32_t)(sizeof answer - answer_length))) > 0)
        answer_length += (size_t)result;
    seat->read = answer_length;
}

static void expect(const void *data, size_t length)
{
    memcpy(expected + expected_length, data, length);
    expected_length += length;
}

/* In the same turn, before the slices are sent. */
static void words_run(struct kevy_task *task, struct kevy_reactor *reactor)
{
    (void)task;
    (void)reactor;
    KEVY_SIM_CHECK(crowd.sim, kevy_stream_send(&crowd.seats[0].stream, " and words", 10) == 0);
    expect(" and words", 10);
}

/* The head of what came, and words behind it: the copies lie in one block with what was dropped. */
static void head_and_words(struct kevy_stream *stream, struct kevy_buffer *buffer)
{
    struct kevy_buffer kept;
    uint32_t head = buffer->length < 4 ? buffer->length : 4;

    crowd_read(stream, buffer);
    KEVY_SIM_CHECK(crowd.sim, kevy_buffer_retain(buffer, &kept) == 0);
    KEVY_SIM_CHECK(crowd.sim, kevy_stream_forward_slice(stream, &kept, 0, head) == 0);
    expect(kept.data, head);
    kevy_buffer_release(&kept);
    words.run = words_run;
    if (crowd_seat(stream)->received == 13)
        kevy_reactor_defer(crowd.reactor, &words);
}

static const struct kevy_stream_events head_events = {.read = head_and_words,
                                                      .close = crowd_closed};

static void slice_and_words(struct kevy_sim *sim)
{
    /* So few buffers that what is kept is a copy. */
    struct kevy_reactor_options options = {.buffer_size = 4096,
                                           .buffer_count = 1U << kevy_sim_below(sim, 2)};
    struct seat *seat = &crowd.seats[0];

    answer_length = 0;
    expected_length = 0;
    crowd_open(sim, &options, &head_events);
    crowd_join(1);
    seat->peer.ready = answer_read;
    KEVY_SIM_CHECK(sim, kevy_sim_peer_write(&seat->peer, "head and tail", 13) == 13);
    crowd_run(KEVY_SECONDS(1));
    KEVY_SIM_CHECK(sim, answer_length == expected_length && expected_length > 10);
    KEVY_SIM_CHECK(sim, memcmp(answer, expected, answer_length) == 0);
    crowd_close();
}

START_TEST(what_is_sent_behind_a_slice_comes_behind_it)
{
    sim_passes_on(slice_and_words, 20, _i == 1);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("forward");
    TCase *tcase = tcase_create("forward");

    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, what_is_sent_behind_a_slice_comes_behind_it, 0, 2);
    suite_add_tcase(suite, tcase);
    return suite;
}
