"""Which raw flows are looked into for STUN, and which TURN server one may lead to: ring 3 inside of
the proxy. A child of the addon in `addon.py`."""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

from mitmproxy import ctx
from mitmproxy.proxy import layer, layers, mode_specs
from mitmproxy.proxy.context import Context

from rtcguard.ice import address as addresses
from rtcguard.ice.server import ServerUri
from rtcguard.network import responder, stream, stun
from rtcguard.network.clock import minute_of_week
from rtcguard.policy.decide import Decision, approved_hosts, decide_tunnel, decide_udp
from rtcguard.policy.model import HostPort, Policy
from rtcguard.policy.record import Record, decided_by
from rtcguard.policy.rule import Mode, Subject
from rtcguard.policy.told import DONE_TO_FLOWS, DONE_TO_NAMES, in_mode, told
from rtcguard.proxy.datagrams import Datagrams
from rtcguard.proxy.passing import Passing
from rtcguard.proxy.resolved import Resolved
from rtcguard.proxy.tunnels import Ended, Question, Raw
from rtcguard.proxy.users import user_of

logger = logging.getLogger(__name__)

_DNS_PORT: Final = 53


class Turn:
    """STUN and TURN in raw flows: on to approved servers only, answered with an error else."""

    name = "rtcguard-turn"

    def __init__(
        self, policy: Policy, record: Callable[[list[Record]], object], passing: Passing
    ) -> None:
        self._policy = policy
        self._passing = passing
        self._hand_over = record
        self._names = Resolved()

    def use(self, policy: Policy) -> None:
        """From now on this policy decides; flows that pass already are asked about once more."""
        self._policy = policy

    def holds(self, question: Question) -> bool:
        """Whether what was decided of a flow was decided by the policy that is in force."""
        return question.policy is self._policy

    def next_layer(self, next_layer: layer.NextLayer) -> None:
        """Takes over UDP, what mitmproxy would relay unread, and STUN that it takes for DNS by its
        port.

        Under `mitmdump -s` this comes before mitmproxy's own choice, which is then made here."""
        context = next_layer.context
        try:
            if context.client.transport_protocol == "udp":
                # A layer that mitmproxy chose adds itself to these, and may bring others.
                del context.layers[1:]
                reader = layers.DNSLayer(context) if _is_dns(context) else None
                next_layer.layer = Datagrams(
                    context, self._answer, self._failed, self.holds, reader
                )
            else:
                self._take_raw(next_layer)
        except Exception as error:  # mitmproxy would go on with its own choice
            self._failed(context, error)
            next_layer.layer = Ended(context)

    def _take_raw(self, next_layer: layer.NextLayer) -> None:
        if next_layer.layer is None:
            ctx.master.addons.get("nextlayer").next_layer(next_layer)
        chosen, context = next_layer.layer, next_layer.context
        is_stun = stream.begins(next_layer.data_client()) in ("bare", "framed")
        next_layer.layer = None if chosen is None else self._passing.layer(chosen, context)
        if isinstance(chosen, layers.TCPLayer) or (isinstance(chosen, layers.DNSLayer) and is_stun):
            next_layer.layer = self._raw(context, chosen)
        # `reverse:tls` brings all of its layers at once.
        while (below := getattr(chosen, "child_layer", None)) is not None:
            if isinstance(below, layers.TCPLayer):
                setattr(chosen, "child_layer", self._raw(context, below))  # noqa: B010
            chosen = below

    def _raw(self, context: Context, instead_of: layer.Layer) -> Raw:
        context.layers.remove(instead_of)
        return Raw(context, self._answer, self._failed, self.holds)

    async def raw_flow(self, question: Question) -> None:
        """Decides a flow, and records it. A failure leaves it refused."""
        policy, flow = self._policy, _flow(question.context)
        question.policy, config, passed = policy, policy.config, question.passes
        passes = config.mode == "monitor"
        try:
            decision = await self._decide(question, flow, policy)
            passes |= decision.action in ("keep", "observe")
            # That one goes on passing is no news, and each kind that is refused is told once.
            if passes != passed or (not passes and not question.told):
                record = self._enforced(question, flow, decision, policy)
                self._record(policy, told(record, decision, config.mode, _done(question)))
        except Exception as error:
            # Not what was decided: that could not be told.
            passes = config.mode == "monitor" or config.on_error == "pass"
            action = "observed" if config.on_error == "pass" else "blocked"
            self._tell_failure(question.context, error, action, policy, config.mode)
        question.passes = passes

    def _record(self, policy: Policy, records: Iterable[Record]) -> None:
        self._hand_over(decided_by(policy.version, records))

    async def _decide(self, question: Question, flow: "_Flow", policy: Policy) -> Decision:
        message, config = question.message, policy.config
        approved = await self._approves(flow, policy)
        if question.other:
            subject = self._subject(flow, question.protocol, "turns")
            return decide_udp(config, subject, question.other, approved=approved)
        protocol = "turn" if message is not None and message.method != stun.BINDING else "stun"
        scheme = protocol + ("s" if flow.secure else "")
        subject = self._subject(flow, protocol, scheme)
        uri = ServerUri(scheme, *flow.server, flow.transport)
        return decide_tunnel(config, subject, uri, approved=approved)

    def _subject(self, flow: "_Flow", protocol: str, scheme: str) -> Subject:
        """What rules see of a flow: its server by its address, and by a name that is not only the
        client's word. What flows beside STUN is TURN only in DTLS."""
        hosts = [flow.server[0]]
        if flow.name not in ("", hosts[0]) and flow.secure and not ctx.options.ssl_insecure:
            hosts.append(flow.name)
        is_turn = protocol in ("stun", "turn", "dtls")
        uris = [ServerUri(scheme, host, flow.server[1], flow.transport) for host in hosts]
        return Subject(
            site="",
            client=flow.client[0],
            direction="outbound",
            ring="network",
            user=flow.user,
            server=" ".join(map(str, uris)) if is_turn else "",
            destination=" ".join(hosts),
            port=flow.server[1],
            protocol=protocol,
            minute=minute_of_week(),
        )

    def _enforced(
        self, question: Question, flow: "_Flow", decision: Decision, policy: Policy
    ) -> Record:
        """The record of a flow, made of its first message, as it is where the mode is `enforce`."""
        message = question.message
        action = DONE_TO_FLOWS[decision.action]
        if question.other:
            return flow.record("udp", action, decision.rule, decision.reason)
        what = "STUN that cannot be read"
        if message is not None:
            what = f"{message.method_name} {stun.CLASS_NAMES[message.message_class]}"
        if decision.action in ("keep", "observe"):
            return flow.record("stun", action, decision.rule, f"{what}: {decision.reason}")
        if message is not None and message.message_class == stun.REQUEST:
            (made,) = responder.answer(message.raw, flow.client, flow.server, policy).records
            reason = f"{made.reason}; {decision.reason}"
            return replace(made, name=flow.name, user=flow.user, rule=decision.rule, reason=reason)
        reason = f"{what}: not passed on; {decision.reason}"
        return flow.record("stun", action, decision.rule, reason)

    def _answer(self, message: bytes, context: Context) -> bytes | None:
        flow = _flow(context)
        return responder.answer(message, flow.client, flow.server, self._policy).datagram

    def _failed(self, context: Context, error: Exception) -> None:
        """Tells of a fault by which a flow was ended."""
        self._tell_failure(context, error, "blocked", self._policy)

    def _tell_failure(
        self,
        context: Context,
        error: Exception,
        action: str,
        policy: Policy,
        mode: Mode = "enforce",
    ) -> None:
        """This must not fail itself, whatever is broken."""
        logger.error("a flow could not be judged: %r", error, exc_info=error)
        try:
            reason = f"it could not be judged: {error!r}"
            record = _flow(context).record("stun", action, "default:on_error", reason)
            self._record(policy, [in_mode(record, mode)])
        except Exception as second:
            logger.error("nor could that be recorded: %r", second)

    async def _approves(self, flow: "_Flow", policy: Policy) -> bool:
        """Whether a flow's server is an approved one, by its name or by an address of it."""
        approved = approved_hosts(policy.config.relay, flow.transport)
        host, port = flow.server
        if (addresses.canonical(host), port) in approved:
            return True
        # The name in a client's TLS is its own word; that the server has a certificate for it,
        # mitmproxy makes sure of before anything is sent there.
        if flow.secure and not ctx.options.ssl_insecure and (flow.name, port) in approved:
            return True
        if addresses.parse(host) is None:
            return False
        for name, at in approved:
            if at != port or addresses.parse(name) is not None:
                continue
            found = await self._names.addresses(name)
            if not found:
                logger.warning("%s of relay.servers cannot be resolved", name)
            if addresses.canonical(host) in found:
                return True
        return False


@dataclass(frozen=True, slots=True)
class _Flow:
    """Who speaks with whom in a raw flow. A name is in lower case, without a dot at its end."""

    client: HostPort
    server: HostPort
    transport: Literal["tcp", "udp"]
    secure: bool  # TLS, opened here
    name: str  # what the client called the server, in CONNECT, SOCKS or TLS; empty: by its address
    user: str = ""  # who has signed in at the proxy

    def record(self, kind: str, action: str, rule: str, reason: str) -> Record:
        made = responder.record_of(action, self.client, self.server, reason, rule)
        return replace(made, kind=kind, name=self.name, user=self.user)


def _done(question: Question) -> Mapping[str, str]:
    """A request is answered, all else ends here without a word."""
    message = question.message
    is_request = message is not None and message.message_class == stun.REQUEST
    return DONE_TO_NAMES if is_request else DONE_TO_FLOWS


def _flow(context: Context) -> _Flow:
    peer, to = context.client.peername, context.server.address
    client = (addresses.canonical(peer[0]), peer[1]) if peer else ("", 0)
    server = (_lowered(to[0]), to[1]) if to else ("", 0)
    name = server[0] if addresses.parse(server[0]) is None else _lowered(context.client.sni or "")
    transport = context.client.transport_protocol
    # Of UDP nothing is opened; that mitmproxy took it for DTLS or QUIC at first has left its mark.
    secure = context.server.tls and transport == "tcp"
    return _Flow(client, server, transport, secure, name, user_of(context.client))


def _lowered(host: str) -> str:
    return host.lower().rstrip(".")


def _is_dns(context: Context) -> bool:
    """Whether a flow is left to mitmproxy's layer for DNS. Multicast DNS is not: it would tell the
    client's names and addresses to another network."""
    mode, to = context.client.proxy_mode, context.server.address
    if isinstance(mode, mode_specs.ReverseMode):
        return mode.scheme == "dns"
    return to is not None and to[1] == _DNS_PORT
