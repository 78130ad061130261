"""What DNS in a recording tells: which STUN and TURN servers a client asked for, as the sinkhole
judges it, and the LAN addresses that browsers announce on the link with random `.local` names.
"""

import re
import struct
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdataclass
import dns.rdatatype

from rtcguard.ice import address as addresses
from rtcguard.network import answers, exchange, sinkhole
from rtcguard.policy.model import HostPort, Policy
from rtcguard.policy.record import Record
from rtcguard.recordings.internet import host as host_of
from rtcguard.recordings.scene import Scene
from rtcguard.recordings.stun_packets import StunPackets

DNS, MULTICAST = 53, 5353
_MOST_ASKED: Final = 4096  # queries that wait for their answer
# As Chromium and Firefox make them (draft-ietf-mmusic-mdns-ice-candidates).
_RANDOM: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.local")
_BROKEN: Final = (dns.exception.DNSException, ValueError, IndexError, struct.error)

_Query = tuple[dns.message.QueryMessage, sinkhole.Judged, HostPort, HostPort, float]


class DnsPackets:
    """Judges queries when their answer comes, which tells the addresses; `rest` those without."""

    def __init__(self, scene: Scene, stun: StunPackets) -> None:
        self._scene, self._stun = scene, stun
        config = replace(scene.policy.config, mode="monitor")  # the answers came, whatever they are
        self._policy = Policy(config, scene.policy.servers)
        self._asked: OrderedDict[tuple[HostPort, HostPort, bytes], _Query] = OrderedDict()

    def packet(
        self, wire: bytes, source: HostPort, destination: HostPort, at: float
    ) -> Iterator[Record]:
        """Judges one packet; what is no DNS tells nothing."""
        if MULTICAST in (source[1], destination[1]):
            yield from self._announced(wire, source, destination, at)
        elif destination[1] == DNS:
            yield from self._query(wire, source, destination, at)
        else:
            yield from self._response(wire, destination, source)

    def rest(self) -> Iterator[Record]:
        """Queries that nobody answered."""
        while self._asked:
            yield from self._unanswered()

    def _query(
        self, wire: bytes, client: HostPort, server: HostPort, at: float
    ) -> Iterator[Record]:
        query = exchange.parse(wire)
        if not isinstance(query, dns.message.QueryMessage):
            return
        self._scene.meet(client[0])
        if self._scene.direction(client[0], server[0]) != "outbound":
            return
        names, minute = self._scene.names, self._scene.minute(at)
        judged = sinkhole.judge(query, client[0], server[0], names, self._policy, minute)
        if judged.response is not None:
            return  # of a kind that has nothing to do with STUN
        self._asked[client, server, wire[:2]] = (query, judged, client, server, at)
        if len(self._asked) > _MOST_ASKED:
            yield from self._unanswered()

    def _unanswered(self) -> Iterator[Record]:
        _, asked = self._asked.popitem(last=False)
        yield from self._concluded(asked, answers.Answer(dns.rcode.SERVFAIL))

    def _response(self, wire: bytes, client: HostPort, server: HostPort) -> Iterator[Record]:
        asked = self._asked.pop((client, server, wire[:2]), None)
        if asked is None:
            return
        try:
            message = dns.message.from_wire(wire)
            answer = answers.read(message, edit=False, relays=True)
        except _BROKEN:
            answer = answers.Answer(dns.rcode.SERVFAIL)
        for host in answer.addresses():
            self._stun.resolved(host, asked[1].name)
        yield from self._concluded(asked, answer)

    def _concluded(self, asked: _Query, answer: answers.Answer) -> Iterator[Record]:
        query, judged, client, server, at = asked
        names = self._scene.names
        minute = self._scene.minute(at)
        judged = sinkhole.conclude(
            query, client[0], server[0], judged, answer, names, self._policy, minute
        )
        yield from self._scene.observed(judged.records, at)

    def _announced(
        self, wire: bytes, source: HostPort, destination: HostPort, at: float
    ) -> Iterator[Record]:
        """A browser's answer by multicast: who has this name."""
        if len(wire) < 12 or not wire[2] & 0x80:
            return
        if self._scene.direction(source[0], destination[0]) != "outbound":
            return
        try:
            message = dns.message.from_wire(wire)
        except _BROKEN:
            return
        told: set[tuple[str, str]] = set()
        for rrset in message.answer:
            name = answers.plain(rrset.name)
            if not _RANDOM.fullmatch(name):
                continue
            for rdata in rrset:
                # The class has the bit "flush the cache" (RFC 6762 section 10.2), so that dnspython
                # reads mere bytes.
                data = rdata.to_wire() or b""
                is_address = len(data) == {dns.rdatatype.A: 4, dns.rdatatype.AAAA: 16}.get(
                    rrset.rdtype, -1
                )
                if not is_address or (name, host_of(data)) in told:
                    continue
                told.add((name, host_of(data)))
                record = Record(
                    ring="network",
                    kind="name",
                    action="observed",
                    direction="outbound",
                    client=source[0],
                    address=host_of(data),
                    scope=addresses.scope(host_of(data)),
                    destination=addresses.host_port(*destination),
                    name=name,
                    reason="multicast DNS tells this link whose address the name stands for",
                )
                yield from self._scene.observed([record], at)
