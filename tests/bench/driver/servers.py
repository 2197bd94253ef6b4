# SPDX-License-Identifier: MIT OR Apache-2.0
"""What is measured: each server is a command, and maybe a configuration file.

@name@ is filled in: @port@ to listen on, @backend@ (the port of another server, which is started
before), @files@ (a folder to serve), @conf@ (the server's configuration, filled in the same way).
The first word of a command is a program of build.py, an example, or a program of $PATH.
"""

from dataclasses import dataclass
from typing import Optional

# The rows that each example has. Another kernel is another line.
KERNELS = {
    '': '',  # io_uring
    ', soft': '--kernel soft',
}


@dataclass(frozen=True)
class Server:
    name: str
    command: str
    conf: str = ''        # a file in tests/bench/conf
    conf_values: tuple = ()
    backend: Optional['Server'] = None
    ours: bool = False
    counted: bool = True  # callgrind can run it


def ours(name, command, kernels=KERNELS, **options):
    program, *arguments = command.split()
    return [Server(name + suffix, ' '.join([program, *kernel.split(), *arguments]), ours=True,
                   **options)
            for suffix, kernel in kernels.items()]


def ours_once(name, command):
    """A program of tests/bench: none of them takes --kernel."""
    return ours(name, command, {'': ''})


def conf(name, command, file, **values):
    return Server(name, command, conf=file, conf_values=tuple(values.items()), counted=False)


EPOLL = Server('epoll', 'echo_epoll @port@')
ECHO = ours('tcp_echo', 'tcp_echo @port@') + [
    Server('ring by hand', 'echo_uring @port@'),
    EPOLL,
    Server('libuv', 'echo_uv @port@'),
    Server('libev', 'echo_ev @port@'),
    Server('libevent', 'echo_event @port@'),
]

SINK = ours_once('ours', 'sink_kevy @port@') + [
    Server('ring by hand', 'sink_uring @port@'),
    Server('epoll', 'sink_epoll @port@'),
    Server('libuv', 'sink_uv @port@'),
]

SENDER = ours_once('ours, copied', 'sender_kevy @port@ copied') + \
    ours_once('ours, pinned', 'sender_kevy @port@ pinned') + [
        Server('ring by hand', 'sender_uring @port@'),
        Server('epoll', 'sender_epoll @port@'),
        Server('libuv', 'sender_uv @port@'),
    ]

PROXY = ours('tcp_proxy', 'tcp_proxy @port@ 127.0.0.1 @backend@', backend=EPOLL) + [
    Server('libuv', 'proxy_uv @port@ @backend@', backend=EPOLL),
    Server('haproxy', 'haproxy -db -f @conf@', 'haproxy.cfg', (('splice', ''),), EPOLL,
           counted=False),
    Server('haproxy, splice', 'haproxy -db -f @conf@', 'haproxy.cfg',
           (('splice', 'option splice-auto'),), EPOLL, counted=False),
]

NGINX = conf('nginx', 'nginx -c @conf@', 'nginx.conf', ssl='', ssl_files='')
HTTP_OURS = ours('http_echo', 'http_echo --port @port@')
HTTP_UV = Server('libuv + llhttp', 'http_uv @port@')
HTTP = HTTP_OURS + [HTTP_UV, NGINX, conf('h2o', 'h2o -c @conf@', 'h2o.conf')]
POST = HTTP_OURS + [HTTP_UV, NGINX]


def _nginx_tls(name, words=''):
    return conf(name, 'nginx -c @conf@', 'nginx.conf', ssl='ssl',
                ssl_files='ssl_certificate @certificate@; ssl_certificate_key @key@;'
                          ' ssl_protocols TLSv1.2 TLSv1.3;' + words)


# With the same certificate, and so the same cipher; nginx keeps tickets, as we do, and no cache.
HTTPS = ours('http_echo',
             'http_echo --port @port@ --tls-certificate @certificate@ --tls-key @key@') + [
    _nginx_tls('nginx'),
]
# The other way to resume a session: in a cache of the server.
HANDSHAKES = HTTPS + [
    _nginx_tls('nginx, cache', ' ssl_session_tickets off; ssl_session_cache shared:sessions:10m;'),
]

FILES = ours('file_server', 'file_server @port@ @files@') + [
    NGINX,
    conf('lighttpd', 'lighttpd -D -f @conf@', 'lighttpd.conf'),
]

UDP = ours('udp_echo', 'udp_echo @port@') + [
    Server('epoll, mmsg', 'udp_epoll @port@'),
    Server('libuv', 'udp_uv @port@'),
]
GSO = ours_once('ours', 'gso_kevy @port@') + [Server('epoll', 'gso_epoll @port@')]

# Programs that measure themselves.
POSTS = ours_once('ours', 'posts_kevy') + [
    Server('libuv, a mutex', 'posts_uv'),
    Server('libuv, one lock a burst', 'posts_uv_once'),
]
TIMERS = [
    Server('ours', 'timers_kevy', ours=True),
    Server('libuv', 'timers_uv'),
    Server('libev', 'timers_ev'),
    Server('libevent', 'timers_event'),
    Server('libevent, queue', 'timers_event_queue'),
]
