"""A name server of the tests: real queries and answers over UDP, by dnspython."""

from __future__ import annotations

import socket
import threading
from dataclasses import dataclass, field
from typing import Self

import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset


@dataclass
class NameServer:
    """Answers from `records`: (name, type) to a time to live and values. Names without any record
    do not exist. `asked` are the questions; while `silent` there are no answers."""

    socket: socket.socket
    records: dict[tuple[str, str], tuple[int, list[str]]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    silent: bool = False

    @property
    def port(self) -> int:
        port: int = self.socket.getsockname()[1]
        return port

    def __enter__(self) -> Self:
        self.socket.settimeout(None)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.sendto(b"", self.socket.getsockname()[:2])
        self._thread.join(60)
        assert not self._thread.is_alive()
        self.socket.close()

    def _serve(self) -> None:
        while True:
            packet, source = self.socket.recvfrom(4096)
            if not packet:
                return
            query = dns.message.from_wire(packet)
            (question,) = query.question
            name = question.name.to_text(omit_final_dot=True).lower()
            kind = dns.rdatatype.to_text(question.rdtype)
            self.asked.append((name, kind))
            if not self.silent:
                self.socket.sendto(self._answer(query, name, kind).to_wire(), source)

    def _answer(self, query: dns.message.Message, name: str, kind: str) -> dns.message.Message:
        answer = dns.message.make_response(query, recursion_available=True)
        while (name, "CNAME") in self.records:
            ttl, (target,) = self.records[name, "CNAME"]
            answer.answer.append(dns.rrset.from_text(f"{name}.", ttl, "IN", "CNAME", f"{target}."))
            name = target
        if (name, kind) in self.records:
            ttl, values = self.records[name, kind]
            answer.answer.append(dns.rrset.from_text(f"{name}.", ttl, "IN", kind, *values))
        elif not any(known == name for known, _ in self.records):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        return answer


def loopback() -> NameServer:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind(("127.0.0.1", 0))
    return NameServer(made)
