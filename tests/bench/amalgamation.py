#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""amalgamation.py: the two files of amalgamate.py beside the two libraries: bytes of code, and
user-space instructions of an echoed message, counted by callgrind as the difference of two runs.
Both are compiled by $CC (cc) with -O2.
"""
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CLIENTS = 64
SHORT, LONG = 50, 250  # messages of each client
CC = os.environ.get('CC', 'cc').split() + ['-std=c11', '-O2', '-D_GNU_SOURCE']


def run(*command, **more):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, **more).stdout


def sources():
    for library in ('ring', 'reactor'):
        with open('%s/%s/meson.build' % (ROOT, library), encoding='utf-8') as file:
            block = re.search(r'_sources = files\((.*?)^\)', file.read(), re.S | re.M).group(1)
        for path in re.findall(r"'([^']+)'", block):
            yield '%s/%s/%s' % (ROOT, library, path)


def build(folder):
    includes = ['-I%s/%s' % (ROOT, path) for path in
                ('ring/include', 'reactor/include', 'ring/src', 'reactor/src')]
    run(sys.executable, ROOT + '/reactor/amalgamate.py', folder)
    run(*CC, '-c', folder + '/kevy.c', '-o', folder + '/two_files.o')
    objects = []
    for number, path in enumerate(sources()):
        objects.append('%s/%d.o' % (folder, number))
        run(*CC, *includes, '-c', path, '-o', objects[-1])
    run('ld', '-r', '-o', folder + '/libraries.o', *objects)
    for name in ('libraries', 'two_files'):
        run(*CC, *includes, ROOT + '/examples/tcp_echo.c', '%s/%s.o' % (folder, name), '-pthread',
            '-o', '%s/%s' % (folder, name))


def instructions(folder, name, count):
    out = folder + '/callgrind.out'
    server = subprocess.Popen(['valgrind', '-q', '--tool=callgrind',
                               '--callgrind-out-file=' + out, '%s/%s' % (folder, name), '0'],
                              stdout=subprocess.PIPE, text=True)
    port = int(re.search(r'port (\d+)', server.stdout.readline()).group(1))
    clients = [socket.create_connection(('127.0.0.1', port)) for _ in range(CLIENTS)]
    for _ in range(count):
        for client in clients:
            client.sendall(bytes(64))
        for client in clients:
            client.recv(64, socket.MSG_WAITALL)
    for client in clients:
        client.close()
    server.send_signal(signal.SIGTERM)
    server.wait()
    with open(out, encoding='utf-8') as file:
        return int(re.search(r'^summary: (\d+)', file.read(), re.M).group(1))


def main():
    with tempfile.TemporaryDirectory() as folder:
        build(folder)
        for name in ('libraries', 'two_files'):
            size = run('size', '%s/%s.o' % (folder, name)).splitlines()[1].split()[0]
            more = instructions(folder, name, LONG) - instructions(folder, name, SHORT)
            print('%-10s %8s bytes of code, %6.1f instructions a message' %
                  (name, size, more / (CLIENTS * (LONG - SHORT))))


main()
