"""What a STUN packet of a recording tells: the client's address, to a server or to the far side.

A request is judged as the proxy and the responder judge it. What the live rings never see, since no
request gets so far, are answers: they tell the client which public address of its a server saw.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from rtcguard.errors import ParseError
from rtcguard.ice import address as addresses
from rtcguard.ice.server import ServerUri
from rtcguard.network import responder, stun
from rtcguard.network.folding import Folding, Tally
from rtcguard.policy.decide import Decision, approved_hosts, decide_tunnel
from rtcguard.policy.model import HostPort
from rtcguard.policy.record import Record
from rtcguard.policy.rule import Subject
from rtcguard.policy.told import DONE_TO_FLOWS, monitored
from rtcguard.recordings.internet import host as host_of
from rtcguard.recordings.scene import Scene

_SEND: Final = 0x006
_PEER_ADDRESS: Final = 0x0012
_DATA: Final = 0x0013
_MOST_NAMED: Final = 4096  # addresses whose name is remembered


class StunPackets:
    """Judges STUN packets, and folds what repeats, as the responder does."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._folding = Folding()
        self._named: dict[str, str] = {}
        self._known: dict[object, Tally] = {}  # what was judged, in this round of the folding
        self._round = -1

    def resolved(self, host: str, name: str) -> None:
        """A client was told that a name has this address."""
        if len(self._named) >= _MOST_NAMED:
            self._named.pop(next(iter(self._named)))
        self._named[host] = name

    def take(self) -> list[Record]:
        """What is to be told now."""
        return self._folding.take()

    def rest(self) -> list[Record]:
        """What is left at the end."""
        self._folding.settle()
        return self._folding.take()

    def packet(
        self,
        packet: bytes,
        source: HostPort,
        destination: HostPort,
        at: float,
        *,
        transport: str = "udp",
        is_cut: bool = False,
    ) -> None:
        """Judges one packet; what is not STUN tells nothing."""
        try:
            message = stun.parse(_uncut(packet) if is_cut else packet)
        except ParseError:
            return
        kind = message.message_class
        if kind == stun.REQUEST:
            self._request(message, source, destination, at, transport)
        elif kind == stun.SUCCESS:
            self._response(message, destination, source, at, transport)
        elif message.method == _SEND:
            self._relayed(message, source, destination, at)

    def channel(self, data: bytes, source: HostPort, destination: HostPort, at: float) -> None:
        """STUN in TURN's ChannelData: whom it is for, only the server knows."""
        self._inner(data[4:], source, destination, "", at)

    def _request(
        self,
        message: stun.Message,
        source: HostPort,
        destination: HostPort,
        at: float,
        transport: str,
    ) -> None:
        if not message.username or message.method != stun.BINDING:
            self._scene.meet(source[0])  # no check of a peer: it asks a server
        types = tuple(number for number, _ in message.attributes)
        key = (message.type, types, message.username, message.fingerprint_ok, source, destination)
        if at < self._folding.due and self._round == self._folding.rounds and key in self._known:
            self._known[key].add(1, at)
            return
        if self._scene.direction(source[0], destination[0]) != "outbound":
            return
        decision = self._decided(message, source, destination, at, transport)
        action = DONE_TO_FLOWS[decision.action]
        what = f"{message.method_name} {stun.CLASS_NAMES[message.message_class]}"
        reason = f"{what}: {decision.reason}"
        record = responder.record_of(action, source, destination, reason, decision.rule)
        if decision.action not in ("keep", "observe"):
            policy = self._scene.policy
            (made,) = responder.answer(message.raw, source, destination, policy).records
            reason = f"{made.reason}; {decision.reason}"
            record = replace(made, rule=decision.rule, reason=reason)
        records = (*monitored(record, decision, DONE_TO_FLOWS), record)
        tally = self._add(records, at)
        if self._round != self._folding.rounds or len(self._known) >= _MOST_NAMED:
            self._known.clear()
            self._round = self._folding.rounds
        if tally is not None:
            self._known[key] = tally

    def _decided(
        self, message: stun.Message, client: HostPort, server: HostPort, at: float, transport: str
    ) -> Decision:
        """Whether the policy lets a request go to its server, as the proxy asks it."""
        config = self._scene.policy.config
        approved = approved_hosts(config.relay, transport)
        address, port = server
        hosts = [address, *filter(None, [self._named.get(address)])]
        protocol = "stun" if message.method == stun.BINDING else "turn"
        uris = [ServerUri(protocol, host, port, transport) for host in hosts]
        subject = Subject(
            site="",
            client=client[0],
            direction="outbound",
            ring="network",
            server=" ".join(map(str, uris)),
            destination=" ".join(hosts),
            port=port,
            protocol=protocol,
            minute=self._scene.minute(at),
        )
        is_approved = any((host, port) in approved for host in hosts)
        return decide_tunnel(config, subject, uris[0], approved=is_approved)

    def _response(
        self,
        message: stun.Message,
        client: HostPort,
        server: HostPort,
        at: float,
        transport: str,
    ) -> None:
        seen = _mapped(message)
        if seen is None or self._scene.direction(client[0], server[0]) != "outbound":
            return
        host, port = seen
        if host == client[0] or addresses.is_unroutable(host):
            return  # nothing that the request itself did not tell
        decision = self._decided(message, client, server, at, transport)
        # Where the request would not have passed, neither would this.
        action = {"keep": "kept", "observe": "observed"}.get(decision.action, "refused")
        told = addresses.host_port(*server)
        reason = f"{message.method_name} success response: {told} saw the client as {host}"
        record = Record(
            ring="network",
            kind="stun",
            action=action,
            direction="outbound",
            client=client[0],
            address=host,
            port=port,
            scope=addresses.scope(host),
            destination=told,
            rule=decision.rule,
            reason=reason,
        )
        self._add([record], at)

    def _relayed(
        self, message: stun.Message, source: HostPort, server: HostPort, at: float
    ) -> None:
        peer, data = message.attribute(_PEER_ADDRESS), message.attribute(_DATA)
        if peer is None or data is None:
            return
        try:
            host, port = stun.decode_xor_address(peer, message.transaction_id)
        except ParseError:
            return
        self._inner(data, source, server, addresses.host_port(host, port), at)

    def _inner(self, data: bytes, source: HostPort, server: HostPort, peer: str, at: float) -> None:
        """A check that goes to the far side through a TURN server, which shows its own address."""
        if self._scene.direction(source[0], server[0]) != "outbound":
            return
        try:
            message = stun.parse(data)
        except ParseError:
            return
        fragments = stun.ice_ufrags(message.username)
        if message.message_class != stun.REQUEST or fragments is None:
            return
        told = addresses.host_port(*server)
        record = Record(
            ring="network",
            kind="stun",
            action="observed",
            direction="outbound",
            client=source[0],
            destination=peer or told,
            ufrag=fragments[1],
            far_ufrag=fragments[0],
            reason=f"{message.method_name} request through the TURN server {told}: the far side "
            "sees the relay's address",
        )
        self._add([record], at)

    def _add(self, records: Iterable[Record], at: float) -> Tally | None:
        tally = None
        for record in self._scene.observed(records, at):
            tally = self._folding.add(record, at)
        return tally


def _mapped(message: stun.Message) -> HostPort | None:
    """The address that a server says it saw."""
    value = message.attribute(stun.XOR_MAPPED_ADDRESS)
    if value is None:
        # MAPPED-ADDRESS is the same without a mask: zero, family, port, address (section 14.1).
        value = message.attribute(stun.MAPPED_ADDRESS) or b""
        if len(value) not in (8, 20):
            return None
        return host_of(value[4:]), int.from_bytes(value[2:4])
    try:
        host, port = stun.decode_xor_address(value, message.transaction_id)
    except ParseError:
        return None
    return addresses.canonical(host), port


def _uncut(packet: bytes) -> bytes:
    """What there is of a packet that was cut short, as a whole one: the attributes that fit."""
    end = stun.HEADER_LENGTH
    while end + 4 <= len(packet):
        length = int.from_bytes(packet[end + 2 : end + 4])
        if end + 4 + length + -length % 4 > len(packet):
            break
        end += 4 + length + -length % 4
    return packet[:2] + (end - stun.HEADER_LENGTH).to_bytes(2) + packet[4:end]
