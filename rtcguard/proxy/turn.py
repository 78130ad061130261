"""Which tunnels are looked into for STUN, and which TURN server one may lead to: ring 3 inside of
the proxy. A child of the addon in `addon.py`."""

import asyncio
import logging
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from mitmproxy import ctx
from mitmproxy.proxy import layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import DNSLayer, TCPLayer

from rtcguard.ice import address as addresses
from rtcguard.ice.server import ServerUri
from rtcguard.network import responder, stream, stun
from rtcguard.policy.decide import Decision, approved_tcp, decide_tunnel
from rtcguard.policy.model import HostPort, Policy
from rtcguard.policy.record import Record
from rtcguard.proxy.tunnels import Question, Raw

logger = logging.getLogger(__name__)

_RESOLVED_HOLDS: Final = 60.0  # seconds
_RESOLVE_TIMEOUT: Final = 5.0


class Turn:
    """STUN and TURN in tunnels: on to approved servers only, answered with an error else."""

    name = "rtcguard-turn"

    def __init__(self, policy: Policy, record: Callable[[list[Record]], object]) -> None:
        self._policy = policy
        self._record = record
        self._resolved: dict[HostPort, tuple[float, frozenset[HostPort]]] = {}

    def next_layer(self, next_layer: layer.NextLayer) -> None:
        """Takes over what mitmproxy would relay unread, and STUN that it takes for DNS by its port.

        Under `mitmdump -s` this comes before mitmproxy's own choice, which is then made here."""
        if next_layer.layer is None:
            ctx.master.addons.get("nextlayer").next_layer(next_layer)
        chosen, context = next_layer.layer, next_layer.context
        if context.client.transport_protocol != "tcp":
            return
        is_stun = stream.begins(next_layer.data_client()) in ("bare", "framed")
        if isinstance(chosen, TCPLayer) or (isinstance(chosen, DNSLayer) and is_stun):
            next_layer.layer = Raw(context, self._answer)
            context.layers.remove(chosen)

    async def stun_tunnel(self, question: Question) -> None:
        """Decides a tunnel, and records it. A failure leaves it refused."""
        config, context = self._policy.config, question.context
        client, server = _parties(context)
        passes = config.mode == "monitor"
        try:
            decision = await self._decide(question.message, client[0], server, context)
            passes |= decision.action == "keep"
            made = self._told(question.message, client, server, decision, passes=passes)
        except Exception as error:
            logger.error("a tunnel could not be judged: %r", error, exc_info=error)
            passes |= config.on_error == "pass"
            action = "observed" if passes else "blocked"
            reason = f"it could not be judged: {error!r}"
            made = _record(client, server, action, "default:on_error", reason)
        self._record([made])
        question.passes = passes

    async def _decide(
        self, message: stun.Message | None, client: str, server: HostPort, context: Context
    ) -> Decision:
        is_turn = message is not None and message.method != stun.BINDING
        scheme = ("turn" if is_turn else "stun") + ("s" if context.server.tls else "")
        uri = ServerUri(scheme, *server, "tcp")
        approved = await self._approves(server)
        return decide_tunnel(self._policy.config, client, uri, approved=approved)

    def _told(
        self,
        message: stun.Message | None,
        client: HostPort,
        server: HostPort,
        decision: Decision,
        *,
        passes: bool,
    ) -> Record:
        """The record of a tunnel, made of its first message."""
        what = "STUN that cannot be read"
        if message is not None:
            what = f"{message.method_name} {stun.CLASS_NAMES[message.message_class]}"
        if passes:
            action = "kept" if decision.action == "keep" else "observed"
            return _record(client, server, action, decision.rule, f"{what}: {decision.reason}")
        if message is not None and message.message_class == stun.REQUEST:
            (made,) = responder.answer(message.raw, client, server, self._policy).records
            reason = f"{made.reason}; {decision.reason}"
            return replace(made, name=_name(server[0]), rule=decision.rule, reason=reason)
        reason = f"{what}: not passed on; {decision.reason}"
        return _record(client, server, "blocked", decision.rule, reason)

    def _answer(self, message: bytes, context: Context) -> bytes | None:
        return responder.answer(message, *_parties(context), self._policy).datagram

    async def _approves(self, server: HostPort) -> bool:
        """Whether a tunnel's server is an approved one, by its name or by an address of it."""
        approved = approved_tcp(self._policy.config.relay)
        if (addresses.canonical(server[0]), server[1]) in approved:
            return True
        if addresses.parse(server[0]) is None:
            return False
        for host, port in approved:
            if port == server[1] and addresses.parse(host) is None:
                found = await self._addresses(host, port)
                if (addresses.canonical(server[0]), port) in found:
                    return True
        return False

    async def _addresses(self, host: str, port: int) -> frozenset[HostPort]:
        """What an approved name stands for; nothing where it cannot be resolved."""
        known = self._resolved.get((host, port))
        if known is not None and time.monotonic() < known[0]:
            return known[1]
        try:
            async with asyncio.timeout(_RESOLVE_TIMEOUT):
                loop = asyncio.get_running_loop()
                answers = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:  # TimeoutError is one
            logger.warning("%s of relay.servers cannot be resolved: %s", host, error)
            return frozenset()
        found = frozenset((addresses.canonical(str(to[0])), port) for *_, to in answers)
        self._resolved[host, port] = (time.monotonic() + _RESOLVED_HOLDS, found)
        return found


def _parties(context: Context) -> tuple[HostPort, HostPort]:
    """The client's address and the tunnel's server, a name in lower case."""
    peer, server = context.client.peername, context.server.address
    client = (addresses.canonical(peer[0]), peer[1]) if peer else ("", 0)
    return client, (server[0].lower().rstrip("."), server[1]) if server else ("", 0)


def _name(host: str) -> str:
    return host if addresses.parse(host) is None else ""


def _record(client: HostPort, server: HostPort, action: str, rule: str, reason: str) -> Record:
    return Record(
        ring="network",
        kind="stun",
        action=action,
        direction="outbound",
        client=client[0],
        address=client[0],
        port=client[1],
        scope=addresses.scope(client[0]),
        destination=addresses.host_port(*server),
        name=_name(server[0]),
        rule=rule,
        reason=reason,
    )
