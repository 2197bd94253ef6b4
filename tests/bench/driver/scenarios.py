# SPDX-License-Identifier: MIT OR Apache-2.0
"""The table of all scenarios: a row is what is done, to which servers, and what is told of it.

The command of a case is one of

    load MODE OPTIONS    our load (load/main.c has the options), with -t, -w and -p added
    wrk OPTIONS -- WORDS wrk with one thread (http/wrk.lua has the words)
    wrks OPTIONS -- WORDS the same by https
    s_time OPTIONS       openssl s_time, a connection after the other by https
    alone ARGUMENTS      the server is a program that measures itself

In a command @half@ is half of the rate that the slowest of the servers reached in a short closed
run, and @requests@ the folder of the files for load -q.
"""

from dataclasses import dataclass

import servers


@dataclass(frozen=True)
class Unit:
    name: str
    count: str      # which of the load's values counts them
    size: int = 1   # of these make one
    time: int = 1   # nanoseconds of the unit of time that fits

    @property
    def plural(self):
        return self.name if self.name == 'MiB' else self.name + 's'


MESSAGE = Unit('message', 'messages')
REQUEST = Unit('request', 'messages', time=1000)
CONNECTION = Unit('connection', 'messages', time=1000)
DATAGRAM = Unit('datagram', 'messages')
POST = Unit('post', 'messages')
OPERATION = Unit('operation', 'messages')
MEBIBYTE = Unit('MiB', 'bytes', 1 << 20, 1000)


@dataclass(frozen=True)
class Case:
    name: str
    command: str
    before: str = ''        # a run that is not measured, of the same server
    instructions: str = ''  # the load whose messages callgrind counts
    calls: bool = False     # count system calls, too
    seconds: float = 1


@dataclass(frozen=True)
class Scenario:
    name: str
    title: str
    unit: Unit
    servers: list
    cases: list
    compared: tuple = ('cpu',)  # metrics of report.py, each with its ratio
    told: tuple = ('rate',)     # metrics without one
    rounds: int = 0             # more than asked for, where modes are
    modes: bool = False         # a server may be in a fast and a slow mode
    related: tuple = ()         # pairs of cases: how the cost grows to the first of them


def _echo():
    cases = []
    for size, text in ((64, '64 B'), (4096, '4 KiB')):
        for connections in (1, 64, 512, 5000):
            is_main = (size, connections) == (64, 64)
            cases.append(Case('%s, %s' % (text, _of(connections)),
                              'load echo -s %d -c %d' % (size, connections),
                              instructions='load echo -b' if is_main else '', calls=is_main))
    cases.append(Case('64 B, 16 in flight on 64', 'load echo -f 16'))
    return cases


def _of(connections):
    return '1 connection' if connections == 1 else '{:,} connections'.format(connections)


def _http():
    short = 'load http -b -q @requests@/short'
    browser = 'load http -b -q @requests@/browser'
    piped = 'load http -b -f 16 -q @requests@/short'
    return [
        Case('GET, 64 connections', 'wrk -c 64', instructions=short, calls=True),
        Case('GET, 512 connections', 'wrk -c 512'),
        Case('GET, 5,000 connections', 'wrk -c 5000'),
        Case("a browser's head, 64", 'wrk -c 64 -- browser', instructions=browser),
        Case('16 pipelined, 64', 'wrk -c 64 -- pipeline=16', instructions=piped, calls=True),
    ]


OPERATIONS = ('activity', 'deadline', 'restart')


def _timers():
    return [Case('%s, %s' % (operation, text), 'alone %s %d 2000000' % (operation, count),
                 instructions='alone %s %d' % (operation, count) if count == 100000 else '')
            for operation in OPERATIONS
            for count, text in ((10000, '10 k'), (100000, '100 k'), (1000000, '1 M'))]


WARM = 'load http -b -n 100 -q @requests@/short'

SCENARIOS = [
    Scenario('echo', 'TCP echo', MESSAGE, servers.ECHO, _echo(),
             told=('rate', 'p50', 'p99'),
             related=(('64 B, 5,000 connections', '64 B, 64 connections'),)),
    Scenario('open', 'TCP echo at a fixed rate', MESSAGE, servers.ECHO,
             [Case('64 B, 64 connections, half of saturation', 'load echo -r @half@')],
             compared=('p99', 'cpu'), told=('p50', 'p999', 'rate')),
    Scenario('bulk', 'TCP echo in bulk', MEBIBYTE, servers.ECHO,
             [Case('1 connection, writes of 64 KiB', 'load echo -f 0 -c 1 -s 65536'),
              Case('16 connections, 16 KiB', 'load echo -f 0 -c 16 -s 16384'),
              Case('64 connections, 4 KiB', 'load echo -f 0 -c 64 -s 4096')],
             rounds=9, modes=True),
    Scenario('receive', 'Only receiving', MEBIBYTE, servers.SINK,
             [Case('1 connection', 'load send -f 0 -c 1 -s 65536'),
              Case('16 connections', 'load send -f 0 -c 16 -s 16384'),
              Case('16 connections, 800 MiB/s', 'load send -r 12800 -c 16 -s 65536')],
             rounds=9, modes=True),
    Scenario('send', 'Only sending, answers of 1 MiB', MEBIBYTE, servers.SENDER,
             [Case('1 connection', 'load receive -c 1 -s 1048576'),
              Case('16 connections', 'load receive -c 16 -s 1048576')],
             rounds=9, modes=True),
    Scenario('proxy', 'TCP proxy', MESSAGE, servers.PROXY,
             [Case('64 B, 64 connections', 'load echo', calls=True)],
             told=('rate', 'p50', 'p99')),
    Scenario('proxy-bulk', 'TCP proxy in bulk', MEBIBYTE, servers.PROXY,
             [Case('16 connections, 16 KiB', 'load echo -f 0 -c 16 -s 16384')],
             rounds=9, modes=True),
    Scenario('http', 'HTTP keep-alive', REQUEST, servers.HTTP, _http(),
             told=('rate', 'p50', 'p99')),
    Scenario('http-close', 'HTTP, a connection for each request', REQUEST, servers.HTTP,
             [Case('64 at a time', 'wrk -c 64 -- close', calls=True)],
             compared=('cpu', 'rate'), told=('p50', 'p99')),
    Scenario('http-post', 'HTTP, a body that comes back', REQUEST, servers.POST,
             [Case('1 KiB, 64 connections', 'wrk -c 64 -- path=/echo post=1024'),
              Case('64 KiB, 64 connections', 'wrk -c 64 -- path=/echo post=65536')],
             told=('rate', 'p99')),
    Scenario('https', 'HTTPS', REQUEST, servers.HTTPS,
             [Case('GET, 64 connections', 'wrks -c 64'),
              Case('GET, 512 connections', 'wrks -c 512'),
              Case('1 MiB that comes back, 16 connections',
                   'wrks -c 16 -- path=/echo post=1048576')],
             told=('rate', 'p99')),
    Scenario('handshakes', 'TLS handshakes, a request each', CONNECTION, servers.HANDSHAKES,
             [Case('TLS 1.3, one at a time', 's_time -new -tls1_3'),
              Case('TLS 1.2, one at a time', 's_time -new -tls1_2'),
              Case('TLS 1.3, resumed', 's_time -reuse -tls1_3'),
              Case('TLS 1.2, resumed', 's_time -reuse -tls1_2'),
              Case('64 at a time', 'wrks -c 64 -- close')]),
    Scenario('files', 'Static files, a connection for each', REQUEST, servers.FILES,
             [Case('1 KiB, 64 at a time', 'wrk -c 64 -- close path=/1k'),
              Case('1 MiB, 64 at a time', 'wrk -c 64 -- close path=/1m', calls=True)],
             told=('rate', 'p99')),
    Scenario('downloads', '1,200 slow downloads of 16 MiB', MEBIBYTE, servers.FILES,
             [Case('256 KiB/s each', 'load http -c 1200 -y 262144 -k -q @requests@/download',
                   seconds=3)],
             told=('rate', 'descriptors', 'slab', 'resident')),
    Scenario('idle', '10,000 idle TCP connections', CONNECTION, servers.ECHO,
             [Case('nothing received yet', 'load echo -c 10000 -n 0')],
             compared=('resident', 'slab'), told=()),
    Scenario('idle-http', '10,000 idle HTTP connections', CONNECTION, servers.HTTP,
             [Case('one request each', 'load http -c 10000 -n 1 -q @requests@/short'),
              Case('... after others had been served',
                   'load http -c 10000 -n 1 -q @requests@/short', before=WARM)],
             compared=('resident', 'slab'), told=()),
    Scenario('hog', 'A hog beside 100 light clients', MEBIBYTE, servers.ECHO,
             [Case('10,000 messages of 64 B per second', 'load echo -c 100 -r 10000 -g 1',
                   seconds=2)],
             compared=('p99', 'cpu'), told=('p50', 'p999', 'rate')),
    Scenario('storm', 'Connect, 64 B, close', CONNECTION, servers.ECHO,
             [Case('64 at a time', 'load storm', calls=True)],
             compared=('cpu', 'rate'), told=('p50', 'p99')),
    Scenario('udp', 'UDP echo', DATAGRAM, servers.UDP,
             [Case('64 B, 64 sockets', 'load udp', calls=True)], told=('rate', 'p50', 'p99')),
    Scenario('gso', 'UDP echo, merged and cut by the kernel', DATAGRAM, servers.GSO,
             [Case('16 of 1,200 B at a time, 4 sockets', 'load udp -c 4 -s 1200 -m 16')],
             told=('rate', 'p50', 'p99')),
    Scenario('posts', 'Posts of four threads to a loop', POST, servers.POSTS,
             [Case('bursts of 1,000', 'alone burst @seconds@'),
              Case('one every 250 us of each', 'alone paced @seconds@')],
             compared=('cpu', 'load')),
    Scenario('timers', 'Timers', OPERATION, servers.TIMERS, _timers(), told=(),
             related=tuple((name + ', 1 M', name + ', 10 k') for name in OPERATIONS)),
]


@dataclass(frozen=True)
class Script:
    """What is measured by a script of its own, which is given the number of rounds."""
    name: str
    title: str
    path: str


SCRIPTS = [Script('ring', 'NOPs and SQEs beside liburing', 'tests/bench/ring/run.sh')]
