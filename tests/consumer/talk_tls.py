# SPDX-License-Identifier: MIT OR Apache-2.0
"""talk_tls.py PROGRAM CERTIFICATE KEY: starts an echo server by TLS and checks what it does.

In both versions of TLS: bytes come back, an end is answered by an end, and a connection that is cut
is told as such. Ends with the status of the server.
"""

import select
import socket
import ssl
import subprocess
import sys

from talk import TIMEOUT_S

CUT = "the connection ended without close_notify: bytes may be missing\n"
VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)


def connect(port, certificate, version):
    context = ssl.create_default_context(cafile=certificate)
    context.minimum_version = context.maximum_version = version
    plain = socket.create_connection(("127.0.0.1", port), TIMEOUT_S)
    return context.wrap_socket(plain, server_hostname="localhost", suppress_ragged_eofs=False)


def try_to(act, *arguments):
    """What the call returns, or None where it would have to wait."""
    try:
        return act(*arguments)
    except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
        return None


def echo(client, sent):
    """Sends and receives in turns, by one thread: OpenSSL's connections are not for two."""
    client.setblocking(False)
    rest = memoryview(sent)
    received = b""
    while len(received) < len(sent):
        written = try_to(client.send, rest[:65536]) if rest else None
        rest = rest[written or 0:]
        read = try_to(client.recv, 65536)
        if read == b"":
            raise EOFError("the server ends the connection")
        received += read or b""
        if not written and not read:
            wanted = [client] if rest else []
            if not any(select.select([client], wanted, [], TIMEOUT_S)):
                raise TimeoutError("nothing comes back")
    client.settimeout(TIMEOUT_S)
    return received


def talk(port, certificate):
    sent = bytes(range(256)) * 4096
    for version in VERSIONS:
        with connect(port, certificate, version) as client:
            if client.version().replace(".", "_") != version.name:
                return f"{client.version()} instead of {version.name}"
            if echo(client, sent) != sent:
                return "other bytes came back"
            client.unwrap()  # raises unless the server sends its close_notify
        with connect(port, certificate, version) as client:
            if echo(client, b"cut") != b"cut":
                return "other bytes came back"
            client.shutdown(socket.SHUT_WR)  # of TCP alone
            client.detach()
    return None


def main(program, certificate, key):
    with subprocess.Popen([program, certificate, key], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as server:
        try:
            problem = talk(int(server.stdout.readline()), certificate)
            server.terminate()
            said = server.stderr.read()
            status = server.wait(TIMEOUT_S)
        finally:
            server.kill()
    if problem:
        print(problem)
        return 1
    if said != CUT * len(VERSIONS):
        print(f"the server said {said!r}")
        return 1
    return status


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
