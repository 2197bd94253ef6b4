# SPDX-License-Identifier: MIT OR Apache-2.0
"""talk.py PROGRAM: starts an echo server that prints its port, and checks what it sends back.

Several clients are served at the same time, and SIGTERM ends the server. Ends with the status of
the server.
"""

import concurrent.futures
import socket
import subprocess
import sys
import threading

TIMEOUT_S = 30
CLIENTS = 3


def echo(client, sent):
    with client:

        def send():
            client.sendall(sent)
            client.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send)
        sender.start()
        received = b"".join(iter(lambda: client.recv(65536), b""))
        sender.join()
    return received


def main(program):
    sent = bytes(range(256)) * 4096
    with subprocess.Popen([program, "0"], stdout=subprocess.PIPE) as server:
        try:
            port = int(server.stdout.readline())
            address = ("127.0.0.1", port)
            clients = [socket.create_connection(address, TIMEOUT_S) for _ in range(CLIENTS)]
            with concurrent.futures.ThreadPoolExecutor(CLIENTS) as threads:
                received = list(threads.map(lambda client: echo(client, sent), clients))
            server.terminate()
            status = server.wait(TIMEOUT_S)
        finally:
            server.kill()
    if received != [sent] * CLIENTS:
        lengths = [len(each) for each in received]
        print(f"each client sent {len(sent)} bytes, {lengths} came back, or other bytes")
        return 1
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
