#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""profile.py PROFILE SERVER: what a container's profile for seccomp permits.

Makes a filter of the profile, as a container's runtime does, and looks inside it: the three calls
of io_uring reach the kernel, others that no server needs do not, and SERVER, an echo server that
prints its port, serves on the kernel on which it serves outside. Needs Linux on x86-64 or arm64;
77 elsewhere.
"""

import ctypes
import errno
import json
import os
import platform
import re
import socket
import struct
import subprocess
import sys

TIMEOUT_S = 20
MACHINES = {
    'x86_64': ('SCMP_ARCH_X86_64', 0xC000003E),
    'aarch64': ('SCMP_ARCH_AARCH64', 0xC00000B7),
}
# What runc 1.1 knows (Debian 12). One that it does not know, and it starts no container; that of
# the machine itself is in every filter.
ARCHITECTURES = {'SCMP_ARCH_' + name for name in (
    'X86', 'X86_64', 'X32', 'ARM', 'AARCH64', 'MIPS', 'MIPS64', 'MIPS64N32', 'MIPSEL', 'MIPSEL64',
    'MIPSEL64N32', 'PPC', 'PPC64', 'PPC64LE', 'S390', 'S390X')}
KEYS = {'defaultAction', 'defaultErrnoRet', 'architectures', 'syscalls'}
RULE_KEYS = {'names', 'action', 'args', 'errnoRet'}

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, MODE_FILTER = 38, 22, 2
RET_ALLOW, RET_ERRNO = 0x7FFF0000, 0x00050000
# Instructions of classic BPF, and where in struct seccomp_data they find something.
LOAD, AND, EQUAL, GREATER, AT_LEAST, RETURN = 0x20, 0x54, 0x15, 0x25, 0x35, 0x06
NUMBER, ARCHITECTURE, ARGUMENTS = 0, 4, 16

IO_URING = {'io_uring_setup': 425, 'io_uring_enter': 426, 'io_uring_register': 427}
FORBIDDEN = ('mount', 'umount2', 'ptrace', 'bpf', 'kexec_load', 'init_module', 'delete_module',
             'perf_event_open', 'keyctl', 'add_key', 'setns', 'unshare', 'pivot_root', 'reboot',
             'userfaultfd', 'process_vm_readv', 'open_by_handle_at', 'swapon', 'settimeofday')

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long


def numbers():
    """The numbers of the system calls, from the C library's header."""
    compiler = os.environ.get('CC', 'cc').split()
    options = ['-E', '-dM', '-include', 'sys/syscall.h', '-x', 'c', '/dev/null']
    text = subprocess.run(compiler + options, check=True, capture_output=True, text=True).stdout
    return {name: int(number) for name, number in re.findall(r'#define __NR_(\w+) (\d+)\n', text)}


def instruction(code, value, yes=0, no=0):
    return struct.pack('HBBI', code, yes, no, value & 0xFFFFFFFF)


def answer(rule, profile):
    if rule['action'] == 'SCMP_ACT_ALLOW':
        return RET_ALLOW
    assert rule['action'] == 'SCMP_ACT_ERRNO', rule['action']
    return RET_ERRNO | rule.get('errnoRet', profile.get('defaultErrnoRet', errno.EPERM))


def condition(argument):
    """Instructions that go on when an argument is as the rule wants it, else to one behind them."""
    place = ARGUMENTS + 8 * argument['index']
    value, operator = argument['value'], argument['op']
    assert value < 1 << 32, 'the upper half of an argument is not compared'
    load = instruction(LOAD, place)
    if operator == 'SCMP_CMP_MASKED_EQ':
        return [load, instruction(AND, value), ('unless', EQUAL, argument['valueTwo'])]
    kinds = {'SCMP_CMP_EQ': ('unless', EQUAL), 'SCMP_CMP_NE': ('if', EQUAL),
             'SCMP_CMP_GT': ('unless', GREATER), 'SCMP_CMP_LE': ('if', GREATER),
             'SCMP_CMP_GE': ('unless', AT_LEAST), 'SCMP_CMP_LT': ('if', AT_LEAST)}
    return [load, (*kinds[operator], value)]


def rule_filter(number, rule, profile):
    """Instructions that answer call `number` by the rule, or fall through."""
    body = [step for argument in rule.get('args', []) for step in condition(argument)]
    body.append(instruction(RETURN, answer(rule, profile)))
    for at, step in enumerate(body):
        if isinstance(step, tuple):
            kind, code, value = step
            out = len(body) - at - 1
            body[at] = instruction(code, value, *((0, out) if kind == 'unless' else (out, 0)))
    return [instruction(LOAD, NUMBER), instruction(EQUAL, number, 0, len(body))] + body


def make_filter(profile, machine):
    known = {**numbers(), **IO_URING}
    out = [instruction(LOAD, ARCHITECTURE), instruction(EQUAL, machine, 1, 0),
           instruction(RETURN, RET_ERRNO | errno.EPERM)]
    for rule in profile['syscalls']:
        for name in rule['names']:
            if name in known:  # others are of other machines
                out += rule_filter(known[name], rule, profile)
    out.append(instruction(RETURN, answer({'action': profile['defaultAction']}, profile)))
    return out


def enter(steps):
    """From here on this process, and all that it starts, live within the filter."""
    code = ctypes.create_string_buffer(b''.join(steps))
    program = struct.pack('HxxxxxxQ', len(steps), ctypes.addressof(code))
    assert libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
    assert libc.prctl(PR_SET_SECCOMP, MODE_FILTER, ctypes.c_char_p(program), 0, 0) == 0


def error_of(number, *arguments):
    ctypes.set_errno(0)
    result = libc.syscall(ctypes.c_long(number), *(ctypes.c_long(each) for each in arguments))
    return ctypes.get_errno() if result < 0 else 0


def kernel_of(server):
    """Has a client served; returns how the server names the kernel below it."""
    sent = bytes(range(256)) * 64
    with subprocess.Popen([server, '0'], stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline()
            port = int(re.search(r'port (\d+);', line).group(1))
            with socket.create_connection(('127.0.0.1', port), TIMEOUT_S) as client:
                client.sendall(sent)
                client.shutdown(socket.SHUT_WR)
                received = b''.join(iter(lambda: client.recv(65536), b''))
            process.terminate()
            assert process.wait(TIMEOUT_S) == 0
        finally:
            process.kill()
    assert received == sent
    return line.split(';')[1]


def check_shape(profile):
    assert set(profile) <= KEYS, 'a key that not every runtime knows'
    assert profile['defaultAction'] == 'SCMP_ACT_ERRNO'
    for rule in profile['syscalls']:
        assert set(rule) <= RULE_KEYS, rule
    allowed = [name for rule in profile['syscalls'] for name in rule['names']
               if rule['action'] == 'SCMP_ACT_ALLOW' and 'args' not in rule]
    assert len(allowed) == len(set(allowed)), 'a call is named twice'
    assert set(profile['architectures']) <= ARCHITECTURES, profile['architectures']
    assert set(IO_URING) <= set(allowed)
    assert not set(FORBIDDEN) & set(allowed)


def errors_of_io_uring():
    return {name: error_of(number, -1, 0, 0, 0, 0, 0) for name, number in IO_URING.items()}


def check_inside(server, errors, outside):
    known = numbers()
    assert errors_of_io_uring() == errors
    for name in FORBIDDEN:
        if name in known:
            assert error_of(known[name], -1, 0, 0, 0, 0, 0) == errno.EPERM, name
    assert error_of(known['socket'], 38, 5, 0) == errno.EPERM  # AF_ALG
    assert error_of(known['clone3'], 0, 0) == errno.ENOSYS  # the C library takes clone then
    inside = kernel_of(server)
    assert inside == outside, f'outside: {outside}, inside: {inside}'
    return inside


def main(path, server):
    name, machine = MACHINES.get(platform.machine(), (None, None))
    if name is None or struct.calcsize('P') != 8:
        print('SKIP profile: no numbers of system calls for this machine')
        return 77
    with open(path, encoding='utf-8') as file:
        profile = json.load(file)
    check_shape(profile)
    assert name in profile['architectures']
    errors, outside = errors_of_io_uring(), kernel_of(server)
    enter(make_filter(profile, machine))
    print('inside:' + check_inside(server, errors, outside))
    return 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
