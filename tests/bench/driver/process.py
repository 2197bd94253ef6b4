# SPDX-License-Identifier: MIT OR Apache-2.0
"""Processes under measurement: where they run, when they are ready, what they have used.

The load runs on the first CPU that we may use and the server on the last, each alone there. To
count instructions both run on the first one, and the server only while the load sleeps (SCHED_BATCH
does not preempt): it finds the same batch of messages each time.
"""

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

CPUS = sorted(os.sched_getaffinity(0))
LOAD_CPU = CPUS[0]
SERVER_CPU = CPUS[-1]
START_LIMIT = 60  # seconds; valgrind takes some to load a server on a busy machine
STOP_LIMIT = 20
WAKE_INTERVAL = 0.001
SETTLE = 0.2      # for what a server does behind listen(2)


class Failure(Exception):
    """A run that did not come to its end."""


def placed(cpu, behind=False):
    """What a child does before it becomes the program."""
    def place():
        os.sched_setaffinity(0, {cpu})
        if behind:
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    return place


def descendants(pid):
    """The process and all below it, itself first."""
    parents = {}
    for entry in Path('/proc').iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / 'stat').read_text()
            except OSError:
                continue
            parents[int(entry.name)] = int(stat.rpartition(')')[2].split()[1])
    found = [pid]
    for parent in found:
        found += [child for child, other in parents.items() if other == parent]
    return found


def cpu_ns(pids):
    """CPU time of all threads of the processes, user and system."""
    total = 0
    for pid in pids:
        for task in Path('/proc/%d/task' % pid).iterdir():
            try:
                total += int((task / 'schedstat').read_text().split()[0])
            except OSError:
                continue  # a thread that ended
    return total


def is_served(port):
    """Whether a TCP or UDP socket of this port waits for clients."""
    for name, state in (('tcp', '0A'), ('tcp6', '0A'), ('udp', '07'), ('udp6', '07')):
        try:
            lines = Path('/proc/net/' + name).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == state and fields[1].endswith(':%04X' % port):
                return True
    return False


class Process:
    """A server: started, served, ended by SIGTERM; its output only matters where it fails."""

    def __init__(self, command, port, log, cpu=SERVER_CPU, behind=False):
        self.command = [str(part) for part in command]
        self.port = port
        self.log = Path(log)
        with open(self.log, 'wb') as output:
            self.child = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=output,
                                          stderr=output, preexec_fn=placed(cpu, behind))
        try:
            self._wait_until_served()
        except Failure:
            self.stop()
            raise
        self.pids = descendants(self.child.pid)

    def _wait_until_served(self):
        deadline = time.monotonic() + START_LIMIT
        while not is_served(self.port):
            if self.child.poll() is not None:
                raise Failure('%s did not start: %s' % (self.command[0], self.output()))
            if time.monotonic() > deadline:
                raise Failure('%s does not listen' % self.command[0])
            time.sleep(0.01)
        time.sleep(SETTLE)

    def output(self):
        return self.log.read_text(errors='replace').strip()[-500:]

    def _wait(self, seconds):
        try:
            return self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def _wake(self):
        with socket.socket() as client:
            client.connect_ex(('127.0.0.1', self.port))

    def stop(self, target=None, wake=False):
        """Ends it, by a SIGTERM to `target`, its own pid if there is none. Returns its status.

        valgrind looks for signals behind some system calls, and every 100,000 blocks of code.
        Clients wake a program that sleeps in a call which it does not know to block, and does
        little where it wakes, until that many are done.
        """
        if self.child.poll() is None:
            os.kill(target or self.child.pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_LIMIT
        while wake and self._wait(WAKE_INTERVAL) is None and time.monotonic() < deadline:
            self._wake()
        status = self._wait(max(deadline - time.monotonic(), 0))
        if status is not None:
            return status
        for pid in reversed(descendants(self.child.pid)):
            os.kill(pid, signal.SIGKILL)
        self.child.wait()
        raise Failure('%s does not end' % self.command[0])


def succeed(command, cpu=LOAD_CPU, limit=600):
    """Runs a program to its end, and returns what it printed."""
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=limit, check=False,
                          preexec_fn=placed(cpu) if cpu is not None else None)
    if done.returncode != 0:
        raise Failure((done.stderr or done.stdout).strip()[-500:])
    return done.stdout


def run(command, cpu=LOAD_CPU, limit=600):
    """The same of a program that prints name=value, as numbers."""
    return values(succeed(command, cpu, limit))


def values(text):
    """The numbers of the last line of name=value pairs."""
    lines = [line for line in text.splitlines() if '=' in line]
    if not lines:
        raise Failure('nothing was printed')
    return {name: float(value) for name, _, value in
            (pair.partition('=') for pair in lines[-1].split())}
