"""Raw senders: every way in which a program of the client could tell its address, by a packet.

`python -m tests.lab.senders` sends all of them at once, from wherever it runs, and prints what each
got back as JSON. With --until-stopped it sends them again and again. The rows are those of the
table of leak paths: ICE, STUN and TURN, their carriers, and what comes with them.
"""

from __future__ import annotations

import argparse
import signal
import socket
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from rtcguard.ice.address import host_port

from . import messages as m
from .native.order import say
from .net import APPROVED_TURN, CLIENT, GATEWAY, SINK, Role
from .sending import SCTP, UDPLITE, Send, fragments, http, protocol, tcp, tls, udp

TURN, TURNS, ODD = 3478, 5349, 61001
MDNS, LLMNR = 5353, 5355
MDNS_GROUPS = {4: "224.0.0.251", 6: "ff02::fb"}
LLMNR_GROUPS = {4: "224.0.0.252", 6: "ff02::1:3"}
RELAYED = 20001  # a port that the approved TURN server would give a peer
SECOND = f"{CLIENT.v6}222"  # another IPv6 address of the client's, as privacy extensions make them
PAUSE = 0.5  # seconds between two shots of one kind
# One header of eight bytes that holds nothing but padding (RFC 8200 section 4.2).
PADDING = bytes((0, 0, 1, 4, 0, 0, 0, 0))
HOP_BY_HOP = [(socket.IPPROTO_IPV6, socket.IPV6_HOPOPTS, PADDING)]
DESTINATION = [(socket.IPPROTO_IPV6, socket.IPV6_DSTOPTS, PADDING)]
# Fragments that the kernel makes: it may not ask for a smaller datagram.
LARGE4 = [(socket.IPPROTO_IP, 10, 0)]  # IP_MTU_DISCOVER: IP_PMTUDISC_DONT

# Browsers go on after a 403 to Allocate, and end on a 300 that names no other server.
ENDED = ("300",)
NO_DNS = ("silence", "closed", "reset")  # by the sinkhole, which only knows DNS there
REFUSED, SILENCE, SENT = ("403",), ("silence",), ("sent",)
PASSED = ("answered",)  # by the site, or by the sinkhole in the place of a resolver


@dataclass(frozen=True)
class Attempt:
    """One way. `row`: of the table of leak paths."""

    row: int
    name: str
    send: Send
    versions: Sequence[int] = (4, 6)
    to: Role = SINK
    stays: bool = False  # on the client's own link, as no router forwards it
    passes: bool = False  # it may arrive, but without any address of the client
    unread: bool = False  # TCP like any other: it may arrive, but from the gateway's own address
    answers: Sequence[str] = REFUSED  # what rtcguard gives back, as the design has it
    told: int = 0  # the port that the ledger tells it under, where it has one for itself


ATTEMPTS = (
    Attempt(1, "Binding to 3478", udp(TURN, m.binding)),
    Attempt(1, "Binding to 19302", udp(19302, m.binding), told=19302),
    Attempt(1, "Binding indication", udp(TURN, m.binding_indication), answers=SILENCE),
    Attempt(1, "Binding response", udp(TURN, m.response), answers=SILENCE),
    Attempt(
        2,
        "host candidates in an offer",
        http(80, partial(m.post, "host")),
        passes=True,
        answers=PASSED,
    ),
    Attempt(
        3,
        "mDNS on the link",
        udp(MDNS, m.local_query, to=MDNS_GROUPS),
        [4],
        stays=True,
        answers=SENT,
    ),
    Attempt(3, "mDNS to another network", udp(MDNS, m.local_query), answers=SILENCE),
    Attempt(4, "check to a host candidate", udp(40404, m.check), told=40404),
    Attempt(4, "check to a relayed address", udp(RELAYED, m.check), to=APPROVED_TURN, told=RELAYED),
    Attempt(
        5, "raddr in an offer", http(80, partial(m.post, "raddr")), passes=True, answers=PASSED
    ),
    Attempt(
        6,
        "c=, o= and a=rtcp: in an offer",
        http(80, partial(m.post, "lines")),
        passes=True,
        answers=PASSED,
    ),
    Attempt(
        7, "odd lines in an offer", http(80, partial(m.post, "odd")), passes=True, answers=PASSED
    ),
    Attempt(8, "ICE-TCP", tcp(40407, m.framed), told=40407),
    Attempt(8, "ICE-TCP in single bytes", tcp(40405, m.framed, bytewise=True)),
    Attempt(9, "Allocate over UDP", udp(TURN, m.allocate), answers=ENDED),
    Attempt(
        9, "Allocate with an address as its user name", udp(TURN, m.named_allocate), answers=ENDED
    ),
    Attempt(9, "Allocate with credentials", udp(TURN, m.allocate_again), answers=ENDED),
    Attempt(9, "Allocate over TCP", tcp(TURN, m.allocate), answers=ENDED),
    Attempt(9, "Allocate in TLS", tls(TURNS, m.allocate), answers=ENDED),
    Attempt(
        9, "Allocate in TLS with a name", tls(443, m.allocate, name="turn.example"), answers=ENDED
    ),
    Attempt(10, "Binding over TCP", tcp(TURN, m.binding)),
    Attempt(10, "Binding over TCP to 80", tcp(80, m.binding)),
    Attempt(10, "Binding over TCP to 443", tcp(443, m.binding)),
    Attempt(10, "Binding over TCP to an odd port", tcp(ODD, m.binding)),
    Attempt(10, "Binding over TCP in single bytes", tcp(TURN, m.binding, bytewise=True)),
    Attempt(10, "Binding over TCP to 80 in single bytes", tcp(80, m.binding, bytewise=True)),
    Attempt(10, "something else, then Binding over TCP", tcp(TURN, m.greeting, m.binding)),
    Attempt(11, "Binding in TLS to 5349", tls(TURNS, m.binding)),
    Attempt(11, "Binding in TLS to 443", tls(443, m.binding)),
    Attempt(11, "framed check in TLS", tls(443, m.framed)),
    Attempt(11, "DTLS to 5349", udp(TURNS, m.dtls_hello), answers=SILENCE),
    Attempt(12, "Binding to 53", udp(53, m.binding), told=53),
    Attempt(12, "Binding to 443", udp(443, m.binding), told=443),
    Attempt(12, "Binding to 5353", udp(MDNS, m.binding), told=MDNS),
    Attempt(12, "Binding to an odd port", udp(ODD, m.binding), told=ODD),
    Attempt(12, "Binding over TCP to 53", tcp(53, m.binding), answers=NO_DNS),
    Attempt(13, "classic Binding", udp(TURN, m.classic), answers=SILENCE),
    Attempt(13, "classic Binding to an odd port", udp(ODD, m.classic), answers=SILENCE),
    Attempt(13, "classic Binding over TCP", tcp(TURN, m.classic)),
    Attempt(14, "something else, then Binding", udp(TURN, m.anything, m.binding)),
    Attempt(14, "DTLS, then Binding", udp(443, m.dtls_hello, m.binding)),
    Attempt(14, "Binding, then something else", udp(TURN, m.binding, m.media), answers=SILENCE),
    Attempt(15, "from a second address", udp(TURN, m.binding, source=SECOND), [6]),
    Attempt(16, "Binding to an address without a name", udp(TURN, m.binding)),
    Attempt(17, "a query to a resolver elsewhere", udp(53, m.dns_query), answers=PASSED),
    Attempt(
        17,
        "a query over TCP to a resolver elsewhere",
        tcp(53, m.framed_query),
        answers=PASSED,
    ),
    Attempt(
        17,
        "LLMNR on the link",
        udp(LLMNR, m.local_query, to=LLMNR_GROUPS),
        [4],
        stays=True,
        answers=SENT,
    ),
    Attempt(17, "LLMNR to another network", udp(LLMNR, m.local_query), answers=SILENCE),
    Attempt(
        18,
        "Allocate where ALTERNATE-SERVER points",
        udp(3479, m.allocate, m.allocate),
        answers=ENDED,
        told=3479,
    ),
    Attempt(19, "GOOG-PING", udp(40406, m.goog_ping), told=40406),
    Attempt(19, "Connect over TCP", tcp(TURN, m.connect)),
    Attempt(19, "ConnectionBind over TCP", tcp(TURN, m.connection_bind)),
    Attempt(19, "ChannelData", udp(TURN, m.channel_data), answers=SILENCE),
    Attempt(19, "ChannelData over TCP", tcp(TURN, m.channel_data), unread=True, answers=SILENCE),
    Attempt(19, "Send indication", udp(TURN, m.send_indication), answers=SILENCE),
    Attempt(20, "QUIC to 443", udp(443, m.quic_initial), answers=("refused",)),
    Attempt(20, "media without STUN", udp(40404, m.media), answers=SILENCE),
    Attempt(20, "UDP of another kind", udp(ODD, m.anything), answers=SILENCE),
    Attempt(20, "Binding in UDP-Lite", udp(TURN, m.binding, protocol=UDPLITE), answers=SILENCE),
    Attempt(20, "another protocol over IP", protocol(SCTP, m.anything), answers=SENT),
    Attempt(
        21,
        "Binding to a neighbour",
        udp(40404, m.binding),
        to=GATEWAY,
        stays=True,
        answers=("refused",),
    ),
    Attempt(
        22, "Binding in fragments, the first without it", fragments(TURN, m.binding), answers=SENT
    ),
    Attempt(
        22,
        "Binding in fragments, the first with the cookie",
        fragments(TURN, m.check, cut=16),
        answers=SENT,
    ),
    Attempt(22, "classic Binding in fragments", fragments(TURN, m.classic), answers=SENT),
    Attempt(22, "a long Binding in IPv4 fragments", udp(TURN, m.padded, options=LARGE4), [4]),
    Attempt(22, "a long Binding in IPv6 fragments", udp(TURN, m.padded), [6]),
    Attempt(
        22, "Binding behind a hop-by-hop header", udp(TURN, m.binding, options=HOP_BY_HOP), [6]
    ),
    Attempt(
        22, "Binding behind destination options", udp(TURN, m.binding, options=DESTINATION), [6]
    ),
    Attempt(22, "the cookie behind an odd length", udp(TURN, m.odd_length), answers=SILENCE),
    Attempt(22, "the cookie at an odd place", udp(TURN, m.late_cookie), answers=SILENCE),
)

# What the table of leak paths calls its rows, for the terminal.
ROWS = {
    1: "srflx by STUN servers",
    2: "host candidates",
    3: "mDNS",
    4: "prflx by checks",
    5: "raddr and rport",
    6: "c=, o=, a=rtcp:",
    7: "SDP in odd forms",
    8: "ICE-TCP",
    9: "TURN servers that are not approved",
    10: "STUN over TCP",
    11: "stuns:, turns:, DTLS",
    12: "STUN on ports of others",
    13: "classic STUN",
    14: "STUN later in a flow",
    15: "IPv6, a second address",
    16: "servers without names",
    17: "DNS itself, LLMNR",
    18: "ALTERNATE-SERVER",
    19: "GOOG-PING, TURN over TCP, ChannelData",
    20: "UDP without STUN, QUIC, other protocols",
    21: "local addresses",
    22: "fragments, headers, odd lengths (not in the table)",
}


@dataclass(frozen=True)
class Shot:
    """An attempt over one version of IP; its mark is in all that it sends."""

    attempt: Attempt
    version: int
    mark: bytes

    @property
    def name(self) -> str:
        return f"{self.attempt.name}, IPv{self.version}"

    @property
    def host(self) -> str:
        return self.attempt.to.v4 if self.version == 4 else self.attempt.to.v6

    @property
    def destination(self) -> str:
        """As the ledger has it."""
        return host_port(self.host, self.attempt.told)

    def fire(self) -> str:
        return self.attempt.send(self.host, self.mark)


SHOTS = tuple(
    Shot(attempt, version, b"lab%d%03d" % (version, number))
    for number, attempt in enumerate(ATTEMPTS)
    for version in attempt.versions
)


def _again(shot: Shot, stopped: threading.Event, pause: float) -> int:
    count = 0
    while not stopped.wait(pause):
        shot.fire()
        count += 1
    return count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--until-stopped", action="store_true", help="again and again")
    arguments = parser.parse_args()
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    with ThreadPoolExecutor(len(SHOTS)) as threads:
        if arguments.until_stopped:
            say({"sending": len(SHOTS)})
            counts = threads.map(lambda shot: _again(shot, stopped, PAUSE), SHOTS)
            said = {
                shot.mark.decode(): str(count) for shot, count in zip(SHOTS, counts, strict=True)
            }
        else:
            answers = threads.map(Shot.fire, SHOTS)
            said = {shot.mark.decode(): one for shot, one in zip(SHOTS, answers, strict=True)}
    say(said)


if __name__ == "__main__":
    main()
