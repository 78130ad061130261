"""The far side of the raw senders: whatever port is spoken to, it answers, and notes what came.

Runs as a process of its own in the internet namespace (`python -m tests.lab.sink`), on one port
that the namespace's rules lead all others to. What is in TLS is seen here only. Each line of its
record is a JSON object: how it came (udp, tcp, tls), from whom, and all of it in hexadecimal.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import socket
import ssl
import threading
from pathlib import Path

from rtcguard.errors import ParseError
from rtcguard.network import stun

from .net import SINK

PORT = 9000
RULES = f"""
table inet sink {{
  chain prerouting {{
    type nat hook prerouting priority dstnat
    ip daddr {SINK.v4} meta l4proto {{ tcp, udp }} dnat ip to {SINK.v4}:{PORT}
    ip6 daddr {SINK.v6} meta l4proto {{ tcp, udp }} dnat ip6 to [{SINK.v6}]:{PORT}
  }}
}}
"""
TLS_HANDSHAKE = 0x16
HEADER = 20  # bytes of STUN's; before so many have come, nothing is answered


def answer(data: bytes) -> bytes:
    """A success response to a STUN request, framed or bare; something else to everything else."""
    if data.startswith(b"POST"):
        return b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
    for prefix in (0, 2):
        with contextlib.suppress(ParseError):
            request = stun.parse(data[prefix:])
            made = stun.encode(request.method, stun.SUCCESS, request.transaction_id)
            return (len(made).to_bytes(2) if prefix else b"") + made
    return b"\xffsomething else"


class Sink:
    """Writes down what comes, a line for a datagram or for a connection that has ended."""

    def __init__(self, record: Path, tls: ssl.SSLContext) -> None:
        self._file = record.open("a")
        self._tls = tls
        self._lock = threading.Lock()

    def note(self, how: str, peer: str, data: bytes) -> None:
        with self._lock:
            self._file.write(json.dumps({"how": how, "peer": peer, "data": data.hex()}) + "\n")
            self._file.flush()

    def datagrams(self, server: socket.socket) -> None:
        while True:
            data, peer = server.recvfrom(65536)
            self.note("udp", peer[0], data)
            server.sendto(answer(data), peer)

    def connections(self, server: socket.socket) -> None:
        while True:
            connection, peer = server.accept()
            threading.Thread(target=self.one, args=(connection, peer[0]), daemon=True).start()

    def one(self, connection: socket.socket, peer: str) -> None:
        connection.settimeout(5)
        how, received = "tcp", b""
        with contextlib.suppress(OSError), connection:
            if connection.recv(1, socket.MSG_PEEK) == bytes([TLS_HANDSHAKE]):
                how, connection = "tls", self._tls.wrap_socket(connection, server_side=True)
            with connection:
                while data := connection.recv(65536):
                    received += data
                    self.note(how, peer, received)
                    if len(received) >= HEADER:
                        connection.sendall(answer(data if len(data) >= HEADER else received))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--certificate", type=Path, required=True)
    parser.add_argument("--key", type=Path, required=True)
    parser.add_argument("--record", type=Path, required=True, help="JSON lines are appended here")
    arguments = parser.parse_args()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(arguments.certificate, arguments.key)
    sink = Sink(arguments.record, tls)
    threads = []
    for address in SINK.addresses:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        datagrams = socket.socket(family, socket.SOCK_DGRAM)
        datagrams.bind((address, PORT))
        connections = socket.create_server((address, PORT), family=family, backlog=128)
        threads.append(threading.Thread(target=sink.datagrams, args=(datagrams,)))
        threads.append(threading.Thread(target=sink.connections, args=(connections,)))
    for thread in threads:
        thread.start()
    for thread in threads:  # until the process is ended
        thread.join()


if __name__ == "__main__":
    main()
