"""Deciding: which rule speaks for a candidate, a page or a STUN request, and what it says.

The first rule that matches wins; what no rule names follows the defaults, which carry names of
their own (`default:…`), so that every event can tell why it was decided as it was.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from rtcguard.ice import address as addresses
from rtcguard.ice.server import ServerUri, parse_uri
from rtcguard.policy.model import Config, Relay, of_pages
from rtcguard.policy.rule import OPAQUE, Rule, RuleAction, Subject

_CONFIRMED: Final = {
    "page": "the page is confirmed to be relay-only",
    "network": "the firewall is up, which lets the client reach approved relays only",
}


@dataclass(frozen=True, slots=True)
class Decision:
    action: RuleAction
    rule: str
    reason: str


def decide(config: Config, subject: Subject) -> Decision:
    """What happens to one candidate."""
    opaque = subject.candidate == OPAQUE
    place = (config.index.of_opaque if opaque else config.index.of_candidates).first(subject)
    if place is not None:
        return _by_rule(config.rules[place])
    if opaque:
        return Decision("observe", "default:opaque", "a description that cannot be read")
    if subject.direction == "inbound":
        return _inbound(config, subject)
    if subject.candidate != "relay":
        reason = f"a {subject.candidate} candidate tells an address of the client"
        return Decision("strip", "default:outbound", reason)
    if addresses.canonical(subject.address) == addresses.canonical(subject.client):
        # A page can write any type beside any address; its own is none of a relay's.
        return Decision("strip", "default:outbound", "this 'relay' is the client's own address")
    if addresses.scope(subject.address) in ("mdns", "loopback", "link-local"):
        return Decision("strip", "default:outbound", "no relay has an address of this scope")
    return Decision("scrub", "default:relay", "relay candidates pass without the related address")


def decide_page(config: Config, site: str, client: str, *, ring: str = "page") -> Decision:
    """What a page of this site may do with WebRTC for this client: `block`, or relay only.

    The first rule for this site and client that lets anything pass keeps the page from being
    blocked, even one on some candidates only; which ones pass is then for ring 2, which sees them.
    """
    subject = Subject(site=site, client=client, direction="outbound", ring=ring)
    for place in config.index.of_pages.all(subject):
        rule = config.rules[place]
        if rule.action != "block":
            break
        if of_pages(rule.match) == rule.match:
            return _by_rule(rule)
    return Decision("scrub", "default:page", "WebRTC goes through approved relays only")


def decide_server(config: Config, uri: ServerUri) -> Decision:
    """Whether a client may be told of an ICE server: what `keep` does not speak for is stripped."""
    if not uri.is_turn:
        return Decision("strip", "default:servers", "a STUN server would see the client's address")
    if _key(uri) in _approved(config.relay):
        return Decision("keep", "relay:servers", "this TURN server is approved")
    if config.relay.site_servers == "keep":
        return Decision(
            "keep", "relay:site_servers", "the configuration keeps TURN servers of sites"
        )
    reason = "a TURN server that is not approved would see the client's address"
    return Decision("strip", "relay:site_servers", reason)


def decide_tunnel(config: Config, client: str, uri: ServerUri, *, approved: bool) -> Decision:
    """Whether a connection through the proxy on which a client speaks STUN may go on: `keep`, or
    `block`. Which page it is for, nobody says. `approved`: the server is in `approved_hosts`."""
    page = decide_page(config, "", client, ring="network")
    if page.action == "block":
        return page
    if approved:
        return Decision("keep", "relay:servers", "this TURN server is approved")
    if uri.is_turn and config.relay.site_servers == "keep":
        return Decision(
            "keep", "relay:site_servers", "the configuration keeps TURN servers of sites"
        )
    if uri.is_turn:
        reason = f"relay.servers does not name {uri}: to approve this server, write it there"
        return Decision("block", "relay:servers", reason)
    over = uri.transport.upper()
    reason = f"only TURN servers that relay.servers names are let through, for TURN over {over}"
    return Decision("block", "default:servers", reason)


def decide_udp(config: Config, client: str, what: str, *, approved: bool) -> Decision:
    """The same for UDP that is neither STUN nor DNS; `what` it is, for people. To an approved
    server it passes (ChannelData, DTLS), to no other: nothing of it can be judged."""
    page = decide_page(config, "", client, ring="network")
    if page.action == "block":
        return page
    if approved:
        return Decision("keep", "relay:servers", "this TURN server is approved")
    reason = f"{what}: UDP goes to TURN servers that relay.servers names, and nowhere else"
    return Decision("block", "default:udp", reason)


def decide_name(config: Config, client: str) -> Decision:
    """What becomes of a STUN or TURN server's name that a client asks for: it goes on by `keep` and
    `observe` alone. Which page asks, nobody says; so rules on sites do not speak of it, and rules
    on candidates neither."""
    subject = Subject(site="", client=client, direction="outbound", ring="network")
    place = config.index.of_candidates.first(subject)
    if place is not None:
        return _by_rule(config.rules[place])
    return Decision("strip", "default:names", "a STUN server would see the client's address")


def approved_names(relay: Relay) -> frozenset[str]:
    """The host of each approved server, an address in its one spelling."""
    return frozenset(host for host, _ in _approved(relay))


def _key(uri: ServerUri) -> tuple[str, int]:
    return addresses.canonical(uri.host), uri.port


@lru_cache(maxsize=16)
def _approved(relay: Relay) -> frozenset[tuple[str, int]]:
    return frozenset(_key(parse_uri(url)) for server in relay.servers for url in server.urls)


@lru_cache(maxsize=32)
def approved_hosts(relay: Relay, transport: str) -> frozenset[tuple[str, int]]:
    """Host (an address in its one spelling) and port of each server approved for `udp` (DTLS too)
    or for `tcp` (TLS too)."""
    uris = [parse_uri(url) for server in relay.servers for url in server.urls]
    return frozenset(_key(uri) for uri in uris if uri.transport == transport)


def _by_rule(rule: Rule) -> Decision:
    return Decision(rule.action, rule.name, f"rule {rule.name!r} says {rule.action}")


def _inbound(config: Config, subject: Subject) -> Decision:
    rule = f"inbound:{config.inbound}"
    if config.inbound == "keep":
        return Decision("keep", rule, "the configuration keeps the far side's candidates")
    if config.inbound == "strip":
        return Decision("strip", rule, "the configuration strips the far side's candidates")
    if subject.confirmed:
        return Decision("keep", rule, _CONFIRMED[subject.confirmed])
    return Decision(
        "strip",
        rule,
        "no page guard has reported in for this client and site, and no firewall holds the client, "
        "so its host sockets could answer the far side: let the page load through rtcguard, run "
        "`rtcguard gateway up`, or set `inbound: keep`",
    )
