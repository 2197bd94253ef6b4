# SPDX-License-Identifier: MIT OR Apache-2.0
"""talk.py PROGRAM: starts an echo server that prints its port, and checks what it sends back.

Ends with the status of the server, or 77 where the kernel or a container forbids io_uring.
"""

import ctypes
import errno
import socket
import subprocess
import sys
import threading

TIMEOUT_S = 30
SYSCALL_SETUP = 425


def io_uring_is_there():
    """Asks for a ring of no entries: refused either way, but only a forbidden call by EPERM."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall(SYSCALL_SETUP, 0, None)
    return ctypes.get_errno() not in (errno.EPERM, errno.ENOSYS)


def echo(port, sent):
    with socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as client:

        def send():
            client.sendall(sent)
            client.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send)
        sender.start()
        received = b"".join(iter(lambda: client.recv(65536), b""))
        sender.join()
    return received


def main(program):
    if not io_uring_is_there():
        print("SKIP consumer: this kernel or container does not allow io_uring")
        return 77
    sent = bytes(range(256)) * 4096
    with subprocess.Popen([program], stdout=subprocess.PIPE) as server:
        try:
            received = echo(int(server.stdout.readline()), sent)
            status = server.wait(TIMEOUT_S)
        finally:
            server.kill()
    if received != sent:
        print(f"sent {len(sent)} bytes, {len(received)} came back, or others")
        return 1
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
