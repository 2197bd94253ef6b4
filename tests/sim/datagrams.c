/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "datagrams.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "link.h"
#include "pattern.h"
#include "world.h"

enum {
    SOCKETS = 4,
    PEERS = 4,
    PORT = 4000,      /* of the first socket of the program */
    PEER_PORT = 5000, /* of the first peer */
    LENGTH_MAX = 3000,
    BRIEF_MAX = 300, /* of a datagram that finds room in any socket behind another one */
    BURST_MAX = 80,
    SEGMENTS_MAX = 8,
    UNDRAINED_MAX = 50,
    TELLERS = SOCKETS + PEERS,
};

#define PACE_NS  20000000U
#define JAM_NS   KEVY_MILLISECONDS(50)
#define FLOW_NS  KEVY_MILLISECONDS(50)
#define PAUSE_NS 500000000U
/* Room for UDP_GRO in a buffer. */
#define GRO_SIZE 66000U

struct head {
    uint64_t number;
    uint32_t teller;
    uint32_t to;
    uint32_t length;
    uint32_t life; /* the socket's, whose datagrams keep their order; 0: they need not */
};

/* The latest that has come from one to another. */
struct mark {
    uint64_t number;
    uint32_t life;
};

/* One socket of the program. */
struct talker {
    struct kevy_datagram datagram;
    struct kevy_datagram_options options;
    struct sockaddr_in peer;
    struct kevy_timer resume;
    uint32_t index;
    uint64_t accepted; /* datagrams since it was opened */
    uint64_t refused;  /* told, that the kernel refused */
    uint64_t full;     /* sends of the world without room, when it was opened */
    uint32_t undrained;
    bool brief; /* it sends a little and closes */
    bool open;
    bool closing;
    bool paused;
    bool drains;
};

struct peer {
    struct kevy_sim_datagram datagram;
    struct kevy_sim_event change;
    uint32_t index;
};

static struct {
    struct kevy_reactor *reactor;
    struct talker talkers[SOCKETS];
    struct peer peers[PEERS];
    uint64_t numbers[TELLERS];
    struct mark last[TELLERS][TELLERS];
    uint32_t lives[TELLERS];
    bool ordered[TELLERS];
    uint64_t accepted, sent, received, dropped; /* of sockets that are closed */
    uint64_t peers_sent, peers_received;
    uint64_t network_errors, refused;
    uint32_t buffer_size;
    struct kevy_sim_event jam;
    bool jammed;
    bool in_order;  /* the network neither reorders nor duplicates */
    bool segmented; /* a packet may be several datagrams */
    bool closed_early;
    bool abandoned;
    bool threadless; /* a request may end as one that finds no room, and there is some */
    bool little_memory;
    bool quiet;
} all;

static struct talker *talker_of(struct kevy_datagram *datagram)
{
    EXPECT(quiet_calls == 0, "a callback of a datagram socket comes inside a call");
    return KEVY_CONTAINER_OF(datagram, struct talker, datagram);
}

/* ---- What a datagram says ------------------------------------------------------------------ */

static uint64_t pattern_of(const struct head *head)
{
    return head->number * TELLERS + head->teller + 1;
}

static void datagram_write(uint8_t *bytes, uint32_t teller, uint32_t to, uint32_t length)
{
    struct head head = {.number = ++all.numbers[teller],
                        .teller = teller,
                        .to = to,
                        .length = length,
                        .life = all.ordered[teller] ? all.lives[teller] : 0};

    memcpy(bytes, &head, sizeof head);
    pattern_fill(bytes + sizeof head, length - sizeof head, pattern_of(&head), 0);
}

/* Checks one datagram of which `length` bytes of `whole` have come. */
static void datagram_check(const uint8_t *bytes, uint32_t length, uint32_t whole, uint32_t me)
{
    struct head head;
    struct mark *last;

    if (length < sizeof head) {
        EXPECT(whole == 0 || length < whole, "a datagram of %u bytes that nobody sent", whole);
        return;
    }
    memcpy(&head, bytes, sizeof head);
    EXPECT(head.teller < TELLERS && head.to == me, "a datagram for somebody else");
    EXPECT(head.length == whole && head.number <= all.numbers[head.teller],
           "a datagram of %u bytes comes as %u", head.length, whole);
    pattern_check(bytes + sizeof head, length - (uint32_t)sizeof head, pattern_of(&head), 0,
                  "a datagram");
    last = &all.last[me][head.teller];
    if (!all.in_order || head.life < last->life || head.life == 0)
        return;
    EXPECT(head.life > last->life || head.number > last->number, "datagram %llu comes behind %llu",
           (unsigned long long)head.number, (unsigned long long)last->number);
    *last = (struct mark){.life = head.life, .number = head.number};
}

/* ---- The program --------------------------------------------------------------------------- */

static void talker_send(struct talker *talker);

static void mark_look(struct talker *talker)
{
    if (kevy_datagram_queued(&talker->datagram) >= talker->datagram.high_watermark)
        talker->drains = true;
}

static void talker_read(struct kevy_datagram *datagram, struct kevy_datagram_message *message)
{
    struct talker *talker = talker_of(datagram);
    uint32_t length = message->buffer->length;
    uint32_t segment = message->segment_size != 0 ? message->segment_size : message->whole_length;
    const struct sockaddr_in *from = (const void *)message->peer;
    uint32_t at = 0;

    EXPECT(talker->open && !talker->closing && !talker->paused, "a read out of its order");
    EXPECT(length == message->whole_length || length < message->whole_length,
           "a datagram grows to %u bytes", length);
    EXPECT(message->peer_length == sizeof *from && from->sin_family == AF_INET,
           "a datagram of nobody's");
    do {
        uint32_t left = message->whole_length - at;
        uint32_t whole = left < segment ? left : segment;

        datagram_check(message->buffer->data + at, length - at < whole ? length - at : whole, whole,
                       talker->index);
        at += whole;
    } while (at < length);
    if (!all.quiet && kevy_sim_one_in(world, 2))
        talker_send(talker);
}

static void talker_error(struct kevy_datagram *datagram, int error, const struct sockaddr *peer)
{
    struct talker *talker = talker_of(datagram);

    EXPECT(talker->open && !talker->closing, "an error out of its order");
    if (error == -ECONNREFUSED || error == -EHOSTUNREACH) {
        EXPECT(talker->options.peer != NULL && peer == NULL, "an ICMP error comes to nobody");
        all.network_errors++;
        return;
    }
    /* A kernel without memory for a request: of receiving, or of a send that has to wait. */
    if (error == -ENOMEM && kevy_sim_refused(world))
        return;
    EXPECT(error == -ENOBUFS || error == -EPERM, "a datagram socket has error %d", error);
    EXPECT((peer == NULL) == (talker->options.peer != NULL), "a refusal names the wrong peer");
    talker->refused++;
    all.refused++;
}

static void talker_drain(struct kevy_datagram *datagram)
{
    struct talker *talker = talker_of(datagram);

    EXPECT(talker->drains, "a datagram socket drains without a stay at the mark");
    talker->drains = false;
    if (!all.quiet)
        talker_send(talker);
}

/* An open socket drops what the kernel has refused, and what met an error of an earlier one twice.
 * A closing one drops nothing else, unless there was no room; but it does not tell what was
 * refused. */
static void dropped_check(const struct talker *talker, const struct kevy_datagram_stats *stats)
{
    struct kevy_sim_datagrams counts;
    uint64_t untold;

    kevy_sim_datagrams(world, &counts);
    untold = counts.failed > all.refused ? counts.failed - all.refused : 0;
    EXPECT(2 * (stats->dropped - talker->refused) <= counts.found + 2 * untold ||
               all.little_memory || kevy_sim_refused(world),
           "a datagram socket drops %llu, and the kernel refused %llu",
           (unsigned long long)stats->dropped, (unsigned long long)talker->refused);
}

/* Whether a socket that closes may drop what is queued. */
static bool may_drop(const struct talker *talker)
{
    struct kevy_sim_datagrams counts;

    kevy_sim_datagrams(world, &counts);
    return all.abandoned || all.threadless || counts.full != talker->full;
}

static void talker_closed(struct kevy_datagram *datagram)
{
    struct talker *talker = talker_of(datagram);
    struct kevy_datagram_stats stats;

    EXPECT(talker->open, "a datagram socket is closed twice");
    kevy_timer_stop(&talker->resume);
    kevy_datagram_stats(datagram, &stats);
    if (!may_drop(talker))
        dropped_check(talker, &stats);
    all.accepted += talker->accepted;
    all.sent += stats.sent;
    all.received += stats.received;
    all.dropped += stats.dropped;
    talker->open = false;
}

static void talker_open(struct talker *talker)
{
    struct kevy_datagram_options *options = &talker->options;
    uint32_t high = (uint32_t)kevy_sim_magnitude(world, 1000, 200000);
    struct kevy_sim_datagrams counts;
    int error;

    *options = (struct kevy_datagram_options){.address = "127.0.0.1",
                                              .port = (uint16_t)(PORT + talker->index),
                                              .ordered = kevy_sim_one_in(world, 2),
                                              .gro = all.buffer_size >= GRO_SIZE,
                                              .high_watermark = high,
                                              .low_watermark = high / 2,
                                              .read = talker_read,
                                              .error = talker_error,
                                              .drain = talker_drain,
                                              .close = talker_closed};
    if (talker->index % 2 == 1) {
        options->peer = (const void *)&talker->peer;
        options->peer_length = sizeof talker->peer;
    }
    do
        QUIETLY(error = kevy_datagram_open(&talker->datagram, all.reactor, options));
    while (error == -EMFILE);
    EXPECT(error == 0, "opening a datagram socket answers %d", error);
    all.lives[talker->index]++;
    all.ordered[talker->index] = options->ordered;
    talker->accepted = talker->refused = 0;
    kevy_sim_datagrams(world, &counts);
    talker->full = counts.full;
    talker->undrained = 0;
    talker->open = true;
    talker->closing = talker->paused = talker->drains = false;
}

static void talker_close(struct talker *talker)
{
    all.closed_early |= !all.quiet;
    talker->closing = true;
    QUIETLY(kevy_datagram_close(&talker->datagram));
}

static void resume_fire(struct kevy_timer *timer)
{
    struct talker *talker = KEVY_CONTAINER_OF(timer, struct talker, resume);

    talker->paused = false;
    QUIETLY(kevy_datagram_resume(&talker->datagram));
}

static void talker_pause(struct talker *talker)
{
    talker->paused = true;
    QUIETLY(kevy_datagram_pause(&talker->datagram));
    kevy_timer_start(&talker->resume, all.reactor, kevy_sim_magnitude(world, 0, PAUSE_NS),
                     resume_fire);
}

/* Writes one datagram, or several of one length where the world cuts packets. */
static size_t packet_write(struct talker *talker, uint8_t *bytes, uint16_t *segment)
{
    uint32_t to = SOCKETS + (talker->options.peer != NULL ? talker->index
                                                          : (uint32_t)kevy_sim_below(world, PEERS));
    uint32_t length = (uint32_t)kevy_sim_between(world, sizeof(struct head),
                                                 talker->brief ? BRIEF_MAX : LENGTH_MAX);
    uint32_t count = 1;

    if (!talker->brief && all.segmented && kevy_sim_one_in(world, 4)) {
        length = (uint32_t)kevy_sim_between(world, sizeof(struct head), LENGTH_MAX / SEGMENTS_MAX);
        count = (uint32_t)kevy_sim_between(world, 2, SEGMENTS_MAX);
    }
    *segment = count > 1 ? (uint16_t)length : 0;
    for (uint32_t at = 0; at < count; at++)
        datagram_write(bytes + at * length, talker->index, to, length);
    return (size_t)length * count;
}

/* The port that the datagram in `bytes` is for. */
static uint16_t port_of(const uint8_t *bytes)
{
    struct head head;

    memcpy(&head, bytes, sizeof head);
    return (uint16_t)(PEER_PORT + head.to - SOCKETS);
}

static void refusal_check(struct talker *talker, int error, size_t length)
{
    if (error == -EAGAIN) {
        EXPECT(kevy_datagram_queued(&talker->datagram) >= talker->datagram.high_watermark,
               "-EAGAIN below the high mark of a datagram socket");
        talker->drains = true;
        return;
    }
    EXPECT((error == -ENOBUFS && (all.little_memory || kevy_sim_refused(world))) ||
               (error == -EMSGSIZE && all.buffer_size < 2048 && length > 1000),
           "sending a datagram answers %d", error);
}

static void talker_send_one(struct talker *talker)
{
    uint8_t bytes[LENGTH_MAX];
    struct sockaddr_in to = {.sin_family = AF_INET};
    struct kevy_datagram_packet packet = {.data = bytes};
    int error;

    packet.length = packet_write(talker, bytes, &packet.segment_size);
    to.sin_port = htons(port_of(bytes));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (packet.segment_size == 0 && kevy_sim_one_in(world, 16))
        packet.length = 0;
    if (talker->options.peer == NULL) {
        packet.peer = (const void *)&to;
        packet.peer_length = sizeof to;
    }
    QUIETLY(error = kevy_datagram_send_packet(&talker->datagram, &packet));
    memset(bytes, 0xDB, sizeof bytes);
    if (error < 0) {
        refusal_check(talker, error, packet.length);
        return;
    }
    talker->accepted++;
    mark_look(talker);
}

static void talker_send(struct talker *talker)
{
    uint64_t count = kevy_sim_magnitude(world, 1, BURST_MAX);

    for (; count > 0 && talker->open && !talker->closing; count--) {
        talker_send_one(talker);
        if (talker->drains && kevy_sim_one_in(world, 2))
            break; /* at the mark, without a refusal */
    }
}

/* What holds for an open socket at any time. */
static void talker_check(struct talker *talker)
{
    struct kevy_datagram_stats stats;

    if (!talker->open || talker->closing)
        return;
    kevy_datagram_stats(&talker->datagram, &stats);
    dropped_check(talker, &stats);
    EXPECT(stats.sent + talker->refused <= talker->accepted, "more is sent than was given");
    if (talker->drains && kevy_datagram_queued(&talker->datagram) == 0)
        EXPECT(++talker->undrained < UNDRAINED_MAX, "a datagram socket does not drain");
    else
        talker->undrained = 0;
}

/* ---- The peers ----------------------------------------------------------------------------- */

static void peer_send(struct peer *peer)
{
    uint8_t bytes[LENGTH_MAX];
    uint32_t to = (uint32_t)kevy_sim_below(world, SOCKETS);
    uint32_t length = (uint32_t)kevy_sim_between(world, sizeof(struct head), LENGTH_MAX);
    int result;

    /* Who is connected hears its own peer alone; others are refused. */
    datagram_write(bytes, SOCKETS + peer->index, to, length);
    if (kevy_sim_one_in(world, 16))
        length = 0;
    result = kevy_sim_datagram_send(&peer->datagram, (uint16_t)(PORT + to), bytes, length);
    all.peers_sent += result >= 0;
}

/* All sockets of the program are full, whatever a poll says. */
static void jam(struct kevy_sim_event *event)
{
    all.jammed = !all.jammed;
    kevy_sim_set_odds(world, KEVY_SIM_DATAGRAM_SEND_FULL, all.jammed ? 1 : 0);
    kevy_sim_event_start(world, event, kevy_sim_below(world, all.jammed ? JAM_NS : FLOW_NS), jam);
}

static void peer_ready(struct kevy_sim_datagram *datagram)
{
    struct peer *peer = KEVY_CONTAINER_OF(datagram, struct peer, datagram);
    static uint8_t bytes[LENGTH_MAX];
    uint16_t port;
    int length;

    while ((length = kevy_sim_datagram_receive(datagram, bytes, sizeof bytes, &port)) >= 0) {
        EXPECT(port >= PORT && port < PORT + SOCKETS, "a datagram from port %u", port);
        datagram_check(bytes, (uint32_t)length, (uint32_t)length, SOCKETS + peer->index);
        all.peers_received++;
        if (!all.quiet && kevy_sim_one_in(world, 2))
            peer_send(peer);
    }
}

/* Comes, goes, and talks. */
static void peer_change(struct kevy_sim_event *event)
{
    struct peer *peer = KEVY_CONTAINER_OF(event, struct peer, change);

    if (!kevy_sim_datagram_opened(&peer->datagram)) {
        (void)kevy_sim_datagram_open(world, &peer->datagram, (uint16_t)(PEER_PORT + peer->index));
        all.lives[SOCKETS + peer->index]++;
        all.ordered[SOCKETS + peer->index] = true;
    } else if (kevy_sim_one_in(world, 16)) {
        kevy_sim_datagram_close(&peer->datagram);
    }
    if (kevy_sim_datagram_opened(&peer->datagram))
        for (uint64_t count = kevy_sim_magnitude(world, 1, BURST_MAX); count > 0; count--)
            peer_send(peer);
    kevy_sim_event_start(world, event, kevy_sim_magnitude(world, 1000, PACE_NS), peer_change);
}

/* ---- The whole ----------------------------------------------------------------------------- */

void datagrams_options(struct kevy_reactor_options *options)
{
    if (kevy_sim_one_in(world, 8)) {
        options->buffer_size = GRO_SIZE;
        return;
    }
    options->buffer_size = (uint32_t)kevy_sim_magnitude(world, 512, 16384) & ~7U;
}

void datagrams_start(struct kevy_reactor *reactor, const struct kevy_reactor_options *options)
{
    memset(&all, 0, sizeof all);
    all.reactor = reactor;
    all.buffer_size = options->buffer_size;
    all.little_memory = options->memory_limit != 0;
    all.segmented = kevy_sim_one_in(world, 2);
    all.in_order = kevy_sim_one_in(world, 2);
    if (all.in_order) {
        kevy_sim_set_odds(world, KEVY_SIM_DATAGRAM_REORDERED, 0);
        kevy_sim_set_odds(world, KEVY_SIM_DATAGRAM_DUPLICATED, 0);
    }
    if (kevy_sim_one_in(world, 2))
        kevy_sim_event_start(world, &all.jam, kevy_sim_below(world, FLOW_NS), jam);
    all.threadless = kevy_sim_one_in(world, 2);
    if (!all.threadless)
        kevy_sim_set_odds(world, KEVY_SIM_DATAGRAM_SEND_CANCELLED, 0);
    for (uint32_t index = 0; index < PEERS; index++) {
        struct peer *peer = &all.peers[index];

        peer->index = index;
        peer->datagram.ready = peer_ready;
        peer->datagram.pace_ns = kevy_sim_magnitude(world, 0, PACE_NS);
        kevy_sim_event_start(world, &peer->change, kevy_sim_below(world, PACE_NS), peer_change);
    }
    for (uint32_t index = 0; index < SOCKETS; index++) {
        struct talker *talker = &all.talkers[index];

        talker->index = index;
        talker->peer.sin_family = AF_INET;
        talker->peer.sin_port = htons((uint16_t)(PEER_PORT + index));
        talker->peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        talker_open(talker);
    }
}

/* Opens it, for a moment or for long. */
static void talker_live(struct talker *talker)
{
    talker->brief = kevy_sim_one_in(world, 2);
    talker_open(talker);
    if (!talker->brief)
        return;
    for (uint64_t count = kevy_sim_between(world, 1, 3); count > 0; count--)
        talker_send_one(talker);
    talker_close(talker);
}

void datagrams_turned(void)
{
    struct talker *talker = &all.talkers[kevy_sim_below(world, SOCKETS)];

    talker_check(talker);
    if (all.quiet)
        return;
    if (!talker->open)
        talker_live(talker);
    else if (talker->closing)
        return;
    else if (kevy_sim_one_in(world, 200)) {
        if (kevy_sim_one_in(world, 2))
            talker_send(talker);
        talker_close(talker);
    } else if (kevy_sim_one_in(world, 30) && !talker->paused)
        talker_pause(talker);
    else if (kevy_sim_one_in(world, 4))
        talker_send(talker);
}

void datagrams_quiet(void)
{
    all.quiet = true;
    kevy_sim_event_stop(world, &all.jam);
    for (int index = 0; index < PEERS; index++)
        kevy_sim_event_stop(world, &all.peers[index].change);
}

/* Nothing is queued, on its way or unread, apart from what is for nobody. */
static bool settled(void)
{
    struct kevy_sim_datagrams counts;

    kevy_sim_datagrams(world, &counts);
    for (int index = 0; index < SOCKETS; index++)
        if (all.talkers[index].open && kevy_datagram_queued(&all.talkers[index].datagram) != 0)
            return false;
    return counts.under_way == 0 && counts.waiting == 0;
}

bool datagrams_over(void)
{
    bool over = true;

    if (!settled())
        return false;
    for (int index = 0; index < SOCKETS; index++) {
        struct talker *talker = &all.talkers[index];

        over &= !talker->open;
        talker_check(talker);
        if (talker->open && !talker->closing)
            talker_close(talker);
    }
    return over;
}

/* What has to add up in the end. */
static void counts_check(void)
{
    struct kevy_sim_datagrams counts;
    uint64_t delivered;

    kevy_sim_datagrams(world, &counts);
    EXPECT(counts.sent + counts.duplicated ==
               counts.received + counts.lost + counts.refused + counts.under_way + counts.waiting,
           "the network's own counts do not add up");
    delivered = counts.received - counts.joined - all.peers_received;
    EXPECT(all.accepted + delivered == all.sent + all.received + all.dropped,
           "%llu were given and %llu delivered; %llu are sent, %llu received, %llu dropped",
           (unsigned long long)all.accepted, (unsigned long long)delivered,
           (unsigned long long)all.sent, (unsigned long long)all.received,
           (unsigned long long)all.dropped);
    EXPECT(all.segmented || counts.sent - all.peers_sent == all.sent,
           "%llu are said to be sent, and %llu are", (unsigned long long)all.sent,
           (unsigned long long)(counts.sent - all.peers_sent));
    EXPECT(all.network_errors <= counts.told, "more errors are told than the network had");
    EXPECT(all.refused == counts.failed || (all.closed_early && all.refused < counts.failed),
           "%llu refusals are told, and there were %llu", (unsigned long long)all.refused,
           (unsigned long long)counts.failed);
}

void datagrams_abandon(void)
{
    datagrams_quiet();
    all.closed_early = all.abandoned = true;
}

void datagrams_gone(void)
{
    for (int index = 0; index < SOCKETS; index++)
        EXPECT(!all.talkers[index].open, "a datagram socket has not been closed");
    for (int index = 0; index < PEERS; index++) {
        kevy_sim_event_stop(world, &all.peers[index].change);
        if (kevy_sim_datagram_opened(&all.peers[index].datagram))
            kevy_sim_datagram_close(&all.peers[index].datagram);
    }
    counts_check();
}
