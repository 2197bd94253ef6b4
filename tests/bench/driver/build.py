# SPDX-License-Identifier: MIT OR Apache-2.0
"""Builds what is measured: our servers as Meson builds them, the peers, and the load.

Everything is compiled with the same compiler, -O2 and assertions. Our libraries are linked
statically, as in a program that has the project as a subproject with default_library=static; the
peers' libraries are the distribution's shared ones, which is how their users have them.
"""

import os
import shlex
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
COMPILER = shlex.split(os.environ.get('CC', 'cc'))
FLAGS = ['-std=c11', '-D_GNU_SOURCE', '-O2']
INCLUDES = ['tests/bench', 'tests/bench/load', 'examples', 'ring/include', 'reactor/include']
KEVY = '@kevy@ -pthread'

# Program: its sources below tests/bench, without .c; and arguments of the compiler, among them
# names of pkg-config and, between @, parts of our own build.
PROGRAMS = {
    'load': ('load/connection load/crowd load/crowd_open load/datagrams load/histogram load/main'
             ' load/processes load/storm load/tally', ''),
    'echo_uring': ('echo/uring ring_uring', 'liburing'),
    'echo_epoll': ('echo/epoll', ''),
    'echo_uv': ('echo/uv relay_uv', 'libuv'),
    'echo_ev': ('echo/ev', '-lev'),
    'echo_event': ('echo/event', 'libevent_core'),
    'proxy_uv': ('proxy/uv relay_uv', 'libuv'),
    'sink_kevy': ('sink/kevy', KEVY),
    'sink_uring': ('sink/uring ring_uring', 'liburing'),
    'sink_epoll': ('sink/epoll', ''),
    'sink_uv': ('sink/uv', 'libuv'),
    'sender_kevy': ('sender/kevy', KEVY),
    'sender_uring': ('sender/uring ring_uring', 'liburing'),
    'sender_epoll': ('sender/epoll', ''),
    'sender_uv': ('sender/uv', 'libuv'),
    'http_uv': ('http/uv', '@llhttp@ libuv'),
    'udp_epoll': ('udp/epoll', ''),
    'udp_uv': ('udp/uv', 'libuv'),
    'gso_kevy': ('udp/kevy_gso', KEVY),
    'gso_epoll': ('udp/epoll_gso', ''),
    'posts_kevy': ('posts/main posts/kevy', KEVY),
    'posts_uv': ('posts/main posts/uv', 'libuv -pthread'),
    'posts_uv_once': ('posts/main posts/uv', '-DLOCK_ONCE libuv -pthread'),
    'timers_kevy': ('timers/main timers/kevy', '-Ireactor/src ' + KEVY),
    'timers_uv': ('timers/main timers/uv', 'libuv'),
    'timers_ev': ('timers/main timers/ev', '-lev'),
    'timers_event': ('timers/main timers/event', 'libevent_core'),
    'timers_event_queue': ('timers/main timers/event', '-DCOMMON_TIMEOUT libevent_core'),
}


class Build:
    """A folder with everything in it, each part built when it is first asked for."""

    def __init__(self, folder):
        self.folder = Path(folder).absolute()
        self.ours = self.folder / 'ours'
        self.built = set()

    def program(self, name):
        """The path of a program of the table, or of an example."""
        if name not in PROGRAMS:
            return self._ours('examples/' + name)
        path = self.folder / name
        if name not in self.built:
            sources, arguments = PROGRAMS[name]
            self._compile(path, sources.split(), arguments.split())
            self.built.add(name)
        return path

    def _compile(self, path, sources, arguments):
        self.folder.mkdir(parents=True, exist_ok=True)
        command = COMPILER + FLAGS + ['-I' + folder for folder in INCLUDES]
        command += ['-o', str(path)]
        command += ['tests/bench/%s.c' % source for source in sources]
        for argument in arguments:
            command += self._argument(argument)
        subprocess.run(command, cwd=ROOT, check=True)

    def _argument(self, argument):
        if argument.startswith('-'):
            return [argument]
        if argument == '@kevy@':
            return [str(self._ours('reactor/libkevy-reactor.a')),
                    str(self._ours('ring/libkevy-ring.a'))]
        if argument == '@llhttp@':
            return self._llhttp()
        flags = subprocess.run(['pkg-config', '--cflags', '--libs', argument], check=True,
                               stdout=subprocess.PIPE, text=True)
        return shlex.split(flags.stdout)

    def _llhttp(self):
        """The parser of http_echo, strict as there: an installed one, or the copy Meson builds."""
        found = subprocess.run(['pkg-config', '--exists', 'libllhttp >= 9'], check=False)
        if found.returncode == 0:
            return self._argument('libllhttp')
        return ['-DLLHTTP_STRICT_MODE=1', '-isystem/usr/share/include/llhttp',
                str(self._ours('examples/libllhttp.a'))]

    def _ours(self, target):
        if not (self.ours / 'build.ninja').exists():
            subprocess.run(['meson', 'setup', str(self.ours), str(ROOT), '-Dbuildtype=plain',
                            '-Doptimization=2', '-Ddebug=false', '-Ddefault_library=static',
                            '-Dtests=disabled', '-Dexamples=enabled'],
                           check=True, stdout=subprocess.DEVNULL)
        if target not in self.built:
            subprocess.run(['ninja', '-C', str(self.ours), target], check=True,
                           stdout=subprocess.DEVNULL)
            self.built.add(target)
        return self.ours / target


def versions():
    """What the figures depend on, as one line."""
    compiler = _first_line(COMPILER + ['--version'])
    parts = [compiler + ' -O2', 'Linux ' + os.uname().release, _processor()]
    for name in ('libuv', 'libevent_core', 'liburing'):
        version = _first_line(['pkg-config', '--modversion', name])
        if version:
            parts.append('%s %s' % (name.replace('_core', ''), version))
    for package in ('libev-dev', 'nginx-light', 'h2o', 'haproxy', 'lighttpd', 'wrk'):
        version = _first_line(['dpkg-query', '-W', '-f', '${Version}', package])
        if version:
            parts.append('%s %s' % (package.replace('-dev', '').replace('-light', ''),
                                    version.split(':')[-1].split('-')[0].split('+')[0]))
    return ', '.join(parts)


def _first_line(command):
    try:
        output = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return ''
    return output.splitlines()[0] if output else ''


def _processor():
    with open('/proc/cpuinfo', encoding='utf-8') as file:
        for line in file:
            if line.startswith('model name'):
                return '%d x %s' % (os.cpu_count(), line.split(':')[1].strip())
    return '%d processors' % os.cpu_count()
