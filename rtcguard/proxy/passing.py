"""Which TLS goes on untouched: rules with `pass` and `intercept`. A child of the one in `addon.py`.

The name in a client's TLS is the client's own word, so it alone lets nothing pass: what the client
asked for, by CONNECT or SOCKS5, must be decided so too, and an address that it asked for must be
one of the name's. Otherwise any page could reach any server unseen, in the name of a bank.
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from mitmproxy.proxy import layer, layers, mode_specs
from mitmproxy.proxy.context import Context

from rtcguard.policy.decide import Decision
from rtcguard.policy.model import Policy
from rtcguard.policy.record import Record
from rtcguard.policy.told import in_mode
from rtcguard.proxy.folded import Folded
from rtcguard.proxy.resolved import Resolved
from rtcguard.proxy.sealed import Hello, Sealed
from rtcguard.proxy.tls_rules import Asked, Standing, asked_of

logger = logging.getLogger(__name__)

_TAKES_UDP: Final = (mode_specs.WireGuardMode, mode_specs.TunMode, mode_specs.LocalMode)
_UNSEEN: Final = (
    "this TLS is not opened: no guard is in its pages, as frames in other pages too, and no "
    "signaling in it is judged; TURN in it would not be seen"
)
_HELD: Final = "what its pages send by UDP, and STUN and TURN in clear, ring 3 still judges"
_NOT_HELD: Final = (
    "no firewall is known to hold this client: what its pages send by UDP goes past rtcguard"
)


class Passing:
    """Decides each TLS connection before anything of it is answered, and records what passes."""

    name = "rtcguard-passing"

    def __init__(
        self,
        policy: Policy,
        record: Callable[[list[Record]], object],
        held: Callable[[str], bool],
    ) -> None:
        """`held`: whether a firewall says that it holds a client (an address)."""
        self._standing = Standing.of(policy)
        self._held = held
        self._folded = Folded(record)
        self._resolved = Resolved()

    def use(self, policy: Policy) -> None:
        """Another policy from now on; connections that pass already do so to their end."""
        self._standing = Standing.of(policy)

    def layer(self, chosen: layer.Layer, context: Context) -> layer.Layer:
        """What stands in the place of the layer that mitmproxy chose for a client's first bytes."""
        if not self._standing.config.index.has("tls") or not _opens(chosen, context):
            return chosen
        return Hello(context, chosen, self._broken, self._failed)

    async def tls_flow(self, sealed: Sealed) -> None:
        """Decides one connection. A failure leaves it opened."""
        standing = self._standing
        try:
            it = asked_of(sealed.context, sealed.hello)
            by_name = standing.ask(it, it.name)
            by_host = standing.ask(it, it.host) if it.is_named else by_name
            for one in by_name.monitored:
                other = (each for each in by_host.monitored if each.rule == one.rule)
                decision, against = await self._judge(standing, it, one, next(other, by_host))
                action = "kept" if decision.action == "pass" and not against else "refused"
                made = it.record("observed", one.rule, _why(one, against))
                self._add(standing, replace(made, would=action))
            decision, against = await self._judge(standing, it, by_name, by_host)
            if decision.action == "pass":
                self._tell(standing, it, decision, against, sealed.context)
                sealed.passes = not against
        except Exception as error:
            self._failed(sealed.context, error)

    async def _judge(
        self, standing: Standing, it: Asked, by_name: Decision, by_host: Decision
    ) -> tuple[Decision, str]:
        """What rules say of a connection; and if they say `pass`, what stands against that."""
        if by_host.action != by_name.action:
            said = f"the name in its TLS is {it.name}" if it.name else "it names no host"
            decision = by_name if by_name.action == "pass" else by_host
            return decision, f"the connection is to {it.host}, but {said}"
        if by_name.action != "pass":
            return by_name, ""
        return by_name, await self._against(standing, it, by_name)

    async def _against(self, standing: Standing, it: Asked, decision: Decision) -> str:
        """Why a connection that rules let pass is opened all the same; empty where it is not."""
        if it.is_turn:
            return "it says that it is STUN or TURN (ALPN)"
        for name in {it.name, it.host} - {""}:
            known = standing.names.known(name)
            if known is not None and known.kind == "stun":
                return f"{name} is taken for a STUN or TURN server: {known.reason}"
        if it.is_named or not standing.relies_on_name(decision):
            return ""
        if standing.vouches(decision, it.host):
            return ""
        if not it.name:
            return "it names no host"
        if it.upstream:
            return f"it is to the address {it.host}, and names are not resolved on this side"
        if it.host in await self._resolved.addresses(it.name):
            return ""
        return (
            f"{it.host} is not an address of {it.name}, as it is resolved here; a rule can name "
            f"the address too, in `destination`"
        )

    def _add(self, standing: Standing, record: Record) -> None:
        self._folded.add(replace(record, policy=standing.version))

    def _tell(
        self, standing: Standing, it: Asked, decision: Decision, against: str, context: Context
    ) -> None:
        reason = _why(decision, against)
        if not against:
            holds = isinstance(context.client.proxy_mode, _TAKES_UDP) or self._held(it.client)
            reason += f": {_UNSEEN}; {_HELD if holds else _NOT_HELD}"
        action = "refused" if against else "kept"
        self._add(standing, it.record(action, decision.rule, reason))

    def _broken(self, context: Context) -> bool:
        """What is not TLS came on a connection that passed; whether it may go on."""
        watches = self._standing.config.mode == "monitor"
        reason = "what is not TLS came on a TLS connection that was not opened"
        if not watches:
            reason += ": it is ended"
        record = asked_of(context).record("blocked", "default:tls", reason)
        self._add(self._standing, in_mode(record, self._standing.config.mode))
        return watches

    def _failed(self, context: Context, error: Exception) -> None:
        """Tells of a fault, by which a connection is opened. This must not fail itself."""
        logger.error("TLS could not be judged: %r", error, exc_info=error)
        try:
            reason = f"it could not be judged, so it is opened: {error!r}"
            record = asked_of(context).record("refused", "default:on_error", reason)
            self._add(self._standing, record)
        except Exception as second:
            logger.error("nor could that be recorded: %r", second)

    def done(self) -> None:
        self._folded.settle()


def _why(decision: Decision, against: str) -> str:
    return f"{decision.reason}, but {against}: so it is opened" if against else decision.reason


def _opens(chosen: layer.Layer, context: Context) -> bool:
    """Whether layers open TLS that a client has with a server: not with this proxy, not in the name
    of a server that this proxy stands for, and not inside of TLS that is open already."""
    return (
        isinstance(chosen, layers.ServerTLSLayer)
        and isinstance(chosen.child_layer, layers.ClientTLSLayer)
        and context.client.transport_protocol == "tcp"
        and not isinstance(context.client.proxy_mode, mode_specs.ReverseMode)
        and sum(isinstance(one, layers.ServerTLSLayer) for one in context.layers) == 1
    )
