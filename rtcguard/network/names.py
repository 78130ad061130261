"""Which host names are those of STUN and TURN servers.

Known by a list (stun_names.txt), by the configuration, by their form, and by the lists of ICE
servers that pages were seen with. A page may name any host in such a list, so a name learned there
alone is taken away from clients only where it also looks like one; otherwise a page could make any
site unreachable. An approved TURN server's name is never taken away.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from importlib import resources
from typing import Final, Literal

from rtcguard.policy.decide import Decision, approved_names, decide_name
from rtcguard.policy.model import Config
from rtcguard.policy.rule import Subject

# stun: a STUN or TURN server. relay: an approved TURN server. seen: named in a page's list of ICE
# servers, and nothing else speaks for it. way: DNS that would go past this sinkhole.
Kind = Literal["stun", "relay", "seen", "way"]

# RFC 8489 section 8 and RFC 8656 section 5 (SRV), RFC 5928 (their names for TURN).
_SERVICE: Final = re.compile(r"_(stuns?|turns?)\._(?:udp|tcp)\.(?P<host>.+)")
_FORM: Final = re.compile(r"(?:stuns?|turns?|coturn)-?\d{0,3}")
# What a learned name has to have in front of its domain: one of these words, or relay and a number.
_WORDS: Final = frozenset(
    {"stun", "stuns", "turn", "turns", "coturn", "stunserver", "turnserver", "turnrelay"}
)
_RELAY: Final = re.compile(r"relay-?\d+")
# `turn.co.uk` is a domain, no host of one: second labels under which countries give out domains.
_REGISTRIES: Final = frozenset({"ac", "co", "com", "edu", "gov", "ne", "net", "or", "org"})

# Firefox turns its own DNS over HTTPS off, unless its user turned it on, where the first name does
# not exist (support.mozilla.org/kb/canary-domain-use-application-dnsnet). Apple asks networks that
# have to see their traffic to answer the others so: iCloud Private Relay goes past proxy and DNS
# (developer.apple.com/support/prepare-your-network-for-icloud-private-relay).
_WAYS: Final = {
    "use-application-dns.net": "a browser then leaves names to this sinkhole",
    "mask.icloud.com": "iCloud Private Relay would go past the proxy and this sinkhole",
    "mask-h2.icloud.com": "iCloud Private Relay would go past the proxy and this sinkhole",
}
MOST_LED: Final = 256
# The local site, answered by the proxy. RFC 6761: nobody has the name. RFC 5737: nobody has the
# address, which a client connects to whose TCP is led to the proxy whatever the address is.
SITE: Final = "rtcguard.test"
SITE_ADDRESS: Final = "192.0.2.80"


@lru_cache(maxsize=1)
def shipped() -> frozenset[str]:
    """The list in stun_names.txt."""
    text = resources.files("rtcguard.network").joinpath("stun_names.txt").read_text("ascii")
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return frozenset(line for line in lines if line)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a name. `rule` names what knows it, as in `Decision`."""

    kind: Kind
    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class Names:
    """All that names are looked up in: exact names, and suffixes for `*.` patterns."""

    approved: frozenset[str] = frozenset()
    led: frozenset[str] = frozenset()  # where the records of approved ones led (RFC 5928)
    kept: frozenset[str] = frozenset()
    configured: frozenset[str] = frozenset()
    learned: frozenset[str] = frozenset()
    listed: frozenset[str] = field(default_factory=shipped)
    site_servers: bool = False  # TURN servers that sites bring are let through

    def known(self, name: str) -> Known | None:
        """What `name` is (lower case, no dot at its end); None: nothing that matters here."""
        service = _SERVICE.fullmatch(name)
        host = service["host"] if service else name
        stun = service is not None and service[1].startswith("stun")
        if not stun and (host in self.approved or host in self.led):
            return Known("relay", "relay:servers", "an approved TURN server")
        if self.keeps(name):
            return None
        if name in _WAYS:
            return Known("way", "sinkhole:ways", _WAYS[name])
        if service:
            kind = service[1].rstrip("s").upper()
            return self._turn(name, "sinkhole:form", f"the record of a {kind} service")
        if _among(name, self.configured):
            return Known("stun", "sinkhole:names", "sinkhole.names has it")
        if _among(name, self.listed):
            return self._turn(name, "sinkhole:list", "the server is well known")
        if _has_form(name):
            return self._turn(name, "sinkhole:form", "named like a STUN or TURN server")
        if name in self.learned:
            if _looks(name):
                return self._turn(name, "sinkhole:learned", "a page had it in its ICE servers")
            return Known("seen", "sinkhole:learned", "a page had it in its ICE servers")
        return None

    def keeps(self, name: str) -> bool:
        """Whether the configuration says that this name is never sunk."""
        return _among(name, self.kept)

    def _turn(self, name: str, rule: str, reason: str) -> Known:
        """By `site_servers: keep`, the TURN servers of sites are wanted; which those are, only a
        name that speaks of STUN denies."""
        if self.site_servers and "stun" not in name:
            return Known("relay", "relay:site_servers", "TURN servers of sites are kept")
        return Known("stun", rule, reason)

    def learning(self, names: Iterable[str]) -> "Names":
        """The same with what pages named, instead of what they named before."""
        return replace(self, learned=frozenset(names))

    def leading(self, names: frozenset[str]) -> "Names":
        """The same with names that an approved server's records led to; not more than a bound."""
        led = self.led | names
        return replace(self, led=led if len(led) <= MOST_LED else names)

    def under(self, config: Config) -> "Names":
        """What another configuration says, with what was learned so far. Where approved servers led
        to is forgotten with them."""
        names = names_of(config)
        led = self.led if names.approved == self.approved else frozenset()
        return replace(names, led=led, learned=self.learned)


def subject_of(name: str, client: str, minute: int) -> Subject:
    """What rules see of a client's query for a name of a STUN or TURN server."""
    # Only its form tells what it is the name of.
    schemes = ("stun", "stuns") if "stun" in name else ("stun", "stuns", "turn", "turns")
    return Subject(
        site="",
        client=client,
        direction="outbound",
        ring="network",
        server=" ".join(f"{scheme}:{name}:0" for scheme in schemes),
        destination=name,
        protocol="dns",
        minute=minute,
    )


def decide(known: Known, subject: Subject, config: Config) -> Decision:
    """What becomes of a name that a client asks for: it goes on by `keep` and `observe` alone. For
    names of STUN and TURN servers the configuration's rules go first, then what knows the name."""
    if known.kind == "relay":
        return Decision("keep", known.rule, known.reason)
    if known.kind == "seen":
        return Decision("observe", known.rule, f"{known.reason}; its form tells nothing")
    if known.kind == "way":
        return Decision("strip", known.rule, known.reason)
    decision = decide_name(config, subject)
    if decision.rule == "default:names":
        return Decision("strip", known.rule, known.reason)
    return replace(decision, reason=f"{decision.reason}; {known.reason}")


def names_of(config: Config) -> Names:
    """What a configuration says, beside what is known of itself."""
    sinkhole = config.sinkhole
    return Names(
        approved=approved_names(config.relay),
        kept=frozenset(sinkhole.keep),
        configured=frozenset(sinkhole.names),
        site_servers=config.relay.site_servers == "keep",
    )


def _among(name: str, patterns: frozenset[str]) -> bool:
    """Whether a name, or `*.` and one of its parents, is in a set."""
    if name in patterns:
        return True
    position = name.find(".")
    while position >= 0:
        if f"*{name[position:]}" in patterns:
            return True
        position = name.find(".", position + 1)
    return False


def _has_form(name: str) -> bool:
    """`stun.example.org`, `turn2.voice.example.org`; not `turn.org`, and not `turn.co.uk`."""
    labels = name.split(".")
    if len(labels) < 3 or not _FORM.fullmatch(labels[0]):
        return False
    return not (len(labels) == 3 and len(labels[2]) == 2 and labels[1] in _REGISTRIES)


def _looks(name: str) -> bool:
    """`eu-turn7.example.org`, `global.turn.example.org`, `relay1.example.org`."""
    return any(
        _RELAY.fullmatch(label) or not _WORDS.isdisjoint(re.split(r"[-\d]+", label))
        for label in name.split(".")[:-2]
    )
