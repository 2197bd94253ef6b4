# SPDX-License-Identifier: MIT OR Apache-2.0
"""One run of one case on one server."""

import getpass
import math
import os
import random
import re
import resource
import shlex
import shutil
import socket
from pathlib import Path

import build
import process
from process import Failure

WRK_SCRIPT = build.ROOT / 'tests/bench/http/wrk.lua'
WRK_WARM_UP = 1  # second; it takes no fraction
SHORT, LONG = 100, 600              # messages of a connection
SHORT_ALONE, LONG_ALONE = 100000, 300000

REQUESTS = {
    'short': 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n',
    'download': 'GET /16m HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
    'browser': ('GET / HTTP/1.1\r\nHost: localhost\r\n'
                'User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 '
                'Firefox/128.0\r\n'
                'Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,'
                'image/webp,image/png,image/svg+xml,*/*;q=0.8\r\n'
                'Accept-Language: en-GB,en;q=0.5\r\n'
                'Accept-Encoding: gzip, deflate, br, zstd\r\n'
                'Referer: http://127.0.0.1/overview/of/what/there/is/to/see\r\n'
                'Cookie: session=9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08;'
                ' theme=dark; consent=necessary\r\n'
                'Upgrade-Insecure-Requests: 1\r\n\r\n'),
}
FILES = {'1k': 1 << 10, '1m': 1 << 20, '16m': 1 << 24}


def free_port():
    """A port that nobody has, and that the system gives to nobody who asks for any."""
    begin = int(Path('/proc/sys/net/ipv4/ip_local_port_range').read_text().split()[0])
    while True:
        port = random.randrange(1024, max(begin, 1025))
        with socket.socket() as probe:
            try:
                probe.bind(('', port))
            except OSError:
                continue
            return port


def fill(text, names):
    for name, value in names.items():
        text = text.replace('@%s@' % name, str(value))
    return text


class Bench:
    """Runs cases, in a folder with the programs and the files that they need."""

    def __init__(self, folder, seconds, warm_up):
        self.build = build.Build(folder)
        self.folder = self.build.folder
        self.seconds = seconds
        self.warm_up = warm_up
        self.half_rates = {}
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self._write_files()

    def _write_files(self):
        for folder in ('files', 'requests', 'scratch'):
            (self.folder / folder).mkdir(parents=True, exist_ok=True)
        for name, size in FILES.items():
            path = self.folder / 'files' / name
            if not path.exists():
                path.write_bytes(os.urandom(size))
        (self.folder / 'files/constant').write_text('GET / HTTP/1.1\r\nHost: 127.0.0.1:12345\r\n')
        if not (self.folder / 'scratch/key').exists():
            process.succeed(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
                             'ec_paramgen_curve:P-256', '-nodes', '-days', '365', '-subj',
                             '/CN=localhost', '-keyout', self.folder / 'scratch/key', '-out',
                             self.folder / 'scratch/certificate'])
        for name, text in REQUESTS.items():
            (self.folder / 'requests' / name).write_text(text, newline='')

    def names(self, **more):
        user = getpass.getuser()
        return {'certificate': self.folder / 'scratch/certificate',
                'key': self.folder / 'scratch/key',
                'files': self.folder / 'files', 'requests': self.folder / 'requests',
                'scratch': self.folder / 'scratch', 'seconds': self.seconds, 'user': user,
                'nginx_user': 'user %s;' % user if os.getuid() == 0 else '', **more}

    def command(self, server, names):
        """A server's command line, and its configuration written."""
        if server.conf:
            text = (build.ROOT / 'tests/bench/conf' / server.conf).read_text()
            path = self.folder / 'scratch' / server.conf
            path.write_text(fill(text, {**dict(server.conf_values), **names}))
            names = {**names, 'conf': path}
        words = shlex.split(fill(server.command, names))
        if not server.conf:
            words[0] = self.build.program(words[0])
        elif shutil.which(words[0]) is None:
            words[0] = '/usr/sbin/' + words[0]
        return words

    def start(self, server, wrapper=(), behind=False):
        """The server's process and, where it has one, that of the server behind it."""
        others = []
        names = self.names(port=free_port())
        cpu = process.LOAD_CPU if behind else process.SERVER_CPU
        log = self.folder / 'scratch/server.log'
        if server.backend:
            backend = self.start(server.backend, behind=True)
            others = backend
            names['backend'] = backend[0].port
        try:
            command = list(wrapper) + self.command(server, names)
            return [process.Process(command, names['port'], log, cpu, behind)] + others
        except Failure:
            self.stop(others)
            raise

    @staticmethod
    def stop(processes):
        for one in processes:
            one.stop()

    def load(self, command, server, count=None, seconds=None, warm_up=None):
        """Puts a command of a case to a server, and returns what it printed."""
        kind, *words = shlex.split(fill(command, self.names()))
        seconds = self.seconds if seconds is None else seconds
        warm_up = self.warm_up if warm_up is None else warm_up
        if kind in ('wrk', 'wrks'):
            return self._wrk(words, server, seconds, warm_up, kind == 'wrks')
        if kind == 's_time':
            return self._s_time(words, server, seconds)
        if count is not None:
            words += ['-n', count]
        if '-n' not in words:
            words += ['-t', seconds, '-w', warm_up]
        pids = ','.join(str(pid) for pid in server.pids)
        return process.run([self.build.program('load')] + words + ['-p', pids, server.port])

    def _s_time(self, words, server, seconds):
        """One client that connects, asks and is answered, again and again."""
        command = ['openssl', 's_time', '-connect', '127.0.0.1:%d' % server.port, '-www', '/',
                   '-time', max(1, math.ceil(seconds)), *words]
        before = process.cpu_ns(server.pids)
        output = process.succeed(command)
        spent = process.cpu_ns(server.pids) - before
        # The last line but one: "1234 connections in 2 real seconds, 161 bytes read per ..."
        found = re.findall(r'^(\d+) connections in (\d+) real seconds', output, re.MULTILINE)
        if not found or int(found[-1][0]) == 0:
            raise Failure('s_time counts nothing: ' + output)
        return {'messages': int(found[-1][0]), 'seconds': float(max(1, math.ceil(seconds))),
                'server_ns': spent}

    def _wrk(self, words, server, seconds, warm_up, tls):
        """Its own clock starts with the first connection; the server's time is read around it."""
        split = words.index('--') if '--' in words else len(words)
        url = '%s://127.0.0.1:%d/' % ('https' if tls else 'http', server.port)

        def command(duration):
            return ['wrk', '-t1', '-d%ds' % max(1, math.ceil(duration)), '-s', WRK_SCRIPT,
                    *words[:split], url, '--', *words[split + 1:]]

        if warm_up > 0:
            process.run(command(WRK_WARM_UP))
        before = process.cpu_ns(server.pids)
        result = process.run(command(seconds))
        result['server_ns'] = process.cpu_ns(server.pids) - before
        if result.pop('errors') > 0:
            raise Failure('wrk met errors')
        # A quantile beyond what wrk keeps is told as 0.
        return {name: value for name, value in result.items() if value > 0}

    def half_rate(self, case, all_servers):
        """Half of what the slowest of the servers takes in a closed loop."""
        if case.name not in self.half_rates:
            closed = case.command.replace('-r @half@', '')
            rates = []
            for server in all_servers:
                result = self.on_server(server, lambda started: self.load(closed, started))
                rates.append(result['messages'] / result['seconds'])
            self.half_rates[case.name] = int(min(rates) / 2)
        return self.half_rates[case.name]

    def on_server(self, server, work):
        """Calls work(process) while the server runs, and sees that ours ends well."""
        processes = self.start(server)
        try:
            result = work(processes[0])
        except Failure as failure:
            raise Failure('%s: %s' % (server.name, failure)) from None
        finally:
            status = processes[0].stop()
            self.stop(processes[1:])
        if server.ours and status != 0:
            raise Failure('%s ended with status %d: %s' % (server.name, status,
                                                         processes[0].output()))
        return result

    def alone(self, command, server, wrapper=()):
        """A program that measures itself and places its threads itself."""
        words = shlex.split(fill(command, self.names()))[1:]
        program = self.command(server, self.names())
        return process.run(list(wrapper) + program + words, cpu=None)

    def once(self, scenario, case, server):
        """One measured run."""
        command = case.command
        if command.startswith('alone'):
            return self.alone(command, server)
        if '@half@' in command:
            command = command.replace('@half@', str(self.half_rate(case, scenario.servers)))

        def work(started):
            if case.before:
                self.load(case.before, started)
            return self.load(command, started, seconds=self.seconds * case.seconds)

        return self.on_server(server, work)
