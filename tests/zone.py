"""A DNS server with a zone of its own, over UDP, TCP and TLS; what it was asked can be read.

python -m tests.zone --listen 198.51.100.40:53 'site.lab.test A 198.51.100.40' …
"""

import argparse
import contextlib
import socket
import ssl
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

Handler = Callable[[dns.message.Message, str], "dns.message.Message | bytes | None"]
TTL = 300


@dataclass
class Zone:
    """Answers by its records; `handler` first, if there is one: None there is silence.

    A handler is given the query and `udp`, `tcp` or `tls`."""

    records: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    ttl: int = TTL
    handler: Handler | None = None
    asked: list[tuple[str, str, str]] = field(default_factory=list)  # name, type, transport
    queries: list[dns.message.Message] = field(default_factory=list)
    connections: int = 0
    host: str = "127.0.0.1"
    port: int = 0

    def add(self, line: str) -> None:
        """`stun.example.org A 192.0.2.1`"""
        name, rdtype, text = line.split(None, 2)
        self.records.setdefault((name, rdtype), []).append(text)

    def answer(self, query: dns.message.Message) -> dns.message.Message:
        """By the records; an alias is followed, what is not there is denied with a SOA."""
        response = dns.message.make_response(query, recursion_available=True, our_payload=1232)
        (asked,) = query.question
        name, rdtype = asked.name.to_text(True).lower(), dns.rdatatype.to_text(asked.rdtype)
        while (name, "CNAME") in self.records and rdtype != "CNAME":
            (target,) = self.records[name, "CNAME"]
            response.answer.append(dns.rrset.from_text(f"{name}.", self.ttl, "IN", "CNAME", target))
            name = target.rstrip(".")
        found = self.records.get((name, rdtype))
        if found:
            made = dns.rrset.from_text(f"{name}.", self.ttl, "IN", rdtype, *found)
            response.answer.append(made)
            return response
        soa = f"ns.{name}. nobody.{name}. 1 3600 600 86400 30"
        response.authority.append(dns.rrset.from_text(f"{name}.", 3600, "IN", "SOA", soa))
        if not any(known == name for known, _ in self.records):
            response.set_rcode(dns.rcode.NXDOMAIN)
        return response

    def bytes_for(self, wire: bytes, transport: str) -> bytes | None:
        query = dns.message.from_wire(wire)
        (asked,) = query.question
        rdtype = dns.rdatatype.to_text(asked.rdtype)
        self.asked.append((asked.name.to_text(True), rdtype, transport))
        self.queries.append(query)
        made = self.handler(query, transport) if self.handler else self.answer(query)
        if made is None or isinstance(made, bytes):
            return made
        limit = max(query.payload, 512) if transport == "udp" else 65535
        try:
            return made.to_wire(max_size=limit)
        except dns.exception.TooBig:
            made.answer = []
            made.flags |= dns.flags.TC
            return made.to_wire()

    @contextlib.contextmanager
    def serving(self, tls: ssl.SSLContext | None = None) -> Iterator["Zone"]:
        """UDP and TCP on one port, or TLS alone, for the time of a `with` block."""
        udp, tcp = self._bound()
        with udp, tcp:
            tcp.listen()
            threads = [threading.Thread(target=self._streams, args=(tcp, tls), daemon=True)]
            if tls is None:
                threads.append(threading.Thread(target=self._datagrams, args=(udp,), daemon=True))
            for thread in threads:
                thread.start()
            try:
                yield self
            finally:
                for thread, one in zip(threads, (tcp, udp), strict=False):
                    self._end(thread, one)

    def _bound(self) -> tuple[socket.socket, socket.socket]:
        """Two sockets on one port; a port of 0 becomes one that is free for both."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        for attempt in range(20):
            udp = socket.socket(family, socket.SOCK_DGRAM)
            tcp = socket.socket(family, socket.SOCK_STREAM)
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                udp.bind((self.host, self.port))
                tcp.bind((self.host, udp.getsockname()[1]))
            except OSError:
                udp.close()
                tcp.close()
                if self.port or attempt == 19:
                    raise
            else:
                self.port = udp.getsockname()[1]
                break
        return udp, tcp

    def _end(self, thread: threading.Thread, bound: socket.socket) -> None:
        with contextlib.suppress(OSError):
            bound.shutdown(socket.SHUT_RDWR)
        thread.join(60)

    def _datagrams(self, udp: socket.socket) -> None:
        while True:
            try:
                wire, source = udp.recvfrom(65535)
            except OSError:
                return
            if not wire:
                return
            made = self.bytes_for(wire, "udp")
            if made is not None:
                udp.sendto(made, source)

    def _streams(self, tcp: socket.socket, tls: ssl.SSLContext | None) -> None:
        while True:
            try:
                accepted, _ = tcp.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._stream, args=(accepted, tls), daemon=True).start()

    def _stream(self, accepted: socket.socket, tls: ssl.SSLContext | None) -> None:
        with contextlib.suppress(OSError, struct.error), accepted:
            stream = tls.wrap_socket(accepted, server_side=True) if tls else accepted
            with stream, stream.makefile("rb") as reader:
                while head := reader.read(2):
                    wire = reader.read(struct.unpack("!H", head)[0])
                    made = self.bytes_for(wire, "tls" if tls else "tcp")
                    if made is None:
                        return
                    stream.sendall(struct.pack("!H", len(made)) + made)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--listen", required=True)
    parser.add_argument("records", nargs="+")
    options = parser.parse_args()
    host, _, port = options.listen.rpartition(":")
    zone = Zone(host=host.strip("[]"), port=int(port))
    for line in options.records:
        zone.add(line)
    with zone.serving():
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        threading.Event().wait()


if __name__ == "__main__":
    main()
