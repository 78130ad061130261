"""What a client asks for by TLS, and what rules say of it."""

from dataclasses import dataclass
from typing import Final

from mitmproxy.proxy.context import Context
from mitmproxy.tls import ClientHello

from rtcguard.ice import address as addresses
from rtcguard.network.clock import minute_of_week
from rtcguard.network.names import Names, names_of
from rtcguard.policy.decide import Decision, decide_tls
from rtcguard.policy.model import Config, Policy
from rtcguard.policy.questions import asked
from rtcguard.policy.record import Record
from rtcguard.policy.rule import OF_TLS, Subject
from rtcguard.proxy.users import user_of

# What TURN's clients may say that they speak inside of TLS (RFC 7443).
_STUN_ALPNS: Final = (b"stun.turn", b"stun.nat-discovery")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a client asks for. Names are in lower case, without a dot at their end."""

    client: str
    user: str
    host: str  # by CONNECT or SOCKS5, or the address that it connected to
    port: int
    upstream: bool  # another proxy connects to it
    name: str = ""  # in its TLS
    is_turn: bool = False  # by its own word

    @property
    def is_named(self) -> bool:
        """Whether it asked for a name, which is resolved on this side of it."""
        return addresses.parse(self.host) is None

    def record(self, action: str, rule: str, reason: str) -> Record:
        return Record(
            ring="network",
            kind="tls",
            action=action,
            direction="outbound",
            site=self.name or (self.host if self.is_named else ""),
            client=self.client,
            destination=addresses.host_port(self.host, self.port),
            name=self.name,
            user=self.user,
            rule=rule,
            reason=reason,
        )


def asked_of(context: Context, hello: ClientHello | None = None) -> Asked:
    peer, to = context.client.peername, context.server.address or ("", 0)
    name = (hello.sni if hello else context.client.sni) or ""
    return Asked(
        client=addresses.canonical(peer[0]) if peer else "",
        user=user_of(context.client),
        host=addresses.canonical(_lowered(to[0])),
        port=to[1],
        upstream=context.server.via is not None,
        name=_lowered(name),
        is_turn=hello is not None and not set(_STUN_ALPNS).isdisjoint(hello.alpn_protocols),
    )


def _lowered(host: str) -> str:
    return host.lower().rstrip(".")


@dataclass(frozen=True, slots=True)
class Standing:
    """What one connection is decided by, from its beginning to its end."""

    config: Config
    names: Names
    version: str  # of the policy

    @classmethod
    def of(cls, policy: Policy) -> "Standing":
        return cls(policy.config, names_of(policy.config), policy.version)

    def ask(self, it: Asked, site: str) -> Decision:
        subject = Subject(
            site=site,
            client=it.client,
            direction="outbound",
            ring="network",
            user=it.user,
            destination=it.host,
            port=it.port,
            protocol="tls",
            minute=minute_of_week(),
        )
        return decide_tls(self.config, subject)

    def relies_on_name(self, decision: Decision) -> bool:
        """Whether a rule up to the one that decided looks at the name."""
        for rule in self.config.rules:
            if rule.action in OF_TLS and "site" in asked(rule.match):
                return True
            if rule.name == decision.rule:
                break
        return False

    def vouches(self, decision: Decision, host: str) -> bool:
        """Whether the rule that decided names the address itself, not by a scope."""
        address = addresses.parse(host)
        rules = (rule for rule in self.config.rules if rule.name == decision.rule)
        networks = (one for rule in rules for one in rule.match.destination)
        return address is not None and any(
            address in one for one in networks if not isinstance(one, str)
        )
