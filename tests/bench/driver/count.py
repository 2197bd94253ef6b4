# SPDX-License-Identifier: MIT OR Apache-2.0
"""What repeats from run to run: user-space instructions and system calls of a message.

Instructions are callgrind's, of two runs of different length: the difference leaves start-up and
tear-down out. All clients send, then the server runs, so that batches do not depend on the moment.
libuv and the like are counted as the distribution compiled them.

System calls are counted in two ways. In step, by strace, with the same difference of two runs: the
enters that a test of the suite limits. Under the load of a case, by the kernel's own count of
raw_syscalls:sys_enter (perf stat), because a server that is stopped at each call finds larger
batches.

    python3 count.py FOLDER instructions|enters    of a message echoed by tcp_echo, in step
"""

import signal
import subprocess
import sys

import measure
import process
import servers
from process import Failure

STEP = 'load echo -b'


def _difference(short, long):
    return (long[0] - short[0]) / (long[1] - short[1])


def _callgrind(bench):
    output = bench.folder / 'scratch/callgrind.out'
    wrapper = ['valgrind', '-q', '--tool=callgrind', '--callgrind-out-file=%s' % output]

    def read():
        for line in output.read_text().splitlines():
            if line.startswith('summary: '):
                return int(line.split()[1])
        raise Failure('callgrind wrote no summary')
    return wrapper, read


def _instructions_of_run(bench, server, command, count):
    wrapper, read = _callgrind(bench)
    if command.startswith('alone'):
        result = bench.alone('%s %d' % (command, count), server, wrapper)
        return read(), result['messages']
    processes = bench.start(server, wrapper, behind=True)
    try:
        result = bench.load(command, processes[0], count)
    finally:
        processes[0].stop(wake=True)
    return read(), result['messages']


def instructions(bench, server, command):
    """User-space instructions of a message."""
    alone = command.startswith('alone')
    short, long = ((measure.SHORT_ALONE, measure.LONG_ALONE) if alone
                   else (measure.SHORT, measure.LONG))
    return _difference(_instructions_of_run(bench, server, command, short),
                       _instructions_of_run(bench, server, command, long))


def _traced(bench, server, command, count, name):
    """How often a run in step made a system call, and its messages."""
    output = bench.folder / 'scratch/strace.out'
    processes = bench.start(server, ['strace', '-f', '-c', '-o', output], behind=True)
    try:
        result = bench.load(command, processes[0], count)
    finally:
        processes[0].stop(target=processes[0].pids[-1])
    for line in output.read_text().splitlines():
        fields = line.split()
        if fields and fields[-1] == name:
            return int(fields[3]), result['messages']
    raise Failure('strace wrote no line of ' + name)


def calls(bench, server, case):
    """System calls of a message under the load of a case; None where perf may not count them."""
    def work(started):
        output = bench.folder / 'scratch/perf.out'
        pids = ','.join(str(pid) for pid in started.pids)
        counter = subprocess.Popen(['perf', 'stat', '-x', ';', '-e', 'raw_syscalls:sys_enter',
                                    '-p', pids, '-o', output], stderr=subprocess.DEVNULL)
        try:
            result = bench.load(case.command, started, warm_up=0)
        finally:
            counter.send_signal(signal.SIGINT)  # upon which it writes what it has
            counter.wait()
        for line in output.read_text().splitlines():
            if 'raw_syscalls' in line and line.split(';')[0].isdigit():
                return int(line.split(';')[0]) / result['messages']
        return None

    return bench.on_server(server, work)


def enters(bench, server, command):
    """Enters of a message, in step."""
    return _difference(_traced(bench, server, command, measure.SHORT, 'io_uring_enter'),
                       _traced(bench, server, command, measure.LONG, 'io_uring_enter'))


def main():
    counted = {'instructions': instructions, 'enters': enters}
    if len(sys.argv) != 3 or sys.argv[2] not in counted:
        sys.exit('usage: count.py FOLDER instructions|enters')
    bench = measure.Bench(sys.argv[1], seconds=1, warm_up=0)
    print('%.3f' % counted[sys.argv[2]](bench, servers.ECHO[0], STEP))


if __name__ == '__main__':
    main()
