/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The buffer of a multishot recvmsg, whatever is in it and whatever room its request had left: the
 * parts of a message lie one behind the other within the buffer, and all of it is accounted for.
 */
#include "fuzz.h"

#include <kevy/ring_result.h>

/* Sums of rooms that wrap 32 bits, or that nothing fits, come from the high shifts. */
static uint32_t room(struct choices *choices)
{
    uint32_t value = choice(choices);

    return value << choice(choices) % 32;
}

static void check(const struct kevy_recvmsg *message, const uint8_t *buffer, size_t length,
                  const struct msghdr *request)
{
    const uint8_t *name = message->name, *control = message->control, *payload = message->payload;
    struct msghdr walk = kevy_recvmsg_control(message);

    MUST(name == buffer + sizeof(struct kevy_recvmsg_out));
    MUST(control == name + request->msg_namelen);
    MUST(payload == control + request->msg_controllen);
    MUST(message->name_length <= request->msg_namelen);
    MUST(message->control_length <= request->msg_controllen);
    MUST(payload + message->payload_length == buffer + length);
    MUST(walk.msg_control == control && walk.msg_controllen == message->control_length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct choices choices = {data, data + size};
    struct msghdr request = {.msg_namelen = room(&choices)};
    struct kevy_recvmsg message;
    size_t length;
    uint8_t *buffer;

    request.msg_controllen = room(&choices);
    length = (size_t)(choices.end - choices.at);
    buffer = exact_copy(choices.at, length);
    if (kevy_recvmsg_parse(&message, buffer, (uint32_t)length, &request))
        check(&message, buffer, length, &request);
    else
        MUST(length < sizeof(struct kevy_recvmsg_out) + (uint64_t)request.msg_namelen +
                          request.msg_controllen);
    free(buffer);
    return 0;
}
